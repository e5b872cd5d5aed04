"""The certificate of a partner's system, as the proxy tells it that ended the TLS connection (RFC 8705, RFC 9440).

A header can be written by anybody who reaches the program, so it is believed only from a proxy of our own, and only in one
piece: what a client sent of the same name the proxy has to take away (docs/machines.md).
"""

import base64
import binascii
import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from signaltable.domain import UnusableInput
from signaltable.flow.machines import certificate_digest
from signaltable.settings import Settings

# A certificate of a few kB, written in base64 and with each sign escaped.
MOST: Final = 30_000


def is_from_proxy(settings: Settings, remote: str, forwarded: Sequence[str]) -> bool:
    """Whether a request came through all the proxies of our own that there should be.

    `remote` is the address of the connection ("" for a socket of the file system, which only the own machine opens).
    """
    steps = [part for line in forwarded for part in line.split(",") if part.strip()]
    if not 0 < settings.proxies <= len(steps):
        return False
    if not remote:
        return True
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ipaddress.ip_network(one) for one in settings.proxy_networks)


def read_header(values: Sequence[str]) -> str:
    """The thumbprint of the certificate in a header; "" for none, for several, and for what is no certificate.

    Read are the byte sequence of RFC 9440 (`:base64:`), PEM with escapes (nginx), and DER in bare base64 (HAProxy, Caddy).
    """
    if len(values) != 1 or not values[0].isascii() or len(values[0]) > MOST:
        return ""
    value = values[0].strip()
    try:
        if value.startswith(":") != value.endswith(":"):
            return ""
        return certificate_digest(unquote_to_bytes(value) if value.startswith("-----BEGIN") else _der(value.strip(":")))
    except (UnusableInput, binascii.Error):
        return ""


def _der(text: str) -> bytes:
    """The bytes of a certificate in base64. Raises `binascii.Error`."""
    return base64.b64decode(text, validate=True)
