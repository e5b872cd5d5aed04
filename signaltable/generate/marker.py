"""What stands in a generated home beside the database: how it was made, and whether that came to its end."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from signaltable.domain import SignaltableError

FILE: Final = "generated.json"


class UnusableMarker(SignaltableError):
    """A file that says something else than how a home was generated."""


@dataclass(frozen=True, slots=True)
class Generated:
    """How many signals were asked for, with what; `done` when all of them are there."""

    signals: int
    seed: int
    agencies: int
    months: int
    until: str
    done: bool = False


def read(home: Path) -> Generated | None:
    """How a home was generated; None when it was not. Raises UnusableMarker."""
    path = home / FILE
    if not path.exists():
        return None
    try:
        return Generated(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise UnusableMarker(f"{FILE}: expected what `signaltable generate` writes") from None


def write(home: Path, generated: Generated) -> None:
    """Say it, whole or not at all."""
    partly = home / f"{FILE}.part"
    partly.write_text(json.dumps(asdict(generated)) + "\n", encoding="utf-8")
    partly.replace(home / FILE)
