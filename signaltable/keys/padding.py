"""Padding, so that a sealed value does not tell how long it is (ISO/IEC 7816-4: a mark and zeros up to a whole block)."""


def pad(plaintext: bytes, block: int) -> bytes:
    """The bytes, made as long as a whole number of blocks."""
    return plaintext + b"\x80" + bytes(-(len(plaintext) + 1) % block)


def unpad(padded: bytes) -> bytes:
    """What `pad` padded. What was not padded comes out as something else: call it for what `pad` made alone."""
    return padded.rstrip(b"\x00")[:-1]
