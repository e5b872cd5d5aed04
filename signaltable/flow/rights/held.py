"""Which roles somebody has at a moment: those of the account, and those that were given for some time.

What somebody was given for some time is asked with every request, by the clock of that request: it ends by itself, whether
a job runs or not. What the log told to have ended never counts again, also when a clock is set back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, bindparam, literal_column, select, union_all
from sqlalchemy.orm import Session

from signaltable.db import table_of
from signaltable.flow.rights.mixing import oversees
from signaltable.models import AccountRole, RoleGrant
from signaltable.policy import PolicySet
from signaltable.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Held:
    """The roles of one account: its own, and those that it has for some time besides."""

    own: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """All roles that count now."""
        return self.own | self.granted


def running(now: datetime) -> ColumnElement[bool]:
    """The grants that count at this moment: from their begin on, and no more at their end."""
    return (RoleGrant.begins_at <= now) & (RoleGrant.ends_at > now) & RoleGrant.ended_at.is_(None)


def held_by(session: Session, policy: PolicySet, account_id: str, now: datetime) -> Held:
    """The roles of one account at this moment. Asked with every request, so by one statement that is made beforehand."""
    session.flush()
    own: set[str] = set()
    granted: set[str] = set()
    for is_own, role in _OF_ONE.rows(session.connection(), {"account": account_id, "now": now}):
        (own if is_own else granted).add(role)
    return Held(frozenset(own), _that_fit(policy, own, granted)) if granted else Held(frozenset(own))


_roles, _grants = table_of(AccountRole).c, table_of(RoleGrant).c
_NOW: Final = bindparam("now", type_=_grants.begins_at.type)
_OF_ONE: Final = Prepared(
    union_all(
        select(literal_column("1"), _roles.role).where(_roles.account_id == bindparam("account")),
        select(literal_column("0"), _grants.role).where(
            _grants.account_id == bindparam("account"),
            _grants.begins_at <= _NOW,
            _grants.ends_at > _NOW,
            _grants.ended_at.is_(None),
        ),
    )
)


def held_by_all(session: Session, policy: PolicySet, account_ids: Iterable[str], now: datetime) -> Mapping[str, Held]:
    """Account -> its roles at this moment; accounts without any are not among them."""
    wanted = sorted(set(account_ids))
    own: dict[str, set[str]] = {}
    granted: dict[str, set[str]] = {}
    roles = select(AccountRole.account_id, AccountRole.role).where(AccountRole.account_id.in_(wanted))
    for row in session.execute(roles):
        own.setdefault(row.account_id, set()).add(row.role)
    grants = select(RoleGrant.account_id, RoleGrant.role).where(RoleGrant.account_id.in_(wanted), running(now))
    for row in session.execute(grants):
        granted.setdefault(row.account_id, set()).add(row.role)
    return {
        one: Held(frozenset(own.get(one, ())), _that_fit(policy, own.get(one, set()), granted.get(one, set())))
        for one in own.keys() | granted.keys()
    }


def _that_fit(policy: PolicySet, own: set[str], granted: set[str]) -> frozenset[str]:
    """What was given for some time, without what does not go together with the roles that the account got since."""
    kinds = {oversees(policy, role) for role in own or granted}
    if not own and len(kinds) > 1:
        return frozenset()
    return frozenset(role for role in granted if oversees(policy, role) in kinds) - own
