"""Where the mails of a person go: the address that was given, or the login when that is one."""

import re
from typing import Final

from sqlalchemy import ColumnElement, or_, update

from signaltable.access import Permission, require
from signaltable.domain import Actor, NotFound, UnusableInput
from signaltable.flow.coming_in import owner
from signaltable.flow.mail import states
from signaltable.flow.mail.composing import NOWHERE
from signaltable.mail_settings import is_address
from signaltable.models import Account, Mail
from signaltable.transaction import Program, Transaction, reading

EXPECTED: Final = "expected a mail address, such as the one of your work"
LANGUAGES: Final = ("nl", "en")
BOUNCED, MISSING = "bounced", "missing"
# On a mail that was sent before its person gave another address: what comes back of it says nothing about this one.
MOVED: Final = "moved"
_LOCAL_PART: Final = re.compile(r"[^A-Za-z0-9_-]+")


def address_of(login: str, mail_address: str) -> str:
    """The mail address of an account; "" when none is known."""
    return mail_address or (login if is_address(login) else "")


def placeholder(login: str) -> str:
    """An address that can never be delivered (RFC 2606), for files that a region maps to its own."""
    return f"{_LOCAL_PART.sub('-', login)[:64].strip('-') or 'account'}@{NOWHERE}"


def may_be_mailed() -> ColumnElement[bool]:
    """The condition on accounts that holds up nobody whose mails can arrive: active, and no mail came back."""
    return Account.active & Account.mail_bounced_at.is_(None)


def has_address() -> ColumnElement[bool]:
    """The condition on accounts of which an address is known; a login with an @ is looked at more closely later."""
    return or_(Account.mail_address != "", Account.login.contains("@"))


def trouble(program: Program, actor: Actor) -> str:
    """Why mails do not reach the actor: they come back, or no address is known. "" when they do, as far as we know.

    Without a mail server nothing is sent, so nothing is in trouble.
    """
    if program.settings.mail_server is None:
        return ""
    with reading(program) as session:
        account = session.get(Account, actor.account_id)
    if account is None:
        return ""
    if account.mail_bounced_at is not None:
        return BOUNCED
    return "" if address_of(account.login, account.mail_address) else MISSING


def own(tx: Transaction) -> tuple[str, str, str]:
    """The actor's address as it was given, the one that counts now, and the language of the mails."""
    account = tx.session.get_one(Account, tx.actor.account_id)
    return account.mail_address, address_of(account.login, account.mail_address), account.language


def choose_own(tx: Transaction, address: str, language: str) -> None:
    """A person's own address, or "" for the login, and the language of the mails. Raises `UnusableInput`."""
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    if language not in LANGUAGES:
        raise UnusableInput({"language": "expected one of the languages of the program"})
    account = tx.session.get_one(Account, tx.actor.account_id)
    changed = _put(tx, account, address)
    if account.language != language:
        account.language = language
        changed.append("language")
    _record(tx, account, changed)


def put(tx: Transaction, account_id: str, address: str) -> None:
    """The address of somebody else, by the administrator. Raises `NotFound`, `UnusableInput`."""
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    account = tx.session.get(Account, account_id)
    if account is None:
        raise NotFound("no such account")
    _record(tx, account, _put(tx, account, address))


def _put(tx: Transaction, account: Account, address: str) -> list[str]:
    """Keep the address; somebody looked at it, so what came back from the one before is forgotten. Returns what changed."""
    address = address.strip()
    if address and not is_address(address):
        raise UnusableInput({"mail_address": EXPECTED})
    changed = []
    if account.mail_address != address:
        account.mail_address = address
        changed.append("mail_address")
    if account.mail_bounced_at is not None:
        account.mail_bounced_at = None
        changed.append("mail_bounced")
    if changed:
        sent_before = Mail.account_id == account.id, Mail.state == states.SENT
        with tx.whole("an administrator gives somebody else another address"):
            tx.session.execute(update(Mail).where(*sent_before).values(problem=MOVED))
    return changed


def _record(tx: Transaction, account: Account, changed: list[str]) -> None:
    """That it changed, never what it is: the log keeps no addresses."""
    if "mail_address" in changed:
        owner.tell_of_change(tx, account.id)
    if changed:
        details = {"account": account.id, "changed": changed}
        tx.record("account:change", object_type="account", object_id=account.id, details=details)
