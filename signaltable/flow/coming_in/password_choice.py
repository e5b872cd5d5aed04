"""Whether a password may be chosen: long enough, and not one that everybody tries. No kinds of characters are asked.

What is refused comes from three places: the list that ships with `zxcvbn` (30,000 passwords by how often they were found),
the words of the context (the person, the agency, the region, the program), and a file of the operator with digests of
passwords that leaked (ASVS 6.2.1, 6.2.4, 6.2.5, 6.2.9, 6.2.11, 6.2.12).
"""

import importlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from signaltable.breached import is_breached
from signaltable.domain import UnusableInput
from signaltable.flow.coming_in import factors
from signaltable.flow.coming_in.passwords import password_matches
from signaltable.models import Account, Agency
from signaltable.transaction import Program, reading

# What is said, as codes; the page has the words. Never what stood there.
TOO_SHORT, TOO_LONG, TRIED_BY_ALL, LEAKED, THE_SAME = "too_short", "too_long", "tried_by_all", "leaked", "the_same"
# What people here think of first, besides their own name and that of the place.
_USUAL: Final = (
    "signaltable",
    "signaaltafel",
    "wachtwoord",
    "welkom",
    "geheim",
    "gemeente",
    "mensenhandel",
    "password",
)
_ROWS: Final = ("1234567890" * 4, "0987654321" * 4, "abcdefghijklmnopqrstuvwxyz" * 2, "qwertyuiopasdfghjklzxcvbnm" * 2)
_LOOKS_LIKE: Final = str.maketrans("@4031!$57", "aaoeiisst")
_WORD: Final = re.compile(r"[^\W\d_]+")
# A password with less than this beside the words that everybody knows is one of those words.
_OWN_LETTERS: Final = 4


def require_fit(program: Program, account: Account, password: str) -> None:
    """Raise `UnusableInput` (password: one of the codes above) for a password that may not be chosen."""
    rules = program.policy.coming_in.password
    with reading(program) as session:
        alone = not factors.factors_of(session, account.id)
        agency = session.get_one(Agency, account.agency_id).title
    least = rules.least_alone if alone else rules.least
    region = program.policy.region.name
    context = (account.login, account.name, agency, region.nl, region.en)
    problem = (
        (TOO_SHORT if len(password) < least else "")
        or (TOO_LONG if len(password) > rules.most else "")
        or (TRIED_BY_ALL if is_tried_by_all(password, context) else "")
        or (LEAKED if is_breached(program.settings.breached_passwords, password) else "")
        or (THE_SAME if account.password_hash and password_matches(rules, account, password) else "")
    )
    if problem:
        raise UnusableInput({"password": problem})


def least_for(program: Program, account_id: str) -> int:
    """How many characters the password of an account has at least: more as long as it is all that somebody proves."""
    rules = program.policy.coming_in.password
    with reading(program) as session:
        return rules.least if factors.factors_of(session, account_id) else rules.least_alone


def is_tried_by_all(password: str, context: Iterable[str]) -> bool:
    """Whether a password is a common one, a row of keys, a repetition, or little more than one common word or name."""
    low = password.casefold()
    if low in _common() or len(set(low)) < _OWN_LETTERS + 1 or any(low in row for row in _ROWS) or _repeats(low):
        return True
    known = {word for text in (*_USUAL, *context) for word in _WORD.findall(text.casefold()) if len(word) > 2}
    words = {word for text in (low, low.translate(_LOOKS_LIKE)) for word in (*_WORD.findall(text), _core(text))}
    if words & (known | _common()) and any(
        _is_little_more(text, words & known) for text in (low, low.translate(_LOOKS_LIKE))
    ):
        return True
    return _core(low) in _common() or _core(_core(low).translate(_LOOKS_LIKE)) in known | _common()


def _is_little_more(text: str, known: Iterable[str]) -> bool:
    for word in sorted(known, key=len, reverse=True):
        text = text.replace(word, " ")
    return sum(len(rest) for rest in _WORD.findall(text)) < _OWN_LETTERS


def _core(text: str) -> str:
    """A word without the figures and signs that people put around it."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)


def _repeats(text: str) -> bool:
    """Whether a text is a short piece, said again and again."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, min(len(text) // 2, 8) + 1))


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    # Read when the first person chooses a password: 14 MB that no other request of this process needs.
    lists = importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    return frozenset(lists["passwords"])
