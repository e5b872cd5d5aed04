"""Whether a text tells where somebody is sheltered: words of policies/shelters.toml, and what makes them tell a place.

It says yes or no and never which word, so that a warning cannot be used to find a shelter.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from signaltable.names import in_small_letters
from signaltable.shape import Line, Shape, Some, Words

FILE: Final = "shelters.toml"
# So many signs around a general word are looked at for something that makes it a place.
NEAR: Final = 80
# A street with a number, or a postcode.
_BETWEEN_PARTS: Final = re.compile(r"[\s-]+")
_PLACE: Final = re.compile(r"\b[1-9]\d{3} ?[A-Za-z]{2}\b|\b[A-ZÀ-Ý][\w'’-]{2,40} \d{1,4}\b")


class SheltersFile(Shape):
    """shelters.toml."""

    general: Some[Line]
    always: Some[Line]
    near: Some[Line]
    title: Words
    advice: Words


def names_shelter(text: str, words: SheltersFile) -> bool:
    """Whether the text seems to tell where somebody is sheltered. Takes time in proportion to the text."""
    small = in_small_letters(text)
    if _may_hold(small, words.always) and _pattern(words.always).search(text):
        return True
    near = _pattern(words.near)
    for found in _pattern(words.general).finditer(text) if _may_hold(small, words.general) else ():
        around = text[max(0, found.start() - NEAR) : found.end() + NEAR]
        if near.search(around) or _PLACE.search(around):
            return True
    return False


@lru_cache(maxsize=16)
def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(_one(word) for word in words), re.IGNORECASE)


def _may_hold(small: str, words: tuple[str, ...]) -> bool:
    """Whether a text in small letters can hold one of the words: it has the first part of one. Far cheaper than looking."""
    return any(first in small for first in _firsts(words))


@lru_cache(maxsize=16)
def _firsts(words: tuple[str, ...]) -> tuple[str, ...]:
    firsts = (_BETWEEN_PARTS.split(word.rstrip("*"))[0] for word in words)
    # Letters beyond ASCII have small forms of their own; a word that begins with them is always looked for.
    return tuple(dict.fromkeys(first.lower() if first.isascii() else "" for first in firsts))


def _one(word: str) -> str:
    body = r"[\s-]{1,3}".join(re.escape(part) for part in _BETWEEN_PARTS.split(word.rstrip("*")))
    return rf"(?<!\w){body}" + (r"\w{0,20}" if word.endswith("*") else r"(?!\w)")
