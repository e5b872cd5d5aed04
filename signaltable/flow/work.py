"""What waits for one person, as each part of the program tells it to the work list (flow/work_list.py)."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing that is asked of the actor.

    `kind` is a code of the work list, which knows its words and its page; `key` what that page is opened with, and
    `thing` how people know it: a reference or a pseudonym, never a name. `due_on` is the last day, None without one.
    """

    kind: str
    key: str
    thing: str
    since: datetime
    due_on: date | None = None
    urgent: bool = False
