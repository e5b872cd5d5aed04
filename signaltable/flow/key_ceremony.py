"""Keeping the key ring safe with two people: an export under their passphrases, and putting it back."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect, select
from sqlalchemy.exc import SQLAlchemyError

from signaltable import row_digests, row_level
from signaltable.db import make_engine, make_sessions
from signaltable.disk import sync_folder
from signaltable.domain import Actor, SignaltableError, UnusableInput, day_of
from signaltable.keys import KeyRing, KeyRingError
from signaltable.keys.contents import Contents
from signaltable.keys.export import Comparison, compare, open_export, put_over, seal_ring
from signaltable.keys.file_ring import read_ring
from signaltable.keys.signer_keys import derived_for_signer
from signaltable.models import Agency
from signaltable.settings import PKCS11, Settings
from signaltable.transaction import Program, transaction

# What the signer does with the key of rows: show a pass to the database, and account for rows that it writes.
SIGNER_USES = (row_level.USE, row_digests.USE)


class CannotRestore(SignaltableError):
    """The keys are not put back; the message says why, and nothing was changed."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: how many keys, how many of the home are no more, and over what (nothing, newer, older)."""

    keys: int
    lost: int
    cause: str
    file_hash: str


def refuse_token(settings: Settings) -> None:
    """Raises CannotRestore where the keys are in a token: they do not leave it, so neither do they here."""
    if settings.key_provider == PKCS11:
        raise CannotRestore(
            "the keys are in a PKCS#11 token, which does not give them out; copying them is the business of the token "
            "itself (its own backup, or a second token)"
        )


def export(program: Program, actor: Actor, path: Path, one: str, two: str) -> int:
    """Write the ring for two keepers into a new file that only its owner reads. How many keys are in it.

    Recorded as key:export. Raises KeyRingError for passphrases that will not do, CannotRestore for a token, OSError
    when the file exists or cannot be written.
    """
    refuse_token(program.settings)
    ring = program.keys
    if not isinstance(ring, KeyRing):
        raise CannotRestore("expected a key ring in a file")
    contents = ring.contents
    # Made before the transaction: it takes a second, for which nobody else has to wait.
    raw = seal_ring(contents, one, two, on=day_of(program.clock()))
    with transaction(program, actor) as tx:
        _write_new(path, raw)
        try:
            count = sum(1 for _key in contents.all())
            details = {"size": count, "file_hash": hashlib.sha256(raw).hexdigest()}
            tx.record("key:export", object_type="key", details=details)
            tx.append_now()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return count


def for_signer(program: Program, actor: Actor, path: Path) -> None:
    """Write what a signer with a home of its own needs of the ring into a new file that only its owner reads.

    The keys come from a token too: they are derived, and open nothing. Recorded as key:make with purpose signer. Raises
    `UnusableInput` when the file exists or cannot be written.
    """
    raw = json.dumps(derived_for_signer(program.keys, SIGNER_USES), indent=1).encode() + b"\n"
    with transaction(program, actor) as tx:
        try:
            _write_new(path, raw)
        except OSError as error:
            raise UnusableInput({"file": f"expected a new file that can be written: {error.strerror}"}) from None
        try:
            details = {"purpose": "signer", "key_version": program.keys.version(row_digests.PURPOSE)}
            tx.record("key:make", object_type="key", details=details)
            tx.append_now()
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _write_new(path: Path, raw: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        try:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    sync_folder(path.absolute().parent)


def put_back(settings: Settings, path: Path, one: str, two: str, *, replace: str = "") -> Restored:
    """Put the ring of an export into a home that has none, or over the same ring when `replace` says newer or older.

    What the home destroyed stays destroyed. The caller opens the program and records it (`record_restore`). Raises
    CannotRestore or KeyRingError, with nothing changed.
    """
    refuse_token(settings)
    _refuse_without_log(settings)
    raw = path.read_bytes()
    exported = open_export(path, raw, one, two)
    held = _held(settings)
    cause = "lost"
    compared = Comparison("", 0)
    if held is not None:
        compared = compare(held, exported)
        _refuse_other(settings, compared, replace)
        exported, cause = put_over(held, exported), replace
    _refuse_missing(settings, exported)
    KeyRing.put_back(settings.key_ring, exported, over=None if held is None else held.stamp)
    return Restored(sum(1 for _key in exported.all()), compared.lost, cause, hashlib.sha256(raw).hexdigest())


def record_restore(program: Program, actor: Actor, restored: Restored) -> None:
    """Tell the log that the keys were put back (key:restore)."""
    with transaction(program, actor) as tx:
        details = {"size": restored.keys, "file_hash": restored.file_hash, "cause": restored.cause}
        tx.record("key:restore", object_type="key", details=details)


def _held(settings: Settings) -> Contents | None:
    if not settings.key_ring.exists() and not settings.key_ring.is_symlink():
        return None
    try:
        return read_ring(settings.key_ring, require_private=not settings.demo)
    except KeyRingError as error:
        raise CannotRestore(f"{error}; move this file aside first when it is beyond repair") from None


def _refuse_other(settings: Settings, compared: Comparison, replace: str) -> None:
    where = settings.key_ring
    if compared.kind == "other":
        raise CannotRestore(f"{where}: expected no ring or the same ring, found another one; nothing was changed")
    if compared.kind == "same":
        raise CannotRestore(f"{where}: the ring here has the same keys already; nothing was changed")
    if replace != compared.kind:
        lost = f", which lacks {compared.lost} keys of the ring here" if compared.lost else ""
        raise CannotRestore(
            f"{where}: found the same ring, and an export that is {compared.kind}{lost}; "
            f"give --replace {compared.kind} to put it in its place"
        )


def _refuse_without_log(settings: Settings) -> None:
    """The keys belong to a database, and its log tells that they were put back."""
    try:
        there = inspect(make_engine(settings.database_url)).has_table("log_head")
    except (SQLAlchemyError, ValueError):  # The driver's own words hold addresses and names.
        there = False
    if not there:
        raise CannotRestore("expected the database of these keys; put that back first (docs/keys.md)")


def _refuse_missing(settings: Settings, exported: Contents) -> None:
    with make_sessions(make_engine(settings.database_url), writes=False)() as session:
        known = set(session.scalars(select(Agency.id)))
    missing = known - {agency for purpose, agency in exported.keys if purpose == "agency"}
    if missing:
        raise CannotRestore(
            f"expected the keys of all {len(known)} agencies of this database; the export lacks those of {len(missing)}"
        )
