"""What is still owed after a disclosure: it arises with the disclosure, waits as a task, and is done or put off in the log.

The provider tells the person (AVG 14(3), Wmo 5.3.1), has an act in acute danger looked at by somebody else, and tells
the municipality; the receiver erases. Keeping the provision on record (Wpg 32) is done by the entry of the disclosure.
Looking back is a use case of its own (`reviewing`).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, or_, select, tuple_, update

from signaltable.access import Allowed, Permission, may, require
from signaltable.db import UtcDateTime
from signaltable.domain import ZONE, Conflict, DisclosureState, NotFound, Resource, UnusableInput, day_of
from signaltable.evidence import MOTIVATION_LENGTH
from signaltable.flow import evidence_store, mailing, sealing, second_person
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.weighing import Permitted
from signaltable.models import Disclosure, Duty, Signal
from signaltable.queries import PAGE, PageKey, agency_titles
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction

INFORM, REVIEW, RECORD, DESTROY = "inform", "review", "record", "destroy"
INFORM_MUNICIPALITY = "inform-municipality"
# What arises later: consent was taken back, a review found a disclosure not right, and the receiver is asked to erase.
WITHDRAWN, PUT_RIGHT, RECALL = "consent-withdrawn", "put-right", "recall"
OF_RECEIVER: Final = (DESTROY, WITHDRAWN, RECALL)

# How a duty can be fulfilled. Closed lists, so that figures can be made without reading what people wrote.
DESTROYED, KEPT = "destroyed", "kept_own_ground"
RECALLED, REPORTED, LEFT = "recalled", "recalled_reported", "left"
OTHER = "other"
RESULTS: Final[Mapping[str, tuple[str, ...]]] = {
    INFORM: ("in_person", "interpreter", "phone", "letter", "through_coordinator", OTHER),
    INFORM_MUNICIPALITY: ("informed",),
    DESTROY: (DESTROYED,),
    WITHDRAWN: (DESTROYED, KEPT),
    RECALL: (DESTROYED, KEPT),
    PUT_RIGHT: (RECALLED, REPORTED, LEFT),
}
# These say nothing without an explanation.
EXPLAINED: Final = frozenset({KEPT, LEFT, OTHER})
# What the program itself writes down as a result.
LOGGED, RETURNED, ENDED, BY_PROGRAM = "logged", "returned", "ended", "by_program"
RIGHT, NOT_RIGHT = "right", "not_right"

NOTE_LIMIT: Final = 2000

# What is wrong with an answer; pages have words for each.
TOO_SHORT = "expected a reason of at least so many characters"
NO_DAY = "expected a day"
TOO_EARLY = "expected a day that is later"
TOO_LATE = "expected a day that is earlier"

# Far enough to sort what has no date behind everything that has one.
FAR: Final = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DutyLine:
    """A duty in a list of tasks. No content: a list is read over a shoulder. `side` is provider, receiver or reviewer."""

    id: str
    kind: str
    side: str
    disclosure: str
    provider: str
    recipient: str
    due_at: datetime | None
    overdue: bool
    postponed: int


@dataclass(frozen=True, slots=True)
class Postponement:
    """A day on which a duty was put off, until when, and why."""

    at: date
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class DutyStatus:
    """Where a duty stands. `text` and `postponements` are empty for everybody but the agency that owes it."""

    id: str
    kind: str
    agency: str
    due_at: datetime | None
    overdue: bool
    postponed: int
    fulfilled_at: datetime | None
    late: bool
    result: str
    mine: bool
    text: str
    postponements: tuple[Postponement, ...]


@dataclass(frozen=True, slots=True)
class DutyTask:
    """One duty with all that is needed to fulfil it.

    `signal` is empty for a receiver, who knows it by another name. `latest` is the last day to postpone to, None when
    this kind is not put off; `from_day` the day from which that is possible. `answer_first`: the receiver has not said
    yet whether it takes the case up.
    """

    status: DutyStatus
    side: str
    disclosure: str
    signal: str
    provider: str
    recipient: str
    purpose: str
    disclosed_at: datetime
    results: tuple[str, ...]
    latest: date | None
    from_day: date | None
    answer_first: bool
    withdrawn_on: date | None

    @property
    def may_postpone(self) -> bool:
        """Whether the day may be put off today."""
        return self.latest is not None and self.from_day is None


# -- arising -----------------------------------------------------------------------------------------------------


def arise(tx: Transaction, signal: Signal, row: Disclosure, permitted: Permitted) -> None:
    """Everything that the ground obliges to, as rows; who has to look back within a day hears of it at once."""
    put_off = _put_off_already(permitted)
    for owed in permitted.obligations:
        agency = row.recipient_agency if owed.kind in OF_RECEIVER else row.provider_agency
        due = owed.due_at or (None if owed.kind in {DESTROY, RECORD} else end_of(tx.today))
        duty = owe(tx, row, owed.kind, agency, due)
        if owed.kind == RECORD:
            # Wpg 32, PROTOCOL: the entry of the disclosure is the record, in the same commit.
            duty.fulfilled_at, duty.result = tx.now, LOGGED
        elif owed.kind == INFORM and put_off:
            duty.postponed = 1
        elif owed.kind == REVIEW:
            for agency_id in evidence_store.second_look_agencies(tx, signal):
                mailing.tell_agency(tx, [agency_id], second_person.PERMISSION, "review")


def _put_off_already(permitted: Permitted) -> bool:
    """Whether the evidence held a dated decision to wait (UAVG 41)."""
    told = next((met.evidence for met in permitted.conditions_met if met.code == "INFORM"), None)
    return told is not None and told["how"] == "postponed"


def owe(tx: Transaction, row: Disclosure, kind: str, agency_id: str, due_at: datetime | None) -> Duty:
    """One more duty of this disclosure. The caller records why."""
    duty = Duty(
        id=tx.new_id(),
        disclosure_id=row.id,
        agency_id=agency_id,
        kind=kind,
        created_at=tx.now,
        due_at=due_at,
        postponed=0,
        fulfilled_by="",
        result="",
        note_sealed=b"",
    )
    tx.session.add(duty)
    return duty


def ask_receiver(tx: Transaction, row: Disclosure, kind: str) -> bool:
    """A task for the receiver because the ground falls away, with a mail without content; False when it holds nothing."""
    if row.state not in {DisclosureState.DISCLOSED, DisclosureState.ACCEPTED} or not row.payload_recipient:
        return False
    owe(tx, row, kind, row.recipient_agency, end_of(tx.program.policy.deadlines["receiver-reaction"].due(tx.today)))
    mailing.tell_agency(tx, [row.recipient_agency], Permission.DUTY_FULFIL_OWN, kind)
    return True


def end_of(day: date) -> datetime:
    """The last second of a day in the Netherlands."""
    return datetime.combine(day, time(23, 59, 59), ZONE)


# -- looking -----------------------------------------------------------------------------------------------------


def listing(tx: Transaction, *, after: PageKey | None = None) -> tuple[list[DutyLine], PageKey | None]:
    """What the actor can fulfil, the first due first, a page at a time; with the key of the next page or None."""
    due = func.coalesce(Duty.due_at, literal(FAR, UtcDateTime()))
    query = _waiting(tx, select(Duty, Disclosure))
    if after is not None:
        query = query.where(tuple_(due, Duty.id) > tuple_(literal(after[0], UtcDateTime()), literal(after[1])))
    found = tx.session.execute(query.order_by(due, Duty.id).limit(PAGE + 1)).all()
    shown, titles = found[:PAGE], agency_titles(tx)
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "duties", "count": len(shown)},
    )
    last = shown[-1].Duty if len(found) > PAGE else None
    return [_line(tx, one.Duty, one.Disclosure, titles) for one in shown], (
        last.due_at or FAR,
        last.id,
    ) if last else None


def count_waiting(tx: Transaction) -> int:
    """How many duties ask for something now. Erasing asks nothing before its day."""
    now = Duty.kind != DESTROY, Duty.due_at <= tx.now
    query = _waiting(tx, select(func.count()).select_from(Duty)).where(or_(*now))
    return tx.session.scalar(query) or 0


def _waiting(tx: Transaction, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    joined = query.join(Disclosure, Disclosure.id == Duty.disclosure_id).join(Signal, Signal.id == Disclosure.signal_id)
    return joined.where(Duty.fulfilled_at.is_(None), _of_actor(tx))


def _of_actor(tx: Transaction) -> ColumnElement[bool]:
    """What the actor's agency owes, and what somebody else did that the actor may look back at."""
    parts: list[ColumnElement[bool]] = [false()]
    if isinstance(may(tx.actor, Permission.DUTY_FULFIL_OWN), Allowed):
        parts.append(and_(Duty.agency_id == tx.actor.agency_id, Duty.kind != REVIEW))
    if second_person.may_look(tx):
        others = Disclosure.requested_by != tx.actor.account_id, Disclosure.approved_by != tx.actor.account_id
        parts.append(and_(Duty.kind == REVIEW, *others, second_person.reach(tx)))
    return or_(*parts)


