"""The last fence of PostgreSQL, tried by a session that skips the application (ASVS 8.2.2, 8.2.3, 8.4.1, 13.2.2)."""

import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from psycopg import errors
from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    Integer,
    LargeBinary,
    create_engine,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, ProgrammingError

from signaltable import row_level
from signaltable.db import Base, UtcDateTime
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.migrating import migrate
from signaltable.models import Signal
from signaltable.program import NotInitialised, open_program
from signaltable.transaction import reading, transaction
from tests.conftest import OWNER_ROLE
from tests.flow.test_fsck import found
from tests.log_tools import go_back, owners_engine
from tests.table_steps import asked, on_the_agenda, submitted, triaged

pytestmark = pytest.mark.postgres
ALL = {**row_level.FENCED, **dict.fromkeys(row_level.READ_BY_ALL)}
# A person may add these for somebody else: that there is work, and that a link was wrong.
ADDED_FOR_OTHERS = {"mails", "link_notices", "search_rows", "search_terms"}
AT_THE_DOOR = {"second_factors", "recovery_codes", "emergency_accesses"}
# Only the program reads these, also where the rows are of one's own agency.
PROGRAM_ONLY = {"match_tags", "match_sketches", "excluded_tags", "subject_groups", "search_rows", "search_terms"}


class Session:
    """SQL as whoever has the password of the program has it: no gate, no flow, and whatever pass is given."""

    def __init__(self, program, given):
        self.engine = create_engine(program.settings.database_url)
        self.given = given

    @contextmanager
    def _within(self):
        with self.engine.connect() as connection:
            if self.given is not None:
                connection.exec_driver_sql("SELECT set_config('signaltable.pass', %s, true)", (self.given,))
            yield connection
            connection.rollback()

    def count(self, table):
        with self._within() as connection:
            return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()

    def changed(self, statement, **values):
        with self._within() as connection:
            return connection.execute(text(statement), values).rowcount

    def refused(self, statement, *kinds):
        with self._within() as connection, pytest.raises(DBAPIError) as raised:
            connection.execute(statement if not isinstance(statement, str) else text(statement))
        assert isinstance(raised.value.orig, kinds or (errors.InsufficientPrivilege,)), raised.value.orig


def a_pass(program, who=None, **changes):
    bearer = replace(row_level.bearer_of(who) if who else row_level.PROGRAM, **changes)
    return row_level.write_pass(program.keys, bearer, time.time())


@pytest.fixture
def filled(postgres_program, actor, once):
    """A region in which Havendam has cases of its own, with at least one row of them in every fenced table."""
    return (
        once(postgres_program, "a row in every fenced table", lambda: _fill(postgres_program, actor))
        or postgres_program
    )


def _fill(program, actor):
    for _ in range(2):
        submitted(program, actor(program, "havendam"))
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        # The other agency has nothing to do with these cases, not even a seat at their table.
        stranger = actor(program, "avim")
        connection.execute(text("DELETE FROM table_members WHERE agency_id = :it"), {"it": stranger.agency_id})
        connection.execute(text("DELETE FROM second_factors WHERE account_id = :it"), {"it": stranger.account_id})
        for table in Base.metadata.sorted_tables:
            if (
                table.name in {*ALL, "meetings", "minutes", "exclusions", "machine_accounts"}
                and connection.execute(select(table).limit(1)).first() is None
            ):
                connection.execute(insert(table).values(_any_row(connection, table, actor(program, "havendam"))))
    engine.dispose()


def _any_row(connection, table, owner):
    """A row of the case that is there, and of its owner: keys lead to rows that exist, the rest is of the right type."""
    row = {}
    for column in table.columns:
        (key,) = column.foreign_keys or (None,)
        if column.name in {"account_id", "requested_by"}:
            row[column.name] = owner.account_id
        elif "agency" in column.name:
            row[column.name] = owner.agency_id
        elif key is not None:
            # Of two sides the second is the other one.
            pick = func.max if column.name.endswith("_b") else func.min
            row[column.name] = connection.execute(select(pick(key.column))).scalar()
        elif not column.nullable:
            row[column.name] = _any_value(column)
    return row


