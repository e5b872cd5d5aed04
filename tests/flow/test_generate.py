"""A generated region is what people would have made: its log proves it, and a submit of the same gives the same."""

import hashlib
import json
import os
import random
import signal
import tomllib
from collections import Counter
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import undefer

from audit.verify import verify
from signaltable.cli import main
from signaltable.cli.generate import FEWEST_AGENCIES, generate
from signaltable.db import make_engine, refresh_statistics
from signaltable.demo import cases
from signaltable.demo.reporting import told_draft
from signaltable.demo.story import Step
from signaltable.domain import SignaltableError
from signaltable.flow import fsck, log_export, searching, setup, signals
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.sealing import open_identity, owner_part
from signaltable.generate import making, marker, people, region, storing
from signaltable.identity import Identity, identity_from, validate_identity
from signaltable.intake import SignalDraft
from signaltable.keys import KeyRing
from signaltable.models import (
    Account,
    Agency,
    Disclosure,
    Link,
    LogDetail,
    LogEntry,
    MatchTag,
    RecordedDecision,
    SearchRow,
    Signal,
    Subject,
    SubjectField,
)
from signaltable.payload import from_bytes
from signaltable.policy import load
from signaltable.program import assemble
from signaltable.pseudonymise import check_reference
from signaltable.settings import Settings
from signaltable.transaction import reading, transaction
from tests.conftest import OWNER_ROLE, PROGRAM_ROLE, _createdb, coming_as

# A life with links, one with a disclosure, and short ones.
RULES = load(Settings.from_env({}).policies).identifiers
CASES = ("cara", "selma", "mascha1", "mascha2", "vera")
SIGNALS = 40
ADDRESS = "street house_number addition postcode city"
KINDS = {
    "person": f"given_name surname birth_date phone email document_number {ADDRESS}",
    "company": f"company_name kvk iban {ADDRESS}",
    "vehicle": "plate",
    "phone": "phone",
    "address": ADDRESS,
}


def _program(settings):
    return assemble(settings, make_engine(settings.database_url), KeyRing.load(settings.key_ring, require_private=True))


def _generated(settings, only=CASES):
    making.make(settings, making.Wanted(SIGNALS, 1, 20, 6, only), lambda _done, _of: None, processes=1)
    return _program(settings)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    home = tmp_path_factory.mktemp("generated") / "home"
    return _generated(Settings.from_env({"SIGNALTABLE_HOME": str(home), "SIGNALTABLE_TEXT_READER": "off"}))


def _finds_nothing(program, folder):
    report = fsck.inspect(program, seals="all")
    assert [str(one) for one in report.findings] == []
    log_export.export(program, setup.INSTALLER, folder / "export")
    assert verify(folder / "export").ok
    return report


def test_nothing_is_wrong_with_what_was_made(generated, tmp_path):
    report = _finds_nothing(generated, tmp_path)
    assert report.checked["signals"] == SIGNALS
    with reading(generated, whole="a test looks") as session:
        states = Counter(session.scalars(select(Signal.state)))
        signals_of = Counter(session.scalars(select(Signal.owner_agency)))
        references = session.scalars(select(Signal.reference)).all()
        assert len(session.scalars(select(SearchRow.signal_id)).all()) == SIGNALS
        assert searching.unread(session, generated.keys.version("match")) == 0
    assert len(states) > 3
    assert len(signals_of) > 4
    assert all(check_reference(one) == one for one in references)


@pytest.mark.sqlite_only(reason="only there indexes are left out while rows are stored")
def test_a_generated_home_has_the_indexes_and_triggers_of_any_other(generated, sqlite_program):
    def declared(one):
        with one.read_sessions() as session:
            return set(
                session.execute(
                    text("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')")
                )
            )

    assert declared(generated) ^ declared(sqlite_program) == set()
    # What is still missing would be missing in both; and without these the generator makes none at the end.
    held = Counter(table for _type, _name, table, sql in declared(generated) if sql and sql.startswith("CREATE INDEX"))
    assert all(held[table] for table in storing._INDEXED_LAST)
    with generated.read_sessions() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        looked_at = set(session.execute(text("SELECT idx FROM sqlite_stat1")).scalars())
        assert {"ix_log_entries_action", "ix_match_tags_digest", "ix_signals_state"} <= looked_at


