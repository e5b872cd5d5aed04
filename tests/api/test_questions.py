"""What a partner's system reads and answers: what its people see of the own questions, and never those of another."""

import pytest

from signaltable.flow import enrich
from tests.machine_steps import Machine, a_machine
from tests.table_steps import asked, log, triaged, use


@pytest.fixture
def people(sqlite_program, actor):
    return {name: actor(sqlite_program, name) for name in ("havendam", "coordinator", "avim", "opvang")}


@pytest.fixture
def both(sqlite_program, people):
    """A question to each of two agencies about the same person."""
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    return asked(sqlite_program, people["coordinator"], reference, "avim", "opvang")


def test_a_system_reads_and_answers_as_a_person_does(sqlite_program, people, both):
    machine = Machine(sqlite_program, a_machine(sqlite_program))
    page = machine.get("/api/questions")
    (line,) = [one for one in page.json["questions"] if one["id"] in both]
    shown = machine.get(f"/api/questions/{line['id']}").json
    given = machine.post(f"/api/questions/{line['id']}/answer", {"answer": "hit", "version": shown["version"]})
    assert given.json == {"id": line["id"], "answer": "hit", "version": shown["version"] + 1}
    ((entry, details),) = log(sqlite_program, "enrich:answer")
    assert (entry.actor, entry.agency) == (machine.made.machine_id, people["avim"].agency_id)
    assert (details["answer"], details["anonymous"]) == ("hit", False)
    seen = use(sqlite_program, people["avim"], enrich.read_question, line["id"])
    assert (seen.answer, seen.answered_by) == ("hit", "Zaaksysteem")
