"""What meetings keep about a signal that is erased: that it was there, and digests of what was said; no word of it."""

from sqlalchemy import update

from signaltable.flow.table.tasks import KIND
from signaltable.models import MeetingTask, MinutesPart, Postponement, Signal
from signaltable.transaction import Transaction


def erase_of(tx: Transaction, signal: Signal) -> None:
    """Empty the tasks, the reasons why they were put off, and the parts of minutes about a signal."""
    tx.session.execute(update(MeetingTask).where(MeetingTask.signal_id == signal.id).values(text="", answer=""))
    put_off = Postponement.signal_id == signal.id, Postponement.kind == KIND
    tx.session.execute(update(Postponement).where(*put_off).values(reason_sealed=b""))
    tx.session.execute(update(MinutesPart).where(MinutesPart.signal_id == signal.id).values(content={}))
