"""Under which version of a key a recipient knows a subject: that of the day on which its signal came in.

Recipients keep lists of these names, and papers bear them. So a new key names what comes in from then on, and everything
else keeps its name; the old version goes when the last signal that it names has been erased. A key that leaks gives
nothing by itself: subjects have random ids that nobody sees outside the database.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.keys import RECIPIENT, pseudonym_key
from signaltable.models import KeyRotation, Signal, Subject
from signaltable.pseudonymise import recipient_pseudonym
from signaltable.transaction import Transaction


def subject_name(tx: Transaction, reader: str, subject_id: str) -> str:
    """The pseudonym by which `reader` (an agency, or `table:<id>`) knows a subject; the same as long as it is there."""

    def made_at() -> datetime | None:
        came_in = select(Signal.created_at).join(Subject, Subject.signal_id == Signal.id)
        return tx.session.scalar(came_in.where(Subject.id == subject_id))

    return recipient_pseudonym(_key(tx, reader, made_at), reader, subject_id)


def signal_name(tx: Transaction, reader: str, signal: Signal) -> str:
    """The same of a signal as a whole: two receivers find no common reference on their papers."""
    return recipient_pseudonym(_key(tx, reader, lambda: signal.created_at), reader, signal.id)


def _key(tx: Transaction, reader: str, made_at: Callable[[], datetime | None]) -> bytes:
    return pseudonym_key(tx.program.keys, reader, _version(tx, agency_of(reader), made_at))


def agency_of(reader: str) -> str:
    """The agency whose key names things for a reader; "" for a table, which has no key of its own."""
    return "" if reader.startswith("table:") else reader


def signals_named_before(session: Session, moment: datetime) -> int:
    """How many signals came in before, and are not erased."""
    query = select(func.count()).select_from(Signal).where(Signal.created_at < moment, Signal.owner_sealed != b"")
    return session.scalar(query) or 0


def _version(tx: Transaction, agency: str, made_at: Callable[[], datetime | None]) -> int:
    """The version that counted when something came in; where it is gone, the one that counts now."""
    there = tx.program.keys.usable(RECIPIENT, agency)
    changes = _changes(tx, agency)
    # Without a change there is nothing to ask; a database of before a change knows only the first version.
    moment = made_at() if changes else None
    passed = [to_version for started, _, to_version in changes if moment is not None and started <= moment]
    version = passed[-1] if passed else changes[0][1] if changes else min(there)
    return version if version in there else there[0]


def _changes(tx: Transaction, agency: str) -> list[tuple[datetime, int, int]]:
    """(since when, from which version, to which) in the order in which they were; read once in a transaction."""
    kept: dict[str, list[tuple[datetime, int, int]]] = tx.session.info.setdefault("naming", {})
    if agency not in kept:
        query = select(KeyRotation.started_at, KeyRotation.from_version, KeyRotation.to_version).where(
            KeyRotation.purpose == RECIPIENT,
            KeyRotation.agency_id == agency if agency else KeyRotation.agency_id.is_(None),
        )
        rows = tx.session.execute(query.order_by(KeyRotation.started_at))
        kept[agency] = [(row.started_at, row.from_version, row.to_version) for row in rows]
    return kept[agency]
