"""`python -m audit`: verify an export, or one receipt, offline.

Exit status: 0 nothing found, 1 findings, 2 the input could not be used (one line on stderr says why).
"""

# Printing is what this module is for.
# ruff: noqa: T201

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from audit import key_chain, receipt
from audit.checkpoint import Verifier
from audit.entry import MAX_ENTRY_BYTES
from audit.errors import AuditError
from audit.findings import Finding, printable
from audit.kept import note_in
from audit.note import MAX_NOTE_BYTES, open_text
from audit.progress import Progress
from audit.receipt import Proven
from audit.verify import Report, verify

# A mail with a checkpoint is small; with pictures in its footer it may be larger.
_MAX_MAIL_BYTES = 16 * 1024 * 1024


class _UnusableError(Exception):
    """What was given on the command line cannot be read at all."""


class _Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, as everything here does; `--help` says the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"audit: {printable(message)}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except _UnusableError as error:
        print(f"audit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\naudit: stopped; nothing was concluded", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m audit", description="Verify the audit log of signaltable, offline.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    whole = commands.add_parser("verify", help="verify an exported log")
    whole.add_argument("directory", type=Path, metavar="DIR", help="the directory of the export")
    whole.add_argument("--public-key", type=Path, metavar="FILE", help="the key you got from elsewhere")
    whole.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="a checkpoint that you kept: the note, or the mail",
    )
    whole.add_argument(
        "--jobs", type=_count, metavar="N", default=_cores(), help="how many processes (default: one for each core)"
    )
    whole.add_argument("--json", action="store_true", help="print the findings as JSON")
    whole.set_defaults(run=_verify)
    single = commands.add_parser("receipt", help="verify the receipt (.tlog-proof) of one entry")
    single.add_argument("file", type=Path, metavar="FILE", help="the receipt")
    single.add_argument("--public-key", type=Path, metavar="FILE", required=True, help="the key of the log")
    single.add_argument("--entry", type=Path, metavar="FILE", help="the bytes of the entry, if not in the receipt")
    single.add_argument("--json", action="store_true", help="print the outcome as JSON")
    single.set_defaults(run=_receipt)
    note = commands.add_parser("note", help="verify a signed note, such as that of the report of a sample")
    note.add_argument("file", type=Path, metavar="FILE", help="the signed note")
    note.add_argument("--public-key", type=Path, metavar="FILE", required=True, help="the key of the log")
    note.set_defaults(run=_note)
    return parser


def _verify(options: argparse.Namespace) -> int:
    if not options.directory.is_dir():
        raise _UnusableError(f"{printable(str(options.directory))}: expected the directory of an export")
    report = verify(
        options.directory,
        public_key=key_chain.to_text(_read_keys(options.public_key)) if options.public_key else None,
        checkpoints=[note_in(_read(path, _MAX_MAIL_BYTES)) for path in options.checkpoint],
        progress=Progress(sys.stderr) if sys.stderr.isatty() else None,
        jobs=options.jobs,
    )
    values = {"entries": report.entries, "size": report.size, "root": report.root}
    key = {"source": report.key_source, "fingerprint": report.fingerprint}
    print(_as_json(values, key, report.findings) if options.json else "\n".join(_describe(report)))
    return 0 if report.ok else 1


def _receipt(options: argparse.Namespace) -> int:
    verifiers = _read_keys(options.public_key)
    key = {"source": "given", "fingerprint": verifiers[-1].fingerprint}
    text = _read_note(options.file)
    entry_bytes = _read(options.entry, MAX_ENTRY_BYTES + 1).removesuffix(b"\n") if options.entry else None
    try:
        proven = receipt.verify(text, verifiers, entry_bytes)
    except AuditError as error:
        finding = Finding("bad-receipt", printable(options.file.name), str(error))
        told = f"NOT OK      the receipt proves nothing: {printable(finding.message)}"
        print(_as_json({"entries": 0, "size": 0, "root": ""}, key, [finding]) if options.json else told)
        return 1
    values = {"entries": 1, "size": proven.checkpoint.size, "root": proven.checkpoint.root.hex()}
    # Of several keys that were given it says which one stands for this entry: an older one may have been replaced since.
    signer = next(one for one in reversed(verifiers) if one in proven.signed_by)
    key["fingerprint"] = signer.fingerprint
    print(_as_json(values, key, []) if options.json else "\n".join(_describe_proven(proven, signer)))
    return 0


