"""Handing the log out. Runs where the signing key may be read: the jobs process and the command line.

An auditor at a screen asks for an export with a request row; the jobs process fulfils it within seconds. A web worker
never reads the key, so nobody who breaks into one can sign another history.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from audit import bundle
from audit.errors import AuditError
from signaltable import audit_trail
from signaltable.access import Allowed, Denied, Permission, may, require
from signaltable.domain import Actor, Channel, Conflict, NotFound, Resource, UnusableInput
from signaltable.flow import export_parts, log_keys, log_parts, processing_log, signing
from signaltable.flow.claims import claim
from signaltable.flow.fsck import as_bytes, snapshot
from signaltable.flow.log_parts import Part
from signaltable.flow.on_behalf import on_behalf
from signaltable.flow.setup import signer
from signaltable.models import JobRun, LogCheckpoint, LogDetail, LogEntry, LogErased
from signaltable.transaction import Program, Transaction, transaction

# A request is a row under the first name; whoever fulfils it claims the second (unique, so it happens once).
REQUESTED = "export-request"
CLAIMED = "export"
KEEP_EXPORTS = timedelta(hours=24)
# A claim this old belongs to a process that died; somebody else may try again.
LOST_AFTER = timedelta(minutes=10)
WHOLE = Part()
# How many entries are written between two reports of how far it is.
PROGRESS_EVERY = 1000
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

PROCESSING_FILE = "verwerkingenlog.json"
PROCESSING_README = f"""\
Dit is het verwerkingenlog van de signaaltafel, in de vorm van Logboek Dataverwerkingen (Logius): {PROCESSING_FILE}.
Elke regel is een verwerking van gegevens van niemand of van een betrokkene. Over gebruikers staat er niets in; wie het was, staat in het
logboek onder hetzelfde trace_id. Het schema is signaltable/processing_log.schema.json.

This is the processing log of the signal table as Logboek Dataverwerkingen records. It says nothing about users; who it was stands in the audit
log under the same trace_id.
"""

# How many of how many entries are done.
Progress = Callable[[int, int], None]


def no_progress(_done: int, _of: int) -> None:
    """For whoever does not look on."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export that the actor asked for. `state` is waiting, ready, failed or gone."""

    id: str
    requested_at: datetime
    state: str
    bytes: int
    part: Part = WHOLE


# -- exporting ----------------------------------------------------------------------------------------------------


