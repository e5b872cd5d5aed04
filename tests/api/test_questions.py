"""What a partner's system reads and answers: what its people see of the own questions, and never those of another."""

import json

import pytest
from sqlalchemy import select, update

from signaltable.flow import enrich, machines, recusals, signing
from signaltable.jobs import JOBS
from signaltable.models import Question, Signal
from signaltable.transaction import reading, transaction
from tests.flow.test_blind_check import HEAD, SHE, STRANGER
from tests.machine_steps import KEEPS, Machine, a_machine, change
from tests.table_steps import asked, log, triaged, use


@pytest.fixture
def people(sqlite_program, actor):
    return {name: actor(sqlite_program, name) for name in ("havendam", "coordinator", "avim", "opvang", "beheer")}


@pytest.fixture
def both(sqlite_program, people):
    """A question to each of two agencies about the same person."""
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    return asked(sqlite_program, people["coordinator"], reference, "avim", "opvang")


@pytest.fixture
def own(sqlite_program, both):
    """The question to the agency of the system."""
    with reading(sqlite_program) as session:
        return next(one for one in both if session.get_one(Question, one).agency_id == "avim")


@pytest.fixture
def machine(sqlite_program):
    return Machine(sqlite_program, a_machine(sqlite_program))


def answer(machine, question, *, version=0, given="hit", **more):
    return machine.post(f"/api/questions/{question}/answer", {"answer": given, "version": version} | more)


def change_rows(program, people, statement):
    with transaction(program, people["beheer"]) as tx:
        with tx.whole("a test changes what nobody changes"):
            tx.session.execute(statement)
        tx.record("account:change", object_type="account", details={"account": "x", "changed": []})


def test_a_system_reads_and_answers_as_a_person_does(sqlite_program, people, both, own, machine):
    page = machine.get("/api/questions")
    assert [one["id"] for one in page.json["questions"] if one["id"] in both] == [own]
    shown = machine.get(f"/api/questions/{own}").json
    by_person = use(sqlite_program, people["avim"], enrich.read_question, own)
    for name in ("subject", "role", "age_band", "gender", "municipality", "note", "ground", "purpose", "version"):
        assert shown[name] == getattr(by_person, name), name
    given = answer(machine, own, version=shown["version"], anonymous=True)
    assert given.json == {"id": own, "answer": "hit", "version": shown["version"] + 1}
    ((entry, details),) = log(sqlite_program, "enrich:answer")
    assert (entry.actor, entry.agency) == (machine.made.machine_id, "avim")
    assert (json.loads(entry.entry)["channel"], json.loads(entry.entry)["strength"]) == ("api", "secret")
    assert (details["answer"], details["anonymous"]) == ("hit", True)
    seen = use(sqlite_program, people["avim"], enrich.read_question, own)
    assert (seen.answer, seen.answered_by) == ("hit", "Zaaksysteem")
    assert own not in {one["id"] for one in machine.get("/api/questions").json["questions"]}


def test_it_is_the_same_on_both_databases(program, actor):
    owner, coordinator = actor(program, "havendam"), actor(program, "coordinator")
    question = asked(program, coordinator, triaged(program, owner, coordinator), "avim")[0]
    machine = Machine(program, a_machine(program))
    assert question in {one["id"] for one in machine.get("/api/questions").json["questions"]}
    sent = {"data": HEAD + SHE, "content_type": "text/csv", "headers": machine.bearer()}
    assert machine.client.post("/api/lists", **sent).json["left_today"] == 2
    assert answer(machine, question).status_code == 200
    assert machine.get(f"/api/questions/{question}").json["answer"] == "hit"
    assert change(program, machines.end_machine, machine.made.machine_id) is None
    assert machine.get("/api/self").status_code == 401


