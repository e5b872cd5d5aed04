"""Opening HPKE with no more than an ECDH: published vectors, and the library that seals, in both directions."""

import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.keys import CannotOpen
from signaltable.keys.hpke import P256_AES256, Ciphers, key_schedule, open_sealed, shared_secret

LIBRARY = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
AAD = b"Count-0"
PLAIN = b"Beauty is truth, truth beauty"

# RFC 9180 appendix A.3.1 (P-256, HKDF-SHA256, AES-128-GCM, base mode), and the same with AES-256-GCM from the file of
# vectors that the appendix was made from: github.com/cfrg/draft-irtf-cfrg-hpke, test-vectors.json.
RFC = {
    "ciphers": Ciphers(0x0010, 0x0001, 0x0001, 16),
    "private": "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
    "public": "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80"
    "e30f1d128aafd68a2ce72ea0",
    "enc": "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c"
    "9bfcb9382657222d18c4",
    "shared": "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
    "key": "868c066ef58aae6dc589b6cfdd18f97e",
    "nonce": "4e0bc5018beba4bf004cca59",
    "sealed": "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
}
CFRG = {
    "ciphers": P256_AES256,
    "private": "317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2",
    "public": "04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0f2ef99cdc3a05ccf5ded7860"
    "c7c021238f9e2073d2356c",
    "enc": "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e0b21bd31a86c6048af3cb2d98e0d3bf01da5cc4c39ff"
    "5370d331a4f1f7d5a4e0",
    "shared": "48893fecd82f7c3456af6a42d8f56325d21e08c10fa81299986aaff54cde7b49",
    "key": "ee16802a936d5f544771131900ee6973d0551de9e852ece2ef34bf0d5f9e1d1d",
    "nonce": "9bc50980832a7b4b58c40161",
    "sealed": "58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1d291742465e902cd216f8908da49f8f96f",
}


def point_of(private: EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def exchange_of(private: EllipticCurvePrivateKey):
    def exchange(point: bytes) -> bytes:
        try:
            return private.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point))
        except ValueError:
            raise CannotOpen("no point of the curve") from None

    return exchange


@pytest.mark.parametrize("vector", [RFC, CFRG], ids=["rfc9180-a31", "cfrg-aes256"])
def test_the_published_vectors_open_step_by_step(vector) -> None:
    private = derive_private_key(int(vector["private"], 16), SECP256R1())
    enc, public = bytes.fromhex(vector["enc"]), bytes.fromhex(vector["public"])
    assert point_of(private) == public
    shared = shared_secret(exchange_of(private)(enc), enc, public, vector["ciphers"])
    assert shared.hex() == vector["shared"]
    key, nonce = key_schedule(shared, INFO, vector["ciphers"])
    assert (key.hex(), nonce.hex()) == (vector["key"], vector["nonce"])
    sealed = enc + bytes.fromhex(vector["sealed"])
    how = {"exchange": exchange_of(private), "public": public, "ciphers": vector["ciphers"]}
    assert open_sealed(sealed, info=INFO, aad=AAD, **how) == PLAIN


KEY = generate_private_key(SECP256R1())
HOW = {"exchange": exchange_of(KEY), "public": point_of(KEY)}


@settings(max_examples=40)
@given(plain=st.binary(max_size=300), info=st.binary(max_size=80))
def test_what_the_library_seals_opens_here_and_what_is_sealed_by_hand_opens_there(plain: bytes, info: bytes) -> None:
    assert open_sealed(LIBRARY.encrypt(plain, KEY.public_key(), info), info=info, **HOW) == plain
    sender = generate_private_key(SECP256R1())
    shared = shared_secret(sender.exchange(ECDH(), KEY.public_key()), point_of(sender), point_of(KEY), P256_AES256)
    key, nonce = key_schedule(shared, info, P256_AES256)
    assert LIBRARY.decrypt(point_of(sender) + AESGCM(key).encrypt(nonce, plain, b""), KEY, info) == plain


@settings(max_examples=60)
@given(at=st.integers(0, 10_000), flip=st.integers(1, 255), cut=st.booleans())
def test_neither_opens_what_was_changed(at: int, flip: int, cut: bool) -> None:
    sealed = bytearray(LIBRARY.encrypt(b"identity", KEY.public_key(), b"place"))
    at %= len(sealed)
    if cut:
        del sealed[at:]
    else:
        sealed[at] ^= flip
    with pytest.raises(CannotOpen):
        open_sealed(bytes(sealed), info=b"place", **HOW)
    with pytest.raises((InvalidTag, ValueError)):
        LIBRARY.decrypt(bytes(sealed), KEY, b"place")


def test_another_key_another_place_and_noise_do_not_open() -> None:
    sealed = LIBRARY.encrypt(b"identity", KEY.public_key(), b"place")
    other = generate_private_key(SECP256R1())
    for how, info, what in (
        ({"exchange": exchange_of(other), "public": point_of(other)}, b"place", sealed),
        (HOW, b"elsewhere", sealed),
        (HOW, b"place", os.urandom(len(sealed))),
        (HOW, b"place", b""),
    ):
        with pytest.raises(CannotOpen):
            open_sealed(what, info=info, **how)