@pytest.mark.sqlite_only(reason="only there the planner is told by hand what tables hold")
def test_while_rows_are_stored_nothing_is_told_of_the_few_that_were_there(sqlite_program):
    """Told that a list has three places, SQLite looks through all of them for each row, also when there are 100,000."""
    kept = [text("SELECT count(*) FROM sqlite_stat1"), text("SELECT count(*) FROM sqlite_master WHERE type = 'index'")]

    def counts():
        with sqlite_program.read_sessions() as session:
            return [session.execute(one).scalar() for one in kept]

    with sqlite_program.read_sessions() as session:
        refresh_statistics(session)
    known, indexes = counts()
    with storing.quickly(sqlite_program):
        then_known, then_indexes = counts()
    assert (then_known, counts()) == (0, [known, indexes])
    assert known > 20
    assert then_indexes < indexes - len(storing._INDEXED_LAST)


def test_each_of_as_many_organisations_as_one_may_ask_for_has_a_name_of_its_own():
    (most,) = (one.type.max for one in generate.params if one.name == "agencies")
    told = tomllib.loads(region.described(most))
    for table, name in (("agency", "id"), ("agency", "title"), ("account", "login")):
        assert len({one[name] for one in told[table]}) == len(told[table]) >= most
    # The same as before there were more names than places: the same seed gives the same home.
    added = region.described(296).removeprefix(setup.REGION.read_text(encoding="utf-8"))
    assert (
        hashlib.sha256(added.encode()).hexdigest() == "d21f598a554d44c65df38a4c616f4a2dfece2d91db74f001fae11f35d36644be"
    )


def test_a_region_of_more_organisations_than_there_are_places_is_made_whole(tmp_path):
    agencies = len(people.PLACES) + 20
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(tmp_path / "home"), "SIGNALTABLE_TEXT_READER": "off"})
    making.make(settings, making.Wanted(4, 1, agencies, 6, ("vera",)), lambda _done, _of: None, processes=1)
    program = _program(settings)
    _finds_nothing(program, tmp_path)
    with reading(program, whole="a test looks") as session:
        titles = session.scalars(select(Agency.title)).all()
        assert session.scalar(select(func.count()).select_from(Signal)) == 4
    assert len(set(titles)) == len(titles) == agencies
    assert "Gemeente Nieuw-Kadeloo" in titles


def test_links_join_people_who_return_and_say_what_comparing_them_says(generated):
    with reading(generated, whole="a test looks") as session:
        links = session.scalars(select(Link)).all()
        told = {
            entry.object: json.loads(details)
            for entry, details in session.execute(
                select(LogEntry, LogDetail.details)
                .join(LogDetail, LogDetail.seq == LogEntry.seq)
                .where(LogEntry.action == "link:propose")
            )
        }
        tags = {}
        for one in session.scalars(select(MatchTag)):
            tags.setdefault(one.subject_id, set()).add((one.set_id, one.digest))
    assert len(links) > 1
    for one in links:
        assert tags[one.subject_a] & tags[one.subject_b]
        assert told[one.id]["strength"] == one.outcome
        assert told[one.id]["evidence_kinds"] == sorted(one.compared)
    assert {one.outcome for one in links} <= {"match", "possible"}


def test_what_was_disclosed_is_about_the_new_people(generated):
    with reading(generated, whole="a test looks") as session:
        rows = session.scalars(select(Disclosure).options(undefer(Disclosure.payload_recipient))).all()
        own = {row.id: row for row in session.scalars(select(Signal))}
    assert rows
    names = set()
    for row in rows:
        place = f"disclosures|payload|{row.id}|{row.recipient_agency}".encode()
        content = from_bytes(generated.keys.open(row.recipient_agency, row.payload_recipient, place))
        assert content.reference == row.reference
        names |= {
            value.words.nl for one in content.subjects for field in one.fields if field.name == "subject.surname"
            for value in field.values
        }  # fmt: skip
        assert own[row.signal_id].owner_agency == row.provider_agency
    assert names
    assert not names & {"Verwisselova"}


