"""The linking step for one new subject against many: its CPU time, and how little that grows with their number.

Making tags and sketch, looking for candidates and comparing them count, the commit does not. The subjects are invented
people whose names, places and days occur as often as in life: a few names are everybody's, most are rare (Zipf), so that
tags are shared as they would be. New subjects are half of them strangers and half people who are there already, with a
slip. The database is filled beforehand, in bulk. CPU time of the process counts, and SQLite works inside it.

`python -m signaltable.bench.link --subjects 1000000` is the real measurement; `signaltable bench` takes less.
"""

import gc
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click

from signaltable import link
from signaltable.bench.given import Given
from signaltable.bench.line import Line, at_most
from signaltable.bench.turns import p95
from signaltable.db import make_engine
from signaltable.flow import sealing, setup
from signaltable.flow.coming_in import actors
from signaltable.flow.linking import candidates, proposing, storing
from signaltable.identity import Identity, identity_from
from signaltable.keys import KeyRing, new_data_key
from signaltable.migrating import migrate
from signaltable.program import assemble
from signaltable.pseudonymise import match_tags
from signaltable.settings import CHECKOUT, Settings
from signaltable.transaction import Program, Transaction

FEW, MANY = 10_000, 100_000
MOST_SECONDS, MOST_GROWTH = 0.005, 1.5
NEW, WARM = 400, 60
BATCH = 5_000


@dataclass(frozen=True)
class Took:
    """CPU seconds of the linking step against so many subjects, and how many candidates and proposals there were."""

    subjects: int
    seconds: tuple[float, ...]
    candidates: float
    proposed: float

    @property
    def p50(self) -> float:
        return median(self.seconds)

    @property
    def p95(self) -> float:
        return p95(self.seconds)


