"""Deadlines per destination, working days and hours: what the national files say, what a region changes, what is refused."""

import shutil
import tomllib
from datetime import date, datetime, time
from pathlib import Path

import pytest
from pydantic import ValidationError

from signaltable import deadlines
from signaltable.daily import JobsFile, check_daily
from signaltable.deadline_rules import DeadlinesFile, check_deadlines
from signaltable.domain import ZONE
from signaltable.opening import open_at
from signaltable.policy import PolicySet, load
from signaltable.policy_errors import BrokenPolicy
from signaltable.policy_shapes import RegionFile
from signaltable.settings import CHECKOUT

FRIDAY = date(2026, 4, 24)
WEDNESDAY = date(2026, 12, 23)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CHECKOUT / "policies", tmp_path / "policies"))


@pytest.fixture(scope="module")
def shipped() -> PolicySet:
    return load(CHECKOUT / "policies")


def add(folder: Path, file: str, text: str) -> None:
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8") + "\n" + text, encoding="utf-8")


def test_a_destination_can_have_a_period_of_its_own(shipped: PolicySet) -> None:
    # After Friday come a weekend and the day of the king
    found = {
        name: deadlines.due(shipped, "referral-acceptance", name, FRIDAY) for name in ("avim", "veilig-thuis", "raad")
    }
    assert found == {"avim": date(2026, 5, 4), "veilig-thuis": date(2026, 4, 25), "raad": date(2026, 4, 29)}
    assert deadlines.feedback_due(shipped, "avim", FRIDAY) == date(2026, 6, 5)
    assert deadlines.feedback_due(shipped, "gemeente", FRIDAY) == date(2026, 5, 22)


def test_what_the_route_asks_counts_when_it_is_sooner(shipped: PolicySet) -> None:
    assert deadlines.acceptance_due(shipped, "same-day", "avim", WEDNESDAY) == WEDNESDAY
    assert deadlines.acceptance_due(shipped, "one-working-day", "avim", WEDNESDAY) == date(2026, 12, 24)
    assert deadlines.acceptance_due(shipped, "five-working-days", "avim", WEDNESDAY) == date(2026, 12, 31)
    assert deadlines.acceptance_due(shipped, "five-working-days", "veilig-thuis", WEDNESDAY) == date(2026, 12, 24)


def test_a_region_changes_periods_for_all_or_for_one(folder: Path) -> None:
    add(
        folder,
        "region.toml",
        "[deadline.referral-acceptance]\ndays = 2\n"
        '[[deadline.referral-acceptance.destination]]\nid = "riec"\ndays = 10\nworking_days = false\n',
    )
    policy = load(folder)
    found = {one: deadlines.due(policy, "referral-acceptance", one, WEDNESDAY).day for one in ("avim", "riec", "raad")}
    assert found == {"avim": 28, "riec": 2, "raad": 28}


def test_a_region_chooses_what_is_worked(folder: Path, shipped: PolicySet) -> None:
    add(folder, "region.toml", '[working_days]\ngood_friday = true\nliberation_day = "yearly"\n')
    policy = load(folder)
    thursday, monday = date(2026, 4, 2), date(2026, 5, 4)
    due = [one.deadlines["enrich-answer"].due(start) for one in (policy, shipped) for start in (thursday, monday)]
    assert due == [date(2026, 4, 13), date(2026, 5, 12), date(2026, 4, 10), date(2026, 5, 11)]
    assert policy.urgencies["one-working-day"].due(monday) == date(2026, 5, 6)


def test_daily_jobs_have_their_hour_and_a_region_another(folder: Path) -> None:
    add(folder, "region.toml", '[daily]\nretention = "01:30"\n')
    times = load(folder).daily
    assert [times.time_of(name) for name in ("retention", "fsck", "anything")] == [
        time(1, 30),
        time(4, 10),
        time(3, 10),
    ]


def test_hours_of_the_region_count_and_in_words_alone_they_say_nothing(folder: Path, shipped: PolicySet) -> None:
    def is_open(policy: PolicySet, name: str) -> bool:
        return open_at(policy.destinations[name].open, datetime(2026, 11, 22, 12, tzinfo=ZONE), policy.calendar).is_open

    found = [is_open(shipped, name) for name in ("essm", "comensha", "veilig-thuis", "police-112")]
    assert found == [True, False, True, True]
    add(folder, "region.toml", '[hours.comensha]\nnl = "ook zondag"\nen = "also on Sunday"\n')
    assert load(folder).destinations["comensha"].open == ()
    add(folder, "region.toml", '[[open.comensha]]\ndays = [7]\nfrom = "10:00"\nuntil = "14:00"\nholidays = false\n')
    assert is_open(load(folder), "comensha")


