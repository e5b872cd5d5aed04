"""Whose account it is that an identity provider speaks of, and which roles its claims give and take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from signaltable.access import Permission, require
from signaltable.domain import Actor, Conflict, NotFound
from signaltable.flow.coming_in import factors
from signaltable.flow.coming_in.login_names import is_login_name
from signaltable.flow.coming_in.sessions import end_sessions
from signaltable.flow.rights.held import held_by
from signaltable.flow.rights.mixing import mixes, oversees
from signaltable.id_token import Somebody
from signaltable.keys import keyed_digest
from signaltable.models import Account, AccountRole, Agency, ProviderLogin
from signaltable.provider_settings import IdentityProvider, must_come_through, provider_of_agency
from signaltable.queries import PAGE
from signaltable.transaction import Program, Transaction, in_whole, reading

LONGEST_LOGIN, LONGEST_NAME = 120, 200


@dataclass(frozen=True, slots=True)
class Settled:
    """Whose account it is, and why that person does not come in nevertheless: `cause` is a code, "" when they do."""

    account_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class AgencyLine:
    """How the people of one agency come in: by which provider (None: by themselves), how many there are, how many are bound."""

    agency_id: str
    title: str
    provider: IdentityProvider | None
    people: int
    bound: int


@dataclass(frozen=True, slots=True)
class Binding:
    """How an account comes in, for the administrator: by which provider it may, by which it is bound since when."""

    provider_id: str
    required: bool
    bound_to: str


def comes_by_itself(program: Program, account: Account) -> bool:
    """Whether this person comes in with a password or passkey of their own: not where the agency's provider is the only way.

    A break-glass account always does: it is the way in when the provider is away.
    """
    return account.break_glass or not must_come_through(program.settings.identity_providers, account.agency_id)


def subject_digest(program: Program, issuer: str, subject: str) -> str:
    """By what somebody at a provider is known here: a keyed digest, under the key that is never replaced."""
    return keyed_digest(program.keys.derive("rows", "provider"), issuer, subject).hex()


def settle(tx: Transaction, provider: IdentityProvider, who: Somebody) -> Settled:
    """The account of somebody whom the provider vouches for, with the roles that it should have now.

    Whoever came in this way before is known by issuer and subject. Anybody else is matched once with an account that an
    administrator made, by the login claim; where the operator chose so, who is unknown gets one. What changed stays changed
    when the person does not come in: that a role was lost counts all the same.
    """
    digest = subject_digest(tx.program, provider.issuer, who.subject)
    bound = tx.session.scalars(
        select(ProviderLogin).where(ProviderLogin.subject_digest == digest).with_for_update()
    ).first()
    if bound is not None and bound.ended_at is None:
        account = tx.session.get(Account, bound.account_id, with_for_update=True)
        return _enter(tx, provider, who, account)
    account, cause = _by_login(tx, provider, who)
    if account is None and not cause and provider.create:
        account, cause = _created(tx, provider, who)
    if account is None:
        return Settled(cause=cause or "not_invited")
    refused = _fits(tx, provider, who, account)
    if refused:
        return Settled(account.id, refused)
    _bind(tx, provider, account, digest, bound)
    return _enter(tx, provider, who, account)


def note_use(tx: Transaction, account_id: str) -> None:
    """When somebody came in last through the provider; the entry of that login accounts for it."""
    live = update(ProviderLogin).where(ProviderLogin.account_id == account_id, ProviderLogin.ended_at.is_(None))
    tx.session.execute(live.values(used_at=tx.now))


def account_behind(session: Session, digest: str) -> str:
    """The account that a subject is bound to (`subject_digest`); "" when to none."""
    query = select(ProviderLogin.account_id)
    found = query.where(ProviderLogin.subject_digest == digest, ProviderLogin.ended_at.is_(None))
    return session.scalars(found).first() or ""


def is_bound(session: Session, account_id: str, provider_id: str) -> bool:
    """Whether this account is bound to somebody at this provider."""
    return _binding(session, account_id, provider_id) is not None


def binding_of(program: Program, actor: Actor, account_id: str) -> Binding | None:
    """How an account comes in by a provider, for the page of that account; None when its agency has none. Raises `NotFound`."""
    require(actor, Permission.ACCOUNT_CHANGE_ALL)
    with reading(program) as session:
        account = session.get(Account, account_id)
        if account is None:
            raise NotFound("no such account")
        provider = provider_of_agency(program.settings.identity_providers, account.agency_id)
        if provider is None:
            return None
        bound = _binding(session, account_id, provider.id)
    return Binding(provider.id, provider.required and not account.break_glass, bound.provider if bound else "")


def provider_of(program: Program, actor: Actor) -> str:
    """The provider that this person is bound to, by its id; "" when to none."""
    with reading(program) as session:
        return next((one.provider for one in _live(session, actor.account_id)), "")


def agencies_page(tx: Transaction, after: str = "") -> tuple[list[AgencyLine], str]:
    """A page of agencies with how their people come in, and the agency after which the next one starts ("" at the end).

    Raises `NotFound` for a page that there never was.
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    query = select(Agency).where(Agency.active).order_by(Agency.title, Agency.id)
    if after:
        last = tx.session.get(Agency, after)
        if last is None:
            raise NotFound("no such page")
        query = query.where((Agency.title > last.title) | ((Agency.title == last.title) & (Agency.id > last.id)))
    found = tx.session.scalars(query.limit(PAGE + 1)).all()
    shown = found[:PAGE]
    people, bound = _people(tx, [one.id for one in shown])
    providers = tx.program.settings.identity_providers
    lines = [
        AgencyLine(
            one.id, one.title, provider_of_agency(providers, one.id), people.get(one.id, 0), bound.get(one.id, 0)
        )
        for one in shown
    ]
    details = {"view": "sign_in", "count": len(lines)}
    tx.record("account:consult", object_type="account", details=details)
    return lines, lines[-1].agency_id if len(found) > PAGE else ""


