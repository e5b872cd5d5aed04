"""Which jobs there are and how often each has a turn, for pages that tell of them without loading their work.

signaltable/jobs/work.py says what each one does; it makes its table out of this one.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from signaltable.daily import DailyTimes
from signaltable.slots import Daily, Every, Schedule

DAY: Final = 24 * 60
CHECKPOINT: Final = "checkpoint"
CHECKING: Final = "fsck"

# Name -> minutes, in the order in which they run when several are due. One that runs every `DAY` has its turn once a day in
# the Netherlands, at the hour of policies/jobs.toml. How often the log is signed is a setting and not a rule.
MINUTES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "figures": DAY,  # Before erasing: what happened on a day is counted first.
        "retention": DAY,
        "overdue": 60,
        "stuck": 60,
        "retention-warning": 60,
        "witnesses": DAY,
        "outbox": 1,
        "bounces": 5,
        "sessions": 15,
        "check-texts": 1,
        "identities": 1,
        "search-index": 5,
        "exclusions": 15,
        "rights": 1,
        "rights-review": 60,
        CHECKING: DAY,
    }
)


def minutes_of(checkpoint_minutes: int) -> Mapping[str, int]:
    """Every job with its minutes, where the log is signed every `checkpoint_minutes`."""
    return {CHECKPOINT: checkpoint_minutes, **MINUTES}


def schedule_of(name: str, minutes: int, daily: DailyTimes) -> Schedule:
    """When a job has its turns."""
    return Daily(daily.time_of(name)) if minutes == DAY else Every(minutes)


def schedules(checkpoint_minutes: int, daily: DailyTimes) -> dict[str, Schedule]:
    """When each job has its turns, in the order of the table."""
    return {name: schedule_of(name, minutes, daily) for name, minutes in minutes_of(checkpoint_minutes).items()}
