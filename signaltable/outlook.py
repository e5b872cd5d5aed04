"""What may be disclosed now, what after which step, and what never: for one person or place, one recipient, one purpose.

Computed from the same grounds as a disclosure, before any evidence. "Now" means that the owner can meet every condition
alone, by saying and motivating it; "after" that somebody or something else is needed first: the person who agrees, a
second colleague, an officer, a paper. Pure: no session, no clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from signaltable.disclose import applicable, decide
from signaltable.disclosure.outcome import Offer, Reason, Refused
from signaltable.disclosure.request import Request
from signaltable.grounds import CONSENTS, GroundSet
from signaltable.texts import Text

# What the owner can state or motivate alone. Every other condition needs somebody or something else; a condition that
# is new and not judged here counts as such, which is the stricter reading.
STATEMENTS: Final = frozenset(
    {
        "NEC", "PROP", "SUBS", "BALANCE", "NOPII", "K_MIN", "NO9", "INFORM", "CUSTODY", "ORGCRIME",
        "OWN_OBSERVATION", "PUBLIC_INTEREST", "INCIDENT", "COMPLEX_CASE", "CASE_LEVEL", "SUSPICION", "OTHERS_MASKED", "TASK",
    },
)  # fmt: skip
WRITTEN: Final = "written"
Status = Literal["now", "after", "never"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known already and can make a step unneeded: the person agreed, somebody is in acute danger, the possible
    victim is a child or may be.
    """

    agreed: bool = False
    danger: bool = False
    child: bool = False


def known_from(facts: Mapping[str, Any]) -> Known:
    """What the facts of a signal say about consent and danger; unknown is no."""
    return Known(
        agreed=facts.get("victim_consent") == "given",
        danger=facts.get("acute_danger") == "yes",
        child=facts.get("age") in {"minor", "doubt"},
    )


@dataclass(frozen=True, slots=True)
class Way:
    """One ground by which something may go: which fields, and the conditions that need more than the owner's own word."""

    row: str
    title: Text
    steps: tuple[str, ...]
    fields: tuple[str, ...]
    categories: frozenset[str]


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one recipient may get for one purpose about one person.

    `now` and `after` are ways; `why` says why nothing may go when there is none; `never` maps each kind of data that no
    ground carries there to the row that keeps it, and `staying` names the fields that no way lets through.
    """

    recipient: str
    purpose: str
    now: tuple[Way, ...]
    after: tuple[Way, ...]
    why: tuple[Reason, ...]
    never: Mapping[str, str]
    staying: tuple[str, ...]

    @property
    def status(self) -> Status:
        """The best that can be said: something now, else something after a step, else nothing."""
        return "now" if self.now else "after" if self.after else "never"

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows this rests on: of the ways, and without one those that stand in the way."""
        ways = [way.row for way in (*self.now, *self.after)]
        return tuple(dict.fromkeys(ways or [reason.row for reason in self.why if reason.row]))


def prospect(request: Request, grounds: GroundSet, known: Known) -> Prospect:
    """What `request` can lead to before any evidence; what it holds as evidence is not looked at."""
    bare = replace(request, conditions={})
    offers = [offer for offer in applicable(bare, grounds) if offer.usable]
    ways = [_way(offer, bare, known) for offer in offers]
    refused = decide(bare, None, grounds) if not ways else None
    return Prospect(
        recipient=request.recipient_kind,
        purpose=request.purpose,
        now=tuple(way for way in ways if not way.steps),
        after=tuple(sorted((way for way in ways if way.steps), key=_most_for_least)),
        why=refused.reasons if isinstance(refused, Refused) else (),
        never=MappingProxyType(dict(_kept(bare, grounds))),
        staying=tuple(name for name in bare.fields if not any(name in way.fields for way in ways)),
    )


def _way(offer: Offer, request: Request, known: Known) -> Way:
    minor = request.person.counts_as == "minor"
    released = (request.fields[name] for name in offer.fields)
    return Way(
        row=offer.ground.id,
        title=offer.ground.title,
        steps=tuple(code for code in offer.conditions if not _at_hand(code, offer, known, minor=minor)),
        fields=offer.fields,
        categories=frozenset[str]().union(*released),
    )


def _at_hand(code: str, offer: Offer, known: Known, *, minor: bool) -> bool:
    """Whether the owner can meet a condition alone, with what is known."""
    if code in CONSENTS:
        # A yes in a conversation is no signature.
        return known.agreed and offer.ground.parameters.get(code) != WRITTEN
    if code == "DEPENDENCE":
        # Of a child it is said at once; of an adult it takes somebody of the household (Wmo 1.1.1).
        return known.child if offer.ground.parameters.get(code) == "child" else minor
    if code == "MIN":
        # Who decides for a child belongs to the consent itself.
        return known.agreed
    return code in STATEMENTS or (code == "VITAL" and known.danger)


def _most_for_least(way: Way) -> tuple[int, int, str]:
    return len(way.steps), -len(way.fields), way.row


def _kept(request: Request, grounds: GroundSet) -> Iterator[tuple[str, str]]:
    """The kinds of data that no ground can carry there, each with the row that decides so."""
    for name in sorted(frozenset[str]().union(*request.fields.values())):
        alone = replace(request, fields={name: frozenset({name})})
        if not any(offer.usable for offer in applicable(alone, grounds)):
            outcome = decide(alone, None, grounds)
            yield name, outcome.row if isinstance(outcome, Refused) else ""
