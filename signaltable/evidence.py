"""Judging the conditions of a ground: a closed set of shapes (`conditions`) that a person fills in and the program checks.

Every condition is a pydantic model plus rules that need the situation (who receives, how old the person is, what time
it is). In doubt the answer is no. The texts that go with the shapes stand in policies/conditions.toml, so that a form
can be drawn from a `ConditionSpec` by code that does not know the condition.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from signaltable.conditions.consent import Consent, ExplicitConsent, Minor
from signaltable.conditions.motivations import (
    Balance,
    Incident,
    Necessity,
    Proportionality,
    PublicInterest,
    Subsidiarity,
    Vital,
)
from signaltable.conditions.papers import (
    Agreement,
    Authorisation,
    Guardianship,
    Officer,
    PaperDecision,
    Partnership,
    ProsecutionMandate,
    ProsecutorConsent,
    SupervisionOrder,
)
from signaltable.conditions.safeguards import (
    Access,
    Dual,
    Inform,
    Meldcode,
    NoIdentifiers,
    NotNine,
    OthersMasked,
    SmallCells,
)
from signaltable.conditions.shape import (
    ABSENT,
    CHOOSE,
    CHOOSE_SOME,
    DAY,
    MISSING,
    MOMENT,
    SAYS_NOTHING,
    TICK,
    TOO_LONG,
    TOO_SHORT,
    UNKNOWN_FIELD,
    WRONG,
    Context,
    Evidence,
    Kind,
    Problem,
    Widget,
    folded,
    widget_of,
)
from signaltable.conditions.situations import (
    Authority,
    CaseLevel,
    ComplexCase,
    CompulsoryCare,
    Custody,
    Dependence,
    MissingMinor,
    OrganisedCrime,
    OwnObservation,
    Reflection,
    Suspicion,
    Task,
    Treatment,
)
from signaltable.grounds import CONDITIONS, CONSENTS
from signaltable.texts import Text

# For these AVG 9(2)(a) asks for explicit consent; plain consent does not reach them.
SPECIAL = frozenset({"health", "ethnicity", "sex_life"})


@dataclass(frozen=True, slots=True)
class Met:
    """A condition that holds, with the evidence in canonical form and its hash."""

    code: str
    evidence: Mapping[str, Any]
    evidence_hash: str


@dataclass(frozen=True, slots=True)
class NotMet:
    """A condition that does not hold (yet): per field what is wrong. Field "" means the condition as a whole."""

    code: str
    problems: tuple[Problem, ...]


MODELS: Mapping[str, type[Evidence]] = MappingProxyType(
    {
        "CONSENT": Consent,
        "EXPLICIT_CONSENT": ExplicitConsent,
        "MIN": Minor,
        "NEC": Necessity,
        "PROP": Proportionality,
        "SUBS": Subsidiarity,
        "VITAL": Vital,
        "MELDCODE": Meldcode,
        "OFFICER": Officer,
        "OM_CONSENT": ProsecutorConsent,
        "OM_MANDATE": ProsecutionMandate,
        "DECISION": PaperDecision,
        "AGREEMENT": Agreement,
        "AUTHORISATION": Authorisation,
        "PARTNERSHIP": Partnership,
        "NO9": NotNine,
        "DUAL": Dual,
        "INFORM": Inform,
        "K_MIN": SmallCells,
        "NOPII": NoIdentifiers,
        "ORGCRIME": OrganisedCrime,
        "CUSTODY": Custody,
        "DEPENDENCE": Dependence,
        "OWN_OBSERVATION": OwnObservation,
        "BALANCE": Balance,
        "GUARDIANSHIP": Guardianship,
        "PUBLIC_INTEREST": PublicInterest,
        "INCIDENT": Incident,
        "AUTHORITY": Authority,
        "TASK": Task,
        "TREATMENT": Treatment,
        "WVGGZ": CompulsoryCare,
        "SUPERVISION_ORDER": SupervisionOrder,
        "SUSPICION": Suspicion,
        "COMPLEX_CASE": ComplexCase,
        "CASE_LEVEL": CaseLevel,
        "MISSING_MINOR": MissingMinor,
        "REFLECTION": Reflection,
        "OTHERS_MASKED": OthersMasked,
        "ACCESS": Access,
    },
)
assert set(MODELS) == set(CONDITIONS), "every condition of the vocabulary has a shape and the other way round"


def evidence_hash(evidence: Mapping[str, Any], salt: bytes = b"") -> str:
    """SHA-256 (hex) of `salt` followed by the canonical JSON of `evidence` (keys sorted, UTF-8, no spaces)."""
    return hashlib.sha256(salt + _canonical(evidence).encode()).hexdigest()


def hash_of(code: str, data: Mapping[str, Any]) -> str:
    """The hash that evidence of this condition has in its canonical form, whether or not it would be judged good.

    "" when it has not the shape of such evidence. KeyError only for an unknown code.
    """
    try:
        evidence = MODELS[code].model_validate_json(_canonical(data))
    except (ValidationError, TypeError, ValueError):
        return ""
    return evidence_hash(evidence.model_dump(mode="json"))


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(dict(content), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_iso)


def _iso(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError("expected JSON, a date or a set of words")


def check(code: str, data: object, context: Context, salt: bytes = b"") -> Met | NotMet:
    """Judge the evidence for one condition. Never raises on bad evidence; KeyError only for an unknown code.

    `data` is a mapping as JSON knows it (days and times as ISO text, or date and datetime values); None when nothing
    was given. Dates and times in the result are ISO text.
    """
    model = MODELS[code]
    if not isinstance(data, Mapping):
        return NotMet(code, (("", ABSENT),))
    try:
        # Strict in the way of JSON: "2026-11-22" is a day, but "true" is no tick and 1 is no text.
        evidence = model.model_validate_json(_canonical(data))
    except ValidationError as error:
        return NotMet(code, tuple(_shape_problems(model, error)))
    except (TypeError, ValueError):
        return NotMet(code, (("", WRONG),))
    problems = tuple(evidence.problems(context))
    if problems:
        return NotMet(code, problems)
    stored = evidence.model_dump(mode="json")
    return Met(code, MappingProxyType(stored), evidence_hash(stored, salt))


_SHAPE_TEXTS: Mapping[str, Text] = MappingProxyType(
    {"extra_forbidden": UNKNOWN_FIELD, "string_too_long": TOO_LONG},
)
_WIDGET_TEXTS: Mapping[Kind, Text] = MappingProxyType(
    {"date": DAY, "datetime": MOMENT, "choice": CHOOSE, "choices": CHOOSE_SOME, "tick": TICK},
)


def _shape_problems(model: type[Evidence], error: ValidationError) -> list[Problem]:
    """One problem per field, in the order of the fields."""
    problems: dict[str, Text] = {}
    for found in error.errors(include_input=False, include_url=False):
        name = str(found["loc"][0]) if found["loc"] else ""
        widget = widget_of(model, name)
        # What the client called an undeclared field may itself be personal data, so its name is not repeated.
        problems.setdefault(name if widget else "", _shape_text(found["type"], widget))
    return list(problems.items())


def _shape_text(problem: str, widget: Widget | None) -> Text:
    if problem in _SHAPE_TEXTS:
        return _SHAPE_TEXTS[problem]
    if widget is None:
        return WRONG
    if problem in {"string_too_short", "value_error"}:
        # The validators of these two kinds of text raise only about texts that say nothing.
        if problem == "value_error" and widget.kind == "longtext":
            return SAYS_NOTHING
        return TOO_SHORT if widget.kind == "longtext" else MISSING
    return _WIDGET_TEXTS.get(widget.kind, MISSING if problem in {"missing", "too_short"} else WRONG)


def needed(codes: Iterable[str], person_age: str) -> tuple[str, ...]:
    """The conditions that have to be shown for a person of this age: an adult needs no rule for minors."""
    return tuple(code for code in codes if not (code == "MIN" and person_age == "adult"))


def check_all(
    codes: Iterable[str],
    data: Mapping[str, object],
    context: Context,
    parameters: Mapping[str, str] | None = None,
    salt: bytes = b"",
) -> tuple[Met | NotMet, ...]:
    """Judge all conditions of one ground together, in the order of `codes`.

    Beyond `check`: equal motivations are refused, and who decided for a minor must match who gave the consent.
    """
    wanted = tuple(codes)
    demands = parameters or {}
    texts = {
        code: folded(str(_value(data, code, "motivation")))
        for code in wanted
        if "motivation" in MODELS[code].model_fields
    }
    given_by = next((str(_value(data, code, "given_by")) for code in wanted if code in CONSENTS), "")
    return tuple(
        check(
            code,
            data.get(code),
            replace(
                context,
                parameter=demands.get(code, ""),
                given_by=given_by,
                other_motivations=frozenset(text for other, text in texts.items() if other != code),
            ),
            salt,
        )
        for code in wanted
    )


def _value(data: Mapping[str, object], code: str, name: str) -> object:
    evidence = data.get(code)
    return evidence.get(name, "") if isinstance(evidence, Mapping) else ""


def limits(met: Met) -> frozenset[str] | None:
    """The categories this evidence is limited to (a consent or paper names its data); None when it sets no limit."""
    if "categories" not in met.evidence:
        return None
    named = frozenset(met.evidence["categories"])
    # AVG 9(2)(a): plain consent never carries special categories, whatever is ticked.
    return named - SPECIAL if met.code == "CONSENT" else named
