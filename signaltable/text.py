"""Words in free text that tell who it is about: found fast, shown to the submitter, masked in the table's copy.

This is the light scan: fixed patterns, what was typed in the identity fields in any spelling, and names by their place
in a sentence. It misses names that look like other words; that is why the submitter sees the result and adds to it.
Every pattern has a bound on its length, so that the time grows with the length of the text and no faster.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stdnum import iban as iban_numbers

from signaltable.identity import MONTH_NUMBERS, bsn_spans, date_parts, phone_e164, read_date
from signaltable.names import (
    COMMON_WORDS,
    GIVEN_NAMES,
    INSTITUTIONS,
    PARTICLES,
    TITLES,
    WORKPLACES,
    as_read,
    fold,
    is_known_word,
    plain,
    sounds,
    word_set,
    words_of,
)

# What stands in the table's copy instead. The order is the order of preference where finds overlap.
TOKENS: Final = {
    "bsn": "[bsn]",
    "email": "[e-mail]",
    "profile": "[profiel]",
    "iban": "[rekening]",
    "phone": "[telefoon]",
    "kvk": "[kvk-nummer]",
    "document": "[document]",
    "plate": "[kenteken]",
    "address": "[adres]",
    "date": "[datum]",
    "name": "[naam]",
    "company": "[bedrijf]",
    "protected": "[weggelaten]",
}
_PREFERENCE: Final = {kind: place for place, kind in enumerate(TOKENS)}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A piece of a text, from `start` up to but not including `end`, and what it tells: a key of TOKENS."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the text: where it stands, as written, folded, and in the form in which names are compared."""

    start: int
    end: int
    written: str
    folded: str
    compared: str

    @property
    def is_capitalised(self) -> bool:
        """A capital in front and none further on; WhatsApp and VvE are no names."""
        rest = self.written.removeprefix("Mc")[1:]
        return bool(rest) and self.written[0].isupper() and not any(sign.isupper() for sign in rest)

    @property
    def is_upper(self) -> bool:
        return self.written.isupper()


def scan(text: str, typed: Iterable[str], *, organisations: Iterable[str] = ()) -> tuple[Span, ...]:
    """What in a text can tell who it is about, in order and without overlap.

    `typed`: the values of the identity fields; each is found in other capitals, marks, separators and notations, and
    so are its parts. `organisations`: names that stay readable. Values shorter than two signs are ignored. Takes time
    in proportion to the text.
    """
    known, readable = _known(typed), tuple(organisations)
    return merged(_in_both(text, lambda reading: _scan(reading, known, readable)))


def _scan(text: str, known: Sequence[str], organisations: Iterable[str]) -> Iterator[Span]:
    words = _words(text)
    yield from _patterns(text, words)
    yield from _typed(text, words, known)
    yield from _dates(text, known)
    yield from _names(text, words, _shielded(words, organisations))


def _known(typed: Iterable[str]) -> tuple[str, ...]:
    return tuple(value for value in (as_read(one)[0].strip() for one in typed) if len(value) > 1)


def _in_both(text: str, find: Callable[[str], Iterable[Span]]) -> Iterator[Span]:
    """What is found in a text as it is stored and as a person reads it; signs that are not seen hide nothing."""
    yield from find(text)
    reading, places = as_read(text)
    if reading != text:
        yield from (Span(places[span.start], places[span.end], span.kind) for span in find(reading))


def find_typed(text: str, typed: Iterable[str]) -> tuple[Span, ...]:
    """Only where the `typed` values stand in a text, in any spelling that `scan` knows; nothing else is looked for."""
    known = _known(typed)
    return merged(
        _in_both(text, lambda reading: (*_typed(reading, _words(reading), known), *_typed_dates(reading, known)))
    )


def mask(text: str, spans: Iterable[Span]) -> str:
    """The text with a neutral token in the place of each span. Raises ValueError when spans overlap or lie outside."""
    pieces: list[str] = []
    at = 0
    for span in sorted(spans):
        if not at <= span.start <= span.end <= len(text):
            raise ValueError("expected spans that lie inside the text and do not overlap")
        pieces += [text[at : span.start], TOKENS[span.kind]]
        at = span.end
    return "".join([*pieces, text[at:]])


