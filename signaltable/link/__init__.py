"""Whether two subjects look like the same one. The program proposes, people confirm (GDPR art. 22).

Two subjects that share a tag are compared: on their sketches when both have one under the same key, and else on their
tags alone. Nobody needs to see the identity of the other signal for this: what comes out says that names are the same,
near, different or missing, and never what they are.
"""

from signaltable.link.by_tags import muted_parts, on_tags
from signaltable.link.judging import judge
from signaltable.link.proposal import Likeness, Outcome, Proposal, Side
from signaltable.link.sketch import opened, sketch
from signaltable.linking_rules import LinkingPolicy
from signaltable.parts import PARTS

__all__ = ["Likeness", "Outcome", "Proposal", "Side", "compare", "sketch"]


def compare(a: Side, b: Side, policy: LinkingPolicy, excluded: frozenset[bytes] = frozenset()) -> Proposal:
    """Weigh two subjects of one kind.

    `excluded` holds digests of values that many share, such as the address of a shelter; they count as missing, in the
    sketch as well, and so does every combination that such a value is part of. Tags of several key versions may stand
    together: two subjects meet when they share a digest of any version. Weights come from the policy, not from the tags,
    so that an old tag follows a changed rule. The answer does not depend on the order of the two.
    """
    one, other = opened(a.sketch), opened(b.sketch)
    if one is None or other is None or one.key != other.key:
        return on_tags(a.tags, b.tags, policy, excluded)
    muted = muted_parts(policy, excluded, a.tags, b.tags)
    about = frozenset(PARTS[part].about for parts in muted if len(parts) == 1 for part in parts)
    return judge(one, other, policy, about)
