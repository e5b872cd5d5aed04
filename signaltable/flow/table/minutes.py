"""The minutes of a meeting: laid down when it closes, shared with the table, corrected beside what stands, and approved
at a later meeting. After that nothing about them changes, but for what erasing a signal takes away.

Each reader gets the parts that this reader may see: a case from which somebody is kept is left out, and counted only.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import delete, select, tuple_

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import GONE, Conflict, NotFound, UnusableInput
from signaltable.flow import mailing
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.table.meetings import meeting_of, members
from signaltable.flow.table.minutes_parts import (
    ATTENDANCE,
    CASE,
    CORRECTION,
    FOLLOWED,
    HEAD,
    TAKEN_BACK,
    Part,
    parts_of,
    stored,
)
from signaltable.models import Meeting, Minutes, MinutesPart, Signal
from signaltable.queries import WHOLE, agency_titles, mine
from signaltable.transaction import Transaction

DRAFT, SHARED, APPROVED = "draft", "shared", "approved"
CORRECTION_LIMIT: Final = 2000
MOST_CORRECTIONS: Final = 50
# To choose the meeting that approved them from.
MOST_LATER: Final = 25

UNKNOWN_CHOICE = "expected one of the choices on the form"
TOO_MANY = "expected fewer corrections"
NO_MEETING = "expected the meeting that approved them"


@dataclass(frozen=True, slots=True)
class SeenPart:
    """A part as it was laid down. `gone`: the signal was taken back or erased since, and only its reference is told."""

    kind: str
    reference: str
    content: Mapping[str, Any]
    gone: bool
    digest: str


@dataclass(frozen=True, slots=True)
class MinutesView:
    """The minutes as one reader sees them. `left_out`: how many cases this reader does not see."""

    meeting_id: str
    state: str
    version: int
    made_at: datetime
    shared_at: datetime | None
    approved_at: datetime | None
    approved_in: str
    approved_on: date | None
    head: Mapping[str, Any]
    attendance: Mapping[str, Any]
    cases: tuple[SeenPart, ...]
    followed: tuple[SeenPart, ...]
    corrections: tuple[SeenPart, ...]
    left_out: int
    may_lead: bool
    later: tuple[tuple[str, str, date], ...]


# -- making --------------------------------------------------------------------------------------------------------


def lay_down(tx: Transaction, meeting: Meeting, *, left_over: Sequence[str] = ()) -> None:
    """Make the minutes of a meeting as a draft, or make the draft anew. The caller asked the gate and holds the meeting."""
    found = tx.session.get(Minutes, meeting.id)
    if found is None:
        tx.session.add(
            Minutes(meeting_id=meeting.id, state=DRAFT, made_by=tx.actor.account_id, made_at=tx.now, version=1)
        )
    else:
        found.made_by, found.made_at = tx.actor.account_id, tx.now
        found.version += 1
        tx.session.execute(delete(MinutesPart).where(MinutesPart.meeting_id == meeting.id))
    tx.session.flush()
    rows = [stored(tx, meeting.id, number, part) for number, part in enumerate(parts_of(tx, meeting))]
    tx.session.add_all(rows)
    details: dict[str, Any] = {"result": "made", "count": sum(1 for row in rows if row.kind == CASE)}
    details |= {"signals": list(left_over)} if left_over else {}
    _record(tx, meeting.id, "table:minute", {**details, "text_hash": _whole(rows)})


def _whole(rows: Iterable[MinutesPart]) -> str:
    """One digest for all parts: SHA-256 over their digests in their order."""
    joined = "\n".join(row.digest for row in sorted(rows, key=lambda row: row.number))
    return hashlib.sha256(joined.encode()).hexdigest()


def _record(tx: Transaction, meeting_id: str, action: str, details: Mapping[str, Any]) -> None:
    tx.record(action, object_type="meeting", object_id=meeting_id, details={"meeting": meeting_id, **details})


def remake(tx: Transaction, meeting_id: str, *, version: int) -> None:
    """Make a draft anew, because attendance was put right since, say. Raises `Conflict` once it was shared."""
    meeting, minutes = _leading(tx, meeting_id)
    _in_state(minutes, DRAFT)
    _unchanged(minutes, version)
    lay_down(tx, meeting)


def share(tx: Transaction, meeting_id: str, *, version: int) -> None:
    """Let everybody at the table read the minutes, and send them a mail. Raises `Conflict` when that was done."""
    meeting, minutes = _leading(tx, meeting_id)
    _in_state(minutes, DRAFT)
    _unchanged(minutes, version)
    minutes.state, minutes.shared_at = SHARED, tx.now
    minutes.version += 1
    _record(tx, meeting_id, "table:minute", {"result": "shared", "text_hash": _whole(_parts(tx, meeting_id))})
    agencies = [agency for agency, _title in members(tx, meeting.table_id)]
    readers = mailing.accounts_with(tx, agencies, Permission.TABLE_CONSULT_OWN_TABLE)
    mailing.tell(tx, set(readers) - {tx.actor.account_id}, "minutes", task=("minutes", meeting_id))


def correct(tx: Transaction, meeting_id: str, *, text: str, reference: str = "") -> None:
    """Put a correction beside what stands; its words are masked. `reference`: the case that it is about, empty for none.

    What stands stays as it was. Raises `Conflict` while it is a draft or once it is approved.
    """
    _meeting, minutes = _leading(tx, meeting_id)
    _in_state(minutes, SHARED)
    rows = _parts(tx, meeting_id)
    cases = {row.content.get("reference"): row.signal_id for row in _seen(tx, rows) if row.kind == CASE}
    if reference and reference not in cases:
        raise UnusableInput({"reference": UNKNOWN_CHOICE})
    if sum(1 for row in rows if row.kind == CORRECTION) >= MOST_CORRECTIONS:
        raise UnusableInput({"text": TOO_MANY})
    words = for_others(tx, text, "text", limit=CORRECTION_LIMIT, required=True)
    content = {
        "text": words,
        "reference": reference,
        "on": tx.today.isoformat(),
        "agency": agency_titles(tx).get(tx.actor.agency_id, ""),
    }
    part = Part(CORRECTION, content, cases.get(reference) if reference else None)
    tx.session.add(stored(tx, meeting_id, max(row.number for row in rows) + 1, part))
    minutes.version += 1
    details = {"result": "corrected", "text_hash": text_hash(words)}
    _record(tx, meeting_id, "table:minute", details | ({"signals": [reference]} if reference else {}))


def approve(tx: Transaction, meeting_id: str, *, approved_in: str, version: int) -> None:
    """Say that a later meeting of the table approved the minutes, as they stood at `version`. Nothing changes after it.

    Raises `UnusableInput` for a meeting that was not offered, `Conflict` when they are not shared, or changed since.
    """
    meeting, minutes = _leading(tx, meeting_id)
    _in_state(minutes, SHARED)
    _unchanged(minutes, version)
    if approved_in not in {one for one, _title, _day in _later(tx, meeting)}:
        raise UnusableInput({"approved_in": UNKNOWN_CHOICE if approved_in else NO_MEETING})
    minutes.state, minutes.approved_at = APPROVED, tx.now
    minutes.approved_by, minutes.approved_in = tx.actor.account_id, approved_in
    minutes.version += 1
    details = {"approved_in": approved_in, "file_hash": _whole(_parts(tx, meeting_id))}
    _record(tx, meeting_id, "table:approve", details)


def _leading(tx: Transaction, meeting_id: str) -> tuple[Meeting, Minutes]:
    """The minutes of a meeting for who leads its table; whoever else works on them waits."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_MINUTE_OWN_TABLE)
    minutes = tx.session.get(Minutes, meeting_id, with_for_update=True)
    if minutes is None:
        raise NotFound("the meeting has no minutes yet")
    return meeting, minutes


