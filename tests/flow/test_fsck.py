"""fsck: the log against itself, against every row in both directions, and against what stands outside the database.

Every way of tampering is done in SQL, by somebody who takes the fence away first and puts it up again afterwards.
"""

import json
import random
import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Boolean, text
from sqlalchemy import inspect as schema_of
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from audit import merkle
from audit.canonical import canonical_bytes
from audit.entry import commit
from signaltable import jobs, row_digests
from signaltable.audit_trail import fence
from signaltable.db import Base
from signaltable.demo import cases
from signaltable.domain import UnusableInput
from signaltable.flow import accounts, incidents, retention, signer_watch, withdrawing, witnesses
from signaltable.flow.coming_in import actors
from signaltable.flow.fsck import inspect
from signaltable.jobs.running import run_due, take_turn
from signaltable.models import Account, Disclosure, LogEntry, Signal
from signaltable.transaction import reading, transaction
from tests.conftest import Clock, _own_home, open_for_test
from tests.databases import back_up, is_file, put_back
from tests.duty_steps import referred
from tests.flow.test_demo import _with_passwords
from tests.log_tools import go_back, owners_engine, tamper
from tests.table_steps import log

NOW = datetime(2027, 3, 1, 10, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def played(request, tmp_path_factory):
    """The thirteen cases of the demo, played and signed, on SQLite."""
    settings = _own_home(request, tmp_path_factory.mktemp("fsck"), "sqlite")
    _with_passwords(settings)
    for program in open_for_test(settings, Clock(NOW)):
        # The same ids and references in every run: the rows that are tampered with are chosen by them.
        program = replace(program, randomness=random.Random(20261123).randbytes)  # noqa: PLW2901
        for step in cases.steps(program):
            step()
        jobs.run_checkpoint(program)
    return settings


@contextmanager
def copied(settings, folder, clock=None):
    """A program over a copy of a home."""
    shutil.copytree(settings.home, folder / "copy")
    own = replace(settings, home=folder / "copy", database_url=f"sqlite:///{folder / 'copy' / 'signaltable.db'}")
    yield from open_for_test(own, clock or Clock(NOW + timedelta(minutes=1)))


@pytest.fixture
def busy(played, tmp_path):
    yield from copied.__wrapped__(played, tmp_path)


def intrude(program, *statements, **values):
    """Change the database by hand, and put the fence up again as if nothing had happened."""
    engine = owners_engine(program.settings, plain=True)  # SQLite asks for no foreign keys then.
    with engine.begin() as connection:
        fence.take_away(connection)
        for statement in statements:
            if callable(statement):
                statement(connection)
            else:
                connection.execute(text(statement), values)
        fence.put_up(connection)
    engine.dispose()


def found(program, **options):
    return {(one.kind, one.at) for one in inspect(program, **options).findings}


def one(program, query):
    with reading(program) as session:
        return session.execute(text(query)).first()


# -- nothing is found where nothing was done ----------------------------------------------------------------------


def test_a_fresh_home_has_no_findings(program):
    report = inspect(program, seals="all")

    assert report.findings == ()
    assert report.ok
    assert report.checked["accounts"] == 21
    assert report.checked["refusals_tried"] == 5  # Nothing was signed yet.


def test_the_thirteen_cases_have_no_findings_and_every_table_was_compared(busy):
    report = inspect(busy, seals="all")

    assert report.findings == ()
    assert report.entries == report.size == one(busy, "SELECT size FROM log_head")[0]
    for table in ("signals", "subject_fields", "match_tags", "links", "questions", "notes", "disclosures", "duties"):
        assert report.checked[table] > 0, table
    assert report.checked["seals"] > 100
    assert "rows_not_compared" not in report.checked


def test_the_life_of_a_home_gives_no_findings(played, tmp_path, actor):
    # Accounts change, consent is withdrawn, years go by: signals are erased, and details of the log with them.
    clock = Clock(NOW + timedelta(minutes=1))
    for program in copied.__wrapped__(played, tmp_path, clock):
        admin = actor(program, "beheer")
        with reading(program) as session:
            fier = session.query(Account).filter_by(login="fier").one()
            resting = session.query(Disclosure).filter(Disclosure.ground.in_(["A1", "E1", "X1", "X10"])).all()
        with transaction(program, admin) as tx:
            accounts.change_account(tx, fier.id, name="N. Ander", roles=["care-coordinator"], active=True)
        for row in resting:
            if withdrawing.may_be_withdrawn(row):
                owner = next(
                    who
                    for who in (actor(program, login) for login in ("havendam", "delinde", "essm", "fier", "fairwork"))
                    if who.agency_id == row.provider_agency
                )
                with transaction(program, owner) as tx:
                    withdrawing.withdraw(tx, row.reference, on=clock.now.date(), everywhere=False)
        before = inspect(program)
        assert before.findings == ()
        keys = before.checked["subject_keys"]
        for _year in range(8):
            clock.forward(days=366)
            retention.sweep(program, jobs.JOBS)
            jobs.run_checkpoint(program)
        report = inspect(program, seals="all")
        assert report.findings == ()
        assert report.checked["destroyed"] > 50
        assert report.checked["subject_keys"] < keys


def test_a_home_from_before_the_log_spoke_of_rows_is_taken_up_once(busy):
    # Given the log as an earlier version would have written it: without a word about rows
    def without_rows(connection):
        tree = merkle.CompactRange()
        rows = connection.execute(
            text("SELECT seq, entry, details, salt FROM log_entries LEFT JOIN log_details USING (seq) ORDER BY seq")
        )
        for seq, entry, details, salt in rows.all():
            # An entry whose details were erased stays as it is
            told = {name: value for name, value in json.loads(details or "{}").items() if name != "rows"}
            raw = canonical_bytes(told)
            made = canonical_bytes({**json.loads(entry), "details_commitment": commit(raw, salt)}) if details else entry
            leaf = merkle.leaf_hash(made)
            for level, position, value in tree.append(leaf):
                connection.execute(
                    text("UPDATE log_nodes SET hash = :value WHERE level = :level AND position = :position"),
                    {"level": level, "position": position, "value": value},
                )
            connection.execute(
                text("UPDATE log_entries SET entry = :made, leaf = :leaf WHERE seq = :seq"),
                {"made": made, "leaf": leaf, "seq": seq},
            )
            connection.execute(text("UPDATE log_details SET details = :raw WHERE seq = :seq"), {"raw": raw, "seq": seq})
        connection.execute(text("UPDATE log_head SET frontier = :frontier"), {"frontier": tree.to_bytes()})
        connection.execute(text("DELETE FROM log_checkpoints"))

    intrude(busy, without_rows)
    shutil.rmtree(busy.settings.home / "checkpoints")
    kinds = {"missing-checkpoint", "signing-stopped"}  # The old signatures are gone with the old entries.

    first = incidents.check(busy, jobs.JOBS)
    assert {one.kind for one in first.findings} == kinds
    assert first.checked["rows_not_compared"] > 300
    # Then from now on every row is compared, and what turns up without an entry is found
    second = inspect(busy)
    assert {one.kind for one in second.findings} == kinds
    assert "rows_not_compared" not in second.checked
    intrude(busy, "UPDATE questions SET answer = 'no_hit' WHERE answer = 'hit'")
    assert {one.kind for one in inspect(busy).findings} == kinds | {"changed-row"}
    intrude(busy, "INSERT INTO account_roles SELECT id, 'auditor' FROM accounts WHERE login = 'riec'")
    assert "row-without-entry" in {one.kind for one in inspect(busy).findings}


def test_going_back_to_an_earlier_schema_and_forward_again_loses_what_only_newer_tables_hold_and_says_so(busy):
    from signaltable.migrating import migrate

    newer = tables(busy)
    go_back(busy.settings, "0004")
    lost = newer - tables(busy)
    migrate(busy.settings)

    findings = inspect(busy).findings
    # What stood in newer columns of an older table is lost as well.
    assert {one.kind for one in findings} == {"entry-without-row", "changed-row"}
    # A line without a place says how many more of its kind there are.
    gone = {one.at.partition(" ")[0] for one in findings if one.kind == "entry-without-row" and one.at}
    assert {"match_sketches", "link_acts"} <= gone <= lost


def tables(program):
    engine = owners_engine(program.settings)
    try:
        return set(schema_of(engine).get_table_names())
    finally:
        engine.dispose()


# -- tampering with the log ---------------------------------------------------------------------------------------

# (what, statements, kind, place); :n is an entry in the middle.
IN_THE_LOG = [
    (
        "field",
        ["UPDATE log_entries SET entry = replace(entry, '\"ok\"', '\"OK\"') WHERE seq = 60"],
        "changed-entry",
        "entry 60",
    ),
    ("leaf", ["UPDATE log_entries SET leaf = zeroblob(32) WHERE seq = 60"], "changed-leaf", "entry 60"),
    ("column", ["UPDATE log_entries SET actor = 'nobody' WHERE seq = 60"], "changed-column", "entry 60 actor"),
    (
        "detail",
        ["UPDATE log_details SET details = replace(details, '\"', '''') WHERE seq = 60"],
        "changed-details",
        "entry 60",
    ),
    ("salt", ["UPDATE log_details SET salt = zeroblob(32) WHERE seq = 60"], "changed-details", "entry 60"),
    ("details gone", ["DELETE FROM log_details WHERE seq = 60"], "missing-details", "entry 60"),
    (
        "erasure without entry",
        ["INSERT INTO log_erased VALUES (60, 61)", "DELETE FROM log_details WHERE seq = 60"],
        "unexplained-erasure",
        "entry 60",
    ),
    ("details marked", ["INSERT INTO log_erased VALUES (60, 61)"], "restored-details", "entry 60"),
    (
        "middle",
        ["DELETE FROM log_details WHERE seq = 60", "DELETE FROM log_entries WHERE seq = 60"],
        "missing-entry",
        "entry 60",
    ),
    (
        "term",
        [
            "UPDATE log_terms SET value = 'S-0000-00' WHERE name = 'signal' AND seq = (SELECT min(seq) FROM log_terms WHERE name = 'signal')"
        ],
        "changed-term",
        None,
    ),
    ("term gone", ["DELETE FROM log_terms WHERE seq = (SELECT max(seq) FROM log_terms)"], "changed-term", None),
    ("term of nothing", ["INSERT INTO log_terms VALUES ('signal', 'S-0000-00', 99999)"], "changed-term", "entry 99999"),
    (
        "node",
        ["UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 4 AND position = 1"],
        "changed-node",
        "node 4/1 (entries 16..31)",
    ),
    (
        "node gone",
        ["DELETE FROM log_nodes WHERE level = 4 AND position = 1"],
        "changed-node",
        "node 4/1 (entries 16..31)",
    ),
    ("head", ["UPDATE log_head SET size = size + 2"], "missing-entry", None),
    ("frontier", ["UPDATE log_head SET frontier = zeroblob(length(frontier))"], "changed-head", "log_head"),
    ("no frontier", ["UPDATE log_head SET frontier = X''"], "changed-head", "log_head"),
    ("head of later", ["UPDATE log_head SET recorded_at = recorded_at + 1"], "changed-head", "log_head"),
    ("no head", ["DELETE FROM log_head"], "changed-head", "log_head"),
    (
        "checkpoint gone",
        ["DELETE FROM log_checkpoints WHERE size = (SELECT min(size) FROM log_checkpoints)"],
        "missing-checkpoint",
        None,
    ),
    (
        "note",
        [
            "UPDATE log_checkpoints SET note = replace(note, '— ', '— x') WHERE size = (SELECT max(size) FROM log_checkpoints)"
        ],
        "bad-checkpoint",
        None,
    ),
    ("stray details", ["INSERT INTO log_details VALUES (99999, zeroblob(32), '{}')"], "orphan-details", "entry 99999"),
    (
        "swapped",
        [
            "UPDATE log_entries SET seq = 99999 WHERE seq = 60",
            "UPDATE log_entries SET seq = 60 WHERE seq = 61",
            "UPDATE log_entries SET seq = 61 WHERE seq = 99999",
        ],
        "misplaced-entry",
        "entry 60",
    ),
    ("text for bytes", ["UPDATE log_entries SET entry = 'text' WHERE seq = 60"], "malformed-entry", "entry 60"),
]


@pytest.mark.parametrize(
    ("statements", "kind", "place"), [one[1:] for one in IN_THE_LOG], ids=[one[0] for one in IN_THE_LOG]
)
def test_what_somebody_did_to_the_log_is_found_with_its_place(busy, statements, kind, place):
    intrude(busy, *statements)

    met = found(busy)
    assert (kind, place) in met if place else kind in {one for one, _ in met}


@pytest.mark.parametrize(
    "table", ["log_entries", "log_details", "log_checkpoints", "log_head", "signals", "disclosures"]
)
def test_whatever_somebody_writes_into_a_column_is_found_and_breaks_nothing(sqlite_program, actor, table):
    # A home with one disclosure: the whole log is read for every column, and three hundred entries more say no more.
    busy = sqlite_program
    referred(busy, actor(busy, "havendam"), actor(busy, "essm"))
    for _day in range(2):
        jobs.run_checkpoint(busy)
        busy.clock.forward(days=1)
    columns = [column for column in Base.metadata.tables[table].columns if not isinstance(column.type, Boolean)]
    keys = [column.name for column in Base.metadata.tables[table].primary_key]
    newest = f"{keys[0]} = (SELECT max({keys[0]}) FROM {table})"
    intrude(busy, f"CREATE TABLE aside AS SELECT * FROM {table} WHERE {newest}")
    missed, tried = [], 0
    for column in columns:
        wrong, said = something_else(busy, column)
        try:
            intrude(busy, f"UPDATE {table} SET {column.name} = {wrong} WHERE {newest}")
        except IntegrityError:
            continue  # The database itself wants no such thing.
        tried += 1
        if not found(busy, seals="none", try_fence=False):
            missed.append(column.name)
        back = f"UPDATE {table} SET {column.name} = (SELECT {column.name} FROM aside) WHERE {said}"
        intrude(busy, back)
    assert missed == []
    assert tried > len(columns) / 2
    assert found(busy) == set()


def something_else(program, column):
    """What nobody wrote into a column, in SQL, and by which condition the row that has it is found again.

    On SQLite bytes, of which no column says anything; PostgreSQL takes only what fits.
    """
    if is_file(program.settings):
        return "X'00ff'", f"{column.name} = X'00ff'"
    kind = column.type.compile(postgresql.dialect()).partition("(")[0].partition(" ")[0]
    wrong = {"BYTEA": r"'\x00ff'", "TIMESTAMP": "'infinity'", "DATE": "'infinity'", "VARCHAR": "'x'", "TEXT": "'x'"}
    if kind == "JSON":
        return "'[\"x\"]'", f"{column.name}::text LIKE '%x%'"
    value = wrong.get(kind, "987654321")
    return value, f"{column.name} = {value}"


@pytest.mark.parametrize(
    ("table", "column"),
    [("log_entries", "actor"), ("log_entries", "leaf"), ("log_terms", "value"), ("signals", "municipality")],
)
def test_text_that_is_no_text_is_found_and_ends_no_check(busy, table, column):
    row = f"(SELECT min({column}) FROM {table} WHERE {column} <> '')"
    intrude(busy, f"UPDATE {table} SET {column} = CAST(X'ff41' AS TEXT) WHERE {column} = {row}")
    assert found(busy, seals="none")


def test_a_turn_that_is_claimed_before_it_came_is_found(busy):
    """Nothing else would say that no check and no erasure runs any more."""
    intrude(
        busy,
        "INSERT INTO job_runs (job, slot, claimed_at, outcome) VALUES ('retention', '2099-01-01T00:00', '2026-01-01 00:00:00.000000', '')",
    )
    assert found(busy) == {("row-without-entry", "job_runs retention/2099-01-01T00:00")}


def test_turns_that_ran_while_the_clock_was_ahead_are_told_once(busy):
    """What ran then is no work of somebody who keeps jobs from running; what is claimed further ahead still is."""
    assert run_due(replace(busy, clock=Clock(NOW + timedelta(days=7))))
    ahead = "SELECT count(*) FROM job_runs WHERE slot LIKE '____-__-__T__:__' AND slot > '2026-01-01'"
    assert one(busy, ahead)[0]
    last = one(busy, "SELECT max(seq) FROM log_entries")[0]
    assert found(busy) == {("clock-set-back", f"entry {last}")}
    intrude(
        busy,
        "INSERT INTO job_runs (job, slot, claimed_at, outcome) VALUES ('fsck', '2099-01-01T00:00', '2026-01-01 00:00:00.000000', '')",
    )
    assert found(busy) == {("clock-set-back", f"entry {last}"), ("row-without-entry", "job_runs fsck/2099-01-01T00:00")}


def test_another_mark_of_the_schema_is_found(busy):
    intrude(busy, "UPDATE alembic_version SET version_num = '0001'")
    assert found(busy) == {("changed-row", "alembic_version")}
    intrude(busy, "DROP TABLE alembic_version")
    assert found(busy) == {("changed-row", "alembic_version")}


def test_a_tail_that_was_cut_off_is_found(busy):
    size = one(busy, "SELECT size FROM log_head")[0]
    intrude(
        busy,
        f"DELETE FROM log_details WHERE seq >= {size - 3}",
        f"DELETE FROM log_terms WHERE seq >= {size - 3}",
        f"DELETE FROM log_entries WHERE seq >= {size - 3}",
    )

    met = found(busy)
    assert ("missing-entry", f"entries {size - 3}..{size - 1}") in met
    assert "changed-tree" in {kind for kind, _ in met}


def test_a_history_that_was_computed_anew_is_found_between_its_checkpoints(busy):
    """Entry, leaf, nodes and head fit each other; only what was signed does not."""

    def rewrite(connection):
        tree = merkle.CompactRange()
        for seq, entry in connection.execute(text("SELECT seq, entry FROM log_entries ORDER BY seq")).all():
            made = canonical_bytes({**json.loads(entry), "actor": "nobody"}) if seq == 60 else entry
            leaf = merkle.leaf_hash(made)
            for level, position, value in tree.append(leaf):
                connection.execute(
                    text("UPDATE log_nodes SET hash = :v WHERE level = :l AND position = :p"),
                    {"l": level, "p": position, "v": value},
                )
            connection.execute(
                text("UPDATE log_entries SET entry = :e, leaf = :l WHERE seq = :s"), {"e": made, "l": leaf, "s": seq}
            )
        connection.execute(text("UPDATE log_entries SET actor = 'nobody' WHERE seq = 60"))
        connection.execute(text("UPDATE log_head SET frontier = :f"), {"f": tree.to_bytes()})

    before = one(busy, "SELECT max(size) FROM log_checkpoints WHERE size <= 60")[0] or 0
    after = one(busy, "SELECT min(size) FROM log_checkpoints WHERE size > 60")[0]
    intrude(busy, rewrite)

    report = inspect(busy)
    told = [one for one in report.findings if one.kind == "changed-tree"]
    assert [one.at for one in told] == [f"checkpoint {after}"]
    assert f"between the checkpoints over {before} and {after}" in told[0].message


def test_a_time_that_runs_back_is_found(busy):
    def earlier(connection):
        entry = connection.execute(text("SELECT entry FROM log_entries WHERE seq = 60")).scalar_one()
        told = json.loads(entry)
        made = canonical_bytes(
            {**told, "recorded_at": told["recorded_at"] - 10**11, "occurred_at": told["occurred_at"] - 10**11}
        )
        connection.execute(
            text("UPDATE log_entries SET entry = :e, leaf = :l WHERE seq = 60"),
            {"e": made, "l": merkle.leaf_hash(made)},
        )

    intrude(busy, earlier)
    assert ("time-backwards", "entry 60") in found(busy)


def test_a_clock_that_was_set_back_is_found(busy):
    last = one(busy, "SELECT max(seq) FROM log_entries")[0]
    report = inspect(replace(busy, clock=Clock(NOW - timedelta(days=200))))
    assert ("clock-set-back", f"entry {last}") in {(one.kind, one.at) for one in report.findings}


def test_a_log_that_nobody_signs_any_more_is_found(busy):
    with transaction(busy, jobs.JOBS) as tx:
        tx.record("login:end", details={"cause": "test"})
    seq = one(busy, "SELECT max(seq) FROM log_entries")[0]

    assert found(busy) == set()
    assert found(replace(busy, clock=Clock(NOW + timedelta(hours=1)))) == {("signing-stopped", f"entry {seq}")}


def _an_outbox_run(program):
    """What the jobs leave every minute."""
    (outbox,) = (job for job in jobs.jobs(program.settings) if job.name == "outbox")
    assert take_turn(program, outbox).result == "done"


def _ended_session(program):
    with transaction(program, jobs.JOBS) as tx:
        tx.record("login:end", details={"cause": "test"})


def test_a_pause_of_everything_is_no_end_of_signing_but_what_follows_unsigned_is(busy):
    clock = Clock(NOW)
    program = replace(busy, clock=clock)
    seq = one(program, "SELECT max(seq) + 1 FROM log_entries")[0]
    _an_outbox_run(program)
    _ended_session(program)

    clock.forward(hours=3)  # Nobody writes, and no job runs.
    assert found(program) == set()
    assert signer_watch.stopped(program) is None
    _ended_session(program)  # Everything runs again; the signer had no turn yet.
    _an_outbox_run(program)
    clock.forward(minutes=4)
    assert found(program) == set()

    for _ in range(8):  # Somebody works, the jobs run, and nobody signs.
        clock.forward(minutes=1)
        _an_outbox_run(program)
    clock.forward(minutes=1)
    assert found(program) == {("signing-stopped", f"entry {seq}")}
    assert signer_watch.stopped(program).at == f"entry {seq}"


def test_entries_that_come_now_and_then_are_told_when_nobody_signs_them(busy):
    clock = Clock(NOW)
    program = replace(busy, clock=clock)
    seq = one(program, "SELECT max(seq) + 1 FROM log_entries")[0]
    _an_outbox_run(program)
    _ended_session(program)
    for _ in range(2):
        clock.forward(minutes=20)
        _ended_session(program)

    assert found(program) == {("signing-stopped", f"entry {seq}")}  # The jobs were gone before the second pause.


# -- tampering with the fence -------------------------------------------------------------------------------------


def test_a_fence_that_was_taken_away_is_found_and_tried(program):
    tamper(program, "SELECT 1")

    met = found(program)
    assert ("missing-trigger", "trigger log_entries_no_update") in met
    assert ("missing-trigger", "UPDATE log_entries") in met
    assert ("missing-trigger", "DELETE log_head") in met
    assert one(program, "SELECT count(*) FROM log_head")[0] == 1  # What was tried was taken back.


def test_a_hollow_trigger_and_a_stranger_are_found(program):
    sqlite = program.settings.database_url.startswith("sqlite")
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        if sqlite:
            connection.execute(text("DROP TRIGGER log_entries_no_update"))
            connection.execute(
                text("CREATE TRIGGER log_entries_no_update BEFORE UPDATE ON log_entries BEGIN SELECT 1; END")
            )
            connection.execute(text("CREATE TRIGGER helper AFTER INSERT ON signals BEGIN SELECT 1; END"))
        else:
            connection.execute(text("ALTER TABLE log_entries DISABLE TRIGGER log_entries_no_update"))
            connection.execute(
                text(
                    "CREATE TRIGGER helper BEFORE TRUNCATE ON signals FOR EACH STATEMENT EXECUTE FUNCTION log_only_grows()"
                )
            )
    engine.dispose()

    assert found(program) == {
        ("missing-trigger", "trigger log_entries_no_update"),
        ("missing-trigger", "UPDATE log_entries"),
        ("unknown-trigger", "trigger helper"),
    }


def test_a_stranger_under_a_name_of_ours_is_found(program):
    sqlite = program.settings.database_url.startswith("sqlite")
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        if sqlite:
            # Of a database that was moved elsewhere this one stands on the head of the log.
            connection.execute(
                text(
                    "CREATE TRIGGER log_head_closed AFTER INSERT ON signals BEGIN UPDATE signals SET urgency = ''; END"
                )
            )
        else:
            text_of = "CREATE TRIGGER {} BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION log_only_grows()"
            for name, table in (
                ("log_head_closed", "signals"),
                ("places_signals", "drafts"),
                ("log_head_no_update", "notes"),
            ):
                connection.execute(text(text_of.format(name, table)))
            connection.execute(
                text(
                    "CREATE OR REPLACE FUNCTION fence.places_duties() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
                    "AS 'BEGIN RETURN NULL; END'"
                )
            )
    engine.dispose()

    strangers = {"log_head_closed"} if sqlite else {"log_head_closed", "places_signals", "log_head_no_update"}
    hollow = set() if sqlite else {"places_duties", "places_duties_changed"}
    assert found(program, try_fence=False) == {
        *(("unknown-trigger", f"trigger {name}") for name in strangers),
        *(("missing-trigger", f"trigger {name}") for name in hollow),
    }


@pytest.mark.postgres
def test_a_rule_that_swallows_writes_and_a_fence_around_another_table_are_found(program):
    if program.settings.database_url.startswith("sqlite"):
        pytest.skip("rules, policies and schemas are PostgreSQL's")
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        for statement in (
            "CREATE RULE quiet AS ON INSERT TO incidents DO INSTEAD NOTHING",
            "CREATE POLICY some_rows ON signals USING (false)",
            "CREATE SCHEMA beside",
            "CREATE TABLE beside.log_entries (LIKE log_entries)",
            "DROP TRIGGER log_entries_no_update ON log_entries",
            "CREATE TRIGGER log_entries_no_update BEFORE UPDATE ON beside.log_entries FOR EACH ROW EXECUTE FUNCTION log_only_grows()",
        ):
            connection.execute(text(statement))
    engine.dispose()

    assert found(program, try_fence=False) == {
        ("missing-trigger", "trigger log_entries_no_update"),
        ("unknown-trigger", "rule quiet on incidents"),
        ("unknown-trigger", "rule some_rows on signals"),
    }


def test_without_trying_the_fence_nothing_is_written(busy):
    tamper(busy, "SELECT 1")
    kinds = {at for _, at in found(busy, try_fence=False)}
    assert "trigger log_entries_no_update" in kinds
    assert "UPDATE log_entries" not in kinds


# -- tampering with the rows --------------------------------------------------------------------------------------

SIGNAL_COLUMNS = ", ".join(Base.metadata.tables["signals"].columns.keys())
BY_HAND = SIGNAL_COLUMNS.replace("id, reference", "'feed', 'S-0000-00'", 1)
# One of which something is left to tamper with.
SIGNAL = "(SELECT min(reference) FROM signals WHERE state <> 'expired')"
DISCLOSURE = "(SELECT min(reference) FROM disclosures WHERE disclosed_at IS NOT NULL)"
# A subject of whom tags are left when one of them goes: else the whole group is gone, which is another finding.
RICHEST = (
    "subject_id = (SELECT subject_id FROM match_tags GROUP BY subject_id ORDER BY count(*) DESC, subject_id LIMIT 1)"
)
# Statement, kind, and where it is, as SQL that gives the place.
IN_THE_ROWS = {
    "signal by hand": (
        f"INSERT INTO signals ({SIGNAL_COLUMNS}) SELECT {BY_HAND} FROM signals LIMIT 1",
        "row-without-entry",
        "SELECT 'signals S-0000-00'",
    ),
    "signal changed": (
        f"UPDATE signals SET municipality = 'Elders' WHERE reference = {SIGNAL}",
        "changed-row",
        f"SELECT 'signals ' || {SIGNAL}",
    ),
    "keep until": (
        f"UPDATE signals SET keep_until = '2099-01-01' WHERE reference = {SIGNAL}",
        "changed-row",
        f"SELECT 'signals ' || {SIGNAL}",
    ),
    "role by hand": (
        "INSERT INTO account_roles SELECT id, 'administrator' FROM accounts WHERE login = 'riec'",
        "row-without-entry",
        "SELECT 'account_roles ' || id || '/administrator' FROM accounts WHERE login = 'riec'",
    ),
    "role taken": (
        "DELETE FROM account_roles WHERE role = 'auditor'",
        "entry-without-row",
        "SELECT 'account_roles ' || id || '/auditor' FROM accounts WHERE login = 'auditor'",
    ),
    "password": (
        "UPDATE accounts SET password_hash = 'x' WHERE login = 'beheer'",
        "changed-row",
        "SELECT 'accounts ' || id FROM accounts WHERE login = 'beheer'",
    ),
    "agency": ("UPDATE agencies SET kind = 'police' WHERE id = 'riec'", "changed-row", "SELECT 'agencies riec'"),
    "destination": (
        "INSERT INTO agency_destinations VALUES ('riec', 'avim')",
        "row-without-entry",
        "SELECT 'agency_destinations riec/avim'",
    ),
    "member": (
        "DELETE FROM table_members WHERE agency_id = 'riec'",
        "entry-without-row",
        "SELECT 'table_members ' || id || '/riec' FROM regional_tables WHERE theme = ''",
    ),
    "disclosure ground": (
        f"UPDATE disclosures SET ground = 'D1' WHERE reference = {DISCLOSURE}",
        "changed-row",
        f"SELECT 'disclosures ' || {DISCLOSURE}",
    ),
    "disclosure time": (
        f"UPDATE disclosures SET disclosed_at = '2020-01-01 00:00:00.000000' WHERE reference = {DISCLOSURE}",
        "changed-row",
        f"SELECT 'disclosures ' || {DISCLOSURE}",
    ),
    "unreadable": (
        f"UPDATE disclosures SET disclosed_at = 'yesterday' WHERE reference = {DISCLOSURE}",
        "changed-row",
        "SELECT 'disclosures ' || id FROM disclosures WHERE disclosed_at = 'yesterday'",
    ),
    "question": ("UPDATE questions SET answer = 'no_hit' WHERE id = (SELECT min(id) FROM questions WHERE answer = 'hit')", "changed-row", None),
    "verdict": ("UPDATE link_verdicts SET confirmed = NOT confirmed", "changed-row", None),
    "link": ("UPDATE links SET state = 'confirmed' WHERE state <> 'confirmed'", "changed-row", None),
    "note": ("DELETE FROM notes WHERE id = (SELECT min(id) FROM notes)", "entry-without-row", None),
    "agenda": (
        "UPDATE agenda_items SET decision = 'close' WHERE id = (SELECT min(id) FROM agenda_items WHERE decision = '')",
        "changed-row",
        None,
    ),
    "meeting": ("UPDATE meetings SET held_on = '2020-01-01'", "changed-row", None),
    "duty": ("UPDATE duties SET fulfilled_at = created_at, result = 'done' WHERE fulfilled_at IS NULL", "changed-row", None),
    "duty gone": ("DELETE FROM duties WHERE id = (SELECT min(id) FROM duties)", "entry-without-row", None),
    "decision": ("UPDATE decisions SET outcome = '{}' WHERE id = (SELECT min(id) FROM decisions)", "changed-row", None),
    "policy": ("UPDATE policy_versions SET files = zeroblob(9)", "changed-row", "SELECT 'policy_versions ' || digest FROM policy_versions"),
    "move": ("DELETE FROM signal_moves WHERE id = (SELECT min(id) FROM signal_moves)", "entry-without-row", None),
    "field": ("UPDATE subject_fields SET sure = NOT sure", "changed-row", None),
    "tag": (f"DELETE FROM match_tags WHERE digest = (SELECT min(digest) FROM match_tags WHERE {RICHEST}) AND {RICHEST}", "changed-row", None),
    "key": ("DELETE FROM subject_keys WHERE subject_id = (SELECT min(subject_id) FROM subject_keys)", "entry-without-row", None),
    "draft": ("UPDATE drafts SET expires_at = '2099-01-01 00:00:00.000000'", "changed-row", None),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_THE_ROWS)
def test_what_somebody_did_to_a_row_is_found_with_table_and_row(busy, name):
    statement, kind, place = IN_THE_ROWS[name]
    intrude(busy, statement)

    met = found(busy, seals="none")
    assert {one for one, _ in met} == {kind}
    if place:
        assert met == {(kind, one(busy, place)[0])}


def test_every_table_is_declared():
    tables = set(Base.metadata.tables)
    assert row_digests.TRACKED.keys() | row_digests.UNTRACKED.keys() == tables
    assert not row_digests.TRACKED.keys() & row_digests.UNTRACKED.keys()
    for name, declared in row_digests.TRACKED.items():
        columns = Base.metadata.tables[name].columns
        assert {declared.object, *declared.parents, *declared.ignored} - {""} <= set(columns.keys()), name
        assert set(declared.parents.values()) <= row_digests.TRACKED.keys()
        assert declared.object or declared.parents, f"{name}: no entry could ever name such a row"


def test_a_key_that_came_back_after_erasure_is_found(played, tmp_path):
    clock = Clock(NOW + timedelta(minutes=1))
    for program in copied.__wrapped__(played, tmp_path, clock):
        engine = owners_engine(program.settings)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE aside AS SELECT * FROM subject_keys"))
        clock.forward(days=5000)
        retention.sweep(program, jobs.JOBS)
        jobs.run_checkpoint(program)
        assert inspect(program).findings == ()
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO subject_keys SELECT * FROM aside WHERE subject_id NOT IN (SELECT subject_id FROM subject_keys) LIMIT 1"
                )
            )
        engine.dispose()
        kept = {one.at for one in inspect(program).findings if one.kind == "row-without-entry"}
        assert len(kept) == 1
        assert kept.pop().startswith("subject_keys ")


