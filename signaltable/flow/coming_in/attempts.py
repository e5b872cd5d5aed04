"""How often somebody may try: counted in the database before anything is compared, and forgotten when it was right.

Three counts for each kind (policies/sign_in.toml). In a browser in which this person signed in before, what is tried there
and nothing else. Everywhere else, what is tried for one name from all those browsers together; and from a network that
tried too much already, fewer for each name, but never none: a whole municipality comes from one address (peers.md 1.1).
Only keyed digests of name, network and browser are kept, and only for as long as they count.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from signaltable import advisory
from signaltable.domain import Actor
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.keys import keyed_digest
from signaltable.models import LoginAttempt
from signaltable.sign_in_rules import AttemptRules
from signaltable.transaction import Program, Transaction, transaction

# What a page says when nothing more is looked at for a while.
TOO_MANY: Final = "too_many_attempts"


def claim(program: Program, kind: str, who: str, visitor: Actor, browser: str = "") -> str | None:
    """Count an attempt as wrong before anything is compared, so that many at once are not all looked at.

    `who` is a login name as it was typed or the id of an account or machine; `browser` what `browsers.known` gave, "" for
    one that is not known. Returns the id of the attempt, for `forget`; None when there were too many already.
    """
    rules = program.policy.coming_in.attempts_of(kind)
    digest = attempt_digest(program, kind, who)
    with transaction(program, ANONYMOUS) as tx:
        _one_at_a_time(tx, digest)
        forget_old(tx)
        if not _is_open(tx, rules, digest, visitor.network_hash, browser):
            return None
        attempt = LoginAttempt(
            id=tx.new_id(),
            login_digest=digest,
            kind=kind,
            network_digest=visitor.network_hash,
            browser_digest=browser,
            at=tx.now,
        )
        tx.session.add(attempt)
        return attempt.id


def forget(program: Program, attempt: str) -> None:
    """What was tried was right: it counts for nothing."""
    with transaction(program, ANONYMOUS) as tx:
        tx.session.execute(delete(LoginAttempt).where(LoginAttempt.id == attempt))


def attempt_digest(program: Program, kind: str, who: str) -> str:
    """By what a name is counted: a keyed digest, for people type passwords into the name field."""
    return keyed_digest(program.keys.derive("session", "login"), f"attempt|{kind}", who.strip().lower()).hex()


def _is_open(tx: Transaction, rules: AttemptRules, digest: str, network: str, browser: str) -> bool:
    since = tx.now - rules.within
    if browser:
        return _count(tx, rules, since, login_digest=digest, browser_digest=browser) < rules.known_browser
    if _count(tx, rules, since, login_digest=digest, browser_digest="") >= rules.account:
        return False
    if not network or _count(tx, rules, since, network_digest=network, browser_digest="") < rules.network:
        return True
    here = _count(tx, rules, since, login_digest=digest, network_digest=network, browser_digest="")
    return here < rules.account_in_network


def _count(tx: Transaction, rules: AttemptRules, since: object, **same: str) -> int:
    query = select(func.count()).where(LoginAttempt.kind == rules.kind, LoginAttempt.at > since)
    for name, value in same.items():
        column: InstrumentedAttribute[str] = getattr(LoginAttempt, name)
        query = query.where(column == value)
    return tx.session.scalar(query) or 0


def forget_old(tx: Transaction) -> None:
    """Forget attempts that count for nothing any more; the job that ends sessions does so too, when nobody tries."""
    longest = max((one.within for one in tx.program.policy.coming_in.attempts), default=timedelta())
    tx.session.execute(delete(LoginAttempt).where(LoginAttempt.at <= tx.now - longest))


def _one_at_a_time(tx: Transaction, digest: str) -> None:
    """Let those who try the same name at once come one after the other. SQLite does that for everything that writes."""
    advisory.hold(tx.session, f"attempts of {digest}")
