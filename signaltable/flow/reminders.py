"""Reminding people: before a day, once, and when it has passed, no more than once a day.

How long before a day people hear of it stands in policies/deadlines.toml (`warn`, working days); a day that is put off comes
near again. Nothing here decides: what is late, each part of the program knows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, exists, func, or_, select

from signaltable.access import Permission
from signaltable.domain import ENDED, GONE, ZONE, Channel, DisclosureState, LinkState, Refused, day_of
from signaltable.flow import duty_reminders, exclusions, feedbacks, mailing
from signaltable.flow.duty_kinds import DESTROY, RECORD, REVIEW
from signaltable.flow.enrich import clocks
from signaltable.flow.identity_requests.rows import WAITING
from signaltable.flow.table import tasks
from signaltable.flow.text_checks import CONFIRM
from signaltable.models import (
    Disclosure,
    Duty,
    Exclusion,
    IdentityRequest,
    Link,
    LinkVerdict,
    Mail,
    MeetingTask,
    Question,
    Signal,
    Subject,
    TextCheck,
)
from signaltable.transaction import Transaction

# So many things stand by name in one entry of the log; their count is of all.
MOST_NAMED: Final = 500


@dataclass(frozen=True, slots=True)
class Reminded:
    """How many questions, disclosures and duties are late, and how many mails were prepared for all that is late or near."""

    questions: int
    disclosures: int
    duties: int
    mails: int


@dataclass(frozen=True, slots=True)
class Owed:
    """A thing that somebody owes: which agency, and what the mail about it leads to. `about`: the signal behind it."""

    object_id: str
    agency: str
    task: mailing.Task
    about: str = ""
    urgency: str = ""
    due_on: date | None = None


def remind(tx: Transaction) -> Reminded:
    """Prepare mails about all that is late and all that comes near. Run every hour; what was told is recorded."""
    if tx.actor.channel not in {Channel.JOB, Channel.SYSTEM, Channel.CLI}:
        raise Refused("no_permission", details={"permission": "deadline:remind:all"})
    questions, taken = list(_late_questions(tx)), list(_late_disclosures(tx))
    mails = _tell_late(tx, "enrich-answer", "question", questions, Permission.ENRICH_ANSWER_ASKED, "question-overdue")
    mails += _late_referrals(tx, taken)
    mails += _late_others(tx)
    owed, told = duty_reminders.remind(tx)
    _late_tasks, task_mails = tasks.remind(tx)
    _expected, feedback_mails = feedbacks.remind(tx)
    near = clocks.remind_before(tx) + _near(tx)
    return Reminded(len(questions), len(taken), owed, mails + told + task_mails + feedback_mails + near)


# -- what is late -------------------------------------------------------------------------------------------------


def _late_questions(tx: Transaction) -> Iterator[Owed]:
    rows = tx.session.execute(
        select(Question, Signal.urgency)
        .join(Signal, Signal.id == Question.signal_id)
        .where(
            Question.answer == "",
            Question.withdrawn_at.is_(None),
            Question.due_on < tx.today,
            Signal.state.not_in(ENDED),
        )
        .order_by(Question.due_on, Question.id)
    )
    for row, urgency in rows:
        yield Owed(row.id, row.agency_id, ("question", row.id), row.signal_id, urgency, row.due_on)


def _late_disclosures(tx: Transaction) -> Sequence[Disclosure]:
    query = select(Disclosure).where(*_waiting_for_receiver(), Disclosure.due_on < tx.today)
    return tx.session.scalars(query.order_by(Disclosure.due_on, Disclosure.reference)).all()


def _waiting_for_receiver() -> tuple[Any, ...]:
    return Disclosure.state == DisclosureState.DISCLOSED, Disclosure.revoked_at.is_(None)


def _late_referrals(tx: Transaction, late: Iterable[Disclosure]) -> int:
    """The receiver hears that it is late, and the owner that nobody took it up."""
    receivers, owners = [], []
    for row in late:
        about = (row.signal_id, "", row.due_on)
        receivers.append(Owed(row.reference, row.recipient_agency, ("disclosure", row.reference), *about))
        owners.append(Owed(row.reference, row.provider_agency, ("sent", row.reference), *about))
    rule, kind = "referral-acceptance", "disclosure"
    told = _tell_late(tx, rule, kind, receivers, Permission.REFERRAL_RECEIVE_OWN, "disclosure-overdue", silent=True)
    told += _tell_late(tx, rule, kind, owners, Permission.SIGNAL_DISCLOSE_OWN, "disclosure-not-taken-up", silent=True)
    _record(tx, rule, kind, [one.object_id for one in receivers], told)
    return told


def _late_others(tx: Transaction) -> int:
    """Values to look at again, links to decide, texts to confirm."""
    values = [Owed(row.id, row.owner_agency, ("exclusion", row.id)) for row in exclusions.late(tx)]
    told = _tell_late(tx, "exclusion-review", "exclusion", values, Permission.EXCLUSION_CHANGE_OWN, "exclusion-overdue")
    links = [one for one in _links(tx) if one.due_on is not None and one.due_on < tx.today]
    told += _tell_late(tx, "link-decision", "link", links, Permission.LINK_DECIDE_OWN, "link-overdue")
    texts = [one for one in _texts(tx) if one.due_on is not None and one.due_on < tx.today]
    return told + _tell_late(tx, "text-confirmation", "text", texts, Permission.SIGNAL_SUBMIT_OWN, "text-overdue")


def _links(tx: Transaction) -> Iterator[Owed]:
    """Proposed links with each agency that has not answered yet, the oldest first."""
    answered = exists().where(LinkVerdict.link_id == Link.id, LinkVerdict.agency_id == Signal.owner_agency)
    rows = tx.session.execute(
        select(Link.id, Link.proposed_at, Signal.owner_agency, func.min(Signal.id).label("signal_id"))
        .join(Subject, or_(Subject.id == Link.subject_a, Subject.id == Link.subject_b))
        .join(Signal, Signal.id == Subject.signal_id)
        .where(Link.state == LinkState.PROPOSED, Signal.state.not_in(GONE), ~answered)
        .group_by(Link.id, Link.proposed_at, Signal.owner_agency)
        .order_by(Link.proposed_at, Link.id)
    )
    deadline = tx.program.policy.deadlines["link-decision"]
    for row in rows:
        due = deadline.due(day_of(row.proposed_at))
        yield Owed(row.id, row.owner_agency, ("link", row.id), row.signal_id, due_on=due)


def _texts(tx: Transaction) -> Iterator[Owed]:
    """Texts of which somebody has to confirm the masks before the table reads them."""
    rows = tx.session.execute(
        select(TextCheck.id, TextCheck.asked_at, Signal.id.label("signal_id"), Signal.owner_agency, Signal.urgency)
        .join(Signal, Signal.id == TextCheck.signal_id)
        .where(TextCheck.state == CONFIRM, Signal.state.not_in(GONE))
        .order_by(TextCheck.asked_at, TextCheck.id)
    )
    deadline = tx.program.policy.deadlines["text-confirmation"]
    for row in rows:
        due = deadline.due(day_of(row.asked_at))
        yield Owed(row.id, row.owner_agency, ("text", row.id), row.signal_id, row.urgency, due)


def _tell_late(
    tx: Transaction,
    rule: str,
    object_type: str,
    owed: Sequence[Owed],
    permission: Permission,
    template: str,
    *,
    silent: bool = False,
) -> int:
    """One mail for each person who is late with one or more of these, unless they had it today.

    A mail of a later day was written while the clock stood ahead, and says nothing about today.
    """
    begins, ends = _start_of(tx.today), _start_of(tx.today + timedelta(days=1))
    today = select(Mail.account_id).where(Mail.template == template, Mail.created_at >= begins, Mail.created_at < ends)
    recently = set(tx.session.scalars(today))
    count = 0
    for agency, things in _by_agency(owed).items():
        whom = [one for one in mailing.accounts_with(tx, [agency], permission) if one not in recently]
        # What leads to one thing opens that; several lead to the work list.
        task = things[0].task if len(things) == 1 else mailing.NOTHING
        urgent = any(mailing.presses(tx, template, urgency=one.urgency) for one in things)
        about = {one.about for one in things if one.about} if len(things) == 1 else ()
        mailing.tell(tx, whom, template, task=task, urgent=urgent, about=about)
        count += len(whom)
    if not silent:
        _record(tx, rule, object_type, [one.object_id for one in owed], count)
    return count


def _by_agency(owed: Iterable[Owed]) -> dict[str, list[Owed]]:
    found: dict[str, list[Owed]] = defaultdict(list)
    for one in owed:
        found[one.agency].append(one)
    return found


def _record(tx: Transaction, rule: str, object_type: str, objects: Sequence[str], mails: int) -> None:
    if not mails:
        return
    names = sorted(set(objects))
    details = {
        "rule": rule,
        "count": len(names),
        "object_type": object_type,
        "objects": names[:MOST_NAMED],
        "mails": mails,
    }
    tx.record("deadline:overdue", object_type=object_type, details=details)


# -- what comes near ----------------------------------------------------------------------------------------------


def _near(tx: Transaction) -> int:
    """Tell of everything of which the last day is near, each person once per thing and day."""
    told = _tell_near(tx, "referral-acceptance", "disclosure", _near_disclosures(tx), Permission.REFERRAL_RECEIVE_OWN)
    told += _tell_near(tx, "table-task", "task", _near_tasks(tx), Permission.TASK_SETTLE_OWN)
    told += _tell_near(tx, "duty", "duty", _near_duties(tx), Permission.DUTY_FULFIL_OWN)
    told += _tell_near(tx, "link-decision", "link", _within(tx, "link", _links(tx)), Permission.LINK_DECIDE_OWN)
    told += _tell_near(tx, "identity-decision", "identity", _near_identities(tx), Permission.IDENTITY_DECIDE_OWN)
    told += _tell_near(tx, "exclusion-review", "exclusion", _near_exclusions(tx), Permission.EXCLUSION_CHANGE_OWN)
    texts = _within(tx, "text", _texts(tx))
    return told + _tell_near(tx, "text-confirmation", "text", texts, Permission.SIGNAL_SUBMIT_OWN)


def _until(tx: Transaction, kind: str) -> date | None:
    """The last day of which people hear today; None when they do not hear before the day."""
    days = tx.program.policy.warn.get(kind, 0)
    return tx.program.policy.calendar.later(tx.today, days) if days else None


def _within(tx: Transaction, kind: str, owed: Iterable[Owed]) -> list[Owed]:
    until = _until(tx, kind)
    return [one for one in owed if until is not None and one.due_on is not None and tx.today <= one.due_on <= until]


def _near_disclosures(tx: Transaction) -> Iterator[Owed]:
    until = _until(tx, "acceptance")
    if until is None:
        return
    query = (
        select(Disclosure, Signal.urgency)
        .join(Signal, Signal.id == Disclosure.signal_id)
        .where(*_waiting_for_receiver(), Disclosure.due_on.between(tx.today, until))
        .order_by(Disclosure.due_on, Disclosure.id)
    )
    for row, urgency in tx.session.execute(query):
        thing = row.reference
        yield Owed(thing, row.recipient_agency, ("disclosure", thing), row.signal_id, urgency, row.due_on)


def _near_tasks(tx: Transaction) -> Iterator[Owed]:
    until = _until(tx, "task")
    if until is None:
        return
    query = (
        select(MeetingTask, Signal.urgency)
        .join(Signal, Signal.id == MeetingTask.signal_id)
        .where(MeetingTask.settled_at.is_(None), MeetingTask.due_on.between(tx.today, until), Signal.state.not_in(GONE))
        .order_by(MeetingTask.due_on, MeetingTask.id)
    )
    for row, urgency in tx.session.execute(query):
        yield Owed(row.id, row.agency_id, ("task", row.id), row.signal_id, urgency, row.due_on)


def _near_duties(tx: Transaction) -> Iterator[Owed]:
    until = _until(tx, "duty")
    if until is None:
        return
    query = (
        select(Duty, Disclosure.signal_id)
        .join(Disclosure, Disclosure.id == Duty.disclosure_id)
        .where(
            Duty.fulfilled_at.is_(None),
            Duty.kind.not_in((DESTROY, RECORD, REVIEW)),
            and_(Duty.due_at >= tx.now, Duty.due_at < _start_of(until + timedelta(days=1))),
        )
        .order_by(Duty.due_at, Duty.id)
    )
    for duty, signal_id in tx.session.execute(query):
        due = day_of(duty.due_at) if duty.due_at else None
        yield Owed(duty.id, duty.agency_id, ("duty", duty.id), signal_id, due_on=due)


def _near_identities(tx: Transaction) -> list[Owed]:
    deadline = tx.program.policy.deadlines["identity-decision"]
    query = select(IdentityRequest).where(IdentityRequest.state == WAITING).order_by(IdentityRequest.asked_at)
    owed = [
        Owed(
            row.reference,
            row.owner_agency,
            ("identity", row.reference),
            row.signal_id,
            due_on=deadline.due(day_of(row.asked_at)),
        )
        for row in tx.session.scalars(query)
    ]
    return _within(tx, "identity", owed)


def _near_exclusions(tx: Transaction) -> Iterator[Owed]:
    until = _until(tx, "exclusion")
    if until is None:
        return
    query = select(Exclusion).where(Exclusion.ended_at.is_(None), Exclusion.review_on.between(tx.today, until))
    for row in tx.session.scalars(query.order_by(Exclusion.review_on, Exclusion.id)):
        yield Owed(row.id, row.owner_agency, ("work", row.id), due_on=row.review_on)


def _tell_near(tx: Transaction, rule: str, object_type: str, near: Iterable[Owed], permission: Permission) -> int:
    """One mail for each person and thing; who was told already of this day hears no more of it before it has passed."""
    template = f"{object_type}-reminder"
    owed = list(near)
    if not owed:
        return 0
    told = _told_already(tx, template, [one.task[1] for one in owed])
    people = {agency: mailing.accounts_with(tx, [agency], permission) for agency in {one.agency for one in owed}}
    count, named = 0, []
    for one in owed:
        since = _warned_from(tx, object_type, one)
        whom = [
            account for account in people[one.agency] if (at := told.get((account, one.task[1]))) is None or at < since
        ]
        if whom:
            urgent = mailing.presses(tx, template, urgency=one.urgency)
            about = [one.about] if one.about else ()
            mailing.tell(tx, whom, template, task=one.task, urgent=urgent, about=about)
            count += len(whom)
            named.append(one.object_id)
    _record(tx, rule, object_type, named, count)
    return count


def _told_already(tx: Transaction, template: str, things: Iterable[str]) -> dict[tuple[str, str], datetime]:
    query = (
        select(Mail.account_id, Mail.task_id, func.max(Mail.created_at).label("at"))
        .where(Mail.template == template, Mail.task_id.in_(sorted(set(things))))
        .group_by(Mail.account_id, Mail.task_id)
    )
    return {(row.account_id, row.task_id): row.at for row in tx.session.execute(query)}


_WARN: Final = {"disclosure": "acceptance"}


def _warned_from(tx: Transaction, object_type: str, one: Owed) -> datetime:
    """From when on a mail speaks of this very day: one from before was about the day before it was put off."""
    days = tx.program.policy.warn.get(_WARN.get(object_type, object_type), 0)
    due = one.due_on or tx.today
    first = due
    while tx.program.policy.calendar.later(first - timedelta(days=1), days) >= due:
        first -= timedelta(days=1)
    return _start_of(first)


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)
