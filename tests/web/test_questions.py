"""The pages of a partner who was asked something."""

from html import unescape

import pytest

from signaltable.flow import enrich
from tests.factories import a_signal
from tests.table_steps import asked, colleague, log, on_the_agenda, triaged, use, visitor
from tests.web.people import without_tokens

TYPED = {"id-given_name": "Zorinka", "id-surname": "Proefveld", "id-birth_date": "12 april 1996"}


@pytest.fixture
def question(sqlite_program, actor):
    """A question to the police about one person."""
    reference = triaged(sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "coordinator"))
    (made,) = asked(sqlite_program, actor(sqlite_program, "coordinator"), reference, "avim", note="Bij u bekend?")
    return made


@pytest.fixture
def police(sqlite_program):
    return visitor(sqlite_program, "avim")


def test_the_list_leads_to_the_question_which_tells_no_more_than_the_facts(police, question):
    assert f"/vragen/{question}" in police.get("/vragen").text
    text = without_tokens(police.get(f"/vragen/{question}").text)
    assert "Bij u bekend?" in text
    assert "Arbeidsuitbuiting" in text
    for secret in ("Zorinka", "Proefveld", "S-", "loon"):
        assert secret not in text


def test_an_overdue_question_is_marked(sqlite_program, police, question, clock):
    assert "Overdue" not in police.get("/vragen").text
    clock.forward(days=12)
    # After days the session has ended, as it should.
    assert "st-tag--danger" in visitor(sqlite_program, "avim").get("/vragen").text


def test_comparing_says_one_word_and_does_not_repeat_what_was_typed(sqlite_program, police, question):
    page = f"/vragen/{question}"
    answer = police.post(f"{page}/vergelijken", {**_empty(), **TYPED}, page)
    assert answer.status_code == 200
    assert "st-alert--good" in answer.text
    assert "Proefveld" not in answer.text
    ((_entry, details),) = log(sqlite_program, "enrich:compare")
    assert details["result"] == "match"


def _empty():
    return {"id-given_name": "", "id-surname": ""}


def test_what_cannot_be_compared_comes_back_to_be_mended(police, question):
    page = f"/vragen/{question}"
    answer = police.post(f"{page}/vergelijken", {"id-phone": "12", "id-surname": "Proefveld"}, page)
    assert answer.status_code == 422
    assert 'href="#id-phone"' in answer.text
    assert 'value="Proefveld"' in answer.text
    assert police.post(f"{page}/vergelijken", _empty(), page).status_code == 422
    assert police.post(f"{page}/vergelijken", {**TYPED, "id-bsn": "111222333"}, page).status_code == 403


def test_comparing_keeps_an_answer_that_was_begun(sqlite_program, police, question):
    page = f"/vragen/{question}"
    begun = {"answer": "hit", "context": "Ons team kent", "anonymous": "y"}
    for typed, status in ((TYPED, 200), ({"id-phone": "12"}, 422), (_empty(), 422)):
        answer = police.post(f"{page}/vergelijken", {**typed, **begun}, page)
        assert answer.status_code == status
        assert 'name="anonymous" value="y" checked' in answer.text
        assert "Ons team kent" in answer.text
    assert log(sqlite_program, "enrich:answer") == []


def test_an_answer_with_a_mistake_keeps_what_was_typed_to_compare(sqlite_program, police, question):
    page = f"/vragen/{question}"
    answer = police.post(f"{page}/antwoord", {"context": "", **TYPED}, page)
    assert answer.status_code == 422
    assert 'value="Proefveld"' in answer.text
    assert police.post(f"{page}/antwoord", {"answer": "hit", "context": "", **TYPED}, page).status_code == 303
    assert police.post(f"{page}/antwoord", {"answer": "hit", "id-bsn": "1"}, page).status_code == 403


