"""Browsers in which somebody signed in before: known by a signed cookie that says nothing about who it was.

Attempts in such a browser have a count of their own, so that nobody elsewhere can lock its owner out (OWASP, "Slow Down
Online Guessing Attacks with Device Cookies"). It proves nothing: password and second factor are asked all the same.
"""

import hmac
import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from signaltable.domain import day_of
from signaltable.keys import KeyProvider, keyed_digest
from signaltable.transaction import Program

# How many people one browser can be known for, as in a room where several work at one machine.
PEOPLE: Final = 6
_ENTRY: Final = re.compile(r"([0-9a-f]{32})-(\d{6,7})-([0-9a-f]{64})")


def known(program: Program, cookie: str, account_id: str) -> str:
    """A digest of this browser when this person signed in with it before; "" when not, or too long ago, or forged."""
    if not account_id:
        return ""
    today = day_of(program.clock())
    for entry in _entries(cookie):
        if _is_of(program, entry, account_id, today):
            return keyed_digest(_key(program.keys), "counted", entry).hex()
    return ""


def remember(program: Program, cookie: str, account_id: str) -> str:
    """The cookie after this person signed in with this browser: their entry first, those of others after it."""
    today = day_of(program.clock())
    others = [one for one in _entries(cookie) if not _is_of(program, one, account_id, today)]
    made = f"{program.randomness(16).hex()}-{today.toordinal()}"
    return ".".join([f"{made}-{_mac(program.keys, made, account_id)}", *others][:PEOPLE])


def _entries(cookie: str) -> Iterator[str]:
    for part in cookie.split(".")[:PEOPLE]:
        if _ENTRY.fullmatch(part):
            yield part


def _is_of(program: Program, entry: str, account_id: str, today: date) -> bool:
    made, _, mac = entry.rpartition("-")
    age = today.toordinal() - int(made.rpartition("-")[2])
    if not 0 <= age < program.policy.coming_in.browser.days:
        return False
    versions = program.keys.usable("session")
    return any(hmac.compare_digest(mac, _mac(program.keys, made, account_id, version)) for version in versions)


def _mac(keys: KeyProvider, made: str, account_id: str, version: int | None = None) -> str:
    return keyed_digest(_key(keys, version), "known", made, account_id).hex()


def _key(keys: KeyProvider, version: int | None = None) -> bytes:
    return keys.derive("session", "browser", version)
