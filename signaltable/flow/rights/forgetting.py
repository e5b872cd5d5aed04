"""What goes of access in acute danger with the case: every word of why. That there was one, by whom and when, stays."""

from sqlalchemy import update

from signaltable.flow.rights import emergencies
from signaltable.models import EmergencyAccess, Signal
from signaltable.transaction import Transaction, in_whole


@in_whole("words of others about a case go with it")
def erase_of(tx: Transaction, signal: Signal) -> None:
    """Take the words away, and end what still runs: there is nothing left to read. The review is still owed."""
    of_signal = EmergencyAccess.signal_id == signal.id
    tx.session.execute(update(EmergencyAccess).where(of_signal).values(reason_sealed=b"", review_sealed=b""))
    running = update(EmergencyAccess).where(of_signal, emergencies.is_running(tx.now))
    tx.session.execute(running.values(ended_at=tx.now))
