"""A disaster, rehearsed: is everything there again, is what was erased still gone, and does the log say what is missing?

    .venv/bin/python -m deploy.drill                    on SQLite, in a scratch folder
    .venv/bin/python -m deploy.drill --database URL     on PostgreSQL; URL of a role that may make databases and roles
    .venv/bin/python -m deploy.drill --all              both; PostgreSQL where DRILL_DATABASE_URL names such a role
    .venv/bin/python -m deploy.drill --backup FOLDER --data-key PEM --keys-key PEM     a backup of your own: would it do?

It makes a region of invented people, backs it up with deploy/backup/backup, goes on working (somebody is erased, a signal is
withdrawn, one is disclosed, one is new), destroys the machine, and restores on "another machine" with deploy/backup/restore.
Then it looks. Exit code 0 when all is as promised in docs/backup.md, 1 when not. It touches nothing outside its own folder
and, on PostgreSQL, two databases and two roles that it made.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.drill import Drill, Own, run, run_own
from deploy.drill.machines import Server
from signaltable.domain import SignaltableError

ADDRESS = "DRILL_DATABASE_URL"


def _told(name: str, drill: Drill) -> dict[str, Any]:
    return {
        "database": name,
        "kept": drill.kept,
        "seconds": {step: round(seconds, 1) for step, seconds in drill.took.items()},
        "promises": [{"what": what, "holds": holds} for what, holds in drill.promises],
    }


def _servers(arguments: argparse.Namespace) -> Iterator[tuple[str, Server | None]]:
    address = arguments.database or (os.environ.get(ADDRESS, "") if arguments.all else "")
    if arguments.all or not address:
        yield "SQLite", None
    if arguments.all and not address:
        print(f"-- PostgreSQL: skipped; name a role that may make databases and roles in {ADDRESS}", file=sys.stderr)
    if address:
        server = Server(address)
        try:
            yield "PostgreSQL", server
        finally:
            server.end()


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--database", default="", help="PostgreSQL: a role that may make databases and roles")
    parser.add_argument("--all", action="store_true", help="SQLite, and PostgreSQL too")
    parser.add_argument("--keep", action="store_true", help="leave the scratch folder")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument("--backup", type=Path, help="a backup of your own instead of invented people")
    parser.add_argument("--data-key", type=Path, help="with --backup: the private key for the data")
    parser.add_argument("--keys-key", type=Path, help="with --backup: the private key for the key ring")
    parser.add_argument("--register", type=Path, help="with --backup: a newer copy of the register of erasures")
    parser.add_argument("--export", type=Path, action="append", default=[], help="with --backup: an export of the log")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="with --backup: one that was kept")
    return parser.parse_args()


def _drilled(arguments: argparse.Namespace, scratch: Path, server: Server | None) -> Drill:
    def say(line: str) -> None:
        print(line, file=sys.stderr)

    if not arguments.backup:
        return run(scratch, say, server)
    held = [path.read_text(encoding="utf-8", errors="replace") for path in arguments.checkpoint]
    own = Own(arguments.backup, arguments.data_key, arguments.keys_key, arguments.register, arguments.export, held)
    return run_own(scratch, say, own, server)


def main() -> int:
    """Run it and print what came of it. 0 when all is as promised."""
    arguments = _parsed()
    os.umask(0o077)
    reports = []
    for name, server in _servers(arguments):
        scratch = Path(tempfile.mkdtemp(prefix="signaltable-drill-"))
        print(f"-- {name}, in {scratch}", file=sys.stderr)
        try:
            if server:
                server.require_tools()
            drill = _drilled(arguments, scratch, server)
        except SignaltableError as error:
            print(f"drill: {error}", file=sys.stderr)
            return 1
        finally:
            if not arguments.keep:
                shutil.rmtree(scratch, ignore_errors=True)
        what = "all as promised" if drill.kept else "NOT AS PROMISED"
        print(f"{drill.took['back at work after']:7.1f} s  from loss to work; {what}", file=sys.stderr)
        reports.append(_told(name, drill))
    if arguments.json:
        print(json.dumps(reports, indent=1))
    return 0 if all(one["kept"] for one in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
