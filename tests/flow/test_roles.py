"""Each role of PostgreSQL can do its work and nothing else: tried on a real server, and compared with docs/database-roles.md."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import ProgrammingError

from audit import checkpoint, key_chain
from audit.merkle import CompactRange, leaf_hash
from signaltable import roles
from signaltable.cli import main
from signaltable.db import make_engine
from signaltable.flow import auditing, fsck, key_ceremony, sampling, setup
from signaltable.flow.sample_report import RESULTS
from signaltable.jobs.duty import Duty, SignersHome, duty_of_jobs
from signaltable.jobs.running import run_due
from signaltable.jobs.work import watch_signer
from signaltable.keys import KeyRingError
from signaltable.keys.chosen import is_signers
from signaltable.models import JobTurn, LogCheckpoint, Sample
from signaltable.program import open_program
from signaltable.settings import CHECKOUT, UnusableSettings
from signaltable.transaction import reading, transaction
from tests.conftest import OWNER_ROLE, PROGRAM_ROLE, _administer, coming_as
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import submitted, use

pytestmark = pytest.mark.postgres

SIGNER_ROLE, AUDITOR_ROLE = "signaltable_test_signer", "signaltable_test_auditor"
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
PAGE = CHECKOUT / "docs" / "database-roles.md"


@pytest.fixture
def with_roles(postgres_program, postgres_server):
    """The program, in whose database signer and auditor got what they need."""
    for role in (SIGNER_ROLE, AUDITOR_ROLE):
        _administer(
            postgres_server,
            f"DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD '{role}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        )
    settings = replace(postgres_program.settings, signer_role=SIGNER_ROLE, auditor_role=AUDITOR_ROLE)
    _grant(settings)
    return replace(postgres_program, settings=settings)


def _grant(settings):
    engine = make_engine(settings.owner_url)
    with engine.begin() as connection:
        roles.grant(connection, settings)
    engine.dispose()


def _as(program, role):
    return create_engine(coming_as(program.settings.database_url, role))


@pytest.fixture
def signer(with_roles, tmp_path):
    """The program of the signer: a home of its own with the key of the log, two derived keys, and no ring."""
    settings = with_roles.settings
    home = tmp_path / "signer"
    (home / "keys").mkdir(mode=0o700, parents=True)
    key_ceremony.for_signer(with_roles, setup.INSTALLER, home / "keys" / "for-signer.json")
    settings.log_key.rename(home / "keys" / "log-signer.key")
    settings.log_public_key.rename(home / "keys" / "log-public.key")
    own = replace(
        settings,
        home=home,
        mode="production",
        database_url=coming_as(settings.database_url, SIGNER_ROLE),
        owner_url="",
    )
    opened = replace(open_program(own), clock=with_roles.clock)
    yield opened
    opened.write_sessions().get_bind().engine.dispose()


def _for_web(program, signer):
    """The program as web and jobs see it: they know where the public keys are, and cannot read the private one."""
    elsewhere = {
        "log_key_elsewhere": signer.settings.log_key,
        "log_public_key_elsewhere": signer.settings.log_public_key,
    }
    return replace(program, settings=replace(program.settings, **elsewhere))


# -- what each can do ----------------------------------------------------------------------------------------------


def test_the_signer_signs_and_makes_exports_and_reports_in_a_home_without_a_ring(with_roles, signer, actor, clock):
    program = _for_web(with_roles, signer)
    _disclosed(program, actor)
    auditor = actor(program, "auditor")
    request = use(program, auditor, auditing.request_export)
    sample = use(program, auditor, sampling.draw_sample, sampling.Chosen(), seed="dobbelsteen 4 2", size=1)
    use(program, auditor, sampling.judge, sample, 1, verdict="in_order", looked_at=[], finding="")
    use(program, auditor, sampling.conclude, sample, result=next(iter(RESULTS)), conclusion="Niets gevonden.")
    clock.forward(minutes=6)

    done = {one.job: one.result for one in run_due(signer, Duty.SIGNING)}

    assert (done["checkpoint"], done["exports"], done["reports"]) == ("done", "done", "done")
    assert done.keys() & {"retention", "outbox", "fsck"} == set()
    with transaction(program, auditor) as tx:
        assert auditing.export_state(tx, request).state == "ready"
    with reading(program) as session:
        assert all(session.scalars(select(Sample.signature)))
    assert [(one.kind, one.at) for one in fsck.inspect(program).findings] == []
    # A signer without a ring opens nothing, whatever the database gives.
    assert is_signers(signer.settings)
    with pytest.raises(KeyRingError, match="key ring"):
        signer.keys.open("avim", b"", b"")
    with pytest.raises(KeyRingError, match="key ring"):
        signer.keys.derive("match", "tags")
    # The other jobs would fail here, and take their turns from who can do them.
    with pytest.raises(SignersHome, match="signaltable signer"):
        duty_of_jobs(signer.settings)
    assert duty_of_jobs(with_roles.settings) is Duty.REST  # Its key was taken away.


def _disclosed(program, actor):
    owner = actor(program, "havendam")
    disclosed(program, owner, submitted(program, owner, a_signal(consent=GIVEN)), "essm", ground="X1")


def test_the_signer_reaches_no_case_and_no_account(with_roles, signer):
    with signer.read_sessions() as session:
        for table in ("signals", "subjects", "subject_fields", "match_tags", "accounts", "drafts", "mails", "sessions"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                session.execute(text(f"SELECT 1 FROM {table}"))
            session.rollback()


def test_a_command_that_the_role_may_not_do_ends_with_one_line(signer, monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(signer.settings.home))
    monkeypatch.setenv("DATABASE_URL", signer.settings.database_url)
    done = CliRunner().invoke(main, ["invite", "beheer"])
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "may not do this" in done.stderr


def test_a_signer_that_refuses_is_told_of_by_the_jobs(with_roles, signer, clock):
    program = _for_web(with_roles, signer)
    run_due(signer, Duty.SIGNING)
    with reading(program) as session:
        newest = session.scalars(select(LogCheckpoint.size).order_by(LogCheckpoint.size.desc()).limit(1)).one()
    # Somebody who owns the tables puts another entry in the place of one that was signed.
    engine = make_engine(program.settings.owner_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE log_entries DISABLE TRIGGER USER"))
        connection.execute(text(f"UPDATE log_entries SET leaf = sha256(leaf) WHERE seq = {newest - 1}"))
    engine.dispose()
    clock.forward(minutes=6)

    (checkpoint_, *_) = run_due(signer, Duty.SIGNING)

    assert checkpoint_.outcome == "error:LogBroken"
    with reading(program) as session:
        assert session.get_one(JobTurn, "checkpoint").problem == "error:LogBroken"
    assert watch_signer(program) == ""
    with program.read_sessions() as session:
        assert session.scalars(text("SELECT kind FROM incidents")).all() == ["signing-stopped"]


def test_the_auditor_checks_the_whole_log_with_what_it_may_read(with_roles, signer, actor):
    program = _for_web(with_roles, signer)
    _disclosed(program, actor)
    run_due(signer, Duty.SIGNING)
    keys = key_chain.parse(signer.settings.log_public_key.read_text())
    engine = _as(program, AUDITOR_ROLE)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT seq, entry, leaf FROM log_entries ORDER BY seq")).all()
        notes = connection.execute(text("SELECT note FROM log_checkpoints ORDER BY size")).scalars().all()
        details = connection.execute(text("SELECT count(*) FROM log_details")).scalar_one()
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("SELECT value FROM log_terms"))
    engine.dispose()
    tree = CompactRange()
    roots = {}
    for row in rows:
        assert leaf_hash(bytes(row.entry)) == bytes(row.leaf)
        tree.append(bytes(row.leaf))
        roots[tree.size] = tree.root()
    signed = checkpoint.open_note(notes[-1], keys)
    assert roots[signed.size] == signed.root
    assert details == len(rows)


def test_a_role_that_does_other_work_gets_nothing(with_roles):
    for role in (PROGRAM_ROLE, OWNER_ROLE):
        with pytest.raises(UnusableSettings, match="role of its own"):
            _grant(replace(with_roles.settings, signer_role=role))
    with pytest.raises(UnusableSettings, match="role of its own"):
        _grant(replace(with_roles.settings, auditor_role=SIGNER_ROLE))


def test_what_was_granted_by_hand_goes_with_the_next_upgrade(with_roles):
    engine = make_engine(with_roles.settings.owner_url)
    with engine.begin() as connection:
        connection.execute(text(f"GRANT SELECT, DELETE ON signals TO {AUDITOR_ROLE}"))
        connection.execute(text(f"GRANT SELECT (password_hash) ON accounts TO {SIGNER_ROLE}"))
    engine.dispose()
    _grant(with_roles.settings)
    assert _found(with_roles, AUDITOR_ROLE).get("signals", "-") == "-"
    assert _found(with_roles, SIGNER_ROLE).get("accounts", "-") == "-"


# -- the matrix ----------------------------------------------------------------------------------------------------


def _rows_of_page():
    """Table -> what the page says of program, signer and auditor."""
    lines = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    return {table: tuple(cell.strip() for cell in cells) for table, *cells in lines}


PRIVILEGES = text(
    """
    SELECT c.relname, v.verb, has_table_privilege(:role, c.oid, v.verb),
      CASE WHEN v.verb IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
        THEN has_any_column_privilege(:role, c.oid, v.verb) ELSE false END
    FROM pg_class c CROSS JOIN unnest(CAST(:verbs AS text[])) WITH ORDINALITY AS v (verb, number)
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND c.relnamespace = CAST(current_schema() AS regnamespace)
    ORDER BY c.relname, v.number
    """
)


def _found(program, role):
    """Table -> what the database lets this role do there: S, I, U, D and so on, small where it is for some columns."""
    engine = make_engine(program.settings.owner_url)
    with engine.connect() as connection:
        rows = connection.execute(PRIVILEGES, {"role": role, "verbs": list(VERBS)}).all()
    engine.dispose()
    found: dict[str, str] = {}
    for table, verb, whole, some in rows:
        found[table] = found.get(table, "") + (verb[0] if whole else verb[0].lower() if some else "")
    return {table: letters or "-" for table, letters in found.items()}


def test_every_table_and_verb_is_as_the_page_says(with_roles):
    """A table that is new needs a row on the page, and somebody who thought about each role."""
    told = _rows_of_page()
    found = [_found(with_roles, role) for role in (PROGRAM_ROLE, SIGNER_ROLE, AUDITOR_ROLE)]
    assert sorted(told) == sorted(found[0])
    assert {table: tuple(one[table] for one in found) for table in found[0]} == told


def test_no_role_makes_or_owns_anything(with_roles):
    engine = make_engine(with_roles.settings.owner_url)
    with engine.connect() as connection:
        for role in (PROGRAM_ROLE, SIGNER_ROLE, AUDITOR_ROLE):
            for schema in ("public", "fence"):
                assert not connection.execute(
                    text("SELECT has_schema_privilege(:role, :schema, 'CREATE')"), {"role": role, "schema": schema}
                ).scalar_one(), (role, schema)
            assert not connection.execute(
                text("SELECT has_table_privilege(:role, 'fence.keys', 'SELECT')"), {"role": role}
            ).scalar_one()
            owned = text("SELECT count(*) FROM pg_class WHERE relowner = CAST(:role AS regrole)")
            assert connection.execute(owned, {"role": role}).scalar_one() == 0
    engine.dispose()
