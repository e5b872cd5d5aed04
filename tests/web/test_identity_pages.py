"""The pages of asking who somebody is, of proving it again, and of erasing on request."""

import re
from html import unescape

import pytest
from sqlalchemy import select

from signaltable.flow.identity_requests import lists
from signaltable.models import SubjectKey
from signaltable.transaction import reading
from tests.conftest import PASSWORD
from tests.databases import every_row, is_file
from tests.identity_steps import WHY, approved, asked_for, name_at_table, on_the_table
from tests.table_steps import log, submitted, use
from tests.web.people import Person

BECAUSE = "De cliënt stemde in en de zorgcoördinator heeft de naam nodig."
NAME = "Proefveld"
PROOF = "step_up_password"


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def case(program, actor):
    return on_the_table(program, actor)


def test_from_the_case_to_the_quarter_of_an_hour(program, actor, clock, case):
    care, officer = Person(program, "essm"), Person(program, "fg.havendam")
    name = name_at_table(program, actor(program, "essm"), case)
    ask = f"/identiteit/vragen/zaak/{case}/{name}"
    assert f'href="{ask}"' in care.get(f"/tafel/dossier/{case}").text
    offered = care.get(ask).text
    assert "P2.G2" in offered
    nothing = care.get(f"{ask}?stap=2").text
    assert ('id="errors"' in offered, 'id="errors"' in nothing, 'href="#keuze-0"' in nothing) == (False, True, True)
    form = {"keuze": "P2.G2", "NEC-motivation": "", "motivation": WHY, "CONSENT-recipient": "this"}
    back = care.post(ask, form, page=f"{ask}?keuze=P2.G2")
    assert back.status_code == 422
    assert WHY in unescape(back.text), "a form with a mistake comes back filled"
    made = asked_for(program, actor(program, "essm"), case).reference
    page = f"/identiteit/{made}"
    assert made in officer.get("/identiteit").text
    assert "Proefveld" not in officer.get(page).text
    # Without the password the whole form comes back, with a box for it; then it goes through.
    asked = officer.post(f"{page}/akkoord", {"agree_reason": BECAUSE}, page=page)
    assert asked.status_code == 422
    assert f'value="{BECAUSE}"' in unescape(asked.text)
    wrong = officer.post(f"{page}/akkoord", {"agree_reason": BECAUSE, PROOF: "een verkeerd wachtwoord"}, page=page)
    assert (wrong.status_code, BECAUSE in unescape(wrong.text)) == (422, True)
    went = officer.post(f"{page}/akkoord", {"agree_reason": BECAUSE, PROOF: PASSWORD}, page=page)
    assert (went.status_code, went.location) == (303, page)
    assert "1 goedgekeurd verzoek om een identiteit dat u kunt openen" in words_of(care.get("/overzicht").text)
    closed = care.post(f"{page}/inzien", {}, page=page)
    assert (closed.status_code, NAME in closed.text) == (422, False)
    seen = care.post(f"{page}/inzien", {PROOF: PASSWORD}, page=page)
    assert NAME in seen.text
    assert "12 april 1996" in seen.text
    assert seen.headers["Refresh"] == f"900; url={page}"
    assert seen.headers["Cache-Control"] == "no-store"
    assert_marked(seen.text, made)
    clock.forward(minutes=7)
    again = care.get(f"{page}/inzien")
    assert (NAME in again.text, again.headers["Refresh"]) == (True, f"480; url={page}")
    assert NAME not in care.get(page).text
    clock.forward(minutes=8)
    assert care.get(f"{page}/inzien").status_code == 403
    assert "goedgekeurd verzoek" not in words_of(care.get("/overzicht").text)
    assert [entry[1].get("step_up") for entry in log(program, "login:fail")] == [True]
    assert [entry[1].get("step_up") for entry in log(program, "login:succeed")].count(True) == 2


