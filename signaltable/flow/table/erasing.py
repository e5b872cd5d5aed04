"""What meetings keep about a signal that is erased: that it was there, and digests of what was said; no word of it."""

from sqlalchemy import update

from signaltable.models import MeetingTask, MinutesPart, Signal
from signaltable.transaction import Transaction


def erase_of(tx: Transaction, signal: Signal) -> None:
    """Empty the tasks and the parts of minutes about a signal."""
    tx.session.execute(update(MeetingTask).where(MeetingTask.signal_id == signal.id).values(text="", answer=""))
    tx.session.execute(update(MinutesPart).where(MinutesPart.signal_id == signal.id).values(content={}))