def _case_of(session, signal):
    """Which case a signal repeats, by what its reporter ticked."""
    told = cases.read()
    for case in CASES:
        one = told[case]["signal"]
        if one["capacity"] == signal.capacity and one.get("form_rows", {}) == signal.form_rows:
            return case, one
    return None


def _draft(tx, signal):
    """What somebody would have to type to report this signal."""
    found = _case_of(tx.session, signal)
    if found is None:
        return None
    case, told = found
    subjects = tx.session.scalars(select(Subject).where(Subject.signal_id == signal.id).order_by(Subject.number)).all()
    own = owner_part(tx, signal)
    parts = [
        {**one, "identity": open_identity(tx, row.id)} for row, one in zip(subjects, told["subjects"], strict=True)
    ]
    observed = {**told["observed"], "municipality": own["municipality"]}
    step = Step(signal.created_at, case, "submit", {})
    return told_draft({**told, "subjects": parts, "narrative": own["narrative"], "observed": observed}, step)


VOLATILE = {"id", "reference", "owner_sealed", "state", "urgency", "version", "outcome", "table_id", "keep_until"}
CHANCE = {"signal", "subject_refs", "decisions", "rows", "keys", "key_version"}


def _of_submit(session, signal):
    query = (
        select(LogEntry.action, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.object == signal.reference, LogEntry.action.in_(("signal:record", "signal:route")))
    )
    said = {action: json.loads(details) for action, details in session.execute(query)}
    # The same person a second time is proposed as a link, which the first time was not.
    rows = {table: len(of) for table, of in said["signal:record"]["rows"].items() if table != "links"}
    return {action: {k: v for k, v in one.items() if k not in CHANCE} for action, one in said.items()}, rows


def _rows_of(tx, signal):
    subjects = tx.session.scalars(select(Subject).where(Subject.signal_id == signal.id).order_by(Subject.number)).all()
    decided = tx.session.scalars(
        select(RecordedDecision).where(RecordedDecision.signal_id == signal.id, RecordedDecision.kind == "route")
    ).first()
    return {
        "signal": {c.name: getattr(signal, c.name) for c in Signal.__table__.columns if c.name not in VOLATILE},
        "subjects": [(one.number, one.kind, one.role, one.age_band, one.gender) for one in subjects],
        "identities": [open_identity(tx, one.id) for one in subjects],
        "sure": [
            {row.name: row.sure for row in tx.session.scalars(select(SubjectField).where(SubjectField.subject_id == one.id))}
            for one in subjects
        ],
        "tags": [
            {(t.set_id, t.digest, t.key_version) for t in tx.session.scalars(select(MatchTag).where(MatchTag.subject_id == one.id))}
            for one in subjects
        ],
        "owner": owner_part(tx, signal),
        "decided": (decided.input, decided.outcome, decided.policy_digest),
        "terms": tx.session.scalars(select(SearchRow.terms).where(SearchRow.signal_id == signal.id)).one(),
    }  # fmt: skip


def test_submitting_the_same_gives_the_same(generated):
    """Each kind of row, tag and digest of a generated signal beside those of a submit of the same words."""
    compared = 0
    with reading(generated, whole="a test looks") as session:
        ids = list(session.scalars(select(Signal.id).order_by(Signal.created_at)))
    for signal_id in ids:
        with reading(generated, whole="a test looks") as session:
            signal = session.get_one(Signal, signal_id)
            who = actor_of_login(generated, session.get_one(Account, signal.submitter).login)
            moment = signal.created_at
        then = replace(generated, clock=lambda moment=moment: moment)
        with transaction(then, who) as tx, tx.whole("a test compares"):
            signal = tx.session.get_one(Signal, signal_id)
            draft = _draft(tx, signal)
            if draft is None or signal.state == "withdrawn":
                continue
            mine, told = _rows_of(tx, signal), _of_submit(tx.session, signal)
            assert isinstance(draft, SignalDraft)
            tx.record("signal:list", details={"view": "test", "count": 1})
        with transaction(then, who) as tx:
            made = signals.submit(tx, draft, table_id=signal.table_id).reference
        with transaction(then, who) as tx, tx.whole("a test compares"):
            other = tx.session.scalars(select(Signal).where(Signal.reference == made)).one()
            theirs = _rows_of(tx, other)
            assert [(k, v, theirs["signal"][k]) for k, v in mine["signal"].items() if v != theirs["signal"][k]] == []
            assert mine == theirs
            assert told == _of_submit(tx.session, other)
            tx.record("signal:list", details={"view": "test", "count": 1})
        compared += 1
        if compared == 4:
            break
    assert compared == 4


