"""Every set of rules under which something was decided, kept file by file, so that any of it can be loaded again."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from signaltable.comparison.files import ChangedIds, Contents, changed_ids, contents_of, is_ground, reading_once
from signaltable.db import table_of
from signaltable.domain import NotFound, SignaltableError
from signaltable.grounds import canonical_digest
from signaltable.models import LogDetail, LogEntry, PolicyVersion
from signaltable.policy import PolicySet, load_texts
from signaltable.prepared import Prepared
from signaltable.transaction import Transaction

SHORTEST_PREFIX = 8
_INSERTS: Mapping[str, Callable[..., Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


class DamagedVersion(SignaltableError):
    """The kept files of a set of rules no longer give the digest under which they were kept."""


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """One set of rules of the past or of now, and what differs from the one that was loaded before it."""

    digest: str
    first_loaded_at: datetime
    contents: Contents
    changes: ChangedIds


@dataclass(frozen=True, slots=True)
class GroundVersion:
    """How a ground read from this set of rules on, until the next line: the digests of its files, none when it was gone."""

    policy_digest: str
    first_loaded_at: datetime
    ground_digests: tuple[str, ...]
    reviewed: bool


def keep(tx: Transaction) -> None:
    """Keep the rules of this program under their digest, and say so in the log; nothing when they are kept already."""
    if not _is_kept(tx):
        note(tx)


def _is_kept(tx: Transaction) -> bool:
    return tx.first(_KEPT, {"wanted": tx.program.policy.digest}) is not None


_digest = table_of(PolicyVersion).c.digest
_KEPT = Prepared(select(_digest).where(_digest == bindparam("wanted")))


def note(tx: Transaction) -> None:
    """Keep the rules, and record that they count from now on when they are others than the log last said (GDPR art. 5(2))."""
    policy, before = tx.program.policy, _last_noted(tx)
    if before == policy.digest and _is_kept(tx):
        return  # Even an insert that changes nothing would ask for an event.
    fresh = _store(tx)
    if not fresh and before == policy.digest:
        return
    tx.record("policy:load", object_type="policy", details=_told(tx, before if before != policy.digest else ""))


def _store(tx: Transaction) -> bool:
    """Whether they were not kept yet. Two processes may start with the same new rules; the second finds them kept."""
    policy = tx.program.policy
    row = {
        "digest": policy.digest,
        "files": packed(policy.texts),
        "first_loaded_at": tx.now,
    }
    insert = _INSERTS[tx.session.get_bind().dialect.name]
    stored = tx.session.execute(
        insert(PolicyVersion).values(row).on_conflict_do_nothing().returning(PolicyVersion.digest)
    )
    return stored.scalar() is not None


def packed(texts: Mapping[str, str]) -> bytes:
    """The files of a set of rules (path -> text) as they are kept."""
    return zlib.compress(json.dumps(dict(texts), ensure_ascii=False, sort_keys=True).encode(), 9)


def _told(tx: Transaction, before: str) -> dict[str, Any]:
    """The details of a policy:load entry: how much there is, what nobody signed for, and what changed."""
    policy = tx.program.policy
    contents = contents_of(policy.texts)
    told: dict[str, Any] = {
        "policy_digest": policy.digest,
        "routes": contents.routes,
        "grounds": contents.grounds,
        "unreviewed": contents.unreviewed,
        "demo": tx.program.settings.demo,
    }
    if before:
        told["previous_digest"] = before
        earlier = _texts(tx.session, before)
        if earlier is not None:
            told["changed"] = list(changed_ids(earlier, policy.texts).all)
    return told


def _last_noted(tx: Transaction) -> str:
    last = tx.session.scalars(
        select(LogDetail.details)
        .join(LogEntry, LogEntry.seq == LogDetail.seq)
        .where(LogEntry.action == "policy:load")
        .order_by(LogEntry.seq.desc())
        .limit(1),
    ).first()
    return str(json.loads(last)["policy_digest"]) if last else ""


def _texts(session: Session, digest: str) -> dict[str, str] | None:
    kept = session.scalar(select(PolicyVersion.files).where(PolicyVersion.digest == digest))
    return None if kept is None else _unpacked(kept, digest)


def _unpacked(kept: bytes, digest: str) -> dict[str, str]:
    try:
        read: dict[str, str] = json.loads(zlib.decompress(kept))
    except (zlib.error, ValueError):
        raise DamagedVersion(f"the rules kept as {digest[:SHORTEST_PREFIX]} cannot be unpacked") from None
    return read


def load_version(session: Session, digest: str) -> PolicySet:
    """The rules with this digest, as they were.

    Raises `NotFound`, `DamagedVersion`, or BrokenPolicy when this program no longer reads them.
    """
    texts = _texts(session, digest)
    if texts is None:
        raise NotFound(f"no rules kept under {digest[:SHORTEST_PREFIX]}")
    with TemporaryDirectory(prefix="signaltable-rules-") as folder:
        policy = load_texts(texts, Path(folder))
    if policy.digest != digest:
        raise DamagedVersion(f"the rules kept as {digest[:SHORTEST_PREFIX]} give another digest")
    return policy


def find_digest(session: Session, prefix: str) -> str:
    """The one kept digest that starts with `prefix`. Raises `NotFound` for none, for several, and for a short prefix."""
    if len(prefix) < SHORTEST_PREFIX:
        raise NotFound(f"expected at least {SHORTEST_PREFIX} characters of a digest")
    found = session.scalars(
        select(PolicyVersion.digest).where(PolicyVersion.digest.startswith(prefix.lower(), autoescape=True)).limit(2)
    ).all()
    if len(found) != 1:
        raise NotFound("no rules kept under this digest" if not found else "several digests start with this")
    return found[0]


def reviewed_grounds(session: Session) -> frozenset[str]:
    """The digests of all versions of grounds, in any kept set of rules, for which somebody had signed."""
    read = reading_once()
    found = set()
    for row in session.execute(select(PolicyVersion.digest, PolicyVersion.files)):
        for path, text in _unpacked(row.files, row.digest).items():
            if is_ground(path) and "reviewed_by" in (raw := read(text, path)):
                found.add(canonical_digest(raw))
    return frozenset(found)


def versions_of_ground(session: Session, ground_id: str) -> tuple[GroundVersion, ...]:
    """How a ground changed through all kept sets of rules, oldest first: one line whenever its files say something else."""
    rows = session.execute(
        select(PolicyVersion.digest, PolicyVersion.first_loaded_at, PolicyVersion.files).order_by(
            PolicyVersion.first_loaded_at, PolicyVersion.digest
        )
    )
    found: list[GroundVersion] = []
    read = reading_once()
    for row in rows:
        texts = _unpacked(row.files, row.digest)
        said = [raw for path, text in texts.items() if is_ground(path) and (raw := read(text, path))["id"] == ground_id]
        digests = tuple(sorted(canonical_digest(raw) for raw in said))
        if digests != (found[-1].ground_digests if found else ()):
            reviewed = bool(said) and all("reviewed_by" in raw for raw in said)
            found.append(GroundVersion(row.digest, row.first_loaded_at, digests, reviewed))
    return tuple(found)


def versions(tx: Transaction) -> list[RulesVersion]:
    """All kept sets of rules, the newest first, each with what differs from the one loaded before it."""
    rows = tx.session.execute(
        select(PolicyVersion.digest, PolicyVersion.first_loaded_at, PolicyVersion.files).order_by(
            PolicyVersion.first_loaded_at, PolicyVersion.digest
        )
    )
    found: list[RulesVersion] = []
    before: Mapping[str, str] = {}
    read = reading_once()
    for row in rows:
        texts = _unpacked(row.files, row.digest)
        changes = changed_ids(before, texts, read) if before else ChangedIds()
        found.append(RulesVersion(row.digest, row.first_loaded_at, contents_of(texts, read), changes))
        before = texts
    return found[::-1]
