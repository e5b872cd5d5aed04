"""Names of workplaces: they tell who works there."""

from collections.abc import Iterator, Sequence

from signaltable.names import COMMON_WORDS, PARTICLES, WORKPLACES, is_known_word
from signaltable.text.spans import Span, Word


def workplaces(words: Sequence[Word]) -> Iterator[Span]:
    """The name after restaurant, hotel, salon and so on: a workplace tells who works there."""
    for place, word in enumerate(words):
        if word.folded not in WORKPLACES:
            continue
        end = place + 1
        while (
            end < len(words)
            and end - place <= 4
            and words[end].start - words[end - 1].end <= 2
            and _may_name(words[end])
        ):
            end += 1
        named = words[place + 1 : end]
        while named and named[-1].folded in PARTICLES:
            named = named[:-1]
        if named and any(part.is_capitalised and not is_known_word(part.folded) for part in named):
            yield Span(named[0].start, named[-1].end, "company")


def _may_name(word: Word) -> bool:
    return (word.is_capitalised and word.folded not in COMMON_WORDS - PARTICLES) or word.written in {"De", "Het", "'t"}
