"""Passkeys: what a browser is asked, and every answer that proves nothing."""

import json

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from signaltable.passkeys import (
    LARGEST_ANSWER,
    Known,
    Site,
    UnusablePasskey,
    ask_to_make,
    ask_to_prove,
    read_claim,
    read_made,
    read_proof,
    site_of,
    went_back,
)
from tests.authenticator import Device, cose_key

SITE = Site("tafel.example", "https://tafel.example")
CHALLENGE, HANDLE = bytes(range(32)), bytes(range(100, 132))
OTHER = bytes_to_base64url(bytes(32))


def making(own=()):
    return ask_to_make(
        SITE, challenge=CHALLENGE, handle=HANDLE, login="sam", name="Sam", own=own, minutes=5, title="Tafel"
    )


def proving():
    return ask_to_prove(SITE, challenge=CHALLENGE, known=(), minutes=5)


def device(**options):
    return Device(SITE.origin, **options)


@pytest.fixture(scope="module")
def rsa_keys():
    return {size: rsa.generate_private_key(65537, size) for size in (1024, 2048)}


@pytest.mark.parametrize(
    ("address", "demo", "host", "site"),
    [
        ("https://tafel.example/", False, "10.0.0.4:8000", ("tafel.example", "https://tafel.example")),
        ("https://Tafel.Example:443/x", False, "", ("tafel.example", "https://tafel.example")),
        ("https://tafel.example:8443/", False, "", ("tafel.example", "https://tafel.example:8443")),
        ("https://tafel.example./", False, "", ("tafel.example", "https://tafel.example")),
        ("https://mensenhandel-café.example/", False, "", ("xn--mensenhandel-caf-qqb.example",) * 2),
        ("http://localhost:8000/", False, "localhost:9", ("localhost", "http://localhost:8000")),
        # A demo runs at whichever port somebody chose, and is found under both names of the own machine.
        ("http://127.0.0.1:8000/", True, "localhost:8031", ("localhost", "http://localhost:8031")),
        ("http://127.0.0.1:8000/", True, "127.0.0.1:8031", ("localhost", "http://localhost:8031")),
        ("http://127.0.0.1:8000/", True, "[::1]:8031", ("localhost", "http://localhost:8031")),
        ("http://127.0.0.1:8000/", True, "elders.example:8031", ("localhost", "http://localhost:8000")),
        ("http://127.0.0.1:8000/", True, "local]host", ("localhost", "http://localhost:8000")),
        ("http://127.0.0.1:8000/", True, "localhost:x", ("localhost", "http://localhost:8000")),
        ("http://127.0.0.1:8000/", False, "localhost:8000", None),
        ("https://10.1.2.3/", False, "", None),
        ("https://[fe80::1]/", True, "", None),
        ("http://tafel.example/", True, "tafel.example", None),
        ("ftp://tafel.example/", True, "", None),
        ("https:///", True, "", None),
    ],
)
def test_passkeys_are_for_one_domain_and_one_address(address, demo, host, site):
    found = site_of(address, demo=demo, host=host)
    expected = site and Site(site[0], site[1] if "//" in site[1] else f"https://{site[1]}")
    assert found == expected


def test_a_browser_is_asked_for_a_verified_owner_and_no_attestation():
    asked = making([Known("AQID", ("internal", "hybrid"))])
    assert asked["rp"] == {"name": "Tafel", "id": "tafel.example"}
    assert base64url_to_bytes(asked["user"]["id"]) == HANDLE
    assert base64url_to_bytes(asked["challenge"]) == CHALLENGE
    assert asked["authenticatorSelection"] == {
        "residentKey": "preferred",
        "requireResidentKey": False,
        "userVerification": "required",
    }
    assert asked["attestation"] == "none"
    assert [one["alg"] for one in asked["pubKeyCredParams"]] == [-7, -8, -257]
    assert asked["excludeCredentials"] == [{"type": "public-key", "id": "AQID", "transports": ["internal", "hybrid"]}]
    assert asked["timeout"] == 300_000


def test_who_says_not_who_they_are_is_offered_every_passkey():
    assert proving()["allowCredentials"] == []
    assert proving()["userVerification"] == "required"
    known = ask_to_prove(SITE, challenge=CHALLENGE, known=[Known("AQID")], minutes=5)
    assert known["allowCredentials"] == [{"type": "public-key", "id": "AQID"}]


@pytest.mark.parametrize("kind", ["ES256", "EdDSA", "RS256"])
def test_a_passkey_is_made_and_proves_itself(kind, rsa_keys):
    """ASVS 6.7.1: the key that is kept is the public one that the device made."""
    key = {"ES256": None, "EdDSA": ed25519.Ed25519PrivateKey.generate(), "RS256": rsa_keys[2048]}[kind]
    owner = device()
    made = read_made(owner.make(making(), key), SITE, CHALLENGE)
    assert made.transports == ("hybrid", "internal")
    assert (made.sign_count, made.backed_up) == (1, True)
    assert made.public_key == cose_key(owner.kept[0].key)
    answer = owner.prove(proving())
    assert read_claim(answer).credential_id == made.credential_id
    assert read_claim(answer).handle == HANDLE
    assert read_proof(answer, SITE, CHALLENGE, made.public_key).sign_count == 2


