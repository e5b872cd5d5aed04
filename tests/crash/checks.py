"""After a fault: nothing acknowledged is lost, nothing is half done or done twice, the log accounts for everything.

Each check gives a line for each thing that is not as it should be, and none when all is well.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.flow import fsck
from signaltable.jobs.running import run_due
from signaltable.models import (
    Account,
    Attachment,
    AttachmentPart,
    Draft,
    LogDetail,
    LogEntry,
    LoginSession,
    MatchTag,
    Signal,
    Subject,
    SubjectField,
    SubjectKey,
)
from signaltable.transaction import Program, reading
from tests.crash import journal
from tests.crash.homes import Home
from tests.crash.journal import Line
from tests.crash.people import CANARY
from tests.crash.running import ROOT, surroundings

# Words that say who somebody is, or how the program is made inside; no message for an administrator holds them.
NEVER_TOLD = (CANARY, "Proefveld", "Traceback", "psycopg", "sqlite3.", "SELECT ", "INSERT ")
# By then every job has a turn again.
LATER = timedelta(minutes=11)
# What leaves one entry about a thing each time that it is done.
ONCE = {"answer": "enrich:answer", "judge": "signal:triage", "decide": "table:decide"}
# What a home holds besides folders; anything else was left by somebody who did not finish.
HALF_WRITTEN = (".part", ".tmp", "-journal")


def findings(
    home: Home, journals: Path, errors: Path, *, export: bool = False, ahead: timedelta = timedelta(0)
) -> list[str]:
    """Everything that is wrong with a home that nobody works in any more, by what people noted in `journals`.

    `ahead`: how far the clock had gone ahead at most; it is looked at when the right time has come there.
    """
    opened = home.open()
    program = replace(opened, clock=lambda: opened.clock() + ahead)
    try:
        lines = journal.read(journals)
        with reading(program, whole="a test looks at what came of it") as session:
            found = [
                *_kept(session, lines),
                *_done_once(session, lines),
                *_whole(session),
                *_pages(lines),
            ]
        if not ahead:  # By the time of a clock that was ahead, entries waited for a signature; the jobs come first.
            # Who signs was killed as well; that the log is signed again is asked after the jobs.
            found += [
                f"log: {one.kind} at {one.at}: {one.message}"
                for one in fsck.inspect(program).findings
                if one.kind != "signing-stopped"
            ]
        later = replace(program, clock=lambda: program.clock() + LATER)
        found += _jobs(later)
        found += [f"log after the jobs: {one.kind} at {one.at}: {one.message}" for one in fsck.inspect(later).findings]
        found += _told(home, errors)
        if export:
            found += _exported(home)
    finally:
        with program.read_sessions() as session:
            session.get_bind().engine.dispose()
    return found


# -- what people were told -----------------------------------------------------------------------------------------------


def _by_act(lines: list[Line]) -> dict[tuple[str, str], list[Line]]:
    acts: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if line.came_to == journal.WRONG:
            continue
        acts.setdefault((line.kind, line.about), []).append(line)
    return acts


def _kept(session: Session, lines: list[Line]) -> Iterator[str]:
    """What was acknowledged is there; what was said not to be stored is not, unless it was sent again."""
    seen = _Stored(session)
    for (kind, about), told in _by_act(lines).items():
        came_to = [line.came_to for line in told]
        if kind not in seen.kinds:
            continue
        there = seen.holds(kind, about, told)
        if journal.DONE in came_to and not there:
            yield f"lost: {kind} {about} was acknowledged and is not there"
        only_nothing = set(came_to) <= {journal.SENT, journal.NOTHING} and came_to.count(journal.SENT) == 1
        if (
            kind != "session"
            and journal.NOTHING in came_to
            and only_nothing
            and came_to[-1] == journal.NOTHING
            and there
        ):
            yield f"wrongly told: {kind} {about} was said not to be stored and is there"


class _Stored:
    """What the database holds of what people did."""

    kinds = frozenset("submit signal discard withdraw answer disclose file session judge decide gone".split())

    def __init__(self, session: Session) -> None:
        entries = session.execute(
            select(LogEntry.action, LogEntry.object, LogDetail.details)
            .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.outcome == "ok")
        ).all()
        self.entries = Counter((row.action, row.object) for row in entries)
        told = [(row.action, row.object, json.loads(row.details) if row.details else {}) for row in entries]
        self.erased = Counter((thing, said.get("cause")) for action, thing, said in told if action == "draft:erase")
        self.disclosed = Counter(
            str(said.get("signal")) for action, _thing, said in told if action == "signal:disclose"
        )
        self.signals = {row.reference: row.state for row in session.execute(select(Signal.reference, Signal.state))}
        self.files = Counter(str(said.get("draft")) for action, _thing, said in told if action == "attachment:record")
        logins = select(Account.login).join(LoginSession, LoginSession.account_id == Account.id)
        self.sessions = set(session.scalars(logins))

    def holds(self, kind: str, about: str, told: list[Line]) -> bool:
        """Whether an act came to something."""
        if kind == "submit":
            return bool(self.erased[about, "submitted"])
        if kind == "signal":
            return all(line.said.split()[0] in self.signals for line in told)
        if kind == "discard":
            return bool(self.erased[about, "by_author"])
        if kind in {"withdraw", "gone"}:
            return self.signals.get(about) == "withdrawn"
        if kind in ONCE:
            return bool(self.entries[ONCE[kind], about])
        if kind == "disclose":
            return bool(self.disclosed[about])
        if kind == "file":  # The first and the second of a draft.
            return self.files[about.split(maxsplit=1)[0]] >= int(about.split()[1])
        return about in self.sessions


def _done_once(session: Session, lines: list[Line]) -> Iterator[str]:
    """Nothing was done twice, however often a button was pressed."""
    seen = _Stored(session)
    for (thing, cause), times in seen.erased.items():
        if times > 1:
            yield f"twice: draft {thing} was erased {times} times ({cause})"
    for kind, action in (*ONCE.items(), ("withdraw", "signal:withdraw")):
        for about in {line.about for line in lines if line.kind == kind}:
            pressed = sum(line.came_to == journal.SENT for line in lines if (line.kind, line.about) == (kind, about))
            if seen.entries[action, about] > max(1, pressed):
                yield f"twice: {kind} {about}"
    for about in {line.about for line in lines if line.kind == "disclose"}:
        if seen.disclosed[about] > 1:
            yield f"twice: signal {about} was disclosed {seen.disclosed[about]} times"
    drafts = sum(times for (_thing, cause), times in seen.erased.items() if cause == "submitted")
    with_draft = [about for (kind, about) in _by_act(lines) if kind == "submit"]
    if drafts > len(with_draft):
        yield f"twice: {drafts} drafts became signals, and {len(with_draft)} were sent"


def _whole(session: Session) -> Iterator[str]:
    """The rows of a thing are all there, or none of them."""
    for row in session.scalars(select(Signal.reference).where(~Signal.id.in_(select(Subject.signal_id)))):
        yield f"half: signal {row} has nobody in it"
    recorded = Counter(session.scalars(select(LogEntry.object).where(LogEntry.action == "signal:record")))
    there = set(session.scalars(select(Signal.reference)))
    yield from (f"half: signal {one} has no entry" for one in there - recorded.keys())
    yield from (f"half: the log has signal {one}, which is not there" for one in recorded.keys() - there)
    yield from (f"twice: signal {one} has {times} entries" for one, times in recorded.items() if times > 1)
    living = select(Subject.id).where(Subject.erased_at.is_(None), Subject.kind == "person")
    for table in (SubjectKey, SubjectField, MatchTag):
        without = session.scalar(
            select(func.count()).select_from(living.where(Subject.id.not_in(select(table.subject_id))).subquery())
        )
        if without:
            yield f"half: {without} persons without rows in {table.__tablename__}"
    parts = select(AttachmentPart.attachment_id).distinct()
    yield from (
        f"half: file {one} without content"
        for one in session.scalars(select(Attachment.id).where(Attachment.id.not_in(parts)))
    )
    lost = Attachment.draft_id.is_(None) & Attachment.signal_id.is_(None)
    yield from (f"half: file {one} belongs to nothing" for one in session.scalars(select(Attachment.id).where(lost)))
    ended = select(LogEntry.object).where(LogEntry.action == "draft:erase", LogEntry.outcome == "ok")
    yield from (
        f"half: draft {one} was erased and is there"
        for one in session.scalars(select(Draft.id).where(Draft.id.in_(ended)))
    )


def _pages(lines: list[Line]) -> Iterator[str]:
    """Nobody saw a page that says nothing."""
    for (kind, said), times in Counter(
        (line.kind, line.said) for line in lines if line.came_to == journal.WRONG
    ).items():
        yield f"page: {times} times at {kind}: {said}"


# -- what the program goes on doing --------------------------------------------------------------------------------------


def _jobs(program: Program) -> Iterator[str]:
    """All jobs run again, also those whose process was killed."""
    for result in run_due(program):
        if result.result in {"failed", "running"}:
            yield f"job: {result.job} {result.result} {result.outcome}"


def _told(home: Home, errors: Path) -> Iterator[str]:
    """Messages hold no personal data and nothing of the inside; no file was left half written."""
    outbox = home.settings.outbox
    told = [home.settings.log_file, errors, *(outbox.glob("*") if outbox.exists() else ())]
    for path in told:
        text = path.read_text(errors="replace") if path.is_file() else ""
        for word in NEVER_TOLD:
            if word in text:
                at = text.index(word)
                yield f"told: {path.name} holds {word!r}: ...{text[max(0, at - 160) : at + 200]!r}"
    for path in home.settings.home.rglob("*"):
        if path.is_file() and path.name.endswith(HALF_WRITTEN):
            yield f"left: {path.relative_to(home.settings.home)}"


def _exported(home: Home) -> Iterator[str]:
    """An export verifies by itself, with nothing of the program."""
    with TemporaryDirectory() as folder:
        for command in (
            ("-m", "signaltable.cli", "audit", "export", f"{folder}/export"),
            ("-m", "audit", "verify", f"{folder}/export"),
        ):
            done = subprocess.run(
                [sys.executable, *command],
                cwd=ROOT,
                env=surroundings({**home.environment, "DATABASE_URL": home.settings.database_url}),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                yield f"export: {' '.join(command[1:4])} said {(done.stdout + done.stderr)[-300:]}"
                return
