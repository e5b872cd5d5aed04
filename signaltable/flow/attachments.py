"""Files that go along with a signal: added to the own draft or the own agency's signal, downloaded, taken away, destroyed.

Only the owner's agency opens them: they hold identity. The file is cleaned and looked through before a transaction
begins, because that takes a second or two and a database that writes would wait.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select

from signaltable.access import OWN_CASE, Permission, require
from signaltable.attached import PARTLY, PICTURE, Cleaned
from signaltable.attached.unfit import Unfit
from signaltable.attachment_rules import MEDIA_TYPES, AttachmentsFile
from signaltable.domain import ENDED, Actor, Conflict, NotFound, State
from signaltable.file_cleaner import clean
from signaltable.flow import attachment_rows, drafts, masking, sealing
from signaltable.flow.attachment_rows import Kept, forget, forget_drafts
from signaltable.flow.virus_scan import INFECTED, NOT_SCANNED, scan
from signaltable.keys import DataKey, new_data_key
from signaltable.models import Attachment, Signal
from signaltable.queries import resource_of, signal_by_reference
from signaltable.text import contains_bsn
from signaltable.transaction import Program, Transaction, reading

__all__ = [
    "REASONS",
    "Download",
    "Kept",
    "Prepared",
    "add_to_draft",
    "add_to_signal",
    "download",
    "download_of_draft",
    "forget",
    "forget_drafts",
    "note_refusal",
    "of_draft",
    "of_signal",
    "pieces",
    "prepare",
    "remove",
    "remove_from_draft",
    "rules",
]

# Why an attachment is taken away afterwards: a choice, because words could say what the file said.
REASONS = ("wrong_file", "too_much", "asked", "other")
LOOKED = "looked"
# So much of a text is looked through, which takes about a second; of more, its submitter has to look.
TEXT_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file that may be kept: cleaned, and whether it was scanned for viruses."""

    cleaned: Cleaned
    virus_check: str
    found: tuple[str, ...]
    text_state: str
    name: str = field(repr=False)

    @property
    def needs_a_look(self) -> bool:
        """Whether the program could not read all words in the file, so that its submitter has to look."""
        return self.text_state in {PARTLY, PICTURE}


@dataclass(frozen=True, slots=True)
class Download:
    """A file as it is handed out, under a name without personal data."""

    kept: Kept
    file_name: str
    data_key: DataKey = field(repr=False)


def rules(program: Program) -> AttachmentsFile:
    """What may go along (policies/attachments.toml)."""
    said = program.policy.attachments
    if said is None:  # Only rules that were kept for replaying lack the file, and nothing is added under those.
        raise Conflict("attachments", "these rules say nothing about attachments")
    return said


def prepare(program: Program, who: Actor, data: bytes, name: str) -> Prepared:
    """Clean a file, have it scanned, and read its text. Raises `Unfit` with the cause; nothing is stored or recorded yet."""
    said = rules(program)
    if len(data) > said.largest:
        raise Unfit("too_large")
    virus_check = scan(program.settings, data) if data else NOT_SCANNED
    if virus_check == INFECTED:
        raise Unfit("virus")
    cleaned = clean(data, said)
    found, whole = _kinds(program, who, cleaned)
    return Prepared(cleaned, virus_check, found, cleaned.text_state if whole else PARTLY, name)


def _kinds(program: Program, who: Actor, cleaned: Cleaned) -> tuple[tuple[str, ...], bool]:
    """Which kinds of identifying words stand in the file, and whether all of it was read.

    Raises `Unfit` for a BSN, which is never stored here.
    """
    if contains_bsn(cleaned.text):
        raise Unfit("bsn", cleaned.kind)
    if not cleaned.text.strip():
        return (), True
    with reading(program, actor=who) as session:
        # Only looks up the names of organisations: a transaction that writes would make everybody wait.
        read = masking.read(Transaction(program, who, session, program.clock()), cleaned.text[:TEXT_LIMIT])
    return tuple(sorted({span.kind for span in read.spans})), read.complete and len(cleaned.text) <= TEXT_LIMIT


# -- adding --------------------------------------------------------------------------------------------------------


def add_to_draft(tx: Transaction, draft_id: str, prepared: Prepared, *, looked: bool) -> Kept:
    """Keep a file with the actor's own draft, sealed under its key. Raises `Unfit`, or `NotFound` for another's draft.

    Nothing is written before it raises, so that several files fit in one transaction of which some are refused.
    """
    _content, data_key = drafts.content_and_key(tx, draft_id)
    rows = attachment_rows.of_draft(tx.session, draft_id)
    _check_fits(tx, rows, prepared, looked=looked)
    return _add(tx, rows, prepared, data_key, draft_id=draft_id)