@pytest.mark.parametrize(
    "twist",
    [
        {"challenge": OTHER},
        {"origin": "https://tafel.example.evil.example"},
        {"origin": "http://tafel.example"},
        {"origin": "https://tafel.example:8443"},
        {"rp_id": "example"},
        {"verified": False},
        {"present": 0},
        {"crossOrigin": True},
        {"kind": "webauthn.get"},
        {"flags": 16},  # Backed up, which a passkey of one device cannot be.
        {"format": "tpm"},
        {"format": ["none"]},
        {"statement": {"sig": b"x"}},
        {"id": bytes(1024)},
        {"id": b""},
        {"cose": b"\xa0"},
        {"cose": b"\x04" + bytes(64)},
    ],
)
def test_a_passkey_made_elsewhere_or_otherwise_is_refused(twist):
    """ASVS 6.7.2: only the challenge of this session counts."""
    with pytest.raises(UnusablePasskey):
        read_made(device().make(making(), **twist), SITE, CHALLENGE)


def test_keys_that_were_not_asked_for_are_refused(rsa_keys):
    wide, small = ec.generate_private_key(ec.SECP384R1()), rsa_keys[1024]
    numbers = rsa_keys[2048].public_key().public_numbers()
    slow = {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: b"\x01" + bytes(32) + b"\x01"}
    long = {1: 3, 3: -257, -1: b"\xff" * 2048, -2: b"\x01\x00\x01"}
    for key, cose in (
        (wide, cose_key(wide, curve=2)),
        (small, cose_key(small)),
        (None, cbor2.dumps(slow)),
        (None, cbor2.dumps(long)),
        (None, cose_key(ec.generate_private_key(ec.SECP256R1()), algorithm=-36)),
    ):
        with pytest.raises(UnusablePasskey):
            read_made(device().make(making(), key, cose=cose), SITE, CHALLENGE)


@pytest.mark.parametrize(
    "twist",
    [
        {"challenge": OTHER},
        {"origin": "https://elders.example"},
        {"rp_id": "elders.example"},
        {"verified": False},
        {"present": 0},
        {"crossOrigin": True},
        {"kind": "webauthn.create"},
        {"signature": b""},
        {"signature": b"0" * 70},
        {"key": ec.generate_private_key(ec.SECP256R1())},
    ],
)
def test_an_answer_that_proves_nothing_is_refused(twist):
    owner = device()
    made = read_made(owner.make(making()), SITE, CHALLENGE)
    with pytest.raises(UnusablePasskey):
        read_proof(owner.prove(proving(), **twist), SITE, CHALLENGE, made.public_key)


def test_a_changed_count_breaks_the_signature():
    """Whoever has no key cannot make the count of somebody else go back."""
    owner = device()
    made = read_made(owner.make(making()), SITE, CHALLENGE)
    answer = json.loads(owner.prove(proving(), count=9))
    said = bytearray(base64url_to_bytes(answer["response"]["authenticatorData"]))
    said[36] = 1
    answer["response"]["authenticatorData"] = bytes_to_base64url(bytes(said))
    with pytest.raises(UnusablePasskey):
        read_proof(json.dumps(answer), SITE, CHALLENGE, made.public_key)


@pytest.mark.parametrize(
    ("before", "now", "back"), [(0, 0, False), (0, 1, False), (4, 5, False), (4, 4, True), (4, 0, True)]
)
def test_a_count_has_to_rise_unless_the_device_counts_nothing(before, now, back):
    assert went_back(before, now) is back


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "[" * 20_000, '{"a":' * 4_000, "9" * 5_000, "\ud800", "{" * LARGEST_ANSWER * 2]
)
def test_what_is_no_answer_is_refused(text):
    """ASVS 2.2.1: what comes from a browser is checked for shape and size before anything looks into it."""
    for read in (
        read_claim,
        lambda one: read_made(one, SITE, CHALLENGE),
        lambda one: read_proof(one, SITE, CHALLENGE, b"x"),
    ):
        with pytest.raises(UnusablePasskey):
            read(text)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("AQID") | st.just("public-key"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def honest():
    owner = device()
    made = owner.make(making())
    return made, owner.prove(proving()), cose_key(owner.kept[0].key)


@given(st.data())
def test_any_part_may_be_anything(honest, data):
    """Every part of an honest answer in turn becomes something else: it is refused, and nothing else happens."""
    made, proved, key = honest
    for text, read in (
        (made, lambda one: read_made(one, SITE, CHALLENGE)),
        (proved, lambda one: read_proof(one, SITE, CHALLENGE, key)),
    ):
        answer = json.loads(text)
        inside = data.draw(st.booleans())
        needed = ("clientDataJSON", "authenticatorData", "attestationObject", "signature")
        part = answer["response"] if inside else answer
        name = data.draw(
            st.sampled_from([one for one in (needed if inside else ("id", "rawId", "type", "response")) if one in part])
        )
        odd = data.draw(ODD)
        if odd != part[name]:
            part[name] = odd
            with pytest.raises(UnusablePasskey):
                read(json.dumps(answer))


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_bit_may_be_turned(honest, place, bit):
    """One turned bit in what the device signed, or in its signature: no proof."""
    _made, proved, key = honest
    answer = json.loads(proved)
    name = ("clientDataJSON", "authenticatorData", "signature")[place % 3]
    told = bytearray(base64url_to_bytes(answer["response"][name]))
    told[place % len(told)] ^= 1 << bit
    answer["response"][name] = bytes_to_base64url(bytes(told))
    with pytest.raises(UnusablePasskey):
        read_proof(json.dumps(answer), SITE, CHALLENGE, key)
