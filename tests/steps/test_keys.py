"""The key ring and sealed fields: what opens, what does not, and what the ring refuses to be."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.keys import (
    PURPOSES,
    CannotOpen,
    KeyRing,
    KeyRingError,
    derive_key,
    keyed_digest,
    new_data_key,
    open_field,
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["secrets"].pop("session"), "expected a secret for session"),
        (
            lambda d: d["secrets"].update(draft=d["secrets"]["match"]),
            "found the same in secrets.match and secrets.draft",
        ),
        (lambda d: d["agencies"]["care-a"][0].update(key=d["agencies"]["police-b"][0]["key"]), "found the same"),
        (lambda d: d["secrets"]["match"][0].update(key="c2hvcnQ="), "32 bytes, found a shorter"),
        (lambda d: d["secrets"]["match"][0].update(key="A" * 43 + "="), "found a shorter or empty one"),
        (lambda d: d["secrets"]["match"][0].update(key="not base64!"), "key in base64"),
        (lambda d: d["secrets"]["match"][0].update(state="retired"), "expected an active key"),
        (lambda d: d["secrets"]["match"][0].update(version=0), "version from 1"),
        (lambda d: d["agencies"]["care-a"][0].update(suite="rot13"), "expected a suite"),
        (lambda d: d.update(format="another"), "expected format"),
        (lambda d: d.pop("agencies"), "secrets and agencies"),
    ],
)
def test_a_broken_ring_is_refused_without_telling_a_key(ring: KeyRing, path: Path, change, message: str) -> None:
    keys = [row["key"] for row in json.loads(path.read_text())["secrets"]["match"]]
    rewrite(path, change)
    with pytest.raises(KeyRingError, match=message) as refused:
        KeyRing.load(path, require_private=True)
    assert str(path) in str(refused.value)
    assert not any(key in str(refused.value) for key in keys)


def test_a_missing_or_mangled_file_is_told_by_its_name(path: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="No such file"):
        KeyRing.load(path, require_private=True)
    mangled = tmp_path / "mangled.json"
    mangled.write_text('{"format": ')
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
    assert [process.wait(60) for process in processes] == [0, 0, 0]
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


def test_an_older_version_stays_usable_beside_the_active_one(ring: KeyRing, path: Path) -> None:
    old = ring.secret("match")
    added = {"version": 2, "state": "active", "key": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="}
    rewrite(path, lambda d: (d["secrets"]["match"][0].update(state="retired"), d["secrets"]["match"].append(added)))
    new = KeyRing.load(path, require_private=True)
    assert new.version("match") == 2
    assert new.secret("match") == b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
    assert new.secret("match", 1) == old
    assert ring.secret("match", 2) == new.secret("match")


def test_uses_of_one_secret_do_not_share_a_key(ring: KeyRing) -> None:
    keys = {ring.derive("session", "cookie"), ring.derive("session", "csrf"), ring.derive("draft", "cookie")}
    assert len(keys | {ring.secret("session")}) == 4
    assert derive_key(b"s" * 32, "a") != derive_key(b"t" * 32, "a")
    assert keyed_digest(b"s", "p", "ab", "c") != keyed_digest(b"s", "p", "a", "bc")
    assert keyed_digest(b"s", "p", "a") != keyed_digest(b"s", "q", "a")


def test_no_repr_or_pickle_shows_a_key(ring: KeyRing, path: Path) -> None:
    shown = repr(ring) + repr(ring._contents) + repr(vars(ring)) + repr(KEY)
    for row in (row for rows in json.loads(path.read_text())["secrets"].values() for row in rows):
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
