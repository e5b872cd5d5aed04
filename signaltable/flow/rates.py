"""How often somebody asks: counted in the memory of each process, and brought together in the database in steps.

A request costs a look in a dictionary and no commit. A process writes what it counted when an eighth of a limit came in
since it last did, and what is left when a minute begins; with the sum it learns what the others counted. So with several
processes a limit is passed by at most an eighth of it for each other process, and a process that is killed forgets at most
an eighth of a limit, or a minute. Times are those of the clock of the program; days are days in the Netherlands.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from threading import Lock
from typing import Any, Final

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from audit.findings import Finding
from signaltable.domain import ZONE, Actor, Channel, SignaltableError, day_of
from signaltable.flow import incidents
from signaltable.flow.coming_in.actors import SYSTEM, is_known
from signaltable.models import RequestRate
from signaltable.rate_rules import DayRule, MinuteRule, RatesFile
from signaltable.storage_faults import StorageFault
from signaltable.transaction import Program, Transaction, reading, transaction

LOG: Final = logging.getLogger("signaltable")
MINUTE: Final = "minute"
TOLD: Final = "told"
STRANGERS: Final = "strangers"
INCIDENT: Final = "asked-too-often"
# Into so many steps a limit is cut: smaller ones are more exact, larger ones cost fewer commits.
STEPS: Final = 8
# So many different networks of strangers are counted apart within a minute; the others count as one.
MOST_NETWORKS: Final = 20_000
# How long the counts of a day stay after it.
KEPT: Final = timedelta(days=2)

# Who, what is counted, and the moment at which its minute or day began.
Key = tuple[str, str, datetime]


class TooMany(SignaltableError):
    """It was asked too often. `seconds`: after so many it may be asked again; `reason` which limit it was, for the log."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(reason)
        self.reason, self.seconds = reason, seconds


@dataclass(slots=True)
class _Count:
    """What is known of all processes together, and what of it this one did not write yet."""

    total: int = 0
    unwritten: int = 0


@dataclass(frozen=True, slots=True)
class _Limit:
    key: Key
    most: int


