"""How names are written, and which capitalised words are no names.

The spelling of one name differs by clerk, language and script. Two forms come out of here: `plain` (the letters that
were written, without marks) and `sounds` (a consonant skeleton that most spellings of one name share). The tables are
facts about languages; what the program does with them stands in pseudonymise.py and text.py.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Letters that Unicode does not take apart (NFKD), and scripts that partners meet. Arabic is written without most
# vowels; the skeleton of consonants is what counts.
_LETTERS: Final = {
    "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ŋ": "ng", "ħ": "h",
    "ə": "a",
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "ye", "ж": "zh", "з": "z", "и": "i",
    "і": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u",
    "ф": "f", "х": "kh", "ц": "ts", "ч": "tsh", "ш": "sh", "щ": "sh", "ъ": "a", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya",
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
    "ا": "a", "ب": "b", "ت": "t", "ث": "th", "ج": "j", "ح": "h", "خ": "kh", "د": "d", "ذ": "d", "ر": "r", "ز": "z",
    "س": "s", "ش": "sh", "ص": "s", "ض": "d", "ط": "t", "ظ": "z", "ع": "a", "غ": "gh", "ف": "f", "ق": "q", "ك": "k",
    "ل": "l", "م": "m", "ن": "n", "ه": "h", "و": "w", "ي": "y", "ى": "a", "ة": "a", "ء": "", "پ": "p", "چ": "tsh",
    "گ": "g", "ک": "k", "ی": "y",
}  # fmt: skip
_TRANSLATION: Final = str.maketrans(_LETTERS)

PARTICLES: Final = frozenset(
    "van de der den het t ter ten te in op aan bij s d uit voor onder tot v vd la le les du des von zu zum zur di da "
    "do dos das del della dello degli el al ul ibn bin ben bint abu ould ait o mac mc y e i".split()
)
# Written as one word by some and as two by others; what follows is the name (Elamrani, El Amrani).
_GLUED: Final = ("vander", "vanden", "vande", "van", "de", "el", "al", "ben", "bin", "ait")
_SHORTEST_AFTER_GLUE: Final = 4

_VOWELS: Final = frozenset("aeiou")


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Lower-case ASCII with everything else as it came: marks gone, ligatures and other scripts written out."""
    if text.isascii():
        return text.lower()
    lowered = unicodedata.normalize("NFKD", text.replace("İ", "I").lower())
    bare = "".join(letter for letter in lowered if not unicodedata.combining(letter))
    return bare.translate(_TRANSLATION)


def plain(text: str) -> str:
    """Only the letters a-z and digits of a text, with ij written as y: Wijk and Wyk become the same."""
    return re.sub(r"[^a-z0-9]", "", fold(text)).replace("ij", "y")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name in plain form; hyphens, dots, spaces and apostrophes separate."""
    return tuple(word for word in (plain(part) for part in re.split(r"[^\w]+|_", fold(text))) if word)


def name_parts(text: str) -> tuple[str, ...]:
    """The parts that can stand for a name, longest information first and each once, in plain form.

    "El Amrani-de Boer" gives amrani, boer and elamrani-like joined forms: people leave out, swap and glue parts. A name
    that consists of particles only (Le, Do) keeps them.
    """
    words = words_of(text)
    own = [word for word in words if word not in PARTICLES and len(word) > 1] or [w for w in words if len(w) > 1]
    unglued = [
        word[len(glue) :]
        for word in own
        for glue in _GLUED
        if word.startswith(glue) and len(word) - len(glue) >= _SHORTEST_AFTER_GLUE
    ]
    joined = ["".join(words)] if 1 < len(words) <= 4 else []
    return tuple(dict.fromkeys([*own, *unglued, *joined]))


# Spelling -> sound, applied in this order to plain lower-case letters. Capitals are finished sounds.
_RULES: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"(.)\1+", r"\1"),
        (r"^[jy]e", "e"),  # Yelena, Jelena, Elena
        (r"^ng", "n"),  # Nguyen
        (r"^ou(?=[aeiouy])", "F"),  # Ouarda, Warda
        (r"(?<=[oae]u)w", ""),  # Bouwman, Bouman
        (r"sch|tsj|tsh|tch|dsch", "S"),
        (r"dzh|dzj|dj|zj(?=a)", "J"),
        (r"sh|sj|sz|cz|zh|tz|ts", "S"),
        (r"ph", "F"),
        (r"gh|kh|ck|cq|qu|q", "K"),
        (r"(?<=.)x|^x(?=.)", "KS"),
        (r"c(?=[eiyv])", "S"),
        (r"th|dt|[dt]", "T"),
        (r"[ckg]", "K"),
        (r"[fvw]", "F"),
        (r"[sz]", "S"),
        (r"b$", "P"),
        (r"^h(?=[aeiouy])|(?<=[aeiouy])h(?=[aeiouy])", "K"),  # Halid and Khalid; Mohammed and Mochamed
        (r"h", ""),
        (r"^[jyi](?=[aeiou])", "J"),  # Yulia, Julia, Iulia
        (r"^[aeiouy]", "A"),
    )
)
_SHORTEST_SOUND: Final = 2


def sounds(word: str) -> tuple[str, ...]:
    """One or two consonant skeletons of a word in plain form; spellings of one name share at least one.

    Two, because "ch" is a k or an s, by language (Rachid, Achmed). Vowels and y count only in front. A word of which
    fewer than two sounds remain stands for itself, or it would fall together with too many others.
    """
    if "ch" not in word:
        return (_skeleton(word),)
    before_consonant = re.sub(r"(?<=[aeiou])ch(?=[mtdny])", "", word)  # Achmed, Ahmed; Yachya, Yahya
    variants = (before_consonant.replace("ch", "k"), word.replace("sch", "ch").replace("ch", "sh"))
    return tuple(dict.fromkeys(_skeleton(variant) for variant in variants))


@lru_cache(maxsize=8192)
def _skeleton(word: str) -> str:
    sound = word
    for pattern, by in _RULES:
        sound = pattern.sub(by, sound)
    skeleton = _without_vowels(sound)
    return skeleton if len(skeleton) >= _SHORTEST_SOUND else word


def _without_vowels(sound: str) -> str:
    """Drop vowels, and y and j except in front; equal sounds that stood together become one, others stay two."""
    kept: list[str] = []
    apart = True
    for position, letter in enumerate(sound):
        if letter in _VOWELS or letter in "yj" or (letter == "J" and position > 0):
            apart = True
            continue
        upper = letter.upper()
        if apart or not kept or kept[-1] != upper:
            kept.append(upper)
        apart = False
    return "".join(kept)
