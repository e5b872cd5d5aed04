"""Numbers that belong to somebody: phones, accounts, documents, plates, companies, and the BSN."""

import re
from collections.abc import Iterator
from typing import Final

from stdnum import iban as iban_numbers

from signaltable.identity import bsn_spans, phone_e164
from signaltable.names import in_small_letters
from signaltable.text.addresses import POSTCODE
from signaltable.text.profiles import LINK
from signaltable.text.spans import HAS_DIGIT, Span

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
    r"\b(?:kvk|k\.v\.k|kamer van koophandel|handelsregister)[^\d\n]{0,30}(\d{2}[ .]?\d{3}[ .]?\d{3})(?!\d)",
    re.IGNORECASE,
)
_DOCUMENT: Final = re.compile(
    r"\b(?:paspoort|pas(?:nr|nummer)?|id(?:-?kaart|-?bewijs|-?nr|-?nummer)?|identiteits\w{1,8}|doc(?:ument)?|verblijfs\w{1,12}|rijbewijs|kaart|v-?nummer|v-?nr"
    r"|visum|passport|w-?document|dossiernummer ind)"
    r"\w{0,8}(?:[^\w\n]{1,3}(?:nummer|number|nr|no|met|is|was|had|heeft|draagt|luidt|van|haar|zijn|het|de|een|onder)(?!\w)){0,4}[^\w\n]{0,4}"
    r"((?=[A-Z0-9]{0,8}\d)[A-Z0-9]{6,12}|(?-i:[A-Z]{1,3})[ -]\d{5,9})(?!\w)",
    re.IGNORECASE,
)
# "paspoort op naam van Elena Filip nr 059384756"
_DOCUMENT_NUMBERED: Final = re.compile(
    r"\b(?:paspoort|id-?kaart|id-?bewijs|identiteits\w{1,8}|rijbewijs|verblijfs\w{1,12}|visum)\b[^.;\n\d]{1,60}?\b(?:nummer|nr|no)\b[^\w\n]{1,3}"
    r"((?=[A-Z0-9]{0,8}\d)[A-Z0-9]{6,12})(?!\w)",
    re.IGNORECASE,
)
_V_NUMBER: Final = re.compile(
    r"\bv-?\s?n(?:umme)?r\.?[^\w\n]{0,3}(?:is\s)?(\d(?:[. ]?\d){9})(?![\w.]\d|\w)", re.IGNORECASE
)
_DUTCH_DOCUMENT: Final = re.compile(r"\b(?=[A-Z0-9]{0,7}\d)[A-NP-Z]{2}[A-NP-Z0-9]{6}\d\b")
_PLATE_SHAPES: Final = (
    "LL99LL", "99LLLL", "LLLL99", "LL9999", "9999LL", "99LL99", "99LLL9", "9LLL99", "LL999L", "L999LL", "LLL99L",
    "L99LLL", "9LL999", "999LL9",
)  # fmt: skip
PLATE: Final = re.compile(
    r"(?<![\w-])([A-Z]{1,3}|\d{1,3})([- ]?)([A-Z]{1,3}|\d{1,3})\2([A-Z]{1,3}|\d{1,3})(?![\w-])", re.IGNORECASE
)
# Plates of other countries by their shape, and behind a word for a vehicle: "auto B XY 1234".
_FOREIGN_PLATE: Final = re.compile(
    r"(?<![\w-])(?:[ABCEHKMOPTXY]{1,2} ?\d{4} ?[ABCEHIKMOPTXY]{2}|[A-Z]{1,3}-[A-Z]{1,2} ?\d{1,4}|[A-Z]{1,2} \d{2,3} [A-Z]{3})(?![\w-])"
)
_PLATE_BY_VEHICLE: Final = re.compile(
    r"\b(?:[Pp]ools|[Pp]oolse|[Dd]uitse?|[Bb]ulgaarse?|[Rr]oemeense?|[Hh]ongaarse?|[Bb]elgische?|[Ll]itouwse?|[Aa]uto|[Bb]us|[Bb]usje|[Bb]estelbus|auto|bus|busje|bestelbus|wagen|voertuig|kent\.?|taxi|scooter|volkswagen|golf|bmw|audi|mercedes|opel|passat|transporter|sprinter)"
    r"[^\w\n]{1,3}(?:(?i:met|is|nr)\W{1,2})?((?=[A-Z -]{0,7}\d)(?:[A-Z]{1,3}[ -]?[A-Z]{0,3}[ -]?\d{2,5}[ -]?[A-Z]{0,3}|[A-Z]{2,3}[ -][A-Z0-9]{4,5}))(?![\w-])"
)
_ACCOUNT: Final = re.compile(
    r"\b(?:rekening|rek|bankrekening|giro)(?:nummer|nr)?\.?[^\w\n]{1,3}(?:(?:nr|nummer|is)\W{1,3})?(\d[\d.]{5,12}\d)(?![\w.]\d|\w)",
    re.IGNORECASE,
)
_PLATE_BY_CONTEXT: Final = re.compile(
    r"\b(?:kenteken|nummerplaat|plate)\w{0,8}\W{1,3}(?:(?:is|met|van|het|de|was|nummer)\W{1,2}){0,2}"
    r"((?=[A-Z -]{0,8}\d)[A-Z0-9]{1,8}(?:[ -][A-Z0-9]{1,6}){0,2})(?!\w)",
    re.IGNORECASE,
)


