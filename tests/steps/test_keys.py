"""The key ring and sealed fields: what opens, what does not, and what the ring refuses to be."""

import base64
import json
import os
import pickle
import struct
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st

from signaltable.keys import (
    HYBRID_SUITE,
    PURPOSES,
    X25519_SUITE,
    CannotOpen,
    KeyRing,
    KeyRingError,
    derive_key,
    keyed_digest,
    new_data_key,
    open_field,
    pseudonym_key,
    seal_field,
)

KEY = new_data_key(bytes(range(32)))
OTHER_KEY = new_data_key(bytes(range(1, 33)))
NONCE = b"twelve bytes"
PLACE = {"table": "subject_fields", "row": "s-1", "column": "surname", "version": 1}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "ring.json"


@pytest.fixture
def ring(path: Path) -> KeyRing:
    ring = KeyRing.create(path)
    ring.add_agency("care-a")
    ring.add_agency("police-b")
    return ring


def rewrite(path: Path, change) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_a_new_ring_is_private_and_has_different_secrets(path: Path) -> None:
    ring = KeyRing.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len({ring.secret(purpose) for purpose in PURPOSES}) == len(PURPOSES)
    assert {len(ring.secret(purpose)) for purpose in PURPOSES} == {32}
    # Nothing of a new home uses a secret as it is.
    assert ring.derive("match", "tags") != ring.secret("match")
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []


def test_a_ring_is_never_overwritten(path: Path) -> None:
    first = KeyRing.create(path).secret("match")
    with pytest.raises(KeyRingError, match="never overwritten"):
        KeyRing.create(path)
    assert KeyRing.load(path, require_private=True).secret("match") == first


def test_a_ring_that_others_can_read_is_refused_where_that_matters(ring: KeyRing, path: Path) -> None:
    path.chmod(0o640)
    with pytest.raises(KeyRingError) as refused:
        KeyRing.load(path, require_private=True)
    assert f"chmod 600 {path}" in str(refused.value)
    assert KeyRing.load(path, require_private=False).secret("match") == ring.secret("match")


def held(document, purpose: str, agency: str = "") -> dict:
    return next(one for one in document["keys"] if (one["purpose"], one.get("agency", "")) == (purpose, agency))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["keys"].remove(held(d, "session")), "expected a secret for session"),
        (
            lambda d: held(d, "draft").update({name: held(d, "match")[name] for name in ("key", "fingerprint")}),
            "found the same in draft version 1 and match version 1",
        ),
        (
            lambda d: held(d, "agency", "care-a").update(
                {name: held(d, "agency", "police-b")[name] for name in ("key", "fingerprint")}
            ),
            "found the same in key pair of care-a version 1 and key pair of police-b version 1",
        ),
        (lambda d: held(d, "draft").update(key=held(d, "match")["key"]), "draft version 1: .*found another"),
        (lambda d: held(d, "match").update(key="c2hvcnQ="), "32 bytes, found a shorter"),
        (lambda d: held(d, "match").update(key="A" * 43 + "="), "found a shorter or empty one"),
        (lambda d: held(d, "match").update(key="not base64!"), "key in base64"),
        (lambda d: held(d, "match").pop("key"), "match version 1: .* found a shorter or empty one"),
        (lambda d: held(d, "match").update(state="retired"), "expected one active key"),
        (lambda d: d["keys"].append(held(d, "match") | {"version": 2}), "expected one active key, found 2"),
        (lambda d: d["keys"].append(held(d, "match")), "match: expected each version once"),
        (lambda d: held(d, "match").update(version=0), "version from 1"),
        (lambda d: held(d, "match").update(version=True), "version from 1"),
        (lambda d: held(d, "match").update(owner=7), "match: expected owner in words"),
        (lambda d: held(d, "match").update(created="yesterday"), "match: expected created as a day"),
        (lambda d: held(d, "match").update(note="mine"), "the fields of a key and no others"),
        (lambda d: held(d, "match").update(purpose="unknown"), "expected one of the purposes"),
        (lambda d: held(d, "match").update(agency="care-a"), "expected one of the purposes"),
        (lambda d: held(d, "agency", "care-a").update(suite="rot13"), "expected a suite"),
        (lambda d: held(d, "recipient", "care-a").update(shared=True), "expected no key material here"),
        (lambda d: d["keys"].insert(0, "no key"), "key 1: expected the fields of a key"),
        (lambda d: d.update(format="another"), "expected format"),
        (lambda d: d.pop("keys"), "a list of keys"),
        (lambda d: d.update(revision=0), "expected a revision"),
        (lambda d: d.update(place="pkcs11"), "look at SIGNALTABLE_KEY_PROVIDER"),
        # What no other check sees: somebody wrote another owner, or another day.
        (lambda d: held(d, "match").update(owner="somebody"), "a file that was changed since"),
        (lambda d: held(d, "match").update(created="2020-02-02"), "a file that was changed since"),
        (lambda d: d["keys"].remove(held(d, "recipient", "care-a")), "a file that was changed since"),
        (lambda d: d.pop("check"), "a file that was changed since"),
    ],
)
def test_a_broken_ring_is_refused_without_telling_a_key(ring: KeyRing, path: Path, change, message: str) -> None:
    keys = [one["key"] for one in json.loads(path.read_text())["keys"]]
    rewrite(path, change)
    with pytest.raises(KeyRingError, match=message) as refused:
        KeyRing.load(path, require_private=True)
    assert str(path) in str(refused.value)
    assert not any(key in str(refused.value) for key in keys)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_ring_that_was_cut_off_is_refused(ring: KeyRing, path: Path, part: float) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * part)])
    with pytest.raises(KeyRingError, match="expected JSON"):
        KeyRing.load(path, require_private=True)


