"""Names of people: by their place in a sentence, in lists, after words that announce them, before what they say."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from signaltable.names import (
    COMMON_WORDS,
    INSTITUTIONS,
    PARTICLES,
    TITLES,
    WORDS_OF_SENTENCES,
    WORKPLACES,
    is_known_word,
    word_set,
    words_of,
)
from signaltable.text.lexicon import (
    NAMES_THAT_ARE_WORDS,
    given_names,
    is_dutch,
    is_ordinary,
    is_place,
    is_surname,
    listed_names,
)
from signaltable.text.spans import Span, Word, starts_sentence
from signaltable.text.typed import Needles, needles_of, windows

_CUES: Final = word_set(
    "heet heette heten genaamd genoemd alias bijnaam roepnaam voornaam achternaam naam namen named called noemt noemde"
)
_LEGAL_FORMS: Final = word_set("bv nv vof cv ltd gmbh holding")
_AFTER_CUE: Final = word_set("is zich haar hem was ook zichzelf met de van eigenlijk gewoon ie")
# Particles that join the words of a name; "uit", "in" and "op" more often join a name to a place.
_JOINERS: Final = word_set(
    "van de der den het t ter ten te vd la le du des von zu di da dos das del della el al ul ibn bin ben ait abu ould oulad"
)
_SMALL_JOINERS: Final = _JOINERS | word_set("v d vder vden")
_PERSON_VERBS: Final = word_set(
    """
    zegt zei vertelt vertelde werkt werkte woont woonde wil wilde kwam komt belde belt moet moest mag mocht kan kon sliep
    slaapt kreeg krijgt verblijft verbleef zat zit ging gaat huilde huilt durft durfde verklaart verklaarde heeft had is
    was wordt werd gaf geeft stuurt stuurde betaalt betaalde draagt droeg spreekt sprak lijkt leek heet regelt regelde denkt
    dacht weet wist vroeg vraagt appt appte haalt haalde brengt bracht dreigt dreigde slaat sloeg loopt liep rijdt reed
    meldde meldt vluchtte probeerde schreef schrijft noemt noemde zag ziet bleef blijft deed doet liet laat maakt maakte
    stond staat en schreeuwt schreeuwde antwoordde bevestigt bevestigde ontkent ontkende
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
    "en",
)
# How people are called, as a part of their name: Mama Esther, Tante Rosa.
_CALLED: Final = word_set(
    "mama papa baba mami mamma oma opa ome oom tante madam madame pastor mister miss lady big boss"
)
_DETERMINERS: Final = word_set("de het een deze geen elke iedere welke the a an")
_TITLES: Final = TITLES | word_set("hr mijnheer dhr mw mevr mevrouw meneer fam familie echtpaar gezin")
# Titles of which a full stop is part; behind every other word it ends the sentence.
_SHORTENED: Final = word_set("dhr hr mw mevr mvr mej dr drs ing ir mr prof mrs ms fam gr mvg")
# Titles after which a word in small letters is a name as well.
_PLAIN_TITLES: Final = word_set("dhr hr mw mevr mvr mevrouw meneer mijnheer juf meester tante oom fam heer")
# Words that stand in front of a name in a note.
_BEFORE_SMALL: Final = word_set(
    """
    met bij van door aan voor naar heet heette genaamd naam alias vriend vriendin zus zusje broer broertje moeder vader oom
    tante neef nicht baas dame jongen meisje man vrouw dochter zoon buurvrouw buurman collega eigenaar huurbaas chauffeur is
    sprak gesproken gebeld namens volgens via ook of en waar zegt dat ik
    """
)
_BEFORE_SURNAME: Final = word_set("volgens namens zei zegt aldus vertelde vroeg")
_ENDS_AS_SURNAME: Final = re.compile(
    r"\w{2,24}(?:ska|ski|cki|cka|czyk|wicz|ova|ov|ev|eva|escu|oglu|enko|chuk|vych|yan|ian|idze|vili|stra|sma|inga|ema|son|sen|mans)"
)
_LONGEST_GAP_TO_SMALL: Final = 2
_SHORT: Final = 2
# Other names by which somebody goes, in quotation marks.
_QUOTED: Final = re.compile(
    r"\b(?:ook wel|alias|a\.?k\.?a\.?|bijnaam|roepnaam|straatnaam|nickname|genaamd|genoemd|noemt|noemde|noemen|heet|heette|bekend(?: staat)? (?:als|onder))"
    r"(?: (?:zich|hem|haar|ze|hij|zij|men|de naam|als|met|is|ook|wel|genoemd)){0,3}[:,]?\s?[\"“”„'‘]([^\"“”„'‘’\n]{2,30})[\"“”'’]",
    re.IGNORECASE,
)
_QUOTED_WORD: Final = re.compile(r"(?<=[\"“„'‘])[A-ZÀ-Ý][\w'’-]{2,20}(?=[\"“”'’](?![\w]))")
_SENDER: Final = re.compile(
    r"^[ \t>*]{0,4}(\[?\d{1,4}[-/.:]\d{1,2}[-/.:]?[\d ,:./]{0,18}\]?[ \t]{0,2}[-–]?[ \t]{0,2})?"
    r"([^\W\d_][\w'’.-]{0,24}(?: [^\W\d_][\w'’.-]{0,24}){0,4}?)(?::(?=[ \t\n])|[ \t]{1,3}\d{1,2}:\d{2}[ \t]*$)",
    re.MULTILINE,
)
_FOREIGN: Final = re.compile(
    r"[\u0590-\u05ff\u0600-\u06ff\u0750-\u077f\u1200-\u139f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f\u0900-\u0d7f]"
    r"(?:[\u0590-\u05ff\u0600-\u06ff\u0750-\u077f\u1200-\u139f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f\u0900-\u0d7f·]| (?=[^\x00-\u024f]))*"
)
_CYRILLIC: Final = re.compile(
    r"[\u0370-\u03ff\u0400-\u04ff\u10a0-\u10ff\u0530-\u058f][\u0370-\u03ff\u0400-\u04ff\u10a0-\u10ff\u0530-\u058f'’ʼ-]*"
)
_SHORT_PASSAGE: Final = 4


