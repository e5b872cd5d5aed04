"""Passwords: kept as argon2id, and compared in the same time for people who do not exist."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from signaltable.models import Account

# OWASP's parameters for argon2id (perf.md A: 17 ms on one core, which is what a login costs).
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
MINIMUM_PASSWORD = 12


def hash_password(password: str) -> str:
    """argon2id with a random salt, in the usual encoded form."""
    return _HASHER.hash(password)


# A login for an unknown name costs the same time as one for a known name, so that nobody learns who has an account.
_NOBODY = _HASHER.hash("no account has this password")


def password_matches(account: Account | None, password: str) -> bool:
    try:
        return _HASHER.verify(account.password_hash if account else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
