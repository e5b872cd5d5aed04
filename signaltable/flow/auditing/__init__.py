"""Reading the log: who did what, when, to which object, and the proof that an entry stands in it.

Shows codes, references and opaque ids, never a case and never a name: names of people stand in a table apart. Whoever
consults the log leaves an entry in it. Checking the whole log stands in `log_check`, handing it out in `log_export`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Select, literal, or_, select
from sqlalchemy.orm import Session

from audit import merkle, receipt
from audit.entry import Entry, open_details, parse
from audit.errors import AuditError
from audit.note import Verifier
from audit.vocabulary import ACTIONS
from signaltable import audit_trail
from signaltable.access import Allowed, Denied, Permission, may, require
from signaltable.db import HoldsBytes
from signaltable.domain import NotFound, Resource
from signaltable.flow.log_check import CheckLine, as_bytes, check
from signaltable.flow.log_export import (
    Export,
    export,
    export_file,
    export_state,
    fulfil_exports,
    my_exports,
    request_export,
    sign_checkpoint,
)
from signaltable.models import Disclosure, LogCheckpoint, LogDetail, LogEntry, Signal
from signaltable.queries import PAGE, PageKey, agency_titles, newest_first
from signaltable.settings import Settings
from signaltable.texts import Text
from signaltable.transaction import Transaction

__all__ = [
    "CheckLine",
    "DisclosureLine",
    "EntryLine",
    "EntryPage",
    "EntryProof",
    "EntryView",
    "Export",
    "Filters",
    "SignedHead",
    "check",
    "disclosures",
    "entries",
    "entries_of",
    "entry",
    "export",
    "export_file",
    "export_state",
    "fulfil_exports",
    "head",
    "my_exports",
    "proof",
    "public_key",
    "request_export",
    "sign_checkpoint",
]

# (action, view): entries of an agency that name a signal which its people never saw.
TELLS_OF_OTHERS = frozenset(
    {
        ("link:propose", ""),
        ("link:confirm", ""),
        ("link:refuse", ""),
        ("enrich:consult", "question"),
        ("enrich:compare", ""),
        ("enrich:answer", ""),
    },
)
# How many entries one object shows on its page; more of them stand behind a filter of the log.
MOST_OF_ONE_OBJECT = 200
# How many earlier checkpoints a page shows.
EARLIER = 5
# Actions whose details can name a receiver.
NAMES_A_RECEIVER = tuple(
    sorted(
        name for name, action in ACTIONS.items() if "recipient" in action.details_required | action.details_optional
    ),
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show of the log; an empty value does not count. `until` is the first moment that is left out."""

    since: datetime | None = None
    until: datetime | None = None
    agency: str = ""
    action: str = ""
    outcome: str = ""
    receiver: str = ""
    object: str = ""

    @property
    def used(self) -> list[str]:
        """The names of the filters in use; values may not stand in the log about the log."""
        names = ("since", "until", "agency", "action", "outcome", "receiver", "object")
        return [name for name in names if getattr(self, name)]


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry for people to read. `actor` is an opaque id; `damaged` means that the stored bytes were changed."""

    seq: int
    recorded_at: datetime
    action: str
    summary: Text
    outcome: str
    reason: str
    actor: str
    roles: tuple[str, ...]
    agency_id: str
    agency: str
    channel: str
    object_type: str
    object: str
    damaged: bool


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A page of the log, newest first, with the numbers from which the pages beside it start."""

    lines: tuple[EntryLine, ...]
    newer: int | None
    older: int | None


@dataclass(frozen=True, slots=True)
class EntryProof:
    """That an entry stands in the tree that a checkpoint signs. `text` is the .tlog-proof, `verified` its check here."""

    seq: int
    size: int
    root: str
    signed_at: datetime
    steps: tuple[str, ...]
    text: str
    verified: bool


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry with its details and its proof. `details` is None when they were destroyed; proofs hold without them.

    `details_fit` and `leaf_fits`: what is stored is what the entry committed to, and what was hashed.
    """

    line: EntryLine
    occurred_at: datetime | None
    strength: str
    trace_id: str
    details: Mapping[str, Any] | None
    details_fit: bool
    leaf: str
    leaf_fits: bool
    commitment: str
    proof: EntryProof | None
    newer: int | None
    older: int | None


@dataclass(frozen=True, slots=True)
class DisclosureLine:
    """A disclosure as the auditor sees it in the list: from whom to whom, for what, on which ground; no content."""

    reference: str
    provider: str
    recipient: str
    destination: str
    purpose: str
    ground: str
    state: str
    requested_at: datetime
    disclosed_at: datetime | None
    id: str


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The newest checkpoint, how many entries came after it, and how often one is signed.

    `earlier` are size and moment of the checkpoints before it, newest first, the last few only.
    """

    note: str
    size: int
    root: str
    signed_at: datetime | None
    waiting: int
    every_minutes: int
    origin: str
    fingerprint: str
    earlier: tuple[tuple[int, datetime], ...]


