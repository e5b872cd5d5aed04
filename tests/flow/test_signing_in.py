"""Who comes in, and who does not: counting, second steps, codes; what the pages do with it is in tests/web/test_signing_in.py."""

import hashlib
import math
import threading
from dataclasses import replace

import pyotp
import pytest
from sqlalchemy import func, select

from signaltable import breached
from signaltable.domain import Refused, UnusableInput, UnusableSettings
from signaltable.flow.accounts import record_account
from signaltable.flow.coming_in import (
    activating,
    app_codes,
    attempts,
    browsers,
    codes,
    factors,
    password_choice,
    passwords,
    proving,
    recovery,
    sessions,
    signing_in,
    steps,
)
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.setup import INSTALLER
from signaltable.models import Account, LoginAttempt, LoginSession, Mail, RecoveryCode, SecondFactor
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD, SHIPPED_HASHER

HOUSE = replace(ANONYMOUS, network_hash="a" * 32)
ELSEWHERE = replace(ANONYMOUS, network_hash="b" * 32)
WRONG = "geraden-wachtwoord"


def account_of(program, login):
    with reading(program) as session:
        return session.scalars(select(Account).where(Account.login == login)).one()


def tried(program, login, password=WRONG, visitor=HOUSE, browser=""):
    """What comes of a password: the reason of the refusal, or "" for one that is right."""
    try:
        signing_in.log_in(program, login, password, visitor=visitor, browser=browser)
    except Refused as refusal:
        return refusal.reason
    return ""


def shown(program, login):
    return app_codes.shown_code(program, account_of(program, login).id)


def second(program, token, code, way="code", browser=""):
    return signing_in.second_step(program, token, way, code, visitor=HOUSE, browser=browser)


def signed_in(program, login, browser=""):
    begun = signing_in.log_in(program, login, PASSWORD, visitor=HOUSE, browser=browser)
    return second(program, begun.token, shown(program, login), browser=browser)


def limits(program, kind="password"):
    return program.policy.coming_in.attempts_of(kind)


# -- counting -----------------------------------------------------------------------------------------------------


