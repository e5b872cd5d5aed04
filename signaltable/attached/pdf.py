"""A PDF made anew from its pages: no earlier versions, remarks about author or program, files, scripts or form actions.

The pages are copied into an empty document, so that only what is drawn on them comes along; then everything beside the
drawing is taken out of what was copied. The text layer is read for identifying words as far as its fonts say what their
signs mean (ISO 32000-1, 9.10); where they do not, the answer says so.
"""

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pikepdf

from signaltable.attached.images import strip_jpeg
from signaltable.attached.unfit import Unfit
from signaltable.attachment_rules import Inside

# Keys that say something about who made a thing, when and with what, or that run something.
_BESIDE: Final = (
    "/Metadata", "/PieceInfo", "/LastModified", "/Thumb", "/AA", "/JS", "/Names", "/OpenAction", "/EmbeddedFiles", "/AF", "/FS",
    "/Measure", "/PtData", "/VP", "/SpiderInfo", "/CreationDate", "/ModDate", "/M", "/OPI", "/Alternates",
)  # fmt: skip
# What a page is made of; every other key says something about it (ISO 32000-1, table 30).
_OF_PAGE: Final = frozenset(
    "/Type /Parent /Resources /MediaBox /CropBox /BleedBox /TrimBox /ArtBox /Rotate /Contents /Annots /Group /UserUnit /Tabs".split()
)
# What may stand on a page besides the drawing: marks that people see. A file, a film or a program may not.
_MARKS: Final = frozenset(
    "/Text /FreeText /Line /Square /Circle /Polygon /PolyLine /Highlight /Underline /Squiggly /StrikeOut /Stamp /Caret /Ink "
    "/Link /Widget".split()
)
# What a mark is made of: how it looks, what it says and where it leads; not who wrote it, when, and what runs.
_OF_MARK: Final = frozenset(
    "/Type /Subtype /Rect /Contents /F /AP /AS /Border /BS /BE /C /IC /CA /ca /QuadPoints /L /LE /LL /LLE /LLO /CP /Cap /CO "
    "/Vertices /InkList /Q /FT /Ff /V /MaxLen /A /Dest /H /Name /Open /RD /CL /IT /Sy /Rotate".split()
)
# Where a mark may lead. Anything else opens a file, or runs something.
_WEB: Final = ("http://", "https://", "mailto:", "tel:")
# Words that a drawing needs or that people see. Every other text beside the drawing is somebody's remark.
_WORDS_KEPT: Final = frozenset(
    "/Contents /V /URI /Registry /Ordering /FontFamily /CharSet /Panose /HalftoneName".split()
)
# Tables whose names were chosen by whoever made the file, so that any name can stand there.
_TABLES: Final = frozenset(
    "/XObject /Font /ExtGState /ColorSpace /Pattern /Shading /Properties /CharProcs /Colorants /D /N /R".split()
)
_STREAM: Final = re.compile(rb"stream\r?\n")
_TWICE: Final = re.compile(rb"/(?:FlateDecode|Fl|LZWDecode|LZW)\s*/(?:FlateDecode|Fl|LZWDecode|LZW)\b")
# Ways of packing that come before another one, and how many times longer what is unpacked can be.
_WRAPPERS: Final = {
    "/ASCII85Decode": 4, "/A85": 4, "/ASCIIHexDecode": 1, "/AHx": 1, "/RunLengthDecode": 64, "/RL": 64, "/LZWDecode": 2800,
    "/LZW": 2800,
}  # fmt: skip
# The streams that hold other objects are unpacked on opening the file, so these are packed in the one usual way or not at all.
_HOLDS_OBJECTS: Final = re.compile(rb"/(?:ObjStm|XRef)\b")
_USUAL: Final = re.compile(rb"/Filter\s*(?:/FlateDecode\b|\[\s*/FlateDecode\s*\])")
_HEAD: Final = 4096
_STEP: Final = 1 << 20
_JPX_DROPPED: Final = frozenset({b"xml ", b"uuid", b"uinf"})
# Annotations, forms and fonts lead to each other; no drawing needs more levels than this.
_DEPTH: Final = 12
_TEXT_LIMIT: Final = 400_000
_CONTENT_LIMIT: Final = 16_000_000
_FAILS: Final = (
    pikepdf.PdfError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class CleanPdf:
    """The document without what stood beside the drawing, its text, and whether all of that could be read."""

    data: bytes
    text: str
    whole: bool


def clean_pdf(data: bytes, limits: Inside) -> CleanPdf:
    """The pages of a PDF and nothing else. Raises `Unfit` for a password, too much inside, or what is no PDF."""
    if b"/Encrypt" in data[-4096:] and b"/Standard" in data:
        raise Unfit("encrypted", "pdf")
    _refuse_bomb(data, limits)
    try:
        with pikepdf.open(io.BytesIO(data), suppress_warnings=True, attempt_recovery=True) as given:
            if given.is_encrypted:
                raise Unfit("encrypted", "pdf")
            _refuse_wrapped_bomb(given, limits)
            if not 0 < len(given.pages) <= limits.pdf_pages:
                raise Unfit("bomb" if len(given.pages) else "broken", "pdf")
            with pikepdf.new() as made:
                made.pages.extend(given.pages)
                return _cleaned(made)
    except pikepdf.PasswordError:
        raise Unfit("encrypted", "pdf") from None
    except (*_FAILS, OSError):
        raise Unfit("broken", "pdf") from None


def _cleaned(made: pikepdf.Pdf) -> CleanPdf:
    for page in made.pages:
        _clean_page(page.obj)
    tables = _tables_in(made)
    for one in made.objects:
        _clean_object(one, tables)
    text, whole = _text(made)
    for key in [name for name in made.Root.keys() if name not in {"/Type", "/Pages"}]:  # noqa: SIM118 -- no mapping
        del made.Root[key]
    if "/Info" in made.trailer:
        del made.trailer["/Info"]
    written = io.BytesIO()
    made.save(
        written,
        static_id=False,
        deterministic_id=True,
        fix_metadata_version=False,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        recompress_flate=False,
    )
    return CleanPdf(written.getvalue(), text, whole)


def _refuse_bomb(data: bytes, limits: Inside) -> None:
    """Unpack every stream a piece at a time, forgetting it at once, until the limit."""
    if _TWICE.search(data):
        raise Unfit("bomb", "pdf")
    room = limits.total_kib * 1024 * 4
    for found in _STREAM.finditer(data):
        head = data[max(0, found.start() - _HEAD) : found.start()].rpartition(b" obj")[2]
        if _HOLDS_OBJECTS.search(head) and b"/Filter" in head and not _USUAL.search(head):
            raise Unfit("bomb", "pdf")
        opened = zlib.decompressobj()
        rest = data[found.end() : found.end() + 65536]
        at = found.end() + len(rest)
        try:
            while rest and not opened.eof:
                room -= len(opened.decompress(rest, _STEP))
                if room < 0:
                    raise Unfit("bomb", "pdf")
                rest = opened.unconsumed_tail
                if not rest:
                    rest = data[at : at + 65536]
                    at += len(rest)
        except zlib.error:
            continue  # Another way of packing, or none.


def _refuse_wrapped_bomb(given: pikepdf.Pdf, limits: Inside) -> None:
    """The same for streams that are packed and then written as letters, which only show their size when these are read."""
    room = limits.total_kib * 1024 * 4
    for one in given.objects:
        if not isinstance(one, pikepdf.Stream):
            continue
        filters = one.get("/Filter")
        names = [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters)]
        if names[0] in _WRAPPERS:
            room -= _unwrapped_size(given, one.read_raw_bytes(), names, room)
        if room < 0:
            raise Unfit("bomb", "pdf")


