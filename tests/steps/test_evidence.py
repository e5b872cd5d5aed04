"""The conditions as evidence: what counts, what does not, and what the person is told."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.conditions.shape import Context
from signaltable.evidence import MODELS, Met, NotMet, check, check_all, evidence_hash, limits, needed
from signaltable.evidence_examples import example
from signaltable.evidence_forms import ConditionSpec, load_conditions, read_form
from signaltable.grounds import CONDITIONS, load_grounds
from signaltable.policy_errors import BrokenPolicy

POLICIES = Path(__file__).resolve().parents[2] / "policies"
SPECS = load_conditions(POLICIES / "conditions.toml")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TODAY = NOW.date()
DEMANDS = {"MIN": "WGBO", "PARTNERSHIP": "RIEC", "AUTHORITY": "mayor"}
ADULT = Context(NOW, TODAY, "essm", "adult")
MINOR = replace(ADULT, person_age="minor")
LONG = "Dit is een reden die lang genoeg is."


def situation(code: str, age: str = "adult") -> Context:
    return replace(ADULT, person_age=age, parameter=DEMANDS.get(code, ""))


def good(code: str, context: Context | None = None) -> dict:
    return example(code, context or situation(code), ("identity", "health"))


def wrong_fields(code: str, data: object, context: Context | None = None) -> list[str]:
    result = check(code, data, context or situation(code))
    assert isinstance(result, NotMet), f"{code} was met"
    assert all(text.nl and text.en for _, text in result.problems)
    return [name for name, _ in result.problems]


def met(code: str, data: dict, context: Context | None = None) -> Met:
    result = check(code, data, context or situation(code))
    assert isinstance(result, Met), result
    return result


# -- all conditions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CONDITIONS)
def test_the_example_of_each_condition_is_met(code: str) -> None:
    assert met(code, good(code)).evidence_hash == evidence_hash(met(code, good(code)).evidence)


@pytest.mark.parametrize("code", CONDITIONS)
def test_leaving_out_any_required_field_is_noticed_at_that_field(code: str) -> None:
    required = [name for name, info in MODELS[code].model_fields.items() if info.is_required()]
    assert required
    for name in required:
        rest = {key: value for key, value in good(code).items() if key != name}
        assert name in wrong_fields(code, rest)


@pytest.mark.parametrize("code", CONDITIONS)
@pytest.mark.parametrize(
    "nonsense", [None, [], "yes", 1, {}, {"surname": "Jansen"}, {"x": object()}, {"x": float("nan")}]
)
def test_nonsense_is_no_evidence_and_is_not_repeated(code: str, nonsense: object) -> None:
    result = check(code, nonsense, situation(code))

    assert isinstance(result, NotMet)
    assert "surname" not in {name for name, _ in result.problems}
    assert "Jansen" not in repr(result)


@pytest.mark.parametrize("code", CONDITIONS)
def test_an_extra_field_is_refused(code: str) -> None:
    assert wrong_fields(code, good(code) | {"score": 1}) == [""]


@pytest.mark.parametrize("code", CONDITIONS)
def test_nothing_is_converted_on_the_way_in(code: str) -> None:
    # A tick is true and nothing else; a text is no number; a day is no timestamp.
    for name, value in good(code).items():
        instead = ("true", "on", False) if value is True else (True, {"a": 1})
        for other in (*instead, 1, 0, "", [], None):
            if other != value:
                assert wrong_fields(code, good(code) | {name: other}), (name, other)


@pytest.mark.parametrize("code", CONDITIONS)
def test_a_condition_has_words_for_every_field_and_option(code: str) -> None:
    spec = SPECS[code]

    assert [row.name for row in spec.fields] == list(MODELS[code].model_fields)
    for row in spec.fields:
        assert row.label.nl
        assert row.label.en
        assert bool(row.options) == (row.kind in {"choice", "choices"})


def test_days_and_times_may_come_as_values_or_as_text() -> None:
    as_text = met("OFFICER", good("OFFICER"))
    as_value = met("OFFICER", good("OFFICER") | {"agreed_on": TODAY})

    assert as_text == as_value
    assert as_text.evidence["agreed_on"] == TODAY.isoformat()


def test_the_hash_depends_on_content_and_salt_and_not_on_order() -> None:
    data = good("OFFICER")
    turned = dict(reversed(data.items()))

    assert met("OFFICER", data).evidence_hash == met("OFFICER", turned).evidence_hash
    assert met("OFFICER", data).evidence_hash != met("OFFICER", data | {"reference": "BG-2"}).evidence_hash
    assert evidence_hash(data, b"a") != evidence_hash(data, b"b")
    assert evidence_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(
    st.dictionaries(
        st.text(max_size=12),
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4),
    )
)
def test_evidence_never_raises(data: dict) -> None:
    for code in CONDITIONS:
        assert isinstance(check(code, data, situation(code)), NotMet)


# -- consent ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["CONSENT", "EXPLICIT_CONSENT"])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"recipient": "police"}, "recipient"),
        ({"categories": []}, "categories"),
        ({"categories": ["bsn"]}, "categories"),
        ({"given_on": (TODAY + timedelta(days=1)).isoformat()}, "given_on"),
        ({"interpreter": "acquaintance"}, "interpreter"),
        ({"interpreter": "family"}, "interpreter"),
        ({"withdrawn": True}, "withdrawn"),
        ({"language": "  "}, "language"),
        ({"given_by": "representative"}, "given_by"),
        ({"given_by": "both"}, "given_by"),
    ],
)
def test_consent_that_does_not_count(code: str, change: dict, field: str) -> None:
    assert wrong_fields(code, good(code) | change) == [field]


def test_explicit_consent_is_said_in_so_many_words_and_plain_consent_can_be_taken_back_as_well() -> None:
    for name in ("explicit", "told_withdrawal"):
        assert wrong_fields("EXPLICIT_CONSENT", good("EXPLICIT_CONSENT") | {name: False}) == [name]
    assert wrong_fields("CONSENT", good("CONSENT") | {"told_withdrawal": False}) == ["told_withdrawal"]
    assert wrong_fields("CONSENT", good("CONSENT") | {"explicit": True}) == [""]


@pytest.mark.parametrize("code", ["CONSENT", "EXPLICIT_CONSENT"])
@pytest.mark.parametrize(
    ("language", "interpreter", "counts"),
    [
        ("Nederlands", "none", True),
        (" ENGELS ", "none", True),
        ("English", "none", True),
        ("Nederlands", "professional", True),
        ("Pools", "none", False),
        ("Pools", "professional", True),
        ("Pools", "asker", True),
        ("Nederlands en een beetje Pools", "none", False),
    ],
)
def test_consent_in_another_language_says_who_translated(
    code: str, language: str, interpreter: str, counts: bool
) -> None:
    data = good(code) | {"language": language, "interpreter": interpreter}

    if counts:
        met(code, data)
    else:
        assert wrong_fields(code, data) == ["interpreter"]


@pytest.mark.parametrize(
    ("code", "field"),
    [("CONSENT", "asked_by"), ("OFFICER", "reference"), ("NO9", "stated_by"), ("DECISION", "partnership")],
)
@pytest.mark.parametrize("sign", ["-", "...", "?!", "\N{EM DASH}"])
def test_a_name_or_number_is_more_than_a_sign(code: str, field: str, sign: str) -> None:
    assert wrong_fields(code, good(code) | {field: sign}) == [field]


def test_spoken_consent_is_enough_unless_the_ground_wants_paper() -> None:
    spoken = good("EXPLICIT_CONSENT") | {"form": "spoken"}

    met("EXPLICIT_CONSENT", spoken)
    assert wrong_fields("EXPLICIT_CONSENT", spoken, replace(ADULT, parameter="written")) == ["form"]


def test_consent_limits_data_to_what_it_names_and_plain_consent_has_no_special_categories() -> None:
    assert limits(met("EXPLICIT_CONSENT", good("EXPLICIT_CONSENT"))) == {"identity", "health"}
    assert limits(met("CONSENT", good("CONSENT"))) == {"identity"}
    assert limits(met("PARTNERSHIP", good("PARTNERSHIP"))) == {"identity", "health"}
    assert limits(met("NEC", good("NEC"))) is None


# -- minors -------------------------------------------------------------------------------------------------------------


def decided(band: str, by: str, regime: str, *, parent: bool = False, reason: str = "", given_by: str = "") -> bool:
    context = replace(MINOR, parameter=regime, given_by=given_by)
    data = {"age_band": band, "decided_by": by, "parent_may_exploit": parent, "reason": reason}
    return isinstance(check("MIN", data, context), Met)


@pytest.mark.parametrize("regime", ["WGBO", "JW", "12", "AVG"])
@pytest.mark.parametrize(
    ("band", "may_decide"),
    [
        ("under-12", {"parent", "guardian"}),
        ("12-15", {"youth-and-parent", "youth-and-guardian"}),
        ("16-17", {"youth", "youth-and-parent", "youth-and-guardian"}),
    ],
)
def test_who_decides_for_a_minor(regime: str, band: str, may_decide: set) -> None:
    everybody = ("youth", "youth-and-parent", "youth-and-guardian", "parent", "guardian")

    assert {by for by in everybody if decided(band, by, regime)} == may_decide


@pytest.mark.parametrize("regime", ["WGBO", "JW", "12", "AVG"])
def test_a_parent_who_may_be_the_exploiter_does_not_decide(regime: str) -> None:
    assert not decided("under-12", "parent", regime, parent=True, reason=LONG)
    assert not decided("12-15", "youth-and-parent", regime, parent=True, reason=LONG)
    assert not decided("16-17", "youth-and-parent", regime, parent=True, reason=LONG)
    assert decided("under-12", "guardian", regime, parent=True, reason=LONG)
    assert not decided("under-12", "guardian", regime, parent=True, reason="kort")


def test_a_youth_of_12_to_15_decides_alone_only_where_the_law_lets_a_parent_be_left_out() -> None:
    allowed = {
        regime for regime in ("WGBO", "JW", "12", "AVG") if decided("12-15", "youth", regime, parent=True, reason=LONG)
    }

    assert allowed == {"WGBO", "JW", "12"}
    assert not decided("12-15", "youth", "WGBO", parent=True, reason="")


@pytest.mark.parametrize(
    ("by", "given_by"),
    [("guardian", "representative"), ("parent", "representative")],
)
def test_who_decided_must_match_who_consented(by: str, given_by: str) -> None:
    assert decided("under-12", by, "WGBO", given_by=given_by)
    assert not decided("under-12", by, "WGBO", given_by="person")
    assert not decided("under-12", by, "WGBO", given_by="both")


@pytest.mark.parametrize("age", ["minor", "doubt", "unknown"])
def test_only_a_known_adult_needs_no_rule_for_minors(age: str) -> None:
    assert needed(("CONSENT", "MIN"), "adult") == ("CONSENT",)
    assert needed(("CONSENT", "MIN"), age) == ("CONSENT", "MIN")


# -- motivations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["NEC", "PROP", "SUBS"])
@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("Zij is nu in gevaar", False),
        ("Zij is nu in gevaar.", True),
        (" " * 30, False),
        (" x" * 6, False),
        ("x" * 40, False),
        ("." * 40, False),
        ("1234567890 1234567890 123", False),
        ("nodig nodig nodig nodig nodig", False),
        ("aaa bbb ccc aaa bbb ccc aaa", False),
        ("N.v.t., zie hierboven. Zie boven.", False),
        ("Niet van toepassing, idem, geen tekst.", False),
        ("Zij mag niet bellen van hem", True),
    ],
)
def test_a_motivation_has_at_least_twenty_characters_that_say_something(code: str, text: str, enough: bool) -> None:
    assert isinstance(check(code, {"motivation": text}, ADULT), Met) == enough


def test_three_questions_want_three_answers() -> None:
    same = {
        "NEC": {"motivation": LONG},
        "PROP": {"motivation": f"  {LONG.upper()} "},
        "SUBS": {"motivation": LONG + " Echt."},
    }

    results = check_all(("NEC", "PROP", "SUBS"), same, ADULT)

    assert [type(result) for result in results] == [NotMet, NotMet, Met]


@pytest.mark.parametrize(
    "code", ["ORGCRIME", "PUBLIC_INTEREST", "INCIDENT", "AUTHORITY", "TASK", "SUSPICION", "COMPLEX_CASE"]
)
def test_a_reason_for_necessity_is_not_used_twice(code: str) -> None:
    context = situation(code)
    data = {"NEC": {"motivation": LONG}, code: good(code) | {"motivation": f" {LONG.upper()}"}}

    both = check_all(("NEC", code), data, context, {code: context.parameter})
    other = {**data, "NEC": {"motivation": LONG + " Echt."}}

    assert [type(result) for result in both] == [NotMet, NotMet]
    assert all(
        isinstance(result, Met) for result in check_all(("NEC", code), other, context, {code: context.parameter})
    )


@pytest.mark.parametrize(
    ("code", "field"),
    [
        (code, name)
        for code in CONDITIONS
        for row in SPECS[code].fields
        if row.kind == "longtext" and row.required
        for name in [row.name]
    ],
)
@pytest.mark.parametrize("nothing", ["x" * 40, "-" * 40, "nodig " * 8, "n.v.t., zie hierboven, idem dito"])
def test_no_long_text_passes_that_says_nothing(code: str, field: str, nothing: str) -> None:
    assert field in wrong_fields(code, good(code) | {field: nothing})


def test_a_reason_that_was_asked_for_later_says_something_too() -> None:
    postponed = {"how": "postponed", "on": (TODAY + timedelta(days=10)).isoformat()}

    assert wrong_fields("INFORM", postponed | {"reason": "x" * 30}) == ["reason"]
    assert not decided("under-12", "guardian", "WGBO", parent=True, reason="nvt " * 10)


def test_text_for_a_question_that_is_not_asked_does_not_matter() -> None:
    same = {"NEC": {"motivation": LONG}, "PROP": {"motivation": LONG}}

    assert all(isinstance(result, Met) for result in check_all(("NEC",), same, ADULT))


def test_check_all_gives_each_condition_its_own_demand() -> None:
    data = {"EXPLICIT_CONSENT": good("EXPLICIT_CONSENT", MINOR), "MIN": good("MIN", MINOR)}

    results = check_all(("EXPLICIT_CONSENT", "MIN"), data, MINOR, {"MIN": "JW", "EXPLICIT_CONSENT": "written"})
    spoken = {**data, "EXPLICIT_CONSENT": data["EXPLICIT_CONSENT"] | {"form": "spoken"}}
    paper = check_all(("EXPLICIT_CONSENT", "MIN"), spoken, MINOR, {"MIN": "JW", "EXPLICIT_CONSENT": "written"})

    assert all(isinstance(result, Met) for result in results)
    assert [type(result) for result in paper] == [NotMet, Met]


# -- danger, steps, papers, people --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "counts"),
    [
        (timedelta(0), True),
        (timedelta(hours=24), True),
        (timedelta(hours=24, seconds=1), False),
        (timedelta(seconds=-1), False),
    ],
)
def test_acute_danger_is_of_the_last_day(ago: timedelta, counts: bool) -> None:
    data = good("VITAL") | {"noticed_at": (NOW - ago).isoformat()}

    assert isinstance(check("VITAL", data, ADULT), Met) == counts


def test_a_time_without_zone_is_no_time() -> None:
    assert wrong_fields("VITAL", good("VITAL") | {"noticed_at": "2026-11-22T09:00:00"}) == ["noticed_at"]
    east = NOW.astimezone(timezone(timedelta(hours=5)))
    met("VITAL", good("VITAL") | {"noticed_at": east.isoformat()})


def test_danger_and_attempts_are_two_stories() -> None:
    assert wrong_fields("VITAL", good("VITAL") | {"attempts": good("VITAL")["danger"]}) == ["attempts"]


@pytest.mark.parametrize("step", [2, 3, 4, 5])
def test_the_steps_of_the_code_come_in_order(step: int) -> None:
    days = {f"step_{number}": (TODAY - timedelta(days=10 - number)).isoformat() for number in range(1, 6)}
    before = (TODAY - timedelta(days=10)).isoformat()

    met("MELDCODE", days | {"talk": "held"})
    assert f"step_{step}" in wrong_fields("MELDCODE", days | {"talk": "held", f"step_{step}": before})


def test_a_step_cannot_lie_in_the_future_and_a_talk_left_out_needs_a_reason() -> None:
    tomorrow = (TODAY + timedelta(days=1)).isoformat()

    assert wrong_fields("MELDCODE", good("MELDCODE") | {"step_5": tomorrow}) == ["step_5"]
    assert wrong_fields("MELDCODE", good("MELDCODE") | {"talk": "not-safe"}) == ["talk_reason"]
    met("MELDCODE", good("MELDCODE") | {"talk": "not-safe", "talk_reason": LONG})


@pytest.mark.parametrize("code", ["DECISION", "AGREEMENT", "AUTHORISATION", "PARTNERSHIP"])
def test_a_paper_counts_between_its_days_and_for_its_recipient(code: str) -> None:
    day = timedelta(days=1)

    met(code, good(code) | {"valid_from": TODAY.isoformat(), "valid_until": TODAY.isoformat()})
    assert wrong_fields(code, good(code) | {"valid_until": (TODAY - day).isoformat()}) == ["valid_until"]
    assert wrong_fields(code, good(code) | {"valid_from": (TODAY + day).isoformat()}) == ["valid_until"]
    assert wrong_fields(code, good(code) | {"recipient": "other"}) == ["recipient"]
    backwards = {"valid_from": (TODAY + day).isoformat(), "valid_until": TODAY.isoformat()}
    assert set(wrong_fields(code, good(code) | backwards)) == {"valid_until"}
    assert limits(met(code, good(code))) == {"identity", "health"}


@pytest.mark.parametrize(
    ("wanted", "shown", "counts"),
    [
        ("RIEC", "RIEC", True),
        ("RIEC", "ZVH", False),
        ("SUWI-64", "RIEC", False),
        ("WGS", "RIEC", True),
        ("WGS", "ZVH", True),
        ("WGS", "SUWI-64", False),
        ("", "RIEC", False),
    ],
)
def test_a_partnership_of_another_kind_does_not_count(wanted: str, shown: str, counts: bool) -> None:
    context, data = replace(ADULT, parameter=wanted), good("PARTNERSHIP") | {"partnership": shown}

    assert isinstance(check("PARTNERSHIP", data, context), Met) == counts
    if not counts:
        assert wrong_fields("PARTNERSHIP", data, context) == ["partnership"]


def test_a_decision_keeps_its_purpose_apart_from_the_interest() -> None:
    data = good("DECISION")

    assert wrong_fields("DECISION", data | {"purpose": data["interest"].upper()}) == ["purpose"]
    assert wrong_fields("DECISION", data | {"terms": data["purpose"].upper()}) == ["terms"]


def test_a_decision_of_the_police_says_under_which_conditions() -> None:
    # Wpg 20(2) asks it in the decision itself
    data = {name: value for name, value in good("DECISION").items() if name != "terms"}

    assert wrong_fields("DECISION", data) == ["terms"]


@pytest.mark.parametrize(
    ("who", "over"),
    [
        ("mayor", {"police-under-mayor", "public-order"}),
        ("prosecutor", {"criminal-enforcement", "other-statutory-task"}),
        ("", set()),
    ],
)
def test_each_authority_decides_on_its_own_matters(who: str, over: set) -> None:
    everything = ("police-under-mayor", "public-order", "criminal-enforcement", "other-statutory-task")
    context = replace(ADULT, parameter=who)

    held = {
        one for one in everything if isinstance(check("AUTHORITY", good("AUTHORITY") | {"over": one}, context), Met)
    }

    assert held == over


def test_help_is_the_only_interest_for_help() -> None:
    other = good("PUBLIC_INTEREST") | {"interest": "prevent-crime"}

    met("PUBLIC_INTEREST", other)
    assert wrong_fields("PUBLIC_INTEREST", other, replace(ADULT, parameter="help")) == ["interest"]


@pytest.mark.parametrize("article", ["Arbeidstijdenwet", "8:1", "wet"])
def test_a_task_names_law_and_article(article: str) -> None:
    assert wrong_fields("TASK", good("TASK") | {"article": article}) == ["article"]


def test_numbers_about_few_people_do_not_count_where_ten_are_asked() -> None:
    wide = good("K_MIN") | {"basis": "details-widened"}

    met("K_MIN", wide)
    assert wrong_fields("K_MIN", wide, replace(ADULT, parameter="ten")) == ["basis"]
    met("K_MIN", wide | {"basis": "ten-or-more"}, replace(ADULT, parameter="ten"))


@pytest.mark.parametrize(
    ("ordered", "until", "wrong"),
    [
        (0, 0, []),
        (-300, 1, []),
        (-300, -1, ["valid_until"]),
        (1, 30, ["ordered_on"]),
    ],
)
def test_a_supervision_order_runs_today(ordered: int, until: int, wrong: list) -> None:
    days = {"ordered_on": ordered, "valid_until": until}
    data = good("SUPERVISION_ORDER") | {name: (TODAY + timedelta(days=n)).isoformat() for name, n in days.items()}

    result = check("SUPERVISION_ORDER", data, ADULT)

    assert [name for name, _ in (result.problems if isinstance(result, NotMet) else ())] == wrong
    assert wrong_fields("SUPERVISION_ORDER", good("SUPERVISION_ORDER") | {"recipient": "other"}) == ["recipient"]


@pytest.mark.parametrize(("days", "counts"), [(0, True), (-30, True), (-31, False), (1, False)])
def test_the_index_was_looked_up_lately(days: int, counts: bool) -> None:
    data = good("SUSPICION") | {"index_checked_on": (TODAY + timedelta(days=days)).isoformat()}

    assert isinstance(check("SUSPICION", data, ADULT), Met) == counts


@pytest.mark.parametrize(("areas", "counts"), [(["care"], False), (["care", "care"], False), (["care", "crime"], True)])
def test_a_complex_case_is_about_more_than_one_area(areas: list, counts: bool) -> None:
    assert isinstance(check("COMPLEX_CASE", good("COMPLEX_CASE") | {"areas": areas}, ADULT), Met) == counts


@pytest.mark.parametrize(("days", "counts"), [(0, True), (-92, True), (-93, False), (1, False)])
def test_a_reflection_period_lasts_three_months(days: int, counts: bool) -> None:
    data = good("REFLECTION") | {"offered_on": (TODAY + timedelta(days=days)).isoformat()}

    assert isinstance(check("REFLECTION", data, ADULT), Met) == counts


def test_a_minor_is_missing_since_some_time_in_the_past() -> None:
    later = (NOW + timedelta(seconds=1)).isoformat()

    assert wrong_fields("MISSING_MINOR", good("MISSING_MINOR") | {"missing_since": later}) == ["missing_since"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"asked_by": "authorised"}, ["authorisation"]),
        ({"asked_by": "authorised", "authorisation": "V-2026-3"}, []),
        ({"asked_by": "parent"}, ["asked_by"]),
        ({"requested_on": (TODAY + timedelta(days=1)).isoformat()}, ["requested_on"]),
        ({"withheld": "UAVG-41"}, ["decision", "withheld_until"]),
        ({"withheld": "Wpg-27", "decision": "B-3"}, ["withheld_until"]),
        ({"withheld": "Wpg-27", "decision": "B-3", "withheld_until": TODAY.isoformat()}, []),
        (
            {"withheld": "Wpg-27", "decision": "B-3", "withheld_until": (TODAY - timedelta(days=1)).isoformat()},
            ["withheld_until"],
        ),
    ],
)
def test_access_is_for_the_person_and_withholding_ends(change: dict, wrong: list) -> None:
    result = check("ACCESS", good("ACCESS") | change, ADULT)

    assert [name for name, _ in (result.problems if isinstance(result, NotMet) else ())] == wrong


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"approver": "a-1"}, "approver"),
        ({"approver": " A-1 "}, "approver"),
        ({"approver_role": "focal-officer"}, "approver_role"),
        ({"approver_role": "Focal-Officer"}, "approver_role"),
        ({"approver_role": "privacy-officer,focal-officer"}, "approver_role"),
        ({"approver_role": ","}, "approver_role"),
        ({"approved_at": (NOW + timedelta(seconds=1)).isoformat()}, "approved_at"),
        ({"approved_at": (NOW - timedelta(days=8)).isoformat()}, "approved_at"),
    ],
)
def test_two_people_are_two_people_of_two_roles(change: dict, field: str) -> None:
    assert field in wrong_fields("DUAL", good("DUAL") | change)


@pytest.mark.parametrize(
    ("how", "days", "reason", "counts"),
    [
        ("informed", 0, "", True),
        ("informed", -30, "", True),
        ("informed", 1, "", False),
        ("will-inform", 28, "", True),
        ("will-inform", 29, "", False),
        ("will-inform", -1, "", False),
        ("postponed", 42, LONG, True),
        ("postponed", 43, LONG, False),
        ("postponed", 10, "", False),
    ],
)
def test_telling_the_person_in_time(how: str, days: int, reason: str, counts: bool) -> None:
    data = {"how": how, "on": (TODAY + timedelta(days=days)).isoformat(), "reason": reason}

    assert isinstance(check("INFORM", data, ADULT), Met) == counts


@pytest.mark.parametrize(
    ("age", "relation", "counts"),
    [
        ("minor", "exploiter", True),
        ("doubt", "other", True),
        ("adult", "partner", True),
        ("adult", "exploiter", False),
        ("unknown", "exploiter", False),
        ("unknown", "household", True),
    ],
)
def test_dependence_differs_for_minor_and_adult(age: str, relation: str, counts: bool) -> None:
    data = good("DEPENDENCE") | {"relation": relation}

    assert isinstance(check("DEPENDENCE", data, situation("DEPENDENCE", age)), Met) == counts


@pytest.mark.parametrize("age", ["adult", "minor", "unknown"])
@pytest.mark.parametrize("of_a_child", [True, False])
def test_dependence_of_a_child_has_to_be_said_when_the_data_are_about_somebody_else(age: str, of_a_child: bool) -> None:
    context = replace(situation("DEPENDENCE", age), parameter="child")
    data = good("DEPENDENCE") | {"relation": "exploiter", "of_a_child": of_a_child}

    if of_a_child:
        assert isinstance(check("DEPENDENCE", data, context), Met)
    else:
        assert wrong_fields("DEPENDENCE", data, context) == ["of_a_child"]


def test_weighing_takes_three_thoughts() -> None:
    data = good("BALANCE")

    assert wrong_fields("BALANCE", data | {"outcome": data["impact"]}) == ["outcome"]


def test_a_minor_of_twelve_is_heard_or_there_is_a_reason() -> None:
    silent = good("GUARDIANSHIP") | {"minor_heard": "not-possible"}

    assert wrong_fields("GUARDIANSHIP", silent) == ["reason"]
    met("GUARDIANSHIP", silent | {"reason": LONG})


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("OFFICER", "agreed_on"),
        ("OM_CONSENT", "agreed_on"),
        ("OM_MANDATE", "agreed_on"),
        ("CUSTODY", "decided_on"),
        ("GUARDIANSHIP", "ordered_on"),
        ("CASE_LEVEL", "lawfulness_checked_on"),
    ],
)
def test_what_still_has_to_happen_is_no_evidence(code: str, field: str) -> None:
    assert wrong_fields(code, good(code) | {field: (TODAY + timedelta(days=1)).isoformat()}) == [field]


@pytest.mark.parametrize(
    ("code", "tick"),
    [(code, row.name) for code in CONDITIONS for row in SPECS[code].fields if row.kind == "tick" and row.required],
)
def test_a_statement_that_has_to_be_true_is_not_met_by_its_absence(code: str, tick: str) -> None:
    assert tick in wrong_fields(code, good(code) | {tick: False})


# -- conditions that cannot both be true ----------------------------------------------------------------------------------


def test_who_cannot_be_asked_has_not_agreed_in_either_direction() -> None:
    assert SPECS["VITAL"].excludes == {"CONSENT", "EXPLICIT_CONSENT", "MIN", "ACCESS", "REFLECTION"}
    assert SPECS["INCIDENT"].excludes == {"DECISION", "AGREEMENT"}
    for code, spec in SPECS.items():
        assert code not in spec.excludes
        for other in spec.excludes:
            assert code in SPECS[other].excludes


def test_no_row_demands_two_conditions_that_exclude_each_other() -> None:
    for row in load_grounds(POLICIES / "grondslagen").rows:
        for code in row.conditions:
            assert not SPECS[code].excludes & set(row.conditions), row.id


# -- forms --------------------------------------------------------------------------------------------------------------


def as_form(spec: ConditionSpec, data: dict) -> dict[str, list[str]]:
    """What a browser would send for this evidence."""
    values = {}
    for row in spec.fields:
        value = data.get(row.name)
        if value is True:
            values[row.name] = ["on"]
        elif value:
            values[row.name] = list(value) if isinstance(value, list) else [str(value)]
    return values


@pytest.mark.parametrize("code", CONDITIONS)
def test_a_form_brings_the_evidence_back_except_what_the_program_knows(code: str) -> None:
    spec = SPECS[code]
    data = good(code)

    read = read_form(spec, as_form(spec, data), ZoneInfo("Europe/Amsterdam"))

    by_program = {row.name for row in spec.fields if row.by_program}
    assert read == {name: value for name, value in data.items() if name not in by_program}
    assert spec.filled_by == ("program" if code == "DUAL" else "person")


def test_a_form_is_read_as_people_fill_it_in() -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    values = {
        "danger": [""],
        "noticed_at": ["2026-11-22T10:30"],
        "serious_harm": ["on"],
        "score": ["9"],
        "decided_by": [" arts "],
    }

    read = read_form(SPECS["VITAL"], values, zone)

    assert read == {"noticed_at": "2026-11-22T10:30:00+01:00", "serious_harm": True, "decided_by": "arts"}
    assert read_form(SPECS["VITAL"], {"noticed_at": ["gisteren"]}, zone) == {"noticed_at": "gisteren"}


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_words_of_the_form_itself_are_no_answer(language: str) -> None:
    spec = SPECS["NEC"]
    for text in (spec.explanation, spec.fields[0].label):
        words = getattr(text, language)
        for typed in (words, f"  {words.upper()} ", words.rstrip("?.")):
            assert read_form(spec, {"motivation": [typed]}, ZoneInfo("UTC")) == {}
        assert read_form(spec, {"motivation": [words + " Ja, want"]}, ZoneInfo("UTC"))


def test_who_approved_is_never_taken_from_a_form() -> None:
    values = {name: ["x"] for name in MODELS["DUAL"].model_fields}

    assert read_form(SPECS["DUAL"], values, ZoneInfo("UTC")) == {}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[NEC]", "[NECESSITY]", "NECESSITY"),
        ("[NEC]", "[NECESSITY]", "NEC.title"),
        ("spoken = {", "shouted = {", "CONSENT.fields.form.options.spoken"),
        ("step_3 = ", "step_9 = ", "MELDCODE.fields.step_9"),
        ("step_3 = ", "step_9 = ", "MELDCODE.fields.step_3.label"),
        ('title = { nl = "Tweede persoon", en = "Second person" }', 'title = { nl = "Tweede persoon" }', "DUAL.title"),
        ('excludes = ["CONSENT"', 'excludes = ["CONCENT"', "VITAL.excludes"),
        ('excludes = ["CONSENT"', 'excludes = ["VITAL"', "VITAL.excludes"),
        ('excludes = ["CONSENT"', 'excludes = ["MIN"', "VITAL.excludes"),
        ('excludes = ["CONSENT"', "excludes = [7", "VITAL.excludes"),
        ('title = { nl = "Noodzaak"', 'excludes = "VITAL"\ntitle = { nl = "Noodzaak"', "NEC.excludes"),
        ('title = { nl = "Noodzaak"', 'colour = "red"\ntitle = { nl = "Noodzaak"', "NEC.colour"),
    ],
)
def test_a_text_too_few_or_too_many_stops_the_start(tmp_path: Path, old: str, new: str, key: str) -> None:
    content = (POLICIES / "conditions.toml").read_text(encoding="utf-8")
    assert old in content
    path = tmp_path / "conditions.toml"
    path.write_text(content.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(BrokenPolicy) as broken:
        load_conditions(path)

    assert key in {finding.key for finding in broken.value.findings}
    assert {finding.file for finding in broken.value.findings} == {"conditions.toml"}


def test_today_is_not_taken_from_the_clock() -> None:
    past = replace(ADULT, today=date(2020, 1, 1))

    assert wrong_fields("OFFICER", good("OFFICER"), past) == ["agreed_on"]