def add_to_signal(tx: Transaction, reference: str, prepared: Prepared, *, looked: bool) -> Kept:
    """Keep a file with a signal of the own agency. Raises `Unfit`, `Conflict` when it is closed, `Refused` for another's.

    Nothing is written before it raises, as with `add_to_draft`.
    """
    signal = _own_signal(tx, reference, Permission.SIGNAL_SUBMIT_OWN)
    if State(signal.state) in ENDED:
        raise Conflict("attachments", "nothing is added to a signal that is closed")
    rows = attachment_rows.of_signal(tx.session, signal.id)
    _check_fits(tx, rows, prepared, looked=looked)
    data_key = sealing.signal_key(tx, signal.id)
    if data_key is None:
        data_key = new_data_key(tx.program.randomness(32))
        sealing.wrap_signal_key(tx, signal.id, data_key)
    return _add(tx, rows, prepared, data_key, signal=signal)


def _add(
    tx: Transaction,
    rows: Sequence[Attachment],
    prepared: Prepared,
    data_key: DataKey,
    *,
    draft_id: str = "",
    signal: Signal | None = None,
) -> Kept:
    cleaned = prepared.cleaned
    row = Attachment(
        id=tx.new_id(),
        signal_id=signal.id if signal else None,
        draft_id=draft_id or None,
        number=1 + max((one.number for one in rows), default=0),
        kind=cleaned.kind,
        media_type=MEDIA_TYPES[cleaned.kind],
        size=len(cleaned.data),
        virus_check=prepared.virus_check,
        text_state=LOOKED if prepared.needs_a_look else prepared.text_state,
        found=list(prepared.found),
        added_by=tx.actor.account_id,
        added_at=tx.now,
    )
    attachment_rows.put(tx, row, cleaned.data, prepared.name, data_key)
    _record(
        tx,
        "attachment:record",
        row,
        signal,
        media_type=row.media_type,
        bytes=row.size,
        virus_check=row.virus_check,
        text_state=row.text_state,
        kinds=row.found,
    )
    return attachment_rows.shown(row, data_key)


def _check_fits(tx: Transaction, rows: Sequence[Attachment], prepared: Prepared, *, looked: bool) -> None:
    said, cleaned = rules(tx.program), prepared.cleaned
    if prepared.needs_a_look and not looked:
        raise Unfit("not_looked", cleaned.kind)
    if len(rows) >= said.per_signal:
        raise Unfit("too_many", cleaned.kind)
    if sum(row.size for row in rows) + len(cleaned.data) > said.total_kib * 1024:
        raise Unfit("total", cleaned.kind)


def note_refusal(tx: Transaction, unfit: Unfit, *, draft_id: str = "", reference: str = "", size: int = 0) -> None:
    """Record that a file was refused, and why; of the file no more than its kind and size."""
    details: dict[str, object] = {"cause": unfit.cause, "bytes": size}
    if unfit.kind:
        details["media_type"] = MEDIA_TYPES[unfit.kind]
    if reference:
        signal = _own_signal(tx, reference, Permission.SIGNAL_SUBMIT_OWN)
        details["signal"] = signal.reference
        where = ("signal", signal.reference)
    else:
        details["draft"] = drafts.own(tx, draft_id).id
        where = ("draft", draft_id)
    tx.record(
        "attachment:refuse",
        object_type=where[0],
        object_id=where[1],
        outcome="refused",
        reason=unfit.cause,
        details=details,
    )


# -- looking -------------------------------------------------------------------------------------------------------


def of_draft(tx: Transaction, draft_id: str) -> list[Kept]:
    """The attachments of the actor's own draft, with the names that their makers gave them."""
    _content, data_key = drafts.content_and_key(tx, draft_id)
    return [attachment_rows.shown(row, data_key) for row in attachment_rows.of_draft(tx.session, draft_id)]


def count_of_draft(tx: Transaction, draft_id: str) -> int:
    """How many attachments a draft has."""
    counted = select(func.count()).select_from(Attachment).where(Attachment.draft_id == drafts.own(tx, draft_id).id)
    return tx.session.scalar(counted) or 0


def of_signal(tx: Transaction, signal: Signal, *, with_names: bool = False) -> list[Kept]:
    """The attachments of a signal that the caller may consult as its owner; their own names when identity is opened."""
    rows = attachment_rows.of_signal(tx.session, signal.id)
    data_key = sealing.signal_key(tx, signal.id) if with_names and rows else None
    return [attachment_rows.shown(row, data_key) for row in rows]


