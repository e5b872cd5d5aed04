"""Two people at one meeting at the same moment: one of them is first, and the other hears so."""

import threading
from collections.abc import Callable

from sqlalchemy import func, select

from signaltable.domain import Conflict
from signaltable.flow.table import closing, minutes, tasks
from signaltable.models import AgendaItem, MeetingTask
from signaltable.transaction import Program, reading
from tests.meeting_steps import cases, decided, task_of
from tests.table_steps import log, use


def at_once(*deeds: Callable[[], object]) -> list[str]:
    """Do these at the same moment; what each came to: "done" or the name of what it raised."""
    ready, came_to = threading.Barrier(len(deeds)), ["" for _each in deeds]

    def do(place: int, deed: Callable[[], object]) -> None:
        ready.wait()
        try:
            deed()
            came_to[place] = "done"
        except Exception as problem:  # noqa: BLE001 -- whatever goes wrong in a thread must reach the assert
            came_to[place] = type(problem).__name__

    threads = [threading.Thread(target=do, args=one) for one in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came_to


def _count(program: Program, model: type) -> int:
    with reading(program) as session:
        return int(session.scalar(select(func.count()).select_from(model)) or 0)


def test_of_two_decisions_one_stands_and_one_task_is_made(program, actor):
    people = {login: actor(program, login) for login in ("havendam", "coordinator", "voorzitter")}
    meeting, (reference,) = cases(program, people["havendam"], people["coordinator"], 1)
    came_to = at_once(
        lambda: decided(program, people["voorzitter"], meeting, reference, "enrich"),
        lambda: decided(program, people["coordinator"], meeting, reference, "refer"),
    )
    assert sorted(came_to) == [Conflict.__name__, "done"]
    assert (len(log(program, "table:decide")), _count(program, MeetingTask)) == (1, 1)
    # And of two who settle that task, one is told that it was done
    task, holder = task_of(program), people["havendam"]
    settle = [
        lambda result=result: use(program, holder, tasks.settle, task.id, result=result, answer="", version=1)
        for result in ("done", "not_needed")
    ]
    assert sorted(at_once(*settle)) == [Conflict.__name__, "done"]


def test_a_decision_is_in_the_minutes_or_was_refused(program, actor):
    people = {login: actor(program, login) for login in ("havendam", "coordinator", "voorzitter")}
    meeting, references = cases(program, people["havendam"], people["coordinator"], 2)
    decided(program, people["voorzitter"], meeting, references[0])
    came_to = at_once(
        lambda: use(program, people["voorzitter"], closing.close, meeting, leave_over=True),
        lambda: decided(program, people["coordinator"], meeting, references[1]),
    )
    assert came_to[0] == "done"
    second = use(program, people["voorzitter"], minutes.consult, meeting).cases[1]
    with reading(program) as session:
        kept = session.scalars(select(AgendaItem.decision).order_by(AgendaItem.position)).all()[1]
    expected = ("decided", "enrich") if came_to[1] == "done" else ("left_over", "")
    assert (second.content["state"], kept) == expected