def test_an_entry_of_destroyed_details_still_asks_for_its_signal(played, tmp_path):
    clock = Clock(NOW + timedelta(minutes=1))
    for program in copied.__wrapped__(played, tmp_path, clock):
        clock.forward(days=5000)
        retention.sweep(program, jobs.JOBS)
        jobs.run_checkpoint(program)
        with reading(program) as session:
            reference = session.query(Signal).filter(Signal.owner_sealed == b"").first().reference
        intrude(program, f"DELETE FROM signals WHERE reference = '{reference}'")
        assert ("entry-without-row", f"signals {reference}") in found(program)


def test_what_is_sealed_opens_in_its_own_place_only(busy):
    intrude(
        busy,
        "UPDATE signals SET owner_sealed = (SELECT owner_sealed FROM signals"
        f" WHERE state <> 'expired' AND reference <> {SIGNAL} ORDER BY reference LIMIT 1)"
        f" WHERE reference = {SIGNAL}",
        "UPDATE subject_fields SET sealed = (SELECT sealed FROM subject_fields WHERE name = 'phone' LIMIT 1)"
        " WHERE name = 'surname'",
    )
    kinds = [at for kind, at in found(busy, seals="all") if kind == "changed-seal"]
    reference = one(busy, f"SELECT {SIGNAL}")[0]
    assert f"signals {reference} owner_sealed" in kinds
    assert any(at.startswith("subject_fields ") and at.endswith("/surname") for at in kinds)
    assert not any(at.endswith("/given_name") for at in kinds)


