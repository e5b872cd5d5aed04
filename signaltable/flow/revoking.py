"""Taking a disclosure back: its provider says why, and everybody who got it, also further on, is asked to erase it.

One transaction does it for the whole tree below: whoever passed something on does not have to remember to whom. A receiver
opens the content no more from that moment. It confirms that it erased, or says on which ground of its own it keeps it; then
it can read it again. Whoever accepts, returns or passes on at the same moment goes before it or after it, never halfway.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from signaltable.access import require
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import Conflict, DisclosureState, State, UnusableInput
from signaltable.flow import chains, duty_kinds, duty_rows, mailing, sealing, sources
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.moves import end_request
from signaltable.flow.referrals import REASON_LIMIT, follow, others_open
from signaltable.models import Disclosure, Signal
from signaltable.queries import disclosure_by_reference
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction
from signaltable.transfer_rules import PARENT

REVOCABLE = (DisclosureState.AWAITING_APPROVAL, DisclosureState.DISCLOSED, DisclosureState.ACCEPTED)
HELD = (DisclosureState.DISCLOSED, DisclosureState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Revoked:
    """What taking back came upon: the state it was in, and how many holders are asked to erase."""

    was: str
    asked: int


def may_be_revoked(row: Disclosure) -> bool:
    """Whether there is something to take back."""
    return row.state in REVOCABLE


def revoke(tx: Transaction, reference: str, *, cause: str, motivation: str) -> Revoked:
    """Take back a disclosure of the own agency with everything that was passed on of it; recorded per disclosure.

    What still waits for a second person is withdrawn. Raises `UnusableInput` (cause, motivation), `Refused` for another
    agency, and `Conflict`: revoked, or over when it was returned or refused meanwhile.
    """
    row = disclosure_by_reference(tx, reference)
    require(tx.actor, *sources.sender_resource(tx, row))
    signal = tx.session.get_one(Signal, row.signal_id)
    tx.session.refresh(signal, with_for_update=True)
    rows = chains.of_signal(tx, signal.id, locked=True)
    _require_revocable(row)
    words = _checked(tx, cause, motivation)
    was = row.state
    row.revoked_sealed = sealing.seal_json(tx, row.provider_agency, {"text": words}, revoked_place(row))
    below = [one for one in chains.under(row, chains.below(rows)) if one.state in REVOCABLE]
    asked = {one.id: _take_back(tx, signal, one, cause if one is row else PARENT) for one in (row, *below)}
    for one in (row, *below):
        _record(tx, signal, one, told=asked[one.id], count=sum(asked.values()) if one is row else None)
    if was in HELD and not others_open(tx, row):
        follow(tx, row, State.RETURNED)
    return Revoked(was, sum(asked.values()))


def _require_revocable(row: Disclosure) -> None:
    if row.state == DisclosureState.REVOKED:
        raise Conflict("revoked", "the disclosure was taken back already")
    if row.state not in REVOCABLE:
        raise Conflict("over", "there is nothing to take back: it was returned, or refused by the second person")


def _checked(tx: Transaction, cause: str, motivation: str) -> str:
    """The words of the motivation, which stay sealed for the own agency."""
    problems = {}
    words = motivation.strip()
    if cause not in sources.transfers(tx).causes:
        problems["cause"] = "expected one of the causes of transfers.toml"
    if len(words) < MOTIVATION_LENGTH:
        problems["motivation"] = duty_kinds.TOO_SHORT if words else NO_TEXT
    elif len(words) > REASON_LIMIT:
        problems["motivation"] = TOO_LONG
    elif contains_bsn(words):
        problems["motivation"] = HAS_BSN
    if problems:
        raise UnusableInput(problems)
    return words


def _take_back(tx: Transaction, signal: Signal, row: Disclosure, cause: str) -> bool:
    """Take one back; says whether its receiver is asked to erase it: not when it holds nothing or was asked before."""
    waiting = row.state == DisclosureState.AWAITING_APPROVAL
    own = cause != PARENT
    row.revoked_at, row.revoked_for = tx.now, cause
    row.revoked_by = tx.actor.account_id if own else ""
    if waiting:
        end_request(tx, signal, row)
    asked = not waiting and duty_rows.ask_receiver(tx, row, duty_kinds.RECALL)
    if not waiting:
        row.state = DisclosureState.REVOKED
        row.feedback_due_on = None
    if not own:
        mailing.tell(tx, [row.requested_by], "revoked", task=("sent", row.reference))
    return asked


def ask_below(tx: Transaction, row: Disclosure, rows: Sequence[Disclosure]) -> int:
    """The ground under this disclosure falls away: ask everybody to whom it was passed on to erase it. Returns how many.

    Each of them has a ground of its own and may say that it keeps it. The caller locked the signal and records why.
    """
    tree = chains.below(rows)
    return sum(
        duty_rows.ask_receiver(tx, one, duty_kinds.RECALL) for one in chains.under(row, tree) if one.state in HELD
    )


def _record(tx: Transaction, signal: Signal, row: Disclosure, *, told: bool, count: int | None) -> None:
    parent = sources.parent_of(tx, row)
    sealed = row.revoked_sealed
    details = {
        "disclosure": row.reference,
        "signal": signal.reference,
        "cause": row.revoked_for,
        "recipients_told": [row.recipient_agency] if told else [],
        **({"parent": parent.reference} if parent else {}),
        **({} if count is None else {"count": count}),
        **({"motivation_hash": hashlib.sha256(sealed).hexdigest()} if sealed else {}),
    }
    tx.record("disclosure:revoke", object_type="disclosure", object_id=row.reference, details=details)


def revoked_place(row: Disclosure) -> str:
    """Where the words about taking back stand; binds the envelope to it."""
    return f"disclosures|revoked_sealed|{row.id}"
