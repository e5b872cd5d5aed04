"""Codes that people copy from a screen or from paper: random, in groups, without signs that look alike. Pure."""

import hashlib
import math
from typing import Final

# No 0 and O, no 1, I and L, no U that is read as V.
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP: Final = 4


def bytes_for(bits: int) -> int:
    """How many random bytes a code of at least so many bits is made of."""
    return math.ceil(bits / 8)


def readable(random: bytes) -> str:
    """A code that holds exactly these random bytes, in groups of four."""
    number, signs = int.from_bytes(random), []
    for _sign in range(math.ceil(len(random) * 8 / math.log2(len(ALPHABET)))):
        number, rest = divmod(number, len(ALPHABET))
        signs.append(ALPHABET[rest])
    whole = "".join(signs)
    return "-".join(whole[at : at + GROUP] for at in range(0, len(whole), GROUP))


def plain(typed: str) -> str:
    """A code as it was typed, without what people add or leave out: case, spaces, dashes."""
    return "".join(sign for sign in typed.upper() if sign.isascii() and sign.isalnum())


def digest_of(account_id: str, code: str) -> str:
    """What is kept of a code. With 112 random bits or more a fast digest is enough: nobody can try them all (ASVS 6.5.2)."""
    return hashlib.sha256(f"{account_id}|{plain(code)}".encode()).hexdigest()
