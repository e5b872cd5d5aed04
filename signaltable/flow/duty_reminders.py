"""What time does: who has a duty that became late hears of it, once."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.audit_trail import milliseconds
from signaltable.flow import evidence_store, mailing, second_person
from signaltable.flow.duty_kinds import REVIEW
from signaltable.models import Disclosure, Duty, Signal
from signaltable.transaction import Transaction


def remind(tx: Transaction) -> tuple[int, int]:
    """Tell the agencies of duties that became late, once per duty; returns how many duties and mails. For the job."""
    late = tx.session.scalars(
        select(Duty)
        .where(Duty.fulfilled_at.is_(None), Duty.due_at < tx.now, Duty.reminded_at.is_(None))
        .order_by(Duty.due_at, Duty.id),
    ).all()
    if not late:
        return 0, 0
    rows = {row.id: row for row in _disclosures_of(tx, late)}
    able: dict[str, list[str]] = {}
    whom: dict[str, list[Duty]] = {}
    for duty in late:
        duty.reminded_at = tx.now
        for account_id in _those_who_can(tx, duty, rows[duty.disclosure_id], able):
            whom.setdefault(account_id, []).append(duty)
    for account_id, duties in whom.items():
        task = ("duty", duties[0].id) if len(duties) == 1 else ("work", "")
        mailing.tell(tx, [account_id], "duty-overdue", task=task)
    tx.record(
        "deadline:overdue",
        object_type="disclosure",
        details={
            "rule": "duty",
            "count": len(late),
            "object_type": "disclosure",
            "objects": sorted({row.reference for row in rows.values()}),
            "oldest_at": milliseconds(late[0].due_at or tx.now),
            "mails": len(whom),
        },
    )
    return len(late), len(whom)


def _those_who_can(tx: Transaction, duty: Duty, row: Disclosure, able: dict[str, list[str]]) -> list[str]:
    """The accounts that can do this duty; `able` keeps those of each agency that was looked at."""
    if duty.kind == REVIEW:
        return _reviewers(tx, row)
    if duty.agency_id not in able:
        able[duty.agency_id] = mailing.accounts_with(tx, [duty.agency_id], Permission.DUTY_FULFIL_OWN)
    return able[duty.agency_id]


def _disclosures_of(tx: Transaction, late: Iterable[Duty]) -> Sequence[Disclosure]:
    return tx.session.scalars(select(Disclosure).where(Disclosure.id.in_({duty.disclosure_id for duty in late}))).all()


def _reviewers(tx: Transaction, row: Disclosure) -> list[str]:
    """Who may look back at this one: whoever could have been its second person, but not those who made it."""
    agencies = evidence_store.second_look_agencies(tx, tx.session.get_one(Signal, row.signal_id), row)
    able = mailing.accounts_with(tx, agencies, second_person.PERMISSION)
    return [account for account in able if account not in {row.requested_by, row.approved_by}]
