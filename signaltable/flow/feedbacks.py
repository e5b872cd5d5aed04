"""What receivers told about what came of it, as their provider reads it, and those of whom nothing was heard.

Each feedback stays. Whoever passed something on can tell the category that it heard further on, without words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select

from signaltable.access import Permission, require
from signaltable.domain import Conflict, DisclosureState
from signaltable.flow import mailing, referrals, sealing, sources
from signaltable.flow.referrals import feedback_place
from signaltable.mail_rules import beginning_of
from signaltable.models import Disclosure, Feedback, Mail, Signal
from signaltable.queries import agency_titles, disclosure_by_reference
from signaltable.transaction import Transaction

# How long after a reminder of what is late the next one goes.
REMIND_EVERY = timedelta(days=3)
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class FeedbackLine:
    """One feedback: from whom about which disclosure, what and when; `words` for its provider alone."""

    disclosure: str
    agency: str
    result: str
    at: datetime
    words: str


def of_signal(tx: Transaction, signal: Signal) -> tuple[FeedbackLine, ...]:
    """All feedback on what the owner disclosed of a signal, newest first. The caller asked the gate for the signal.

    Reading words is recorded.
    """
    rows = tx.session.scalars(
        select(Disclosure).where(
            Disclosure.signal_id == signal.id, Disclosure.parent_id.is_(None), Disclosure.feedback != ""
        )
    ).all()
    found = [line for row in rows for line in of_disclosure(tx, row)]
    for reference in sorted({line.disclosure for line in found if line.words}):
        details = {"disclosure": reference, "signal": signal.reference, "view": "feedback", "fields": []}
        tx.record("disclosure:consult", object_type="disclosure", object_id=reference, details=details)
    return tuple(sorted(found, key=lambda line: line.at, reverse=True))


def of_disclosure(tx: Transaction, row: Disclosure) -> tuple[FeedbackLine, ...]:
    """The feedback on one disclosure of the actor's agency, newest first. The caller asked the gate and records the view."""
    agency = agency_titles(tx).get(row.recipient_agency, "")
    told = tx.session.scalars(
        select(Feedback).where(Feedback.disclosure_id == row.id).order_by(Feedback.number.desc())
    ).all()
    if not told and row.feedback and row.feedback_at:  # Told before each feedback was kept.
        sealed, place = row.feedback_sealed, referrals.answer_place(row, "feedback_sealed")
        return (FeedbackLine(row.reference, agency, row.feedback, row.feedback_at, _words(tx, row, sealed, place)),)
    return tuple(
        FeedbackLine(
            row.reference, agency, one.result, one.at, _words(tx, row, one.words_sealed, feedback_place(one.id))
        )
        for one in told
    )


def _words(tx: Transaction, row: Disclosure, sealed: bytes, place: str) -> str:
    if not sealed:
        return ""
    return str(sealing.open_json(tx, row.provider_agency, sealed, place).get("text", ""))


# -- passing a category on ------------------------------------------------------------------------------------------


def may_pass_up(tx: Transaction, row: Disclosure) -> bool:
    """Whether the category that was heard about something passed on can be told to whoever gave it."""
    parent = sources.parent_of(tx, row)
    if parent is None or not row.feedback or parent.state != DisclosureState.ACCEPTED:
        return False
    newer = parent.feedback_at is None or row.feedback_at is None or parent.feedback_at < row.feedback_at
    told = newer or parent.feedback != row.feedback
    return told and row.feedback in referrals.allowed_feedback(tx, parent.recipient_agency).categories


def pass_up(tx: Transaction, reference: str) -> str:
    """Tell whoever gave it the category that came back about what was passed on; returns the reference of what it gave.

    Never the words. Raises `Refused`, and `Conflict` (not_told) when there is nothing to tell.
    """
    row = disclosure_by_reference(tx, reference)
    require(tx.actor, *sources.sender_resource(tx, row))
    parent = sources.parent_of(tx, row)
    if parent is None or not may_pass_up(tx, row):
        raise Conflict("not_told", "there is no feedback that can be told further")
    referrals.feed_back(tx, parent.reference, result=row.feedback)
    return parent.reference


# -- of whom nothing was heard ----------------------------------------------------------------------------------------


def remind(tx: Transaction) -> tuple[int, int]:
    """Tell receivers that feedback is expected soon or is late, and who disclosed that it is late.

    Once before the day, and every `REMIND_EVERY` after it. Returns how many disclosures and mails. For the job.
    """
    soon = tx.today + timedelta(days=referrals.feedback_rules(tx).remind_before_days)
    expected = tx.session.scalars(
        select(Disclosure).where(*awaited(), Disclosure.feedback_due_on <= soon).order_by(Disclosure.feedback_due_on)
    ).all()
    late = [row for row in expected if row.feedback_due_on and row.feedback_due_on < tx.today]
    mails = sum(_remind_receiver(tx, row) for row in expected) + sum(_remind_provider(tx, row) for row in late)
    if mails:
        details = {
            "rule": "feedback",
            "count": len(expected),
            "object_type": "disclosure",
            "objects": sorted(row.reference for row in expected)[:AT_ONCE],
            "mails": mails,
        }
        tx.record("deadline:overdue", object_type="disclosure", details=details)
    return len(expected), mails


def awaited() -> tuple[ColumnElement[bool], ...]:
    """The disclosures about which their receiver still has to tell what came of it."""
    return Disclosure.state == DisclosureState.ACCEPTED, Disclosure.feedback_due_on.is_not(None)


def _remind_receiver(tx: Transaction, row: Disclosure) -> int:
    accounts = mailing.accounts_with(tx, [row.recipient_agency], Permission.REFERRAL_RECEIVE_OWN)
    return _tell(tx, accounts, "feedback-due", ("feedback", row.reference), _told_from(tx, row))


def _remind_provider(tx: Transaction, row: Disclosure) -> int:
    return _tell(tx, [row.requested_by], "feedback-missing", ("awaited", row.reference), _told_from(tx, row))


def _told_from(tx: Transaction, row: Disclosure) -> datetime:
    """Whoever was told since then hears nothing now: before the day one mail is enough, and a new one follows on the day after it."""
    due = row.feedback_due_on or tx.today
    if due >= tx.today:
        return beginning_of(due - timedelta(days=referrals.feedback_rules(tx).remind_before_days))
    return max(beginning_of(due + timedelta(days=1)), tx.now - REMIND_EVERY)


def _tell(tx: Transaction, accounts: Iterable[str], template: str, task: mailing.Task, since: datetime) -> int:
    # A mail of a later day was written while the clock stood ahead, and says nothing about today.
    ends = beginning_of(tx.today + timedelta(days=1))
    told = select(Mail.account_id).where(
        Mail.template == template, Mail.task_id == task[1], Mail.created_at > since, Mail.created_at < ends
    )
    recently = set(tx.session.scalars(told))
    wanted = [one for one in accounts if one not in recently]
    mailing.tell(tx, wanted, template, task=task)
    return len(wanted)