def _line(tx: Transaction, duty: Duty, row: Disclosure, titles: Mapping[str, str]) -> DutyLine:
    return DutyLine(
        id=duty.id,
        kind=duty.kind,
        side=_side(duty),
        disclosure=row.reference,
        provider=titles.get(row.provider_agency, ""),
        recipient=titles.get(row.recipient_agency, ""),
        due_at=duty.due_at,
        overdue=_overdue(tx, duty),
        postponed=duty.postponed,
    )


def _side(duty: Duty) -> str:
    if duty.kind == REVIEW:
        return "reviewer"
    return "receiver" if duty.kind in OF_RECEIVER else "provider"


def _overdue(tx: Transaction, duty: Duty) -> bool:
    return duty.fulfilled_at is None and duty.due_at is not None and duty.due_at < tx.now


def of_disclosure(tx: Transaction, row: Disclosure, *, only: Iterable[str] = ()) -> tuple[DutyStatus, ...]:
    """The duties of a disclosure, the first due first; `only` these kinds. What was written is for who owes it alone.

    The caller asked the gate and records the view.
    """
    kinds = set(only)
    due = func.coalesce(Duty.due_at, literal(FAR, UtcDateTime()))
    order = case((Duty.kind == RECORD, 1), else_=0)
    found = tx.session.scalars(select(Duty).where(Duty.disclosure_id == row.id).order_by(order, due, Duty.id)).all()
    titles = agency_titles(tx)
    return tuple(status_of(tx, duty, titles) for duty in found if not kinds or duty.kind in kinds)


