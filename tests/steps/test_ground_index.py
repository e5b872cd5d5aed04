"""The one place where grounds match and where their order is decided: exact over the whole space, and on made-up rows."""

import random
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from pathlib import Path

import pytest

from signaltable.conditions.shape import Context
from signaltable.disclose import decide_whole
from signaltable.disclosure.outcome import Permit
from signaltable.disclosure.request import Person, Request
from signaltable.evidence_examples import example as example_evidence
from signaltable.ground_index import (
    UNKNOWN_ROLE,
    GroundIndex,
    Verdict,
    beside,
    build,
    index_on,
    verdict,
)
from signaltable.grounds import (
    AGES,
    CAPACITIES,
    CATEGORIES,
    CONDITIONS,
    KINDS,
    PURPOSES,
    ROLES,
    Ground,
    GroundSet,
    load_grounds,
)
from tests.cedar_grounds import PROVIDERS, Question, questions, tasks_of
from tests.factories import a_ground

GROUNDS = load_grounds(Path(__file__).resolve().parents[2] / "policies" / "grondslagen")
DAY = max(row.valid_from for row in GROUNDS.rows)
ROW = {row.id: row for row in GROUNDS.on(DAY)}
INDEX = index_on(GROUNDS, DAY)
EVERYTHING = frozenset(CONDITIONS)
PERSONS = tuple(product(AGES, (*ROLES, UNKNOWN_ROLE)))
DENIES = [row for row in ROW.values() if not row.permits and row.priority != "default"]


def ask(index: GroundIndex, q: Question, **changes: object) -> Verdict:
    data = changes.get("data", q.data)
    met = changes.get("met", q.met)
    return verdict(index, q.task, q.kind, q.recipient, q.purpose, q.age, q.role, data, met, demo=q.demo)


def speaks(deny: Ground, task: str, recipient: str, purpose: str, age: str, role: str, category: str) -> bool:
    """Whether a deny holds here, read from its words apart from the code under test."""
    return (
        (deny.recipient == ("*",) or recipient in deny.recipient)
        and (deny.purpose == ("*",) or purpose in deny.purpose)
        and (deny.data == ("*",) or category in deny.data)
        and (deny.provider == ("*",) or task in tasks_of(deny))
        and (not deny.person_role or role in (*deny.person_role, "unknown"))
        and (not deny.person_age or age == "unknown" or ("minor" if age == "doubt" else age) in deny.person_age)
    )


# -- the whole space --------------------------------------------------------------------------------------------------


def test_every_tuple_is_decided_and_no_deny_is_outvoted_with_everything_met() -> None:
    # Given every provider, recipient, purpose and person, each category on its own, and every condition met
    singles = [(name, frozenset({name})) for name in CATEGORIES]
    permitted = 0
    for (kind, task), recipient, purpose in product(PROVIDERS, KINDS, PURPOSES):
        for age, role in PERSONS:
            for name, data in singles:
                found = verdict(INDEX, task, kind, recipient, purpose, age, role, data, EVERYTHING, demo=True)
                if found.effect == "deny":
                    continue
                permitted += 1
                row = ROW[found.row]
                assert name in row.data
                # Then no deny speaks here, unless this permit names the category or demands what the deny makes way for
                for deny in DENIES:
                    if speaks(deny, task, recipient, purpose, age, role, name):
                        way = {name} & set(row.names_special) if deny.priority == "hard" else set()
                        assert way or set(deny.except_conditions) & set(row.conditions), (found.row, deny.id)
    assert permitted > 1_000


def test_without_evidence_every_tuple_is_denied() -> None:
    everything = frozenset(CATEGORIES)
    for (kind, task), recipient, purpose in product(PROVIDERS, KINDS, PURPOSES):
        for age, role in PERSONS:
            for data in (everything, frozenset({"identity"}), frozenset({"pseudonymous"})):
                found = verdict(INDEX, task, kind, recipient, purpose, age, role, data, frozenset(), demo=True)
                assert found.effect == "deny"
                assert not ROW[found.row].permits


