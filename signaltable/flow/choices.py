"""The advised destinations of a signal as choices that the server made: the client sends back a key and names nothing."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import ZONE, DisclosureState, Refused, State, may_follow
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow import advice, decisions, signals, weighing
from signaltable.flow.contents import contents_of
from signaltable.flow.weighing import Case, GroundOption
from signaltable.grounds import CONSENTS, CONSULT, Ground
from signaltable.models import Agency, Disclosure, Signal
from signaltable.queries import agencies_for, resource_of, signal_by_reference
from signaltable.texts import Text
from signaltable.transaction import Transaction

# A disclosure in one of these states is under way: the same one is not made a second time.
OPEN: Final = (DisclosureState.AWAITING_APPROVAL, DisclosureState.DISCLOSED, DisclosureState.ACCEPTED)


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
    """The page where the owner chooses."""

    reference: str
    state: str
    may_disclose: bool
    lines: tuple[ChoiceLine, ...]
    elsewhere: tuple[Elsewhere, ...]


def choose(tx: Transaction, reference: str) -> Choices:
    """The advised destinations of a signal, each with its prospects. Identity stays closed."""
    signal = own_signal(tx, reference)
    made, elsewhere = _advised(tx, signal)
    decisions.note_route(tx, signal, *advice.of_today(tx, signal))
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "disclose"},
    )
    return Choices(
        reference=signal.reference,
        state=signal.state,
        may_disclose=may_follow(State(signal.state), State.REFERRED),
        lines=tuple(_line(tx, signal, choice) for choice in made),
        elsewhere=tuple(elsewhere),
    )


def own_signal(tx: Transaction, reference: str) -> Signal:
    """The signal, for those who may disclose it. Raises `Refused` for another agency's, recorded."""
    signal = signal_by_reference(tx, reference)
    require(tx.actor, Permission.SIGNAL_DISCLOSE_OWN, resource_of(tx, signal))
    return signal


def _advised(tx: Transaction, signal: Signal) -> tuple[list[Choice], list[Elsewhere]]:
    """Routes that lead to the same agency for the same purpose are one choice with several reasons."""
    choices: list[Choice] = []
    elsewhere: list[Elsewhere] = []
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
                _key(tx, signal, destination, purpose, agency.id),
                ids,
                destination,
                purpose,
                urgency,
                reasons,
                agency.id,
                agency.title,
                agency.kind,
            )
            for agency in others
        ]
    return choices, elsewhere


def _routes(tx: Transaction, signal: Signal) -> list[Mapping[str, Any]]:
    """The advice as it was given, and what the same facts give today: rules and links may have changed since."""
    _people, today = advice.of_today(tx, signal)
    given = [*signal.advice.get("routes", ()), *signals.frozen_advice(today)["routes"]]
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


def _key(tx: Transaction, signal: Signal, destination: str, purpose: str, agency_id: str) -> str:
    """Names a choice without saying it, and cannot be made outside: an HMAC over what it stands for."""
    said = "|".join((signal.id, destination, purpose, agency_id))
    return hmac.new(tx.program.keys.derive("session", "disclosure-choice"), said.encode(), hashlib.sha256).hexdigest()[
        :32
    ]


def choices_of(tx: Transaction, signal: Signal) -> list[Choice]:
    """Everything that this signal offers today, the most urgent first."""
    return _advised(tx, signal)[0]


def find_choice(tx: Transaction, signal: Signal, key: str) -> Choice:
    """The choice behind a key. Raises `Refused` (not_offered), recorded, for a key that this signal does not offer."""
    for choice in choices_of(tx, signal):
        if hmac.compare_digest(choice.key, key):
            return choice
    raise not_offered(signal, ["destination"])


def not_offered(signal: Signal, names: list[str]) -> Refused:
    """The refusal of something that no form offered; `names` are our own names for it."""
    return Refused(
        "not_offered",
        action="request:refuse",
        object_type="signal",
        object_id=signal.reference,
        details={"cause": "not_offered", "fields": names, "count": 1},
    )


def _line(tx: Transaction, signal: Signal, choice: Choice) -> ChoiceLine:
    case = case_of(tx, signal, choice, None)
    grounds = tx.program.policy.grounds
    best = best_of(signal, _options(tx, case))
    reasons = () if best else tuple(reason.text for reason in weighing.refusal(case, grounds).reasons)
    return ChoiceLine(
        choice=choice,
        outlook="no" if best is None else "now" if _ready(signal, best) else "consent",
        ground=best.ground if best else None,
        conditions=tuple(tx.program.policy.conditions[code] for code in best.conditions) if best else (),
        reasons=reasons,
        under_way=under_way(tx, signal, choice),
    )


def best_of(signal: Signal, options: Iterable[GroundOption]) -> GroundOption | None:
    """The ground to propose: the first that asks no consent which the signal does not hold, else the first usable."""
    usable = [option for option in options if option.usable]
    return next((option for option in usable if _ready(signal, option)), next(iter(usable), None))


def _ready(signal: Signal, option: GroundOption) -> bool:
    return agreed(signal) or not _needs_consent(option)


def agreed(signal: Signal) -> bool:
    """Whether the signal says that the person agreed."""
    return bool(signal.consent.get("status") == "given")


def under_way(tx: Transaction, signal: Signal, choice: Choice) -> str:
    """The reference of the same disclosure when it is made already and not rejected or returned; else empty."""
    same = select(Disclosure.reference).where(
        Disclosure.signal_id == signal.id,
        Disclosure.destination == choice.destination,
        Disclosure.purpose == choice.purpose,
        Disclosure.recipient_agency == choice.agency_id,
        Disclosure.state.in_(OPEN),
    )
    return tx.session.scalar(same.limit(1)) or ""


def case_of(tx: Transaction, signal: Signal, choice: Choice, chosen: Iterable[int] | None) -> Case:
    """The request as the deciding step needs it. Without `chosen`: the subjects for whom a ground can be used."""
    provider = tx.session.get_one(Agency, signal.owner_agency)
    case = Case(
        capacity=signal.capacity,
        provider_kind=provider.kind,
        recipient_kind=choice.agency_kind,
        recipient_id=choice.agency_id,
        purpose=choice.purpose,
        contents=contents_of(tx, signal, nameless=choice.purpose == CONSULT),
        chosen=(),
        facts=signal.facts,
        now=tx.now.astimezone(ZONE),
        demo=tx.program.settings.demo,
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