def test_a_system_never_reaches_another_agency(sqlite_program, both, own, machine):
    """ASVS 8.4.1: every id there is, in every place that takes one."""
    with reading(sqlite_program) as session:
        others = set(session.scalars(select(Question.id))) - {own}
        signals = set(session.scalars(select(Signal.id))) | set(session.scalars(select(Signal.reference)))
    assert others & set(both)
    for one in (*others, *signals, "0" * 32, "..%2f..", "%00", own.upper(), f"{own} "):
        for got in (machine.get(f"/api/questions/{one}"), answer(machine, one)):
            assert got.status_code in {403, 404}, one
            assert set(got.json) <= {"type", "title", "status", "reason", "detail"}
        assert machine.get("/api/questions", query_string={"after": one}).status_code in {403, 404}
    refused = [
        details
        for entry, details in log(sqlite_program, "access:refuse")
        if json.loads(entry.entry)["reason"] == "not_asked"
    ]
    assert len(refused) == 3 * len(others)
    hits = machine.client.post(
        "/api/lists", data=(HEAD + SHE).encode(), content_type="text/csv", headers=machine.bearer()
    ).json["hits"]
    assert {one["question"] for one in hits} == {own}


def test_a_system_sees_what_it_was_let_in_for(sqlite_program, people, own, machine):
    """Another purpose opens nothing: not in a list, not by its id, not by an answer, not by a list of the own files."""
    other = Machine(sqlite_program, a_machine(sqlite_program, purposes=["P3"]))
    assert other.get("/api/questions").json["questions"] == []
    for got in (other.get(f"/api/questions/{own}"), answer(other, own)):
        assert (got.status_code, got.json["reason"]) == (403, "other_purpose")
    sent = {"data": HEAD + SHE, "content_type": "text/csv", "headers": other.bearer()}
    assert other.client.post("/api/lists", **sent).json["reason"] == "other_purpose"
    change_rows(sqlite_program, people, update(Question).where(Question.id == own).values(purpose="P3"))
    assert [one["id"] for one in other.get("/api/questions").json["questions"]] == [own]
    assert machine.get(f"/api/questions/{own}").json["reason"] == "other_purpose"


def test_a_case_that_a_colleague_is_kept_from_is_not_there_for_a_system(sqlite_program, people, own, machine):
    """Nobody knows who reads what a system fetched; the colleagues themselves go on."""
    use(sqlite_program, people["avim"], recusals.declare, "question", own, interest="knows_person")
    for got in (machine.get(f"/api/questions/{own}"), answer(machine, own)):
        assert (got.status_code, got.json["reason"]) == (404, "not_found")
    assert own not in {one["id"] for one in machine.get("/api/questions").json["questions"]}
    sent = {"data": HEAD + SHE, "content_type": "text/csv", "headers": machine.bearer()}
    assert machine.client.post("/api/lists", **sent).json["hits"] == []


def test_what_a_person_answered_stays(sqlite_program, people, own, machine):
    use(sqlite_program, people["avim"], enrich.answer, own, answer="no_hit")
    got = answer(machine, own, version=1)
    assert (got.status_code, got.json["reason"]) == (409, "answered_by_person")
    assert use(sqlite_program, people["avim"], enrich.read_question, own).answer == "no_hit"


def test_an_answer_that_was_sent_twice_or_late_changes_nothing(sqlite_program, own, machine):
    assert answer(machine, own).status_code == 200
    again = answer(machine, own, given="no_hit")
    assert (again.status_code, again.json["reason"]) == (409, "version")
    assert answer(machine, own, given="no_hit", version=1).json["answer"] == "no_hit"
    assert len(log(sqlite_program, "enrich:answer")) == 2


