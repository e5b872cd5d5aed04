"""Passkeys of people: who comes in with one, and everything that lets nobody in."""

import json
import threading
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select
from webauthn.helpers import base64url_to_bytes

from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow.accounts import change_account
from signaltable.flow.coming_in import factors, passkeys, proving, signing_in
from signaltable.flow.coming_in.proving import proved_at
from signaltable.flow.coming_in.sessions import actor_of_session
from signaltable.models import LoginSession, LoginStep, Mail
from signaltable.passkeys import LARGEST_ANSWER
from signaltable.provider_settings import IdentityProvider
from signaltable.transaction import reading, transaction
from tests.authenticator import Device
from tests.conftest import PASSWORD
from tests.passkey_steps import SITE, Holder
from tests.table_steps import log, use

EVIL = "https://signaaltafel.example"


@pytest.fixture
def holder(sqlite_program):
    """Somebody with one passkey."""
    person = Holder(sqlite_program, "havendam")
    person.add()
    return person


def sessions(program):
    with reading(program) as session:
        return session.scalar(select(func.count()).select_from(LoginSession))


def refused(case):
    with pytest.raises(Refused) as caught:
        case()
    return caught.value.reason


def test_a_passkey_alone_is_two_factors(holder):
    """ASVS 6.3.3 and 7.2.4: a device with the proof of its owner lets somebody in, into a session with a new token."""
    program = holder.program
    entered = passkeys.come_in(program, holder.alone(), device="Firefox")
    assert entered.token != holder.token
    actor = actor_of_session(program, entered.token)
    assert (actor.account_id, actor.strength) == (holder.account.id, "passkey")
    entry, details = log(program, "login:succeed")[-1]
    assert (entry.object, details["method"]) == (holder.account.id, "passkey")
    (row,) = holder.kept()
    assert (row.sign_count, row.used_at) == (2, program.clock())


def test_a_passkey_takes_the_second_step(holder):
    program = holder.program
    after = signing_in.log_in(program, "havendam", PASSWORD)
    assert (after.kind, "passkey" in after.ways) == ("second_factor", True)
    come = signing_in.second_step(program, after.token, "passkey", holder.known())
    assert come.kind == "welcome"
    assert actor_of_session(program, come.token).strength == "passkey"
    # Neither the step nor the challenge counts a second time
    assert refused(lambda: signing_in.second_step(program, after.token, "passkey", holder.known())) == "step_over"


def test_a_passkey_proves_once_more_who_it_is(holder, clock):
    program = holder.program
    clock.forward(minutes=30)
    assert "passkey" in proving.ways_of(program, holder.actor)
    holder.token = proving.prove_with(program, holder.actor, holder.token, "passkey", holder.known())
    assert proved_at(program, holder.token) == clock.now
    _entry, details = log(program, "login:succeed")[-1]
    assert (details["method"], details["step_up"]) == ("passkey", True)


def test_what_is_kept_of_a_passkey_is_public_and_says_nothing_of_its_owner(holder):
    """ASVS 6.7.1; the handle is random, the same for each passkey of one person, and no id of ours."""
    holder.add("Telefoon")
    first, second = holder.kept()
    assert first.user_handle == second.user_handle == holder.device.kept[0].handle.hex()
    assert len(bytes.fromhex(first.user_handle)) == 32
    assert holder.account.id not in first.user_handle
    other = Holder(holder.program, "avim")
    other.add()
    assert other.kept()[0].user_handle != first.user_handle
    assert first.secret_sealed == b""
    asked = passkeys.ask_for_new(holder.program, holder.account.id, SITE, "Tafel")
    assert {one["id"] for one in asked.options["excludeCredentials"]} == {first.credential_id, second.credential_id}
    entry, details = log(holder.program, "factor:record")[-1]
    assert (entry.object, details["account"], details["kind"]) == (other.account.id, other.account.id, "passkey")
    (first,) = other.kept()
    for secret in (first.credential_id, first.user_handle, "Sleutel"):
        assert secret not in json.dumps(details)


def test_challenges_are_long_and_never_the_same(sqlite_program):
    """ASVS 6.7.2: 256 random bits, kept on the server, and the token of a challenge is kept as a digest only."""
    asked = [passkeys.ask_for_proof(sqlite_program, SITE) for _time in range(20)]
    challenges = {one.options["challenge"] for one in asked}
    assert len(challenges) == 20
    assert {len(base64url_to_bytes(one)) for one in challenges} == {32}
    with reading(sqlite_program) as session:
        kept = [str(vars(one)) for one in session.scalars(select(LoginStep))]
    assert not any(one.token in row for one in asked for row in kept)
    assert not any(one.token in repr(one) or one.options["challenge"] in repr(one) for one in asked)