@lru_cache(maxsize=8)  # The same hundred names for every text.
def _needles(organisations: tuple[str, ...]) -> Needles:
    needles = {"".join(words_of(name)): "company" for name in organisations}
    return needles_of({joined: kind for joined, kind in needles.items() if joined})


def shielded_words(words: Sequence[Word], organisations: Iterable[str]) -> frozenset[int]:
    """The starts of words that belong to the name of an organisation."""
    spans = iter(windows(words, _needles(tuple(organisations))))
    starts: set[int] = set()
    span = next(spans, None)
    for word in words:
        while span and span.end <= word.start:
            span = next(spans, None)
        if span and span.start <= word.start:
            starts.add(word.start)
    return frozenset(starts)


def names(text: str, words: Sequence[Word], shielded: frozenset[int]) -> Iterator[Span]:
    """Every name; each also where it stands again in the text, and with the words of other scripts."""
    found = [*_in_sentences(text, words, shielded), *_senders(text)]
    found += [*_small_names(text, words), *_quoted(text)]
    yield from found
    yield from _again(words, found, shielded)
    yield from _in_other_scripts(text)


# -- in sentences ----------------------------------------------------------------------------------------------------


def _in_sentences(text: str, words: Sequence[Word], shielded: frozenset[int]) -> Iterator[Span]:
    place = 0
    while place < len(words):
        if words[place].start in shielded:
            place += 1
            continue
        end = _run_end(text, words, place, shielded)
        if end > place:
            yield from _named_in(text, words, place, end)
        place = max(end, place + 1)


def _run_end(text: str, words: Sequence[Word], place: int, shielded: frozenset[int]) -> int:
    """The end of a run of words that could be one name: capitals and initials, particles between them."""
    if not _starts_run(text, words, place):
        return place
    end = last = place + 1
    while end < len(words) and words[end].start not in shielded and _joins(text, words[end - 1], words[end]):
        word = words[end]
        if any(sign.isdigit() for sign in word.written):
            break
        if _is_tail(word) or (
            len(words[end - 1].written) == 1 < len(word.written) and word.folded in _COMMON_NO_PARTICLES
        ):
            break
        end += 1
        if word.is_capitalised or word.is_upper:
            last = end
        elif word.folded not in _JOINERS:
            break
    return last


