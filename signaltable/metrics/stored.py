"""How log, jobs, mails, texts and sessions are, as the database tells it. Asked when somebody collects, and at most so often."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from signaltable import audit_trail, shared_ring
from signaltable.domain import SignaltableError
from signaltable.flow import text_checks
from signaltable.flow.mail import states
from signaltable.job_times import minutes_of
from signaltable.models import Incident, JobRun, JobTurn, LoginSession, Mail, TextCheck
from signaltable.slots import moment_of
from signaltable.text_reader import client
from signaltable.transaction import Program, reading

# However often somebody collects: the database is asked once in so many seconds.
ASKED_EVERY: Final = 5.0
MAILS: Final = {states.READY: "ready", states.FAILED: "failed", states.BOUNCED: "bounced"}
# What people ask for at a screen and the jobs make.
REQUESTED: Final = "export-request"


class Stored(Collector):
    """The numbers of the database."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._lock = threading.Lock()
        self._made: list[Metric] = []
        self._until = float("-inf")

    def collect(self) -> Iterator[Metric]:
        """What was seen last, or a look. `signaltable_database_up` is 0 where the database gave no answer."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._made = list(self._looked())
                self._until = time.monotonic() + ASKED_EVERY
            yield from self._made

    def describe(self) -> list[Metric]:
        """Nothing is asked before somebody collects."""
        return []

    def _looked(self) -> Iterator[Metric]:
        yield from _of_machine(self._program)
        try:
            with reading(self._program, whole="counts of rows say nothing of a case") as session:
                made = [metric for look in _LOOKS for metric in look(self._program, session)]
        except (SQLAlchemyError, SignaltableError):
            yield _gauge("signaltable_database_up", "Whether the database answers.", 0.0)
            return
        yield _gauge("signaltable_database_up", "Whether the database answers.", 1.0)
        yield from made


def _gauge(name: str, says: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, says)
    family.add_metric([], value)
    return family


def _gauges(name: str, says: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=[label])
    for which, value in sorted(values.items()):
        family.add_metric([which], value)
    return family


def _age(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (datetime.now(UTC) - moment).total_seconds())


def _of_machine(program: Program) -> Iterator[Metric]:
    settings = program.settings
    free = shutil.disk_usage(settings.home).free
    yield _gauge("signaltable_disk_free_bytes", "Room on the disk of the home.", float(free))
    up = settings.text_reader != "off" and client.is_there(settings.home) and client.read(settings.home, "") is not None
    yield _gauge("signaltable_text_reader_up", "Whether the text reader of this machine answers.", float(up))


def _log(_program: Program, session: Session) -> Iterator[Metric]:
    newest = audit_trail.newest_checkpoint(session)
    covered = newest.size if newest else 0
    yield _gauge("signaltable_log_entries", "Entries of the log.", float(audit_trail.size(session)))
    yield _gauge("signaltable_log_signed_entries", "Entries under the newest signature.", float(covered))
    signed = newest.signed_at if newest else None
    yield _gauge("signaltable_checkpoint_age_seconds", "Since the log was signed last.", _age(signed))
    oldest = audit_trail.waits_since(session, covered)
    yield _gauge("signaltable_log_unsigned_age_seconds", "How long the oldest unsigned entry waits.", _age(oldest))
    open_ones = select(func.count()).select_from(Incident).where(Incident.settled_at.is_(None))
    yield _gauge("signaltable_incidents_open", "Incidents of the log that wait.", float(session.scalar(open_ones) or 0))


def _jobs(program: Program, session: Session) -> Iterator[Metric]:
    rows = {row.job: row for row in session.scalars(select(JobTurn))}
    names = minutes_of(program.settings.checkpoint_minutes)
    done = {name: _age(moment_of(rows[name].through)) for name in names if name in rows and rows[name].through}
    failing = {name: _age(rows[name].failing_since) if name in rows else 0.0 for name in names}
    yield _gauges("signaltable_job_done_age_seconds", "Since the turn up to which a job is done.", "job", done)
    yield _gauges("signaltable_job_failing_seconds", "Since when a job fails; 0 when it does not.", "job", failing)
    asked = select(func.count()).select_from(JobRun).where(JobRun.job == REQUESTED, JobRun.finished_at.is_(None))
    yield _gauge("signaltable_exports_waiting", "Exports that somebody waits for.", float(session.scalar(asked) or 0))


def _queues(_program: Program, session: Session) -> Iterator[Metric]:
    counted = select(Mail.state, func.count()).where(Mail.state.in_(MAILS)).group_by(Mail.state)
    mails = dict.fromkeys(MAILS.values(), 0.0) | {
        MAILS[state]: float(count) for state, count in session.execute(counted)
    }
    yield _gauges("signaltable_mails", "Mails that are ready to go, were given up, or came back.", "state", mails)
    texts = select(func.count()).select_from(TextCheck).where(TextCheck.state == text_checks.WAITING)
    yield _gauge("signaltable_texts_waiting", "Texts that wait for the text reader.", float(session.scalar(texts) or 0))
    inside = select(func.count()).select_from(LoginSession).where(LoginSession.ended_at.is_(None))
    yield _gauge("signaltable_sessions", "Sessions of people that run.", float(session.scalar(inside) or 0))


def _hosts(program: Program, session: Session) -> Iterator[Metric]:
    if session.get_bind().dialect.name == "sqlite":
        return
    connection = session.connection()
    seen = shared_ring.hosts(connection)
    differ = {what: float(len({str(one.told.get(what)) for one in seen}) > 1) for what in ("rules", "version")}
    differ["keys"] = float(shared_ring.is_behind(connection, program.keys))
    yield _gauge("signaltable_hosts", "Machines that worked on this database in the last month.", float(len(seen)))
    yield _gauges("signaltable_hosts_differ", "1 where machines that work together are not alike.", "what", differ)


def _replica(program: Program, session: Session) -> Iterator[Metric]:
    if program.replica is None:
        return
    seen = program.replica.examine(session, program.keys)
    yield _gauge("signaltable_replica_up", "Whether lists can be read from the replica.", float(not seen.reason))
    if seen.lag is not None:
        yield _gauge("signaltable_replica_lag_seconds", "How far the replica is behind; 0 when it has all.", seen.lag)


_LOOKS: Final[tuple[Callable[[Program, Session], Iterator[Metric]], ...]] = (_log, _jobs, _queues, _hosts, _replica)
