"""The one transaction. Nothing else in the program commits (design.md, rule 2).

`transaction(program, actor)` opens a writing session. On leaving it flushes, refuses a change without an audit event,
appends the events to the log as the last thing, and commits. A refusal rolls everything back and is recorded in a
transaction of its own: it leaves no trace in the data and always one in the log.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from typing import Any, NoReturn

from sqlalchemy.orm import Session

from audit.vocabulary import ACTIONS
from signaltable import audit_trail, row_digests
from signaltable.audit_trail import AuditEvent
from signaltable.domain import Actor, Refused, UnauditedWrite, day_of
from signaltable.keys import KeyRing
from signaltable.policy import PolicySet
from signaltable.row_digests import Rows, Written
from signaltable.settings import Settings

# Rows that carry no business meaning of their own: a session's last use, a claim of a job, a mail that was written
# out, a failed attempt that its own login:fail entry describes, a checkpoint that its checkpoint:sign entry announced
# before it. Writing only these needs no further entry.
HOUSEKEEPING = frozenset({"sessions", "job_runs", "mails", "login_attempts", "log_checkpoints"})
# Digests of rows go with the entry whose details are kept longest.
KEPT_LONGEST = ("login", "access", "case", "disclosure", "program")
# Beyond this many, entries of their own say the rest: details have a largest size.
ROWS_PER_ENTRY = 4000


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
    written: Written = field(default_factory=Written)

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
        _append(self)
        self.events.clear()
        self.written.clear()  # What changed until here is accounted for; what follows asks for an event of its own.

    def new_id(self) -> str:
        """A random id of 128 bits."""
        return self.program.randomness(16).hex()


@contextmanager
def transaction(program: Program, actor: Actor) -> Iterator[Transaction]:
    """Open the one transaction for `actor`. Raises what the block raises, after rolling back."""
    try:
        with program.write_sessions() as session:
            tx = Transaction(program, actor, session, program.clock())
            tx.written.watch(session)
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
    if tx.written.tables - HOUSEKEEPING and not tx.events:
        raise UnauditedWrite(f"rows changed without an audit event in: {', '.join(sorted(tx.written.tables))}")
    if tx.events:
        _append(tx)
    tx.session.commit()


def _append(tx: Transaction) -> None:
    """Give the events their places, with what the log has to say of the rows that were written."""
    events = accounted(tx.events, row_digests.account(tx.session, tx.program.keys, tx.written))
    audit_trail.append(tx.session, events, tx.actor, tx.program.clock, tx.program.randomness)


def accounted(events: Sequence[AuditEvent], rows: Rows) -> list[AuditEvent]:
    """The events, the one that is kept longest with the digests of the rows; more of them in entries of their own."""
    told = list(events)
    parts = _parts(rows)
    first = next(parts, None) if told else None
    if first is None:
        return told
    place = max(range(len(told)), key=lambda at: KEPT_LONGEST.index(ACTIONS[told[at].action].retention_class))
    told[place] = replace(told[place], details=told[place].details | {"rows": first})
    more = (AuditEvent("log:rows", "log", details={"cause": "continued", "rows": part}) for part in parts)
    return [*told, *more]


def _parts(rows: Rows) -> Iterator[Rows]:
    flat = ((table, row, digest) for table, of in rows.items() for row, digest in of.items())
    while some := list(islice(flat, ROWS_PER_ENTRY)):
        part: Rows = {}
        for table, row, digest in some:
            part.setdefault(table, {})[row] = digest
        yield part


def _record_refusal(program: Program, actor: Actor, refusal: Refused) -> None:
    with program.write_sessions() as session:
        tx = Transaction(program, actor, session, program.clock())
        tx.written.watch(session)
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