def _starts_run(text: str, words: Sequence[Word], place: int) -> bool:
    word = words[place]
    if any(sign.isdigit() for sign in word.written):
        return False
    is_initial = len(word.written) == 1 and word.is_upper and text[word.end : word.end + 1] == "."
    if word.is_capitalised or is_initial or (word.is_upper and word.folded in given_names() and len(word.written) > 2):
        return True
    if word.is_upper and len(word.written) > 1 and place > 0 and words[place - 1].folded in _TITLES:
        return True
    # The particle of a surname after a title: "dhr van der Meer".
    return (
        word.folded in _JOINERS
        and place > 0
        and words[place - 1].folded in _PLAIN_TITLES
        and _capital_follows(words, place)
    )


def _capital_follows(words: Sequence[Word], place: int) -> bool:
    following = words[place + 1 : place + 4]
    return any(word.is_capitalised or (word.is_upper and len(word.written) == 1) for word in following[:1]) or (
        len(following) > 1 and following[0].folded in _JOINERS and any(word.is_capitalised for word in following[1:])
    )


def _joins(text: str, before: Word, after: Word) -> bool:
    gap = text[before.end : after.start]
    if gap in {" ", "-", "'", "’", " '", " ’"}:
        return True
    return gap in {". ", "."} and (len(before.written) == 1 or before.folded in _TITLES)


def _named_in(text: str, words: Sequence[Word], start: int, end: int) -> Iterator[Span]:
    """The part of a run of capitals that is a name, if any."""
    first = start
    titled = start > 0 and _is_cued(text, words, start)
    if not titled and (is_place(word.folded for word in words[start:end]) or _is_of_the(text, words[start:end])):
        return
    institution = start > 0 and _is_institution(text, words[start - 1], words[start])
    while first < end and _leads(words, first, end, text) and not (titled and words[first].folded in PARTICLES):
        titled |= words[first].folded in _TITLES and first + 1 < end
        institution |= words[first].folded in _NAMED_PLACES
        first += 1
    titled |= first + 1 < end and words[first].folded in _CALLED
    while not titled and first < end and words[first].written in PARTICLES:
        first += 1
    while end > first and (words[end - 1].written in PARTICLES or _is_tail(words[end - 1])):
        end -= 1
    run = words[first:end]
    if all(word.folded in _NO_NAME_ALONE for word in run):
        return
    if not institution and (titled or _is_name(text, words, first, end)) and not _is_other(run, titled=titled):
        kind = "company" if run[-1].folded in _LEGAL_FORMS else "name"
        yield Span(run[0].start, run[-1].end, kind)


def _is_institution(text: str, before: Word, first: Word) -> bool:
    """Whether "school" or the like stands right in front; behind a colon somebody's name may follow."""
    return before.folded in _NAMED_PLACES and ":" not in text[before.end : first.start]


def _is_tail(word: Word) -> bool:
    """A word in capitals after a name that belongs to something else: "Kaya BSN", "Bos IBAN"."""
    return word.is_upper and len(word.written) > 1 and is_ordinary(word.folded)


def _is_of_the(text: str, run: Sequence[Word]) -> bool:
    """A town with 's in front: 's-Gravenzande."""
    in_front = text[max(0, run[0].start - len("'s-")) : run[0].start].replace("’", "'")
    return in_front == "'s-" and is_place([in_front + " ".join(word.folded for word in run)])


def _is_other(run: Sequence[Word], *, titled: bool) -> bool:
    """A place, or an institution by its last word."""
    folded = [word.folded for word in run]
    if titled:
        return False
    return is_place(folded) or (folded[-1] in _ENDS_OF_INSTITUTIONS and len(run) > 1)


