"""What a job is: its name, when it has a turn, and the work."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from signaltable.transaction import Program

DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Job:
    """What runs, how often (minutes), and what the log says of a run.

    A run that did something, or failed, leaves a job:run, unless it `tells_itself` what it did; runs without a result
    are counted in the next one, at least once a day, or each is told with `always_recorded`.
    """

    name: str
    minutes: int
    work: Callable[[Program], str]
    always_recorded: bool = False
    tells_itself: bool = False

    def slot(self, now: datetime) -> str:
        """The turn that `now` belongs to; the same for every process."""
        start = int(now.timestamp()) // (self.minutes * 60) * self.minutes * 60
        return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M")
