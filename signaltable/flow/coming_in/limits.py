"""Until when counts what somebody holds for some time only: roles that were given, and cases opened in acute danger.

The gate looks at these moments itself, so that work that began in time does not go on past them (signaltable.access).
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from signaltable.db import table_of
from signaltable.flow.rights.held import Held, running
from signaltable.models import EmergencyAccess, RoleGrant
from signaltable.policy import PolicySet
from signaltable.prepared import Prepared


def ends_of(session: Session, policy: PolicySet, account_id: str, held: Held, now: datetime) -> Mapping[str, datetime]:
    """Permission -> the moment at which it ends; not those that a role of the account's own gives as well."""
    if not held.granted:
        return {}
    lasting = policy.permissions_of(held.own)
    grants = select(RoleGrant.role, RoleGrant.ends_at).where(RoleGrant.account_id == account_id, running(now))
    ends: dict[str, datetime] = {}
    for row in session.execute(grants):
        if row.role in held.granted:
            for permission in policy.permissions_of([row.role]) - lasting:
                ends[permission] = max(row.ends_at, ends.get(permission, row.ends_at))
    return ends


_opened = table_of(EmergencyAccess).c
_OPENED = Prepared(
    select(_opened.signal_id, _opened.ends_at).where(
        _opened.account_id == bindparam("account"), _opened.ends_at > bindparam("now"), _opened.ended_at.is_(None)
    )
)


def emergencies_of(session: Session, account_id: str, now: datetime) -> Mapping[str, datetime]:
    """Id of a signal -> until when it is open to this account in acute danger."""
    session.flush()
    ends: dict[str, datetime] = {}
    for signal_id, ends_at in _OPENED.rows(session.connection(), {"account": account_id, "now": now}):
        ends[signal_id] = max(ends_at, ends.get(signal_id, ends_at))
    return ends