def _unwrapped_size(given: pikepdf.Pdf, raw: bytes, names: list[str], room: int) -> int:
    for name in names:
        if name in {"/FlateDecode", "/Fl"}:
            opened = zlib.decompressobj()
            size, rest = 0, raw
            while rest and not opened.eof and size <= room:
                size += len(opened.decompress(rest, _STEP))
                rest = opened.unconsumed_tail
            return size
        if name not in _WRAPPERS:
            break
        if len(raw) * _WRAPPERS[name] > room:
            return room + 1
        raw = pikepdf.Stream(given, raw, Filter=pikepdf.Name(name)).read_bytes()
    return len(raw)


def _clean_page(page: Any) -> None:
    _keep_only(page, _OF_PAGE)
    kept = []
    for mark in page.get("/Annots", []) or []:
        if isinstance(mark, pikepdf.Dictionary) and str(mark.get("/Subtype", "")) in _MARKS:
            _clean_mark(mark)
            kept.append(mark)
    if "/Annots" in page:
        page["/Annots"] = pikepdf.Array(kept)


def _clean_mark(mark: Any) -> None:
    _keep_only(mark, _OF_MARK)
    if "/A" in mark and not _leads_to_web(mark["/A"]):
        del mark["/A"]
    if "/Dest" in mark and not isinstance(mark["/Dest"], pikepdf.Array):
        del mark["/Dest"]