def words_of(page):
    """The words of a page without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def assert_marked(text, reference):
    """Who looks stands across the page, by eye and once for a screen reader."""
    hidden = re.search(r'<div class="st-watermark" aria-hidden="true">(.*?)</div>', text, re.DOTALL)[1]
    marks = re.findall(r"<span>(.*?)</span>", hidden)
    assert len(marks) > 20
    assert {part for one in marks for part in ("Esma Verdicht", "ESSM", reference) if part not in one} == set(), marks[
        0
    ]
    assert len(re.findall(r'class="st-hidden">[^<]*Esma Verdicht', text)) == 1


def test_another_session_of_the_same_account_has_to_prove_it_first(program, actor, case):
    made = approved(program, actor(program, "essm"), actor(program, "fg.havendam"), case)
    first, second = Person(program, "essm"), Person(program, "essm")
    page = f"/identiteit/{made}"
    assert NAME in first.post(f"{page}/inzien", {PROOF: PASSWORD}, page=page).text
    sent_back = second.get(f"{page}/inzien")
    assert (sent_back.status_code, sent_back.location) == (302, page)
    assert NAME in second.post(f"{page}/inzien", {PROOF: PASSWORD}, page=page).text
    assert Person(program, "avim").get(f"{page}/inzien").status_code == 404
    assert Person(program, "fg.havendam").get(page).status_code == 200
    with_post = Person(program, "fg.havendam").post(f"{page}/inzien", {PROOF: PASSWORD}, page=page)
    assert (with_post.status_code, NAME in with_post.text) == (403, False)


def test_proving_it_counts_for_five_minutes_and_wrong_ones_are_throttled(program, clock, actor, case):
    made = asked_for(program, actor(program, "essm"), case).reference
    officer, page = Person(program, "fg.havendam"), f"/identiteit/{made}"
    went = officer.post("/account/bevestigen", {PROOF: PASSWORD, "next": page})
    assert (went.status_code, went.location) == (303, page)
    assert officer.post("/account/bevestigen", {PROOF: PASSWORD, "next": "//elders.example"}).location == "/overzicht"
    clock.forward(minutes=4, seconds=59)
    assert 'name="step_up_password"' not in officer.get(page).text
    clock.forward(seconds=1)
    assert 'name="step_up_password"' in officer.get(page).text
    assert officer.post(f"{page}/weigeren", {"refuse_reason": BECAUSE}, page=page).status_code == 422
    for _try in range(10):
        assert officer.post("/account/bevestigen", {PROOF: "mis", "next": page}).status_code == 422
    blocked = officer.post("/account/bevestigen", {PROOF: PASSWORD, "next": page})
    assert blocked.status_code == 422, "also the right one has to wait now"
    assert len(use(program, actor(program, "fg.havendam"), lambda tx: list(lists.work(tx)))) == 1


def test_who_supervises_sees_the_requests_and_no_words(program, actor, case):
    made = asked_for(program, actor(program, "essm"), case).reference
    auditor = Person(program, "auditor")
    assert made in auditor.get("/identiteit").text
    assert made in auditor.get("/identiteit/alle").text
    page = auditor.get(f"/identiteit/{made}").text
    assert WHY not in unescape(page)
    assert "Esma Verdicht" not in page


def test_erasing_asks_the_password_and_loses_no_answer(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    officer, focal = Person(program, "fg.havendam"), Person(program, "havendam")
    asked = {"signal": reference, "number": "1", "ground": "not_needed", "reason": "Zij vroeg dit zelf aan de balie."}
    assert officer.post("/wissen/nieuw", {**asked, "signal": "S-2222-22"}).status_code == 422
    page = officer.post("/wissen/nieuw", asked).location
    assert "Proefveld" not in focal.get(page).text
    answers = {"check-asker": "checked", "check-danger": "no", "check-needed": "no", "decision": "erase"}
    answers["reason"] = BECAUSE
    held = focal.post(page, {**answers, "check-danger": "unknown", PROOF: PASSWORD})
    assert (held.status_code, BECAUSE in unescape(held.text)) == (422, True)
    with reading(program) as session:
        (key,) = session.scalars(select(SubjectKey.wrapped)).all()
    files = sorted(program.settings.home.glob("signaltable.db*"))
    assert any(key in file.read_bytes() for file in files) == is_file(program.settings)
    assert key.hex() in every_row(program.settings)
    assert focal.post(page, answers).location == page, "proved a moment ago"
    assert not [file.name for file in files if key in file.read_bytes()], "nor in the file beside the database"
    assert key.hex() not in every_row(program.settings)
    assert NAME not in focal.get(f"/signalen/{reference}").text
    assert officer.get(page).status_code == 200
