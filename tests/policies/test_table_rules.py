"""The rules of an agenda and of which table a signal comes to: pure, deterministic, and as the shipped rules say."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable import agenda, seating
from signaltable.agenda import Candidate
from signaltable.policy_shapes import AgendaChanges, AgendaRuleChange
from signaltable.seating import Seat, Why
from signaltable.table_rules import agenda_of, check_agenda, check_themes

TODAY = date(2026, 11, 23)
FAR = ("keep", date(2030, 1, 1))


def a_candidate(reference="S-2222-22", **changes):
    plain = {"urgency": "five-working-days", "received": datetime(2026, 11, 20, 9, tzinfo=UTC), "waits_since": TODAY}
    return Candidate(reference, **{"dates": (FAR,), **plain, **changes})


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, ()),
        ({"urgency": "now"}, ("urgent-now",)),
        ({"urgency": "same-day", "several": True}, ("urgent-today", "several-agencies")),
        ({"stuck": True, "returned": True}, ("stuck", "returned")),
        ({"dates": (("task", date(2026, 11, 22)),)}, ("deadline-passed",)),
        ({"dates": (("question", TODAY),)}, ("deadline-near",)),
        ({"dates": (("task", date(2026, 11, 26)),)}, ("deadline-near",)),
        ({"dates": (("task", date(2026, 11, 27)),)}, ()),
        ({"dates": (("keep", date(2026, 12, 21)),)}, ("keeping-ends",)),
        ({"dates": (("keep", date(2026, 12, 22)),)}, ()),
        ({"left_over": True}, ("left-over",)),
        ({"asked": 2, "answered": 2}, ("answered",)),
        ({"asked": 2, "answered": 1}, ()),
        ({"waits_since": date(2026, 10, 26)}, ("waits-long",)),
        ({"waits_since": date(2026, 10, 27)}, ()),
    ],
)
def test_each_rule_holds_from_its_threshold_on(policy, changes, reasons):
    (found,) = agenda.propose([a_candidate(**changes)], policy.agenda.rule, TODAY)
    assert found.reasons == reasons
    assert (found.weight == 0) == (reasons == ())


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        reference=st.integers(0, 40).map(lambda number: f"S-{number:04d}"),
        urgency=st.sampled_from(["now", "same-day", "one-working-day", "five-working-days"]),
        received=st.integers(0, 3).map(lambda days: datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=days)),
        waits_since=st.dates(date(2026, 9, 1), TODAY),
        several=st.booleans(),
        stuck=st.booleans(),
        returned=st.booleans(),
        left_over=st.booleans(),
        asked=st.integers(0, 2),
        answered=st.integers(0, 2),
        dates=st.lists(
            st.tuples(st.sampled_from(["task", "question", "keep"]), st.dates(date(2026, 11, 1), date(2026, 12, 31))),
            max_size=2,
        ).map(tuple),
    ),
    unique_by=lambda one: one.reference,
    max_size=8,
)


@given(CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_does_not_hang_on_the_order_of_asking_and_the_urgent_are_first(policy, found, chance):
    shuffled = list(found)
    chance.shuffle(shuffled)
    ordered = agenda.propose(found, policy.agenda.rule, TODAY)
    assert ordered == agenda.propose(shuffled, policy.agenda.rule, TODAY)
    # Nobody is left out, and no reason at all makes up for an urgency
    assert sorted(one.reference for one in ordered) == sorted(one.reference for one in found)
    urgency = {one.reference: policy.urgencies[one.urgency].order for one in found}
    places = [urgency[one.reference] for one in ordered]
    assert places == sorted(places)


@given(CANDIDATES)
def test_no_signal_weighs_more_than_its_urgency_lets_it(policy, found):
    for one in found:
        weight = agenda.weigh(one, policy.agenda.rule, TODAY).weight
        assert weight <= agenda.at_most(one.urgency, policy.agenda.rule)
        # A bound that never tells urgencies apart would let nothing be left aside.
        assert agenda.at_most("five-working-days", policy.agenda.rule) < agenda.at_most("now", policy.agenda.rule)


def test_what_fits_follows_from_the_time_of_the_meeting_and_only_with_a_reason(policy):
    rules = policy.agenda
    assert agenda.room(rules, 60, 0) == 60 // rules.minutes_per_case
    assert agenda.room(rules, None, 2) == rules.meeting_minutes // rules.minutes_per_case - 2
    assert agenda.room(rules, 10, 5) == 0
    several = [a_candidate(f"S-{number}", stuck=number < 3) for number in range(5)]
    proposals = agenda.propose(several, rules.rule, TODAY)
    assert agenda.fitting(proposals, 2) == ("S-0", "S-1")
    assert agenda.fitting(proposals, 5) == ("S-0", "S-1", "S-2")


def test_a_region_changes_weights_and_days_and_takes_rules_out(policy):
    region = policy_region(rule={"stuck": {"weight": 0}, "waits-long": {"days": 5}}, minutes_per_case=15)
    changed = agenda_of(policy.agenda, region)
    assert changed.minutes_per_case == 15
    (found,) = agenda.propose([a_candidate(stuck=True, waits_since=date(2026, 11, 18))], changed.rule, TODAY)
    assert found.reasons == ("waits-long",)


def policy_region(**changes):
    rules = {name: AgendaRuleChange(**change) for name, change in changes.pop("rule", {}).items()}

    class Region:
        agenda = AgendaChanges(rule=rules, **changes)

    return Region()


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ({"nowhere": {"weight": 1}}, "agenda.rule.nowhere"),
        ({"stuck": {"weight": 110}}, "agenda.rule.stuck"),
        ({"stuck": {"days": 3}}, "agenda.rule.stuck.days"),
    ],
)
def test_a_region_that_changes_nothing_or_what_is_not_there_is_a_mistake(policy, rule, key):
    found = list(check_agenda(policy.agenda, list(policy.urgencies), policy_region(rule=rule)))
    assert [(one.file, one.key) for one in found] == [("region.toml", key)]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"urgencies": ("someday",)}, "rule.urgent-now.urgencies"),
        ({"urgencies": ()}, "rule.urgent-now.urgencies"),
        ({"days": 3}, "rule.urgent-now.days"),
        ({"dates": ("task",)}, "rule.urgent-now.dates"),
    ],
)
def test_a_rule_with_a_key_too_many_or_too_few_is_named(policy, change, key):
    file = policy.agenda.model_copy(update={"rule": (policy.agenda.rule[0].model_copy(update=change),)})
    found = list(check_agenda(file, list(policy.urgencies), policy_region()))
    assert [(one.file, one.key) for one in found] == [("agenda.toml", key)]


# -- which table -----------------------------------------------------------------------------------------------------

GENERAL, LABOUR, MINORS = Seat("a", "Algemeen", ""), Seat("b", "Arbeid", "labour"), Seat("c", "Jeugd", "minors")


@pytest.mark.parametrize(
    ("seats", "facts", "expected"),
    [
        ([], {"forms": ["labour"]}, []),
        ([LABOUR], {"forms": ["sexual"]}, [(LABOUR, Why.ONLY)]),
        ([GENERAL, LABOUR], {"forms": ["labour"]}, [(LABOUR, Why.THEME), (GENERAL, Why.GENERAL)]),
        ([LABOUR, GENERAL], {"forms": ["sexual"]}, [(GENERAL, Why.GENERAL)]),
        ([GENERAL, LABOUR], {}, [(GENERAL, Why.GENERAL)]),
        ([LABOUR, MINORS], {"forms": ["labour"], "age": "doubt"}, [(MINORS, Why.THEME), (LABOUR, Why.THEME)]),
        ([MINORS, LABOUR], {"forms": ["sexual"], "age": "adult"}, [(LABOUR, Why.NONE_FITS), (MINORS, Why.NONE_FITS)]),
    ],
)
def test_the_theme_decides_then_the_general_table_then_whatever_there_is(policy, seats, facts, expected):
    found = seating.offer(seats, [facts], policy.table_themes)
    assert [(one.seat, one.why) for one in found] == expected


def test_one_minor_among_several_people_is_enough(policy):
    found = seating.offer([GENERAL, MINORS], [{"age": "adult"}, {"age": "minor"}], policy.table_themes)
    assert found[0].seat == MINORS


def test_a_theme_that_nothing_fits_or_that_names_what_is_not_there_is_named(policy):
    (first, *_others) = policy.table_themes.values()

    class File:
        theme = (
            first.model_copy(update={"id": "empty", "forms": (), "when": ()}),
            first.model_copy(update={"id": "form", "forms": ("nowhere",), "when": ()}),
        )

    keys = [one.key for one in check_themes(File(), list(policy.forms))]
    assert keys == ["theme.empty", "theme.form.forms"]
