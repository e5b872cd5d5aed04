"""Names of people by their place in a sentence, in capitals or after words that announce them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from signaltable.names import (
    COMMON_WORDS,
    GIVEN_NAMES,
    INSTITUTIONS,
    PARTICLES,
    TITLES,
    WORKPLACES,
    is_known_word,
    word_set,
    words_of,
)
from signaltable.text.spans import Span, Word, starts_sentence
from signaltable.text.typed import windows

_CUES: Final = word_set(
    "heet heette heten genaamd genoemd alias bijnaam roepnaam voornaam achternaam naam namen named called noemt noemde"
)
_LEGAL_FORMS: Final = word_set("bv nv vof cv ltd gmbh holding")
_STRONG_CUES: Final = word_set("heet heette genaamd alias")
_AFTER_CUE: Final = word_set("is zich haar hem was ook zichzelf met de van eigenlijk gewoon")
# Particles that join the words of a name; "uit", "in" and "op" more often join a name to a place.
_JOINERS: Final = word_set(
    "van de der den het t ter ten vd la le du des von zu di da dos das del della el al ul ibn bin ben ait"
)
_PERSON_VERBS: Final = word_set(
    """
    zegt zei vertelt vertelde werkt werkte woont woonde wil wilde kwam komt belde belt moet moest mag mocht kan kon sliep
    slaapt kreeg krijgt verblijft verbleef zat zit ging gaat huilde huilt durft durfde verklaart verklaarde heeft had is
    was wordt werd gaf geeft stuurt stuurde betaalt betaalde draagt droeg spreekt sprak lijkt leek
    """
)
_NOUN_ENDS: Final = (
    "ing",
    "ingen",
    "heid",
    "atie",
    "schap",
    "ment",
    "isme",
    "teit",
    "aars",
    "ders",
    "gever",
    "nemer",
    "nemers",
    "en",
)


def shielded_words(words: Sequence[Word], organisations: Iterable[str]) -> frozenset[int]:
    """The starts of words that belong to the name of an organisation."""
    needles = {"".join(words_of(name)): "company" for name in organisations}
    needles.pop("", None)
    spans = list(windows(words, needles))
    return (
        frozenset(word.start for span in spans for word in words if span.start <= word.start < span.end)
        if spans
        else frozenset()
    )


def names(text: str, words: Sequence[Word], shielded: frozenset[int]) -> Iterator[Span]:
    place = 0
    while place < len(words):
        if words[place].start in shielded:
            place += 1
            continue
        end = _run_end(text, words, place, shielded)
        if end == place:
            yield from _small_name_after_cue(words, place)
            place += 1
            continue
        yield from _named_in(text, words, place, end)
        place = end


def _run_end(text: str, words: Sequence[Word], place: int, shielded: frozenset[int]) -> int:
    """The end of a run of words that could be one name: capitals and initials, particles between them."""
    if not _starts_run(text, words[place]):
        return place
    end = last = place + 1
    while end < len(words) and words[end].start not in shielded and _joins(text, words[end - 1], words[end]):
        word = words[end]
        end += 1
        if word.is_capitalised or word.is_upper:
            last = end
        elif word.folded not in _JOINERS:
            break
    return last


def _starts_run(text: str, word: Word) -> bool:
    is_initial = len(word.written) == 1 and word.is_upper and text[word.end : word.end + 1] == "."
    return word.is_capitalised or is_initial or (word.is_upper and word.folded in GIVEN_NAMES and len(word.written) > 2)


def _joins(text: str, before: Word, after: Word) -> bool:
    gap = text[before.end : after.start]
    return gap in {" ", "-", "'", "’", " '", " ’"} or (gap in {". ", "."} and len(before.written) == 1)


def _named_in(text: str, words: Sequence[Word], start: int, end: int) -> Iterator[Span]:
    """The part of a run of capitals that is a name, if any."""
    first = start
    titled = start > 0 and _is_cued(words, start)
    institution = start > 0 and words[start - 1].folded in INSTITUTIONS | WORKPLACES
    while first < end and _leads(words[first], text) and not (titled and words[first].folded in PARTICLES):
        titled |= words[first].folded in TITLES
        institution |= words[first].folded in INSTITUTIONS | WORKPLACES
        first += 1
    while not titled and first < end and words[first].written in PARTICLES:
        first += 1
    while end > first and words[end - 1].written in PARTICLES:
        end -= 1
    run = words[first:end]
    if run and not institution and (titled or _is_name(text, words, first, end)):
        kind = "company" if run[-1].folded in _LEGAL_FORMS else "name"
        yield Span(run[0].start, run[-1].end, kind)


def _leads(word: Word, text: str) -> bool:
    """Whether a word in front of a run is a word of the sentence: a title, an institution, or its first word."""
    is_initial = len(word.written) == 1 and text[word.end : word.end + 1] == "."
    if is_initial or (word.folded in GIVEN_NAMES and word.folded not in COMMON_WORDS):
        return False
    if word.folded in TITLES | INSTITUTIONS | WORKPLACES | COMMON_WORDS:
        return True
    return word.folded in PARTICLES and starts_sentence(text, word)


def _is_cued(words: Sequence[Word], start: int) -> bool:
    """After a title, or after "heet", "genaamd", "mijn naam is", "noemt zich"."""
    before = words[start - 1].folded
    if before in TITLES or before in _CUES:
        return True
    return before in _AFTER_CUE and start > 1 and words[start - 2].folded in _CUES


def _is_name(text: str, words: Sequence[Word], first: int, end: int) -> bool:
    run = [word for word in words[first:end] if word.folded not in PARTICLES]
    if not run:
        return False
    if any(word.folded in GIVEN_NAMES for word in run[:2]):
        return True
    unknown = [word for word in run if not is_known_word(word.folded) and word.is_capitalised]
    if not unknown or run[0] not in unknown:
        return False
    if not starts_sentence(text, run[0]):
        return True
    if len(unknown) > 1:
        return True
    following = words[end].folded if end < len(words) else ""
    return following in _PERSON_VERBS and not run[0].folded.endswith(_NOUN_ENDS)


def _small_name_after_cue(words: Sequence[Word], place: int) -> Iterator[Span]:
    """A name in small letters is found only right after words that announce it: "ze heet fatima"."""
    word = words[place]
    before = tuple(earlier.folded for earlier in words[max(0, place - 3) : place])
    announced = bool(before) and (
        before[-1] in _STRONG_CUES
        or before == ("mijn", "naam", "is")
        or (len(before) > 1 and before[-1] in _AFTER_CUE and before[-2] in _STRONG_CUES)
    )
    may_be = word.written.isalpha() and not is_known_word(word.folded) and word.folded not in PARTICLES | TITLES
    if announced and may_be and word.folded not in _AFTER_CUE:
        yield Span(word.start, word.end, "name")
