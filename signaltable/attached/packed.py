"""Opening the zip of an office document within limits, and packing it anew from the parts that stay."""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final
from xml.sax import SAXException, handler

from defusedxml import minidom, sax
from defusedxml.common import DefusedXmlException

from signaltable.attached.images import clean_picture
from signaltable.attached.unfit import Unfit
from signaltable.attachment_rules import Inside, Picture

PICTURES: Final = {".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".png": "png", ".gif": "gif", ".webp": "webp"}
# One moment for every part: when a part was packed says something about who wrote it.
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
# Below this a high ratio is a table of nothing; above it, a file made to fill a memory.
_SMALL: Final = 1 << 20
_NAME: Final = re.compile(r"[^\x00-\x1f\\:]{1,240}")
_ARCHIVES: Final = (b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"MZ", b"%PDF-")

Parts = dict[str, bytes]
Node = Any


def unpacked(data: bytes, limits: Inside) -> Parts:
    """The parts of a zip by name. Raises `Unfit` for too many or too much, a password, and a part that is a file itself."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            entries = [entry for entry in packed.infolist() if not entry.is_dir()]
            _check_entries(entries, data, limits)
            parts: Parts = {}
            room = limits.total_kib * 1024
            for entry in entries:
                parts[entry.filename] = _read(packed, entry, room)
                room -= len(parts[entry.filename])
            return parts
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, RuntimeError, zlib.error):
        raise Unfit("broken") from None


def _check_entries(entries: list[zipfile.ZipInfo], data: bytes, limits: Inside) -> None:
    names = [entry.filename for entry in entries]
    if len(entries) > limits.entries or sum(entry.file_size for entry in entries) > limits.total_kib * 1024:
        raise Unfit("bomb")
    # Two parts of one name, or names that lead out of the document: one program sees another file than the next.
    folded = [name.casefold() for name in names]
    if len(set(folded)) != len(folded) or any(_is_odd(name) for name in names):
        raise Unfit("broken")
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise Unfit("encrypted")
    if sum(entry.file_size for entry in entries) > max(_SMALL, len(data) * limits.ratio):
        raise Unfit("bomb")


def _is_odd(name: str) -> bool:
    return not _NAME.fullmatch(name) or name.startswith("/") or ".." in name.split("/")


def _read(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, room: int) -> bytes:
    # What an entry says of its own size is not believed.
    with packed.open(entry) as opened:
        content = opened.read(room + 1)
    if len(content) > room:
        raise Unfit("bomb")
    if content.startswith(_ARCHIVES):
        raise Unfit("inside")
    return content


def repacked(parts: Mapping[str, bytes], first: str) -> bytes:
    """A zip of these parts, `first` in front and stored as it is, without moments, remarks or anything between."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(parts, key=lambda name: (name != first, name)):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            stored = name == first and name == "mimetype"
            packed.writestr(entry, parts[name], zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    return written.getvalue()


def tree(content: bytes, limits: Inside) -> Node:
    """A part as a document. Raises `Unfit` for one that declares entities, is too long, or is no XML."""
    if len(content) > limits.xml_kib * 1024:
        raise Unfit("bomb")
    try:
        document = minidom.parseString(content, forbid_dtd=True)
    except DefusedXmlException:
        raise Unfit("bomb") from None
    except Exception:  # noqa: BLE001 -- the reader raises what it likes on what is no XML
        raise Unfit("broken") from None
    _drop_remarks(document)
    return document


def _drop_remarks(document: Node) -> None:
    """What stands in the source for people or programs that read that, and that nobody sees in the document."""
    waiting = [document]
    while waiting:
        here = waiting.pop()
        for one in [
            one for one in here.childNodes if one.nodeType in {one.COMMENT_NODE, one.PROCESSING_INSTRUCTION_NODE}
        ]:
            here.removeChild(one)
        waiting.extend(here.childNodes)


class _Nothing(handler.ContentHandler):
    pass


def check_xml(content: bytes) -> None:
    """Read a part through without keeping it. Raises `Unfit` as `tree` does, however long it is."""
    try:
        sax.parseString(content, _Nothing(), forbid_dtd=True)
    except DefusedXmlException:
        raise Unfit("bomb") from None
    except (SAXException, ValueError, LookupError):
        raise Unfit("broken") from None


def written(document: Node) -> bytes:
    """A document as bytes, with the prefixes that it came with."""
    content: bytes = document.toxml(encoding="UTF-8")
    return content


def clean_pictures(parts: Parts, folders: tuple[str, ...], pictures: Picture) -> None:
    """Make every picture in these folders anew. Raises `Unfit` for one of a kind that cannot be cleaned."""
    for name in [name for name in parts if name.startswith(folders)]:
        kind = PICTURES.get("." + name.rpartition(".")[2].lower(), "")
        if not kind:
            raise Unfit("inside")
        parts[name] = _picture(parts[name], kind, pictures)


def _picture(content: bytes, kind: str, pictures: Picture) -> bytes:
    try:
        return clean_picture(content, kind, pictures)
    except Unfit as unfit:
        raise Unfit("picture_size" if unfit.cause == "picture_size" else "inside") from None


def elements(node: Node, wanted: Callable[[str], bool]) -> list[Node]:
    """Every element below `node` whose local name is wanted, in the order of the document."""
    found: list[Node] = []
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if here.nodeType == here.ELEMENT_NODE and wanted(local(here)):
            found.append(here)
        waiting.extend(reversed(here.childNodes))
    return found


def local(node: Node) -> str:
    """The name of an element without its prefix."""
    name: str = node.tagName
    return name.rpartition(":")[2]


def drop(node: Node) -> None:
    """Take an element away with all that is in it."""
    if node.parentNode is not None:
        node.parentNode.removeChild(node)


def unwrap(node: Node) -> None:
    """Put what is in an element in its place."""
    while node.firstChild is not None:
        node.parentNode.insertBefore(node.firstChild, node)
    drop(node)


def drop_attributes(node: Node, unwanted: Callable[[str], bool]) -> None:
    """Take attributes away from every element, by their local name."""
    for element in elements(node, lambda _name: True):
        for name in [name for name in element.attributes.keys() if unwanted(name.rpartition(":")[2])]:  # noqa: SIM118
            element.removeAttribute(name)


def words(node: Node) -> str:
    """The text that is in an element."""
    told: list[str] = []
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if here.nodeType in {here.TEXT_NODE, here.CDATA_SECTION_NODE}:
            told.append(here.data)
        waiting.extend(reversed(here.childNodes))
    return "".join(told)
