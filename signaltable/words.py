"""From a text to the words by which it can be found: Dutch and English, without case, marks, endings and words that say nothing.

A light way of taking endings off, in the order in which Dutch spelling asks for it: brieven and brief, mannen and man, slaapt
and slapen come to the same. Two words that come to the same by accident (maan, man) are found together, which is no harm:
who searches reads what was found. Pure.
"""

import re
from typing import Final

from signaltable.names import as_read, fold
from signaltable.text import TOKENS

# Longer than any Dutch word that somebody writes; what is longer is cut, on both sides alike.
LONGEST: Final = 32
_SHORTEST_TO_CUT: Final = 4
_WORD: Final = re.compile(r"[^\W_]+")
_MASKS: Final = re.compile("|".join(re.escape(token) for token in TOKENS.values()))
_VOWELS: Final = frozenset("aeiouy")
_DOUBLE_VOWEL: Final = re.compile(r"(a|e|o|u)\1")
_SAYS_NOTHING: Final = frozenset(
    """
    aan al alle alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens en er ge geen
    geweest haar had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je kan kon kunnen maar me meer men met
    mij mijn moet na naar niet niets nog nu of om omdat onder ons ook op over reeds te tegen toch toen tot u uit uw van veel
    voor want waren was wat werd wezen wie wil worden wordt zal ze zelf zich zij zijn zo zonder zou
    a an and are as at be been but by for from had has have he her him his if into it its no not of on or our she so that the
    their them they this to was we were what when which who will with you
    """.split()
)


def words_of(text: str) -> frozenset[str]:
    """The words of a text as they are compared. What stands there instead of something masked is no word."""
    plain = fold(_MASKS.sub(" ", as_read(text)[0]))
    return frozenset(stem(word) for word in _WORD.findall(plain) if len(word) > 1 and word not in _SAYS_NOTHING)


def stem(word: str) -> str:
    """A folded word without its ending, in the spelling in which words are compared."""
    cut = word[:LONGEST]
    if len(cut) < _SHORTEST_TO_CUT or not cut.isalpha():
        return cut
    for take in (_plural, _genitive, _inflected, _verb):
        cut = take(cut)
    return _DOUBLE_VOWEL.sub(r"\1", _hard(cut))


def _plural(word: str) -> str:
    if word.endswith("heden"):
        return word[:-5] + "heid"
    return _single(word[:-2]) if word.endswith("en") and len(word) > _SHORTEST_TO_CUT else word


def _genitive(word: str) -> str:
    """The s behind tafels and meisjes, and not the one of huis."""
    return (
        word[:-1] if word.endswith(("es", "els", "ers", "ens", "ems", "ngs")) and len(word) > _SHORTEST_TO_CUT else word
    )


def _verb(word: str) -> str:
    ends = word.endswith("t") and len(word) >= _SHORTEST_TO_CUT
    return word[:-1] if ends and word[-2] not in "st" else word


def _inflected(word: str) -> str:
    return _single(word[:-1]) if word.endswith("e") and len(word) >= _SHORTEST_TO_CUT else word


def _single(word: str) -> str:
    """Without the consonant that is doubled before an ending."""
    doubled = len(word) > 2 and word[-1] == word[-2] and word[-1] not in _VOWELS
    return word[:-1] if doubled else word


def _hard(word: str) -> str:
    """Brieven and huizen end like brief and huis."""
    return word[:-1] + {"v": "f", "z": "s"}.get(word[-1], word[-1])