def _any_value(column):
    kinds = {LargeBinary: b"x", Integer: 1, Boolean: False, JSON: {}, Date: "2026-11-23", UtcDateTime: None}
    for kind, value in kinds.items():
        if isinstance(column.type, kind):
            return value if kind is not UtcDateTime else text("now()")
    return "x"


def odd_passes(program, actor):
    """What somebody who has SQL and no key could say of themselves."""
    own = a_pass(program, actor(program, "avim"))
    said, digest = own.rsplit("|", 1)
    sphere, _, rest = said.partition("|")
    account, agency, flag, until, version, moment = rest.split("|")
    other_ring = own[:-1] + ("0" if own[-1] != "0" else "1")
    return [
        None,
        "",
        "whole",
        "whole||||9999999999|1|" + "0" * 64,
        f"whole|{rest}|{digest}",
        f"{sphere}|{account}|{actor(program, 'havendam').agency_id}|{flag}|{until}|{version}|{moment}|{digest}",
        f"{sphere}|{account}|{agency}|{flag}|{int(until) + 1}|{version}|{moment}|{digest}",
        f"{sphere}|{account}|{agency}|{flag}|{until}|{version}|{int(moment) - 1}|{digest}",
        f"{sphere}|{account}|{agency}|{flag}|{until}|{version}|{digest}",
        f"{said}|",
        f"{said}|{digest}|{digest}",
        other_ring,
        f"{sphere}|{account}|{agency}|{flag}|{until}|7|{moment}|{digest}",
        row_level.write_pass(program.keys, row_level.PROGRAM, time.time() - row_level.VALID_SECONDS - 5),
    ]


def test_without_the_application_nobody_sees_or_changes_a_row_of_another_agency(filled, actor):
    program = filled
    whole = Session(program, a_pass(program))
    owner = Session(program, a_pass(program, actor(program, "havendam")))
    stranger = Session(program, a_pass(program, actor(program, "avim")))
    rows = _one_row_each(program)
    for table in row_level.FENCED:
        assert whole.count(table) > 0, table
        assert (owner.count(table) > 0) == (table not in PROGRAM_ONLY), table
        # Another agency: nothing to read, to change, to take away, to take over.
        assert stranger.count(table) == 0, table
        key = next(iter(Base.metadata.tables[table].primary_key)).name
        assert stranger.changed(f"UPDATE {table} SET {key} = {key}") == 0, table
        assert stranger.changed(f"DELETE FROM {table}") == 0, table
        if table not in ADDED_FOR_OTHERS:
            stranger.refused(insert(Base.metadata.tables[table]).values(rows[table]))
        # And nobody at all without a pass that the key ring made.
    for given in odd_passes(program, actor):
        nobody = Session(program, given)
        assert {table: nobody.count(table) for table in row_level.FENCED} == dict.fromkeys(row_level.FENCED, 0), given
        nobody.refused(insert(Base.metadata.tables["drafts"]).values(rows["drafts"]))

    # Who is not known yet comes no further than what coming in asks for
    door = Session(program, a_pass(program, ANONYMOUS))
    assert {table for table in row_level.FENCED if door.count(table)} == AT_THE_DOOR


def _one_row_each(program):
    """A row of each fenced table as it stands, with another key, so that only the fence can refuse it."""
    rows = {}
    engine = owners_engine(program.settings)
    with engine.connect() as connection:
        for table in ALL:
            described = Base.metadata.tables[table]
            row = dict(connection.execute(select(described).limit(1)).mappings().one())
            for column in described.primary_key:
                if not column.foreign_keys and isinstance(row[column.name], str):
                    row[column.name] = "other"
            rows[table] = row
    engine.dispose()
    return rows


def test_nobody_gives_the_own_agency_a_look_at_a_case(filled, actor):
    """A question, a disclosure, a seat, an agenda: what gives a look can only be given by who has one (ASVS 8.2.2)."""
    program = filled
    stranger = actor(program, "avim")
    session = Session(program, a_pass(program, stranger))
    rows = _one_row_each(program)
    mine = {"agency_id": stranger.agency_id, "account_id": stranger.account_id}
    for table, changes in {
        "questions": mine,
        "disclosures": {
            "provider_agency": stranger.agency_id,
            "recipient_agency": stranger.agency_id,
            "reference": "D-X",
        },
        "agenda_items": {},
        "subject_keys": mine,
        "signal_keys": mine,
        "meeting_tasks": mine,
        "duties": mine,
        "table_members": mine,
    }.items():
        row = {name: changes.get(name, value) for name, value in rows[table].items()}
        session.refused(insert(Base.metadata.tables[table]).values(row))
    assert session.changed("UPDATE table_members SET agency_id = agency_id") == 0
    assert session.changed("DELETE FROM table_members") == 0
    # In acute danger somebody opens a case, in the own name only, and the log tells it: the program asks who and why.
    other = rows["emergency_accesses"] | {"id": "other", "agency_id": stranger.agency_id}
    session.refused(insert(Base.metadata.tables["emergency_accesses"]).values(other))


