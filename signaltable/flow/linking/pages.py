"""What owners see of links: the own side, what was compared, where the decision stands, and what they can do now."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from signaltable.access import Permission, require
from signaltable.domain import GONE, LINK_DEEDS, LinkDeed, LinkState, NotFound, Resource, day_of
from signaltable.flow import places, sealing
from signaltable.flow.linking import groups
from signaltable.flow.linking.deciding import own_subject, resource_of_case
from signaltable.flow.linking.history import Case, acts_of, case_of, link_not_kept_from, place_of
from signaltable.flow.linking.undoing import is_built_on, root_of
from signaltable.flow.work import MOST, WorkItem
from signaltable.link_acts import Act, verdicts
from signaltable.models import Link, LinkAct, LinkVerdict, Signal, Subject
from signaltable.queries import PAGE, PageKey, newest_first
from signaltable.queries import mine as kept_from_me
from signaltable.transaction import Transaction

# The views of the list: what waits for the own agency, for another, what is confirmed, what is refused or over.
MINE, OTHERS, CONFIRMED, OVER, ALL = "mine", "others", "confirmed", "over", "all"
VIEWS = (MINE, OTHERS, CONFIRMED, OVER, ALL)
# View -> the lists of `signaltable.places` that it shows.
_ALL_LISTS = ("links-mine", "links-others", "links-confirmed", "links-over")
LISTS: Mapping[str, tuple[str, ...]] = {
    **dict(zip(VIEWS, ((one,) for one in _ALL_LISTS), strict=False)),
    ALL: _ALL_LISTS,
}
# Beyond so many nobody counts on; the page says that there are more.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A link as one owner sees it: the own signal and subject, what was compared, and where the decision stands.

    `own_sides`: (reference, number) of the own subjects; two when both signals are of the same agency. `compared` leaves
    out what is not known on one side. `deeds`: what the own agency can do with it now. `one_already`: other confirmed links
    connect the two.
    """

    id: str
    own_sides: tuple[tuple[str, int], ...]
    subject_kind: str
    outcome: str
    compared: Mapping[str, str]
    state: str
    origin: str
    proposed_at: datetime
    own_verdict: bool | None
    waits_for_other: bool
    deeds: frozenset[LinkDeed]
    one_already: bool


@dataclass(frozen=True, slots=True)
class LinkPage:
    """One page of the own links, with how many wait (`more`: than were counted) and the key of the next page or None."""

    view: str
    lines: tuple[LinkLine, ...]
    waiting: int
    more: bool
    following: PageKey | None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One act as an owner reads it: whose it was only as own or other; the reason of the own agency alone."""

    deed: str
    at: datetime
    own: bool
    undone: bool
    follows: bool
    reason: str


@dataclass(frozen=True, slots=True)
class OneLink:
    """A link with its history, and the group that its own subject is in (None: no group)."""

    line: LinkLine
    history: tuple[HistoryLine, ...]
    spread: groups.Spread | None


def page_of_links(tx: Transaction, view: str, after: PageKey | None = None) -> LinkPage:
    """A page of the links of the actor's agency in a view, the newest first."""
    _gate(tx)
    first = _first(tx, view, PAGE + 1, newest=True, after=after)
    shown, following = newest_first(tx, _query(tx, view).where(first), Link.proposed_at, Link.id, after)
    lines = _lines(tx, shown)
    _record(tx, shown)
    waiting = _count_waiting(tx)
    return LinkPage(view, tuple(lines), min(waiting, MOST_COUNTED), waiting > MOST_COUNTED, following)


def own_links(tx: Transaction) -> list[LinkLine]:
    """The newest links of the actor's agency: first what waits for it, then what waits for the other, then the rest."""
    _gate(tx)
    newest = _query(tx, ALL).where(_first(tx, ALL, PAGE + 1, newest=True))
    shown, _following = newest_first(tx, newest, Link.proposed_at, Link.id, None)
    _record(tx, shown)
    return sorted(_lines(tx, shown), key=lambda line: (_turn(line), line.own_sides))


