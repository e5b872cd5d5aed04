"""What an attacker tries: everything that one person finds, as everybody else; and every form and address with hostile input.

The region of tests/canaries.py says of each word who may read it, so that a page that opens for somebody else shows at
once whether it says more than it should (OWASP WSTG-ATHZ-04, WSTG-INPV, WSTG-ERRH; ASVS 1.2.1, 8.2.1, 8.2.2, 8.4.1, 16.5.1).
"""

import random
import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from werkzeug.routing import BuildError

from signaltable.access import FOR_EVERYBODY
from signaltable.web import create_app
from tests import canaries
from tests.canaries import MAY_READ, NOBODY
from tests.letting_in import let_in, prove
from tests.thorough import many
from tests.web.crawl import filled
from tests.web.finder import OF_A_VIEW, Finder
from tests.web.test_canaries import words_of

FINDERS = ("havendam", "fg.havendam", "coordinator", "voorzitter", "avim", "essm", "auditor", "beheer")
# Of other organisations, of other tables, of each role; and somebody who did not sign in.
OTHERS = ("oost", "oost.regie", "delinde", "fg.delinde", "avim", "essm", "voorzitter", "auditor", "beheer", "")
REFUSED = {"access:refuse", "request:refuse", "login:fail"}
# What may stand beside a refusal: that somebody looked, was counted or was let in.
NO_CHANGE = re.compile(r".*:(consult|list|refuse|search)|key:use|login:.*|rate:exceed|disclosure:refuse")

# What shows in a page when it is given back as it was typed.
MARK = "<svg/onload=st7>"
TYPED = (
    f'"{MARK}',
    f"'>{MARK}",
    f"</textarea></title>{MARK}",
    f"javascript:{MARK}",
    "{{ 9128391*7712345678 }}${9128391*7712345678}#{9128391*7712345678}<%= 9128391*7712345678 %>",
    "' OR '1'='1' -- ",
    "1; DROP TABLE signals; --",
    "%' UNION SELECT password_hash FROM accounts --",
    "x\r\nSet-Cookie: st7=1\r\n\r\n",
    "../../../../etc/passwd",
    "/etc/passwd%00.html",
    '=cmd|"/c calc"!A0',
    "\u202egnp.exe",
    "\ufeff\u200b\u0000"[:2],
    "-1",
    "9" * 400,
    "1e309",
    "\u0663\u00b2",
    "0x7fffffffffffffff",
    "2026-02-30",
    "S-0000-00",
    "[]",
    '{"$gt": ""}',
    "a" * 20_000,
    "\U0001f9ff" * 300,
    "on",
    "",
)
# Long, for a page holds hundreds of random digits.
COMPUTED = str(9128391 * 7712345678)
METHODS = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
# What ends the session with which the others are tried.
LAST = {"account.log_out"}


@pytest.fixture
def app(sqlite_program):
    return create_app(sqlite_program.settings, sqlite_program)


@pytest.fixture
def people(sqlite_program, actor, once, app):
    """Login -> somebody at a browser, who knows what they found there before."""

    def looked():
        region = canaries.build(sqlite_program, actor)
        known = [Finder(app, sqlite_program, login) for login in sorted({*FINDERS, *OTHERS} - {""})]
        for person in known:
            person.look_around(*region.addresses)
        return {person.login: (person.addresses, person.forms) for person in known}

    told = once(sqlite_program, "found by everybody", looked)
    people = {login: Finder(app, sqlite_program, login) for login in {*FINDERS, *OTHERS}}
    for login, (addresses, forms) in told.items():
        people[login].addresses, people[login].forms = addresses, forms
    return people


def leaked(login, answer):
    """The words in an answer that this person may not read."""
    said = words_of(answer).lower()
    return [word for word in (*MAY_READ, NOBODY) if word in said and login not in MAY_READ.get(word, ())]


def needs_nothing(app, view):
    """Whether a view is there for everybody, signed in or not."""
    return not app.view_functions[view].needed_permissions


def own_business(app, actor, program, login, action):
    """Whether a form is about nothing in particular, and the role of this person has it: a draft of one's own, say."""
    view, told = app.url_map.bind("localhost").match(action, "POST")
    if told or not login:
        return False
    return bool(set(app.view_functions[view].needed_permissions) & {*actor(program, login).permissions, *FOR_EVERYBODY})


