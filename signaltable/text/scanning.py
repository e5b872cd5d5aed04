"""The light text scan: fixed patterns, what was typed, and names by their place in a sentence, put together.

It misses names that look like other words; that is why the submitter sees the result and adds to it. Every pattern has a
bound on its length, so that the time grows with the length of the text and no faster.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from signaltable.names import as_read
from signaltable.text.addresses import addresses
from signaltable.text.combinations import combinations
from signaltable.text.dates import dates, typed_dates
from signaltable.text.names import names, shielded_words
from signaltable.text.numbers import bsns, numbers
from signaltable.text.profiles import profiles
from signaltable.text.spans import Span, Word, merged, words_in
from signaltable.text.typed import typed_spans
from signaltable.text.workplaces import workplaces


@dataclass(frozen=True, slots=True)
class Looked:
    """A text with its words, as it is stored and as a person reads it, for whoever looks for several things in it."""

    text: str
    # What is read, its words, and for each sign of it the place in the text.
    readings: tuple[tuple[str, Sequence[Word], Sequence[int]], ...]
    # Where typed values stand in a reading: the scan and who asks why something was found look for the same ones.
    typed: dict[tuple[str, tuple[str, ...]], tuple[Span, ...]] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"Looked({len(self.text)} signs)"


def look(text: str) -> Looked:
    """The text, ready to be looked through. Signs that are not seen hide nothing: then it is read twice."""
    whole = text, words_in(text), range(len(text) + 1)
    reading, places = as_read(text)
    return Looked(text, (whole,) if reading == text else (whole, (reading, words_in(reading), places)))


def scan(text: str | Looked, typed: Iterable[str], *, organisations: Iterable[str] = ()) -> tuple[Span, ...]:
    """What in a text can tell who it is about, in order and without overlap.

    `typed`: the values of the identity fields; each is found in other capitals, marks, separators and notations, and
    so are its parts. `organisations`: names that stay readable. Values shorter than two signs are ignored. Takes time
    in proportion to the text.
    """
    known, readable = _known(typed), tuple(organisations)
    looked = look(text) if isinstance(text, str) else text
    return merged(_in_all(looked, lambda reading, words: _scan(looked, reading, words, known, readable)))


def _in_all(looked: Looked, find: Callable[[str, Sequence[Word]], Iterable[Span]]) -> Iterator[Span]:
    """What is found in a text as it is stored and as a person reads it."""
    for reading, words, places in looked.readings:
        found = find(reading, words)
        yield from (
            found
            if reading is looked.text
            else (Span(places[span.start], places[span.end], span.kind) for span in found)
        )


def _scan(
    looked: Looked, text: str, words: Sequence[Word], known: tuple[str, ...], organisations: Iterable[str]
) -> Iterator[Span]:
    shielded = shielded_words(words, organisations)
    yield from profiles(text)
    yield from numbers(text)
    yield from addresses(text, words)
    yield from workplaces(text, words, shielded)
    yield from combinations(text, words)
    yield from _typed_in(looked, text, words, known)
    yield from dates(text, known)
    yield from names(text, words, shielded)


def _typed_in(looked: Looked, reading: str, words: Sequence[Word], known: tuple[str, ...]) -> tuple[Span, ...]:
    if (reading, known) not in looked.typed:
        looked.typed[reading, known] = tuple(typed_spans(reading, words, known))
    return looked.typed[reading, known]


def _known(typed: Iterable[str]) -> tuple[str, ...]:
    return tuple(value for value in (as_read(one)[0].strip() for one in typed) if len(value) > 1)


def _in_both(text: str, find: Callable[[str], Iterable[Span]]) -> Iterator[Span]:
    """What is found in a text as it is stored and as a person reads it; signs that are not seen hide nothing."""
    yield from find(text)
    reading, places = as_read(text)
    if reading != text:
        yield from (Span(places[span.start], places[span.end], span.kind) for span in find(reading))


def find_typed(text: str | Looked, typed: Iterable[str]) -> tuple[Span, ...]:
    """Only where the `typed` values stand in a text, in any spelling that `scan` knows; nothing else is looked for."""
    known = _known(typed)
    if not known:
        return ()
    looked = look(text) if isinstance(text, str) else text
    return merged(
        _in_all(
            looked, lambda reading, words: (*_typed_in(looked, reading, words, known), *typed_dates(reading, known))
        )
    )


def contains_bsn(text: str) -> bool:
    """Whether nine digits stand in the text that pass the eleven-test of the BSN, with or without separators.

    Digits inside an account number or a web address do not count; numbers with a country code do not either.
    """
    return any(True for _ in _in_both(text, bsns))


def without_organisations(text: str, spans: Iterable[Span], organisations: Iterable[str]) -> list[Span]:
    """The finds of another reader that are no part of the name of an organisation, which stays readable."""
    finds = list(spans)
    shielded = shielded_words(words_in(text), organisations) if finds else frozenset()
    return [one for one in finds if not any(one.start <= start < one.end for start in shielded)]
