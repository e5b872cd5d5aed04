"""Everything that one person finds, tried by everybody else: each address and each form, also by whoever did not sign in.

The region of tests/canaries.py says of each word who may read it, so that a page that opens for somebody else shows at
once whether it says more than it should (OWASP WSTG-ATHZ-04; ASVS 8.2.1, 8.2.2, 8.4.1).
"""

import re

import pytest
from werkzeug.exceptions import HTTPException

from signaltable.access import FOR_EVERYBODY
from signaltable.web import create_app
from tests import canaries
from tests.canaries import MAY_READ, NOBODY
from tests.letting_in import let_in
from tests.web.crawl import Page, entries_of_trace, filled
from tests.web.test_canaries import words_of

FINDERS = ("havendam", "fg.havendam", "coordinator", "voorzitter", "avim", "essm", "auditor", "beheer")
# Of other organisations, of other tables, of each role; and somebody who did not sign in.
OTHERS = ("oost", "oost.regie", "delinde", "fg.delinde", "avim", "essm", "voorzitter", "auditor", "beheer", "")
# A few of each kind: more addresses of one view would lead to the same answer.
OF_A_VIEW = 2
REFUSED = {"access:refuse", "request:refuse"}
# What may stand beside a refusal: that somebody looked, was counted or was let in.
NO_CHANGE = re.compile(r".*:(consult|list|refuse|search)|key:use|login:.*|rate:exceed|disclosure:refuse")


class Finder:
    """Somebody at a browser who keeps every address and every form that the pages offer."""

    def __init__(self, app, program, login):
        self.app, self.program, self.login = app, program, login
        self.client = app.test_client()
        if login:
            let_in(self.client, program, login)
        self.addresses, self.forms = set(), {}

    def view(self, path, method="GET"):
        try:
            return self.app.url_map.bind("localhost").match(path.partition("?")[0], method)[0]
        except HTTPException:
            return ""

    def look_around(self, *starts):
        """Open some addresses of every view that can be come to, and keep what they offer."""
        waiting, opened, times = [*starts, "/overzicht"], set(), {}
        while waiting:
            path = waiting.pop(0)
            view = self.view(path)
            if path in opened or view in {"", "static"} or (times.get(view, 0) >= OF_A_VIEW and path not in starts):
                continue
            opened.add(path)
            times[view] = times.get(view, 0) + 1
            answer = self.client.get(path)
            if answer.status_code != 200:
                continue
            self.addresses.add(path)
            if answer.mimetype == "text/html":
                page = Page(path)
                page.feed(answer.text)
                self.addresses.update(page.links)
                self.forms |= {one.action: one for one in page.forms}
                waiting += page.links

    def is_offered(self, form):
        """Whether the page of a form offers it to this person too, who only found no link to it."""
        answer = self.client.get(form.page)
        if answer.status_code != 200:
            return False
        page = Page(form.page)
        page.feed(answer.text)
        return any(one.action == form.action for one in page.forms)

    def token(self):
        page = self.client.get("/overzicht" if self.login else "/aanmelden").text
        return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    def left(self, answer):
        """The entries that a request left."""
        trace = answer.headers["traceresponse"].split("-")[1]
        return list(entries_of_trace(self.program, trace))


def leaked(login, answer):
    """The words in an answer that this person may not read."""
    said = words_of(answer).lower()
    return [word for word in (*MAY_READ, NOBODY) if word in said and login not in MAY_READ.get(word, ())]


def needs_nothing(app, view):
    """Whether a view is there for everybody, signed in or not."""
    return not app.view_functions[view].needed_permissions


@pytest.fixture
def app(sqlite_program):
    return create_app(sqlite_program.settings, sqlite_program)


@pytest.fixture
def found(sqlite_program, actor, once, app):
    """Login -> somebody at a browser, who knows what they found there before."""

    def looked():
        region = canaries.build(sqlite_program, actor)
        people = [Finder(app, sqlite_program, login) for login in sorted({*FINDERS, *OTHERS} - {""})]
        for person in people:
            person.look_around(*region.addresses)
        return {person.login: (person.addresses, person.forms) for person in people}

    known = once(sqlite_program, "replayed", looked)
    people = {login: Finder(app, sqlite_program, login) for login in {*FINDERS, *OTHERS}}
    for login, (addresses, forms) in known.items():
        people[login].addresses, people[login].forms = addresses, forms
    return people


def own_business(app, actor, program, login, action):
    """Whether a form is about nothing in particular, and the role of this person has it: a draft of one's own, say."""
    view, told = app.url_map.bind("localhost").match(action, "POST")
    if told or not login:
        return False
    return bool(set(app.view_functions[view].needed_permissions) & {*actor(program, login).permissions, *FOR_EVERYBODY})


def test_no_address_of_one_tells_another_more_than_is_theirs(app, found):
    everywhere = sorted(set().union(*(one.addresses for one in found.values())))
    assert len(everywhere) > 150
    tried, refused = 0, 0
    for login in OTHERS:
        person, times = found[login], {}
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


def test_no_form_of_one_does_anything_when_another_sends_it(app, found, sqlite_program, actor):
    forms = {action: one for person in found.values() for action, one in person.forms.items()}
    assert len(forms) > 40
    refused = 0
    for login in OTHERS:
        person = found[login]
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
