"""How systems of partners come in: a secret, a certificate or both for a token that counts for minutes (RFC 6749 4.4, RFC 8705).

What an account has is asked: one with a certificate proves it at every request, one with a secret tells it for a token. A
token holds what was asked for it and never more than the account has at the moment of use, so that a right that was taken
away is gone at once. Of secrets and tokens only digests are kept, compared in constant time (ASVS 11.2.4).
"""

import base64
import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from signaltable.domain import Actor, Channel, Refused, SignaltableError
from signaltable.flow.coming_in import attempts
from signaltable.flow.coming_in.actors import actor_of_machine
from signaltable.flow.machines import secret_digest
from signaltable.machine_rules import MachinesFile
from signaltable.models import Agency, MachineAccount, MachineToken
from signaltable.origin import session_hash
from signaltable.transaction import Program, reading, refuse, transaction

TOKEN_BYTES: Final = 32
BEGINS: Final = "stt_"
KIND: Final = "machine"
# How the log calls an attempt of which it is not known with what it was made.
METHOD: Final = "system"
SECRET, CERTIFICATE = "secret", "certificate"
# How long a token that counts no more is kept, so that its use can be told from that of an invented one.
KEPT: Final = timedelta(days=1)
# Reasons of a refusal that page, log and answer share.
WRONG, TOO_MANY, SCOPE, NO_TOKEN = "wrong_credentials", attempts.TOO_MANY, "not_given", "no_token"
OTHER_CERTIFICATE: Final = "other_certificate"


