"""A request laid over the rows of its day: which permits fit, and which denies stand before them."""

from dataclasses import dataclass

from signaltable.disclosure.request import Request
from signaltable.ground_index import (
    UNKNOWN_ROLE,
    GroundIndex,
    Verdict,
    deciding_deny,
    denying,
    index_on,
    open_rows,
    past,
    place,
)
from signaltable.grounds import AGES, CAPACITIES, KINDS, PURPOSES, ROLES, Ground, GroundSet


@dataclass(frozen=True, slots=True)
class Case:
    """A request with the rows of its day that speak about it: `here` and `denies` are masks of the index."""

    request: Request
    index: GroundIndex
    here: int
    asked: frozenset[str]
    denies: int

    def candidates(self) -> tuple[Ground, ...]:
        """The permits that fit, first the one that asks least."""
        return self.index.preferred(self.here & self.index.permits)

    def passable(self, row: Ground) -> frozenset[str]:
        """The categories that this permit could carry on its own past every deny."""
        bit = self.index.bits[row.id]
        return frozenset(name for name in self.asked if open_rows(self.index, self.here, (name,), demo=True) & bit)

    def blocking(self, row: Ground) -> tuple[Ground, ...]:
        """The specific denies that this permit does not get past."""
        bit = self.index.bits[row.id]
        denies = self.index.listed(self.denies & self.index.specific)
        return tuple(deny for deny in denies if not past(self.index, self.index.bits[deny.id]) & bit)

    def decides(self) -> Verdict:
        """The deny that decides when no permit carries it."""
        return deciding_deny(self.index, self.here, self.asked)


def case_of(request: Request, grounds: GroundSet) -> Case:
    """The request with the rows in force on its day."""
    index = index_on(grounds, request.on)
    here = place(index, *whereabouts(request))
    asked = frozenset[str]().union(*request.fields.values())
    return Case(request, index, here, asked, denying(index, here, asked))


def whereabouts(request: Request) -> tuple[str, str, str, str, str, str]:
    """Provider, recipient, purpose and person, in the order in which the index wants them."""
    person = request.person
    capacity, kind = request.provider_capacity, request.provider_kind
    return capacity, kind, request.recipient_kind, request.purpose, person.age, person.role


def says_unknown(request: Request) -> bool:
    """Whether the request names an agency, purpose, age or role that the grounds do not know."""
    capacities = CAPACITIES.get(request.provider_kind, ())
    return (
        request.provider_capacity not in {*capacities, request.provider_kind}
        or request.provider_kind not in KINDS
        or request.recipient_kind not in KINDS
        or request.purpose not in PURPOSES
        or request.person.age not in AGES
        or request.person.role not in {*ROLES, UNKNOWN_ROLE}
    )
