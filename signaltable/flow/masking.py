"""What people type for others to read: checked, and masked with the names of organisations left readable."""

import hashlib
from collections.abc import Iterable

from sqlalchemy import select

from signaltable.domain import UnusableInput
from signaltable.models import Agency
from signaltable.text import Span, contains_bsn, mask, scan
from signaltable.transaction import Transaction

# What is wrong with a text; pages have words for each.
NO_TEXT = "expected a text"
HAS_BSN = "expected a text without a citizen service number (BSN)"
TOO_LONG = "expected a shorter text"


def found_in(tx: Transaction, text: str, typed: Iterable[str] = ()) -> tuple[Span, ...]:
    """What in `text` can tell who it is about; `typed` are values that must not stay readable in any spelling."""
    organisations = [*tx.program.policy.identifiers.text.organisations, *tx.session.scalars(select(Agency.title))]
    return scan(text, typed, organisations=organisations)


def masked(tx: Transaction, text: str, typed: Iterable[str] = ()) -> str:
    """`text` as others may read it."""
    return mask(text, found_in(tx, text, typed))


def for_others(
    tx: Transaction, text: str, place: str, *, limit: int, required: bool = False, typed: Iterable[str] = ()
) -> str:
    """A text that a person typed at `place` of a form, masked; no more of it is ever stored.

    Raises `UnusableInput` at `place` for a BSN, for nothing where something is required, and when it is too long.
    """
    stripped = text.strip()
    if required and not stripped:
        raise UnusableInput({place: NO_TEXT})
    if len(stripped) > limit:  # Before looking for names, which takes time in proportion to the text.
        raise UnusableInput({place: TOO_LONG})
    if contains_bsn(stripped):
        raise UnusableInput({place: HAS_BSN})
    words = masked(tx, stripped, typed)
    if len(words) > limit:
        raise UnusableInput({place: TOO_LONG})
    return words


def text_hash(text: str) -> str:
    """What the log keeps of a text: that it was this one, not what it says."""
    return hashlib.sha256(text.encode()).hexdigest()