class People:
    """Invented people, always the same ones for one seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        text = (CHECKOUT / "signaltable" / "given_names.txt").read_text(encoding="utf-8")
        given = [name for line in text.splitlines() if not line.startswith("#") for name in line.split()]
        self._given = _zipf(list(dict.fromkeys(given)) + [self._word(2) for _ in range(4_000)])
        self._surname = _zipf([self._word(2 + number % 3) for number in range(60_000)])
        self._city = _zipf([self._word(2) for _ in range(340)])
        self._street = [self._word(3) + "straat" for _ in range(20_000)]

    def one(self) -> dict[str, str]:
        """Somebody: always a name, mostly a day of birth, sometimes a phone, a place or an address."""
        chance = self._chance
        person = {
            "given_name": self._drawn(self._given),
            "surname": self._drawn(self._surname),
            "city": self._drawn(self._city),
            "nationality": chance.choices(("NL", "PL", "BG", "RO", "HU"), (60, 15, 10, 10, 5))[0],
        }
        if chance.random() < 0.9:
            day = 1 + chance.randrange(28)
            person["birth_date"] = f"{chance.randint(1955, 2010)}-{chance.randint(1, 12):02d}-{day:02d}"
        if chance.random() < 0.6:
            person["phone"] = f"06{chance.randint(10_000_000, 99_999_999)}"
        if chance.random() < 0.5:
            place = chance.randrange(len(self._street))
            person |= {"street": self._street[place], "house_number": str(chance.randint(1, 120))}
            person["postcode"] = f"{1000 + place % 9000}A{'BCDEFGHJKL'[place % 10]}"
        return person

    def again(self, person: dict[str, str]) -> dict[str, str]:
        """The same person, as somebody else wrote it: one letter of the surname wrong, and no phone."""
        name = person["surname"]
        at = self._chance.randrange(1, len(name))
        slip = name[:at] + self._chance.choice("aeionrst") + name[at + 1 :]
        return {key: value for key, value in person.items() if key != "phone"} | {"surname": slip}

    def _word(self, syllables: int) -> str:
        parts = (self._chance.choice("bdfghjklmnprstvwz") + self._chance.choice("aeiou") for _ in range(syllables))
        return "".join(parts) + self._chance.choice("nrstlk")

    def _drawn(self, names: "tuple[list[str], list[float]]") -> str:
        return self._chance.choices(names[0], cum_weights=names[1])[0]


def _zipf(names: Sequence[str]) -> tuple[list[str], list[float]]:
    """Names with how often they occur, added up: the second half as often as the first, and so on."""
    weights: list[float] = []
    total = 0.0
    for place in range(len(names)):
        total += 1 / (place + 5)
        weights.append(total)
    return list(names), weights


# -- filling -------------------------------------------------------------------------------------------------------


def fill(program: Program, people: People, count: int, kept: list[dict[str, str]], first: int = 0) -> None:
    """Add so many subjects, each in a signal of its own, straight into the tables; some of them are also kept."""
    path = program.settings.database_url.removeprefix("sqlite:///")
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("foreign_keys=OFF", "journal_mode=WAL", "synchronous=OFF", "cache_size=-400000"):
        database.execute(f"PRAGMA {pragma}")
    table, agency, account = _owner(database)
    # Made again at the end in one go: filling it at random would take most of the time.
    (index,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'ix_match_tags_digest'").fetchone()
    database.execute("DROP INDEX ix_match_tags_digest")
    for start in range(first, count, BATCH):
        database.execute("BEGIN")
        _add(program, database, people, range(start, min(start + BATCH, count)), kept, (table, agency, account))
        database.execute("COMMIT")
    database.execute(index)
    database.execute("ANALYZE")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _owner(database: sqlite3.Connection) -> tuple[str, str, str]:
    (table,) = database.execute("SELECT id FROM regional_tables LIMIT 1").fetchone()
    account, agency = database.execute("SELECT id, agency_id FROM accounts LIMIT 1").fetchone()
    return table, agency, account


def _add(
    program: Program,
    database: sqlite3.Connection,
    people: People,
    numbers: range,
    kept: list[dict[str, str]],
    owner: tuple[str, str, str],
) -> None:
    version = program.keys.version("match")
    policy = program.policy.linking
    for_tags = program.keys.derive("match", "tags", version)
    for_pieces = program.keys.derive("match", "pieces", version)
    key = new_data_key(program.keys.derive("match", "sketch", version))
    tags: list[tuple[str, str, bytes, int]] = []
    sketches: list[tuple[str, int, bytes]] = []
    ids: list[str] = []
    for number in numbers:
        person = people.one()
        if number % 31 == 0:
            kept.append(person)
        subject_id = program.randomness(16).hex()
        identity = identity_from("person", person)
        made = match_tags(for_tags, identity, version=version, policy=policy)
        tags += [(subject_id, tag.set_id, tag.digest, version) for tag in made]
        sketch = link.sketch(for_pieces, identity, policy)
        sealed = sealing.seal_sketch(key, subject_id, sketch, version, program.randomness(12))
        sketches.append((subject_id, version, sealed))
        ids.append(subject_id)
    _write(database, ids, numbers, owner)
    database.executemany("INSERT INTO match_tags (subject_id, set_id, digest, key_version) VALUES (?, ?, ?, ?)", tags)
    database.executemany("INSERT INTO match_sketches (subject_id, key_version, sealed) VALUES (?, ?, ?)", sketches)


def _write(database: sqlite3.Connection, ids: Sequence[str], numbers: range, owner: tuple[str, str, str]) -> None:
    table, agency, account = owner
    now = datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None).isoformat(" ")
    signal = {
        "owner_agency": agency, "submitter": account, "capacity": "x", "table_id": table, "state": "submitted",
        "urgency": "five-working-days", "created_at": now, "municipality": "", "source_quality": "", "facts": "{}",
        "form_rows": "{}", "indicators": "{}", "flags": "[]", "consent": "{}", "narrative_masked": "", "found": "[]",
        "owner_sealed": b"x", "advice": "{}", "policy_digest": "x", "missing": "[]", "keep_until": "2030-01-01", "version": 1,
    }  # fmt: skip
    names = ("id", "reference", *signal)
    marks = ", ".join("?" * len(names))
    database.executemany(
        f"INSERT INTO signals ({', '.join(names)}) VALUES ({marks})",
        ((one, f"S-{number}", *signal.values()) for one, number in zip(ids, numbers, strict=True)),
    )
    database.executemany(
        "INSERT INTO subjects (id, signal_id, number, kind, role, age_band, gender) "
        "VALUES (?, ?, 1, 'person', 'possible_victim', 'adult', 'unknown')",
        ((one, one) for one in ids),
    )


# -- measuring -----------------------------------------------------------------------------------------------------


def against(program: Program, newcomers: Sequence[Identity], subjects: int) -> Took:
    """The linking step for each of the newcomers."""
    who = actors.actor_of_login(program, "havendam")
    seconds: list[float] = []
    found = likely = 0
    with program.read_sessions() as session:
        tx = Transaction(program, who, session, program.clock())
        for number, identity in enumerate([*newcomers[:WARM], *newcomers]):
            gc.collect(0)
            start = time.process_time()
            subject = storing.sides_for(tx, identity, "new")
            alike = proposing.compared(tx, subject, "")
            took = time.process_time() - start
            if number >= WARM:
                seconds.append(took)
                likely += len(alike)
                found += len(candidates.find(tx, subject)[0])
    return Took(subjects, tuple(seconds), found / len(newcomers), likely / len(newcomers))


def measured(few: int, many: int) -> tuple[Took, Took]:
    """The step against few and against many subjects, with the same newcomers."""
    folder = Path(tempfile.mkdtemp(prefix="signaltable-bench-linking-", dir="/var/tmp"))
    try:
        program, people, kept = _open(folder), People(20261122), list[dict[str, str]]()
        fill(program, people, few, kept)
        newcomers = [people.one() for _ in range(NEW // 2)]
        newcomers += [people.again(kept[place % len(kept)]) for place in range(NEW // 2)]
        random.Random(5).shuffle(newcomers)
        asked = [identity_from("person", one) for one in newcomers]
        first = against(program, asked, few)
        fill(program, people, many, kept, few)
        return first, against(program, asked, many)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _open(home: Path) -> Program:
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(home)})
    setup.make_keys(settings)
    migrate(settings)
    program = assemble(
        settings, make_engine(settings.database_url), KeyRing.load(settings.key_ring, require_private=True)
    )
    setup.start_log(program)
    setup.seed_region(program, "een-lang-proefwachtwoord")
    return program


def lines(_given: Given, few: int = FEW, many: int = MANY) -> Iterator[Line]:
    """Two lines of the table: how long it takes, and the many beside the few."""
    first, second = measured(few, many)
    mine, other = second.p50 * 1000, first.p50 * 1000
    what = f"the linking step of one new subject against {many:,}, p50 of CPU"
    yield Line("a new subject", what, mine, "ms", goal=at_most(MOST_SECONDS * 1000))
    yield Line("a new subject, growth", f"{what}, beside {few:,}", mine, "ms", other, goal=at_most(MOST_GROWTH))


@click.command()
@click.option("--subjects", default=MANY, show_default=True, help="How many are there in the large database.")
@click.option("--few", default=FEW, show_default=True, help="How many are there in the small one.")
def main(subjects: int, few: int) -> None:
    """Measure, and say more than `signaltable bench` does."""
    first, second = measured(few, subjects)
    for took in (first, second):
        click.echo(
            f"{took.subjects:>9,} subjects: p50 {took.p50 * 1000:.2f} ms, p95 {took.p95 * 1000:.2f} ms, "
            f"{took.candidates:.1f} candidates and {took.proposed:.2f} proposals each"
        )
    growth = second.p50 / first.p50
    click.echo(f"growth {growth:.2f} times (at most {MOST_GROWTH:g}), p50 at most {MOST_SECONDS * 1000:g} ms")
    sys.exit(second.p50 > MOST_SECONDS or growth > MOST_GROWTH)


if __name__ == "__main__":
    main()