def test_a_link_in_place_of_the_ring_is_refused(ring: KeyRing, path: Path, tmp_path: Path) -> None:
    elsewhere = path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(elsewhere)
    with pytest.raises(KeyRingError, match="found a link"):
        KeyRing.load(path, require_private=True)
    with pytest.raises(KeyRingError, match="found one"):
        KeyRing.create(path)
    # A link that leads nowhere does not make the program write there.
    path.unlink()
    path.symlink_to(tmp_path / "nowhere.json")
    with pytest.raises(KeyRingError):
        KeyRing.create(path)
    assert not (tmp_path / "nowhere.json").exists()


def test_what_is_no_file_or_in_a_folder_of_all_is_refused(ring: KeyRing, path: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyRingError):
        KeyRing.load(tmp_path, require_private=False)
    path.parent.chmod(0o777)
    with pytest.raises(KeyRingError, match="others can replace the key ring"):
        KeyRing.load(path, require_private=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")
def test_a_ring_of_another_user_is_refused(ring: KeyRing, path: Path) -> None:
    os.chown(path, 65534, 65534)
    with pytest.raises(KeyRingError, match="found one of another user"):
        KeyRing.load(path, require_private=True)
    # Root works in the home of another user, where everything is theirs.
    os.chown(path.parent, 65534, 65534)
    assert KeyRing.load(path, require_private=True).agency_ids == ring.agency_ids


OLD = {
    "format": "signaltable key ring 1",
    "secrets": {
        name: [{"version": 1, "state": "active", "key": base64.b64encode(bytes(range(at, at + 32))).decode()}]
        for at, name in enumerate(("match", "recipient", "session", "draft"))
    },
    "agencies": {
        agency: [
            {
                "version": 1,
                "state": "active",
                "suite": X25519_SUITE,
                "key": base64.b64encode(bytes(range(at, at + 32))).decode(),
            }
        ]
        for at, agency in enumerate(("care-a", "police-b"), 100)
    },
}


def test_a_ring_of_the_first_format_makes_what_it_made_and_is_upgraded_on_the_first_write(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text(json.dumps(OLD))
    path.chmod(0o600)
    match, recipient, session = (bytes(range(at, at + 32)) for at in range(3))

    def expect_as_before(ring: KeyRing) -> None:
        assert ring.derive("match", "tags") == match
        assert ring.derive("session", "cookies") == ring.derive("session", "login") == session
        assert pseudonym_key(ring, "care-a") == pseudonym_key(ring, "table:1") == recipient
        for use in ("rows of the database", "register of erasures"):
            assert ring.derive("rows", use) == derive_key(match, f"match/{use}")
        for purpose, use in (("match", "sketch"), ("recipient", "processing log"), ("session", "log")):
            assert ring.derive(purpose, use) == derive_key(ring.secret(purpose), f"{purpose}/{use}")
        private = X25519PrivateKey.from_private_bytes(bytes(range(100, 132)))
        head = struct.pack(">4sBI", b"stK1", 1, 1)
        info = b"".join(struct.pack(">I", len(part)) + part for part in (head, b"care-a", b"place"))
        sealed = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM).encrypt(b"text", private.public_key(), info)
        assert ring.open("care-a", head + sealed, b"place") == b"text"

    ring = KeyRing.load(path, require_private=True)
    expect_as_before(ring)
    # Adding nothing writes nothing.
    ring.add_agency("care-a")
    assert json.loads(path.read_text()) == OLD
    ring.add_agency("municipality-c", on=date(2026, 11, 22))
    assert json.loads(path.read_text())["format"] == "signaltable key ring 2"
    again = KeyRing.load(path, require_private=True)
    expect_as_before(again)
    expect_as_before(ring)
    # Who comes now has a secret of its own, and so does who gets a new version.
    assert pseudonym_key(again, "municipality-c") != recipient
    again.add_version("recipient", 1, agency_id="care-a")
    assert pseudonym_key(again, "care-a") not in {recipient, pseudonym_key(again, "police-b")}
    assert pseudonym_key(again, "care-a", 1) == recipient
    assert again.derive("match", "tags", again.add_version("match", 1)) != again.secret("match")


def test_the_shared_secret_of_old_stays_while_an_agency_uses_it(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text(json.dumps(OLD))
    ring = KeyRing.load(path, require_private=False)
    ring.add_version("recipient", 1)
    with pytest.raises(KeyRingError, match="still used by 2 agencies"):
        ring.destroy_version("recipient", 1)
    for agency in ("care-a", "police-b"):
        ring.add_version("recipient", 1, agency_id=agency)
        ring.destroy_version("recipient", 1, agency_id=agency)
    ring.destroy_version("recipient", 1)
    assert [one.state for one in ring.versions("recipient")] == ["destroyed", "active"]


def test_the_secret_of_one_agency_tells_nothing_of_anothers(ring: KeyRing) -> None:
    keys = {pseudonym_key(ring, reader) for reader in ("care-a", "police-b", "table:1")}
    assert len(keys | {ring.secret("recipient")}) == 4
    # They are drawn, not computed: nothing of one stands in another's place in the file.
    made = {one.fingerprint for one in ring.inventory()}
    assert len(made) == len(ring.inventory()) == len(PURPOSES) + 2 * 2


def test_the_inventory_tells_all_of_a_key_but_the_key(path: Path) -> None:
    ring = KeyRing.create(path, on=date(2026, 11, 1))
    ring.add_agency("care-a", on=date(2026, 11, 2))
    ring.add_version("agency", 1, agency_id="care-a", suite=HYBRID_SUITE, on=date(2026, 11, 3))
    ring.destroy_version("agency", 1, agency_id="care-a", on=date(2026, 11, 4))
    told = {(one.purpose, one.agency, one.version): one for one in KeyRing.load(path, require_private=True).inventory()}
    gone, new = told["agency", "care-a", 1], told["agency", "care-a", 2]
    assert (gone.state, gone.created, gone.retired, gone.destroyed) == (
        "destroyed",
        date(2026, 11, 2),
        date(2026, 11, 3),
        date(2026, 11, 4),
    )
    assert (new.state, new.suite, new.owner, new.destroyed) == ("active", HYBRID_SUITE, "care-a", None)
    assert told["match", "", 1].owner == "operator"
    assert gone.fingerprint != new.fingerprint
    assert not any(one["key"] in repr(told) for one in json.loads(path.read_text())["keys"] if "key" in one)


def test_the_bytes_of_a_ring_that_is_replaced_are_overwritten(path: Path) -> None:
    ring = KeyRing.create(path)
    ring.add_version("match", 1)
    with path.open("rb") as old:
        ring.destroy_version("match", 1)
        assert set(old.read()) == {0}
    # A copy that somebody keeps under another name is theirs to destroy.
    copy = path.with_name("copy.json")
    copy.hardlink_to(path)
    ring.add_agency("care-a")
    assert KeyRing.load(copy, require_private=True).agency_ids == frozenset()


def test_readers_never_see_half_a_ring(ring: KeyRing, path: Path) -> None:
    # It writes until it is told that enough was seen: a quick one would be done before anybody looked.
    code = (
        "import select, sys; from itertools import count; from pathlib import Path; from signaltable.keys import KeyRing\n"
        "ring, numbers = KeyRing.load(Path(sys.argv[1]), require_private=True), count()\n"
        "while not select.select([sys.stdin], [], [], 0)[0]:\n"
        "    ring.add_agency(f'a-{next(numbers)}')"
    )
    seen = set()
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE) as writer:
        while len(seen) < 10 and writer.poll() is None:
            seen.add(len(KeyRing.load(path, require_private=True).agency_ids))
    assert writer.returncode == 0
    assert len(seen) == 10


def test_an_agency_that_left_gets_nothing_new(ring: KeyRing) -> None:
    envelope = ring.seal("care-a", b"text", b"")
    ring.retire("agency", 1, agency_id="care-a")
    assert ring.open("care-a", envelope, b"") == b"text"
    with pytest.raises(KeyRingError, match="key pair for the agency"):
        ring.seal("care-a", b"text", b"")
    with pytest.raises(KeyRingError, match="expected a newer version"):
        ring.retire("match", 1)


def test_a_missing_or_mangled_file_is_told_by_its_name(path: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="No such file"):
        KeyRing.load(path, require_private=True)
    mangled = tmp_path / "mangled.json"
    for text in ('{"format": ', "[" * 100_000):
        mangled.write_text(text)
        mangled.chmod(0o600)
        with pytest.raises(KeyRingError, match="expected JSON"):
            KeyRing.load(mangled, require_private=True)


def test_what_is_sealed_for_an_agency_opens_for_that_agency_only(ring: KeyRing) -> None:
    envelope = ring.seal("care-a", b"identity", b"subject 1")
    assert ring.open("care-a", envelope, b"subject 1") == b"identity"
    for agency, info in (("police-b", b"subject 1"), ("care-a", b"subject 2"), ("nobody", b"subject 1")):
        with pytest.raises(CannotOpen):
            ring.open(agency, envelope, info)


def test_two_envelopes_of_the_same_content_differ(ring: KeyRing) -> None:
    assert ring.seal("care-a", b"identity", b"") != ring.seal("care-a", b"identity", b"")


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255), cut=st.booleans())
def test_a_changed_envelope_never_opens(tmp_path_factory, at: int, flip: int, cut: bool) -> None:
    ring = shared_ring(tmp_path_factory)
    envelope = bytearray(ring.seal("care-a", b"identity", b"info"))
    at %= len(envelope)
    if cut:
        del envelope[at:]
    else:
        envelope[at] ^= flip
    with pytest.raises(CannotOpen):
        ring.open("care-a", bytes(envelope), b"info")