def one_link(tx: Transaction, link_id: str) -> OneLink:
    """One link of the actor's agency with its history. Raises `NotFound` for any other.

    The agency has to have a side in a signal that still takes part, as in its list.
    """
    _gate(tx)
    found = tx.session.get(Link, link_id)
    case = case_of(tx, found) if found else None
    if case is None or tx.actor.agency_id not in case.owners:
        raise NotFound("no such link")
    require(tx.actor, Permission.LINK_DECIDE_OWN, resource_of_case(tx, case))
    if not any(one.owner_agency == tx.actor.agency_id and one.state not in GONE for one in case.signals.values()):
        raise NotFound("no link of a signal that still takes part")
    (line,) = _lines(tx, [case.link])
    _record(tx, [case.link])
    own = [side for side, signal in case.signals.items() if signal.owner_agency == tx.actor.agency_id]
    where = groups.spread(tx, own)
    return OneLink(_with_undo(tx, line, case), _history(tx, case), next(iter(where.values()), None))


def group_of_own(tx: Transaction, reference: str, number: int) -> groups.Spread | None:
    """Where else an own subject stands by confirmed links; None when nowhere. Raises `NotFound` for another agency's."""
    subject, signal = own_subject(tx, reference, number)
    tx.record(
        "signal:list",
        object_type="signal",
        object_id=signal.reference,
        details={"view": "links", "count": 1},
        subjects=[subject.id],
    )
    return groups.spread(tx, [subject.id]).get(subject.id)


def _count_waiting(tx: Transaction) -> int:
    """How many proposed links wait for an answer of the actor's agency, counted up to one more than `MOST_COUNTED`."""
    first = places.of_own_agency(tx, LISTS[MINE], MOST_COUNTED + 1)
    query = select(func.count()).select_from(first)
    if kept_from_me(tx):
        # A place knows one side of its link; the other one may stand in a case that the actor is kept from.
        query = query.join(Link, Link.id == first.c.object_id).where(link_not_kept_from(tx))
    return tx.lists.scalar(query) or 0


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The proposed links that wait for an answer of the actor's agency, each with the last day of that."""
    first = _query(tx, MINE).where(_first(tx, MINE, MOST))
    columns = first.with_only_columns(Link.id, Link.subject_a, Link.subject_b, Link.proposed_at)
    found = tx.lists.execute(columns.order_by(Link.proposed_at, Link.id).limit(MOST)).all()
    sides = {side for link in found for side in (link.subject_a, link.subject_b)}
    rows = tx.lists.execute(
        select(Subject.id, Signal.id.label("signal_id"), Signal.reference)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(Subject.id.in_(sides), Signal.owner_agency == tx.actor.agency_id, Signal.state.not_in(GONE))
    )
    own = {row.id: row for row in rows}
    deadline = tx.program.policy.deadlines["link-decision"]
    for link in found:
        there = [own[side] for side in (link.subject_a, link.subject_b) if side in own]
        thing = min(one.reference for one in there)
        about = tuple(sorted({one.signal_id for one in there}))
        due = deadline.due(day_of(link.proposed_at))
        yield WorkItem("links", link.id, thing, link.proposed_at, due, about=about)


def links_per_signal(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, int]:
    """How many proposed links each signal has; signals without one are missing. What is confirmed: groups."""
    counts: dict[str, int] = {}
    for side in (Link.subject_a, Link.subject_b):
        rows = tx.lists.execute(
            select(Subject.signal_id, func.count())
            .join(Link, side == Subject.id)
            .where(Subject.signal_id.in_(signal_ids), Link.state == LinkState.PROPOSED, link_not_kept_from(tx))
            .group_by(Subject.signal_id),
        ).all()
        for signal_id, count in rows:
            counts[signal_id] = counts.get(signal_id, 0) + count
    return counts


# -- the list ------------------------------------------------------------------------------------------------------


def _gate(tx: Transaction) -> None:
    require(tx.actor, Permission.LINK_DECIDE_OWN, Resource("link", owner_agency=tx.actor.agency_id))


def _first(tx: Transaction, view: str, most: int, **options: Any) -> ColumnElement[bool]:
    """Whether a link is among the first of a view of the own agency, the oldest or the newest."""
    return Link.id.in_(select(places.of_own_agency(tx, LISTS[view], most, **options).c.object_id))


def _query(tx: Transaction, view: str) -> Select[Any]:
    """The links of a view with a side in a signal of the actor's agency that still takes part."""
    own = exists(
        select(Subject.id)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(
            or_(Subject.id == Link.subject_a, Subject.id == Link.subject_b),
            Signal.owner_agency == tx.actor.agency_id,
            Signal.state.not_in(GONE),
        )
    )
    answered = exists(
        select(LinkVerdict.link_id).where(LinkVerdict.link_id == Link.id, LinkVerdict.agency_id == tx.actor.agency_id)
    )
    return select(Link).where(own, _in_view(view, answered), link_not_kept_from(tx))


