"""What stands around every page: headers, names, methods, sizes, leaving; each as a browser or an attacker would meet it."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import request
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from signaltable.answer_headers import FORGET, FORGET_ALL, HEADERS, POLICY, SANDBOX
from signaltable.models import LogEntry, LoginSession
from signaltable.transaction import reading
from signaltable.web import create_app
from signaltable.web.parsing import FORM_PARTS
from tests.letting_in import let_in
from tests.serving import served
from tests.web.people import Person


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


def app_of(program, **settings):
    changed = replace(program, settings=replace(program.settings, **settings))
    return create_app(changed.settings, changed)


def asked(client):
    """One answer of every kind that there is."""
    etag = client.get("/static/app.css").headers["ETag"]
    return {
        "page": client.get("/aanmelden"),
        "redirect": client.get("/overzicht"),
        "not found": client.get("/bestaat-niet"),
        "static": client.get("/static/app.css"),
        "not modified": client.get("/static/app.css", headers={"If-None-Match": etag}),
        "static not found": client.get("/static/bestaat-niet.css"),
        "head": client.head("/aanmelden"),
        "options": client.options("/aanmelden"),
        "other method": client.open("/aanmelden", method="TRACE"),
        "invented method": client.open("/aanmelden", method="BREW"),
        "no token": client.post("/aanmelden"),
        "not signed in": client.post("/signalen/nieuw"),
        "other host": client.get("/aanmelden", headers={"Host": "elders.example"}),
        "text": client.get("/gezond"),
        "trailing dot": client.get("/aanmelden."),
        "too long": client.post("/aanmelden", data={"login": "x" * 1_100_000}),
        "too many": client.post(
            "/aanmelden", data="a=&" * (FORM_PARTS + 1), content_type="application/x-www-form-urlencoded"
        ),
    }


STATUS = {
    "page": 200, "redirect": 302, "not found": 404, "static": 200, "not modified": 304, "static not found": 404, "head": 200,
    "options": 200, "other method": 405, "invented method": 405, "no token": 400, "not signed in": 400, "other host": 400,
    "text": 200, "trailing dot": 404, "too long": 413, "too many": 413,
}  # fmt: skip


def test_every_kind_of_answer_carries_every_header(program):
    """ASVS 3.4.2, 3.4.3, 3.4.4, 3.4.5, 3.4.6, 3.4.8, 3.2.1, 14.3.2"""
    answers = asked(served(program).test_client())
    assert {name: answer.status_code for name, answer in answers.items()} == STATUS
    for name, answer in answers.items():
        given = {header: answer.headers.get(header) for header in HEADERS}
        assert given == dict(HEADERS), name
        kept = "public, max-age=3600" if name in {"static", "not modified"} else "no-store"
        assert answer.headers["Cache-Control"] == kept, name
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Server" not in answer.headers


def test_a_browser_may_load_and_run_nothing_that_is_not_a_file_of_ours():
    """ASVS 3.4.3, 3.6.1, 3.2.2"""
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules.pop("default-src") == "'none'"
    assert {rules.pop("frame-ancestors"), rules.pop("base-uri"), rules.pop("trusted-types")} == {"'none'"}
    assert rules.pop("require-trusted-types-for") == "'script'"
    assert rules.pop("img-src") == "'self' data:"
    assert set(rules.values()) == {"'self'"}
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


@pytest.mark.parametrize("secure", [True, False])
def test_the_settings_decide_whether_browsers_keep_to_https_and_no_request_does(program, secure):
    """ASVS 3.3.1, 3.3.2, 3.3.4, 3.4.1"""
    client = app_of(program, secure_cookies=secure, proxies=1).test_client()
    for forged in ({}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Proto": "http", "Forwarded": "proto=http"}):
        answer = client.get("/aanmelden", headers=forged)
        assert ("Strict-Transport-Security" in answer.headers) is secure
    for cookie in app_of(program, secure_cookies=secure).test_client().get("/aanmelden").headers.getlist("Set-Cookie"):
        assert cookie.startswith("__Host-signaltable=") is secure
        assert ("; Secure" in cookie) is secure
        assert "; HttpOnly" in cookie
        assert "; Path=/" in cookie
        assert "; SameSite=Lax" in cookie
        assert "Domain" not in cookie


def test_the_cookie_of_somebody_at_work_is_small_and_says_nothing(program):
    """ASVS 3.3.5, 7.2.2, 14.3.3"""
    person = Person(program, "havendam")
    answer = person.get("/overzicht")
    cookies = [one.value for one in person.client._cookies.values()]
    assert sum(map(len, cookies)) < 512
    assert "havendam" not in "".join(cookies)
    assert len(answer.headers.getlist("Set-Cookie")) <= 1


FORGED = (
    "elders.example",
    "localhost.elders.example",
    "localhost.",
    "localhost:80:80",
    "localhost:x",
    "a b",
    "local\0host",
    "",
    "[::1]x",
    "127.0.0.1@elders.example",
)


def test_a_forged_host_gets_nothing(program):
    """ASVS 4.1.3: no page, no redirect and no mail is made of it."""
    client = served(program).test_client()
    for forged in FORGED:
        answer = client.get("/", environ_overrides={"HTTP_HOST": forged})
        assert (answer.status_code, answer.data) == (400, b"400\n"), forged
        assert "Location" not in answer.headers


def test_the_names_of_the_settings_count_with_any_port(program):
    client = app_of(program, address="https://Tafel.example:8443/", names=("oud.example",)).test_client()
    for host in ("tafel.example", "TAFEL.example:1", "oud.example", "localhost:8000", "127.0.0.1", "[::1]:80"):
        answer = client.get("/", headers={"Host": host})
        assert answer.status_code == 302, host
        assert answer.location.startswith("/"), "an address that names no host follows none"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_from_elsewhere_is_refused_also_with_a_good_token(program, site):
    """ASVS 3.5.1, 3.5.2: the token is one fence, what a browser says of where a form comes from another."""
    person = Person(program, "havendam")
    token = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/overzicht").text)[1]
    form = {"csrf_token": token, "lang": "en", "next": "/"}
    assert person.client.post("/taal", data=form, headers={"Sec-Fetch-Site": site}).status_code == 400
    for own in ("same-origin", "none"):
        assert person.client.post("/taal", data=form, headers={"Sec-Fetch-Site": own}).status_code == 302


def test_no_page_that_is_only_looked_at_takes_a_change(program):
    """ASVS 3.5.3: whatever changes something is asked with POST, and HEAD and OPTIONS run nothing of it."""
    app = served(program)
    methods = {rule.endpoint: set(rule.methods) for rule in app.url_map.iter_rules()}
    assert set.union(*methods.values()) == {"GET", "HEAD", "OPTIONS", "POST"}
    for name in ("leaving.leave", "account.log_out", "account.choose_language"):
        assert methods[name] == {"POST", "OPTIONS"}


def test_no_address_holds_more_than_references(program):
    """ASVS 14.2.1: what stands in an address is a reference, an id, a number, a day or a word of the rules."""
    app = served(program)
    told = {argument for rule in app.url_map.iter_rules() for argument in rule.arguments}
    personal = {
        "name",
        "surname",
        "birth",
        "phone",
        "email",
        "mail",
        "login",
        "bsn",
        "plate",
        "street",
        "text",
        "query",
        "token",
        "password",
        "code",
    }
    assert {one for one in told if one.lower() in personal} == set()


def test_nothing_of_a_form_turns_the_words_of_others_round(program):
    """Norms 6, row 12; Unicode TR 36: a name reads the same to whoever sees it later."""
    hidden = "Jan\u202eneP\u2066\x1b[2J\x85\u2028 Zoë\u200d"
    sent = {"name": hidden, "text": "een\r\ntwee\tdrie", "password": hidden, "zero": "a\0b"}
    with served(program).test_request_context("/taal", method="POST", data=sent):
        assert request.form["name"] == "JanneP[2J Zoë\u200d"
        assert request.form["text"] == "een\r\ntwee\tdrie"
        assert request.form["password"] == hidden
        assert request.form["zero"] == "a\0b", "the guards refuse it"
    many = MultiDict([("a", "1"), ("b", "2"), ("a", "3")])
    with served(program).test_request_context("/taal", method="POST", data=many):
        assert request.form.getlist("a") == ["1", "3"]


# -- leaving -------------------------------------------------------------------------------------------------------


def sessions_of(program):
    with reading(program) as session:
        return [one.ended_at for one in session.scalars(select(LoginSession).order_by(LoginSession.created_at))]


def test_who_leaves_quickly_is_signed_out_and_sees_a_page_of_somebody_else(program):
    """ASVS 7.4.1, 14.3.1; norms 6, row 20: also without script, without a token and with a session that is over."""
    person = Person(program, "havendam")
    page = person.get("/overzicht")
    form = re.search(r'<form[^>]*action="/verlaten".*?</form>', page.text, re.DOTALL)[0]
    assert f'data-leave="{program.policy.region.leave_to}"' in form
    answer = person.client.post("/verlaten")
    assert answer.status_code == 200
    assert answer.headers["Refresh"] == f"0; url={program.policy.region.leave_to}"
    assert answer.headers["Clear-Site-Data"] == FORGET_ALL
    assert answer.headers["Cache-Control"] == "no-store"
    for word in ("signa", "mensen", "handel", "tafel", "havendam"):
        assert word not in answer.text.lower()
    assert all(sessions_of(program))
    assert person.get("/overzicht").location.startswith("/aanmelden")
    assert person.client.post("/verlaten").status_code == 200


def test_the_page_of_signing_in_has_the_way_out_as_well(program):
    assert 'action="/verlaten"' in Person(program).get("/aanmelden").text


def test_a_region_without_a_neutral_page_shows_an_empty_one(program):
    region = program.policy.region.model_copy(update={"leave_to": "", "security_contact": ""})
    client = create_app(program.settings, replace(program, policy=replace(program.policy, region=region))).test_client()
    answer = client.post("/verlaten")
    assert (answer.status_code, "Refresh" in answer.headers) == (200, False)
    assert client.get("/.well-known/security.txt").status_code == 404


def test_a_draft_is_there_after_somebody_left(program):
    person = Person(program, "havendam")
    steps = {"version": "", "action": "", "acute_danger": "no", "safe_to_continue": "yes", "urgency": "same-day"}
    draft = person.post("/signalen/nieuw", steps).location
    person.client.post("/verlaten")
    let_in(person.client, program, "havendam")
    assert person.get(draft).status_code == 200


def test_who_signs_out_or_comes_back_after_the_end_leaves_nothing_in_the_browser(program, clock):
    """ASVS 14.3.1, 7.3.1"""
    person = Person(program, "havendam")
    assert person.post("/afmelden", page="/overzicht").headers["Clear-Site-Data"] == FORGET
    let_in(person.client, program, "havendam")
    assert "Clear-Site-Data" not in person.get("/overzicht").headers
    clock.forward(hours=13)
    answer = person.get("/overzicht")
    assert answer.headers["Clear-Site-Data"] == FORGET
    assert answer.location.startswith("/aanmelden")
    assert "Clear-Site-Data" not in person.get("/aanmelden").headers, "once is enough"


def test_whom_to_tell_of_a_weak_place(program, clock):
    """RFC 9116"""
    answer = Person(program).get("/.well-known/security.txt")
    said = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert answer.content_type == "text/plain; charset=utf-8"
    assert said["Contact"] == program.policy.region.security_contact
    assert clock().isoformat() < said["Expires"] < (clock() + timedelta(days=365)).isoformat()


# -- downloads -----------------------------------------------------------------------------------------------------


def test_a_download_runs_nothing_and_is_called_by_us(program):
    """ASVS 3.2.1, 5.4.1, 5.4.2"""
    auditor = Person(program, "auditor")
    downloads = []
    downloads += [
        answer
        for answer in [auditor.get(path) for path in ("/meldroutekaart.pdf", "/meldroutekaart/kaart.svg")]
        if "Content-Disposition" in answer.headers
    ]
    assert downloads
    for answer in downloads:
        assert answer.headers["Content-Security-Policy"] == SANDBOX
        assert re.fullmatch(r'attachment; filename="[a-z0-9.-]+"', answer.headers["Content-Disposition"])


# -- the log -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["login", "password"])
def test_nothing_that_somebody_sends_makes_a_line_in_the_log(program, name):
    """ASVS 16.4.1: CR, LF, escape codes and marks of direction in what is recorded are values and nothing else."""
    evil = "x\r\n2026-01-01 INFO all is well\x1b[2J\u202e\u2028"
    person = Person(program)
    form = {"login": "havendam", "password": "niet", "next": "", name: evil}
    person.post("/aanmelden", form)
    person.client.get("/aanmelden", headers={"User-Agent": "x\x1b[2J", "Referer": "http://x/\u202e"})
    with reading(program) as session:
        entries = session.scalars(select(LogEntry.entry)).all()
    assert all(b"all is well" not in bytes(one) and b"\n" not in bytes(one) for one in map(_raw, entries))
    log = program.settings.log_file
    assert not log.exists() or "all is well" not in log.read_text()


def _raw(entry):
    return entry if isinstance(entry, bytes) else str(entry).encode()