def _leads_to_web(action: Any) -> bool:
    if not isinstance(action, pikepdf.Dictionary) or str(action.get("/S", "")) != "/URI" or "/Next" in action:
        return False
    return str(action.get("/URI", "")).strip().lower().startswith(_WEB)


def _keep_only(one: Any, names: frozenset[str]) -> None:
    for key in [name for name in one.keys() if name not in names]:  # noqa: SIM118 -- no mapping
        del one[key]


def _clean_object(one: Any, tables: frozenset[tuple[int, int]]) -> None:
    if not isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
        return
    if isinstance(one, pikepdf.Stream) and ("/F" in one or "/Ref" in one):
        raise Unfit("external", "pdf")  # What is drawn stands in another file.
    _clean_beside(one, is_table=one.objgen in tables)
    if isinstance(one, pikepdf.Stream) and str(one.get("/Subtype", "")) == "/Image":
        _clean_picture(one)
    if isinstance(one, pikepdf.Stream) and str(one.get("/Subtype", "")) == "/PS":
        raise Unfit("active", "pdf")


def _clean_beside(one: Any, *, is_table: bool, depth: int = 0) -> None:
    """Take what stands beside the drawing out of an object, and out of the objects that are written inside it."""
    if isinstance(one, pikepdf.Array):
        inside = [(False, value) for value in one if isinstance(value, pikepdf.Dictionary | pikepdf.Array)]
    else:
        for key, value in list(one.items()):
            is_words = isinstance(value, pikepdf.String) and key not in _WORDS_KEPT
            # The tree of pages and resources have none of these; a function or a font may have its own reasons for /M.
            if (key in _BESIDE and not is_table) or is_words:
                del one[key]
        inside = [(key in _TABLES and not is_table, value) for key, value in one.items()]
    for table, value in inside:
        if isinstance(value, pikepdf.Dictionary | pikepdf.Array) and not value.is_indirect:
            if depth >= _DEPTH:
                raise Unfit("inside", "pdf")
            _clean_beside(value, is_table=table, depth=depth + 1)


def _tables_in(made: pikepdf.Pdf) -> frozenset[tuple[int, int]]:
    """The tables of names that are objects of their own."""
    found: set[tuple[int, int]] = set()
    waiting = [one for one in made.objects if isinstance(one, pikepdf.Dictionary | pikepdf.Stream)]
    while waiting:
        for key, value in waiting.pop().items():
            if isinstance(value, pikepdf.Dictionary):
                if not value.is_indirect:
                    waiting.append(value)
                elif key in _TABLES:
                    found.add(value.objgen)
    return frozenset(found)