def export(
    program: Program,
    actor: Actor,
    directory: Path,
    *,
    part: Part = WHOLE,
    request: str = "",
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Write a signed export of the log, or a part of it, into a new or empty directory. Returns entries, checkpoints, root, size.

    Records log:export, signs a checkpoint that covers that entry, and writes exactly what this checkpoint covers, so
    that people who work meanwhile change nothing about it. Raises `UnusableInput` for a directory that is in use or
    cannot be written, `LogBroken`, and `Refused` for whoever may not export. `progress` is told how many of how many
    entries were written, or of a part: looked through.
    """
    if actor.channel not in KEY_HOLDERS:
        require(actor, Permission.LOG_EXPORT_ALL)
    _prepare(directory)
    signing.finish_rotation(program, actor)
    with transaction(program, actor) as tx:
        size = tx.hold_log()
        tx.record(
            "log:export",
            object_type="export",
            object_id=request,
            details={"size": size + 2, **part.told()} | ({"request": request} if request else {}),
        )
        covered = signing.sign(tx)
    signing.settle(program)
    while True:
        with snapshot(program) as session:
            if not _emptied_since(session, covered):
                manifest = _write(session, program, directory, part, covered, progress)
                break
        # Details went meanwhile by an erasure that this checkpoint does not cover; uncovered, it would explain nothing.
        signing.sign_checkpoint(program, actor)
        covered = _covered(program)
    return {
        "entries": manifest.entries,
        "details": manifest.details,
        "checkpoints": manifest.checkpoints,
        "size": covered,
        "root": manifest.root,
        **part.told(),
    }


def _emptied_since(session: Session, covered: int) -> bool:
    return session.scalar(select(LogErased.seq).where(LogErased.by_seq >= covered).limit(1)) is not None


def _covered(program: Program) -> int:
    with snapshot(program) as session:
        return session.scalars(select(LogCheckpoint.size).order_by(LogCheckpoint.size.desc()).limit(1)).one()


def _write(
    session: Session, program: Program, directory: Path, part: Part, covered: int, progress: Progress
) -> bundle.Manifest:
    settings = program.settings
    notes = session.scalars(
        select(LogCheckpoint.note).where(LogCheckpoint.size <= covered).order_by(LogCheckpoint.size),
    ).all()
    try:
        return bundle.write(
            directory,
            records=_told_of(log_parts.records(session, covered, part), covered, progress),
            checkpoints=notes,
            signers=log_keys.signers(settings.log_key),
            keys=log_keys.public_keys(settings),
            created_at=audit_trail.milliseconds(program.clock()),
            selection=None if part.whole else part.selection,
            leaves=None if part.whole else log_parts.leaves(session, covered),
        )
    except AuditError as error:
        raise UnusableInput({"directory": str(error)}) from error


def _told_of(records: Iterator[bundle.Record], covered: int, progress: Progress) -> Iterator[bundle.Record]:
    for record in records:
        yield record
        if record.seq is not None and record.seq % PROGRESS_EVERY == 0:
            progress(record.seq, covered)
    progress(covered, covered)


def _prepare(directory: Path) -> None:
    # Before the log says that it was exported: a directory in use is the usual mistake.
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        in_use = any(directory.iterdir())
    except OSError as error:
        raise UnusableInput({"directory": f"expected a directory that can be written: {error.strerror}"}) from None
    if in_use:
        raise UnusableInput({"directory": "expected a new or an empty directory"})


# -- exports for an auditor at a screen ---------------------------------------------------------------------------


def request_export(tx: Transaction, part: Part = WHOLE) -> str:
    """Ask for an export. Returns its id. Raises `Conflict` while an earlier one of the actor is being made.

    Who may have the part of the own agency only (a privacy officer) gets that, and `Refused` for any other agency's.
    """
    part = _permitted(tx, part)
    if any(one.state == "waiting" for one in my_exports(tx)):
        raise Conflict("export_waiting", "an earlier export is still being made")
    request = tx.new_id()
    tx.session.add(JobRun(job=REQUESTED, slot=request, claimed_at=tx.now))
    tx.record("log:request", object_type="export", object_id=request, details={"request": request, **part.told()})
    return request


def _permitted(tx: Transaction, part: Part) -> Part:
    if isinstance(may(tx.actor, Permission.LOG_EXPORT_ALL), Allowed):
        return part
    if part.processing:
        # Its lines do not say whose they are, so no agency has a part of it.
        require(tx.actor, Permission.LOG_EXPORT_ALL)
    agency = part.agency or tx.actor.agency_id
    require(tx.actor, Permission.LOG_EXPORT_OWN, Resource("export", owner_agency=agency))
    return replace(part, agency=agency)


def _require_some_export(tx: Transaction) -> None:
    """Each export has its owner, who is looked at besides."""
    if isinstance(may(tx.actor, Permission.LOG_EXPORT_ALL), Denied):
        require(tx.actor, Permission.LOG_EXPORT_OWN)


def my_exports(tx: Transaction) -> list[Export]:
    """The exports that the actor asked for and that were not removed yet, newest first."""
    _require_some_export(tx)
    rows = tx.session.execute(
        select(JobRun, LogDetail.details)
        .join(LogEntry, LogEntry.object == JobRun.slot)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(JobRun.job == REQUESTED, LogEntry.action == "log:request", LogEntry.actor == tx.actor.account_id)
        .order_by(JobRun.claimed_at.desc(), JobRun.slot),
    )
    return [_export(tx, row, Part.from_told(json.loads(details or b"{}"))) for row, details in rows]


def export_state(tx: Transaction, request: str) -> Export:
    """How far an export of the actor is. Raises `NotFound` for anybody else's."""
    found = next((one for one in my_exports(tx) if one.id == request), None)
    if found is None:
        raise NotFound("no such export")
    return found


def export_file(tx: Transaction, request: str) -> BinaryIO:
    """The zip of a finished export, opened to read, for the one who asked for it. Raises `NotFound` before it is ready."""
    if export_state(tx, request).state != "ready":
        raise NotFound("this export is not ready")
    tx.record("log:consult", object_type="export", object_id=request, details={"view": "export"})
    return export_parts.opened(tx, request, _zip(tx.program, request))


def _export(tx: Transaction, row: JobRun, part: Part) -> Export:
    size = export_parts.size_of(tx.session, row.slot, _zip(tx.program, row.slot))
    state = row.outcome or "waiting"
    return Export(row.slot, row.claimed_at, "gone" if state == "ready" and not size else state, size, part)


def _zip(program: Program, request: str) -> Path:
    return program.settings.exports / f"{request}.zip"


def fulfil_exports(program: Program, actor: Actor, *, of_log: bool = True, of_processing: bool = True) -> int:
    """Make every export that was asked for, and remove what is older than a day. Returns how many were made.

    Exports `of_log` are signed; those `of_processing` are made with the key ring. Two processes may share the work.
    """
    _remove_old(program, actor)
    mine = {kind for kind, wanted in ((True, of_processing), (False, of_log)) if wanted}
    waiting = [one for one in _waiting(program) if _asked_for(program, one).processing in mine]
    return sum(_fulfil(program, actor, request) for request in waiting)


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
        _make(program, actor, folder, _asked_for(program, request), request)
        export_parts.keep(program, actor, request, _zip(program, request))
    except Exception:
        _finish(program, actor, request, "failed")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _finish(program, actor, request, "ready")
    return 1


def _make(program: Program, actor: Actor, folder: Path, part: Part, request: str) -> None:
    if part.processing:
        folder.mkdir(mode=0o700, parents=True)
        processing_log.export(
            program, actor, folder / PROCESSING_FILE, start=part.first, end=part.last, request=request
        )
        _pack(folder, _zip(program, request), PROCESSING_README)
        return
    export(program, actor, folder / FOLDER, part=part, request=request)
    key = signer(program.settings).verifier()
    _pack(folder, _zip(program, request), README.format(folder=FOLDER, fingerprint=key.fingerprint))


def _asked_for(program: Program, request: str) -> Part:
    """The part that was asked for, as the log says it: there nobody can change it between asking and making."""
    query = (
        select(LogDetail.details)
        .join(LogEntry, LogEntry.seq == LogDetail.seq)
        .where(LogEntry.action == "log:request", LogEntry.object == request)
    )
    with snapshot(program) as session:
        return Part.from_told(json.loads(as_bytes(session.scalars(query).one())))


def _pack(folder: Path, target: Path, read_me: str) -> None:
    """One zip with what was made and a text that says what to do with it; complete or not there at all."""
    draft = target.with_suffix(".part")
    with (
        os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        packed.writestr("LEESMIJ.txt", read_me)
        for path in sorted(folder.rglob("*")):
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
    export_parts.forget(program, actor, old)
    with transaction(program, actor) as tx:
        tx.session.execute(delete(JobRun).where(JobRun.job.in_((REQUESTED, CLAIMED)), JobRun.slot.in_(old)))
