"""Passwords: kept as argon2id, and compared in the same time for people who do not exist."""

from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from signaltable.models import Account
from signaltable.sign_in_rules import PasswordRules

# What is compared where there is no password: nobody, or somebody who has not chosen one.
_NONE = "no account has this password"


@lru_cache(maxsize=4)
def hasher_of(rules: PasswordRules) -> PasswordHasher:
    """argon2id with what the rules say that one try costs (perf.md A: 17 ms on one core with OWASP's parameters)."""
    return PasswordHasher(time_cost=rules.time_cost, memory_cost=rules.memory_kib, parallelism=rules.parallelism)


def hash_password(rules: PasswordRules, password: str) -> str:
    """argon2id with a random salt, in the usual encoded form."""
    return hasher_of(rules).hash(password)


def password_matches(rules: PasswordRules, account: Account | None, password: str) -> bool:
    """Whether this is the password of the account. One is compared in any case, so that the time tells nothing (ASVS 6.3.8)."""
    kept = account.password_hash if account else ""
    try:
        return hasher_of(rules).verify(kept or _nobody(rules), password) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def is_weaker(rules: PasswordRules, kept: str) -> bool:
    """Whether a password is kept in a way that costs less to try than the rules ask now."""
    return hasher_of(rules).check_needs_rehash(kept)


@lru_cache(maxsize=4)
def _nobody(rules: PasswordRules) -> str:
    return hasher_of(rules).hash(_NONE)