def contains_bsn(text: str) -> bool:
    """Whether nine digits stand in the text that pass the eleven-test of the BSN, with or without separators.

    Digits inside an account number or a web address do not count; numbers with a country code do not either.
    """
    return any(True for _ in _in_both(text, _bsns))


def merged(found: Iterable[Span]) -> tuple[Span, ...]:
    """Overlapping finds, in any order, become one, so that no part of either stays readable."""
    merged: list[Span] = []
    for span in sorted(found):
        last = merged[-1] if merged else None
        if last and span.start < last.end:
            kind = min(last.kind, span.kind, key=_PREFERENCE.__getitem__)
            merged[-1] = Span(last.start, max(last.end, span.end), kind)
        else:
            merged.append(span)
    return tuple(merged)


_WORD: Final = re.compile(r"[^\W_]+")


def _words(text: str) -> list[_Word]:
    return [_Word(found.start(), found.end(), found[0], *_forms(found[0])) for found in _WORD.finditer(text)]


@lru_cache(maxsize=8192)
def _forms(word: str) -> tuple[str, str]:
    return fold(word), plain(word)


# -- fixed patterns ------------------------------------------------------------------------------------------------

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_LINK: Final = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]{1,300}"
    r"|(?<![\w@.-])[\w-]{2,40}(?:\.[\w-]{2,40}){0,2}\.(?:nl|com|be|org|net|eu|info|io|me|ru|bg|ro|pl|de)/[^\s<>\"]{1,200}",
    re.IGNORECASE,
)
_HANDLE: Final = re.compile(r"(?<![\w@.])@[\w][\w.]{1,40}")
_IBAN_START: Final = re.compile(r"(?<![^\W_])[A-Z]{2}\s?\d{2}(?:[ .-]?[A-Z0-9]){10,30}", re.IGNORECASE)
_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24,
    "DE": 22, "DK": 18, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GE": 22, "GR": 27, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KZ": 20, "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "TN": 24, "TR": 26, "UA": 29, "XK": 20,
}  # fmt: skip
_PHONE: Final = re.compile(r"(?<![\w+])(?:\+|\(?0)\(?\d[\d\s().\-\u2010-\u2015/]{5,22}\d(?!\w)")
_PHONE_BY_CONTEXT: Final = re.compile(
    r"(?:\btel\w{0,12}|\bmobiel\w{0,8}|\bgsm|\bwhatsapp|\bbel\w{0,3})[^\d\n+(]{0,15}(?<![\d+(])([1-9][\d \-.]{5,12}\d)(?!\w)",
    re.IGNORECASE,
)
_KVK: Final = re.compile(
    r"\b(?:kvk|k\.v\.k|kamer van koophandel)[^\d\n]{0,20}(\d{2}[ .]?\d{3}[ .]?\d{3})(?!\d)", re.IGNORECASE
)
_DOCUMENT: Final = re.compile(
    r"\b(?:paspoort|id-?kaart|id-?bewijs|identiteits\w{1,8}|document|verblijfs\w{1,12}|rijbewijs|v-?nummer|visum|passport)"
    r"\w{0,8}[^\w\n]{0,3}(?:nummer|number|nr|no|met|is|heeft|van|het|de)?[^\w\n]{0,3}(?:nummer|nr|is)?[^\w\n]{0,4}"
    r"((?=[A-Z0-9]{0,8}\d)[A-Z0-9]{6,12})(?!\w)",
    re.IGNORECASE,
)
_DUTCH_DOCUMENT: Final = re.compile(r"\b(?=[A-Z0-9]{0,7}\d)[A-NP-Z]{2}[A-NP-Z0-9]{6}\d\b")
_PLATE_SHAPES: Final = (
    "LL99LL", "99LLLL", "LLLL99", "LL9999", "9999LL", "99LL99", "99LLL9", "9LLL99", "LL999L", "L999LL", "LLL99L",
    "L99LLL", "9LL999", "999LL9",
)  # fmt: skip
_PLATE: Final = re.compile(
    r"(?<![\w-])([A-Z]{1,3}|\d{1,3})([- ]?)([A-Z]{1,3}|\d{1,3})\2([A-Z]{1,3}|\d{1,3})(?![\w-])", re.IGNORECASE
)
_PLATE_BY_CONTEXT: Final = re.compile(
    r"\b(?:kenteken|nummerplaat|plate)\w{0,8}\W{1,3}(?:(?:is|met|van|het|de|was|nummer)\W{1,2}){0,2}"
    r"((?=[A-Z -]{0,8}\d)[A-Z0-9]{1,8}(?:[ -][A-Z0-9]{1,6}){0,2})(?!\w)",
    re.IGNORECASE,
)
_POSTCODE: Final = re.compile(r"(?<!\w)[1-9]\d{3}(?: ?[A-Z]{2}|[a-z]{2})(?!\w)")
_STREET_ENDS: Final = (
    "straat|str\\.|laan|plein|kade|singel|gracht|dijk|steeg|plantsoen|dreef|boulevard|weg|markt|hof|pad|ring|baan|wal|"
    "haven|brink|oord|erf|hage|hoeve|allee"
)
_STREET: Final = re.compile(
    rf"(?<!\w)((?:[A-ZÀ-Ý][\w'’.]{{1,20}} (?:(?:van|de|der|den|het|ten|ter) ){{0,2}}){{0,3}}"
    rf"(?:[A-ZÀ-Ý][\w'’-]{{0,30}})?(?:{_STREET_ENDS}|(?:{_STREET_ENDS}|Markt|Haven|Dijk|Weg|Laan|Plein|Hof|Kade)))"
    rf"(?!\w)(\s\d{{1,5}}(?:\s?-?\s?[a-zA-Z](?!\w)|\s?-\s?\d{{1,4}}|\s(?:bis|hs|[IV]{{1,3}}))?(?!\w))?",
)
_NO_STREET: Final = word_set(
    "onderweg snelweg halfweg rijksweg gerechtshof kerkhof waterpark straat weg laan plein markt hof pad ring baan haven "
    "kade dijk gracht supermarkt arbeidsmarkt rijbaan startbaan loopbaan luchthaven opvoedpad werkplein busbaan"
)
_BEFORE_STREET: Final = (COMMON_WORDS | PARTICLES) - {"oude", "nieuwe", "grote", "kleine"}
_ADDRESS_GAP: Final = re.compile(r"[\s,]{0,3}")