def test_places_and_messages_hold_no_content(busy):
    intrude(busy, "UPDATE signals SET narrative_masked = 'Kanarinda'", "UPDATE accounts SET name = 'Kanarinda'")
    told = json.dumps(inspect(busy).as_json())
    assert "changed-row" in told
    assert "Kanarinda" not in told
    with reading(busy) as session:
        assert not any(name in told for (name,) in session.query(Account.login))


# -- what stands outside ------------------------------------------------------------------------------------------


def test_an_old_copy_of_the_database_that_was_put_back_is_found(busy):
    old = back_up(busy)
    with transaction(busy, jobs.JOBS) as tx:
        tx.record("login:end", details={"cause": "test"})
    size = jobs.run_checkpoint(busy).partition(":")[2]
    put_back(busy, old)

    assert ("restored-database", f"checkpoint {size}") in found(busy)


def test_a_note_of_the_signer_that_tells_another_history_is_found(busy):
    newest = max((busy.settings.home / "checkpoints").iterdir())
    newest.write_text(newest.read_text().replace("— ", "— x"))
    assert {kind for kind, _ in found(busy)} == {"bad-held-checkpoint"}


def test_a_changed_register_of_erasures_is_found(busy):
    lines = busy.settings.erasures.read_text().splitlines()
    busy.settings.erasures.write_text("\n".join([lines[0].replace('"rule":"', '"rule":"x'), *lines[1:]]) + "\n")
    assert ("changed-register", "erasures.jsonl line 1") in found(busy)


