"""Pieces of a text, and the words of it: what every part of the scan hands on."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from signaltable.names import fold, plain

# What stands in the table's copy instead. The order is the order of preference where finds overlap.
TOKENS: Final = {
    "bsn": "[bsn]",
    "email": "[e-mail]",
    "profile": "[profiel]",
    "iban": "[rekening]",
    "phone": "[telefoon]",
    "kvk": "[kvk-nummer]",
    "document": "[document]",
    "plate": "[kenteken]",
    "address": "[adres]",
    "date": "[datum]",
    "company": "[bedrijf]",
    "name": "[naam]",
    "combination": "[kenmerken]",
    "protected": "[weggelaten]",
}
_PREFERENCE: Final = {kind: place for place, kind in enumerate(TOKENS)}


# Both are tuples: a text has so many of them that making them counts.
class Span(NamedTuple):
    """A piece of a text, from `start` up to but not including `end`, and what it tells: a key of TOKENS."""

    start: int
    end: int
    kind: str


class Word(NamedTuple):
    """A word of the text: where it stands, as written, folded, in the form in which names are compared, and its capitals."""

    start: int
    end: int
    written: str
    folded: str
    compared: str
    # A capital in front and none further on; WhatsApp and VvE are no names.
    is_capitalised: bool
    is_upper: bool


def merged(found: Iterable[Span]) -> tuple[Span, ...]:
    """Overlapping finds, in any order, become one, so that no part of either stays readable."""
    merged: list[Span] = []
    for span in sorted(found):
        last = merged[-1] if merged else None
        if last and span.start < last.end:
            kind = min(last.kind, span.kind, key=_PREFERENCE.__getitem__)
            merged[-1] = Span(last.start, max(last.end, span.end), kind)
        else:
            merged.append(span)
    return tuple(merged)


# What is found by its digits is looked for where there are some.
HAS_DIGIT: Final = re.compile(r"\d")
_WORD: Final = re.compile(r"[^\W_]+")


def words_in(text: str) -> list[Word]:
    return [Word(found.start(), found.end(), *_forms(found[0])) for found in _WORD.finditer(text)]


@lru_cache(maxsize=8192)
def _forms(word: str) -> tuple[str, str, str, bool, bool]:
    """What a word is, wherever it stands: texts share most of their words."""
    rest = word.removeprefix("Mc")[1:]
    is_capitalised = bool(rest) and word[0].isupper() and not any(sign.isupper() for sign in rest)
    return word, fold(word), plain(word), is_capitalised, word.isupper()


_SENTENCE_END: Final = re.compile(r"[.!?:;\n\r\"“”•*–]\s*$|^\s*[-–•*]?\s*$|[\n\r]\s*[-–•*\d.)]{0,4}\s*$")


def starts_sentence(text: str, word: Word) -> bool:
    return bool(_SENTENCE_END.search(text[max(0, word.start - 12) : word.start]))