def test_more_evidence_never_refuses_and_more_data_never_permits() -> None:
    permits = 0
    for q in questions(GROUNDS.on(DAY), 4_000, seed=3):
        found = ask(INDEX, q)
        if found.effect == "permit":
            permits += 1
            assert all(ask(INDEX, q, met=q.met | {code}).effect == "permit" for code in CONDITIONS)
        else:
            assert all(ask(INDEX, q, data=q.data | {name}).effect == "deny" for name in CATEGORIES)
    assert permits > 1_000


def test_a_row_that_lost_a_condition_it_needs_is_never_the_one_that_permits() -> None:
    for q in questions(GROUNDS.on(DAY), 4_000, seed=4):
        found = ask(INDEX, q)
        if found.effect == "permit":
            row = ROW[found.row]
            for code in row.conditions:
                if code == "MIN" and q.age == "adult":
                    continue
                assert ask(INDEX, q, met=q.met - {code}).row != row.id


def test_what_nobody_reviewed_counts_in_the_demo_only() -> None:
    signed = ROW["X1"].model_copy(update={"reviewed_by": "mr. A. Voorbeeld", "reviewed_on": DAY})
    grounds = GroundSet(tuple(signed if row.id == "X1" else row for row in GROUNDS.rows), "")
    for q in questions([ROW["X1"]], 300, seed=5):
        outside = ask(index_on(grounds, DAY), Question(**{**vars_of(q), "demo": False}))
        assert outside.effect == "deny" or outside.row == "X1"
        assert ask(INDEX, Question(**{**vars_of(q), "demo": False})).effect == "deny"


def vars_of(q: Question) -> dict:
    return {name: getattr(q, name) for name in q.__slots__}


# -- the order, on rows made up for it --------------------------------------------------------------------------------


def made(*rows: Ground) -> GroundIndex:
    default = a_ground(id="D0", effect="deny", priority="default", data=("*",), conditions=())
    return build(GroundSet((default, *rows), ""), DAY)


def say(index: GroundIndex, *data: str, met: frozenset[str] = EVERYTHING, age: str = "adult", role: str = "victim"):
    return verdict(index, "ngo", "ngo", "shelter", "P2", age, role, frozenset(data), met, demo=True)


PERMIT = a_ground(id="A1", data=("identity", "health"), conditions=("NEC",))
SPECIFIC = a_ground(id="S1", effect="deny", data=("health",), conditions=())
HARD = a_ground(id="H1", effect="deny", priority="hard", data=("health",), conditions=())


def test_nothing_matches_nothing_goes() -> None:
    assert say(made()) == Verdict("deny", "D0")
    assert say(made(), "identity") == Verdict("deny", "D0")
    assert say(made(PERMIT)) == Verdict("deny", "D0")
    assert say(made(PERMIT), "identity", met=frozenset()) == Verdict("deny", "D0")
    assert say(made(PERMIT), "identity", "business") == Verdict("deny", "D0")
    assert say(made(PERMIT), "identity") == Verdict("permit", "A1")


def test_a_specific_deny_stops_all_that_is_asked_with_what_it_touches() -> None:
    assert say(made(PERMIT, SPECIFIC), "identity") == Verdict("permit", "A1")
    assert say(made(PERMIT, SPECIFIC), "identity", "health") == Verdict("deny", "S1")


def test_a_hard_deny_decides_before_a_specific_one_and_gives_way_to_a_name_only() -> None:
    way = HARD.model_copy(update={"data": ("sex_life",)})
    naming = PERMIT.model_copy(update={"data": ("identity", "sex_life"), "names_special": ("sex_life",)})
    not_naming = naming.model_copy(update={"names_special": ()})

    assert say(made(PERMIT, SPECIFIC, HARD), "health") == Verdict("deny", "H1")
    assert say(made(naming, way), "sex_life") == Verdict("permit", "A1")
    assert say(made(not_naming, way), "sex_life") == Verdict("deny", "H1")


