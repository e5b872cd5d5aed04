"""Passkeys: made by somebody who is known, and asked for at a login or before something that weighs.

Each challenge is kept on the server (login_steps), for one browser, one purpose, one site and some minutes, and counts for
one answer: it is over before that answer is looked at. So an answer that comes twice, at once or later, counts once.
"""

import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NoReturn

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from signaltable.domain import Actor, Refused, UnusableInput
from signaltable.flow.coming_in import browsers, factors, owner, steps
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.provider_accounts import comes_by_itself
from signaltable.flow.coming_in.sessions import Proof, open_session
from signaltable.models import Account, SecondFactor
from signaltable.passkeys import (
    CHALLENGE_BYTES,
    HANDLE_BYTES,
    Known,
    Made,
    Proved,
    Site,
    UnusablePasskey,
    ask_to_make,
    ask_to_prove,
    read_claim,
    read_made,
    read_proof,
    went_back,
)
from signaltable.transaction import Program, Transaction, reading, refuse, transaction

# The kind of a second factor that is a passkey, of a step that is a challenge for one, the method that the log tells, and
# the strength of a session: a passkey with user verification is two factors, alone or after a password.
PASSKEY: Final = factors.PASSKEY
# What the page says to whoever comes with a passkey that does not count, and nothing of why.
REFUSED: Final = "passkey_refused"
# What the log says of a passkey whose count went back.
COPIED: Final = "passkey_copied"


