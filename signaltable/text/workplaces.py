"""Names of workplaces and shelters: they tell who works or hides there."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from signaltable.names import COMMON_WORDS, INSTITUTIONS, PARTICLES, TITLES, WORKPLACES, word_set
from signaltable.text.lexicon import is_dutch, is_place
from signaltable.text.spans import Span, Word, starts_sentence

_WORKPLACES: Final = WORKPLACES | word_set(
    """
    nagelbar massagehuis massagestudio thaimassage spa kroeg kebabzaak shoarmazaak grillroom lunchroom broodjeszaak cafetaria
    ijssalon trattoria koffiebar shishalounge waterpijpcafe discotheek nachtclub sekshuis parenclub autobedrijf autogarage
    carwash wasserij stomerij naaiatelier slagerij viswinkel avondwinkel belwinkel toko transportbedrijf koeriersbedrijf
    schildersbedrijf loonbedrijf kas champignonkwekerij tuinderij bollenbedrijf manege vleesbedrijf pluimveebedrijf
    uitzender uitzendorganisatie detacheerder bungalowpark vakantiepark wegrestaurant zaak tuinbouwbedrijf visverwerker firma
    """
)
# A shelter whose name is known can be found: reminders about location leaks name these words too.
_SHELTERS: Final = word_set(
    "blijfhuis opvanghuis vrouwenopvang safehouse schuilhuis schuiladres noodopvang crisisopvang opvanglocatie vrouwenhuis azc"
)
_NAMES: Final = _WORKPLACES | _SHELTERS
_LEGAL: Final = re.compile(
    r"(?<![\w.])(?:B\.?V|N\.?V|V\.?O\.?F|C\.?V|Ltd|GmbH|Holding|S\.?R\.?L|EOOD|OOD|Sp\.? z ?o\.?o)\.?(?!\w)"
)
_ENDS: Final = (
    "bedrijf",
    "salon",
    "restaurant",
    "kwekerij",
    "uitzendbureau",
    "bakkerij",
    "slagerij",
    "kapper",
    "garagebedrijf",
    "slachterij",
)
_MOST_WORDS: Final = 5
_ARTICLES: Final = frozenset({"De", "Het", "'t", "La", "El", "Le"})


def workplaces(text: str, words: Sequence[Word], shielded: frozenset[int]) -> Iterator[Span]:
    """The name after restaurant, hotel, salon and so on, or in front of B.V.; the name of a shelter."""
    for place, word in enumerate(words):
        if word.folded in _NAMES or word.folded.endswith(_ENDS):
            yield from _after(text, words, place, shielded)
    yield from _before_legal_form(text, words, shielded)


def _after(text: str, words: Sequence[Word], place: int, shielded: frozenset[int]) -> Iterator[Span]:
    end = place + 1
    quoted = text[words[place].end : words[place].end + 2].strip() in {"'", '"', "‘", "“", "«"}
    while (
        end < len(words)
        and end - place <= _MOST_WORDS
        and _is_near(text, words[end - 1], words[end])
        and _may_name(words[end])
    ):
        end += 1
    named = list(words[place + 1 : end])
    while named and named[-1].folded in PARTICLES:
        named.pop()
    if not named or named[0].start in shielded or is_place(word.folded for word in named):
        return
    if quoted or any(part.is_capitalised and not _names_nothing(part) for part in named) or _is_title(named):
        yield Span(named[0].start, named[-1].end, "company")


def _is_near(text: str, before: Word, after: Word) -> bool:
    gap = text[before.end : after.start]
    return len(gap) <= 2 and not set(gap) & set(".,;:\n)(")


def _may_name(word: Word) -> bool:
    common = (COMMON_WORDS | TITLES) - PARTICLES
    return ((word.is_capitalised or word.is_upper) and word.folded not in common) or word.written in _ARTICLES | {
        "de",
        "van",
        "der",
        "den",
        "&",
    }


def _names_nothing(word: Word) -> bool:
    """A Dutch word or a Dutch town; "Roma" and "Istanbul" do name a restaurant."""
    return is_dutch(word.folded) or word.folded in INSTITUTIONS | PARTICLES or is_place([word.folded])


def _is_title(named: Sequence[Word]) -> bool:
    """Ordinary words with capitals, more than one of them: "De Gouden Leeuw", "Zonnehof Tomaten"."""
    capitals = [word for word in named if word.is_capitalised and not is_place([word.folded])]
    return len(capitals) > 1


def _before_legal_form(text: str, words: Sequence[Word], shielded: frozenset[int]) -> Iterator[Span]:
    place = 0
    for found in _LEGAL.finditer(text):
        while place < len(words) and words[place].start < found.start():
            place += 1
        first = place
        while first > 0 and place - first < _MOST_WORDS and _belongs(text, words, first - 1, found.start()):
            first -= 1
        while (
            first < place
            and not _begins_name(text, words, first)
            and (words[first].written in PARTICLES or words[first].folded in COMMON_WORDS | INSTITUTIONS | _NAMES)
        ):
            first += 1
        if first < place and words[first].start not in shielded:
            yield Span(words[first].start, found.end(), "company")


def _begins_name(text: str, words: Sequence[Word], place: int) -> bool:
    """A particle with a capital inside a sentence: "bij Van den Elzen B.V."."""
    word = words[place]
    return word.folded in PARTICLES and word.is_capitalised and not starts_sentence(text, word)


def _belongs(text: str, words: Sequence[Word], place: int, end: int) -> bool:
    word = words[place]
    following = words[place + 1].start if place + 1 < len(words) and words[place + 1].start < end else end
    gap = text[word.end : following]
    return len(gap) <= 3 and not set(gap) & set(",;:\n") and (word.written[0].isupper() or word.folded in PARTICLES)