def _note(options: argparse.Namespace) -> int:
    """Whether the key signed this note; prints what it says, for it means nothing beyond its words."""
    verifiers = _read_keys(options.public_key)
    try:
        text, signed_by = open_text(_read_note(options.file), verifiers)
    except AuditError as error:
        print(f"NOT OK      the note proves nothing: {printable(str(error))}")
        return 1
    print(*(f"Says        {printable(line)}" for line in text.removesuffix("\n").split("\n")), sep="\n")
    print(f"Key         {signed_by[0].fingerprint}")
    print("OK          this key signed exactly these words")
    return 0


def _as_json(values: Mapping[str, object], key: Mapping[str, str], findings: Sequence[Finding]) -> str:
    listed = [{"kind": item.kind, "at": item.at, "message": item.message} for item in findings]
    return json.dumps({"ok": not findings, **values, "key": key, "findings": listed}, indent=2)


def _describe_proven(proven: Proven, key: Verifier) -> list[str]:
    entry, checkpoint = proven.entry, proven.checkpoint
    recorded = datetime.fromtimestamp(entry.recorded_at / 1000, UTC)
    return [
        f"Log         {printable(checkpoint.origin)}",
        f"Entry       {entry.seq}: {entry.action} ({entry.outcome})",
        f"Agency      {entry.agency or '-'}",
        f"Object      {entry.object_type or '-'} {entry.object or '-'}",
        f"Recorded    {recorded:%Y-%m-%d %H:%M:%S} UTC",
        f"Signed tree size {checkpoint.size}, root {checkpoint.root.hex()}",
        f"Key         {key.fingerprint}",
        "OK          the entry is in the log that this key signed",
    ]


def _describe(report: Report) -> list[str]:
    lines = [
        f"Log         {printable(report.origin) or 'unknown'}",
        f"Entries     {report.entries} in the export",
        f"Details     {report.details} compared with their entries; {report.destroyed} came without (destroyed or kept back)",
        f"Checkpoints {report.checkpoints} in the export, {report.held} kept elsewhere; all compared with the entries",
        f"Signed tree size {report.size}, root {report.root or 'none'}",
        f"Key         {report.fingerprint or 'none'}",
    ]
    if report.key_source == "bundle":
        lines.append("            This key came with the export. Compare it with the one the log's owner published,")
        lines.append("            or give yours with --public-key: who can change the log can change a key beside it.")
    if report.ok:
        return [*lines, "OK          nothing was found"]
    lines.append(f"NOT OK      {len(report.findings)} findings")
    return [*lines, *(f"  {item.kind}  {item.at}  {printable(item.message)}" for item in report.findings)]


def _count(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,2}", text):
        raise argparse.ArgumentTypeError("expected a number from 1 to 999")
    return int(text)


def _cores() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _read_keys(path: Path) -> tuple[Verifier, ...]:
    try:
        return key_chain.parse(_read_note(path).strip() + "\n")
    except AuditError as error:
        raise _UnusableError(f"{printable(str(path))}: {error}") from error


def _read_note(path: Path) -> str:
    """A note as people keep it: mail and editors may have changed the line ends and added a byte order mark.

    Bytes that are no text are replaced: no signature belongs to what is left, and that becomes a finding.
    """
    return _read(path, MAX_NOTE_BYTES).decode("utf-8-sig", errors="replace").replace("\r\n", "\n")


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise _UnusableError(f"{printable(str(path))}: {error.strerror}") from error
    if len(raw) > limit:
        raise _UnusableError(f"{printable(str(path))}: expected at most {limit} bytes")
    return raw


if __name__ == "__main__":
    sys.exit(main())
