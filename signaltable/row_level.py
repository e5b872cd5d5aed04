"""Row-level security of PostgreSQL: a last fence, for the day on which the gate or a query forgets something.

Every transaction tells the database for whom it works with a pass: the sphere, the account, the agency, and a keyed digest
over them. Policies compare it with each row. The key is in the key ring and in a table that only the owner of the tables
reads, so SQL that somebody slipped into a request cannot write itself another pass. Without a pass there is nothing to see.

Spheres: `person` sees what its agency has to do with; `door` is for who is not known yet and sees no case; `whole` is the
program itself, for work that has to see all. SQLite has no such fence (docs/row-level-security.md).
"""

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session, SessionTransaction

from signaltable import shared_ring
from signaltable.db import ERASED_FROM
from signaltable.domain import Actor, Channel
from signaltable.keys import KeyProvider
from signaltable.prepared import run

PERSON, DOOR, WHOLE = "person", "door", "whole"
# Who may do something with a case of the own table before it lies on an agenda has one of these permissions.
AT_WORK_AT_TABLE: Final = frozenset({"signal:triage:own-table", "dossier:consult:own-table"})
# A pass that somebody found in a log of the database server opens nothing on a later day.
VALID_SECONDS: Final = 24 * 3600
PURPOSE, USE = "rows", "row-level pass"
_INFO = "signaltable_pass"
_ONLY_READS = "signaltable_only_reads"
# With the pass comes back which keys the database knows of: another machine may have made one.
_SHOW: Final = "SELECT set_config('signaltable.pass', %s, true)"
_SHOW_AND_ASK: Final = f"{_SHOW}, (SELECT digest FROM shared_rings WHERE id = 1)"  # noqa: S608 -- nothing but what stands here
_BLOCK = 64  # bytes of a block of SHA-256, to which HMAC pads its key (RFC 2104)

_SHOWN = "(SELECT fence.pass())"
_SPHERE, _ACCOUNT, _AGENCY = f"({_SHOWN})[1]", f"({_SHOWN})[2]", f"({_SHOWN})[3]"
# The tables where the own agency has a seat, asked once for a statement and not once for every row.
_TABLES_OF_MINE = f"(SELECT fence.tables({_SHOWN}))::text[]"
_WORKS_AT_TABLE = f"({_SHOWN})[4] IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Bearer:
    """For whom a transaction works: the sphere, and in the sphere of a person who that is."""

    sphere: str
    account_id: str = ""
    agency_id: str = ""
    at_table: bool = False
    at: int = 0  # the moment of the program's clock, in seconds since 1970; 0 for that of this machine


AT_THE_DOOR: Final = Bearer(DOOR)
PROGRAM: Final = Bearer(WHOLE)


def bearer_of(actor: Actor) -> Bearer:
    """The sphere of an actor: the jobs, the system and whoever owns the machine are the program; a stranger is at the door."""
    if actor.channel in {Channel.JOB, Channel.SYSTEM, Channel.CLI}:
        return PROGRAM
    if not actor.agency_id:
        return AT_THE_DOOR
    at = int(actor.now.timestamp()) if actor.now else 0
    return Bearer(PERSON, actor.account_id, actor.agency_id, bool(AT_WORK_AT_TABLE & actor.permissions), at)


def write_pass(keys: KeyProvider, bearer: Bearer, now: float) -> str:
    """The pass of a bearer, valid for a day from `now` (seconds since 1970)."""
    version = keys.version(PURPOSE)
    until = str(int(now) + VALID_SECONDS)
    parts = (bearer.sphere, bearer.account_id, bearer.agency_id, "t" if bearer.at_table else "", until, str(version))
    moment = str(bearer.at or int(now))
    if any("|" in part for part in parts):
        raise ValueError("expected ids without the sign that parts a pass")
    said = "|".join((*parts, moment))
    return f"{said}|{hmac.new(_key(keys, version), said.encode(), hashlib.sha256).hexdigest()}"


def bear(session: Session, keys: KeyProvider, bearer: Bearer) -> None:
    """Let every transaction of this session begin with the pass of `bearer`; one that runs changes at once."""
    session.info[_INFO] = keys, bearer
    if session.in_transaction():
        _show(session, session.connection(), keys, bearer)


