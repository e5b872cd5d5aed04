"""Which words are names, places or ordinary Dutch: lists that stand beside this file, and those that `deduce` brings.

The lists of deduce (first names, surnames, places, medical words) are read as files from where it is installed; the
library itself is not loaded, which takes a gigabyte. Without it the own lists remain. Every word is folded: small
letters without marks.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from signaltable.names import COMMON_WORDS, GIVEN_NAMES, PARTICLES, TITLES, fold, is_known_word, word_set

_HERE: Final = Path(__file__).parent / "lists"
# Names that are words in Dutch or English as well: written small they are the word.
NAMES_THAT_ARE_WORDS: Final = word_set(
    """
    success promise comfort patience happiness precious gift glory joy peace victory favour faith lucky sunday monday million
    queen princess cherry crystal amber jordan georgia austin roos mark bloem storm wit merel sterre iris linde floor fleur
    anker wout veer loan mars bever can gang song hai bing rob tom stan bob mees sam beer wolf pim stijn jade parel mei april
    june rose summer star king prince angel grace hope trust noor sol luna ster zon bo bas boy guy sonny max ray frank ernst
    wim ruud rik door lot bink dean daan jet pien pip puk loes saar lief honey kiki sien lot fien mies mans mos olie rot tin
    ali noi ton toon tan san dar mar ana ida ina an anh mai dong long nam son tai tam tien van viet vu la le ha bui phat
      victoria nova terra delta alpha cruz rocio pilar luz mercedes esperanza
    divina divine china jing min ming ning ping qin ting tong wang wei wen yang yi yin yong yuan zhen fang
    feng gang guang guo hua hui jie kai lei rui shan shu xia yan yu yun zhang zhao dan elke ene moe kader
    tino perla said ama armen nana penda samba issa oumou kidane million star meron alem desta genet
    gold silver paris londen lima asia india ketty kenya dale dean glen craig brook lane ford miles wade chase page
    mas rens marine flora ruby pearl opal olive violet daisy basil sage rosemary
    """
)
_SHORTEST_PART: Final = 3
_SHORTEST_HEAD: Final = 4
_ENDINGS: Final = (
    "heid heden atie aties schap schappen iteit isme ische lijk lijke loos loze achtig achtige baar bare ingen eringen elijk "
    "logie nissen tje tjes eerd eerde erend erende gever gevers nemer nemers houder houders verlener hulp werk plaats huis "
    "onderzoek overleg gesprek contact persoon controle zorg bureau dienst plan melding middel middelen kosten geld"
)
_ENDS_AS_WORD: Final = re.compile(rf"[a-z]{{3,40}}(?:{'|'.join(_ENDINGS.split())})")


def _lines(path: Path) -> Iterator[str]:
    """The words or phrases of a list, one to a line; nothing when there is none."""
    if path.is_file():
        yield from (line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def _own(name: str) -> frozenset[str]:
    lines = (line for line in _lines(_HERE / f"{name}.txt") if not line.startswith("#"))
    return frozenset(fold(word) for line in lines for word in line.split())


@cache
def _deduce_lists() -> Path | None:
    found = find_spec("deduce")
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) / "data" / "lookup" / "src" if places else None


def _of_deduce(*folders: str) -> frozenset[str]:
    """The entries of lists of deduce, without those that it excepts itself."""
    root = _deduce_lists()
    if root is None:
        return frozenset()
    entries: set[str] = set()
    for folder in folders:
        excepted = set(_lines(root / folder / "exceptions.txt"))
        entries |= {fold(entry) for entry in _lines(root / folder / "items.txt") if entry not in excepted}
    return frozenset(entries)


@cache
def given_names() -> frozenset[str]:
    """Given names of the languages that signals are about, without those that are mostly words."""
    return _own("given_names") | GIVEN_NAMES


@cache
def listed_names() -> frozenset[str]:
    """Those and the first names that deduce knows; among the latter are many that are words too."""
    return given_names() | _of_deduce("names/lst_first_name")


@cache
def surnames() -> frozenset[str]:
    """The surnames that deduce knows, particles apart."""
    return _of_deduce("names/lst_surname", "names/lst_interfix_surname")


@cache
def places() -> frozenset[str]:
    """Places in the Netherlands, as phrases: "bergen op zoom"."""
    folders = ("lst_residence", "lst_municipality", "lst_province", "lst_region")
    return _of_deduce(*(f"locations/lst_placename/{folder}" for folder in folders))


@cache
def _dutch() -> frozenset[str]:
    whitelist = _of_deduce("whitelist/lst_common_word", "whitelist/lst_medical_term", "whitelist/lst_stop_word")
    names = _own("given_names") - NAMES_THAT_ARE_WORDS
    return _own("dutch") | (whitelist - names)


@lru_cache(maxsize=16384)
def is_ordinary(word: str) -> bool:
    """Whether a folded word is Dutch, a place, a people or a brand, so that a capital alone makes no name of it."""
    if is_dutch(word):
        return True
    if word in given_names():
        return False
    return is_known_word(word) or word in places() or word in _abroad() or _is_formed(word)


def is_dutch(word: str) -> bool:
    """Whether a folded word stands in the lists of Dutch words; names of places and peoples do not."""
    return word in COMMON_WORDS or word in _dutch() or word in TITLES


@cache
def _abroad() -> frozenset[str]:
    return _own("places") - PARTICLES


def _is_formed(word: str) -> bool:
    """A word that is formed as Dutch words are: with an ending that names do not have, or out of two known words."""
    if word in listed_names() or word in surnames():
        return False
    return bool(_ENDS_AS_WORD.fullmatch(word)) or _is_compound(word) or _is_plural(word)


def _is_plural(word: str) -> bool:
    stems = [word[: -len(end)] for end in ("en", "s", "e", "t", "n", "er", "je") if word.endswith(end)]
    return any(len(stem) > _SHORTEST_PART and stem in _dutch() for stem in stems)


def _is_compound(word: str) -> bool:
    known = _dutch()
    for at in range(_SHORTEST_PART, len(word) - _SHORTEST_HEAD + 1):
        if word[at:] in known and any(_is_part(_without(word[:at], joint)) for joint in ("", "s", "en", "e")):
            return True
    return False


def _is_part(word: str) -> bool:
    return word in _dutch() or is_known_word(word)


def _without(part: str, joint: str) -> str:
    stem = part.removesuffix(joint) if joint else part
    return stem if len(stem) >= _SHORTEST_PART else ""


def is_place(words: Iterable[str]) -> bool:
    """Whether folded words together are a place."""
    return " ".join(words) in places()


def is_surname(word: str) -> bool:
    """Whether a folded word is a listed surname and no word that joins sentences."""
    return word in surnames() and word not in COMMON_WORDS and word not in PARTICLES
