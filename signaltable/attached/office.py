"""Word and Excel files (ECMA-376) without what they say of who wrote them: properties, authors, earlier wording, thumbnails.

Only parts that are known to hold what people see come along. What holds something else of use and cannot be cleaned, such
as another file inside or data from elsewhere, is refused: the file can then be saved as PDF.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from signaltable.attached.packed import (
    Node,
    Parts,
    check_xml,
    clean_pictures,
    drop,
    drop_attributes,
    elements,
    local,
    repacked,
    tree,
    unpacked,
    unwrap,
    words,
    written,
)
from signaltable.attached.unfit import Unfit
from signaltable.attachment_rules import Inside, Picture

TYPES: Final = "[Content_Types].xml"
# Parts that tell who, when, where or with what, and that nobody misses.
_DROPPED: Final = re.compile(
    r"docProps/.*|customXml/.*|docMetadata/.*|_xmlsignatures/.*|.*thumbnail.*|.*/printerSettings/.*|.*/webextensions/.*"
    r"|word/(people|commentsExtended|commentsIds|commentsExtensible|documenttasks/.*|recipientData|stylesWithEffects)\d*\.xml"
    r"|xl/(persons|threadedComments|revisions|documenttasks|customProperty|customProperties)/.*|xl/calcChain\.xml|xl/metadata\.xml"
    r"|(word|xl)/(_rels/)?userCustomization.*|.*/keyMapCustomizations\.xml|.*/\.rels\.bak|Documentation/.*|.*\.DS_Store|__MACOSX/.*",
    re.IGNORECASE,
)
# Parts that run something, hold a file of their own or reach for data elsewhere.
_REFUSED: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r".*(vbaProject|vbaData|macrosheets|dialogsheets|attachedToolbars|customUI)", re.IGNORECASE), "macros"),
    (
        re.compile(
            r".*/(activeX|ctrlProps|embeddings|externalLinks|queryTables|model|slicers?|pivotCache|afchunk)",
            re.IGNORECASE,
        ),
        "inside",
    ),
    (re.compile(r"xl/connections\.xml", re.IGNORECASE), "external"),
)
_KNOWN: Final = re.compile(
    r"(\[Content_Types\]\.xml|.*\.rels|.*\.xml|(word|xl)/media/[^/]+|word/fonts/[^/]+\.(odttf|ttf)|.*\.vml)",
    re.IGNORECASE,
)
# Changes that were kept: the wording from before goes, the one of now stays.
_GONE: Final = frozenset(
    "del moveFrom rPrChange pPrChange sectPrChange tblPrChange tblPrExChange trPrChange tcPrChange tblGridChange numberingChange "
    "cellDel cellIns cellMerge moveFromRangeStart moveFromRangeEnd moveToRangeStart moveToRangeEnd customXmlDelRangeStart "
    "customXmlDelRangeEnd customXmlInsRangeStart customXmlInsRangeEnd customXmlMoveFromRangeStart customXmlMoveFromRangeEnd "
    "customXmlMoveToRangeStart customXmlMoveToRangeEnd proofErr permStart permEnd dataBinding".split()
)
_OF_SETTINGS: Final = frozenset(
    "rsids attachedTemplate docVars mailMerge writeProtection documentProtection trackRevisions saveThroughXslt docId docGuid "
    "readModeInkLockDown activeWritingStyle proofState schemaLibrary attachedSchema".split()
)
_OF_WORKBOOK: Final = frozenset(
    "absPath fileSharing fileRecoveryPr revisionPtr webPublishing externalReferences customWorkbookViews".split()
)
_IDS: Final = re.compile(r"rsid\w*|paraId|textId|uid|author|initials|date|dateUtc|userId|providerId|lastEdited\w*")
_PATH: Final = re.compile(r"[\\/]|\.(jpe?g|png|gif|webp|bmp|tiff?|heic|pdf|docx?)$", re.IGNORECASE)
_LINKS: Final = ("/hyperlink",)
# Fields that fetch a file, a picture or a value, or that run a program (ECMA-376 part 1, 17.16.5).
_FETCHES: Final = re.compile(
    r"\s*(DDE|DDEAUTO|INCLUDE|INCLUDEPICTURE|INCLUDETEXT|IMPORT|LINK|DATABASE|RD|EMBED|MACROBUTTON|HTMLACTIVEX)\b",
    re.IGNORECASE,
)
_WHO: Final = frozenset("alias tag".split())
# Formulas that do the same.
_FORMULA: Final = re.compile(
    rb"<(?:\w+:)?f\b[^>]*>[^<]*(?:\b(?:_xlfn\.)?(?:_xlws\.)?(?:WEBSERVICE|IMAGE|RTD|CALL|REGISTER\.ID|SQL\.REQUEST)\s*\(|\|\s*&apos;|\|\s*')",
    re.IGNORECASE,
)
# A target that names a machine or a disk is outside the document, whatever its mode says.
_OUTSIDE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[\\/]{2}|\\")
# Text parts that are read for identifying words.
_REMARK: Final = re.compile(rb"<!--.*?-->", re.DOTALL)
_SHEET: Final = re.compile(rb"<(?:\w+:)?v>([^<]{1,200})</(?:\w+:)?v>")
NOBODY: Final = "-"


def clean_word(data: bytes, limits: Inside, pictures: Picture) -> tuple[bytes, str]:
    """A docx without what it says of its writers, and its text. Raises `Unfit` for what cannot be cleaned."""
    parts = _stripped(data, limits, pictures, "word/media/")
    told: list[str] = []
    for name in [name for name in parts if name.startswith("word/") and name.endswith(".xml")]:
        document = tree(parts[name], limits)
        _clean_wording(document)
        _refuse_fields(document)
        if name == "word/settings.xml":
            _drop_all(document, _OF_SETTINGS)
        drop_attributes(document, lambda attribute: _IDS.fullmatch(attribute) is not None)
        _name_nobody(document)
        _forget_files(document)
        parts[name] = written(document)
        told.extend(_paragraphs(document))
    return repacked(parts, TYPES), "\n".join(told)


def clean_sheet(data: bytes, limits: Inside, pictures: Picture) -> tuple[bytes, str]:
    """An xlsx without what it says of its writers, and its text with the numbers in its cells. Raises `Unfit`."""
    parts = _stripped(data, limits, pictures, "xl/media/")
    told: list[str] = []
    for name in [name for name in parts if name.startswith("xl/") and name.endswith(".xml")]:
        if name.startswith("xl/worksheets/") or name == "xl/sharedStrings.xml":
            if _FORMULA.search(parts[name]):
                raise Unfit("external")
            parts[name] = _REMARK.sub(b"", parts[name])
            told.extend(_cells(parts[name], limits))
            continue
        document = tree(parts[name], limits)
        if name == "xl/workbook.xml":
            _drop_all(document, _OF_WORKBOOK)
        if re.fullmatch(r"xl/comments\d*\.xml|xl/comments/.*", name):
            told.extend(_forget_authors(document))
        _forget_files(document)
        drop_attributes(document, lambda attribute: attribute in {"uid", "userName", "documentId"})
        parts[name] = written(document)
    return repacked(parts, TYPES), "\n".join(told)


# -- parts and relations -------------------------------------------------------------------------------------------


def _stripped(data: bytes, limits: Inside, pictures: Picture, media: str) -> Parts:
    """The parts that stay, with relations and list of contents that fit them."""
    parts = unpacked(data, limits)
    for name in parts:
        for pattern, cause in _REFUSED:
            if pattern.match(name):
                raise Unfit(cause)
    kept = {name: content for name, content in parts.items() if not _DROPPED.fullmatch(name)}
    if any(not _KNOWN.fullmatch(name) for name in kept):
        raise Unfit("inside")
    for name, content in kept.items():
        if not name.startswith(media) and not name.startswith("word/fonts/"):
            check_xml(content)
    gone = set(parts) - set(kept)
    for name in [name for name in kept if name.endswith(".rels")]:
        if _source(name) in gone:
            gone.add(name)
            del kept[name]
        else:
            kept[name] = _relations(name, kept[name], gone, limits)
    kept[TYPES] = _listed(kept[TYPES], gone, limits)
    clean_pictures(kept, (media,), pictures)
    return kept


def _source(relations: str) -> str:
    """The part that a list of relations belongs to."""
    folder, _, file = relations.rpartition("/")
    return posixpath.join(posixpath.dirname(folder), file.removesuffix(".rels"))


def _relations(name: str, content: bytes, gone: set[str], limits: Inside) -> bytes:
    document = tree(content, limits)
    base = posixpath.dirname(posixpath.dirname(name))
    for one in elements(document, lambda tag: tag == "Relationship"):
        target, kind = unquote(one.getAttribute("Target")), one.getAttribute("Type")
        if one.getAttribute("TargetMode").strip().lower() == "external" or _OUTSIDE.match(target.strip()):
            if kind.endswith("/attachedTemplate"):
                drop(one)  # The path of a template names the user whose folder it is in.
            elif not kind.endswith(_LINKS) or not target.lower().startswith(("http://", "https://", "mailto:", "#")):
                raise Unfit("external")
        elif posixpath.normpath(posixpath.join("/" + base, target)).lstrip("/") in gone:
            drop(one)
    return written(document)


def _listed(content: bytes, gone: set[str], limits: Inside) -> bytes:
    document = tree(content, limits)
    for one in elements(document, lambda tag: tag == "Override"):
        if one.getAttribute("PartName").lstrip("/") in gone:
            drop(one)
    return written(document)


# -- wording -------------------------------------------------------------------------------------------------------


def _drop_all(document: Node, names: frozenset[str]) -> None:
    for one in elements(document, names.__contains__):
        drop(one)


def _clean_wording(document: Node) -> None:
    """Accept every change that was kept: earlier wording and moved pieces go, new wording stays."""
    for row in elements(document, lambda tag: tag == "trPr"):
        if any(local(one) == "del" for one in row.childNodes if one.nodeType == one.ELEMENT_NODE):
            drop(row.parentNode)
    _drop_all(document, _GONE)
    for one in elements(document, lambda tag: tag in {"ins", "moveTo"}):
        unwrap(one)
    # Programs name the places that are filled in; nobody sees these names in the document.
    _drop_all(document, frozenset({"delText", "delInstrText"}) | _WHO)


def _refuse_fields(document: Node) -> None:
    """Refuse a field that fetches something, also one that is written in pieces or whose name is made by another field."""
    open_fields = [""]
    for one in elements(document, {"fldChar", "instrText", "fldSimple"}.__contains__):
        prefix = one.tagName.rpartition(":")[0]
        name = f"{prefix}:" if prefix else ""
        if local(one) == "instrText":
            open_fields[-1] += words(one)
        elif local(one) == "fldSimple":
            open_fields[0] = one.getAttribute(f"{name}instr")
        elif one.getAttribute(f"{name}fldCharType") == "begin":
            if len(open_fields) > 1 and not open_fields[-1].strip():
                raise Unfit("external")
            open_fields.append("")
        elif one.getAttribute(f"{name}fldCharType") == "end" and len(open_fields) > 1:
            _refuse_field(open_fields.pop())
        _refuse_field(open_fields[0])
    for said in open_fields:
        _refuse_field(said)


def _refuse_field(said: str) -> None:
    if _FETCHES.match(said):
        raise Unfit("external")


def _name_nobody(document: Node) -> None:
    """A remark stays and its writer goes: the format wants a name there."""
    for one in elements(document, lambda tag: tag == "comment"):
        prefix = one.tagName.rpartition(":")[0]
        one.setAttribute(f"{prefix}:author" if prefix else "author", NOBODY)


def _forget_files(document: Node) -> None:
    """The name and the place of the file that a picture came from."""
    for one in elements(document, lambda tag: tag in {"cNvPr", "docPr", "imagedata"}):
        for name in ("name", "title", "o:title", "descr", "o:href", "href"):
            value = one.getAttribute(name)
            if value and (name == "name" or _PATH.search(value)):
                one.setAttribute(name, "" if name != "name" else "object")


def _forget_authors(document: Node) -> Iterator[str]:
    """The writers of remarks in a sheet; their name also stands in front of the words of each remark."""
    authors = elements(document, lambda tag: tag == "author")
    names = sorted({words(one).strip() for one in authors} - {""}, key=len, reverse=True)
    for one in authors:
        _write(one, NOBODY)
    for text in elements(document, lambda tag: tag == "t"):
        said = words(text)
        for name in names:
            said = said.replace(name, NOBODY)
        _write(text, said)
        yield said


def _write(element: Node, text: str) -> None:
    while element.firstChild is not None:
        element.removeChild(element.firstChild)
    element.appendChild(element.ownerDocument.createTextNode(text))


def _paragraphs(document: Node) -> Iterator[str]:
    for paragraph in elements(document, lambda tag: tag == "p"):
        said = []
        for one in elements(paragraph, lambda tag: tag in {"t", "tab", "br", "instrText"}):
            said.append(words(one) if local(one) in {"t", "instrText"} else " ")
        yield "".join(said)


def _cells(content: bytes, limits: Inside) -> Iterator[str]:
    if b"<si" in content[:4096] or b"inlineStr" in content:
        for item in elements(tree(content, limits), lambda tag: tag in {"si", "is"}):
            yield " ".join(words(one) for one in elements(item, lambda tag: tag == "t"))
    for found in _SHEET.finditer(content):
        yield found[1].decode("utf-8", "replace")
