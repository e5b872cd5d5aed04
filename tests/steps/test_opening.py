"""What is open now, and else when it opens: evenings, weekends, holidays, nights that pass midnight, summer time."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from signaltable.domain import ZONE
from signaltable.opening import OpenHours, Opening, open_at
from signaltable.working_days import Calendar

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
USUAL = Calendar()


def hours(days, begins, until, *, holidays=False):
    return OpenHours.model_validate({"days": days, "from": begins, "until": until, "holidays": holidays})


OFFICE = [hours([1, 2, 3, 4, 5], "09:00", "17:00")]
ADVICE = [hours(EVERY_DAY, "08:30", "22:00", holidays=True)]
ALWAYS = [hours(EVERY_DAY, "00:00", "24:00", holidays=True)]
NIGHT = [hours(EVERY_DAY, "22:00", "06:00", holidays=True)]


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("when", "line", "is_open", "changes"),
    [
        ("2026-11-23T12:00", OFFICE, True, "2026-11-23T17:00"),
        ("2026-11-23T17:00", OFFICE, False, "2026-11-24T09:00"),
        ("2026-11-23T08:59:59", OFFICE, False, "2026-11-23T09:00"),
        ("2026-11-20T18:00", OFFICE, False, "2026-11-23T09:00"),
        ("2026-12-24T18:00", OFFICE, False, "2026-12-28T09:00"),
        ("2026-12-25T12:00", ADVICE, True, "2026-12-25T22:00"),
        ("2026-11-22T23:15", ADVICE, False, "2026-11-23T08:30"),
        ("2026-11-23T03:00", NIGHT, True, "2026-11-23T06:00"),
        ("2026-11-23T22:00", NIGHT, True, "2026-11-24T06:00"),
        ("2026-11-23T12:00", NIGHT, False, "2026-11-23T22:00"),
        # In the night in which summer time begins, an hour is skipped; the office does not open later for that
        ("2026-03-28T23:00", ADVICE, False, "2026-03-29T08:30"),
    ],
)
def test_open_until_or_closed_until(when, line, is_open, changes):
    assert open_at(line, at(when), USUAL) == Opening(is_open, at(changes))


def test_day_and_night_has_no_end_and_no_hours_no_beginning():
    assert open_at(ALWAYS, at("2026-12-25T03:00"), USUAL) == Opening(is_open=True, changes_at=None)
    assert open_at([], at("2026-11-23T12:00"), USUAL) == Opening(is_open=False, changes_at=None)


def test_two_spans_on_a_day_leave_a_break_between():
    lunch = [hours([1], "09:00", "12:00"), hours([1], "13:00", "17:00")]
    assert open_at(lunch, at("2026-11-23T12:30"), USUAL) == Opening(False, at("2026-11-23T13:00"))
    joined = [hours([1], "09:00", "12:00"), hours([1], "12:00", "17:00")]
    assert open_at(joined, at("2026-11-23T10:00"), USUAL) == Opening(True, at("2026-11-23T17:00"))


@given(st.sampled_from([OFFICE, ADVICE, NIGHT]), st.integers(0, 400 * 24 * 60))
def test_what_is_told_comes_true(line, minutes):
    moment = (at("2026-01-01T00:00").astimezone() + timedelta(minutes=minutes)).astimezone(ZONE)
    found = open_at(line, moment, USUAL)
    assert found.changes_at > moment
    assert open_at(line, found.changes_at, USUAL).is_open is not found.is_open
    almost = (found.changes_at.timestamp() + moment.timestamp()) / 2
    assert open_at(line, datetime.fromtimestamp(almost, ZONE), USUAL).is_open is found.is_open


@pytest.mark.parametrize(
    "wrong", [{"from": "9:00"}, {"until": "25:00"}, {"days": [0]}, {"days": []}, {"from": "24:00"}]
)
def test_hours_that_no_clock_shows_are_refused(wrong):
    given = {"days": [1], "from": "09:00", "until": "17:00", "holidays": False}
    with pytest.raises(ValidationError):
        OpenHours.model_validate(given | wrong)
