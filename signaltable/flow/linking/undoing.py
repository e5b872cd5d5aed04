"""Taking back the own last decision about a link, as long as nobody built on it. History stays: undoing is an act too."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import or_, select

from signaltable.domain import Conflict, LinkDeed, LinkState
from signaltable.flow.linking import groups, telling
from signaltable.flow.linking.deciding import fallen_apart, open_case, reason_for, refuse_contradiction
from signaltable.flow.linking.history import Case, add, case_of, keep_answers_before, record
from signaltable.flow.linking.proposing import again
from signaltable.link_acts import Act, confirmed_since, to_take_back
from signaltable.models import Disclosure, Link, LinkAct, Subject
from signaltable.transaction import Transaction, in_whole


def undo(tx: Transaction, link_id: str, reason: str) -> str:
    """Take back the last decision of the actor's agency about a link, with all that followed from it. Returns the state.

    Where the link ended together with others, all of them are taken back. Raises `NotFound` for somebody else's link,
    `Conflict` when the last act is not the agency's own, or when somebody decided about these subjects or disclosed their
    signals since; `UnusableInput` without a reason.
    """
    case = open_case(tx, link_id)
    last = case.acts[-1] if case.acts else None
    if last and last.deed is LinkDeed.UNDO and last.agency_id == tx.actor.agency_id:
        return case.state
    keep_answers_before(tx, case)
    root, act = root_of(tx, case)
    if act is None:
        raise Conflict("decided", "there is no decision of this agency to take back")
    words = reason_for(tx, reason)
    cases = [root, *_following(tx, act)]
    if is_built_on(tx, act, cases):
        raise Conflict("built_on", "others went on from this decision")
    _take_back(tx, cases, act, words)
    return next(one.state for one in cases if one.link.id == link_id)


@in_whole("a link has two sides, of two agencies")
def root_of(tx: Transaction, case: Case) -> tuple[Case, Act | None]:
    """The decision of the actor's agency that taking back would be about, with its link; None when there is none.

    When the last act here followed from one on another link, it is that one.
    """
    cause = case.acts[-1].cause if case.acts else ""
    row = tx.session.get(LinkAct, cause) if cause else None
    root = case_of(tx, tx.session.get_one(Link, row.link_id)) if row else case
    return root, to_take_back(root.acts, tx.actor.agency_id)


@in_whole("a link has two sides, of two agencies")
def _following(tx: Transaction, act: Act) -> list[Case]:
    rows = tx.session.scalars(
        select(Link)
        .join(LinkAct, LinkAct.link_id == Link.id)
        .where(LinkAct.cause == act.id, LinkAct.act != LinkDeed.UNDO),
    ).all()
    return [case_of(tx, one) for one in rows]


@in_whole("a link has two sides, of two agencies")
def _take_back(tx: Transaction, cases: Sequence[Case], act: Act, words: str) -> None:
    was = {case.link.id: case.state for case in cases}
    since = _since(cases, act)
    sides = {side for case in cases for side in case.sides}
    before = groups.members(tx, sides)
    undoing = ""
    for case in cases:
        undone = next(one for one in reversed(case.acts) if act.id in (one.id, one.cause))
        made = add(tx, case, LinkDeed.UNDO, words if not undoing else "", undoes=undone.id, cause=undoing)
        undoing = undoing or made.id
    for case in cases:
        if case.state is LinkState.CONFIRMED and was[case.link.id] is not LinkState.CONFIRMED:
            refuse_contradiction(tx, case)
    groups.regroup(tx, before)
    told: list[str] = []
    if any(was[case.link.id] is LinkState.CONFIRMED and case.state is not LinkState.CONFIRMED for case in cases):
        told = telling.tell(tx, undoing, fallen_apart(tx, before, sides), since)
    elif any(case.state is LinkState.CONFIRMED and was[case.link.id] is not LinkState.CONFIRMED for case in cases):
        told = telling.tell_again(tx, undoing, act.id)
    for case in cases:
        record(tx, case, "link:undo", words, result=str(case.state), recipients_told=told)
    again(tx, sides)


def _since(cases: Sequence[Case], act: Act) -> datetime:
    found = [confirmed_since(case.acts, case.owners, case.link.origin) for case in cases]
    return min([one for one in found if one is not None], default=act.at)


@in_whole("a link has two sides, of two agencies")
def is_built_on(tx: Transaction, act: Act, cases: Sequence[Case]) -> bool:
    """Whether somebody decided about subjects of these groups since, or disclosed their signals."""
    around = groups.members(tx, {side for case in cases for side in case.sides})
    return _decided_since(tx, act, around) or _disclosed_since(tx, act, around)


def _decided_since(tx: Transaction, act: Act, around: Collection[str]) -> bool:
    query = (
        select(LinkAct.id)
        .join(Link, Link.id == LinkAct.link_id)
        .where(
            or_(Link.subject_a.in_(around), Link.subject_b.in_(around)),
            LinkAct.at > act.at,
            LinkAct.id != act.id,
            LinkAct.cause != act.id,
        )
    )
    return tx.session.scalars(query.limit(1)).first() is not None


def _disclosed_since(tx: Transaction, act: Act, around: Collection[str]) -> bool:
    if act.deed not in {LinkDeed.CONFIRM, LinkDeed.MERGE}:
        return False
    query = (
        select(Disclosure.id)
        .join(Subject, Subject.signal_id == Disclosure.signal_id)
        .where(Subject.id.in_(around), Disclosure.disclosed_at > act.at)
    )
    return tx.session.scalars(query.limit(1)).first() is not None
