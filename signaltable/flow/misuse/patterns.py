"""The patterns that raise a question: one function each, from entries of the log to findings.

Who did how much comes from one pass over the period (`use`); of the details only those of disclosures are read. Entries
that were settled (`Look.floors`) do not count again.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from itertools import islice
from statistics import median
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from signaltable.domain import ZONE, day_of
from signaltable.flow.misuse.reads import Untasked
from signaltable.flow.misuse.use import Judge, Tally, Use, in_parts, look_through
from signaltable.models import Account, AccountRole, LogDetail, LogEntry
from signaltable.policy import PolicySet
from signaltable.policy_shapes import MisuseFile, MisuseRule

_CHUNK: Final = 500
# So many findings of one rule a page shows; when some of them are settled, others take their place.
MOST_OF_RULE: Final = 50


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

    def use(self, only: MisuseRule | None = None) -> Use:
        """What everybody did in the period; for one rule without what it does not need."""
        rules = self.rules.misuse if only is None else [only]
        judge = self._judge(next((one for one in rules if one.id == "read-without-task"), None))
        return look_through(self.session, self.since, self.scope, self.rules, self.floors, judge)

    def _judge(self, rule: MisuseRule | None) -> Judge:
        """Which of the reads of some cases, between two entries of the period, had no task around them."""
        if rule is None:
            return lambda _opened, _first, _last: ()
        floors = {about: seq for (name, about), seq in self.floors.items() if name == rule.id}
        around = timedelta(days=rule.around_days)
        return Untasked(self.session, self.policy, floors, around, self.since).among


Pattern = Callable[[Look, Use, MisuseRule], Iterator[Finding]]


def findings(look: Look, asked: Collection[tuple[str, str]] = ()) -> tuple[list[Finding], dict[str, int]]:
    """What raises a question, in the order of the rules, the most entries first; and of each rule how many more there are.

    At most MOST_OF_RULE of each rule, and besides them those about which a question was `asked`, by rule and what it is about.
    """
    shown: list[Finding] = []
    more: dict[str, int] = {}
    use = look.use()
    for rule in look.rules.misuse:
        first, left = _first(PATTERNS[rule.id](look, use, rule), asked)
        shown += first
        if left:
            more[rule.id] = left
    return shown, more


def _first(found: Iterable[Finding], asked: Collection[tuple[str, str]]) -> tuple[list[Finding], int]:
    """The first of these and those that were asked about, and how many others there are; holds hardly more than it gives."""
    count = 0
    kept: list[Finding] = []
    always: list[Finding] = []
    for one in found:
        count += 1
        (always if (one.rule, one.about) in asked else kept).append(one)
        if len(kept) >= 2 * MOST_OF_RULE:
            kept = sorted(kept, key=_order)[:MOST_OF_RULE]
    shown = sorted(always + sorted(kept, key=_order)[:MOST_OF_RULE], key=_order)
    return shown, count - len(shown)


def _order(one: Finding) -> tuple[int, str]:
    return -one.count, one.about


# -- one person -----------------------------------------------------------------------------------------------------


def _read_without_task(look: Look, use: Use, rule: MisuseRule) -> Iterator[Finding]:  # noqa: ARG001 -- all are called alike
    for (actor, agency), tally in use.without_task.items():
        if tally.count >= rule.at_least:
            yield _of_tally(rule, actor, agency, tally)


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
    query = columns.join(LogDetail, LogDetail.seq == LogEntry.seq).where(
        LogEntry.recorded_at >= look.since, LogEntry.action == "signal:disclose", LogEntry.outcome == "ok"
    )
    for row in in_parts(look.session, query, look.since):
        told = json.loads(row.details)
        provider = told.get("provider", row.agency)
        if look.scope in ("", provider):
            yield row, told, provider


def _emergency_unreviewed(look: Look, _use: Use, rule: MisuseRule) -> Iterator[Finding]:
    urgent = ((row, provider) for row, told, provider in _disclosed(look) if _has_to_be_reviewed(told))
    while some := list(islice(urgent, _CHUNK)):
        reviewed = _reviews(look, [row.object for row, _provider in some])
        for row, provider in some:
            due = row.recorded_at + timedelta(hours=rule.within_hours)
            done = reviewed.get(row.object)
            late = done > due if done else look.now > due
            if late and row.seq > look.floor(rule.id, row.object):
                yield _of_tally(rule, row.object, provider, _added(Tally(), row), actor="")


def _has_to_be_reviewed(told: Mapping[str, Any]) -> bool:
    return bool(told.get("emergency") or told.get("review_due_at") or "review" in told.get("obligations", ()))


def _reviews(look: Look, references: Sequence[str]) -> dict[str, datetime]:
    """Disclosure -> when somebody looked back at it for the first time."""
    found: dict[str, datetime] = {}
    query = (
        select(LogEntry.object, LogEntry.recorded_at, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action == "duty:fulfil", LogEntry.object.in_(references))
        .order_by(LogEntry.seq)
    )
    for row in look.session.execute(query):
        if json.loads(row.details).get("kind") == "review":
            found.setdefault(row.object, row.recorded_at)
    return found


def _unreviewed_ground(look: Look, _use: Use, rule: MisuseRule) -> Iterator[Finding]:
    used: dict[tuple[str, str], Tally] = defaultdict(Tally)

    @cache
    def reviewed(ground_id: str, day: date) -> bool:
        ground = look.policy.grounds.find(ground_id, day)
        return ground is not None and ground.reviewed_by_then(day)

    for row, told, provider in _disclosed(look):
        ground = told["ground"]
        if not reviewed(ground, day_of(row.recorded_at)) and row.seq > look.floor(rule.id, f"{provider}:{ground}"):
            _added(used[provider, ground], row)
    for (provider, ground), tally in used.items():
        if tally.count >= rule.at_least:
            yield _of_tally(rule, f"{provider}:{ground}", provider, tally, actor="")


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
    pairs: dict[str, Tally] = defaultdict(Tally)
    told: dict[str, tuple[str, str]] = {}
    # An approval has a row for each time that it was asked for, so its number does not tell where to go on.
    for row in look.session.execute(query.execution_options(yield_per=_CHUNK)):
        about = f"{row.requester}:{row.approver}"
        fast = row.recorded_at - row.asked_at <= timedelta(seconds=rule.within_seconds)
        if fast and look.scope in ("", row.provider) and row.seq > look.floor(rule.id, about):
            told.setdefault(about, (row.provider, row.approver))
            _added(pairs[about], row)
    for about, tally in pairs.items():
        if tally.count >= rule.at_least:
            provider, approver = told[about]
            yield _of_tally(rule, about, provider, tally, actor=approver)


# -- together -------------------------------------------------------------------------------------------------------


def _added(tally: Tally, row: Any) -> Tally:
    tally.add(row.seq, row.recorded_at, row.recorded_at.astimezone(ZONE).hour, row.object)
    return tally


def _of_tally(
    rule: MisuseRule, about: str, agency: str, tally: Tally, *, actor: str | None = None, middle: int | None = None
) -> Finding:
    """`actor` is who it is about, where `about` is not that person."""
    return Finding(
        rule=rule.id,
        about=about,
        agency=agency,
        actor=about if actor is None else actor,
        count=tally.count,
        first_at=tally.first_at,
        last_at=tally.last_at,
        last_seq=tally.last_seq,
        seqs=tuple(tally.seqs),
        hours=tuple(tally.hours),
        middle=middle,
        objects=tuple(tally.objects),
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
