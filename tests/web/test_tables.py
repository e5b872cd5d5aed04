"""The pages of tables and meetings: what is offered, what is refused, and what never reaches whom."""

import re
from datetime import date

import pytest

from signaltable.flow import drafts, signals, table
from signaltable.flow.table import tables
from signaltable.flow.table.tables import Described
from tests.factories import a_signal
from tests.table_steps import log, row, submitted, triaged, use, visitor

DAY = {"held_on-day": "1", "held_on-month": "12", "held_on-year": "2026"}
PLAN = {"title": "Decembertafel", **DAY, "begins": "13:30", "ends": "15:00", "place": "Stadhuis", "chair": ""}


@pytest.fixture
def people(sqlite_program, actor):
    return {login: actor(sqlite_program, login) for login in ("havendam", "coordinator", "avim", "beheer")}


@pytest.fixture
def visit(sqlite_program):
    """visit("avim"): this person, logged in, with a browser of their own."""
    return lambda login: visitor(sqlite_program, login)


@pytest.fixture
def second(sqlite_program, people):
    described = Described("Arbeidstafel", "", "labour", ("nla", "havendam"))
    return use(sqlite_program, people["beheer"], tables.record_table, described)


def test_an_administrator_makes_changes_and_closes_a_table(sqlite_program, visit):
    desk = visit("beheer")
    form = {"title": "Tafel Noord", "region": "Noord", "theme": "", "members": ["var", "avim"]}
    assert desk.post("/beheer/tafels/nieuw", {**form, "title": ""}, "/beheer/tafels/nieuw").status_code == 422
    assert desk.post("/beheer/tafels/nieuw", form, "/beheer/tafels/nieuw").status_code == 303
    listed = desk.get("/beheer/tafels").text
    (address,) = re.findall(r'href="(/beheer/tafels/[0-9a-f]{32})">Tafel Noord', listed)
    shown = desk.get(address).text
    assert 'value="Noord"' in shown
    assert desk.post(address, {**form, "title": "Regionale tafel Rotterdam (demo)"}, address).status_code == 422
    # What the page did not offer is no mistake of a person
    assert desk.post(address, {**form, "theme": "elsewhere"}, address).status_code == 403
    assert desk.post(f"{address}/sluiten", {}, address).status_code == 303
    assert "/openen" in desk.get(address).text
    for login in ("coordinator", "havendam"):
        assert visit(login).get("/beheer/tafels").status_code == 403
    assert [details["changed"] for _entry, details in log(sqlite_program, "table:record")] == [["made"], ["closed"]]


def at_the_check_page(program, who):
    """The address of the last page before submitting, of a draft that is whole."""

    def draft(tx):
        return drafts.start(tx, a_signal()).id

    return f"/signalen/nieuw/{use(program, who, draft)}/controle"


def test_the_table_is_shown_before_submitting_and_only_an_offered_one_is_taken(sqlite_program, people, second, visit):
    page, focal = at_the_check_page(sqlite_program, people["havendam"]), visit("havendam")
    shown = focal.get(page).text
    assert re.search(rf'value="{second}" checked', shown)
    general = next(
        one.seat.id for one in use(sqlite_program, people["havendam"], signals.preview, a_signal()).tables[1:]
    )
    form = {name: re.search(rf'name="{name}" value="(\w+)"', shown)[1] for name in ("version", "seen")}
    form |= {"action": "submit", "mask_words": ""}
    words = re.findall(r'name="found" value="(\w+)"', shown)
    form |= {"found": words, "keep": words}
    assert focal.post(page, {**form, "table": "elsewhere"}, page).status_code == 403
    # The table was closed in the meantime: a message, and the others to choose from
    use(sqlite_program, people["beheer"], tables.close_table, second)
    late = focal.post(page, {**form, "table": second}, page)
    assert late.status_code == 422
    assert f'value="{second}"' not in late.text
    use(sqlite_program, people["beheer"], tables.reopen_table, second)
    sent = focal.post(page, {**form, "table": general}, page)
    assert sent.status_code == 303
    reference = re.search(r"S-[0-9A-Z]{4}-[0-9A-Z]{2}", sent.location)[0]
    assert row(sqlite_program, reference).table_id == general