class NoToken(SignaltableError):
    """A request shows no token that counts; the reason tells which of no_token, token_over or other_certificate."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Shown:
    """What a system showed of itself: its id, its secret ("" for none), the thumbprint that the proxy vouches for ("")."""

    machine_id: str
    secret: str = field(default="", repr=False)
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token is asked for; None: everything that the account has."""

    permissions: frozenset[str] | None = None
    purposes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, which is shown this once, how many seconds it counts, and what it holds."""

    token: str = field(repr=False)
    seconds: int
    permissions: tuple[str, ...]
    purposes: tuple[str, ...]


def issue_token(program: Program, visitor: Actor, shown: Shown, wanted: Wanted) -> Issued:
    """Let a system in that shows all that its account has. The attempt is counted before anything is compared.

    Raises `Refused` with reason wrong_credentials, too_many_attempts or not_given (asked more than the account has); all
    are recorded, the first two alike for accounts that are there and that are not (ASVS 6.3.8).
    """
    visitor = replace(visitor, channel=Channel.API)
    attempt = attempts.claim(program, KIND, shown.machine_id, visitor)
    with reading(program) as session:
        machine = _account(session, shown.machine_id)
    if attempt is None:
        refuse(program, visitor, _failed(TOO_MANY, machine))
    right = _proves(machine, shown, program.clock())
    if machine is None or not right or not _counts(program, machine):
        refuse(program, visitor, _failed(WRONG, machine))
    attempts.forget(program, attempt)
    has = _given(program, machine, Wanted())
    permissions, purposes = _given(program, machine, wanted)
    more = (wanted.permissions or frozenset()) - has[0], (wanted.purposes or frozenset()) - has[1]
    if any(more) or not permissions or not purposes:
        refuse(program, visitor, _failed(SCOPE, machine))
    return _issue(program, visitor, machine, permissions, purposes)


def actor_of_token(program: Program, token: str, certificate: str, visitor: Actor) -> Actor:
    """The system behind a token. `certificate` is the thumbprint that the proxy vouches for, "" without one.

    Raises `NoToken`; a token that comes without its certificate may be stolen, so that is recorded.
    """
    visitor = replace(visitor, channel=Channel.API)
    digest, now = _token_digest(token), program.clock()
    with reading(program) as session:
        found = session.scalars(select(MachineToken).where(MachineToken.token_digest == digest)).first()
        if found is None or not hmac.compare_digest(found.token_digest, digest):
            raise NoToken(NO_TOKEN)
        machine = _account(session, found.machine_id)
        if machine is None or found.ended_at is not None or found.expires_at <= now or not _counts(program, machine):
            raise NoToken("token_over")
        agency = session.get_one(Agency, machine.agency_id)
    if found.certificate != (machine.certificate or "") or not _same(found.certificate, certificate):
        details = {"machine": machine.id, "method": CERTIFICATE, "agency": machine.agency_id}
        refusal = Refused(
            OTHER_CERTIFICATE, action="machine:token", object_type="machine", object_id=machine.id, details=details
        )
        try:
            refuse(program, visitor, refusal)
        except Refused:
            raise NoToken(OTHER_CERTIFICATE) from None
    permissions, purposes = _given(program, machine, Wanted(frozenset(found.permissions), frozenset(found.purposes)))
    visitor = replace(
        visitor, session_hash=session_hash(program.keys, digest), strength=CERTIFICATE if found.certificate else SECRET
    )
    return actor_of_machine(program, machine, agency, permissions, purposes, visitor)


@dataclass(frozen=True, slots=True)
class Own:
    """What a system hears of itself: its account and agency by name, and until when the account counts."""

    title: str
    agency: str
    expires_at: datetime


def own_account(program: Program, actor: Actor) -> Own:
    """The account of the system that asks."""
    with reading(program) as session:
        machine = session.get_one(MachineAccount, actor.account_id)
        return Own(machine.title, session.get_one(Agency, machine.agency_id).title, machine.expires_at)


# -- what proves what --------------------------------------------------------------------------------------------------


def _account(session: Session, machine_id: str) -> MachineAccount | None:
    return session.get(MachineAccount, machine_id) if machine_id.isascii() and machine_id.isalnum() else None


def _proves(machine: MachineAccount | None, shown: Shown, now: datetime) -> bool:
    """Whether everything that the account has was shown; in the same time for one that is not there."""
    digest = secret_digest(shown.secret)
    newest = machine.secret_digest if machine else ""
    previous = machine.previous_digest if machine and machine.previous_until and machine.previous_until > now else ""
    # Both are compared, whatever the first says.
    by_secret = _equal(newest, digest) | _equal(previous, digest)
    bound = (machine.certificate or "") if machine else ""
    if not newest:
        return bool(bound) and not shown.secret and _same(bound, shown.certificate)
    return by_secret and _same(bound, shown.certificate)


def _equal(kept: str, given: str) -> bool:
    return bool(kept) & hmac.compare_digest(kept, given)


def _same(bound: str, certificate: str) -> bool:
    """Whether an account without a certificate came, or one with its own."""
    return not bound or hmac.compare_digest(bound, certificate)


def _counts(program: Program, machine: MachineAccount) -> bool:
    """Whether an account may come in at all at this moment: not ended, not over, of an agency that takes part."""
    if machine.ended_at is not None or machine.expires_at <= program.clock():
        return False
    with reading(program) as session:
        agency = session.get(Agency, machine.agency_id)
        return agency is not None and agency.active


def _given(program: Program, machine: MachineAccount, wanted: Wanted) -> tuple[frozenset[str], frozenset[str]]:
    """What is asked, as far as the account and the rules of today give it; nothing when more is asked than that."""
    allowed: frozenset[str] = program.policy.machines.permissions if program.policy.machines else frozenset()
    permissions = frozenset(machine.permissions) & allowed
    purposes = frozenset(machine.purposes) & frozenset(program.policy.purposes)
    return _part(permissions, wanted.permissions), _part(purposes, wanted.purposes)


def _part(has: frozenset[str], wanted: Collection[str] | None) -> frozenset[str]:
    return has if wanted is None else has & frozenset(wanted)


# -- tokens ------------------------------------------------------------------------------------------------------------


def _token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _issue(
    program: Program, visitor: Actor, machine: MachineAccount, permissions: frozenset[str], purposes: frozenset[str]
) -> Issued:
    token = BEGINS + base64.urlsafe_b64encode(program.randomness(TOKEN_BYTES)).decode().rstrip("=")
    digest = _token_digest(token)
    method = CERTIFICATE if machine.certificate else SECRET
    visitor = replace(visitor, session_hash=session_hash(program.keys, digest), strength=method)
    with reading(program) as session:
        agency = session.get_one(Agency, machine.agency_id)
    limits: MachinesFile | None = program.policy.machines
    if limits is None:  # pragma: no cover -- without rules nothing is given, and nobody comes this far
        raise NoToken(NO_TOKEN)
    actor = actor_of_machine(program, machine, agency, permissions, purposes, visitor)
    with transaction(program, actor) as tx:
        # Who changes or ends the account at this moment is waited for, so that no token outlives that.
        now = tx.session.get_one(MachineAccount, machine.id, with_for_update=True)
        if now.ended_at is not None or now.version != machine.version:
            raise _failed(WRONG, machine)
        until = min(tx.now + timedelta(minutes=limits.token.minutes), machine.expires_at)
        _make_room(tx.session, machine.id, limits.token.at_once, tx.now)
        tx.session.add(
            MachineToken(
                id=tx.new_id(),
                machine_id=machine.id,
                token_digest=digest,
                permissions=sorted(permissions),
                purposes=sorted(purposes),
                certificate=machine.certificate or "",
                made_at=tx.now,
                expires_at=until,
                ended_at=None,
            )
        )
        now.used_at = tx.now
        details = {
            "machine": machine.id,
            "method": method,
            "agency": machine.agency_id,
            "expires_at": until.isoformat(),
        }
        tx.record("machine:token", object_type="machine", object_id=machine.id, details=details)
        seconds = int((until - tx.now).total_seconds())
    return Issued(token, seconds, tuple(sorted(permissions)), tuple(sorted(purposes)))


def _make_room(session: Session, machine_id: str, at_once: int, now: datetime) -> None:
    """Forget the tokens that are long over, and end the oldest of those that count when there would be too many."""
    session.execute(delete(MachineToken).where(MachineToken.expires_at < now - KEPT))
    alive = (
        select(MachineToken.id)
        .where(MachineToken.machine_id == machine_id, MachineToken.ended_at.is_(None), MachineToken.expires_at > now)
        .order_by(MachineToken.made_at.desc(), MachineToken.id.desc())
    )
    surplus = list(session.scalars(alive.offset(at_once - 1)))
    session.execute(update(MachineToken).where(MachineToken.id.in_(surplus)).values(ended_at=now))


def _failed(reason: str, machine: MachineAccount | None) -> Refused:
    """A refusal for the log: which account it was, when there is one; never what was typed."""
    details: dict[str, object] = {"method": METHOD}
    return Refused(
        reason,
        action="login:fail",
        object_type="machine",
        object_id=machine.id if machine else "",
        details=details,
    )