_INSTITUTIONS: Final = INSTITUTIONS | word_set(
    "basisschool college roc thuiszorg kliniek opleiding kinderdagverblijf peuterspeelzaal buurthuis verzorgingshuis woonzorgcentrum "
    "huisartsenpraktijk apotheek tandartspraktijk sportclub voetbalclub scouting azc gymnasium lyceum vmbo mbo hbo bisdom parochie"
)
# Put together here: a text asks these of each of its words.
_NAMED_PLACES: Final = _INSTITUTIONS | WORKPLACES
_BEFORE_NAMES: Final = _TITLES | _NAMED_PLACES | COMMON_WORDS
# Van and Te are names of people from Vietnam and China, too.
_NO_NAME_ALONE: Final = WORDS_OF_SENTENCES - {"van", "te"}
_COMMON_NO_PARTICLES: Final = COMMON_WORDS - PARTICLES
_NO_SMALL_NAMES: Final = COMMON_WORDS | _PERSON_VERBS | TITLES
_BESIDE_NAMES: Final = PARTICLES | _TITLES | _AFTER_CUE
_ENDS_OF_INSTITUTIONS: Final = word_set(
    """
    college school lyceum gymnasium academie ziekenhuis stichting bank politie kliniek kerk moskee instituut fonds groep zorg
    welzijn wonen verzekeringen universiteit hogeschool museum centrum huis college mavo vmbo mbo bibliotheek sporthal service
    airport station arena stadion festival protocol wet
    """
)


def _leads(words: Sequence[Word], place: int, end: int, text: str) -> bool:
    """Whether a word in front of a run is a word of the sentence: a title, an institution, or its first word."""
    word = words[place]
    is_initial = len(word.written) == 1 and text[word.end : word.end + 1] == "."
    if is_initial or (word.folded in given_names() and word.folded not in COMMON_WORDS):
        return False
    if place + 1 < end and text[word.end : words[place + 1].start] == "-" and words[place + 1].folded in given_names():
        return False
    called = word.folded in _CALLED and word.is_capitalised and not starts_sentence(text, word)
    if called and place + 1 < end and not is_ordinary(words[place + 1].folded):
        return False
    if _begins_surname(words, place, end, text) or _is_given_before_particle(words, place, end, text):
        return False
    if word.folded in _BEFORE_NAMES:
        return True
    if word.folded in PARTICLES:
        return starts_sentence(text, word)
    # "Eigenaar Costel", "Volgens Roos": an ordinary word in front of what may be a name.
    return (
        is_ordinary(word.folded)
        and place + 1 < end
        and word.folded not in listed_names()
        and not is_surname(word.folded)
    )


def _begins_surname(words: Sequence[Word], place: int, end: int, text: str) -> bool:
    """A particle with a capital inside a sentence ("zei De Vries"), or before a surname that does something."""
    if words[place].folded not in _JOINERS or not words[place].is_capitalised:
        return False
    last = next((word for word in words[place + 1 : end] if word.folded not in _JOINERS), None)
    if last is None or last is not words[end - 1] or not last.is_capitalised:
        return False
    if not starts_sentence(text, words[place]):
        return is_surname(last.folded) or not is_ordinary(last.folded)
    follows = end < len(words) and words[end].folded in _PERSON_VERBS
    particles = sum(word.folded in _JOINERS for word in words[place:end])
    return follows and is_surname(last.folded) and (particles > 1 or not is_dutch(last.folded))


def _is_given_before_particle(words: Sequence[Word], place: int, end: int, text: str) -> bool:
    """A given name that is a word too, inside a sentence and before a surname: "buurvrouw Wil van Heeswijk"."""
    return (
        words[place].is_capitalised
        and words[place].folded in listed_names()
        and words[place].folded not in PARTICLES
        and place + 2 < end
        and words[place + 1].written in _JOINERS
        and not starts_sentence(text, words[place])
    )


def _is_cued(text: str, words: Sequence[Word], start: int) -> bool:
    """After a title, or after "heet", "genaamd", "mijn naam is", "noemt zich"."""
    before = words[start - 1].folded
    gap = text[words[start - 1].end : words[start].start]
    if "\n" in gap or (set(gap) & set(";!?")):
        return False
    own = words[start].folded
    # "Hij heeft familie. De baas wacht": with an article a sentence begins, and no name.
    if "." in gap and before not in _SHORTENED and own in WORDS_OF_SENTENCES:
        return False
    if before in _TITLES or before in _CUES:
        return (
            not is_ordinary(own)
            or before in _PLAIN_TITLES
            or own in listed_names()
            or (own in _JOINERS and words[start].is_capitalised)
        )
    return (
        before in _AFTER_CUE
        and start > 1
        and words[start - 2].folded in _CUES
        and not (is_ordinary(words[start].folded) and words[start].folded not in listed_names())
    )


