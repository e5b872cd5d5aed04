"""A meeting at work, through the use cases that people use."""

from datetime import date, timedelta

from signaltable.domain import Actor
from signaltable.flow import table
from signaltable.flow.table import closing, minutes
from signaltable.models import Attendance, MeetingTask, Recusal
from signaltable.transaction import Program, Transaction, reading
from tests.factories import a_signal
from tests.table_steps import on_the_agenda, triaged, use

REASON = "De tafel vindt dat hulp nu het eerst nodig is."


def decided(program: Program, who: Actor, meeting: str, reference: str, decision: str = "enrich", **changes: object):
    """A decision with holder and day."""
    deciding = {"decision": decision, "reason": REASON, "holder": "havendam", "due_on": date(2026, 12, 1), **changes}
    if decision == "refer":
        deciding.setdefault("destinations", ("essm",))
    use(program, who, table.decide, meeting, reference, table.Deciding(**deciding))


def a_meeting(program: Program, coordinator: Actor, *, days: int = 0) -> str:
    """A meeting with nothing on its agenda, so many days from now; its id."""

    def plan(tx: Transaction) -> str:
        return table.schedule(tx, held_on=tx.today + timedelta(days=days), title="Proeftafel")

    return use(program, coordinator, plan)


def cases(program: Program, owner: Actor, coordinator: Actor, count: int, *, days: int = 0) -> tuple[str, list[str]]:
    """A meeting with so many cases without people: its id and their references."""
    references = [triaged(program, owner, coordinator, a_signal(subjects=[])) for _each in range(count)]
    if not references:
        return a_meeting(program, coordinator, days=days), references
    return on_the_agenda(program, coordinator, *references, days=days), references


def task_of(program: Program, **where: object) -> MeetingTask:
    """The only task like this, to look at."""
    with reading(program) as session:
        found = session.query(MeetingTask).filter_by(**where).one()
        session.expunge(found)
        return found


def there(
    program: Program, who: Actor, meeting: str, *accounts: Actor, presence: str = "present", replaces: str = ""
) -> None:
    """These people are noted as present, or only said to come (presence ""); `replaces` is an account."""

    def note(tx: Transaction) -> None:
        for one in accounts:
            tx.session.add(
                Attendance(
                    meeting_id=meeting,
                    account_id=one.account_id,
                    agency_id=one.agency_id,
                    answer="coming",
                    presence=presence,
                    replaces=replaces,
                    noted_by=who.account_id,
                    noted_at=tx.now,
                )
            )
        tx.record("table:attend", object_type="meeting", object_id=meeting, details={"meeting": meeting})

    use(program, who, note)


def kept_from(program: Program, who: Actor, reference: str, signal_id: str) -> None:
    """Somebody who sees nothing of a signal from now on."""

    def keep(tx: Transaction) -> None:
        tx.session.add(
            Recusal(
                id=tx.new_id(),
                signal_id=signal_id,
                account_id=who.account_id,
                agency_id=who.agency_id,
                kind="knows_person",
                declared_by=who.account_id,
                declared_at=tx.now,
            )
        )
        tx.record("table:recuse", object_type="signal", object_id=reference, details={"signal": reference})

    use(program, who, keep)


def closed(program: Program, who: Actor, meeting: str, *, shared: bool = False) -> None:
    """The meeting closed, what is undecided left over, and its minutes shared when asked."""
    use(program, who, closing.close, meeting, leave_over=True)
    if shared:
        version = use(program, who, minutes.consult, meeting).version
        use(program, who, minutes.share, meeting, version=version)