def status_of(tx: Transaction, duty: Duty, titles: Mapping[str, str]) -> DutyStatus:
    """Where one duty stands, as the actor may know it."""
    mine = duty.agency_id == tx.actor.agency_id
    said = _said(tx, duty) if mine else {}
    late = duty.fulfilled_at is not None and duty.due_at is not None and duty.fulfilled_at > duty.due_at
    return DutyStatus(
        id=duty.id,
        kind=duty.kind,
        agency=titles.get(duty.agency_id, ""),
        due_at=duty.due_at,
        overdue=_overdue(tx, duty),
        postponed=duty.postponed,
        fulfilled_at=duty.fulfilled_at,
        late=late,
        result=duty.result,
        mine=mine,
        text=said.get("text", ""),
        postponements=tuple(
            Postponement(date.fromisoformat(one["at"]), date.fromisoformat(one["until"]), one["reason"])
            for one in said.get("postponed", ())
        ),
    )


def consult(tx: Transaction, duty_id: str) -> DutyTask:
    """One duty of the actor's agency that is no review; that is recorded. Raises `Refused`, `NotFound`."""
    duty, row = _own(tx, duty_id)
    titles, side = agency_titles(tx), _side(duty)
    signal = tx.session.get_one(Signal, row.signal_id).reference if side == "provider" else ""
    tx.record(
        "disclosure:consult",
        object_type="disclosure",
        object_id=row.reference,
        details={"disclosure": row.reference, "view": "duty", "fields": []},
    )
    return DutyTask(
        status=status_of(tx, duty, titles),
        side=side,
        disclosure=row.reference,
        signal=signal,
        provider=titles.get(row.provider_agency, ""),
        recipient=titles.get(row.recipient_agency, ""),
        purpose=row.purpose,
        disclosed_at=row.disclosed_at or row.requested_at,
        results=RESULTS.get(duty.kind, ()),
        latest=_latest(tx, duty),
        from_day=_from_day(tx, duty),
        answer_first=side == "receiver" and row.state == DisclosureState.DISCLOSED,
        withdrawn_on=row.consent_withdrawn_on,
    )


