"""Combinations by which one person can be picked out without a name: "the only Eritrean girl in class 2B".

A people alone, an age alone or a town alone tells nobody apart; "the only one" of a people does, and so does a people
that is rarely met together with an exact age and a school class, street or village.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from signaltable.names import COMMON_WORDS, is_known_word, word_set
from signaltable.text.spans import Span, Word

_ONLY: Final = word_set("enige enigste only eerste")
_PERSONS: Final = word_set(
    """
    meisje meisjes jongen man vrouw kind leerling leerlinge student studente gezin familie moeder vader dochter zoon bewoner bewoonster
    medewerker medewerkster werknemer werkneemster kok kapper kapster stagiair stagiaire persoon zus broer tweeling weduwe weduwnaar oma opa
    baby peuter kleuter puber tiener scholier scholiere verpleegkundige leraar lerares dame heer buurvrouw buurman girl boy woman child
    arts huisarts imam pastoor dominee
    """
)
_SMALL_PLACES: Final = word_set(
    "dorp gehucht straat klas school groep buurt flat portiek afdeling team kerk moskee wijk azc class street village gemeente"
)
_CLASS: Final = re.compile(r"\d[a-z]{0,2}|[a-z]\d[a-z]?|[1-8][/]?[1-8]?")
_AGE: Final = re.compile(r"\d{1,3}")
_AGE_WORDS: Final = word_set("jaar jarige jarig jr")
# Peoples of whom a place counts so many that they tell nobody apart.
_MANY: Final = re.compile(
    r"(?:nederland|pool|pol|turk|marok|surina|bulgaar|bulg|roemee|roeme|duit|belg|oekra|syri|antill|europe|buitenland|engel|west|oost|zuid|noord|frans|friez|fries)\w*"
)
_WINDOW: Final = 14
_LONGEST: Final = 9


def combinations(text: str, words: Sequence[Word]) -> Iterator[Span]:
    """Each combination from its first word to its last."""
    for place, word in enumerate(words):
        if word.folded in _ONLY:
            yield from _only_one(text, words, place)
        elif _is_rare_people(word):
            yield from _rare_person(text, words, place)


def _is_people(word: Word) -> bool:
    return (
        word.is_capitalised
        and is_known_word(word.folded)
        and word.folded[-1] in "esnkh"
        and word.folded not in COMMON_WORDS
    )


def _is_rare_people(word: Word) -> bool:
    return _is_people(word) and word.folded.endswith(("se", "ese", "ische", "s")) and not _MANY.fullmatch(word.folded)


def _only_one(text: str, words: Sequence[Word], place: int) -> Iterator[Span]:
    """The only one, of a people, who is a person: "enige Eritrese meisje in klas 2B"."""
    near = _sentence_from(text, words, place, _LONGEST)
    people = next((at for at, word in enumerate(near[:4]) if _is_people(word)), None)
    person = next((at for at, word in enumerate(near[:6]) if word.folded in _PERSONS), None)
    if person is None or (people is None and _place_end(near, person) == person):
        return
    if words[place].folded == "eerste" and people is None:
        return
    yield Span(near[0].start, near[_place_end(near, max(person, people or 0))].end, "combination")


def _rare_person(text: str, words: Sequence[Word], place: int) -> Iterator[Span]:
    """A rare people with an exact age and a class, street or village, in one sentence."""
    near = _sentence_from(text, words, place, _WINDOW)
    person = next((at for at, word in enumerate(near[:3]) if word.folded in _PERSONS), None)
    if person is None:
        return
    end = _place_end(near, person)
    before = words[max(0, place - 3) : place]
    aged_before = any(_is_age(before, at) for at in range(len(before)))
    aged = aged_before or any(_is_age(near, at) for at in range(len(near)))
    if aged and end > person:
        first = next((word for at, word in enumerate(before) if _is_age(before, at)), words[place])
        yield Span(first.start, near[end].end, "combination")


def _is_age(words: Sequence[Word], at: int) -> bool:
    word = words[at].folded
    spelled = re.fullmatch(r"\d{1,2}(?:jarige?|jr)", word)
    counted = _AGE.fullmatch(word) and at + 1 < len(words) and words[at + 1].folded in _AGE_WORDS
    return bool(spelled or counted)


def _place_end(near: Sequence[Word], person: int) -> int:
    """The last word of the class, street or village that is named after the person; the person itself without one."""
    for at in range(person + 1, min(len(near), person + _WINDOW)):
        if near[at].folded in _SMALL_PLACES:
            following = near[at + 1] if at + 1 < len(near) else None
            return at + 1 if following and _CLASS.fullmatch(following.folded) else at
    return person


def _sentence_from(text: str, words: Sequence[Word], place: int, most: int) -> Sequence[Word]:
    end = place + 1
    while (
        end < len(words) and end - place < most and not set(text[words[end - 1].end : words[end].start]) & set(".!?;\n")
    ):
        end += 1
    return words[place:end]
