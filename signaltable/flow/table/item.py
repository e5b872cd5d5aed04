"""One signal as it is discussed at a meeting: the dossier, what was said, and what can be decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import State
from signaltable.flow.dossier import (
    Dossier,
    MadeDecision,
    read_at_table,
    signal_at_table,
)
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.table.agenda import item_of
from signaltable.flow.table.meetings import MeetingLine, meeting_lines, meeting_of, members
from signaltable.models import AgendaItem, Note
from signaltable.queries import agency_titles, resource_of
from signaltable.transaction import Transaction

NOTE_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class WrittenNote:
    """A discussion note: when and by which organisation, not by whom."""

    at: datetime
    agency: str
    text: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One signal at one meeting: the dossier, what was said, what was decided, and what can be decided."""

    meeting: MeetingLine
    dossier: Dossier
    notes: tuple[WrittenNote, ...]
    decision: MadeDecision | None
    may_note: bool
    may_decide: bool
    holders: tuple[tuple[str, str], ...]
    destinations: tuple[str, ...]
    advised: tuple[str, ...]
    owner: str


def consult_item(tx: Transaction, meeting_id: str, reference: str) -> ItemView:
    """A signal as it is discussed: dossier, notes, decision. For everybody at the table."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    signal = signal_at_table(tx, reference)
    item = item_of(tx, meeting, signal)
    resource = resource_of(tx, signal)
    if not isinstance(may(tx.actor, Permission.DOSSIER_CONSULT_OWN_TABLE, resource), Allowed):
        require(tx.actor, Permission.DOSSIER_CONSULT_TABLED, resource)
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "signal": signal.reference, "view": "item"},
    )
    read = read_at_table(tx, signal, "item")
    advised = disclosable(tx, (one.destination for one in read.advice.routes))
    rest = disclosable(tx, (name for name in tx.program.policy.destinations if name not in advised))
    (line,) = meeting_lines(tx, [meeting])
    made = next((one for one in read.decisions if one.meeting_id == meeting.id), None)
    decides = isinstance(may(tx.actor, Permission.TABLE_DECIDE_OWN_TABLE, resource), Allowed)
    return ItemView(
        meeting=line,
        dossier=read,
        notes=tuple(notes_of(tx, item)),
        decision=made,
        may_note=isinstance(may(tx.actor, Permission.TABLE_NOTE_OWN_TABLE, resource), Allowed),
        may_decide=decides and made is None and State(signal.state) is State.TABLED,
        holders=tuple(members(tx, meeting.table_id)),
        destinations=(*advised, *rest),
        advised=advised,
        owner=signal.owner_agency,
    )


def disclosable(tx: Transaction, names: Iterable[str]) -> tuple[str, ...]:
    places = tx.program.policy.destinations
    return tuple(dict.fromkeys(name for name in names if name in places and places[name].disclosable))


def notes_of(tx: Transaction, item: AgendaItem) -> Iterable[WrittenNote]:
    titles = agency_titles(tx)
    for row in tx.session.scalars(select(Note).where(Note.item_id == item.id).order_by(Note.at, Note.id)):
        yield WrittenNote(row.at, titles.get(row.agency_id, ""), row.text)


def note(tx: Transaction, meeting_id: str, reference: str, text: str) -> None:
    """Write down what was said about a signal; names are masked. Raises `UnusableInput` for a BSN or no text."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_NOTE_OWN_TABLE)
    signal = signal_at_table(tx, reference)
    item = item_of(tx, meeting, signal)
    masked = for_others(tx, text, "text", limit=NOTE_LIMIT, required=True)
    made = Note(
        id=tx.new_id(),
        item_id=item.id,
        account_id=tx.actor.account_id,
        agency_id=tx.actor.agency_id,
        at=tx.now,
        text=masked,
    )
    tx.session.add(made)
    tx.record(
        "table:note",
        object_type="signal",
        object_id=signal.reference,
        details={
            "meeting": meeting.id,
            "signal": signal.reference,
            "note": made.id,
            "note_hash": text_hash(masked),
        },
    )
