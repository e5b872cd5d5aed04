"""A checkpoint that somebody kept is read back as it was sent, whatever a mail program made of it."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_samples import ORIGIN, SIGNER

from audit import checkpoint
from audit.checkpoint import Checkpoint
from audit.errors import BadNote
from audit.kept import note_in
from audit.note import ML_DSA_44, Signer

OTHER_KIND = Signer(ORIGIN, b"4" * 32, ML_DSA_44)
STATE = Checkpoint(ORIGIN, 12, b"r" * 32)
NOTE = checkpoint.sign(STATE, SIGNER)
BOTH = checkpoint.sign(STATE, SIGNER, OTHER_KIND)
WORDS = "Goedendag,\n\nBewaar deze e-mail.\n\n"


def mail(note: str, encoding: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Stand van het logboek"
    message.set_content(WORDS + note, cte=encoding)
    return message.as_bytes(policy=SMTP)


def quoted(note: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in (WORDS + note).split("\n"))


def broken(note: str) -> str:
    """Lines of at most 76 signs, as some programs send them on."""
    return "\n".join(
        line[at : at + 76] for line in note.split("\n") for at in (range(0, len(line), 76) if line else [0])
    )


@pytest.mark.parametrize("note", [NOTE, BOTH], ids=["one key", "two keys"])
def test_what_mail_programs_make_of_a_note(note: str) -> None:
    forms = {
        "itself": note.encode(),
        "other line ends": note.replace("\n", "\r\n").encode(),
        "a byte order mark": b"\xef\xbb\xbf" + note.encode(),
        "no newline at the end": note[:-1].encode(),
        "words before": (WORDS + note).encode(),
        "words after": (note + "\n-- \nMet groet\n").encode(),
        "a quotation": quoted(note).encode(),
        "a quotation of a quotation": quoted(quoted(note)).encode(),
        "broken lines": broken(note).encode(),
        "quoted-printable": mail(note, "quoted-printable"),
        "base64": mail(note, "base64"),
        "unix line ends": mail(note, "quoted-printable").replace(b"\r\n", b"\n"),
    }
    read = {name: note_in(raw) for name, raw in forms.items()}
    assert read == dict.fromkeys(forms, note)


@given(st.binary(max_size=200) | st.text("—> \n\r:AZ9+/=\u00a0", max_size=120).map(str.encode))
def test_nothing_that_is_kept_makes_it_fall_over(raw: bytes) -> None:
    with pytest.raises(BadNote):
        checkpoint.open_note(note_in(raw), [SIGNER.verifier()])


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_repaired(at: int, mask: int) -> None:
    raw = bytearray(NOTE.encode())
    raw[at] ^= mask
    try:
        opened = checkpoint.open_note(note_in(bytes(raw)), [SIGNER.verifier()])
    except BadNote:
        return
    assert opened == STATE