# -- the log ------------------------------------------------------------------------------------------------------


def entries(tx: Transaction, filters: Filters, before: int | None = None, after: int | None = None) -> EntryPage:
    """A page of the log that the filters and the actor's role leave, newest first.

    `before` and `after` are numbers of entries: the page of those just older, or just newer. A privacy officer sees
    what the own agency did, the auditor all. Records that the log was consulted.
    """
    scope = _scope(tx)
    query = _filtered(select(LogEntry), filters, scope)
    if after is not None:
        rows = tx.session.scalars(query.where(LogEntry.seq > after).order_by(LogEntry.seq).limit(PAGE + 1)).all()
        more_newer, rows = len(rows) > PAGE, rows[:PAGE][::-1]
        more_older = True
    else:
        if before is not None:
            query = query.where(LogEntry.seq < before)
        rows = tx.session.scalars(query.order_by(LogEntry.seq.desc()).limit(PAGE + 1)).all()
        more_older, rows = len(rows) > PAGE, rows[:PAGE]
        more_newer = before is not None
    lines = _lines(tx, rows)
    _record_consulting(tx, "log", count=len(lines), filters=filters.used)
    return EntryPage(
        lines,
        newer=lines[0].seq if lines and more_newer else None,
        older=lines[-1].seq if lines and more_older else None,
    )


def entries_of(tx: Transaction, objects: Sequence[str]) -> tuple[EntryLine, ...]:
    """What the log says of these references, oldest first, at most `MOST_OF_ONE_OBJECT`; for a page about one thing."""
    require(tx.actor, Permission.LOG_CONSULT_ALL)
    rows = tx.session.scalars(
        select(LogEntry).where(LogEntry.object.in_(objects)).order_by(LogEntry.seq).limit(MOST_OF_ONE_OBJECT),
    ).all()
    return _lines(tx, rows)


def entry(tx: Transaction, seq: int) -> EntryView:
    """One entry with its details, its hash and its proof. Raises `NotFound`, or `Refused` for another agency's."""
    row = _row(tx, seq)
    made = _read(row)
    details, fit = _details(tx, made, seq)
    shown = _proof(tx.session, tx.program.settings, row)
    _record_consulting(tx, "entry", object_id=str(seq))
    newest = audit_trail.size(tx.session) - 1
    return EntryView(
        line=_line(row, agency_titles(tx)),
        occurred_at=_moment(made.occurred_at) if made else None,
        strength=made.strength if made else "",
        trace_id=made.trace_id if made else "",
        details=_for_reader(tx, made, details),
        details_fit=fit,
        leaf=as_bytes(row.leaf).hex(),
        leaf_fits=merkle.leaf_hash(as_bytes(row.entry)) == as_bytes(row.leaf),
        commitment=made.details_commitment if made else "",
        proof=shown,
        newer=seq + 1 if seq < newest else None,
        older=seq - 1 if seq > 0 else None,
    )


def proof(tx: Transaction, seq: int) -> EntryProof:
    """The proof of one entry, to keep. Raises `NotFound` as long as no checkpoint covers the entry."""
    row = _row(tx, seq)
    made = _proof(tx.session, tx.program.settings, row)
    if made is None:
        raise NotFound("no checkpoint covers this entry yet")
    _record_consulting(tx, "proof", object_id=str(seq))
    return made


