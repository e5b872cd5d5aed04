"""Keys in a PKCS#11 token (SoftHSM): the same promises as of the ring in a file, and that nothing ever leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import AttributeSensitive

from signaltable.keys import P256_SUITE, PURPOSES, CannotOpen, KeyRing, KeyRingError, envelope_suite, new_data_key
from signaltable.keys.chosen import load_keys
from signaltable.keys.digests import commitment_message
from signaltable.keys.token import Token, read_pin
from signaltable.keys.token_ring import TokenRing
from signaltable.settings import Settings
from tests.softhsm import LABEL, PIN, token_environment


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    before = dict(os.environ)
    yield token_environment(tmp_path_factory.mktemp("softhsm"))
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def token(environment: dict[str, str]) -> Token:
    return token_like(environment)


def token_like(environment: dict[str, str], **other: str) -> Token:
    said = {**environment, **other}
    return Token(
        Path(said["SIGNALTABLE_PKCS11_MODULE"]),
        said["SIGNALTABLE_PKCS11_TOKEN"],
        Path(said["SIGNALTABLE_PKCS11_PIN_FILE"]),
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "keys" / "ring.json"


@pytest.fixture(scope="module")
def ring(path: Path, token: Token) -> TokenRing:
    """Two agencies; tests that change it put it back, or change what no other test looks at."""
    ring = TokenRing.create(path, token, on=date(2026, 11, 22))
    ring.add_agency("care-a")
    ring.add_agency("police-b")
    return ring


@pytest.fixture
def own(tmp_path: Path, token: Token) -> TokenRing:
    """A ring with one agency that the test may do with as it likes."""
    ring = TokenRing.create(tmp_path / "ring.json", token)
    ring.add_agency("care-a")
    return ring


def objects_of(ring: TokenRing, environment: dict[str, str]) -> list:
    with ring._token._at_work() as session:
        return [one for one in session.get_objects() if str(one[Attribute.LABEL]).startswith(ring._prefix)]


def test_an_agencys_envelope_opens_for_that_agency_alone(ring: TokenRing) -> None:
    envelope = ring.seal("care-a", b"identity", b"subject 1")
    assert envelope_suite(envelope) == P256_SUITE
    assert ring.open("care-a", envelope, b"subject 1") == b"identity"
    for agency, info, what in (
        ("police-b", b"subject 1", envelope),
        ("care-a", b"subject 2", envelope),
        ("nobody", b"subject 1", envelope),
        ("care-a", b"subject 1", envelope[:-1] + bytes([envelope[-1] ^ 1])),
        ("care-a", b"subject 1", envelope[:9] + b"\x04" + bytes(64) + envelope[74:]),
    ):
        with pytest.raises(CannotOpen):
            ring.open(agency, what, info)
    # A refusal of the token is no end: it works on.
    assert ring.open("care-a", envelope, b"subject 1") == b"identity"
    key = new_data_key(bytes(range(32)))
    assert ring.unwrap("care-a", ring.wrap("care-a", key, "s-1"), "s-1") == key


def test_no_key_leaves_the_token(ring: TokenRing, environment: dict[str, str], path: Path) -> None:
    held = objects_of(ring, environment)
    secret = [one for one in held if one.object_class in {ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY}]
    # The purposes, what checks the file, and of each agency a pair and a secret.
    assert len(secret) == len(PURPOSES) + 1 + 2 * 2
    for one in secret:
        assert one[Attribute.SENSITIVE] is True
        assert one[Attribute.NEVER_EXTRACTABLE] is True
        assert one[Attribute.ALWAYS_SENSITIVE] is True
        with pytest.raises(AttributeSensitive):
            one[Attribute.VALUE]
    assert not any("key" in one for one in json.loads(path.read_text())["keys"])
    assert not hasattr(ring, "secret")


def test_uses_versions_and_agencies_never_share_a_key(ring: TokenRing, path: Path, token: Token) -> None:
    made = {
        ring.derive("match", "tags"),
        ring.derive("match", "sketch"),
        ring.derive("session", "tags"),
        ring.derive("recipient", "pseudonyms"),
        ring.derive("recipient", "pseudonyms", agency_id="care-a"),
        ring.derive("recipient", "pseudonyms", agency_id="police-b"),
    }
    assert len(made) == 6
    assert {len(one) for one in made} == {32}
    again = TokenRing.load(path, token, require_private=True)
    assert again.derive("match", "tags") == ring.derive("match", "tags")
    # Two installations in one token share nothing.
    other = TokenRing.create(path.with_name("other.json"), token)
    assert other.derive("match", "tags") not in made
    # The fingerprint is made by the token of the secret, like that of a secret in a file.
    told = {(one.purpose, one.agency): one.fingerprint for one in ring.inventory()}
    label = f"{ring._prefix}/match/-/1"
    assert token.sign(label, commitment_message()).hex().startswith(told["match", ""])


def test_a_destroyed_key_is_gone_from_the_token(own: TokenRing, environment: dict[str, str]) -> None:
    old = own.seal("care-a", b"text", b"")
    tags = own.derive("match", "tags")
    assert own.add_version("agency", 1, agency_id="care-a", on=date(2026, 11, 23)) == 2
    assert own.add_version("match", 1) == 2
    assert own.open("care-a", old, b"") == b"text"
    assert own.derive("match", "tags", 1) == tags != own.derive("match", "tags")
    before = len(objects_of(own, environment))
    for purpose, agency in (("agency", "care-a"), ("match", "")):
        own.destroy_version(purpose, 1, agency_id=agency, on=date(2026, 11, 24))
        own.destroy_version(purpose, 1, agency_id=agency)
    assert before - len(objects_of(own, environment)) == 3
    with pytest.raises(CannotOpen):
        own.open("care-a", old, b"")
    with pytest.raises(KeyRingError, match="was destroyed"):
        own.derive("match", "tags", 1)
    gone = own.versions("agency", "care-a")[0]
    assert (gone.state, gone.created, gone.retired, gone.destroyed) == (
        "destroyed",
        None,
        date(2026, 11, 23),
        date(2026, 11, 24),
    )


def test_a_process_that_died_between_token_and_file_leaves_nothing_in_the_way(own: TokenRing) -> None:
    # Given a key of the next version that no file names, as after a crash
    own._token.make_secret(f"{own._prefix}/match/-/2")
    left = own._token.sign(f"{own._prefix}/match/-/2", commitment_message())
    # When the version is made after all, then it is a key of its own
    own.add_version("match", 1)
    assert not left.hex().startswith(own.versions("match")[1].fingerprint)
    # And a destruction that came no further than the token is finished by doing it again
    own._token.destroy(f"{own._prefix}/match/-/1")
    own.destroy_version("match", 1)
    assert own.versions("match")[0].state == "destroyed"


def test_a_change_of_the_file_by_hand_is_found_out(ring: TokenRing, path: Path, token: Token) -> None:
    def change(edit) -> None:
        document = json.loads(path.read_text())
        edit(document)
        path.write_text(json.dumps(document))

    original = path.read_text()
    keys = json.loads(original)["keys"]
    at = next(number for number, one in enumerate(keys) if one["purpose"] == "match")
    pair = next(number for number, one in enumerate(keys) if one["purpose"] == "agency")
    for edit, message in (
        (lambda d: d["keys"][at].update(owner="somebody"), "changed since"),
        (lambda d: d["keys"][at].update(fingerprint="0" * 32), "changed since"),
        (lambda d: d["keys"][at].update(key="A" * 44), "expected no key material"),
        # Somebody who wants to read what is sealed puts a key of his own in place.
        (lambda d: d["keys"][pair].update(public="BAAA"), "found another"),
        (lambda d: d["token"].update(prefix="another"), "expected the key"),
        (lambda d: d.pop("token"), "name of the token"),
    ):
        path.write_text(original)
        change(edit)
        with pytest.raises(KeyRingError, match=message):
            TokenRing.load(path, token, require_private=False)
    path.write_text(original)
    assert TokenRing.load(path, token, require_private=False).agency_ids == ring.agency_ids


def test_what_is_missing_or_wrong_is_said_in_one_line(
    ring: TokenRing, environment: dict[str, str], path: Path, tmp_path: Path
) -> None:
    def said(**other: str) -> str:
        with pytest.raises(KeyRingError) as refused:
            TokenRing.load(path, token_like(environment, **other), require_private=False)
        assert PIN not in str(refused.value)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    assert "expected one token 'elsewhere'" in said(SIGNALTABLE_PKCS11_TOKEN="elsewhere")
    assert "SIGNALTABLE_PKCS11_MODULE: expected a PKCS#11 module" in said(SIGNALTABLE_PKCS11_MODULE="/nowhere.so")
    assert "cannot be read (No such file" in said(SIGNALTABLE_PKCS11_PIN_FILE=str(tmp_path / "none"))
    pin = tmp_path / "pin"
    for content, mode, message in (
        ("1234", 0o644, "expected a file of mode 0600"),
        ("", 0o600, "one line with the PIN"),
        ("1234\n5678", 0o600, "one line with the PIN"),
    ):
        pin.write_text(content)
        pin.chmod(mode)
        assert message in said(SIGNALTABLE_PKCS11_PIN_FILE=str(pin))
    pin.write_text(PIN)
    (tmp_path / "link").symlink_to(pin)
    assert "cannot be read" in said(SIGNALTABLE_PKCS11_PIN_FILE=str(tmp_path / "link"))
    assert read_pin(pin) == PIN


def test_a_token_that_lost_a_key_or_was_made_anew_is_refused(own: TokenRing, token: Token) -> None:
    own._token.destroy(f"{own._prefix}/session/-/1")
    with pytest.raises(KeyRingError, match=r"expected the key .*session/-/1', found none"):
        TokenRing.load(own.path, token, require_private=True)
    own._token.make_secret(f"{own._prefix}/session/-/1")
    with pytest.raises(KeyRingError, match="session version 1 of this ring, found another"):
        TokenRing.load(own.path, token, require_private=True)


def test_a_wrong_pin_is_refused_in_a_process_of_its_own(
    ring: TokenRing, environment: dict[str, str], path: Path, tmp_path: Path
) -> None:
    # A login counts for the whole process, so only a fresh one is asked for the PIN.
    pin = tmp_path / "pin"
    pin.write_text("0000-wrong")
    pin.chmod(0o600)
    refused = in_a_process(environment, path, "print('opened')", SIGNALTABLE_PKCS11_PIN_FILE=str(pin))
    assert "does not take this PIN" in refused.stderr
    assert "0000-wrong" not in refused.stdout + refused.stderr
    assert in_a_process(environment, path, "print(ring.version('match'))").stdout == "1\n"


def in_a_process(environment: dict[str, str], path: Path, then: str, **other: str) -> subprocess.CompletedProcess:
    code = (
        "import os, sys; from pathlib import Path; from signaltable.keys.token import Token\n"
        "from signaltable.keys.token_ring import TokenRing\n"
        "said = [os.environ[f'SIGNALTABLE_PKCS11_{name}'] for name in ('MODULE', 'TOKEN', 'PIN_FILE')]\n"
        "ring = TokenRing.load(Path(sys.argv[1]), Token(Path(said[0]), said[1], Path(said[2])), require_private=True)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code + then, str(path)],
        env={**os.environ, **environment, **other},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_token_works_in_a_process_and_in_the_children_that_it_forks(
    ring: TokenRing, environment: dict[str, str], path: Path
) -> None:
    envelope = ring.seal("care-a", b"text", b"")
    then = (
        f"sealed = bytes.fromhex('{envelope.hex()}')\n"
        "again = TokenRing.load(Path(sys.argv[1]), Token(Path(said[0]), said[1], Path(said[2])), require_private=True)\n"
        "def works():\n"
        "    return ring.open('care-a', sealed, b'') == again.open('care-a', sealed, b'') == b'text'\n"
        "assert works()\n"
        "for _ in range(2):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os._exit(0 if works() and works() else 1)\n"
        "    assert works()\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "print('all')"
    )
    done = in_a_process(environment, path, then)
    assert (done.stdout, done.stderr) == ("all\n", "")


def test_a_ring_of_one_kind_is_not_taken_for_the_other(
    ring: TokenRing, path: Path, token: Token, tmp_path: Path
) -> None:
    with pytest.raises(KeyRingError, match="SIGNALTABLE_KEY_PROVIDER"):
        KeyRing.load(path, require_private=True)
    file = tmp_path / "file.json"
    KeyRing.create(file)
    with pytest.raises(KeyRingError, match="SIGNALTABLE_KEY_PROVIDER"):
        TokenRing.load(file, token, require_private=True)
    with pytest.raises(KeyRingError, match="never overwritten"):
        TokenRing.create(path, token)
    with pytest.raises(KeyRingError, match="a token makes no other"):
        ring.add_version("agency", 1, agency_id="care-a", suite="mlkem768-x25519-hkdf-sha256-aes256gcm")


def test_the_settings_name_the_token_whole(environment: dict[str, str], tmp_path: Path) -> None:
    home = {"SIGNALTABLE_HOME": str(tmp_path), "SIGNALTABLE_KEY_PROVIDER": "pkcs11", "SIGNALTABLE_PKCS11_TOKEN": LABEL}
    with pytest.raises(KeyRingError, match="SIGNALTABLE_PKCS11_MODULE, SIGNALTABLE_PKCS11_PIN_FILE, because"):
        load_keys(Settings.from_env(home))
    assert pkcs11.lib(environment["SIGNALTABLE_PKCS11_MODULE"])
