"""Attachments in the database: sealed in pieces under the data key of their signal, or of the draft until it is submitted.

A piece is bound to its attachment, its number and how many there are, so that one that is swapped, dropped, doubled or
moved does not open; the length of the whole is compared too. Files never stand in clear on a disk.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.orm import Session

from signaltable.attachment_rules import EXTENSIONS
from signaltable.db import table_of
from signaltable.keys import CannotOpen, DataKey, open_field, seal_field
from signaltable.models import Attachment, AttachmentPart, SignalKey
from signaltable.prepared import Prepared
from signaltable.transaction import Transaction

PIECE: Final = 512 * 1024
TABLE, PARTS = "attachments", "attachment_parts"
VERSION: Final = 1
NAME_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of an attachment beside its content. `name`, what its maker called it, only when it was opened."""

    id: str
    number: int
    kind: str
    media_type: str
    size: int
    virus_check: str
    text_state: str
    found: tuple[str, ...]
    added_at: datetime
    name: str = ""

    def file_name(self, reference: str = "") -> str:
        """A name without personal data: it lands in the history of a browser and in a folder for downloads."""
        # The word is Dutch in every language, as the addresses of the pages are.
        head = f"{reference}-" if reference else ""
        return f"{head}bijlage-{self.number}.{EXTENSIONS[self.kind]}"


def of_signal(session: Session, signal_id: str) -> Sequence[Attachment]:
    """The attachments of a signal, in their order."""
    return _of(session, Attachment.signal_id == signal_id)


def of_draft(session: Session, draft_id: str) -> Sequence[Attachment]:
    """The attachments of a draft, in their order."""
    return _of(session, Attachment.draft_id == draft_id)


def has_any(tx: Transaction, draft_id: str) -> bool:
    """Whether a draft has attachments."""
    return tx.first(_ANY, {"draft": draft_id}) is not None


_ROWS = table_of(Attachment)
_ANY = Prepared(select(_ROWS.c.id).where(_ROWS.c.draft_id == bindparam("draft")).limit(1))


def _of(session: Session, condition: object) -> Sequence[Attachment]:
    return session.scalars(select(Attachment).where(condition).order_by(Attachment.number)).all()  # type: ignore[arg-type]


def shown(row: Attachment, data_key: DataKey | None = None) -> Kept:
    """An attachment as a list shows it, with its own name when its key is given."""
    return Kept(
        row.id,
        row.number,
        row.kind,
        row.media_type,
        row.size,
        row.virus_check,
        row.text_state,
        tuple(row.found),
        row.added_at,
        _name(row, data_key) if data_key else "",
    )


# -- pieces --------------------------------------------------------------------------------------------------------


def put(tx: Transaction, row: Attachment, data: bytes, name: str, data_key: DataKey) -> None:
    """Store a new attachment with its content and its own name, sealed."""
    row.name_sealed = _seal(tx, data_key, TABLE, row.id, "name_sealed", name[:NAME_LIMIT].encode())
    tx.session.add(row)
    tx.session.flush()
    count = pieces_of(row.size)
    for number in range(1, count + 1):
        piece = data[(number - 1) * PIECE : number * PIECE]
        sealed = _seal(tx, data_key, PARTS, row.id, place_of_piece(number, count), piece)
        tx.session.execute(insert(AttachmentPart), [{"attachment_id": row.id, "number": number, "sealed": sealed}])


def pieces_of(size: int) -> int:
    """In how many pieces a file of so many bytes is kept."""
    return max(1, -(-size // PIECE))


def opened(session: Session, row: Kept | Attachment, data_key: DataKey) -> Iterator[bytes]:
    """The content, a piece at a time. Raises `CannotOpen` for a piece that is missing, changed or of elsewhere."""
    count, length = pieces_of(row.size), 0
    for number in range(1, count + 1):
        sealed = session.scalar(
            select(AttachmentPart.sealed).where(
                AttachmentPart.attachment_id == row.id,
                AttachmentPart.number == number,
            ),
        )
        if sealed is None:
            raise CannotOpen("expected a piece of an attachment, found none")
        place = place_of_piece(number, count)
        piece = open_field(data_key, table=PARTS, row=row.id, column=place, version=VERSION, sealed=sealed)
        length += len(piece)
        yield piece
    if length != row.size:
        raise CannotOpen("expected an attachment of the size that was noted")


def check(session: Session, row: Attachment, data_key: DataKey) -> None:
    """Open every piece and keep nothing. Raises `CannotOpen` when one does not open, or when there are too many."""
    stored = session.scalar(
        select(func.count()).select_from(AttachmentPart).where(AttachmentPart.attachment_id == row.id)
    )
    if stored != pieces_of(row.size):
        raise CannotOpen("expected as many pieces of an attachment as were made")
    for _piece in opened(session, row, data_key):
        pass


def place_of_piece(number: int, count: int) -> str:
    """What binds a piece to its place in the file, and to how many there are."""
    return f"sealed {number} of {count}"


def _seal(tx: Transaction, data_key: DataKey, table: str, row: str, column: str, plaintext: bytes) -> bytes:
    return seal_field(
        data_key,
        table=table,
        row=row,
        column=column,
        version=VERSION,
        plaintext=plaintext,
        nonce=tx.program.randomness(12),
    )


def _name(row: Attachment, data_key: DataKey) -> str:
    sealed = row.name_sealed
    return open_field(data_key, table=TABLE, row=row.id, column="name_sealed", version=VERSION, sealed=sealed).decode()


# -- going along and going away ------------------------------------------------------------------------------------


def hand_to_signal(tx: Transaction, draft_id: str, signal_id: str) -> int:
    """Let the attachments of a draft belong to the signal that it became. Returns how many; the pieces stay as they are."""
    rows = of_draft(tx.session, draft_id)
    for row in rows:
        row.signal_id, row.draft_id = signal_id, None
    tx.session.flush()
    return len(rows)


def erase(tx: Transaction, rows: Iterable[Attachment]) -> None:
    """Destroy attachments with their pieces. The caller records why."""
    ids = [row.id for row in rows]
    if ids:
        tx.session.execute(delete(AttachmentPart).where(AttachmentPart.attachment_id.in_(ids)))
        tx.session.execute(delete(Attachment).where(Attachment.id.in_(ids)))


def forget(tx: Transaction, signal_id: str) -> int:
    """Destroy the attachments of a signal and the key that opened them. Returns how many there were.

    The entry of the log that says that the signal is erased accounts for them.
    """
    rows = of_signal(tx.session, signal_id)
    erase(tx, rows)
    tx.session.execute(delete(SignalKey).where(SignalKey.signal_id == signal_id))
    return len(rows)


def forget_drafts(tx: Transaction, draft_ids: Iterable[str]) -> int:
    """Destroy the attachments of drafts, before the drafts themselves. Returns how many there were."""
    rows = _of(tx.session, Attachment.draft_id.in_(list(draft_ids)))
    erase(tx, rows)
    return len(rows)
