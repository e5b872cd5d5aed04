"""Groups: subjects that are one by confirmed links. A group is nothing else than what the confirmed links connect."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, or_, select, update

from signaltable.domain import GONE, LinkState
from signaltable.flow.linking.clusters import Clusters
from signaltable.models import Link, LinkAct, LinkVerdict, Signal, Subject, SubjectGroup
from signaltable.queries import WHOLE, not_kept_from
from signaltable.transaction import Transaction, in_whole


@dataclass(frozen=True, slots=True)
class Spread:
    """In how many other signals, of how many organisations in all, the people of a group stand."""

    signals: int
    agencies: int


@in_whole("a group holds subjects of several agencies")
def members(tx: Transaction, subject_ids: Collection[str]) -> frozenset[str]:
    """The subjects with everybody in their groups."""
    own = select(SubjectGroup.group_id).where(SubjectGroup.subject_id.in_(subject_ids))
    found = tx.session.scalars(select(SubjectGroup.subject_id).where(SubjectGroup.group_id.in_(own)))
    return frozenset(subject_ids) | frozenset(found)


@in_whole("a group holds subjects of several agencies")
def names(tx: Transaction, subject_ids: Collection[str]) -> dict[str, str]:
    """Subject id -> the name of its group; who is in no group is missing."""
    query = select(SubjectGroup.subject_id, SubjectGroup.group_id).where(SubjectGroup.subject_id.in_(list(subject_ids)))
    return dict(tx.session.execute(query).all())


@in_whole("a group holds subjects of several agencies")
def regroup(tx: Transaction, subject_ids: Collection[str]) -> None:
    """Make the groups around these subjects follow from the confirmed links, after links changed."""
    links = _confirmed_around(tx, members(tx, subject_ids))
    concerned = members(tx, {*subject_ids, *(side for pair in links for side in pair)})
    clusters = Clusters()
    for one, other in links:
        clusters.join(one, other)
    parts: dict[str, list[str]] = {}
    for one in sorted(concerned):
        parts.setdefault(clusters.key(one), []).append(one)
    _write(tx, [part for part in parts.values() if len(part) > 1], concerned)


def group_links_of_before(tx: Transaction) -> None:
    """Make the groups of links that were confirmed before groups were kept. Does and records nothing when there are none."""
    grouped = select(SubjectGroup.subject_id)
    query = select(Link.subject_a, Link.subject_b).where(
        Link.state == LinkState.CONFIRMED, Link.subject_a.not_in(grouped)
    )
    sides = {side for pair in tx.session.execute(query).all() for side in pair}
    if sides:
        regroup(tx, sides)
        tx.session.flush()
        # The rows themselves are told by the transaction, as with every entry.
        tx.record("log:rows", object_type="log", details={"cause": "migrated", "count": len(sides)})


def _confirmed_around(tx: Transaction, start: Iterable[str]) -> set[tuple[str, str]]:
    """All confirmed links that can be reached from these subjects, as pairs."""
    links: set[tuple[str, str]] = set()
    seen: set[str] = set()
    fresh = set(start)
    while fresh:
        seen |= fresh
        touching = or_(Link.subject_a.in_(fresh), Link.subject_b.in_(fresh))
        query = select(Link.subject_a, Link.subject_b).where(Link.state == LinkState.CONFIRMED, touching)
        found = {(row.subject_a, row.subject_b) for row in tx.session.execute(query)}
        links |= found
        fresh = {side for pair in found for side in pair} - seen
    return links


def _write(tx: Transaction, parts: Sequence[Sequence[str]], concerned: Collection[str]) -> None:
    """One row for each member; a part keeps the name that most of it had, so that few rows change."""
    before = names(tx, concerned)
    after: dict[str, str] = {}
    taken: set[str] = set()
    for part in sorted(parts, key=len, reverse=True):
        had = [before[one] for one in part if one in before and before[one] not in taken]
        name = max(sorted(had), key=had.count) if had else tx.new_id()
        taken.add(name)
        after |= dict.fromkeys(part, name)
    for one in sorted(set(before) - set(after)):
        tx.session.execute(delete(SubjectGroup).where(SubjectGroup.subject_id == one))
    for one, name in sorted(after.items()):
        if one not in before:
            tx.session.execute(insert(SubjectGroup), [{"subject_id": one, "group_id": name}])
        elif before[one] != name:
            tx.session.execute(update(SubjectGroup).where(SubjectGroup.subject_id == one).values(group_id=name))


@in_whole("a group holds subjects of several agencies")
def spread(tx: Transaction, subject_ids: Collection[str]) -> dict[str, Spread]:
    """Subject id -> where else it stands by confirmed links; a subject that stands nowhere else is missing.

    Counts only, never which: signals that were withdrawn or expired are left out.
    """
    group_of = names(tx, subject_ids)
    rows = tx.session.execute(
        select(SubjectGroup.group_id, Signal.id, Signal.owner_agency)
        .join(Subject, Subject.id == SubjectGroup.subject_id)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(
            SubjectGroup.group_id.in_(set(group_of.values())), Signal.state.not_in(GONE), not_kept_from(tx, Signal.id)
        ),
    ).all()
    signals: dict[str, set[str]] = {}
    agencies: dict[str, set[str]] = {}
    for group_id, signal_id, agency in rows:
        signals.setdefault(group_id, set()).add(signal_id)
        agencies.setdefault(group_id, set()).add(agency)
    return {
        one: Spread(len(signals[group]) - 1, len(agencies[group]))
        for one, group in group_of.items()
        if len(signals.get(group, ())) > 1
    }


@in_whole("a group holds subjects of several agencies")
def others_in_groups(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, int]:
    """Signal id -> in how many other signals its subjects stand too by confirmed links; none: missing."""
    own = select(Subject.signal_id, SubjectGroup.group_id).join(Subject, Subject.id == SubjectGroup.subject_id)
    pairs = tx.session.execute(own.where(Subject.signal_id.in_(signal_ids))).all()
    groups = {group_id for _signal_id, group_id in pairs}
    rows = tx.session.execute(
        select(SubjectGroup.group_id, Signal.id)
        .join(Subject, Subject.id == SubjectGroup.subject_id)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(SubjectGroup.group_id.in_(groups), Signal.state.not_in(GONE), not_kept_from(tx, Signal.id)),
    ).all()
    within: dict[str, set[str]] = {}
    for group_id, signal_id in rows:
        within.setdefault(group_id, set()).add(signal_id)
    found: dict[str, set[str]] = {}
    for signal_id, group_id in pairs:
        found.setdefault(signal_id, set()).update(within.get(group_id, set()) - {signal_id})
    return {signal_id: len(others) for signal_id, others in found.items() if others}


@in_whole("a group holds subjects of several agencies")
def agencies_around(tx: Transaction, signal_id: str) -> int:
    """How many agencies know a subject of this signal by confirmed links, its owner included; 0 when only one does."""
    own = select(SubjectGroup.group_id).join(Subject, Subject.id == SubjectGroup.subject_id)
    count = tx.session.scalar(
        select(func.count(func.distinct(Signal.owner_agency)))
        .join(Subject, Subject.signal_id == Signal.id)
        .join(SubjectGroup, SubjectGroup.subject_id == Subject.id)
        .where(SubjectGroup.group_id.in_(own.where(Subject.signal_id == signal_id)), Signal.state.not_in(GONE))
        # The card advises on this number: the same advice for everybody, also for who is kept from one of the others.
        .execution_options(**{WHOLE: True}),
    )
    return count if count and count > 1 else 0


@in_whole("a group holds subjects of several agencies")
def leave(tx: Transaction, subject_id: str) -> None:
    """Take a subject that is erased out of everything that links: its group, its links, their acts and answers.

    What is left of its group keeps together only what other confirmed links connect.
    """
    around = members(tx, [subject_id])
    links = select(Link.id).where(or_(Link.subject_a == subject_id, Link.subject_b == subject_id))
    ids = tx.session.scalars(links).all()
    others = {
        side
        for row in tx.session.execute(select(Link.subject_a, Link.subject_b).where(Link.id.in_(ids)))
        for side in row
    }
    for table in (LinkAct, LinkVerdict):
        tx.session.execute(delete(table).where(table.link_id.in_(ids)))
    tx.session.execute(delete(Link).where(Link.id.in_(ids)))
    regroup(tx, around | others)
