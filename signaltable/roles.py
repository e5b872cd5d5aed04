"""Who may do what in PostgreSQL: the program, the signer of the log, and whoever audits it, each with what its work needs.

The owner makes the tables; the program comes as a role that owns nothing (row_level.grant_to). The signer and the auditor are
further roles, which the settings name when the tables are brought up to date. What they may is written down here and, for
people, in docs/database-roles.md; a test compares both with the database. Everything that is not granted is taken away, so a
right that an earlier version gave, or that somebody added, does not stay.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import make_url, text
from sqlalchemy.engine import Connection

from signaltable.db import Base
from signaltable.row_level import let_ask
from signaltable.settings import Settings, UnusableSettings

VERSION_TABLE: Final = "alembic_version"
# Whoever reads the log with a program of ours asks first which version of the tables it finds.
_MARK: Final = {VERSION_TABLE: "SELECT", "database_marks": "SELECT"}

# Table -> what is granted on it, with columns where not the whole row is anybody's business.
SIGNER: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_MARK,
        "log_entries": "SELECT, INSERT",
        "log_details": "SELECT, INSERT",
        "log_nodes": "SELECT, INSERT",
        "log_terms": "INSERT",
        "log_head": "SELECT, UPDATE",
        "log_checkpoints": "SELECT, INSERT",
        "log_erased": "SELECT",
        # Turns and claims, by which it does nothing twice.
        "job_turns": "SELECT, INSERT, UPDATE",
        "job_runs": "SELECT, INSERT, UPDATE, DELETE",
        # A report of a sample gets its signature; an export waits here for the machine that hands it out.
        "samples": "SELECT, UPDATE (signature)",
        "export_parts": "SELECT, INSERT, DELETE",
        "shared_rings": "SELECT (id, digest)",
    }
)
# What an export of the whole log gives, which is what an auditor gets: no words to look for, no case, no account.
AUDITOR: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_MARK,
        "log_entries": "SELECT",
        "log_details": "SELECT",
        "log_nodes": "SELECT",
        "log_head": "SELECT",
        "log_checkpoints": "SELECT",
        "log_erased": "SELECT",
        "policy_versions": "SELECT",
    }
)


def grant(connection: Connection, settings: Settings) -> None:
    """Give the roles that the settings name what stands above, and nothing else, as the owner of the tables.

    Raises `UnusableSettings` for a role that already does other work.
    """
    taken = {connection.execute(text("SELECT current_user")).scalar_one(), make_url(settings.database_url).username}
    for role, granted in ((settings.signer_role, SIGNER), (settings.auditor_role, AUDITOR)):
        if role and role in taken:
            raise UnusableSettings(f"expected a role of its own for {role}, found one that does other work")
        if role:
            taken.add(role)
            _grant_exactly(connection, role, granted)


def _grant_exactly(connection: Connection, role: str, granted: Mapping[str, str]) -> None:
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    quoted = '"' + role.replace('"', '""') + '"'
    connection.exec_driver_sql(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {quoted}")
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")
    let_ask(connection, quoted)
    for table in {*Base.metadata.tables, VERSION_TABLE} & granted.keys():
        connection.exec_driver_sql(f"GRANT {granted[table]} ON {table} TO {quoted}")
