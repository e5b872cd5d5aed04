"""Whether who began something may still do it at its end: a right that was withdrawn in between counts no more.

The gate is asked when a transaction begins. Whoever takes a right away holds the account (FOR UPDATE); who changes
something holds it too (FOR SHARE) from this question until the commit. So one of the two is first, and a change that comes
second is refused: the log never has an act after the end of the right that it rests on.
"""

from typing import Final

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.domain import Channel, Refused
from signaltable.flow.rights.held import held_by
from signaltable.models import Account, MachineAccount, Recusal, Signal
from signaltable.transaction import Transaction

WITHDRAWN: Final = "right_withdrawn"


def require_standing(tx: Transaction) -> None:
    """Refuse what somebody began with a right that they no longer have. Only people and systems that came in are asked.

    Raises `Refused` (right_withdrawn: the account was closed, moved or lost a role, a role for some time ended, a system
    was switched off; conflict_of_interest: the actor is kept from the case since).
    """
    if not tx.actor.agency_id or tx.actor.channel not in {Channel.WEB, Channel.API}:
        return
    stands = _machine_stands(tx) if tx.actor.channel is Channel.API else _person_stands(tx)
    if not stands:
        raise _refusal(tx, WITHDRAWN)
    if "recusals" not in tx.written.tables and _kept_from_since(tx):
        raise _refusal(tx, "conflict_of_interest")


def _refusal(tx: Transaction, reason: str) -> Refused:
    # Which of its rights was asked is not known here any more; that of having come in at all is gone too.
    details = {"permission": Permission.ACCOUNT_CONSULT_SELF.value}
    return Refused(reason, object_type="account", object_id=tx.actor.account_id, details=details)


def _person_stands(tx: Transaction) -> bool:
    query = select(Account.active, Account.agency_id).where(Account.id == tx.actor.account_id)
    row = tx.session.execute(query.with_for_update(read=True)).first()
    if row is None or not row.active or row.agency_id != tx.actor.agency_id:
        return False
    # By the clock of the transaction: a role for some time that ended while the form was being stored still counted.
    held = held_by(tx.session, tx.program.policy, tx.actor.account_id, tx.now)
    return tx.actor.roles <= held.all


def _machine_stands(tx: Transaction) -> bool:
    query = select(MachineAccount.ended_at, MachineAccount.expires_at, MachineAccount.permissions).where(
        MachineAccount.id == tx.actor.account_id
    )
    row = tx.session.execute(query.with_for_update(read=True)).first()
    if row is None or row.ended_at is not None or row.expires_at <= tx.now:
        return False
    return tx.actor.permissions <= set(row.permissions)


def _kept_from_since(tx: Transaction) -> bool:
    """Whether the actor became a party to a case that this transaction speaks of, after the gate was asked."""
    named = {str(event.details.get("signal", "")) for event in tx.events} - {""}
    named |= {event.object_id for event in tx.events if event.object_type == "signal"}
    if not named:
        return False
    query = select(Recusal.id).join(Signal, Signal.id == Recusal.signal_id)
    query = query.where(Recusal.account_id == tx.actor.account_id, Recusal.ended_at.is_(None))
    return tx.session.scalar(query.where(Signal.reference.in_(named)).limit(1)) is not None
