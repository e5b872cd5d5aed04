"""What is still owed after a disclosure: one duty is read, done, or put off, and each is in the log.

The provider tells the person (AVG 14(3), Wmo 5.3.1), has an act in acute danger looked at by somebody else, and tells
the municipality; the receiver erases. Keeping the provision on record (Wpg 32) is done by the entry of the disclosure.
Looking back is a use case of its own (`reviewing`). How a duty arises and ends stands in `duty_rows`, lists in
`duty_lists`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.audit_trail import milliseconds
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import Conflict, DisclosureState, NotFound, UnusableInput, day_of
from signaltable.flow import mailing
from signaltable.flow.duty_kinds import (
    DESTROYED,
    EXPLAINED,
    INFORM,
    NO_DAY,
    NOTE_LIMIT,
    OF_RECEIVER,
    PASSED_ON,
    PUT_RIGHT,
    RECALL,
    RECALLED,
    REPORTED,
    RESULTS,
    REVIEW,
    TOO_EARLY,
    TOO_LATE,
    TOO_SHORT,
)
from signaltable.flow.duty_lists import DutyStatus, status_of
from signaltable.flow.duty_rows import (
    ask_receiver,
    close,
    end_of,
    end_of_receiver,
    lock,
    record,
    seal_words,
    side_of,
    words_of,
)
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.models import Disclosure, Duty, Signal
from signaltable.queries import agency_titles, resource_of_disclosure
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction, in_whole


@dataclass(frozen=True, slots=True)
class DutyTask:
    """One duty with all that is needed to fulfil it.

    `signal` is empty for a receiver, who knows it by another name, also when it passes on. `latest` is the last day to postpone to, None when
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


@in_whole("the gate sees what it refuses")
def kind_of(tx: Transaction, duty_id: str) -> str:
    """What kind a duty is, so that a page knows which use case to ask. Raises `NotFound`."""
    found = tx.session.get(Duty, duty_id)
    if found is None:
        raise NotFound("no such duty")
    return found.kind


def consult(tx: Transaction, duty_id: str) -> DutyTask:
    """One duty of the actor's agency that is no review; that is recorded. Raises `Refused`, `NotFound`."""
    duty, row = _own(tx, duty_id)
    titles, side = agency_titles(tx), side_of(duty)
    owner = side == "provider" and row.parent_id is None
    signal = tx.session.get_one(Signal, row.signal_id).reference if owner else ""
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


@in_whole("the gate sees what it refuses")
def _own(tx: Transaction, duty_id: str, *, locked: bool = False) -> tuple[Duty, Disclosure]:
    """A duty of the actor's agency with its disclosure. Raises `Refused` (other_agency), recorded, and `NotFound`."""
    require(tx.actor, Permission.DUTY_FULFIL_OWN)
    duty = tx.session.get(Duty, duty_id)
    if duty is None or duty.kind == REVIEW:
        raise NotFound("no such duty")
    row = tx.session.get_one(Disclosure, duty.disclosure_id)
    resource = replace(resource_of_disclosure(tx, row), owner_agency=duty.agency_id)
    require(tx.actor, Permission.DUTY_FULFIL_OWN, resource)
    if locked:
        lock(tx, duty, row)
    return duty, row


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
    if duty.kind in {RECALL, PASSED_ON}:
        mailing.tell(tx, [row.requested_by], "answer", task=("sent", row.reference))
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


def _wipe(tx: Transaction, row: Disclosure) -> None:
    """Take away the copy that was sealed for the receiver, and what it kept itself of what it passed on from there.

    In this program it then no longer exists for the receiver. That it was passed on, and its digest, stay.
    """
    row.payload_recipient = b""
    for one in tx.session.scalars(select(Disclosure).where(Disclosure.parent_id == row.id)).all():
        one.payload_provider = b""
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


def postpone(tx: Transaction, duty_id: str, *, until: date | None, reason: str, version: int | None = None) -> None:
    """Put off telling the person, because telling is dangerous now (Wmo 5.3.1, UAVG 41); counted and recorded.

    Each time by two weeks at most, and not before the last two weeks of the term, so that every further wait is weighed
    anew. `version` is how often it was put off when the form was shown. Raises `UnusableInput` (until, reason), `Conflict`
    (done, not_postponed; version: a colleague put it off meanwhile) and `Refused`.
    """
    duty, row = _own(tx, duty_id, locked=True)
    if version not in {None, duty.postponed}:
        raise Conflict("version", "a colleague put it off meanwhile")
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
    said = words_of(tx, duty)
    told = {"at": tx.today.isoformat(), "until": until.isoformat(), "reason": words}
    digest = seal_words(tx, duty, {**said, "postponed": [*said.get("postponed", ()), told]})
    moments = {"due_at": milliseconds(duty.due_at), "previous_due_at": milliseconds(before)}
    record(tx, duty, row, "duty:postpone", {**moments, "motivation_hash": digest})


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
