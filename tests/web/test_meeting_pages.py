"""The pages around a meeting: the screen, two people who decide, tasks, closing, and minutes on the page and on paper."""

import io
import re

import pikepdf
import pytest

from signaltable.flow import signals
from signaltable.flow.table import tasks
from tests.meeting_steps import cases, closed, decided, kept_from, task_of, there
from tests.table_steps import log, row, use, visitor

DUE = {"due_on-day": "1", "due_on-month": "12", "due_on-year": "2026"}
EMPTY = dict.fromkeys(DUE, "")


@pytest.fixture
def people(sqlite_program, actor):
    return {
        login: actor(sqlite_program, login) for login in ("havendam", "coordinator", "voorzitter", "avim", "delinde")
    }


@pytest.fixture
def meeting(sqlite_program, people):
    """(meeting, two references) of today."""
    return cases(sqlite_program, people["havendam"], people["coordinator"], 2)


def _decision(**changes):
    return {"decision": "enrich", "holder": "avim", "reason": "Er is meer nodig", **DUE, **changes}


def test_deciding_on_the_screen_goes_on_to_the_next_case_and_then_to_the_end(sqlite_program, people, meeting):
    meeting_id, (first, second) = meeting
    chair, screen = visitor(sqlite_program, "voorzitter"), f"/tafel/{meeting_id}/scherm"
    page = chair.get(screen).text
    assert first in page
    assert second not in page
    # The way on is the first thing in the page that can have the focus
    assert re.search(r"<(a|button|input|summary)\b[^>]*>", page.partition("<body")[2])[0].count('rel="next"') == 1
    answer = chair.post(f"{screen}/{first}/besluit", _decision(), screen)
    assert (answer.status_code, answer.location) == (303, f"{screen}/2")
    # Nobody typed a day, so it is the usual one
    answer = chair.post(f"{screen}/{second}/besluit", _decision(**EMPTY), f"{screen}/2")
    assert (answer.status_code, answer.location) == (303, f"{screen}/einde")
    usual = use(sqlite_program, people["coordinator"], tasks.default_day)
    assert task_of(sqlite_program, due_on=usual).agency_id == "avim"
    assert f"/tafel/{meeting_id}/sluiten" in chair.get(f"{screen}/einde").text


def test_a_mistake_on_the_screen_comes_back_as_it_was_typed(sqlite_program, meeting):
    meeting_id, (first, _second) = meeting
    chair, screen = visitor(sqlite_program, "voorzitter"), f"/tafel/{meeting_id}/scherm"
    answer = chair.post(
        f"{screen}/{first}/besluit", _decision(reason="", **{"due_on-day": "31", "due_on-month": "2"}), screen
    )
    assert answer.status_code == 422
    for target in ('href="#due_on-day"', 'href="#reason"', 'value="avim" selected', 'value="enrich" checked'):
        assert target in answer.text
    assert '<details class="sc-decide" id="besluit" open>' in answer.text
    answer = chair.post(f"{screen}/{first}/besluit", _decision(decision="refer", destinations=[]), screen)
    assert answer.status_code == 422
    assert 'href="#destinations-0"' in answer.text
    assert 'id="destinations-0"' in answer.text
    assert chair.post(f"{screen}/{first}/besluit", _decision(holder="nowhere"), screen).status_code == 403


@pytest.mark.parametrize("where", ["item", "screen"])
def test_the_second_to_decide_sees_who_was_first_and_keeps_the_words(sqlite_program, people, meeting, where):
    meeting_id, (first, _second) = meeting
    page = f"/tafel/{meeting_id}/{first}" if where == "item" else f"/tafel/{meeting_id}/scherm"
    target = f"{page}/besluit" if where == "item" else f"{page}/{first}/besluit"
    second = visitor(sqlite_program, "voorzitter")
    decided(sqlite_program, people["coordinator"], meeting_id, first, "watch", due_on=None, holder="")
    answer = second.post(target, _decision(reason="Een lang verhaal dat niet weg mag"), f"/tafel/{meeting_id}")
    assert answer.status_code == 409
    for told in (people["coordinator"].name, "Een lang verhaal dat niet weg mag", "In de gaten houden"):
        assert told in answer.text
    assert len(log(sqlite_program, "table:decide")) == 1


