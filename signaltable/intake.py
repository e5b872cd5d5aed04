"""A signal as it comes in: the one shape behind the web form, a stored draft and `signaltable submit --file`.

Pure: shapes (pydantic), what is missing before it may be submitted, and the routing facts that follow from it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from signaltable.domain import SUBJECT_KINDS, SUBJECT_ROLES, UnusableInput
from signaltable.identity import date_parts, read_date
from signaltable.policy import PolicySet

YesNo = Literal["yes", "no", "unknown"]
Code = Annotated[int, Field(ge=0, le=3)]
Short = Annotated[str, Field(max_length=200)]

# Longer texts are accepted up to a size that no honest report reaches; the limit only stops flooding.
NARRATIVE_LIMIT = 20_000
MAX_SUBJECTS = 20
MAX_FREED = 200

ELEMENTS = ("act", "means", "purpose")

# Facts that a reporter can state directly; all others follow from the rest of the form (see `facts_of`).
STATED_FACTS = ("perpetrator", "organised", "shelter_needed", "smuggling_only", "wants_return")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Safety(_Part):
    """Step 1: is anybody in danger now, and how soon must somebody look at this?"""

    acute_danger: YesNo = "unknown"
    safe_to_continue: YesNo = "unknown"
    urgency: Short = ""


class Observed(_Part):
    """Step 2: when, where and by whom it was seen."""

    on: date | None = None
    municipality: Annotated[str, Field(max_length=120)] = ""
    online: YesNo = "unknown"
    source_quality: Short = ""


class SubjectDraft(_Part):
    """Step 3: whom or what it is about. Identity is optional; `unsure` names the fields the reporter doubts."""

    kind: Literal[SUBJECT_KINDS] = "person"  # type: ignore[valid-type]
    role: Literal[SUBJECT_ROLES] = "possible_victim"  # type: ignore[valid-type]
    age: Literal["minor", "adult", "doubt", "unknown"] = "unknown"
    age_years: Annotated[int, Field(ge=0, le=130)] | None = None
    gender: Literal["woman", "man", "other", "unknown"] = "unknown"
    identity: dict[str, Annotated[str, Field(max_length=300)]] = Field(default_factory=dict)
    unsure: list[str] = Field(default_factory=list)


class Consent(_Part):
    """Step 4: whether the person agrees, asked by whom, in which language, with which interpreter."""

    status: Literal["given", "refused", "not_asked", "not_possible", ""] = ""
    on: date | None = None
    language: Annotated[str, Field(max_length=60)] = ""
    interpreter: Literal["none", "professional", ""] = ""
    asked_by: Annotated[str, Field(max_length=120)] = ""


class Freed(_Part):
    """A found word that stays readable for the others, because its submitter says why it tells nobody who it is."""

    kind: Annotated[str, Field(max_length=20)]
    word: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=3, max_length=200)]


class StatedFacts(_Part):
    perpetrator: YesNo = "unknown"
    organised: YesNo = "unknown"
    shelter_needed: YesNo = "unknown"
    smuggling_only: YesNo = "unknown"
    wants_return: YesNo = "unknown"
    residence: Literal["lawful", "none", "unknown"] = "unknown"
    victim: Literal["possible", "not_a_victim", "unknown"] = "unknown"


class SignalDraft(_Part):
    """Everything a reporter can say. Every part may be empty while it is a draft."""

    capacity: Short = ""
    safety: Safety = Safety()
    observed: Observed = Observed()
    forms: list[str] = Field(default_factory=list)
    form_rows: dict[str, Code] = Field(default_factory=dict)
    indicators: dict[str, str] = Field(default_factory=dict)
    narrative: Annotated[str, Field(max_length=NARRATIVE_LIMIT)] = ""
    facts: StatedFacts = StatedFacts()
    flags: list[str] = Field(default_factory=list)
    subjects: Annotated[list[SubjectDraft], Field(max_length=MAX_SUBJECTS)] = Field(default_factory=list)
    consent: Consent = Consent()
    mask_words: list[Annotated[str, Field(max_length=80)]] = Field(default_factory=list)
    # Words that were found and stay readable; everything else that was found is masked.
    freed: Annotated[list[Freed], Field(max_length=MAX_FREED)] = Field(default_factory=list)
    # The texts seem to say where somebody is sheltered, and the submitter looked at that.
    shelter_confirmed: bool = False
    reachable: Annotated[str, Field(max_length=200)] = ""
    # Kinds of data that the account holds and the program did not find; what it found needs not be named.
    categories: list[Short] = Field(default_factory=list)


def parse(raw: object) -> SignalDraft:
    """The draft in `raw` (decoded JSON). Raises `UnusableInput` naming each place and what was expected, no values."""
    if not isinstance(raw, Mapping):
        raise UnusableInput({"signal": "expected a JSON object"})
    try:
        return SignalDraft.model_validate(raw)
    except ValidationError as error:
        raise UnusableInput({_place(found["loc"]): _expected(found) for found in error.errors()}) from None


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _expected(found: Mapping[str, Any]) -> str:
    if found["type"] == "extra_forbidden":
        return "unknown key"
    # pydantic's messages describe the expectation; the value itself stands in "input", which is left out.
    return (
        str(found["msg"]).replace("Input should be", "expected").replace("String should", "expected text that should")
    )


def problems_of(draft: SignalDraft, policy: PolicySet, agency_kind: str) -> dict[str, str]:
    """What keeps this draft from being submitted: place -> what was expected. Empty when it may go."""
    problems = _vocabulary_problems(draft, policy)
    capacities = policy.capacities_of(agency_kind)
    if draft.capacity not in capacities:
        problems["capacity"] = f"expected one of {', '.join(capacities)}"
    if draft.safety.acute_danger == "unknown":
        problems["safety.acute_danger"] = "expected yes or no"
    if draft.safety.urgency not in policy.urgencies:
        problems["safety.urgency"] = f"expected one of {', '.join(policy.urgencies)}"
    if not (draft.narrative or draft.indicators or any(draft.form_rows.values())):
        problems["narrative"] = "expected a description, an indicator or a sign in the first-line form"
    if not draft.consent.status:
        problems["consent.status"] = "expected one of given, refused, not_asked, not_possible"
    return problems


def _vocabulary_problems(draft: SignalDraft, policy: PolicySet) -> dict[str, str]:
    lists: tuple[tuple[str, Any, Any], ...] = (
        ("forms", draft.forms, policy.forms),
        ("form_rows", draft.form_rows, policy.form_rows),
        ("indicators", draft.indicators, policy.indicators),
        ("flags", draft.flags, policy.flags),
        ("categories", draft.categories, policy.text_categories.categories),
    )
    problems = {
        name: "unknown code; the codes stand in policies/" for name, given, known in lists if set(given) - set(known)
    }
    known_how = set(policy.how_known)
    if set(draft.indicators.values()) - known_how:
        problems["indicators"] = f"expected how it is known: {', '.join(sorted(known_how))}"
    if draft.observed.source_quality and draft.observed.source_quality not in policy.source_quality:
        problems["observed.source_quality"] = f"expected one of {', '.join(policy.source_quality)}"
    return problems


def victims(draft: SignalDraft) -> list[SubjectDraft]:
    """The people who may be victims; each of them gets advice of her own."""
    return [subject for subject in draft.subjects if subject.kind == "person" and subject.role == "possible_victim"]


def facts_of(
    draft: SignalDraft, policy: PolicySet, person: SubjectDraft | None, linked_agencies: int, today: date
) -> dict[str, Any]:
    """The routing facts (domain/meldroutes.md) that follow from the draft, seen from one possible victim.

    Only what is known is in the answer: a missing key means "unknown, ask this", never a guess.
    """
    stated = {name: getattr(draft.facts, name) for name in STATED_FACTS}
    facts: dict[str, Any] = {
        "acute_danger": draft.safety.acute_danger,
        **stated,
        "residence": draft.facts.residence,
        "unaccompanied_foreign_minor": _flag(draft, "unaccompanied_foreign_minor"),
        "suspect_may_be_forced": _flag(draft, "suspect_may_be_forced"),
        "lvb_signs": _flag(draft, "lvb"),
        "forms": list(draft.forms),
        "victim": _victim(draft),
        "victim_consent": draft.consent.status or "unknown",
        "identifiable": _identifiable(draft),
        **{element: _element(draft, policy, element) for element in ELEMENTS},
    }
    if any(subject.role in {"possible_perpetrator", "facilitator"} for subject in draft.subjects):
        facts["perpetrator"] = "yes"
    if person is not None:
        years = person.age_years if person.age_years is not None else _years(person, today)
        facts |= {"age": person.age, "gender": person.gender, "age_years": years}
    if "minor" in draft.flags and facts.get("age", "unknown") == "unknown":
        facts["age"] = "minor"
    if linked_agencies:
        facts["linked_agencies"] = linked_agencies
    return {name: value for name, value in facts.items() if value not in ("unknown", "", None, [])}


def _years(person: SubjectDraft, today: date) -> int | None:
    """The age that follows from a date of birth; with only a month or year, the lowest that it can be.

    The lowest, because in doubt about minority somebody is treated as a minor (002:324-328).
    """
    year, month, day = date_parts(read_date(person.identity.get("birth_date", "")))
    if not year:
        return None
    had_birthday = bool(day) and (int(month), int(day)) <= (today.month, today.day)
    return min(130, max(0, today.year - int(year) - (0 if had_birthday else 1)))


def _flag(draft: SignalDraft, flag: str) -> str:
    # A flag that is not ticked was perhaps not looked at: that is unknown, not "no".
    return "yes" if flag in draft.flags else "unknown"


def _victim(draft: SignalDraft) -> str:
    if draft.facts.victim != "unknown":
        return draft.facts.victim
    return "possible" if victims(draft) else "unknown"


def _identifiable(draft: SignalDraft) -> str:
    if not draft.subjects:
        return "unknown"
    return "person" if any(subject.kind == "person" for subject in draft.subjects) else "place"


def _element(draft: SignalDraft, policy: PolicySet, element: str) -> str:
    """One answer for act, means or purpose out of its rows. Code 3 is no degree (002, annex 1): it speaks when no row shows anything."""
    rows = [row for row in policy.form_rows.values() if row.element == element]
    codes = [draft.form_rows.get(row.id) for row in rows]
    ticked = any(policy.indicators[name].form_row in {row.id for row in rows} for name in draft.indicators)
    if 2 in codes:
        return "evidence"
    if 1 in codes or ticked:
        return "present"
    if 3 in codes:
        return "more_info"
    return "none" if all(code == 0 for code in codes) else "unknown"


def missing_elements(draft: SignalDraft, policy: PolicySet) -> list[str]:
    """Which elements of trafficking are not yet shown; for a minor the means need not be (002:120-123)."""
    people = victims(draft)
    minor = "minor" in draft.flags or any(person.age in {"minor", "doubt"} for person in people)
    wanted = [element for element in ELEMENTS if not (minor and element == "means")]
    return [element for element in wanted if _element(draft, policy, element) not in {"present", "evidence"}]


EXAMPLE: Mapping[str, Any] = {
    "capacity": "municipality-wmo",
    "safety": {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "five-working-days"},
    "observed": {"on": "2026-11-03", "municipality": "Havendam", "online": "no", "source_quality": "seen"},
    "forms": ["labour"],
    "form_rows": {},
    "indicators": {},
    "narrative": "Man vraagt bij het loket naar zijn loon. Hij slaapt in een caravan op het terrein van de werkgever.",
    "facts": {
        "perpetrator": "unknown",
        "organised": "unknown",
        "shelter_needed": "no",
        "smuggling_only": "no",
        "wants_return": "unknown",
        "residence": "lawful",
        "victim": "possible",
    },
    "flags": [],
    "subjects": [
        {
            "kind": "person",
            "role": "possible_victim",
            "age": "adult",
            "age_years": 34,
            "gender": "man",
            "identity": {"given_name": "Voorbeeld", "surname": "Verzonnen", "birth_date": "1992-02-28"},
            "unsure": ["birth_date"],
        },
    ],
    "consent": {"status": "not_asked", "on": None, "language": "", "interpreter": "", "asked_by": ""},
    "mask_words": [],
    "freed": [],
    "shelter_confirmed": False,
    "reachable": "",
    "categories": [],
}
