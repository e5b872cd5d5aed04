"""What everybody hears when somebody comes in with an account for emergencies (break_glass.py)."""

from typing import Final

from sqlalchemy import select

from audit.findings import Finding
from signaltable.access import Permission
from signaltable.flow import incidents, mailing
from signaltable.models import Account, Agency
from signaltable.transaction import Transaction

INCIDENT: Final = "break-glass"
MAIL: Final = "break-glass"
# Who administers, and who watches over privacy.
TOLD: Final = (Permission.ACCOUNT_CHANGE_ALL, Permission.RIGHTS_SIGN_OWN)


def tell_of_use(tx: Transaction, account: Account) -> None:
    """Mails at once, and an incident that stays open until somebody has looked back: who it was, why, and what was done.

    Nothing where no organisation has an identity provider: then this is an account like any other.
    """
    if not tx.program.settings.identity_providers:
        return
    active = tx.session.scalars(select(Agency.id).where(Agency.active)).all()
    people = {one for permission in TOLD for one in mailing.accounts_with(tx, active, permission)}
    mailing.tell(tx, people, MAIL, urgent=True)
    message = "somebody signed in with an account for emergencies"
    incidents.open_in(tx, Finding(INCIDENT, f"{INCIDENT} {account.id}", message))