def test_many_attempts_at_once_are_not_all_looked_at(program, monkeypatch):
    """ASVS 6.3.1, 15.4.2: counted before anything is compared, also when forty come at the same moment."""
    # What makes them overlap is that each takes its time.
    monkeypatch.setattr(passwords, "hasher_of", SHIPPED_HASHER)
    reasons = []
    threads = [threading.Thread(target=lambda: reasons.append(tried(program, "avim"))) for _one in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reasons.count("wrong_credentials") == limits(program).account
    assert reasons.count("too_many_attempts") == 40 - limits(program).account


def test_nobody_is_locked_out_of_a_browser_that_is_known(sqlite_program, clock):
    program = sqlite_program
    known = signed_in(program, "avim").browser
    for _try in range(100):
        tried(program, "avim", visitor=ELSEWHERE)
    assert tried(program, "avim", PASSWORD, ELSEWHERE) == "too_many_attempts"
    assert tried(program, "avim", PASSWORD, HOUSE, known) == ""
    # It is known for this person only, it has a count of its own, and it is known for so many days.
    assert tried(program, "avim", PASSWORD, ELSEWHERE, signed_in(program, "riec").browser) == "too_many_attempts"
    for _try in range(limits(program).known_browser):
        assert tried(program, "avim", browser=known) == "wrong_credentials"
    assert tried(program, "avim", PASSWORD, browser=known) == "too_many_attempts"
    clock.forward(days=program.policy.coming_in.browser.days)
    assert browsers.known(program, known, account_of(program, "avim").id) == ""


def test_a_made_up_browser_is_not_known(sqlite_program):
    someone = account_of(sqlite_program, "avim").id
    for made_up in ("", "x", "0" * 32 + "-739000-" + "0" * 64, "." * 900, "é"):
        assert browsers.known(sqlite_program, made_up, someone) == ""
    cookie = browsers.remember(sqlite_program, "", someone)
    assert browsers.known(sqlite_program, cookie, someone)
    for place in (0, 34, len(cookie) - 1):
        forged = cookie[:place] + ("1" if cookie[place] == "0" else "0") + cookie[place + 1 :]
        assert browsers.known(sqlite_program, forged, someone) == ""
    assert browsers.known(sqlite_program, cookie, "") == ""


def test_a_browser_is_known_for_several_people_and_no_longer_than_that(sqlite_program):
    program, cookie = sqlite_program, ""
    everybody = ["avim", "riec", "essm", "havendam", "delinde", "auditor", "coordinator"]
    for login in everybody:
        cookie = browsers.remember(program, cookie, account_of(program, login).id)
    known = [login for login in everybody if browsers.known(program, cookie, account_of(program, login).id)]
    assert known == everybody[-browsers.PEOPLE :]


def test_a_network_that_tries_too_much_gets_fewer_tries_for_each_name_and_never_none(sqlite_program):
    program, rules = sqlite_program, limits(sqlite_program)
    for number in range(rules.network):
        assert tried(program, f"niemand{number}") == "wrong_credentials"
    reasons = [tried(program, "avim") for _try in range(rules.account)]
    assert reasons.count("wrong_credentials") == rules.account_in_network > 0
    # Somebody else in that house comes in, and so does the same person from elsewhere.
    assert tried(program, "riec", PASSWORD) == ""
    assert tried(program, "avim", PASSWORD, ELSEWHERE) == ""


def test_what_counts_is_forgotten_when_it_no_longer_counts_and_says_nothing(sqlite_program, clock):
    program = sqlite_program
    tried(program, "avim")
    with reading(program) as session:
        (row,) = session.scalars(select(LoginAttempt)).all()
    assert "avim" not in row.login_digest + row.network_digest
    clock.forward(days=1)
    tried(program, "riec", PASSWORD)
    with reading(program) as session:
        assert session.scalar(select(func.count()).select_from(LoginAttempt)) == 0


def test_every_name_costs_the_same_work(sqlite_program, monkeypatch):
    """ASVS 6.3.8: one comparison for whoever it is, known or not, closed off, without a password."""
    program, compared = sqlite_program, []
    cheap = passwords.hasher_of(program.policy.coming_in.password)

    class Counting:
        def verify(self, kept, password):
            compared.append(kept)
            return cheap.verify(kept, password)

        hash = staticmethod(cheap.hash)
        check_needs_rehash = staticmethod(cheap.check_needs_rehash)

    monkeypatch.setattr(passwords, "hasher_of", lambda _rules: Counting())
    passwords._nobody.cache_clear()
    with transaction(program, INSTALLER) as tx:
        record_account(tx, login="nieuw", name="Nieuw", agency_id="riec", roles=["partner-member"])
        tx.session.scalars(select(Account).where(Account.login == "essm")).one().active = False
    for login, password in (
        ("avim", WRONG),
        ("niemand", WRONG),
        ("nieuw", WRONG),
        ("essm", PASSWORD),
        ("é" * 500, WRONG),
        ("nieuw", "no account has this password"),
    ):
        compared.clear()
        assert tried(program, login, password) == "wrong_credentials"
        assert len(compared) == 1


# -- the second step ----------------------------------------------------------------------------------------------


def test_a_code_counts_once_and_none_of_before_it(program):
    """ASVS 6.5.1, RFC 6238 5.2."""
    login, code = "avim", shown(program, "avim")
    tokens = [signing_in.log_in(program, login, PASSWORD, visitor=HOUSE).token for _one in range(2)]
    assert second(program, tokens[0], code).kind == "welcome"
    with pytest.raises(Refused) as refused:
        second(program, tokens[1], code)
    assert refused.value.reason == "wrong_code"
    # And a step that led to a session leads to no other
    with pytest.raises(Refused) as refused:
        second(program, tokens[0], shown(program, login))
    assert refused.value.reason == "step_over"


def test_of_two_at_once_with_one_code_one_comes_in(program):
    code, came = shown(program, "avim"), []
    tokens = [signing_in.log_in(program, "avim", PASSWORD, visitor=HOUSE).token for _one in range(4)]

    def come_in(token):
        try:
            came.append(second(program, token, code).kind)
        except Refused as refusal:
            came.append(refusal.reason)

    threads = [threading.Thread(target=come_in, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == ["welcome", *["wrong_code"] * 3]


def own_app(program, login="avim"):
    """Somebody who set up an app of their own in place of the one of the demonstration: the account, and the secret."""
    with transaction(program, INSTALLER) as tx:
        account = tx.session.scalars(select(Account).where(Account.login == login)).one()
        factors.take_away(tx, tx.session.scalars(select(SecondFactor).where(SecondFactor.account_id == account.id)))
        tx.record(
            "factor:remove",
            object_type="account",
            object_id=account.id,
            details={"account": account.id, "kind": "totp"},
        )
    enrol = signing_in.log_in(program, login, PASSWORD, visitor=HOUSE)
    assert enrol.kind == "enrol"
    actor = sessions.actor_of_session(program, enrol.token, visitor=HOUSE)
    begun = app_codes.begin(program, actor)
    with transaction(program, actor) as tx:
        secret = app_codes.secret_under_way(tx, begun)
        app_codes.finish(tx, enrol.token, begun, pyotp.TOTP(secret).at(program.clock()), "Telefoon")
        paper = recovery.make(tx, enrol.token)
    return account_of(program, login), secret, paper, enrol.token


def test_with_the_password_alone_nobody_makes_recovery_codes_beside_a_second_factor(sqlite_program, clock):
    """ASVS 6.3.3: not even when a page would let somebody come there."""
    clock.forward(minutes=1)
    token = sessions.open_session(sqlite_program, account_of(sqlite_program, "avim"), HOUSE, strength="password")
    actor = sessions.actor_of_session(sqlite_program, token, visitor=HOUSE)
    with pytest.raises(Refused, match="not_proved"), transaction(sqlite_program, actor) as tx:
        recovery.make(tx, token)


def test_a_code_counts_for_half_a_minute_and_a_clock_that_is_a_little_off(sqlite_program, clock):
    """ASVS 6.5.5."""
    _account, secret, _paper, _token = own_app(sqlite_program)
    for seconds, counts in ((-60, False), (-30, True), (0, True), (30, True), (60, False)):
        clock.forward(minutes=5)
        code = pyotp.TOTP(secret).at(int(clock.now.timestamp()) + seconds)
        token = signing_in.log_in(sqlite_program, "avim", PASSWORD, visitor=HOUSE).token
        if counts:
            assert second(sqlite_program, token, code).kind == "welcome"
        else:
            with pytest.raises(Refused):
                second(sqlite_program, token, code)


def test_what_is_no_code_is_wrong(sqlite_program, clock):
    token = signing_in.log_in(sqlite_program, "avim", PASSWORD, visitor=HOUSE).token
    for typed in ("", "12345", "1234567", "\u0661\u0662\u0663\u0664\u0665\u0666", "0x1f2a", "123456\0", "9" * 100_000):
        clock.forward(minutes=1)
        with reading(sqlite_program) as session:
            before = session.scalar(select(func.count()).select_from(LoginAttempt))
        with pytest.raises(Refused) as refused:
            second(sqlite_program, token, typed)
        assert refused.value.reason == (
            "wrong_code" if before < limits(sqlite_program, "code").account else "too_many_attempts"
        )


def test_codes_cannot_be_guessed_and_the_owner_hears_that_somebody_knows_the_password(sqlite_program):
    """ASVS 6.3.5: suspicious attempts are told."""
    program = sqlite_program
    token = signing_in.log_in(program, "avim", PASSWORD, visitor=HOUSE).token
    reasons = []
    for number in range(limits(program, "code").account + 3):
        with pytest.raises(Refused) as refused:
            second(program, token, f"{number:06d}")
        reasons.append(refused.value.reason)
    assert reasons.count("too_many_attempts") == 3
    with reading(program) as session:
        assert session.scalars(select(Mail.template)).all() == ["sign-in-tried"]


def test_a_secret_is_sealed_for_the_agency_and_forgotten_when_it_is_taken_away(sqlite_program):
    account, secret, _paper, _token = own_app(sqlite_program)
    with reading(sqlite_program) as session:
        rows = session.scalars(select(SecondFactor).where(SecondFactor.account_id == account.id)).all()
    (kept,) = [one for one in rows if one.removed_at is None]
    assert secret.encode() not in kept.secret_sealed
    assert all(one.secret_sealed == b"" for one in rows if one.removed_at)


def test_a_recovery_code_counts_once_only_its_digest_is_kept_and_its_owner_is_told(program):
    """ASVS 6.5.1, 6.5.2, 6.5.4, 6.3.7, 6.5.6 (a way back that is as strong)."""
    account, _secret, paper, _token = own_app(program)
    assert len(paper) == len(set(paper)) == program.policy.coming_in.recovery.codes
    with reading(program) as session:
        kept = "".join(session.scalars(select(RecoveryCode.code_digest)))
    assert not any(codes.plain(one) in kept.upper() for one in paper)
    assert all(len(codes.plain(one)) * math.log2(len(codes.ALPHABET)) >= 112 for one in paper)
    tokens = [signing_in.log_in(program, "avim", PASSWORD, visitor=HOUSE).token for _one in range(2)]
    assert second(program, tokens[0], f" {paper[0].lower()} ", "recovery").kind == "welcome"
    with pytest.raises(Refused):
        second(program, tokens[1], paper[0], "recovery")
    # One of somebody else is none.
    with pytest.raises(Refused):
        second(program, signing_in.log_in(program, "riec", PASSWORD, visitor=HOUSE).token, paper[1], "recovery")
    with reading(program) as session:
        assert factors.factors_of(session, account.id).recovery_left == len(paper) - 1
        assert "sign-in-changed" in session.scalars(select(Mail.template)).all()


def test_a_session_of_the_password_alone_adds_a_first_factor_and_nothing_more(sqlite_program):
    """ASVS 6.3.3: nobody is in with one factor."""
    program = sqlite_program
    _account, _secret, _paper, token = own_app(program)
    actor = sessions.actor_of_session(program, token, visitor=HOUSE)
    assert actor.strength == "password"
    begun = app_codes.begin(program, actor)
    with transaction(program, actor) as tx:
        code = pyotp.TOTP(app_codes.secret_under_way(tx, begun)).at(program.clock())
    with pytest.raises(Refused) as refused, transaction(program, actor) as tx:
        app_codes.finish(tx, token, begun, code, "")
    assert refused.value.reason == "not_proved"


def test_the_last_factor_stays_and_another_goes_with_every_other_session(sqlite_program):
    """ASVS 7.4.3, 7.5.1."""
    program = sqlite_program
    here, there = signed_in(program, "avim").token, signed_in(program, "avim").token
    actor = sessions.actor_of_session(program, here, visitor=HOUSE)
    (first,) = factors_of(program, "avim").totp
    with pytest.raises(Refused), transaction(program, actor) as tx:
        factors.remove(tx, here, first.id)
    here = proving.prove_with(program, actor, here, "password", PASSWORD)
    actor = sessions.actor_of_session(program, here, visitor=HOUSE)
    with pytest.raises(Exception, match="without a second factor"), transaction(program, actor) as tx:
        factors.remove(tx, here, first.id)
    begun = app_codes.begin(program, actor)
    with transaction(program, actor) as tx:
        secret = app_codes.secret_under_way(tx, begun)
        app_codes.finish(tx, here, begun, pyotp.TOTP(secret).at(program.clock()), "Tweede")
    with transaction(program, actor) as tx:
        factors.remove(tx, here, first.id)
    assert [one.title for one in factors_of(program, "avim").totp] == ["Tweede"]
    assert sessions.actor_of_session(program, here) is not None
    assert sessions.actor_of_session(program, there) is None


def factors_of(program, login):
    with reading(program) as session:
        return factors.factors_of(session, account_of(program, login).id)


def test_somebody_else_s_factor_or_session_cannot_be_touched(sqlite_program):
    program = sqlite_program
    token, other = signed_in(program, "avim").token, signed_in(program, "riec").token
    actor = sessions.actor_of_session(program, token, visitor=HOUSE)
    token = proving.prove_with(program, actor, token, "password", PASSWORD)
    actor = sessions.actor_of_session(program, token, visitor=HOUSE)
    (theirs,) = factors_of(program, "riec").totp
    with pytest.raises(Exception, match="no such second factor"), transaction(program, actor) as tx:
        factors.remove(tx, token, theirs.id)
    with transaction(program, sessions.actor_of_session(program, other, visitor=HOUSE)) as tx:
        running, _last = sessions.own_sessions(tx, other)
    with pytest.raises(Exception, match="no such session"), transaction(program, actor) as tx:
        sessions.end_own(tx, running[0].handle, token)


def test_a_login_in_an_unknown_browser_is_told_and_one_in_a_known_browser_is_not(sqlite_program):
    """ASVS 6.3.5."""
    known = signed_in(sqlite_program, "avim").browser
    signed_in(sqlite_program, "avim", known)
    with reading(sqlite_program) as session:
        assert session.scalars(select(Mail.template)).all() == ["sign-in-elsewhere"]


def test_a_step_is_over_after_some_minutes(sqlite_program, clock):
    token = signing_in.log_in(sqlite_program, "avim", PASSWORD, visitor=HOUSE).token
    clock.forward(minutes=sqlite_program.policy.coming_in.step.minutes)
    assert signing_in.ways_of(sqlite_program, token) == ()
    with pytest.raises(Refused) as refused:
        second(sqlite_program, token, shown(sqlite_program, "avim"))
    assert refused.value.reason == "step_over"


def test_every_rise_of_strength_gives_another_token(sqlite_program):
    """ASVS 7.2.4, and 7.2.1, 7.2.3: random, and only a digest is kept."""
    _account, _secret, _paper, first = own_app(sqlite_program)
    actor = sessions.actor_of_session(sqlite_program, first, visitor=HOUSE)
    account = account_of(sqlite_program, "avim")
    more = sessions.open_session(sqlite_program, account, actor, strength="two_factors", instead_of=first)
    assert more != first
    assert len(bytes.fromhex(more)) == 32
    assert sessions.actor_of_session(sqlite_program, first) is None
    with reading(sqlite_program) as session:
        assert session.get(LoginSession, more) is None


def test_a_proof_once_more_gives_another_token_and_the_one_of_before_is_over(program, clock):
    """ASVS 7.2.4: who stole or planted a token has nothing of the proof of its owner; the session gets no older for it."""
    before = signed_in(program, "avim").token
    clock.forward(minutes=50)
    actor = sessions.actor_of_session(program, before, visitor=HOUSE)
    after = proving.prove_with(program, actor, before, "password", PASSWORD)
    assert sessions.actor_of_session(program, before) is None
    assert proving.proved_at(program, after) == clock.now
    assert sessions.was_renewed(program, before)
    # With the old token nothing more is proved, also by who began at the same moment.
    with pytest.raises(Refused):
        proving.prove_with(program, actor, before, "password", PASSWORD)
    on = sessions.actor_of_session(program, after, visitor=HOUSE)
    with transaction(program, on) as tx:
        running, logins = sessions.own_sessions(tx, after)
    assert [(one.here, one.running) for one in logins] == [(True, True)]
    assert running == logins
    clock.forward(minutes=2)
    assert not sessions.was_renewed(program, before)
    # As old as it was: it ends when it would have.
    for _half_hour in range(23):
        clock.forward(minutes=30)
        ended = sessions.actor_of_session(program, after, visitor=HOUSE) is None
    assert ended


def test_a_session_in_use_ends_after_a_working_day(sqlite_program, clock):
    """ASVS 7.3.2: used every half an hour, and over after twelve hours in any case."""
    token = signed_in(sqlite_program, "avim").token
    for _half_hour in range(24):
        clock.forward(minutes=30)
        assert sessions.actor_of_session(sqlite_program, token, visitor=HOUSE)
    clock.forward(minutes=1)
    assert sessions.actor_of_session(sqlite_program, token, visitor=HOUSE) is None


# -- coming in with a code ----------------------------------------------------------------------------------------


def invited(program, login="avim", **how):
    with transaction(program, INSTALLER) as tx:
        return activating.invite(tx, tx.session.scalars(select(Account.id).where(Account.login == login)).one(), **how)


def opened(program, login, code):
    return activating.open_code(program, login, code, visitor=HOUSE)


def test_a_code_counts_once_for_one_person_until_it_ends_and_a_new_one_ends_it(program, clock):
    """ASVS 6.4.1."""
    first, second_one = invited(program), invited(program)
    for login, code in (("avim", first.code), ("riec", second_one.code), ("niemand", second_one.code), ("avim", "")):
        with pytest.raises(Refused) as refused:
            opened(program, login, code)
        assert refused.value.reason == "wrong_activation"
    tokens = [opened(program, "avim", second_one.code) for _one in range(2)]
    new = "een ketting van vier woorden"
    assert activating.choose_password(program, tokens[0], new, visitor=HOUSE).kind == "second_factor"
    with pytest.raises(Refused) as refused:
        activating.choose_password(program, tokens[1], "nog een ketting van woorden", visitor=HOUSE)
    assert refused.value.reason == "step_over"
    assert tried(program, "avim", new) == ""
    late = invited(program)
    clock.forward(hours=program.policy.coming_in.activation.hours)
    with pytest.raises(Refused):
        opened(program, "avim", late.code)
    assert late.code not in repr(late)


def test_a_code_for_a_second_factor_asks_the_password_and_takes_the_old_ones_away(sqlite_program):
    """ASVS 6.4.4: a lost factor is replaced with as much proof as it was made with."""
    program = sqlite_program
    own_app(program)
    token = opened(program, "avim", invited(program, second_factor=True).code)
    with pytest.raises(Refused):
        activating.choose_password(program, token, "een ketting van vier woorden", visitor=HOUSE)
    with pytest.raises(Refused) as refused:
        activating.renew_factors(program, token, WRONG, visitor=HOUSE)
    assert refused.value.reason == "wrong_credentials"
    assert factors_of(program, "avim")
    assert activating.renew_factors(program, token, PASSWORD, visitor=HOUSE).kind == "enrol"
    assert not factors_of(program, "avim")
    assert factors_of(program, "avim").recovery_left == 0


def test_a_closed_account_gets_no_code_and_uses_none(sqlite_program):
    made = invited(sqlite_program)
    with transaction(sqlite_program, INSTALLER) as tx:
        tx.session.scalars(select(Account).where(Account.login == "avim")).one().active = False
        details = {"account": made.login, "changed": ["active"]}
        tx.record("account:change", object_type="account", object_id=details["account"], details=details)
    with pytest.raises(Refused):
        opened(sqlite_program, "avim", made.code)
    with pytest.raises(Exception, match="closed off"):
        invited(sqlite_program)


# -- passwords ----------------------------------------------------------------------------------------------------


REFUSED = {
    "elf tekens.": "too_short",
    "w" * 300: "too_long",
    "123456789012": "tried_by_all",
    "qwertyuiop12": "tried_by_all",
    "Welkom2026!!": "tried_by_all",
    "P@ssw0rd1234": "tried_by_all",
    "aaaaaaaaaaaaaa": "tried_by_all",
    "abcabcabcabcabc": "tried_by_all",
    "Signaaltafel2026": "tried_by_all",
    "havendam-havendam": "tried_by_all",
    "rotterdam-2026!!": "tried_by_all",
    "Hanneke Voorbeeld": "tried_by_all",
    PASSWORD: "the_same",
}
TAKEN = (
    "fiets regen kade twaalf",
    "zzk9 wx4q vm2t",
    "\u043f\u0430\u0440\u043e\u043b\u044c \u0438\u0437 \u0441\u043b\u043e\u0432",
    "\U0001f986 op een dijk met mist",
    "x1y2" + "y" * 5 + "Qv8#" * 29,
)


def test_a_password_that_everybody_tries_may_not_be_chosen(sqlite_program):
    """ASVS 6.2.1, 6.2.4, 6.2.11, and the message never says what stood there."""
    account = account_of(sqlite_program, "havendam")
    for password, problem in REFUSED.items():
        with pytest.raises(UnusableInput) as unusable:
            password_choice.require_fit(sqlite_program, account, password)
        assert unusable.value.problems == {"password": problem}, password
        assert password not in str(unusable.value)


def test_every_other_password_may_be_chosen(sqlite_program):
    """ASVS 6.2.5, 6.2.8, 6.2.9: any characters, at least 128 long, no kinds asked, compared as it was typed."""
    account, rules = account_of(sqlite_program, "havendam"), sqlite_program.policy.coming_in.password
    for password in TAKEN:
        password_choice.require_fit(sqlite_program, account, password)
        account.password_hash = passwords.hash_password(rules, password)
        assert passwords.password_matches(rules, account, password)
        assert not passwords.password_matches(rules, account, password[:-1])
        assert not passwords.password_matches(rules, account, password + " ")


def test_a_longer_password_is_asked_of_who_has_no_second_factor_yet(sqlite_program):
    with transaction(sqlite_program, INSTALLER) as tx:
        record_account(tx, login="nieuw", name="Nieuw", agency_id="riec", roles=["partner-member"])
    rules = sqlite_program.policy.coming_in.password
    for login, least in (("nieuw", rules.least_alone), ("avim", rules.least)):
        account = account_of(sqlite_program, login)
        assert password_choice.least_for(sqlite_program, account.id) == least
        password_choice.require_fit(sqlite_program, account, "vuurtoren op ijs in mei"[:least])
        with pytest.raises(UnusableInput):
            password_choice.require_fit(sqlite_program, account, "vuurtoren op ijs in mei"[: least - 1])


def test_a_password_that_leaked_is_found_in_a_sorted_file_and_another_is_not(sqlite_program, tmp_path):
    """ASVS 6.2.12."""
    leaked = [hashlib.sha1(f"gelekt woord {number}".encode()).hexdigest().upper() for number in range(500)]
    for end in ("\n", "\r\n"):
        path = tmp_path / f"leaked{len(end)}.txt"
        path.write_bytes("".join(f"{one}:{len(one)}{end}" for one in sorted(leaked)).encode())
        breached.check_file(path)
        assert all(breached.is_breached(path, f"gelekt woord {number}") for number in range(500))
        assert not any(breached.is_breached(path, f"ander woord {number}") for number in range(500))
    program = replace(sqlite_program, settings=replace(sqlite_program.settings, breached_passwords=path))
    with pytest.raises(UnusableInput) as unusable:
        password_choice.require_fit(program, account_of(program, "avim"), "gelekt woord 7")
    assert unusable.value.problems == {"password": "leaked"}
    for content in ("", "geen digest\n", "\n".join(sorted(leaked, reverse=True))):
        (tmp_path / "wrong.txt").write_text(content)
        with pytest.raises(UnusableSettings, match="SIGNALTABLE_BREACHED_PASSWORDS"):
            breached.check_file(tmp_path / "wrong.txt")
    with pytest.raises(UnusableSettings, match="can be read"):
        breached.check_file(tmp_path / "none.txt")


def test_a_password_kept_when_less_was_asked_is_kept_anew_at_the_next_login(sqlite_program, monkeypatch):
    program = sqlite_program
    before = account_of(program, "avim").password_hash
    assert tried(program, "avim", PASSWORD) == ""
    assert account_of(program, "avim").password_hash == before
    monkeypatch.setattr(passwords, "hasher_of", SHIPPED_HASHER)
    assert tried(program, "avim", PASSWORD) == ""
    assert account_of(program, "avim").password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert tried(program, "avim", PASSWORD) == ""


def test_what_is_tried_by_kind_has_a_count_of_its_own(sqlite_program):
    program = sqlite_program
    while tried(program, "avim") != "too_many_attempts":
        pass
    assert attempts.claim(program, "activation", "avim", HOUSE)
    assert attempts.claim(program, "machine", "avim", HOUSE)


def test_steps_of_one_kind_are_none_of_another(sqlite_program):
    token = steps.begin(sqlite_program, "enrol", account_id=account_of(sqlite_program, "avim").id)
    assert steps.found(sqlite_program, token, "second") is None
    assert steps.found(sqlite_program, token[:-1], "enrol") is None
    assert steps.found(sqlite_program, token, "enrol") is not None
