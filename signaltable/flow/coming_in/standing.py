"""Whether who began something may still do it at its end: a right that was withdrawn in between counts no more.

The gate is asked when a transaction begins. Whoever takes a right away holds the account (`hold`); who changes something, or
reads who somebody is, holds it too (FOR SHARE) from this question until the commit. A seat at a table is held by its own row.
So one of the two is first, and what comes second is refused: the log never has an act after the end of the right that it
rests on.
"""

from functools import lru_cache
from typing import Final

from sqlalchemy import bindparam, select

from signaltable.access import Permission
from signaltable.db import table_of
from signaltable.domain import Channel, Refused
from signaltable.flow.rights.held import held_by
from signaltable.models import Account, EmergencyAccess, MachineAccount, Recusal, Signal, TableMember
from signaltable.prepared import Prepared, numbered, several
from signaltable.transaction import Transaction

WITHDRAWN: Final = "right_withdrawn"


def require_standing(tx: Transaction) -> None:
    """Refuse what somebody began with a right that they no longer have. Only people and systems that came in are asked.

    Raises `Refused` (right_withdrawn: the account was closed, moved or lost a role, a role for some time ended, a system
    was switched off, the agency lost its seat, access in acute danger ended; conflict_of_interest: the actor is kept from
    the case since).
    """
    if not tx.actor.agency_id or tx.actor.channel not in {Channel.WEB, Channel.API}:
        return
    stands = _machine_stands(tx) if tx.actor.channel is Channel.API else _person_stands(tx)
    if not stands or not _still_seated(tx) or _danger_is_over(tx):
        raise _refusal(tx, WITHDRAWN)
    if "recusals" not in tx.written.tables and _kept_from_since(tx):
        raise _refusal(tx, "conflict_of_interest")


def hold(tx: Transaction, *account_ids: str) -> None:
    """Hold these accounts until the commit, because a right of theirs is taken away or their own act rests on one.

    What they began waits, and is asked again. Rows that only name an account can still be written meanwhile.
    """
    query = select(Account.id).where(Account.id.in_(sorted(set(account_ids)))).order_by(Account.id)
    tx.session.execute(query.with_for_update(key_share=True)).all()


def _refusal(tx: Transaction, reason: str) -> Refused:
    # Which of its rights was asked is not known here any more; that of having come in at all is gone too.
    details = {"permission": Permission.ACCOUNT_CONSULT_SELF.value}
    return Refused(reason, object_type="account", object_id=tx.actor.account_id, details=details)


def _person_stands(tx: Transaction) -> bool:
    row = tx.first(_ACCOUNT, {"account": tx.actor.account_id})
    if row is None or not row[0] or row[1] != tx.actor.agency_id:
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


def _still_seated(tx: Transaction) -> bool:
    """Whether the agency still sits at every table where the gate saw it sit. Whoever takes the seat waits for the commit."""
    if not tx.seats or "table_members" in tx.written.tables:
        return True
    query = select(TableMember.table_id).where(
        TableMember.agency_id == tx.actor.agency_id, TableMember.table_id.in_(sorted(tx.seats))
    )
    return set(tx.session.scalars(query.order_by(TableMember.table_id).with_for_update(read=True))) == tx.seats


def _danger_is_over(tx: Transaction) -> bool:
    """Whether the access in acute danger to a case that this transaction speaks of was ended since."""
    if not tx.actor.emergencies or "emergency_accesses" in tx.written.tables:
        return False
    query = select(EmergencyAccess.signal_id).where(
        EmergencyAccess.account_id == tx.actor.account_id, EmergencyAccess.ended_at.is_(None)
    )
    over = set(tx.actor.emergencies) - set(tx.session.scalars(query))
    ended = select(Signal.id).where(Signal.id.in_(sorted(over)), Signal.reference.in_(_named(tx))).limit(1)
    return bool(over) and tx.session.scalar(ended) is not None


def _named(tx: Transaction) -> set[str]:
    """The references of the signals that this transaction speaks of."""
    named = {str(event.details.get("signal", "")) for event in tx.events} - {""}
    return named | {event.object_id for event in tx.events if event.object_type == "signal"}


def _kept_from_since(tx: Transaction) -> bool:
    """Whether the actor became a party to a case that this transaction speaks of, after the gate was asked."""
    named = _named(tx)
    if not named:
        return False
    asked = {"account": tx.actor.account_id, **numbered("named", sorted(named))}
    return tx.first(_kept_from(len(named)), asked) is not None


_accounts, _recusals, _signals = table_of(Account).c, table_of(Recusal).c, table_of(Signal).c
_ACCOUNT: Final = Prepared(
    select(_accounts.active, _accounts.agency_id).where(_accounts.id == bindparam("account")).with_for_update(read=True)
)


@lru_cache(maxsize=256)
def _kept_from(count: int) -> Prepared:
    return Prepared(
        select(_recusals.id)
        .join(table_of(Signal), _signals.id == _recusals.signal_id)
        .where(_recusals.account_id == bindparam("account"), _recusals.ended_at.is_(None))
        .where(_signals.reference.in_(several("named", count)))
        .limit(1)
    )
