"""Masking free text before others read it, with the names of organisations left readable."""

from collections.abc import Iterable

from sqlalchemy import select

from signaltable.models import Agency
from signaltable.text import Span, mask, scan
from signaltable.transaction import Transaction


def found_in(tx: Transaction, text: str, typed: Iterable[str] = ()) -> tuple[Span, ...]:
    """What in `text` can tell who it is about; `typed` are values that must not stay readable in any spelling."""
    organisations = [*tx.program.policy.identifiers.text.organisations, *tx.session.scalars(select(Agency.title))]
    return scan(text, typed, organisations=organisations)


def masked(tx: Transaction, text: str, typed: Iterable[str] = ()) -> str:
    """`text` as others may read it."""
    return mask(text, found_in(tx, text, typed))
