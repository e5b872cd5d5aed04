"""What a process that runs jobs is for: everything, only signing the log, or everything but that.

The signing key may belong to a user of its own. Then `signaltable signer` does what needs it, and `signaltable jobs`, which
cannot read it, does the rest. Both count turns in the same rows, so two that could both sign do nothing twice.
"""

from enum import StrEnum
from typing import Final

from signaltable.domain import SignaltableError
from signaltable.job_times import CHECKPOINT
from signaltable.keys.chosen import is_signers
from signaltable.settings import Settings
from signaltable.users import can_sign

# The jobs with a turn that need the key. What somebody waits for at a screen and that needs it, too, is in running.REQUESTS.
SIGNING_JOBS: Final = frozenset({CHECKPOINT})


class CannotSign(SignaltableError):
    """The signer cannot read the signing key of the log."""


class SignersHome(SignaltableError):
    """The jobs were started where the signer belongs."""


class Duty(StrEnum):
    """What a process does of the jobs."""

    ALL = "all"
    SIGNING = "signing"
    REST = "rest"

    @property
    def signs(self) -> bool:
        """Whether it does what needs the signing key."""
        return self is not Duty.REST

    @property
    def does_rest(self) -> bool:
        """Whether it does what needs the key ring."""
        return self is not Duty.SIGNING

    def has(self, job: str) -> bool:
        """Whether a job with a turn is done by it."""
        return self.signs if job in SIGNING_JOBS else self.does_rest


def duty_of_jobs(settings: Settings) -> Duty:
    """What `signaltable jobs` does here: signing too, where it can read the key.

    Raises `SignersHome` where there is no key ring: every other job would fail there, and keep its turn from who could do it.
    """
    if is_signers(settings):
        raise SignersHome(
            f"{settings.home} is the home of a signer, which has no key ring; start `signaltable signer` there"
        )
    return Duty.ALL if can_sign(settings) else Duty.REST


def require_key(settings: Settings) -> None:
    """Raises `CannotSign`, which names the file, for a signer that could never sign."""
    if not can_sign(settings):
        raise CannotSign(f"{settings.log_key}: expected a signing key of the log that the signer can read")
