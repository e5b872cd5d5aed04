"""Whether one agency may give these fields to one other, for one purpose, on one ground.

Pure and deterministic. A deny wins, then a permit with every condition met, and otherwise nothing leaves (norms 1.1).
A hard deny takes its category out, unless the permitting row names that category with its exception. A specific deny
stops everything, unless the deny itself names a condition (explicit consent) that the permitting row demands.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any

from signaltable.evidence import Context, Met, NotMet, check_all, limits, needed
from signaltable.evidence_forms import example as example_evidence
from signaltable.grounds import (
    AGES,
    CAPACITIES,
    CATEGORIES,
    CONSENTS,
    CONSULT,
    KINDS,
    PURPOSES,
    ROLES,
    Ground,
    GroundSet,
    LegalReference,
)
from signaltable.texts import Text


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the data are about: age (minor, adult, doubt, unknown) and role in the words of a ground."""

    age: str
    role: str

    @property
    def counts_as(self) -> str:
        """In doubt about minority somebody is treated as a minor (002:324-328)."""
        return "minor" if self.age == "doubt" else self.age


@dataclass(frozen=True, slots=True)
class Request:
    """One provider, one recipient, one purpose, about one person.

    `provider_capacity` is the task in which the data were learned; the kind itself when nobody said which. `fields` maps
    the fields that hold a value to their categories (`FieldSet.categories_of`). `conditions` holds the evidence per code.
    `on` is the day whose rules count, `now` the moment with its time zone. `demo` lets unreviewed grounds count.
    """

    provider_capacity: str
    provider_kind: str
    recipient_kind: str
    recipient_agency: str
    purpose: str
    person: Person
    fields: Mapping[str, frozenset[str]]
    on: date
    now: datetime
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    demo: bool = False


