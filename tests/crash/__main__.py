"""`python -m tests.crash`: kill the program again and again, break what is around it, and look at what came of it."""

import argparse
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from signaltable.text_reader.wire import SOCKET
from tests.crash.faults import FAULTS, Fault, Given
from tests.crash.homes import Home, copy, make
from tests.crash.postgres import Postgres
from tests.crash.record import KILLS, Part, Record, commit
from tests.crash.scene import Scene, scene
from tests.ports import free_port

DATABASES = ("sqlite", "postgresql")
# So many kills over one home, before it is looked at and the next one begins.
KILLS_AT_ONCE = 50
THINGS = 20
KINDS = ("worker", "command", "jobs", "loader", "master", "group")
WEIGHTS = (60, 14, 10, 6, 5, 5)
# A process that is killed takes nothing from what the system holds, so a home in memory tries the same, and sooner.
MEMORY = Path("/dev/shm")
ROOM = 3 * 1024**3


def say(text: str) -> None:
    """A line, at once: somebody watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Do what was asked; 1 when anything was found. Whoever stops it gets the table of what was done until then."""
    told = _arguments()
    seed = told.seed if told.seed is not None else secrets.randbelow(10**6)
    name = f"signaltable-crash-{seed}-{time.strftime('%H%M%S')}.jsonl"
    record = Record(told.go_on or Path(tempfile.gettempdir()) / name, seed)
    say(f"seed {record.seed}; `--go-on {record.path}` goes on where this is stopped")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    whole = False
    try:
        for place, database in enumerate(DATABASES):
            if told.database in (None, database):
                _try(database, told, record, kills=_share(told, place))
        whole = True
    except KeyboardInterrupt:
        say("stopped")
    finally:
        for line in record.table():
            say(line)
        if not whole:
            say(f"not the whole of it was done: `--go-on {record.path}` does the rest")
    return 1 if not whole or any(part.found for part in record.parts) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, metavar="N", help="how many processes to kill (1000)")
    parser.add_argument("--seed", type=int, metavar="N", help="what chance begins with, to do the same once more")
    parser.add_argument("--go-on", type=Path, metavar="FILE", help="go on with a run that was stopped, by its file")
    parser.add_argument("--home", type=int, metavar="N", help="this home of the kills alone, to look into a finding")
    parser.add_argument("--fault", choices=[one.name for one in FAULTS], help="this fault alone, and no kills")
    parser.add_argument("--database", choices=DATABASES, help="on this database alone")
    parser.add_argument("--only-kills", action="store_true", help="no faults")
    return parser.parse_args()


def _share(told: argparse.Namespace, place: int) -> int:
    """How many of the kills are for one database; both get the same, as far as that goes."""
    if told.fault:
        return 0
    return int(told.kills) if told.database else (int(told.kills) + place) // len(DATABASES)


