"""Cleaning one file, by what kind it is: loads the readers of all formats, so it has a process of its own (file_cleaner)."""

from signaltable.attached import PARTLY, PICTURE, READ, Cleaned
from signaltable.attached.images import clean_picture
from signaltable.attached.kinds import decoded, kind_of
from signaltable.attached.office import clean_sheet, clean_word
from signaltable.attached.open_document import clean_open_document
from signaltable.attached.pdf import clean_pdf
from signaltable.attached.unfit import Unfit
from signaltable.attachment_rules import FileRules


def clean(data: bytes, rules: FileRules) -> Cleaned:
    """The file without anything that tells who made it, when, where and with what. Raises `Unfit` with the cause."""
    if len(data) > rules.largest:
        raise Unfit("too_large")
    kind = kind_of(data)
    allowed = rules.kind_of(kind)
    if allowed is None:
        raise Unfit("kind", kind)
    if len(data) > allowed.largest_kib * 1024:
        raise Unfit("too_large", kind)
    try:
        return _cleaned(data, kind, rules)
    except Unfit as unfit:
        raise Unfit(unfit.cause, kind) from None
    except Exception:  # noqa: BLE001 -- five readers of other people's formats: whatever they trip over is a broken file
        raise Unfit("broken", kind) from None


def _cleaned(data: bytes, kind: str, rules: FileRules) -> Cleaned:
    if kind == "pdf":
        made = clean_pdf(data, rules.inside)
        return Cleaned(kind, made.data, made.text, READ if made.whole else PARTLY)
    if kind == "text":
        text = decoded(data) or ""
        return Cleaned(kind, text.encode(), text, READ)
    if kind in {"docx", "xlsx", "odt"}:
        reader = {"docx": clean_word, "xlsx": clean_sheet, "odt": clean_open_document}[kind]
        packed, text = reader(data, rules.inside, rules.picture)
        # The names of parts stand in clear in a zip; words in a picture are not read.
        has_pictures = b"/media/" in packed or b"Pictures/" in packed
        return Cleaned(kind, packed, text, PARTLY if has_pictures else READ)
    return Cleaned(kind, clean_picture(data, kind, rules.picture), "", PICTURE)
