"""Working days of the Netherlands: holidays by law and custom, and counting over them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.working_days import LIST, Calendar, easter_sunday
from tests.public_holidays import YEARS, listed

USUAL = Calendar()
DAYS = st.dates(date(1970, 1, 1), date(2090, 1, 1))


@pytest.mark.parametrize(
    "day",
    [
        "2026-01-01",
        "2026-04-06",
        "2026-04-27",
        "2026-05-14",
        "2026-05-25",
        "2025-12-25",
        "2025-12-26",
        "2025-05-05",
        "2016-05-05",
    ],
)
def test_these_are_no_working_days(day):
    assert USUAL.is_holiday(date.fromisoformat(day))
    assert not USUAL.is_working_day(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2026-05-05", "2026-04-03", "2026-12-24", "2027-04-26", "2026-12-31"])
def test_these_are_worked(day):
    assert USUAL.is_working_day(date.fromisoformat(day))


def test_on_a_sunday_the_day_of_the_king_is_the_day_before():
    assert USUAL.is_holiday(date(2025, 4, 26))
    assert not USUAL.is_holiday(date(2025, 4, 27))
    assert USUAL.is_holiday(date(2031, 4, 26))


def test_good_friday_and_liberation_day_are_a_choice():
    good_friday, liberation = date(2026, 4, 3), [date(year, 5, 5) for year in (2023, 2025, 2026)]
    assert [Calendar(good_friday=free).is_holiday(good_friday) for free in (False, True)] == [False, True]
    found = {
        name: [Calendar(liberation_day=name).is_holiday(day) for day in liberation]
        for name in ("never", "lustrum", "yearly")
    }
    assert found == {"never": [False] * 3, "lustrum": [False, True, False], "yearly": [True] * 3}


def test_ascension_on_the_fifth_of_may_is_free_whoever_celebrates_liberation():
    assert Calendar(liberation_day="never").is_holiday(date(2016, 5, 5))


def test_christmas_and_a_weekend_take_no_part_in_a_deadline():
    wednesday = date(2026, 12, 23)
    assert USUAL.later(wednesday, 0) == wednesday
    assert USUAL.later(wednesday, 1) == date(2026, 12, 24)
    assert USUAL.later(wednesday, 2) == date(2026, 12, 28)
    assert USUAL.later(date(2026, 12, 31), 1) == date(2027, 1, 4)


@given(DAYS, st.integers(0, 40), st.builds(Calendar, st.booleans(), st.sampled_from(["never", "lustrum", "yearly"])))
def test_so_many_working_days_lie_between(start, days, calendar):
    end = calendar.later(start, days)
    passed = [start + timedelta(days=ahead) for ahead in range(1, (end - start).days + 1)]
    assert sum(calendar.is_working_day(day) for day in passed) == days
    assert end == start or calendar.is_working_day(end)


@pytest.mark.parametrize("year", [1970, 2000, 2024, 2038, 2076])
def test_easter_is_a_sunday_in_spring(year):
    day = easter_sunday(year)
    assert day.isoweekday() == 7
    assert date(year, 3, 22) <= day <= date(year, 4, 25)


def test_a_year_before_the_holidays_are_known_is_refused():
    with pytest.raises(LookupError, match="1900"):
        easter_sunday(1900)


def test_the_list_says_what_the_library_says():
    # Some years of each age: all of them take the library a while, and `make holidays` writes them in one go.
    lines = LIST.read_text().splitlines()
    assert {line[:4] for line in lines} == {str(year) for year in YEARS}
    assert lines == list(listed())
