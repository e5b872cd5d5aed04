"""Passkeys in the pages: what a script is given, what comes back in a form, and what a browser without script sees."""

import re
from dataclasses import replace

import pytest

from signaltable.flow.accounts import change_account
from signaltable.flow.coming_in import factors
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.sessions import actor_of_session, open_session
from signaltable.models import SecondFactor
from signaltable.transaction import reading, transaction
from tests.authenticator import Device
from tests.conftest import PASSWORD
from tests.passkey_steps import Holder
from tests.table_steps import log
from tests.web.people import Person

LOG_IN, ADD = "/aanmelden/passkey", "/account/beveiliging/passkey"


def asked(person, path, page="/aanmelden"):
    """What a script gets for the dialogue of the browser."""
    answer = person.post(f"{path}/vraag", page=page)
    assert answer.status_code == 200, answer.status_code
    assert answer.headers["Cache-Control"].startswith("no-store")
    return answer.json


def token_of(person):
    with person.client.session_transaction() as kept:
        return kept.get("_user_id", "")


def alone(person, device, wanted="", **twist):
    given = device.prove(asked(person, LOG_IN), **twist)
    return person.post(LOG_IN, {"passkey": given, "next": wanted}, page="/aanmelden")


@pytest.fixture
def holder(sqlite_program):
    person = Holder(sqlite_program, "havendam")
    person.add("Laptop van het werk")
    return person


def test_somebody_adds_a_passkey_and_comes_in_with_nothing_else(sqlite_program):
    """ASVS 6.3.3, 7.2.4, 7.5.1, 14.2.1: a proof before it is added; a new session after it; nothing of it in an address."""
    person, device = Person(sqlite_program, "havendam"), Device()
    first = person.get(ADD)
    assert first.status_code == 302
    assert "/account/bevestigen" in first.location
    assert person.post("/account/bevestigen", {"step_up_password": PASSWORD, "next": ADD}).location.endswith(ADD)
    made = device.make(asked(person, ADD, page=ADD))
    done = person.post(ADD, {"title": "Laptop van het werk", "passkey": made})
    assert (done.status_code, done.location) == (303, "/account/beveiliging")
    assert "Laptop van het werk" in person.get("/account/beveiliging").text
    # Elsewhere, with the device and without a name
    other = Person(sqlite_program)
    other.get("/aanmelden")
    came = alone(other, device, "/account")
    assert (came.status_code, came.location) == (302, "/account")
    assert other.get("/account").status_code == 200
    assert token_of(other) not in {"", token_of(person)}
    assert actor_of_session(sqlite_program, token_of(other)).strength == "passkey"
    assert "passkey" not in str(other.client.get_cookie("signaltable").value)
    # Where the page was to lead to another site it leads home
    assert alone(Person(sqlite_program), device, "//elders.example").location == "/overzicht"


def test_a_passkey_is_the_second_step_of_the_pages(holder):
    person = Person(holder.program)
    assert person.post("/aanmelden", {"login": "havendam", "password": PASSWORD, "next": "/account"}).status_code == 302
    page = person.get("/aanmelden/tweede-stap").text
    assert 'data-ask="/aanmelden/tweede-stap/passkey/vraag"' in page
    options = asked(person, "/aanmelden/tweede-stap/passkey", page="/aanmelden/tweede-stap")
    assert [one["id"] for one in options["allowCredentials"]] == [holder.kept()[0].credential_id]
    wrong = {"way": "passkey", "given": holder.device.prove(options, origin="https://elders.example")}
    refused = person.post("/aanmelden/tweede-stap", wrong)
    assert refused.status_code == 401
    assert "Met deze passkey komt u hier niet binnen" in refused.text
    options = asked(person, "/aanmelden/tweede-stap/passkey", page="/aanmelden/tweede-stap")
    right = person.post("/aanmelden/tweede-stap", {"way": "passkey", "given": holder.device.prove(options)})
    assert right.location == "/account"
    # Whoever gave no password is told nothing about anybody's passkeys
    assert Person(holder.program).post("/aanmelden/tweede-stap/passkey/vraag", page="/aanmelden").status_code == 404


def test_a_form_goes_on_with_one_touch(holder):
    """ASVS 7.5.3: what asks a proof takes a passkey in the same form; a wrong one leads to the page that asks again."""
    person = Person(holder.program, "havendam")
    again = "/account/beveiliging/herstelcodes"
    options = asked(person, "/account/bevestigen/passkey", page="/account")
    bad = person.post(again, {"step_up_passkey": holder.device.prove(options, verified=False)}, page="/account")
    assert bad.status_code == 422
    assert 'name="step_up_passkey"' in bad.text
    options = asked(person, "/account/bevestigen/passkey", page="/account")
    given = {"step_up_passkey": holder.device.prove(options)}
    assert person.post(again, given, page="/account").status_code == 200
    _entry, details = log(holder.program, "login:succeed")[-1]
    assert (details["method"], details["step_up"]) == ("passkey", True)