def test_a_signal_taken_back_while_somebody_types_a_decision(sqlite_program, people, meeting):
    meeting_id, (first, _second) = meeting
    chair, screen = visitor(sqlite_program, "voorzitter"), f"/tafel/{meeting_id}/scherm"
    use(sqlite_program, people["havendam"], signals.withdraw, first, "op verzoek")
    answer = chair.post(f"{screen}/{first}/besluit", _decision(), f"{screen}/2")
    assert (answer.status_code, answer.location) == (303, f"{screen}/1")
    assert log(sqlite_program, "table:decide") == []
    assert "Havendam" not in chair.get(f"{screen}/1").text


def test_who_has_to_leave_is_said_before_the_case_and_that_person_gets_no_page(sqlite_program, people, meeting):
    meeting_id, (first, second) = meeting
    there(sqlite_program, people["coordinator"], meeting_id, people["avim"], presence="")
    kept_from(sqlite_program, people["avim"], first, row(sqlite_program, first).id)
    chair, screen = visitor(sqlite_program, "voorzitter"), f"/tafel/{meeting_id}/scherm"
    before = chair.get(f"{screen}/1").text
    assert people["avim"].name in before
    assert first not in before
    assert first in chair.get(f"{screen}/1?verlaten=ja").text
    member = visitor(sqlite_program, "avim")
    assert second in member.get(f"{screen}/1?verlaten=ja").text
    for path in (screen, f"{screen}/1", f"{screen}/einde", f"/tafel/{meeting_id}", "/tafel/acties"):
        assert first not in member.get(path).text
    assert member.get(f"{screen}/2").status_code == 404
    assert member.get(f"/tafel/{meeting_id}/{first}").status_code in {403, 404}


def test_closing_asks_what_is_left_over_and_leads_to_the_draft(sqlite_program, meeting):
    meeting_id, (first, _second) = meeting
    chair, page = visitor(sqlite_program, "voorzitter"), f"/tafel/{meeting_id}/sluiten"
    assert first in chair.get(page).text
    assert chair.post(page, {}, page).status_code == 422
    assert visitor(sqlite_program, "avim").get(page).status_code == 403
    answer = chair.post(page, {"leave_over": "y"}, page)
    assert (answer.status_code, answer.location) == (303, f"/tafel/{meeting_id}/verslag")
    again = visitor(sqlite_program, "coordinator").post(page, {"leave_over": "y"}, answer.location)
    assert again.status_code == 409
    assert visitor(sqlite_program, "avim").get(answer.location).status_code == 403


def paper_says(file):
    """The words of a PDF and what it says about itself."""
    with pikepdf.open(io.BytesIO(file)) as pdf:
        words = []
        for page in pdf.pages:
            for operands, operator in pikepdf.parse_content_stream(page):
                if str(operator) in {"Tj", "'"}:
                    words.append(bytes(operands[-1]).decode("cp1252"))
        return " ".join(words), {str(key): str(value) for key, value in pdf.docinfo.items()}


