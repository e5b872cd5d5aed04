"""Whether one agency may give these fields to one other, for one purpose, on one ground.

Pure and deterministic. Which rows match and in which order they decide stands in `ground_index`; here the evidence is
judged, the answer is given per field (`decide`) or for all that is asked (`decide_whole`), and a refusal says what can be
done instead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any

from signaltable.evidence import Context, Met, NotMet, check_all, limits, needed
from signaltable.evidence_forms import example as example_evidence
from signaltable.ground_index import (
    UNKNOWN_ROLE,
    GroundIndex,
    Verdict,
    beside,
    carrying,
    deciding_deny,
    denying,
    index_on,
    open_rows,
    past,
    place,
)
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
    """Whom the data are about: age (minor, adult, doubt, unknown) and role in the words of a ground, or unknown."""

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
    # How evidence was judged before, per row and code; stands for `conditions` when a recorded decision is replayed.
    judged: Mapping[str, Mapping[str, Met | NotMet]] | None = None


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
    """No. `missing` belongs to the row that came nearest, `near` names the rows that nearly fit.

    `row` is the deny that decides: the first in the order of the law that speaks about what was asked, else the default.
    """

    reasons: tuple[Reason, ...]
    missing: tuple[NotMet, ...] = ()
    near: tuple[str, ...] = ()
    instead: tuple[Advice, ...] = ()
    row: str = ""


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
NAME_TASK = Advice(
    "name_task",
    Text(
        "Zeg in welke taak u dit hoorde, zoals Wmo of openbare orde. Zonder taak gelden de regels van al uw taken.",
        "Say in which task you learned this, such as social support or public order. Without it the rules of all your"
        " tasks hold.",
    ),
)
NAME_ROLE = Advice(
    "name_role",
    Text(
        "Zeg over wie het gaat: een slachtoffer, een getuige, een verdachte of een plaats.",
        "Say whom this is about: a victim, a witness, a suspect or a place.",
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


def applicable(request: Request, grounds: GroundSet) -> tuple[Offer, ...]:
    """The grounds that could carry the request, before any evidence, in the order of their ids.

    Only rows that match provider, recipient, purpose and person, and would let at least one field through. An offer
    that is not `usable` says in `why_not` what stops it.
    """
    if _unknown_words(request):
        return ()
    case = _case(request, grounds)
    offers = (_offer(case, row) for row in case.index.listed(case.here & case.index.permits))
    return tuple(offer for offer in offers if offer.fields)


def decide(request: Request, ground_id: str | None, grounds: GroundSet) -> Permit | Refused:
    """The decision on one ground, or (`ground_id` None) on the one that lets most fields through.

    Never raises for anything a request can say: an unknown word, a missing field or wrong evidence is a refusal.
    """
    unusable = _unusable(request)
    if unusable:
        return unusable
    case = _case(request, grounds)
    candidates = case.candidates()
    if ground_id is not None:
        candidates = tuple(row for row in candidates if row.id == ground_id)
    outcomes = [_weigh(case, row) for row in candidates]
    permits = [outcome for outcome in outcomes if isinstance(outcome, Permit)]
    if permits:
        return max(permits, key=lambda permit: len(permit.fields))
    return _refusal(case, ground_id, candidates, [outcome for outcome in outcomes if isinstance(outcome, Refused)])


def decide_whole(request: Request, grounds: GroundSet) -> Permit | Refused:
    """The decision on all that is asked at once: a permit only when every category of every field may go.

    The request names exactly what it wants to disclose, so a category that one deny takes out, or that no row covers,
    refuses the whole; the reasons then say what to leave out. Of several permits the one that asks least is given.
    """
    unusable = _unusable(request)
    if unusable:
        return unusable
    case = _case(request, grounds)
    if not all(request.fields.values()) or not case.asked <= set(CATEGORIES):
        return Refused((Reason("unknown_word", _UNKNOWN_WORD),), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    for row in case.index.preferred(open_rows(case.index, case.here, case.asked, demo=request.demo)):
        outcome = _weigh(case, row)
        if isinstance(outcome, Permit) and not outcome.withheld:
            return outcome
    return _refusal_of_all(case)


def _unusable(request: Request) -> Refused | None:
    """The refusal of a request that says nothing, or something nobody knows."""
    if _unknown_words(request):
        return Refused((Reason("unknown_word", _UNKNOWN_WORD),), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    if not request.fields:
        return Refused((Reason("no_fields", _NO_FIELDS),), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    return None


# -- matching -----------------------------------------------------------------------------------------------------


def _unknown_words(request: Request) -> bool:
    capacities = CAPACITIES.get(request.provider_kind, ())
    return (
        request.provider_capacity not in {*capacities, request.provider_kind}
        or request.provider_kind not in KINDS
        or request.recipient_kind not in KINDS
        or request.purpose not in PURPOSES
        or request.person.age not in AGES
        or request.person.role not in {*ROLES, UNKNOWN_ROLE}
    )


def _case(request: Request, grounds: GroundSet) -> _Case:
    index = index_on(grounds, request.on)
    here = place(index, *_whereabouts(request))
    asked = frozenset[str]().union(*request.fields.values())
    return _Case(request, index, here, asked, denying(index, here, asked))


def _whereabouts(request: Request) -> tuple[str, str, str, str, str, str]:
    """Provider, recipient, purpose and person, in the order in which the index wants them."""
    person = request.person
    capacity, kind = request.provider_capacity, request.provider_kind
    return capacity, kind, request.recipient_kind, request.purpose, person.age, person.role


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
    bit = case.index.bits[row.id]
    if carrying(case.index, case.here, categories) & bit:
        return None
    for name in sorted(categories):
        # A hard deny explains itself best, also where the row would not have covered the category.
        if case.here & case.index.hard[name] and not case.index.names[name] & bit:
            return _hard(case, name).explanation
    return _not_covered(name for name in categories if not row.covers(name))


def _hard(case: _Case, category: str) -> Ground:
    """The first hard deny that takes this category out."""
    return case.index.preferred(case.here & case.index.hard[category])[0]


def _not_covered(categories: Iterable[str]) -> Text:
    words = [CATEGORY_WORDS[name] for name in sorted(categories)]
    return Text(
        f"Deze grondslag geldt niet voor: {', '.join(word.nl for word in words)}.",
        f"This ground does not cover: {', '.join(word.en for word in words)}.",
    )


def _weigh(case: _Case, row: Ground) -> Permit | Refused:
    request = case.request
    obstacles = tuple(_obstacles(case, row))
    fields, withheld = _split(case, row)
    if not fields:
        obstacles += (Reason("nothing_left", _NOTHING_LEFT, row.id),)
    results = _judged(request, row)
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


def judged_rows(request: Request, ground_id: str | None, grounds: GroundSet) -> dict[str, tuple[Met | NotMet, ...]]:
    """How the evidence is judged for each row that `decide` weighs; what a recorded decision keeps of the evidence."""
    if _unusable(request):
        return {}
    candidates = _case(request, grounds).candidates()
    return {row.id: _judged(request, row) for row in candidates if ground_id in (None, row.id)}


def _judged(request: Request, row: Ground) -> tuple[Met | NotMet, ...]:
    codes = needed(row.conditions, request.person.age)
    if request.judged is not None:
        before = request.judged.get(row.id, {})
        return tuple(before.get(code, NotMet(code, ())) for code in codes)
    return check_all(codes, request.conditions, _context(request), parameters=row.parameters)


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
    specific = case.index.listed(case.denies & case.index.specific)
    denies = [deny for deny in specific if not outcomes or unmet & set(deny.except_conditions)]
    reasons = [Reason("denied", deny.explanation, deny.id) for deny in denies]
    if not outcomes or any(reason.code == "nothing_left" for reason in nearest.reasons):
        reasons += _removed(case)
    reasons += [reason for reason in nearest.reasons if reason not in reasons]
    if ground_id is not None and not candidates:
        reasons.append(Reason("not_applicable", _NOT_APPLICABLE))
    if not outcomes and not specific:
        reasons.append(_no_ground(case))
    near = tuple(row.id for row in candidates) or _nearly_fitting(case)
    return Refused(tuple(reasons), nearest.missing, near, tuple(_instead(case, nearest.missing)), case.decides().row)


def _no_ground(case: _Case) -> Reason:
    default = case.index.default_row
    return Reason("no_ground", default.explanation if default else _NO_DEFAULT, default.id if default else "")


def _removed(case: _Case) -> list[Reason]:
    """The hard denies that take something out of this request, each once."""
    removed = (_hard(case, name) for name in sorted(case.asked) if case.here & case.index.hard.get(name, 0))
    rows = {row.id: row for row in removed}
    return [Reason("denied_category", row.explanation, row.id) for row in rows.values()]


@dataclass(frozen=True, slots=True)
class _Near:
    """A permit that fits, seen from a request for everything at once: what it could carry and what it still wants."""

    row: Ground
    passable: frozenset[str]
    missing: tuple[NotMet, ...]
    reviewed: bool

    @property
    def distance(self) -> tuple[int, int, bool]:
        """How far off: most of all what it cannot carry, then what is missing, then the lawyer."""
        return -len(self.passable), len(self.missing), not self.reviewed


def _refusal_of_all(case: _Case) -> Refused:
    near = sorted((_near(case, row) for row in case.candidates()), key=lambda found: found.distance)
    carrying_some = [found for found in near if found.passable]
    nearest = carrying_some[0] if carrying_some else None
    denies = _standing(case, nearest)
    reasons = [
        Reason("denied_category" if row.priority == "hard" else "denied", row.explanation, row.id) for row in denies
    ]
    reasons += _wanting(case, nearest) if nearest else ()
    if not reasons:
        reasons.append(_no_ground(case))
    missing = nearest.missing if nearest else ()
    ids = tuple(found.row.id for found in carrying_some or near) or _nearly_fitting(case)
    row = denies[0].id if denies else case.index.default.row
    return Refused(tuple(reasons), missing, ids, tuple(_instead(case, missing)), row)


def _near(case: _Case, row: Ground) -> _Near:
    request = case.request
    passable = case.passable(row)
    results = _judged(request, row)
    missing = [result for result in results if isinstance(result, NotMet)]
    for result in results:
        limit = limits(result) if isinstance(result, Met) else None
        if limit is not None and not passable <= limit:
            missing.append(NotMet(result.code, (("categories", _NOT_NAMED),)))
    return _Near(row, passable, tuple(missing), request.demo or row.reviewed_by_then(request.on))


def _standing(case: _Case, nearest: _Near | None) -> tuple[Ground, ...]:
    """The denies that stand in the way, in the order in which they decide.

    Without a row that came near: all that speak about what was asked. Otherwise not those that the nearest row gets
    past with the evidence that is already there.
    """
    denies = case.index.preferred(case.denies)
    if nearest is None:
        return denies
    unmet = {missing.code for missing in nearest.missing}
    blocking = case.blocking(nearest.row)
    return tuple(
        deny
        for deny in denies
        if (_takes_out(case, deny, nearest) if deny.priority == "hard" else deny in blocking)
        or (unmet if deny.priority == "hard" else unmet & set(deny.except_conditions))
    )


def _takes_out(case: _Case, deny: Ground, nearest: _Near) -> bool:
    """Whether a hard deny takes out a category that the nearest row does not name."""
    return any(deny.covers(name) and name not in nearest.row.names_special for name in case.asked)


def _wanting(case: _Case, nearest: _Near) -> Iterator[Reason]:
    """What keeps the nearest row from carrying everything, and what to leave out so that it can carry the rest."""
    row = nearest.row
    uncovered = [name for name in case.asked if not row.covers(name)]
    if uncovered:
        yield Reason("not_covered", _not_covered(uncovered), row.id)
    if nearest.missing:
        yield Reason("missing_evidence", _MISSING_EVIDENCE, row.id)
    if not nearest.reviewed:
        yield Reason("not_reviewed", _NOT_REVIEWED, row.id)
    too_much = case.asked - nearest.passable
    if too_much:
        words = [CATEGORY_WORDS[name] for name in sorted(too_much)]
        yield Reason(
            "leave_out",
            Text(
                f"Laat weg: {', '.join(word.nl for word in words)}. Voor de rest past grondslag {row.id}.",
                f"Leave out: {', '.join(word.en for word in words)}. For the rest ground {row.id} fits.",
            ),
            row.id,
        )


def _distance(outcome: Refused) -> tuple[bool, int, int]:
    codes = [reason.code for reason in outcome.reasons]
    return "denied" in codes or "nothing_left" in codes, len(outcome.missing), len(codes)


def _nearly_fitting(case: _Case) -> tuple[str, ...]:
    """Permits that fit in all but one of provider, recipient, purpose and person."""
    return tuple(row.id for row in beside(case.index, *_whereabouts(case.request)))


def _instead(case: _Case, missing: Sequence[NotMet]) -> Iterator[Advice]:
    request = case.request
    yield CALL_112
    if missing:
        yield COMPLETE_EVIDENCE
    if any(_rests_on_consent(case, row) for row in case.candidates()):
        yield ASK_CONSENT
    if _task_unknown(request):
        yield NAME_TASK
    if request.person.role == UNKNOWN_ROLE:
        yield NAME_ROLE
    if request.person.age == "unknown":
        yield FIND_AGE
    if request.person.counts_as == "minor" and request.recipient_kind not in {"veilig-thuis", "raad"}:
        yield CHILD_PROTECTION
    if request.purpose != CONSULT and _may_consult(case):
        yield CONSULT_WITHOUT_NAME
    yield ASK_PRIVACY_OFFICER


def _task_unknown(request: Request) -> bool:
    """Whether the provider has several tasks and nobody said in which of them the data were learned."""
    tasks = CAPACITIES[request.provider_kind]
    return request.provider_capacity not in tasks and len(tasks) > 1


def _rests_on_consent(case: _Case, row: Ground) -> bool:
    """Whether consent would help: the permit demands it, no deny stops it, and it is not there yet."""
    demanded = CONSENTS & set(row.conditions)
    return bool(demanded) and not case.blocking(row) and not demanded & set(case.request.conditions)


def _may_consult(case: _Case) -> bool:
    """Whether somebody may be consulted about this without a name."""
    capacity, kind, _recipient, _purpose, age, role = _whereabouts(case.request)
    around = (place(case.index, capacity, kind, recipient, CONSULT, age, role) for recipient in KINDS)
    return any(here & past(case.index, denying(case.index, here, case.asked)) for here in around)


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
