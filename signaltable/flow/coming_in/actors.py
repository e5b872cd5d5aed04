"""The actors of people: made out of an account, and out of nothing before anybody is known."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from signaltable.domain import Actor, Channel, NotFound
from signaltable.models import Account, AccountRole, Agency
from signaltable.transaction import Program, reading

# Who acts before anybody is known, and when the program itself does.
ANONYMOUS = Actor("anonymous", "", "", frozenset(), frozenset(), Channel.WEB, "none")
_TERMINAL = Actor("anonymous", "", "", frozenset(), frozenset(), Channel.CLI, "machine")
SYSTEM = Actor("system", "", "", frozenset({"system"}), frozenset(), Channel.SYSTEM, "none")


def is_known(actor: Actor) -> bool:
    """Whether somebody is signed in; whoever is not can be told apart by their request alone."""
    return actor.account_id != ANONYMOUS.account_id


def actor_of_login(program: Program, login: str) -> Actor:
    """The person behind a login name, for the command line: whoever may run it owns the machine and its key ring.

    Raises `NotFound` when there is no such active account.
    """
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login.strip().lower())).first()
        if account is None or not account.active:
            raise NotFound("no active account with this login")
        return actor_of_account(program, session, account, _TERMINAL)


def actor_of_account(program: Program, session: Session, account: Account, visitor: Actor) -> Actor:
    """The person with this account, coming in the way that `visitor` did."""
    agency = session.get_one(Agency, account.agency_id)
    roles = frozenset(session.scalars(select(AccountRole.role).where(AccountRole.account_id == account.id)))
    return Actor(
        account_id=account.id,
        agency_id=agency.id,
        agency_kind=agency.kind,
        roles=roles,
        permissions=program.policy.permissions_of(roles),
        channel=visitor.channel,
        strength=visitor.strength,
        name=account.name,
        trace_id=visitor.trace_id,
        span_id=visitor.span_id,
        parent_span_id=visitor.parent_span_id,
        session_hash=visitor.session_hash,
        network_hash=visitor.network_hash,
        must_choose_password=account.first_password,
    )
