"""The patterns that raise a question: one function each, from entries of the log to findings.

Counting is left to the database, over columns of the entries; only what a pattern asks of the details is read. Entries
that were settled (`Look.floors`) do not count again.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from signaltable.domain import ZONE, day_of
from signaltable.flow.misuse.reads import READS, without_task
from signaltable.models import Account, AccountRole, Agency, LogDetail, LogEntry
from signaltable.odd_hours import is_odd
from signaltable.policy import PolicySet
from signaltable.policy_shapes import MisuseFile, MisuseRule

SEARCHES: Final = ("signal:list",)
# How many entries stand on the page of a finding; the rest is behind a filter of the log.
MOST_SEQS: Final = 200
_CHUNK: Final = 500
# The jobs process exports for somebody whose request is an entry of its own.
JOBS_ACCOUNT: Final = "jobs"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the log shows. `about` names it within its rule; `actor` is the opaque id of one person, or nothing.

    `seqs` are its entries, oldest first, at most `MOST_SEQS` of `count`; `hours` counts them by hour of the day in the
    Netherlands; `middle` is the middle one of the colleagues, where they are compared.
    """

    rule: str
    about: str
    agency: str
    actor: str
    count: int
    first_at: datetime
    last_at: datetime
    last_seq: int
    seqs: tuple[int, ...]
    hours: tuple[int, ...] = ()
    middle: int | None = None
    objects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Over what is looked: a period, one agency or all (""), the rules, and up to which entry a question is settled."""

    session: Session
    since: datetime
    now: datetime
    scope: str
    policy: PolicySet
    rules: MisuseFile
    floors: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def floor(self, rule: str, about: str) -> int:
        """The newest entry that is behind a settled question; -1 when there is none."""
        return self.floors.get((rule, about), -1)

    def entries(self, *actions: str) -> list[ColumnElement[bool]]:
        """Entries of people, in the period and the scope, of these actions (all when none are named)."""
        wanted = [LogEntry.recorded_at >= self.since, LogEntry.actor.in_(select(Account.id))]
        if self.scope:
            wanted.append(LogEntry.agency == self.scope)
        if actions:
            wanted.append(LogEntry.action.in_(actions))
        return wanted


Pattern = Callable[[Look, MisuseRule], Iterator[Finding]]


def findings(look: Look) -> list[Finding]:
    """Everything that raises a question, in the order of the rules, the most entries first."""
    found: list[Finding] = []
    for rule in look.rules.misuse:
        found += sorted(PATTERNS[rule.id](look, rule), key=lambda one: (-one.count, one.about))
    return found


# -- one person -----------------------------------------------------------------------------------------------------


def _read_without_task(look: Look, rule: MisuseRule) -> Iterator[Finding]:
    floors = {about: seq for (name, about), seq in look.floors.items() if name == rule.id}
    reads = without_task(look.session, look.policy, look.entries(*READS), floors, timedelta(days=rule.around_days))
    by_actor: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for read in reads:
        by_actor[read.actor, read.agency].append(read)
    for (actor, agency), rows in by_actor.items():
        if len(rows) >= rule.at_least:
            yield _of_rows(rule, actor, agency, actor, rows)


def _odd_hours(look: Look, rule: MisuseRule) -> Iterator[Finding]:
    kinds = dict(look.session.execute(select(Agency.id, Agency.kind)).all())
    odd: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for row in look.session.execute(_by_hour(look, *READS, *SEARCHES)):
        hour = datetime.strptime(row.hour, "%Y-%m-%d %H").replace(tzinfo=UTC)
        if is_odd(hour, look.rules.hours, kinds.get(row.agency, "")):
            odd[row.actor, row.agency].append(hour)
    for (actor, agency), hours in odd.items():
        rows = [
            row
            for row in _rows(look, rule, actor, actor, agency, (*READS, *SEARCHES), since=min(hours), until=max(hours))
            if is_odd(row.recorded_at, look.rules.hours, kinds.get(agency, ""))
        ]
        if len(rows) >= rule.at_least:
            yield _of_rows(rule, actor, agency, actor, rows)


def _by_hour(look: Look, *actions: str) -> Any:
    if look.session.get_bind().dialect.name == "postgresql":
        hour: Any = func.to_char(func.timezone("UTC", LogEntry.recorded_at), "YYYY-MM-DD HH24")
    else:
        hour = func.strftime("%Y-%m-%d %H", LogEntry.recorded_at)
    named = hour.label("hour")
    return (
        select(LogEntry.actor, LogEntry.agency, named, func.count(LogEntry.object.distinct()).label("objects"))
        .where(*look.entries(*actions))
        .group_by(LogEntry.actor, LogEntry.agency, named)
    )


def _rows(
    look: Look,
    rule: MisuseRule,
    about: str,
    actor: str,
    agency: str,
    actions: Sequence[str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    refused: bool = False,
) -> list[Any]:
    """The entries of one person behind a finding, without those that were settled; `until` is the last hour."""
    wanted = [
        *look.entries(*actions),
        LogEntry.actor == actor,
        LogEntry.agency == agency,
        LogEntry.seq > look.floor(rule.id, about),
    ]
    if since:
        wanted.append(LogEntry.recorded_at >= since)
    if until:
        wanted.append(LogEntry.recorded_at < until + timedelta(hours=1))
    if refused:
        wanted.append(LogEntry.outcome == "refused")
    columns = select(LogEntry.seq, LogEntry.recorded_at, LogEntry.object)
    return list(look.session.execute(columns.where(*wanted).order_by(LogEntry.seq)))


def _counts(look: Look, *actions: str, refused: bool = False) -> Iterable[Any]:
    """(actor, agency, count) over the period."""
    wanted = look.entries(*actions)
    if refused:
        wanted.append(LogEntry.outcome == "refused")
    columns = select(LogEntry.actor, LogEntry.agency, func.count().label("number")).where(*wanted)
    return look.session.execute(columns.group_by(LogEntry.actor, LogEntry.agency)).all()


def _many_refusals(look: Look, rule: MisuseRule) -> Iterator[Finding]:
    for counted in _counts(look, refused=True):
        if counted.number >= rule.at_least:
            rows = _rows(look, rule, counted.actor, counted.actor, counted.agency, (), refused=True)
            if len(rows) >= rule.at_least:
                yield _of_rows(rule, counted.actor, counted.agency, counted.actor, rows)


def _more_than_colleagues(*actions: str) -> Pattern:
    def pattern(look: Look, rule: MisuseRule) -> Iterator[Finding]:
        counts = {(row.actor, row.agency): row.number for row in _counts(look, *actions)}
        roles = _roles(look)
        per_role: dict[frozenset[str], list[tuple[str, int]]] = defaultdict(list)
        for account, held in roles.items():
            number = sum(count for (actor, _agency), count in counts.items() if actor == account)
            per_role[held].append((account, number))
        for (actor, agency), number in counts.items():
            others = [count for account, count in per_role.get(roles.get(actor, frozenset()), ()) if account != actor]
            if number < rule.at_least or len(others) < rule.colleagues:
                continue
            middle = int(median(others))
            rows = _rows(look, rule, actor, actor, agency, actions)
            if len(rows) >= max(rule.at_least, rule.times * middle):
                yield _of_rows(rule, actor, agency, actor, rows, middle=middle)

    return pattern


def _roles(look: Look) -> dict[str, frozenset[str]]:
    """Account -> its roles, of everybody who can come in; with a scope those of that agency only."""
    query = select(AccountRole.account_id, AccountRole.role).join(Account, Account.id == AccountRole.account_id)
    query = query.where(Account.active)
    if look.scope:
        query = query.where(Account.agency_id == look.scope)
    held: dict[str, set[str]] = defaultdict(set)
    for account, role in look.session.execute(query):
        held[account].add(role)
    return {account: frozenset(roles) for account, roles in held.items()}


def _bulk(look: Look, rule: MisuseRule) -> Iterator[Finding]:
    busy: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for row in look.session.execute(_by_hour(look, *READS)):
        if row.objects >= rule.at_least:
            hour = datetime.strptime(row.hour, "%Y-%m-%d %H").replace(tzinfo=UTC)
            busy[row.actor, row.agency].append(hour)
    for (actor, agency), hours in busy.items():
        rows = []
        for hour in hours:
            within = _rows(look, rule, actor, actor, agency, READS, since=hour, until=hour)
            rows += within if len({row.object for row in within}) >= rule.at_least else []
        if rows:
            yield _of_rows(rule, actor, agency, actor, rows)


def _exports(look: Look, rule: MisuseRule) -> Iterator[Finding]:
    wanted = [LogEntry.recorded_at >= look.since, LogEntry.action.in_(("log:request", "log:export"))]
    if look.scope:
        wanted.append(LogEntry.agency == look.scope)
    by_actor: dict[tuple[str, str], list[Any]] = defaultdict(list)
    columns = select(LogEntry.seq, LogEntry.recorded_at, LogEntry.object, LogEntry.actor, LogEntry.agency)
    for row in look.session.execute(columns.where(*wanted, LogEntry.actor != JOBS_ACCOUNT).order_by(LogEntry.seq)):
        if row.seq > look.floor(rule.id, row.actor):
            by_actor[row.actor, row.agency].append(row)
    for (actor, agency), rows in by_actor.items():
        if len(rows) >= rule.at_least:
            yield _of_rows(rule, actor, agency, actor, rows)


# -- disclosures ----------------------------------------------------------------------------------------------------


def _disclosed(look: Look) -> Iterator[tuple[Any, Mapping[str, Any], str]]:
    """Every disclosure of the period with its details and its provider; nothing of those whose details are gone."""
    columns = select(LogEntry.seq, LogEntry.recorded_at, LogEntry.object, LogEntry.agency, LogDetail.details)
    query = (
        columns.join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.recorded_at >= look.since, LogEntry.action == "signal:disclose", LogEntry.outcome == "ok")
        .order_by(LogEntry.seq)
    )
    for row in look.session.execute(query):
        told = json.loads(row.details)
        provider = told.get("provider", row.agency)
        if look.scope in ("", provider):
            yield row, told, provider


def _emergency_unreviewed(look: Look, rule: MisuseRule) -> Iterator[Finding]:
    urgent = [(row, provider) for row, told, provider in _disclosed(look) if _has_to_be_reviewed(told)]
    reviewed = _reviews(look, [row.object for row, _provider in urgent])
    for row, provider in urgent:
        due = row.recorded_at + timedelta(hours=rule.within_hours)
        done = reviewed.get(row.object)
        late = done > due if done else look.now > due
        if late and row.seq > look.floor(rule.id, row.object):
            yield _of_rows(rule, row.object, provider, "", [row])


def _has_to_be_reviewed(told: Mapping[str, Any]) -> bool:
    return bool(told.get("emergency") or told.get("review_due_at") or "review" in told.get("obligations", ()))


def _reviews(look: Look, references: Sequence[str]) -> dict[str, datetime]:
    """Disclosure -> when somebody looked back at it for the first time."""
    found: dict[str, datetime] = {}
    for start in range(0, len(references), _CHUNK):
        query = (
            select(LogEntry.object, LogEntry.recorded_at, LogDetail.details)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.action == "duty:fulfil", LogEntry.object.in_(references[start : start + _CHUNK]))
            .order_by(LogEntry.seq)
        )
        for row in look.session.execute(query):
            if json.loads(row.details).get("kind") == "review":
                found.setdefault(row.object, row.recorded_at)
    return found


def _unreviewed_ground(look: Look, rule: MisuseRule) -> Iterator[Finding]:
    used: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row, told, provider in _disclosed(look):
        day = day_of(row.recorded_at)
        ground = look.policy.grounds.find(told["ground"], day)
        if ground is None or not ground.reviewed_by_then(day):
            used[provider, told["ground"]].append(row)
    for (provider, ground_id), rows in used.items():
        about = f"{provider}:{ground_id}"
        left = [row for row in rows if row.seq > look.floor(rule.id, about)]
        if len(left) >= rule.at_least:
            yield _of_rows(rule, about, provider, "", left)


def _same_pair(look: Look, rule: MisuseRule) -> Iterator[Finding]:
    asked, agreed = aliased(LogEntry), aliased(LogEntry)
    query = (
        select(
            agreed.seq,
            agreed.recorded_at,
            agreed.object,
            agreed.agency,
            asked.actor.label("requester"),
            asked.agency.label("provider"),
            asked.recorded_at.label("asked_at"),
            agreed.actor.label("approver"),
        )
        .join(asked, asked.object == agreed.object)
        .where(
            agreed.recorded_at >= look.since,
            agreed.action == "disclosure:approve",
            asked.action == "disclosure:request",
        )
        .order_by(agreed.seq)
    )
    pairs: dict[str, list[Any]] = defaultdict(list)
    for row in look.session.execute(query):
        about = f"{row.requester}:{row.approver}"
        fast = row.recorded_at - row.asked_at <= timedelta(seconds=rule.within_seconds)
        if fast and look.scope in ("", row.provider) and row.seq > look.floor(rule.id, about):
            pairs[about].append(row)
    for about, rows in pairs.items():
        if len(rows) >= rule.at_least:
            yield _of_rows(rule, about, rows[0].provider, rows[0].approver, rows)


# -- together -------------------------------------------------------------------------------------------------------


def _of_rows(
    rule: MisuseRule, about: str, agency: str, actor: str, rows: Sequence[Any], *, middle: int | None = None
) -> Finding:
    ordered = sorted(rows, key=lambda row: row.seq)
    hours = Counter(row.recorded_at.astimezone(ZONE).hour for row in ordered)
    return Finding(
        rule=rule.id,
        about=about,
        agency=agency,
        actor=actor,
        count=len(ordered),
        first_at=ordered[0].recorded_at,
        last_at=ordered[-1].recorded_at,
        last_seq=ordered[-1].seq,
        seqs=tuple(row.seq for row in ordered[-MOST_SEQS:]),
        hours=tuple(hours.get(hour, 0) for hour in range(24)),
        middle=middle,
        objects=tuple(dict.fromkeys(row.object for row in ordered if row.object))[:MOST_SEQS],
    )


PATTERNS: Mapping[str, Pattern] = {
    "read-without-task": _read_without_task,
    "odd-hours": _odd_hours,
    "many-refusals": _many_refusals,
    "many-searches": _more_than_colleagues(*SEARCHES),
    "many-reads": _more_than_colleagues(*READS),
    "bulk": _bulk,
    "emergency-unreviewed": _emergency_unreviewed,
    "unreviewed-ground": _unreviewed_ground,
    "same-pair": _same_pair,
    "exports": _exports,
}
