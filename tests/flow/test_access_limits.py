"""What counts for some time only, as an actor brings it to the gate: roles that end, cases opened in danger, rules of today."""

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from sqlalchemy import select, update

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Channel, Refused
from signaltable.flow import dossier, enrich, referrals, signals
from signaltable.flow.coming_in import actors, sessions
from signaltable.flow.rights import grants
from signaltable.models import Account, EmergencyAccess, LoginSession
from signaltable.queries import resource_of, signal_by_reference
from signaltable.transaction import reading, transaction
from tests.table_steps import log, submitted, use

RECEIVES = Permission.REFERRAL_RECEIVE_OWN


def given(program, actor, login, role, hours):
    until = program.clock() + timedelta(hours=hours)
    holder, admin = actor(program, login).account_id, actor(program, "beheer")
    use(program, admin, grants.give, holder, role, begins_at=None, ends_at=until, reason="Verlof van een collega")
    return until


def test_work_that_began_in_time_does_not_go_on_past_the_end_of_a_role(sqlite_program, actor, clock):
    """ASVS 8.3.2: between a page and its form a right can end, and the same actor is refused."""
    until = given(sqlite_program, actor, "havendam", "partner-member", hours=2)
    holder = actor(sqlite_program, "havendam")
    assert holder.ends[RECEIVES.value] == until
    use(sqlite_program, holder, referrals.inbox)
    clock.now = until
    with pytest.raises(Refused, match="right_ended"):
        use(sqlite_program, holder, referrals.inbox)
    ((entry, details),) = log(sqlite_program, "access:refuse")
    assert (entry.outcome, entry.object, details["permission"]) == ("refused", "", RECEIVES.value)


def test_what_a_lasting_role_gives_as_well_does_not_end(sqlite_program, actor, clock):
    until = given(sqlite_program, actor, "havendam", "partner-member", hours=2)
    holder = actor(sqlite_program, "havendam")
    # A focal officer answers questions anyway.
    assert Permission.ENRICH_ANSWER_ASKED.value not in holder.ends
    clock.now = until
    use(sqlite_program, holder, enrich.open_questions)


def test_of_two_the_later_end_counts(sqlite_program, actor):
    given(sqlite_program, actor, "havendam", "partner-member", hours=2)
    later = given(sqlite_program, actor, "havendam", "care-coordinator", hours=4)
    assert actor(sqlite_program, "havendam").ends[RECEIVES.value] == later


def test_a_case_opened_in_danger_is_read_until_its_end_and_no_other_is(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference, other = submitted(program, owner), submitted(program, owner)
    opened(program, actor, "delinde", reference)
    reader = actor(program, "delinde")
    use(program, reader, dossier.consult, reference)
    with pytest.raises(Refused, match="not_on_an_agenda"):
        use(program, reader, dossier.consult, other)
    with pytest.raises(Refused, match="other_agency"):
        use(program, reader, signals.consult, reference, with_identity=True)
    clock.forward(hours=1)
    with pytest.raises(Refused, match="not_on_an_agenda"):
        use(program, reader, dossier.consult, reference)


def opened(program, actor, login, reference):
    who = actor(program, login)
    with transaction(program, who) as tx:
        signal = signal_by_reference(tx, reference)
        row = EmergencyAccess(
            id=tx.new_id(),
            signal_id=signal.id,
            account_id=who.account_id,
            agency_id=who.agency_id,
            danger="held",
            opened_at=tx.now,
            ends_at=tx.now + timedelta(hours=1),
            review_due_at=tx.now + timedelta(hours=24),
        )
        tx.session.add(row)
        tx.record("emergency:consult", object_type="signal", object_id=reference, details={"view": "own"})


def test_the_rules_of_today_count_with_the_next_act(sqlite_program, actor):
    """ASVS 8.3.2: an actor that was made before the rules changed is judged by those of now."""
    owner = actor(sqlite_program, "havendam")
    access = sqlite_program.policy.access
    asks = replace(access["signal:list:own-agency"], strengths=frozenset({"passkey"}))
    policy = replace(sqlite_program.policy, access=MappingProxyType({**access, "signal:list:own-agency": asks}))
    changed = replace(sqlite_program, policy=policy)
    use(sqlite_program, owner, signals.own_signals)
    with pytest.raises(Refused, match="passkey_first"):
        use(changed, owner, signals.own_signals)
    use(changed, replace(owner, strength="passkey"), signals.own_signals)


@pytest.mark.parametrize("strength", ["none", "password"])
def test_with_one_factor_nobody_gets_further_than_the_own_account(sqlite_program, strength):
    """ASVS 6.3.3."""
    held = replace(actors.actor_of_login(sqlite_program, "havendam"), channel=Channel.WEB, strength=strength)
    allowed = {one for one in Permission if isinstance(may(held, one), Allowed)}
    assert allowed == ({Permission.ACCOUNT_CONSULT_SELF} if strength == "password" else set())
    with pytest.raises(Refused, match="second_factor_first"):
        use(sqlite_program, held, signals.own_signals)


def test_a_signal_brings_its_state_its_agenda_and_its_id_to_the_gate(sqlite_program, actor):
    owner = actor(sqlite_program, "havendam")
    reference = submitted(sqlite_program, owner)
    with transaction(sqlite_program, owner) as tx:
        signal = signal_by_reference(tx, reference)
        found = resource_of(tx, signal)
        assert (found.state, found.on_agenda, found.case_id) == ("submitted", False, signal.id)
        tx.session.rollback()


def test_the_gate_knows_when_somebody_last_proved_who_they_are(sqlite_program, clock):
    """ASVS 7.5.3: a rule that asks a proof is kept by the gate as well, whatever page or form comes to it."""
    with reading(sqlite_program) as session:
        account = session.scalars(select(Account).where(Account.login == "havendam")).one()
    token = sessions.open_session(sqlite_program, account, actors.ANONYMOUS, strength="two_factors")
    with sqlite_program.write_sessions() as session:
        session.execute(update(LoginSession).values(proved_at=clock.now))
        session.commit()
    person = sessions.actor_of_session(sqlite_program, token)
    asks = replace(sqlite_program.policy.access["signal:list:own-agency"], proof_minutes=5)
    policy = replace(sqlite_program.policy, access=MappingProxyType({"signal:list:own-agency": asks}))
    changed = replace(sqlite_program, policy=policy)
    use(changed, person, signals.own_signals)
    clock.forward(minutes=5)
    with pytest.raises(Refused, match="not_proved"):
        use(changed, person, signals.own_signals)
