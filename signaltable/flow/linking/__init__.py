"""Links: the program proposes, the owners confirm or refuse. A hit says that, never what or who.

storing and sides: what is kept of a subject to link it by; candidates and proposing: who may be the same; groups: who is
one; deciding, undoing and history: what people do with a link; telling: who relied on one that was wrong; pages: what an
owner sees.
"""

from signaltable.flow.linking.comparing import beside
from signaltable.flow.linking.deciding import REASON_LIMIT, decide, end, leave_all, merge, merge_own, split
from signaltable.flow.linking.groups import Spread, agencies_around, group_links_of_before, others_in_groups, spread
from signaltable.flow.linking.leaving import leave
from signaltable.flow.linking.pages import (
    HistoryLine,
    LinkLine,
    LinkPage,
    group_of_own,
    links_per_signal,
    one_link,
    own_links,
    page_of_links,
)
from signaltable.flow.linking.proposing import ProposedLink, keep_and_propose, propose
from signaltable.flow.linking.storing import TaggedSubject, keep, made_with, sides_for
from signaltable.flow.linking.telling import NOTICE_READERS, Notice, notices, read
from signaltable.flow.linking.undoing import undo

__all__ = [
    "NOTICE_READERS",
    "REASON_LIMIT",
    "HistoryLine",
    "LinkLine",
    "LinkPage",
    "Notice",
    "ProposedLink",
    "Spread",
    "TaggedSubject",
    "agencies_around",
    "beside",
    "decide",
    "end",
    "group_links_of_before",
    "group_of_own",
    "keep",
    "keep_and_propose",
    "leave",
    "leave_all",
    "links_per_signal",
    "made_with",
    "merge",
    "merge_own",
    "notices",
    "one_link",
    "others_in_groups",
    "own_links",
    "page_of_links",
    "propose",
    "read",
    "sides_for",
    "split",
    "spread",
    "undo",
]