def test_a_log_that_reaches_too_few_agencies_is_found_after_two_days(busy):
    clock = Clock(NOW + timedelta(minutes=1))
    program = replace(busy, clock=clock)
    witnesses.send(program, jobs.JOBS)
    assert found(program) == set()
    clock.forward(days=3)
    jobs.run_checkpoint(program)
    assert found(program) == {("too-few-witnesses", "witnesses")}
    witnesses.send(program, jobs.JOBS)
    report = inspect(program)
    assert report.findings == ()
    assert report.checked["witnesses"] >= witnesses.ENOUGH


def test_an_agency_that_keeps_another_state_of_the_log_is_told_once(busy):
    with transaction(busy, jobs.JOBS) as tx:
        tx.record("checkpoint:compare", outcome="error", reason="not_signed", details={"result": "not_signed"})
        tx.record("checkpoint:compare", outcome="error", reason="fork", details={"result": "fork", "size": 60})
    seq = one(busy, "SELECT max(seq) FROM log_entries")[0]
    incidents.check(busy, jobs.JOBS)
    assert [(line.kind, line.place) for line in lines(busy)] == [("witness-disagrees", f"entry {seq}")]
    assert found(busy) == set()


# -- incidents ----------------------------------------------------------------------------------------------------


def lines(program, login="coordinator"):
    with transaction(program, actors.actor_of_login(program, login)) as tx:
        return incidents.listing(tx)[0]


