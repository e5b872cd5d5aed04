"""What was typed in the identity fields, found in any spelling and notation."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stdnum import iban as iban_numbers

from signaltable.identity import phone_e164, read_date
from signaltable.names import (
    COMMON_WORDS,
    INSTITUTIONS,
    PARTICLES,
    TITLES,
    WORKPLACES,
    is_known_word,
    plain,
    sounds,
    words_of,
)
from signaltable.text.addresses import POSTCODE, STREET_ENDS
from signaltable.text.numbers import PLATE
from signaltable.text.spans import Span, Word

_LONGEST_GAP: Final = 3
# A name that is spelled out, letter by letter, is as many words as it has letters.
_MOST_WORDS: Final = 40
_LEAST_DIGITS: Final = 6
_SHORTEST_BY_SOUND: Final = 4
# Shorter names stand inside too many words that tell nothing.
_SHORTEST_INSIDE: Final = 5


def typed_spans(text: str, words: Sequence[Word], typed: Sequence[str]) -> Iterator[Span]:
    needles: dict[str, str] = {}
    digits: dict[str, str] = {}
    for value in typed:
        kind, spellings, bare = _needles(value)
        needles.update(dict.fromkeys(spellings, kind))
        digits[bare] = kind
        if not plain(value):
            # A script that has no Latin form here, often without spaces between words.
            yield from (
                Span(hit.start(), hit.end(), kind) for hit in re.finditer(re.escape(value), text, re.IGNORECASE)
            )
    yield from windows(words, needles_of(needles))
    yield from _inside(words, needles)
    yield from _digit_hits(text, digits)
    yield from _by_sound(words, [needle for needle, kind in needles.items() if kind == "name"])


@lru_cache(maxsize=512)
def _needles(value: str) -> tuple[str, tuple[str, ...], str]:
    """What a value is, its spellings, and its bare digits: a signal is looked through for its values several times."""
    kind = _kind_of(value)
    return kind, tuple(_spellings(value, kind)), _bare_digits(value)


_NO_PART_OF_NAME: Final = PARTICLES | COMMON_WORDS | TITLES | INSTITUTIONS | WORKPLACES


def _spellings(value: str, kind: str) -> Iterator[str]:
    """The value as one word, and for names and streets each telling part by itself."""
    parts = words_of(value)
    yield "".join(parts)
    if kind in {"name", "address"} and not any(sign.isdigit() for sign in value):
        yield from (part for part in parts if len(part) > 2 and part not in _NO_PART_OF_NAME)


# Each sign belongs to one part only, so that a long value is read once.
_MAIL: Final = re.compile(r"[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+")
_STREET: Final = re.compile(rf"(?:{STREET_ENDS})\b", re.IGNORECASE)
_LETTER: Final = re.compile(r"[^\W\d_]")


def _kind_of(value: str) -> str:
    if _MAIL.fullmatch(value):
        return "email"
    if value.startswith("@") or ("/" in value.strip("/") and "." in value):
        return "profile"
    if read_date(value):
        return "date"
    if iban_numbers.is_valid(value):
        return "iban"
    if POSTCODE.fullmatch(value) or _STREET.search(value):
        return "address"
    if not any(sign.isdigit() for sign in value):
        return "name"
    if phone_e164(value) and not _LETTER.search(value):
        return "phone"
    return "plate" if PLATE.fullmatch(value) else "document"


@dataclass(frozen=True, slots=True)
class Needles:
    """What words are compared with: needle -> kind; the longest; and how they begin, so that most words are passed over."""

    kinds: Mapping[str, str]
    longest: int
    starts: frozenset[str]


def needles_of(kinds: Mapping[str, str]) -> Needles:
    """The same needles, with what `windows` needs of them."""
    return Needles(kinds, max(map(len, kinds), default=0), frozenset(needle[:_START] for needle in kinds))


# A word longer than this begins as every needle does that begins with it; a shorter one may go on in the next word.
_START: Final = 3


def windows(words: Sequence[Word], among: Needles) -> Iterator[Span]:
    """Where words that stand together, joined, are a needle: Elamrani, El Amrani and EL-AMRANI alike."""
    needles, longest, starts = among.kinds, among.longest + 1, among.starts
    for place, word in enumerate(words):
        if len(word.compared) > _START and word.compared[:_START] not in starts:
            continue
        joined, best = "", None
        for last in range(place, min(place + _MOST_WORDS, len(words))):
            if last > place and words[last].start - words[last - 1].end > _LONGEST_GAP:
                break
            joined = (joined + words[last].compared).replace("ij", "y")
            if len(joined) > longest or (len(joined) > _START and joined[:_START] not in starts):
                break
            kind = needles.get(joined) or (needles.get(joined[:-1]) if joined.endswith("s") else None)
            best = Span(word.start, words[last].end, kind) if kind else best
        if best:
            yield best


def _inside(words: Sequence[Word], needles: Mapping[str, str]) -> Iterator[Span]:
    """Longer words that hold a needle: Jolantaatje, jolanta96, JolantaVerzonnen. A word that everybody knows stays."""
    telling = {needle: kind for needle, kind in needles.items() if len(needle) >= _SHORTEST_INSIDE}
    for word in words if telling else ():
        kind = next((kind for needle, kind in telling.items() if needle in word.compared), None)
        if kind and not is_known_word(word.folded):
            yield Span(word.start, word.end, kind)


def _bare_digits(value: str) -> str:
    """The digits by which a number is found in any notation; a phone number without its country code."""
    phone = phone_e164(value) if not _LETTER.search(value) and not read_date(value) else ""
    digits = phone.removeprefix("+31") if phone else re.sub(r"\D", "", value)
    return digits if len(digits) >= _LEAST_DIGITS and not read_date(value) else ""


_DIGIT_ROW: Final = re.compile(r"\+?\(?\d(?:[\s().\-\u2010-\u2015/]{0,3}\d)*")


def _digit_hits(text: str, needles: dict[str, str]) -> Iterator[Span]:
    wanted = {needle: kind for needle, kind in needles.items() if needle}
    if not wanted:
        return
    for row in _DIGIT_ROW.finditer(text):
        places = [at for at in range(row.start(), row.end()) if text[at].isdigit()]
        digits = "".join(text[at] for at in places)
        for needle, kind in wanted.items():
            at = digits.find(needle)
            while at >= 0:
                # A country code or leading zero in front of a phone number belongs to it.
                start = row.start() if kind == "phone" and at <= len("0031") else places[at]
                yield Span(start, places[at + len(needle) - 1] + 1, kind)
                at = digits.find(needle, at + 1)


def _by_sound(words: Sequence[Word], names: Iterable[str]) -> Iterator[Span]:
    """Capitalised words that sound like a typed name: the text says Muhamed, the form Mohammed."""
    heard = {sound for name in names if len(name) >= _SHORTEST_BY_SOUND for sound in sounds(name)}
    for word in words if heard else ():
        may_be = word.is_capitalised and len(word.compared) >= _SHORTEST_BY_SOUND and not is_known_word(word.folded)
        if may_be and heard.intersection(sounds(word.compared)):
            yield Span(word.start, word.end, "name")