Withheld = tuple[tuple[str, Text], ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A ground that could carry the request once its conditions are met, and what it would let through."""

    ground: Ground
    fields: tuple[str, ...]
    withheld: Withheld
    conditions: tuple[str, ...]
    usable: bool
    why_not: Text | None


@dataclass(frozen=True, slots=True)
class Duty:
    """What is still owed after a disclosure. `due_at` is None when it has to be done at once or lives with the case."""

    kind: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Permit:
    """Exactly these fields may go, on this ground, because of this evidence."""

    ground: Ground
    ground_digest: str
    fields: tuple[str, ...]
    withheld: Withheld
    conditions_met: tuple[Met, ...]
    obligations: tuple[Duty, ...]
    legal_basis: tuple[LegalReference, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not: a code that page, log and test share, words, and the row it comes from (may be empty)."""

    code: str
    text: Text
    row: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What the person can do instead."""

    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class Refused:
    """No. `missing` belongs to the row that came nearest, `near` names the rows that nearly fit."""

    reasons: tuple[Reason, ...]
    missing: tuple[NotMet, ...] = ()
    near: tuple[str, ...] = ()
    instead: tuple[Advice, ...] = ()


CATEGORY_WORDS: Mapping[str, Text] = MappingProxyType(
    {
        "identity": Text("naam en kenmerken", "name and identifiers"),
        "contact": Text("adres en telefoon", "address and phone"),
        "health": Text("gezondheid", "health"),
        "criminal": Text("strafbare feiten", "criminal offences"),
        "ethnicity": Text("etnische afkomst", "ethnicity"),
        "nationality": Text("nationaliteit", "nationality"),
        "residence": Text("verblijfsrecht", "residence status"),
        "sex_life": Text("seksleven of seksuele uitbuiting", "sex life or sexual exploitation"),
        "minor": Text("minderjarigheid", "being a minor"),
        "bsn": Text("burgerservicenummer", "citizen service number"),
        "business": Text("bedrijf", "business"),
        "narrative": Text("verhaal in eigen woorden", "account in one's own words"),
        "pseudonymous": Text("feiten zonder naam", "facts without a name"),
    },
)
_UNDECLARED = Text(
    "Van dit veld is niet bekend wat voor gegeven het is.", "Nobody declared what kind of data this field is."
)
_NOT_NAMED = Text(
    "De toestemming of het document noemt dit soort gegevens niet.",
    "The consent or document does not name this kind of data.",
)
_NOT_REVIEWED = Text(
    "Een jurist heeft deze grondslag nog niet goedgekeurd. Buiten de demonstratie telt hij daarom niet.",
    "A lawyer has not approved this ground yet. Outside the demonstration it therefore does not count.",
)
_NOTHING_LEFT = Text(
    "Op deze grondslag mag geen van deze gegevens mee.",
    "None of these data may go along on this ground.",
)
_MISSING_EVIDENCE = Text(
    "Nog niet aan alle voorwaarden van deze grondslag is voldaan.",
    "Not all conditions of this ground have been met yet.",
)
_NOT_APPLICABLE = Text(
    "Deze grondslag past niet bij deze ontvanger, dit doel of deze persoon.",
    "This ground does not fit this recipient, this purpose or this person.",
)
_UNKNOWN_WORD = Text(
    "De aanvraag noemt iets wat het programma niet kent. In twijfel gaat er niets weg.",
    "The request names something the program does not know. In doubt nothing leaves.",
)
_NO_FIELDS = Text("Er zijn geen gegevens gekozen.", "No data were chosen.")
_NO_DEFAULT = Text("Geen enkele regel staat dit toe.", "No rule allows this.")

CALL_112 = Advice(
    "call_112",
    Text(
        "Is iemand nu in gevaar? Bel 112. Dat mag altijd.",
        "Is somebody in danger now? Call 112. That is always allowed.",
    ),
)
ASK_CONSENT = Advice(
    "ask_consent",
    Text(
        "Vraag de persoon om toestemming voor deze ontvanger en deze gegevens. Nee is ook een antwoord; vraag het later nog eens.",
        "Ask the person for consent for this recipient and these data. No is an answer too; ask again later.",
    ),
)
CONSULT_WITHOUT_NAME = Advice(
    "consult_pseudonymously",
    Text(
        "Overleg zonder naam, aan de tafel of met een adviespunt.",
        "Consult without a name, at the table or an advice point.",
    ),
)
CHILD_PROTECTION = Advice(
    "child_protection",
    Text(
        "Het gaat om een minderjarige, of dat kan zo zijn. Overleg met Veilig Thuis.",
        "This is about a minor, or may be. Consult Veilig Thuis.",
    ),
)
FIND_AGE = Advice(
    "find_age",
    Text(
        "Ga na of de persoon volwassen is. In twijfel geldt iemand als minderjarig.",
        "Find out whether the person is an adult. In doubt somebody counts as a minor.",
    ),
)
COMPLETE_EVIDENCE = Advice(
    "complete_evidence",
    Text("Vul aan wat hierboven ontbreekt.", "Fill in what is missing above."),
)
ASK_PRIVACY_OFFICER = Advice(
    "ask_privacy_officer",
    Text(
        "Komt u er niet uit? Vraag het de functionaris gegevensbescherming van uw organisatie.",
        "Not sure how to go on? Ask the privacy officer of your organisation.",
    ),
)


@dataclass(frozen=True, slots=True)
class _Case:
    """A request with the rows of its day that speak about it."""

    request: Request
    rows: tuple[Ground, ...]
    denies: tuple[Ground, ...]
    hard: Mapping[str, Ground]

    def candidates(self) -> Iterator[Ground]:
        return (row for row in self.rows if row.permits and _fits(row, self.request))

    def blocking(self, row: Ground) -> tuple[Ground, ...]:
        """The specific denies that this permit does not get past."""
        demanded = set(row.conditions)
        return tuple(deny for deny in self.denies if not demanded & set(deny.except_conditions))


def applicable(request: Request, grounds: GroundSet) -> tuple[Offer, ...]:
    """The grounds that could carry the request, before any evidence, in the order of their ids.

    Only rows that match provider, recipient, purpose and person, and would let at least one field through. An offer
    that is not `usable` says in `why_not` what stops it.
    """
    if _unknown_words(request):
        return ()
    case = _case(request, grounds.on(request.on))
    offers = (_offer(case, row) for row in case.candidates())
    return tuple(offer for offer in offers if offer.fields)


def decide(request: Request, ground_id: str | None, grounds: GroundSet) -> Permit | Refused:
    """The decision on one ground, or (`ground_id` None) on the one that lets most fields through.

    Never raises for anything a request can say: an unknown word, a missing field or wrong evidence is a refusal.
    """
    if _unknown_words(request):
        return Refused((Reason("unknown_word", _UNKNOWN_WORD),), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    if not request.fields:
        return Refused((Reason("no_fields", _NO_FIELDS),), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    case = _case(request, grounds.on(request.on))
    candidates = tuple(case.candidates())
    if ground_id is not None:
        candidates = tuple(row for row in candidates if row.id == ground_id)
    outcomes = [_weigh(case, row) for row in candidates]
    permits = [outcome for outcome in outcomes if isinstance(outcome, Permit)]
    if permits:
        return max(permits, key=lambda permit: (len(permit.fields), -len(permit.conditions_met)))
    return _refusal(case, ground_id, candidates, [outcome for outcome in outcomes if isinstance(outcome, Refused)])


# -- matching -----------------------------------------------------------------------------------------------------


def _unknown_words(request: Request) -> bool:
    capacities = CAPACITIES.get(request.provider_kind, ())
    return (
        request.provider_capacity not in {*capacities, request.provider_kind}
        or request.provider_kind not in KINDS
        or request.recipient_kind not in KINDS
        or request.purpose not in PURPOSES
        or request.person.age not in AGES
        or request.person.role not in ROLES
    )


def _case(request: Request, rows: tuple[Ground, ...]) -> _Case:
    asked = frozenset[str]().union(*request.fields.values())
    matching = [row for row in rows if not row.permits and row.priority != "default" and _fits(row, request)]
    denies = tuple(row for row in matching if row.priority == "specific" and any(row.covers(name) for name in asked))
    hard = {name: row for row in matching if row.priority == "hard" for name in row.data}
    return _Case(request, rows, denies, hard)


def _fits(row: Ground, request: Request) -> bool:
    return (
        _provider_fits(row, request)
        and _named(row.recipient, request.recipient_kind)
        and _named(row.purpose, request.purpose)
        and _person_fits(row, request.person)
    )


def _named(words: Sequence[str], word: str) -> bool:
    return word in words or "*" in words


def _provider_fits(row: Ground, request: Request) -> bool:
    if "*" in row.provider or request.provider_capacity in row.provider:
        return True
    capacities = CAPACITIES[request.provider_kind]
    # A kind stands for all its capacities, unless one of them bears the same name (police).
    if request.provider_kind in row.provider and request.provider_kind not in capacities:
        return True
    # When the task is not known, every deny of one of its tasks holds; a permit for one task does not.
    unstated = request.provider_capacity not in capacities
    return unstated and not row.permits and any(capacity in row.provider for capacity in capacities)


def _person_fits(row: Ground, person: Person) -> bool:
    if row.person_role and person.role not in row.person_role:
        return False
    if not row.person_age:
        return True
    # An unknown age fits no permit that asks for one, and every deny.
    return person.counts_as in row.person_age or (person.age == "unknown" and not row.permits)


# -- weighing one row ---------------------------------------------------------------------------------------------


def _offer(case: _Case, row: Ground) -> Offer:
    fields, withheld = _split(case, row)
    reasons = tuple(_obstacles(case, row))
    return Offer(
        ground=row,
        fields=fields,
        withheld=withheld,
        conditions=needed(row.conditions, case.request.person.age),
        usable=not reasons,
        why_not=reasons[0].text if reasons else None,
    )


def _obstacles(case: _Case, row: Ground) -> Iterator[Reason]:
    for deny in case.blocking(row):
        yield Reason("denied", deny.explanation, deny.id)
    if not case.request.demo and not row.reviewed_by_then(case.request.on):
        yield Reason("not_reviewed", _NOT_REVIEWED, row.id)


def _split(case: _Case, row: Ground) -> tuple[tuple[str, ...], Withheld]:
    released: list[str] = []
    withheld: list[tuple[str, Text]] = []
    for name, categories in case.request.fields.items():
        reason = _why_withheld(case, row, categories)
        if reason is None:
            released.append(name)
        else:
            withheld.append((name, reason))
    return tuple(released), tuple(withheld)


def _why_withheld(case: _Case, row: Ground, categories: frozenset[str]) -> Text | None:
    if not categories or not categories <= set(CATEGORIES):
        return _UNDECLARED
    for name in sorted(categories):
        if name in case.hard and name not in row.names_special:
            return case.hard[name].explanation
    outside = sorted(name for name in categories if not row.covers(name))
    if not outside:
        return None
    return Text(
        f"Deze grondslag geldt niet voor: {', '.join(CATEGORY_WORDS[name].nl for name in outside)}.",
        f"This ground does not cover: {', '.join(CATEGORY_WORDS[name].en for name in outside)}.",
    )


def _weigh(case: _Case, row: Ground) -> Permit | Refused:
    request = case.request
    obstacles = tuple(_obstacles(case, row))
    fields, withheld = _split(case, row)
    if not fields:
        obstacles += (Reason("nothing_left", _NOTHING_LEFT, row.id),)
    results = check_all(
        needed(row.conditions, request.person.age), request.conditions, _context(request), parameters=row.parameters
    )
    met = tuple(result for result in results if isinstance(result, Met))
    missing = tuple(result for result in results if isinstance(result, NotMet))
    if missing:
        obstacles += (Reason("missing_evidence", _MISSING_EVIDENCE, row.id),)
    if obstacles:
        return Refused(obstacles, missing)
    fields, left_out = _within_limits(request, fields, met)
    if not fields:
        return Refused((Reason("nothing_left", _NOT_NAMED, row.id),))
    return Permit(
        ground=row,
        ground_digest=row.digest,
        fields=fields,
        withheld=withheld + left_out,
        conditions_met=met,
        obligations=tuple(_duties(request, row, met)),
        legal_basis=row.legal_basis,
        categories=tuple(sorted(frozenset[str]().union(*(request.fields[name] for name in fields)))),
    )


def _context(request: Request) -> Context:
    return Context(
        now=request.now,
        today=request.on,
        recipient_agency=request.recipient_agency,
        person_age=request.person.age,
    )


def _within_limits(request: Request, fields: Iterable[str], met: Iterable[Met]) -> tuple[tuple[str, ...], Withheld]:
    """What a consent or a paper does not name stays, even where the ground would allow it."""
    allowed = frozenset(CATEGORIES)
    for result in met:
        limit = limits(result)
        if limit is not None:
            allowed &= limit
    kept = tuple(name for name in fields if request.fields[name] <= allowed)
    return kept, tuple((name, _NOT_NAMED) for name in fields if not request.fields[name] <= allowed)


def _duties(request: Request, row: Ground, met: Iterable[Met]) -> Iterator[Duty]:
    told = next((result.evidence for result in met if result.code == "INFORM"), None)
    for owed in row.obligations:
        if owed.kind == "inform" and told is not None:
            if told["how"] != "informed":
                yield Duty("inform", _end_of(date.fromisoformat(told["on"]), request.now))
        elif owed.within_hours is not None:
            yield Duty(owed.kind, request.now + timedelta(hours=owed.within_hours))
        elif owed.within_days is not None:
            yield Duty(owed.kind, _end_of(request.on + timedelta(days=owed.within_days), request.now))
        else:
            yield Duty(owed.kind, None)
    until = destroy_on(row.retention, request.on)
    yield Duty("destroy", _end_of(until, request.now) if until else None)


def _end_of(day: date, now: datetime) -> datetime:
    return datetime.combine(day, time(23, 59, 59), tzinfo=now.tzinfo)


def destroy_on(retention: str, start: date) -> date | None:
    """The day on which a retention period (ISO 8601, or "case") that begins on `start` ends; None when the case decides."""
    if retention == "case":
        return None
    amounts = {"Y": 0, "M": 0, "W": 0, "D": 0}
    number = ""
    for letter in retention.removeprefix("P"):
        if letter.isdigit():
            number += letter
        else:
            amounts[letter], number = int(number), ""
    months = start.year * 12 + start.month - 1 + amounts["Y"] * 12 + amounts["M"]
    first = date(months // 12, months % 12 + 1, 1)
    # The 31st of a shorter month is its last day, as people count.
    following = date((months + 1) // 12, (months + 1) % 12 + 1, 1)
    moved = min(first + timedelta(days=start.day - 1), following - timedelta(days=1))
    return moved + timedelta(weeks=amounts["W"], days=amounts["D"])


# -- refusing -----------------------------------------------------------------------------------------------------


def _refusal(case: _Case, ground_id: str | None, candidates: Sequence[Ground], outcomes: Sequence[Refused]) -> Refused:
    nearest = min(outcomes, key=_distance, default=Refused(()))
    unmet = {missing.code for missing in nearest.missing}
    # A deny that the nearest row gets past with evidence already given is not what stands in the way.
    denies = [deny for deny in case.denies if not outcomes or unmet & set(deny.except_conditions)]
    reasons = [Reason("denied", deny.explanation, deny.id) for deny in denies]
    if not outcomes or any(reason.code == "nothing_left" for reason in nearest.reasons):
        reasons += _removed(case)
    reasons += [reason for reason in nearest.reasons if reason not in reasons]
    if ground_id is not None and not candidates:
        reasons.append(Reason("not_applicable", _NOT_APPLICABLE))
    if not outcomes and not case.denies:
        default = next((row for row in case.rows if row.priority == "default"), None)
        reasons.append(
            Reason("no_ground", default.explanation if default else _NO_DEFAULT, default.id if default else "")
        )
    near = tuple(row.id for row in candidates) or tuple(_nearly_fitting(case))
    return Refused(tuple(reasons), nearest.missing, near, tuple(_instead(case, nearest)))


def _removed(case: _Case) -> list[Reason]:
    """The hard denies that take something out of this request, each once."""
    asked = frozenset[str]().union(*case.request.fields.values())
    rows = {case.hard[name].id: case.hard[name] for name in sorted(asked) if name in case.hard}
    return [Reason("denied_category", row.explanation, row.id) for row in rows.values()]


def _distance(outcome: Refused) -> tuple[bool, int, int]:
    codes = [reason.code for reason in outcome.reasons]
    return "denied" in codes or "nothing_left" in codes, len(outcome.missing), len(codes)


def _nearly_fitting(case: _Case) -> Iterator[str]:
    """Permits that fit in all but one of provider, recipient, purpose and person."""
    request = case.request
    for row in case.rows:
        fits = (
            _provider_fits(row, request),
            _named(row.recipient, request.recipient_kind),
            _named(row.purpose, request.purpose),
            _person_fits(row, request.person),
        )
        if row.permits and sum(fits) == len(fits) - 1:
            yield row.id


def _instead(case: _Case, nearest: Refused) -> Iterator[Advice]:
    request = case.request
    yield CALL_112
    if nearest.missing:
        yield COMPLETE_EVIDENCE
    if any(_rests_on_consent(case, row) for row in case.rows):
        yield ASK_CONSENT
    if request.person.age == "unknown":
        yield FIND_AGE
    if request.person.counts_as == "minor" and request.recipient_kind not in {"veilig-thuis", "raad"}:
        yield CHILD_PROTECTION
    if request.purpose != CONSULT and any(_lets_consult(case, row) for row in case.rows):
        yield CONSULT_WITHOUT_NAME
    yield ASK_PRIVACY_OFFICER


def _rests_on_consent(case: _Case, row: Ground) -> bool:
    """Whether consent would help: a permit to this recipient demands it, no deny stops it, and it is not there yet."""
    demanded = CONSENTS & set(row.conditions)
    return (
        row.permits
        and bool(demanded)
        and _fits(row, case.request)
        and not case.blocking(row)
        and not demanded & set(case.request.conditions)
    )


def _lets_consult(case: _Case, row: Ground) -> bool:
    if not row.permits or CONSULT not in row.purpose:
        return False
    consult = _case(replace(case.request, purpose=CONSULT, recipient_kind=row.recipient[0]), case.rows)
    return _fits(row, consult.request) and not consult.blocking(row)


# -- examples -----------------------------------------------------------------------------------------------------


def example(row: Ground, now: datetime) -> Request:
    """A request that `row` permits, with invented evidence and one field per category. Raises ValueError for a deny."""
    if not row.permits:
        raise ValueError("expected a ground that permits")
    kind, capacity = _example_provider(row.provider[0])
    request = Request(
        provider_capacity=capacity,
        provider_kind=kind,
        recipient_kind=row.recipient[0],
        recipient_agency=f"example-{row.recipient[0]}",
        purpose=row.purpose[0],
        person=Person(
            row.person_age[0] if row.person_age else "adult", row.person_role[0] if row.person_role else "victim"
        ),
        fields={name: frozenset({name}) for name in row.data},
        on=now.date(),
        now=now,
        demo=True,
    )
    context = _context(request)
    return replace(
        request,
        conditions={
            code: example_evidence(code, replace(context, parameter=row.parameters.get(code, "")), row.data)
            for code in needed(row.conditions, request.person.age)
        },
    )


def _example_provider(name: str) -> tuple[str, str]:
    if name == "*":
        return "municipality", "municipality-other"
    for kind, capacities in CAPACITIES.items():
        if name == kind:
            return kind, capacities[0]
        if name in capacities:
            return kind, name
    raise ValueError("expected a kind of agency or a capacity")