def test_the_same_seed_gives_the_same_people_and_words():
    told = []
    for seed in (1, 1, 2):
        inventor = people.Inventor(random.Random(seed))
        signal = {"subjects": [{"identity": {"given_name": "A", "surname": "B", "birth_date": "1990", "iban": "C"}}]}
        told.append([inventor.reported([signal, signal]) for _ in range(20)])
    assert told[0] == told[1] != told[2]


def test_invented_people_are_what_the_form_takes():
    """Tidy already, so that tags can be made of them as they are, and without anything that would be refused."""
    inventor = people.Inventor(random.Random(3))
    for kind, names in KINDS.items():
        like = dict.fromkeys(names.split(), "x") | ({"birth_date": "1990-01-02"} if kind == "person" else {})
        for _ in range(20):
            made = inventor.identity(like, gender="woman", minor=False, year=2026)
            assert identity_from(kind, made) == Identity(kind=kind, **made)
            assert validate_identity(Identity(kind=kind, **made), RULES, today=date(2026, 11, 22)) == []


def test_references_are_never_given_twice():
    shared = SimpleNamespace(seed=7, taken=frozenset())
    first = [making._references(shared, chunk)("S") for chunk in (0, 0, 1, 300)]
    assert first[0] == first[1]
    several = making._references(shared, 0)
    given = [several("S") for _ in range(3_000)]
    assert len({*given, *first[2:]}) == 3_002
    assert making._references(SimpleNamespace(seed=7, taken=frozenset(first)), 0)("S") == given[1]


@pytest.mark.postgres
def test_postgres_gets_the_same(postgres_region, postgres_server, tmp_path):
    _createdb(postgres_server, "generated", "")
    address = postgres_server.format("generated")
    settings = replace(
        Settings.from_env({"SIGNALTABLE_HOME": str(tmp_path / "home"), "SIGNALTABLE_TEXT_READER": "off"}),
        database_url=coming_as(address, PROGRAM_ROLE),
        owner_url=coming_as(address, OWNER_ROLE),
    )
    _finds_nothing(_generated(settings, CASES[:2]), tmp_path)


def test_no_other_home_is_filled(sqlite_program, tmp_path):
    settings = sqlite_program.settings
    run = CliRunner().invoke(
        main, ["generate", "--signals", "5"], env={"SIGNALTABLE_HOME": str(settings.home), "SIGNALTABLE_MODE": "demo"}
    )
    assert (run.exit_code, marker.read(settings.home)) == (1, None)
    assert run.stderr.startswith("signaltable: refused: expected a home that is not there yet")
    run = CliRunner().invoke(
        main,
        ["generate", "--signals", "5"],
        env={"SIGNALTABLE_HOME": str(tmp_path / "new"), "SIGNALTABLE_MODE": "production"},
    )
    assert (run.exit_code, (tmp_path / "new").exists()) == (1, False)


@pytest.mark.parametrize("command", [["generate", "--signals", "5"], ["init"], ["init", "--demo"]])
def test_no_home_is_made_on_a_database_of_another_one(program, tmp_path, command):
    """With the keys of the new home the fence would shut out the program whose database it is."""
    env = {"SIGNALTABLE_HOME": str(tmp_path / "new"), "DATABASE_URL": program.settings.database_url}
    run = CliRunner().invoke(main, command, env=env | {"DATABASE_OWNER_URL": program.settings.owner_url})
    assert (run.exit_code, (tmp_path / "new").exists()) == (1, False)
    assert "holds an installation already" in run.stderr
    with reading(program, whole="a test looks whether its pass still counts") as session:
        assert session.scalar(select(func.count()).select_from(Account)) > 1