def test_a_finding_stays_one_incident_until_it_is_settled_and_then_opens_anew(busy):
    intrude(busy, "UPDATE agencies SET kind = 'police' WHERE id = 'riec'")
    incidents.check(busy, jobs.JOBS)
    incidents.check(busy, jobs.JOBS)
    (line,) = lines(busy)
    assert (line.kind, line.place, line.times) == ("changed-row", "agencies riec", 2)

    with transaction(busy, actors.actor_of_login(busy, "fg.havendam")) as tx:
        incidents.settle(tx, line.id, "repaired", "Met de hand hersteld door de beheerder, zie het draaiboek.")
    assert lines(busy) == []
    incidents.check(busy, jobs.JOBS)
    (again,) = lines(busy)
    assert again.id != line.id
    # And the incidents themselves are rows that the log accounts for
    assert {(one.kind, one.at) for one in inspect(busy).findings} == {("changed-row", "agencies riec")}


ANY_TABLE = {
    "made": "INSERT INTO agency_destinations VALUES ('riec', 'avim')",
    "changed": "UPDATE agencies SET kind = 'police' WHERE id = 'riec'",
    "changed, with a reference": f"UPDATE signals SET municipality = 'Elders' WHERE reference = {SIGNAL}",
    "changed, a group": "DELETE FROM match_tags WHERE digest = (SELECT min(digest) FROM match_tags)",
    "made, with a hidden name": "INSERT INTO excluded_tags (digest, set_id, exclusion_id, key_version) VALUES (x'00', 'person', 'none', 1)",
    "made, with a reference": f"INSERT INTO signals ({SIGNAL_COLUMNS}) SELECT {BY_HAND} FROM signals LIMIT 1",
    "made, with an odd key": "INSERT INTO agencies VALUES ('a b', 'Een ander', 'riec', 1, '2027-01-01 00:00:00.000000')",
    "gone": "DELETE FROM duties WHERE id = (SELECT min(id) FROM duties)",
    "gone, the first": "DELETE FROM disclosures WHERE id = (SELECT id FROM disclosures ORDER BY requested_at, id LIMIT 1)",
    "gone, the last": "DELETE FROM disclosures WHERE id = (SELECT id FROM disclosures ORDER BY requested_at DESC, id LIMIT 1)",
    "gone, all": "DELETE FROM disclosures",
}


