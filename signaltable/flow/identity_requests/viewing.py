"""The quarter of an hour: the account that asked sees the granted fields of this one subject, and nobody else does.

Everything that the request rests on is asked again at each look. What is closed stays closed on the server; the page only
says so earlier.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import ENDED, State
from signaltable.flow import sealing
from signaltable.flow.identity_requests import rows, ways
from signaltable.flow.identity_requests.deciding import judged
from signaltable.flow.second_person import roles_of
from signaltable.flow.weighing import Permitted
from signaltable.keys import CannotOpen
from signaltable.models import IdentityRequest, Signal, Subject, SubjectKey
from signaltable.transaction import Transaction, in_whole

PERMISSION = Permission.IDENTITY_REQUEST_TABLED
# Why somebody has to prove first who they are; a page asks it and comes back.
NOT_PROVED = "not_proved"


@dataclass(frozen=True, slots=True)
class SeenField:
    """One granted field: its name in policies/identifiers.toml, its value, and whether the reporter was not sure."""

    name: str
    value: str
    unsure: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What is shown, until when, and what stands across the page."""

    reference: str
    known_as: str
    kind: str
    fields: tuple[SeenField, ...]
    opened_at: datetime
    until: datetime
    now: datetime
    viewer: str
    agency: str


def open_first(tx: Transaction, reference: str, proved_at: datetime | None) -> Seen:
    """Begin the quarter of an hour, or go on with it, and show what was granted.

    Raises `Refused` with the reason that it is closed, and (not_proved) when the person did not prove in this session who
    they are, at most five minutes before it was opened.
    """
    row = rows.by_reference(tx, reference, locked=True)
    signal, subject = _open_to_actor(tx, row)
    if row.opened_at is None:
        row.opened_at = tx.now
        row.until = min(row.until or tx.now, tx.now + rows.OPEN_FOR)
    return _seen(tx, row, signal, subject, proved_at)


def look(tx: Transaction, reference: str, proved_at: datetime | None) -> Seen:
    """The same once it was opened, as for a page that is loaded again. Raises as `open_first` does."""
    row = rows.by_reference(tx, reference)
    signal, subject = _open_to_actor(tx, row)
    if row.opened_at is None:
        raise rows.refusal(row, NOT_PROVED, PERMISSION)
    return _seen(tx, row, signal, subject, proved_at)


def _open_to_actor(tx: Transaction, row: IdentityRequest) -> tuple[Signal, Subject]:
    if not rows.is_asker(tx, row):
        raise rows.refusal(row, "other_person", PERMISSION)
    require(tx.actor, PERMISSION)
    signal, subject = rows.about(tx, row)
    closed = why_closed(tx, row, signal, subject)
    if closed:
        raise rows.refusal(row, closed, PERMISSION)
    return signal, subject


@in_whole("the gate sees what it refuses")
def why_closed(tx: Transaction, row: IdentityRequest, signal: Signal, subject: Subject) -> str:
    """Why who asked cannot see it now, as a code; nothing while it is open. The actor is who asked."""
    if row.state != rows.APPROVED or row.until is None:
        return "not_open"
    if tx.now >= row.until:
        return "time_over"
    held = select(SubjectKey.subject_id).where(SubjectKey.subject_id == subject.id).limit(1)
    if subject.erased_at is not None or tx.session.scalar(held) is None or not row.wrapped:
        return "erased"
    if State(signal.state) in ENDED:
        return "signal_ended"
    if not roles_of(row.roles) <= tx.actor.roles:
        return "role_lost"
    if row.agency_id not in ways.within_reach(tx, signal):
        return "left_case"
    outcome, _case, _evidence = judged(tx, row, signal, subject, row.decided_by, row.decided_roles)
    return "" if isinstance(outcome, Permitted) else "consent_gone" if outcome == "consent_gone" else "no_ground"


def _seen(tx: Transaction, row: IdentityRequest, signal: Signal, subject: Subject, proved_at: datetime | None) -> Seen:
    opened_at, until = row.opened_at or tx.now, row.until or tx.now
    if proved_at is None or proved_at <= opened_at - tx.program.policy.coming_in.session.step_up:
        raise rows.refusal(row, NOT_PROVED, PERMISSION)
    names = rows.identity_names(row.fields)
    values = _values(tx, row, subject, names)
    unsure = sealing.unsure_fields(tx, subject.id)
    _record(tx, row, signal, subject, until)
    return Seen(
        reference=row.reference,
        known_as=row.known_as,
        kind=subject.kind,
        fields=tuple(SeenField(name, values[name], name in unsure) for name in names if name in values),
        opened_at=opened_at,
        until=until,
        now=tx.now,
        viewer=tx.actor.name,
        agency=rows.title_of(tx, row.agency_id),
    )


def _values(tx: Transaction, row: IdentityRequest, subject: Subject, names: list[str]) -> dict[str, str]:
    try:
        return sealing.open_granted(tx, subject.id, row.agency_id, row.wrapped, row.id, names)
    except CannotOpen:
        raise rows.refusal(row, "broken_seal", PERMISSION) from None


def _record(tx: Transaction, row: IdentityRequest, signal: Signal, subject: Subject, until: datetime) -> None:
    details = rows.log_details(row, signal, subject)
    tx.record(
        "identity:consult",
        object_type=rows.OBJECT,
        object_id=row.reference,
        details={
            **details,
            "approver": row.decided_by,
            # The name of who looks stands on the page; the log names the account, and the page by this.
            "watermark": f"{row.reference} {tx.now.isoformat(timespec='seconds')}",
            "expires_at": milliseconds(until),
        },
    )
