"""A decision as it is recorded: what a step was given and gave, as JSON without a name, and back again.

Pure. Replaying and comparing both go through here, so that a decision is put into words in one place only. Of evidence
stands here whether it met its condition, what it limited itself to, and which fields were wrong; never what was written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from signaltable import disclose, onward, route
from signaltable.disclosure.outcome import Offer, Permit, Refused
from signaltable.disclosure.request import Person, Request
from signaltable.evidence import Met, NotMet, limits
from signaltable.facts import Facts, parse_facts
from signaltable.grounds import GroundSet
from signaltable.onward import Onward
from signaltable.policy import PolicySet
from signaltable.texts import Text
from signaltable.transfer_rules import Came, TransfersFile

ROUTE: Final = "route"
GROUND: Final = "ground"
# What was asked of the grounds: which could carry it (before any evidence), or whether this may go.
OFFERS: Final = "offers"
DECISION: Final = "decision"
# Of this evidence the answers themselves decide about what is owed afterwards; they hold days and a choice, no text.
_ANSWERS: Mapping[str, tuple[str, ...]] = MappingProxyType({"INFORM": ("how", "on")})
_SAID_BEFORE = Text("Zo is het toen beoordeeld.", "Judged so at the time.")


# -- the meldroutekaart --------------------------------------------------------------------------------------------


def route_input(people: Iterable[Facts]) -> dict[str, Any]:
    """The facts on which advice was given, for each person in turn."""
    return {"people": [facts.to_json() for facts in people]}


def route_outcome(given: Mapping[str, Any], policy: PolicySet, day: date) -> dict[str, Any]:
    """The advice on recorded facts, under these rules. Raises UnusableFacts for facts that this program no longer knows."""
    advice = route.merge([route.decide(parse_facts(facts), policy, on=day) for facts in given["people"]], policy)
    return advised(advice)


def advised(advice: route.Decision) -> dict[str, Any]:
    """Advice as it is recorded: ids and urgencies, no words."""
    return {
        "routes": [
            {"id": one.id, "destination": one.destination, "purpose": one.purpose, "urgency": one.urgency}
            for one in advice.routes
        ],
        "questions": [{"fact": asked.fact, "rules": list(asked.rules)} for asked in advice.questions],
    }


# -- the grounds ---------------------------------------------------------------------------------------------------


def ground_input(
    requests: Mapping[int, Request],
    ground: str | None,
    grounds: GroundSet,
    *,
    asked: str = DECISION,
    came: Iterable[Came] = (),
) -> dict[str, Any]:
    """What the step was asked, for each person by number (0: nobody in particular). All requests share all but the person.

    `came`: of what is passed on, how it came in.
    """
    first = next(iter(requests.values()))
    chain = [{"ground": one.ground, "conditions": sorted(one.conditions), "purpose": one.purpose} for one in came]
    return {
        **({"came": chain} if chain else {}),
        "asked": asked,
        "ground": ground,
        "provider": {"capacity": first.provider_capacity, "kind": first.provider_kind},
        "recipient": {"kind": first.recipient_kind, "agency": first.recipient_agency},
        "purpose": first.purpose,
        # Without evidence the moment plays no part, and the same question an hour later is the same question.
        "moment": first.now.isoformat() if first.conditions else None,
        # Days after this one may lie behind a change of the clock, so the offset alone does not say when they end.
        "zone": first.now.tzinfo.key if isinstance(first.now.tzinfo, ZoneInfo) else None,
        "demo": first.demo,
        "people": [_person(number, request, ground, grounds) for number, request in sorted(requests.items())],
    }


def _person(number: int, request: Request, ground: str | None, grounds: GroundSet) -> dict[str, Any]:
    rows = disclose.judged_rows(request, ground, grounds) if request.conditions else {}
    return {
        "number": number,
        "age": request.person.age,
        "role": request.person.role,
        "fields": {name: sorted(categories) for name, categories in request.fields.items()},
        "evidence": {row: {found.code: _judgement(found) for found in results} for row, results in rows.items()},
    }


def _judgement(found: Met | NotMet) -> dict[str, Any]:
    if isinstance(found, NotMet):
        return {"met": False, "fields": [name for name, _ in found.problems]}
    limit = limits(found)
    told = {name: found.evidence[name] for name in _ANSWERS.get(found.code, ()) if name in found.evidence}
    return {"met": True, "limits": None if limit is None else sorted(limit), **({"answers": told} if told else {})}


def requests_of(given: Mapping[str, Any], day: date) -> dict[int, Request]:
    """The requests that were recorded, with the evidence as it was judged."""
    return {person["number"]: _request(given, person, day) for person in given["people"]}


def _request(given: Mapping[str, Any], person: Mapping[str, Any], day: date) -> Request:
    moment = datetime.fromisoformat(given["moment"] or f"{day.isoformat()}T12:00:00+00:00")
    return Request(
        provider_capacity=given["provider"]["capacity"],
        provider_kind=given["provider"]["kind"],
        recipient_kind=given["recipient"]["kind"],
        recipient_agency=given["recipient"]["agency"],
        purpose=given["purpose"],
        person=Person(person["age"], person["role"]),
        fields={name: frozenset(categories) for name, categories in person["fields"].items()},
        on=day,
        now=moment.astimezone(ZoneInfo(given["zone"])) if given["zone"] else moment,
        demo=given["demo"],
        judged={
            row: {code: _judged(code, found) for code, found in results.items()}
            for row, results in person["evidence"].items()
        },
    )


def _judged(code: str, found: Mapping[str, Any]) -> Met | NotMet:
    if not found["met"]:
        return NotMet(code, tuple((name, _SAID_BEFORE) for name in found["fields"]))
    limit = {} if found["limits"] is None else {"categories": found["limits"]}
    return Met(code, MappingProxyType({**limit, **found.get("answers", {})}), "")


def with_evidence(given: Mapping[str, Any], evidence: Mapping[str, Mapping[str, Any]], day: date) -> dict[int, Request]:
    """The recorded requests with the evidence itself instead of how it was judged."""
    return {
        number: replace(request, judged=None, conditions=evidence)
        for number, request in requests_of(given, day).items()
    }


def ground_outcome(
    given: Mapping[str, Any], grounds: GroundSet, day: date, transfers: TransfersFile | None
) -> dict[str, Any]:
    """What the grounds, and of what is passed on the rules about that, say to a recorded request, for each person."""
    came = tuple(Came(one["ground"], frozenset(one["conditions"]), one["purpose"]) for one in given.get("came", ()))
    bound = Onward(came, transfers) if came and transfers else None
    return outcome_of(requests_of(given, day), given["ground"], grounds, asked=given["asked"], bound=bound)


def outcome_of(
    requests: Mapping[int, Request],
    ground: str | None,
    grounds: GroundSet,
    *,
    asked: str = DECISION,
    bound: Onward | None = None,
) -> dict[str, Any]:
    """What the grounds say, for each person: the offers, or the permit or refusal. `bound`: it is passed on."""
    people: list[dict[str, Any]] = []
    for number, request in sorted(requests.items()):
        if asked == OFFERS:
            offers = [_offer(one) for one in onward.applicable(request, grounds, bound)]
            people.append({"number": number, "offers": offers})
        else:
            people.append({"number": number, **_said(onward.decide(request, ground, grounds, bound))})
    return {"people": people}


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "row": offer.ground.id,
        "usable": offer.usable,
        "fields": list(offer.fields),
        "withheld": [name for name, _ in offer.withheld],
        "conditions": list(offer.conditions),
    }


def _said(outcome: Permit | Refused) -> dict[str, Any]:
    if isinstance(outcome, Permit):
        return {
            "effect": "permit",
            "row": outcome.ground.id,
            "fields": list(outcome.fields),
            "withheld": [name for name, _ in outcome.withheld],
            "obligations": [
                {"kind": duty.kind, "due_at": duty.due_at.isoformat() if duty.due_at else None}
                for duty in outcome.obligations
            ],
        }
    return {
        "effect": "deny",
        "row": outcome.row,
        "reasons": [f"{reason.code}:{reason.row}".rstrip(":") for reason in outcome.reasons],
        "missing": [found.code for found in outcome.missing],
        "near": list(outcome.near),
    }


# -- differences ---------------------------------------------------------------------------------------------------


def differences(before: Any, after: Any, where: str = "") -> list[str]:
    """Where two outcomes differ, as "place: before -> after"; empty when they are the same."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return [
            found
            for name in dict.fromkeys([*before, *after])
            for found in differences(before.get(name), after.get(name), f"{where}.{name}".lstrip("."))
        ]
    if _of_dicts(before) and _of_dicts(after) and len(before) == len(after):
        return [
            found
            for number, (one, other) in enumerate(zip(before, after, strict=True))
            for found in differences(one, other, f"{where}.{number}")
        ]
    return [] if before == after else [f"{where}: {_short(before)} -> {_short(after)}"]


def _of_dicts(value: Any) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _short(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_short(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return str(value.get("id") or value.get("row") or value.get("fact") or value.get("kind") or "...")
    return "nothing" if value is None else str(value)