def shared_ring(tmp_path_factory, made: list[KeyRing] = []) -> KeyRing:  # noqa: B006  one ring for all examples
    if not made:
        made.append(KeyRing.create(tmp_path_factory.mktemp("ring") / "ring.json"))
        made[0].add_agency("care-a")
    return made[0]


def test_a_ring_sees_the_agency_that_another_process_added(ring: KeyRing, path: Path) -> None:
    # Given two processes with the same ring
    other = KeyRing.load(path, require_private=True)
    # When one adds an agency and seals for it
    other.add_agency("municipality-c")
    envelope = other.seal("municipality-c", b"identity", b"")
    # Then the other opens it without a restart, and adding it again changes no key
    assert ring.open("municipality-c", envelope, b"") == b"identity"
    ring.add_agency("municipality-c")
    assert other.open("municipality-c", envelope, b"") == b"identity"


def test_two_processes_add_agencies_at_once_and_none_is_lost(ring: KeyRing, path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from signaltable.keys import KeyRing\n"
        "ring = KeyRing.load(Path(sys.argv[1]), require_private=True)\n"
        "[ring.add_agency(f'{sys.argv[2]}-{n}') for n in range(15)]"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in ("x", "y", "z")]
    assert [process.wait(300) for process in processes] == [0, 0, 0]
    assert len(KeyRing.load(path, require_private=True).agency_ids) == 2 + 45
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_unknown_agency_purpose_or_version_is_refused(ring: KeyRing) -> None:
    with pytest.raises(KeyRingError):
        ring.seal("nobody", b"x", b"")
    with pytest.raises(KeyRingError):
        ring.secret("unknown")
    with pytest.raises(KeyRingError):
        ring.secret("match", 7)
    with pytest.raises(KeyRingError):
        ring.add_agency("../ring")


