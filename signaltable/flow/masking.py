"""What people type for others to read: checked, and masked with the names of organisations left readable."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from signaltable.db import table_of
from signaltable.domain import UnusableInput
from signaltable.models import Agency
from signaltable.policy import PolicySet
from signaltable.prepared import Prepared
from signaltable.settings import Settings
from signaltable.text import Looked, Span, contains_bsn, look, mask, merged, scan, without_organisations
from signaltable.text_categories import CategorySpan, categories_in, masked_among, to_mask
from signaltable.text_reader import client
from signaltable.transaction import Transaction

# What is wrong with a text; pages have words for each.
NO_TEXT = "expected a text"
HAS_BSN = "expected a text without a citizen service number (BSN)"
TOO_LONG = "expected a shorter text"


@dataclass(frozen=True, slots=True)
class Reading:
    """What others may not read of a text; `complete` when everything that should read it did, the text reader too."""

    spans: tuple[Span, ...]
    complete: bool


def found_in(tx: Transaction, text: str, typed: Iterable[str] = ()) -> tuple[Span, ...]:
    """What in `text` others may not read: who it is about, and words of kinds that no ground lets through.

    `typed` are values that must not stay readable in any spelling.
    """
    return read(tx, text, typed).spans


def read(
    tx: Transaction,
    given: str | Looked,
    typed: Iterable[str] = (),
    *,
    readable: Sequence[str] | None = None,
    protected: Iterable[Span] | None = None,
) -> Reading:
    """The same, and whether it is all: not when the text reader should have read the text and is away.

    `readable` is what `organisations_of` gives, for whoever reads several texts; `protected` what `protected_in` found.
    """
    looked = look(given) if isinstance(given, str) else given
    text, organisations = looked.text, organisations_of(tx) if readable is None else readable
    kept = protected_in(text, tx.program.policy) if protected is None else protected
    own = [*scan(looked, typed, organisations=organisations), *kept]
    if not text.strip() or not reader_is_wanted(tx.program.settings):
        return Reading(merged(own), complete=True)
    heavy = client.read(tx.program.settings.home, text)
    return Reading(merged([*own, *without_organisations(text, heavy or (), organisations)]), complete=heavy is not None)


def organisations_of(tx: Transaction) -> tuple[str, ...]:
    """The names that stay readable: those of the rules, and of every agency here."""
    return (*tx.program.policy.identifiers.text.organisations, *(row[0] for row in tx.rows(_TITLES, {})))


_TITLES = Prepared(select(table_of(Agency).c.title))


def reader_is_wanted(settings: Settings) -> bool:
    """Whether a text of this home is complete only when the text reader read it."""
    return settings.text_reader == "on" or (settings.text_reader == "auto" and client.is_there(settings.home))


def protected_in(text: str, policy: PolicySet) -> tuple[Span, ...]:
    """The words of kinds that are masked for everybody (policies/text_categories.toml), without overlap."""
    return merged(Span(found.start, found.end, "protected") for found in to_mask(text, policy.text_categories))


def protected_among(told: Mapping[str, Sequence[CategorySpan]], policy: PolicySet) -> tuple[Span, ...]:
    """The same, out of what `categories_in` found in a text."""
    return merged(Span(found.start, found.end, "protected") for found in masked_among(told, policy.text_categories))


def without_protected(text: str, policy: PolicySet) -> str:
    """`text` without the words that are masked for everybody today, for what was stored before they were."""
    return mask(text, protected_in(text, policy))


def kinds_in(text: str, policy: PolicySet) -> frozenset[str]:
    """The kinds of data that words of a text tell (policies/text_categories.toml)."""
    return frozenset(categories_in(text, policy.text_categories))


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
