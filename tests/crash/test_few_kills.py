"""A few kills of real processes with people at work; `make crash` does a thousand, and breaks everything around them."""

import random

from tests.crash import journal
from tests.crash.homes import Home, copy
from tests.crash.scene import scene


def test_a_few_kills_lose_and_double_nothing(region_of_today, tmp_path):
    chance = random.Random(20261122)
    home = copy(Home(region_of_today, {}, [], []), tmp_path / "home")
    with scene(home, tmp_path / "scene", chance) as now:
        now.begin(people=1)
        for kind in ("jobs", "worker"):
            now.wait_for_acts(2)
            assert now.kill_something((kind,), (1,)) == kind
        now.wait_for_acts(2)
        now.end()
        assert now.findings() == []
        lines = journal.read(now.journals)
    assert "session" in {line.kind for line in lines if line.came_to == journal.DONE}
