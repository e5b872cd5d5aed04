"""The description of the API never drifts from it: same operations, same shapes, same problems."""

import json

import pytest
from jsonschema import Draft202012Validator

from signaltable import recorded_acts
from signaltable.api.operations import OPERATIONS
from signaltable.flow import signing
from signaltable.jobs import JOBS
from tests.flow.test_blind_check import HEAD, SHE
from tests.machine_steps import Machine, a_machine
from tests.serving import served
from tests.table_steps import asked, triaged

# Names of fields of an identity: no operation gives one.
NAMES = {"given_name", "surname", "birth_date", "phone", "email", "street", "document", "bsn"}


@pytest.fixture
def machine(sqlite_program):
    return Machine(sqlite_program, a_machine(sqlite_program))


@pytest.fixture
def described(machine):
    return machine.client.get("/api/openapi.json").json


def test_every_route_is_described_and_nothing_else(sqlite_program, described):
    rules = [rule for rule in served(sqlite_program).url_map.iter_rules() if rule.endpoint.startswith("api.")]
    there = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower(), rule.endpoint.removeprefix("api."))
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    told = {(path, method, one["operationId"]) for path, of in described["paths"].items() for method, one in of.items()}
    assert there == told
    assert {f"{one.method} api.{one.name}" for one in OPERATIONS.values()} == {
        way for way in recorded_acts.WEB if way.split()[1].startswith("api.")
    }
    assert described["openapi"] == "3.1.0"


def test_every_operation_asks_a_token_with_a_scope_that_there_is(described):
    scopes = described["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
    without = set()
    for path, of in described["paths"].items():
        for one in of.values():
            for needed in one["security"]:
                assert set(needed["oauth2"]) <= set(scopes), path
            without |= set() if one["security"] else {path}
    assert without == {"/api/token", "/api/openapi.json"}


def test_no_answer_has_a_place_for_an_identity(described):
    text = json.dumps(described["components"]["schemas"])
    assert [name for name in NAMES if f'"{name}"' in text] == []


def checked(described, path, method, got):
    """The answer fits what is described for its status."""
    told = described["paths"][path][method]["responses"][str(got.status_code)]["content"]
    assert got.mimetype in told, (path, got.status_code)
    schema = told[got.mimetype]["schema"] | {"components": described["components"]}
    Draft202012Validator(schema).validate(got.json)


def test_answers_are_what_is_described(sqlite_program, described, machine, actor):
    """Those that went through and those that did not."""
    owner, coordinator = actor(sqlite_program, "havendam"), actor(sqlite_program, "coordinator")
    own = asked(sqlite_program, coordinator, triaged(sqlite_program, owner, coordinator), "avim")[0]
    signing.sign_checkpoint(sqlite_program, JOBS)
    checked(described, "/api/token", "post", machine.get_token())
    checked(described, "/api/token", "post", machine.get_token(client_secret="x"))
    checked(described, "/api/token", "post", machine.get_token(scope="x"))
    for path in ("/api/self", "/api/checkpoint", "/api/questions", "/api/openapi.json"):
        checked(described, path, "get", machine.get(path))
    one, to_answer = "/api/questions/{question_id}", "/api/questions/{question_id}/answer"
    checked(described, one, "get", machine.get(f"/api/questions/{own}"))
    checked(described, one, "get", machine.get("/api/questions/x"))
    checked(described, "/api/questions", "get", machine.client.get("/api/questions"))
    for body in ({"answer": "hit", "version": 0}, {"answer": "hit", "version": 0}, {"answer": "x"}, []):
        checked(described, to_answer, "post", machine.post(f"/api/questions/{own}/answer", body))
    for body, kind in ((HEAD + SHE, "text/csv"), ("x", "text/csv"), ("x", "text/plain")):
        got = machine.client.post("/api/lists", data=body, content_type=kind, headers=machine.bearer())
        checked(described, "/api/lists", "post", got)
