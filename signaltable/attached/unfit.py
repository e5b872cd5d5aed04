"""Why a file cannot go along. The cause is a code: pages have words for each, and no message holds a name or content."""

from typing import Final

from signaltable.domain import SignaltableError

CAUSES: Final = frozenset(
    "empty too_large kind polyglot executable active macros encrypted archive old_office mail bomb picture_size broken inside "
    "external bsn virus too_many total not_looked".split()
)


class Unfit(SignaltableError):
    """A file that cannot go along, with the cause (one of CAUSES) and, where it was found out, the kind of file."""

    def __init__(self, cause: str, kind: str = "") -> None:
        assert cause in CAUSES
        self.cause = cause
        self.kind = kind
        super().__init__(f"the file was refused: {cause}")