def borne(session: Session) -> Bearer | None:
    """Whose pass a session bears; None when it has none and sees nothing."""
    found: tuple[KeyProvider, Bearer] | None = session.info.get(_INFO)
    return found[1] if found else None


def only_read(session: Session) -> None:
    """A session on a copy of the database, which may tell of keys that are not the newest ones: nobody follows what it says."""
    session.info[_ONLY_READS] = True


def is_asked(session: Session) -> bool:
    """Whether the database of this session asks for a pass at all: PostgreSQL does."""
    return session.get_bind().dialect.name == "postgresql"


@event.listens_for(Session, "after_begin")
def _show_first(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if _INFO in session.info:
        _show(session, connection, *session.info[_INFO])


@event.listens_for(Session, "after_soft_rollback")
def _show_again(session: Session, ended: SessionTransaction) -> None:
    """A savepoint that is taken back takes the pass along to the one of its beginning, which may be that of another sphere."""
    if ended.nested and session.is_active and _INFO in session.info:
        _show(session, session.connection(), *session.info[_INFO])


def _show(session: Session, connection: Connection, keys: KeyProvider, bearer: Bearer) -> None:
    if connection.dialect.name == "postgresql":
        given = write_pass(keys, bearer, time.time())
        if session.info.get(_ONLY_READS):
            run(connection, _SHOW, (given,), False).close()
            return
        # Past SQLAlchemy, which takes longer over it than the server does: every transaction begins with this.
        cursor = run(connection, _SHOW_AND_ASK, (given,), False)
        _, told = cursor.fetchone()
        cursor.close()
        shared_ring.follow(connection, keys, told or "")


def _key(keys: KeyProvider, version: int) -> bytes:
    return keys.derive(PURPOSE, USE, version)


# -- what is fenced ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fenced:
    """`rows`: which rows a person sees and changes; `new`: what a row must be after a change, where that is something else.

    `added`: what a row must be that a person adds, where that is something else again. Each is a condition of SQL.
    """

    rows: str
    new: str = ""
    added: str = ""


def _sees(column: str) -> str:
    return f"fence.sees({column}, {_SHOWN})"


def _own(*columns: str) -> str:
    return " OR ".join(f"{column} = {_AGENCY}" for column in columns)


def _of_parent(table: str, column: str) -> str:
    """The row that this one belongs to can be seen, which its own fence decides."""
    return f"EXISTS (SELECT 1 FROM {table} parent WHERE parent.id = {column})"  # noqa: S608 - names of this file only


_MY_ACCOUNT = f"account_id = {_ACCOUNT}"
_CASE = Fenced(_sees("signal_id"))
_OF_SUBJECT = _of_parent("subjects", "subject_id")
_OF_LINK = _of_parent("links", "link_id")
_OF_DISCLOSURE = _of_parent("disclosures", "disclosure_id")
_ANYTHING = "true"
# Nobody but the program: the linking step.
_NOBODY = "false"
_SEATED = (
    "EXISTS (SELECT 1 FROM meetings m JOIN table_members t ON t.table_id = m.table_id "  # noqa: S608 - names of this file only
    f"WHERE m.id = meeting_id AND t.agency_id = {_AGENCY})"
)

FENCED: Final[Mapping[str, Fenced]] = MappingProxyType(
    {
        # What most rows of a list are seen by comes first: it is compared without asking any other table.
        "signals": Fenced(
            f"{_own('owner_agency')} OR ({_WORKS_AT_TABLE} AND table_id = ANY({_TABLES_OF_MINE})) OR {_sees('id')}",
            # A row that comes or changes is not seen by what it says of itself.
            new=f"{_own('owner_agency')} OR {_sees('id')}",
        ),
        "signal_moves": _CASE,
        "signal_table_moves": _CASE,
        "subjects": _CASE,
        "subject_fields": Fenced(_OF_SUBJECT),
        "subject_keys": Fenced(f"{_own('agency_id')} OR {_OF_SUBJECT}", new=_OF_SUBJECT),
        "signal_keys": Fenced(f"{_own('agency_id')} OR {_sees('signal_id')}", new=_sees("signal_id")),
        "match_tags": Fenced(_NOBODY),
        "match_sketches": Fenced(_NOBODY),
        "excluded_tags": Fenced(_NOBODY),
        "subject_groups": Fenced(_NOBODY),
        "search_rows": Fenced(_NOBODY, added=_ANYTHING),
        "search_terms": Fenced(_NOBODY, added=_ANYTHING),
        "links": Fenced(f"{_of_parent('subjects', 'subject_a')} OR {_of_parent('subjects', 'subject_b')}"),
        "link_verdicts": Fenced(_OF_LINK),
        "link_acts": Fenced(_OF_LINK),
        "link_notices": Fenced(_own("agency_id"), added=_ANYTHING),
        "exclusions": Fenced(_own("owner_agency")),
        "drafts": Fenced(_own("agency_id")),
        "attachments": Fenced(f"{_sees('signal_id')} OR {_of_parent('drafts', 'draft_id')}"),
        "attachment_parts": Fenced(_of_parent("attachments", "attachment_id")),
        "text_checks": _CASE,
        "decisions": _CASE,
        # What is asked of an agency gives it a look at the case, so it cannot ask itself about a case that it does not see.
        "questions": Fenced(f"{_own('agency_id')} OR {_sees('signal_id')}", new=_sees("signal_id")),
        "disclosures": Fenced(
            f"{_own('provider_agency', 'recipient_agency')} OR {_sees('signal_id')}", new=_sees("signal_id")
        ),
        "agenda_items": _CASE,
        "feedbacks": Fenced(f"{_own('agency_id')} OR {_OF_DISCLOSURE}", new=_OF_DISCLOSURE),
        "duties": Fenced(f"{_own('agency_id')} OR {_OF_DISCLOSURE}", new=_OF_DISCLOSURE),
        "notes": Fenced(_of_parent("agenda_items", "item_id")),
        "minutes_parts": Fenced(f"{_SEATED} OR {_sees('signal_id')}"),
        "meeting_tasks": Fenced(f"{_own('agency_id')} OR {_sees('signal_id')}", new=_sees("signal_id")),
        "missed_dates": _CASE,
        "escalations": _CASE,
        "postponements": _CASE,
        "reflection_periods": _CASE,
        "recusals": Fenced(f"{_MY_ACCOUNT} OR {_own('agency_id')} OR {_sees('signal_id')}"),
        "identity_requests": Fenced(_own("owner_agency", "agency_id")),
        "subject_erasures": Fenced(_own("agency_id")),
        "subject_reports": Fenced(_own("agency_id")),
        "budget_uses": Fenced(_own("agency_id")),
        "machine_uses": Fenced(_own("agency_id")),
        # It gives a look at a case: whoever opens one does so in the own name.
        "emergency_accesses": Fenced(f"{_SPHERE} = '{DOOR}' OR {_own('agency_id')}", added=_MY_ACCOUNT),
        "mails": Fenced(_MY_ACCOUNT, added=_ANYTHING),
        "second_factors": Fenced(f"{_SPHERE} = '{DOOR}' OR {_MY_ACCOUNT}"),
        "recovery_codes": Fenced(f"{_SPHERE} = '{DOOR}' OR {_MY_ACCOUNT}"),
    }
)
# Everybody reads these, and only the program changes them: a seat gives a look at cases, and by the others machines know that
# they have the same keys.
READ_BY_ALL: Final = frozenset({"hosts", "shared_rings", "table_members"})
# Everybody reads a part of these, and only the program changes them: of the lists those of the own agency and of the tables where
# it has a seat (the database itself keeps them, signaltable/places); of the figures what may be told, and never what was counted
# of a month that goes on.
READ_IN_PART: Final[Mapping[str, str]] = MappingProxyType(
    {
        "list_places": f"scope = {_AGENCY} OR scope = ANY({_TABLES_OF_MINE})",
        "figures": f"{_SPHERE} = '{PERSON}' AND NOT hidden",
        "figure_months": f"{_SPHERE} = '{PERSON}'",
    }
)

_DIGESTS = "only keyed digests and times; ending a session or a step must never meet a row that it does not see"
_LOG = "the log holds pseudonyms only; who reads which part follows from roles, which the database does not know"
_AUDIT = "work of auditor and privacy officer about the log: references and findings, no content of a case"
_REGION = "who takes part; every page shows names of agencies, tables and people"
_WORK = "how far work of the program got"
UNFENCED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "agencies": _REGION,
        "agency_destinations": _REGION,
        "accounts": _REGION + "; coming in asks it before anybody is known",
        "account_roles": _REGION,
        "regional_tables": _REGION,
        "meetings": "when a table meets; what it speaks of is fenced",
        "attendances": "who comes to a meeting; no case",
        "minutes": "how far minutes are; what they say is fenced",
        "activations": _DIGESTS,
        "sessions": _DIGESTS,
        "login_steps": _DIGESTS,
        "login_attempts": _DIGESTS,
        "provider_logins": _DIGESTS,
        "machine_accounts": "digests, and what a system may do: an administrator gives it for every agency",
        "machine_tokens": _DIGESTS,
        "request_rates": "counters of requests, by opaque ids; no case",
        "role_grants": "who may do what; looked at by the gate with each request, and in the review of rights",
        "rights_reviews": "ids and roles of the whole region, signed by whoever looks at them",
        "policy_versions": "the rules; everybody may read them",
        "log_entries": _LOG,
        "log_details": _LOG,
        "log_erased": _LOG,
        "log_terms": _LOG,
        "log_nodes": _LOG,
        "log_head": _LOG,
        "log_checkpoints": _LOG,
        "checkpoint_copies": _LOG,
        "incidents": _AUDIT,
        "samples": _AUDIT,
        "sample_items": _AUDIT,
        "misuse_questions": _AUDIT,
        "key_rotations": _WORK,
        "job_turns": _WORK,
        "job_runs": _WORK,
        "database_marks": _WORK,
        "moved_tables": _WORK,
        "export_parts": _AUDIT,
    }
)
_TABLES: Final = tuple(sorted({*FENCED, *READ_BY_ALL, *READ_IN_PART}))

