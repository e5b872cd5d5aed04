"""The life of a link as a list of acts: from them alone follow its state, who answered what, and what can be taken back.

An act is never changed or taken away. Undoing is an act too, which makes an earlier one count no more.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signaltable.domain import LinkDeed, LinkState

# Who began a link: the program by its tags, which is said by nothing, as in links from before persons could; or a person.
TAGS = ""
PERSON = "person"


@dataclass(frozen=True, slots=True)
class Act:
    """One act: by which agency and person, and which other act it undoes or follows from (empty: none)."""

    id: str
    deed: LinkDeed
    agency_id: str
    account_id: str
    at: datetime
    undoes: str = ""
    cause: str = ""


def standing(acts: Iterable[Act]) -> list[Act]:
    """The acts that count, in their order: without those that were undone, and without the undoing."""
    known = list(acts)
    undone = {act.undoes for act in known if act.deed is LinkDeed.UNDO}
    return [act for act in known if act.deed is not LinkDeed.UNDO and act.id not in undone]


def verdicts(acts: Iterable[Act]) -> Mapping[str, LinkDeed]:
    """Agency -> confirm or refuse, as it stands now: who merged the two confirmed it, and begins the answering anew."""
    given: dict[str, LinkDeed] = {}
    for act in standing(acts):
        if act.deed is LinkDeed.MERGE:
            given = {act.agency_id: LinkDeed.CONFIRM}
        elif act.deed in {LinkDeed.CONFIRM, LinkDeed.REFUSE}:
            given[act.agency_id] = act.deed
    return given


def state_of(acts: Iterable[Act], owners: Collection[str], origin: str) -> LinkState:
    """The state that follows from the acts, whatever their order: the history can be replayed.

    `owners` are the agencies of both signals. A link that a person made and took back is over.
    """
    counted = standing(acts)
    merged = max((place for place, act in enumerate(counted) if act.deed is LinkDeed.MERGE), default=-1)
    if merged < 0 and origin == PERSON:
        return LinkState.ENDED
    if any(act.deed is LinkDeed.END for act in counted[merged + 1 :]):
        return LinkState.ENDED
    given = verdicts(counted)
    if LinkDeed.REFUSE in given.values():
        return LinkState.REFUSED
    answered = {agency for agency, deed in given.items() if deed is LinkDeed.CONFIRM}
    return LinkState.CONFIRMED if answered >= set(owners) else LinkState.PROPOSED


def confirmed_since(acts: Sequence[Act], owners: Collection[str], origin: str) -> datetime | None:
    """Since when the link has been confirmed without a break; None when it is not."""
    since: datetime | None = None
    for count, act in enumerate(acts, start=1):
        if state_of(acts[:count], owners, origin) is not LinkState.CONFIRMED:
            since = None
        elif since is None:
            since = act.at
    return since


def to_take_back(acts: Sequence[Act], agency_id: str) -> Act | None:
    """The act that an agency may take back: the last one of all, when it is its own and no undoing.

    An act that follows from another (a split ends several links) goes with that one alone.
    """
    if not acts:
        return None
    last = acts[-1]
    return last if last.agency_id == agency_id and last.deed is not LinkDeed.UNDO and not last.cause else None
