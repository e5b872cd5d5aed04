"""How a request ends: who asked takes it back or has seen enough, the owner takes an approval back, or time does it."""

from collections.abc import Iterator

from sqlalchemy import exists, select, update

from signaltable.access import Permission
from signaltable.domain import Channel, Conflict, Refused
from signaltable.flow import mailing
from signaltable.flow.identity_requests import rows
from signaltable.models import Account, IdentityRequest, Signal, Subject
from signaltable.transaction import Transaction

DONE, TAKEN_BACK = "done", "taken_back"
# Why the program ends a request by itself.
UNANSWERED, NOT_OPENED, TIME_OVER = "unanswered", "not_opened", "time_over"
ERASED, ACCOUNT_CLOSED = "erased", "account_closed"


def give_up(tx: Transaction, reference: str) -> None:
    """Who asked takes the request back, or closes what was opened. Raises `Refused` (other_person), `Conflict` (decided)."""
    row = rows.by_reference(tx, reference, locked=True)
    if not rows.is_asker(tx, row):
        raise rows.refusal(row, "other_person", Permission.IDENTITY_REQUEST_TABLED)
    _still_open(row)
    opened = row.opened_at is not None
    end(tx, row, rows.ENDED if opened else rows.WITHDRAWN, DONE if opened else "")


def take_back(tx: Transaction, reference: str) -> None:
    """The owner takes an approval back: from now on nobody sees it. Raises `Refused`, `Conflict` (decided), `NotFound`."""
    row = rows.by_reference(tx, reference, locked=True)
    if not rows.is_of_owner(tx, row):
        raise rows.refusal(row, "other_agency", Permission.IDENTITY_DECIDE_OWN)
    _still_open(row)
    if row.state != rows.APPROVED:
        raise Conflict("decided", "nothing was approved")
    mailing.tell(tx, [row.account_id], "identity-answer", task=("identity", row.reference))
    end(tx, row, rows.ENDED, TAKEN_BACK)


def _still_open(row: IdentityRequest) -> None:
    if row.state not in rows.OPEN:
        raise Conflict("decided", "the request has ended")


def end(tx: Transaction, row: IdentityRequest, state: str, cause: str) -> None:
    """End an open request, and with it the key that was wrapped for it; recorded."""
    row.state, row.cause, row.ended_at, row.wrapped = state, cause, tx.now, b""
    signal, subject = rows.about(tx, row)
    tx.record(
        "identity:end",
        object_type=rows.OBJECT,
        object_id=row.reference,
        details={
            "request": row.reference,
            "signal": signal.reference,
            "subject": subject.number,
            "recipient": row.agency_id,
            "cause": cause or state,
        },
    )


def end_for_subject(tx: Transaction, subject_id: str) -> int:
    """A subject is erased: everything open about it ends. Returns how many requests that were."""
    query = select(IdentityRequest).where(
        IdentityRequest.subject_id == subject_id, IdentityRequest.state.in_(rows.OPEN)
    )
    found = tx.session.scalars(query.with_for_update()).all()
    for row in found:
        end(tx, row, rows.ENDED, ERASED)
    return len(found)


def sweep(tx: Transaction) -> int:
    """End what nobody decided in time, what was open long enough, and what lost its person. Returns how many."""
    if tx.actor.channel not in {Channel.JOB, Channel.SYSTEM, Channel.CLI}:
        raise Refused("no_permission", details={"permission": "identity:end:all"})
    ended = 0
    for row, state, cause in list(_over(tx)):
        end(tx, row, state, cause)
        if state == rows.EXPIRED:
            mailing.tell(tx, [row.account_id], "identity-answer", task=("identity", row.reference))
        ended += 1
    return ended


def _over(tx: Transaction) -> Iterator[tuple[IdentityRequest, str, str]]:
    query = select(IdentityRequest).where(IdentityRequest.state.in_(rows.OPEN)).order_by(IdentityRequest.reference)
    closed = ~exists().where(Account.id == IdentityRequest.account_id, Account.active)
    without = set(tx.session.scalars(select(IdentityRequest.id).where(IdentityRequest.state.in_(rows.OPEN), closed)))
    for row in tx.session.scalars(query.with_for_update()).all():
        if tx.session.get_one(Subject, row.subject_id).erased_at is not None:
            yield row, rows.ENDED, ERASED
        elif row.id in without:
            yield row, rows.ENDED, ACCOUNT_CLOSED
        elif row.state == rows.WAITING and tx.now > rows.decide_by(tx, row):
            yield row, rows.EXPIRED, UNANSWERED
        elif row.until is not None and tx.now >= row.until:
            yield row, rows.ENDED, TIME_OVER if row.opened_at else NOT_OPENED


def erase_of(tx: Transaction, signal: Signal) -> None:
    """At the end of the term of a signal: the words and the keys go; that was asked, by whom and what came of it, stays."""
    for row in tx.session.scalars(
        select(IdentityRequest).where(IdentityRequest.signal_id == signal.id, IdentityRequest.state.in_(rows.OPEN))
    ).all():
        end(tx, row, rows.ENDED, ERASED)
    tx.session.execute(
        update(IdentityRequest)
        .where(IdentityRequest.signal_id == signal.id)
        .values(asked_sealed=b"", answer_sealed=b"", wrapped=b""),
    )
