"""The plans of PostgreSQL for the main lists and search, with row-level security on: no table of cases is walked through."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from signaltable.flow import enrich, linking, referrals, signals, triage, work_list
from signaltable.flow.searching.finding import Asked, find
from signaltable.transaction import Transaction, transaction
from tests.factories import a_signal
from tests.table_steps import asked, submitted, triaged

# What grows with the number of cases.
GROWING = (
    "signals|subjects|questions|disclosures|duties|links|link_acts|link_verdicts|link_notices|escalations|meeting_tasks|"
    "agenda_items|list_places|search_terms|search_rows|decisions|signal_moves|identity_requests|text_checks"
)
# A whole table, or a whole index: a scan that says on the line after it by which condition it goes reads a part.
WHOLE = re.compile(rf"(?:Seq Scan|Index (?:Only )?Scan.*) on (?:{GROWING})\b(?!.*\n\s*Index Cond:).*")
LISTS: dict[str, tuple[str, Callable[[Transaction], object]]] = {
    "work list, owner": ("havendam", work_list.page),
    "work list, coordinator": ("coordinator", work_list.page),
    "work list, partner": ("avim", work_list.page),
    "own list": ("havendam", signals.own_signals),
    "table list": ("coordinator", triage.listing),
    "questions": ("avim", enrich.open_questions),
    "inbox": ("avim", referrals.inbox),
    "links": ("havendam", lambda tx: linking.page_of_links(tx, "mine")),
    "search": ("coordinator", lambda tx: find(tx, Asked("loon slapen"))),
}


@pytest.fixture
def region(postgres_program, actor, once):
    def make() -> None:
        reference = triaged(
            postgres_program, actor(postgres_program, "havendam"), actor(postgres_program, "coordinator")
        )
        asked(postgres_program, actor(postgres_program, "coordinator"), reference, "avim")
        submitted(postgres_program, actor(postgres_program, "delinde"), a_signal(capacity="care-wgbo"))

    once(postgres_program, "plans", make)
    return postgres_program


def test_no_list_walks_through_a_table_of_cases(region, actor):
    walked = {}
    for name, (login, shown) in LISTS.items():
        with transaction(region, actor(region, login)) as tx:
            connection = tx.connection()
            statements: list[tuple[str, object]] = []

            def note(_connection, _cursor, statement, values, *_rest, to=statements):
                to.append((statement, values))

            event.listen(connection, "before_cursor_execute", note)
            shown(tx)
            event.remove(connection, "before_cursor_execute", note)
            # Of three cases PostgreSQL rightly reads the whole table; told not to, it still does where no index helps.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            for statement, values in statements:
                reads = statement.startswith("SELECT") and "set_config" not in statement
                if reads and (found := WHOLE.findall(_plan(connection, statement, values))):
                    walked[name, statement] = found
        assert statements, name
    assert walked == {}


@pytest.mark.parametrize(
    "statement", ["SELECT id FROM signals WHERE urgency = 'u'", "SELECT id FROM links ORDER BY id"]
)
def test_a_walk_through_a_table_or_an_index_would_be_seen(region, actor, statement):
    with transaction(region, actor(region, "havendam")) as tx:
        tx.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
        assert WHOLE.findall(_plan(tx.connection(), statement, ()))


def _plan(connection: Connection, statement: str, values: Any) -> str:
    return "\n".join(connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", values).scalars())
