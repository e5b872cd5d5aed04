"""Who did how much and when: one pass over the entries of a period, in their order, so that a long log costs one reading.

Counting per question in the database was ten times slower: each count walked the whole table again, in the order of an
index and not of the pages. Memory holds counts per person and some hundreds of cases that were opened, never the entries.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from signaltable.domain import ZONE
from signaltable.flow.misuse.reads import READS, Opened, Read
from signaltable.models import Account, Agency, LogEntry
from signaltable.odd_hours import is_odd
from signaltable.policy_shapes import MisuseFile

SEARCHES: Final = ("signal:list",)
EXPORTS: Final = ("log:request", "log:export")
# How many entries stand on the page of a finding; the rest is behind a filter of the log.
MOST_SEQS: Final = 200
# The jobs process exports for somebody whose request is an entry of its own.
JOBS_ACCOUNT: Final = "jobs"
_BATCH: Final = 1000
# So many cases that people opened are held until it is seen which of them nobody had a task in.
MOST_CASES: Final = 1000
_HOUR: Final = 3600
# So many hours of agencies are remembered; entries come in their order, so older ones are not asked for again.
_MOST_HOURS: Final = 5000
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

Who = tuple[str, str]
# Given what was opened between two entries: the reads without a task.
Judge = Callable[[Opened, int, int], Iterable[Read]]


@dataclass(slots=True)
class Tally:
    """Entries that count together: how many, from when to when, the last of them, how they lie over the day, and about what."""

    count: int = 0
    first_at: datetime = _NEVER
    last_at: datetime = _NEVER
    last_seq: int = -1
    seqs: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_SEQS))
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    objects: dict[str, None] = field(default_factory=dict)

    def add(self, seq: int, at: datetime, hour: int, thing: str = "") -> None:
        """Count one more entry, in the order of the log; `hour` is that of the day in the Netherlands."""
        if not self.count:
            self.first_at = at
        self.count += 1
        self.last_at, self.last_seq = at, seq
        self.seqs.append(seq)
        self.hours[hour] += 1
        if thing and len(self.objects) < MOST_SEQS:
            self.objects[thing] = None


@dataclass(slots=True)
class Use:
    """What one pass found: tallies by rule and person, totals to compare with, and what was read without a task."""

    tallies: dict[tuple[str, Who], Tally] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    searches: dict[str, int] = field(default_factory=dict)
    without_task: dict[Who, Tally] = field(default_factory=dict)

    def of(self, rule: str) -> dict[Who, Tally]:
        """The tallies of one rule, by (account, agency)."""
        return {who: tally for (name, who), tally in self.tallies.items() if name == rule}


def first_seq(session: Session, since: datetime) -> int:
    """The number of the first entry of the period: the log never runs back in time."""
    query = select(LogEntry.seq).where(LogEntry.recorded_at >= since).order_by(LogEntry.recorded_at, LogEntry.seq)
    found = session.scalar(query.limit(1))
    return 0 if found is None else found


def in_parts(
    session: Session,
    query: Select[*tuple[Any, ...]],
    since: datetime,
    number: InstrumentedAttribute[int] = LogEntry.seq,
) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows of entries of the period, one for each `number` of an entry, in their order: never all of them at once."""
    first = first_seq(session, since)
    while True:
        rows = session.execute(query.where(number >= first).order_by(number).limit(_BATCH)).all()
        yield from rows
        if len(rows) < _BATCH:
            return
        first = rows[-1][0] + 1


def look_through(
    session: Session,
    since: datetime,
    scope: str,
    rules: MisuseFile,
    floors: Mapping[tuple[str, str], int],
    judge: Judge,
) -> Use:
    """Read every entry of the period once. `scope`: one agency or all; `floors`: what was settled, by rule and person."""
    walk = _Walk(session, scope, rules, floors, judge)
    columns = select(
        LogEntry.seq,
        LogEntry.recorded_at,
        LogEntry.action,
        LogEntry.outcome,
        LogEntry.agency,
        LogEntry.actor,
        LogEntry.object,
    )
    for seq, at, action, outcome, agency, actor, thing in in_parts(session, columns, since):
        if at >= since and scope in ("", agency):
            walk.take(seq, at, action, outcome, (actor, agency), thing)
    walk.end()
    return walk.use


