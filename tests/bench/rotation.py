"""How fast every data key is replaced and what is under it sealed anew, beside the cryptography alone of the same rows.

`python -m tests.bench.rotation --rows 1000000` for the real one. The rows lie in a database of the program on disk, in the
order in which people came in; the rotation is the one of `signaltable keys rotate --purpose data`, with its digests, its
entries in the log and a commit for each batch. Beside it, of the same rows and without a database: AES-256-GCM decrypt under
the old key and encrypt under the new one, as the library is called for one row (a cipher from each key, a fresh nonce); and
the same with all ciphers, nonces and places at hand, which is the least that any program could do.
"""

import gc
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signaltable.db import make_engine
from signaltable.flow import rotating, sealing, setup
from signaltable.flow.rotating.data import SUBJECTS
from signaltable.keys import DataKey, KeyRing, new_data_key, seal_field
from signaltable.keys.digests import bind
from signaltable.program import assemble, migrate
from signaltable.settings import Settings
from signaltable.transaction import Program
from tests.bench.rate import Line

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
Work = tuple[bytes, bytes, bytes, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds: of the rotation's own work, of decrypt plus encrypt alone, of the least of it, and of the last pass."""

    rows: int
    rotation: float
    alone: float
    least: float
    proof: float


def lines(rows: int = SMALL) -> Iterator[Line]:
    """The lines of the table."""
    found = measure(rows)
    mine = found.rows / found.rotation
    yield Line(
        f"data keys: {found.rows:,} rows sealed anew, beside AES-GCM row by row", mine, found.rows / found.alone, GOAL
    )
    yield Line("the same beside AES-GCM with everything at hand", mine, found.rows / found.least)
    yield Line("the same with the last pass, which opens every row", found.rows / (found.rotation + found.proof))


def measure(rows: int) -> Measured:
    """Fill a database, replace every data key in it, and take the time of what belongs to it."""
    folder = Path(tempfile.mkdtemp(prefix="signaltable-bench-"))
    try:
        program = _program(folder / "home")
        alone, least = _filled(program, rows)
        started = rotating.start(program, setup.INSTALLER, "data")
        seconds: dict[str, float] = {}
        gc.collect()
        found = started
        while not found.is_over:
            stage, start = found.stage, time.perf_counter()
            found = rotating.step(program, setup.INSTALLER, started.id)
            seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
        if found.state != rotating.FINISHED:
            raise SystemExit(f"expected every row to open, found {found.of} that do not")
        return Measured(rows, seconds[SUBJECTS], alone, least, seconds["verify"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def _filled(program: Program, rows: int) -> tuple[float, float]:
    """Put subjects in, each with FIELDS; how long decrypt plus encrypt of their rows takes, and the least of it."""
    raw = make_engine(program.settings.database_url).raw_connection()
    cursor = raw.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    cursor.execute("PRAGMA synchronous = OFF")
    alone = least = 0.0
    for start in range(0, rows, AT_ONCE):
        keys, fields, work = [], [], list[Work]()
        for _ in range(min(AT_ONCE, rows - start) // len(FIELDS)):
            subject, key = os.urandom(16).hex(), new_data_key(os.urandom(32))
            keys.append((subject, "bench", program.keys.wrap("bench", key, subject)))
            sealed = [(name, _sealed(key, subject, name)) for name in FIELDS]
            fields += [(subject, name, value, 1) for name, value in sealed]
            work += _prepared(key.material, subject, sealed)
        cursor.execute("BEGIN")
        cursor.executemany("INSERT INTO subject_keys (subject_id, agency_id, wrapped) VALUES (?, ?, ?)", keys)
        cursor.executemany("INSERT INTO subject_fields (subject_id, name, sealed, sure) VALUES (?, ?, ?, ?)", fields)
        cursor.execute("COMMIT")
        alone += _alone(work)
        least += _least(
            [(AESGCM(old), nonce, body, AESGCM(new), fresh, place) for old, nonce, body, new, fresh, place in work]
        )
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    cursor.close()
    raw.close()
    return alone, least


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


def _alone(work: list[Work]) -> float:
    gc.collect()
    start = time.perf_counter()
    for old, nonce, body, new, _, place in work:
        AESGCM(new).encrypt(os.urandom(12), AESGCM(old).decrypt(nonce, body, place), place)
    return time.perf_counter() - start


def _least(work: list[tuple[AESGCM, bytes, bytes, AESGCM, bytes, bytes]]) -> float:
    gc.collect()
    start = time.perf_counter()
    for old, nonce, body, new, fresh, place in work:
        new.encrypt(fresh, old.decrypt(nonce, body, place), place)
    return time.perf_counter() - start


@click.command()
@click.option("--rows", default=SMALL)
def main(rows: int) -> None:
    """Measure with so many rows."""
    found = measure(rows)
    alone, least, rotation = (found.rows / one for one in (found.alone, found.least, found.rotation))
    click.echo(f"{found.rows:,} rows of {PLAINTEXT} bytes, {len(FIELDS)} of each subject")
    click.echo(f"decrypt and encrypt alone  {alone:>12,.0f} rows/s")
    click.echo(f"with everything at hand    {least:>12,.0f} rows/s")
    click.echo(
        f"rotation                   {rotation:>12,.0f} rows/s  {found.rotation:.1f} s  "
        f"{rotation / alone:.1%} of the first, {rotation / least:.1%} of the second"
    )
    click.echo(f"opening every row after it {found.rows / found.proof:>12,.0f} rows/s  {found.proof:.1f} s")
    sys.exit(0 if rotation / alone >= GOAL else 1)


if __name__ == "__main__":
    main()
