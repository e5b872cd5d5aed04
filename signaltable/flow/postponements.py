"""Days that were put off: of what, from when to when, by whom. Why stands sealed for the agency that did it."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import select, update

from signaltable.flow import sealing
from signaltable.models import Postponement, Signal
from signaltable.transaction import Transaction

# What a row is about: more time for a question, or that it was taken back on that day; a task of a meeting; a signal.
QUESTION: Final = "question"
QUESTION_WITHDRAWN: Final = "question-withdrawn"
TASK: Final = "task"
KEPT: Final = "retention"


def put_off(tx: Transaction, kind: str, object_id: str, signal_id: str, *, before: date, until: date, why: str) -> None:
    """Note that a day was put off. The caller asked the gate, checked the day and the words, and records it."""
    row_id = tx.new_id()
    tx.session.add(
        Postponement(
            id=row_id,
            kind=kind,
            object_id=object_id,
            signal_id=signal_id,
            agency_id=tx.actor.agency_id,
            account_id=tx.actor.account_id,
            at=tx.now,
            before=before,
            until=until,
            reason_sealed=sealing.seal_json(tx, tx.actor.agency_id, {"reason": why}, _place(row_id)),
        )
    )


def times_put_off(tx: Transaction, object_id: str, *kinds: str) -> Sequence[Postponement]:
    """Every time that the day of this thing was put off, the oldest first."""
    query = select(Postponement).where(Postponement.kind.in_(kinds), Postponement.object_id == object_id)
    return tx.session.scalars(query.order_by(Postponement.at, Postponement.before, Postponement.id)).all()


def reason_of(tx: Transaction, row: Postponement) -> str:
    """Why, for the agency that did it; empty for any other, and once the signal was erased."""
    if row.agency_id != tx.actor.agency_id or not row.reason_sealed:
        return ""
    return str(sealing.open_json(tx, row.agency_id, row.reason_sealed, _place(row.id))["reason"])


def erase_reasons(tx: Transaction, signal: Signal) -> None:
    """Forget why days were put off in a signal that is erased; that they were stays."""
    rows = update(Postponement).where(Postponement.signal_id == signal.id)
    tx.session.execute(rows.values(reason_sealed=b""))


def _place(row_id: str) -> str:
    return f"postponements|reason_sealed|{row_id}"
