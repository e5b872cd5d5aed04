"""The adapter between rows and the log: on both databases, under writers at the same time, and against tampering."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

import pytest
from sqlalchemy import event, select, text

from audit import entry, merkle
from signaltable import audit_trail
from signaltable.domain import Actor, Refused, UnauditedWrite
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.models import Agency, LogCheckpoint, LogDetail, LogEntry, LogHead
from signaltable.transaction import Program, ahead, refuse, transaction


def _log(program: Program) -> list[LogEntry]:
    with program.read_sessions() as session:
        return list(session.scalars(select(LogEntry).order_by(LogEntry.seq)))


def _note(program: Program, cause: str = "test") -> None:
    with transaction(program, SYSTEM) as tx:
        tx.record("login:end", object_type="account", object_id="someone", details={"cause": cause})


def test_an_entry_is_the_next_leaf_of_the_tree(program: Program) -> None:
    before = _log(program)

    _note(program)

    after = _log(program)
    assert [row.seq for row in after] == list(range(len(before) + 1))
    made = entry.parse(after[-1].entry)
    assert (made.action, made.actor, made.object) == ("login:end", "system", "someone")
    with program.read_sessions() as session:
        head = session.get_one(LogHead, 1)
        kept = session.get_one(LogDetail, made.seq)
    assert merkle.CompactRange.from_bytes(head.frontier).root() == merkle.root(row.leaf for row in after)
    assert head.size == len(after)
    assert entry.open_details(made, kept.details, kept.salt)["cause"] == "test"


def test_events_of_one_transaction_stand_together_and_in_order(program: Program) -> None:
    with transaction(program, SYSTEM) as tx:
        for cause in ("one", "two", "three"):
            tx.record("login:end", details={"cause": cause})

    seqs = [row.seq for row in _log(program)[-3:]]
    with program.read_sessions() as session:
        causes = [json.loads(session.get_one(LogDetail, seq).details)["cause"] for seq in seqs]
    assert causes == ["one", "two", "three"]


def test_the_head_is_locked_last(program: Program) -> None:
    # Everything that takes time must happen before the head is locked: others wait for it (design.md, "The log").
    statements: list[str] = []
    with transaction(program, SYSTEM) as tx:
        connection = tx.session.connection()
        event.listen(connection.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        tx.session.add(Agency(id="late", title="Late", kind="ngo", created_at=tx.now))
        tx.record("agency:record", object_type="agency", object_id="late", details={"agency": "late"})

    verbs = [" ".join(statement.split()[:3]) for statement in statements]
    lock = next(at for at, statement in enumerate(statements) if "FROM log_head" in statement)
    assert next(at for at, verb in enumerate(verbs) if verb == "INSERT INTO agencies") < lock
    after = verbs[lock + 1 :]
    if connection.dialect.name == "postgresql":
        # All of it by one statement: while it runs, everybody else waits.
        (whole,) = statements[lock + 1 :]
        assert re.findall(r"(?:INSERT INTO|UPDATE) (\w+)", whole) == [
            "log_entries", "log_details", "log_nodes", "log_terms", "log_head"
        ]  # fmt: skip
        assert statements[lock].rstrip().endswith("FOR UPDATE")
        return
    assert after[:2] == ["INSERT INTO log_entries", "INSERT INTO log_details"]
    assert set(after[2:-1]) <= {"INSERT INTO log_nodes", "INSERT INTO log_terms"}
    assert after[-1] == "UPDATE log_head SET"


def test_a_write_without_an_event_is_refused_and_leaves_nothing(program: Program) -> None:
    before = len(_log(program))

    with pytest.raises(UnauditedWrite, match="agencies"), transaction(program, SYSTEM) as tx:
        tx.session.add(Agency(id="silent", title="Silent", kind="ngo", created_at=tx.now))

    with program.read_sessions() as session:
        assert session.get(Agency, "silent") is None
    assert len(_log(program)) == before


def test_a_bulk_write_without_an_event_is_refused_too(program: Program) -> None:
    with pytest.raises(UnauditedWrite), transaction(program, SYSTEM) as tx:
        tx.session.execute(text("UPDATE agencies SET active = active"))


def test_a_refusal_rolls_back_and_is_recorded_in_a_transaction_of_its_own(program: Program) -> None:
    def change() -> None:
        with transaction(program, SYSTEM) as tx:
            tx.session.add(Agency(id="refused", title="Refused", kind="ngo", created_at=tx.now))
            tx.record("agency:record", object_id="refused", details={"agency": "refused"})
            raise Refused("no_permission", details={"permission": "agency:change:all"})

    with pytest.raises(Refused):
        change()

    with program.read_sessions() as session:
        assert session.get(Agency, "refused") is None
    last = _log(program)[-1]
    assert (last.action, last.outcome, entry.parse(last.entry).reason) == ("access:refuse", "refused", "no_permission")


def test_a_refusal_outside_a_transaction_is_recorded(program: Program) -> None:
    before = len(_log(program))

    with pytest.raises(Refused):
        refuse(program, SYSTEM, Refused("not_offered", action="request:refuse", details={"cause": "not_offered"}))

    assert [row.action for row in _log(program)[before:]] == ["request:refuse"]


def test_another_error_leaves_neither_rows_nor_entries(program: Program) -> None:
    before = len(_log(program))

    def change() -> None:
        with transaction(program, SYSTEM) as tx:
            tx.session.add(Agency(id="broken", title="Broken", kind="ngo", created_at=tx.now))
            tx.record("agency:record", object_id="broken", details={"agency": "broken"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()

    assert len(_log(program)) == before


def test_a_clock_that_goes_back_does_not_make_the_log_go_back(program: Program) -> None:
    _note(program)
    last = entry.parse(_log(program)[-1].entry)
    earlier = program.clock() - timedelta(hours=1)

    _note(replace(program, clock=lambda: earlier))

    made = entry.parse(_log(program)[-1].entry)
    assert made.recorded_at == last.recorded_at
    assert made.occurred_at == audit_trail.milliseconds(earlier)


WRITERS = 8
TURNS = 12


def _write(program: Program, writer: int) -> None:
    for turn in range(TURNS):
        with transaction(program, SYSTEM) as tx:
            for event_number in range(1 + (writer + turn) % 4):
                tx.record("login:end", object_id=f"{writer}.{turn}.{event_number}", details={"cause": "test"})


def test_writers_at_the_same_time_share_one_unbroken_log(program: Program) -> None:
    before = len(_log(program))
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(lambda writer: _write(program, writer), range(WRITERS)))

    rows = _log(program)
    assert [row.seq for row in rows] == list(range(len(rows)))
    told = [row.object for row in rows[before:]]
    noted = [f"{w}.{turn}.{n}" for w in range(WRITERS) for turn in range(TURNS) for n in range(1 + (w + turn) % 4)]
    assert sorted(told) == sorted(noted)
    # What one transaction noted stands together, in its order.
    runs = [list(run) for _, run in groupby(told, key=lambda one: one.rpartition(".")[0])]
    assert len(runs) == WRITERS * TURNS
    assert all(run == sorted(run) for run in runs)
    with program.read_sessions() as session:
        head = session.get_one(LogHead, 1)
        assert audit_trail.root(session, len(rows)) == merkle.root(row.leaf for row in rows)
    assert head.size == len(rows)
    assert merkle.CompactRange.from_bytes(head.frontier).root() == merkle.root(row.leaf for row in rows)
    assert all(merkle.leaf_hash(row.entry) == row.leaf for row in rows)


def test_events_given_their_places_early_ask_for_no_second_event_and_later_rows_do(program: Program) -> None:
    with transaction(program, SYSTEM) as tx:
        tx.record("login:end", details={"cause": "early"})
        tx.append_now()
        tx.session.add(LogCheckpoint(size=1, note="a note", signed_at=tx.now))

    def change() -> None:
        with transaction(program, SYSTEM) as tx:
            tx.record("login:end", details={"cause": "early"})
            tx.append_now()
            tx.session.add(Agency(id="later", title="Later", kind="ngo", created_at=tx.now))

    with pytest.raises(UnauditedWrite):
        change()


def test_what_was_opened_ahead_of_a_transaction_that_never_came_is_recorded(
    sqlite_program: Program, actor: Callable[[Program, str], Actor]
) -> None:
    who = actor(sqlite_program, "havendam")

    def look() -> None:
        with ahead(sqlite_program, who) as tx:
            tx.use_key(f"agency:{who.agency_id}", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()
    last = _log(sqlite_program)[-1]
    assert (last.action, last.actor) == ("key:use", who.account_id)