def _is_name(text: str, words: Sequence[Word], first: int, end: int) -> bool:
    if _begins_surname(words, first, end, text):
        return True
    run = [word for word in words[first:end] if word.folded not in PARTICLES or word.is_capitalised or word.is_upper]
    if not run:
        return False
    if len(run) == 1:
        return _is_single_name(text, words, first, run[0], words[end].folded if end < len(words) else "")
    if any(_is_given(word) for word in run[:2]):
        return True
    if any(word.folded in listed_names() for word in run[:1]) and not is_ordinary(run[-1].folded):
        return True
    unknown = [word for word in run if not is_ordinary(word.folded) and (word.is_capitalised or len(word.written) == 1)]
    has_initial = any(len(word.written) == 1 for word in run[:2])
    if has_initial and (unknown or is_surname(run[-1].folded) or not is_dutch(run[-1].folded)):
        return any(len(word.written) > 1 for word in run) or len(run) > 1
    return bool(unknown) and run[0] in unknown and not (_is_after_determiner(words, first) and len(unknown) < len(run))


def _is_given(word: Word) -> bool:
    if word.folded in NAMES_THAT_ARE_WORDS:
        return word.folded in given_names() and not is_known_word(word.folded)
    return word.folded in given_names() and not is_ordinary(word.folded)


def _is_single_name(text: str, words: Sequence[Word], place: int, word: Word, following: str) -> bool:
    """Whether one capitalised word is a name: by lists, by standing inside a sentence, by what it does."""
    if len(word.written) == 1:
        return False
    folded, ordinary, determined = word.folded, is_ordinary(word.folded), _is_after_determiner(words, place)
    inside = not starts_sentence(text, word)
    given = folded in given_names()
    if _is_language_list(words, place):
        return False
    if given and is_known_word(folded) and place > 0 and words[place - 1].folded in _BEFORE_PLACE:
        return False
    if given and not ordinary:
        return (
            folded not in NAMES_THAT_ARE_WORDS
            or (not determined and (inside or following in _PERSON_VERBS))
            or (not determined and text[word.end : word.end + 2] in {"'s", "’s", ", "})
        )
    if folded in NAMES_THAT_ARE_WORDS and not is_known_word(folded):
        acts = folded in listed_names() and (following in _PERSON_VERBS or text[word.end : word.end + 2] == ", ")
        return not determined and (inside or acts)
    if ordinary:
        # "Volgens Bakker", "zei Visser": a surname that is a word too.
        return place > 0 and inside and words[place - 1].folded in _BEFORE_SURNAME and is_surname(folded)
    if inside:
        return not determined
    if following in _PERSON_VERBS and not folded.endswith(_NOUN_ENDS):
        return True
    return (
        folded in listed_names()
        or bool(_ENDS_AS_SURNAME.fullmatch(folded))
        or text[word.end : word.end + 2] in {"'s", "’s"}
    )


def _is_after_determiner(words: Sequence[Word], place: int) -> bool:
    return place > 0 and words[place - 1].folded in _DETERMINERS


_LANGUAGES: Final = word_set(
    "turks frans engels duits pools russisch arabisch spaans nederlands chinees italiaans portugees"
)


def _is_language_list(words: Sequence[Word], place: int) -> bool:
    near = [*words[max(0, place - 2) : place], *words[place + 1 : place + 3]]
    return words[place].folded in _LANGUAGES and (
        any(word.folded in _LANGUAGES for word in near)
        or any(word.folded in {"spreekt", "sprak", "in", "het"} for word in near)
    )


# -- in small letters --------------------------------------------------------------------------------------------------


def _small_names(text: str, words: Sequence[Word]) -> Iterator[Span]:
    """Names in notes without capitals: listed ones, and what stands after a title or "ze heet"."""
    place = 0
    while place < len(words):
        end = _small_end(text, words, place) if words[place].written[:1].islower() else place
        if end > place:
            yield Span(words[place].start, words[end - 1].end, "name")
        place = max(end, place + 1)


