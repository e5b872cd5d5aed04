"""The grounds that came near in a refusal, each with where it falls short, so that a refusal can be acted on. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from signaltable import onward as step
from signaltable.disclosure.outcome import Offer
from signaltable.disclosure.request import Request
from signaltable.evidence import needed
from signaltable.flow.weighing import Case, requests_of
from signaltable.ground_index import GroundIndex, index_on
from signaltable.grounds import Ground, GroundSet
from signaltable.texts import Text

PROVIDER, RECIPIENT, PURPOSE, PERSON, DATA, CONDITIONS = (
    "provider",
    "recipient",
    "purpose",
    "person",
    "data",
    "conditions",
)


_FARTHER = (CONDITIONS, DATA, PURPOSE, PERSON, RECIPIENT, PROVIDER)


@dataclass(frozen=True, slots=True)
class NearRow:
    """A ground that came near. `off` names what does not fit: provider, recipient, purpose, person, data, conditions.

    `why` says what stops a ground that fits (a deny, no review); `conditions` are the codes that it would ask.
    """

    ground: Ground
    off: tuple[str, ...]
    why: Text | None
    conditions: tuple[str, ...]


def rows(case: Case, near: Iterable[str], grounds: GroundSet) -> tuple[NearRow, ...]:
    """The rows named in a refusal of the first chosen subject, first those that a person can still do something about."""
    request = next(iter(requests_of(case).values()))
    index = index_on(grounds, request.on)
    offers = {offer.ground.id: offer for offer in step.applicable(request, grounds, case.bound)}
    known = {row.id: row for row in index.in_order}
    found = [_near(index, request, known[one], offers.get(one)) for one in near if one in known]
    return tuple(sorted(found, key=_far))


def _far(one: NearRow) -> tuple[int, int]:
    """How far a ground is from helping: what a person can still do comes first, another organisation's ground last."""
    return len(one.off), max((_FARTHER.index(part) for part in one.off), default=0)


def _near(index: GroundIndex, request: Request, row: Ground, offer: Offer | None) -> NearRow:
    off = tuple(_off(index, request, row))
    if not off:
        off = (DATA,) if offer is None else (CONDITIONS,) if offer.usable else ()
    return NearRow(row, off, offer.why_not if offer else None, needed(row.conditions, request.person.age))


def _off(index: GroundIndex, request: Request, row: Ground) -> Iterator[str]:
    bit, person = index.bits[row.id], request.person
    fits = {
        PROVIDER: index.providers.get((request.provider_kind, request.provider_capacity), 0),
        RECIPIENT: index.recipients.get(request.recipient_kind, 0),
        PURPOSE: index.purposes.get(request.purpose, 0),
        PERSON: index.persons.get((person.age, person.role), 0),
    }
    yield from (part for part, mask in fits.items() if not mask & bit)
    asked = frozenset[str]().union(*request.fields.values())
    if not any(row.covers(name) for name in asked):
        yield DATA
