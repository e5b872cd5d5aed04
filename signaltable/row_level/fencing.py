"""Putting the fence up as the owner of the tables: functions, policies, the key by which it knows a pass, and the rights of a role."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import Connection

from signaltable.db import ERASED_FROM
from signaltable.keys import KeyProvider
from signaltable.row_level.fenced import FENCED, READ_BY_ALL, READ_IN_PART, SPHERE, TABLES
from signaltable.row_level.passes import PURPOSE, WHOLE, key_of

_BLOCK = 64  # bytes of a block of SHA-256, to which HMAC pads its key (RFC 2104)

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
    program = f"{inside} OR {SPHERE} = '{WHOLE}'"
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
            f"FOR INSERT WITH CHECK ({program} OR ({SPHERE} IS NOT NULL AND {fenced.added}))"
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
    return [table for table in TABLES if connection.execute(query, {"table": table}).scalar()]


def _drop_policies(connection: Connection, table: str) -> None:
    query = text("SELECT quote_ident(polname) FROM pg_policy WHERE polrelid = to_regclass(:table) ORDER BY 1")
    for name in connection.execute(query, {"table": table}).scalars().all():
        connection.exec_driver_sql(f"DROP POLICY {name} ON {table}")


def arm(connection: Connection, keys: KeyProvider) -> None:
    """Give the database the key by which it knows a pass, as the owner of the tables. Does nothing without a fence."""
    if not is_up(connection):
        return
    version = keys.version(PURPOSE)
    block = key_of(keys, version).ljust(_BLOCK, b"\0")
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
