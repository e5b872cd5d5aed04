"""Is a case stuck (meldroute M20)? The history of one case and the rules go in; missed dates and causes come out. Pure.

A date that passed is missed, also when it was met later. One that was put off before it passed is not. What was before
the last time that somebody settled it does not count again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from signaltable.domain import ENDED, State, day_of
from signaltable.escalation_rules import EscalationFile
from signaltable.working_days import Calendar

ALL_RETURNED, NOT_ACCEPTED = "all-returned", "not-accepted"
NOT_REFERRED, MISSED_DATES = "not-referred", "missed-dates"
# These end by themselves when a receiver accepts the case.
WITHOUT_ACCEPTANCE: Final = frozenset({ALL_RETURNED, NOT_ACCEPTED, NOT_REFERRED})
ACCEPTANCE: Final = "acceptance"


@dataclass(frozen=True, slots=True)
class Referral:
    """One agency that got the case: until when it could answer, and whether it has it. `ended_at`: returned, or taken back."""

    due_on: date | None
    accepted: bool = False
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """Somebody had to do something by a day. `met_on`: when it was done, or no longer had to be; None: not yet."""

    kind: str
    object_id: str
    due_on: date
    met_on: date | None


@dataclass(frozen=True, slots=True)
class PutOff:
    """A day that was put off, and when that was said."""

    kind: str
    object_id: str
    before: date
    said_on: date


@dataclass(frozen=True, order=True, slots=True)
class Missed:
    """A day that passed without what it was for."""

    due_on: date
    kind: str
    object_id: str


@dataclass(frozen=True, slots=True)
class History:
    """What happened to one case. `refer_by`: the table advised to refer on `advised_on`, and nothing was disclosed since.

    `noted` are missed dates that were seen before, `settled_at` when it was last said not to be stuck.
    """

    state: State
    advised_on: date | None = None
    refer_by: date | None = None
    referrals: tuple[Referral, ...] = ()
    expected: tuple[Expected, ...] = ()
    put_off: tuple[PutOff, ...] = ()
    noted: tuple[Missed, ...] = ()
    settled_at: datetime | None = None

    @property
    def settled_on(self) -> date | None:
        """The day of `settled_at`."""
        return day_of(self.settled_at) if self.settled_at else None


@dataclass(frozen=True, slots=True)
class Found:
    """Why a case is stuck, since which day, and how many missed dates count."""

    cause: str
    since: date
    count: int


def missed(history: History, rules: EscalationFile, today: date) -> tuple[Missed, ...]:
    """All days that were missed until today, the oldest first, of the kinds that count."""
    found = {*_passed(history.expected, today), *_put_off_too_late(history.put_off), *history.noted}
    return tuple(sorted(one for one in found if one.kind in rules.dates))


def counting(history: History, rules: EscalationFile, today: date) -> tuple[Missed, ...]:
    """Those that count: from after the last time that it was settled."""
    since = history.settled_on
    return tuple(one for one in missed(history, rules, today) if since is None or one.due_on >= since)


def causes(history: History, rules: EscalationFile, calendar: Calendar, today: date) -> tuple[Found, ...]:
    """Why the case is stuck today, in the order of the rules; nothing when it is not, or when its life has ended."""
    if history.state in ENDED:
        return ()
    dates = counting(history, rules, today)
    days: dict[str, date | None] = {
        ALL_RETURNED: _all_returned(history),
        NOT_ACCEPTED: _not_accepted(history),
        NOT_REFERRED: _not_referred(history, rules, calendar),
        MISSED_DATES: dates[rules.missed_dates - 1].due_on if len(dates) >= rules.missed_dates else None,
    }
    found = []
    for name in rules.causes:
        day = days[name]
        if day is not None and _counts_from(history, rules, calendar, name, day) <= today:
            found.append(Found(name, day, len(dates)))
    return tuple(found)


def _counts_from(history: History, rules: EscalationFile, calendar: Calendar, name: str, day: date) -> date:
    """The first day on which a cause of `day` counts, given its days and whether somebody settled it before."""
    # A decision without a day of its own got the days of the rule already.
    more = 0 if name == NOT_REFERRED and history.refer_by is None else rules.causes[name].days
    first = calendar.later(day, more)
    if name in (NOT_ACCEPTED, NOT_REFERRED):
        first += timedelta(days=1)  # The day itself was still in time.
    if history.settled_at is None or name == MISSED_DATES or not _settled_before(history, name, day):
        return first
    return max(first, calendar.later(day_of(history.settled_at), rules.again_days) + timedelta(days=1))


def _settled_before(history: History, name: str, day: date) -> bool:
    """Whether what is the matter was the matter already when somebody settled it."""
    if history.settled_at is None:
        return False
    if name == ALL_RETURNED:
        return max(_ends(history)) <= history.settled_at
    return day < day_of(history.settled_at)


def ends_by_acceptance(cause: str, dates: Iterable[Missed]) -> bool:
    """Whether an escalation is over once a receiver accepts: when nobody held the case, or only that was late."""
    return cause in WITHOUT_ACCEPTANCE or all(one.kind == ACCEPTANCE for one in dates)


def _passed(expected: Iterable[Expected], today: date) -> Iterator[Missed]:
    for one in expected:
        if one.due_on < (one.met_on or today):
            yield Missed(one.due_on, one.kind, one.object_id)


def _put_off_too_late(put_off: Iterable[PutOff]) -> Iterator[Missed]:
    for one in put_off:
        if one.said_on > one.before:
            yield Missed(one.before, one.kind, one.object_id)


def _ends(history: History) -> list[datetime]:
    return [one.ended_at for one in history.referrals if one.ended_at is not None]


def _all_returned(history: History) -> date | None:
    """The day on which the last one that had the case returned it or lost it, when nobody has it now."""
    ends = _ends(history)
    if history.state not in (State.RETURNED, State.REFERRED) or not ends or len(ends) < len(history.referrals):
        return None
    return day_of(max(ends))


def _not_accepted(history: History) -> date | None:
    """The last day on which a receiver could still have accepted, when nobody has accepted."""
    waiting = [one.due_on for one in history.referrals if one.ended_at is None and one.due_on is not None]
    if any(one.accepted for one in history.referrals) or not waiting:
        return None
    return max(waiting)


def _not_referred(history: History, rules: EscalationFile, calendar: Calendar) -> date | None:
    """The day by which the owner was to disclose what the table advised to refer."""
    if history.state is not State.TABLED or history.advised_on is None:
        return None
    cause = rules.causes.get(NOT_REFERRED)
    return history.refer_by or (calendar.later(history.advised_on, cause.days) if cause else None)
