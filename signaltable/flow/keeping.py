"""How long a signal is kept: its owner hears when that is nearly over, and can keep it longer with a reason, up to a maximum.

Why a signal is kept longer is sealed for its owner; that it was, and until when, stands in the course of the signal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import ColumnElement, ScalarSelect, exists, func, or_, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import ENDED, GONE, UNDISCLOSED, Conflict, Refused, State, UnusableInput, day_of
from signaltable.flow import mailing, places
from signaltable.flow.duty_rows import end_of
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG, text_hash
from signaltable.flow.postponements import KEPT, put_off, reason_of, times_put_off
from signaltable.flow.retention import ERASED_SEAL, HANDED_OVER, is_by_program, last_day
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.models import Disclosure, Postponement, Signal, SignalMove
from signaltable.policy_shapes import Retention
from signaltable.queries import not_kept_from, resource_of, signal_by_reference
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction

REASON_LIMIT: Final = 500
NO_DAY: Final = "expected a day"
TOO_EARLY: Final = "expected a day that is later"
TOO_LATE: Final = "expected a day that is earlier"
# So many signals of a kind are warned of in one run; the next run has the rest.
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class KeptLonger:
    """That a signal was kept longer: on which day, from when until when, and why."""

    at: date
    before: date
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Keeping:
    """Until when a signal is kept, by which rule, and whether its owner can keep it longer now.

    `while_open`: something of it was disclosed and nobody closed it, so that its term has not begun.
    `latest` is the last day to choose, None when it cannot be kept longer (now): `times_left` and `from_day` say why.
    """

    until: date
    rule: Retention
    while_open: bool
    ending: bool
    latest: date | None
    from_day: date | None
    times_left: int
    longer: tuple[KeptLonger, ...]
    version: int


# -- which rule, and until when -----------------------------------------------------------------------------------


def _handed_over(tx: Transaction, signal: Signal) -> Sequence[Disclosure]:
    query = select(Disclosure).where(Disclosure.signal_id == signal.id, Disclosure.state.in_(HANDED_OVER))
    return tx.session.scalars(query).all()


def _rule(tx: Transaction, state: State, *, case: bool = False) -> Retention:
    """The class of policies/retention.toml by which signals in this state are kept; `case` when something was disclosed."""
    name = {State.WITHDRAWN: "withdrawn", State.WATCH: "watch"}.get(state, "case" if case else "signal")
    return tx.program.policy.retention[name]


def of_signal(tx: Transaction, signal: Signal) -> Keeping | None:
    """How long a signal of the actor's agency is kept; None when nothing of it is kept. The caller asked the gate."""
    if signal.owner_sealed == ERASED_SEAL:
        return None
    handed_over = _handed_over(tx, signal)
    state = State(signal.state)
    rule = _rule(tx, state, case=bool(handed_over))
    until = last_day(tx, signal, handed_over)
    kept = tx.session.scalar(select(_times_kept(state)).select_from(Signal).where(Signal.id == signal.id)) or 0
    left = max(0, (_rule(tx, state).extend_times or 0) - kept)
    from_day = until - timedelta(days=rule.warn or 0)
    possible = bool(rule.extend_days) and left > 0 and _can_expire(signal, handed_over) and until >= tx.today
    now = possible and tx.today >= from_day
    while_open = bool(handed_over) and state not in ENDED
    return Keeping(
        until=until,
        rule=rule,
        while_open=while_open,
        ending=not while_open and from_day <= tx.today <= until,
        latest=until + timedelta(days=rule.extend_days or 0) if now else None,
        from_day=from_day if possible else None,
        times_left=left,
        longer=tuple(_longer(tx, signal)),
        version=signal.version,
    )


def _can_expire(signal: Signal, handed_over: Sequence[Disclosure]) -> bool:
    """Whether time alone ends it: of a case somebody says that it is over, and a term that ended it runs already."""
    state = State(signal.state)
    return (state in UNDISCLOSED or state is State.CLOSED) and not handed_over


