"""The pages of the table: meetings, agenda, discussion, decision, dossier."""

import re

import pytest

from tests.factories import a_signal
from tests.table_steps import log, on_the_agenda, row, submitted, triaged, visitor

DAY = {"held_on-day": "1", "held_on-month": "12", "held_on-year": "2026"}
DONE = {"due_on-day": "1", "due_on-month": "dec", "due_on-year": "2026"}


@pytest.fixture
def people(sqlite_program, actor):
    return {login: actor(sqlite_program, login) for login in ("havendam", "coordinator", "voorzitter")}


@pytest.fixture
def tabled(sqlite_program, people):
    """(meeting, reference) of a signal on today's agenda."""
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    return on_the_agenda(sqlite_program, people["coordinator"], reference), reference


def _decision(**changes):
    return {
        "decision": "refer",
        "destinations": ["essm"],
        "holder": "havendam",
        "reason": "Hulp gaat voor",
        **DONE,
        **changes,
    }


def test_the_coordinator_plans_a_meeting_and_fills_the_agenda(sqlite_program, people):
    desk = visitor(sqlite_program, "coordinator")
    first = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(subjects=[]))
    second = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(subjects=[]))
    answer = desk.post("/tafel", {"title": "Decembertafel", **DAY}, "/tafel")
    assert answer.status_code == 303
    meeting = answer.location
    assert "Decembertafel" in desk.get("/tafel").text
    assert desk.post(f"{meeting}/agenda", {"signals": []}, meeting).status_code == 422
    assert desk.post(f"{meeting}/agenda", {"signals": [first, second]}, meeting).status_code == 303
    desk.post(f"{meeting}/volgorde", {"signal": second, "direction": "up"}, meeting)
    text = desk.get(meeting).text
    assert text.index(second) < text.index(first)
    # A second window that still offers them gets a message and not the reproach of forging
    again = desk.post(f"{meeting}/agenda", {"signals": [first]}, meeting)
    assert again.status_code == 422
    assert log(sqlite_program, "request:refuse") == []


@pytest.mark.parametrize(
    ("form", "target"),
    [
        ({"title": "", **DAY}, "#title"),
        ({"title": "Tafel"}, "#held_on-day"),
        ({"title": "Tafel", **DAY, "held_on-year": "2020"}, "#held_on-day"),
        ({"title": "Tafel", **DAY, "held_on-month": "31"}, "#held_on-day"),
    ],
)
def test_a_meeting_with_a_mistake_is_not_planned(sqlite_program, form, target):
    answer = visitor(sqlite_program, "coordinator").post("/tafel", form, "/tafel")
    assert answer.status_code == 422
    assert f'href="{target}"' in answer.text
    assert log(sqlite_program, "table:schedule") == []


def test_the_chair_notes_and_decides_and_the_member_reads(sqlite_program, tabled):
    meeting, reference = tabled
    chair, page = visitor(sqlite_program, "voorzitter"), f"/tafel/{meeting}/{reference}"
    text = "Bel mevrouw Zorinka Proefveld op 0612345678"
    assert chair.post(f"{page}/aantekening", {"text": text}, page).status_code == 303
    assert chair.post(f"{page}/besluit", _decision(), page).status_code == 303
    assert row(sqlite_program, reference).advice["table"]
    member = visitor(sqlite_program, "avim").get(page).text
    assert "Hulp gaat voor" in member
    assert "[telefoon]" in member
    assert "Proefveld" not in member
    for action in ("/aantekening", "/besluit"):
        assert f"{page}{action}" not in member
    assert chair.post(f"{page}/besluit", _decision(decision="close"), page).status_code == 409


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"decision": ""}, "#decision-0"),
        ({"destinations": []}, "#destinations-0"),
        ({"holder": ""}, "#holder"),
        ({"due_on-year": ""}, "#due_on-day"),
        ({"due_on-day": "", "due_on-month": "", "due_on-year": ""}, "#due_on-day"),
        ({"reason": ""}, "#reason"),
        ({"reason": "111222333"}, "#reason"),
    ],
)
def test_a_decision_with_a_mistake_comes_back(sqlite_program, tabled, change, target):
    meeting, reference = tabled
    page = f"/tafel/{meeting}/{reference}"
    answer = visitor(sqlite_program, "voorzitter").post(f"{page}/besluit", _decision(**change), page)
    assert answer.status_code == 422
    assert f'href="{target}"' in answer.text
    assert log(sqlite_program, "table:decide") == []


