"""What a mail server answered, as a code and as what to do. Pure.

The words of a server are never kept: they hold addresses, and what somebody wants us to log.
"""

import re
from dataclasses import dataclass
from typing import Final

# Problems that no server answered with.
CONNECT: Final = "connect"
TLS: Final = "tls"
LOGIN: Final = "login"
BROKEN_OFF: Final = "broken-off"
NO_ADDRESS: Final = "no-address"

# The class of an enhanced status code that is about the address or the mailbox (RFC 3463, 3.2 and 3.3).
OF_MAILBOX: Final = frozenset({"1", "2"})
_ENHANCED: Final = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?=[\s-]|$)")
STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a mail was not taken: a code, whether the address is wrong for good, and whether the server is of no use now."""

    code: str
    bounced: bool = False
    server: bool = False


def judge(code: int, words: bytes, *, at_recipient: bool) -> Problem:
    """What an answer of 400 or more means. `at_recipient`: it was given to the name of the receiver.

    The mailbox is wrong when the server says so for good: with a status of that class, or, without a status, to the name
    of the receiver. Everything else can get better, and is tried again until the tries are over.
    """
    found = _ENHANCED.match(words)
    told = found.group(0).decode() if found and int(found.group(1)) == code // 100 else ""
    permanent = 500 <= code < 600
    bounced = permanent and (told.split(".")[1] in OF_MAILBOX if told else at_recipient)
    # 421: the service closes the connection; 454 and 530 to 538: about signing in (RFC 5321, 4.2; RFC 4954, 6).
    return Problem(told or str(code), bounced=bounced, server=code == 421)
