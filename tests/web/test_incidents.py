"""Incidents on the screen: who sees them, settling one, asking for a check, and the words for every kind."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from signaltable import jobs
from signaltable.cli import main
from signaltable.flow import checking, fsck, incidents
from signaltable.flow.rights import looking_back
from signaltable.models import Incident, LogEntry
from signaltable.row_digests import TRACKED
from signaltable.transaction import reading
from signaltable.web import create_app
from signaltable.web.incident_words import GROUPS, kind_label, meaning, place_label
from tests.databases import is_file
from tests.log_tools import owners_engine
from tests.web.people import Person


@pytest.fixture
def program(sqlite_program):
    jobs.run_checkpoint(sqlite_program)
    return sqlite_program


@pytest.fixture
def incident(program):
    """An agency that somebody made another kind of agency, in the database itself, and a check that found it."""
    by_hand(program, "UPDATE agencies SET kind = 'police' WHERE id = 'riec'")
    incidents.check(program, jobs.JOBS)
    with reading(program) as session:
        return session.scalars(select(Incident)).one().id


def by_hand(program, statement):
    engine = owners_engine(program.settings)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def last_action(program):
    with reading(program) as session:
        return session.scalars(select(LogEntry.action).order_by(LogEntry.seq.desc()).limit(1)).one()


@pytest.mark.parametrize("login", ["coordinator", "fg.havendam", "auditor"])
def test_who_may_consult_sees_what_it_is_where_and_what_to_do(program, incident, login):
    person = Person(program, login)
    page = person.get("/meldingen").text
    assert "agencies riec" in page
    assert f'href="/meldingen/{incident}"' in page
    page = person.get(f"/meldingen/{incident}").text
    assert "agencies riec" in page
    assert ("<textarea" in page) == (login != "auditor")
    assert last_action(program) == "incident:consult"


def test_the_list_is_one_consultation(program, incident):
    person = Person(program, "coordinator")
    with reading(program) as session:
        before = session.scalars(select(LogEntry.seq).order_by(LogEntry.seq.desc()).limit(1)).one()
    person.get("/meldingen")
    with reading(program) as session:
        assert session.scalars(select(LogEntry.action).where(LogEntry.seq > before)).all() == ["incident:consult"]


@pytest.mark.parametrize("login", ["havendam", "riec", "voorzitter", "beheer"])
def test_others_see_nothing_of_it(program, incident, login):
    person = Person(program, login)
    assert person.get("/meldingen").status_code == 403
    assert person.get(f"/meldingen/{incident}").status_code == 403
    assert person.post("/meldingen/controle", page="/overzicht").status_code == 403
    assert "/meldingen" not in person.get("/overzicht").text


def test_an_auditor_reads_along_and_does_not_settle(program, incident):
    answer = Person(program, "auditor").post(
        f"/meldingen/{incident}/afhandelen", {"result": "repaired", "explanation": "Weg"}, page="/meldingen"
    )
    assert answer.status_code == 403


def test_an_incident_is_settled_with_a_masked_explanation(program, incident):
    person = Person(program, "coordinator")
    address = f"/meldingen/{incident}"
    words = "De beheerder herstelde dit, zie wijziging 12. Bel 06-12345678."
    answer = person.post(f"{address}/afhandelen", {"result": "repaired", "explanation": words}, page=address)
    assert answer.status_code == 303
    page = person.get(address).text
    assert "De beheerder herstelde dit" in page
    assert "12345678" not in page
    assert "<textarea" not in page
    again = person.post(f"{address}/afhandelen", {"result": "repaired", "explanation": "Nog eens"}, page="/meldingen")
    assert again.status_code == 303
    assert "Nog eens" not in person.get(address).text


def test_who_explains_a_record_is_told_that_it_counts_from_then_on(program, incident):
    person = Person(program, "coordinator")
    address = f"/meldingen/{incident}"
    assert "st-option__hint" in person.get(address).text
    answer = person.post(
        f"{address}/afhandelen", {"result": "explained", "explanation": "Zie wijziging 12"}, page=address
    )
    assert answer.status_code == 303
    incidents.check(program, jobs.JOBS)
    assert fsck.inspect(program).findings == ()
    with reading(program) as session:
        assert session.scalars(select(Incident).where(Incident.settled_at.is_(None))).all() == []


def test_a_record_that_nobody_can_read_cannot_count_as_it_is(program):
    # A moment that the database holds and nobody can read: on SQLite anything at all, on PostgreSQL the end of time.
    moment = "ooit" if is_file(program.settings) else "infinity"
    by_hand(program, f"UPDATE agencies SET created_at = '{moment}' WHERE id = 'riec'")
    incidents.check(program, jobs.JOBS)
    with reading(program) as session:
        (incident,) = session.scalars(select(Incident.id))
    address = f"/meldingen/{incident}"
    given = {"result": "explained", "explanation": "Zie wijziging 12"}
    answer = Person(program, "coordinator").post(f"{address}/afhandelen", given, page=address)
    assert answer.status_code == 422
    assert 'href="#result' in answer.text
    with reading(program) as session:
        assert session.get(Incident, incident).settled_at is None


def test_a_role_that_somebody_got_by_hand_counts_only_when_another_person_says_so(program):
    by_hand(program, "INSERT INTO account_roles SELECT id, 'auditor' FROM accounts WHERE login = 'coordinator'")
    incidents.check(program, jobs.JOBS)
    with reading(program) as session:
        (incident,) = session.scalars(select(Incident.id))
    address = f"/meldingen/{incident}"
    given = {"result": "explained", "explanation": "Zie wijziging 12"}
    own = Person(program, "coordinator").post(f"{address}/afhandelen", given, page=address)
    assert own.status_code == 422
    assert "Zie wijziging 12" in own.text
    assert fsck.inspect(program).findings != ()
    assert Person(program, "fg.havendam").post(f"{address}/afhandelen", given, page=address).status_code == 303
    assert fsck.inspect(program).findings == ()


@pytest.mark.parametrize(
    "given",
    [
        {"explanation": "Hersteld"},
        {"result": "repaired", "explanation": " "},
        {"result": "repaired", "explanation": "x" * (incidents.EXPLANATION_LIMIT + 1)},
        {"result": "repaired", "explanation": "BSN 111222333"},
    ],
)
def test_settling_asks_for_a_result_and_a_usable_explanation(program, incident, given):
    address = f"/meldingen/{incident}"
    answer = Person(program, "fg.havendam").post(f"{address}/afhandelen", given, page=address)
    assert answer.status_code == 422
    assert "st-field--invalid" in answer.text or "aria-invalid" in answer.text
    with reading(program) as session:
        assert session.get(Incident, incident).settled_at is None


def test_open_incidents_stand_first_on_the_overview(program, incident):
    page = Person(program, "fg.delinde").get("/overzicht").text.split("<main")[1]
    row = re.search(r"<tbody.*?</tr>", page, re.DOTALL)[0]
    assert f'href="/meldingen/{incident}"' in row
    (counted,) = re.findall(r'href="/meldingen">\s*(\d[^<]+)</a>', page)
    assert counted.split()[0] == "1"


def test_a_check_is_asked_for_made_by_the_jobs_and_told(program, clock):
    person = Person(program, "coordinator")
    assert person.post("/meldingen/controle", page="/meldingen").location == "/meldingen#controle"
    # Somebody else who asks meanwhile waits for the same check
    assert Person(program, "auditor").post("/meldingen/controle", page="/meldingen").status_code == 303
    assert 'action="/meldingen/controle"' not in person.get("/meldingen").text

    assert jobs.run_check_requests(program) == "made:1"

    page = person.get("/meldingen").text
    assert 'action="/meldingen/controle"' in page
    assert "st-alert--good" in page
    clock.forward(minutes=1)
    by_hand(program, "UPDATE agencies SET kind = 'police' WHERE id = 'riec'")
    person.post("/meldingen/controle", page="/meldingen")
    jobs.run_check_requests(program)
    assert "st-alert--danger" in person.get("/meldingen").text


def test_a_check_that_breaks_off_says_so(program):
    person = Person(program, "coordinator")
    person.post("/meldingen/controle", page="/meldingen")
    program.settings.log_public_key.unlink()
    assert jobs.run_check_requests(program).startswith("error:")
    assert "st-alert--danger" in person.get("/meldingen").text


def test_a_long_log_is_checked_by_the_jobs_and_not_while_somebody_waits(program, monkeypatch):
    monkeypatch.setattr(checking, "LONG", 10)
    answer = Person(program, "auditor").post("/audit/bewijs")
    assert answer.location == "/meldingen#controle"


def test_every_table_has_a_name_that_people_know(program):
    app = create_app(program.settings, program)
    with app.test_request_context():
        whole = place_label("log")
        assert [name for name in TRACKED if place_label(f"{name} x") == whole] == []


def test_every_kind_that_a_check_can_find_has_words(program):
    source = "".join(path.read_text() for path in Path(fsck.__file__).parent.glob("*.py"))
    kinds = set(re.findall(r'\.add\(\s*"([a-z-]+)"', source)) | set(re.findall(r'kind = "([a-z-]+)"', source))
    kinds |= {kind for _, kinds in checking.LINES.values() for kind in kinds}
    # What comes to light outside a check.
    elsewhere = "".join(path.read_text() for path in Path(fsck.__file__).parents[1].rglob("*.py"))
    kinds |= set(re.findall(r'^INCIDENT(?:: Final)? = "([a-z-]+)"', elsewhere, re.MULTILINE))
    kinds |= {looking_back.UNREVIEWED, looking_back.WRONG}
    app = create_app(program.settings, program)
    with app.test_request_context():
        for kind in kinds:
            assert kind in GROUPS, kind
            assert kind_label(kind) != kind
            assert meaning(kind).means
            assert meaning(kind).todo
    assert kinds == set(GROUPS)


# -- the command --------------------------------------------------------------------------------------------------


def run(program, *arguments):
    settings = program.settings
    env = {"SIGNALTABLE_HOME": str(settings.home), "DATABASE_URL": settings.database_url}
    return CliRunner().invoke(main, ["audit", "fsck", *arguments], env=env)


def entries(program):
    with reading(program) as session:
        return checking.audit_trail.size(session)


def test_the_command_tells_in_json_and_by_its_exit_code(program):
    jobs.run_checkpoint(program)
    result = run(program, "--json", "--seals", "all")
    told = json.loads(result.stdout)
    # The clock of the tests is ahead of that of the machine.
    assert {one["kind"] for one in told["findings"]} <= {"clock-set-back"}
    assert set(told) == {"ok", "entries", "size", "root", "checked", "findings"}
    assert told["entries"] == told["size"]
    assert result.exit_code == (0 if told["ok"] else 1)

    by_hand(program, "UPDATE agencies SET kind = 'police' WHERE id = 'riec'")
    result = run(program, "--json")
    assert result.exit_code == 1
    assert {"kind": "changed-row", "at": "agencies riec"}.items() <= json.loads(result.stdout)["findings"][-1].items()
    with reading(program) as session:
        assert "agencies riec" in session.scalars(select(Incident.place)).all()


def test_read_only_writes_nothing(program):
    by_hand(program, "UPDATE agencies SET kind = 'police' WHERE id = 'riec'")
    before = entries(program)
    result = run(program, "--read-only")
    assert result.exit_code == 1
    assert "agencies riec" in result.stdout
    assert "read-only" in result.stdout
    assert entries(program) == before


def test_a_check_that_cannot_be_done_is_neither_good_nor_bad(program):
    program.settings.log_public_key.unlink()
    result = run(program)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_log_that_takes_no_entry_any_more_is_told_all_the_same(program):
    from tests.log_tools import tamper

    tamper(program, "DELETE FROM log_head")
    result = run(program, "--json")
    assert result.exit_code == 1
    assert "changed-head" in result.stdout
    assert "could not be recorded" in result.stderr