def _settle(program, login, result):
    for line in lines(program):
        with transaction(program, actors.actor_of_login(program, login)) as tx:
            incidents.settle(tx, line.id, result, "Door de beheerder gedaan, zie wijziging 12 in het draaiboek.")


@pytest.mark.parametrize("name", ANY_TABLE)
def test_a_row_that_somebody_explained_counts_as_it_is(busy, name):
    intrude(busy, ANY_TABLE[name])
    incidents.check(busy, jobs.JOBS)
    # A seal that a hand put there opens as little after this as before.
    places = {line.place for line in lines(busy) if line.kind != "changed-seal"}
    _settle(busy, "fg.havendam", "explained")

    assert found(busy, seals="none") == set()
    told = log(busy, "log:rows")
    assert {(details["cause"], details["at"]) for _entry, details in told} == {("explained", at) for at in places}
    assert {entry.actor for entry, _details in told} == {actors.actor_of_login(busy, "fg.havendam").account_id}
    assert {details["incident"] for _entry, details in told} == {entry.object for entry, _details in told} != {""}


def test_rows_of_every_shape_count_on_both_databases(program):
    intrude(
        program,
        ANY_TABLE["changed"],
        "INSERT INTO account_roles SELECT id, 'administrator' FROM accounts WHERE login = 'riec'",
        "DELETE FROM table_members WHERE agency_id = 'riec'",
        "UPDATE policy_versions SET first_loaded_at = '2020-01-01'",
    )
    incidents.check(program, jobs.JOBS)
    assert {line.kind for line in lines(program)} >= {"changed-row", "row-without-entry", "entry-without-row"}
    _settle(program, "fg.havendam", "explained")

    assert {kind for kind, _at in found(program)} & {"changed-row", "row-without-entry", "entry-without-row"} == set()


