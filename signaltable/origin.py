"""Where a request came from, told so that the log can say "the same session, the same network" and nothing else."""

import ipaddress
from collections.abc import Sequence

from signaltable.keys import KeyProvider, keyed_digest

# Half of a SHA-256 in hex: 128 bits tell any two apart, and each stands in every entry of a request.
DIGEST_CHARACTERS = 32
# Whoever uses an address shares these many bits of it with the rest of the house or the home network (RFC 6177).
_NETWORK_BITS = {4: 24, 6: 64}


def client_address(remote: str, forwarded: Sequence[str], proxies: int) -> str:
    """The address of whoever asks, behind `proxies` proxies of our own (0: nobody stands in between).

    Each proxy adds the address that it saw at the end of X-Forwarded-For, so only the last `proxies` of them were written
    by one of ours; what stands before those may be invented. Fewer than expected: the address of the connection counts.
    """
    seen = [part.strip() for line in forwarded for part in line.split(",")]
    return seen[-proxies] if 0 < proxies <= len(seen) else remote


def network_of(address: str) -> str:
    """The /24 (IPv4) or /64 (IPv6) that an address lies in; "" for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return str(ipaddress.ip_network((found, _NETWORK_BITS[found.version]), strict=False))


def network_hash(keys: KeyProvider, address: str) -> str:
    """A keyed digest of the network of an address, since the 16 million /24s could all be tried; "" for no address."""
    network = network_of(address)
    return _digest(keys, "network", network) if network else ""


def session_hash(keys: KeyProvider, token_digest: str) -> str:
    """A keyed digest of what the database knows a session by: who reads the log cannot find the session, nor use it."""
    return _digest(keys, "session", token_digest)


def account_hash(keys: KeyProvider, login: str) -> str:
    """A keyed digest of a login name that was typed and that nobody has; people type passwords into that field."""
    return _digest(keys, "login", login.strip().lower())


def _digest(keys: KeyProvider, use: str, value: str) -> str:
    return keyed_digest(keys.derive("session", "log"), use, value).hex()[:DIGEST_CHARACTERS]