def _clean_picture(picture: Any) -> None:
    filters = picture.get("/Filter")
    names = [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters)]
    if names == ["/DCTDecode"]:
        picture.write(
            strip_jpeg(picture.read_raw_bytes()),
            filter=pikepdf.Name.DCTDecode,
            decode_parms=picture.get("/DecodeParms"),
        )
    elif names == ["/JPXDecode"]:
        picture.write(_strip_jpx(picture.read_raw_bytes()), filter=pikepdf.Name.JPXDecode)
    elif "/DCTDecode" in names or "/JPXDecode" in names:
        raise Unfit("inside", "pdf")


def _strip_jpx(data: bytes) -> bytes:
    """A JPEG 2000 file without its boxes for remarks (ISO 15444-1, annex I)."""
    if data[:4] == b"\xff\x4f\xff\x51":
        return data
    kept, at = [], 0
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        end = len(data) if size == 0 else at + size
        if end <= at or end > len(data):
            raise Unfit("inside", "pdf")
        if name not in _JPX_DROPPED:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


# -- the text layer ------------------------------------------------------------------------------------------------

_HEX: Final = re.compile(rb"<([0-9A-Fa-f\s]*)>")
_SINGLE: Final = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
_RANGE: Final = re.compile(rb"beginbfrange(.*?)endbfrange", re.DOTALL)
_RANGE_LINE: Final = re.compile(rb"<([0-9A-Fa-f\s]+)>\s*<([0-9A-Fa-f\s]+)>\s*(<[0-9A-Fa-f\s]*>|\[[^\]]*\])")
# A gap in a line that is wider than this, in thousandths of the size of the letters, is a space.
_GAP: Final = -180
_NEW_LINE: Final = frozenset({"Td", "TD", "T*", "Tm", "ET", "'", '"'})
_WIDE: Final = 2


@dataclass(frozen=True, slots=True)
class _Font:
    """How the bytes of a font become letters: how many bytes are one sign, and which letters. None: nobody says."""

    width: int
    letters: dict[int, str] | None

    @property
    def is_readable(self) -> bool:
        """Whether the signs are known: by a table of the font, or because one byte is one letter of Windows-1252."""
        return self.width == 1 or self.letters is not None

    def read(self, raw: bytes) -> str:
        if self.letters is None:
            return raw.decode("cp1252", "replace") if self.width == 1 else ""
        codes = (int.from_bytes(raw[at : at + self.width], "big") for at in range(0, len(raw), self.width))
        return "".join(self.letters.get(code, chr(code) if self.width == 1 and code >= 32 else "") for code in codes)


def _text(made: pikepdf.Pdf) -> tuple[str, bool]:
    """The text of all pages in the order in which it is drawn, and whether every sign of it could be read."""
    reader = _Reader()
    pieces: list[str] = []
    for page in made.pages:
        try:
            reader.read(page.obj, page.resources)
            pieces.extend([*reader.taken(), "\n", *_words_of_marks(page.obj)])
        except _FAILS:
            reader.whole = False
    words = "".join(pieces)
    return words[:_TEXT_LIMIT], reader.whole and len(words) <= _TEXT_LIMIT


def _words_of_marks(page: Any) -> Iterator[str]:
    for mark in page.get("/Annots", []) or []:
        for key in ("/Contents", "/V"):
            if isinstance(mark.get(key), pikepdf.String):
                yield f"{mark[key]}\n"
        action = mark.get("/A")
        if isinstance(action, pikepdf.Dictionary) and isinstance(action.get("/URI"), pikepdf.String):
            yield f"{action['/URI']}\n"