def _times_kept(state: State) -> ScalarSelect[int]:
    """How many times a signal in this state (that of the query around it) was kept longer in the term that runs.

    Watching has a term of its own, and so its own times.
    """
    watched_since = exists().where(
        SignalMove.signal_id == Signal.id, SignalMove.state_to == State.WATCH, SignalMove.at >= Postponement.at
    )
    times = select(func.count(Postponement.id)).where(Postponement.kind == KEPT, Postponement.object_id == Signal.id)
    if state is State.WATCH:
        times = times.where(~watched_since.correlate(Signal, Postponement))
    return times.correlate(Signal).scalar_subquery()


def _longer(tx: Transaction, signal: Signal) -> Iterable[KeptLonger]:
    for row in times_put_off(tx, signal.id, KEPT):
        yield KeptLonger(day_of(row.at), row.before, row.until, reason_of(tx, row))


# -- keeping it longer --------------------------------------------------------------------------------------------


def keep_longer(tx: Transaction, reference: str, *, until: date | None, reason: str, version: int) -> date:
    """Keep a signal until a later day, with a reason; gives that day. Only the owner, and only when its end is near.

    Raises `Refused`, `Conflict` (changed; not_longer when the rules leave no room), `UnusableInput`.
    """
    signal = signal_by_reference(tx, reference)
    require(tx.actor, Permission.RETENTION_POSTPONE_OWN, resource_of(tx, signal))
    tx.session.refresh(signal, with_for_update=True)
    keeping = of_signal(tx, signal)
    if keeping is None or keeping.latest is None or State(signal.state) in GONE:
        raise Conflict("not_longer", "this signal cannot be kept longer now")
    if signal.version != version:
        raise Conflict("changed", "somebody changed this signal meanwhile")
    words = reason.strip()
    problems = dict(_problems(keeping, keeping.latest, until, words))
    if until is None or problems:
        raise UnusableInput(problems)
    put_off(tx, KEPT, signal.id, signal.id, before=keeping.until, until=until, why=words)
    signal.keep_until, signal.keep_warned_at = until, None
    signal.version += 1
    tx.record(
        "retention:postpone",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "due_at": milliseconds(end_of(until)),
            "previous_due_at": milliseconds(end_of(keeping.until)),
            "count": len(keeping.longer) + 1,
            "motivation_hash": text_hash(words),
        },
    )
    return until


def _problems(keeping: Keeping, latest: date, until: date | None, reason: str) -> Iterable[tuple[str, str]]:
    if until is None:
        yield "until", NO_DAY
    elif until > latest:
        yield "until", TOO_LATE
    elif until <= keeping.until:
        yield "until", TOO_EARLY
    if not reason:
        yield "reason", NO_TEXT
    elif len(reason) > REASON_LIMIT:
        yield "reason", TOO_LONG
    elif contains_bsn(reason):
        yield "reason", HAS_BSN


# -- hearing of it ------------------------------------------------------------------------------------------------


def warn(tx: Transaction) -> int:
    """Tell owners of signals of which the term is nearly over, once for each term. Returns how many. For the program."""
    if not is_by_program(tx):
        raise Refused("no_permission", details={"permission": "retention:warn:all"})
    told: dict[str, list[Signal]] = {}
    mails: dict[str, int] = {}
    for signal in _near(tx):
        handed_over = _handed_over(tx, signal)
        rule = _rule(tx, State(signal.state), case=bool(handed_over))
        until = last_day(tx, signal, handed_over)
        from_day = until - timedelta(days=rule.warn or 0)
        if not rule.warn or not from_day <= tx.today <= until:
            continue
        if signal.keep_warned_at is not None and day_of(signal.keep_warned_at) >= from_day:
            continue
        signal.keep_warned_at = tx.now
        told.setdefault(rule.id, []).append(signal)
        people = mailing.accounts_with(tx, [signal.owner_agency], Permission.RETENTION_POSTPONE_OWN)
        mailing.tell(tx, people, "retention-warning", task=("signal", signal.reference), about=(signal.id,))
        mails[rule.id] = mails.get(rule.id, 0) + len(people)
    for rule_id, some in told.items():
        tx.record(
            "retention:warn",
            object_type="signal",
            details={
                "rule": rule_id,
                "count": len(some),
                "object_type": "signal",
                "objects": [one.reference for one in some],
                "mails": mails[rule_id],
            },
        )
    return sum(len(some) for some in told.values())