@pytest.mark.parametrize(
    "forged",
    [
        {"decision": "disclose"},
        {"destinations": ["police-112"]},
        {"holder": "nowhere"},
        {"destination": "essm"},
        {"owner": "x"},
    ],
)
def test_a_decision_that_was_not_offered_is_refused_and_recorded(sqlite_program, tabled, forged):
    meeting, reference = tabled
    page = f"/tafel/{meeting}/{reference}"
    answer = visitor(sqlite_program, "voorzitter").post(f"{page}/besluit", _decision(**forged), page)
    assert answer.status_code == 403
    assert len(log(sqlite_program, "request:refuse")) == 1
    assert row(sqlite_program, reference).state == "tabled"


def test_all_that_a_decision_lacks_is_named_at_once(sqlite_program, tabled):
    meeting, reference = tabled
    page = f"/tafel/{meeting}/{reference}"
    empty = {"decision": "refer", "destinations": [], "holder": "", "reason": "", **dict.fromkeys(DONE, "")}
    answer = visitor(sqlite_program, "voorzitter").post(f"{page}/besluit", empty, page)
    assert answer.status_code == 422
    for target in ("#destinations-0", "#holder", "#due_on-day", "#reason"):
        assert f'href="{target}"' in answer.text
    answer = visitor(sqlite_program, "voorzitter").post(f"{page}/besluit", {**empty, "decision": "watch"}, page)
    for target in ("#destinations-0", "#holder", "#due_on-day"):
        assert f'href="{target}"' not in answer.text


def test_the_coordinator_takes_a_signal_off_the_agenda(sqlite_program, tabled):
    meeting, reference = tabled
    page = f"/tafel/{meeting}"
    desk = visitor(sqlite_program, "coordinator")
    assert f"{page}/afvoeren" not in visitor(sqlite_program, "avim").get(page).text
    assert f"{page}/afvoeren" in desk.get(page).text
    assert visitor(sqlite_program, "avim").post(f"{page}/afvoeren", {"signal": reference}, page).status_code == 403
    assert desk.post(f"{page}/afvoeren", {"signal": reference}, page).status_code == 303
    assert row(sqlite_program, reference).state == "triaged"
    # Somebody else whose page still shows it gets a page and not the reproach of forging
    assert (
        visitor(sqlite_program, "coordinator").post(f"{page}/afvoeren", {"signal": reference}, page).status_code == 404
    )
    assert [details["cause"] for _entry, details in log(sqlite_program, "request:refuse")] == ["not_found"]


def test_keeping_a_note_gives_a_half_written_decision_back(sqlite_program, tabled):
    meeting, reference = tabled
    chair, page = visitor(sqlite_program, "voorzitter"), f"/tafel/{meeting}/{reference}"
    half = {"decision": "watch", "holder": "avim", "destinations": ["essm"], "reason": "Nog even wach", **DONE}
    answer = chair.post(f"{page}/aantekening", {"text": "Zij wil hulp", **half}, page)
    assert answer.status_code == 200
    assert len(log(sqlite_program, "table:note")) == 1
    assert log(sqlite_program, "table:decide") == []
    for typed in ('value="watch" checked', '<option value="avim" selected', "Nog even wach", 'value="dec"'):
        assert typed in answer.text
    assert ">\nZij wil hulp</textarea>" not in answer.text
    # A note with a mistake does not cost the decision either
    answer = chair.post(f"{page}/aantekening", {"text": "", **half}, page)
    assert answer.status_code == 422
    assert "Nog even wach" in answer.text
    # And a decision that nobody touched needs no second look
    untouched = {"text": "Nog iets", "holder": "havendam", "reason": "", **dict.fromkeys(DONE, "")}
    untouched["destinations"] = re.findall(r'name="destinations" value="([^"]+)"\s+checked', chair.get(page).text)
    assert chair.post(f"{page}/aantekening", untouched, page).status_code == 303


