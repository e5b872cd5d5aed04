"""How fast every data key is replaced and what is under it sealed anew, beside the cryptography alone of the same rows.

`python -m signaltable.bench.rotate --rows 1000000` for the real one. The rows lie in a database of the program on disk, in the
order in which people came in; the rotation is the one of `signaltable keys rotate --purpose data`, with its digests, its
entries in the log and a commit for each batch. After every batch as many rows are decrypted and encrypted alone, without a
database, in three ways:

- row by row, as the library is called for a row that comes by itself: ciphers from the two keys, a nonce from the system.
  This is what the program does wherever it opens or seals a field, and the goal counts beside it: a rotation hands every
  row to the same library, and each subject has keys of its own, because destroying one has to destroy that one.
- subject by subject: ciphers made once for the rows of a subject, a nonce from the system for each row.
- with all ciphers, nonces and places at hand, one call each way: the least that any program could do, and no program can,
  because a cipher for every subject has to be made of something. Beside one key for all rows, which is what most figures
  elsewhere are about, it would be a little less still.

CPU time of the process counts, its work for the database (SQLite works inside it) and for the disk included; by the clock
both are told too, but there a neighbour on the machine and the disk count.
"""

import gc
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import TypeVar

import click
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signaltable.bench.given import Given
from signaltable.bench.line import Line, at_least
from signaltable.db import make_engine
from signaltable.flow import rotating, sealing, setup
from signaltable.flow.rotating.data import SUBJECTS
from signaltable.flow.rotating.state import VERIFY
from signaltable.keys import DataKey, KeyRing, new_data_key, seal_field
from signaltable.keys.digests import bind
from signaltable.migrating import migrate
from signaltable.program import assemble
from signaltable.settings import Settings
from signaltable.transaction import Program

SMALL, PLAINTEXT = 100_000, 200
# As many fields as a person mostly has: names, date of birth, nationality, phone, and an address.
FIELDS = (
    "given_name",
    "infix",
    "surname",
    "birth_date",
    "nationality",
    "phone",
    "street",
    "house_number",
    "postcode",
    "city",
)
GOAL = 0.25
AT_ONCE = 20_000
T = TypeVar("T")
Work = tuple[bytes, bytes, bytes, bytes, bytes, bytes]


