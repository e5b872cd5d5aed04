"""Laying a typed identity beside subjects that are there, without storing it: for who is asked, and for blind checks."""

from collections.abc import Collection

from signaltable import link
from signaltable.flow.linking.sides import excluded_among, facing, stored
from signaltable.flow.linking.storing import sides_for
from signaltable.identity import Identity
from signaltable.transaction import Transaction, in_whole


@in_whole("linking compares with the cases of every agency")
def beside(tx: Transaction, identity: Identity, subject_ids: Collection[str]) -> dict[str, link.Proposal]:
    """Subject id -> what comparing it with this identity says. Only subjects of the identity's kind make sense.

    Nothing is stored. Excluded values do not count, as with proposals.
    """
    others = stored(tx, subject_ids)
    typed = sides_for(tx, identity, "")
    digests = {tag.digest for side in typed.sides.values() for tag in side.tags}
    digests |= {tag.digest for one in others.values() for tag in one.side.tags}
    excluded, policy = excluded_among(tx, digests), tx.program.policy.linking
    return {
        subject_id: link.compare(facing(typed, one.version), one.side, policy, excluded)
        for subject_id, one in others.items()
    }
