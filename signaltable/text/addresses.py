"""Where somebody lives or works: streets with their number, and postcodes."""

import re
from collections.abc import Iterator
from typing import Final

from signaltable.names import COMMON_WORDS, PARTICLES, fold, word_set
from signaltable.text.spans import Span

POSTCODE: Final = re.compile(r"(?<!\w)[1-9]\d{3}(?: ?[A-Z]{2}|[a-z]{2})(?!\w)")
STREET_ENDS: Final = (
    "straat|str\\.|laan|plein|kade|singel|gracht|dijk|steeg|plantsoen|dreef|boulevard|weg|markt|hof|pad|ring|baan|wal|"
    "haven|brink|oord|erf|hage|hoeve|allee"
)
_STREET: Final = re.compile(
    rf"(?<!\w)((?:[A-ZÀ-Ý][\w'’.]{{1,20}} (?:(?:van|de|der|den|het|ten|ter) ){{0,2}}){{0,3}}"
    rf"(?:[A-ZÀ-Ý][\w'’-]{{0,30}})?(?:{STREET_ENDS}|(?:{STREET_ENDS}|Markt|Haven|Dijk|Weg|Laan|Plein|Hof|Kade)))"
    rf"(?!\w)(\s\d{{1,5}}(?:\s?-?\s?[a-zA-Z](?!\w)|\s?-\s?\d{{1,4}}|\s(?:bis|hs|[IV]{{1,3}}))?(?!\w))?",
)
_NO_STREET: Final = word_set(
    "onderweg snelweg halfweg rijksweg gerechtshof kerkhof waterpark straat weg laan plein markt hof pad ring baan haven "
    "kade dijk gracht supermarkt arbeidsmarkt rijbaan startbaan loopbaan luchthaven opvoedpad werkplein busbaan"
)
_BEFORE_STREET: Final = (COMMON_WORDS | PARTICLES) - {"oude", "nieuwe", "grote", "kleine"}
_ADDRESS_GAP: Final = re.compile(r"[\s,]{0,3}")


def addresses(text: str) -> Iterator[Span]:
    """Streets with their number, and the postcode that follows; each also alone."""
    for found in _STREET.finditer(text):
        last = fold(found[1].split()[-1])
        if found[1][:1].isupper() and (found[2] or last not in _NO_STREET):
            end = _ADDRESS_GAP.match(text, found.end())
            postcode = POSTCODE.match(text, end.end()) if end else None
            yield Span(found.start() + _leading_known(found[1]), postcode.end() if postcode else found.end(), "address")
    for found in POSTCODE.finditer(text):
        yield Span(found.start(), found.end(), "address")


def _leading_known(street: str) -> int:
    """How many signs of a street are words of the sentence: "In de Dorpsstraat" starts at Dorpsstraat."""
    skipped = 0
    for word in street.split()[:-1]:
        if fold(word) not in _BEFORE_STREET:
            break
        skipped += len(word) + 1
    return skipped
