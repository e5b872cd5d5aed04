"""The state of every key, for whoever answers for them: what there is, how old, what hangs on it. Never a key."""

import json
import stat
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, LargeBinary, case, func, select
from sqlalchemy.orm import Session

from audit.key_chain import PURPOSE as LOG
from audit.note import ED25519, Verifier
from signaltable import audit_trail
from signaltable.access import Permission, require
from signaltable.domain import day_of
from signaltable.flow import log_keys, rotating, sealed_columns
from signaltable.flow.rotating.state import Progress, progress_of
from signaltable.keys import ACTIVE, DESTROYED, SEAL, KeyFacts, envelope_version
from signaltable.keys.errors import CannotOpen
from signaltable.keys.ring_file import FILE
from signaltable.keys.suites import VERSION_BYTES, VERSION_STANDS_AT, WRAPPED_MARK
from signaltable.models import LogDetail, LogEntry, MatchSketch, MatchTag
from signaltable.settings import Settings
from signaltable.transaction import Program, Transaction

# After this a key is due to be replaced: what leaked unnoticed is of use no longer than this.
OLD_AFTER: Final = timedelta(days=365)
SIGNER: Final = "signer"
# Counting reads every seal there is. Up to so many entries of the log, some twenty thousand signals, a page can wait for it.
COUNTED_AT_ONCE: Final = 100_000

# What can be wrong with a key (`old`, `shared`), or with all of them together.
OLD: Final = "old"
SHARED: Final = "shared"
READABLE: Final = "readable"
NOT_EXPORTED: Final = "not_exported"


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One version of one key. `rows` counts what was made with it and is stored; None where that is not known."""

    key: KeyFacts
    rows: int | None
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same for machines; days as YYYY-MM-DD. That an agency shares a secret is a warning."""
        told = {name: value for name, value in asdict(self.key).items() if name != "shared"}
        days = {name: value.isoformat() for name, value in told.items() if isinstance(value, date)}
        return told | days | {"rows": self.rows, "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True)
class KeyState:
    """All keys, the newest rotations, and what is wrong with the keys as a whole. `counted`: whether `rows` were counted."""

    keys: tuple[KeyLine, ...]
    rotations: tuple[Progress, ...]
    warnings: tuple[str, ...]
    exported_at: datetime | None
    counted: bool = True

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "keys": [one.as_json() for one in self.keys],
            "rotations": [one.as_json() for one in self.rotations],
            "warnings": list(self.warnings),
            "exported_at": self.exported_at.isoformat() if self.exported_at else None,
        }


def quick_to_count(tx: Transaction) -> bool:
    """Whether what hangs on the keys can be counted while somebody waits for a page."""
    return audit_trail.size(tx.session) <= COUNTED_AT_ONCE


