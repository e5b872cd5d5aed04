"""What somebody began with a password counts no more once that password, or being without a second step, is over."""

from dataclasses import replace

import pyotp
import pytest
from sqlalchemy import select

from signaltable.domain import Refused
from signaltable.flow.accounts import choose_password
from signaltable.flow.coming_in import activating, app_codes, proving, sessions, signing_in
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.setup import INSTALLER
from signaltable.models import Account
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD

THIEF = replace(ANONYMOUS, network_hash="b" * 32)


def account_of(program, login):
    with reading(program) as session:
        return session.scalars(select(Account).where(Account.login == login)).one()


def by_the_owner(program):
    actor = sessions.actor_of_session(program, in_here(program), visitor=THIEF)
    confirmed = proving.confirm_password(program, actor, PASSWORD)
    with transaction(program, actor) as tx:
        choose_password(tx, confirmed, "of no matter here")


def by_a_code(program):
    with transaction(program, INSTALLER) as tx:
        activating.invite(tx, account_of(program, "avim").id)


def by_the_administrator(program):
    with transaction(program, INSTALLER) as tx:
        sessions.end_all_of(tx, account_of(program, "avim").id)


def in_here(program):
    return sessions.open_session(program, account_of(program, "avim"), THIEF, strength="two_factors")


@pytest.mark.parametrize("ended", [by_the_owner, by_a_code, by_the_administrator])
def test_a_login_that_waits_for_its_second_step_ends_with_the_sessions(sqlite_program, ended):
    """ASVS 7.4.2, 7.4.3: who began with the password of before does not come in with it after that."""
    program = sqlite_program
    begun = signing_in.log_in(program, "avim", PASSWORD, visitor=THIEF)
    ended(program)
    code = app_codes.shown_code(program, account_of(program, "avim").id)
    with pytest.raises(Refused) as refused:
        signing_in.second_step(program, begun.token, "code", code, visitor=THIEF)
    assert refused.value.reason == "step_over"


def test_a_login_of_somebody_else_goes_on(sqlite_program):
    """Ending the sessions of one person ends nothing of a colleague."""
    program = sqlite_program
    begun = signing_in.log_in(program, "riec", PASSWORD, visitor=THIEF)
    by_the_administrator(program)
    code = app_codes.shown_code(program, account_of(program, "riec").id)
    assert signing_in.second_step(program, begun.token, "code", code, visitor=THIEF).kind == "welcome"


def test_with_the_first_second_factor_every_other_session_of_the_password_ends(sqlite_program):
    """ASVS 6.3.3, 7.4.3: who knew the password before its owner set up a second step keeps nothing of it."""
    program = sqlite_program
    account = account_of(program, "avim")
    # Nobody is asked for a first factor who has one, so those of the demonstration go first.
    with transaction(program, INSTALLER) as tx:
        code = activating.invite(tx, account.id, second_factor=True).code
    opened = activating.open_code(program, "avim", code, visitor=THIEF)
    activating.renew_factors(program, opened, PASSWORD, visitor=THIEF)
    thief, token = (sessions.open_session(program, account, THIEF, strength="password") for _one in range(2))
    owner = sessions.actor_of_session(program, token, visitor=THIEF)
    step = app_codes.begin(program, owner)
    with transaction(program, owner) as tx:
        secret = app_codes.secret_under_way(tx, step)
        app_codes.finish(tx, token, step, pyotp.TOTP(secret).at(program.clock()), "")
    assert sessions.actor_of_session(program, thief, visitor=THIEF) is None
    assert sessions.actor_of_session(program, token, visitor=THIEF) is not None