def test_the_role_of_the_program_cannot_take_the_fence_away(filled, actor):
    """Least privilege: it reads and writes rows, and owns nothing (ASVS 13.2.2)."""
    program = filled
    session = Session(program, a_pass(program, actor(program, "avim")))
    for statement in (
        "SELECT * FROM fence.keys",
        "INSERT INTO fence.keys VALUES (9, 'a', 'b')",
        "ALTER TABLE signals DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE signals NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY fence_rows ON signals",
        "CREATE POLICY mine ON signals USING (true)",
        "CREATE OR REPLACE FUNCTION fence.pass() RETURNS text[] LANGUAGE sql AS 'SELECT ARRAY[''whole'']'",
        "CREATE TABLE signals_too AS SELECT * FROM signals",
        "TRUNCATE log_head",
        "UPDATE alembic_version SET version_num = '0008'",
        f"SET ROLE {OWNER_ROLE}",
        f"SELECT set_config('role', '{OWNER_ROLE}', true)",
    ):
        session.refused(statement, errors.InsufficientPrivilege, errors.InvalidParameterValue, errors.UndefinedObject)
    # An upgrade that has nothing to do is no trouble for it
    migrate(replace(program.settings, owner_url=""))
    # What only its owner is believed to say
    engine = create_engine(program.settings.database_url)
    with engine.connect() as connection:
        connection.execute(text("SET signaltable.inside = 'yes'"))
        connection.execute(text("SET search_path = pg_catalog, fence, pg_temp"))
        assert connection.execute(text("SELECT count(*) FROM public.signals")).scalar() == 0
        # "Tell me instead of leaving rows out" is refused, never answered whole
        connection.execute(text("SET search_path = public"))
        connection.execute(text("SET row_security = off"))
        with pytest.raises(ProgrammingError):
            connection.execute(text("SELECT count(*) FROM signals"))
    engine.dispose()


def test_what_an_agency_has_to_do_with_a_case_opens_it_and_no_more(postgres_program, actor):
    program = postgres_program
    owner, desk = actor(program, "havendam"), actor(program, "coordinator")
    reference = triaged(program, owner, desk)

    def seen(login):
        session = Session(program, a_pass(program, actor(program, login)))
        return session.count("signals"), session.count("subjects") > 0

    assert seen("havendam") == (1, True)
    assert seen("coordinator") == (1, True)  # at work at its table, before it is on an agenda
    assert seen("avim") == seen("fier") == (0, False)
    asked(program, desk, reference, "avim")
    assert seen("avim") == (1, True)
    assert seen("fier") == (0, False)
    on_the_agenda(program, desk, reference)
    assert seen("fier") == (1, True)


def test_the_rise_to_the_program_ends_with_its_block_whatever_comes_of_it(postgres_program, actor):
    program = postgres_program
    submitted(program, actor(program, "havendam"))

    def count(tx):
        return len(tx.session.execute(select(Signal.id)).all())

    with transaction(program, actor(program, "avim")) as tx:
        assert count(tx) == 0
        with tx.whole("to try it"):
            assert count(tx) == 1
            with tx.whole("again, inside"):
                assert count(tx) == 1
            assert count(tx) == 1
        assert count(tx) == 0
        with pytest.raises(RuntimeError), tx.whole("to try it"):
            raise RuntimeError
        assert count(tx) == 0
        # A statement that the database refused, in a part that is taken back
        nested = tx.session.begin_nested()
        with pytest.raises(DBAPIError), tx.whole("to try it"):
            tx.session.execute(select(literal(1) / 0))
        nested.rollback()
        assert count(tx) == 0
        nested = tx.session.begin_nested()
        with tx.whole("to try it"):
            nested.rollback()
            assert count(tx) == 1 or count(tx) == 0
        assert count(tx) == 0
    with reading(program, actor=actor(program, "avim")) as session:
        assert session.execute(select(Signal.id)).first() is None


