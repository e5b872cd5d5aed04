"""The destinations of what an agency can give, as choices that the server made: the client sends back a key and names nothing.

For an own signal those that the meldroutekaart advises on its facts. Whoever passes on what it received knows no more than
it got, so it may choose from all destinations of the card.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from signaltable.domain import ZONE, DisclosureState, Refused
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow import advice, decisions, sources, weighing
from signaltable.flow.new_signal import frozen_advice
from signaltable.flow.sources import Source, own_source
from signaltable.flow.weighing import Case, GroundOption
from signaltable.grounds import CONSENTS, CONSULT, Ground
from signaltable.models import Agency, Disclosure, Signal
from signaltable.policy_shapes import Capacity, Meldroute
from signaltable.queries import agencies_for
from signaltable.texts import Text
from signaltable.transaction import Transaction

# A disclosure in one of these states is under way: the same one is not made a second time.
OPEN: Final = (DisclosureState.AWAITING_APPROVAL, DisclosureState.DISCLOSED, DisclosureState.ACCEPTED)
URGENCY: Final = "signal.urgency"


@dataclass(frozen=True, slots=True)
class Choice:
    """One advised destination at one agency. `key` is all that an address or form carries of it."""

    key: str
    routes: tuple[str, ...]
    destination: str
    purpose: str
    urgency: str
    reasons: tuple[Text, ...]
    agency_id: str
    agency: str
    agency_kind: str
    capacity: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceLine:
    """A choice with its prospects: "now" a ground can be used, "consent" only after the person agreed, "no" none can."""

    choice: Choice
    outlook: str
    ground: Ground | None
    conditions: tuple[ConditionSpec, ...]
    reasons: tuple[Text, ...]
    under_way: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An advised destination that gets no data through this program, and why: call, table, own, hand_out, absent."""

    destination: str
    routes: tuple[str, ...]
    urgency: str
    reasons: tuple[Text, ...]
    how: str


@dataclass(frozen=True, slots=True)
class Choices:
    """The page where an agency chooses. `hindrance` says why nothing can go from here now, empty when it can.

    `passed_on`: it received what it gives. `capacities` are the tasks from which it says in which one it got it, empty
    when there is but one; `capacity` is the one it said.
    """

    reference: str
    state: str
    hindrance: str
    lines: tuple[ChoiceLine, ...]
    elsewhere: tuple[Elsewhere, ...]
    passed_on: bool = False
    capacities: tuple[Capacity, ...] = ()
    capacity: str = ""

    @property
    def may_disclose(self) -> bool:
        """Whether anything can go from here now."""
        return not self.hindrance


def choose(tx: Transaction, reference: str, capacity: str = "") -> Choices:
    """The destinations of a signal or a received disclosure, each with its prospects. Identity stays closed.

    `capacity` is the task in which a receiver got it, asked where its kind of organisation has several; one that is not
    offered raises `Refused`.
    """
    source = own_source(tx, reference)
    hindrance = sources.hindrance(tx, source)
    tasks = capacities(tx, source)
    if capacity and capacity not in {one.id for one in tasks}:
        raise not_offered(source, ["capacity"])
    made, elsewhere = _offered(tx, source)
    if source.parent is None:
        decisions.note_route(tx, source.signal, *advice.of_today(tx, source.signal))
    _record_choosing(tx, source)
    task = capacity or (tasks[0].id if len(tasks) == 1 else "")
    shown = [choice for choice in made if source.parent is None or choice.capacity == task]
    return Choices(
        reference=source.reference,
        state=source.parent.state if source.parent else source.signal.state,
        hindrance=hindrance,
        lines=tuple(_line(tx, source, choice) for choice in shown) if not (hindrance and source.parent) else (),
        elsewhere=tuple(elsewhere),
        passed_on=source.parent is not None,
        capacities=tasks if len(tasks) > 1 else (),
        capacity=task,
    )


def _record_choosing(tx: Transaction, source: Source) -> None:
    if source.parent is None:
        details: dict[str, Any] = {"signal": source.signal.reference, "view": "disclose"}
        tx.record("signal:consult", object_type="signal", object_id=source.reference, details=details)
        return
    details = {"disclosure": source.reference, "view": "transfer", "fields": []}
    tx.record("disclosure:consult", object_type="disclosure", object_id=source.reference, details=details)


def capacities(tx: Transaction, source: Source) -> tuple[Capacity, ...]:
    """The tasks in which the giving agency can have got what it passes on; of an own signal it said so before."""
    if source.parent is None:
        return ()
    return tx.program.policy.agency_kinds[tx.session.get_one(Agency, source.provider).kind].capacities


