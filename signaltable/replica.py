"""A copy of the PostgreSQL database that follows the primary (a streaming standby), from which lists and reports are read.

A page that is a list says so (`begin(listing=True)`), and its queries ask `tx.lists`. The copy is used only when it holds the
newest entry of the log that the primary has: whatever was stored stands in the log, in the order in which it was
committed, so a list from the copy never lacks what anybody stored before. The gate, whatever is opened, changed or decided,
and the entry of the log itself are always of the primary.

A copy that is away, behind, of another database or no copy at all costs nobody a page: the primary is asked instead, which is
counted, and the copy is asked again a little later.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from signaltable import counting, row_level
from signaltable.db import PATIENCE, make_engine, refuse_writes
from signaltable.keys import KeyProvider
from signaltable.models import LogEntry
from signaltable.row_level import Bearer

LOG = logging.getLogger("signaltable")

AWAY, BEHIND, PRIMARY, OTHER, UNFENCED, BROKEN = "away", "behind", "no-replica", "other-database", "unfenced", "broken"
SAID: Final[Mapping[str, str]] = MappingProxyType(
    {
        AWAY: "the replica does not answer",
        BEHIND: "the replica is behind",
        PRIMARY: "what DATABASE_REPLICA_URL names is no replica (any more)",
        OTHER: "the replica follows another database",
        UNFENCED: "the role of DATABASE_REPLICA_URL walks around row-level security",
        BROKEN: "the replica broke off an answer",
    }
)
# How long the copy is left alone after each, in seconds.
RESTS: Final[Mapping[str, float]] = MappingProxyType(
    {AWAY: 5.0, BEHIND: 0.25, PRIMARY: 5.0, OTHER: 30.0, UNFENCED: 30.0, BROKEN: 1.0}
)
# A copy on a quick network is some milliseconds behind: the pauses before each look whether it has come up.
LOOKS: Final = (0.0, 0.004, 0.012)
# A copy that is behind for a moment now and then is as it should be; one that stays behind is told in the messages.
TOLD_AFTER: Final = 10.0
# Somebody waits for the page, and the primary has it too.
IMPATIENCE: Final = PATIENCE | {"connect_timeout": 2, "tcp_user_timeout": 3_000}

# A host that hangs keeps its connections open and says nothing: after so many seconds they are cut.
LONGEST: Final = 4.0
_CUT: Final = "signaltable_cut"

_NEWEST: Final = select(LogEntry.seq, LogEntry.leaf).order_by(LogEntry.seq.desc()).limit(1)
_LOOK: Final = text(
    "SELECT pg_is_in_recovery() AS follows, (SELECT leaf FROM log_entries WHERE seq = :seq) AS leaf, "
    "(SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS unfenced, "
    "(SELECT (fence.pass())[1]) AS sphere, "
    "extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS age"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """How a copy is: `reason` one of SAID, "" where lists can be read there; `lag` in seconds, None where nobody knows."""

    reason: str
    lag: float | None


class ListSession(Session):
    """A session on the copy. What the copy breaks off, and all that is asked later, the primary answers."""

    def __init__(self, replica: "Replica", primary: Session) -> None:
        super().__init__(replica.engine, expire_on_commit=False, autoflush=False)
        row_level.only_read(self)
        self._replica, self._primary = replica, primary
        self._is_gone = False

    def execute(self, *args: Any, **options: Any) -> Any:
        """As of any session."""
        return self._ask("execute", args, options)

    def scalars(self, *args: Any, **options: Any) -> Any:
        """As of any session."""
        return self._ask("scalars", args, options)

    def scalar(self, *args: Any, **options: Any) -> Any:
        """As of any session."""
        return self._ask("scalar", args, options)

    def _ask(self, how: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if not self._is_gone:
            try:
                return getattr(super(), how)(*args, **options)
            except DBAPIError:
                self._give_up()
        return getattr(self._primary, how)(*args, **options)

    def bear(self, keys: KeyProvider, bearer: Bearer) -> None:
        """Show another pass from now on."""
        if self._is_gone or row_level.borne(self) == bearer:
            return
        try:
            row_level.bear(self, keys, bearer)
        except DBAPIError:
            self._give_up()

    def _give_up(self) -> None:
        # What was read before may still be on its way to who asked, so the connection goes only at the end.
        self._is_gone = True
        self._replica.note(BROKEN)

    def leave(self) -> None:
        """Give the connection back, or throw it away where it broke."""
        with suppress(SQLAlchemyError):
            if self._is_gone:
                self.invalidate()
            else:
                self.close()


class Replica:
    """The copy that the settings name, and what this process knows of how it is."""

    def __init__(self, url: str) -> None:
        """Nothing is asked yet. Raises `ArgumentError` or `ValueError` for what is no address."""
        self.engine: Engine = make_engine(url, IMPATIENCE)
        refuse_writes(self.engine)
        # Before the question whether the connection still lives, which a host that hangs never answers.
        event.listen(self.engine, "checkout", _cut_later, insert=True)
        event.listen(self.engine, "checkin", _cut_no_more)
        self._lock = threading.Lock()
        self._reason = self._told = ""
        self._rests_until = self._behind_since = float("-inf")

    def session(self, primary: Session, keys: KeyProvider) -> ListSession | None:
        """A session on the copy for who reads in `primary`, with the same pass; None where the primary has to do."""
        if time.monotonic() < self._rests_until:
            counting.count("replica_fallbacks", self._reason)
            return None
        session = ListSession(self, primary)
        seen = self._look(session, primary, keys)
        if seen.reason:
            session.leave()
            self.note(seen.reason)
            return None
        self._use()
        return session

    def examine(self, primary: Session, keys: KeyProvider) -> Seen:
        """How the copy is now, for who watches; nothing of it is counted or told."""
        session = ListSession(self, primary)
        try:
            return self._look(session, primary, keys)
        finally:
            session.leave()

    def _look(self, session: ListSession, primary: Session, keys: KeyProvider) -> Seen:
        # Asked of the primary, whose faults are not those of the copy.
        newest = primary.execute(_NEWEST).first()
        bearer = row_level.borne(primary) or row_level.AT_THE_DOOR
        if newest is None:
            return Seen(BEHIND, None)
        try:
            row_level.bear(session, keys, bearer)
            for pause in LOOKS:
                time.sleep(pause)
                seen = _judged(Session.execute(session, _LOOK, {"seq": newest.seq}).one(), newest.leaf, bearer)
                if seen.reason != BEHIND:
                    break
        except SQLAlchemyError:
            return Seen(AWAY, None)
        return seen

    def note(self, reason: str) -> None:
        """The primary is asked, now and for a while, because of this reason."""
        counting.count("replica_fallbacks", reason)
        with self._lock:
            now = time.monotonic()
            self._rests_until = now + RESTS[reason]
            if reason != BEHIND:
                self._behind_since = float("-inf")
            elif self._reason != BEHIND:
                self._behind_since = now
            self._reason = reason
            if reason == self._told or (reason == BEHIND and now - self._behind_since < TOLD_AFTER):
                return
            self._told = reason
        LOG.warning("lists are read from the primary: %s", SAID[reason])

    def _use(self) -> None:
        counting.count("replica_lists")
        if not self._reason:
            return
        with self._lock:
            told, self._reason, self._told = self._told, "", ""
        if told:
            LOG.info("lists are read from the replica again")


def _cut_later(connection: Any, record: Any, _proxy: Any) -> None:
    _cut_no_more(connection, record)
    timer = threading.Timer(LONGEST, _cut, (connection,))
    timer.daemon = True
    record.info[_CUT] = timer
    timer.start()


def _cut_no_more(_connection: Any, record: Any) -> None:
    timer = record.info.pop(_CUT, None)
    if timer is not None:
        timer.cancel()


def _cut(connection: Any) -> None:
    """Whoever waits for an answer on this connection hears at once that there will be none."""
    # It may be closed by now.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as held:
        held.shutdown(socket.SHUT_RDWR)


def _judged(row: Any, leaf: bytes, bearer: Bearer) -> Seen:
    if not row.follows:
        return Seen(PRIMARY, None)
    if row.unfenced:
        return Seen(UNFENCED, None)
    if row.leaf is not None and bytes(row.leaf) != bytes(leaf):
        return Seen(OTHER, None)
    # A copy that does not know the newest key of the fence yet shows nothing, which would read as an empty list.
    if row.leaf is None or row.sphere != bearer.sphere:
        return Seen(BEHIND, float(row.age) if row.age is not None else None)
    return Seen("", 0.0)