def test_a_deny_makes_way_for_the_row_that_demands_its_condition_and_for_no_other() -> None:
    deny = SPECIFIC.model_copy(update={"except_conditions": ("EXPLICIT_CONSENT",)})
    demanding = PERMIT.model_copy(update={"id": "A2", "conditions": ("EXPLICIT_CONSENT", "NEC")})

    assert say(made(PERMIT, deny), "health") == Verdict("deny", "S1")
    assert say(made(PERMIT, demanding, deny), "health") == Verdict("permit", "A2")
    assert say(made(PERMIT, demanding, deny), "health", met=frozenset({"NEC"})) == Verdict("deny", "S1")


def test_two_rows_do_not_get_past_two_denies_together() -> None:
    # Given one permit that gets past the first deny only, and one that gets past the second only
    first = SPECIFIC.model_copy(update={"except_conditions": ("CONSENT",)})
    second = SPECIFIC.model_copy(update={"id": "S2", "except_conditions": ("NEC",)})
    with_consent = PERMIT.model_copy(update={"id": "A2", "conditions": ("CONSENT",)})

    assert say(made(PERMIT, with_consent, first, second), "health") == Verdict("deny", "S1")


def test_of_two_permits_the_one_that_asks_least_is_named_then_the_one_that_covers_least() -> None:
    more = PERMIT.model_copy(update={"id": "A0", "conditions": ("NEC", "PROP")})
    wider = PERMIT.model_copy(update={"id": "A00", "data": ("identity", "health", "contact")})

    assert say(made(more, wider, PERMIT), "identity") == Verdict("permit", "A1")
    assert say(made(more, wider, PERMIT), "contact") == Verdict("permit", "A00")


@pytest.mark.parametrize(
    ("age", "role", "permits", "denies"),
    [
        ("minor", "victim", True, True),
        ("doubt", "victim", True, True),
        ("adult", "victim", False, False),
        ("unknown", "victim", False, True),
        ("minor", "witness", False, False),
        ("minor", UNKNOWN_ROLE, False, True),
        ("unknown", UNKNOWN_ROLE, False, True),
    ],
)
def test_who_is_not_known_fits_every_deny_and_no_permit(age: str, role: str, permits: bool, denies: bool) -> None:
    about = {"person_age": ("minor",), "person_role": ("victim",)}
    permit, deny = PERMIT.model_copy(update=about), SPECIFIC.model_copy(update=about)

    assert (say(made(permit), "health", age=age, role=role).effect == "permit") is permits
    assert (say(made(PERMIT, deny), "health", age=age, role=role).row == "S1") is denies


def test_a_kind_stands_for_its_tasks_in_a_deny_and_for_none_of_them_in_a_permit() -> None:
    several = [kind for kind in KINDS if len(CAPACITIES[kind]) > 1 and kind not in CAPACITIES[kind]]
    assert several
    for kind in several:
        task, other = CAPACITIES[kind][:2]
        permit = PERMIT.model_copy(update={"provider": (task,)})
        deny = SPECIFIC.model_copy(update={"provider": (task,)})
        whole = PERMIT.model_copy(update={"provider": (kind,)})

        def at(index: GroundIndex, capacity: str, kind: str = kind) -> str:
            data = frozenset({"health"})
            return verdict(index, capacity, kind, "shelter", "P2", "adult", "victim", data, EVERYTHING, demo=True).row

        assert [at(made(permit), one) for one in (task, other, kind)] == ["A1", "D0", "D0"]
        assert [at(made(whole), one) for one in (task, other, kind)] == ["A1", "A1", "A1"]
        assert [at(made(whole, deny), one) for one in (task, other, kind)] == ["S1", "A1", "S1"]


def test_a_kind_with_one_task_leaves_no_doubt_about_the_task() -> None:
    for kind in KINDS:
        if len(CAPACITIES[kind]) == 1:
            permit = PERMIT.model_copy(update={"provider": CAPACITIES[kind]})
            found = verdict(
                made(permit),
                kind,
                kind,
                "shelter",
                "P2",
                "adult",
                "victim",
                frozenset({"health"}),
                EVERYTHING,
                demo=True,
            )
            assert found.row == "A1", kind