def _patterns(text: str, words: Sequence[_Word]) -> Iterator[Span]:
    for pattern, kind in ((_EMAIL, "email"), (_LINK, "profile"), (_HANDLE, "profile"), (_DUTCH_DOCUMENT, "document")):
        for found in pattern.finditer(text):
            end = found.start() + len(found[0].rstrip(".,;:!?)'\""))
            yield Span(found.start(), end, kind)
    for pattern, kind in (
        (_KVK, "kvk"),
        (_DOCUMENT, "document"),
        (_PHONE_BY_CONTEXT, "phone"),
        (_PLATE_BY_CONTEXT, "plate"),
    ):
        for found in pattern.finditer(text):
            yield Span(found.start(1), found.end(1), kind)
    yield from _ibans(text)
    yield from _bsns(text)
    yield from _phones(text)
    yield from _plates(text)
    yield from _addresses(text)
    yield from _workplaces(words)


def _ibans(text: str) -> Iterator[Span]:
    at = 0
    while found := _IBAN_START.search(text, at):
        end = _iban_end(found)
        if end:
            yield Span(found.start(), end, "iban")
        at = end or found.start() + 2


def _iban_end(found: re.Match[str]) -> int:
    """Where the account number ends: the words after it may look like more of it. 0 when it is none."""
    wanted = _IBAN_LENGTHS.get(found[0][:2].upper(), 0)
    signs = [at for at in range(found.start(), found.end()) if found.string[at].isalnum()]
    if not wanted or len(signs) < wanted:
        return 0
    end = signs[wanted - 1] + 1
    number = found.string[found.start() : end]
    # A Dutch number with a slip of the pen still tells whose account it is.
    dutch = re.fullmatch(r"NL\s?\d{2}\s?[A-Z]{4}(?:[ .-]?\d){10}", number, re.IGNORECASE)
    return end if dutch or iban_numbers.is_valid(number) else 0


