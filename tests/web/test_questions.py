"""The pages of a partner who was asked something."""

import pytest

from signaltable.flow import enrich
from tests.factories import a_signal
from tests.table_steps import asked, log, on_the_agenda, triaged, use, visitor

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
    text = police.get(f"/vragen/{question}").text
    assert "Bij u bekend?" in text
    assert "Arbeidsuitbuiting" in text
    for secret in ("Zorinka", "Proefveld", "S-", "loon"):
        assert secret not in text


def test_an_overdue_question_is_marked(police, question, clock):
    assert "Overdue" not in police.get("/vragen").text
    clock.forward(days=12)
    police = visitor_again(police)
    assert "st-tag--danger" in police.get("/vragen").text


def visitor_again(person):
    # After days the session has ended, as it should.
    person.post("/aanmelden", {"login": "avim", "password": "een-lang-proefwachtwoord", "next": ""}, page="/aanmelden")
    return person


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
