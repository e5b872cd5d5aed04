"""The routing facts that follow from what was typed."""

from datetime import date
from pathlib import Path

import pytest

from signaltable.intake import facts_of, victims
from signaltable.policy import load
from tests.factories import a_person, a_signal

POLICY = load(Path(__file__).resolve().parents[2] / "policies")
TODAY = date(2026, 11, 23)


def _facts(**person):
    draft = a_signal(subjects=[a_person(**person)])
    return facts_of(draft, POLICY, victims(draft)[0], 0, TODAY)


@pytest.mark.parametrize(
    ("birth_date", "years"),
    [
        ("23-11-2008", 18),
        ("24-11-2008", 17),
        ("2008", 17),
        ("11-2008", 17),
        ("2007", 18),
        ("1 mei 1990", 36),
        ("", None),
    ],
)
def test_an_age_follows_from_a_date_of_birth_and_is_the_lowest_it_can_be(birth_date, years):
    facts = _facts(age="unknown", age_years=None, identity={"birth_date": birth_date})
    assert facts.get("age_years") == years


def test_an_age_that_was_stated_counts_before_the_date():
    assert _facts(age_years=40, identity={"birth_date": "2010"})["age_years"] == 40


def test_what_nobody_said_is_not_in_the_facts():
    draft = a_signal(subjects=[], facts={}, forms=[], form_rows={}, consent={})
    assert facts_of(draft, POLICY, None, 0, TODAY) == {"acute_danger": "no"}


@pytest.mark.parametrize(
    ("codes", "answer"),
    [
        ([0, 0], "none"),
        ([0, 1], "present"),
        ([3, 2, 1], "evidence"),
        ([0, 3, None], "more_info"),
        ([3, 1], "present"),
        ([0, None], None),
        ([None, None], None),
    ],
)
def test_code_3_speaks_only_when_no_row_shows_anything(codes, answer):
    # Given rows of one element, those without a code here filled in as "no signals"
    rows = [row.id for row in POLICY.form_rows.values() if row.element == "means"]
    filled = dict(zip(rows, [*codes, *[0] * (len(rows) - len(codes))], strict=True))

    draft = a_signal(form_rows={row: code for row, code in filled.items() if code is not None})

    assert facts_of(draft, POLICY, None, 0, TODAY).get("means") == answer