def test_minutes_go_from_draft_to_approved_and_each_reader_downloads_their_own(sqlite_program, people, meeting, clock):
    program = sqlite_program
    meeting_id, (first, second) = meeting
    decided(program, people["voorzitter"], meeting_id, first)
    there(program, people["coordinator"], meeting_id, people["delinde"], people["voorzitter"])
    kept_from(program, people["avim"], first, row(program, first).id)
    closed(program, people["voorzitter"], meeting_id)
    chair, page = visitor(program, "voorzitter"), f"/tafel/{meeting_id}/verslag"
    version = re.search(r'name="version" value="(\d+)"', chair.get(page).text)[1]
    assert chair.post(f"{page}/opnieuw", {"version": version}, page).status_code == 303
    assert chair.post(f"{page}/delen", {"version": version}, page).status_code == 409
    assert chair.post(f"{page}/delen", {"version": str(int(version) + 1)}, page).status_code == 303
    fix = {"reference": first, "text": "Bel 0612345678 op maandag"}
    assert chair.post(f"{page}/verbeteren", {**fix, "text": ""}, page).status_code == 422
    assert chair.post(f"{page}/verbeteren", {**fix, "reference": "S-2222-22"}, page).status_code == 403
    assert chair.post(f"{page}/verbeteren", fix, page).status_code == 303
    member, kept = visitor(program, "delinde"), visitor(program, "avim")
    whole, about = paper_says(member.get(f"{page}.pdf").data)
    partly, _about = paper_says(kept.get(f"{page}.pdf").data)
    for words in (first, second, people["delinde"].name, "[telefoon]"):
        assert words in whole
    assert first not in partly
    assert "[telefoon]" not in partly
    assert first not in kept.get(page).text
    assert people["delinde"].name not in repr(about)
    assert set(about) <= {
        "/Author",
        "/Creator",
        "/Producer",
        "/Title",
        "/Subject",
        "/Keywords",
        "/CreationDate",
        "/ModDate",
        "/Trapped",
    }
    assert (about["/Author"], about["/Creator"]) == ("signaltable", "signaltable")
    hashes = [details["file_hash"] for _entry, details in log(program, "table:consult") if "file_hash" in details]
    assert len(set(hashes)) == 2
    # There is no later meeting yet, and then there is
    assert "/vaststellen" not in chair.get(page).text
    clock.forward(days=7)
    later, _references = cases(program, people["havendam"], people["coordinator"], 0)
    chair, member = visitor(program, "voorzitter"), visitor(program, "delinde")
    assert page in chair.get(f"/tafel/{later}").text
    version = re.search(r'name="version" value="(\d+)"', chair.get(page).text)[1]
    approved = {"approved_in": later, "version": version}
    assert member.post(f"{page}/vaststellen", approved, page).status_code in {400, 403}
    assert chair.post(f"{page}/vaststellen", {**approved, "approved_in": ""}, page).status_code == 422
    assert chair.post(f"{page}/vaststellen", approved, page).status_code == 303
    text = member.get(page).text
    assert "Proeftafel" in text
    assert "/verbeteren" not in chair.get(page).text


def test_a_task_is_found_put_off_and_settled_on_its_page(sqlite_program, people, meeting):
    program = sqlite_program
    meeting_id, (first, _second) = meeting
    decided(program, people["voorzitter"], meeting_id, first, holder="avim")
    chair, member = visitor(program, "voorzitter"), visitor(program, "avim")
    page = f"/tafel/{meeting_id}/{first}"
    added = {
        "agency": "avim",
        "task_text": "Rooster opvragen",
        "task_due_on-day": "2",
        "task_due_on-month": "12",
        "task_due_on-year": "2026",
    }
    assert chair.post(f"{page}/actie", {**added, "task_text": ""}, page).status_code == 422
    assert chair.post(f"{page}/actie", {**added, "agency": "nowhere"}, page).status_code == 403
    assert chair.post(f"{page}/actie", added, page).status_code == 303
    assert "Rooster opvragen" in chair.get(page).text
    assert "Rooster opvragen" in member.get("/tafel/acties").text
    assert "/tafel/acties?van=table" not in member.get("/tafel/acties").text
    task = task_of(program, text="Rooster opvragen")
    own = f"/tafel/acties/{task.id}"
    assert visitor(program, "delinde").get(own).status_code == 403
    late = {"version": "1", "reason": "Nog bezig", "until-day": "1", "until-month": "6", "until-year": "2027"}
    assert member.post(f"{own}/uitstellen", late, own).status_code == 422
    assert (
        member.post(
            f"{own}/uitstellen", {**late, "until-day": "9", "until-month": "12", "until-year": "2026"}, own
        ).status_code
        == 303
    )
    assert member.post(f"{own}/afhandelen", {"version": "1", "result": "done", "answer": ""}, own).status_code == 409
    assert (
        member.post(f"{own}/afhandelen", {"version": "2", "result": "not_possible", "answer": ""}, own).status_code
        == 422
    )
    assert member.post(f"{own}/afhandelen", {"version": "2", "result": "burnt", "answer": ""}, own).status_code == 403
    assert (
        member.post(f"{own}/afhandelen", {"version": "2", "result": "done", "answer": "Gelukt"}, own).status_code == 303
    )
    assert "Gelukt" in chair.get("/tafel/acties?van=table&staat=settled").text
    for wrong in ("van=all", "staat=gone", "na=x"):
        assert member.get(f"/tafel/acties?{wrong}").status_code == 404
