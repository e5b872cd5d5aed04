"""What systems of partners may be given: policies/machines.toml, its shape, and what does not fit in it. Pure."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from signaltable.policy_errors import Finding
from signaltable.shape import Line, Many, Name, Shape, Some, Words

FILE: Final = "machines.toml"
PermissionName = Annotated[str, StringConstraints(pattern=r"^[a-z]+:[a-z]+:[a-z-]+$")]


class TokenRule(Shape):
    """For how many minutes a token counts, and how many of one system at the same time."""

    minutes: Annotated[int, Field(ge=1, le=60)]
    at_once: Annotated[int, Field(ge=1, le=100)]


class SecretRule(Shape):
    """For how many days the secret of before counts beside a new one."""

    previous_days: Annotated[int, Field(ge=0, le=60)]


class AccountRule(Shape):
    """How many days ahead an account may end, and how many of them an agency may have."""

    longest_days: Annotated[int, Field(ge=1, le=1100)]
    per_agency: Annotated[int, Field(ge=1, le=1000)]


class Never(Shape):
    """Subjects and verbs of permissions that no system gets."""

    subjects: Many[Name]
    verbs: Many[Name]

    def forbids(self, permission: str) -> bool:
        """Whether a permission `subject:verb:scope` is one of them."""
        subject, verb, _scope = permission.split(":", 2)
        return subject in self.subjects or verb in self.verbs


class MachinePermission(Shape):
    """A permission that a system may be given."""

    id: PermissionName
    title: Words
    source: Line


class MachinesFile(Shape):
    """machines.toml."""

    token: TokenRule
    secret: SecretRule
    account: AccountRule
    never: Never
    permission: Some[MachinePermission]

    @property
    def permissions(self) -> frozenset[str]:
        """Every permission that a system may be given."""
        return frozenset(one.id for one in self.permission)


def check_machines(file: MachinesFile | None, permissions: Iterable[str] | None) -> Iterator[Finding]:
    """Permissions that are not there or that no system may have. Kept rules of before may have no such file.

    Without `permissions` the names are not compared with those of the program.
    """
    if file is None:
        return
    known = None if permissions is None else frozenset(permissions)
    for one in file.permission:
        if known is not None and one.id not in known:
            yield Finding(FILE, f"permission.{one.id}", "expected a permission of the program")
        if file.never.forbids(one.id):
            yield Finding(FILE, f"permission.{one.id}", "expected a permission that [never] does not take from systems")
