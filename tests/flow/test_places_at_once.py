"""Two transactions of PostgreSQL change what makes one place at the same moment: neither leaves it out (signaltable/places)."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from signaltable import places, row_level
from signaltable.models import Signal
from signaltable.transaction import Program
from tests.factories import a_signal
from tests.table_steps import asked, submitted, triaged

WITHDRAW, BACK = (
    "UPDATE signals SET state = 'withdrawn' WHERE id = :{}",
    "UPDATE signals SET state = 'triaged' WHERE id = :{}",
)
# A question waits for its agency while it is open and its case takes part.
OPEN = "UPDATE questions SET answer = '' WHERE signal_id = :one"
ANSWERED = "UPDATE questions SET answer = 'hit' WHERE signal_id = :one"
ONE_GROUP = "INSERT INTO subject_groups SELECT id, 'g' FROM subjects WHERE signal_id = :{}"
OTHER_TABLE = (
    "CREATE TEMPORARY TABLE kept AS SELECT * FROM regional_tables; UPDATE kept SET id = 't', title = 't'; "
    "INSERT INTO regional_tables SELECT * FROM kept; UPDATE signals SET table_id = 't' WHERE id = :two"
)
KEPT = "CREATE TEMPORARY TABLE kept AS SELECT * FROM links; DELETE FROM link_verdicts; DELETE FROM links"


@dataclass(frozen=True)
class AtOnce:
    """What is so before, and what two do at the same moment. `one` and `two` are two linked cases of two owners."""

    before: Sequence[str]
    first: str
    second: str
    list: str


CASES = {
    "a question is open again while its case comes back": AtOnce(
        [ANSWERED, WITHDRAW.format("one")], OPEN, BACK.format("one"), "questions"
    ),
    "its case comes back while a question is open again": AtOnce(
        [ANSWERED, WITHDRAW.format("one")], BACK.format("one"), OPEN, "questions"
    ),
    "both cases of a link go": AtOnce([], WITHDRAW.format("one"), WITHDRAW.format("two"), "links-mine"),
    "a link is proposed while one of its cases comes back": AtOnce(
        [WITHDRAW.format("one"), KEPT], "INSERT INTO links SELECT * FROM kept", BACK.format("one"), "links-mine"
    ),
    "both cases of a group at two tables come back": AtOnce(
        [OTHER_TABLE, ONE_GROUP.format("one"), ONE_GROUP.format("two"), WITHDRAW.format("one"), WITHDRAW.format("two")],
        BACK.format("one"),
        BACK.format("two"),
        "overlaps",
    ),
    "a case comes into a group while it comes back": AtOnce(
        [OTHER_TABLE, ONE_GROUP.format("one"), WITHDRAW.format("two")],
        ONE_GROUP.format("two"),
        BACK.format("two"),
        "overlaps",
    ),
}


def whole(program: Program) -> Session:
    session = program.write_sessions()
    row_level.bear(session, program.keys, row_level.PROGRAM)
    return session


def waits(program: Program, thread: threading.Thread) -> None:
    """Until the other one is done, or waits for a lock."""
    with program.read_sessions() as session:
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while thread.is_alive() and not session.scalar(query):
            time.sleep(0.005)


@pytest.fixture
def linked(postgres_program, actor, once):
    """Two cases of two owners with a link, and a question about the first."""

    def make() -> dict[str, str]:
        coordinator = actor(postgres_program, "coordinator")
        reference = triaged(postgres_program, actor(postgres_program, "havendam"), coordinator)
        asked(postgres_program, coordinator, reference, "avim")
        other = submitted(postgres_program, actor(postgres_program, "delinde"), a_signal(capacity="care-wgbo"))
        return {"one": reference, "two": other}

    return once(postgres_program, "linked", make)


@pytest.mark.parametrize("name", CASES)
def test_a_place_that_two_make_at_once_is_there(postgres_program, linked, name):
    case = CASES[name]
    with whole(postgres_program) as first, whole(postgres_program) as second:
        ids_of = {row.reference: row.id for row in first.execute(select(Signal.reference, Signal.id))}
        ids = {place: ids_of[reference] for place, reference in linked.items()}
        for statement in case.before:
            for one in statement.split("; "):
                first.execute(text(one), ids if ":" in one else {})
        first.commit()
        # When both are at it, and the second began before the first had ended
        first.execute(text(case.first), ids)
        other = threading.Thread(target=lambda: second.execute(text(case.second), ids))
        other.start()
        waits(postgres_program, other)
        first.commit()
        other.join()
        second.commit()
        # Then the list holds what the things say
        assert places.differences(first.connection()) == []
        held = text("SELECT count(*) FROM list_places WHERE list = :list")
        gone = "go" in name.split()
        assert bool(first.scalar(held, {"list": case.list})) is not gone
