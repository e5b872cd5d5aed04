"""Reading a case that was opened in acute danger: as its table reads it, without names and without other cases.

Who somebody is stays sealed: for that there is the request with a ground and two people (flow/identity_requests), which
takes this access as a way in, and the owner, who can disclose at once. Every look asks the gate again and stands in the log.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import NotFound
from signaltable.flow import mailing
from signaltable.flow.dossier import IN_DANGER, Dossier, read_at_table
from signaltable.flow.rights import emergencies
from signaltable.models import Account, Agency, EmergencyAccess, ProviderLogin, Signal, TableMember
from signaltable.queries import agency_titles, resource_of
from signaltable.transaction import Transaction

# So many names stand on the page at most; one phone call is enough.
MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class ToCall:
    """Somebody who works with the case and can say more, and for which agency."""

    name: str
    agency: str


@dataclass(frozen=True, slots=True)
class EmergencyPage:
    """What somebody who came in in acute danger sees. `dossier` is None once the time is over."""

    id: str
    reference: str
    danger: str
    opened_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    review_due_at: datetime
    reviewed_at: datetime | None
    verdict: str
    dossier: Dossier | None
    owner: str
    to_call: tuple[ToCall, ...]


def consult(tx: Transaction, access_id: str) -> EmergencyPage:
    """The case, while the time of the own access runs; after that only that there was one. Recorded.

    Raises `NotFound` for an access of somebody else, `Refused` when the gate says no, such as for a conflict of interest
    that was declared meanwhile.
    """
    row = tx.session.get(EmergencyAccess, access_id)
    if row is None or row.account_id != tx.actor.account_id:
        raise NotFound("no such access")
    signal = emergencies.signal_of(tx, row)
    open_now = emergencies.runs(row, tx.now) and emergencies.is_there(signal)
    dossier = _dossier(tx, signal) if open_now else None
    if dossier is None:
        details = {"view": "emergency_ended", "signal": signal.reference}
        tx.record("emergency:consult", object_type="signal", object_id=signal.reference, details=details)
    return EmergencyPage(
        id=row.id,
        reference=signal.reference,
        danger=row.danger,
        opened_at=row.opened_at,
        ends_at=row.ends_at,
        ended_at=None if open_now else row.ended_at or min(row.ends_at, tx.now),
        review_due_at=row.review_due_at,
        reviewed_at=row.reviewed_at,
        verdict=row.verdict,
        dossier=dossier,
        owner=agency_titles(tx).get(signal.owner_agency, ""),
        to_call=_to_call(tx, signal) if open_now else (),
    )


def _dossier(tx: Transaction, signal: Signal) -> Dossier:
    """Exactly this case: of signals that it is linked to, not even the reference."""
    resource = resource_of(tx, signal)
    if not isinstance(may(tx.actor, Permission.DOSSIER_CONSULT_OWN_TABLE, resource), Allowed):
        require(tx.actor, Permission.DOSSIER_CONSULT_TABLED, resource)
    return read_at_table(tx, signal, IN_DANGER)


def _to_call(tx: Transaction, signal: Signal) -> tuple[ToCall, ...]:
    """Those of the owner, then those who lead the table; nobody who never came in yet."""
    seats = tx.session.scalars(select(TableMember.agency_id).where(TableMember.table_id == signal.table_id)).all()
    owning = mailing.accounts_with(tx, [signal.owner_agency], Permission.SIGNAL_CONSULT_OWN)
    leading = mailing.accounts_with(tx, seats, Permission.SIGNAL_TRIAGE_OWN_TABLE)
    apart = resource_of(tx, signal).kept_from
    wanted = [one for one in dict.fromkeys((*owning, *leading)) if one not in apart and one != tx.actor.account_id]
    query = select(Account.id, Account.name, Agency.title).join(Agency, Agency.id == Account.agency_id)
    by_provider = select(ProviderLogin.account_id).where(ProviderLogin.account_id.in_(wanted))
    came_in = or_(Account.password_hash != "", Account.id.in_(by_provider))
    known = {row.id: row for row in tx.session.execute(query.where(Account.id.in_(wanted), came_in))}
    called = [known[one] for one in wanted if one in known]
    return tuple(ToCall(row.name, row.title) for row in called[:MOST_NAMES])
