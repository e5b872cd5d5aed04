"""Which roles one person cannot have together: whoever oversees the work does not do it (domain/workflow.md, "Roles")."""

from collections.abc import Iterable
from typing import Final

from signaltable.access import Permission
from signaltable.policy import PolicySet

OVERSEEING: Final = frozenset(
    {
        Permission.ACCOUNT_CHANGE_ALL,
        Permission.AGENCY_CHANGE_ALL,
        Permission.DISCLOSURE_AUDIT_ALL,
        Permission.LOG_CONSULT_ALL,
        Permission.LOG_EXPORT_ALL,
    },
)


def oversees(policy: PolicySet, role: str) -> bool:
    """Whether a role oversees the work; the others do it."""
    return bool(policy.permissions_of([role]) & OVERSEEING)


def mixes(policy: PolicySet, roles: Iterable[str]) -> bool:
    """Whether among these roles are some that oversee the work and some that do it."""
    return len({oversees(policy, role) for role in roles}) > 1
