"""How people come in and how long that counts: policies/sign_in.toml, its shape and its checks. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from signaltable.policy_errors import Finding
from signaltable.shape import Shape, Some

FILE: Final = "sign_in.toml"

AttemptKind = Literal["password", "code", "recovery", "activation", "machine"]
Tries = Annotated[int, Field(ge=1, le=10_000)]


class PasswordRules(Shape):
    """How long a password is, and what it costs to try one (argon2id, RFC 9106)."""

    # ASVS 6.2.1 asks 8 and recommends 15; 6.2.9 that 64 are allowed.
    least: Annotated[int, Field(ge=8, le=64)]
    least_alone: Annotated[int, Field(ge=15, le=64)]
    most: Annotated[int, Field(ge=128, le=1024)]
    # No less than what OWASP gives as the least for argon2id.
    time_cost: Annotated[int, Field(ge=2, le=20)]
    memory_kib: Annotated[int, Field(ge=19_456, le=1_048_576)]
    parallelism: Annotated[int, Field(ge=1, le=8)]


class ActivationRules(Shape):
    """A code to come in once."""

    hours: Annotated[int, Field(ge=1, le=336)]
    bits: Annotated[int, Field(ge=112, le=256)]


class RecoveryRules(Shape):
    """Codes on paper."""

    codes: Annotated[int, Field(ge=4, le=20)]
    bits: Annotated[int, Field(ge=112, le=256)]


class AppRules(Shape):
    """Codes of an authenticator app, and how many second factors somebody can have."""

    drift: Annotated[int, Field(ge=0, le=2)]
    factors: Annotated[int, Field(ge=2, le=20)]


class StepRules(Shape):
    """A login that is under way."""

    minutes: Annotated[int, Field(ge=1, le=60)]


class SessionRules(Shape):
    """When a session ends, and how long a proof counts (ASVS 7.1.1, 7.3.1, 7.3.2, 7.5.3)."""

    idle_minutes: Annotated[int, Field(ge=1, le=480)]
    absolute_hours: Annotated[int, Field(ge=1, le=24)]
    step_up_minutes: Annotated[int, Field(ge=1, le=60)]

    @property
    def idle(self) -> timedelta:
        """How long a session lives without use."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def absolute(self) -> timedelta:
        """How long a session lives at most."""
        return timedelta(hours=self.absolute_hours)

    @property
    def step_up(self) -> timedelta:
        """How long it counts that somebody proved once more who they are."""
        return timedelta(minutes=self.step_up_minutes)


class BrowserRules(Shape):
    """For how long a browser is known."""

    days: Annotated[int, Field(ge=1, le=730)]


class BreakGlassRules(Shape):
    """How many accounts for emergencies there may be; one that nobody can use (a lost key, a holiday) asks a second."""

    most: Annotated[int, Field(ge=1, le=2)]


class AttemptRules(Shape):
    """How often somebody may try one thing within so many minutes."""

    kind: AttemptKind
    minutes: Annotated[int, Field(ge=1, le=1440)]
    known_browser: Tries
    account: Tries
    network: Tries
    account_in_network: Tries

    @property
    def within(self) -> timedelta:
        """How long a wrong attempt counts."""
        return timedelta(minutes=self.minutes)


class SignInFile(Shape):
    """sign_in.toml."""

    password: PasswordRules
    activation: ActivationRules
    recovery: RecoveryRules
    app: AppRules
    step: StepRules
    session: SessionRules
    browser: BrowserRules
    break_glass: BreakGlassRules
    attempts: Some[AttemptRules]

    def attempts_of(self, kind: str) -> AttemptRules:
        """The limits for one kind. Raises KeyError for a kind that is not there."""
        return {str(one.kind): one for one in self.attempts}[kind]


def check_sign_in(file: SignInFile | None) -> Iterator[Finding]:
    """Kinds that are missing or there twice, and numbers that contradict each other."""
    if file is None:  # An old set of rules has no such file.
        return
    kinds = [one.kind for one in file.attempts]
    for kind in get_args(AttemptKind):
        if kinds.count(kind) != 1:
            yield Finding(FILE, f"attempts.{kind}", f"expected exactly one, found {kinds.count(kind)}")
    for one in file.attempts:
        if one.account_in_network >= one.account:
            found = f"expected fewer than account ({one.account}), found {one.account_in_network}"
            yield Finding(FILE, f"attempts.{one.kind}.account_in_network", found)
    if file.password.least_alone < file.password.least:
        yield Finding(FILE, "password.least_alone", f"expected at least {file.password.least}")
    if file.session.idle > file.session.absolute:
        yield Finding(FILE, "session.idle_minutes", "expected no longer than absolute_hours")
    if file.session.step_up > file.session.idle:
        yield Finding(FILE, "session.step_up_minutes", "expected no longer than idle_minutes")
