"""What can be looked at in the database: schema, fence, head of the log, jobs, mails, clock, and the other machines."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, inspect, select, text
from sqlalchemy.orm import Session

from signaltable import audit_trail, database_marks, row_level, shared_ring
from signaltable.doctor.found import Check, ill, unseen, warn, well, worst
from signaltable.doctor.log import log
from signaltable.doctor.patient import LOST, Patient
from signaltable.flow.fsck.outside import CLOCK_SLACK
from signaltable.flow.job_status import is_late
from signaltable.flow.mail import states
from signaltable.flow.turns import what_is_due
from signaltable.job_times import schedules
from signaltable.keys import KeyRing
from signaltable.models import JobTurn, LogHead, Mail
from signaltable.replica import SAID, Replica

CLOCKS_DIFFER, CLOCKS_CLASH = timedelta(seconds=5), timedelta(minutes=1)
MANY_MAILS: Final = 500

Look = Callable[[Patient, Session], Check]


def database(patient: Patient) -> Check:
    """Whether it answers, and which it is."""
    if patient.engine is None:
        told, _, do = patient.database_problem.partition("; ")
        return ill("database", told, do or "look at DATABASE_URL, and whether the server runs")
    if not patient.shared:
        return well("database", "SQLite answers")
    with patient.engine.connect() as connection:
        version = connection.scalar(text("SHOW server_version"))
    return well("database", f"PostgreSQL {str(version).split()[0]} answers")


def migrations(patient: Patient, session: Session) -> Check:
    """Whether this program can work with these tables."""
    if not inspect(session.connection()).has_table("log_head") and not database_marks.revision(session.connection()):
        return ill("migrations", "the database is empty", LOST if patient.worked else "run `signaltable init`")
    problem = database_marks.problem(session.connection())
    if not problem:
        return well("migrations", f"version {database_marks.revision(session.connection())}")
    return ill("migrations", problem, "make a backup, then do what it says (docs/postgresql.md)")


def fence(patient: Patient, session: Session) -> Check:
    """Row-level security: for a role that it counts for, whole, and with passes of this ring."""
    if not patient.shared:
        return well("fence", "SQLite has no row-level security")
    connection = session.connection()
    found = [_gap(patient, gap.what) for gap in row_level.role_gaps(connection)]
    found += [
        ill("fence", f"{gap.place}: {gap.what}", "run `signaltable migrate` with DATABASE_OWNER_URL")
        for gap in row_level.table_gaps(connection)
    ]
    if not found and patient.keys is not None and not row_level.knows_pass(connection, patient.keys):
        found.append(
            ill(
                "fence",
                "the database does not know this key ring",
                "run `signaltable init --keep` once with DATABASE_OWNER_URL",
            )
        )
    return worst("fence", found) if found else well("fence", "row-level security is whole")


def _gap(patient: Patient, what: str) -> Check:
    do = "give DATABASE_URL a role that is neither (docs/operate.md, two roles)"
    return warn("fence", what, do) if patient.settings.demo else ill("fence", what, do)


# -- work in time -------------------------------------------------------------------------------------------------


def jobs(patient: Patient, session: Session) -> Check:
    """Which jobs fail, and which wait for too long."""
    rows = {row.job: row for row in session.scalars(select(JobTurn))}
    failing = sorted(name for name, row in rows.items() if row.failing_since is not None)
    if failing:
        return ill("jobs", f"these fail: {', '.join(failing)}", "look at `signaltable jobs status` and signaltable.log")
    if patient.policy is None:
        return unseen("jobs", "the rules cannot be read, which say when jobs have a turn")
    now = datetime.now(UTC)
    late = []
    for name, schedule in schedules(patient.settings.checkpoint_minutes, patient.policy.daily).items():
        row = rows.get(name)
        due = what_is_due(session, name, schedule, row, now)
        if is_late(schedule, due, row.through if row else "", now):
            late.append(name)
    if not late:
        return well("jobs", "none fails, none is late" if rows else "none had a turn yet")
    told, do = f"{len(late)} are late, such as {late[0]}", "see that `signaltable jobs` runs on one of the machines"
    return ill("jobs", told, do) if patient.is_used(session) else warn("jobs", told, do)


def mails(patient: Patient, session: Session) -> Check:
    """How many mails wait or were given up. On PostgreSQL only with the ring, without which nobody sees them."""
    if patient.keys is None:
        return unseen("mails", "there is no key ring that reads")
    rows = session.execute(select(Mail.state, func.count()).group_by(Mail.state))
    count = {state: number for state, number in rows}  # noqa: C416 -- dict() would not see what a row is
    waiting, failed = count.get(states.READY, 0), count.get(states.FAILED, 0) + count.get(states.BOUNCED, 0)
    told = f"{waiting} wait, {failed} did not arrive"
    if waiting > MANY_MAILS:
        return warn("mails", told, "see that the mail server takes them: `signaltable mail status`")
    return warn("mails", told, "look at `signaltable mail status`") if failed else well("mails", told)


def clock(patient: Patient, session: Session) -> Check:
    """The clock of this machine beside that of the database and the newest entry of the log."""
    before = datetime.now(UTC)
    newest = session.scalar(select(LogHead.recorded_at))
    if newest and newest > audit_trail.milliseconds(before + CLOCK_SLACK):
        return ill(
            "clock", "the clock of this machine stands before the newest entry of the log", "set the clock (NTP)"
        )
    if not patient.shared:
        return well("clock", "not before the newest entry of the log")
    there: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    apart = max(there - datetime.now(UTC), before - there, timedelta())
    told = f"{apart.total_seconds():.1f} seconds from that of the database"
    if apart > CLOCKS_CLASH:
        return ill("clock", told, "let both machines follow the same time (NTP)")
    return (
        warn("clock", told, "let both machines follow the same time (NTP)")
        if apart > CLOCKS_DIFFER
        else well("clock", told)
    )


# -- other machines -----------------------------------------------------------------------------------------------


def hosts(patient: Patient, session: Session) -> Check:
    """Whether the machines that work on this database have the same keys, rules and version."""
    if not patient.shared:
        return well("hosts", "SQLite is for one machine")
    seen = shared_ring.hosts(session.connection())
    found = []
    if patient.keys is not None and shared_ring.is_behind(session.connection(), patient.keys):
        found.append(
            ill(
                "hosts",
                "another machine has keys that this one lacks",
                "start the program here, which fetches them; or copy keys/ring.json (docs/operate.md)",
            )
        )
    if isinstance(patient.keys, KeyRing) and len({one.ring for one in seen}) > 1:
        behind = ", ".join(sorted(one.name for one in seen if one.ring != patient.keys.digest()))
        found.append(
            warn("hosts", f"not every machine has the same keys; others: {behind}", "run `signaltable doctor` there")
        )
    for what, word in (("rules", "rules"), ("version", "version of the program")):
        if len({str(one.told.get(what)) for one in seen}) > 1:
            found.append(
                warn(
                    "hosts",
                    f"the machines work with different {word}",
                    f"put the same {word} on each, and start it again",
                )
            )
    if len(seen) > 1 and patient.settings.mail_server is None:
        found.append(
            warn(
                "hosts",
                "mails are written to outbox/ of whichever machine has the turn",
                "set SIGNALTABLE_SMTP on each",
            )
        )
    return (
        worst("hosts", found) if found else well("hosts", f"{max(1, len(seen))} of them, with the same keys and rules")
    )


def replica(patient: Patient, session: Session) -> Check:
    """Whether lists can be read from the replica, where the settings name one."""
    if not patient.settings.replica_url:
        return well("replica", "lists are read from the database itself")
    if patient.keys is None:
        return unseen("replica", "there is no key ring that reads")
    copy = Replica(patient.settings.replica_url)
    try:
        seen = copy.examine(session, patient.keys)
    finally:
        copy.engine.dispose()
    if not seen.reason:
        return well("replica", "it has all that was stored")
    late = f" by {seen.lag:.0f} seconds" if seen.lag is not None else ""
    told = f"{SAID[seen.reason]}{late}; lists are read from the database itself"
    return warn("replica", told, "see docs/postgresql.md, A replica for lists")


LOOKS: Final[tuple[tuple[str, Look], ...]] = (
    ("migrations", migrations),
    ("fence", fence),
    ("log", log),
    ("jobs", jobs),
    ("mails", mails),
    ("clock", clock),
    ("hosts", hosts),
    ("replica", replica),
)
# These ask tables of the newest version.
NEED_TABLES: Final = frozenset({"log", "jobs", "mails", "clock", "hosts", "replica"})