def _try(database: str, told: argparse.Namespace, record: Record, *, kills: int) -> None:
    """The kills and the faults on one database, as far as they were not done before."""
    homes = [(n, min(KILLS_AT_ONCE, kills - n * KILLS_AT_ONCE)) for n in range(-(-kills // KILLS_AT_ONCE))]
    homes = [(n, count) for n, count in homes if told.home in (None, n) and not record.has(KILLS, database, n)]
    faults = [] if told.only_kills or told.home is not None else FAULTS
    faults = [one for one in faults if told.fault in (None, one.name) and database in one.databases]
    faults = [one for one in faults if not record.has(one.name, database)]
    if not homes and not faults:
        return
    with _ready(database) as given:
        done = 0
        for number, count in homes:
            part = _kill(given, number, count, random.Random(f"{record.seed} {database} home {number}"))
            done += part.times
            _told(record, part)
            say(f"{database}: {done} killed of {sum(count for _n, count in homes)}")
        for fault in faults:
            _told(record, _break(given, fault, random.Random(f"{record.seed} {database} {fault.name}")))


def _told(record: Record, part: Part) -> None:
    """Write down what came of it, and say each finding at once, with what does it once more."""
    record.add(part)
    which = f"home {part.number}, killed {part.killed}" if part.what == KILLS else f"{part.times} times"
    said = f"{part.acts} acts acknowledged, {part.seconds} s, {len(part.found)} findings"
    say(f"{part.database}: {part.what}: {which}: {said}")
    again = f"--home {part.number}" if part.what == KILLS else f"--fault {part.what}"
    for one in part.found:
        say(f"  FOUND {one}\n    kept in {part.kept}; --seed {record.seed} --database {part.database} {again}")


@contextmanager
def _ready(database: str) -> Iterator[Given]:
    """A region to copy, and the database that it is on."""
    with ExitStack() as stack:

        def folder(where: Path | None) -> Path:
            made = tempfile.TemporaryDirectory(prefix="signaltable-crash-", dir=where, ignore_cleanup_errors=True)
            return Path(stack.enter_context(made))

        quick = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None
        postgres = None
        if database == "postgresql":
            postgres = Postgres(free_port(), quick)
            stack.callback(postgres.stop)
        say(f"{database}: making a region")
        place = folder(quick)
        yield Given(database, place, make(place / "region", postgres, things=THINGS), postgres, folder(None))


# -- kills -----------------------------------------------------------------------------------------------------------------


def _kill(given: Given, number: int, kills: int, chance: random.Random) -> Part:
    """Kill so many processes over one home, each in the middle of whatever it does, and look at what came of it."""
    began, killed, found = time.monotonic(), Counter[str](), list[str]()
    # On a disk somebody waits for it in the middle of a commit, so some of the homes are on one.
    home = copy(given.region, chance.choice((given.folder, given.disk)) / "home", name="crash_kills")
    with scene(home, given.folder / f"kills-{number}", chance) as now:
        try:
            now.begin(chance.choice((1, 2)))
            now.wait_for_acts(1)
            while killed.total() < kills:
                _wait_for_a_moment(now, chance)
                what = now.kill_something(KINDS, WEIGHTS)
                if what:
                    killed[what] += 1
                    if killed.total() % 10 == 0:
                        say(f"{given.database}: home {number}: {killed.total()} of {kills}, {now.acts()} acts")
            now.wait_for_acts(1)
            now.end()
        except Exception as error:  # noqa: BLE001 -- whatever broke is told, and the run goes on
            found.append(_in_words(error))
            now.abandon()
        found += _looked(now, export=chance.random() < 0.3)
        kept = keep(given, home, found, "crash_kills") if found else ""
        seconds = round(time.monotonic() - began)
        return Part(
            KILLS, given.database, number, killed.total(), now.acts(), found, dict(killed), seconds, commit(), kept
        )


def _wait_for_a_moment(now: Scene, chance: random.Random) -> None:
    """Any moment at all; soon after somebody sent something, when there is most to break off; or after an act was done.

    Without the last one, a machine that is slower at starting than this is at killing would never get to any work.
    """
    way = chance.choices(("any", "sent", "done"), (40, 35, 25))[0]
    if way == "any":
        time.sleep(chance.uniform(0.05, 0.9))
        return
    if way == "sent":
        now.wait_for_work()
    else:
        now.wait_for_acts(1)
    time.sleep(chance.uniform(0.0, 0.3))


def _looked(now: Scene, *, export: bool) -> list[str]:
    try:
        return now.findings(export=export)
    except Exception as error:  # noqa: BLE001 -- whatever broke is told, and the run goes on
        return [_in_words(error)]


def _in_words(error: Exception) -> str:
    """A mistake of the harness, or of what it started: it is told like everything that is found, and the run goes on."""
    if isinstance(error, RuntimeError):
        return str(error)
    return "harness: " + "".join(traceback.format_exception(error)[-3:])


# -- faults ----------------------------------------------------------------------------------------------------------------


def _break(given: Given, fault: Fault, chance: random.Random) -> Part:
    say(f"{given.database}: {fault.name}: {fault.what}")
    began, folder = time.monotonic(), given.folder / f"fault-{fault.name}"
    try:
        times, acts, found = fault.do(given, folder, chance)
    except Exception as error:  # noqa: BLE001 -- whatever broke is told, and the run goes on
        times, acts, found = 0, 0, [_in_words(error)]
    kept = keep(given, None, found, "crash_fault") if found else ""
    seconds = round(time.monotonic() - began)
    return Part(fault.name, given.database, 0, times, acts, found, {}, seconds, commit(), kept)


def keep(given: Given, home: Home | None, found: list[str], name: str) -> str:
    """Keep everything as it is, for who looks into it: homes, journals, messages, and the database. Where it is."""
    kept = Path(tempfile.mkdtemp(prefix="signaltable-crash-found-"))
    shutil.copytree(given.folder, kept, dirs_exist_ok=True, ignore=lambda *_one: ["shifted", SOCKET])
    if home is not None and not home.settings.home.is_relative_to(given.folder):
        shutil.copytree(home.settings.home, kept / "home", dirs_exist_ok=True, ignore=lambda *_one: [SOCKET])
    if given.postgres:
        given.postgres.dump(name, kept / "database.dump")
    (kept / "findings.txt").write_text("\n".join([commit(), *found]) + "\n")
    return str(kept)


if __name__ == "__main__":
    sys.exit(main())
