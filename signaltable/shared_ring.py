"""One key ring on several machines: what one makes, the others learn through the database, before they make anything with it.

A machine that seals for a version that another one replaced would lose what it seals. So each transaction on PostgreSQL
asks, with the pass that it shows anyhow, which keys the installation has (`follow`), and each one that writes tells what
its own machine has more (`tell`), in the same commit as what was made with it.

The ring itself stands in the database only while some machine lacks a key: sealed with AES-256-GCM under a secret of the
ring, which no rotation replaces. Then it is taken out again, so that a backup of another day does not hold it. A database
on one machine never holds it. SQLite is meant for one machine: nothing happens there.
"""

import hashlib
import logging
import os
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection, Row

from signaltable.domain import SignaltableError
from signaltable.keys import KeyProvider
from signaltable.keys.merging import is_facts, lacks
from signaltable.keys.ring import Ring
from signaltable.models import Host, SharedRing

LOG = logging.getLogger("signaltable")

PURPOSE, USE = "rows", "key ring for other machines"
NONCE_BYTES: Final = 12
THE_ROW: Final = 1
# A machine that did not work for so long gets no keys any more: somebody has to copy the ring to it.
GONE_AFTER: Final = timedelta(days=30)
# How often a process says that its machine is at work, with something that it writes anyhow.
TOLD_EVERY: Final = 600.0
_KNOWN: Final = "signaltable_shared_ring"


class RingBehind(SignaltableError):
    """Another machine of this installation has keys that this one lacks and cannot get: nothing may be made with these."""


# What this process said last of the ring in a file, and when by its own clock.
_told: dict[Path, tuple[str, float]] = {}


# -- learning -----------------------------------------------------------------------------------------------------


def follow(connection: Connection, keys: KeyProvider, told: str) -> None:
    """See that this machine has every key of the installation, of which the database says that the digest is `told`.

    "" when nobody said anything yet. Raises `RingBehind` when it lacks one that cannot be had.
    """
    if not isinstance(keys, Ring):
        return  # A signer with a home of its own has no ring.
    connection.info[_KNOWN] = told
    if told and told != keys.digest():
        _catch_up(connection, keys)


def _catch_up(connection: Connection, keys: Ring) -> None:
    row = connection.execute(select(SharedRing.facts, SharedRing.sealed).where(SharedRing.id == THE_ROW)).one_or_none()
    if row is None or not is_facts(row.facts) or not lacks(keys.facts(), row.facts):
        return  # This machine has more, which its next commit tells; or somebody wrote there what is no ring.
    if row.sealed:
        keys.take_in(_opened(keys, bytes(row.sealed)))
    if not lacks(keys.facts(), row.facts):
        LOG.info("took in keys that another machine made")
        return
    if not _others(connection, keys, differing=True):
        return  # A ring that was put back on the only machine there is; `signaltable doctor` tells of it.
    raise RingBehind(
        "another machine has keys that this one lacks; copy keys/ring.json of that machine here (docs/operate.md)"
    )


def is_behind(connection: Connection, keys: KeyProvider) -> bool:
    """Whether the installation has a key that this machine lacks now."""
    if not isinstance(keys, Ring):
        return False
    row = connection.execute(select(SharedRing.facts).where(SharedRing.id == THE_ROW)).one_or_none()
    return row is not None and is_facts(row.facts) and lacks(keys.facts(), row.facts)


# -- telling ------------------------------------------------------------------------------------------------------


def tell(connection: Connection, keys: KeyProvider, about: dict[str, Any]) -> None:
    """Say in this transaction which keys this machine has, when the database does not know yet, and that it is at work.

    `about` is what machines should have in common: version, digest of the rules. Call before the head of the log is
    locked. Does nothing where `follow` was never asked: on SQLite.
    """
    if _KNOWN not in connection.info or not isinstance(keys, Ring):
        return
    if connection.info[_KNOWN] != keys.digest():
        _publish(connection, keys)
    ring, at = _told.get(keys.path, ("", 0.0))
    if ring != keys.digest() or time.monotonic() - at > TOLD_EVERY:
        _register(connection, keys, about)


def _publish(connection: Connection, keys: Ring) -> None:
    """Put the facts into the row, and the ring for machines that lack a key; one machine at a time."""
    empty = insert(SharedRing).values(id=THE_ROW, digest="", facts=[], sealed=b"", changed_at=datetime.now(UTC))
    connection.execute(empty.on_conflict_do_nothing())
    connection.execute(select(SharedRing.id).where(SharedRing.id == THE_ROW).with_for_update())
    _catch_up(connection, keys)
    digest = keys.digest()
    sealed = _sealed(keys) if _others(connection, keys) else b""
    connection.execute(
        update(SharedRing)
        .where(SharedRing.id == THE_ROW)
        .values(digest=digest, facts=[list(fact) for fact in keys.facts()], sealed=sealed, changed_at=datetime.now(UTC))
    )
    connection.info[_KNOWN] = digest


def _register(connection: Connection, keys: Ring, about: dict[str, Any]) -> None:
    """Say that this machine is at work, forget those that are gone, and take the ring out once every machine has it."""
    digest, now = keys.digest(), datetime.now(UTC)
    told = {"name": os.uname().nodename[:64], "ring": digest, "told": about, "seen_at": now}
    row = insert(Host).values(id=own_id(keys.path), **told)
    connection.execute(row.on_conflict_do_update(index_elements=[Host.id], set_=told))
    connection.execute(delete(Host).where(Host.seen_at <= now - GONE_AFTER))
    waiting = select(Host.id).where(Host.ring != digest).limit(1)
    if connection.execute(waiting).first() is None:
        same = (SharedRing.id == THE_ROW, SharedRing.digest == digest, SharedRing.sealed != b"")
        connection.execute(update(SharedRing).where(*same).values(sealed=b""))
    _told[keys.path] = digest, time.monotonic()


def _others(connection: Connection, keys: Ring, *, differing: bool = False) -> bool:
    """Whether other machines are at work on this database; with `differing`, machines that have other keys."""
    another = [Host.id != own_id(keys.path), *([Host.ring != keys.digest()] if differing else [])]
    seen = select(Host.id).where(*another, Host.seen_at > datetime.now(UTC) - GONE_AFTER).limit(1)
    return connection.execute(seen).first() is not None


# -- looking ------------------------------------------------------------------------------------------------------


def hosts(connection: Connection) -> list[Row[Any]]:
    """Every machine that worked on this database of late: id, name, ring, told, seen_at; the one seen last first."""
    seen = select(Host.id, Host.name, Host.ring, Host.told, Host.seen_at)
    return list(
        connection.execute(seen.where(Host.seen_at > datetime.now(UTC) - GONE_AFTER).order_by(Host.seen_at.desc()))
    )


@cache
def own_id(ring: Path) -> str:
    """What tells a home, by the path of its ring, from the same folder on another machine: its id among the hosts."""
    try:
        system = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        system = ""
    return hashlib.sha256(f"{os.uname().nodename}\n{system}\n{ring}".encode()).hexdigest()[:32]


# -- sealing ------------------------------------------------------------------------------------------------------


def _sealed(keys: Ring) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(keys.derive(PURPOSE, USE, 1)).encrypt(nonce, keys.copy_for_others(), USE.encode())


def _opened(keys: Ring, sealed: bytes) -> bytes:
    try:
        return AESGCM(keys.derive(PURPOSE, USE, 1)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], USE.encode())
    except (InvalidTag, ValueError):
        raise RingBehind("the ring that another machine told does not open with the ring of this one") from None