def test_uses_of_one_secret_do_not_share_a_key(ring: KeyRing) -> None:
    keys = {ring.derive("session", "cookie"), ring.derive("session", "csrf"), ring.derive("draft", "cookie")}
    assert len(keys | {ring.secret("session")}) == 4
    assert derive_key(b"s" * 32, "a") != derive_key(b"t" * 32, "a")
    assert keyed_digest(b"s", "p", "ab", "c") != keyed_digest(b"s", "p", "a", "bc")
    assert keyed_digest(b"s", "p", "a") != keyed_digest(b"s", "q", "a")


def test_no_repr_or_pickle_shows_a_key(ring: KeyRing, path: Path) -> None:
    shown = repr(ring) + repr(ring._contents) + repr(vars(ring)) + repr(KEY)
    for row in json.loads(path.read_text())["keys"]:
        assert row["key"] not in shown
    assert repr(KEY.material) not in shown
    assert repr(ring.secret("match")) not in shown
    with pytest.raises(KeyRingError):
        pickle.dumps(ring)


def test_a_data_key_travels_wrapped_and_bound_to_its_subject(ring: KeyRing) -> None:
    wrapped = ring.wrap("care-a", KEY, "subject-1")
    assert ring.unwrap("care-a", wrapped, "subject-1") == KEY
    with pytest.raises(CannotOpen):
        ring.unwrap("care-a", wrapped, "subject-2")
    # A disclosure wraps the same key again for the recipient.
    again = ring.wrap("police-b", ring.unwrap("care-a", wrapped, "subject-1"), "subject-1")
    assert ring.unwrap("police-b", again, "subject-1") == KEY


