"""Checkpoints as people keep them: the note itself, the mail it came in (.eml), or what they copied out of that mail."""

import email
import email.policy
import re

from audit.errors import BadNote
from audit.note import read_text

_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[^\r\n]*\r?\n")
_QUOTED = re.compile(r"(?:> ?)+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_DASH = "— "


def note_in(raw: bytes) -> str:
    """The signed note in these bytes, as it was before it was sent and kept; believe nothing in it before it is opened.

    Takes away what mail programs add: headers and encoding, other line ends, a byte order mark, marks of a quotation,
    broken lines, and the words around the note. What holds no note comes back as text, for `open_note` to refuse.
    """
    text = _body(raw) if _HEADER.match(raw) else raw.decode("utf-8-sig", errors="replace")
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        read_text(text)
    except BadNote:
        return _cut_out(text)
    return _cut_out(text) if text.count("\n\n") > 1 else text


def _body(raw: bytes) -> str:
    try:
        part = email.message_from_bytes(raw, policy=email.policy.default).get_body(preferencelist=("plain",))
        content = part.get_content() if part is not None else None
    except Exception:  # noqa: BLE001 - a mail can be malformed in more ways than the library foresees
        content = None
    return content if isinstance(content, str) else raw.decode("utf-8", errors="replace")


def _cut_out(text: str) -> str:
    """The last block of lines, an empty line, and the signature lines after it; the text itself when there is none."""
    lines = [
        _QUOTED.sub("", line, count=1).strip(" \t\u00a0") if line[:1] in "> \t" else line.rstrip()
        for line in text.split("\n")
    ]
    signatures = [at for at, line in enumerate(lines) if line.startswith(_DASH)]
    if not signatures:
        return text
    first = last = signatures[-1]
    while first > 0 and lines[first - 1]:
        first -= 1
    while last + 1 < len(lines) and _BASE64.fullmatch(lines[last + 1]):
        last += 1
    top = first - 1
    while top > 0 and lines[top - 1]:
        top -= 1
    head = "\n".join(lines[top : first - 1])
    return f"{head}\n\n{_joined(lines[first : last + 1])}"


def _joined(lines: list[str]) -> str:
    """Signature lines, each in one piece again."""
    whole: list[str] = []
    for line in lines:
        if line.startswith(_DASH) or not whole:
            whole.append(line)
        else:
            whole[-1] += line
    return "".join(f"{line}\n" for line in whole)
