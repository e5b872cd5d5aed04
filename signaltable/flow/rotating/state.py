"""How far the replacing of a key is, and what each kind of key asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy.orm import Session

from signaltable.keys import KeyProvider
from signaltable.models import KeyRotation
from signaltable.transaction import Transaction

# What can be asked for; "log" has a command of its own (`audit rotate-key`).
PURPOSES: Final = ("match", "recipient", "session", "draft", "data", "agency")

# Running: there is work to do. Waiting: until what was made with the old version has passed. Stopped: somebody has to
# look at something first. Finished: the old version is gone, or was kept on purpose.
RUNNING: Final = "running"
WAITING: Final = "waiting"
STOPPED: Final = "stopped"
FINISHED: Final = "finished"
OPEN: Final = (RUNNING, WAITING, STOPPED)

# The stages that every kind has around its own.
KEY: Final = "key"
SETTLE: Final = "settle"
VERIFY: Final = "verify"
CLEAN: Final = "clean"
DESTROY: Final = "destroy"


@dataclass(frozen=True, slots=True)
class Progress:
    """The replacing of one key as people see it. `done` and `of` count rows; versions are 0 for data keys."""

    id: str
    purpose: str
    agency: str
    state: str
    stage: str
    done: int
    of: int
    from_version: int
    to_version: int
    kept_old: bool = False

    @property
    def percent(self) -> int:
        """How much is done."""
        return 100 if self.state == FINISHED else min(99, 100 * self.done // max(1, self.of))

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do now: it ended, waits for time to pass, or for a person."""
        return self.state != RUNNING

    def as_json(self) -> dict[str, object]:
        """The same for machines."""
        return {
            "id": self.id,
            "purpose": self.purpose,
            "agency": self.agency,
            "state": self.state,
            "stage": self.stage,
            "done": self.done,
            "of": self.of,
            "from_version": self.from_version,
            "to_version": self.to_version,
            "kept_old": self.kept_old,
        }


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit did: how many rows, and behind which key the next one goes on ("" at the end of a stage)."""

    count: int
    cursor: str = ""


class Kind(Protocol):
    """What a kind of key asks for. Stages are worked through in order, each in batches of one commit."""

    def stages(self) -> Sequence[str]:
        """The names of its own stages."""

    def count(self, session: Session, row: KeyRotation) -> int:
        """How many rows there are to do, as well as can be said before."""

    def batch(self, tx: Transaction, row: KeyRotation) -> Batch:
        """Do the next rows of `row.stage` behind `row.cursor`."""

    def left(self, keys: KeyProvider, session: Session, row: KeyRotation) -> int:
        """How many rows hang on the old version still; only with none of them it is destroyed."""

    def may_end(self, tx: Transaction, row: KeyRotation) -> bool:
        """Whether time has passed that the old version had to wait for."""


def ring_name(row: KeyRotation) -> tuple[str, str]:
    """Purpose and agency of the key in the ring."""
    return row.purpose, row.agency_id or ""


def fingerprint(keys: KeyProvider, row: KeyRotation, version: int) -> str:
    """By what people know a version; empty for data keys, of which there is one for each subject."""
    purpose, agency = ring_name(row)
    held = () if purpose == "data" else keys.versions(purpose, agency)
    return next((one.fingerprint for one in held if one.version == version), "")


def progress_of(row: KeyRotation) -> Progress:
    """What may be shown of a row."""
    return Progress(
        row.id,
        row.purpose,
        row.agency_id or "",
        row.state,
        row.stage,
        row.done,
        row.of,
        row.from_version,
        row.to_version,
        row.keep_old,
    )


def said(keys: KeyProvider, row: KeyRotation, **more: object) -> dict[str, object]:
    """The details of an entry about it."""
    told: Mapping[str, object] = {
        "purpose": row.purpose,
        "agency": row.agency_id or "",
        "key_version": row.to_version,
        "key_fingerprint": fingerprint(keys, row, row.to_version),
    }
    return {name: value for name, value in told.items() if value} | more
