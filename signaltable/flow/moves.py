"""Moving a signal from state to state: every move has who, when and why, and none skips the gate."""

from datetime import date
from typing import Any

from sqlalchemy import select

from signaltable.domain import ENDED, UNDISCLOSED, Conflict, DisclosureState, State, may_follow
from signaltable.flow.escalations.ending import end_with
from signaltable.models import Disclosure, Signal, SignalMove
from signaltable.transaction import Transaction

# With a receiver, or given back by one.
DISCLOSED = (State.REFERRED, State.ACCEPTED, State.RETURNED, State.FOLLOWED_UP)


def move(tx: Transaction, signal: Signal, state: State, *, reason: str = "") -> None:
    """Put `signal` in `state` and note the move. Raises `Conflict` when the state does not allow it.

    The caller records the audit event that explains the move.
    """
    tx.session.flush()
    # Whoever moves it at the same moment waits here, and then sees where it went.
    tx.session.refresh(signal, ["state", "version"], with_for_update=True)
    now = State(signal.state)
    if not may_follow(now, state):
        raise Conflict("state", f"a signal that is {now} cannot become {state}")
    if now == state:
        return
    note_move(tx, signal, now, state, reason)
    signal.state = state
    signal.version += 1
    if state in ENDED:
        _end_requests(tx, signal)
        _expect_nothing(tx, signal)
    end_with(tx, signal)


def back_from_table(tx: Transaction, signal: Signal, state: State) -> None:
    """Put a signal that no meeting has any more back in the state from which it came to the table.

    What lay with a receiver goes back there, where `move` would not let it: the table said nothing. Raises `Conflict`
    when it is not on the table. The caller records why.
    """
    tx.session.flush()
    tx.session.refresh(signal, ["state", "version"], with_for_update=True)
    if State(signal.state) is not State.TABLED or state not in (*UNDISCLOSED, *DISCLOSED):
        raise Conflict("state", "the signal is not on the table")
    note_move(tx, signal, State.TABLED, state, "")
    signal.state = state
    signal.version += 1


def _end_requests(tx: Transaction, signal: Signal) -> None:
    """What waits for a second person ends with the signal: there is nothing left to disclose."""
    waiting = select(Disclosure).where(
        Disclosure.signal_id == signal.id, Disclosure.state == DisclosureState.AWAITING_APPROVAL
    )
    for row in tx.session.scalars(waiting):
        end_request(tx, signal, row)


def _expect_nothing(tx: Transaction, signal: Signal) -> None:
    """The owner's receivers may still tell what came of it, but nobody is reminded: the case is over."""
    awaited = select(Disclosure).where(
        Disclosure.signal_id == signal.id, Disclosure.parent_id.is_(None), Disclosure.feedback_due_on.is_not(None)
    )
    for row in tx.session.scalars(awaited):
        row.feedback_due_on = None


def end_request(tx: Transaction, signal: Signal, row: Disclosure) -> None:
    """A request that nobody has to decide on any more; recorded as a rejection by nobody."""
    row.state = DisclosureState.REJECTED
    tx.record(
        "disclosure:reject",
        object_type="disclosure",
        object_id=row.reference,
        details={
            "disclosure": row.reference,
            "signal": signal.reference,
            "recipient": row.recipient_agency,
            "expired": True,
        },
    )


def note_move(tx: Transaction, signal: Signal, before: State, after: State, reason: str) -> None:
    """One line in the life of a signal."""
    tx.session.add(SignalMove(**move_row(tx, signal.id, before, after, reason)))


def move_row(tx: Transaction, signal_id: str, before: State, after: State, reason: str) -> dict[str, Any]:
    """The row that says so."""
    return {
        "id": tx.new_id(),
        "signal_id": signal_id,
        "at": tx.now,
        "state_from": before,
        "state_to": after,
        "account_id": tx.actor.account_id,
        "agency_id": tx.actor.agency_id,
        "reason": reason,
    }


def keep_until(tx: Transaction, retention: str) -> date:
    """The first day on which something of this class of policies/retention.toml may no longer be kept."""
    return tx.program.policy.retention[retention].ends(tx.today)
