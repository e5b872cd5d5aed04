"""The shape of policies/attachments.toml: which files may go along with a signal, how large, and what may be inside."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from signaltable.shape import Shape, Some, Words

FILE: Final = "attachments.toml"

Size = Annotated[int, Field(ge=1, le=10_000_000)]
KindId = Literal["jpeg", "png", "webp", "gif", "pdf", "docx", "odt", "xlsx", "text"]

# How a browser is told what it gets, and how the neutral name of a kind ends.
MEDIA_TYPES: Final = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "odt": "application/vnd.oasis.opendocument.text",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text": "text/plain",
}
EXTENSIONS: Final = {**{kind: kind for kind in MEDIA_TYPES}, "jpeg": "jpg", "text": "txt"}


class AttachmentKind(Shape):
    """A kind of file that may go along."""

    id: KindId
    title: Words
    largest_kib: Size


class Inside(Shape):
    """What a document may hold when it is unpacked."""

    entries: Size
    ratio: Size
    total_kib: Size
    xml_kib: Size
    pdf_pages: Size


class Picture(Shape):
    """How large a picture may be once it is drawn."""

    side: Size
    pixels: Annotated[int, Field(ge=1, le=200_000_000)]
    frames: Size


class FileRules(Shape):
    """What counts for one file."""

    inside: Inside
    picture: Picture
    kind: Some[AttachmentKind]

    def kind_of(self, name: str) -> AttachmentKind | None:
        """The kind with this id, None when it may not go along."""
        return next((kind for kind in self.kind if kind.id == name), None)

    @property
    def largest(self) -> int:
        """The size in bytes of the largest file that any kind allows."""
        return max(kind.largest_kib for kind in self.kind) * 1024


class AttachmentsFile(FileRules):
    """attachments.toml."""

    per_signal: Annotated[int, Field(ge=1, le=100)]
    total_kib: Size

    @model_validator(mode="after")
    def _once(self) -> "AttachmentsFile":
        ids = [kind.id for kind in self.kind]
        if len(set(ids)) != len(ids):
            raise ValueError("expected each kind once")
        if max(kind.largest_kib for kind in self.kind) > self.total_kib:
            raise ValueError("expected total_kib to be at least the largest file that is allowed")
        return self
