"""The same form sent twice: a second click, an impatient finger. It is done once, and nobody is told that it went wrong.

What a session sent last stands with it as a keyed digest, written in the transaction that did what the form asked: whoever
comes second, also at the same moment, waits for that row and finds it there.
"""

from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select, update

from signaltable.domain import SignaltableError
from signaltable.flow.meanwhile import TOLD_AT_HOME
from signaltable.models import LogEntry, LoginSession
from signaltable.transaction import HOUSEKEEPING, Transaction

# A form that comes again after this is meant: somebody looked at what came of it first.
AT_ONCE: Final = timedelta(seconds=15)
CHANGES: Final = sorted(TOLD_AT_HOME)
# What looking at a page may leave by itself.
BESIDE: Final = frozenset({"decisions", "policy_versions"})


class SentTwice(SignaltableError):
    """The very form was sent just before, by the same session, and done."""


def refuse_second(tx: Transaction, session_digest: str, form: str) -> None:
    """Raise `SentTwice` when this session had this form done just now. Waits for who is doing it.

    Not when somebody else changed anything since: then the same words may ask for something new.
    """
    query = select(LoginSession.last_form, LoginSession.last_form_at).where(LoginSession.token_digest == session_digest)
    found = tx.session.execute(query.with_for_update()).first()
    if not found or found.last_form != form or not found.last_form_at or tx.now - found.last_form_at >= AT_ONCE:
        return
    if not _others_since(tx):
        raise SentTwice("the same form was sent just before")


def _others_since(tx: Transaction) -> bool:
    """Whether somebody else changed something after the last change of the actor."""
    changes = LogEntry.action.in_(CHANGES)
    mine = select(func.max(LogEntry.seq)).where(LogEntry.actor == tx.actor.account_id, changes).scalar_subquery()
    others = select(LogEntry.seq).where(LogEntry.seq > mine, LogEntry.actor != tx.actor.account_id, changes)
    return tx.session.scalar(others.limit(1)) is not None


def note(tx: Transaction, session_digest: str, form: str) -> bool:
    """Keep that this session had this form done; whether it had: not when nothing was changed, or only advice noted."""
    tx.session.flush()
    if not changes(tx.written.tables):
        return False
    done = {"last_form": form, "last_form_at": tx.now}
    tx.session.execute(update(LoginSession).where(LoginSession.token_digest == session_digest).values(**done))
    return True


def changes(tables: AbstractSet[str]) -> bool:
    """Whether who wrote these tables changed anything, or only looked."""
    return bool(tables - HOUSEKEEPING - BESIDE)