# -- putting it up -------------------------------------------------------------------------------------------------

# The search path of the functions: nobody can put a table of the same name before those that are meant.
_INSIDE: Final = "pg_catalog, fence, pg_temp"
# A pass of seven parts is one of a program that does not tell its moment yet, while machines are renewed one by one.
# HMAC by hand, since PostgreSQL has SHA-256 and no keyed digest without an extension.
_READ = """
DECLARE
  given text := current_setting('signaltable.pass', true);
  parts text[] := string_to_array(given, '|');
  length integer := coalesce(array_length(parts, 1), 0);
  pads record;
BEGIN
  IF length NOT IN (7, 8) THEN RETURN NULL; END IF;
  SELECT inner_pad, outer_pad INTO pads FROM fence.keys WHERE version::text = parts[6];
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF encode(sha256(pads.outer_pad || sha256(pads.inner_pad || convert_to(left(given, -65), 'UTF8'))), 'hex')
    IS DISTINCT FROM parts[length] THEN RETURN NULL; END IF;
  IF parts[5]::bigint < extract(epoch FROM now()) THEN RETURN NULL; END IF;
  RETURN array_replace(parts, '', NULL);
END"""
# No table at all for who has no pass: an empty list, so that nothing is equal to it.
_SEATS = """
BEGIN
  RETURN coalesce((SELECT array_agg(m.table_id::text) FROM {schema}.table_members m WHERE m.agency_id = me[3]), '{{}}');
END"""
# What an agency has to do with a case: owner, asked, one side of a disclosure, seat at its table, acute danger.
_SEES = """
BEGIN
  RETURN me IS NOT NULL AND me[3] IS NOT NULL AND (
    EXISTS (SELECT 1 FROM {schema}.signals s WHERE s.id = sought AND s.owner_agency = me[3])
    OR EXISTS (SELECT 1 FROM {schema}.questions q WHERE q.signal_id = sought AND q.agency_id = me[3])
    OR EXISTS (SELECT 1 FROM {schema}.disclosures d
      WHERE d.signal_id = sought AND (d.provider_agency = me[3] OR d.recipient_agency = me[3]))
    OR EXISTS (SELECT 1 FROM {schema}.signals s JOIN {schema}.table_members m ON m.table_id = s.table_id
      WHERE s.id = sought AND m.agency_id = me[3]
      AND (me[4] IS NOT NULL OR EXISTS (SELECT 1 FROM {schema}.agenda_items i WHERE i.signal_id = sought)))
    OR EXISTS (SELECT 1 FROM {schema}.emergency_accesses e
      WHERE e.signal_id = sought AND e.account_id = me[2] AND e.ended_at IS NULL
      AND (array_length(me, 1) < 8 OR e.ends_at > to_timestamp(me[7]::bigint))));
END"""


