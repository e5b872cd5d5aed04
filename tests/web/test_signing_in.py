"""The pages of signing in: what they say to strangers, and what somebody finds who just came in."""

import re
from dataclasses import replace

import pyotp
from sqlalchemy import select

from signaltable.flow.coming_in import activating, factors
from signaltable.flow.setup import INSTALLER
from signaltable.models import Account, LogDetail, LogEntry, SecondFactor
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD
from tests.letting_in import SECOND_STEP, shown_code, sign_in
from tests.web.people import Person

SECURITY = "/account/beveiliging"
NEW = "een ketting van vier woorden"


def typed(login, password, **more):
    return {"login": login, "password": password, "next": "", **more}


def bare(answer, *names):
    """What a page says, without what differs by its nature: the token of the form, and the name that was typed."""
    text = re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text)
    for name in names:
        text = text.replace(f'value="{name}"', 'value=""')
    return text


def invited(program, login, **how):
    with transaction(program, INSTALLER) as tx:
        return activating.invite(tx, tx.session.scalars(select(Account.id).where(Account.login == login)).one(), **how)


def test_a_hundred_attempts_at_many_names_lock_out_no_colleague_and_find_no_password(sqlite_program):
    """ASVS 6.3.1, 2.4.1: from one address, with a right password for each of the names among them."""
    hundred_attempts(sqlite_program, many=True)


def test_a_hundred_attempts_at_one_name_lock_out_neither_its_owner_nor_a_colleague(program):
    """ASVS 6.3.1, on both databases, which count at once in different ways."""
    hundred_attempts(program, many=False)


def hundred_attempts(program, *, many):
    attacker, colleague = Person(program), Person(program)
    assert sign_in(colleague.client, "havendam", PASSWORD).location == "/overzicht"
    names = ["avim", "riec", "essm", "delinde", "auditor", "coordinator", "opvang", "niemand", "beheer", "voorzitter"]
    token = re.search(r'name="csrf_token" value="([^"]+)"', attacker.get("/aanmelden").text)[1]
    inside = set()
    for number in range(100):
        login = names[number % len(names)] if many else "havendam"
        # The right one comes when an attacker is long past what is looked at for one name.
        given = PASSWORD if number >= 95 - 5 * many and login != "niemand" else f"geraden-wachtwoord-{number}"
        answer = attacker.client.post("/aanmelden", data={"csrf_token": token, **typed(login, given)})
        inside |= {answer.status_code} - {401}
    assert inside == set()
    # Somebody else behind that address comes in from a new browser, and the one whom they were after in the own browser.
    assert sign_in(Person(program).client, "fg.havendam", PASSWORD).location == "/overzicht"
    assert sign_in(colleague.client, "havendam", PASSWORD).location == "/overzicht"


def test_a_stranger_learns_nothing_about_who_has_an_account(sqlite_program):
    """ASVS 6.3.8: the same bytes for a name that nobody has, and for who was closed off, never came in, or mistypes."""
    program = sqlite_program
    invited(program, "riec")  # Has no password any more, and a code that waits.
    with transaction(program, INSTALLER) as tx:
        closed = tx.session.scalars(select(Account).where(Account.login == "essm")).one()
        closed.active = False
        details = {"account": closed.id, "changed": ["active"]}
        tx.record("account:change", object_type="account", object_id=closed.id, details=details)
    names = ("avim", "riec", "essm", "niemand")
    for page, given in (("/aanmelden", typed("", "geraden-wachtwoord")), ("/activeren", {"code": "ABCD-EFGH"})):
        told = set()
        for login in names:
            answer = Person(program).post(page, {**given, "login": login})
            headers = {name for name, _value in answer.headers}
            told.add((answer.status_code, bare(answer, login), tuple(sorted(headers))))
        assert len(told) == 1, page
        assert next(iter(told))[0] == 401
    # And whoever tried too much reads the same too.
    blocked = set()
    for login in names:
        person = Person(program)
        answers = [person.post("/aanmelden", typed(login, "geraden-wachtwoord")) for _try in range(11)]
        blocked.add(bare(answers[-1], login))
    assert len(blocked) == 1


def test_nobody_comes_past_the_second_step(sqlite_program):
    """ASVS 6.3.3, 6.3.4: a right password alone opens no page, whatever is asked next."""
    person = Person(sqlite_program)
    assert person.get(SECOND_STEP).location.startswith("/aanmelden")
    assert person.post("/aanmelden", typed("avim", PASSWORD)).location == SECOND_STEP
    for page in ("/overzicht", "/account", SECURITY, "/account/bevestigen", "/wachtwoord"):
        assert person.get(page).location.startswith("/aanmelden?")
    page = person.get(SECOND_STEP)
    assert 'autocomplete="one-time-code"' in page.text
    for given in ({"way": "code", "given": "000000"}, {"way": "code", "given": ""}):
        assert person.post(SECOND_STEP, given).status_code == 401
    for forged in (
        {"way": "password", "given": PASSWORD},
        {"way": "code", "given": "1", "account": "x"},
        {"given": "1"},
    ):
        assert person.post(SECOND_STEP, forged).status_code == 403
    code = shown_code(person.get(SECOND_STEP).text)
    assert person.post(SECOND_STEP, {"way": "code", "given": code}).location == "/overzicht"
    assert person.post(SECOND_STEP, {"way": "code", "given": code}, page="/overzicht").status_code == 303


