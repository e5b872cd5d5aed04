"""Where the next page of a search begins, as the browser carries it: sealed, for it may be the moment of a case of others."""

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signaltable.flow.searching.terms import PURPOSE
from signaltable.keys import KeyProvider

USE: Final = "where a search goes on"
NONCE_BYTES: Final = 12
_NUMBER_BYTES: Final = 8
# So many signs has what `seal` makes.
LONGEST: Final = (NONCE_BYTES + _NUMBER_BYTES + 16) * 4 // 3


def seal(keys: KeyProvider, number: int, account: str, nonce: bytes) -> str:
    """The number of a case, for nobody to read and for this account to send back; "" for 0. `nonce`: NONCE_BYTES at random."""
    if not number:
        return ""
    sealed = AESGCM(keys.derive(PURPOSE, USE)).encrypt(nonce, number.to_bytes(_NUMBER_BYTES, "big"), account.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(keys: KeyProvider, sealed: str, account: str) -> int | None:
    """What `seal` sealed for this account, under any key that still works; 0 for "", None for what is none of ours."""
    if not sealed:
        return 0
    try:
        content = base64.urlsafe_b64decode(sealed.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error):
        return None
    for version in keys.usable(PURPOSE):
        try:
            opened = AESGCM(keys.derive(PURPOSE, USE, version)).decrypt(
                content[:NONCE_BYTES], content[NONCE_BYTES:], account.encode()
            )
        except (InvalidTag, ValueError):
            continue
        return int.from_bytes(opened, "big")
    return None
