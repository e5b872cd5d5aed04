"""One disclosure about several subjects: the pure step decides per subject, and this joins the answers.

Each chosen subject is a request of its own, because grounds look at age and role. What concerns the signal as a whole
goes only when it may go for every subject that goes along. Pure: no session, no clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from signaltable import onward as step
from signaltable.disclosure.outcome import Duty, Offer, Permit, Refused
from signaltable.disclosure.outcome import Withheld as StepWithheld
from signaltable.disclosure.request import Person, Request
from signaltable.domain import UnusableInput
from signaltable.evidence import Met, NotMet
from signaltable.flow.contents import Contents
from signaltable.grounds import Ground, GroundSet, LegalReference
from signaltable.onward import Onward
from signaltable.texts import Text

# The number under which a request about nobody in particular goes.
NOBODY: Final = 0
SECOND_PERSON: Final = "DUAL"
_NOT_ALONG: Final = Text(
    "Voor deze betrokkene geldt deze grondslag niet.", "This ground does not hold for this subject."
)


class MissingEvidence(UnusableInput):
    """The ground fits, but its conditions are not met yet; `missing` says per condition and field what is wrong."""

    def __init__(self, missing: Iterable[NotMet]) -> None:
        self.missing = tuple(missing)
        super().__init__({found.code: "expected evidence that meets the condition" for found in self.missing})


@dataclass(frozen=True, slots=True)
class Case:
    """One provider, one recipient, one purpose, and the subjects that were chosen (none: the signal alone)."""

    capacity: str
    provider_kind: str
    recipient_kind: str
    recipient_id: str
    purpose: str
    contents: Contents
    chosen: tuple[int, ...]
    facts: Mapping[str, Any]
    now: datetime
    demo: bool
    # How it came in, when it is passed on.
    bound: Onward | None = None

    def about(self, chosen: Iterable[int]) -> "Case":
        """The same about other subjects."""
        return replace(self, chosen=tuple(sorted(chosen)))


@dataclass(frozen=True, slots=True)
class Withheld:
    """A field that stays, with the reason. Number 0 is the signal itself."""

    number: int
    field: str
    why: Text


@dataclass(frozen=True, slots=True)
class Selection:
    """What goes: fields of the signal, fields per subject; and what stays, with reasons."""

    fields: tuple[str, ...]
    subjects: Mapping[int, tuple[str, ...]]
    withheld: tuple[Withheld, ...]
    left_out: tuple[tuple[int, Text], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The field ids that go, each once, sorted: as the row and the log carry them."""
        return tuple(sorted({*self.fields, *(name for names in self.subjects.values() for name in names)}))


@dataclass(frozen=True, slots=True)
class GroundOption:
    """A ground that could carry the disclosure once its conditions are met."""

    ground: Ground
    usable: bool
    why_not: Text | None
    conditions: tuple[str, ...]
    selection: Selection

    @property
    def second_person(self) -> bool:
        """Whether somebody else has to approve."""
        return SECOND_PERSON in self.conditions


@dataclass(frozen=True, slots=True)
class Permitted:
    """It may: exactly this selection, on this ground, because of this evidence."""

    ground: Ground
    selection: Selection
    conditions_met: tuple[Met, ...]
    obligations: tuple[Duty, ...]
    legal_basis: tuple[LegalReference, ...]
    categories: tuple[str, ...]
    evidence_hashes: Mapping[str, str] = field(default_factory=dict)


def requests_of(case: Case, evidence: Mapping[str, Mapping[str, Any]] | None = None) -> dict[int, Request]:
    """The request of each chosen subject; one about nobody in particular when none was chosen."""
    holders = [case.contents.holder(number) for number in case.chosen]
    about: dict[int, tuple[Person, Mapping[str, frozenset[str]]]] = {
        holder.number: (Person(holder.age, holder.role.removeprefix("possible_")), holder.fields) for holder in holders
    }
    return {
        number: Request(
            provider_capacity=case.capacity,
            provider_kind=case.provider_kind,
            recipient_kind=case.recipient_kind,
            recipient_agency=case.recipient_id,
            purpose=case.purpose,
            person=person,
            fields={**case.contents.fields, **fields},
            on=case.now.date(),
            now=case.now,
            conditions=evidence or {},
            demo=case.demo,
        )
        for number, (person, fields) in (about or {NOBODY: (_nobody(case.facts), {})}).items()
    }


def _nobody(facts: Mapping[str, Any]) -> Person:
    """Whom a signal without chosen subjects is about, for the rules that look at age and role."""
    if facts.get("victim") == "possible":
        return Person(str(facts.get("age", "unknown")), "victim")
    return Person("unknown", "perpetrator" if facts.get("perpetrator") == "yes" else "place")