def test_no_address_of_one_tells_another_more_than_is_theirs(app, people):
    everywhere = sorted(set().union(*(one.addresses for one in people.values())))
    assert len(everywhere) > 150
    tried, refused = 0, 0
    for login in OTHERS:
        person, times = people[login], {}
        for path in everywhere:
            view = person.view(path)
            times[view] = times.get(view, 0) + 1
            if path in person.addresses or view in {"", "static"} or times[view] > OF_A_VIEW:
                continue
            answer = person.client.get(path)
            tried += 1
            assert answer.status_code < 500, (login, path)
            assert leaked(login, answer) == [], (login, path)
            if not login and not needs_nothing(app, view):
                assert answer.status_code == 302, path
                assert answer.location.startswith("/aanmelden"), path
            elif login and answer.status_code >= 400:
                # A name in an address that was never there is told as well: somebody may be trying names.
                assert {entry["action"] for entry in person.left(answer)} & REFUSED, (login, path)
                refused += 1
    assert tried > 400
    assert refused > 150


def test_no_form_of_one_does_anything_when_another_sends_it(app, people, sqlite_program, actor):
    forms = {action: one for person in people.values() for action, one in person.forms.items()}
    assert len(forms) > 40
    refused = 0
    for login in OTHERS:
        person = people[login]
        if login:  # Whoever has to prove who they are is refused for what they ask only after that.
            prove(person.client, person.program)
        token = person.token()
        for action, form in sorted(forms.items()):
            view = person.view(action, "POST")
            if action in person.forms or not view or own_business(app, actor, sqlite_program, login, action):
                continue
            if person.is_offered(form):
                continue
            answer = person.client.post(action, data={**filled(form, 1), "csrf_token": token})
            assert leaked(login, answer) == [], (login, action)
            if needs_nothing(app, view):
                assert answer.status_code < 500, (login, action)
                continue
            assert 400 <= answer.status_code < 500, (login, action, answer.status_code, answer.location)
            if not login:
                assert answer.status_code in {400, 401}, action
                continue
            left = {entry["action"] for entry in person.left(answer)}
            assert left & (REFUSED | {"disclosure:refuse"}), (login, action)
            assert [one for one in left if not NO_CHANGE.fullmatch(one)] == [], (login, action)
            refused += 1
    assert refused > 150


# -- hostile input ----------------------------------------------------------------------------------------------


def hold(answer, what):
    """What counts for every answer, whatever was asked."""
    assert answer.status_code < 500, what
    assert "st7=1" not in " ".join(answer.headers.getlist("Set-Cookie")), what
    if answer.mimetype != "text/html":
        assert "Content-Security-Policy" in answer.headers, what
        return
    said = answer.get_data(as_text=True)
    assert MARK not in said, what
    assert COMPUTED not in said, what
    assert "Traceback (most recent call last)" not in said, what


@settings(
    max_examples=many(2, 60),
    phases=[Phase.generate],  # What one example changed is still so in the next: there is nothing to make smaller.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_no_form_breaks_over_what_is_typed(people, seed):
    chance = random.Random(seed)
    for login, person in people.items():
        forms = sorted(person.forms.items()) if login else sorted(people["havendam"].forms.items())[:10]
        if login:  # What somebody sent before may have ended their session.
            let_in(person.client, person.program, login)
        token = person.token()
        for action, form in forms:
            if person.view(action, "POST") in LAST:
                continue
            given = filled(form, chance.randrange(3))
            for name in list(given):
                if chance.random() < 0.4:
                    given[name] = chance.choice(TYPED)
            if chance.random() < 0.2:
                given[chance.choice(TYPED)[:60]] = chance.choice(TYPED)
            answer = person.client.post(action, data={**given, "csrf_token": token})
            hold(answer, (seed, login, action, sorted(given)))


@settings(
    max_examples=many(2, 60),
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_no_address_breaks_over_what_stands_in_it(app, people, seed):
    chance = random.Random(seed)
    urls = app.url_map.bind("localhost")
    for rule in sorted(app.url_map.iter_rules(), key=str):
        values = {
            name: chance.randrange(10**12) if "int" in str(rule) else chance.choice(TYPED)[:900]
            for name in rule.arguments
        }
        try:
            path = urls.build(rule.endpoint, values)
        except (BuildError, ValueError):  # This value cannot stand in an address of this kind.
            continue
        asked = {chance.choice(("na", "voor", "q", "next", "filter")): chance.choice(TYPED)[:900]}
        login = chance.choice(sorted(people))
        person, method = people[login], chance.choice(("GET", "GET", "GET", "HEAD", *METHODS))
        answer = person.client.open(path, method=method, query_string=asked)
        hold(answer, (seed, login, method, rule.endpoint, asked))
