"""Entries of the log for people to read: what stands in the stored bytes, with the details that a reader may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import aliased

from audit import merkle
from audit.entry import Entry, open_details, parse
from audit.errors import AuditError
from audit.vocabulary import ACTIONS
from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import Resource
from signaltable.flow.fsck import as_bytes
from signaltable.flow.log_scope import ROWS, OwnPart, own_part
from signaltable.models import LogDetail, LogEntry, LogErased
from signaltable.queries import agency_titles
from signaltable.texts import Text
from signaltable.transaction import Transaction

# What became of the details: all there, a part that tells of others left out, destroyed under an erase entry, gone
# without one, or not those that the entry was bound to.
DetailsState = Literal["whole", "masked", "erased", "gone", "broken"]
SYSTEM: Final = "system"


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry for people to read. `actor` and `acting_for` are opaque ids.

    `damaged`: the stored bytes are not the ones that were hashed. `details` are what this reader may see of them, None
    when there are none to see; `erased_by` is the number of the entry that says why they were destroyed.
    """

    seq: int
    recorded_at: datetime
    occurred_at: datetime | None
    action: str
    summary: Text
    outcome: str
    reason: str
    actor: str
    acting_for: str
    roles: tuple[str, ...]
    agency_id: str
    agency: str
    channel: str
    strength: str
    object_type: str
    object: str
    object_version: str
    event_id: str
    trace_id: str
    span_id: str
    parent_span_id: str
    source: str
    retention_class: str
    commitment: str
    damaged: bool
    details: Mapping[str, Any] | None
    details_state: DetailsState
    erased_by: int | None
    erased_at: datetime | None

    @property
    def details_fit(self) -> bool:
        """Whether what is stored is what the entry committed to."""
        return self.details_state != "broken"


def scope(tx: Transaction) -> str:
    """Nothing for who may see all, else the one agency whose entries the actor may see. Raises `Refused`."""
    if isinstance(may(tx.actor, Permission.LOG_CONSULT_ALL), Allowed):
        return ""
    own = Resource("log", owner_agency=tx.actor.agency_id)
    require(tx.actor, Permission.LOG_CONSULT_OWN, own)
    return tx.actor.agency_id


def lines(tx: Transaction, rows: Sequence[LogEntry]) -> tuple[EntryLine, ...]:
    """The entries as the actor may read them. The caller has asked the gate whether these entries are the actor's to see."""
    agency, titles = scope(tx), agency_titles(tx)
    kept = _kept(tx, [row.seq for row in rows])
    read = [(row, entry := read_entry(row), _opened(entry, kept.get(row.seq))) for row in rows]
    own = _own_part(tx, agency, read) if agency else None
    return tuple(_line(row, entry, opened, own, titles) for row, entry, opened in read)


def read_entry(row: LogEntry) -> Entry | None:
    """The entry in the stored bytes; None when they are not the ones that were hashed."""
    raw = as_bytes(row.entry)
    if merkle.leaf_hash(raw) != as_bytes(row.leaf):
        return None
    try:
        return parse(raw)
    except AuditError:
        return None


def may_name(tx: Transaction, row: LogEntry) -> bool:
    """Whether the actor may learn which thing the entry is about; the bytes of the entry name it."""
    agency = scope(tx)
    if not agency:
        return True
    return own_part(tx.session, agency, [], [row.object]).shows(row.action, row.object_type, row.object)


# -- inside -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Opened:
    details: Mapping[str, Any] | None
    state: DetailsState
    erased_by: int | None = None
    erased_at: datetime | None = None


_Kept = (
    Any  # Row of number, salt, details, number and moment of the erasing entry; outer joins make most of them optional.
)


def _kept(tx: Transaction, seqs: Sequence[int]) -> dict[int, _Kept]:
    """For each entry its details and salt as far as they are there, and the entry that erased them."""
    erasing = aliased(LogEntry)
    found = tx.lists.execute(
        select(LogEntry.seq, LogDetail.salt, LogDetail.details, LogErased.by_seq, erasing.recorded_at)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .outerjoin(LogErased, LogErased.seq == LogEntry.seq)
        .outerjoin(erasing, erasing.seq == LogErased.by_seq)
        .where(LogEntry.seq.in_(seqs))
    )
    return {row.seq: row for row in found}


def _opened(entry: Entry | None, kept: _Kept | None) -> _Opened:
    if kept is None or kept.details is None:
        if kept is None or kept.by_seq is None:
            return _Opened(None, "gone")
        return _Opened(None, "erased", kept.by_seq, kept.recorded_at)
    if entry is None:
        return _Opened(None, "broken")
    try:
        return _Opened(open_details(entry, as_bytes(kept.details), as_bytes(kept.salt)), "whole")
    except AuditError:
        return _Opened(None, "broken")


def _own_part(tx: Transaction, agency: str, read: Sequence[tuple[LogEntry, Entry | None, _Opened]]) -> OwnPart:
    acts = [(row.action, opened.details) for row, _entry, opened in read if opened.details is not None]
    people = [entry.acting_for for _row, entry, _opened in read if entry and entry.acting_for]
    return own_part(tx.session, agency, acts, [*(row.object for row, _entry, _opened in read), *people])


def _for_reader(row: LogEntry, opened: _Opened, own: OwnPart | None) -> _Opened:
    """The details without what the pages kept from the agency itself, such as which signal of another a link is about."""
    if own is None or opened.details is None:
        return opened
    shown = own.of(row.action, opened.details)
    whole = {name: value for name, value in opened.details.items() if name != ROWS}
    return _Opened(shown, "whole" if shown == whole else "masked")


def _line(
    row: LogEntry, entry: Entry | None, opened: _Opened, own: OwnPart | None, titles: Mapping[str, str]
) -> EntryLine:
    action = ACTIONS.get(row.action)
    seen = _for_reader(row, opened, own)
    named = own is None or own.shows(row.action, row.object_type, row.object)
    for_whom = entry.acting_for if entry else ""
    return EntryLine(
        seq=row.seq,
        recorded_at=row.recorded_at,
        occurred_at=_moment(entry.occurred_at) if entry else None,
        action=row.action,
        summary=Text(action.summary_nl, action.summary_en) if action else Text(row.action, row.action),
        outcome=row.outcome,
        reason=entry.reason if entry else "",
        actor=row.actor,
        acting_for=for_whom if own is None or for_whom in own.people else "",
        roles=tuple(entry.role.split(",")) if entry and entry.role else (),
        agency_id=row.agency,
        agency=titles.get(row.agency, ""),
        channel=entry.channel if entry else "",
        strength=entry.strength if entry else "",
        object_type=row.object_type,
        object=row.object if named else "",
        object_version=entry.object_version if entry else "",
        event_id=entry.event_id if entry else "",
        trace_id=entry.trace_id if entry else "",
        span_id=entry.span_id if entry else "",
        parent_span_id=entry.parent_span_id if entry else "",
        source=entry.source if entry else "",
        retention_class=entry.retention_class if entry else "",
        commitment=entry.details_commitment if entry else "",
        damaged=entry is None,
        details=seen.details,
        details_state=seen.state,
        erased_by=seen.erased_by,
        erased_at=seen.erased_at,
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