def _bsns(text: str) -> Iterator[Span]:
    spans = bsn_spans(text)
    if not spans:
        return
    claimed = [*_ibans(text), *(Span(found.start(), found.end(), "profile") for found in _LINK.finditer(text))]
    for start, end in spans:
        if not any(claim.start <= start and end <= claim.end for claim in claimed):
            yield Span(start, end, "bsn")


def _phones(text: str) -> Iterator[Span]:
    at = 0
    while found := _PHONE.search(text, at):
        end = _phone_end(found)
        if end:
            yield Span(found.start(), end, "phone")
        at = end or found.start() + 1


def _phone_end(found: re.Match[str]) -> int:
    """Where the number ends: the longest row of groups that can be a phone number. 0 when none can."""
    international = found[0].startswith(("+", "00"))
    ends, digits = [], 0
    for group in _DIGITS.finditer(found[0]):
        digits += len(group[0])
        # With a leading zero ten digits are a number (often Dutch); with a country code the library knows.
        if digits == _NATIONAL_DIGITS if not international else digits >= _LEAST_INTERNATIONAL:
            ends.append(group.end())
    for end in reversed(ends):
        if not international or phone_e164(found[0][:end].replace("(0)", "")):
            return found.start() + end
    return 0


_DIGITS: Final = re.compile(r"\d+")
_NATIONAL_DIGITS: Final = 10
_LEAST_INTERNATIONAL: Final = 9


def _plates(text: str) -> Iterator[Span]:
    for found in _PLATE.finditer(text):
        shape = re.sub(r"[A-Z]", "L", re.sub(r"\d", "9", found[1].upper() + found[3].upper() + found[4].upper()))
        # Without dashes, small letters are words and digits: "2 en 30".
        is_postcode = not found[2] and _POSTCODE.fullmatch(found[0])
        if shape in _PLATE_SHAPES and not is_postcode and (found[2] == "-" or found[0].upper() == found[0]):
            yield Span(found.start(), found.end(), "plate")


def _addresses(text: str) -> Iterator[Span]:
    """Streets with their number, and the postcode that follows; each also alone."""
    for found in _STREET.finditer(text):
        last = fold(found[1].split()[-1])
        if found[1][:1].isupper() and (found[2] or last not in _NO_STREET):
            end = _ADDRESS_GAP.match(text, found.end())
            postcode = _POSTCODE.match(text, end.end()) if end else None
            yield Span(found.start() + _leading_known(found[1]), postcode.end() if postcode else found.end(), "address")
    for found in _POSTCODE.finditer(text):
        yield Span(found.start(), found.end(), "address")


def _leading_known(street: str) -> int:
    """How many signs of a street are words of the sentence: "In de Dorpsstraat" starts at Dorpsstraat."""
    skipped = 0
    for word in street.split()[:-1]:
        if fold(word) not in _BEFORE_STREET:
            break
        skipped += len(word) + 1
    return skipped


def _workplaces(words: Sequence[_Word]) -> Iterator[Span]:
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


def _may_name(word: _Word) -> bool:
    return (word.is_capitalised and word.folded not in COMMON_WORDS - PARTICLES) or word.written in {"De", "Het", "'t"}


# -- dates -----------------------------------------------------------------------------------------------------------