def test_a_row_that_was_explained_and_changed_again_is_found_again(busy):
    for kind in ("police", "ngo"):
        intrude(busy, f"UPDATE agencies SET kind = '{kind}' WHERE id = 'riec'")
        assert found(busy) == {("changed-row", "agencies riec")}
        incidents.check(busy, jobs.JOBS)
        _settle(busy, "coordinator", "explained")
        assert found(busy) == set()
    intrude(busy, "DELETE FROM agencies WHERE id = 'riec'")
    assert ("entry-without-row", "agencies riec") in found(busy, seals="none")


def test_a_row_that_was_explained_as_gone_may_not_come_back(busy):
    intrude(
        busy, "CREATE TABLE aside AS SELECT * FROM duties", "DELETE FROM duties WHERE id = (SELECT min(id) FROM duties)"
    )
    incidents.check(busy, jobs.JOBS)
    (line,) = lines(busy)
    _settle(busy, "coordinator", "explained")
    intrude(busy, "INSERT INTO duties SELECT * FROM aside WHERE id = (SELECT min(id) FROM aside)", "DROP TABLE aside")

    assert found(busy) == {("row-without-entry", line.place)}


@pytest.mark.parametrize("result", [one for one in incidents.RESULTS if one != "explained"])
def test_any_other_result_lets_nothing_count(busy, result):
    intrude(busy, ANY_TABLE["changed"])
    incidents.check(busy, jobs.JOBS)
    _settle(busy, "coordinator", result)

    assert found(busy) == {("changed-row", "agencies riec")}
    assert log(busy, "log:rows") == []


