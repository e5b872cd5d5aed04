"""Verbs of the demo: triage, questions, and what happens around a meeting."""

from typing import Final

from signaltable.demo.story import Demo, Step, working_day
from signaltable.domain import day_of
from signaltable.flow import (
    enrich,
    table,
    triage,
)

COORDINATOR: Final = "coordinator"
CHAIR: Final = "voorzitter"


def judge(demo: Demo, step: Step) -> None:
    """The coordinator judges a signal."""
    reference, said = demo.references[step.case], step.said
    seen = demo.use(step, COORDINATOR, triage.consult, reference)
    demo.use(
        step,
        COORDINATOR,
        triage.triage,
        reference,
        result=said["result"],
        urgency=said.get("urgency", seen.dossier.urgency),
        reason=said.get("reason", ""),
        version=seen.version,
    )


def ask(demo: Demo, step: Step) -> None:
    """The coordinator asks partners."""
    said = step.said
    asking = enrich.Asking(
        agencies=tuple(said["agencies"]),
        subjects=tuple(said.get("subjects", [said.get("subject", 1)])),
        facts=tuple(said.get("facts", ())),
        note=said.get("note", ""),
        necessity=said.get("necessity", ""),
        checked=True,
    )
    made = demo.use(step, COORDINATOR, enrich.ask, demo.references[step.case], asking)
    demo.questions.update(
        {(step.case, agency): one for agency, one in zip(asking.agencies, made.questions, strict=True)}
    )


def answer(demo: Demo, step: Step) -> None:
    """A partner answers, after comparing when the file says so."""
    said = step.said
    question = demo.questions[step.case, said["by"]]
    demo.use(step, said["by"], enrich.read_question, question)
    if "compares" in said:
        demo.use(step, said["by"], enrich.compare, question, said["compares"])
    demo.use(
        step,
        said["by"],
        enrich.answer,
        question,
        answer=said["answer"],
        context=said.get("context", ""),
        checked=bool(said.get("context")),
        capacity=said.get("capacity", ""),
        necessity=said.get("necessity", ""),
        anonymous=said.get("anonymous", False),
    )


def schedule(demo: Demo, step: Step) -> None:
    """The coordinator plans a meeting, at the first table unless another is named."""
    said = step.said
    demo.meetings[said["meeting"]] = demo.use(
        step,
        COORDINATOR,
        table.schedule,
        held_on=working_day(demo.today, said["held"]),
        title=said["title"],
        begins=said.get("begins", ""),
        ends=said.get("ends", ""),
        place=said.get("place", ""),
        table_id=demo.tables.get(said.get("table", ""), demo.first_table),
    )


def put_on_agenda(demo: Demo, step: Step) -> None:
    """The coordinator puts the case on an agenda."""
    meeting = demo.meetings[step.said["meeting"]]
    demo.use(step, COORDINATOR, table.put_on_agenda, meeting, [demo.references[step.case]])


def discuss(demo: Demo, step: Step) -> None:
    """The chair opens the case and the coordinator writes down what is said."""
    meeting, reference = demo.meetings[step.said["meeting"]], demo.references[step.case]
    demo.use(step, CHAIR, table.consult_item, meeting, reference)
    demo.use(step, COORDINATOR, table.note, meeting, reference, step.said["text"])


def decide(demo: Demo, step: Step) -> None:
    """The chair keeps the decision of the table."""
    said = step.said
    deciding = table.Deciding(
        decision=said["decision"],
        reason=said["reason"],
        holder=said.get("holder", ""),
        due_on=working_day(day_of(step.at), -said["within"]) if "within" in said else None,
        destinations=tuple(said.get("destinations", ())),
    )
    demo.use(step, CHAIR, table.decide, demo.meetings[said["meeting"]], demo.references[step.case], deciding)