def note_test(tx: Transaction, provider: IdentityProvider) -> None:
    """An administrator had a provider answer; what it answered is for the page alone."""
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    details = {"view": "provider_test", "filters": [provider.id]}
    tx.record("account:consult", object_type="account", details=details)


def _people(tx: Transaction, agency_ids: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Agency -> how many active accounts it has, and how many of those are bound to a provider."""
    active = select(Account.agency_id, func.count(func.distinct(Account.id))).where(
        Account.active, Account.agency_id.in_(agency_ids)
    )
    joined = active.join(ProviderLogin, ProviderLogin.account_id == Account.id).where(ProviderLogin.ended_at.is_(None))
    whole, bound = (dict(tx.session.execute(query.group_by(Account.agency_id)).all()) for query in (active, joined))
    return whole, bound


def release(tx: Transaction, account_id: str) -> int:
    """End the binding of an account, and its sessions; at the next login it is matched anew. Returns how many ended.

    For an administrator: somebody got another account at the own organisation. Raises `NotFound`.
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    account = tx.session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise NotFound("no such account")
    rows = _live(tx.session, account_id)
    for row in rows:
        row.ended_at = tx.now
        details = {"account": account_id, "identity_provider": row.provider, "agency": account.agency_id}
        tx.record("provider:release", object_type="account", object_id=account_id, details=details)
    if rows:
        end_sessions(tx, account_id, "account_changed")
    return len(rows)


@in_whole("an administrator takes the second step of somebody else away")
def forget_factors(tx: Transaction, account_id: str) -> int:
    """Take every second step away from somebody whom a provider vouches for, who lost them; they set one up at the next login.

    Only there: elsewhere the second step would be all that stands beside a password (activating.invite asks that). Ends
    their sessions and tells them. Returns how many. Raises `NotFound`, `Conflict` (own_account).
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    if not _live(tx.session, account_id):
        raise NotFound("no account that is bound to a provider")
    if account_id == tx.actor.account_id:
        raise Conflict("own_account", "nobody takes the own second step away like this")
    return factors.take_all_away(tx, account_id)


def _live(session: Session, account_id: str) -> list[ProviderLogin]:
    query = select(ProviderLogin).where(ProviderLogin.account_id == account_id, ProviderLogin.ended_at.is_(None))
    return list(session.scalars(query))


def _binding(session: Session, account_id: str, provider_id: str) -> ProviderLogin | None:
    return next((one for one in _live(session, account_id) if one.provider == provider_id), None)


# -- whose account -------------------------------------------------------------------------------------------------


def _by_login(tx: Transaction, provider: IdentityProvider, who: Somebody) -> tuple[Account | None, str]:
    """The account that an administrator made for this person; or why the one with this name is not theirs."""
    login = who.login.lower()
    if not login:
        return None, "no_login"
    account = tx.session.scalars(select(Account).where(Account.login == login).with_for_update()).first()
    if account is None:
        return None, ""
    if provider.claims.login == "email" and who.email_unverified:
        # Whoever chooses an address at the provider would choose whose account they get.
        return None, "email_unverified"
    if _live(tx.session, account.id):
        # Addresses are given out again; the account is that of the person who had it before.
        return None, "bound_to_other"
    return account, ""


def _fits(tx: Transaction, provider: IdentityProvider, who: Somebody, account: Account) -> str:
    """Why this provider cannot vouch for this account; "" when it can."""
    if not account.active:
        return "closed"
    if account.break_glass:
        return "break_glass"
    if account.agency_id not in provider.agencies:
        return "other_agency"
    if provider.agency_of and provider.agency_of.get(who.agency) != account.agency_id:
        return "other_agency"
    policy = tx.program.policy
    held = held_by(tx.session, policy, account.id, tx.now).all
    if not provider.overseeing and any(oversees(policy, role) for role in held):
        return "overseeing"
    return ""


def _created(tx: Transaction, provider: IdentityProvider, who: Somebody) -> tuple[Account | None, str]:
    """A new account, in the agency and with the roles that the claims lead to; nothing when they lead nowhere."""
    agency_id = provider.agency_of.get(who.agency, "") if provider.agency_of else provider.agencies[0]
    roles = _given(provider, who)
    agency = tx.session.get(Agency, agency_id) if agency_id else None
    if agency is None:
        return None, "no_agency"
    if not roles:
        return None, "no_roles"
    if mixes(tx.program.policy, roles):
        return None, "roles_mixed"
    login = who.login.lower()
    if len(login) > LONGEST_LOGIN or not is_login_name(login):
        return None, "no_login"
    account = Account(
        id=tx.new_id(),
        login=login,
        name=(who.name or who.login)[:LONGEST_NAME],
        password_hash="",
        agency_id=agency.id,
        created_at=tx.now,
    )
    tx.session.add(account)
    tx.session.flush()
    tx.session.add_all(AccountRole(account_id=account.id, role=role) for role in sorted(roles))
    details = {"account": account.id, "agency": agency.id, "roles": sorted(roles), "kind": "provider"}
    tx.record("account:record", object_type="account", object_id=account.id, details=details)
    return account, ""


def _bind(
    tx: Transaction, provider: IdentityProvider, account: Account, digest: str, ended: ProviderLogin | None
) -> None:
    """From now on this subject at this issuer is this account; a binding that ended begins anew."""
    row = ended or ProviderLogin(id=tx.new_id(), subject_digest=digest)
    row.account_id, row.provider, row.bound_at, row.ended_at = account.id, provider.id, tx.now, None
    tx.session.add(row)
    tx.session.flush()
    details = {"account": account.id, "identity_provider": provider.id, "agency": account.agency_id}
    tx.record("provider:bind", object_type="account", object_id=account.id, details=details)


def _enter(tx: Transaction, provider: IdentityProvider, who: Somebody, account: Account | None) -> Settled:
    if account is None:
        return Settled(cause="closed")
    cause = _fits(tx, provider, who, account)
    if not cause:
        cause = _put_roles(tx, provider, who, account)
    return Settled(account.id, cause)


# -- roles ---------------------------------------------------------------------------------------------------------


def _given(provider: IdentityProvider, who: Somebody) -> set[str]:
    return {role for value in who.roles for role in provider.roles.get(value, ())}


def _roles_of(tx: Transaction, account_id: str) -> set[str]:
    return set(tx.session.scalars(select(AccountRole.role).where(AccountRole.account_id == account_id)))


def _put_roles(tx: Transaction, provider: IdentityProvider, who: Somebody, account: Account) -> str:
    """Give and take the roles that the map speaks of, as an administrator would; the others stay. Why nobody comes in with that.

    Who loses a role loses every session that runs with it.
    """
    if not provider.roles:
        return ""
    before = _roles_of(tx, account.id)
    after = (before - provider.mapped_roles()) | _given(provider, who)
    if mixes(tx.program.policy, after):
        after = before - provider.mapped_roles()
        cause = "roles_mixed"
    else:
        cause = "" if after else "no_roles"
    if after != before:
        gone, new = sorted(before - after), sorted(after - before)
        tx.session.execute(delete(AccountRole).where(AccountRole.account_id == account.id, AccountRole.role.in_(gone)))
        tx.session.add_all(AccountRole(account_id=account.id, role=role) for role in new)
        if gone:
            end_sessions(tx, account.id, "account_changed")
        details: Mapping[str, object] = {
            "account": account.id,
            "changed": ["roles"],
            "roles_added": new,
            "roles_removed": gone,
            "active": account.active,
        }
        tx.record("account:change", object_type="account", object_id=account.id, details=details)
    return cause
