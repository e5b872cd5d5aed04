"""What kind of file some bytes are: read off the content; names and what a browser says do not count.

Only a kind that the program can clean has a name here. A file that is two kinds at once is refused, also when cleaning
would take the second one out: nobody makes one by accident.
"""

import io
import re
import zipfile
import zlib
from typing import Final

import puremagic

from signaltable.attached.unfit import Unfit

# How the files begin, by the kind; what is no kind of ours gives a cause.
_STARTS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"%PDF-", "pdf"),
)
_REFUSED: Final[tuple[tuple[bytes, str], ...]] = (
    (b"MZ", "executable"),
    (b"\x7fELF", "executable"),
    (b"\xca\xfe\xba\xbe", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"\xce\xfa\xed\xfe", "executable"),
    (b"\xfe\xed\xfa", "executable"),
    (b"#!", "executable"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "executable"),
    (b"\x00asm", "executable"),
    (b"Rar!\x1a\x07", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\x00", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old_office"),
    (b"{\\rtf", "active"),
)
_ENCRYPTED_OFFICE: Final = "EncryptedPackage".encode("utf-16-le")
# What a browser or an office program would run; looked for without regard to capitals.
_ACTIVE: Final = (
    b"<script",
    b"<svg",
    b"<html",
    b"<!doctype html",
    b"<iframe",
    b"<?php",
    b"<!entity",
    b"<object",
    b"<hta:",
    b"javascript:",
)
_XML: Final = (b"<?xml", b"<!doctype")
_MAIL_LINES: Final = (
    b"received:",
    b"return-path:",
    b"delivered-to:",
    b"mime-version:",
    b"message-id:",
    b"from:",
    b"x-",
)
# Signs that no text holds.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_OFFICE: Final = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml": "xlsx",
}
_HEAD: Final = 4096
# Longest description of contents of a zip that is looked at before its limits are known to hold.
_LIST_LIMIT: Final = 1_000_000


def kind_of(data: bytes) -> str:
    """The kind of file: a key of MEDIA_TYPES. Raises `Unfit` for every other kind, and for two kinds in one."""
    if not data:
        raise Unfit("empty")
    kind = _by_start(data)
    if kind in {"jpeg", "png", "gif", "webp", "pdf"}:
        _refuse_second(data, kind)
    return kind


def _by_start(data: bytes) -> str:
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:4] == b"PK\x03\x04":
        return _packed(data)
    for start, cause in _REFUSED:
        if data.startswith(start):
            raise Unfit("encrypted" if cause == "old_office" and _ENCRYPTED_OFFICE in data else cause)
    _refuse_known(data)
    return _text(data)


def _refuse_second(data: bytes, kind: str) -> None:
    """A second file behind or inside the first: an archive at the end, a page, a document, a program."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        raise Unfit("polyglot", kind)
    if kind != "pdf":
        lower = data.lower()
        if b"%pdf-" in lower[:_HEAD] or any(sign in lower for sign in (b"<script", b"<html", b"<?php", b"<svg ")):
            raise Unfit("polyglot", kind)
    elif b"<html" in data[:_HEAD].lower() or b"<script" in data[:_HEAD].lower():
        raise Unfit("polyglot", kind)
    if b"Rar!\x1a\x07" in data or b"7z\xbc\xaf\x27\x1c" in data or b"This program cannot be run in DOS mode" in data:
        raise Unfit("polyglot", kind)


def _packed(data: bytes) -> str:
    """A document of an office program, by what its own list of contents says."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            names = set(packed.namelist())
            if any(entry.flag_bits & 0x1 for entry in packed.infolist()):
                raise Unfit("encrypted")
            if "mimetype" in names:
                return _open_document(_read(packed, "mimetype"))
            if "[Content_Types].xml" in names:
                return _office(_read(packed, "[Content_Types].xml"), names)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, zlib.error):
        raise Unfit("broken") from None
    raise Unfit("executable" if "META-INF/MANIFEST.MF" in names or "AndroidManifest.xml" in names else "archive")


def _read(packed: zipfile.ZipFile, name: str) -> bytes:
    with packed.open(name) as entry:
        return entry.read(_LIST_LIMIT)


def _open_document(mimetype: bytes) -> str:
    if mimetype.strip() == b"application/vnd.oasis.opendocument.text":
        return "odt"
    raise Unfit("kind")


def _office(listed: bytes, names: set[str]) -> str:
    if b"macroEnabled" in listed or any("vbaproject" in name.lower() for name in names):
        raise Unfit("macros")
    found = {kind for sign, kind in _OFFICE.items() if sign.encode() in listed}
    if len(found) != 1:
        raise Unfit("kind")
    return found.pop()


def _refuse_known(data: bytes) -> None:
    """What the list of signatures knows surely and is no text: a film, a disk, another picture."""
    try:
        matches = puremagic.magic_string(data[:_HEAD])
    except (puremagic.PureError, ValueError, IndexError):
        return
    binary = any(sign < 9 for sign in data[:_HEAD])
    if binary and matches and max(match.confidence for match in matches) >= 0.8:
        raise Unfit("kind")


def _text(data: bytes) -> str:
    """Plain text, as long as nothing would run it. Raises `Unfit` for anything else."""
    reading = decoded(data)
    if reading is None:
        raise Unfit("kind")
    lower = reading.lower().encode()
    if any(sign in lower for sign in _ACTIVE) or lower.lstrip().startswith(_XML):
        raise Unfit("active")
    if zipfile.is_zipfile(io.BytesIO(data)):
        raise Unfit("polyglot", "text")
    heads = [line for line in lower[:_HEAD].splitlines()[:30] if line.startswith(_MAIL_LINES)]
    if len(heads) >= 3:
        raise Unfit("mail")
    return "text"


def decoded(data: bytes) -> str | None:
    """The text that some bytes are: UTF-8, UTF-16 with its mark, else Windows-1252. None when it is no text."""
    for encoding in ("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig", "cp1252"):
        try:
            reading = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if _CONTROL.search(reading) else reading
    return None
