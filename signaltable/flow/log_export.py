"""Handing the log out. Runs where the signing key may be read: the jobs process and the command line.

An auditor at a screen asks for an export with a request row; the jobs process fulfils it within seconds. A web worker
never reads the key, so nobody who breaks into one can sign another history.
"""

import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from audit import bundle
from audit.errors import AuditError
from signaltable import audit_trail
from signaltable.access import Permission, require
from signaltable.domain import Actor, Channel, Conflict, NotFound, UnusableInput
from signaltable.flow import signing
from signaltable.flow.claims import claim
from signaltable.flow.log_check import as_bytes, snapshot, stored
from signaltable.flow.on_behalf import on_behalf
from signaltable.flow.setup import signer
from signaltable.models import JobRun, LogCheckpoint, LogEntry
from signaltable.transaction import Program, Transaction, transaction

# A request is a row under the first name; whoever fulfils it claims the second (unique, so it happens once).
REQUESTED = "export-request"
CLAIMED = "export"
KEEP_EXPORTS = timedelta(hours=24)
# A claim this old belongs to a process that died; somebody else may try again.
LOST_AFTER = timedelta(minutes=10)
FOLDER = "logboek"

# These channels may read the signing key; who may use them owns the machine.
KEY_HOLDERS = frozenset({Channel.CLI, Channel.JOB, Channel.SYSTEM})

README = """\
Dit is een export van het logboek van de signaaltafel.
In de map `{folder}` staat het logboek zelf. Controleer het op een eigen computer, zonder verbinding met de tafel:

    python -m audit verify {folder} --public-key PUBLIC-KEY.txt

Het programma `audit` hoort bij signaltable en heeft alleen Python en het pakket `cryptography` nodig.
Gebruik de publieke sleutel die u eerder en langs een andere weg hebt gekregen. De vingerafdruk van de sleutel in
deze export is {fingerprint}.

This is an export of the log of the signal table. Verify it on a machine of your own with the command above, and with
the public key that you received earlier and by another way.
"""


@dataclass(frozen=True, slots=True)
class Export:
    """An export that the actor asked for. `state` is waiting, ready, failed or gone."""

    id: str
    requested_at: datetime
    state: str
    bytes: int


# -- exporting ----------------------------------------------------------------------------------------------------


def export(program: Program, actor: Actor, directory: Path, *, request: str = "") -> dict[str, Any]:
    """Write a signed export of the whole log into a new or empty directory. Returns entries, checkpoints, root, size.

    Records log:export, signs a checkpoint that covers that entry, and writes exactly what this checkpoint covers, so
    that people who work meanwhile change nothing about it. Raises `UnusableInput` for a directory that is in use or
    cannot be written, `LogBroken`, and `Refused` for whoever may not export.
    """
    if actor.channel not in KEY_HOLDERS:
        require(actor, Permission.LOG_EXPORT_ALL)
    _prepare(directory)
    signing.finish_rotation(program, actor)
    with transaction(program, actor) as tx:
        size = signing.lock_head(tx)
        tx.record(
            "log:export",
            object_type="export",
            object_id=request,
            details={"size": size + 2, "kind": "whole"} | ({"request": request} if request else {}),
        )
        covered = signing.sign(tx)
    signing.settle(program)
    with snapshot(program) as session:
        notes = session.scalars(
            select(LogCheckpoint.note).where(LogCheckpoint.size <= covered).order_by(LogCheckpoint.size),
        ).all()
        try:
            manifest = bundle.write(
                directory,
                records=_records(session, covered),
                checkpoints=notes,
                signers=[signer(program.settings)],
                created_at=audit_trail.milliseconds(program.clock()),
            )
        except AuditError as error:
            raise UnusableInput({"directory": str(error)}) from error
    return {
        "entries": manifest.entries,
        "details": manifest.details,
        "checkpoints": manifest.checkpoints,
        "size": covered,
        "root": manifest.root,
    }


def _prepare(directory: Path) -> None:
    # Before the log says that it was exported: a directory in use is the usual mistake.
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        in_use = any(directory.iterdir())
    except OSError as error:
        raise UnusableInput({"directory": f"expected a directory that can be written: {error.strerror}"}) from None
    if in_use:
        raise UnusableInput({"directory": "expected a new or an empty directory"})


def _records(session: Session, until: int) -> Iterator[bundle.Record]:
    for row in session.execute(stored(until)):
        # A log that somebody changed is exported as it stands: it is the verification that judges.
        details, salt = (None if one is None else as_bytes(one) for one in (row.details, row.salt))
        yield bundle.Record(as_bytes(row.entry), details, salt)


# -- exports for an auditor at a screen ---------------------------------------------------------------------------