def test_an_empty_folder_becomes_a_home_for_its_user_alone(tmp_path, monkeypatch):
    """One that holds something, such as a mounted disk with its `lost+found`, is taken too and keeps its mode: it may be shared."""

    class Begun(Exception):
        pass

    def begin(*_given):
        raise Begun

    monkeypatch.setattr(making, "_make", begin)
    empty, mounted = tmp_path / "empty", tmp_path / "mounted"
    for home in (empty, mounted):
        home.mkdir()
        home.chmod(0o755)
    (mounted / "lost+found").mkdir()
    for home in (empty, mounted):
        settings = Settings.from_env({"SIGNALTABLE_HOME": str(home)})
        with pytest.raises(Begun):
            making.make(settings, making.Wanted(5, 1, 40, 6), lambda _done, _of: None)
    assert [home.stat().st_mode & 0o777 for home in (empty, mounted)] == [0o700, 0o755]


@pytest.mark.sqlite_only(reason="makes a database of its own in its home")
@pytest.mark.parametrize("command", [["init"], ["init", "--demo"]])
def test_so_it_does_for_a_home_that_is_begun_and_for_the_demo(command, tmp_path, monkeypatch):
    class Begun(SignaltableError):
        pass

    def begin(*_given, **_named):
        raise Begun("begun")

    monkeypatch.setattr(setup, "make_keys", begin)
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    run = CliRunner().invoke(main, command, env={"SIGNALTABLE_HOME": str(home)})
    assert (run.exit_code, home.stat().st_mode & 0o777) == (1, 0o700), run.stderr


def test_no_fewer_organisations_are_asked_for_than_the_cases_need(tmp_path):
    home = tmp_path / "home"
    for few in (1, FEWEST_AGENCIES - 1):
        run = CliRunner().invoke(
            main, ["generate", "--signals", "5", "--agencies", str(few)], env={"SIGNALTABLE_HOME": str(home)}
        )
        assert (run.exit_code, home.exists()) == (2, False)
        assert run.stderr == "signaltable: --agencies: expected an integer from 16 to 2000\n"
        with pytest.raises(region.TooFewAgencies):
            region.described(few)
    assert region.described(FEWEST_AGENCIES)


def test_one_that_was_broken_off_is_told(tmp_path):
    marker.write(tmp_path, marker.Generated(5, 1, 40, 6, "2026-11-22T12:00:00+00:00"))
    run = CliRunner().invoke(main, ["generate", "--signals", "5"], env={"SIGNALTABLE_HOME": str(tmp_path)})
    assert run.exit_code == 1
    assert "only half made" in run.stderr


def test_no_repeated_case_is_given_a_reference_that_a_lived_one_has(generated):
    with reading(generated, whole="a test looks") as session:
        told = making.references_in(session)
        assert told == {*session.scalars(select(Signal.reference)), *session.scalars(select(Disclosure.reference))}
        assert {one[0] for one in told} == {"S", "D"}


def test_what_a_database_says_of_a_mistake_holds_no_value_of_a_person(generated):
    engine = make_engine(generated.settings.database_url)
    with engine.connect() as connection, pytest.raises(DBAPIError) as told:
        connection.execute(text("SELECT :surname FROM nowhere"), {"surname": "Proefveld"})
    assert "Proefveld" not in str(told.value)


class Hostile:
    """A part that cannot be made: its process is killed, or what goes wrong quotes somebody."""

    def __init__(self, *, kills):
        self.kills = kills

    @property
    def number(self):
        if self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("Zorinka")


@pytest.mark.parametrize(("kills", "told"), [(True, "memory"), (False, "unexpected ValueError at tests/flow/")])
def test_a_part_that_cannot_be_made_ends_it_in_one_line_without_values(kills, told):
    parts = [Hostile(kills=kills)] * 3
    with pytest.raises(making.CannotGenerate, match=told) as refused:
        list(making._repeated(SimpleNamespace(seed=1), parts, 2))
    assert "Zorinka" not in str(refused.value)
