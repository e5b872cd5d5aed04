"""The work on a key that is being replaced: one commit at a time, so that it goes on wherever it was broken off.

How far it is stands in the row of the rotation, in the same commit as the rows that were done. What happens to the ring
stands outside the database; each of these steps looks first whether it was done. So a kill at any moment loses nothing,
and does nothing twice. Two processes at the same rotation take turns at its row.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import select

from signaltable.domain import Actor, NotFound
from signaltable.flow.rotating.agencies import Agencies
from signaltable.flow.rotating.data import Data
from signaltable.flow.rotating.matching import Matching
from signaltable.flow.rotating.passing import Drafts, Recipients, Sessions
from signaltable.flow.rotating.settling import all_began_after_now, nobody_reads_old_rows
from signaltable.flow.rotating.state import (
    CLEAN,
    DESTROY,
    FINISHED,
    KEY,
    RUNNING,
    SETTLE,
    STOPPED,
    VERIFY,
    WAITING,
    Kind,
    Progress,
    fingerprint,
    progress_of,
    ring_name,
    said,
)
from signaltable.models import KeyRotation
from signaltable.transaction import Program, Transaction, transaction

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "match": Matching(),
        "recipient": Recipients(),
        "session": Sessions(),
        "draft": Drafts(),
        "data": Data(),
        "agency": Agencies(),
    }
)


def step(program: Program, actor: Actor, rotation: str) -> Progress:
    """Do the next piece, in one commit. Raises `NotFound` for an unknown rotation.

    The work of a step that only waits for others at the database is done before its transaction.
    """
    waited = _wait(program, actor, rotation)
    with transaction(program, actor) as tx:
        row = _locked(tx, rotation)
        waits = row.state == WAITING and not KINDS[row.purpose].may_end(tx, row)
        if row.state == FINISHED or waits or not waited:
            return progress_of(row)
        row.state = RUNNING
        _STEPS.get(row.stage, _work)(tx, row)
        tx.session.flush()
        return progress_of(row)


def _wait(program: Program, actor: Actor, rotation: str) -> bool:
    """Wait outside any transaction where the stage asks for it; whether it may go on."""
    with transaction(program, actor) as tx:
        stage = _locked(tx, rotation).stage
    if stage == SETTLE:
        return all_began_after_now(program)
    return nobody_reads_old_rows(program) if stage == CLEAN else True


def _locked(tx: Transaction, rotation: str) -> KeyRotation:
    row = tx.session.scalars(
        select(KeyRotation)
        .where(KeyRotation.id == rotation)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound("no such rotation")
    return row


# -- the steps ------------------------------------------------------------------------------------------------------


def _make_key(tx: Transaction, row: KeyRotation) -> None:
    """Let the new version count. Made once: it may be there from before a kill."""
    keys, (purpose, agency) = tx.program.keys, ring_name(row)
    if row.purpose != "data":
        row.to_version = keys.add_version(purpose, row.from_version, agency_id=agency, suite=row.suite, on=tx.today)
        row.started_at = tx.now
    row.of = KINDS[row.purpose].count(tx.session, row)
    _go_to(row, SETTLE)
    _record(tx, row, "key:rotate", stage=KEY)


def _settled(tx: Transaction, row: KeyRotation) -> None:
    _go_to(row, _first(row))
    _record(tx, row, "key:rotate", stage=SETTLE)


def _work(tx: Transaction, row: KeyRotation) -> None:
    kind = KINDS[row.purpose]
    stage, batch = row.stage, kind.batch(tx, row)
    row.done += batch.count
    row.of = max(row.of, row.done)
    row.cursor = batch.cursor
    if not batch.cursor:
        stages = [*kind.stages(), VERIFY]
        _go_to(row, stages[stages.index(stage) + 1])
    _record(tx, row, "key:rotate", stage=stage, count=batch.count)


def _verify(tx: Transaction, row: KeyRotation) -> None:
    """Only when nothing hangs on the old version any more it may go."""
    kind = KINDS[row.purpose]
    left = kind.left(tx.program.keys, tx.session, row)
    if not kind.may_end(tx, row):
        row.state = WAITING
    elif left:
        row.state, row.done = STOPPED, 0
        _go_to(row, _first(row))
    else:
        _go_to(row, CLEAN)
    row.of = max(row.of, left)
    _record(tx, row, "key:rotate", stage=VERIFY, count=left)


def _cleaned(tx: Transaction, row: KeyRotation) -> None:
    _go_to(row, DESTROY)
    _record(tx, row, "key:rotate", stage=CLEAN)


def _destroy(tx: Transaction, row: KeyRotation) -> None:
    """Take the old version out of the ring. Twice is once."""
    keys, (purpose, agency) = tx.program.keys, ring_name(row)
    if row.purpose != "data" and not row.keep_old:
        details = said(keys, row) | {"key_version": row.from_version}
        keys.destroy_version(purpose, row.from_version, agency_id=agency, on=tx.today)
        details["key_fingerprint"] = fingerprint(keys, row, row.from_version)
        tx.record("key:destroy", object_type="key", object_id=row.id, details=details)
    row.state, row.finished_at, row.done = FINISHED, tx.now, row.of
    row.stage = row.cursor = ""
    _record(tx, row, "key:rotate", stage=FINISHED, count=row.of)


_STEPS: Final = {KEY: _make_key, SETTLE: _settled, VERIFY: _verify, CLEAN: _cleaned, DESTROY: _destroy}


def _first(row: KeyRotation) -> str:
    return next(iter(KINDS[row.purpose].stages()), VERIFY)


def _go_to(row: KeyRotation, stage: str) -> None:
    row.stage, row.cursor = stage, ""


def _record(tx: Transaction, row: KeyRotation, action: str, **more: object) -> None:
    tx.record(action, object_type="key", object_id=row.id, details=said(tx.program.keys, row, **more))