class For(StrEnum):
    """What a challenge is for; it counts for nothing else."""

    MAKE = "make"
    ALONE = "alone"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Asked:
    """A challenge: the token that stays in the signed cookie, and what the script gives to the browser's own dialogue."""

    token: str = field(repr=False)
    options: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class New:
    """A passkey that somebody just made, with the random handle that it has for its owner; not kept yet."""

    account_id: str
    made: Made
    handle: str


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody who came in by a passkey alone: the token of the session, and the cookie by which the browser is known."""

    token: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """The passkey that an answer names, with its owner and the handle that the answer tells; nothing of it is proved."""

    factor: SecondFactor
    account: Account
    handle: bytes | None


# -- asking --------------------------------------------------------------------------------------------------------


def ask_for_new(program: Program, account_id: str, site: Site, title: str) -> Asked:
    """Ask the browser of this person for a new passkey, on no device that has one. `title` names the program there."""
    with reading(program) as session:
        account = session.get_one(Account, account_id)
        own = _passkeys_of(session, account_id)
        handle = _handle_of(session, account_id) or program.randomness(HANDLE_BYTES)
    challenge = program.randomness(CHALLENGE_BYTES)
    options = ask_to_make(
        site,
        challenge=challenge,
        handle=handle,
        login=account.login,
        name=account.name,
        own=own,
        minutes=_minutes(program),
        title=title,
    )
    return Asked(_keep(program, For.MAKE, site, account_id, challenge, handle=handle.hex()), options)


def ask_for_proof(program: Program, site: Site, account_id: str = "") -> Asked:
    """Ask a browser for a passkey: one of this person, or (nobody is known) any that it has for this site."""
    with reading(program) as session:
        known = _passkeys_of(session, account_id) if account_id else []
    challenge = program.randomness(CHALLENGE_BYTES)
    options = ask_to_prove(site, challenge=challenge, known=known, minutes=_minutes(program))
    return Asked(_keep(program, For.KNOWN if account_id else For.ALONE, site, account_id, challenge), options)


def answered(token: str, answer: str) -> str:
    """What `proof` and `come_in` are given: which challenge (the token in the cookie), and what the browser answered."""
    return f"{token} {answer}"


# -- making --------------------------------------------------------------------------------------------------------


def read_new(program: Program, actor: Actor, given: str) -> New:
    """The passkey that this person made for a challenge of `ask_for_new`; the challenge is over, whatever came of it.

    Raises `Refused` (step_over), `UnusableInput` (passkey) when the answer does not hold.
    """
    step, answer = _take(program, actor, given, For.MAKE, actor.account_id)
    try:
        return New(actor.account_id, read_made(answer, _site(step), _challenge(step)), step.state["handle"])
    except UnusablePasskey as error:
        raise UnusableInput({"passkey": str(error)}) from None


def add(tx: Transaction, session_token: str, new: New, title: str) -> None:
    """Add a passkey that the actor just made. Asks a fresh proof, as `factors.add` says.

    Raises `Refused` (not_proved), `UnusableInput` (passkey: somebody has it already; title), `Conflict` (too_many_factors).
    """
    made = new.made
    if new.account_id != tx.actor.account_id:
        raise UnusableInput({"passkey": "expected a passkey of one's own"})
    row = SecondFactor(
        id=tx.new_id(),
        kind=PASSKEY,
        title=title,
        credential_id=made.credential_id,
        user_handle=new.handle,
        public_key=made.public_key,
        sign_count=made.sign_count,
        transports=list(made.transports),
        aaguid=made.aaguid,
        backed_up=made.backed_up,
        made_at=tx.now,
        # Making it took the device, and the proof of its owner to that device.
        confirmed_at=tx.now,
    )
    try:
        factors.add(tx, session_token, row)
    except IntegrityError:  # The id of a passkey is unique: whoever comes second has copied it.
        raise UnusableInput({"passkey": "expected a passkey that nobody has yet"}) from None


# -- proving -------------------------------------------------------------------------------------------------------


def proof(program: Program, actor: Actor, account: Account, given: str) -> Proof:
    """What notes the use of a passkey of this person in the transaction that it opens the way for.

    The answer is looked at before. Raises `Refused`, recorded as login:fail: step_over when there is no such challenge
    (any more), else passkey_refused, whatever was wrong. A count that went back is told to the owner.
    """
    step, answer = _take(program, actor, given, For.KNOWN, account.id)
    return _proof_of(program, actor, step, answer, account.id)[1]


def come_in(
    program: Program, given: str, *, visitor: Actor = ANONYMOUS, browser: str = "", device: str = ""
) -> Entered:
    """Let in who comes with a passkey alone, which is two factors: the device, and the proof of its owner to that device.

    Raises `Refused` as `proof` does: the same for a passkey that nobody has, one that was taken away, one of a closed
    account, one of somebody who comes in by the own organisation, and an answer that proves nothing.
    """
    step, answer = _take(program, visitor, given, For.ALONE, "")
    account, taken = _proof_of(program, visitor, step, answer, "")
    token = open_session(
        program,
        account,
        visitor,
        strength=PASSKEY,
        device=device,
        known_browser=bool(browsers.known(program, browser, account.id)),
        proof=taken,
    )
    return Entered(token, browsers.remember(program, browser, account.id))


def _proof_of(program: Program, who: Actor, step: steps.Step, answer: str, account_id: str) -> tuple[Account, Proof]:
    found = _found(program, answer)
    # Of a passkey that counts no more the answer is looked at all the same, and takes as long.
    proved = _proved(step, answer, found)
    if found is None or proved is None or not _counts(program, found, account_id):
        _refuse(program, who, REFUSED, account_id or (found.account.id if found else ""))
    if went_back(found.factor.sign_count, proved.sign_count):
        _tell_of_copy(program, who, found.factor)
        raise Refused(REFUSED, action="login:fail")  # Recorded already, with what is told to the owner.
    factor_id = found.factor.id

    def take(tx: Transaction) -> None:
        row = tx.session.get_one(SecondFactor, factor_id, with_for_update=True, populate_existing=True)
        # Somebody may have taken it away meanwhile, or its copy was sooner.
        if row.removed_at or went_back(row.sign_count, proved.sign_count):
            raise _refusal(who, REFUSED, row.account_id)
        row.sign_count, row.backed_up, row.used_at = proved.sign_count, proved.backed_up, tx.now

    return found.account, take


def _found(program: Program, answer: str) -> _Found | None:
    try:
        claim = read_claim(answer)
    except UnusablePasskey:
        return None
    with reading(program) as session:
        factor = session.scalars(select(SecondFactor).where(SecondFactor.credential_id == claim.credential_id)).first()
        return _Found(factor, session.get_one(Account, factor.account_id), claim.handle) if factor else None


def _proved(step: steps.Step, answer: str, found: _Found | None) -> Proved | None:
    if found is None:
        return None
    try:
        return read_proof(answer, _site(step), _challenge(step), found.factor.public_key)
    except UnusablePasskey:
        return None


def _counts(program: Program, found: _Found, account_id: str) -> bool:
    """Whether this passkey may let this person in: theirs, not taken away, of an open account, and it says whose it is.

    Whoever came without a name is known by the handle alone, so then it has to be there (WebAuthn 7.2, step 6).
    """
    account = found.account
    if found.factor.removed_at or not account.active or (account_id and account.id != account_id):
        return False
    # After the provider of the agency said who it is, a passkey is the second step like any other.
    if not account_id and not comes_by_itself(program, account):
        return False
    if found.handle is None:
        return bool(account_id)
    return hmac.compare_digest(found.handle, bytes.fromhex(found.factor.user_handle))


def _tell_of_copy(program: Program, who: Actor, factor: SecondFactor) -> None:
    """The count of a genuine answer went back: the passkey is on two devices, and its owner has to know (WebAuthn 6.1.1)."""
    refusal = _refusal(who, COPIED, factor.account_id)
    with transaction(program, who) as tx:
        tx.session.get_one(SecondFactor, factor.id).copied_at = tx.now
        owner.tell_of_tries(tx, factor.account_id)
        tx.record(
            refusal.action,
            object_type=refusal.object_type,
            object_id=refusal.object_id,
            outcome="refused",
            reason=refusal.reason,
            details=refusal.details,
        )


# -- challenges ----------------------------------------------------------------------------------------------------


def _keep(program: Program, purpose: For, site: Site, account_id: str, challenge: bytes, **more: str) -> str:
    state = {"challenge": challenge.hex(), "rp_id": site.rp_id, "origin": site.origin, **more}
    return steps.begin(program, PASSKEY, account_id=account_id, way=purpose.value, state=state)


def _take(program: Program, who: Actor, given: str, purpose: For, account_id: str) -> tuple[steps.Step, str]:
    """The challenge of what was `answered`, for this purpose and person, with the answer; it is over from now on."""
    token, _, answer = given.partition(" ")
    step = steps.found(program, token, PASSKEY)
    if step is None or step.way != purpose.value or step.account_id != account_id:
        _refuse(program, who, steps.OVER, account_id)
    with transaction(program, who) as tx:
        steps.end(tx, token)
    return step, answer


def _site(step: steps.Step) -> Site:
    return Site(step.state["rp_id"], step.state["origin"])


def _challenge(step: steps.Step) -> bytes:
    return bytes.fromhex(step.state["challenge"])


def _refuse(program: Program, who: Actor, reason: str, account_id: str) -> NoReturn:
    refuse(program, who, _refusal(who, reason, account_id))


def _refusal(who: Actor, reason: str, account_id: str) -> Refused:
    details = {"method": PASSKEY} | ({"step_up": True} if account_id and who.account_id == account_id else {})
    return Refused(reason, action="login:fail", object_type="account", object_id=account_id, details=details)


def _passkeys_of(session: Session, account_id: str) -> list[Known]:
    rows = session.scalars(
        select(SecondFactor)
        .where(SecondFactor.account_id == account_id, SecondFactor.kind == PASSKEY, SecondFactor.removed_at.is_(None))
        .order_by(SecondFactor.made_at, SecondFactor.id)
    )
    return [Known(row.credential_id or "", tuple(row.transports)) for row in rows]


def _handle_of(session: Session, account_id: str) -> bytes:
    """The handle that the passkeys of this person have, those taken away too; empty before the first one."""
    query = select(SecondFactor.user_handle).where(SecondFactor.account_id == account_id, SecondFactor.kind == PASSKEY)
    return bytes.fromhex(session.scalars(query.limit(1)).first() or "")


def _minutes(program: Program) -> int:
    return program.policy.coming_in.step.minutes