_MONTH_WORDS: Final = "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True))
_DATE: Final = re.compile(
    rf"(?<![\w-])(?:\d{{1,2}}\s?[-/. ]\s?\d{{1,2}}\s?[-/. ]\s?(?:\d{{4}}|['’]?\d{{2}})|\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}"
    rf"|\d{{1,2}}(?:e|ste|de)?[\s-](?:{_MONTH_WORDS})\.?[\s-](?:\d{{4}}|['’]?\d{{2}})"
    rf"|(?:{_MONTH_WORDS})\.?[\s-]\d{{4}}|\d{{1,2}}[-/]\d{{4}})(?![\w-]\d|\d)",
    re.IGNORECASE,
)
_YEAR: Final = re.compile(r"(?<![\w.-])(?:19|20)\d{2}(?![\w-])")
_BIRTH_BEFORE: Final = re.compile(
    r"(?:\bgeb\w{0,20}|\bborn|\bbirth\w{0,8}|\bd\.?o\.?b\.?|\bjarig|\bbouwjaar)[\s\w:.,(*]{0,20}$", re.IGNORECASE
)
_CONTEXT_SIGNS: Final = 40
# Who is born later than this is younger than a signal table usually sees; such a date needs a word that says birth.
_LATEST_PLAIN_BIRTH_YEAR: Final = 2015


def _dates(text: str, typed: Sequence[str]) -> Iterator[Span]:
    """Dates of birth: typed ones in any notation, dates that lie far back, and dates after a word about birth."""
    yield from _typed_dates(text, typed)
    for span, iso in _written_dates(text):
        if _tells_birth(iso, text, span.start):
            yield span
    for found in _YEAR.finditer(text):
        if _BIRTH_BEFORE.search(text, max(0, found.start() - _CONTEXT_SIGNS), found.start()):
            yield Span(found.start(), found.end(), "date")


def _typed_dates(text: str, typed: Sequence[str]) -> Iterator[Span]:
    own = {iso for iso in map(read_date, typed) if iso}
    yield from (span for span, iso in _written_dates(text) if iso in own)
    for pattern in filter(None, map(_own_date, sorted(own))):
        for found in pattern.finditer(text):
            yield Span(found.start(), found.end(), "date")


def _written_dates(text: str) -> Iterator[tuple[Span, str]]:
    for found in _DATE.finditer(text):
        iso = read_date(re.sub(r"(?<=\d)(?:e|ste|de)(?=[\s-])|['’]", "", found[0]))
        if iso:
            yield Span(found.start(), found.end(), "date"), iso


_SMALL_NUMBERS: Final = (
    "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien achttien "
    "negentien"
).split()
_TENS: Final = "twintig dertig veertig vijftig zestig zeventig tachtig negentig".split()
_ORDINAL: Final = r"(?:e|de|ste|st|nd|rd|th)?"


