"""A token is given for everything that an account has, counts for minutes, and ends with the account's rights."""

import base64
from dataclasses import replace

import pytest
from sqlalchemy import select

from signaltable.flow import machines
from signaltable.models import Agency, MachineToken
from signaltable.transaction import reading, transaction
from tests.databases import every_row
from tests.letting_in import let_in
from tests.machine_steps import (
    ANSWERS,
    HEADER,
    KEEPS,
    Machine,
    a_certificate,
    a_machine,
    administrator,
    basic,
    change,
    rfc_9440,
    terms,
    thumbprint,
)
from tests.serving import served
from tests.table_steps import log

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def made(sqlite_program):
    return a_machine(sqlite_program)


@pytest.fixture
def machine(sqlite_program, made):
    return Machine(sqlite_program, made)


def test_a_system_hears_who_it_is_and_what_its_token_holds(sqlite_program, machine):
    answer = machine.get_token()
    assert answer.json | {"access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": f"{KEEPS} {ANSWERS}",
        "purpose": "P1",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    own = machine.get("/api/self").json
    assert (own["id"], own["title"], own["strength"]) == (machine.made.machine_id, "Zaaksysteem", "secret")
    assert (own["permissions"], own["purposes"]) == ([KEEPS, ANSWERS], ["P1"])


def test_secret_and_token_are_kept_as_digests_only(sqlite_program, machine):
    """ASVS 11.4.2, 13.3.1, 14.2.1."""
    machine.get_token()
    content = b"".join(one.read_bytes() for one in sqlite_program.settings.home.rglob("*") if one.is_file())
    content += every_row(sqlite_program.settings).encode()
    assert machine.made.machine_id.encode() in content
    assert machine.made.secret.encode() not in content
    assert machine.token.encode() not in content
    # 256 bits each, behind a mark by which a scanner for secrets knows them (ASVS 11.5.1).
    for text in (machine.made.secret, machine.token):
        assert len(base64.urlsafe_b64decode(text[4:] + "=")) == 32
    assert machine.made.secret not in repr(machine.made)


WRONG = (
    {"client_secret": "stm_wrong"},
    {"client_secret": ""},
    {"client_id": "0" * 32},
    {"client_id": "%00"},
    {"client_id": "avim' OR '1'='1"},
)


def test_everything_else_is_refused_alike(sqlite_program, machine):
    """Nobody learns which accounts there are (ASVS 6.3.8)."""
    answers = [machine.get_token(**sent) for sent in WRONG]
    assert {answer.status_code for answer in answers} == {401}
    assert [answer.json for answer in answers] == [answers[0].json] * len(WRONG)
    assert answers[0].json["error"] == "invalid_client"


def test_attempts_are_counted_before_anything_is_compared(sqlite_program, machine, clock):
    """ASVS 6.3.1: also the right secret does not come in any more, until a while later."""
    for _turn in range(20):
        machine.get_token(client_secret="stm_wrong")
    assert machine.get_token().status_code == 429
    refused = [entry for entry, _details in log(sqlite_program, "login:fail") if entry.outcome == "refused"]
    assert len(refused) == 21
    clock.forward(minutes=16)
    assert machine.get_token().status_code == 200


def test_http_basic_is_read_as_rfc_6749_says(sqlite_program, made, machine):
    """Id and secret are escaped like a form before they are put together; odd signs never break it."""
    client = machine.client
    escaped = basic(made.machine_id, made.secret.replace("_", "%5F"))
    assert client.post("/api/token", data=GRANT, headers=escaped).status_code == 200
    for name, secret in (("é:ü", "ß"), ("a%zz", "%"), (made.machine_id, "ü€" * 50), ("", ""), ("\0", "\0")):
        assert client.post("/api/token", data=GRANT, headers=basic(name, secret)).status_code in {400, 401}
    for header in ("Basic", "Basic %%%", "Basic YQ==", "Bearer x", "Digest a", "Basic " + "QQ" * 3000):
        answer = client.post("/api/token", data=GRANT, headers={"Authorization": header})
        assert answer.status_code in {400, 401}, header
    both = {**GRANT, "client_id": made.machine_id, "client_secret": made.secret}
    assert client.post("/api/token", data=both, headers=escaped).status_code == 400


UNREADABLE = (
    ("grant_type=password&client_id=a&client_secret=b", None, 400),
    ("client_id=a", None, 400),
    ("grant_type=client_credentials&client_id=a&client_id=b", None, 400),
    ("grant_type=client_credentials&assertion=x", None, 400),
    ("grant_type=client_credentials&client_id=%ff", None, 400),
    ("grant_type=client_credentials&client_id=" + "a" * 5000, None, 413),
    ('{"grant_type": "client_credentials"}', "application/json", 400),
    ("", None, 400),
)


def test_what_is_no_request_for_a_token_gets_an_error_that_libraries_read(machine):
    for body, kind, status in UNREADABLE:
        answer = machine.client.post("/api/token", data=body, content_type=kind or "application/x-www-form-urlencoded")
        assert (answer.status_code, "error" in answer.json) == (status, True)


def test_secrets_never_stand_in_an_address(machine):
    """ASVS 14.2.1."""
    answer = machine.client.post(f"/api/token?client_secret={machine.made.secret}", data=GRANT)
    assert answer.status_code == 400


def test_a_token_can_hold_less_and_never_more(sqlite_program, machine):
    """ASVS 8.2.1: the scope that was asked, at the moment of use within what the account has."""
    machine.wanted = {"scope": KEEPS, "purpose": "P1"}
    refused = machine.get("/api/questions")
    assert (refused.status_code, refused.json["reason"]) == (403, "no_permission")
    assert machine.get("/api/self").json["permissions"] == [KEEPS]
    for wanted in (
        {"scope": "signal:disclose:own-agency"},
        {"purpose": "P3"},
        {"scope": f"{KEEPS} account:change:all"},
    ):
        assert machine.get_token(**wanted).json["error"] == "invalid_scope"


def test_a_token_counts_for_minutes(sqlite_program, machine, clock):
    """ASVS 7.3.2."""
    machine.get_token()
    clock.forward(minutes=9, seconds=59)
    assert machine.get("/api/self").status_code == 200
    clock.forward(seconds=1)
    over = machine.get("/api/self")
    assert (over.status_code, over.json["reason"]) == (401, "token_over")
    assert over.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_tokens_end_at_once_when_the_account_changes_leaks_or_ends(sqlite_program, machine, made):
    """ASVS 7.4.2, 8.3.2."""
    for what, given, options in (
        (machines.change_machine, [terms(sqlite_program, purposes=["P2"])], {}),
        (machines.renew_secret, [], {"at_once": True}),
        (machines.end_machine, [], {}),
    ):
        assert machine.get_token(client_secret=machine.made.secret).status_code == 200
        done = change(sqlite_program, what, made.machine_id, *given, **options)
        assert machine.get("/api/self").json["reason"] == "token_over"
        machine.made = done or machine.made


def test_the_account_ends_by_itself_and_with_its_agency(sqlite_program, machine, made, clock):
    machine.get_token()
    with transaction(sqlite_program, administrator(sqlite_program)) as tx:
        tx.session.get_one(Agency, "avim").active = False
        tx.record("agency:record", object_type="agency", object_id="avim", details={"agency": "avim", "kind": "police"})
    assert machine.get("/api/self").status_code == 401
    other = Machine(sqlite_program, a_machine(sqlite_program, "opvang"))
    assert other.get_token().status_code == 200
    clock.forward(days=31)
    assert other.get_token().status_code == 401


def test_a_new_secret_leaves_time_to_switch(sqlite_program, machine, made, clock):
    renewed = change(sqlite_program, machines.renew_secret, made.machine_id)
    assert renewed.secret != made.secret
    assert machine.get_token().status_code == 200
    assert machine.get_token(client_secret=renewed.secret).status_code == 200
    clock.forward(days=7, seconds=1)
    assert machine.get_token().status_code == 401
    assert machine.get_token(client_secret=renewed.secret).status_code == 200


def test_a_secret_that_leaked_counts_no_more(sqlite_program, machine, made):
    renewed = change(sqlite_program, machines.renew_secret, made.machine_id, at_once=True)
    assert machine.get_token().status_code == 401
    assert machine.get_token(client_secret=renewed.secret).status_code == 200


def test_more_tokens_than_there_may_be_end_the_oldest(sqlite_program, machine, clock):
    machine.get_token()
    first = machine.token
    for _turn in range(10):
        clock.forward(seconds=1)
        machine.get_token()
    assert machine.get("/api/self").status_code == 200
    machine.token = first
    assert machine.get("/api/self").json["reason"] == "token_over"


def test_tokens_that_are_long_over_are_forgotten(sqlite_program, machine, clock):
    machine.get_token()
    clock.forward(days=2)
    machine.get_token()
    with reading(sqlite_program) as session:
        assert len(session.scalars(select(MachineToken)).all()) == 1


def test_a_token_opens_no_page_and_a_cookie_nothing_of_the_api(sqlite_program, machine):
    """ASVS 3.5.1, 8.2.1: two ways in that never meet."""
    headers = machine.bearer()
    page = machine.client.get("/vragen", headers=headers)
    assert (page.status_code, page.location.partition("?")[0]) == (302, "/aanmelden")
    browser = served(sqlite_program).test_client()
    let_in(browser, sqlite_program, "avim")
    assert browser.get("/vragen").status_code == 200
    for path in ("/api/self", "/api/questions"):
        assert (browser.get(path).status_code, browser.get(path).json["reason"]) == (401, "no_token")
    assert browser.post("/api/lists", data="id\n1", content_type="text/csv").status_code == 401
    # And a cookie beside a token changes nothing of who asks.
    assert browser.get("/api/self", headers=headers).json["id"] == machine.made.machine_id


NO_TOKENS = [
    "",
    "Bearer",
    "Bearer ",
    "bearer x",
    "Token abc",
    "Bearer é",
    "Bearer " + "a" * 5000,
    "Bearer stt_" + "A" * 43,
]


def test_what_is_no_token_is_refused(machine):
    for header in NO_TOKENS:
        answer = machine.client.get("/api/self", headers={"Authorization": header})
        assert (answer.status_code, answer.json["reason"], answer.content_type) == (
            401,
            "no_token",
            "application/problem+json",
        )


def test_two_authorization_headers_are_none(machine):
    token = machine.bearer()["Authorization"]
    answer = machine.client.get("/api/self", headers=[("Authorization", token), ("Authorization", token)])
    assert answer.status_code == 401


# -- certificates ------------------------------------------------------------------------------------------------------


@pytest.fixture
def behind(sqlite_program):
    """The program behind one proxy of our own, which tells certificates."""
    settings = replace(sqlite_program.settings, proxies=1, client_certificate_header=HEADER)
    return replace(sqlite_program, settings=settings)


CERTIFICATE, STRANGER = a_certificate(), a_certificate("iemand.anders.example")
THROUGH = {"X-Forwarded-For": "203.0.113.7"}


def shown(certificate=CERTIFICATE):
    return {**THROUGH, HEADER: rfc_9440(certificate)}


def with_certificate(program, headers, *, secret=False):
    return Machine(program, a_machine(program, secret=secret, certificate=thumbprint(CERTIFICATE)), headers)


def test_a_certificate_lets_a_system_in_and_its_token_is_bound_to_it(behind):
    """RFC 8705: a token that was stolen is of no use without the certificate."""
    machine = with_certificate(behind, shown())
    assert machine.get("/api/self").json["strength"] == "certificate"
    for headers in (THROUGH, shown(STRANGER)):
        machine.headers = headers
        stolen = machine.get("/api/self")
        assert (stolen.status_code, stolen.json["reason"]) == (401, "other_certificate")
    entries = [entry for entry, _details in log(behind, "machine:token") if entry.outcome == "refused"]
    assert len(entries) == 2


def test_another_certificate_or_none_lets_nobody_in(behind):
    machine = with_certificate(behind, {})
    for headers in (THROUGH, shown(STRANGER), {**THROUGH, HEADER: thumbprint(CERTIFICATE)}, {**THROUGH, HEADER: "::"}):
        machine.headers = headers
        assert machine.get_token().status_code == 401


def test_who_has_both_shows_both(behind):
    machine = with_certificate(behind, shown(), secret=True)
    assert machine.get_token().status_code == 200
    assert machine.get_token(client_secret="stm_wrong").status_code == 401
    machine.headers = THROUGH
    assert machine.get_token().status_code == 401


PAST_THE_PROXY = (
    ({"proxies": 0}, "127.0.0.1"),  # No proxy is ours: anybody writes headers.
    ({"client_certificate_header": ""}, "127.0.0.1"),  # No proxy tells certificates.
    ({"proxies": 2}, "127.0.0.1"),  # It came through one of two.
    ({}, "198.51.100.9"),  # Past the proxy, to the program itself.
    ({"proxy_networks": ("10.0.0.0/8",)}, "127.0.0.1"),
)


def test_a_header_that_our_proxy_did_not_write_is_not_believed(behind):
    """ASVS 13.2.2: who reaches the program another way cannot say who it is."""
    made = with_certificate(behind, {}).made
    for settings, remote in PAST_THE_PROXY:
        machine = Machine(replace(behind, settings=replace(behind.settings, **settings)), made, shown())
        machine.client.environ_base["REMOTE_ADDR"] = remote
        assert machine.get_token().status_code == 401, settings
    assert Machine(behind, made, shown()).get_token().status_code == 200


def test_two_proxies_of_our_own_are_believed_together(behind):
    program = replace(behind, settings=replace(behind.settings, proxies=2))
    machine = with_certificate(program, {**shown(), "X-Forwarded-For": "203.0.113.7, 10.0.0.2"})
    assert machine.get_token().status_code == 200


def test_a_header_twice_is_none(behind):
    machine = with_certificate(behind, {})
    form = {**GRANT, "client_id": machine.made.machine_id}
    twice = [*THROUGH.items(), (HEADER, rfc_9440(STRANGER)), (HEADER, rfc_9440(CERTIFICATE))]
    assert machine.client.post("/api/token", data=form, headers=twice).status_code == 401
    one = {**THROUGH, HEADER: f"{rfc_9440(CERTIFICATE)}, {rfc_9440(CERTIFICATE)}"}
    assert machine.client.post("/api/token", data=form, headers=one).status_code == 401
