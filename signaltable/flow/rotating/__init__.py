"""Replacing keys while the program runs: who starts it, what is under way, and doing the next piece.

Each kind of key is replaced in its own way (agencies, matching, data, passing); what they share stands in `working`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.domain import Actor, Channel, Conflict, Refused, UnusableInput
from signaltable.flow import job_locks
from signaltable.flow.rotating.state import (
    FINISHED,
    KEY,
    OPEN,
    PURPOSES,
    RUNNING,
    STOPPED,
    WAITING,
    Progress,
    progress_of,
)
from signaltable.flow.rotating.working import KINDS, step
from signaltable.models import Agency, KeyRotation
from signaltable.transaction import Program, Transaction, reading, transaction

__all__ = [
    "FINISHED",
    "KINDS",
    "PURPOSES",
    "RUNNING",
    "STOPPED",
    "WAITING",
    "Progress",
    "at_work",
    "listed",
    "start",
    "step",
    "unfinished",
    "worked",
]


def start(
    program: Program, actor: Actor, purpose: str, *, agency_id: str = "", suite: str = "", keep_old: bool = False
) -> Progress:
    """Begin to replace a key; nothing is done yet but the row that says so.

    With `keep_old` the old version stays readable at the end. Raises `UnusableInput` for a purpose or agency that is not
    there, `Conflict` while the same key is being replaced already, `Refused` for whoever does not own the machine.
    """
    gate(actor)
    with transaction(program, actor) as tx:
        _check(tx, purpose, agency_id, suite)
        under_way = _open_one(tx.session, purpose, agency_id)
        if under_way is not None:
            raise Conflict("rotation", _told(progress_of(under_way)))
        row = KeyRotation(
            id=tx.new_id(),
            purpose=purpose,
            agency_id=agency_id or None,
            from_version=_version(tx, purpose, agency_id),
            to_version=_version(tx, purpose, agency_id),
            state=RUNNING,
            stage=KEY,
            suite=suite,
            keep_old=keep_old,
            asked_by=actor.account_id,
            started_at=tx.now,
            finished_at=None,
        )
        tx.session.add(row)
        tx.session.flush()
        details = {"purpose": purpose, "stage": "start"} | ({"agency": agency_id} if agency_id else {})
        tx.record("key:rotate", object_type="key", object_id=row.id, details=details)
        return progress_of(row)


def gate(actor: Actor) -> None:
    """Replacing keys is for whoever owns the machine, and for the program itself."""
    if actor.channel not in {Channel.CLI, Channel.SYSTEM, Channel.JOB}:
        raise Refused("no_permission", details={"permission": "key:rotate:all"})


def unfinished(program: Program) -> list[Progress]:
    """Every rotation that has not ended, the oldest first."""
    with reading(program) as session:
        query = select(KeyRotation).where(KeyRotation.state.in_(OPEN)).order_by(KeyRotation.started_at, KeyRotation.id)
        return [progress_of(row) for row in session.scalars(query)]


def listed(session: Session, *, most: int = 50) -> list[KeyRotation]:
    """The newest rotations, for the page about keys."""
    query = select(KeyRotation).order_by(KeyRotation.started_at.desc(), KeyRotation.id).limit(most)
    return list(session.scalars(query))


def worked(program: Program, actor: Actor, rotation: str) -> Iterator[Progress]:
    """Do piece after piece until nothing is left to do now; what each came to.

    Ends too where somebody's transaction at the database has to end first.
    """
    gate(actor)
    before = None
    while True:
        now = step(program, actor, rotation)
        yield now
        if now.is_over or now == before:
            return
        before = now


@contextmanager
def at_work(program: Program, purpose: str) -> Iterator[bool]:
    """Hold a kind of key while working at it; whether nobody else does, on any machine. Ends with the process."""
    with job_locks.held(program, f"rotation-{purpose}") as mine:
        yield mine


def _check(tx: Transaction, purpose: str, agency_id: str, suite: str) -> None:
    if purpose not in PURPOSES:
        raise UnusableInput({"purpose": f"expected one of {', '.join(PURPOSES)}; the log has `audit rotate-key`"})
    if purpose == "agency" and not agency_id:
        raise UnusableInput({"agency": "expected the agency whose key is replaced"})
    if agency_id and purpose not in {"agency", "recipient"}:
        raise UnusableInput({"agency": f"expected none: there is one key for {purpose}"})
    if agency_id and tx.session.get(Agency, agency_id) is None:
        raise UnusableInput({"agency": "expected an agency of this installation"})
    if suite and purpose != "agency":
        raise UnusableInput({"suite": "expected with --purpose agency alone"})


def _told(one: Progress) -> str:
    where = "waits for its old version to pass" if one.state == WAITING else f"is at {one.percent} %"
    return f"this key is being replaced already and {where}; `signaltable keys rotate --resume` goes on with it"


def _version(tx: Transaction, purpose: str, agency_id: str) -> int:
    if purpose == "data":
        query = select(func.count()).select_from(KeyRotation).where(KeyRotation.purpose == purpose)
        return tx.session.scalar(query) or 0
    return tx.program.keys.version(purpose, agency_id)


def _open_one(session: Session, purpose: str, agency_id: str) -> KeyRotation | None:
    # On PostgreSQL two that start at once are told apart by the lock on the agency or, without one, on all rotations.
    query = select(KeyRotation).where(KeyRotation.purpose == purpose, KeyRotation.state.in_(OPEN))
    same = KeyRotation.agency_id == agency_id if agency_id else KeyRotation.agency_id.is_(None)
    return session.scalars(query.where(same)).first()
