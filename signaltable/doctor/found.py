"""What the doctor says of one thing: how it is, and what to do when it is not well."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """From well to ill."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


ORDER = tuple(Status)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `do` is what to do, "" when all is well."""

    name: str
    status: Status
    message: str
    do: str = ""

    def as_json(self) -> dict[str, str]:
        """For `signaltable doctor --json`."""
        return {"name": self.name, "status": self.status.value, "message": self.message, "do": self.do}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was looked at."""

    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """That of the worst."""
        return max((one.status for one in self.checks), key=ORDER.index, default=Status.OK)

    def as_json(self) -> dict[str, Any]:
        """For `signaltable doctor --json`."""
        return {"status": self.status.value, "checks": [one.as_json() for one in self.checks]}


def well(name: str, message: str) -> Check:
    """Nothing to do."""
    return Check(name, Status.OK, message)


def warn(name: str, message: str, do: str) -> Check:
    """It works, and somebody should look at it."""
    return Check(name, Status.WARNING, message, do)


def ill(name: str, message: str, do: str) -> Check:
    """It does not work, or something may be lost."""
    return Check(name, Status.ERROR, message, do)


def unseen(name: str, because: str) -> Check:
    """It could not be looked at, because something else is wrong."""
    return Check(name, Status.WARNING, f"not looked at: {because}", "put that right first")


def worst(name: str, checks: list[Check]) -> Check:
    """Several findings about one thing as one: the worst counts, and the first of those tells; all else is fine."""
    return max(checks, key=lambda one: ORDER.index(one.status)) if checks else well(name, "nothing wrong was found")