def test_the_first_second_step_may_be_a_passkey(sqlite_program):
    """After it come the recovery codes, and a session that may do what two factors may."""
    holder, person = Holder(sqlite_program, "havendam"), Person(sqlite_program)
    with transaction(sqlite_program, holder.actor) as tx:
        rows = tx.session.query(SecondFactor).filter_by(account_id=holder.account.id).all()
        factors.take_away(tx, rows)
        tx.record("factor:remove", object_type="account", details={"account": holder.account.id, "kind": "all"})
    before = open_session(sqlite_program, holder.account, ANONYMOUS, strength="password")
    with person.client.session_transaction() as kept:
        kept["_user_id"] = before
    assert person.get("/overzicht").location == "/account/beveiliging"
    assert ADD in person.get("/account/beveiliging").text
    made = holder.device.make(asked(person, ADD, page=ADD))
    for missing in ({"title": " ", "passkey": made}, {"title": "Telefoon", "passkey": ""}):
        assert person.post(ADD, missing).status_code == 422
    codes = person.post(ADD, {"title": "Telefoon", "passkey": made})
    assert codes.status_code == 200
    assert len(re.findall(r"\b(?:[2-9A-Z]{4}-){3,}", codes.text)) >= 10
    assert token_of(person) != before
    assert actor_of_session(sqlite_program, before) is None
    assert actor_of_session(sqlite_program, token_of(person)).strength == "passkey"
    assert person.get("/overzicht").status_code == 200


def test_nobody_learns_whose_passkey_it_is(holder):
    """ASVS 6.3.8: of a closed account, of nobody, malformed, without a challenge or with that of another browser: one page."""
    stranger = Device()
    person = Person(holder.program)
    stranger.make({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"})
    desk = Holder(holder.program, "beheer")
    with transaction(holder.program, desk.actor) as tx:
        change_account(tx, holder.account.id, name=holder.account.name, roles=["focal-officer"], active=False)
    pages = [alone(person, stranger), alone(person, holder.device)]
    for answer in ("", "{}", "[" * 900, "x" * 700_000):
        asked(person, LOG_IN)
        pages.append(person.post(LOG_IN, {"passkey": answer, "next": ""}, page="/aanmelden"))
    assert {one.status_code for one in pages} == {401}
    assert len({re.sub(r'value="[^"]+"', "", one.text) for one in pages}) == 1
    assert len({tuple(sorted(one.headers.keys())) for one in pages}) == 1
    # The challenges are alike as well
    first, second = asked(person, LOG_IN), asked(Person(holder.program), LOG_IN)
    assert first | {"challenge": ""} == second | {"challenge": ""}


def test_a_challenge_stays_in_the_browser_that_asked(holder):
    mine, thief = Person(holder.program), Person(holder.program)
    given = holder.device.prove(asked(mine, LOG_IN))
    stolen = thief.post(LOG_IN, {"passkey": given, "next": ""}, page="/aanmelden")
    asked(thief, LOG_IN)
    later = thief.post(LOG_IN, {"passkey": given, "next": ""}, page="/aanmelden")
    assert {stolen.status_code, later.status_code} == {401}
    assert token_of(thief) == ""
    # Who copied the cookie before it was used comes second
    copied = mine.client.get_cookie("signaltable").value
    assert mine.post(LOG_IN, {"passkey": given, "next": ""}, page="/aanmelden").status_code == 302
    thief.client.set_cookie("signaltable", copied)
    assert thief.post(LOG_IN, {"passkey": given, "next": ""}, page="/aanmelden").status_code == 401


def test_what_no_page_of_ours_sends_is_refused(holder):
    person = Person(holder.program)
    assert person.client.get(LOG_IN).status_code == 405
    assert person.client.post(f"{LOG_IN}/vraag").status_code == 400  # Without the token of a form.
    assert person.client.post(LOG_IN, json={"passkey": "{}"}).status_code in {400, 403}
    assert person.post(f"{LOG_IN}/vraag", {"account": "havendam"}, page="/aanmelden").status_code == 403
    assert person.post(f"{LOG_IN}/vraag?account=havendam", page="/aanmelden").status_code == 403
    for path in (ADD, "/account/bevestigen/passkey"):
        assert person.post(f"{path}/vraag", page="/aanmelden").status_code == 401


def test_the_pages_say_where_passkeys_work(holder):
    """A browser wants a name and https; the demo is found under both names of the own machine."""
    person = Person(holder.program)
    by_number = person.client.get("/aanmelden", base_url="http://127.0.0.1:8041").text
    assert 'href="http://localhost:8041/aanmelden"' in by_number
    assert "data-passkey=" not in by_number
    # Without script the button stays hidden, and so does all that is about it
    assert re.search(r"<div hidden data-with-passkey>", person.get("/aanmelden").text)
    settings = replace(holder.program.settings, address="http://tafel.example/")
    plain = Person(replace(holder.program, settings=settings))
    assert "https" in plain.get("/aanmelden").text
    assert plain.post(f"{LOG_IN}/vraag", page="/aanmelden").status_code == 404


def test_a_copied_passkey_stands_on_the_page_of_its_owner(holder):
    person = Person(holder.program, "havendam")
    assert "Laptop van het werk</strong>" not in person.get("/account/beveiliging").text
    assert alone(Person(holder.program), holder.device, count=1).status_code == 401
    assert "Laptop van het werk</strong>" in person.get("/account/beveiliging").text
    with reading(holder.program) as session:
        assert session.get(SecondFactor, holder.kept()[0].id).copied_at