@given(plaintext=st.binary(max_size=200), nonce=st.binary(min_size=12, max_size=12))
def test_a_field_opens_in_its_own_place_only(plaintext: bytes, nonce: bytes) -> None:
    sealed = seal_field(KEY, **PLACE, plaintext=plaintext, nonce=nonce)
    assert open_field(KEY, **PLACE, sealed=sealed) == plaintext
    elsewhere = ({"table": "other"}, {"row": "s-2"}, {"column": "given_name"}, {"version": 2})
    moved = [(KEY, {**PLACE, **change}) for change in elsewhere]
    # Lengths are part of the place: a letter that moves from one name to the next does not help.
    moved += [(KEY, {**PLACE, "row": "s-1s", "column": "urname"}), (OTHER_KEY, PLACE)]
    for key, place in moved:
        with pytest.raises(CannotOpen):
            open_field(key, **place, sealed=sealed)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(27), b"\x02" + bytes(60), bytes(range(80))])
def test_what_is_no_sealed_field_does_not_open(sealed: bytes) -> None:
    with pytest.raises(CannotOpen):
        open_field(KEY, **PLACE, sealed=sealed)


def test_the_length_of_a_name_does_not_show() -> None:
    lengths = {len(seal_field(KEY, **PLACE, plaintext=b"x" * size, nonce=NONCE)) for size in range(32)}
    assert len(lengths) == 1


def test_a_short_key_or_nonce_is_refused() -> None:
    with pytest.raises(KeyRingError):
        new_data_key(bytes(16))
    with pytest.raises(KeyRingError):
        seal_field(KEY, **PLACE, plaintext=b"x", nonce=bytes(8))
