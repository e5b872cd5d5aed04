"""What a job is: its name, when it has a turn, and the work."""

from collections.abc import Callable
from dataclasses import dataclass

from signaltable.job_times import schedule_of
from signaltable.policy import PolicySet
from signaltable.slots import Schedule
from signaltable.transaction import Program


@dataclass(frozen=True, slots=True)
class Job:
    """What runs, how often (minutes), and what the log says of a run.

    How often stands in signaltable/job_times.py.

    A run that did something, or failed, leaves a job:run, unless it `tells_itself` what it did; runs without a result
    are counted in the next one, at least once a day, or each is told with `always_recorded`.
    """

    name: str
    minutes: int
    work: Callable[[Program], str]
    always_recorded: bool = False
    tells_itself: bool = False

    def schedule(self, policy: PolicySet) -> Schedule:
        """When it has its turns."""
        return schedule_of(self.name, self.minutes, policy.daily)