def options(case: Case, grounds: GroundSet) -> tuple[GroundOption, ...]:
    """The grounds that could carry it: first those that need no second person, then those that let most through.

    Unusable ones come last, with what stops them.
    """
    offers = {number: step.applicable(request, grounds, case.bound) for number, request in requests_of(case).items()}
    ids = dict.fromkeys(offer.ground.id for found in offers.values() for offer in found)
    made = [_option(case, offers, ground_id) for ground_id in ids]
    return tuple(sorted(made, key=lambda option: (not option.usable, option.second_person, -_size(option.selection))))


def _size(selection: Selection) -> int:
    return len(selection.fields) + sum(len(names) for names in selection.subjects.values())


def _option(case: Case, offers: Mapping[int, tuple[Offer, ...]], ground_id: str) -> GroundOption:
    found = {number: offer for number, rows in offers.items() for offer in rows if offer.ground.id == ground_id}
    usable = {number: offer for number, offer in found.items() if offer.usable}
    shown = usable or found
    first = next(iter(shown.values()))
    left_out = {number: _NOT_ALONG for number in offers if number not in shown}
    return GroundOption(
        ground=first.ground,
        usable=bool(usable),
        why_not=None if usable else first.why_not,
        conditions=tuple(dict.fromkeys(code for offer in shown.values() for code in offer.conditions)),
        selection=_select(case, {number: (offer.fields, offer.withheld) for number, offer in shown.items()}, left_out),
    )


def _select(
    case: Case, released: Mapping[int, tuple[tuple[str, ...], StepWithheld]], left_out: Mapping[int, Text]
) -> Selection:
    common = [name for name in case.contents.fields if all(name in fields for fields, _ in released.values())]
    reasons = {name: why for _, withheld in released.values() for name, why in withheld}
    stays = [Withheld(NOBODY, name, reasons[name]) for name in case.contents.fields if name not in common]
    subjects: dict[int, tuple[str, ...]] = {}
    for number, (fields, withheld) in released.items():
        if number == NOBODY:
            continue
        own = case.contents.holder(number).fields
        subjects[number] = tuple(name for name in fields if name in own)
        stays += [Withheld(number, name, why) for name, why in withheld if name in own]
    return Selection(tuple(common), subjects, tuple(stays), tuple(sorted(left_out.items())))


def weigh(
    case: Case, ground_id: str, evidence: Mapping[str, Mapping[str, Any]], grounds: GroundSet
) -> Permitted | Refused:
    """Decide with the evidence. Raises `MissingEvidence` when the ground fits and a condition is not met yet."""
    requests = requests_of(case, evidence)
    outcomes = {number: step.decide(request, ground_id, grounds, case.bound) for number, request in requests.items()}
    usable = {
        number
        for number, request in requests.items()
        if any(offer.usable and offer.ground.id == ground_id for offer in step.applicable(request, grounds, case.bound))
    }
    permits = {number: found for number, found in outcomes.items() if isinstance(found, Permit)}
    refusals = {number: found for number, found in outcomes.items() if isinstance(found, Refused)}
    missing = {found.code: found for number in usable for found in _missing(refusals.get(number))}
    if missing:
        raise MissingEvidence(missing.values())
    if not permits:
        return next(iter(refusals.values()))
    left_out = {number: refused.reasons[0].text for number, refused in refusals.items()}
    return _permitted(case, permits, left_out)


def _missing(refused: Refused | None) -> tuple[NotMet, ...]:
    return refused.missing if refused else ()


def _permitted(case: Case, permits: Mapping[int, Permit], left_out: Mapping[int, Text]) -> Permitted:
    selection = _select(case, {number: (made.fields, made.withheld) for number, made in permits.items()}, left_out)
    first = next(iter(permits.values()))
    met = {found.code: found for made in permits.values() for found in made.conditions_met}
    return Permitted(
        ground=first.ground,
        selection=selection,
        conditions_met=tuple(met.values()),
        obligations=tuple(dict.fromkeys(duty for made in permits.values() for duty in made.obligations)),
        legal_basis=first.legal_basis,
        categories=categories_of(case, selection),
        evidence_hashes={code: found.evidence_hash for code, found in met.items()},
    )


def categories_of(case: Case, selection: Selection) -> tuple[str, ...]:
    """The data categories in a selection, sorted."""
    found = {name for field_name in selection.fields for name in case.contents.fields[field_name]}
    for number, names in selection.subjects.items():
        held = case.contents.holder(number).fields
        found |= {name for field_name in names for name in held[field_name]}
    return tuple(sorted(found))


def refusal(case: Case, grounds: GroundSet) -> Refused:
    """Why nothing may go: the reasons of the first chosen subject, and what can be done instead."""
    outcome = step.decide(next(iter(requests_of(case).values())), None, grounds, case.bound)
    # With a ground that could apply this is not asked; a permit without evidence exists only without conditions.
    return outcome if isinstance(outcome, Refused) else Refused(())
