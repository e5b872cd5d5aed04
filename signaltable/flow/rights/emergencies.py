"""Access in acute danger as a row: the words in it, who works with the case, and whether its time runs."""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select

from signaltable.access import Permission
from signaltable.domain import GONE, State
from signaltable.flow import mailing, sealing
from signaltable.models import Agency, EmergencyAccess, Signal
from signaltable.queries import WHOLE
from signaltable.transaction import Transaction, in_whole

REASON, REVIEW = "reason_sealed", "review_sealed"
JUSTIFIED, NOT_JUSTIFIED = "justified", "not_justified"
VERDICTS: Final = (JUSTIFIED, NOT_JUSTIFIED)
# How the log says what was read by it: the view of every signal:consult of somebody who came in this way.
VIEW: Final = "emergency"
OBJECT: Final = "emergency"


def is_running(now: datetime) -> ColumnElement[bool]:
    """The accesses that let somebody read at this moment."""
    return EmergencyAccess.ended_at.is_(None) & (EmergencyAccess.opened_at <= now) & (EmergencyAccess.ends_at > now)


def runs(row: EmergencyAccess, now: datetime) -> bool:
    """Whether this access lets its person read at this moment."""
    return row.ended_at is None and row.opened_at <= now < row.ends_at


def opened_by(tx: Transaction, signal_id: str) -> frozenset[str]:
    """The accounts that opened this case in acute danger and whose time runs."""
    query = select(EmergencyAccess.account_id).where(EmergencyAccess.signal_id == signal_id, is_running(tx.now))
    return frozenset(tx.session.scalars(query))


def is_there(signal: Signal) -> bool:
    """Whether there is anything to read: not taken back, not expired, not erased."""
    return State(signal.state) not in GONE and signal.owner_sealed != b""


@in_whole("whose case it was is asked also when the access is over")
def signal_of(tx: Transaction, row: EmergencyAccess) -> Signal:
    """The case of an access, whoever asks: the gate is asked by the caller."""
    query = select(Signal).where(Signal.id == row.signal_id)
    return tx.session.scalars(query.execution_options(**{WHOLE: True})).one()


# -- the words ----------------------------------------------------------------------------------------------------


def readers_of(tx: Transaction, row: EmergencyAccess, signal: Signal) -> list[str]:
    """The agencies of which people read the words: the own one, the owner's, and those that can look back."""
    everybody = tx.session.scalars(select(Agency.id).where(Agency.active)).all()
    officers = mailing.agencies_with(tx, everybody, Permission.EMERGENCY_REVIEW_ALL)
    return sorted({row.agency_id, signal.owner_agency, *officers})


def seal_words(tx: Transaction, row: EmergencyAccess, column: str, text: str, agencies: Iterable[str]) -> bytes:
    """Words for people of these agencies and nobody else: an envelope for each."""
    made = {
        one: base64.b64encode(sealing.seal_json(tx, one, {"text": text}, _place(row, column, one))).decode()
        for one in agencies
    }
    return json.dumps(made).encode()


def words(tx: Transaction, row: EmergencyAccess, column: str) -> str:
    """What was sealed in this column for the actor's agency; "" when nothing was."""
    sealed: bytes = getattr(row, column)
    envelopes: Mapping[str, str] = json.loads(sealed) if sealed else {}
    own = tx.actor.agency_id
    if own not in envelopes:
        return ""
    found: dict[str, Any] = sealing.open_json(tx, own, base64.b64decode(envelopes[own]), _place(row, column, own))
    return str(found["text"])


def agencies_of(row: EmergencyAccess) -> list[str]:
    """The agencies for which the reason was sealed."""
    return sorted(json.loads(row.reason_sealed)) if row.reason_sealed else []


def _place(row: EmergencyAccess, column: str, agency_id: str) -> str:
    return f"emergency_accesses|{column}|{row.id}|{agency_id}"
