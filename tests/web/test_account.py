"""Coming in and going out."""

import pytest
from sqlalchemy import select

from signaltable.domain import Refused
from signaltable.flow import setup
from signaltable.flow.coming_in.proving import confirm_password
from signaltable.models import LogEntry
from signaltable.transaction import reading
from tests.conftest import PASSWORD, SHIPPED_HASHER
from tests.letting_in import sign_in
from tests.table_steps import log
from tests.web.people import Person


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


def test_the_login_page_welcomes_and_in_the_demo_names_the_command_but_no_password(program):
    setup.remember_demo_accounts(program.settings, [{"login": "havendam", "password": PASSWORD}])
    page = Person(program).get("/aanmelden").text
    assert "signaltable accounts" in page
    assert PASSWORD not in page
    assert 'autocomplete="current-password"' in page
    assert 'autocomplete="username"' in page


def test_outside_the_demo_nothing_is_told_about_accounts(program):
    from dataclasses import replace

    page = Person(replace(program, settings=replace(program.settings, mode="production"))).get("/aanmelden").text
    assert "signaltable accounts" not in page


def test_a_wrong_password_is_refused_recorded_and_not_repeated(program):
    answer = Person(program).post("/aanmelden", {"login": "havendam", "password": "mis-mis-mis-mis", "next": ""})
    assert answer.status_code == 401
    assert 'value="havendam"' in answer.text
    assert "mis-mis" not in answer.text
    assert 'id="errors"' in answer.text
    with reading(program) as session:
        entry = session.scalars(select(LogEntry).order_by(LogEntry.seq.desc()).limit(1)).one()
    assert (entry.action, entry.outcome) == ("login:fail", "refused")


def test_a_wrong_present_password_is_told_in_the_log_as_a_proof_that_failed(program, actor):
    with pytest.raises(Refused, match="wrong_credentials"):
        confirm_password(program, actor(program, "havendam"), "mis-mis-mis-mis")
    ((entry, details),) = log(program, "login:fail")
    assert (entry.outcome, details["step_up"]) == ("refused", True)


def test_a_wrong_name_reads_the_same_as_a_wrong_password(program):
    pages = [
        Person(program)
        .post("/aanmelden", {"login": login, "password": "mis-mis-mis-mis", "next": ""})
        .text.replace(login, "")
        for login in ("havendam", "niemand")
    ]
    told = [page.split('id="errors"')[1].split("</div>")[0] for page in pages]
    assert told[0] == told[1]


def test_an_empty_form_says_what_to_fill_in(program):
    answer = Person(program).post("/aanmelden", {"login": "", "password": "", "next": ""})
    assert answer.status_code == 422
    assert 'href="#login"' in answer.text
    assert 'href="#password"' in answer.text


def test_too_many_attempts_close_one_account_for_a_while(program, clock):
    for _try in range(10):
        Person(program).post("/aanmelden", {"login": "avim", "password": "mis-mis-mis-mis", "next": ""})
    right = {"login": "avim", "password": PASSWORD, "next": ""}
    assert Person(program).post("/aanmelden", right).status_code == 401
    assert Person(program).post("/aanmelden", {**right, "login": "riec"}).status_code == 302
    clock.forward(minutes=16)
    assert Person(program).post("/aanmelden", right).status_code == 302


def test_a_stored_password_costs_nineteen_megabytes_to_try(program):
    # The tests use a cheaper one; this is the one that people get.
    shipped = SHIPPED_HASHER(program.policy.coming_in.password)
    assert shipped.hash(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/audit", "/audit"),
        ("https://evil.example/", "/overzicht"),
        ("//evil.example", "/overzicht"),
        ("/\\evil.example", "/overzicht"),
        ("", "/overzicht"),
    ],
)
def test_one_returns_to_the_page_asked_for_and_never_elsewhere(program, wanted, goes_to):
    answer = sign_in(Person(program).client, "auditor", PASSWORD, wanted)
    assert answer.status_code == 302
    assert answer.location == goes_to


def test_signing_out_ends_the_session_on_the_server(program):
    person = Person(program, "auditor")
    cookie = person.client.get_cookie("signaltable").value
    assert person.post("/afmelden", page="/audit").status_code == 302
    person.client.set_cookie("signaltable", cookie)
    assert person.get("/audit").status_code == 302


def test_a_session_ends_after_an_hour_without_use(program, clock):
    person = Person(program, "auditor")
    clock.forward(minutes=59)
    assert person.get("/audit").status_code == 200
    clock.forward(minutes=61)
    assert person.get("/audit").status_code == 302


def test_the_language_button_of_every_page_works(program):
    import re

    person = Person(program)
    page = person.get("/aanmelden").text
    form = re.search(r'<form[^>]*action="([^"]+)"[^>]*>((?:(?!</form>).)*name="lang".*?)</form>', page, re.DOTALL)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[2]))
    answer = person.client.post(form[1], data={**fields, "lang": "en"})
    assert answer.status_code == 302
    assert '<html lang="en"' in person.get("/aanmelden").text


def test_the_other_language_keeps_where_somebody_was_going(sqlite_program):
    person = Person(sqlite_program)
    shown = person.get("/aanmelden?next=/vragen").text
    assert 'name="next" value="/aanmelden?next=/vragen"' in shown, "of the button of the language"
    answer = person.post("/taal", {"lang": "en", "next": "/aanmelden?next=/vragen"}, page="/aanmelden")
    assert answer.location == "/aanmelden?next=/vragen"
    assert "Sign in, then you go on with the page that you wanted." in person.get(answer.location).text


def test_signing_in_ends_the_session_that_this_browser_had_before(program):
    person = Person(program, "riec")
    before = person.client.get_cookie("signaltable").value
    assert sign_in(person.client, "essm", PASSWORD).location == "/overzicht"
    assert "ESSM" in person.get("/overzicht").text
    person.client.set_cookie("signaltable", before)
    assert person.get("/overzicht").status_code == 302
