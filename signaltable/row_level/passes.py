"""What a transaction shows the database: for whom it works, with a keyed digest that only who holds the key ring can make."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session, SessionTransaction

from signaltable import shared_ring
from signaltable.domain import Actor, Channel
from signaltable.keys import KeyProvider
from signaltable.prepared import run

PERSON, DOOR, WHOLE = "person", "door", "whole"
# Who may do something with a case of the own table before it lies on an agenda has one of these permissions.
AT_WORK_AT_TABLE: Final = frozenset({"signal:triage:own-table", "dossier:consult:own-table"})
# A pass that somebody found in a log of the database server opens nothing on a later day.
VALID_SECONDS: Final = 24 * 3600
PURPOSE, USE = "rows", "row-level pass"
_INFO = "signaltable_pass"
_ONLY_READS = "signaltable_only_reads"
# With the pass comes back which keys the database knows of: another machine may have made one.
SHOW: Final = "SELECT set_config('signaltable.pass', %s, true)"
_SHOW_AND_ASK: Final = f"{SHOW}, (SELECT digest FROM shared_rings WHERE id = 1)"  # noqa: S608 -- nothing but what stands here


@dataclass(frozen=True, slots=True)
class Bearer:
    """For whom a transaction works: the sphere, and in the sphere of a person who that is."""

    sphere: str
    account_id: str = ""
    agency_id: str = ""
    at_table: bool = False
    at: int = 0  # the moment of the program's clock, in seconds since 1970; 0 for that of this machine


AT_THE_DOOR: Final = Bearer(DOOR)
PROGRAM: Final = Bearer(WHOLE)


def bearer_of(actor: Actor) -> Bearer:
    """The sphere of an actor: the jobs, the system and whoever owns the machine are the program; a stranger is at the door."""
    if actor.channel in {Channel.JOB, Channel.SYSTEM, Channel.CLI}:
        return PROGRAM
    if not actor.agency_id:
        return AT_THE_DOOR
    at = int(actor.now.timestamp()) if actor.now else 0
    return Bearer(PERSON, actor.account_id, actor.agency_id, bool(AT_WORK_AT_TABLE & actor.permissions), at)


def write_pass(keys: KeyProvider, bearer: Bearer, now: float) -> str:
    """The pass of a bearer, valid for a day from `now` (seconds since 1970)."""
    version = keys.version(PURPOSE)
    until = str(int(now) + VALID_SECONDS)
    parts = (bearer.sphere, bearer.account_id, bearer.agency_id, "t" if bearer.at_table else "", until, str(version))
    moment = str(bearer.at or int(now))
    if any("|" in part for part in parts):
        raise ValueError("expected ids without the sign that parts a pass")
    said = "|".join((*parts, moment))
    return f"{said}|{hmac.new(key_of(keys, version), said.encode(), hashlib.sha256).hexdigest()}"


def bear(session: Session, keys: KeyProvider, bearer: Bearer) -> None:
    """Let every transaction of this session begin with the pass of `bearer`; one that runs changes at once."""
    session.info[_INFO] = keys, bearer
    if session.in_transaction():
        _show(session, session.connection(), keys, bearer)


def borne(session: Session) -> Bearer | None:
    """Whose pass a session bears; None when it has none and sees nothing."""
    found: tuple[KeyProvider, Bearer] | None = session.info.get(_INFO)
    return found[1] if found else None


def only_read(session: Session) -> None:
    """A session on a copy of the database, which may tell of keys that are not the newest ones: nobody follows what it says."""
    session.info[_ONLY_READS] = True


def is_asked(session: Session) -> bool:
    """Whether the database of this session asks for a pass at all: PostgreSQL does."""
    return session.get_bind().dialect.name == "postgresql"


@event.listens_for(Session, "after_begin")
def _show_first(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if _INFO in session.info:
        _show(session, connection, *session.info[_INFO])


@event.listens_for(Session, "after_soft_rollback")
def _show_again(session: Session, ended: SessionTransaction) -> None:
    """A savepoint that is taken back takes the pass along to the one of its beginning, which may be that of another sphere."""
    if ended.nested and session.is_active and _INFO in session.info:
        _show(session, session.connection(), *session.info[_INFO])


def _show(session: Session, connection: Connection, keys: KeyProvider, bearer: Bearer) -> None:
    if connection.dialect.name == "postgresql":
        given = write_pass(keys, bearer, time.time())
        if session.info.get(_ONLY_READS):
            run(connection, SHOW, (given,), False).close()
            return
        # Past SQLAlchemy, which takes longer over it than the server does: every transaction begins with this.
        cursor = run(connection, _SHOW_AND_ASK, (given,), False)
        _, told = cursor.fetchone()
        cursor.close()
        shared_ring.follow(connection, keys, told or "")


def key_of(keys: KeyProvider, version: int) -> bytes:
    """What a pass is made with under this version of the ring's key."""
    return keys.derive(PURPOSE, USE, version)
