"""What became of a draft that was submitted: a second click, or a first one whose answer got lost, leads to the same signal."""

from sqlalchemy import select

from audit.entry import parse
from signaltable.domain import SignaltableError
from signaltable.models import LogEntry
from signaltable.transaction import Transaction

# Submitting leaves some entries in one go; the signal and the end of its draft stand so near each other.
NEAR = 40


class BecameSignal(SignaltableError):
    """The draft was submitted; `reference` is that of the signal."""

    def __init__(self, reference: str) -> None:
        super().__init__("this draft became a signal")
        self.reference = reference


def what_became(tx: Transaction, draft_id: str) -> str:
    """The reference of the signal that the actor made of a draft; "" when there is none.

    The log knows: both entries bear the ids of the same piece of work.
    """
    mine = LogEntry.actor == tx.actor.account_id
    ended = tx.session.execute(
        select(LogEntry.seq, LogEntry.entry)
        .where(LogEntry.object == draft_id, LogEntry.action == "draft:erase", mine)
        .order_by(LogEntry.seq.desc())
        .limit(1)
    ).first()
    if ended is None:
        return ""
    work = parse(ended.entry)
    near = LogEntry.seq.between(ended.seq - NEAR, ended.seq + NEAR)
    for found in tx.session.scalars(select(LogEntry.entry).where(near, LogEntry.action == "signal:record", mine)):
        made = parse(found)
        if (made.trace_id, made.span_id) == (work.trace_id, work.span_id):
            return made.object
    return ""
