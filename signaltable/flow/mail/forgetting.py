"""Forgetting mails. Apart from sending them: whoever erases needs no mail server, and the web none of what speaks to one."""

from datetime import timedelta

from sqlalchemy import delete

from signaltable.flow.mail.choosing import rules_of
from signaltable.models import Mail
from signaltable.transaction import Transaction


def forget_old(tx: Transaction) -> None:
    """The mails of long ago, sent or not: after so many days their links lead nowhere."""
    before = tx.now - timedelta(days=rules_of(tx.program).keep.days)
    tx.session.execute(delete(Mail).where(Mail.created_at < before))