DEADLINES, JOBS = "deadlines.toml", "jobs.toml"
ACCEPTANCE = "deadline.referral-acceptance.destination"
WRONG = {
    "a destination that is not there": (DEADLINES, ('id = "raad", days', 'id = "raadd", days'), "", ACCEPTANCE),
    "a destination twice": (DEADLINES, ('id = "raad", days', 'id = "nidos", days'), "", f"{ACCEPTANCE}.nidos"),
    "no working days": (
        DEADLINES,
        ('[working_days]\ngood_friday = false\nliberation_day = "lustrum"\n', ""),
        "",
        "working_days",
    ),
    "a deadline that is not there": ("region.toml", (), "[deadline.nothing]\ndays = 3", "deadline.nothing"),
    "not for a region": ("region.toml", (), "[deadline.inform-postponement]\ndays = 3", "deadline.inform-postponement"),
    "the same days": ("region.toml", (), "[deadline.feedback]\ndays = 28", "deadline.feedback"),
    "the same days off": (
        "region.toml",
        (),
        '[working_days]\ngood_friday = false\nliberation_day = "lustrum"',
        "working_days",
    ),
    "a job that is not daily": (JOBS, ('id = "fsck"', 'id = "outbox"'), "", "job.outbox"),
    "a job that is not there": ("region.toml", (), '[daily]\nnothing = "04:00"', "daily.nothing"),
    "the same hour": ("region.toml", (), '[daily]\nfsck = "04:10"', "daily.fsck"),
}
SHAPELESS = {
    "no days": (DEADLINES, ('id = "raad", days = 2', 'id = "raad", days = 0'), ""),
    "another liberation": (DEADLINES, ('"lustrum"', '"sometimes"'), ""),
    "no hour": (JOBS, ('at = "04:10"', 'at = "24:10"'), ""),
    "a region that says nothing": ("region.toml", (), "[deadline.feedback]"),
    "no time of a clock": (
        "region.toml",
        (),
        '[[open.riec]]\ndays = [1]\nfrom = "10:00"\nuntil = "25:00"\nholidays = false',
    ),
}
REGION = '[region]\nid = "proef"\nname = { nl = "Proef", en = "Trial" }\n'


def read(file: str, change: tuple[str, str] | tuple[()], regional: str) -> tuple[DeadlinesFile, JobsFile, RegionFile]:
    """The shipped files with one change, and a region that says this."""
    texts = {name: (CHECKOUT / "policies" / name).read_text(encoding="utf-8") for name in (DEADLINES, JOBS)}
    if change:
        assert change[0] in texts[file]
        texts[file] = texts[file].replace(*change, 1)
    return (
        DeadlinesFile.model_validate(tomllib.loads(texts[DEADLINES])),
        JobsFile.model_validate(tomllib.loads(texts[JOBS])),
        RegionFile.model_validate(tomllib.loads(REGION + regional)),
    )


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_count_is_found_with_file_and_key(shipped: PolicySet, name: str) -> None:
    file, change, regional, key = WRONG[name]
    periods, hours, region = read(file, change, regional)
    found = [
        *check_deadlines(
            periods, region.deadline, region.working_days, shipped.destinations, kinds=shipped.agency_kinds
        ),
        *check_daily(hours, region.daily),
    ]
    assert [(one.file, one.key) for one in found] == [(file, key)]


@pytest.mark.parametrize("name", SHAPELESS)
def test_what_has_another_shape_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        read(*SHAPELESS[name])


def test_all_of_it_is_checked_at_start(folder: Path) -> None:
    add(folder, "region.toml", '[daily]\nnothing = "04:00"\n[deadline.nothing]\ndays = 3\n[[open.nobody]]\ndays = [1]')
    add(folder, "region.toml", 'from = "10:00"\nuntil = "14:00"\nholidays = false\n')
    with pytest.raises(BrokenPolicy) as broken:
        load(folder)
    assert [(one.file, one.key) for one in broken.value.findings] == [
        ("region.toml", key) for key in ("daily.nothing", "deadline.nothing", "open.nobody")
    ]
