"""Which session, which network, which trace: what the log tells of a request, and of one that came to nothing."""

import json
import re
from dataclasses import replace

import pytest

from signaltable import jobs
from signaltable.domain import UnusableInput
from signaltable.flow import signals
from signaltable.flow.coming_in import sessions
from tests.conftest import PASSWORD
from tests.letting_in import TOKEN, sign_in
from tests.table_steps import log, submitted, use
from tests.web.people import Person

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


def told(program, action):
    return [(json.loads(row.entry), details) for row, details in log(program, action)]


def test_a_session_reads_the_same_from_coming_in_to_going_out(program):
    for _ in range(2):
        person = Person(program)
        sign_in(person.client, "havendam", PASSWORD)
        person.get("/signalen")
        person.post("/afmelden", page="/overzicht")
    came, looked, went = (told(program, action) for action in ("login:succeed", "signal:list", "login:end"))
    hashes = [details["session_hash"] for _entry, details in came]
    assert len(set(hashes)) == 2
    assert [details["session_hash"] for _entry, details in went] == hashes
    assert {details["session_hash"] for _entry, details in looked} == set(hashes)
    assert len({details["network_hash"] for _entry, details in (*came, *looked, *went)}) == 1
    assert "127.0.0" not in json.dumps([*came, *looked, *went])


def test_a_request_goes_on_with_the_trace_of_its_caller_and_says_so(program):
    person = Person(program, "havendam")
    answer = person.client.get("/signalen", headers={"traceparent": CALLER, "tracestate": "other=1"})
    ((entry, _details), *_rest) = [one for one in told(program, "signal:list") if one[1]["view"] == "own"]
    assert (entry["trace_id"], entry["parent_span_id"]) == (CALLER[3:35], CALLER[36:52])
    assert answer.headers["traceresponse"] == f"00-{CALLER[3:35]}-{entry['span_id']}-01"


def test_a_session_that_nobody_used_ends_once_in_the_log(program, clock):
    person = Person(program, "havendam")
    clock.forward(minutes=61)
    assert person.get("/overzicht").status_code == 302
    person.get("/overzicht")
    assert [details["cause"] for _entry, details in told(program, "login:end")] == ["expired"]
    Person(program, "delinde")
    clock.forward(hours=2)
    (job,) = [one for one in jobs.jobs(program.settings) if one.name == "sessions"]
    assert jobs.run_once(program, job) == "ended:1"
    assert len(told(program, "login:end")) == 2
    assert sessions.end_those_over(program, jobs.JOBS) == 0


def test_what_ends_the_sessions_of_somebody_else_is_told_for_each(program):
    Person(program, "delinde")
    Person(program, "delinde")
    (entry, _details) = told(program, "login:succeed")[0]
    beheer = Person(program, "beheer").prove()
    page = f"/beheer/accounts/{entry['actor']}"
    assert beheer.post(f"{page}/code", {"purpose": "password"}, page=page).status_code == 200
    ended = [details for _entry, details in told(program, "login:end")]
    assert [details["cause"] for details in ended] == ["password_changed"] * 2
    assert len({details["session_hash"] for details in ended}) == 2


def test_a_name_that_nobody_has_is_a_digest_and_the_same_one_each_time(program):
    for name in ("niemand", " Niemand ", "iemand-anders", "havendam"):
        Person(program).post("/aanmelden", {"login": name, "password": "x" * 12, "next": ""}, page="/aanmelden")
    failed = told(program, "login:fail")
    hashes = [details.get("account_hash") for _entry, details in failed]
    assert hashes[0] == hashes[1] != hashes[2]
    assert hashes[3] is None
    assert failed[3][0]["object"]
    assert "niemand" not in json.dumps(failed).lower()


def test_what_came_to_nothing_is_recorded_for_people_and_not_for_strangers(program):
    person = Person(program, "havendam")
    assert person.get("/signalen/S-0000-00").status_code == 404
    assert person.client.post("/afmelden").status_code == 400
    assert person.client.put("/signalen").status_code == 405
    causes = [(entry.get("object", ""), details["cause"]) for entry, details in told(program, "request:refuse")]
    assert causes == [("signals.show", "not_found"), ("account.log_out", "csrf"), ("", "http_405")]
    assert "S-0000-00" not in json.dumps(told(program, "request:refuse"))
    stranger = Person(program)
    assert stranger.get("/signalen/S-0000-00").status_code == 302
    assert stranger.client.post("/signalen").status_code in {400, 401, 405}
    assert len(told(program, "request:refuse")) == 3


def test_access_that_was_refused_says_to_which_page(program):
    assert Person(program, "havendam").get("/beheer").status_code == 403
    ((entry, details),) = told(program, "access:refuse")
    assert (entry["outcome"], entry["agency"], details["endpoint"], details["method"]) == (
        "refused",
        "havendam",
        "admin.listing",
        "GET",
    )


def test_a_key_that_opened_something_for_nothing_stands_in_the_log(program, actor):
    """The owner opens the identity to check a reason, and the reason turns out to be too long."""
    who = actor(program, "havendam")
    reference = submitted(program, who)
    with pytest.raises(UnusableInput):
        use(program, who, signals.withdraw, reference, "x" * 5000)
    assert told(program, "identity:consult") == []
    ((_entry, details),) = told(program, "key:use")
    assert (details["purpose"], details["agency"], details["key_version"]) == ("agency", "havendam", 1)
    assert details["count"] >= 1


def test_what_a_key_opened_is_told_with_the_act(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who)
    use(program, who, signals.consult, reference, with_identity=True)
    assert told(program, "key:use") == []
    ((_entry, details),) = told(program, "signal:consult")
    assert details["keys"] == ["agency:havendam:1"]
    assert details["subject_refs"] == [f"{reference}.1"]
    assert details["subject_classes"] == ["possible_victim:adult"]


def test_a_network_is_believed_from_a_proxy_of_our_own_and_from_nobody_else(program):
    """ASVS 4.1.3, 6.3.1: who comes past the proxies is one network, whatever they write, and not another for each try."""
    settings = replace(program.settings, proxies=1, proxy_networks=("10.1.0.0/24",))
    program = replace(program, settings=settings)
    for remote in ("10.1.0.9", "198.51.100.4"):
        for network in ("203.0.113.7", "192.0.2.9"):
            client = Person(program).client
            client.environ_base["REMOTE_ADDR"] = remote
            page = client.get("/aanmelden").text
            given = {"csrf_token": re.search(TOKEN, page)[1], "login": "niemand", "password": "x" * 12, "next": ""}
            client.post("/aanmelden", data=given, headers={"X-Forwarded-For": network})
    hashes = [details["network_hash"] for _entry, details in told(program, "login:fail")]
    assert len(set(hashes[:2])) == 2
    assert len(set(hashes[2:])) == 1