def head(tx: Transaction) -> SignedHead:
    """The newest checkpoint and what came after it."""
    require(tx.actor, Permission.LOG_CONSULT_ALL)
    signed = tx.session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(EARLIER + 1)).all()
    newest = signed[0] if signed else None
    key = _verifier(tx.program.settings)
    size = audit_trail.size(tx.session)
    return SignedHead(
        note=newest.note if newest else "",
        size=newest.size if newest else 0,
        root=_root_of(newest) if newest else "",
        signed_at=newest.signed_at if newest else None,
        waiting=size - (newest.size if newest else 0),
        every_minutes=tx.program.settings.checkpoint_minutes,
        origin=key.name,
        fingerprint=key.fingerprint,
        earlier=tuple((row.size, row.signed_at) for row in signed[1:]),
    )


def public_key(tx: Transaction) -> str:
    """The public key of the log as a file for auditors: the vkey and a newline."""
    _scope(tx)
    return _verifier(tx.program.settings).to_text() + "\n"


# -- disclosures --------------------------------------------------------------------------------------------------


def disclosures(tx: Transaction, after: PageKey | None = None) -> tuple[tuple[DisclosureLine, ...], PageKey | None]:
    """All disclosures, newest first, a page at a time, with the key of the next page or None. No content."""
    require(tx.actor, Permission.DISCLOSURE_AUDIT_ALL)
    shown, following = newest_first(tx, select(Disclosure), Disclosure.requested_at, Disclosure.id, after)
    titles = agency_titles(tx)
    _record_consulting(tx, "disclosures", count=len(shown))
    lines = tuple(
        DisclosureLine(
            row.reference,
            titles.get(row.provider_agency, ""),
            titles.get(row.recipient_agency, ""),
            row.destination,
            row.purpose,
            row.ground,
            row.state,
            row.requested_at,
            row.disclosed_at,
            row.id,
        )
        for row in shown
    )
    return lines, following


# -- inside -------------------------------------------------------------------------------------------------------


def _scope(tx: Transaction) -> str:
    """Nothing for who may see all, else the one agency whose entries the actor may see."""
    if isinstance(may(tx.actor, Permission.LOG_CONSULT_ALL), Allowed):
        return ""
    own = Resource("log", owner_agency=tx.actor.agency_id)
    require(tx.actor, Permission.LOG_CONSULT_OWN, own)
    return tx.actor.agency_id


def _filtered(query: Select[Any], filters: Filters, scope: str) -> Select[Any]:
    wanted: list[ColumnElement[bool]] = []
    if scope:
        wanted.append(LogEntry.agency == scope)
    if filters.since:
        wanted.append(LogEntry.recorded_at >= filters.since)
    if filters.until:
        wanted.append(LogEntry.recorded_at < filters.until)
    for column, value in (
        (LogEntry.agency, filters.agency),
        (LogEntry.action, filters.action),
        (LogEntry.outcome, filters.outcome),
        (LogEntry.object, filters.object),
    ):
        if value:
            wanted.append(column == value)
    if filters.receiver:
        wanted.append(_concerns_receiver(filters.receiver))
    return query.where(*wanted)


def _concerns_receiver(agency_id: str) -> ColumnElement[bool]:
    """Entries about a disclosure to this agency, and those whose details name it as receiver (a refusal has no row)."""
    references = select(Disclosure.reference).where(Disclosure.recipient_agency == agency_id)
    # Details are canonical JSON, so the pair stands there in exactly these bytes.
    named = literal(f'"recipient":"{agency_id}"'.encode(), LargeBinary)
    telling = select(LogDetail.seq).where(LogDetail.seq == LogEntry.seq, HoldsBytes(LogDetail.details, named))
    return or_(LogEntry.object.in_(references), LogEntry.action.in_(NAMES_A_RECEIVER) & telling.exists())


def _record_consulting(
    tx: Transaction, view: str, *, object_id: str = "", count: int | None = None, filters: Sequence[str] = ()
) -> None:
    details: dict[str, Any] = {"view": view}
    if count is not None:
        details["count"] = count
    if filters:
        details["filters"] = list(filters)
    tx.record("log:consult", object_type="log", object_id=object_id, details=details)


def _row(tx: Transaction, seq: int) -> LogEntry:
    row = tx.session.get(LogEntry, seq)
    if row is None:
        raise NotFound("no such entry")
    if isinstance(may(tx.actor, Permission.LOG_CONSULT_ALL), Denied):
        require(tx.actor, Permission.LOG_CONSULT_OWN, Resource("log", str(seq), owner_agency=row.agency))
    return row


