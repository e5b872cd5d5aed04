"""What waits for one person, as each part of the program tells it to the work list (flow/work_list.py)."""

from dataclasses import dataclass
from datetime import date, datetime

from signaltable.transaction import Transaction

# So many of one kind a part gives at most, the most pressing first; its own page has the rest.
MOST = 100


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing that is asked of the actor.

    `kind` is a code of the work list, which knows its words and its page; `key` what that page is opened with, and
    `thing` how people know it: a reference or a pseudonym, never a name. `due_on` is the last day, None without one.
    `about` are the ids of the signals behind it: the list leaves out those from which the actor is kept. `subject` is the id
    of somebody by whose pseudonym people know the thing, which is worked out for what a page shows and not for all that waits.
    """

    kind: str
    key: str
    thing: str
    since: datetime
    due_on: date | None = None
    urgent: bool = False
    about: tuple[str, ...] = ()
    subject: str = ""


def is_pressing(tx: Transaction, urgency: str) -> bool:
    """Whether a signal of this urgency does not wait for the next day (policies/urgencies.toml)."""
    return not tx.program.policy.urgencies[urgency].working_days
