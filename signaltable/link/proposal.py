"""What the linking step says of two subjects."""

from dataclasses import dataclass
from typing import Literal

from signaltable.pseudonymise import Tag

Outcome = Literal["match", "possible", "none"]
Likeness = Literal["same", "near", "different", "missing"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two subjects: its tags, and its sketch when it has one (b"" when not)."""

    tags: tuple[Tag, ...]
    sketch: bytes = b""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was found. `compared`: pairs of a thing and its likeness, in the order of linking.toml."""

    outcome: Outcome
    score: int
    compared: tuple[tuple[str, Likeness], ...]
