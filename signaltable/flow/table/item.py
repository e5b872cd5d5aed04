"""One signal as it is discussed at a meeting: the dossier, what was said, and what can be decided."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import Conflict, State
from signaltable.flow.dossier import (
    Dossier,
    MadeDecision,
    read_at_table,
    signal_at_table,
)
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.table import overlap
from signaltable.flow.table.agenda import item_of
from signaltable.flow.table.meetings import MeetingLine, meeting_lines, meeting_of, members
from signaltable.flow.table.task_lines import TaskLine, lines_of
from signaltable.models import Account, AgendaItem, MeetingTask, Note
from signaltable.queries import agency_titles, resource_of
from signaltable.transaction import Transaction

NOTE_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class WrittenNote:
    """A discussion note: when and by which organisation, not by whom."""

    at: datetime
    agency: str
    text: str
    minuted: bool = False


@dataclass(frozen=True, slots=True)
class DecidedBy:
    """Who decided and when, for somebody at the table who was about to do the same."""

    name: str
    agency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ItemView:
    """One signal at one meeting: the dossier, what was said, what was decided, and what can be decided.

    `closed`: the meeting is over, so that nothing is decided or added in it any more.
    """

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
    tasks: tuple[TaskLine, ...]
    may_assign: bool
    decided_by: DecidedBy | None
    closed: bool
    # Other tables where the same subject lies.
    elsewhere: tuple[str, ...] = ()


def consult_item(tx: Transaction, meeting_id: str, reference: str) -> ItemView:
    """A signal as it is discussed: dossier, notes, decision. For everybody at the table."""
    return view_item(tx, meeting_id, reference, "item")


def view_item(tx: Transaction, meeting_id: str, reference: str, view: str) -> ItemView:
    """The same, under the name by which the log knows the page: `item`, or `screen` in front of everybody present."""
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
        details={"meeting": meeting.id, "signal": signal.reference, "view": view},
    )
    read = read_at_table(tx, signal, view, room=view == "screen")
    advised = disclosable(tx, (one.destination for one in read.advice.routes))
    rest = disclosable(tx, (name for name in tx.program.policy.destinations if name not in advised))
    (line,) = meeting_lines(tx, [meeting])
    made = next((one for one in read.decisions if one.meeting_id == meeting.id), None)
    over = meeting.closed_at is not None or meeting.cancelled_at is not None
    decides = isinstance(may(tx.actor, Permission.TABLE_DECIDE_OWN_TABLE, resource), Allowed) and not over
    return ItemView(
        meeting=line,
        dossier=read,
        notes=tuple(notes_of(tx, item)),
        decision=made,
        may_note=not over and isinstance(may(tx.actor, Permission.TABLE_NOTE_OWN_TABLE, resource), Allowed),
        may_decide=(
            decides and made is None and State(signal.state) is State.TABLED and signal.table_id == meeting.table_id
        ),
        holders=tuple(members(tx, meeting.table_id)),
        destinations=(*advised, *rest),
        advised=advised,
        owner=signal.owner_agency,
        tasks=tasks_of(tx, signal.id),
        may_assign=decides,
        decided_by=decided_by(tx, item),
        closed=over,
        elsewhere=overlap.elsewhere(tx, [signal.id]).get(signal.id, ()),
    )


def decided_by(tx: Transaction, item: AgendaItem) -> DecidedBy | None:
    """Who took the decision on this item; None when there is none."""
    account = tx.session.get(Account, item.decided_by) if item.decided_by else None
    if account is None or item.decided_at is None:
        return None
    return DecidedBy(account.name, agency_titles(tx).get(account.agency_id, ""), item.decided_at)


def tasks_of(tx: Transaction, signal_id: str) -> tuple[TaskLine, ...]:
    """The tasks about a signal, of all its meetings, the first due first. The caller asked the gate."""
    query = select(MeetingTask).where(MeetingTask.signal_id == signal_id)
    return lines_of(tx, tx.session.scalars(query.order_by(MeetingTask.due_on, MeetingTask.id)))


def disclosable(tx: Transaction, names: Iterable[str]) -> tuple[str, ...]:
    places = tx.program.policy.destinations
    return tuple(dict.fromkeys(name for name in names if name in places and places[name].disclosable))


def notes_of(tx: Transaction, item: AgendaItem) -> Iterable[WrittenNote]:
    titles = agency_titles(tx)
    for row in tx.session.scalars(select(Note).where(Note.item_id == item.id).order_by(Note.at, Note.id)):
        yield WrittenNote(row.at, titles.get(row.agency_id, ""), row.text, row.minuted)


def note(tx: Transaction, meeting_id: str, reference: str, text: str, *, minuted: bool = False) -> None:
    """Write down what was said about a signal; names are masked. `minuted`: it goes into the minutes as well.

    Raises `UnusableInput` for a BSN or no text.
    """
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_NOTE_OWN_TABLE)
    signal = signal_at_table(tx, reference)
    item = item_of(tx, meeting, signal)
    tx.session.refresh(meeting, with_for_update=True)
    if meeting.closed_at is not None:
        raise Conflict("closed", "the meeting was closed already")
    masked = for_others(tx, text, "text", limit=NOTE_LIMIT, required=True)
    made = Note(
        id=tx.new_id(),
        item_id=item.id,
        account_id=tx.actor.account_id,
        agency_id=tx.actor.agency_id,
        at=tx.now,
        minuted=minuted,
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