def kind_of(tx: Transaction, duty_id: str) -> str:
    """What kind a duty is, so that a page knows which use case to ask. Raises `NotFound`."""
    found = tx.session.get(Duty, duty_id)
    if found is None:
        raise NotFound("no such duty")
    return found.kind


def _own(tx: Transaction, duty_id: str, *, locked: bool = False) -> tuple[Duty, Disclosure]:
    """A duty of the actor's agency with its disclosure. Raises `Refused` (other_agency), recorded, and `NotFound`."""
    require(tx.actor, Permission.DUTY_FULFIL_OWN)
    duty = tx.session.get(Duty, duty_id)
    if duty is None or duty.kind == REVIEW:
        raise NotFound("no such duty")
    row = tx.session.get_one(Disclosure, duty.disclosure_id)
    require(tx.actor, Permission.DUTY_FULFIL_OWN, Resource("disclosure", row.reference, owner_agency=duty.agency_id))
    if locked:
        lock(tx, duty, row)
    return duty, row


def lock(tx: Transaction, duty: Duty, row: Disclosure) -> None:
    """Let a double click wait, and find the first one done. Raises `Conflict` (done)."""
    tx.session.refresh(row, with_for_update=True)
    tx.session.refresh(duty, with_for_update=True)
    if duty.fulfilled_at is not None:
        raise Conflict("done", "the duty was fulfilled already")


# -- fulfilling --------------------------------------------------------------------------------------------------


def fulfil(tx: Transaction, duty_id: str, *, result: str, on: date | None, note: str = "") -> None:
    """Say how and on which day it was done. Erasing wipes the receiver's copy in this program as well.

    Raises `UnusableInput` for an answer that cannot be used, `Conflict` when it was done already (done) or the receiver
    has to accept or return the case first (not_answered), and `Refused` for another agency.
    """
    duty, row = _own(tx, duty_id, locked=True)
    if duty.kind in OF_RECEIVER and row.state == DisclosureState.DISCLOSED:
        raise Conflict("not_answered", "the case has to be accepted or returned first")
    words = note.strip()
    problems = dict(_problems(tx, duty, row, result, on, words))
    if on is None or problems:
        raise UnusableInput(problems)
    done_at = tx.now if on == tx.today else end_of(on)
    close(tx, duty, row, result, done_at, said={"text": words} if words else {})
    if duty.kind == PUT_RIGHT and result in {RECALLED, REPORTED}:
        ask_receiver(tx, row, RECALL)
    if result == DESTROYED:
        _wipe(tx, row)
        end_of_receiver(tx, row, DESTROYED, done_at)


def _problems(
    tx: Transaction, duty: Duty, row: Disclosure, result: str, on: date | None, note: str
) -> Iterable[tuple[str, str]]:
    if result not in RESULTS.get(duty.kind, ()):
        yield "result", "expected one of the results of this kind of duty"
    if on is None:
        yield "on", NO_DAY
    elif on > tx.today:
        yield "on", TOO_LATE
    elif on < day_of(row.requested_at):
        yield "on", TOO_EARLY
    if result in EXPLAINED and len(note) < MOTIVATION_LENGTH:
        yield "note", TOO_SHORT if note else NO_TEXT
    else:
        yield from _unreadable("note", note)


def _unreadable(place: str, text: str) -> Iterable[tuple[str, str]]:
    """What is wrong with words that stay with the own agency: sealed, so names may stay, a BSN never."""
    if len(text) > NOTE_LIMIT:
        yield place, TOO_LONG
    elif contains_bsn(text):
        yield place, HAS_BSN


