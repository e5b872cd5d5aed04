"""At which hour the daily jobs run: policies/jobs.toml, with what the region says on top."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Final

from signaltable.opening import Begin
from signaltable.policy_errors import Finding
from signaltable.shape import Many, Name, Shape

FILE: Final = "jobs.toml"
# For a set of rules that was kept before there was such a file; nothing runs by it.
USUAL: Final = time(3, 10)
# The jobs that run once a day (signaltable/job_times.py); a test compares the two.
DAILY_JOBS: Final = frozenset({"figures", "retention", "witnesses", "fsck"})


class DailyJob(Shape):
    """A job with an hour of its own."""

    id: Name
    at: Begin


class JobsFile(Shape):
    """jobs.toml."""

    at: Begin
    job: Many[DailyJob] = ()


@dataclass(frozen=True, slots=True)
class DailyTimes:
    """At which hour each daily job runs, in Dutch time."""

    usual: time = USUAL
    own: Mapping[str, time] = field(default_factory=dict)

    def time_of(self, job: str) -> time:
        """The hour of a job: its own, or the usual one."""
        return self.own.get(job, self.usual)


def times_of(file: JobsFile | None, regional: Mapping[str, str]) -> DailyTimes:
    """The hours that count: those of the region in place of the national ones."""
    if file is None:
        return DailyTimes()
    said = {one.id: one.at for one in file.job} | dict(regional)
    return DailyTimes(time.fromisoformat(file.at), {name: time.fromisoformat(at) for name, at in said.items()})


def check_daily(file: JobsFile | None, regional: Mapping[str, str]) -> Iterator[Finding]:
    """Hours of jobs that are not there, and of a region that change nothing; an old set of rules has no such file."""
    if file is None:
        return
    yield from _known(FILE, "job", (one.id for one in file.job))
    yield from _known("region.toml", "daily", regional)
    national = times_of(file, {})
    for name, at in regional.items():
        if name in DAILY_JOBS and national.time_of(name) == time.fromisoformat(at):
            yield Finding(
                "region.toml", f"daily.{name}", f"expected another hour than {FILE} says: this changes nothing"
            )


def _known(file: str, key: str, names: Iterable[str]) -> Iterator[Finding]:
    for name in names:
        if name not in DAILY_JOBS:
            known = ", ".join(sorted(DAILY_JOBS))
            yield Finding(file, f"{key}.{name}", f"expected a job that runs once a day ({known}), found {name}")