def _in_dutch(number: int) -> str:
    """A number below 100 in words, as a pattern."""
    if number < len(_SMALL_NUMBERS):
        return _SMALL_NUMBERS[number]
    tens, unit = _TENS[number // 10 - 2], number % 10
    return f"{_SMALL_NUMBERS[unit]}[eë]n{tens}" if unit else tens


@lru_cache(maxsize=256)
def _own_date(iso: str) -> re.Pattern[str] | None:
    """A typed date of birth without separators, in words, with the month in front or without its year; None for a year."""
    year, month, day = date_parts(iso)
    if not month:
        return None
    months = "|".join(word for word, number in MONTH_NUMBERS.items() if number == int(month))
    century = "negentien(?:honderd)?" if year < "2000" else "(?:tweeduizend|twintig)"
    years = rf"(?:{year}|['’]?{year[2:]}|{century}\s?(?:en\s?)?(?:{_in_dutch(int(year[2:]))})?)"
    shapes = [rf"(?:{months})\.?[\s,]{{1,2}}{years}"]
    if day:
        special = {1: "|eerste", 3: "|derde"}.get(int(day), "")
        days = rf"(?:0?{int(day)}|{_in_dutch(int(day))}{special}){_ORDINAL}"
        tail = rf"(?:[\s,]{{1,2}}(?:{years}|{_in_dutch(int(year[2:]))}))?"
        shapes = [
            f"{day}{month}{year}|{year}{month}{day}|{day}{month}{year[2:]}",
            rf"{days}\s(?:of\s)?(?:{months})\.?{tail}",
            rf"(?:{months})\.?\s{days}{tail}",
            *shapes,
        ]
    return re.compile(rf"(?<!\w)(?:{'|'.join(shapes)})(?!\w)", re.IGNORECASE)


def _tells_birth(iso: str, text: str, start: int) -> bool:
    if len(iso) == len("YYYY-MM-DD") and int(iso[:4]) <= _LATEST_PLAIN_BIRTH_YEAR:
        return True
    return bool(_BIRTH_BEFORE.search(text, max(0, start - _CONTEXT_SIGNS), start))


# -- what was typed in the form --------------------------------------------------------------------------------------

_LONGEST_GAP: Final = 3
_MOST_WORDS: Final = 8
_LEAST_DIGITS: Final = 6
_SHORTEST_BY_SOUND: Final = 4
# Shorter names stand inside too many words that tell nothing.
_SHORTEST_INSIDE: Final = 5


def _typed(text: str, words: Sequence[_Word], typed: Sequence[str]) -> Iterator[Span]:
    needles: dict[str, str] = {}
    for value in typed:
        kind = _kind_of(value)
        needles.update(dict.fromkeys(_spellings(value, kind), kind))
        if not plain(value):
            # A script that has no Latin form here, often without spaces between words.
            yield from (
                Span(hit.start(), hit.end(), kind) for hit in re.finditer(re.escape(value), text, re.IGNORECASE)
            )
    yield from _windows(words, needles)
    yield from _inside(words, needles)
    yield from _digit_hits(text, {_bare_digits(value): _kind_of(value) for value in typed})
    yield from _by_sound(words, [needle for needle, kind in needles.items() if kind == "name"])


_NO_PART_OF_NAME: Final = PARTICLES | COMMON_WORDS | TITLES | INSTITUTIONS | WORKPLACES


def _spellings(value: str, kind: str) -> Iterator[str]:
    """The value as one word, and for names and streets each telling part by itself."""
    parts = words_of(value)
    yield "".join(parts)
    if kind in {"name", "address"} and not any(sign.isdigit() for sign in value):
        yield from (part for part in parts if len(part) > 2 and part not in _NO_PART_OF_NAME)


def _kind_of(value: str) -> str:
    if re.fullmatch(r"\S+@\S+\.\S+", value):
        return "email"
    if value.startswith("@") or ("/" in value.strip("/") and "." in value):
        return "profile"
    if read_date(value):
        return "date"
    if iban_numbers.is_valid(value):
        return "iban"
    if _POSTCODE.fullmatch(value) or re.search(rf"(?:{_STREET_ENDS})\b", value, re.IGNORECASE):
        return "address"
    if not any(sign.isdigit() for sign in value):
        return "name"
    if phone_e164(value) and not re.search(r"[^\W\d_]", value):
        return "phone"
    return "plate" if _PLATE.fullmatch(value) else "document"


def _windows(words: Sequence[_Word], needles: dict[str, str]) -> Iterator[Span]:
    """Where words that stand together, joined, are a needle: Elamrani, El Amrani and EL-AMRANI alike."""
    longest = max(map(len, needles), default=0) + 1
    for place in range(len(words)):
        joined, best = "", None
        for last in range(place, min(place + _MOST_WORDS, len(words))):
            if last > place and words[last].start - words[last - 1].end > _LONGEST_GAP:
                break
            joined = (joined + words[last].compared).replace("ij", "y")
            if len(joined) > longest:
                break
            kind = needles.get(joined) or (needles.get(joined[:-1]) if joined.endswith("s") else None)
            best = Span(words[place].start, words[last].end, kind) if kind else best
        if best:
            yield best


def _inside(words: Sequence[_Word], needles: Mapping[str, str]) -> Iterator[Span]:
    """Longer words that hold a needle: Jolantaatje, jolanta96, JolantaVerzonnen. A word that everybody knows stays."""
    telling = {needle: kind for needle, kind in needles.items() if len(needle) >= _SHORTEST_INSIDE}
    for word in words if telling else ():
        kind = next((kind for needle, kind in telling.items() if needle in word.compared), None)
        if kind and not is_known_word(word.folded):
            yield Span(word.start, word.end, kind)


def _bare_digits(value: str) -> str:
    """The digits by which a number is found in any notation; a phone number without its country code."""
    phone = phone_e164(value) if not re.search(r"[^\W\d_]", value) and not read_date(value) else ""
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


def _by_sound(words: Sequence[_Word], names: Iterable[str]) -> Iterator[Span]:
    """Capitalised words that sound like a typed name: the text says Muhamed, the form Mohammed."""
    heard = {sound for name in names if len(name) >= _SHORTEST_BY_SOUND for sound in sounds(name)}
    for word in words if heard else ():
        may_be = word.is_capitalised and len(word.compared) >= _SHORTEST_BY_SOUND and not is_known_word(word.folded)
        if may_be and heard.intersection(sounds(word.compared)):
            yield Span(word.start, word.end, "name")


# -- names by their place in a sentence -------------------------------------------------------------------------------

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
_SENTENCE_END: Final = re.compile(r"[.!?:;\n\r\"“”•*–]\s*$|^\s*[-–•*]?\s*$|[\n\r]\s*[-–•*\d.)]{0,4}\s*$")


def _shielded(words: Sequence[_Word], organisations: Iterable[str]) -> frozenset[int]:
    """The starts of words that belong to the name of an organisation."""
    needles = {"".join(words_of(name)): "company" for name in organisations}
    needles.pop("", None)
    spans = list(_windows(words, needles))
    return (
        frozenset(word.start for span in spans for word in words if span.start <= word.start < span.end)
        if spans
        else frozenset()
    )


def _names(text: str, words: Sequence[_Word], shielded: frozenset[int]) -> Iterator[Span]:
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


def _run_end(text: str, words: Sequence[_Word], place: int, shielded: frozenset[int]) -> int:
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


def _starts_run(text: str, word: _Word) -> bool:
    is_initial = len(word.written) == 1 and word.is_upper and text[word.end : word.end + 1] == "."
    return word.is_capitalised or is_initial or (word.is_upper and word.folded in GIVEN_NAMES and len(word.written) > 2)


def _joins(text: str, before: _Word, after: _Word) -> bool:
    gap = text[before.end : after.start]
    return gap in {" ", "-", "'", "’", " '", " ’"} or (gap in {". ", "."} and len(before.written) == 1)


def _named_in(text: str, words: Sequence[_Word], start: int, end: int) -> Iterator[Span]:
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


def _leads(word: _Word, text: str) -> bool:
    """Whether a word in front of a run is a word of the sentence: a title, an institution, or its first word."""
    is_initial = len(word.written) == 1 and text[word.end : word.end + 1] == "."
    if is_initial or (word.folded in GIVEN_NAMES and word.folded not in COMMON_WORDS):
        return False
    if word.folded in TITLES | INSTITUTIONS | WORKPLACES | COMMON_WORDS:
        return True
    return word.folded in PARTICLES and _starts_sentence(text, word)


def _is_cued(words: Sequence[_Word], start: int) -> bool:
    """After a title, or after "heet", "genaamd", "mijn naam is", "noemt zich"."""
    before = words[start - 1].folded
    if before in TITLES or before in _CUES:
        return True
    return before in _AFTER_CUE and start > 1 and words[start - 2].folded in _CUES


def _is_name(text: str, words: Sequence[_Word], first: int, end: int) -> bool:
    run = [word for word in words[first:end] if word.folded not in PARTICLES]
    if not run:
        return False
    if any(word.folded in GIVEN_NAMES for word in run[:2]):
        return True
    unknown = [word for word in run if not is_known_word(word.folded) and word.is_capitalised]
    if not unknown or run[0] not in unknown:
        return False
    if not _starts_sentence(text, run[0]):
        return True
    if len(unknown) > 1:
        return True
    following = words[end].folded if end < len(words) else ""
    return following in _PERSON_VERBS and not run[0].folded.endswith(_NOUN_ENDS)


def _starts_sentence(text: str, word: _Word) -> bool:
    return bool(_SENTENCE_END.search(text[max(0, word.start - 12) : word.start]))


def _small_name_after_cue(words: Sequence[_Word], place: int) -> Iterator[Span]:
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