def _in_state(minutes: Minutes, state: str) -> None:
    if minutes.state != state:
        raise Conflict(minutes.state, f"expected minutes that are {state}, found {minutes.state}")


def _unchanged(minutes: Minutes, version: int) -> None:
    if minutes.version != version:
        raise Conflict("changed", "somebody worked on the minutes meanwhile")


# -- reading -------------------------------------------------------------------------------------------------------


def state_of(tx: Transaction, meeting_id: str) -> str:
    """How far the minutes of a meeting are; empty without any, and for who may not read them yet. The caller asked the gate."""
    minutes = tx.session.get(Minutes, meeting_id)
    if minutes is None or (minutes.state == DRAFT and not _leads(tx)):
        return ""
    return minutes.state


def _leads(tx: Transaction) -> bool:
    return isinstance(may(tx.actor, Permission.TABLE_MINUTE_OWN_TABLE), Allowed)


def consult(tx: Transaction, meeting_id: str) -> MinutesView:
    """The minutes for this reader; recorded. Raises `NotFound` when there are none, or none that were shared."""
    view = for_paper(tx, meeting_id)
    _note_reading(tx, view, {"view": "minutes"})
    return view


def for_paper(tx: Transaction, meeting_id: str) -> MinutesView:
    """The same without an entry: whoever makes a file of it calls `note_download` before it leaves the program."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    minutes = tx.session.get(Minutes, meeting_id)
    if minutes is None:
        raise NotFound("the meeting has no minutes yet")
    if minutes.state == DRAFT:
        require(tx.actor, Permission.TABLE_MINUTE_OWN_TABLE)
    rows = _parts(tx, meeting_id)
    parts = tuple(_shown(tx, _seen(tx, rows)))
    cases = _of_kind(parts, CASE)
    approving = tx.session.get(Meeting, minutes.approved_in) if minutes.approved_in else None
    leads = _leads(tx)
    return MinutesView(
        meeting_id=meeting_id,
        state=minutes.state,
        version=minutes.version,
        made_at=minutes.made_at,
        shared_at=minutes.shared_at,
        approved_at=minutes.approved_at,
        approved_in=approving.title if approving else "",
        approved_on=approving.held_on if approving else None,
        head=_of_kind(parts, HEAD)[0].content,
        attendance=_of_kind(parts, ATTENDANCE)[0].content,
        cases=cases,
        followed=tuple(one for one in _of_kind(parts, FOLLOWED) if not one.gone),
        corrections=_of_kind(parts, CORRECTION),
        left_out=sum(1 for row in rows if row.kind == CASE) - len(cases),
        may_lead=leads,
        later=_later(tx, meeting) if leads and minutes.state == SHARED else (),
    )


def _of_kind(parts: Iterable[SeenPart], kind: str) -> tuple[SeenPart, ...]:
    return tuple(one for one in parts if one.kind == kind)


def note_download(tx: Transaction, view: MinutesView, file: bytes) -> None:
    """Record that the minutes went out as this file; its digest tells later whether a paper is what was handed out."""
    _note_reading(tx, view, {"view": "minutes_pdf", "file_hash": hashlib.sha256(file).hexdigest()})


def _note_reading(tx: Transaction, view: MinutesView, details: Mapping[str, Any]) -> None:
    shown = [one.reference for one in (*view.cases, *view.followed) if one.reference and not one.gone]
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=view.meeting_id,
        details={"meeting": view.meeting_id, "count": len(view.cases), **details},
        signals=list(dict.fromkeys(shown)),
    )


def _parts(tx: Transaction, meeting_id: str) -> list[MinutesPart]:
    # All of them, so that what a reader does not see can be counted; `_seen` leaves it out.
    query = select(MinutesPart).where(MinutesPart.meeting_id == meeting_id).order_by(MinutesPart.number)
    return list(tx.session.scalars(query.execution_options(**{WHOLE: True})))


def _seen(tx: Transaction, rows: Iterable[MinutesPart]) -> list[MinutesPart]:
    hidden = mine(tx)
    return [row for row in rows if row.signal_id not in hidden]


def _shown(tx: Transaction, rows: Sequence[MinutesPart]) -> Iterable[SeenPart]:
    about = sorted({row.signal_id for row in rows if row.signal_id})
    states = {
        row.id: (row.reference, row.state)
        for row in tx.session.execute(select(Signal.id, Signal.reference, Signal.state).where(Signal.id.in_(about)))
    }
    for row in rows:
        reference, state = states.get(row.signal_id or "", ("", ""))
        gone = bool(row.signal_id) and (state in GONE or not row.content or row.content.get("state") == TAKEN_BACK)
        yield SeenPart(row.kind, reference, {} if gone else row.content, gone, row.digest)


def _later(tx: Transaction, meeting: Meeting) -> tuple[tuple[str, str, date], ...]:
    """The meetings of the same table after this one that were held, today's too; the last first."""
    rows = tx.session.scalars(
        select(Meeting)
        .where(
            Meeting.table_id == meeting.table_id,
            Meeting.id != meeting.id,
            tuple_(Meeting.held_on, Meeting.begins, Meeting.created_at)
            > (meeting.held_on, meeting.begins, meeting.created_at),
            Meeting.held_on <= tx.today,
            Meeting.cancelled_at.is_(None),
        )
        .order_by(Meeting.held_on.desc(), Meeting.id)
        .limit(MOST_LATER),
    )
    return tuple((row.id, row.title, row.held_on) for row in rows)