def _offered(tx: Transaction, source: Source) -> tuple[list[Choice], list[Elsewhere]]:
    """What can be chosen, and where it goes by other ways, if at all."""
    return _advised(tx, source) if source.parent is None else (_of_the_card(tx, source), [])


def _of_the_card(tx: Transaction, source: Source) -> list[Choice]:
    """Every destination of the meldroutekaart at which an agency takes part that does not hold it already.

    Which of the others hold it is not said: that they do is nobody's business here.
    """
    policy, holding = tx.program.policy, sources.holders(tx, source)
    found: dict[tuple[str, str], list[Meldroute]] = {}
    for route in policy.meldroutes_on(tx.today):
        for target in route.to:
            if policy.destinations[target.destination].disclosable:
                found.setdefault((target.destination, target.purpose), []).append(route)
    urgency = _urgency_received(tx, source)
    return [
        Choice(
            _key(tx, source, destination, purpose, agency.id, task.id),
            tuple(route.id for route in routes),
            destination,
            purpose,
            urgency,
            (policy.destinations[destination].does,),
            agency.id,
            agency.title,
            agency.kind,
            task.id,
        )
        for (destination, purpose), routes in sorted(found.items())
        for agency in agencies_for(tx, destination)
        if agency.id not in holding
        for task in capacities(tx, source)
    ]


def _urgency_received(tx: Transaction, source: Source) -> str:
    """How soon the next one has to answer: as the document says, or else the least pressing of the rules."""
    known = tx.program.policy.urgencies
    told = (
        [field.values[0].code for field in source.received.fields if field.name == URGENCY] if source.received else []
    )
    return next((one for one in told if one in known), list(known)[-1])


def _advised(tx: Transaction, source: Source) -> tuple[list[Choice], list[Elsewhere]]:
    """Routes that lead to the same agency for the same purpose are one choice with several reasons."""
    choices: list[Choice] = []
    elsewhere: list[Elsewhere] = []
    signal = source.signal
    for (destination, purpose), routes in _by_target(_routes(tx, signal)).items():
        ids = tuple(dict.fromkeys(one["id"] for one in routes))
        reasons = tuple(dict.fromkeys(Text(**one["reason"]) for one in routes))
        urgency = min((one["urgency"] for one in routes), key=lambda name: tx.program.policy.urgencies[name].order)
        known = tx.program.policy.destinations[destination]
        found = agencies_for(tx, destination) if known.disclosable else []
        others = [agency for agency in found if agency.id != signal.owner_agency]
        if not others:
            elsewhere.append(Elsewhere(destination, ids, urgency, reasons, _how(known.disclosable, known.phone, found)))
        choices += [
            Choice(
                _key(tx, source, destination, purpose, agency.id, signal.capacity),
                ids,
                destination,
                purpose,
                urgency,
                reasons,
                agency.id,
                agency.title,
                agency.kind,
                signal.capacity,
            )
            for agency in others
        ]
    return choices, elsewhere


def _routes(tx: Transaction, signal: Signal) -> list[Mapping[str, Any]]:
    """The advice as it was given, and what the same facts give today: rules and links may have changed since."""
    _people, today = advice.of_today(tx, signal)
    given = [*signal.advice.get("routes", ()), *frozen_advice(today)["routes"]]
    policy = tx.program.policy
    known = [one for one in given if one["destination"] in policy.destinations and one["urgency"] in policy.urgencies]
    return sorted(known, key=lambda one: policy.urgencies[one["urgency"]].order)


