"""OpenDocument texts (ISO 26300) without what they say of who wrote them."""

import re
from typing import Final

from signaltable.attached.packed import (
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
    words,
    written,
)
from signaltable.attached.unfit import Unfit
from signaltable.attachment_rules import Inside, Picture

MIMETYPE, MANIFEST = "mimetype", "META-INF/manifest.xml"
_KEPT: Final = re.compile(r"mimetype|content\.xml|styles\.xml|META-INF/manifest\.xml|Pictures/[^/]+")
_DROPPED: Final = re.compile(
    r"meta\.xml|settings\.xml|manifest\.rdf|Thumbnails/.*|Configurations2/.*|layout-cache|META-INF/documentsignatures\.xml|__MACOSX/.*"
)
_MACROS: Final = re.compile(r"Basic/|Scripts/|Dialogs/|META-INF/macrosignatures\.xml", re.IGNORECASE)
_GONE: Final = frozenset(
    "tracked-changes change change-start change-end creator date creator-initials date-string scripts event-listeners "
    "sender-firstname sender-lastname author-name author-initials initial-creator printed-by user-defined editing-cycles "
    "editing-duration file-name template-name dde-connection-decls dde-source sender-initials sender-title sender-company "
    "sender-email sender-phone-private sender-phone-work sender-street sender-city sender-postal-code".split()
)
_IDS: Final = re.compile(r"rsid|paragraph-rsid|par-rsid")
_WEB: Final = ("http://", "https://", "mailto:", "tel:")


def clean_open_document(data: bytes, limits: Inside, pictures: Picture) -> tuple[bytes, str]:
    """An odt without what it says of its writers, and its text. Raises `Unfit` for what cannot be cleaned."""
    parts = unpacked(data, limits)
    if any(_MACROS.match(name) for name in parts):
        raise Unfit("macros", "odt")
    if b"encryption-data" in parts.get(MANIFEST, b""):
        raise Unfit("encrypted", "odt")
    kept: Parts = {name: content for name, content in parts.items() if not _DROPPED.fullmatch(name)}
    if any(not _KEPT.fullmatch(name) for name in kept) or not {MIMETYPE, MANIFEST, "content.xml"} <= set(kept):
        raise Unfit("inside", "odt")
    clean_pictures(kept, ("Pictures/",), pictures)
    told = [_clean(kept, name, limits) for name in ("content.xml", "styles.xml") if name in kept]
    _list(kept, limits)
    return repacked(kept, MIMETYPE), "\n".join(told)


def _clean(parts: Parts, name: str, limits: Inside) -> str:
    check_xml(parts[name])
    document = tree(parts[name], limits)
    for one in elements(document, _GONE.__contains__):
        drop(one)
    for one in elements(document, lambda _tag: True):
        for attribute in [name for name in one.attributes.keys() if name.rpartition(":")[2] == "href"]:  # noqa: SIM118
            _check_target(one.getAttribute(attribute).strip(), parts, is_link=local(one) == "a")
    drop_attributes(document, lambda attribute: _IDS.fullmatch(attribute) is not None)
    parts[name] = written(document)
    paragraphs = elements(document, lambda tag: tag in {"p", "h"})
    return "\n".join(words(one) for one in paragraphs)


def _check_target(target: str, parts: Parts, *, is_link: bool) -> None:
    """Refuse what is fetched from elsewhere or runs something: a link leads to the web, all else to a part of the document."""
    inside = not target or target.startswith("#") or target.removeprefix("./").partition("#")[0] in parts
    if not inside and not (is_link and target.lower().startswith(_WEB)):
        raise Unfit("external", "odt")


def _list(parts: Parts, limits: Inside) -> None:
    """The list of contents, of the parts that are there."""
    document = tree(parts[MANIFEST], limits)
    for one in elements(document, lambda tag: tag == "file-entry"):
        path = one.getAttribute("manifest:full-path")
        if path != "/" and path not in parts:
            drop(one)
    parts[MANIFEST] = written(document)