class _Walk:
    """The state of one pass."""

    def __init__(
        self, session: Session, scope: str, rules: MisuseFile, floors: Mapping[tuple[str, str], int], judge: Judge
    ) -> None:
        self.use = Use()
        self._judge = judge
        # Which cases were opened since they were judged last, by whom and when; from which entry up to which.
        self._opened: dict[tuple[str, str, str], list[datetime]] = {}
        self._first, self._last = 0, -1
        self._scope = scope
        self._people = frozenset(session.scalars(select(Account.id)))
        self._kinds = dict(session.execute(select(Agency.id, Agency.kind)).all())
        self._hours = rules.hours
        self._bulk = next(rule.at_least for rule in rules.misuse if rule.id == "bulk")
        self._floors = floors
        self._known: dict[tuple[int, str], tuple[int, bool]] = {}
        # (account, agency) -> the hour that is running, and what was read in it.
        self._running: dict[Who, tuple[int, list[tuple[int, datetime, int]], set[str]]] = {}

    def take(self, seq: int, at: datetime, action: str, outcome: str, who: Who, thing: str) -> None:
        """The next entry."""
        reads, searches = action in READS, action in SEARCHES
        if not (reads or searches or outcome == "refused" or action in EXPORTS):
            return
        if action in EXPORTS:
            if who[0] != JOBS_ACCOUNT:
                self._count("exports", who, seq, at)
            return
        if who[0] not in self._people:
            return
        if outcome == "refused":
            self._count("many-refusals", who, seq, at)
        if searches:
            self.use.searches[who[0]] = self.use.searches.get(who[0], 0) + 1
            self._count("many-searches", who, seq, at)
        if reads:
            self._read(seq, at, who, thing)
        if (reads or searches) and self._hour(at, who[1])[1]:
            self._count("odd-hours", who, seq, at)

    def _read(self, seq: int, at: datetime, who: Who, thing: str) -> None:
        self.use.reads[who[0]] = self.use.reads.get(who[0], 0) + 1
        self._count("many-reads", who, seq, at)
        self._open(seq, at, who, thing)
        if seq <= self._floors.get(("bulk", who[0]), -1):
            return
        bucket = int(at.timestamp()) // _HOUR
        running = self._running.get(who)
        if running is None or running[0] != bucket:
            self._flush(who)
            running = self._running[who] = (bucket, [], set())
        running[1].append((seq, at, self._hour(at, who[1])[0]))
        running[2].add(thing)

    def _open(self, seq: int, at: datetime, who: Who, thing: str) -> None:
        self._last = seq
        spans = self._opened.setdefault((*who, thing), [at, at])
        spans[1] = at
        if len(self._opened) >= MOST_CASES:
            self._look_at_opened()

    def _look_at_opened(self) -> None:
        for read in self._judge(self._opened, self._first, self._last):
            tally = self.use.without_task.setdefault((read.actor, read.agency), Tally())
            hour = self._hour(read.recorded_at, read.agency)[0]
            tally.add(read.seq, read.recorded_at, hour, read.object)
        self._opened, self._first = {}, self._last + 1

    def _flush(self, who: Who) -> None:
        """The hour of somebody is over: it counts when so many different cases were opened in it."""
        running = self._running.pop(who, None)
        if running is not None and len(running[2]) >= self._bulk:
            tally = self.use.tallies.setdefault(("bulk", who), Tally())
            for seq, at, hour in running[1]:
                tally.add(seq, at, hour)

    def end(self) -> None:
        """No more entries."""
        for who in list(self._running):
            self._flush(who)
        self._look_at_opened()

    def _count(self, rule: str, who: Who, seq: int, at: datetime) -> None:
        if seq > self._floors.get((rule, who[0]), -1):
            tally = self.use.tallies.get((rule, who))
            if tally is None:
                tally = self.use.tallies[rule, who] = Tally()
            tally.add(seq, at, self._hour(at, who[1])[0])

    def _hour(self, at: datetime, agency: str) -> tuple[int, bool]:
        """The hour of the day in the Netherlands, and whether this agency does not usually work then."""
        key = (int(at.timestamp()) // _HOUR, agency)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_HOURS:
                self._known.clear()
            odd = is_odd(at, self._hours, self._kinds.get(agency, ""))
            known = self._known[key] = (at.astimezone(ZONE).hour, odd)
        return known