def put_up(connection: Connection) -> None:
    """Make the functions and every policy anew, as the owner of the tables. Does nothing on SQLite."""
    if connection.dialect.name != "postgresql":
        return
    owner, schema = connection.execute(text("SELECT current_user, current_schema()")).one()
    _make_functions(connection, schema)
    there = _there(connection)
    for table in there:
        _drop_policies(connection, table)
        connection.execute(text(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"))
        connection.execute(text(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
    for (table, name), made in policies(owner).items():
        if table in there:
            connection.execute(text(f"CREATE POLICY {name} ON {table} {made}"))


def take_down(connection: Connection) -> None:
    """Take every policy, the functions and the keys away again."""
    if connection.dialect.name != "postgresql":
        return
    for table in _there(connection):
        _drop_policies(connection, table)
        connection.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
        connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
    connection.execute(text("DROP SCHEMA fence CASCADE"))


def is_up(connection: Connection) -> bool:
    """Whether the fence was put up here: by the migration, on PostgreSQL."""
    if connection.dialect.name != "postgresql":
        return False
    return bool(connection.execute(text("SELECT to_regnamespace('fence') IS NOT NULL")).scalar())


def policies(owner: str) -> Mapping[tuple[str, str], str]:
    """(table, name) -> the words behind CREATE POLICY, where `owner` owns the tables."""
    made: dict[tuple[str, str], str] = {}
    # Two look at these tables as their owner and see all: the function above, known by its search path, and a migration.
    told = f"current_setting('search_path') = '{_INSIDE}' OR current_setting('signaltable.inside', true) = 'yes'"
    inside = f"(current_user = '{owner}' AND ({told}))"
    program = f"{inside} OR {_SPHERE} = '{WHOLE}'"
    for table, fenced in FENCED.items():
        rows, new = f"{program} OR {fenced.rows}", f"{program} OR {fenced.new or fenced.rows}"
        if not fenced.added:
            made[table, "fence_rows"] = f"USING ({rows}) WITH CHECK ({new})"
            continue
        # The policies of a table are joined by OR: those for what is there must not speak of what is added.
        made[table, "fence_rows"] = f"FOR SELECT USING ({rows})"
        made[table, "fence_changes"] = f"FOR UPDATE USING ({rows}) WITH CHECK ({new})"
        made[table, "fence_ends"] = f"FOR DELETE USING ({rows})"
        made[table, "fence_additions"] = (
            f"FOR INSERT WITH CHECK ({program} OR ({_SPHERE} IS NOT NULL AND {fenced.added}))"
        )
    parts = {
        **dict.fromkeys(READ_BY_ALL, "true"),
        **{name: f"{program} OR {own}" for name, own in READ_IN_PART.items()},
    }
    for table, rows in parts.items():
        made[table, "fence_rows"] = f"FOR SELECT USING ({rows})"
        made[table, "fence_changes"] = f"USING ({program}) WITH CHECK ({program})"
    return made


def functions(schema: str) -> Mapping[str, tuple[str, str]]:
    """Name -> (head, body) of the functions that the policies ask."""
    return {
        "pass": ("fence.pass() RETURNS text[]", _READ),
        "sees": ("fence.sees(sought text, me text[]) RETURNS boolean", _SEES.format(schema=schema)),
        "tables": ("fence.tables(me text[]) RETURNS text[]", _SEATS.format(schema=schema)),
    }


def _make_functions(connection: Connection, schema: str) -> None:
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS fence"))
    connection.execute(
        text(
            "CREATE TABLE IF NOT EXISTS fence.keys "
            "(version integer PRIMARY KEY, inner_pad bytea NOT NULL, outer_pad bytea NOT NULL)"
        )
    )
    connection.execute(text("REVOKE ALL ON fence.keys FROM PUBLIC"))
    options = f"LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = {_INSIDE}"
    for head, body in functions(schema).values():
        connection.exec_driver_sql(f"CREATE OR REPLACE FUNCTION {head} {options} AS $${body}$$")
    connection.execute(text("GRANT USAGE ON SCHEMA fence TO PUBLIC"))
    connection.execute(text("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA fence TO PUBLIC"))
    _keep_from(connection, "PUBLIC")


def _there(connection: Connection) -> list[str]:
    """The fenced tables that this database has: the migration that puts the fence up is older than some of them."""
    query = text("SELECT to_regclass(:table) IS NOT NULL")
    return [table for table in _TABLES if connection.execute(query, {"table": table}).scalar()]


def _drop_policies(connection: Connection, table: str) -> None:
    query = text("SELECT quote_ident(polname) FROM pg_policy WHERE polrelid = to_regclass(:table) ORDER BY 1")
    for name in connection.execute(query, {"table": table}).scalars().all():
        connection.exec_driver_sql(f"DROP POLICY {name} ON {table}")


def arm(connection: Connection, keys: KeyProvider) -> None:
    """Give the database the key by which it knows a pass, as the owner of the tables. Does nothing without a fence."""
    if not is_up(connection):
        return
    version = keys.version(PURPOSE)
    block = _key(keys, version).ljust(_BLOCK, b"\0")
    pads = {"inner": bytes(one ^ 0x36 for one in block), "outer": bytes(one ^ 0x5C for one in block)}
    connection.execute(
        text(
            "INSERT INTO fence.keys VALUES (:version, :inner, :outer) "
            "ON CONFLICT (version) DO UPDATE SET inner_pad = :inner, outer_pad = :outer"
        ),
        {"version": version, **pads},
    )


def grant_to(connection: Connection, role: str) -> None:
    """Let `role`, which owns nothing, read and change rows: what the program needs by day, and nothing of the fence."""
    quoted = '"' + role.replace('"', '""') + '"'
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")
    let_ask(connection, quoted)
    connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {quoted}")
    connection.exec_driver_sql(
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version, database_marks, moved_tables FROM {quoted}"
    )
    if (connection.dialect.server_version_info or (0,)) >= (17,):
        # VACUUM after erasing; before version 17 only the owner can.
        connection.exec_driver_sql(f"GRANT MAINTAIN ON {', '.join(ERASED_FROM)} TO {quoted}")


def let_ask(connection: Connection, quoted: str) -> None:
    """Let a role ask the fence who it is: a database that was put back without its rights does not know that any more."""
    if is_up(connection):
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA fence TO {quoted}")
        connection.exec_driver_sql(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA fence TO {quoted}")
        _keep_from(connection, f"PUBLIC, {quoted}")


def _keep_from(connection: Connection, roles: str) -> None:
    """Let nobody hang the functions behind our triggers (signaltable/places) on a table of their own: they run as the owner, and would
    take away what waits for others. Our own triggers ask for no right when they run.
    """
    query = text(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname = 'fence' AND p.prorettype = 'trigger'::regtype ORDER BY 1"
    )
    for function in connection.execute(query).scalars().all():
        connection.exec_driver_sql(f"REVOKE ALL ON FUNCTION {function} FROM {roles}")


# -- is it there? --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where the fence is open: `place` names a table, a function or the role, `what` says it in a sentence."""

    place: str
    what: str
    strange: bool = False  # somebody else made it


def role_gaps(connection: Connection) -> list[Gap]:
    """Whether the role that the program uses walks around every policy; empty on SQLite, which has neither."""
    if connection.dialect.name != "postgresql":
        return []
    query = text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    superuser, bypasses = connection.execute(query).one()
    if superuser:
        return [Gap("role", "the program connects as a superuser, for whom row-level security does not count")]
    if bypasses:
        return [
            Gap("role", "the program connects as a role with BYPASSRLS, for which row-level security does not count")
        ]
    return []


def owns_tables(connection: Connection) -> bool:
    """Whether the program connects as the role that owns its tables: then it could take the fence away."""
    if connection.dialect.name != "postgresql":
        return False
    query = text("SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('signals')")
    return bool(connection.execute(query).scalar())


def knows_pass(connection: Connection, keys: KeyProvider) -> bool:
    """Whether the database takes the passes of this key ring; true where there is no fence that asks for one."""
    if not is_up(connection):
        return True
    # Asked before anything else, also of a database whose tables are older than this program.
    connection.exec_driver_sql(_SHOW, (write_pass(keys, PROGRAM, time.time()),))
    return connection.execute(text("SELECT (fence.pass())[1]")).scalar() == WHOLE


def table_gaps(connection: Connection) -> list[Gap]:
    """Which table, function or policy is not as this program makes it; empty where the fence was never put up."""
    if not is_up(connection):
        return []
    return [*_switched_off(connection), *_function_gaps(connection), *_policy_gaps(connection)]


def _switched_off(connection: Connection) -> list[Gap]:
    query = text("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = to_regclass(:table)")
    return [
        Gap(table, "row-level security is switched off")
        for table in _TABLES
        if not connection.execute(query, {"table": table}).scalar()
    ]


def _function_gaps(connection: Connection) -> list[Gap]:
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    rows = connection.execute(
        text(
            "SELECT p.proname, p.prosrc, p.prosecdef FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE n.nspname = 'fence'"
        )
    )
    found = {name: source for name, source, definer in rows if definer}
    return [
        Gap(f"fence.{name}", "the function is gone or does something else than it should")
        for name, (_head, body) in functions(schema).items()
        if found.get(name) != body
    ]


def _policy_gaps(connection: Connection) -> list[Gap]:
    owner = connection.execute(
        text("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('signals')")
    ).scalar_one()
    wanted = {place: _words(made) for place, made in policies(owner).items()}
    found = _found_policies(connection)
    return [
        *(
            Gap(".".join(place), "the policy is gone or says something else")
            for place in wanted
            if found.get(place) != wanted[place]
        ),
        *(
            Gap(".".join(place), "this program did not make the policy", strange=True)
            for place in found
            if place not in wanted
        ),
    ]


def _found_policies(connection: Connection) -> dict[tuple[str, str], list[str]]:
    rows = connection.execute(
        text(
            "SELECT tablename, policyname, permissive, cmd, qual, with_check, roles::text FROM pg_policies "
            "WHERE schemaname = current_schema() ORDER BY 1, 2"
        )
    )
    found: dict[tuple[str, str], list[str]] = {}
    for table, name, permissive, command, using, check, roles in rows:
        told = f"FOR {command} USING {using or ''} WITH CHECK {check or ''}"
        # Neither of these stands in a policy of ours, so one that has them is another one.
        strange = f"{'' if permissive == 'PERMISSIVE' else permissive} {'' if roles == '{public}' else roles}"
        found[table, name] = _words(told + strange)
    return found


# What PostgreSQL adds or leaves out when it tells an expression: types, brackets, names of what a subquery gives.
_NOISE: Final = frozenset({"as", "for", "all", "using", "with", "check"})


def _words(told: str) -> list[str]:
    """The words of a policy without what PostgreSQL adds when it tells them."""
    return [word for word in _tokens(told) if word not in _NOISE]


@cache
def _tokens(told: str) -> tuple[str, ...]:
    bare = re.sub(r"\bas (?:pass|tables)\b|::(?:text|name|character varying)", "", told.lower())
    return tuple(re.findall(r"'[^']*'|[a-z_0-9]+|[=<>]+", re.sub(r"\b[a-z_]+\.", "", bare)))
