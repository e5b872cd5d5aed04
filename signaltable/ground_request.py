"""A question to the grounds as JSON and its answer, for the command line: may this go, on which row, and if not, what then.

The question names exactly the data it wants to disclose. Reading it repeats nothing of what was given, since any of it
can be about a person; what was expected is all that a message says.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import product
from typing import Any

from signaltable.conditions.shape import Context
from signaltable.disclose import decide_whole
from signaltable.disclosure.outcome import Permit, Refused
from signaltable.disclosure.request import Person, Request
from signaltable.domain import UnusableInput
from signaltable.evidence_examples import examples_for
from signaltable.fields import FieldContext, FieldSet
from signaltable.ground_index import UNKNOWN_ROLE, index_on, verdict
from signaltable.grounds import (
    AGES,
    CAPACITIES,
    CATEGORIES,
    CONDITIONS,
    CONSULT,
    KINDS,
    PURPOSES,
    ROLES,
    Ground,
    GroundSet,
)
from signaltable.policy import PolicySet

KEYS = ("provider", "recipient", "purpose", "data", "person", "conditions", "recipient_agency")
REQUIRED = KEYS[:4]
KIND_OF: Mapping[str, str] = {name: kind for kind in KINDS for name in (kind, *CAPACITIES[kind])}
# A form never nests deeper than a list of words; what does is no evidence and not worth following down.
_DEPTH = 4
_LONGEST_NAME = 200
_ROLES_GIVEN = (*ROLES, *(f"possible_{role}" for role in ROLES))


@dataclass(frozen=True, slots=True)
class Moment:
    """When a request is judged: the rules of `day`, and `now` for evidence that carries a time."""

    day: date
    now: datetime


def moment_of(day: date) -> Moment:
    """A whole day, seen from its end by the local clock: every time on it has passed, and none is over a day ago."""
    return Moment(day, datetime.combine(day, time(23, 59, 59)).astimezone())


# -- reading ------------------------------------------------------------------------------------------------------


def parse_request(given: Any, moment: Moment, *, demo: bool) -> Request:
    """The request in a decoded JSON object, with one field per category of data.

    A provider is a kind of agency or a task of one. A person who is not described has an unknown age and role, which is
    read strictly: every deny that asks for one holds, no permit does. Raises UnusableInput with every problem at once.
    """
    if not isinstance(given, Mapping):
        raise UnusableInput({"request": f"expected an object with {', '.join(REQUIRED)}"})
    problems = dict(_problems(given))
    if problems:
        raise UnusableInput(problems)
    person = given.get("person", {})
    return Request(
        provider_capacity=given["provider"],
        provider_kind=KIND_OF[given["provider"]],
        recipient_kind=given["recipient"],
        recipient_agency=given.get("recipient_agency", given["recipient"]),
        purpose=given["purpose"],
        person=Person(person.get("age", "unknown"), person.get("role", UNKNOWN_ROLE).removeprefix("possible_")),
        fields=_one_field_each(given["data"]),
        on=moment.day,
        now=moment.now,
        conditions=given.get("conditions", {}),
        demo=demo,
    )


def _one_field_each(data: Iterable[str]) -> dict[str, frozenset[str]]:
    return {name: frozenset({name}) for name in CATEGORIES if name in set(data)}


Problem = tuple[str, str]


def _problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    if not set(given) <= set(KEYS):
        yield "request", f"expected only the keys {', '.join(KEYS)}, found another"
    yield from _word(given, "provider", tuple(KIND_OF))
    yield from _word(given, "recipient", KINDS)
    yield from _word(given, "purpose", PURPOSES)
    yield from _data_problems(given)
    yield from _person_problems(given.get("person", {}))
    yield from _evidence_problems(given.get("conditions", {}))
    agency = given.get("recipient_agency", "agency")
    if not isinstance(agency, str) or not 0 < len(agency) <= _LONGEST_NAME:
        yield "recipient_agency", f"expected the name of an agency, 1 to {_LONGEST_NAME} characters"


def _word(given: Mapping[str, Any], key: str, known: tuple[str, ...]) -> Iterator[Problem]:
    if not _is_one_of(given.get(key), known):
        yield key, f"expected one of {', '.join(known)}"


def _is_one_of(value: Any, known: tuple[str, ...]) -> bool:
    return isinstance(value, str) and value in known


def _data_problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    data = given.get("data")
    if not isinstance(data, list) or not data or not all(_is_one_of(name, CATEGORIES) for name in data):
        yield "data", f"expected a list of one or more of {', '.join(CATEGORIES)}"


def _person_problems(person: Any) -> Iterator[Problem]:
    if not isinstance(person, Mapping):
        yield "person", "expected an object with age and role"
        return
    if not set(person) <= {"age", "role"}:
        yield "person", "expected only the keys age, role, found another"
    if "age" in person and not _is_one_of(person["age"], AGES):
        yield "person.age", f"expected one of {', '.join(AGES)}"
    if "role" in person and not _is_one_of(person["role"], _ROLES_GIVEN):
        yield "person.role", f"expected one of {', '.join(ROLES)}"


def _evidence_problems(conditions: Any) -> Iterator[Problem]:
    if not isinstance(conditions, Mapping):
        yield "conditions", "expected an object with evidence by code"
        return
    if not set(conditions) <= set(CONDITIONS):
        yield "conditions", f"expected only the codes {', '.join(CONDITIONS)}, found another"
    for code in CONDITIONS:
        if code in conditions and not isinstance(conditions[code], Mapping):
            yield f"conditions.{code}", "expected an object with the fields of this condition"
        elif _deeper(conditions.get(code), _DEPTH):
            yield f"conditions.{code}", "expected evidence that is not nested this deep"


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand in each other more than so many levels deep."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return isinstance(value, list) and (levels == 0 or any(_deeper(one, levels - 1) for one in value))


# -- answering ----------------------------------------------------------------------------------------------------


def answer(request: Request, policy: PolicySet, lang: str) -> dict[str, Any]:
    """The decision on a request as JSON knows it, with texts in `lang` (nl or en).

    Always the same keys. `row` is the permit that carries it or the deny that decides; `fields` are the fields that may
    go; `missing` belongs to the row that came nearest; what can be done instead stands among the reasons, code instead:…
    """
    outcome = decide_whole(request, policy.grounds)
    said = _permitted(outcome, request, policy) if isinstance(outcome, Permit) else _refused(outcome, lang)
    return {**said, "policy_digest": policy.digest}


def _permitted(permit: Permit, request: Request, policy: PolicySet) -> dict[str, Any]:
    return {
        "effect": "permit",
        "row": permit.ground.id,
        "fields": list(fields_within(frozenset(permit.categories), request, policy.fields)),
        "missing": [],
        "obligations": [
            {"kind": duty.kind, "due_at": duty.due_at.isoformat() if duty.due_at else None}
            for duty in permit.obligations
        ],
        "reasons": [],
        "near": [],
    }


def _refused(refused: Refused, lang: str) -> dict[str, Any]:
    reasons = [{"code": one.code, "row": one.row, "text": one.text.in_language(lang)} for one in refused.reasons]
    instead = [
        {"code": f"instead:{one.code}", "row": "", "text": one.text.in_language(lang)} for one in refused.instead
    ]
    return {
        "effect": "deny",
        "row": refused.row,
        "fields": [],
        "missing": [
            {"condition": found.code, "field": name, "problem": text.in_language(lang)}
            for found in refused.missing
            for name, text in found.problems
        ],
        "obligations": [],
        "reasons": reasons + instead,
        "near": list(refused.near),
    }


def fields_within(categories: frozenset[str], request: Request, fields: FieldSet) -> tuple[str, ...]:
    """The fields that carry nothing outside `categories` when no more is known than whom they are about and what for.

    A signal can make a field carry more; the step then looks again, per field.
    """
    context = FieldContext(role=request.person.role, nameless=request.purpose == CONSULT)
    return tuple(name for name in fields.fields if fields.categories_of(name, context) <= categories)


# -- examples -----------------------------------------------------------------------------------------------------


def examples(grounds: GroundSet, moment: Moment, *, demo: bool) -> dict[str, dict[str, Any]]:
    """For every permit that counts on the day of `moment`, a request that it carries, as JSON, with invented evidence.

    The evidence is of that day, so it also counts at any later time of the same day. Where another row carries the same
    for fewer conditions at every place where this one fits, the answer to the request names that row.
    """
    # Examples of evidence lie up to an hour back; from one o'clock that is still the same day.
    day = moment.day
    early = Moment(day, datetime.combine(day, time(1), tzinfo=moment.now.tzinfo))
    rows = index_on(grounds, day).in_order
    counting = (row for row in rows if row.permits and (demo or row.reviewed_by_then(day)))
    return {row.id: _example(row, grounds, early, demo=demo) for row in counting}


def _example(row: Ground, grounds: GroundSet, moment: Moment, *, demo: bool) -> dict[str, Any]:
    index = index_on(grounds, moment.day)
    data = frozenset(row.data)
    fallback: dict[str, Any] = {}
    for provider, recipient, purpose, age, role in _places(row):
        met = frozenset(row.conditions)
        found = verdict(index, provider, KIND_OF[provider], recipient, purpose, age, role, data, met, demo=demo)
        if found.effect == "deny":
            continue
        made = _example_at(row, (provider, recipient, purpose, age, role), moment)
        fallback = fallback or made
        outcome = decide_whole(parse_request(made, moment, demo=demo), grounds)
        if isinstance(outcome, Permit) and outcome.ground.id == row.id:
            return made
    return fallback


Place = tuple[str, str, str, str, str]


def _places(row: Ground) -> Iterator[Place]:
    """Every provider, recipient, purpose, age and role that a row fits, the plainest first."""
    tasks = tuple(task for kind in KINDS for task in CAPACITIES[kind])
    # A kind stands for all its tasks, unless it is the name of one of them (police); * for everybody's.
    given = (task for name in row.provider for task in ((name,) if name in tasks else CAPACITIES.get(name, tasks)))
    providers = tuple(dict.fromkeys(given))
    yield from product(
        providers,
        KINDS if row.recipient == ("*",) else row.recipient,
        PURPOSES if row.purpose == ("*",) else row.purpose,
        row.person_age or ("adult", "minor"),
        row.person_role or ROLES,
    )


def _example_at(row: Ground, place: Place, moment: Moment) -> dict[str, Any]:
    provider, recipient, purpose, age, role = place
    context = Context(moment.now, moment.day, recipient, age)
    return {
        "provider": provider,
        "recipient": recipient,
        "purpose": purpose,
        "data": list(row.data),
        "person": {"age": age, "role": role},
        "conditions": examples_for(row, context, row.data),
    }