# Each with words of which one stands in everything that it finds, in small letters; looking for those is cheap.
_ANNOUNCED: Final = (
    (_KVK, "kvk", ("kvk", "k.v.k", "kamer van koophandel", "handelsregister")),
    (_DOCUMENT, "document", ("",)),
    (_DOCUMENT_NUMBERED, "document", ("paspoort", "kaart", "bewijs", "identiteits", "verblijfs", "visum")),
    (_V_NUMBER, "document", ("nr", "nummer")),
    (_PHONE_BY_CONTEXT, "phone", ("tel", "mobiel", "gsm", "whatsapp", "bel")),
    (_PLATE_BY_CONTEXT, "plate", ("kenteken", "nummerplaat", "plate")),
    (_PLATE_BY_VEHICLE, "plate", ("",)),
    (_ACCOUNT, "iban", ("rek", "giro")),
)


def numbers(text: str) -> Iterator[Span]:
    """Every number of these kinds."""
    if HAS_DIGIT.search(text) is None:
        return
    for pattern, kind in ((_DUTCH_DOCUMENT, "document"), (_FOREIGN_PLATE, "plate")):
        for found in pattern.finditer(text):
            yield Span(found.start(), found.end(), kind)
    small = in_small_letters(text)
    for pattern, kind, needed in _ANNOUNCED:
        for found in pattern.finditer(text) if any(word in small for word in needed) else ():
            yield Span(found.start(1), found.end(1), kind)
    yield from ibans(text)
    yield from bsns(text)
    yield from phones(text)
    yield from plates(text)


def ibans(text: str) -> Iterator[Span]:
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
    # A number with a slip of the pen still tells whose account it is.
    dutch = re.fullmatch(r"NL\s?\d{2}\s?[A-Z]{4}(?:[ .-]?\d){10}", number, re.IGNORECASE)
    shaped = number == number.upper() and re.fullmatch(r"[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?", number)
    return end if dutch or shaped or iban_numbers.is_valid(number) else 0


def bsns(text: str) -> Iterator[Span]:
    spans = bsn_spans(text)
    if not spans:
        return
    claimed = [*ibans(text), *(Span(found.start(), found.end(), "profile") for found in LINK.finditer(text))]
    for start, end in spans:
        if not any(claim.start <= start and end <= claim.end for claim in claimed):
            yield Span(start, end, "bsn")


def phones(text: str) -> Iterator[Span]:
    at = 0
    while found := _PHONE.search(text, at):
        end = _phone_end(found)
        if end:
            # "(010) 123" begins with its bracket; in "(06-123)" the bracket belongs to the sentence.
            start = found.start()
            yield Span(start + (text[start] == "(" and ")" not in text[start:end]), end, "phone")
        at = end or found.start() + 1


def _phone_end(found: re.Match[str]) -> int:
    """Where the number ends: the longest row of groups that can be a phone number. 0 when none can."""
    if _DATE_FIRST.match(found[0]):
        return 0
    international = found[0].startswith(("+", "00"))
    ends, digits = [], 0
    for group in _DIGITS.finditer(found[0]):
        digits += len(group[0])
        # With a leading zero ten digits are a number (often Dutch); with a country code the library knows.
        if digits == _NATIONAL_DIGITS if not international else digits >= _LEAST_INTERNATIONAL:
            ends.append(group.end())
    for end in reversed(ends):
        whole = len(_DIGITS.sub("", found[0][:end])) < end - _LEAST_INTERNATIONAL
        if not international or phone_e164(found[0][:end].replace("(0)", "")) or (found[0][0] == "+" and whole):
            return found.start() + end
    return 0


_DATE_FIRST: Final = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d{2}(?!\d)")
_DIGITS: Final = re.compile(r"\d+")
_NATIONAL_DIGITS: Final = 10
_LEAST_INTERNATIONAL: Final = 9


_LETTER: Final = re.compile(r"[A-Z]")
_DIGIT: Final = re.compile(r"\d")


def plates(text: str) -> Iterator[Span]:
    for found in PLATE.finditer(text):
        if HAS_DIGIT.search(found[0]) is None:  # Three short words; every shape has a digit.
            continue
        shape = _LETTER.sub("L", _DIGIT.sub("9", found[1].upper() + found[3].upper() + found[4].upper()))
        # Without dashes, small letters are words and digits: "2 en 30".
        is_postcode = not found[2] and POSTCODE.fullmatch(found[0])
        if shape in _PLATE_SHAPES and not is_postcode and (found[2] == "-" or found[0].upper() == found[0]):
            yield Span(found.start(), found.end(), "plate")