def _small_end(text: str, words: Sequence[Word], place: int) -> int:
    """Where the name in small letters that begins here ends; `place` when none does."""
    word = words[place]
    before = words[place - 1] if place else None
    titled = bool(before and before.folded in _PLAIN_TITLES and _is_near(text, before, word))
    if len(word.written) == 1 and text[word.end : word.end + 1] == ".":
        return _after_initials(text, words, place)
    led = bool(before and before.folded in _BEFORE_PARTICLE and _is_near(text, before, word))
    if led and word.folded in _JOINERS:
        end = place + 1
        while end < len(words) and words[end].folded in _JOINERS:
            end += 1
        named = end < len(words) and _may_be_surname(words[end])
        return end + 1 if named else place
    if titled:
        return _with_surname(text, words, place + 1) if _may_be_surname(word) else place
    if _is_small_given(text, words, place) or _is_announced(text, words, place):
        return _with_surname(text, words, place + 1)
    return place


def _after_initials(text: str, words: Sequence[Word], place: int) -> int:
    """Where "b. de haas" ends; `place` where no listed surname follows the initials."""
    end = place
    while (
        end < len(words)
        and end - place < 3
        and len(words[end].written) == 1
        and text[words[end].end : words[end].end + 1] == "."
    ):
        end += 1
    while end < len(words) and end - place < 6 and words[end].folded in _JOINERS and len(words[end].written) > 1:
        end += 1
    named = (
        end < len(words)
        and len(words[end].written) > 3
        and words[end].written.isalpha()
        and (is_surname(words[end].folded) or bool(_ENDS_AS_SURNAME.fullmatch(words[end].folded)))
    )
    return end + 1 if named and words[end].folded not in _PERSON_VERBS else place


def _is_near(text: str, before: Word, after: Word) -> bool:
    return after.start - before.end <= _LONGEST_GAP_TO_SMALL and "\n" not in text[before.end : after.start]


def _may_be_surname(word: Word) -> bool:
    if word.folded in _NO_SMALL_NAMES or not word.written.isalpha() or len(word.written) < 2:
        return False
    return not is_ordinary(word.folded) or is_surname(word.folded) or word.folded in given_names()


def _is_small_given(text: str, words: Sequence[Word], place: int) -> bool:
    word = words[place]
    if word.folded not in given_names() or word.folded in NAMES_THAT_ARE_WORDS or is_ordinary(word.folded):
        return False
    if place and text[words[place - 1].end : word.start] in {"-", "@", ".", "_", "/"}:
        return False
    if len(word.folded) > 3:
        return True
    following = words[place + 1].folded if place + 1 < len(words) else ""
    return (place > 0 and words[place - 1].folded in _BEFORE_SMALL) or following in {
        "heet",
        "heette",
        "belt",
        "belde",
        "zegt",
        "zei",
    }


def _is_announced(text: str, words: Sequence[Word], place: int) -> bool:
    """After words that announce a name: "ze heet", "mijn naam is", "genaamd"."""
    word, before = words[place], words[place - 1].folded if place else ""
    if before in _AFTER_CUE and before not in _STRONG_CUES:
        cue = words[place - 2].folded if place > 1 else ""
        # "Niemand weet hoe ze heet. De vleeswerkerij is dicht": not across the end of a sentence.
        goes_on = cue in _STRONG_CUES and not set(text[words[place - 2].end : words[place - 1].start]) & set(".!?")
        introduced = before == "is" and cue == "naam" and place > 2 and words[place - 3].folded == "mijn"
        if not goes_on and not introduced:
            return False
    elif before not in _STRONG_CUES:
        return False
    may_be = word.written.isalpha() and word.folded not in _BESIDE_NAMES and len(word.written) > 1
    return may_be and (not is_ordinary(word.folded) or word.folded in given_names())


_STRONG_CUES: Final = word_set(
    "heet heette genaamd alias achternaam voornaam roepnaam bijnaam groetjes groeten groet gr liefs mvg"
)
_BEFORE_PARTICLE: Final = _PLAIN_TITLES | word_set("achternaam alias genaamd")


