"""The one transaction. Nothing else in the program commits (design.md, rule 2).

`transaction(program, actor)` opens a writing session. On leaving it flushes, refuses a change without an audit event,
appends the events to the log as the last thing, and commits. A refusal rolls everything back and is recorded in a
transaction of its own: it leaves no trace in the data and always one in the log.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NoReturn

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from signaltable import audit_trail
from signaltable.audit_trail import AuditEvent
from signaltable.domain import Actor, Refused, UnauditedWrite, day_of
from signaltable.keys import KeyRing
from signaltable.policy import PolicySet
from signaltable.settings import Settings

# Rows that carry no business meaning of their own: a session's last use, a claim of a job, a mail that was written
# out, a failed attempt that its own login:fail entry describes, a checkpoint that its checkpoint:sign entry announced
# before it. Writing only these needs no further entry.
HOUSEKEEPING = frozenset({"sessions", "job_runs", "mails", "login_attempts", "log_checkpoints"})


@dataclass(frozen=True)
class Program:
    """What every use case needs and never makes itself: settings, keys, rules, sessions, clock, randomness."""

    settings: Settings
    keys: KeyRing
    policy: PolicySet
    write_sessions: Callable[[], Session]
    read_sessions: Callable[[], Session]
    clock: Callable[[], datetime]
    randomness: Callable[[int], bytes]


@dataclass
class Transaction:
    """A running transaction: the session, who acts, and the events that will be recorded with the commit."""

    program: Program
    actor: Actor
    session: Session
    now: datetime
    events: list[AuditEvent] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    @property
    def today(self) -> date:
        """The day of this transaction, by which deadlines and periods count."""
        return day_of(self.now)

    def record(
        self,
        action: str,
        *,
        object_type: str = "",
        object_id: str = "",
        outcome: str = "ok",
        reason: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Note an event for the log; it is written in the same commit as the rows."""
        self.events.append(
            AuditEvent(action, object_type, object_id, outcome, reason, dict(details or {}), self.now),
        )

    def append_now(self) -> None:
        """Give the noted events their places in the log at once: a checkpoint has to cover its own announcement.

        Locks the head of the log until the commit, so call it late.
        """
        self.session.flush()
        audit_trail.append(self.session, self.events, self.actor, self.program.clock, self.program.randomness)
        self.events.clear()
        self.touched.clear()  # What changed until here is accounted for; what follows asks for an event of its own.

    def new_id(self) -> str:
        """A random id of 128 bits."""
        return self.program.randomness(16).hex()


@contextmanager
def transaction(program: Program, actor: Actor) -> Iterator[Transaction]:
    """Open the one transaction for `actor`. Raises what the block raises, after rolling back."""
    try:
        with program.write_sessions() as session:
            tx = Transaction(program, actor, session, program.clock())
            _watch_writes(session, tx.touched)
            try:
                yield tx
            except BaseException:
                session.rollback()
                raise
            _finish(tx)
    except Refused as refusal:
        _record_refusal(program, actor, refusal)
        raise


@contextmanager
def reading(program: Program) -> Iterator[Session]:
    """A session that only reads what is no personal data (the own account, agency names); it never commits."""
    with program.read_sessions() as session:
        yield session


def refuse(program: Program, actor: Actor, refusal: Refused) -> NoReturn:
    """Record a refusal that was decided outside a transaction, and raise it."""
    _record_refusal(program, actor, refusal)
    raise refusal


def _finish(tx: Transaction) -> None:
    tx.session.flush()
    if tx.touched - HOUSEKEEPING and not tx.events:
        raise UnauditedWrite(f"rows changed without an audit event in: {', '.join(sorted(tx.touched))}")
    if tx.events:
        audit_trail.append(tx.session, tx.events, tx.actor, tx.program.clock, tx.program.randomness)
    tx.session.commit()


def _record_refusal(program: Program, actor: Actor, refusal: Refused) -> None:
    with program.write_sessions() as session:
        tx = Transaction(program, actor, session, program.clock())
        session.add_all(refusal.rows)
        tx.record(
            refusal.action,
            object_type=refusal.object_type,
            object_id=refusal.object_id,
            outcome="refused",
            reason=refusal.reason,
            details=refusal.details,
        )
        _finish(tx)


def _watch_writes(session: Session, touched: set[str]) -> None:
    def after_flush(flushed: Session, _context: UOWTransaction) -> None:
        for row in (*flushed.new, *flushed.dirty, *flushed.deleted):
            touched.add(row.__tablename__)

    def on_execute(state: ORMExecuteState) -> None:
        if state.is_select:
            return
        table = getattr(state.statement, "table", None)
        # A textual statement does not say what it does, so it counts as a write.
        touched.add(getattr(table, "name", "textual statement"))

    event.listen(session, "after_flush", after_flush)
    event.listen(session, "do_orm_execute", on_execute)