def _lines(tx: Transaction, rows: Sequence[LogEntry]) -> tuple[EntryLine, ...]:
    titles = agency_titles(tx)
    return tuple(_line(row, titles) for row in rows)


def _line(row: LogEntry, titles: Mapping[str, str]) -> EntryLine:
    made = _read(row)
    action = ACTIONS.get(row.action)
    return EntryLine(
        seq=row.seq,
        recorded_at=row.recorded_at,
        action=row.action,
        summary=Text(action.summary_nl, action.summary_en) if action else Text(row.action, row.action),
        outcome=row.outcome,
        reason=made.reason if made else "",
        actor=row.actor,
        roles=tuple(made.role.split(",")) if made and made.role else (),
        agency_id=row.agency,
        agency=titles.get(row.agency, ""),
        channel=made.channel if made else "",
        object_type=row.object_type,
        object=row.object,
        damaged=made is None,
    )


def _read(row: LogEntry) -> Entry | None:
    """The entry in the stored bytes; None when they are not the ones that were hashed."""
    raw = as_bytes(row.entry)
    if merkle.leaf_hash(raw) != as_bytes(row.leaf):
        return None
    try:
        return parse(raw)
    except AuditError:
        return None


def _details(tx: Transaction, made: Entry | None, seq: int) -> tuple[Mapping[str, Any] | None, bool]:
    kept = tx.session.get(LogDetail, seq)
    if kept is None:
        return None, True
    if made is None:
        return None, False
    try:
        return open_details(made, as_bytes(kept.details), as_bytes(kept.salt)), True
    except AuditError:
        return None, False


def _for_reader(tx: Transaction, made: Entry | None, details: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The details without what the pages kept from the agency itself: which signal of another a link or question is about."""
    scope = _scope(tx)
    if not scope or made is None or details is None or (made.action, details.get("view", "")) not in TELLS_OF_OTHERS:
        return details
    named = {*details.get("signals", ()), details.get("signal", "")}
    own = set(
        tx.session.scalars(
            select(Signal.reference).where(Signal.reference.in_(named), Signal.owner_agency == scope),
        ),
    )
    shown = {**details, "signals": [one for one in details.get("signals", ()) if one in own]}
    kept = {name for name, value in details.items() if name != "signal" or value in own}
    return {name: value for name, value in shown.items() if name in kept}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _verifier(settings: Settings) -> Verifier:
    return Verifier.from_text(settings.log_public_key.read_text(encoding="utf-8").strip())


def _proof(session: Session, settings: Settings, row: LogEntry) -> EntryProof | None:
    """The proof under the oldest checkpoint that covers the entry, so that it stays the same file for ever."""
    covering = session.scalars(
        select(LogCheckpoint).where(LogCheckpoint.size > row.seq).order_by(LogCheckpoint.size).limit(1),
    ).first()
    if covering is None:
        return None
    steps = _inclusion(session, row.seq, covering.size)
    text = receipt.write(index=row.seq, proof=steps, checkpoint_note=covering.note, entry_bytes=as_bytes(row.entry))
    try:
        receipt.verify(text, [_verifier(settings)])
    except AuditError:
        verified = False
    else:
        verified = True
    return EntryProof(
        seq=row.seq,
        size=covering.size,
        root=_root_of(covering),
        signed_at=covering.signed_at,
        steps=tuple(step.hex() for step in steps),
        text=text,
        verified=verified,
    )


def _root_of(signed: LogCheckpoint) -> str:
    """The root in base64 as the third line of the note says it; nothing when somebody changed the note."""
    lines = signed.note.split("\n")
    return lines[2] if len(lines) > 2 else ""


def _inclusion(session: Session, seq: int, size: int) -> list[bytes]:
    """The hashes beside the way from entry to root. Reads leaf by leaf, so memory stays flat however long the log is."""
    trees = {span: merkle.CompactRange() for span in merkle.inclusion_ranges(seq, size)}
    for start, end in sorted(trees):
        leaves = select(LogEntry.leaf).where(LogEntry.seq >= start, LogEntry.seq < end).order_by(LogEntry.seq)
        for leaf in session.scalars(leaves.execution_options(yield_per=audit_trail.BATCH)):
            trees[start, end].append(as_bytes(leaf))
    return [tree.root() for tree in trees.values()]
