"""The name of a person, taken apart as the linking step compares it.

A name is a bag of words in two fields that clerks fill in as they please. What tells is kept (given names, surnames,
initials), what only connects is dropped (tussenvoegsels, titles, "e/v", "geb."), and each word knows the other words
that are the same name: short forms and spellings out of given_names.txt, the form of the other gender for surnames.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from signaltable.names import PARTICLES, TITLES, fold, latin, plain, skeletons, sounds, word_set

GIVEN_NAMES_FILE: Final = Path(__file__).with_name("given_names.txt")
MOST_WORDS: Final = 4
_LONGEST_WORD: Final = 40
_ITSELF: Final = "="
_BY_THEMSELVES: Final = "# -- Names by themselves"
_FEW_KNOWN: Final = "# -- English short forms"
_MOST_ROOTS: Final = 4
_MOST_BLOCKING_ROOTS: Final = 2
# A shorter word sounds like too many names.
_LEAST_HEARD: Final = 5

# Words about a name that are not the name.
_AROUND: Final = TITLES | word_set(
    "ev geb geboren gehuwd gesch gescheiden wed weduwe echtgenote echtgenoot partner jr sr junior senior onbekend "
    "unknown nnb nvt fnu lnu xxx"
)
# "Thi" and "van" stand in half of all Vietnamese names and tell nobody apart.
_PARTICLES_OF_GIVEN: Final = word_set("van thi e y i el al abu ould bint bin ibn de")
# Written to the name by some: Vandenberg, Elamrani, Benali. Longest first.
_GLUED: Final = ("vander", "vanden", "vande", "van", "ter", "ten", "der", "den", "el", "al", "ben", "bin", "ait", "de")
_SHORTEST_AFTER_GLUE: Final = 4

# Surnames that half a nation bears: agreement on them says less.
COMMON_SURNAMES: Final = word_set(
    """
    jong jansen vries berg bakker dyk visser janssen smit meyer boer mulder groot bos vos peters hendriks leeuwen dekker
    brouwer wit dykstra smits graaf meer linden kok jacobs haan vermeulen heuvel veen broek schouten bruyn maas verhoeven
    koning prins blom huisman peeters kuipers beek kuiper vink hoekstra koster willems sanders ven
    yilmaz kaya demir celik sahin yildiz yildirim ozturk aydin ozdemir arslan dogan kilic aslan cetin kara koc kurt
    ali hassan ahmed mohamed mohammed hussein khan singh kaur shah ahmadi amrani idrissi alaoui bakkali benali
    ivanov georgiev dimitrov petrov nikolov hristov stoyanov todorov iliev angelov popescu ionescu popa radu dumitru
    stan stoica gheorghe rusu munteanu nowak kowalski wisniewski wojcik kowalczyk kaminski lewandowski zielinski nagy
    kovacs toth szabo horvath garcia rodriguez gonzalez fernandez lopez martinez sanchez perez silva santos ferreira
    smith jones williams brown johnson taylor
    """
)
_VERY_COMMON_SURNAMES: Final = word_set(
    "nguyen tran le pham wang li zhang liu chen yang huang wu zhao hoang huynh vu do"
)
COMMON_GIVEN_NAMES: Final = word_set("mohammed mohamed maria ali anna fatima ahmed johannes jan ana ivan elena")


@dataclass(frozen=True, slots=True)
class NameWord:
    """One word of a name. `roots`: what it shares with other forms of the same name. `known`: stands in the list of given names.

    `spare`: another way to write words that also stand on their own; it may agree, and is not missed when it does not.
    `bare`: written without vowels (Arabic, Hebrew). `common`: 0 rare or unknown, 1 common, 2 borne by millions.
    """

    text: str
    roots: tuple[str, ...] = ()
    known: bool = False
    spare: bool = False
    bare: bool = False
    common: int = 0

    @property
    def forms(self) -> tuple[str, ...]:
        """The names that it can stand for, itself when that is not known."""
        return tuple(root for root in self.roots if not root.startswith(_ITSELF)) or (self.text,)

    @property
    def initial(self) -> bool:
        """Whether it is one letter only."""
        return len(self.text) == 1


@dataclass(frozen=True, slots=True)
class PersonName:
    """The words of both fields, those that were left out gone."""

    given: tuple[NameWord, ...]
    family: tuple[NameWord, ...]


@lru_cache(maxsize=256)
def person_name(given: str, infix: str, surname: str) -> PersonName:
    """A name as its telling words. Never fails; a field without letters has no words."""
    first = _given_words(given)
    return PersonName(first, _family_words(infix, surname, whole=not first))


def _given_words(given: str) -> tuple[NameWord, ...]:
    bare = _without_vowels(given)
    written = [word for word in _words(given) if word not in _AROUND]
    # The last word is what somebody is called: Minh Van is no Minh, unlike Van Minh.
    words = [word for word in written[:-1] if word not in _PARTICLES_OF_GIVEN] + written[-1:]
    words = _initials_apart(given, words)
    # An initial behind a name adds nothing that its bearer always gives.
    words = [word for word in words if len(word) > 1] or words
    written = [word for word in written if len(word) > 1]
    joined = [
        whole for whole in dict.fromkeys(("".join(words), "".join(written))) if len(written) > 1 and whole not in words
    ]
    return tuple(_given_word(word, bare=bare) for word in words[:MOST_WORDS]) + tuple(
        _given_word(word, bare=bare, spare=True) for word in joined
    )


def _given_word(word: str, *, bare: bool, spare: bool = False) -> NameWord:
    roots = given_roots(word)
    return NameWord(
        word,
        tuple(dict.fromkeys((*roots[: _MOST_ROOTS - 1], _single(word)))),
        known=word in _contradicting(),
        spare=spare,
        bare=bare,
        common=int(word in COMMON_GIVEN_NAMES or bool(set(roots) & COMMON_GIVEN_NAMES)),
    )


def _initials_apart(given: str, words: list[str]) -> list[str]:
    """J.P. gives j and p; JP in capitals beside no other word does too."""
    if len(words) == 1 and len(words[0]) in {2, 3} and re.fullmatch(r"(?:[A-Z]\.?\s?){2,3}", given.strip()):
        return list(words[0]) if "." in given or not set(words[0]) & set("aeiouy") else words
    return words


def _family_words(infix: str, surname: str, *, whole: bool) -> tuple[NameWord, ...]:
    """The words of a surname. `whole`: no given name is known, so that the field may hold the whole name."""
    bare = _without_vowels(surname)
    every = _words(f"{infix} {surname}")
    telling = [word for word in every if word not in _AROUND and word not in PARTICLES and len(word) > 1]
    own = _words(surname)
    if not own:  # A tussenvoegsel alone is no name.
        return ()
    # Some surnames look like a tussenvoegsel (Le, Do), some are one letter because only that is known.
    telling = telling or [word for word in own if len(word) > 1] or own[:1]
    telling = list(dict.fromkeys(telling))[:MOST_WORDS]
    # Le Xuan Thao: here the surname comes first and looks like a tussenvoegsel.
    front = every[:1] if whole and len(telling) > 1 and every[0] in PARTICLES and len(every[0]) > 1 else []
    spares = [word for word in [*front, "".join(every), *(rest for word in telling for rest in _unglued(word))] if word]
    spares = [word for word in dict.fromkeys(spares) if word not in telling][:2]
    return tuple(_family_word(word, bare=bare) for word in telling) + tuple(
        _family_word(word, bare=bare, spare=True) for word in spares
    )


def _family_word(word: str, *, bare: bool, spare: bool = False) -> NameWord:
    root = family_root(word)
    common = 2 if word in _VERY_COMMON_SURNAMES else int(root in COMMON_SURNAMES or word in COMMON_SURNAMES)
    known = word in _contradicting()
    # In many languages the surname is the given name of a forefather, spelled in as many ways.
    roots = tuple(dict.fromkeys((root, *_groups().get(word, ())[: _MOST_ROOTS - 1]))) if len(root) > 1 else ()
    return NameWord(word, roots, known=known, spare=spare, bare=bare, common=common)


def _words(text: str) -> list[str]:
    marked = re.sub(r"\be\s?/\s?v\b", " ev ", latin(text))
    return [word[:_LONGEST_WORD] for word in (plain(part) for part in re.split(r"[^a-z0-9]+", marked)) if word]


def _unglued(word: str) -> tuple[str, ...]:
    for glue in _GLUED:
        if word.startswith(glue) and len(word) - len(glue) >= _SHORTEST_AFTER_GLUE:
            return (word[len(glue) :],)
    return ()


def _without_vowels(text: str) -> bool:
    return any("\u0590" <= sign <= "\u07bf" or "\ufb1d" <= sign <= "\ufefc" for sign in text)


# The form for women beside that for men: Ivanova and Ivanov, Kowalska and Kowalski, Novotna and Novotny.
_WOMENS: Final = (
    ("skaia", "ski"),
    ("skaya", "ski"),
    ("ova", "ov"),
    ("eva", "ev"),
    ("ska", "ski"),
    ("cka", "cki"),
    ("owa", "ow"),
)
_LEAST_STEM: Final = 3


@lru_cache(maxsize=8192)
def family_root(word: str) -> str:
    """A surname in the form for men, with w as v where a Slavic ending says so: Dimitrowa gives dimitrov."""
    for ending, by in _WOMENS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            word = word[: -len(ending)] + by
            break
    if word.endswith(("ow", "ew", "off", "eff")) and len(word) > _LEAST_STEM + 2:
        word = re.sub(r"(?:w|ff)$", "v", word)
    return word[:-3] + "ski" if word.endswith(("sky", "skyy", "skiy")) and len(word) > _LEAST_STEM + 3 else word


@lru_cache(maxsize=8192)
def given_roots(word: str) -> tuple[str, ...]:
    """The names that this word can stand for by given_names.txt, none for a word that it does not hold."""
    found = _groups().get(word)
    return found if found is not None else _heard().get(sounds(word)[0], ()) if len(word) >= _LEAST_HEARD else ()


@cache
def _groups() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _lines(GIVEN_NAMES_FILE.read_text("utf-8")):
        for word in line if len(line) > 1 else line[:1]:
            if len(line) > 1 or word not in found:
                found.setdefault(word, []).append(line[0])
    return {word: tuple(dict.fromkeys(roots)) for word, roots in found.items()}


@cache
def _heard() -> Mapping[str, tuple[str, ...]]:
    """Sound -> the names that it stands for, where it stands for the names of one group only: Desislawa, Desislava."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for word, roots in _groups().items():
        found.setdefault(sounds(word)[0], set()).add(roots)
    return {sound: next(iter(roots)) for sound, roots in found.items() if len(roots) == 1}


