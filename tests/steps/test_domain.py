"""Days and states, before anything is stored."""

from datetime import UTC, date, datetime

import pytest

from signaltable.domain import ENDED, MOVES, State, day_of, may_follow


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 3, 22, 59, tzinfo=UTC), date(2026, 11, 3)),
        (datetime(2026, 11, 3, 23, 0, tzinfo=UTC), date(2026, 11, 4)),
        (datetime(2026, 7, 3, 22, 0, tzinfo=UTC), date(2026, 7, 4)),
    ],
)
def test_a_day_begins_when_it_begins_in_the_netherlands(moment, day):
    assert day_of(moment) == day


@pytest.mark.parametrize("state", ENDED)
def test_nothing_follows_an_end(state):
    assert not any(may_follow(state, then) for then in State)


def test_every_state_of_a_submitted_signal_has_its_moves():
    assert set(MOVES) == set(State) - {State.DRAFT}