def test_a_comparison_beyond_the_budget_is_refused_with_a_clear_page(sqlite_program, police, question, actor):
    for _ in range(sqlite_program.policy.budgets["compare"].person):
        use(sqlite_program, actor(sqlite_program, "avim"), enrich.compare, question, {"surname": "Verzinsel"})
    page = f"/vragen/{question}"
    answer = police.post(f"{page}/vergelijken", TYPED, page)
    assert answer.status_code == 429
    assert "20 " in answer.text
    assert 'value="Proefveld"' in answer.text
    assert "st-alert--good" not in answer.text
    assert log(sqlite_program, "enrich:compare")[-1][0].outcome == "refused"


def test_an_answer_is_given_and_can_be_corrected(sqlite_program, police, question):
    page = f"/vragen/{question}"
    form = {"answer": "hit", "context": "Bel team 0612345678", "anonymous": "y"}
    form |= {"capacity": "police", "context_checked": "y"}
    answer = police.post(f"{page}/antwoord", form, page)
    assert (answer.status_code, answer.location) == (303, "/vragen")
    text = police.get(page).text
    assert 'value="hit" aria-label' in text
    assert "[telefoon]" in text
    assert police.post(f"{page}/antwoord", {"answer": "no_hit", "context": ""}, page).status_code == 303
    assert [details["answer"] for _entry, details in log(sqlite_program, "enrich:answer")] == ["hit", "no_hit"]


@pytest.mark.parametrize(
    ("form", "target"), [({"context": ""}, "#answer-0"), ({"answer": "hit", "context": "111222333"}, "#context")]
)
def test_an_answer_with_a_mistake_is_not_kept(sqlite_program, police, question, form, target):
    answer = police.post(f"/vragen/{question}/antwoord", form, f"/vragen/{question}")
    assert answer.status_code == 422
    assert f'href="{target}"' in answer.text
    assert log(sqlite_program, "enrich:answer") == []


@pytest.mark.parametrize(
    "forged", [{"answer": "yes"}, {"answer": "hit", "agency": "riec"}, {"answer": "hit", "state": "x"}]
)
def test_an_answer_that_was_not_offered_is_refused(sqlite_program, police, question, forged):
    assert police.post(f"/vragen/{question}/antwoord", forged, f"/vragen/{question}").status_code == 403
    assert log(sqlite_program, "enrich:answer") == []


def test_another_partner_and_other_roles_find_a_closed_door(sqlite_program, question):
    for login, paths in (("riec", (f"/vragen/{question}",)), ("coordinator", ("/vragen", f"/vragen/{question}"))):
        person = visitor(sqlite_program, login)
        for path in paths:
            assert person.get(path).status_code == 403
    assert visitor(sqlite_program, "riec").get("/vragen/does-not-exist").status_code == 404


def test_after_the_meeting_the_answer_stands(sqlite_program, actor):
    coordinator = actor(sqlite_program, "coordinator")
    reference = triaged(sqlite_program, actor(sqlite_program, "havendam"), coordinator, a_signal())
    (made,) = asked(sqlite_program, coordinator, reference, "avim")
    use(sqlite_program, actor(sqlite_program, "avim"), enrich.answer, made, answer="may_not_say")
    on_the_agenda(sqlite_program, coordinator, reference)
    person = visitor(sqlite_program, "avim")
    text = person.get(f"/vragen/{made}").text
    assert f"/vragen/{made}/antwoord" not in text
    assert person.post(f"/vragen/{made}/antwoord", {"answer": "hit"}, "/vragen").status_code == 409


def test_four_buttons_stand_on_the_page_and_one_press_answers(sqlite_program, police, question):
    page = f"/vragen/{question}"
    text = police.get(page).text
    for answer in ("hit", "no_hit", "cannot_search", "may_not_say"):
        assert f'name="answer" value="{answer}"' in text
    # The Enter key presses the first button of a form, which compares and never answers
    first = text.index("<button", text.index(f'action="{page}/antwoord"'))
    assert f'formaction="{page}/vergelijken"' in text[first : text.index(">", first)]
    # A press sends what stands on the page and needs nothing else
    sent = {"answer": "no_hit", "context": "", "necessity": "", "capacity": "", "version": "0"}
    assert police.post(f"{page}/antwoord", sent, page).status_code == 303
    assert log(sqlite_program, "enrich:answer")[0][1]["answer"] == "no_hit"