def close(
    tx: Transaction,
    duty: Duty,
    row: Disclosure,
    result: str,
    done_at: datetime,
    *,
    said: Mapping[str, Any] | None = None,
) -> None:
    """Write down that a duty is done, and record it. The words stay sealed for the agency that owed it."""
    duty.fulfilled_at, duty.fulfilled_by, duty.result = done_at, tx.actor.account_id, result
    details: dict[str, Any] = {"result": result}
    if said:
        details["motivation_hash"] = _seal(tx, duty, {**_said(tx, duty), **said})
    if duty.due_at:
        details["due_at"] = ms(duty.due_at)
        details["late"] = done_at > duty.due_at
    if duty.kind == REVIEW:
        details["requester"] = row.requested_by
    _record(tx, duty, row, "duty:fulfil", details)


def end_of_receiver(tx: Transaction, row: Disclosure, result: str, done_at: datetime) -> None:
    """What the receiver still owed, ends with its copy of the data: erased (destroyed) or given back (returned)."""
    open_ones = select(Duty).where(
        Duty.disclosure_id == row.id, Duty.kind.in_(OF_RECEIVER), Duty.fulfilled_at.is_(None)
    )
    for duty in tx.session.scalars(open_ones).all():
        close(tx, duty, row, result, done_at)


def _wipe(tx: Transaction, row: Disclosure) -> None:
    """Take away the copy that was sealed for the receiver; in this program it then no longer exists for anybody."""
    row.payload_recipient = b""
    tx.record(
        "retention:erase",
        object_type="disclosure",
        object_id=row.reference,
        details={
            "rule": "receiver",
            "count": 1,
            "object_type": "disclosure",
            "objects": [row.reference],
            "policy_digest": tx.program.policy.digest,
        },
    )


def _said(tx: Transaction, duty: Duty) -> dict[str, Any]:
    return sealing.open_json(tx, duty.agency_id, duty.note_sealed, _place(duty)) if duty.note_sealed else {}


def _seal(tx: Transaction, duty: Duty, said: Mapping[str, Any]) -> str:
    """Seal the words for the agency that owes the duty; returns the digest of the envelope, fresh each time, for the log."""
    duty.note_sealed = sealing.seal_json(tx, duty.agency_id, said, _place(duty))
    return hashlib.sha256(duty.note_sealed).hexdigest()


def _place(duty: Duty) -> str:
    return f"duties|note_sealed|{duty.id}"


def _record(tx: Transaction, duty: Duty, row: Disclosure, action: str, details: Mapping[str, Any]) -> None:
    # The receiver knows the signal by a name of its own; its entries do not tell the provider's.
    signal = {} if duty.kind in OF_RECEIVER else {"signal": tx.session.get_one(Signal, row.signal_id).reference}
    tx.record(
        action,
        object_type="disclosure",
        object_id=row.reference,
        details={"disclosure": row.reference, "duty": duty.id, "kind": duty.kind, **signal, **details},
    )


def ms(moment: datetime) -> int:
    """A moment as the log writes it."""
    return int(moment.timestamp() * 1000)


# -- postponing --------------------------------------------------------------------------------------------------


def postpone(tx: Transaction, duty_id: str, *, until: date | None, reason: str) -> None:
    """Put off telling the person, because telling is dangerous now (Wmo 5.3.1, UAVG 41); counted and recorded.

    Each time by two weeks at most, and not before the last two weeks of the term, so that every further wait is weighed
    anew. Raises `UnusableInput` (until, reason), `Conflict` (done, not_postponed) and `Refused`.
    """
    duty, row = _own(tx, duty_id, locked=True)
    latest = _latest(tx, duty)
    if latest is None or _from_day(tx, duty) is not None or duty.due_at is None:
        raise Conflict("not_postponed", "this duty cannot be put off now")
    words = reason.strip()
    problems = dict(_delay_problems(tx, duty.due_at, latest, until, words))
    if until is None or problems:
        raise UnusableInput(problems)
    before, duty.due_at = duty.due_at, end_of(until)
    duty.postponed += 1
    duty.reminded_at = None
    said = _said(tx, duty)
    told = {"at": tx.today.isoformat(), "until": until.isoformat(), "reason": words}
    digest = _seal(tx, duty, {**said, "postponed": [*said.get("postponed", ()), told]})
    moments = {"due_at": ms(duty.due_at), "previous_due_at": ms(before)}
    _record(tx, duty, row, "duty:postpone", {**moments, "motivation_hash": digest})