def _single(word: str) -> str:
    """Double letters and the end of women's names in one way: Anna and Ana, Nataliya and Natalia are one to a clerk."""
    return _ITSELF + re.sub(r"(.)\1+", r"\1", re.sub(r"i?[iyj]a$", "ia", word))


@cache
def _contradicting() -> frozenset[str]:
    """Names that the list knows so well that another name beside them is another person's."""
    well_known = GIVEN_NAMES_FILE.read_text("utf-8").split(_FEW_KNOWN)[0]
    return frozenset(word for line in _lines(well_known) for word in line)


def _lines(text: str) -> Iterator[list[str]]:
    """The groups of the list; in the section of names by themselves every word is a group."""
    apart = False
    for line in text.splitlines():
        apart = line.startswith(_BY_THEMSELVES) or (apart and not line.startswith("# --"))
        words = [] if line.startswith("#") else list(dict.fromkeys(plain(word) for word in fold(line).split()))
        yield from ([word] for word in words) if apart else [words] if words else []


def blocking_words(words: Iterable[NameWord]) -> tuple[str, ...]:
    """The consonant skeletons under which these words meet their other forms; initials give none."""
    found: dict[str, None] = {}
    for word in words:
        for form in word.forms[:_MOST_BLOCKING_ROOTS]:
            if len(form) > 1:
                found.update(dict.fromkeys(skeletons(form)))
    return tuple(found)


def sounds_of(word: NameWord) -> tuple[str, ...]:
    """How a word sounds, one or two ways."""
    return sounds(word.text)
