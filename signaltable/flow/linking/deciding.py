"""What owners do with links: confirm, refuse, end, merge and split; each with undo in undoing.py.

Confirmed when every owner confirmed; refused as soon as one refuses. A refusal counts for whole groups: who is one with
somebody who was refused is refused too.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import or_, select

from signaltable import link
from signaltable.access import Permission, require
from signaltable.domain import GONE, LINK_DEEDS, Conflict, LinkDeed, LinkState, NotFound, Resource, UnusableInput
from signaltable.flow import mailing
from signaltable.flow.linking import groups, telling
from signaltable.flow.linking.history import Case, add, case_of, one_at_a_time, record
from signaltable.flow.linking.proposing import again, new_link
from signaltable.flow.linking.sides import excluded_among, sides_of
from signaltable.flow.masking import for_others
from signaltable.link_acts import PERSON, Act, confirmed_since
from signaltable.models import Link, Signal, Subject
from signaltable.queries import kept_from, links_of, resource_of, signal_by_reference, subjects_of
from signaltable.transaction import Transaction, in_whole

REASON_LIMIT = 500

# What is wrong with two subjects that somebody wants to merge; the page has words for each.
NO_SUBJECT = "expected a signal of the own agency and the number of a subject in it"
SAME_SUBJECT = "expected two different subjects"
OTHER_KIND = "expected two subjects of one kind"


def decide(tx: Transaction, link_id: str, *, confirmed: bool, reason: str = "") -> str:
    """Confirm or refuse a proposed link for the actor's agency. Returns the state that follows.

    Saying the same again changes nothing. Raises `NotFound` for somebody else's link (its existence is not told),
    `Conflict` when it is decided otherwise already or contradicts what is refused or confirmed elsewhere,
    `UnusableInput` for a refusal without reason.
    """
    case = open_case(tx, link_id)
    deed = LinkDeed.CONFIRM if confirmed else LinkDeed.REFUSE
    answer = case.answer_of(tx.actor.agency_id)
    if answer is deed and case.state in {LinkState.PROPOSED, LinkState.CONFIRMED, LinkState.REFUSED}:
        return case.state
    if answer is not None or deed not in LINK_DEEDS[case.state]:
        raise Conflict("decided", "the link was decided already")
    words = reason_for(tx, reason, required=not confirmed)
    if confirmed:
        refuse_contradiction(tx, case)
    elif case.link.subject_b in groups.members(tx, case.sides[:1]):
        raise Conflict("one_already", "other confirmed links make these two one")
    act = add(tx, case, deed, words)
    record(tx, case, f"link:{deed}", words)
    settle(tx, case, act)
    return case.state


def end(tx: Transaction, link_id: str, reason: str) -> str:
    """End a confirmed link: the two are not one after all. Whoever relied on it is told. Returns the state.

    Raises as `decide` does; a reason is required.
    """
    case = open_case(tx, link_id)
    if case.state is LinkState.ENDED:
        return case.state
    if LinkDeed.END not in LINK_DEEDS[case.state]:
        raise Conflict("decided", "the link is not confirmed")
    words = reason_for(tx, reason)
    told = end_all(tx, [case], words)
    record(tx, case, "link:end", words, recipients_told=told)
    again(tx, case.sides)
    return case.state


def split(tx: Transaction, reference: str, number: int, reason: str) -> int:
    """Take one own subject out of its group by ending its confirmed links. Returns how many ended.

    Raises `NotFound` for another agency's subject, `Conflict` when it is in no group, `UnusableInput` without a reason.
    """
    one_at_a_time(tx)
    subject, signal = own_subject(tx, reference, number)
    cases = [case_of(tx, one) for one in links_of(tx, [subject.id]) if one.state == LinkState.CONFIRMED]
    if not cases:
        raise Conflict("alone", "the subject is in no group")
    words = reason_for(tx, reason)
    told = end_all(tx, cases, words)
    others = sorted({one for case in cases for one in case.references} - {signal.reference})
    tx.record(
        "link:split",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "subject": subject.number,
            "count": len(cases),
            "signals": others,
            "links": [case.link.id for case in cases],
            "recipients_told": told,
        },
        subjects=[side for case in cases for side in case.sides],
    )
    again(tx, {side for case in cases for side in case.sides})
    return len(cases)


@in_whole("a link has two sides, of two agencies")
def end_all(tx: Transaction, cases: Sequence[Case], words: str) -> list[str]:
    """End confirmed links together: one act, from which those on the other links follow. Returns who was told."""
    sides = {side for case in cases for side in case.sides}
    since = min(confirmed_since(case.acts, case.owners, case.link.origin) or case.link.proposed_at for case in cases)
    before = groups.members(tx, sides)
    cause = ""
    for case in cases:
        act = add(tx, case, LinkDeed.END, words, cause=cause)
        cause = cause or act.id
    groups.regroup(tx, before)
    return telling.tell(tx, cause, fallen_apart(tx, before, sides), since)


@in_whole("a link has two sides, of two agencies")
def fallen_apart(tx: Transaction, before: Collection[str], sides: Collection[str]) -> Collection[str]:
    """The subjects of which the picture changed: everybody of a group that is no longer one, or the two sides alone."""
    one_still = groups.members(tx, sorted(sides)[:1]) >= set(before)
    return sides if one_still else before


def merge(tx: Transaction, link_id: str, reason: str) -> str:
    """Say of a link that was refused or ended that the two are one after all. Returns the state that follows.

    The other owner has to confirm it, as with every link. Of a proposed link this is the same as confirming it.
    """
    case = open_case(tx, link_id)
    if case.answer_of(tx.actor.agency_id) is LinkDeed.CONFIRM and case.state in {
        LinkState.PROPOSED,
        LinkState.CONFIRMED,
    }:
        return case.state
    return _merge(tx, case, reason_for(tx, reason))


def merge_own(tx: Transaction, one: tuple[str, int], other: tuple[str, int], reason: str) -> str:
    """Say of two subjects of the own agency, each (reference, number), that they are one. Returns the state.

    Raises `UnusableInput` for a subject that is not there, twice the same, two kinds, or no reason.
    """
    one_at_a_time(tx)
    first = _named(tx, "one", one)
    second = _named(tx, "other", other)
    if first.id == second.id:
        raise UnusableInput({"other": SAME_SUBJECT})
    if first.kind != second.kind:
        raise UnusableInput({"other": OTHER_KIND})
    words = reason_for(tx, reason)
    low, high = sorted((first.id, second.id))
    found = tx.session.scalars(select(Link).where(Link.subject_a == low, Link.subject_b == high)).first()
    case = case_of(tx, found or new_link(tx, low, high, _compared(tx, low, high), PERSON))
    if case.state is LinkState.CONFIRMED:
        return case.state
    return _merge(tx, case, words)


def _merge(tx: Transaction, case: Case, words: str) -> str:
    refuse_contradiction(tx, case, itself=case.link.id)
    deed = LinkDeed.CONFIRM if case.state is LinkState.PROPOSED else LinkDeed.MERGE
    act = add(tx, case, deed, words)
    record(tx, case, "link:merge", words, evidence_kinds=sorted(case.link.compared))
    if case.state is LinkState.PROPOSED:
        waiting = [one for one in case.signals.values() if one.owner_agency != tx.actor.agency_id]
        mailing.tell(tx, {one.submitter for one in waiting}, "link", task=("link", case.link.id))
    settle(tx, case, act)
    return case.state


def _named(tx: Transaction, place: str, named: tuple[str, int]) -> Subject:
    try:
        return own_subject(tx, *named)[0]
    except NotFound:
        raise UnusableInput({place: NO_SUBJECT}) from None


def _compared(tx: Transaction, one: str, other: str) -> link.Proposal:
    sides = sides_of(tx, [one, other])
    excluded = excluded_among(tx, {tag.digest for side in sides.values() for tag in side.tags})
    return link.compare(sides[one], sides[other], tx.program.policy.linking, excluded)


@in_whole("a link has two sides, of two agencies")
def leave_all(tx: Transaction, signal: Signal) -> None:
    """End the links of a signal that is taken back: it takes no part any more, which says nothing of who is who."""
    one_at_a_time(tx)
    own = [subject.id for subject in subjects_of(tx, signal.id)]
    around = groups.members(tx, own)
    for found in links_of(tx, own):
        if found.state in {LinkState.PROPOSED, LinkState.CONFIRMED}:
            case = case_of(tx, found)
            add(tx, case, LinkDeed.END)
            record(tx, case, "link:end")
    groups.regroup(tx, around)
    if len(around) > len(own):
        again(tx, around - set(own))


# -- what all of them share ----------------------------------------------------------------------------------------


@in_whole("a link has two sides, of two agencies")
def open_case(tx: Transaction, link_id: str) -> Case:
    """A link that the actor's agency decides about, with nobody else deciding. Raises `NotFound` for any other."""
    one_at_a_time(tx)
    found = tx.session.get(Link, link_id, with_for_update=True)
    case = case_of(tx, found) if found else None
    if case is None or tx.actor.agency_id not in case.owners:
        require(tx.actor, Permission.LINK_DECIDE_OWN)
        raise NotFound("no such link")
    require(tx.actor, Permission.LINK_DECIDE_OWN, resource_of_case(tx, case))
    if any(signal.state in GONE for signal in case.signals.values()):
        raise Conflict("gone", "one of the signals was taken back or has expired")
    return case