def test_a_gate_that_forgets_everything_lets_nothing_out(postgres_program, actor):
    """The day on which a query forgets the agency: the page is empty instead of somebody else's (ASVS 8.4.1)."""
    program = postgres_program
    submitted(program, actor(program, "havendam"))
    with transaction(program, actor(program, "avim")) as tx:
        assert list(tx.session.scalars(select(Signal))) == []
        assert tx.session.execute(select(Signal.narrative_masked)).all() == []


def test_nobody_takes_what_waits_for_others_away_with_the_functions_of_the_index(postgres_program, actor):
    """A table of one's own with a trigger that calls a function of the owner would delete rows of the index for anybody."""
    program = postgres_program
    session = Session(program, a_pass(program, actor(program, "avim")))
    with session._within() as connection:
        connection.execute(text("CREATE TEMP TABLE own (id text)"))
        with pytest.raises(ProgrammingError) as raised:
            connection.execute(
                text("CREATE TRIGGER own AFTER DELETE ON own FOR EACH ROW EXECUTE FUNCTION fence.places_signals()")
            )
    assert isinstance(raised.value.orig, errors.InsufficientPrivilege)
    assert session.count("list_places") == 0  # It still may ask the fence who it is.


def test_a_fence_that_somebody_opened_is_told_by_the_check_and_closed_by_the_owner(postgres_program):
    program = postgres_program
    assert found(program) == set()
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        for statement in (
            "DROP POLICY fence_rows ON drafts",
            "CREATE POLICY mine ON questions USING (true)",
            "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY",
            "ALTER POLICY fence_rows ON exclusions USING (true)",
            "CREATE OR REPLACE FUNCTION fence.sees(sought text, me text[]) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        ):
            connection.execute(text(statement))
    engine.dispose()
    assert found(program) == {
        ("open-fence", "row-level security drafts.fence_rows"),
        ("open-fence", "row-level security notes"),
        ("open-fence", "row-level security exclusions.fence_rows"),
        ("open-fence", "row-level security fence.sees"),
        ("unknown-trigger", "rule mine on questions"),
    }
    migrate(program.settings)
    assert found(program) == set()


def test_a_role_for_which_no_policy_counts_does_not_start_in_production(
    postgres_program, postgres_server, clock, caplog
):
    program = postgres_program
    name = program.settings.database_url.rpartition("/")[2].partition("?")[0]
    superuser = replace(program.settings, database_url=postgres_server.format(name), owner_url="")
    assert open_program(superuser).settings.demo  # told in the log of the program
    assert "superuser" in caplog.text
    (superuser.home / "demo-accounts.json").unlink(missing_ok=True)
    with pytest.raises(NotInitialised, match="superuser"):
        open_program(replace(superuser, mode="production"))
    # A ring that the database does not know is told at the start, not as pages without rows
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM fence.keys"))
    engine.dispose()
    with pytest.raises(NotInitialised, match="DATABASE_OWNER_URL"):
        open_program(program.settings)


def test_the_fence_goes_down_and_up_with_its_migration(filled, actor):
    program = filled
    stranger = Session(program, a_pass(program, actor(program, "avim")))
    go_back(program.settings, "0008")
    assert stranger.count("signals") == 2
    migrate(program.settings)
    assert stranger.count("signals") == 0


def test_a_savepoint_that_is_taken_back_brings_no_other_sphere_back(filled, actor):
    who = actor(filled, "delinde")
    with transaction(filled, who) as tx:
        sphere = select(literal_column("(fence.pass())[1]"))
        with tx.whole("a test looks"):
            begun_inside = tx.session.begin_nested()
            assert tx.session.scalar(sphere) == row_level.WHOLE
        assert tx.session.scalar(sphere) == row_level.PERSON
        begun_inside.rollback()
        assert tx.session.scalar(sphere) == row_level.PERSON
        begun_outside = tx.session.begin_nested()
        with tx.whole("a test looks"):
            begun_outside.rollback()
            assert tx.session.scalar(sphere) == row_level.WHOLE
        assert tx.session.scalar(sphere) == row_level.PERSON