BODIES = [
    (b'{"answer": "hit", "answer": "no_hit", "version": 0}', "application/json", 400, "not_json"),
    (b"[" * 5000, "application/json", 400, "not_json"),
    (b'{"answer": {"a": 1}, "version": 0}', "application/json", 400, "not_json"),
    (b'{"answer": "hit", "version": NaN}', "application/json", 400, "not_json"),
    (b'{"answer": "hit", "version": 1e3}', "application/json", 400, "not_json"),
    (b'{"answer": "hit", "version": ' + b"9" * 6000 + b"}", "application/json", 400, "not_json"),
    (b'{"answer": "hit", "version": "0"}', "application/json", 422, "unusable_input"),
    (b'{"answer": "hit", "version": true}', "application/json", 422, "unusable_input"),
    (b'{"answer": "hit"}', "application/json", 422, "unusable_input"),
    (b'{"answer": "maybe", "version": 0}', "application/json", 422, "unusable_input"),
    (b'{"answer": "hit\\n", "version": 0}', "application/json", 422, "unusable_input"),
    (b'{"answer": "\\ud800", "version": 0}', "application/json", 422, "unusable_input"),
    (b'{"answer": "hit", "version": 0, "agency": "opvang"}', "application/json", 422, "unusable_input"),
    (b'{"answer": "hit", "version": -1}', "application/json", 422, "unusable_input"),
    (b"\xff\xfe", "application/json", 400, "not_json"),
    (b"", "application/json", 400, "not_json"),
    (b"null", "application/json", 400, "not_json"),
    (b'{"answer": "hit", "version": 0}', "text/plain", 415, "not_json"),
    (b"answer=hit&version=0", "application/x-www-form-urlencoded", 415, "not_json"),
    (b" " * 20_000, "application/json", 413, "too_large"),
    (b" " * 9_000_000, "application/json", 413, "too_large"),
]


def test_a_body_is_read_in_one_way_or_not_at_all(machine, own):
    """ASVS 2.2.1, 4.1.1, 15.3.3."""
    for body, kind, status, reason in BODIES:
        got = machine.client.post(
            f"/api/questions/{own}/answer", data=body, content_type=kind, headers=machine.bearer()
        )
        assert (got.status_code, got.json["reason"]) == (status, reason)


def test_nothing_else_stands_in_an_address(machine, own):
    for path in ("/api/self?token=x", "/api/questions?after=&after=", f"/api/questions/{own}?fields=all"):
        assert machine.get(path).status_code == 400, path
    assert machine.get("/api/questions?after=").status_code == 200


def test_what_is_not_there_is_told_as_json(machine):
    for method, path, status in (
        ("GET", "/api", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/accounts", 404),
        ("DELETE", "/api/self", 405),
        ("POST", "/api/questions", 405),
        ("PUT", "/api/token", 405),
    ):
        got = machine.client.open(path, method=method, headers=machine.bearer())
        assert (got.status_code, got.content_type) == (status, "application/problem+json"), path
        assert got.headers["Cache-Control"] == "no-store"


def test_lists_count_against_the_budget_of_the_agency(sqlite_program, people, own, machine):
    """Systems and people spend of one budget, so that a second account gives no second list of names (threat 7)."""
    sent = {"data": HEAD + STRANGER, "content_type": "text/csv"}
    for turn in range(3):
        got = machine.client.post("/api/lists", headers=machine.bearer(), **sent)
        assert (got.status_code, got.json["left_today"]) == (200, 2 - turn)
    last = machine.client.post("/api/lists", headers=machine.bearer(), **sent)
    assert (last.status_code, last.json["reason"]) == (429, "budget_person")
    other = Machine(sqlite_program, a_machine(sqlite_program, title="Tweede"))
    told = [other.client.post("/api/lists", headers=other.bearer(), **sent).status_code for _turn in range(3)]
    assert told == [200, 200, 429]
    assert (
        machine.client.post("/api/lists", headers=machine.bearer(), data="bsn\n1", content_type="text/csv").status_code
        == 422
    )
    assert (
        machine.client.post("/api/lists", headers=machine.bearer(), data="x", content_type="text/html").status_code
        == 415
    )


def test_a_witness_fetches_the_state_of_the_log(sqlite_program, machine):
    assert machine.get("/api/checkpoint").status_code == 404
    signing.sign_checkpoint(sqlite_program, JOBS)
    got = machine.get("/api/checkpoint")
    assert got.json["note"].splitlines()[1] == str(got.json["size"])
    (_entry,) = log(sqlite_program, "checkpoint:fetch")
    without = Machine(sqlite_program, machine.made, scope="enrich:answer:asked")
    assert without.get("/api/checkpoint").status_code == 403
    assert KEEPS in machine.get("/api/self").json["permissions"]