def test_the_second_of_two_colleagues_reads_what_the_first_said_and_keeps_what_he_typed(
    sqlite_program, police, question, actor
):
    page = f"/vragen/{question}"
    colleague(sqlite_program, "avim.twee", "avim", "partner-member")
    use(sqlite_program, actor(sqlite_program, "avim.twee"), enrich.answer, question, answer="hit", version=0)
    typed = {
        "answer": "no_hit",
        "context": "Wat ik net typte",
        "anonymous": "y",
        "version": "0",
        "id-surname": "Proefveld",
    }
    answer = police.post(f"{page}/antwoord", typed | {"capacity": "police", "context_checked": "y"}, page)
    assert answer.status_code == 409
    for kept in (
        "Wat ik net typte",
        'name="anonymous" value="y" checked',
        'value="Proefveld"',
        'name="version" type="hidden" value="1"',
    ):
        assert kept in answer.text
    assert 'value="hit" aria-label' in answer.text
    assert [details["answer"] for _entry, details in log(sqlite_program, "enrich:answer")] == ["hit"]
    assert police.post(f"{page}/antwoord", {"answer": "no_hit", "version": "1"}, page).status_code == 303


def test_a_context_without_a_ground_comes_back_with_the_reasons(sqlite_program, police, question):
    page = f"/vragen/{question}"
    form = {"answer": "hit", "context": "Uit ons onderzoek", "context_checked": "y", "capacity": "police-investigation"}
    answer = police.post(f"{page}/antwoord", form, page)
    assert answer.status_code == 422
    assert "Uit ons onderzoek" in answer.text
    (denied,) = [one for one in sqlite_program.policy.grounds.rows if one.id == "POL10"]
    assert denied.explanation.nl in unescape(answer.text)
    assert log(sqlite_program, "enrich:answer") == []
    missing = police.post(f"{page}/antwoord", {**form, "capacity": "", "context_checked": ""}, page)
    assert (missing.status_code, 'href="#capacity"' in missing.text) == (422, True)


def test_the_own_context_is_taken_back_and_the_list_of_answers_says_who_reads_it(sqlite_program, police, question):
    page = f"/vragen/{question}"
    form = {"answer": "hit", "context": "Bekend bij het team", "context_checked": "y", "capacity": "police"}
    assert police.post(f"{page}/antwoord", form, page).status_code == 303
    listed = police.get("/vragen/antwoorden").text
    assert "Bekend bij het team" in listed
    assert "RIEC Rotterdam" in listed
    assert police.post(f"{page}/toelichting-intrekken", {}, page).status_code == 303
    assert "Bekend bij het team" not in police.get("/vragen/antwoorden").text + police.get(page).text
    assert visitor(sqlite_program, "riec").post(f"{page}/toelichting-intrekken", {}, "/vragen").status_code == 403


def test_a_question_about_a_fact_has_nothing_to_compare_with(sqlite_program, police, actor):
    coordinator = actor(sqlite_program, "coordinator")
    reference = triaged(sqlite_program, actor(sqlite_program, "havendam"), coordinator)
    asking = enrich.Asking(agencies=("avim",), facts=("form_rows:wages",), checked=True)
    (made,) = use(sqlite_program, coordinator, enrich.ask, reference, asking).questions
    assert f"/vragen/{made}" in police.get("/vragen").text
    text = unescape(without_tokens(police.get(f"/vragen/{made}").text))
    assert sqlite_program.policy.form_rows["wages"].title.nl in text
    assert "november 2026" in text
    shown = text.partition("<main")[2].partition("</main>")[0]
    for hidden in ("vergelijken", "Zorinka", "S-", "P-", reference):
        assert hidden not in shown
    assert police.post(f"/vragen/{made}/vergelijken", {}, f"/vragen/{made}").status_code == 409