def test_a_word_nobody_knows_is_refused_without_an_error() -> None:
    good = ["ngo", "ngo", "shelter", "P2", "adult", "victim"]
    for place in range(len(good)):
        given = [*good[:place], "bank", *good[place + 1 :]]
        assert verdict(made(PERMIT), *given, frozenset({"health"}), EVERYTHING, demo=True).effect == "deny"
    assert say(made(PERMIT), "health", "genes").effect == "deny"


# -- days -------------------------------------------------------------------------------------------------------------


def test_the_index_is_built_once_for_every_stretch_of_days_in_which_nothing_changes() -> None:
    row = PERMIT.model_copy(
        update={
            "valid_from": date(2026, 3, 1),
            "valid_until": date(2026, 3, 31),
            "reviewed_by": "mr. A. Voorbeeld",
            "reviewed_on": date(2026, 3, 11),
        }
    )
    grounds = GroundSet((row,), "")
    stretches = [
        (date(2025, 1, 1), date(2026, 2, 28), None),
        (date(2026, 3, 1), date(2026, 3, 10), False),
        (date(2026, 3, 11), date(2026, 3, 31), True),
        (date(2026, 4, 1), date(2030, 1, 1), None),
    ]

    for first, last, reviewed in stretches:
        index = index_on(grounds, first)
        assert index_on(grounds, last) is index
        assert [one.id for one in index.rows] == ([] if reviewed is None else ["A1"])
        assert bool(index.reviewed) is bool(reviewed)
        assert last.year == 2030 or index_on(grounds, last + timedelta(days=1)) is not index


def test_the_default_holds_on_a_day_before_any_row() -> None:
    found = verdict(
        index_on(GROUNDS, date(1990, 1, 1)), "ngo", "ngo", "shelter", "P2", "adult", "victim",
        frozenset({"identity"}), EVERYTHING, demo=True,
    )  # fmt: skip

    assert found == Verdict("deny", "D0")


def test_rows_beside_the_request_fit_in_all_but_one() -> None:
    index = made(PERMIT.model_copy(update={"person_role": ("victim",)}), SPECIFIC)
    good = ["ngo", "ngo", "shelter", "P2", "adult", "victim"]

    assert beside(index, *good) == ()
    for place, other in ((2, "police"), (3, "P3"), (5, "witness")):
        assert [row.id for row in beside(index, *good[:place], other, *good[place + 1 :])] == ["A1"]
    assert beside(index, "ngo", "ngo", "police", "P3", "adult", "victim") == ()


# -- the step says the same -------------------------------------------------------------------------------------------


def as_request(q: Question) -> Request:
    """A question with real evidence for what it says is met."""
    moment = datetime.combine(DAY, time(12), tzinfo=UTC)
    context = Context(moment, DAY, q.recipient, q.age)
    return Request(
        provider_capacity=q.task,
        provider_kind=q.kind,
        recipient_kind=q.recipient,
        recipient_agency=q.recipient,
        purpose=q.purpose,
        person=Person(q.age, q.role),
        fields={name: frozenset({name}) for name in q.data},
        on=DAY,
        now=moment,
        conditions={code: example_evidence(code, context, sorted(q.data - {"bsn", "ethnicity"})) for code in q.met},
        demo=q.demo,
    )


def test_the_step_permits_nothing_that_the_index_refuses() -> None:
    asked = questions(GROUNDS.on(DAY), 1_500, seed=6)
    permits = 0
    for q in random.Random(1).sample(asked, 700):
        found, outcome = ask(INDEX, q), decide_whole(as_request(q), GROUNDS)
        if isinstance(outcome, Permit):
            permits += 1
            assert found.effect == "permit"
            assert set(outcome.fields) == set(q.data)
            assert not outcome.withheld
        else:
            assert not ROW[outcome.row].permits
    assert permits > 50