def test_nothing_of_the_log_itself_is_explained_away(busy):
    intrude(
        busy,
        "UPDATE log_entries SET outcome = 'refused' WHERE seq = 5",
        "DELETE FROM log_details WHERE seq = 6",
        "UPDATE log_nodes SET hash = zeroblob(32) WHERE level = 4 AND position = 0",
    )
    before = found(busy)
    incidents.check(busy, jobs.JOBS)
    _settle(busy, "coordinator", "explained")

    assert found(busy) == before != set()
    assert log(busy, "log:rows") == []


def test_a_row_that_nobody_can_read_is_repaired_before_it_counts(busy):
    intrude(busy, f"UPDATE disclosures SET disclosed_at = 'yesterday' WHERE reference = {DISCLOSURE}")
    incidents.check(busy, jobs.JOBS)

    with pytest.raises(UnusableInput):
        _settle(busy, "coordinator", "explained")
    assert len(lines(busy)) == 1
    _settle(busy, "coordinator", "reported")


def test_those_who_settle_get_a_mail_once(busy):
    intrude(busy, "UPDATE agencies SET kind = 'police' WHERE id IN ('riec', 'avim')")
    incidents.check(busy, jobs.JOBS)
    incidents.check(busy, jobs.JOBS)
    engine = owners_engine(busy.settings)
    with engine.connect() as connection:
        told = connection.execute(
            text(
                "SELECT login, count(*) FROM mails JOIN accounts a ON a.id = account_id WHERE template = 'incident' GROUP BY login"
            )
        )
        assert dict(told.all()) == {"coordinator": 1, "fg.havendam": 1, "fg.delinde": 1}
    engine.dispose()


def test_thousands_of_findings_are_never_thousands_of_incidents(busy):
    intrude(
        busy,
        "UPDATE match_tags SET key_version = 9",
        "UPDATE decisions SET outcome = '{}'",
        "UPDATE subjects SET role = 'x'",
    )
    incidents.check(busy, jobs.JOBS)
    found_lines = lines(busy)
    assert len(found_lines) == incidents.MOST_PER_KIND + 1
    (many,) = [one for one in found_lines if one.place == incidents.MANY]
    assert "were found" in many.message


def test_a_check_is_in_the_log_with_what_it_found(busy):
    intrude(busy, "UPDATE agencies SET kind = 'police' WHERE id = 'riec'")
    incidents.check(busy, jobs.JOBS)
    with reading(busy) as session:
        last = session.query(LogEntry).order_by(LogEntry.seq.desc()).limit(2).all()
    assert [one.action for one in last] == ["incident:open", "log:check"]


def test_the_nightly_job_checks_once_a_day(busy):
    job = next(one for one in jobs.jobs(busy.settings) if one.name == "fsck")
    assert jobs.run_once(busy, job).endswith("findings:0")
    assert jobs.run_once(busy, job) == jobs.TAKEN