def test_keeping_a_decision_gives_a_typed_note_back_and_does_not_keep_it(sqlite_program, tabled):
    meeting, reference = tabled
    chair, page = visitor(sqlite_program, "voorzitter"), f"/tafel/{meeting}/{reference}"
    answer = chair.post(f"{page}/besluit", _decision(reason="", text="Half af"), page)
    assert answer.status_code == 422
    assert ">\nHalf af</textarea>" in answer.text
    answer = chair.post(f"{page}/besluit", _decision(text="Half af"), page)
    assert answer.status_code == 200
    assert ">\nHalf af</textarea>" in answer.text
    assert len(log(sqlite_program, "table:decide")) == 1
    assert log(sqlite_program, "table:note") == []


def test_what_comes_along_with_a_note_must_have_been_offered(sqlite_program, tabled):
    meeting, reference = tabled
    page = f"/tafel/{meeting}/{reference}"
    forged = {"text": "Zij wil hulp", "holder": "nowhere"}
    assert visitor(sqlite_program, "voorzitter").post(f"{page}/aantekening", forged, page).status_code == 403
    assert log(sqlite_program, "table:note") == []


def test_the_dossier_opens_for_members_once_it_is_tabled(sqlite_program, people, tabled):
    _meeting, reference = tabled
    other = submitted(sqlite_program, people["havendam"])
    member = visitor(sqlite_program, "avim")
    page = member.get(f"/tafel/dossier/{reference}")
    assert page.status_code == 200
    assert "Gemeente Havendam" in page.text
    for secret in ("Zorinka", "Proefveld", "612345678", "Hanneke"):
        assert secret not in page.text
    assert member.get(f"/tafel/dossier/{other}").status_code == 403
    assert visitor(sqlite_program, "voorzitter").get(f"/tafel/dossier/{other}").status_code == 200
    assert member.get("/tafel/dossier/S-2222-22").status_code == 404


@pytest.mark.parametrize("login", ["auditor", "beheer", "fg.havendam"])
def test_who_sees_no_cases_sees_no_table(sqlite_program, tabled, login):
    meeting, reference = tabled
    person = visitor(sqlite_program, login)
    for path in ("/tafel", f"/tafel/{meeting}", f"/tafel/{meeting}/{reference}", f"/tafel/dossier/{reference}"):
        assert person.get(path).status_code == 403


def test_members_find_no_form_to_make_the_agenda_and_no_way_around_it(sqlite_program, tabled):
    meeting, reference = tabled
    member = visitor(sqlite_program, "avim")
    assert "/agenda" not in member.get(f"/tafel/{meeting}").text
    assert 'name="held_on-day"' not in member.get("/tafel").text
    for path, form in (
        ("/tafel", {"title": "Eigen tafel", **DAY}),
        (f"/tafel/{meeting}/agenda", {"signals": [reference]}),
        (f"/tafel/{meeting}/volgorde", {"signal": reference, "direction": "up"}),
        (f"/tafel/{meeting}/{reference}/aantekening", {"text": "Ook wat zeggen"}),
        (f"/tafel/{meeting}/{reference}/besluit", _decision()),
    ):
        assert member.post(path, form, "/tafel").status_code == 403
    assert log(sqlite_program, "table:decide") == []
    assert log(sqlite_program, "table:note") == []


def test_an_unknown_meeting_is_not_found(sqlite_program):
    assert visitor(sqlite_program, "avim").get("/tafel/does-not-exist").status_code == 404