class _Reader:
    """Reads what pages draw, each form once, within a budget of bytes. A picture may hold words that nobody reads here."""

    def __init__(self) -> None:
        self.whole = True
        self._pieces: list[str] = []
        self._seen: set[tuple[int, int]] = set()
        self._room = _CONTENT_LIMIT

    def taken(self) -> list[str]:
        """What was read since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def read(self, content: Any, resources: Any, depth: int = 0) -> None:
        """Read a page or a form, and the forms that it draws."""
        self._room -= _length(content)
        if self._room < 0:
            self.whole = False
            return
        fonts, font = _fonts(resources), _Font(1, None)
        for instruction in pikepdf.parse_content_stream(content):
            operands, name = instruction.operands, str(instruction.operator)
            if name == "Tf" and operands:
                font = fonts.get(str(operands[0]), _Font(1, None))
            elif name in {"BDC", "DP"}:
                self._pieces.extend(_instead(operands))
            elif name in _NEW_LINE:
                self._pieces.append("\n")
            elif name in {"INLINE IMAGE", "sh"}:
                self.whole = self.whole and name == "sh"
            if name in {"Tj", "'", '"', "TJ"} and operands:
                self._pieces.extend(_shown(operands[-1], font))
                self.whole = self.whole and font.is_readable
            elif name == "Do" and operands and resources is not None:
                self._form(resources.get("/XObject", {}).get(str(operands[0])), resources, depth)

    def _form(self, drawn: Any, resources: Any, depth: int) -> None:
        if not isinstance(drawn, pikepdf.Stream) or drawn.objgen in self._seen:
            return
        self._seen.add(drawn.objgen)
        if str(drawn.get("/Subtype", "")) == "/Image" or depth >= _DEPTH:
            self.whole = False
        else:
            self.read(drawn, drawn.get("/Resources", resources), depth + 1)


def _instead(operands: Any) -> Iterator[str]:
    """The words that a program reads out in the place of what is drawn (ISO 32000-1, 14.9)."""
    told = operands[-1] if len(operands) else None
    for key in ("/ActualText", "/Alt", "/E"):
        if isinstance(told, pikepdf.Dictionary) and isinstance(told.get(key), pikepdf.String):
            yield f" {told[key]} "


def _length(content: Any) -> int:
    """How long what a page or a form draws is, unpacked."""
    drawn = content if isinstance(content, pikepdf.Stream) else content.get("/Contents")
    parts = drawn if isinstance(drawn, pikepdf.Array) else [drawn]
    return sum(len(part.read_bytes()) for part in parts if isinstance(part, pikepdf.Stream))


def _shown(operand: Any, font: _Font) -> Iterator[str]:
    if isinstance(operand, pikepdf.Array):
        for one in operand:
            if isinstance(one, pikepdf.String):
                yield font.read(bytes(one))
            elif float(one) < _GAP:
                yield " "
    elif isinstance(operand, pikepdf.String):
        yield font.read(bytes(operand))


def _fonts(resources: Any) -> dict[str, _Font]:
    listed = resources.get("/Font", {}) if resources is not None else {}
    return {str(name): _font(font) for name, font in listed.items()}


def _font(font: Any) -> _Font:
    width = _WIDE if str(font.get("/Subtype", "")) == "/Type0" else 1
    meant = font.get("/ToUnicode")
    if not isinstance(meant, pikepdf.Stream):
        return _Font(width, None)
    return _Font(width, dict(_letters(meant.read_bytes())))


def _letters(table: bytes) -> Iterator[tuple[int, str]]:
    for block in _SINGLE.findall(table):
        signs = _HEX.findall(block)
        for code, letter in zip(signs[::2], signs[1::2], strict=False):
            yield _number(code), _unicode(letter)
    for block in _RANGE.findall(table):
        for first, last, to in _RANGE_LINE.findall(block):
            yield from _range(_number(first), min(_number(last), _number(first) + 0xFFFF), to)


def _range(first: int, last: int, to: bytes) -> Iterator[tuple[int, str]]:
    letters = [_unicode(one) for one in _HEX.findall(to)]
    if to.startswith(b"["):
        yield from zip(range(first, last + 1), letters, strict=False)
    elif letters and letters[0]:
        head, start = letters[0][:-1], ord(letters[0][-1])
        for code in range(first, last + 1):
            if start + code - first <= 0x10FFFF:
                yield code, head + chr(start + code - first)


def _number(signs: bytes) -> int:
    return int(b"".join(signs.split()) or b"0", 16)


def _unicode(signs: bytes) -> str:
    digits = b"".join(signs.split())
    return bytes.fromhex(digits.decode().rjust(len(digits) + len(digits) % 2, "0")).decode("utf-16-be", "replace")
