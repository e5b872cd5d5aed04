"""Dates of birth: those that were typed in any notation, those that lie far back, those that a word announces."""

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Final

from signaltable.identity import MONTH_NUMBERS, date_parts, read_date
from signaltable.text.spans import HAS_DIGIT, Span

_MONTH_WORDS: Final = "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True))
_DATE: Final = re.compile(
    rf"(?<![\w-])(?:\d{{1,2}}\s?[-/. ]\s?\d{{1,2}}\s?[-/. ]\s?(?:\d{{4}}|['’]?\d{{2}})|\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}"
    rf"|\d{{1,2}}(?:e|ste|de)?[\s-](?:{_MONTH_WORDS})\.?[\s-](?:\d{{4}}|['’]?\d{{2}})"
    rf"|(?:{_MONTH_WORDS})\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}|(?:{_MONTH_WORDS})\.?[\s-]\d{{4}}|\d{{1,2}}[-/]\d{{4}})(?![\w-]\d|\d|:\d)",
    re.IGNORECASE,
)
# A day or month that nobody knows, as registers write it.
_PARTLY_KNOWN: Final = re.compile(
    r"(?<![\w-])(?:(?:00|xx)[-/.]){1,2}(?:\d{2}[-/.])?(?:19|20)\d{2}(?![\w-])", re.IGNORECASE
)
_MONTH_FIRST: Final = re.compile(r"([a-zA-Z]{3,9}\.?) (\d{1,2}) (\d{4})")
# Eight digits without a sign between them, behind a word about birth.
_BARE_DATE: Final = re.compile(r"(?<![\w.-])(?:\d{2}\d{2}(?:19|20)\d{2}|(?:19|20)\d{6})(?![\w-])")
_PERIOD_BEFORE: Final = re.compile(r"\b(?:sinds|vanaf|sedert|tussen|dienst|ingang)[\s\w]{0,12}$", re.IGNORECASE)
_YEAR: Final = re.compile(r"(?<![\w.-])(?:19|20)\d{2}(?![\w-])")
_BIRTH_BEFORE: Final = re.compile(
    r"(?:\bgeb\w{0,20}|\bborn|\bbirth\w{0,8}|\bd\.?o\.?b\.?|\bjarig|\bbouwjaar)[\s\w:.,(*]{0,20}$", re.IGNORECASE
)
_CONTEXT_SIGNS: Final = 40
# Who is born later than this is younger than a signal table usually sees; such a date needs a word that says birth.
_LATEST_PLAIN_BIRTH_YEAR: Final = 2015
# Since 2009 people may also have worked or lived somewhere "since" such a day.
_LATEST_SURE_BIRTH_YEAR: Final = 2008


def dates(text: str, typed: Sequence[str]) -> Iterator[Span]:
    """Dates of birth: typed ones in any notation, dates that lie far back, and dates after a word about birth."""
    written = list(_written_dates(text))
    yield from _of_those(text, typed, written)
    for span, iso in written:
        if _tells_birth(iso, text, span.start):
            yield span
    for found in (*_YEAR.finditer(text), *_BARE_DATE.finditer(text)):
        if _BIRTH_BEFORE.search(text, max(0, found.start() - _CONTEXT_SIGNS), found.start()):
            yield Span(found.start(), found.end(), "date")
    for found in (*_PARTLY_KNOWN.finditer(text), *_in_words().finditer(text)):
        yield Span(found.start(), found.end(), "date")


def typed_dates(text: str, typed: Sequence[str]) -> Iterator[Span]:
    return _of_those(text, typed, None)


def _of_those(text: str, typed: Sequence[str], written: Sequence[tuple[Span, str]] | None) -> Iterator[Span]:
    """`typed_dates`, with what `_written_dates` gave for whoever needed that before."""
    own = {iso for iso in map(read_date, typed) if iso}
    if not own:
        return
    yield from (span for span, iso in (_written_dates(text) if written is None else written) if iso in own)
    for iso in sorted(own):
        # Making the pattern takes far longer than looking, so it is made where there is something to find.
        pattern = _own_date(iso) if _may_hold(text, iso) else None
        for found in pattern.finditer(text) if pattern else ():
            yield Span(found.start(), found.end(), "date")


def _may_hold(text: str, iso: str) -> bool:
    """Whether a text holds what every shape of `_own_date` needs: the month in words, or the whole date in digits."""
    year, month, day = date_parts(iso)
    if not month:
        return False
    bare = (f"{day}{month}{year}", f"{year}{month}{day}", f"{day}{month}{year[2:]}") if day else ()
    return any(digits in text for digits in bare) or _month_words(int(month)).search(text) is not None


@cache
def _month_words(number: int) -> re.Pattern[str]:
    # Whole words, as in the pattern: "mar" begins names, and making a pattern for nothing takes longer than the scan.
    words = "|".join(word for word, its in MONTH_NUMBERS.items() if its == number)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


def _written_dates(text: str) -> Iterator[tuple[Span, str]]:
    if HAS_DIGIT.search(text) is None:
        return
    for found in _DATE.finditer(text):
        written = re.sub(r"(?<=\d)(?:e|ste|de|st|nd|rd|th)(?=[\s,-])|['’,]", "", found[0])
        iso = read_date(written) or read_date(_MONTH_FIRST.sub(r"\2 \1 \3", written))
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


@cache
def _in_words() -> re.Pattern[str]:
    """A day in words, a month and a year that is no longer ago than people live: "negentien maart 1998"."""
    days = "|".join(sorted({_in_dutch(day) for day in range(1, 32)} | {"eerste", "derde"}, key=len, reverse=True))
    years = r"(?:19\d{2}|200\d|201[0-5])"
    return re.compile(rf"(?<!\w)(?:{days}){_ORDINAL}\s(?:{_MONTH_WORDS})\s{years}(?!\w)", re.IGNORECASE)


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
        return not (
            int(iso[:4]) > _LATEST_SURE_BIRTH_YEAR
            and _PERIOD_BEFORE.search(text, max(0, start - _CONTEXT_SIGNS), start)
        )
    return bool(_BIRTH_BEFORE.search(text, max(0, start - _CONTEXT_SIGNS), start))
