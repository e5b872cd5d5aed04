"""What the job sees: dates that were missed, cases that became stuck, and those that go on to the regional table.

Each case is looked at in a transaction of its own, and again from its rows: run twice, or by two processes, it comes to
the same as once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.audit_trail import milliseconds
from signaltable.domain import ENDED, Actor, DisclosureState, State
from signaltable.escalation_rules import ACCEPTED, EscalationFile
from signaltable.flow import mailing
from signaltable.flow.duty_rows import end_of
from signaltable.flow.escalations.ending import (
    COORDINATOR,
    TABLE,
    close,
    end_with,
    missed_since,
    open_of,
    open_ones,
)
from signaltable.flow.escalations.history import histories
from signaltable.models import Disclosure, Escalation, MissedDate, Signal, TableMember
from signaltable.stuck import Found, History, causes, ends_by_acceptance, missed
from signaltable.transaction import Program, Transaction, reading, transaction

# So many cases are looked at together; only those of which something is to be written get a transaction.
AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Looked:
    """How many dates were noted as missed, and how many cases were opened, raised to the table, and ended by themselves."""

    missed: int = 0
    opened: int = 0
    raised: int = 0
    ended: int = 0

    def __add__(self, other: "Looked") -> "Looked":
        return Looked(
            self.missed + other.missed,
            self.opened + other.opened,
            self.raised + other.raised,
            self.ended + other.ended,
        )


def look(program: Program, actor: Actor) -> Looked:
    """Look at every case whose life has not ended. Safe to run again at any moment."""
    total = Looked()
    if program.policy.escalation is None:
        return total
    for some in _batches(program):
        with transaction(program, actor) as tx:
            found = histories(tx, some)
            there = open_ones(tx, some)
            due = [
                signal_id
                for signal_id in some
                if signal_id in found and _asks(tx, found[signal_id], there.get(signal_id))
            ]
        for signal_id in due:
            with transaction(program, actor) as tx:
                total += look_at(tx, signal_id)
    return total


def look_at(tx: Transaction, signal_id: str) -> Looked:
    """Look at one case: note what was missed, open, raise or end. For the program itself."""
    signal = tx.session.get_one(Signal, signal_id, with_for_update=True)
    rules = _rules(tx)
    history = histories(tx, [signal_id])[signal_id]
    fresh = _note_missed(tx, signal, history, rules)
    row = open_of(tx, signal_id, locked=True)
    if row is None:
        found = causes(history, rules, tx.program.policy.calendar, tx.today)
        if found:
            _open(tx, signal, found[0], rules)
        return Looked(fresh, opened=bool(found))
    if _is_over(tx, signal, row, history):
        return Looked(fresh, ended=1)
    if row.level == COORDINATOR and row.due_on < tx.today:
        _raise(tx, signal, row)
        return Looked(fresh, raised=1)
    return Looked(fresh)


def _rules(tx: Transaction) -> EscalationFile:
    rules = tx.program.policy.escalation
    if rules is None:
        raise LookupError("expected rules about stuck cases in the rules of today")
    return rules


def _batches(program: Program) -> Iterator[Sequence[str]]:
    last = ""
    while True:
        query = select(Signal.id).where(Signal.state.not_in(ENDED), Signal.id > last).order_by(Signal.id)
        with reading(program, whole="cases of every agency may be stuck") as session:
            some = session.scalars(query.limit(AT_ONCE)).all()
        if not some:
            return
        yield some
        last = some[-1]


def _asks(tx: Transaction, history: History, row: Escalation | None) -> bool:
    """Whether there is something to write about this case; `row` is its open escalation."""
    rules = _rules(tx)
    if set(missed(history, rules, tx.today)) - set(history.noted):
        return True
    if row is None:
        return bool(causes(history, rules, tx.program.policy.calendar, tx.today))
    return (row.level == COORDINATOR and row.due_on < tx.today) or any(one.accepted for one in history.referrals)


def _note_missed(tx: Transaction, signal: Signal, history: History, rules: EscalationFile) -> int:
    fresh = [one for one in missed(history, rules, tx.today) if one not in history.noted]
    for one in fresh:
        tx.session.add(
            MissedDate(signal_id=signal.id, kind=one.kind, object_id=one.object_id, due_on=one.due_on, noted_at=tx.now)
        )
    for kind, count in sorted(Counter(one.kind for one in fresh).items()):
        oldest = min(one.due_on for one in fresh if one.kind == kind)
        tx.record(
            "deadline:overdue",
            object_type="signal",
            object_id=signal.reference,
            details={
                "rule": f"missed-{kind}",
                "count": count,
                "object_type": "signal",
                "objects": [signal.reference],
                "oldest_at": _end_ms(oldest),
                "mails": 0,
            },
        )
    return len(fresh)


def _open(tx: Transaction, signal: Signal, found: Found, rules: EscalationFile) -> None:
    due_on = tx.program.policy.calendar.later(tx.today, rules.coordinator_days)
    row = Escalation(
        id=tx.new_id(),
        signal_id=signal.id,
        cause=found.cause,
        level=COORDINATOR,
        opened_at=tx.now,
        due_on=due_on,
        version=1,
    )
    tx.session.add(row)
    tx.record(
        "escalation:open",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "cause": found.cause,
            "escalation": row.id,
            "due_at": _end_ms(due_on),
            "count": found.count,
        },
    )
    _tell(tx, signal, row, "escalation", Permission.ESCALATION_SETTLE_OWN_TABLE)


def _raise(tx: Transaction, signal: Signal, row: Escalation) -> None:
    row.level, row.raised_at = TABLE, tx.now
    row.version += 1
    tx.record(
        "escalation:raise",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "escalation": row.id, "cause": row.cause},
    )
    _tell(tx, signal, row, "escalation-raised", Permission.TABLE_DECIDE_OWN_TABLE)


def _tell(tx: Transaction, signal: Signal, row: Escalation, template: str, permission: Permission) -> None:
    members = tx.session.scalars(select(TableMember.agency_id).where(TableMember.table_id == signal.table_id)).all()
    tx.session.flush()  # A mail is told apart by what it is about, so that has to be there.
    urgent = mailing.presses(tx, template, urgency=signal.urgency)
    mailing.tell_agency(
        tx, members, permission, template, task=("escalation", row.id), urgent=urgent, about=(signal.id,)
    )


def _is_over(tx: Transaction, signal: Signal, row: Escalation, history: History) -> bool:
    """End it when a receiver accepted after it was opened, also where the state of the signal did not show that."""
    if State(signal.state) in ENDED:
        end_with(tx, signal)
        return True
    accepted = select(Disclosure.id).where(
        Disclosure.signal_id == signal.id,
        Disclosure.state == DisclosureState.ACCEPTED,
        Disclosure.revoked_at.is_(None),
        Disclosure.responded_at >= row.opened_at,
    )
    if not any(one.accepted for one in history.referrals) or tx.session.scalar(accepted.limit(1)) is None:
        return False
    if not ends_by_acceptance(row.cause, missed_since(tx, row)):
        return False
    close(tx, signal, row, ACCEPTED)
    return True


def _end_ms(day: date) -> Any:
    return milliseconds(end_of(day))