def resource_of_case(tx: Transaction, case: Case) -> Resource:
    """A link of the actor's agency as the gate sees it: closed for whoever is kept from the signal of either side."""
    kept = kept_from(tx, [signal.id for signal in case.signals.values()])
    return Resource(
        "link",
        case.link.id,
        owner_agency=tx.actor.agency_id,
        kept_from=frozenset[str]().union(*kept.values()),
    )


def own_subject(tx: Transaction, reference: str, number: int) -> tuple[Subject, Signal]:
    """A subject of a signal of the actor's agency that still takes part. Raises `NotFound` for any other."""
    require(tx.actor, Permission.LINK_DECIDE_OWN, Resource("link", owner_agency=tx.actor.agency_id))
    signal = signal_by_reference(tx, reference)
    found = [one for one in subjects_of(tx, signal.id) if one.number == number and one.erased_at is None]
    if signal.owner_agency != tx.actor.agency_id or signal.state in GONE or not found:
        raise NotFound("no such subject")
    require(tx.actor, Permission.LINK_DECIDE_OWN, resource_of(tx, signal))
    return found[0], signal


def reason_for(tx: Transaction, reason: str, *, required: bool = True) -> str:
    """The words that somebody gives for a decision, as they are kept. Raises `UnusableInput` at `reason`."""
    return for_others(tx, reason, "reason", limit=REASON_LIMIT, required=required)


