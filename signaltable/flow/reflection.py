"""The reflection period of a presumed victim (Vc 2000 B8/3): noted by whoever looks after the person, and shown to nobody else.

The owner of a signal notes it, or an agency that accepted a referral. The end follows from the rules. No table, no dossier,
no minutes and no mail tell of it; in the log it is among the acts of that agency.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.audit_trail import milliseconds
from signaltable.deadline_rules import RAN_OUT, Reflection
from signaltable.domain import (
    ENDED,
    Channel,
    Conflict,
    DisclosureState,
    NotFound,
    Refused,
    Resource,
    State,
    UnusableInput,
)
from signaltable.flow import mailing
from signaltable.flow.dossier import pseudonym
from signaltable.flow.duty_rows import end_of
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import Agency, Disclosure, ReflectionPeriod, Signal, Subject
from signaltable.queries import (
    disclosure_by_reference,
    kept_from_signal,
    not_kept_from,
    resource_of,
    resource_of_disclosure,
    signal_by_reference,
    subjects_of,
)
from signaltable.texts import Text
from signaltable.transaction import Transaction

# From where it is noted: an own signal and the number of a subject, or a disclosure and the pseudonym that stands there.
SIGNAL, DISCLOSURE = "signaal", "verstrekking"
WAYS: Final = (SIGNAL, DISCLOSURE)
VICTIM: Final = "possible_victim"

NO_DAY: Final = "expected a day"
IN_FUTURE: Final = "expected a day that is not later than today"
TOO_LONG_AGO: Final = "expected a day from which the period still runs"
UNKNOWN_CHOICE: Final = "expected one of the choices on the form"


@dataclass(frozen=True, slots=True)
class Whom:
    """The person before the actor: in an own signal, or in a disclosure that the own agency accepted."""

    way: str
    thing: str
    known_as: str
    signal: Signal
    subject: Subject


@dataclass(frozen=True, slots=True)
class Period:
    """A reflection period as its agency sees it. `way`, `thing` and `known_as` lead to the person on a page of theirs."""

    id: str
    way: str
    thing: str
    known_as: str
    began_on: date
    ends_on: date
    days_left: int
    ended_on: date | None
    result: str
    version: int


def rules(tx: Transaction) -> Reflection:
    """The rules of today. Raises LookupError for rules from before there were any."""
    found = tx.program.policy.reflection
    if found is None:
        raise LookupError("expected rules about the reflection period in the rules of today")
    return found


# -- noting it ----------------------------------------------------------------------------------------------------


def find(tx: Transaction, way: str, thing: str, known_as: str) -> Whom:
    """The person on a page of the actor. Raises `NotFound`, `Refused` for whoever does not look after this case."""
    if way == SIGNAL:
        signal = signal_by_reference(tx, thing)
        require(tx.actor, Permission.REFLECTION_RECORD_OWN, resource_of(tx, signal))
        names = {str(one.number): one for one in subjects_of(tx, signal.id)}
    elif way == DISCLOSURE:
        row = disclosure_by_reference(tx, thing)
        received = resource_of_disclosure(tx, row, receiver=True)
        require(tx.actor, Permission.REFLECTION_RECORD_OWN, received)
        if row.state != DisclosureState.ACCEPTED or row.revoked_at is not None:
            raise NotFound("no such case that this agency took up")
        signal = tx.session.get_one(Signal, row.signal_id)
        names = {pseudonym(tx, tx.actor.agency_id, one.id): one for one in subjects_of(tx, signal.id)}
    else:
        raise NotFound("no such page")
    subject = names.get(known_as)
    if subject is None or subject.kind != "person" or subject.erased_at is not None:
        raise NotFound("no such person in it")
    if way == SIGNAL and subject.role != VICTIM:
        raise NotFound("no possible victim")
    return Whom(way, thing, known_as, signal, subject)


def ends(tx: Transaction, began_on: date) -> date:
    """The last day of a period that began on this day."""
    return rules(tx).ends(began_on)


def record(tx: Transaction, way: str, thing: str, known_as: str, *, began_on: date | None) -> str:
    """Note that it began; the end follows. Gives its id.

    Raises `NotFound`, `Refused`, `Conflict` (recorded: one runs already; ended: the signal is no longer there),
    `UnusableInput` for a day in the future or one from which it would be over.
    """
    whom = find(tx, way, thing, known_as)
    tx.session.refresh(whom.signal, with_for_update=True)
    if State(whom.signal.state) in ENDED:
        raise Conflict("ended", "this signal has ended")
    if open_of(tx, [whom.subject.id]):
        raise Conflict("recorded", "a reflection period of this person runs already")
    if began_on is None:
        raise UnusableInput({"began_on": NO_DAY})
    if began_on > tx.today:
        raise UnusableInput({"began_on": IN_FUTURE})
    ends_on = ends(tx, began_on)
    if ends_on < tx.today:
        raise UnusableInput({"began_on": TOO_LONG_AGO})
    row = ReflectionPeriod(
        id=tx.new_id(),
        signal_id=whom.signal.id,
        subject_id=whom.subject.id,
        agency_id=tx.actor.agency_id,
        began_on=began_on,
        ends_on=ends_on,
        noted_by=tx.actor.account_id,
        noted_at=tx.now,
        version=1,
    )
    tx.session.add(row)
    details = {"starts_at": milliseconds(end_of(began_on)), "due_at": milliseconds(end_of(ends_on))}
    _record(tx, "reflection:record", whom.signal, whom.subject.id, details)
    return row.id


def _record(tx: Transaction, action: str, signal: Signal, subject_id: str, details: Mapping[str, object]) -> None:
    tx.record(
        action,
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, **details},
        subjects=[subject_id],
    )


def open_of(tx: Transaction, subject_ids: Sequence[str]) -> list[ReflectionPeriod]:
    """The periods that run now of these people, as far as the actor's own agency noted them."""
    query = select(ReflectionPeriod).where(
        ReflectionPeriod.subject_id.in_(subject_ids),
        ReflectionPeriod.agency_id == tx.actor.agency_id,
        ReflectionPeriod.ended_on.is_(None),
    )
    return list(tx.session.scalars(query.order_by(ReflectionPeriod.began_on, ReflectionPeriod.id)))


