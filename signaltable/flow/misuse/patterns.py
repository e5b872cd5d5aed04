"""The patterns that raise a question: one function each, from entries of the log to findings.

Who did how much comes from one pass over the period (`use`); of the details only those of disclosures are read. Entries
that were settled (`Look.floors`) do not count again.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from signaltable.domain import ZONE, day_of
from signaltable.flow.misuse.reads import without_task
from signaltable.flow.misuse.use import MOST_SEQS, Tally, Use, first_seq, look_through
from signaltable.models import Account, AccountRole, LogDetail, LogEntry
from signaltable.policy import PolicySet
from signaltable.policy_shapes import MisuseFile, MisuseRule

_CHUNK: Final = 500


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

    def use(self) -> Use:
        """What everybody did in the period."""
        return look_through(self.session, self.since, self.scope, self.rules, self.floors)


Pattern = Callable[[Look, Use, MisuseRule], Iterator[Finding]]


def findings(look: Look) -> list[Finding]:
    """Everything that raises a question, in the order of the rules, the most entries first."""
    found: list[Finding] = []
    use = look.use()
    for rule in look.rules.misuse:
        found += sorted(PATTERNS[rule.id](look, use, rule), key=lambda one: (-one.count, one.about))
    return found


# -- one person -----------------------------------------------------------------------------------------------------


def _read_without_task(look: Look, use: Use, rule: MisuseRule) -> Iterator[Finding]:
    floors = {about: seq for (name, about), seq in look.floors.items() if name == rule.id}
    since = first_seq(look.session, look.since)
    reads = without_task(look.session, look.policy, use.cases, floors, timedelta(days=rule.around_days), since)
    by_actor: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for read in reads:
        if read.recorded_at >= look.since:
            by_actor[read.actor, read.agency].append(read)
    for (actor, agency), rows in by_actor.items():
        if len(rows) >= rule.at_least:
            yield _of_rows(rule, actor, agency, actor, rows)


def _often(look: Look, use: Use, rule: MisuseRule) -> Iterator[Finding]:  # noqa: ARG001 -- all patterns are called alike
    """So many entries of one person, as the pass counted them."""
    for (actor, agency), tally in use.of(rule.id).items():
        if tally.count >= rule.at_least:
            yield _of_tally(rule, actor, agency, tally)


def _more_than_colleagues(look: Look, use: Use, rule: MisuseRule) -> Iterator[Finding]:
    totals = use.searches if rule.id == "many-searches" else use.reads
    roles = _roles(look)
    per_role: dict[frozenset[str], list[str]] = defaultdict(list)
    for account, held in roles.items():
        per_role[held].append(account)
    for (actor, agency), tally in use.of(rule.id).items():
        others = [totals.get(one, 0) for one in per_role.get(roles.get(actor, frozenset()), ()) if one != actor]
        if tally.count < rule.at_least or len(others) < rule.colleagues:
            continue
        middle = int(median(others))
        if tally.count >= rule.times * middle:
            yield _of_tally(rule, actor, agency, tally, middle=middle)


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


def _emergency_unreviewed(look: Look, _use: Use, rule: MisuseRule) -> Iterator[Finding]:
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


def _unreviewed_ground(look: Look, _use: Use, rule: MisuseRule) -> Iterator[Finding]:
    used: dict[tuple[str, str], list[Any]] = defaultdict(list)

    @cache
    def reviewed(ground_id: str, day: date) -> bool:
        ground = look.policy.grounds.find(ground_id, day)
        return ground is not None and ground.reviewed_by_then(day)

    for row, told, provider in _disclosed(look):
        if not reviewed(told["ground"], day_of(row.recorded_at)):
            used[provider, told["ground"]].append(row)
    for (provider, ground_id), rows in used.items():
        about = f"{provider}:{ground_id}"
        left = [row for row in rows if row.seq > look.floor(rule.id, about)]
        if len(left) >= rule.at_least:
            yield _of_rows(rule, about, provider, "", left)


def _same_pair(look: Look, _use: Use, rule: MisuseRule) -> Iterator[Finding]:
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


def _of_tally(rule: MisuseRule, actor: str, agency: str, tally: Tally, *, middle: int | None = None) -> Finding:
    return Finding(
        rule=rule.id,
        about=actor,
        agency=agency,
        actor=actor,
        count=tally.count,
        first_at=tally.first_at,
        last_at=tally.last_at,
        last_seq=tally.last_seq,
        seqs=tuple(tally.seqs),
        hours=tuple(tally.hours),
        middle=middle,
    )


def _of_rows(rule: MisuseRule, about: str, agency: str, actor: str, rows: Sequence[Any]) -> Finding:
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
        objects=tuple(dict.fromkeys(row.object for row in ordered if row.object))[:MOST_SEQS],
    )


PATTERNS: Mapping[str, Pattern] = {
    "read-without-task": _read_without_task,
    "odd-hours": _often,
    "many-refusals": _often,
    "many-searches": _more_than_colleagues,
    "many-reads": _more_than_colleagues,
    "bulk": _often,
    "emergency-unreviewed": _emergency_unreviewed,
    "unreviewed-ground": _unreviewed_ground,
    "same-pair": _same_pair,
    "exports": _often,
}