def _with_surname(text: str, words: Sequence[Word], end: int) -> int:
    """The end of a name with the surname in small or capital letters that follows it."""
    at = end
    while (
        at < len(words)
        and words[at].folded in _SMALL_JOINERS
        and _is_near(text, words[at - 1], words[at])
        and at - end < 3
    ):
        at += 1
    if (
        at >= len(words)
        or not _is_near(text, words[at - 1], words[at])
        or text[words[at - 1].end : words[at].start] != " "
    ):
        return end
    word = words[at]
    if word.folded in _PERSON_VERBS or not word.written.isalpha():
        return end
    if is_ordinary(word.folded):
        # "dylan de bruin": a surname that is a word too, if nothing behind it makes it one.
        return at + 1 if at > end and is_surname(word.folded) and len(word.written) > _SHORT else end
    known = is_surname(word.folded) or word.folded in given_names() or _ENDS_AS_SURNAME.fullmatch(word.folded)
    return at + 1 if known or at > end else end


def _quoted(text: str) -> Iterator[Span]:
    """What stands in quotation marks behind "ook wel" and the like, and single quoted words that are no Dutch."""
    for found in _QUOTED.finditer(text):
        yield Span(found.start(1), found.end(1), "name")
    for found in _QUOTED_WORD.finditer(text):
        if not any(is_ordinary(word) for word in words_of(found[0])):
            yield Span(found.start(), found.end(), "name")


# -- who wrote a message -------------------------------------------------------------------------------------------------


def _senders(text: str) -> Iterator[Span]:
    """The names in front of messages that were copied: "[3-11 19:22] Amina: hoi"."""
    for found in _SENDER.finditer(text):
        parts = [word for word in re.split(r"[ .'’-]+", found[2]) if word]
        folded = [one for part in parts for one in words_of(part)]
        unknown = [word for word in folded if not is_ordinary(word) or word in NAMES_THAT_ARE_WORDS]
        listed = [word for word in folded if word in listed_names() and word not in PARTICLES]
        if (
            unknown
            and (found[1] or found[0].rstrip()[-1:].isdigit() or listed == folded)
            and len(unknown) * 2 >= len(folded)
        ):
            yield Span(found.start(2), found.end(2), "name")


# -- again, and in other scripts ------------------------------------------------------------------------------------------


def _again(words: Sequence[Word], found: Iterable[Span], shielded: frozenset[int]) -> Iterator[Span]:
    """The words of names that were found, where they stand again: at the start of a sentence, in small letters."""
    spans = sorted(span for span in found if span.kind == "name")
    known: set[str] = set()
    at = 0
    for word in words:
        while at < len(spans) and spans[at].end <= word.start:
            at += 1
        if at < len(spans) and spans[at].start <= word.start and len(word.folded) > 2 and word.folded not in PARTICLES:
            known.add(word.folded)
    for place, word in enumerate(words):
        if word.start in shielded or not (
            word.folded in known or (word.folded[-1:] == "s" and word.folded[:-1] in known)
        ):
            continue
        if is_known_word(word.folded) and place and words[place - 1].folded in _BEFORE_PLACE:
            continue
        if word.is_capitalised or word.is_upper:
            yield from () if _is_after_determiner(words, place) and is_ordinary(word.folded) else [_span(word)]
        elif word.folded in known and not is_ordinary(word.folded) and word.folded not in NAMES_THAT_ARE_WORDS:
            yield _span(word)


_BEFORE_PLACE: Final = word_set("in uit naar te nabij")


def _span(word: Word) -> Span:
    return Span(word.start, word.end, "name")


def _in_other_scripts(text: str) -> Iterator[Span]:
    """Words in Arabic, Chinese, Ge'ez and the like, whole; of Greek and Cyrillic what has capitals, or all that is short."""
    for found in _FOREIGN.finditer(text):
        yield Span(found.start(), found.end(), "name")
    passage: list[re.Match[str]] = []
    matches: list[re.Match[str] | None] = [*_CYRILLIC.finditer(text), None]
    for match in matches:
        if passage and (match is None or text[passage[-1].end() : match.start()] != " "):
            yield from _of_passage(passage)
            passage = []
        if match:
            passage.append(match)


def _of_passage(passage: Sequence[re.Match[str]]) -> Iterator[Span]:
    if len(passage) <= _SHORT_PASSAGE and passage[0][0][0].isupper():
        yield Span(passage[0].start(), passage[-1].end(), "name")
        return
    for number, found in enumerate(passage):
        if found[0][0].isupper() and (number or len(passage) == 1):
            yield Span(found.start(), found.end(), "name")
