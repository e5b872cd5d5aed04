"""Telling the owner of an account what happens with it, so that a stranger in it is found soon (ASVS 6.3.5, 6.3.7).

The mail says only that something about signing in changed; what it was stands behind the login.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from signaltable.flow import mailing
from signaltable.models import Mail
from signaltable.transaction import Transaction, in_whole

# The link in the mail leads to the page about signing in.
TASK: Final = "account"
TRIED: Final = "sign-in-tried"
AGAIN: Final = timedelta(hours=1)


def tell_of_login(tx: Transaction, account_id: str) -> None:
    """Somebody signed in with a browser that is not known for this account."""
    mailing.tell(tx, [account_id], "sign-in-elsewhere", task=(TASK, account_id), urgent=True)


def tell_of_change(tx: Transaction, account_id: str) -> None:
    """A password, a second factor, a recovery code or the mail address is another one, or was used up."""
    mailing.tell(tx, [account_id], "sign-in-changed", task=(TASK, account_id), urgent=True)


@in_whole("whether somebody was told lately is asked before they are known")
def tell_of_tries(tx: Transaction, account_id: str) -> None:
    """Somebody who knows the password tried second factors until nothing more was looked at; one mail in an hour."""
    lately = Mail.account_id == account_id, Mail.template == TRIED, Mail.created_at > tx.now - AGAIN
    if tx.session.scalar(select(Mail.id).where(*lately).limit(1)) is None:
        mailing.tell(tx, [account_id], TRIED, task=(TASK, account_id), urgent=True)