def test_the_calendar_is_a_page_and_a_file_and_nobody_outside_the_table_gets_either(sqlite_program, people, visit):
    desk = visit("coordinator")
    assert desk.post("/tafel", {**PLAN, "begins": "laat"}, "/tafel").status_code == 422
    planned = desk.post("/tafel", PLAN, "/tafel")
    assert planned.status_code == 303
    member = visit("avim")
    month = member.get("/tafel/kalender?maand=2026-12").text
    assert month.count("Decembertafel") >= 2
    assert 'class="st-calendar"' in month
    for address in (f"{planned.location}/overleg.ics", "/tafel/kalender.ics"):
        file = member.get(address)
        assert file.headers["Content-Type"] == "text/calendar; charset=utf-8; method=PUBLISH"
        assert file.headers["Content-Disposition"] == 'attachment; filename="overleg.ics"'
        assert file.headers["Cache-Control"] == "no-store"
        assert "Decembertafel" not in file.text
        assert visit("auditor").get(address).status_code == 403
    for wrong in ("maand=2026-13", "maand=x"):
        assert member.get(f"/tafel/kalender?{wrong}").status_code == 404


def test_a_meeting_is_changed_and_called_off_once(sqlite_program, people, visit):
    meeting = use(sqlite_program, people["coordinator"], table.schedule, held_on=date(2026, 12, 1), title="Tafel")
    desk, page = visit("coordinator"), f"/tafel/{meeting}"
    assert "wijzigen" not in visit("avim").get(page).text
    form = {**PLAN, "version": "0"}
    assert desk.post(f"{page}/wijzigen", {**form, "ends": "13:00"}, f"{page}/wijzigen").status_code == 422
    assert desk.post(f"{page}/wijzigen", form, f"{page}/wijzigen").status_code == 303
    # A second window still has the first version
    assert desk.post(f"{page}/wijzigen", {**form, "place": "Elders"}, f"{page}/wijzigen").status_code == 409
    assert desk.post(f"{page}/afgelasten", {"version": "0"}, f"{page}/wijzigen").status_code == 409
    assert desk.post(f"{page}/afgelasten", {"version": "1"}, f"{page}/wijzigen").status_code == 303
    assert "Decembertafel" in desk.get("/tafel").text
    assert f"{page}/wijzigen" not in desk.get(page).text


def test_people_answer_and_the_chair_notes_who_is_there(sqlite_program, people, clock, visit):
    meeting = use(sqlite_program, people["coordinator"], table.schedule, held_on=date(2026, 12, 1), title="Tafel")
    page = f"/tafel/{meeting}/aanwezigheid"
    member = visit("avim")
    assert member.post(f"{page}/antwoord", {"answer": "", "replacement": ""}, page).status_code == 422
    assert member.post(f"{page}/antwoord", {"answer": "coming", "replacement": "x"}, page).status_code == 403
    assert member.post(f"{page}/antwoord", {"answer": "coming", "replacement": ""}, page).status_code == 303
    assert 'name="present"' not in visit("voorzitter").get(page).text
    clock.forward(days=8)
    chair = visit("voorzitter")
    assert f'value="{people["avim"].account_id}" checked' in chair.get(page).text
    assert chair.post(page, {"present": [people["avim"].account_id]}, page).status_code == 303
    assert visit("avim").post(page, {"present": []}, page).status_code == 403


def test_a_signal_goes_to_another_table_from_the_desk_of_its_coordinator(sqlite_program, people, second, visit):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(forms=["sexual"]))
    page = f"/tafel/dossier/{reference}/andere-tafel"
    desk = visit("coordinator")
    assert page in desk.get(f"/triage/{reference}").text
    version = str(row(sqlite_program, reference).version)
    form = {"table": second, "reason": "Arbeid", "version": version}
    assert desk.post(page, {**form, "reason": ""}, page).status_code == 422
    assert desk.post(page, {**form, "table": "elsewhere"}, page).status_code == 403
    assert visit("avim").get(page).status_code == 403
    stale = visit("coordinator")
    assert stale.get(page).status_code == 200
    stale_token = re.search(r'name="csrf_token" value="([^"]+)"', stale.get(page).text)[1]
    assert desk.post(page, form, page).status_code == 303
    assert row(sqlite_program, reference).table_id == second
    # Whoever sends a page that was shown before hears that it went, and changes nothing
    late = stale._client.post(page, data={"csrf_token": stale_token, **form, "reason": "Ook ik"})
    assert late.status_code == 409
    assert stale.get(page).status_code == 403
    assert f"/triage/{reference}" not in desk.get("/triage").text
    owner = visit("havendam").get(f"/signalen/{reference}").text
    assert "Arbeidstafel" in owner


def test_the_list_of_triage_is_filtered_by_table_only_among_the_own_ones(sqlite_program, people, second, visit):
    submitted(sqlite_program, people["havendam"])
    desk = visit("coordinator")
    assert 'name="tafel"' not in desk.get("/triage").text
    nobody = use(sqlite_program, people["beheer"], tables.change_table, second, Described("B", "", "labour", ("var",)))
    assert nobody is None
    assert 'name="tafel"' in desk.get("/triage").text
    assert desk.get(f"/triage?tafel={second}").status_code == 200
    assert desk.get("/triage?tafel=elsewhere").status_code == 400