def consult(
    tx: Transaction, view: str, *, counting: bool = True, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> KeyState:
    """The state of the keys, recorded as key:consult. `view` says where it is shown.

    Without `counting`, what hangs on each key is not known; `progress` hears how many columns were counted, of how many.
    """
    require(tx.actor, Permission.KEY_CONSULT_ALL)
    program, session = tx.program, tx.session
    counted: Mapping[tuple[str, str, int], int] | None = None
    if counting:
        with tx.whole("how much hangs on a key is counted over every agency, without reading any of it"):
            counted = rows_per_key(session, progress)
    lines = [_line(one, counted, tx.today) for one in program.keys.inventory()]
    lines += _log_lines(session, program.settings, tx.today)
    exported = session.scalar(select(func.max(LogEntry.recorded_at)).where(LogEntry.action == "key:export"))
    state = KeyState(
        tuple(lines),
        tuple(progress_of(row) for row in rotating.listed(session)),
        tuple(_warnings(program, lines, exported)),
        exported,
        counting,
    )
    tx.record("key:consult", object_type="key", details={"view": view, "count": len(lines)})
    return state


def _line(key: KeyFacts, counted: Mapping[tuple[str, str, int], int] | None, today: date) -> KeyLine:
    rows = None
    if counted is not None and key.purpose in {SEAL, "match"}:
        rows = counted.get((key.purpose, key.agency, key.version), 0)
    return KeyLine(key, rows, tuple(_wrong_with(key, today)))


def _wrong_with(key: KeyFacts, today: date) -> Iterator[str]:
    if key.state == ACTIVE and key.created is not None and today - key.created > OLD_AFTER:
        yield OLD
    if key.shared and key.state != DESTROYED:
        yield SHARED


def _log_lines(session: Session, settings: Settings, today: date) -> Iterator[KeyLine]:
    """The signing keys of the log, out of their public list: the web cannot read the private ones, and need not."""
    listed = log_keys.public_keys(settings)
    began = _announced(session)
    for algorithm in sorted({key.algorithm for key in listed}):
        same = [key for key in listed if key.algorithm == algorithm]
        for at, key in enumerate(same):
            # Replacing a key of the log destroys the one before it (`audit rotate-key`).
            following = began.get(same[at + 1].fingerprint) if at + 1 < len(same) else None
            facts = _log_key(key, at + 1, began.get(key.fingerprint), following, last=at + 1 == len(same))
            yield KeyLine(facts, None, tuple(_wrong_with(facts, today)))


def _log_key(key: Verifier, version: int, created: date | None, ended: date | None, *, last: bool) -> KeyFacts:
    return KeyFacts(
        LOG,
        "",
        version,
        ACTIVE if last else DESTROYED,
        SIGNER,
        key.fingerprint,
        created,
        ended,
        ended,
        suite="ed25519" if key.algorithm == ED25519 else "ml-dsa-44",
        shared=False,
        place=FILE,
    )


def _announced(session: Session) -> dict[str, date]:
    """Fingerprint -> the day on which the log began to speak of a key."""
    query = (
        select(LogEntry.recorded_at, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action.in_(("key:make", "key:rotate")))
        .order_by(LogEntry.seq.desc())
    )
    return {
        str(said["key_fingerprint"]): day_of(at)
        for at, details in session.execute(query)
        if (said := json.loads(details or b"{}")).get("key_fingerprint")
    }


def _warnings(program: Program, lines: Iterable[KeyLine], exported: datetime | None) -> Iterator[str]:
    path = program.settings.key_ring
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        yield READABLE
    held = [one.key for one in lines if one.key.place == FILE and one.key.owner != SIGNER]
    last = day_of(exported) if exported else None
    if held and (last is None or any(key.created is not None and key.created > last for key in held)):
        yield NOT_EXPORTED


# -- what hangs on a key ----------------------------------------------------------------------------------------------


def rows_per_key(session: Session, progress: Callable[[int, int], None]) -> dict[tuple[str, str, int], int]:
    """(purpose, agency, version) -> how many stored values were made with it: envelopes, and subjects with match data."""
    counted: Counter[tuple[str, str, int]] = Counter()
    tables: tuple[type[MatchTag | MatchSketch], ...] = (MatchTag, MatchSketch)
    steps = len(tables) + len(sealed_columns.COLUMNS)
    for done, table in enumerate(tables):
        progress(done, steps)
        query = select(table.key_version, func.count(table.subject_id.distinct())).group_by(table.key_version)
        for version, count in session.execute(query):
            counted["match", "", version] += count
    for done, column in enumerate(sealed_columns.COLUMNS, len(tables)):
        progress(done, steps)
        for agency, version, count in _envelopes(session, column):
            counted[SEAL, agency, version] += count
    progress(steps, steps)
    return dict(counted)


def _envelopes(session: Session, one: sealed_columns.SealedColumn) -> Iterator[tuple[str, int, int]]:
    """(agency, version, count) of one column, counted by the heads of its envelopes."""
    query = sealed_columns.query_of(one)
    if not one.many:
        part = query.subquery()
        head = _head(part.c.value)
        for agency, begin, count in session.execute(
            select(part.c.agency, head, func.count()).group_by(part.c.agency, head)
        ):
            yield agency, _version(bytes(begin)), count
        return
    for row in session.execute(query.execution_options(yield_per=500)).mappings():
        try:
            held = list(sealed_columns.envelopes(one, row))
        except (ValueError, TypeError, AttributeError):
            continue  # What is no envelope any more is a finding of the check of the log.
        for envelope in held:
            yield envelope.agency_id, _version(envelope.sealed), 1


def _head(value: "ColumnElement[Any]") -> "ColumnElement[Any]":
    """The bytes of a value up to and with the version of its key, which are the same for all of that version."""
    stands = {mark: func.substr(value, 1, at + VERSION_BYTES) for mark, at in VERSION_STANDS_AT.items()}
    mark = func.substr(value, 1, len(WRAPPED_MARK), type_=LargeBinary())
    return case(*((mark == one, head) for one, head in stands.items()), else_=mark)


def _version(begin: bytes) -> int:
    try:
        return envelope_version(begin)
    except (CannotOpen, struct.error):
        return 0
