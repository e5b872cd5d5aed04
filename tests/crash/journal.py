"""What somebody sent and what came of it: a line on disk for each, before and after; a journal survives whoever wrote it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

# What an act came to, as who did it knows it.
SENT = "sent"  # Nothing came back (yet).
DONE = "done"  # It was acknowledged.
NOTHING = "nothing"  # The program says that nothing was stored.
UNSURE = "unsure"  # The program says that it does not know.
REFUSED = "refused"  # The program says that this cannot be done (again).
WRONG = "wrong"  # An answer that nobody should get.


@dataclass(frozen=True, slots=True)
class Line:
    """An act: `kind` with the thing that it is about, what came of it, and what was said of it."""

    kind: str
    about: str
    came_to: str
    said: str = ""


class Journal:
    """The journal of one person."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, kind: str, about: str, came_to: str, said: str = "") -> None:
        """Write a line; it is on disk when this returns."""
        line = Line(kind, about, came_to, said)
        os.write(self._file, json.dumps(asdict(line)).encode() + b"\n")
        os.fsync(self._file)


def read(folder: Path) -> list[Line]:
    """All journals of a folder; of each, a line that was not finished is none."""
    lines = []
    for path in sorted(folder.glob("*.journal")):
        whole = path.read_text().rpartition("\n")[0]
        lines += [Line(**json.loads(one)) for one in whole.splitlines()]
    return lines
