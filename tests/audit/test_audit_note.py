"""Signed notes, keys and checkpoints: known constants, and what must be refused."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_samples import KEY, ORIGIN, SIGNER, STRANGER

from audit import checkpoint
from audit.checkpoint import Checkpoint
from audit.errors import BadCheckpoint, BadKey, BadNote
from audit.note import ED25519, ML_DSA_44, Signer, Verifier, open_text, sign_text

# Constants of golang/mod sumdb/note/note_test.go, so that our notes and keys are read by other programs and theirs by us.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)


def test_rfc_8032_first_vector() -> None:
    signer = Signer("x", bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert signer.verifier().public_bytes.hex() == public
    assert signer.sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b"
    )


def test_known_key_and_signature_are_reproduced() -> None:
    signer = Signer.from_text(PETER_PRIVATE)
    assert signer.verifier().to_text() == PETER
    assert signer.to_text() == PETER_PRIVATE
    assert sign_text(TEXT, signer) == f"{TEXT}\n{PETER_LINE}"


def test_which_keys_signed() -> None:
    peter, enoch = Verifier.from_text(PETER), Verifier.from_text(ENOCH)
    note = f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}"
    assert open_text(note, [peter]) == (TEXT, (peter,))
    assert open_text(note, [enoch, peter]) == (TEXT, (peter, enoch))
    with pytest.raises(BadNote, match="known key, found none"):
        open_text(note, [])


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(TEXT, id="no signature"),
        pytest.param(f"{TEXT}\n", id="no signature after the blank line"),
        pytest.param(f"{TEXT}\n{PETER_LINE[:-1]}", id="no newline at the end"),
        pytest.param(f"\x01{TEXT}\n{PETER_LINE}", id="control character"),
        pytest.param(f"\r{TEXT}\n{PETER_LINE}", id="carriage return"),
        pytest.param(f"\udcff{TEXT}\n{PETER_LINE}", id="not Unicode"),
        pytest.param(f"{TEXT}\n{PETER_LINE}".replace("PeterN", "Peter N"), id="space in the name"),
        pytest.param(f"{TEXT}\n{PETER_LINE}".replace("PeterN", "Peter\u2003N"), id="wide space in the name"),
        pytest.param(f"{TEXT}\n{PETER_LINE}".replace("PeterN", "Peter+N"), id="plus in the name"),
        pytest.param(f"{TEXT}\n{PETER_LINE}Unexpected line.\n", id="another line"),
        pytest.param(f"{TEXT}\n{PETER_LINE}".replace("—", "-"), id="hyphen for dash"),
        pytest.param(f"{TEXT}\n{PETER_LINE[:60]}ABCD{PETER_LINE[60:]}", id="longer signature"),
        pytest.param(f"{TEXT}\n{PETER_LINE}".replace("JnAM=", "JnAN="), id="loose bits in base64"),
        pytest.param(f"{TEXT}\n— PeterNeumann x08gow==\n", id="key id without signature"),
        pytest.param(f"{TEXT}\n" + 101 * PETER_LINE, id="101 signatures"),
        pytest.param(f"{TEXT}\n{PETER_LINE}".replace("answer", "anſwer"), id="other text"),
        pytest.param(f"{TEXT}\n{ENOCH_LINE}", id="signed by an unknown key only"),
        pytest.param(f"{TEXT}\n{PETER_LINE}".replace("PeterNeumann", "CarmenSandiego"), id="same id, other name"),
        pytest.param(f"{TEXT}\n{PETER_LINE}".replace("x08g", "xxxx"), id="same name, other id"),
        pytest.param("\n\n" + PETER_LINE, id="no text"),
        pytest.param("", id="nothing"),
        pytest.param("x" * 1_000_001, id="very long"),
    ],
)
def test_a_note_that_must_be_refused(note: str) -> None:
    with pytest.raises(BadNote):
        open_text(note, [Verifier.from_text(PETER)])


def test_a_hundred_signatures_are_allowed() -> None:
    assert open_text(f"{TEXT}\n" + 100 * PETER_LINE, [Verifier.from_text(PETER)])[0] == TEXT


def test_a_text_with_empty_lines_is_split_at_the_last() -> None:
    text = "one\n\ntwo\n"
    assert open_text(sign_text(text, SIGNER), [SIGNER.verifier()])[0] == text


def test_every_mangled_public_key_is_refused() -> None:
    parts = {PETER[begin:end] for begin in range(len(PETER)) for end in range(begin, len(PETER) + 1)} - {PETER}
    risen = {PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :] for at in range(len(PETER))}
    others = {PETER + "\n", " " + PETER, PETER.replace("c74f20a3", "C74F20A3")}
    for text in parts | risen | others:
        with pytest.raises(BadKey):
            Verifier.from_text(text)


def test_every_mangled_private_key_is_refused() -> None:
    for at in range(len(PETER_PRIVATE)):
        for text in (PETER_PRIVATE[:at], PETER_PRIVATE[:at] + "!" + PETER_PRIVATE[at + 1 :]):
            with pytest.raises(BadKey):
                Signer.from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
    ids=["wrong length with its own id", "unknown algorithm with its own id"],
)
def test_a_key_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        Verifier.from_text(text)


def test_a_new_key_works_and_never_shows_itself() -> None:
    signer = Signer.generate("log.example/one")
    assert Signer.from_text(signer.to_text()) == signer
    assert Verifier.from_text(signer.verifier().to_text()) == signer.verifier()
    assert signer.seed.hex() not in repr(signer)
    assert repr(signer.seed) not in repr(signer)
    assert Signer.generate("log.example/one") != signer


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b"])
def test_a_key_name_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(BadKey):
        Signer.generate(name)


def test_checkpoint_round_trip() -> None:
    made = Checkpoint(ORIGIN, 12, b"r" * 32, ("extension line",))
    note = checkpoint.sign(made, SIGNER)
    assert note.startswith(f"{ORIGIN}\n12\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\nextension line\n\n— {ORIGIN} ")
    assert checkpoint.open_note(note, [SIGNER.verifier()]) == made
    assert Verifier.from_text(KEY) == SIGNER.verifier()


def test_a_key_of_the_same_name_is_not_the_same_key() -> None:
    note = checkpoint.sign(Checkpoint(ORIGIN, 1, b"r" * 32), STRANGER)
    with pytest.raises(BadNote):
        checkpoint.open_note(note, [SIGNER.verifier()])


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n12\n",
        f"{ORIGIN}\n012\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        f"{ORIGIN}\n-1\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        f"{ORIGIN}\n1²\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        f"{ORIGIN}\n{10**30}\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        f"{ORIGIN}\n12\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI\n",
        f"{ORIGIN}\n12\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnJ=\n",
        f"{ORIGIN}\n12\ncnI=\n",
        f"\n{ORIGIN}\n12\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        f"{ORIGIN}\n12\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n\nextension\n",
        "another.example/log\n12\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        "a note about something else\n",
    ],
)
def test_a_signed_note_that_is_no_checkpoint_of_this_log(text: str) -> None:
    with pytest.raises(BadCheckpoint):
        checkpoint.open_note(sign_text(text, SIGNER), [SIGNER.verifier()])


@pytest.mark.parametrize(
    "unfit",
    [
        Checkpoint("another.example/log", 1, b"r" * 32),
        Checkpoint(ORIGIN, 1, b"short"),
        Checkpoint(ORIGIN, -1, b"r" * 32),
        Checkpoint(ORIGIN, 1, b"r" * 32, ("two\nlines",)),
        Checkpoint(ORIGIN, 1, b"r" * 32, ("",)),
    ],
)
def test_a_checkpoint_that_is_not_signed(unfit: Checkpoint) -> None:
    with pytest.raises(BadCheckpoint):
        checkpoint.sign(unfit, SIGNER)


# -- several signers, two algorithms

STATE = Checkpoint(ORIGIN, 12, b"r" * 32)
SECOND = Signer(ORIGIN, b"2" * 32)
ML_DSA = Signer(ORIGIN, b"3" * 32, ML_DSA_44)
ALL = (SIGNER, SECOND, ML_DSA)


def test_a_checkpoint_with_lines_of_several_keys_opens_with_each() -> None:
    note = checkpoint.sign(STATE, *ALL, timestamp=1_790_000_000)
    assert note.count("\n— ") == 3
    for signer in ALL:
        assert checkpoint.open_signed(note, [signer.verifier()]) == (STATE, (signer.verifier(),))
    keys = [signer.verifier() for signer in ALL]
    assert checkpoint.open_signed(note, keys[::-1]) == (STATE, tuple(keys))


def test_an_ml_dsa_key_survives_being_written_and_says_what_it_is() -> None:
    assert Signer.from_text(ML_DSA.to_text()) == ML_DSA
    key = ML_DSA.verifier()
    assert Verifier.from_text(key.to_text()) == key
    assert (len(key.public_bytes), key.algorithm) == (1312, b"\x06")
    assert key.key_id == sha256(ORIGIN.encode() + b"\n\x06" + key.public_bytes).digest()[:4]
    assert Signer.generate(ORIGIN, ML_DSA_44).algorithm == ML_DSA_44
    text = key.to_text()
    name, key_id, encoded = text.split("+", 2)
    for other in (text[:-4], text + "AAAA", f"{name}+{key_id}+{encoded.replace('B', 'C', 1)}"):
        with pytest.raises(BadKey):
            Verifier.from_text(other)
    as_ed25519 = Verifier(ORIGIN, SIGNER.verifier().public_bytes, ML_DSA_44)
    with pytest.raises(BadKey):
        Verifier.from_text(as_ed25519.to_text())


@pytest.mark.parametrize("text", ["a note\n", STATE.to_text() + "extension\n", f"{ORIGIN}\n012\n"])
def test_ml_dsa_signs_nothing_but_plain_checkpoints(text: str) -> None:
    with pytest.raises(BadNote):
        sign_text(text, ML_DSA)
    assert sign_text(text, SIGNER)
    # An Ed25519 line beside it would cover more than the ML-DSA line: the one of ours that does not fit spoils the note.
    line = checkpoint.sign(STATE, ML_DSA).rsplit("\n", 2)[1]
    with pytest.raises(BadNote):
        open_text(f"{sign_text(text, SIGNER)}{line}\n", [SIGNER.verifier(), ML_DSA.verifier()])


def test_an_ml_dsa_signature_binds_time_name_origin_size_and_root() -> None:
    message = STATE.to_text().encode()
    signature = ML_DSA.sign(message, 7)
    key = ML_DSA.verifier()
    assert key.accepts(message, signature)
    assert signature[:8] == (7).to_bytes(8, "big")
    for other in (
        Checkpoint(ORIGIN + "x", 12, b"r" * 32),
        Checkpoint(ORIGIN, 13, b"r" * 32),
        Checkpoint(ORIGIN, 12, b"s" * 32),
    ):
        assert not key.accepts(other.to_text().encode(), signature)
    assert not Verifier("another", key.public_bytes, ML_DSA_44).accepts(message, signature)
    assert not key.accepts(message, (8).to_bytes(8, "big") + signature[8:])
    assert not key.accepts(message, (2**63).to_bytes(8, "big") + signature[8:])
    for cut in (b"", signature[:8], signature[:-1], signature + b"\0"):
        assert not key.accepts(message, cut)


@pytest.mark.parametrize("signers", [(), (SIGNER,) * 101])
def test_a_note_needs_one_to_a_hundred_signers(signers: tuple[Signer, ...]) -> None:
    with pytest.raises(BadNote):
        sign_text(TEXT, *signers)


def test_a_second_line_of_a_key_counts_once_and_must_fit_too() -> None:
    peter = Verifier.from_text(PETER)
    note = f"{TEXT}\n{PETER_LINE}"
    assert open_text(note + PETER_LINE, [peter])[1] == (peter,)
    bad = PETER_LINE.replace("x08go/Z", "x08go/a")
    for spoiled in (note + bad, f"{TEXT}\n{bad}{PETER_LINE}"):
        with pytest.raises(BadNote, match="does not belong"):
            open_text(spoiled, [peter])


def test_two_known_keys_that_cannot_be_told_apart_open_nothing() -> None:
    class Twin(Verifier):
        @property
        def key_id(self) -> bytes:
            return Verifier.from_text(PETER).key_id

    twin = Twin("PeterNeumann", SIGNER.verifier().public_bytes)
    with pytest.raises(BadNote, match="share a name"):
        open_text(f"{TEXT}\n{PETER_LINE}", [Verifier.from_text(PETER), twin])
    assert open_text(f"{TEXT}\n{PETER_LINE}", [Verifier.from_text(PETER)] * 2)


NOTE = checkpoint.sign(STATE, SIGNER, ML_DSA)
RAW = NOTE.encode()


@given(st.integers(0, len(RAW) * 8 - 1))
def test_a_flipped_bit_is_refused_or_changes_nothing(bit: int) -> None:
    """With the keys of both lines known there is no byte of a note that somebody can change unseen."""
    raw = bytearray(RAW)
    raw[bit // 8] ^= 1 << bit % 8
    keys = [SIGNER.verifier(), ML_DSA.verifier()]
    try:
        checkpoint_, signed_by = checkpoint.open_signed(raw.decode(), keys)
    except (BadNote, UnicodeDecodeError):
        return
    # The name or the id of one line was hit: it became the line of a stranger.
    assert checkpoint_ == STATE
    assert len(signed_by) == 1


@given(
    origin=st.from_regex(r"[a-z./]{1,40}", fullmatch=True),
    size=st.integers(0, 2**62),
    root=st.binary(min_size=32, max_size=32),
    kinds=st.lists(st.sampled_from([ED25519, ML_DSA_44]), min_size=1, max_size=3),
    timestamp=st.integers(0, 2**63 - 1),
)
def test_every_checkpoint_comes_back_as_it_was_signed(origin, size, root, kinds, timestamp) -> None:
    signers = [Signer(origin, bytes([number]) * 32, kind) for number, kind in enumerate(kinds)]
    made = Checkpoint(origin, size, root)
    note = checkpoint.sign(made, *signers, timestamp=timestamp)
    assert checkpoint.open_signed(note, [signer.verifier() for signer in signers]) == (
        made,
        tuple(signer.verifier() for signer in signers),
    )


@given(st.text(st.sampled_from("— \nab+/=\x01\r\u2003\ud800é1"), max_size=80))
def test_no_text_makes_a_reader_fall_over(text: str) -> None:
    with pytest.raises(BadNote):
        open_text(text, [SIGNER.verifier(), ML_DSA.verifier()])
