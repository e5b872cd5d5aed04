"""The ways to prove who one is, each in one line: what is compared, how it is counted, how strong a session it makes.

A way has two halves. What takes its time, such as a password, is looked at before a transaction holds up others; what counts
once, such as a code, inside the transaction that it opens the way for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from signaltable.domain import Actor, Refused
from signaltable.flow.coming_in import app_codes, passkeys, recovery
from signaltable.flow.coming_in.passwords import password_matches
from signaltable.flow.coming_in.sessions import Proof, nothing_more
from signaltable.models import Account
from signaltable.transaction import Program, Transaction


@dataclass(frozen=True, slots=True)
class Way:
    """`prove` gives what is still to be looked at inside the transaction; both it and that raise `Refused`.

    `counted` is the kind of attempt that it is (policies/sign_in.toml), "" for what cannot be guessed. `strength` is that of
    a session after a password and this; "" when it is no second step. `step_up`: it can prove once more who somebody is.
    """

    prove: Callable[[Program, Actor, Account, str], Proof]
    counted: str
    strength: str = ""
    step_up: bool = False


def _password(program: Program, _actor: Actor, account: Account, password: str) -> Proof:
    if password_matches(program.policy.coming_in.password, account, password):
        return nothing_more

    def is_wrong(_tx: Transaction) -> None:
        raise wrong("wrong_credentials", account.id, "password")

    return is_wrong


def wrong(reason: str, account_id: str, method: str, *, step_up: bool = False) -> Refused:
    """What was given is not right, or too much was tried: recorded as login:fail."""
    details = {"method": method} | ({"step_up": True} if step_up else {})
    return Refused(reason, action="login:fail", object_type="account", object_id=account_id, details=details)


WAYS: Final[Mapping[str, Way]] = {
    "password": Way(_password, "password", step_up=True),
    "passkey": Way(passkeys.proof, "", strength=passkeys.PASSKEY, step_up=True),
    "code": Way(app_codes.proof, "code", strength="two_factors", step_up=True),
    "recovery": Way(recovery.proof, "recovery", strength="two_factors"),
}
