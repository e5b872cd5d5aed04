"""The actors of people: made out of an account, and out of nothing before anybody is known."""

from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from signaltable.domain import Actor, Channel, NotFound
from signaltable.flow.coming_in.limits import emergencies_of, ends_of
from signaltable.flow.rights.held import held_by
from signaltable.models import Account, Agency, MachineAccount
from signaltable.transaction import Program, reading

# Who acts before anybody is known, and when the program itself does.
ANONYMOUS = Actor("anonymous", "", "", frozenset(), frozenset(), Channel.WEB, "none")
_TERMINAL = Actor("anonymous", "", "", frozenset(), frozenset(), Channel.CLI, "machine")
SYSTEM = Actor("system", "", "", frozenset({"system"}), frozenset(), Channel.SYSTEM, "none")
# What the log calls a system of a partner; no role of roles.toml, so nothing is given by it.
MACHINE_ROLES = frozenset({"machine"})


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
    kind = session.get_one(Agency, account.agency_id).kind
    known = KnownAccount(account.id, account.agency_id, kind, account.name, account.first_password)
    return actor_of(program, session, known, visitor)


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """What of an account and its agency makes an actor."""

    id: str
    agency_id: str
    agency_kind: str
    name: str = field(repr=False)
    first_password: bool


def actor_of(program: Program, session: Session, account: KnownAccount, visitor: Actor) -> Actor:
    """The same, of what was read of the account already."""
    now = program.clock()
    held = held_by(session, program.policy, account.id, now)
    roles = held.all
    return Actor(
        account_id=account.id,
        agency_id=account.agency_id,
        agency_kind=account.agency_kind,
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
        ends=ends_of(session, program.policy, account.id, held, now),
        emergencies=emergencies_of(session, account.id, now),
        proved_at=visitor.proved_at,
        now=now,
        rules=program.policy.access,
    )


def actor_of_machine(
    program: Program,
    machine: MachineAccount,
    agency: Agency,
    permissions: frozenset[str],
    purposes: frozenset[str],
    visitor: Actor,
) -> Actor:
    """The system of a partner with this account, with what its token holds, coming in the way that `visitor` did."""
    return replace(
        visitor,
        account_id=machine.id,
        agency_id=agency.id,
        agency_kind=agency.kind,
        roles=MACHINE_ROLES,
        permissions=permissions,
        purposes=purposes,
        channel=Channel.API,
        name=machine.title,
        now=program.clock(),
        rules=program.policy.access,
    )