TWISTS = {
    "another origin": {"origin": EVIL},
    "another site": {"rp_id": "signaaltafel.example"},
    "no user verification": {"verified": False},
    "nobody there": {"present": 0},
    "another challenge": {"challenge": "A" * 43},
    "wrong signature": {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"},
    "another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "framed": {"crossOrigin": True},
    "another handle": {"handle": b"x" * 32},
    "empty handle": {"handle": b""},
    "count back": {"count": 1},
}


def test_an_answer_that_proves_nothing_lets_nobody_in(holder):
    """At the login page, as a second step and as a proof: the same words, an entry each, and nothing else changes."""
    program, before = holder.program, sessions(holder.program)
    after = signing_in.log_in(program, "havendam", PASSWORD)
    for what, twist in TWISTS.items():
        for case in (
            lambda twist=twist: passkeys.come_in(program, holder.alone(**twist)),
            lambda twist=twist: signing_in.second_step(program, after.token, "passkey", holder.known(**twist)),
            lambda twist=twist: proving.prove_with(
                program, holder.actor, holder.token, "passkey", holder.known(**twist)
            ),
        ):
            failed = len(log(program, "login:fail"))
            assert (what, refused(case)) == (what, "passkey_refused")
            entry, details = log(program, "login:fail")[-1]
            assert len(log(program, "login:fail")) == failed + 1
            assert (entry.object, details["method"]) == (holder.account.id, "passkey")
    assert sessions(program) == before
    assert holder.kept()[0].sign_count == 1


def test_who_comes_alone_has_to_say_who_it_is(holder):
    """An old key that keeps no handle is a second factor, and never the only one."""
    assert refused(lambda: passkeys.come_in(holder.program, holder.alone(handle=None))) == "passkey_refused"
    after = signing_in.log_in(holder.program, "havendam", PASSWORD)
    given = holder.known(handle=None)
    assert signing_in.second_step(holder.program, after.token, "passkey", given).kind == "welcome"


def test_an_answer_counts_once(holder):
    """ASVS 6.5.1: a replayed answer finds its challenge gone, also when it was wrong the first time."""
    program, given = holder.program, holder.alone()
    passkeys.come_in(program, given)
    assert refused(lambda: passkeys.come_in(program, given)) == "step_over"
    wrong = passkeys.ask_for_proof(program, SITE)
    bad = passkeys.answered(wrong.token, holder.device.prove(wrong.options, origin=EVIL))
    assert refused(lambda: passkeys.come_in(program, bad)) == "passkey_refused"
    good = passkeys.answered(wrong.token, holder.device.prove(wrong.options))
    assert refused(lambda: passkeys.come_in(program, good)) == "step_over"


def test_a_challenge_is_for_one_browser_one_purpose_and_some_minutes(holder, clock):
    program = holder.program
    mine, other = passkeys.ask_for_proof(program, SITE), passkeys.ask_for_proof(program, SITE)
    # The challenge of another browser, and none
    for token in (other.token, "", "0" * 64):
        given = passkeys.answered(token, holder.device.prove(mine.options))
        assert refused(lambda given=given: passkeys.come_in(program, given)) in {"passkey_refused", "step_over"}
    # One for a known person is none for anybody, and the other way about
    assert refused(lambda: passkeys.come_in(program, holder.known())) == "step_over"
    after = signing_in.log_in(program, "havendam", PASSWORD)
    assert refused(lambda: signing_in.second_step(program, after.token, "passkey", holder.alone())) == "step_over"
    # One for a new passkey proves nothing
    asked = passkeys.ask_for_new(program, holder.account.id, SITE, "Tafel")
    given = passkeys.answered(asked.token, holder.device.prove(asked.options | {"rpId": "localhost"}))
    prove = lambda: proving.prove_with(program, holder.actor, holder.token, "passkey", given)  # noqa: E731
    assert refused(prove) == "step_over"
    late = holder.alone()
    clock.forward(minutes=program.policy.coming_in.step.minutes)
    assert refused(lambda: passkeys.come_in(program, late)) == "step_over"


def test_the_passkey_of_somebody_else_opens_nothing_of_mine(holder):
    """Whoever knows the password of a colleague has a passkey too: their own."""
    program = holder.program
    thief = Holder(program, "avim")
    thief.add()
    after = signing_in.log_in(program, "havendam", PASSWORD)
    asked = passkeys.ask_for_proof(program, SITE, holder.account.id)
    given = passkeys.answered(asked.token, thief.device.prove(asked.options))
    assert refused(lambda: signing_in.second_step(program, after.token, "passkey", given)) == "passkey_refused"
    assert log(program, "login:fail")[-1][0].object == holder.account.id
    # A challenge that was given to one person is none for another
    mine = thief.known()
    assert refused(lambda: signing_in.second_step(program, after.token, "passkey", mine)) == "step_over"
    # Nor can anybody take in a credential that somebody has, to be found in their place
    with pytest.raises(UnusableInput):
        thief.add(id=holder.device.kept[0].credential_id)
    assert passkeys.come_in(program, holder.alone()).token


def test_who_may_not_come_in_gets_the_same_answer_as_who_is_unknown(holder):
    """ASVS 6.3.8: closed, taken away, never there: nobody learns which."""
    program = holder.program
    stranger = Device()
    stranger.make(passkeys.ask_for_new(program, holder.account.id, SITE, "Tafel").options)
    asked = passkeys.ask_for_proof(program, SITE)
    unknown = passkeys.answered(asked.token, stranger.prove(asked.options))
    assert refused(lambda: passkeys.come_in(program, unknown)) == "passkey_refused"
    assert log(program, "login:fail")[-1][0].object == ""
    holder.add("Telefoon")
    with transaction(program, holder.actor) as tx:
        factors.remove(tx, holder.token, next(one.id for one in holder.kept() if one.title == "Telefoon"))
    assert refused(lambda: passkeys.come_in(program, holder.alone(which=1))) == "passkey_refused"
    desk = Holder(program, "beheer")
    with transaction(program, desk.actor) as tx:
        change_account(tx, holder.account.id, name=holder.account.name, roles=["focal-officer"], active=False)
    assert refused(lambda: passkeys.come_in(program, holder.alone(which=0))) == "passkey_refused"


def test_who_comes_in_through_the_own_organisation_has_no_other_door(holder):
    """The passkey still proves, in a session that began there, who it is; but it opens none."""
    agency = holder.account.agency_id
    provider = IdentityProvider(
        id="huis",
        title={"nl": "Het stadhuis", "en": "The town hall"},
        agencies=(agency,),
        issuer="https://inloggen.example",
        client_id="tafel",
        client_secret_file="nowhere",
        required=True,
    )
    settings = replace(holder.program.settings, identity_providers=(provider,))
    program = replace(holder.program, settings=settings)
    assert refused(lambda: passkeys.come_in(program, holder.alone())) == "passkey_refused"
    holder.token = proving.prove_with(program, holder.actor, holder.token, "passkey", holder.known())
    assert passkeys.come_in(holder.program, holder.alone()).token


def test_a_copied_passkey_is_refused_and_its_owner_hears_of_it(holder, clock):
    """ASVS 6.3.5: the count of a genuine answer went back, so there are two of it."""
    program = holder.program
    passkeys.come_in(program, holder.alone(count=40))
    clock.forward(minutes=1)
    assert refused(lambda: passkeys.come_in(program, holder.alone(count=40))) == "passkey_refused"
    entry, _details = log(program, "login:fail")[-1]
    assert (entry.outcome, json.loads(entry.entry)["reason"]) == ("refused", "passkey_copied")
    assert holder.kept()[0].copied_at == clock.now
    with reading(program) as session:
        told = session.scalars(select(Mail).where(Mail.account_id == holder.account.id, Mail.created_at == clock.now))
        assert [(one.template, one.urgent) for one in told] == [("sign-in-tried", True)]
    # What only claims to be that passkey tells nobody anything
    assert refused(lambda: passkeys.come_in(program, holder.alone(count=3, signature=b"x"))) == "passkey_refused"
    assert json.loads(log(program, "login:fail")[-1][0].entry)["reason"] == "passkey_refused"
    # The one with the higher count may be its owner's
    assert passkeys.come_in(program, holder.alone(count=41)).token


def test_what_happens_between_the_answer_and_the_session_counts(holder):
    """Two answers with one count, and a passkey that its owner takes away while somebody comes in with it."""
    program = holder.program
    first, second, third = (
        passkeys.proof(program, holder.actor, holder.account, holder.known(count=count)) for count in (50, 50, 60)
    )
    with transaction(program, holder.actor) as tx:
        first(tx)
        holder.token = proving.remember(tx, holder.token, "passkey")
    assert refused(lambda: use(program, holder.actor, second)) == "passkey_refused"
    holder.add("Telefoon")
    with transaction(program, holder.actor) as tx:
        factors.remove(tx, holder.token, next(one.id for one in holder.kept() if one.title == "Sleutel"))
    assert refused(lambda: use(program, holder.actor, third)) == "passkey_refused"


def test_a_device_that_counts_nothing_is_fine(sqlite_program):
    person = Holder(sqlite_program, "havendam", Device(counts=False))
    person.add()
    for _time in range(2):
        passkeys.come_in(sqlite_program, person.alone())
    assert person.kept()[0].sign_count == 0


NO_ANSWERS = ("", "{}", "null", '{"id":', "[" * 9_000, "\x1b[2J\r\nlogin:succeed", "é" * LARGEST_ANSWER, "x" * 900_000)


def test_what_is_no_answer_at_all_is_refused_like_any_other(holder):
    program = holder.program
    for answer in NO_ANSWERS:
        alone = passkeys.answered(passkeys.ask_for_proof(program, SITE).token, answer)
        assert refused(lambda given=alone: passkeys.come_in(program, given)) == "passkey_refused"
        known = passkeys.answered(passkeys.ask_for_proof(program, SITE, holder.account.id).token, answer)
        prove = lambda given=known: proving.prove_with(program, holder.actor, holder.token, "passkey", given)  # noqa: E731
        assert refused(prove) == "passkey_refused"
        assert len(json.dumps(log(program, "login:fail")[-1][1])) < 2_000
        asked = passkeys.ask_for_new(program, holder.account.id, SITE, "Tafel")
        with pytest.raises(UnusableInput) as caught:
            holder.take_in(passkeys.answered(asked.token, answer))
        assert list(caught.value.problems) == ["passkey"]


def test_a_passkey_made_elsewhere_is_not_taken_in(holder):
    for what in ("another origin", "another site", "no user verification", "another challenge", "framed"):
        with pytest.raises(UnusableInput):
            holder.add(what, **TWISTS[what])
    assert len(holder.kept()) == 1


def test_making_a_passkey_asks_a_fresh_proof_and_its_own_challenge(holder, clock):
    """ASVS 7.5.1: whoever finds an open screen cannot add a passkey of their own."""
    program = holder.program
    asked = passkeys.ask_for_new(program, holder.account.id, SITE, "Tafel")
    given = passkeys.answered(asked.token, holder.device.make(asked.options))
    other = Holder(program, "avim")
    assert refused(lambda: other.take_in(given, "Gestolen")) == "step_over"
    clock.forward(minutes=program.policy.coming_in.session.step_up_minutes)
    assert refused(lambda: holder.take_in(given, "Laat")) == "not_proved"
    holder.prove_freshly()
    assert refused(lambda: holder.take_in(given, "Weer")) == "step_over"
    most = program.policy.coming_in.app.factors
    with reading(program) as session:
        there = factors.factors_of(session, holder.account.id)
    for number in range(most - len(there.totp) - len(there.passkeys)):
        holder.add(f"Sleutel {number}")
    with pytest.raises(Conflict):
        holder.add("Te veel")


def test_of_two_at_once_with_one_answer_one_comes_in(program):
    """On both databases: the same answer from two browsers that share a stolen cookie, and two answers with one count."""
    person = Holder(program, "havendam")
    person.add()
    one = person.alone()
    assert both(lambda: passkeys.come_in(program, one), lambda: passkeys.come_in(program, one)) == 1
    first, second = person.alone(count=50), person.alone(count=50)
    assert both(lambda: passkeys.come_in(program, first), lambda: passkeys.come_in(program, second)) == 1
    asked = passkeys.ask_for_new(program, person.account.id, SITE, "Tafel")
    made = passkeys.answered(asked.token, person.device.make(asked.options))
    make = [lambda: person.take_in(made, "Twee keer")] * 2
    assert both(*make) == 1
    assert len(person.kept()) == 2
    other = Holder(program, "avim")
    same = b"one id of two people"
    assert both(lambda: person.add("Een", id=same), lambda: other.add("Twee", id=same)) == 1
    assert len(person.kept()) + len(other.kept()) == 3


def both(*cases):
    """How many of these cases, begun at the same moment, went through; the others were refused."""
    ready, went = threading.Barrier(len(cases)), []

    def go(case):
        ready.wait()
        try:
            case()
        except (Refused, UnusableInput):
            return
        went.append(case)

    threads = [threading.Thread(target=go, args=(case,)) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(went)