def _delay_problems(
    tx: Transaction, due_at: datetime, latest: date, until: date | None, reason: str
) -> Iterable[tuple[str, str]]:
    if until is None:
        yield "until", NO_DAY
    elif until > latest:
        yield "until", TOO_LATE
    elif until <= max(tx.today, day_of(due_at)):
        yield "until", TOO_EARLY
    if len(reason) < MOTIVATION_LENGTH:
        yield "reason", TOO_SHORT if reason else NO_TEXT
    else:
        yield from _unreadable("reason", reason)


def _latest(tx: Transaction, duty: Duty) -> date | None:
    """The last day to which this duty can be put off: two weeks after its term, or after today when that is over."""
    if duty.kind != INFORM or duty.due_at is None or duty.fulfilled_at is not None:
        return None
    return tx.program.policy.deadlines["inform-postponement"].due(max(tx.today, day_of(duty.due_at)))


def _from_day(tx: Transaction, duty: Duty) -> date | None:
    """The day from which it can be put off; None when that is today or was before."""
    latest = _latest(tx, duty)
    if latest is None or duty.due_at is None:
        return None
    due = day_of(duty.due_at)
    first = due - (latest - max(tx.today, due))
    return first if first > tx.today else None


# -- what time does ----------------------------------------------------------------------------------------------


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
    whom: set[str] = set(mailing.accounts_with(tx, _owing(late), Permission.DUTY_FULFIL_OWN))
    for duty in late:
        duty.reminded_at = tx.now
        if duty.kind == REVIEW:
            whom |= set(_reviewers(tx, rows[duty.disclosure_id]))
    mailing.tell(tx, whom, "duty-overdue")
    tx.record(
        "deadline:overdue",
        object_type="disclosure",
        details={
            "rule": "duty",
            "count": len(late),
            "object_type": "disclosure",
            "objects": sorted({row.reference for row in rows.values()}),
            "oldest_at": ms(late[0].due_at or tx.now),
            "mails": len(whom),
        },
    )
    return len(late), len(whom)


def _owing(late: Iterable[Duty]) -> set[str]:
    return {duty.agency_id for duty in late if duty.kind != REVIEW}


def _disclosures_of(tx: Transaction, late: Iterable[Duty]) -> Sequence[Disclosure]:
    return tx.session.scalars(select(Disclosure).where(Disclosure.id.in_({duty.disclosure_id for duty in late}))).all()


def _reviewers(tx: Transaction, row: Disclosure) -> list[str]:
    """Who may look back at this one: whoever could have been its second person, but not those who made it."""
    agencies = evidence_store.second_look_agencies(tx, tx.session.get_one(Signal, row.signal_id))
    able = mailing.accounts_with(tx, agencies, second_person.PERMISSION)
    return [account for account in able if account not in {row.requested_by, row.approved_by}]


def erase_of(tx: Transaction, signal: Signal) -> None:
    """At the end of the term: nobody owes anything any more and the words are gone; that it was owed and done stays."""
    of_signal = Duty.disclosure_id.in_(select(Disclosure.id).where(Disclosure.signal_id == signal.id))
    still_open = of_signal, Duty.fulfilled_at.is_(None)
    # The receiver's copy in this program goes with the rest, so erasing is what happened.
    tx.session.execute(
        update(Duty)
        .where(*still_open)
        .values(fulfilled_at=tx.now, result=case((Duty.kind == DESTROY, BY_PROGRAM), else_=ENDED)),
    )
    tx.session.execute(update(Duty).where(of_signal).values(note_sealed=b""))
