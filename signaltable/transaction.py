"""The one transaction. Nothing else in the program commits (design.md, rule 2).

`transaction(program, actor)` opens a writing session. On leaving it flushes, refuses a change without an audit event,
appends the events to the log as the last thing, and commits. A refusal rolls everything back and is recorded in a
transaction of its own: it leaves no trace in the data and always one in the log.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import wraps
from inspect import isgeneratorfunction
from itertools import islice
from typing import Any, NoReturn, TypeVar, cast

from sqlalchemy import Connection, Table
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import ORMExecuteState, Session

from audit.vocabulary import ACTIONS
from signaltable import audit_trail, concerned, counting, erasures, row_digests, row_level, shared_ring
from signaltable.audit_trail import AuditEvent
from signaltable.build import VERSION
from signaltable.concerned import Concerned
from signaltable.db import let_go_early
from signaltable.domain import Actor, Conflict, Refused, UnauditedWrite, day_of
from signaltable.erasures import Erasure
from signaltable.keys import KeyProvider
from signaltable.policy import PolicySet
from signaltable.prepared import Prepared, delete_from, insert_into
from signaltable.replica import ListSession, Replica
from signaltable.row_digests import Rows, Written
from signaltable.row_level import Bearer
from signaltable.settings import Settings
from signaltable.storage_faults import StorageFault, fault_of
from signaltable.trace_context import Trace, start

LOG = logging.getLogger("signaltable")

# Rows that carry no business meaning of their own: a session's last use, a claim of a job, a mail that was written
# out, a failed attempt that its own login:fail entry describes, a checkpoint that its checkpoint:sign entry announced
# before it. Writing only these needs no further entry.
HOUSEKEEPING = frozenset(
    {
        "budget_uses",
        "export_parts",
        "sessions",
        "job_runs",
        "job_turns",
        "mails",
        "login_attempts",
        "login_steps",
        "log_checkpoints",
        "machine_tokens",
        "machine_uses",
        "request_rates",
        "search_rows",
        "search_terms",
        "figure_months",
        "figures",
    }
)
# Digests of rows go with the entry whose details are kept longest.
KEPT_LONGEST = ("login", "access", "case", "disclosure", "program")
# What PostgreSQL says to one of two transactions that wait for each other (appendix A of its manual).
DEADLOCK = "40P01"
# After a connection that broke while committing: the pauses before each look for what came of it, in seconds. A database
# that crashed is back by then, or stays away for long.
LOOKS = (0.0, 0.5, 1.5, 3.0)
# Beyond this many, entries of their own say the rest: details have a largest size.
ROWS_PER_ENTRY = 4000


@dataclass(frozen=True)
class Program:
    """What every use case needs and never makes itself: settings, keys, rules, sessions, clock, randomness."""

    settings: Settings
    keys: KeyProvider
    policy: PolicySet
    write_sessions: Callable[[], Session]
    read_sessions: Callable[[], Session]
    clock: Callable[[], datetime]
    randomness: Callable[[int], bytes]
    # Asked before a change is committed: whether its actor may still do it (flow/coming_in/standing.py).
    require_standing: Callable[["Transaction"], None] = lambda _tx: None
    # The piece of work that this process does, where no request says which: one command, one run of a job.
    work: Trace | None = None
    # The copy of the database from which lists are read, where there is one.
    replica: Replica | None = None


@dataclass
class Transaction:
    """A running transaction: the session, who acts, and the events that will be recorded with the commit."""

    program: Program
    actor: Actor
    session: Session
    now: datetime
    events: list[AuditEvent] = field(default_factory=list)
    about: list[Concerned] = field(default_factory=list)
    keys_used: dict[str, int] = field(default_factory=dict)
    written: Written = field(default_factory=Written)
    erased: list[Erasure] = field(default_factory=list)
    # The signals that the actor is kept from, once somebody asked (queries.mine).
    kept_from: frozenset[str] | None = None
    # The tables at which the actor's agency had a seat when the gate was asked; asked again before the commit.
    seats: set[str] = field(default_factory=set)
    # The place and the leaf of the newest entry that this transaction has in the log.
    place: tuple[int, bytes] | None = None
    # Whether this is for a page that is a list or a report; and from where such a page reads, once it asked (`lists`).
    listing: bool = False
    reads_lists: Session | None = None
    # What narrows each query of this transaction (flow/leaving_out.py).
    fences: list[Callable[[ORMExecuteState], None]] = field(default_factory=list)
    # What `connection` gave: asking the session costs as much as a small statement.
    _held: Connection | None = field(default=None, init=False, repr=False)
    _holds_log: bool = field(default=False, init=False, repr=False)

    @property
    def lists(self) -> Session:
        """The session for the rows of a list or a report: on the replica, where there is one that has all that was stored.

        Anywhere else than on a page that is a list, it is the session of the transaction itself. Never for what decides
        something or is changed: rights, standing and who is kept from what are always asked of `session`.
        """
        if self.written.tables or _has_changes(self.session):
            return self.session  # What is not stored yet stands nowhere else.
        if self.reads_lists is None:
            self.reads_lists = self._copy() or self.session
        return self.reads_lists

    def _copy(self) -> ListSession | None:
        replica = self.program.replica
        copy = replica.session(self.session, self.program.keys) if replica and self.listing else None
        if copy is not None:
            for fence in self.fences:
                listen(copy, "do_orm_execute", fence)
        return copy

    def narrow(self, fence: Callable[[ORMExecuteState], None]) -> None:
        """Let every query from now on pass `fence`, on the replica too."""
        self.fences.append(fence)
        for session in {self.session, self.reads_lists or self.session}:
            listen(session, "do_orm_execute", fence)

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
        signals: Iterable[str] = (),
        subjects: Iterable[str] = (),
    ) -> None:
        """Note an event for the log; it is written in the same commit as the rows.

        Whom it is about follows from the references in object and details. `signals` are ids or references of signals
        that it is about besides; `subjects`, ids, say that it is about exactly these.
        """
        self.events.append(
            AuditEvent(action, object_type, object_id, outcome, reason, dict(details or {}), self.now),
        )
        self.about.append(Concerned(tuple(signals), tuple(subjects)))

    def use_key(self, owner: str, version: int, times: int = 1) -> None:
        """Note that something was opened with the key of an agency (or of a purpose); the log tells it with the act."""
        name = f"{owner}:{version}"
        self.keys_used[name] = self.keys_used.get(name, 0) + times

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows by one statement past the session: several times faster than objects, and accounted for all the same.

        All rows name the same columns.
        """
        insert_into(table, tuple(rows[0])).change(self.connection(), rows)
        self.written.added(table, rows)

    def delete(self, table: Table, key: tuple[Any, ...]) -> None:
        """Take away the row with this key, past the session and accounted for, as `insert`."""
        delete_from(table).change(self.connection(), [dict(zip(table.primary_key.columns.keys(), key, strict=True))])
        self.written.gone(table, key)

    def rows(self, statement: Prepared, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What a statement that was made beforehand gives, with what was noted until here written out."""
        return statement.rows(self.connection(), values)

    def first(self, statement: Prepared, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The first of these rows, or None."""
        return statement.first(self.connection(), values)

    def connection(self) -> Connection:
        """The connection of this transaction, for reading past the session; what was noted until here is written out first.

        Writing goes by `insert` or the session: what is written here nobody would account for.
        """
        self.session.flush()
        held = self._held
        if held is None or not held.in_transaction():
            held = self._held = self.session.connection()
        return held

    def hold_log(self) -> int:
        """Lock the head of the log until the commit, so call it late. Returns how many entries there are.

        What this machine says of itself is said before, and whether the right of the actor still holds is asked before. A
        transaction that held the log and then waited for the row of the machine, or of the account, would wait for another
        one that has the row and waits for the log.
        """
        if not self._holds_log:
            _require_standing(self)
            with self.whole("what a machine says of itself is nobody's case"):
                _tell_ring(self)
            self._holds_log = True
        return audit_trail.lock_head(self.session)

    def append_now(self) -> None:
        """Give the noted events their places in the log at once: a checkpoint has to cover its own announcement.

        Locks the head of the log until the commit, so call it late.
        """
        # Asked before that: whoever takes the right away waits for the head of the log while they hold the account.
        _ask_standing(self)
        _append(self)
        self.events.clear()
        self.about.clear()
        self.written.clear()  # What changed until here is accounted for; what follows asks for an event of its own.

    def new_id(self) -> str:
        """A random id of 128 bits."""
        return self.program.randomness(16).hex()

    @contextmanager
    def whole(self, why: str) -> Iterator[None]:
        """See and change, on PostgreSQL, also what the actor has nothing to do with (signaltable/row_level), for as long as needed.

        `why` is for who reads the code: docs/row-level-security.md lists every place. What was noted before belongs to the
        actor and is written before; what is noted inside is written inside.
        """
        if not why:
            raise ValueError("expected why this has to see all")
        before = row_level.borne(self.session)
        if before is None or before.sphere == row_level.WHOLE:
            yield  # The program itself; or a session that a test made, which bears what it was given.
            return
        self.session.flush()
        if not row_level.is_asked(self.session):
            yield
            self.session.flush()
            return
        try:
            with _risen(self.session, self.program, before):
                self._let_lists_follow()
                yield
        finally:
            self._let_lists_follow()

    def _let_lists_follow(self) -> None:
        """Show the replica the pass that the primary has now."""
        bearer = row_level.borne(self.session)
        if isinstance(self.reads_lists, ListSession) and bearer is not None:
            self.reads_lists.bear(self.program.keys, bearer)

    def leave_lists(self) -> None:
        """Be done with the replica. Raises `UnauditedWrite` when a row of it was changed, which nobody would store."""
        copy, self.reads_lists = self.reads_lists, None
        if isinstance(copy, ListSession):
            changed = _has_changes(copy)
            copy.leave()
            if changed:
                raise UnauditedWrite("a row of a list was changed; expected it to be read from the primary")


def _has_changes(session: Session) -> bool:
    return bool(session.new or session.dirty or session.deleted)


Step = TypeVar("Step", bound=Callable[..., Any])


def in_whole(why: str) -> Callable[[Step], Step]:
    """`Transaction.whole` around a whole function, whose first argument is the transaction.

    Not around a generator: nothing of that would have run when it ends.
    """

    def wrap(step: Step) -> Step:
        if isgeneratorfunction(step):
            raise TypeError("expected a function that is done when it returns, found a generator")

        @wraps(step)
        def wide(tx: Transaction, *args: Any, **options: Any) -> Any:
            with tx.whole(why):
                return step(tx, *args, **options)

        return cast(Step, wide)

    return wrap


@contextmanager
def _risen(session: Session, program: Program, before: Bearer) -> Iterator[None]:
    row_level.bear(session, program.keys, row_level.PROGRAM)
    try:
        yield
        session.flush()
    except BaseException:
        # Where the database refused something it takes no more statements; the rollback takes the pass along with the rest.
        with suppress(SQLAlchemyError):
            row_level.bear(session, program.keys, before)
        raise
    row_level.bear(session, program.keys, before)


@contextmanager
def ahead(program: Program, actor: Actor, reads: Session | None = None) -> Iterator[Transaction]:
    """Read for a transaction that follows, before it holds up others: SQLite lets one write at a time.

    What is noted here is recorded by `transaction(program, actor, after=this)`, which must follow whatever came of it.
    What must still be so when it is stored has to be asked again there. Nothing can be changed here. `reads` is what
    `reads_ahead` gave; it is closed with this.
    """
    actor = at_work(program, actor)
    used: dict[str, int] = {}
    try:
        with reads or reads_ahead(program) or program.write_sessions() as session:
            row_level.bear(session, program.keys, row_level.bearer_of(actor))
            yield Transaction(program, actor, session, program.clock(), keys_used=used)
    except Refused as refusal:
        _record_refusal(program, actor, refusal, used)
        raise
    except Exception as error:
        # No transaction follows any more, and what was opened was read.
        if fault_of(error) is None:
            _record_keys(program, actor, used)
        raise


def reads_ahead(program: Program) -> Session | None:
    """A session that reads `ahead`, for whoever asks in it before that who comes in: opening one takes as long as forty questions.

    None on PostgreSQL: it may be read from a copy that lags behind, and nobody waits there for who writes something else.
    """
    reads = program.read_sessions()
    if row_level.is_asked(reads):
        reads.close()
        return None
    return reads


@contextmanager
def transaction(
    program: Program, actor: Actor, *, after: Transaction | None = None, listing: bool = False
) -> Iterator[Transaction]:
    """Open the one transaction for `actor`. Raises what the block raises, after rolling back.

    `after` is what was read `ahead`: its events and the use of its keys are recorded here. `listing`: it is for a page that
    is a list or a report, which may read its rows from the replica (`Transaction.lists`).
    """
    actor = after.actor if after else at_work(program, actor)
    used = after.keys_used if after else {}
    try:
        with program.write_sessions() as session:
            row_level.bear(session, program.keys, row_level.bearer_of(actor))
            tx = Transaction(program, actor, session, program.clock(), keys_used=used, listing=listing)
            if after:
                tx.events, tx.about, tx.seats = after.events, after.about, after.seats
            tx.written.watch(session)
            try:
                yield tx
                tx.leave_lists()
            except BaseException:
                with suppress(UnauditedWrite):
                    tx.leave_lists()
                session.rollback()
                raise
            _ask_standing(tx)
            _finish(tx)
    except Refused as refusal:
        _record_refusal(program, actor, refusal, used)
        raise
    except Exception as error:
        # What was opened was read, whatever came of it. Without a database it was shown to nobody either.
        if fault_of(error) is None:
            _record_keys(program, actor, used)
        if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") == DEADLOCK:
            # Two that each waited for the other: the database let one of them go on, and this one was second.
            raise Conflict("at_once", "somebody else worked on the same thing at the same moment") from None
        raise


def at_work(program: Program, actor: Actor) -> Actor:
    """The actor with the moment and the rules by which the gate judges, and with the ids of the piece of work.

    The ids are those of the request, of the process, or new ones.
    """
    actor = replace(actor, now=program.clock(), rules=program.policy.access)
    if actor.trace_id and actor.span_id:
        return actor
    work = program.work or start(program.randomness)
    return replace(
        actor, trace_id=work.trace_id, span_id=work.span_id, parent_span_id=actor.parent_span_id or work.parent_span_id
    )


@contextmanager
def reading(program: Program, *, actor: Actor | None = None, whole: str = "") -> Iterator[Session]:
    """A session that only reads what is no personal data (the own account, agency names); it never commits.

    On PostgreSQL it sees no case at all, or what `actor` has to do with; `whole` says why it has to see all.
    """
    bearer = row_level.PROGRAM if whole else row_level.bearer_of(actor) if actor else row_level.AT_THE_DOOR
    with program.read_sessions() as session:
        row_level.bear(session, program.keys, bearer)
        yield session


def refuse(program: Program, actor: Actor, refusal: Refused) -> NoReturn:
    """Record a refusal that was decided outside a transaction, and raise it."""
    _record_refusal(program, at_work(program, actor), refusal, {})
    raise refusal


def _ask_standing(tx: Transaction) -> None:
    tx.session.flush()
    # Whoever opens what was sealed reads who somebody is, and whoever reads in acute danger reads a case of others: that
    # counts as much as a change.
    reads = tx.keys_used or (tx.actor.emergencies and tx.events)
    if tx.written.tables - HOUSEKEEPING or reads:
        _require_standing(tx)


def _require_standing(tx: Transaction) -> None:
    with tx.whole("whether a right still holds follows from rows that its bearer may not see"):
        tx.program.require_standing(tx)


def _finish(tx: Transaction) -> None:
    tx.session.flush()
    if tx.written.tables - HOUSEKEEPING and not tx.events:
        raise UnauditedWrite(f"rows changed without an audit event in: {', '.join(sorted(tx.written.tables))}")
    if tx.keys_used and not tx.events:
        _tell_keys(tx)
    if tx.events:
        _append(tx)
    if tx.erased:
        # On disk before the commit: what the log calls erased must never be missing from the register.
        erasures.note(tx.program.settings.erasures, tx.program.keys, tx.erased)
    _commit(tx)


def _commit(tx: Transaction) -> None:
    """Commit. Raises `StorageFault` when the connection broke meanwhile and nothing was stored, or nobody can say."""
    try:
        # Whoever appends waits for the head of the log that this one holds. But nobody sees a signature before it is on
        # disk, with everything that it covers: a log that lost signed entries in a crash would look cut off.
        if tx.place is not None and "log_checkpoints" not in tx.written.tables:
            let_go_early(tx.connection())
        _end(tx.session)
        counting.count("transactions")
    except DBAPIError as error:
        fault = fault_of(error)
        if tx.place is None or fault is None:
            raise
        tx.session.invalidate()
        stored = was_stored(tx.program, tx.place)
        LOG.warning("a commit was interrupted: %s", {None: "unknown", True: "stored", False: "not stored"}[stored])
        if not stored:
            unsure = stored is None
            raise StorageFault(fault.kind, unsure=unsure, place=tx.place, tables=tx.written.tables) from error


def _end(session: Session) -> None:
    session.commit()


def was_stored(program: Program, place: tuple[int, bytes]) -> bool | None:
    """What came of a commit whose answer never arrived: the log knows. None when the database stays away.

    Who still commits holds the head of the log, so the look waits until that is decided. What is found is on disk then.
    """
    for pause in LOOKS:
        time.sleep(pause)
        try:
            with program.write_sessions() as session:
                row_level.bear(session, program.keys, row_level.PROGRAM)
                found = audit_trail.is_there(session, place)
                _end(session)  # It locked the head, so it waits for the disk, which may not have what was found.
                return found
        except SQLAlchemyError as error:
            LOG.debug("looked in vain: %s", type(error).__name__)
    return None


def _tell_keys(tx: Transaction) -> None:
    """An entry for keys that were used for nothing else that the log tells."""
    for name, count in sorted(tx.keys_used.items()):
        owner, _, version = name.rpartition(":")
        details = {"purpose": owner.partition(":")[0], "key_version": int(version), "count": count}
        agency = owner.partition(":")[2]
        tx.record("key:use", object_type="key", details=details | ({"agency": agency} if agency else {}))
    tx.keys_used.clear()


def _append(tx: Transaction) -> None:
    """Give the events their places, with what the log has to say of the rows that were written."""
    with tx.whole("the log accounts for rows that the actor may write and not read"):
        if not tx._holds_log:  # noqa: SLF001 -- who holds it has told
            _tell_ring(tx)
        _append_all(tx)


def _tell_ring(tx: Transaction) -> None:
    about = {"rules": tx.program.policy.digest, "version": VERSION}
    shared_ring.tell(tx.session.connection(), tx.program.keys, about)


def _append_all(tx: Transaction) -> None:
    if tx.keys_used:
        tx.events[0].details.setdefault("keys", sorted(tx.keys_used))
    concerned.complete(tx.session, tx.program.policy.activities, tx.events, tx.about)
    events = accounted(tx.events, row_digests.account(tx.session, tx.program.keys, tx.written))
    tx.place = audit_trail.append(tx.session, events, tx.actor, tx.program.clock, tx.program.randomness) or tx.place
    tx.erased.extend(erasures.told_by(tx.session, events))


def accounted(events: Sequence[AuditEvent], rows: Rows) -> list[AuditEvent]:
    """The events, the one that is kept longest with the digests of the rows; more of them in entries of their own."""
    told = list(events)
    if not told:
        return told
    parts = _parts(rows)
    # One that speaks of rows by itself (an entry that takes them up) says no others.
    free = [at for at, one in enumerate(told) if "rows" not in one.details]
    if free and (first := next(parts, None)) is not None:
        place = max(free, key=lambda at: KEPT_LONGEST.index(ACTIONS[told[at].action].retention_class))
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


def _record_keys(program: Program, actor: Actor, used: dict[str, int]) -> None:
    if used:
        with program.write_sessions() as session:
            row_level.bear(session, program.keys, row_level.PROGRAM)
            _finish(Transaction(program, actor, session, program.clock(), keys_used=used))


def _record_refusal(program: Program, actor: Actor, refusal: Refused, used: dict[str, int]) -> None:
    counting.count("refusals", refusal.action, refusal.reason)
    with program.write_sessions() as session:
        row_level.bear(session, program.keys, row_level.PROGRAM)
        tx = Transaction(program, actor, session, program.clock(), keys_used=used)
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
