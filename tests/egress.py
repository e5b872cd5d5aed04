"""The tests reach this machine and nothing else: a connection to elsewhere, or a name that is looked up, fails the test.

Python itself says when a socket connects (PEP 578), so this holds for every library, and for what the program does in any
test: a demo day, a walk over all pages, all jobs.
"""

import ipaddress
import sys
from typing import Any

# Only what leaves: an address is connected or sent to, a name is asked of a server of names.
CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
ASKING_NAMES = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
HERE = frozenset({"", "localhost", "ip6-localhost"})


class Egress(AssertionError):
    """Something wanted to reach another machine."""


def is_here(host: Any) -> bool:
    """Whether an address is of this machine; a name that would have to be looked up elsewhere is not."""
    text = (host.decode() if isinstance(host, bytes) else str(host or "")).partition("%")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        # `.localhost` and `.invalid` never leave the machine (RFC 6761).
        return text.lower() in HERE or text.lower().endswith((".localhost", ".invalid"))
    return found.is_loopback or found.is_unspecified


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in CONNECTING:
        address = arguments[1]
        if isinstance(address, tuple) and not is_here(address[0]):
            raise Egress(f"expected no connection to another machine, found one by {event}")
    elif event in ASKING_NAMES and not is_here(arguments[0]):
        raise Egress(f"expected no name to be looked up, found one by {event}")


def stay_here() -> None:
    """Watch from now on; a hook of this kind cannot be taken away again."""
    sys.addaudithook(_watch)
