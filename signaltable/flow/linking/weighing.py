"""Weighing open proposals again when a value does not count any more: a shelter that comes late must not leave a pile."""

from collections.abc import Collection

from sqlalchemy import select

from signaltable import link
from signaltable.domain import LinkDeed, LinkState
from signaltable.flow.linking.history import add, case_of, one_at_a_time, record
from signaltable.flow.linking.sides import excluded_among, stored
from signaltable.models import Link, MatchTag
from signaltable.queries import links_of
from signaltable.transaction import Transaction, in_whole

# A value that more subjects share than this stands for a whole building; who answers the rest sees that it does not count.
MOST_SUBJECTS = 1000


@in_whole("linking compares with the cases of every agency")
def weigh_again(tx: Transaction, digests: Collection[bytes], cause: str) -> int:
    """Close the open proposals between subjects that share one of these digests and that nothing else makes likely.

    What an owner answered already stays. `cause` is the id of what made the value count no more. Gives how many closed.
    """
    holders = set(
        tx.session.scalars(
            select(MatchTag.subject_id).where(MatchTag.digest.in_(list(digests))).distinct().limit(MOST_SUBJECTS)
        )
    )
    if len(holders) < 2:
        return 0
    one_at_a_time(tx)
    open_ones = [
        found
        for found in links_of(tx, sorted(holders))
        if found.state == LinkState.PROPOSED and {found.subject_a, found.subject_b} <= holders
    ]
    return sum(_closed(tx, found, cause) for found in open_ones)


def _closed(tx: Transaction, found: Link, cause: str) -> bool:
    case = case_of(tx, found)
    sides = stored(tx, [found.subject_a, found.subject_b])
    one, other = sides[found.subject_a], sides[found.subject_b]
    if case.acts or one.version != other.version:
        return False
    excluded = excluded_among(tx, {tag.digest for side in (one, other) for tag in side.side.tags})
    if link.compare(one.side, other.side, tx.program.policy.linking, excluded).outcome != "none":
        return False
    add(tx, case, LinkDeed.END, cause=cause)
    record(tx, case, "link:refuse")
    return True