# -- reading it ---------------------------------------------------------------------------------------------------


def listing(tx: Transaction) -> tuple[Period, ...]:
    """What the own agency noted: those that run, the first to end first, and then the last that ended."""
    _gate(tx)
    mine = select(ReflectionPeriod).where(
        ReflectionPeriod.agency_id == tx.actor.agency_id, not_kept_from(tx, ReflectionPeriod.signal_id)
    )
    runs = mine.where(ReflectionPeriod.ended_on.is_(None)).order_by(ReflectionPeriod.ends_on, ReflectionPeriod.id)
    over = mine.where(ReflectionPeriod.ended_on.is_not(None)).order_by(ReflectionPeriod.ended_on.desc())
    rows = [*tx.session.scalars(runs.limit(MOST)), *tx.session.scalars(over.limit(25))]
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "reflection", "count": len(rows)},
        subjects=[row.subject_id for row in rows],
    )
    return tuple(_period(tx, row) for row in rows)


def consult(tx: Transaction, period_id: str) -> Period:
    """One period of the own agency. Raises `NotFound` for everybody else's: not even its existence is told."""
    row, signal = _own(tx, period_id)
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "reflection"},
        subjects=[row.subject_id],
    )
    return _period(tx, row)


def runs_for(tx: Transaction, way: str, thing: str) -> tuple[Period, ...]:
    """The periods that the own agency noted of people in this signal or disclosure, for a page that shows it already."""
    signal_id = signal_by_reference(tx, thing).id if way == SIGNAL else disclosure_by_reference(tx, thing).signal_id
    query = select(ReflectionPeriod).where(
        ReflectionPeriod.signal_id == signal_id, ReflectionPeriod.agency_id == tx.actor.agency_id
    )
    return tuple(_period(tx, row) for row in tx.session.scalars(query.order_by(ReflectionPeriod.began_on)))


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The periods that run, until the day on which each ends: by then somebody notes what came of it."""
    query = select(ReflectionPeriod).where(
        ReflectionPeriod.agency_id == tx.actor.agency_id,
        ReflectionPeriod.ended_on.is_(None),
        not_kept_from(tx, ReflectionPeriod.signal_id),
    )
    rows = tx.lists.scalars(query.order_by(ReflectionPeriod.ends_on, ReflectionPeriod.id).limit(MOST)).all()
    things = _things(tx, rows)
    for row in rows:
        thing = things[row.id][1]
        yield WorkItem("reflection", row.id, thing, row.noted_at, row.ends_on, about=(row.signal_id,))


def warning(tx: Transaction, reference: str, recipient: str) -> Text | None:
    """What somebody reads who prepares a disclosure to this agency while a period runs that the own agency noted."""
    rule = tx.program.policy.reflection
    agency = tx.session.get(Agency, recipient)
    if rule is None or agency is None or agency.kind not in rule.kinds:
        return None
    of_signal = select(Signal.id).where(Signal.reference == reference)
    received = select(Disclosure.signal_id).where(Disclosure.reference == reference)
    running = select(ReflectionPeriod.id).where(
        ReflectionPeriod.agency_id == tx.actor.agency_id,
        ReflectionPeriod.ended_on.is_(None),
        ReflectionPeriod.signal_id.in_(of_signal.union_all(received)),
    )
    return rule.warning if tx.session.scalar(running.limit(1)) is not None else None


def _gate(tx: Transaction) -> None:
    own = Resource("reflection", owner_agency=tx.actor.agency_id)
    require(tx.actor, Permission.REFLECTION_RECORD_OWN, own)


def _own(tx: Transaction, period_id: str, *, locked: bool = False) -> tuple[ReflectionPeriod, Signal]:
    _gate(tx)
    row = tx.session.get(ReflectionPeriod, period_id, with_for_update=locked or None)
    if row is None or row.agency_id != tx.actor.agency_id or tx.actor.account_id in kept_from_signal(tx, row.signal_id):
        raise NotFound("no such reflection period")
    return row, tx.session.get_one(Signal, row.signal_id)


def _period(tx: Transaction, row: ReflectionPeriod) -> Period:
    way, thing, known_as = _things(tx, [row])[row.id]
    return Period(
        id=row.id,
        way=way,
        thing=thing,
        known_as=known_as,
        began_on=row.began_on,
        ends_on=row.ends_on,
        days_left=max(0, (row.ends_on - tx.today).days),
        ended_on=row.ended_on,
        result=row.result,
        version=row.version,
    )


def _things(tx: Transaction, rows: Sequence[ReflectionPeriod]) -> dict[str, tuple[str, str, str]]:
    """Period -> how its agency knows the person: by its own signal and a number, or by what it received."""
    cases = {row.signal_id for row in rows}
    signals = {one.id: one for one in tx.lists.scalars(select(Signal).where(Signal.id.in_(cases)))}
    numbers = dict(
        tx.lists.execute(
            select(Subject.id, Subject.number).where(Subject.id.in_({row.subject_id for row in rows}))
        ).all()
    )
    received = {
        (one.signal_id, one.recipient_agency): one.reference
        for one in tx.lists.execute(
            select(Disclosure.signal_id, Disclosure.recipient_agency, Disclosure.reference)
            .where(Disclosure.signal_id.in_(cases), Disclosure.state == DisclosureState.ACCEPTED)
            .order_by(Disclosure.requested_at)
        )
    }
    found = {}
    for row in rows:
        signal = signals[row.signal_id]
        if signal.owner_agency == row.agency_id:
            found[row.id] = (SIGNAL, signal.reference, str(numbers[row.subject_id]))
        else:
            thing = received.get((row.signal_id, row.agency_id), "")
            found[row.id] = (DISCLOSURE, thing, pseudonym(tx, row.agency_id, row.subject_id))
    return found


# -- ending it ----------------------------------------------------------------------------------------------------


def end(tx: Transaction, period_id: str, *, result: str, version: int) -> None:
    """Say before its end what came of it. Raises `NotFound`, `Conflict` when it ended or changed, `UnusableInput`."""
    row, signal = _own(tx, period_id, locked=True)
    if row.ended_on is not None:
        raise Conflict("ended", "this reflection period is over already")
    if row.version != version:
        raise Conflict("changed", "somebody changed this meanwhile")
    if result not in {one.id for one in rules(tx).result if not one.by_program}:
        raise UnusableInput({"result": UNKNOWN_CHOICE})
    _end(tx, row, signal, result, tx.today)


def _end(tx: Transaction, row: ReflectionPeriod, signal: Signal, result: str, on: date) -> None:
    row.ended_on, row.result = on, result
    row.version += 1
    details: dict[str, object] = {"result": result, "ended_at": milliseconds(end_of(on))}
    _record(tx, "reflection:end", signal, row.subject_id, details)


def sweep(tx: Transaction) -> tuple[int, int]:
    """End the periods that ran out, and tell the agencies of those that end soon, once. Gives both numbers. For the job."""
    if tx.actor.channel not in {Channel.JOB, Channel.SYSTEM, Channel.CLI}:
        raise Refused("no_permission", details={"permission": Permission.REFLECTION_RECORD_OWN.value})
    runs = select(ReflectionPeriod).where(ReflectionPeriod.ended_on.is_(None)).with_for_update()
    over = tx.session.scalars(runs.where(ReflectionPeriod.ends_on < tx.today).limit(MOST)).all()
    for row in over:
        _end(tx, row, tx.session.get_one(Signal, row.signal_id), RAN_OUT, row.ends_on)
    soon = tx.program.policy.calendar.later(tx.today, tx.program.policy.warn.get("reflection", 0))
    near = tx.session.scalars(
        runs.where(ReflectionPeriod.ends_on.between(tx.today, soon), ReflectionPeriod.warned_at.is_(None)).limit(MOST)
    ).all()
    for row in near:
        row.warned_at = tx.now
        people = mailing.accounts_with(tx, [row.agency_id], Permission.REFLECTION_RECORD_OWN)
        # The mail does not say what it is about, and neither does its kind: it leads to the work list.
        mailing.tell(tx, people, "work-reminder", about=(row.signal_id,))
    if near:
        details = {"rule": "reflection", "count": len(near), "object_type": "signal", "mails": len(near)}
        tx.record("deadline:overdue", object_type="signal", details=details, signals=[row.signal_id for row in near])
    return len(over), len(near)