def request_export(tx: Transaction) -> str:
    """Ask for an export. Returns its id. Raises `Conflict` while an earlier one of the actor is being made."""
    require(tx.actor, Permission.LOG_EXPORT_ALL)
    if any(one.state == "waiting" for one in my_exports(tx)):
        raise Conflict("export_waiting", "an earlier export is still being made")
    request = tx.new_id()
    tx.session.add(JobRun(job=REQUESTED, slot=request, claimed_at=tx.now))
    tx.record("log:request", object_type="export", object_id=request, details={"request": request, "kind": "whole"})
    return request


def my_exports(tx: Transaction) -> list[Export]:
    """The exports that the actor asked for and that were not removed yet, newest first."""
    require(tx.actor, Permission.LOG_EXPORT_ALL)
    rows = tx.session.scalars(
        select(JobRun)
        .join(LogEntry, LogEntry.object == JobRun.slot)
        .where(JobRun.job == REQUESTED, LogEntry.action == "log:request", LogEntry.actor == tx.actor.account_id)
        .order_by(JobRun.claimed_at.desc(), JobRun.slot),
    )
    return [_export(tx, row) for row in rows]


def export_state(tx: Transaction, request: str) -> Export:
    """How far an export of the actor is. Raises `NotFound` for anybody else's."""
    found = next((one for one in my_exports(tx) if one.id == request), None)
    if found is None:
        raise NotFound("no such export")
    return found


def export_file(tx: Transaction, request: str) -> Path:
    """The zip of a finished export, for the one who asked for it. Raises `NotFound` before it is ready."""
    if export_state(tx, request).state != "ready":
        raise NotFound("this export is not ready")
    tx.record("log:consult", object_type="export", object_id=request, details={"view": "export"})
    return _zip(tx.program, request)


def _export(tx: Transaction, row: JobRun) -> Export:
    path = _zip(tx.program, row.slot)
    size = path.stat().st_size if path.exists() else 0
    state = row.outcome or "waiting"
    return Export(row.slot, row.claimed_at, "gone" if state == "ready" and not size else state, size)


def _zip(program: Program, request: str) -> Path:
    return program.settings.exports / f"{request}.zip"


def fulfil_exports(program: Program, actor: Actor) -> int:
    """Make every export that was asked for, and remove what is older than a day. Returns how many were made."""
    _remove_old(program, actor)
    return sum(_fulfil(program, actor, request) for request in _waiting(program))


def _waiting(program: Program) -> list[str]:
    with snapshot(program) as session:
        return list(
            session.scalars(
                select(JobRun.slot)
                .where(JobRun.job == REQUESTED, JobRun.finished_at.is_(None))
                .order_by(JobRun.claimed_at),
            ),
        )


def _fulfil(program: Program, actor: Actor, request: str) -> int:
    if not claim(program, actor, CLAIMED, request, lost_after=LOST_AFTER):
        return 0
    actor = on_behalf(program, actor, request)
    folder = program.settings.exports / request
    try:
        shutil.rmtree(folder, ignore_errors=True)
        export(program, actor, folder / FOLDER, request=request)
        _pack(program, folder, _zip(program, request))
    except Exception:
        _finish(program, actor, request, "failed")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _finish(program, actor, request, "ready")
    return 1


def _pack(program: Program, folder: Path, target: Path) -> None:
    """One zip with the export and a text that says how to check it; complete or not there at all."""
    draft = target.with_suffix(".part")
    with (
        os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        key = signer(program.settings).verifier()
        packed.writestr("LEESMIJ.txt", README.format(folder=FOLDER, fingerprint=key.fingerprint))
        for path in sorted((folder / FOLDER).rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(folder))
    draft.replace(target)


def _finish(program: Program, actor: Actor, request: str, outcome: str) -> None:
    with transaction(program, actor) as tx:
        tx.session.execute(
            update(JobRun)
            .where(JobRun.job.in_((REQUESTED, CLAIMED)), JobRun.slot == request)
            .values(finished_at=tx.now, outcome=outcome),
        )
        if outcome == "failed":
            tx.record(
                "job:run",
                object_type="export",
                object_id=request,
                outcome="error",
                reason="export_failed",
                details={"job": CLAIMED, "slot": request},
            )


def _remove_old(program: Program, actor: Actor) -> None:
    with snapshot(program) as session:
        old = session.scalars(
            select(JobRun.slot).where(
                JobRun.job == REQUESTED,
                JobRun.finished_at.is_not(None),
                JobRun.claimed_at < program.clock() - KEEP_EXPORTS,
            ),
        ).all()
    if not old:
        return
    for request in old:
        _zip(program, request).unlink(missing_ok=True)
    with transaction(program, actor) as tx:
        tx.session.execute(delete(JobRun).where(JobRun.job.in_((REQUESTED, CLAIMED)), JobRun.slot.in_(old)))
