"""The table at work: meetings, agenda, discussion notes and a decision per signal (domain/workflow.md, step 6).

The table advises and the owner decides: "refer" names destinations, and the signal moves only when its owner discloses.
"""

from signaltable.flow.table.agenda import (
    FULL,
    MOST_ITEMS,
    MOST_READY,
    NO_SIGNAL,
    READY,
    UNKNOWN_CHOICE,
    Agenda,
    AgendaLine,
    ReadyLine,
    agenda,
    put_on_agenda,
    reorder,
    take_off_agenda,
)
from signaltable.flow.table.deciding import (
    AFTER,
    NEEDS_HOLDER,
    NO_DAY,
    NO_DESTINATION,
    NO_HOLDER,
    REASON_LIMIT,
    Deciding,
    decide,
    missing_parts,
)
from signaltable.flow.table.item import NOTE_LIMIT, ItemView, WrittenNote, consult_item, note
from signaltable.flow.table.meetings import PAST, MeetingLine, Meetings, meetings
from signaltable.flow.table.planning import TITLE_LIMIT, Plan, PlanningView, cancel, change, schedule, to_plan

__all__ = [
    "AFTER",
    "FULL",
    "MOST_ITEMS",
    "MOST_READY",
    "NEEDS_HOLDER",
    "NOTE_LIMIT",
    "NO_DAY",
    "NO_DESTINATION",
    "NO_HOLDER",
    "NO_SIGNAL",
    "PAST",
    "READY",
    "REASON_LIMIT",
    "TITLE_LIMIT",
    "UNKNOWN_CHOICE",
    "Agenda",
    "AgendaLine",
    "Deciding",
    "ItemView",
    "MeetingLine",
    "Meetings",
    "Plan",
    "PlanningView",
    "ReadyLine",
    "WrittenNote",
    "agenda",
    "cancel",
    "change",
    "consult_item",
    "decide",
    "meetings",
    "missing_parts",
    "note",
    "put_on_agenda",
    "reorder",
    "schedule",
    "take_off_agenda",
    "to_plan",
]