def refuse_contradiction(tx: Transaction, case: Case, itself: str = "") -> None:
    """Raise `Conflict` when confirming would make one of two that an owner said are not the same."""
    one, other = (groups.members(tx, [side]) for side in case.sides)
    apart = select(Link.id).where(
        Link.state == LinkState.REFUSED,
        Link.id != itself,
        (Link.subject_a.in_(one) & Link.subject_b.in_(other)) | (Link.subject_a.in_(other) & Link.subject_b.in_(one)),
    )
    if tx.session.scalars(apart.limit(1)).first() is not None:
        raise Conflict("kept_apart", "an owner said that somebody in these groups is not the same")


@in_whole("a link has two sides, of two agencies")
def settle(tx: Transaction, case: Case, act: Act) -> None:
    """What follows for others when a link is confirmed or refused: groups, open proposals, and new ones."""
    if case.state is LinkState.CONFIRMED:
        groups.regroup(tx, case.sides)
    if case.state in {LinkState.CONFIRMED, LinkState.REFUSED}:
        _close_contradicted(tx, groups.members(tx, case.sides[:1]), act)
    if case.state is LinkState.REFUSED:
        again(tx, case.sides)


def _close_contradicted(tx: Transaction, group: Collection[str], act: Act) -> None:
    """Close the open proposals between this group and every group of which a member was refused to one of this group."""
    refused = _other_sides(tx, group, LinkState.REFUSED)
    if not refused:
        return
    apart = groups.members(tx, refused) - set(group)
    for found in links_of(tx, list(group)):
        if found.state == LinkState.PROPOSED and {found.subject_a, found.subject_b} & apart:
            case = case_of(tx, found)
            add(tx, case, LinkDeed.END, cause=act.id)
            record(tx, case, "link:refuse")


def _other_sides(tx: Transaction, group: Collection[str], state: LinkState) -> set[str]:
    query = select(Link.subject_a, Link.subject_b).where(
        Link.state == state, or_(Link.subject_a.in_(group), Link.subject_b.in_(group))
    )
    return {side for row in tx.session.execute(query) for side in row} - set(group)