def _by_target(routes: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in routes:
        found.setdefault((one["destination"], one["purpose"]), []).append(one)
    return found


def _how(disclosable: bool, phone: str | None, found: Sequence[Agency]) -> str:
    if disclosable:
        return "own" if found else "absent"
    return "call" if phone else "other"


def _key(tx: Transaction, source: Source, destination: str, purpose: str, agency_id: str, capacity: str) -> str:
    """Names a choice without saying it, and cannot be made outside: an HMAC over what it stands for."""
    said = "|".join((source.id, destination, purpose, agency_id, capacity))
    return hmac.new(tx.program.keys.derive("session", "disclosure-choice"), said.encode(), hashlib.sha256).hexdigest()[
        :32
    ]


def choices_of(tx: Transaction, source: Source) -> list[Choice]:
    """Everything that can be chosen today; of a signal the most urgent first."""
    return _offered(tx, source)[0]


def find_choice(tx: Transaction, source: Source, key: str) -> Choice:
    """The choice behind a key. Raises `Refused` (not_offered), recorded, for a key that is not offered here."""
    for choice in choices_of(tx, source):
        if hmac.compare_digest(choice.key, key):
            return choice
    raise not_offered(source, ["destination"])


def not_offered(source: Source, names: list[str]) -> Refused:
    """The refusal of something that no form offered; `names` are our own names for it."""
    return Refused(
        "not_offered",
        action="request:refuse",
        object_type=source.object_type,
        object_id=source.reference,
        details={"cause": "not_offered", "fields": names, "count": 1},
    )


def _line(tx: Transaction, source: Source, choice: Choice) -> ChoiceLine:
    case = case_of(tx, source, choice, None)
    best = proposed(source, _options(tx, case))
    reasons = () if best else tuple(reason.text for reason in weighing.refusal(case, tx.program.policy.grounds).reasons)
    ready = best is not None and _ready(source, best)
    return ChoiceLine(
        choice=choice,
        outlook="no" if best is None else "now" if ready else "consent",
        ground=best.ground if best else None,
        conditions=tuple(tx.program.policy.conditions[code] for code in best.conditions) if best else (),
        reasons=reasons,
        under_way=under_way(tx, source, choice),
    )


def best_of(signal: Signal, options: Iterable[GroundOption]) -> GroundOption | None:
    """The ground to propose: the first that asks no consent which the signal does not hold, else the first usable."""
    usable = [option for option in options if option.usable]
    without = (option for option in usable if agreed(signal) or not _needs_consent(option))
    return next(without, next(iter(usable), None))


def proposed(source: Source, options: Iterable[GroundOption]) -> GroundOption | None:
    """The same of whatever is given: what an owner knows of consent is no knowledge of whoever passes on."""
    return best_of(source.signal, options) if source.parent is None else _first_usable(options)


def _first_usable(options: Iterable[GroundOption]) -> GroundOption | None:
    usable = [option for option in options if option.usable]
    return next((option for option in usable if not _needs_consent(option)), next(iter(usable), None))


def _ready(source: Source, option: GroundOption) -> bool:
    return not _needs_consent(option) or (source.parent is None and agreed(source.signal))


def agreed(signal: Signal) -> bool:
    """Whether the signal says that the person agreed."""
    return bool(signal.consent.get("status") == "given")


def under_way(tx: Transaction, source: Source, choice: Choice) -> str:
    """The reference of the same disclosure when it is made already and not rejected or returned; else empty."""
    same = select(Disclosure.reference).where(
        Disclosure.signal_id == source.signal.id,
        Disclosure.provider_agency == source.provider,
        Disclosure.destination == choice.destination,
        Disclosure.purpose == choice.purpose,
        Disclosure.recipient_agency == choice.agency_id,
        Disclosure.state.in_(OPEN),
    )
    return tx.session.scalar(same.limit(1)) or ""


def case_of(tx: Transaction, source: Source, choice: Choice, chosen: Iterable[int] | None) -> Case:
    """The request as the deciding step needs it. Without `chosen`: the subjects for whom a ground can be used."""
    provider = tx.session.get_one(Agency, source.provider)
    case = Case(
        capacity=choice.capacity,
        provider_kind=provider.kind,
        recipient_kind=choice.agency_kind,
        recipient_id=choice.agency_id,
        purpose=choice.purpose,
        contents=sources.contents(tx, source, nameless=choice.purpose == CONSULT),
        chosen=(),
        facts=source.signal.facts,
        now=tx.now.astimezone(ZONE),
        demo=tx.program.settings.demo,
        bound=sources.bound(tx, source),
    )
    return case.about(_default(tx, case) if chosen is None else chosen)


def _default(tx: Transaction, case: Case) -> list[int]:
    """Whom to propose: for whom a ground can be used without consent, else for whom with; possible victims first.

    So a route about a perpetrator proposes the perpetrator, and never the victim who only agreed to help.
    """
    holders = case.contents.holders
    victims = [holder.number for holder in holders if holder.role == "possible_victim"]
    usable = {
        holder.number: [option for option in _options(tx, case.about([holder.number])) if option.usable]
        for holder in holders
    }
    without = [number for number, found in usable.items() if any(not _needs_consent(option) for option in found)]
    able = [number for number, found in usable.items() if found]
    tiers = (set(victims) & set(without), without, set(victims) & set(able), able, victims)
    return next((sorted(tier) for tier in tiers if tier), [])


def _options(tx: Transaction, case: Case) -> tuple[GroundOption, ...]:
    return weighing.options(case, tx.program.policy.grounds)


def _needs_consent(option: GroundOption) -> bool:
    return bool(set(option.conditions) & CONSENTS)
