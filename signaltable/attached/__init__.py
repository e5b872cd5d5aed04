"""Files that go along with a signal: what kind they are by their content, cleaned, and the text in them. Pure."""

from dataclasses import dataclass, field
from typing import Final

# Whether the words in a file were read: all of them, not all (a scan, a font that does not say its letters), or none.
READ: Final = "read"
PARTLY: Final = "partly"
PICTURE: Final = "picture"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file as it may be kept: its kind, its bytes, the text in it, and whether all of that text was read."""

    kind: str
    data: bytes = field(repr=False)
    text: str = field(repr=False)
    text_state: str
