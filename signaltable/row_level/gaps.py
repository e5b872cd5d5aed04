"""Whether the fence stands: the role that the program uses, the functions, every policy, and the key by which it knows a pass."""

import re
import time
from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import Connection

from signaltable.keys import KeyProvider
from signaltable.row_level.fenced import TABLES
from signaltable.row_level.fencing import functions, is_up, policies
from signaltable.row_level.passes import PROGRAM, SHOW, WHOLE, write_pass


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
    connection.exec_driver_sql(SHOW, (write_pass(keys, PROGRAM, time.time()),))
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
        for table in TABLES
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