class Rates:
    """The counts of one process; of so many `networks` of strangers apart."""

    def __init__(self, program: Program, networks: int = MOST_NETWORKS) -> None:
        self._networks = networks
        self._program = program
        self._rules: RatesFile | None = program.policy.rates
        self._counts: dict[Key, _Count] = {}
        self._minute = datetime.min.replace(tzinfo=UTC)
        self._lock = Lock()

    def ask(self, actor: Actor, actions: Collection[str] = ()) -> None:
        """Count a request before anything is done for it. `actions`: what it leaves in the log when it goes through.

        Raises `TooMany` when it is over the limit of its minute, or a budget of the day is used up.
        """
        if self._rules is None:
            return
        now = self._program.clock()
        self._begin_minute(now)
        limits = list(_limits_of_minute(self._rules, actor, now))
        days = [limit for rule in self._rules.days_of(actions) for limit in _limits_of_day(rule, actor, now)]
        with self._lock:
            limits = [self._one_network(limit) for limit in limits]
            for limit in limits:
                count = self._counts.setdefault(limit.key, _Count())
                count.total, count.unwritten = count.total + 1, count.unwritten + 1
            unknown = [one.key for one in days if one.key not in self._counts]
        if unknown:
            self._learn(unknown)
        self._bring_together(limits)
        for limit in limits:
            if self._total(limit.key) > limit.most:
                self._refuse(actor, limit, now, _seconds_left(now))
        for limit in days:
            if self._total(limit.key) >= limit.most:
                self._refuse(actor, limit, now, _seconds_of_day_left(now))

    def note(self, actor: Actor, actions: Collection[str]) -> None:
        """Count a request that showed what it was asked for out of the budgets of the day."""
        rules = self._rules.days_of(actions) if self._rules else ()
        if not rules:
            return
        now = self._program.clock()
        limits = [limit for rule in rules for limit in _limits_of_day(rule, actor, now)]
        with self._lock:
            for limit in limits:
                count = self._counts.setdefault(limit.key, _Count())
                count.total, count.unwritten = count.total + 1, count.unwritten + 1
        self._bring_together(limits)

    def write(self) -> None:
        """Write everything that this process counted and did not write yet."""
        with self._lock:
            waiting = [key for key, count in self._counts.items() if count.unwritten]
        self._exchange(waiting)

    # -- one process among others --------------------------------------------------------------------------------------

    def _begin_minute(self, now: datetime) -> None:
        """Once in a minute: write the counts of the day, and forget the minutes that are over."""
        minute = _minute_of(now)
        with self._lock:
            if minute == self._minute:
                return
            self._minute = minute
            today = _day_of(now)
            over = [key for key in self._counts if (key[2] < minute if key[1] in (MINUTE, TOLD) else key[2] < today)]
            for key in over:
                del self._counts[key]
            waiting = [key for key, count in self._counts.items() if count.unwritten]
        if waiting:
            self._exchange(waiting, forget=True)

    def _one_network(self, limit: _Limit) -> _Limit:
        """The same limit, or that of all others together when too many networks are asking to count them apart."""
        who, kind, minute = limit.key
        if limit.key in self._counts or not who.startswith("network:") or len(self._counts) < self._networks:
            return limit
        return _Limit((STRANGERS, kind, minute), limit.most)

    def _total(self, key: Key) -> int:
        with self._lock:
            count = self._counts.get(key)  # Forgotten already when its minute ended just now.
            return count.total if count else 0

    def _bring_together(self, limits: Iterable[_Limit]) -> None:
        """Write what came to a step of its limit. Who is over a limit stays there: of that nothing has to be learnt."""
        with self._lock:
            counts = [(one, self._counts[one.key]) for one in limits if one.key in self._counts]
            due = [
                one.key
                for one, count in counts
                if count.unwritten >= max(1, one.most // STEPS) and count.total - count.unwritten <= one.most
            ]
        if due:
            self._exchange(due)

    def _learn(self, keys: list[Key]) -> None:
        """What the database knows of counts that this process sees for the first time."""
        try:
            with reading(self._program) as session:
                columns = (RequestRate.who, RequestRate.kind, RequestRate.minute)
                rows = session.execute(
                    select(*columns, RequestRate.count.label("counted")).where(tuple_(*columns).in_(keys))
                ).all()
        except SQLAlchemyError as error:
            _tell_away(error)
            rows = []
        found = {(row.who, row.kind, row.minute): row.counted for row in rows}
        with self._lock:
            for key in keys:
                self._counts.setdefault(key, _Count(found.get(key, 0)))

    def _exchange(self, keys: Iterable[Key], *, forget: bool = False) -> None:
        """Add what this process counted to the sums, and take the sums over."""
        with self._lock:
            taken = {key: self._counts[key].unwritten for key in sorted(keys) if key in self._counts}
            for key in taken:
                self._counts[key].unwritten = 0
        try:
            with transaction(self._program, SYSTEM) as tx:
                sums = {key: _add(tx, key, count) for key, count in taken.items()}
                if forget:
                    tx.session.execute(delete(RequestRate).where(RequestRate.minute < tx.now - KEPT))
        except SQLAlchemyError as error:
            _tell_away(error)  # Counting never stops the work: what is known here goes on counting.
            sums = {}
        with self._lock:
            for key, number in taken.items():
                count = self._counts.get(key)
                if count is not None and key in sums:
                    count.total = sums[key] + count.unwritten
                elif count is not None:
                    count.unwritten += number

    # -- too many ------------------------------------------------------------------------------------------------------

    def _refuse(self, actor: Actor, limit: _Limit, now: datetime, seconds: int) -> None:
        """Tell the log once a minute, whichever process sees it first, and stop the request."""
        who, kind, _begin = limit.key
        # Of strangers one entry a minute in all: whoever has no account cannot fill the log.
        told = (who if is_known(actor) else STRANGERS, TOLD, _minute_of(now))
        with self._lock:
            first = told not in self._counts
            self._counts.setdefault(told, _Count())
        if first:
            try:
                self._tell(actor, limit, told)
            except (SQLAlchemyError, StorageFault) as error:
                _tell_away(error)
        raise TooMany(f"{kind}_{who.partition(':')[0]}", seconds)

    def _tell(self, actor: Actor, limit: _Limit, told: Key) -> None:
        with transaction(self._program, actor) as tx:
            if _add(tx, told, 1) > 1:
                return
            who, kind, _begin = limit.key
            details: dict[str, Any] = {"kind": kind, "count": limit.most}
            if is_known(actor):
                details["agency"] = actor.agency_id
            if actor.channel is Channel.API and is_known(actor):
                details["machine"] = actor.account_id
            tx.record("rate:exceed", object_type="rate", object_id=who.rpartition(":")[2], details=details)
            goes_on = self._goes_on(tx, told)
        if goes_on:
            message = f"asked more often than policies/rates.toml allows, minute after minute ({kind})"
            incidents.open_one(self._program, SYSTEM, Finding(INCIDENT, told[0].replace(":", " "), message))

    def _goes_on(self, tx: Transaction, told: Key) -> bool:
        rules = self._rules
        if rules is None:  # pragma: no cover -- without rules nothing is refused
            return False
        since = told[2] - timedelta(minutes=rules.goes_on.within)
        query = select(func.count()).where(
            RequestRate.who == told[0], RequestRate.kind == TOLD, RequestRate.minute > since
        )
        return (tx.session.scalar(query) or 0) >= rules.goes_on.minutes


def _tell_away(error: Exception) -> None:
    LOG.warning("requests were not counted: %s", type(error).__name__)


def _add(tx: Transaction, key: Key, count: int) -> int:
    """Add to a sum in one statement, whoever does so at the same moment; gives the sum."""
    insert = postgresql.insert if tx.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    who, kind, minute = key
    statement = insert(RequestRate).values(who=who, kind=kind, minute=minute, count=count)
    together = statement.on_conflict_do_update(
        index_elements=["who", "kind", "minute"], set_={"count": RequestRate.count + statement.excluded.count}
    ).returning(RequestRate.count)
    return int(tx.session.scalar(together) or 0)


# -- whose limits ------------------------------------------------------------------------------------------------------


def _limits_of_minute(rules: RatesFile, actor: Actor, now: datetime) -> Iterable[_Limit]:
    minute = _minute_of(now)
    if not is_known(actor):
        yield _Limit((f"network:{actor.network_hash}", MINUTE, minute), rules.minute.stranger)
        return
    for who, most in _whose(actor, _limits_in(rules.minute)):
        yield _Limit((who, MINUTE, minute), most)


def _limits_of_day(rule: DayRule, actor: Actor, now: datetime) -> Iterable[_Limit]:
    if is_known(actor):
        for who, most in _whose(actor, _limits_in(rule)):
            yield _Limit((who, f"day-{rule.id}", _day_of(now)), most)


def _whose(actor: Actor, limits: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    alone = "machine" if actor.channel is Channel.API else "person"
    yield f"{alone}:{actor.account_id}", limits[alone]
    yield f"agency:{actor.agency_id}", limits["agency"]


def _limits_in(rule: MinuteRule | DayRule) -> Mapping[str, int]:
    return {name: getattr(rule, name) for name in ("person", "machine", "agency")}


def _minute_of(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(second=0, microsecond=0)


def _day_of(now: datetime) -> datetime:
    return datetime.combine(day_of(now), time(), ZONE).astimezone(UTC)


def _seconds_left(now: datetime) -> int:
    return max(1, 60 - now.second)


def _seconds_of_day_left(now: datetime) -> int:
    tomorrow = datetime.combine(day_of(now) + timedelta(days=1), time(), ZONE)
    return max(1, int((tomorrow - now).total_seconds()))