def _near(tx: Transaction) -> Iterable[Signal]:
    """What may have to be told of: an end within the time before which people hear, and not told lately.

    Each rule has its own time and its own turn: what another one still leaves alone takes nobody's place.
    """
    there = select(Signal).where(Signal.owner_sealed != ERASED_SEAL).order_by(Signal.keep_until, Signal.id)
    for state in (*UNDISCLOSED, State.CLOSED, State.WITHDRAWN):
        if warn := _rule(tx, state).warn:
            ends = Signal.keep_until.between(tx.today, tx.today + timedelta(days=warn))
            query = there.where(Signal.state == state, ends, ~_disclosed(), _untold(tx, warn))
            yield from tx.session.scalars(query.limit(AT_ONCE)).all()
    if warn := tx.program.policy.retention["case"].warn:
        # A closed case is kept for so long after it was closed: look at those that were closed that long ago.
        closed = exists().where(
            SignalMove.signal_id == Signal.id,
            SignalMove.state_to == State.CLOSED,
            SignalMove.at < end_of(_case_began(tx, tx.today + timedelta(days=warn))),
            SignalMove.at >= end_of(_case_began(tx, tx.today) - timedelta(days=2)),
        )
        query = there.where(Signal.state == State.CLOSED, _disclosed(), closed, _untold(tx, warn))
        yield from tx.session.scalars(query.limit(AT_ONCE)).all()


def _untold(tx: Transaction, warn: int) -> ColumnElement[bool]:
    """Not told in the term that runs, when its end is at most so many days away."""
    return or_(Signal.keep_warned_at.is_(None), Signal.keep_warned_at < end_of(tx.today - timedelta(days=warn)))


def _disclosed() -> ColumnElement[bool]:
    return exists().where(Disclosure.signal_id == Signal.id, Disclosure.state.in_(HANDED_OVER))


def _case_began(tx: Transaction, ends: date) -> date:
    """About when a case was closed that is kept until `ends`; a day too late rather than too early."""
    rule = tx.program.policy.retention["case"]
    if rule.days:
        return ends - timedelta(days=rule.days)
    return ends - timedelta(days=365 * (rule.years or 0))


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The own signals of which the end is near and that can be kept longer; who does nothing lets them go."""
    near = [_near_its_end(tx, state) for state in (*UNDISCLOSED, State.CLOSED) if _can_be_longer(tx, state)]
    if not near:
        return
    columns = (Signal.id, Signal.reference, Signal.urgency, Signal.keep_until, Signal.keep_warned_at)
    query = select(*columns).where(Signal.id.in_(places.first_of_branches(near, MOST)))
    for signal in tx.lists.execute(query.order_by(Signal.keep_until, Signal.id)):
        since = signal.keep_warned_at or tx.now
        urgent = is_pressing(tx, signal.urgency)
        yield WorkItem("keeping", signal.reference, signal.reference, since, signal.keep_until, urgent, (signal.id,))


def _can_be_longer(tx: Transaction, state: State) -> bool:
    rule = _rule(tx, state)
    return bool(rule.warn and rule.extend_days)


def _near_its_end(tx: Transaction, state: State) -> places.Branch:
    """The own signals in this state of which the end is near and that can be kept longer, with the day.

    Those that cannot are left out here and not of what was found: a hundred of them would hide the one that can.
    """
    rule = _rule(tx, state)
    return select(Signal.id, Signal.keep_until).where(
        Signal.owner_agency == tx.actor.agency_id,
        Signal.state == state,
        Signal.keep_until.between(tx.today, tx.today + timedelta(days=rule.warn or 0)),
        Signal.owner_sealed != ERASED_SEAL,
        ~_disclosed(),
        _times_kept(state) < (rule.extend_times or 0),
        not_kept_from(tx, Signal.id),
    )


def may_keep(tx: Transaction) -> bool:
    """Whether the actor's role keeps signals longer."""
    return isinstance(may(tx.actor, Permission.RETENTION_POSTPONE_OWN), Allowed)
