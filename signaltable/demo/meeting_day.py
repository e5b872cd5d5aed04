"""Verbs of the demo: tables, who comes, closing a meeting, its minutes and tasks, and what stands apart from a case."""

from sqlalchemy import select

from signaltable.demo.at_table import CHAIR, COORDINATOR
from signaltable.demo.story import BrokenDemo, Demo, Step, working_day
from signaltable.domain import day_of
from signaltable.flow import recusals, reflection
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.dossier import pseudonym
from signaltable.flow.table import attending, closing, minutes, tables, tasks
from signaltable.models import MeetingTask, Signal
from signaltable.queries import disclosure_by_reference, subjects_of
from signaltable.transaction import Transaction, reading

ADMINISTRATOR = "beheer"


def make_table(demo: Demo, step: Step) -> None:
    """The administrator makes a table beside the first."""
    said = step.said
    described = tables.Described(said["title"], said.get("region", ""), said["theme"], tuple(said["members"]))
    demo.tables[said["table"]] = demo.use(step, ADMINISTRATOR, tables.record_table, described)


def say_who_comes(demo: Demo, step: Step) -> None:
    """Somebody says whether they come."""
    demo.use(step, step.said["by"], attending.answer, demo.meetings[step.said["meeting"]], step.said["answer"])


def note_who_is_there(demo: Demo, step: Step) -> None:
    """The coordinator notes who is there."""
    there = [actor_of_login(demo.program, login).account_id for login in step.said["there"]]
    demo.use(step, COORDINATOR, attending.note_presence, demo.meetings[step.said["meeting"]], there)


def close_meeting(demo: Demo, step: Step) -> None:
    """The chair closes the meeting, which makes its minutes."""
    demo.use(step, CHAIR, closing.close, demo.meetings[step.said["meeting"]])


def share_minutes(demo: Demo, step: Step) -> None:
    """The coordinator lets the table read the minutes."""
    meeting = demo.meetings[step.said["meeting"]]
    seen = demo.use(step, COORDINATOR, minutes.consult, meeting)
    demo.use(step, COORDINATOR, minutes.share, meeting, version=seen.version)


def approve_minutes(demo: Demo, step: Step) -> None:
    """A later meeting approves the minutes."""
    said = step.said
    meeting = demo.meetings[said["meeting"]]
    seen = demo.use(step, CHAIR, minutes.consult, meeting)
    demo.use(step, CHAIR, minutes.approve, meeting, approved_in=demo.meetings[said["in"]], version=seen.version)


def settle_task(demo: Demo, step: Step) -> None:
    """An organisation says what came of what the table asked of it."""
    task, version = _open_task(demo, step)
    said = step.said
    demo.use(
        step, said["by"], tasks.settle, task, result=said["result"], answer=said.get("answer", ""), version=version
    )


def _open_task(demo: Demo, step: Step) -> tuple[str, int]:
    agency = actor_of_login(demo.program, step.said["by"]).agency_id
    query = (
        select(MeetingTask.id, MeetingTask.version)
        .join(Signal, Signal.id == MeetingTask.signal_id)
        .where(
            Signal.reference == demo.references[step.case],
            MeetingTask.agency_id == agency,
            MeetingTask.settled_at.is_(None),
        )
    )
    with reading(demo.program, whole="the demo looks for what it made") as session:
        found = session.execute(query).first()
    if found is None:
        raise BrokenDemo(f"{step.case}: expected an open task of {agency}, found none")
    return found.id, found.version


def assign_task(demo: Demo, step: Step) -> None:
    """The table asks an organisation for something more."""
    said = step.said
    due_on = working_day(day_of(step.at), -said["within"])
    meeting, reference = demo.meetings[said["meeting"]], demo.references[step.case]
    demo.use(step, CHAIR, tasks.assign, meeting, reference, agency=said["agency"], text=said["text"], due_on=due_on)


def declare_interest(demo: Demo, step: Step) -> None:
    """Somebody has a conflict of interest in the case, and sees nothing of it from now on."""
    said = step.said
    reference = demo.references[step.case]
    demo.use(step, said["by"], recusals.declare, "signal", reference, interest=said["interest"], reason=said["why"])


def begin_reflection(demo: Demo, step: Step) -> None:
    """Whoever looks after the person notes that the reflection period began."""
    said, disclosure = step.said, demo.disclosures[step.case, step.said["to"]]
    known_as = demo.use(step, said["by"], _first_person, disclosure)
    began_on = working_day(day_of(step.at), said["days_before"])
    demo.use(step, said["by"], reflection.record, reflection.DISCLOSURE, disclosure, known_as, began_on=began_on)


def _first_person(tx: Transaction, reference: str) -> str:
    """How the receiver of a disclosure knows the first person in it."""
    row = disclosure_by_reference(tx, reference)
    return pseudonym(tx, row.recipient_agency, subjects_of(tx, row.signal_id)[0].id)