def test_outside_the_demonstration_no_page_shows_a_code(sqlite_program):
    program = replace(sqlite_program, settings=replace(sqlite_program.settings, mode="production"))
    person = Person(program)
    person.post("/aanmelden", typed("avim", PASSWORD))
    assert "st-demo-code" not in person.get(SECOND_STEP).text


def set_up_an_app(person):
    """From the page that asks for it to the codes on paper: the secret and the codes."""
    assert person.post(f"{SECURITY}/app/begin", page=SECURITY).status_code == 303
    page = person.get(f"{SECURITY}/app").text
    assert "<svg" in page
    assert "style=" not in re.search(r"<svg.*?</svg>", page, re.DOTALL)[0]
    secret = re.search(r'st-secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    wrong = person.post(f"{SECURITY}/app", {"code": "000000", "title": "Telefoon"})
    assert wrong.status_code == 422
    assert 'value="Telefoon"' in wrong.text
    code = pyotp.TOTP(secret).at(person.program.clock())
    answer = person.post(f"{SECURITY}/app", {"code": code, "title": "Telefoon"})
    return secret, re.findall(r'<li class="st-code">([^<]+)</li>', answer.text)


def test_somebody_new_comes_in_with_a_code_a_password_and_an_app(sqlite_program, clock):
    """ASVS 6.4.1, 6.3.3: the whole way in, and each page of it only once."""
    program = sqlite_program
    with transaction(program, INSTALLER) as tx:
        for one in tx.session.scalars(select(SecondFactor)).all():
            factors.take_away(tx, [one])
            details = {"account": one.account_id, "kind": "totp"}
            tx.record("factor:remove", object_type="account", object_id=one.account_id, details=details)
    made, person = invited(program, "riec"), Person(program)
    assert person.get("/activeren/kiezen").location == "/activeren"
    given = {"login": " RIEC ", "code": made.code.lower().replace("-", " ")}
    assert person.post("/activeren", given).location == "/activeren/kiezen"
    page = person.get("/activeren/kiezen").text
    assert page.count('autocomplete="new-password"') == 2
    for password, again in (("kort", "kort"), (NEW, "iets anders dan dat"), ("Signaaltafel2026", "Signaaltafel2026")):
        answer = person.post("/activeren/kiezen", {"password": password, "again": again})
        assert answer.status_code == 422
        assert password not in answer.text.replace("signaaltafel", "")
    assert person.post("/activeren/kiezen", {"password": NEW, "again": NEW}).location == SECURITY
    # The session of a password alone reaches nothing but this.
    for closed in ("/overzicht", "/account", "/account/bevestigen", "/beheer"):
        assert person.get(closed).location == SECURITY
    secret, codes = set_up_an_app(person)
    assert len(codes) == 10
    assert person.get("/overzicht").status_code == 200
    assert not any(code in person.get(SECURITY).text for code in codes)
    # And from now on with both, or with a code on paper, once
    clock.forward(minutes=1)
    other = Person(program)
    assert other.post("/aanmelden", typed("riec", NEW)).location == SECOND_STEP
    code = pyotp.TOTP(secret).at(clock.now)
    assert other.post(SECOND_STEP, {"way": "code", "given": code}).location == "/overzicht"
    for status in (302, 401):
        third = Person(program)
        third.post("/aanmelden", typed("riec", NEW))
        assert third.post(SECOND_STEP, {"way": "recovery", "given": codes[0]}).status_code == status
    # Nothing of it stands in the log
    with reading(program) as session:
        told = b"".join(session.scalars(select(LogDetail.details)).all()) + b"".join(
            session.scalars(select(LogEntry.entry))
        )
    for secret_thing in (secret, codes[0], made.code, NEW):
        assert secret_thing.encode() not in told


def test_a_lost_second_step_is_set_up_anew_with_code_and_password(sqlite_program):
    made, person = invited(sqlite_program, "riec", second_factor=True), Person(sqlite_program)
    person.post("/activeren", {"login": "riec", "code": made.code})
    assert person.post("/activeren/kiezen", {"password": "geraden-wachtwoord"}).status_code == 401
    assert person.post("/activeren/kiezen", {"password": PASSWORD}).location == SECURITY
    assert len(set_up_an_app(person)[1]) == 10


def test_a_reset_leads_to_the_second_step_that_was_there(sqlite_program):
    """ASVS 6.4.3."""
    made, person = invited(sqlite_program, "riec"), Person(sqlite_program)
    person.post("/activeren", {"login": "riec", "code": made.code})
    assert person.post("/activeren/kiezen", {"password": NEW, "again": NEW}).location == SECOND_STEP


def test_the_own_sessions_are_listed_and_ended(sqlite_program):
    """ASVS 7.5.2, 7.4.1."""
    agent = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0 <script>"
    here, there, third = (Person(sqlite_program) for _one in range(3))
    for person in (here, there, third):
        person.client.environ_base["HTTP_USER_AGENT"] = agent
        sign_in(person.client, "avim", PASSWORD)
    page = here.get(SECURITY).text
    assert page.count("Firefox op Windows") + page.count("Firefox on Windows") >= 6
    assert "140.0" not in page
    (first, *_rest) = re.findall(r'name="session" value="([0-9a-f]+)"', page)
    assert here.post(f"{SECURITY}/sessies", {"session": first}, page=SECURITY).status_code == 422
    assert [one.get("/overzicht").status_code for one in (here, there, third)] == [200, 200, 200]
    proof = {"session": first, "step_up_password": PASSWORD}
    assert here.post(f"{SECURITY}/sessies", proof, page=SECURITY).status_code == 303
    assert sorted(one.get("/overzicht").status_code for one in (here, there, third)) == [200, 200, 302]
    assert here.post(f"{SECURITY}/sessies", {"session": ""}, page=SECURITY).status_code == 303
    assert [one.get("/overzicht").status_code for one in (here, there, third)] == [200, 302, 302]
    assert here.post(f"{SECURITY}/sessies", {"session": "f" * 32}, page=SECURITY).status_code == 404


def test_what_changes_how_one_signs_in_asks_a_proof_of_just_now(sqlite_program, clock):
    """ASVS 7.5.1, 7.5.3, 6.2.3; a form comes back as it was."""
    person = Person(sqlite_program, "avim")
    (factor,) = factors_of(sqlite_program, "avim").totp
    for path in (f"{SECURITY}/app/begin", f"{SECURITY}/herstelcodes", f"{SECURITY}/{factor.id}/weg"):
        assert person.post(path, page=SECURITY).status_code == 422
    assert person.get(f"{SECURITY}/app").location.startswith("/account/bevestigen")
    code = shown_code(person.get("/account/bevestigen").text)
    answer = person.post(f"{SECURITY}/herstelcodes", {"step_up_code": code}, page=SECURITY)
    assert answer.text.count('<li class="st-code">') == 10
    # A code that was used for this counts for nothing else, and the proof ends.
    again = {"next": "", "step_up_code": code}
    assert person.post("/account/bevestigen", again).status_code == 422
    clock.forward(minutes=6)
    assert person.post(f"{SECURITY}/herstelcodes", page=SECURITY).status_code == 422
    assert person.post(f"{SECURITY}/{factor.id}/weg", {"step_up_password": PASSWORD}, page=SECURITY).status_code == 409
    new = {"title": "Telefoon van het werk"}
    assert person.post(f"{SECURITY}/{factor.id}/naam", new, page=SECURITY).status_code == 303
    assert "Telefoon van het werk" in person.get(SECURITY).text


def factors_of(program, login):
    with reading(program) as session:
        account = session.scalars(select(Account.id).where(Account.login == login)).one()
        return factors.factors_of(session, account)


def test_an_own_password_is_changed_with_the_present_one_and_ends_the_other_sessions(sqlite_program):
    """ASVS 6.2.2, 6.2.3, 7.4.3."""
    here, there = Person(sqlite_program, "avim"), Person(sqlite_program, "avim")
    mistakes = (
        ({"current": "iets-anders-dan-dat", "password": NEW, "again": NEW}, 403),
        ({"current": PASSWORD, "password": NEW, "again": "een-tikfout-er-in"}, 422),
        ({"current": PASSWORD, "password": "kort", "again": "kort"}, 422),
        ({"current": PASSWORD, "password": PASSWORD, "again": PASSWORD}, 422),
    )
    for given, status in mistakes:
        assert here.post("/wachtwoord", given).status_code == status
    assert here.post("/wachtwoord", {"current": PASSWORD, "password": NEW, "again": NEW}).status_code == 303
    assert here.get("/overzicht").status_code == 200
    assert there.get("/overzicht").status_code == 302
    assert sign_in(Person(sqlite_program).client, "avim", PASSWORD).status_code == 401


def test_who_got_a_first_password_of_before_chooses_another_before_anything_else(sqlite_program):
    with transaction(sqlite_program, INSTALLER) as tx:
        account = tx.session.scalars(select(Account).where(Account.login == "avim")).one()
        account.first_password = True
        details = {"account": account.id, "changed": ["password"]}
        tx.record("account:change", object_type="account", object_id=account.id, details=details)
    person = Person(sqlite_program, "avim")
    assert person.get("/overzicht").location == "/wachtwoord"
    assert person.post("/wachtwoord", {"current": PASSWORD, "password": NEW, "again": NEW}).status_code == 303
    assert person.get("/overzicht").status_code == 200