# Beside so many rows of each batch, of which the keys and places are kept in memory.
SAMPLE = 10_000
WAYS = ("row by row", "subject by subject", "at hand")


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of CPU, and by the clock, for one row."""

    cpu: float
    clock: float

    def of(self, clock: str) -> float:
        """One of both."""
        return self.cpu if clock == "cpu" else self.clock


@dataclass(frozen=True, slots=True)
class Measured:
    """What a row took in each batch: of the rotation, and of each of WAYS beside it; and of the last pass, over all."""

    rows: int
    rotation: tuple[Took, ...]
    alone: dict[str, tuple[Took, ...]]
    proof: Took

    def ratios(self, way: str, clock: str = "cpu") -> tuple[float, ...]:
        """How fast the rotation was beside one of WAYS, batch by batch."""
        return tuple(
            alone.of(clock) / mine.of(clock) for alone, mine in zip(self.alone[way], self.rotation, strict=True)
        )

    def rate(self, clock: str = "cpu") -> float:
        """Rows in a second, in the middle batch."""
        return median(1 / one.of(clock) for one in self.rotation)


def lines(_given: Given, rows: int = SMALL) -> Iterator[Line]:
    """The lines of the table, in rows a second."""
    found = measure(rows)
    for name, way, clock, goal in (
        ("data keys", WAYS[0], "cpu", at_least(GOAL)),
        ("data keys, by the clock", WAYS[0], "clock", None),
        ("data keys, ciphers per subject", WAYS[1], "cpu", None),
        ("data keys, ciphers at hand", WAYS[2], "cpu", None),
    ):
        alone = median(1 / one.of(clock) for one in found.alone[way])
        what = f"every data key replaced and {found.rows:,} rows sealed anew, beside AES-GCM alone {way}, by {clock}"
        yield Line(name, what, found.rate(clock), "rows/s", alone, found.ratios(way, clock), goal)
    yield Line("data keys, last pass", "every row opened after it, by cpu", 1 / found.proof.cpu, "rows/s")


def measure(rows: int) -> Measured:
    """Fill a database, replace every data key in it, and take the time of what belongs to it."""
    folder = Path(tempfile.mkdtemp(prefix="signaltable-bench-"))
    try:
        program = _program(folder / "home")
        work = _filled(program, rows)
        found = rotating.start(program, setup.INSTALLER, "data")
        rotation, alone = list[Took](), {way: list[Took]() for way in WAYS}
        proof = Took(0, 0)
        while not found.is_over:
            stage, done = found.stage, found.done
            found, took = _timed(lambda: rotating.step(program, setup.INSTALLER, found.id))  # noqa: B023
            if stage == VERIFY:
                proof = Took(took.cpu / rows, took.clock / rows)
            if stage == SUBJECTS and found.done > done:
                batch = (
                    (found.done - done) * len(FIELDS) // (len(FIELDS) + 1)
                )  # Keys are rows as well, of which no one asks.
                rotation.append(Took(took.cpu / batch, took.clock / batch))
                for way, one in _alone(work).items():
                    alone[way].append(one)
        if found.state != rotating.FINISHED:
            raise SystemExit(f"expected every row to open, found {found.of} that do not")
        return Measured(rows, tuple(rotation), {way: tuple(one) for way, one in alone.items()}, proof)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _timed(do: Callable[[], T]) -> tuple[T, Took]:
    gc.collect()
    cpu, clock = time.process_time(), time.perf_counter()
    made = do()
    return made, Took(time.process_time() - cpu, time.perf_counter() - clock)


def _program(home: Path) -> Program:
    home.mkdir(parents=True)
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(home)})
    setup.make_keys(settings)
    migrate(settings)
    keys = KeyRing.load(settings.key_ring, require_private=True)
    keys.add_agency("bench")
    program = assemble(settings, make_engine(settings.database_url), keys)
    setup.start_log(program)
    return program


def _filled(program: Program, rows: int) -> list[Work]:
    """Put subjects in, each with FIELDS; what decrypting and encrypting some of their rows takes."""
    raw = make_engine(program.settings.database_url).raw_connection()
    cursor = raw.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    cursor.execute("PRAGMA synchronous = OFF")
    work = list[Work]()
    for start in range(0, rows, AT_ONCE):
        keys, fields = [], []
        for _ in range(min(AT_ONCE, rows - start) // len(FIELDS)):
            subject, key = os.urandom(16).hex(), new_data_key(os.urandom(32))
            keys.append((subject, "bench", program.keys.wrap("bench", key, subject)))
            sealed = [(name, _sealed(key, subject, name)) for name in FIELDS]
            fields += [(subject, name, value, 1) for name, value in sealed]
            if len(work) < SAMPLE:
                work += _prepared(key.material, subject, sealed)
        cursor.execute("BEGIN")
        cursor.executemany("INSERT INTO subject_keys (subject_id, agency_id, wrapped) VALUES (?, ?, ?)", keys)
        cursor.executemany("INSERT INTO subject_fields (subject_id, name, sealed, sure) VALUES (?, ?, ?, ?)", fields)
        cursor.execute("COMMIT")
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    cursor.close()
    raw.close()
    return work


def _sealed(key: DataKey, subject: str, name: str) -> bytes:
    return seal_field(
        key,
        table=sealing.TABLE,
        row=subject,
        column=name,
        version=sealing.FIELD_VERSION,
        plaintext=os.urandom(PLAINTEXT),
        nonce=os.urandom(12),
    )


def _prepared(material: bytes, subject: str, sealed: list[tuple[str, bytes]]) -> Iterator[Work]:
    """Two keys, two nonces, what is sealed, and its place."""
    new = os.urandom(32)
    for name, value in sealed:
        place = bind(
            b"signaltable/field/1",
            sealing.TABLE.encode(),
            subject.encode(),
            name.encode(),
            str(sealing.FIELD_VERSION).encode(),
        )
        yield material, value[1:13], value[13:], new, os.urandom(12), place


def _alone(work: list[Work]) -> dict[str, Took]:
    """The cryptography of the same rows in each of WAYS."""
    ready = [(AESGCM(old), nonce, body, AESGCM(new), fresh, place) for old, nonce, body, new, fresh, place in work]
    did = (lambda: _row_by_row(work), lambda: _subject_by_subject(work), lambda: _at_hand(ready))
    found = {}
    for way, do in zip(WAYS, did, strict=True):
        took = _timed(do)[1]
        found[way] = Took(took.cpu / len(work), took.clock / len(work))
    return found


def _row_by_row(work: list[Work]) -> None:
    for old, nonce, body, new, _, place in work:
        AESGCM(new).encrypt(os.urandom(12), AESGCM(old).decrypt(nonce, body, place), place)


def _subject_by_subject(work: list[Work]) -> None:
    for (old, new), rows in groupby(work, itemgetter(0, 3)):
        opened, sealed = AESGCM(old).decrypt, AESGCM(new).encrypt
        for _, nonce, body, _, _, place in rows:
            sealed(os.urandom(12), opened(nonce, body, place), place)


def _at_hand(work: list[tuple[AESGCM, bytes, bytes, AESGCM, bytes, bytes]]) -> None:
    for old, nonce, body, new, fresh, place in work:
        new.encrypt(fresh, old.decrypt(nonce, body, place), place)


@click.command()
@click.option("--rows", default=SMALL)
def main(rows: int) -> None:
    """Measure with so many rows."""
    found = measure(rows)
    click.echo(
        f"{found.rows:,} rows of {PLAINTEXT} bytes, {len(FIELDS)} of each subject, {len(found.rotation)} batches"
    )
    for clock, called in (("cpu", "CPU"), ("clock", "clock")):
        click.echo(f"rotation, {called:<24}{found.rate(clock):>12,.0f} rows/s")
        for way in WAYS:
            ratios = found.ratios(way, clock)
            alone = median(1 / one.of(clock) for one in found.alone[way])
            click.echo(
                f"  beside AES-GCM {way:<18}{alone:>12,.0f} rows/s  "
                f"{median(ratios):.1%} [{min(ratios):.1%}..{max(ratios):.1%}]"
            )
    click.echo(f"opening every row after it, CPU   {1 / found.proof.cpu:>12,.0f} rows/s")
    sys.exit(0 if median(found.ratios(WAYS[0])) >= GOAL else 1)


if __name__ == "__main__":
    main()
