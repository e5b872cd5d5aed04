"""Checking everything: the log against itself, the log against the rows in both directions, and what stands outside.

What an outsider checks with an export (`python -m audit verify`) is checked here too, in the same words (audit/FORMAT.md,
section 8); only here the rows of the business can be compared, the fence tried, and what is sealed opened. Reads in one
snapshot, in one pass, and keeps what it needs to remember on disk.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from audit import merkle
from audit.errors import AuditError
from signaltable import row_digests
from signaltable.flow.fsck import heads, triggers
from signaltable.flow.fsck.destroyed import read_erasures
from signaltable.flow.fsck.entries import Head, Progress, Walk, read_head
from signaltable.flow.fsck.outside import check_outside
from signaltable.flow.fsck.reading import as_bytes, snapshot, stored
from signaltable.flow.fsck.report import Found, Report
from signaltable.flow.fsck.rows import check_rows
from signaltable.flow.fsck.said import Sayings
from signaltable.flow.fsck.seals import check_seals
from signaltable.flow.fsck.taking_up import accept, adopt, may_be_accepted
from signaltable.flow.sealed_columns import COLUMNS
from signaltable.settings import Settings
from signaltable.transaction import Program

__all__ = [
    "SEALS",
    "Progress",
    "Report",
    "accept",
    "adopt",
    "as_bytes",
    "inspect",
    "inspect_log",
    "may_be_accepted",
    "snapshot",
    "stored",
]

# How much of what is sealed is opened.
SEALS = ("none", "sample", "all")
# Steps that are told to whoever watches, besides the entries: tables and kinds of seals.
STEPS = len(row_digests.TRACKED) + len(COLUMNS)


def inspect(
    program: Program,
    *,
    seals: str = "sample",
    try_fence: bool = True,
    outside: bool = True,
    only_log: bool = False,
    progress: Progress = lambda _done, _of: None,
) -> Report:
    """Check everything and write nothing. Raises `UnusableLogKey` when the public keys of the log cannot be read.

    `seals` is one of SEALS. With `try_fence` it is also tried to change the log, in a transaction that is rolled back; an
    account that may only read the database leaves that out. Without `outside` only the database is looked at, and not clock,
    signer, witnesses and register; with `only_log` only the log in it. `progress(done, of)` is called now and then.
    """
    began = time.monotonic()
    found, now = Found(), program.clock()
    with _sayings() as sayings, snapshot(program) as session:
        head = read_head(session)
        walk, covered = _check_log(session, program.settings, found, sayings, head, progress)
        if outside and not only_log:
            check_outside(session, program, found, walk, covered, now)
        if not only_log:
            step = _steps(progress, walk.count)
            check_rows(session, program.keys, found, sayings, step)
            if seals != "none":
                check_seals(session, program.keys, found, everything=seals == "all", step=step)
            triggers.check_triggers(session, found)
        early = tuple(sayings.early())
    if try_fence:
        triggers.try_triggers(program, found)
    progress(walk.count + STEPS, walk.count + STEPS)
    return Report(
        entries=walk.count,
        size=head.size if head else walk.count,
        root=walk.leaves.root().hex(),
        checked=dict(found.checked),
        counts=dict(found.findings.counts),
        findings=found.findings.listed(),
        duration_ms=int((time.monotonic() - began) * 1000),
        early=early,
        keys=dict(found.keys),
    )


def inspect_log(session: Session, settings: Settings) -> Found:
    """Check every entry of the log with what stands beside it, and what was signed over it, in the session of the caller.

    For who has no `Program`, because something else of it is broken: call it within `at_one_moment`. Raises
    `UnusableLogKey` when the public keys of the log cannot be read.
    """
    found = Found()
    with _sayings() as sayings:
        _check_log(session, settings, found, sayings, read_head(session), lambda _done, _of: None)
    return found


@contextmanager
def _sayings() -> Iterator[Sayings]:
    sayings = Sayings()
    try:
        yield sayings
    finally:
        sayings.close()


def _steps(progress: Progress, entries: int) -> Callable[[], None]:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(entries + done, entries + STEPS)

    return step


def _check_log(
    session: Session, settings: Settings, found: Found, sayings: Sayings, head: Head | None, progress: Progress
) -> tuple[Walk, int]:
    chain = heads.trusted_keys(session, settings)
    for key in chain.unreached:
        found.add(
            "replaced-key",
            f"key {key.fingerprint[:16]}",
            "listed as a key of this log, and no other key vouches for it",
        )
    signed = heads.open_checkpoints(session, chain, found)
    kept = heads.read_kept(settings, chain, found)
    walk = Walk(session, found, read_erasures(session), sayings, {one.size: one.root for one in (*kept, *signed)})
    walk.run(session, head.size if head else 0, lambda done, of: progress(done, of + STEPS))
    walk.settle(_root_of(head))
    heads.check_head(found, walk, head)
    covered = heads.check_roots(found, walk, signed)
    heads.check_kept(found, walk, kept)
    heads.check_announced(found, walk, session)
    heads.check_strays(found, session, walk.leaves.size)
    return walk, covered


def _root_of(head: Head | None) -> bytes:
    try:
        return merkle.CompactRange.from_bytes(head.frontier).root() if head else b""
    except AuditError:
        return b""