def _in_view(view: str, answered: ColumnElement[bool]) -> ColumnElement[bool]:
    state = places.beside(Link.state)
    conditions: dict[str, ColumnElement[bool]] = {
        MINE: and_(state == LinkState.PROPOSED, ~answered),
        OTHERS: and_(state == LinkState.PROPOSED, answered),
        CONFIRMED: state == LinkState.CONFIRMED,
        OVER: state.in_((LinkState.REFUSED, LinkState.ENDED)),
        ALL: state.in_(tuple(LinkState)),
    }
    return conditions[view]


def _record(tx: Transaction, shown: Collection[Link]) -> None:
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "links", "count": len(shown)},
        subjects=[side for made in shown for side in (made.subject_a, made.subject_b)],
    )


def _turn(line: LinkLine) -> int:
    if line.state != LinkState.PROPOSED:
        return 2
    return 1 if line.waits_for_other else 0


def _lines(tx: Transaction, shown: Sequence[Link]) -> list[LinkLine]:
    ids = {side for made in shown for side in (made.subject_a, made.subject_b)}
    rows = tx.lists.execute(
        select(Subject.id, Subject.number, Subject.kind, Signal.reference)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(Subject.id.in_(ids), Signal.owner_agency == tx.actor.agency_id, Signal.state.not_in(GONE)),
    )
    own = {row.id: row for row in rows}
    acts = acts_of(tx, [made.id for made in shown])
    group_of = groups.names(tx, ids)
    lines = []
    for made in shown:
        one, other = (group_of.get(side, side) for side in (made.subject_a, made.subject_b))
        together = one == other and made.state != LinkState.CONFIRMED
        lines.append(_line(tx, made, own, acts.get(made.id, []), together=together))
    return lines


def _line(tx: Transaction, found: Link, own: Mapping[str, Any], acts: Sequence[Act], *, together: bool) -> LinkLine:
    sides = [own[side] for side in (found.subject_a, found.subject_b) if side in own]
    answer = verdicts(acts).get(tx.actor.agency_id)
    deeds = set(LINK_DEEDS[LinkState(found.state)]) if sides else set()
    if answer is not None:
        deeds -= {LinkDeed.CONFIRM, LinkDeed.REFUSE}
    if together:
        deeds -= {LinkDeed.REFUSE}
    return LinkLine(
        id=found.id,
        own_sides=tuple(sorted((one.reference, one.number) for one in sides)),
        subject_kind=sides[0].kind if sides else "",
        outcome=found.outcome,
        compared={what: how for what, how in found.compared.items() if how != "missing"},
        state=found.state,
        origin=found.origin,
        proposed_at=found.proposed_at,
        own_verdict=None if answer is None else answer is LinkDeed.CONFIRM,
        waits_for_other=found.state == LinkState.PROPOSED and answer is not None,
        deeds=frozenset(deeds),
        one_already=together,
    )


# -- one link ------------------------------------------------------------------------------------------------------


def _with_undo(tx: Transaction, line: LinkLine, case: Case) -> LinkLine:
    root, act = root_of(tx, case)
    if act is None or is_built_on(tx, act, [root, case]) or any(one.state in GONE for one in case.signals.values()):
        return line
    return replace(line, deeds=line.deeds | {LinkDeed.UNDO})


def _history(tx: Transaction, case: Case) -> tuple[HistoryLine, ...]:
    undone = {act.undoes for act in case.acts}
    reasons = _own_reasons(tx, case)
    return tuple(
        HistoryLine(
            deed=act.deed,
            at=act.at,
            own=act.agency_id == tx.actor.agency_id,
            undone=bool(act.id) and act.id in undone,
            follows=bool(act.cause),
            reason=reasons.get(act.id, ""),
        )
        for act in case.acts
    )


def _own_reasons(tx: Transaction, case: Case) -> dict[str, str]:
    """Act -> the words that the own agency gave; those of the other owner are sealed for it."""
    rows = tx.session.execute(
        select(LinkAct.id, LinkAct.reason_sealed).where(
            LinkAct.link_id == case.link.id, LinkAct.agency_id == tx.actor.agency_id, LinkAct.reason_sealed != b""
        ),
    )
    return {
        act_id: str(sealing.open_json(tx, tx.actor.agency_id, sealed, place_of(act_id))["text"])
        for act_id, sealed in rows
    }
