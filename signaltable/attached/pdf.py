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
# What may stand on a page besides the drawing: marks that people see. A file, a film or a program may not.
_MARKS: Final = frozenset(
    "/Text /FreeText /Line /Square /Circle /Polygon /PolyLine /Highlight /Underline /Squiggly /StrikeOut /Stamp /Caret /Ink "
    "/Link /Widget".split()
)
# Who wrote a mark and when, its name, and copies of its words.
_OF_MARK: Final = (
    "/T",
    "/NM",
    "/M",
    "/CreationDate",
    "/Subj",
    "/RC",
    "/Popup",
    "/IRT",
    "/TU",
    "/TM",
    "/Parent",
    "/DA",
    "/DS",
    "/EX",
    "/ExData",
)
_STREAM: Final = re.compile(rb"stream\r?\n")
_TWICE: Final = re.compile(rb"/(?:FlateDecode|Fl|LZWDecode|LZW)\s*/(?:FlateDecode|Fl|LZWDecode|LZW)\b")
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
    for one in made.objects:
        _clean_object(one)
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


def _clean_page(page: Any) -> None:
    kept = []
    for mark in page.get("/Annots", []) or []:
        if isinstance(mark, pikepdf.Dictionary) and str(mark.get("/Subtype", "")) in _MARKS:
            _clean_mark(mark)
            kept.append(mark)
    if "/Annots" in page:
        page["/Annots"] = pikepdf.Array(kept)
    for key in ("/B", "/Dur", "/Trans", "/StructParents", "/TemplateInstantiated", "/PresSteps", "/ID"):
        if key in page:
            del page[key]


def _clean_mark(mark: Any) -> None:
    for key in _OF_MARK:
        if key in mark:
            del mark[key]
    action = mark.get("/A")
    leads_out = isinstance(action, pikepdf.Dictionary) and str(action.get("/S", "")) == "/URI" and "/Next" not in action
    if action is not None and not leads_out:
        del mark["/A"]
    for key in ("/FS", "/Sound", "/Movie", "/RichMediaContent", "/MK"):
        if key in mark:
            del mark[key]


def _clean_object(one: Any) -> None:
    if not isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
        return
    for key in _BESIDE:
        # The tree of pages and resources have none of these; a function or a font may have its own reasons for /M.
        if key in one:
            del one[key]
    if isinstance(one, pikepdf.Stream) and str(one.get("/Subtype", "")) == "/Image":
        _clean_picture(one)
    if isinstance(one, pikepdf.Stream) and str(one.get("/Subtype", "")) == "/PS":
        raise Unfit("active", "pdf")


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