@dataclass(frozen=True, slots=True)
class Listing:
    """The attachments of an own signal, and whether any can be added or taken away still."""

    reference: str
    files: tuple[Kept, ...]
    may_change: bool


def listing(tx: Transaction, reference: str) -> Listing:
    """The attachments of an own signal for their page. That somebody looked is recorded as a look at the signal."""
    signal = _own_signal(tx, reference, Permission.SIGNAL_CONSULT_OWN)
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "attachments"},
    )
    return Listing(signal.reference, tuple(of_signal(tx, signal)), State(signal.state) not in ENDED)


def check_may_add(tx: Transaction, reference: str) -> None:
    """Raises what `add_to_signal` would raise before a file is looked at, so that nobody else's file is taken in."""
    signal = _own_signal(tx, reference, Permission.SIGNAL_SUBMIT_OWN)
    if State(signal.state) in ENDED:
        raise Conflict("attachments", "nothing is added to a signal that is closed")


def download(tx: Transaction, reference: str, number: int) -> Download:
    """An attachment of an own signal, checked whole before its first byte leaves. Raises `CannotOpen` when it is not whole."""
    signal = _own_signal(tx, reference, Permission.IDENTITY_CONSULT_OWN, purpose=OWN_CASE)
    row = _numbered(attachment_rows.of_signal(tx.session, signal.id), number)
    data_key = sealing.signal_key(tx, signal.id)
    if data_key is None:
        raise NotFound("no such attachment")
    return _checked(tx, row, data_key, signal)


def download_of_draft(tx: Transaction, draft_id: str, number: int) -> Download:
    """An attachment of the actor's own draft."""
    _content, data_key = drafts.content_and_key(tx, draft_id)
    return _checked(tx, _numbered(attachment_rows.of_draft(tx.session, draft_id), number), data_key, None)


def _checked(tx: Transaction, row: Attachment, data_key: DataKey, signal: Signal | None) -> Download:
    attachment_rows.check(tx.session, row, data_key)
    _record(tx, "attachment:download", row, signal, media_type=row.media_type, bytes=row.size)
    kept = attachment_rows.shown(row)
    return Download(kept, kept.file_name(signal.reference if signal else ""), data_key)


def pieces(program: Program, download: Download) -> Iterator[bytes]:
    """The content of a file that was handed out, a piece at a time, so that it need not be in memory as a whole."""
    with reading(program, whole="the file was handed out by the gate") as session:
        yield from attachment_rows.opened(session, download.kept, download.data_key)


# -- taking away ---------------------------------------------------------------------------------------------------


def remove_from_draft(tx: Transaction, draft_id: str, number: int) -> None:
    """Destroy an attachment of the actor's own draft."""
    draft = drafts.own(tx, draft_id)
    _destroy(tx, _numbered(attachment_rows.of_draft(tx.session, draft.id), number), None, "by_author")


def remove(tx: Transaction, reference: str, number: int, reason: str) -> None:
    """Destroy an attachment of an own signal, for one of REASONS. What was downloaded before is elsewhere and stays there."""
    signal = _own_signal(tx, reference, Permission.SIGNAL_SUBMIT_OWN)
    if reason not in REASONS:
        raise Conflict("attachments", "expected one of the reasons that the page offers")
    _destroy(tx, _numbered(attachment_rows.of_signal(tx.session, signal.id), number), signal, reason)


def _destroy(tx: Transaction, row: Attachment, signal: Signal | None, cause: str) -> None:
    _record(tx, "attachment:erase", row, signal, cause=cause)
    attachment_rows.erase(tx, [row])


def _own_signal(tx: Transaction, reference: str, permission: Permission, *, purpose: str = "") -> Signal:
    signal = signal_by_reference(tx, reference)
    require(tx.actor, permission, replace(resource_of(tx, signal), purpose=purpose))
    return signal


def _numbered(rows: Sequence[Attachment], number: int) -> Attachment:
    for row in rows:
        if row.number == number:
            return row
    raise NotFound("no such attachment")


def _record(tx: Transaction, action: str, row: Attachment, signal: Signal | None, **details: object) -> None:
    where = {"signal": signal.reference} if signal else {"draft": row.draft_id}
    tx.record(
        action,
        object_type="attachment",
        object_id=row.id,
        details={**where, "attachment": row.number, **details},
    )
