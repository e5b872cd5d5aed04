"""Passing on what was received: a disclosure of its own, from the document alone, under rules that only forbid."""

import shutil
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer_group

from signaltable.domain import Conflict, NotFound, Refused
from signaltable.flow import (
    auditing,
    choices,
    disclosing,
    disclosures,
    duties,
    holders,
    log_scope,
    referrals,
    replaying,
    revoking,
)
from signaltable.flow.disclosing import Onwards
from signaltable.flow.setup import INSTALLER
from signaltable.models import Disclosure, Mail, Signal
from signaltable.policy import load
from signaltable.policy_errors import BrokenPolicy
from signaltable.settings import CHECKOUT
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import disclosed, evidence_for, look
from tests.duty_steps import rows_of
from tests.table_steps import log, row, use
from tests.transfer_steps import given, made_once  # noqa: F401 -- a fixture

SHELTER = "crisis-shelter"


def stored(program, reference):
    with reading(program) as session:
        found = session.scalars(
            select(Disclosure).where(Disclosure.reference == reference).options(undefer_group("sealed"))
        ).one()
        session.expunge(found)
        return found


def test_a_receiver_passes_on_what_it_got_under_a_ground_of_its_own(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    up, down = stored(program, parent), stored(program, child)
    assert (down.parent_id, down.provider_agency, down.recipient_agency) == (up.id, "essm", "opvang")
    assert down.ground != up.ground
    assert set(down.fields) <= set(up.fields)
    # The signal stays where it is with its owner.
    assert row(program, signal).state == "accepted"
    entry, details = log(program, "signal:disclose")[-1]
    assert (entry.agency, details["parent"], details["provider"]) == ("essm", parent, "essm")
    received = use(program, actor(program, "opvang"), referrals.read, child)
    assert received.provider == "ESSM, zorgcoördinatie"
    assert "Zorinka" in str(received.content)


def test_names_are_new_for_each_receiver(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    first = use(program, essm, referrals.read, parent).content
    second = use(program, actor(program, "opvang"), referrals.read, child).content
    assert {one.pseudonym for one in first.subjects}.isdisjoint(one.pseudonym for one in second.subjects)
    (before,) = [field for field in first.fields if field.name == "signal.reference"]
    (after,) = [field for field in second.fields if field.name == "signal.reference"]
    assert before.values != after.values
    # Neither the reference of the owner nor that of what it came from is anywhere in it.
    assert signal not in str(second)
    assert parent not in str(second)


def test_the_preview_is_what_goes_and_holds_no_more_than_was_received(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    page = look(program, essm, parent, SHELTER)
    got = use(program, essm, referrals.read, parent).content
    held = {(field.name, value.words.nl) for one in got.subjects for field in one.fields for value in field.values}
    shown = {
        (field.name, value.words.nl) for one in page.content.subjects for field in one.fields for value in field.values
    }
    assert shown <= held
    assert set(page.content.field_names) <= set(got.field_names)
    assert page.passed_on
    assert page.given_by == "Gemeente Havendam"
    assert page.prefill == {}


def test_nothing_goes_on_before_it_was_accepted(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor, accept=False)
    page = use(program, essm, choices.choose, parent)
    assert (page.hindrance, page.lines) == ("not_accepted", ())
    key = "0" * 32
    with pytest.raises(Conflict):
        use(program, essm, disclosing.preview, parent, key)


def test_only_the_receiver_passes_it_on(sqlite_program, actor):
    program = sqlite_program
    _signal, parent = given(program, actor)
    for login, reason in (("opvang", "not_receiver"), ("avim", "not_receiver"), ("havendam", "no_permission")):
        with pytest.raises(Refused) as refusal:
            use(program, actor(program, login), choices.choose, parent)
        assert refusal.value.reason == reason


def test_it_goes_back_to_nobody_who_holds_it(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    first = {line.choice.agency_id for line in use(program, essm, choices.choose, parent).lines}
    assert "havendam" not in first
    assert "essm" not in first
    child = disclosed(program, essm, parent, SHELTER).reference
    use(program, actor(program, "opvang"), referrals.accept, child)
    second = {line.choice.agency_id for line in use(program, actor(program, "opvang"), choices.choose, child).lines}
    assert second.isdisjoint({"havendam", "essm", "opvang"})
    # Whoever made it sees its own as made.
    (again,) = [
        line
        for line in use(program, essm, choices.choose, parent).lines
        if (line.choice.destination, line.choice.purpose) == (SHELTER, "P2")
    ]
    assert again.under_way == child


def test_a_chain_ends_at_the_depth_of_the_rules(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    rules = program.policy.transfers
    assert use(program, essm, choices.choose, parent).hindrance == ""
    shallow = replace(program, policy=replace(program.policy, transfers=rules.model_copy(update={"depth": 1})))
    assert use(shallow, essm, choices.choose, parent).hindrance == "too_deep"


def test_consent_of_one_receiver_carries_no_other_ground_than_consent_or_danger(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    page = look(program, essm, parent, SHELTER)
    lifts = {"CONSENT", "EXPLICIT_CONSENT", "VITAL", "MELDCODE", "CUSTODY", "SUPERVISION_ORDER", "MISSING_MINOR"}
    for option in page.options:
        assert option.usable is False or lifts & set(option.conditions), option.ground.id


def test_the_decision_on_passing_on_replays_with_how_it_came_in(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    disclosed(program, essm, parent, SHELTER)
    summary = replaying.replay_all(program, INSTALLER)
    assert summary.count > 2
    assert summary.different == 0


def test_the_first_provider_hears_that_it_went_on_and_to_whom_only_when_told(sqlite_program, actor):
    program, essm, owner = sqlite_program, actor(sqlite_program, "essm"), actor(sqlite_program, "havendam")
    signal, parent = given(program, actor)
    disclosed(program, essm, parent, SHELTER)
    with transaction(program, owner) as tx:
        seen = holders.of_signal(tx, tx.session.scalars(select(Signal).where(Signal.reference == signal)).one())
        tx.record("signal:consult", object_type="signal", object_id=signal, details={"signal": signal})
    assert [(line.depth, line.agency, line.state) for line in seen.lines] == [
        (0, "ESSM, zorgcoördinatie", "accepted"),
        (1, "", "waiting"),
    ]
    assert seen.lines[1].ground == ""
    assert seen.lines[1].fields == ()
    assert seen.lines[1].reference == ""
    with reading(program) as session:
        assert "went-on" in session.scalars(select(Mail.template).where(Mail.account_id == owner.account_id)).all()


def prepared(program, who, parent, destination):
    """All that is filled in on the page of passing on, ready to be sent: arguments of `disclosing.disclose`."""
    page = look(program, who, parent, destination)
    evidence = evidence_for(
        program,
        [spec.code for spec in page.conditions],
        page.choice.agency_id,
        page.categories,
        ground=page.option.ground.id,
    )
    filled = {
        "ground": page.option.ground.id,
        "chosen": [subject.number for subject in page.subjects if subject.chosen],
        "evidence": evidence,
    }
    shown = use(program, who, disclosing.preview, parent, page.choice.key, **filled)
    return {"reference": parent, "key": page.choice.key, **filled, "seen": shown.seen}


def told(program, who, parent, destination, **said):
    """Pass it on with what is said besides."""
    filled = prepared(program, who, parent, destination)
    return use(program, who, disclosing.disclose, **filled, onwards=Onwards(**said)).reference


def test_the_transferring_party_can_tell_to_whom_but_not_that_police_got_it(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    assert stored(program, told(program, essm, parent, SHELTER, tell=True)).parent_told
    page = look(program, essm, parent, "avim", purpose="P6")
    assert not page.may_tell


def test_who_keeps_no_copy_gets_the_task_to_erase_it(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    _signal, parent = given(program, actor)
    child = told(program, essm, parent, SHELTER, keep_copy=False)
    duty = rows_of(program, parent)["passed-on"]
    assert duty.agency_id == "essm"
    # With that task open nothing more goes on from here.
    assert use(program, essm, choices.choose, parent).hindrance == "erase_first"
    use(program, essm, duties.fulfil, duty.id, result="destroyed", on=program.clock().date())
    assert use(program, essm, referrals.read, parent).content is None
    assert use(program, actor(program, "opvang"), referrals.read, child).content is not None


def test_a_returned_transfer_is_with_the_transferring_party_again(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    use(program, actor(program, "opvang"), referrals.give_back, child, cause="no_room", text="Wij hebben geen plek.")
    assert row(program, signal).state == "accepted"
    assert use(program, essm, referrals.read, parent).content is not None
    sent = use(program, essm, disclosures.read_own, child)
    assert (sent.state, sent.response) == ("returned", "Wij hebben geen plek.")
    # And it can go to the same one again.
    assert disclosed(program, essm, parent, SHELTER).reference != child


def test_each_sees_its_own_end_only(sqlite_program, actor):
    program, essm, opvang = sqlite_program, actor(sqlite_program, "essm"), actor(sqlite_program, "opvang")
    _signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    for login, case, reference in (
        ("havendam", disclosures.read_own, child),
        ("opvang", referrals.read, parent),
        ("essm", referrals.read, child),
    ):
        with pytest.raises((Refused, NotFound)):
            use(program, actor(program, login), case, reference)
    assert use(program, opvang, referrals.read, child).reference == child
    assert use(program, essm, disclosures.read_own, child).signal == parent


def test_the_auditor_follows_a_chain_without_content(sqlite_program, actor):
    program, essm, auditor = sqlite_program, actor(sqlite_program, "essm"), actor(sqlite_program, "auditor")
    _signal, parent = given(program, actor)
    child = disclosed(program, essm, parent, SHELTER).reference
    use(program, actor(program, "havendam"), revoking.revoke, parent, cause="ground_gone", motivation="x" * 40)
    up, down = (use(program, auditor, auditing.disclosure_file, one) for one in (parent, child))
    assert (up.account.passed_on, down.account.parent) == ((child,), parent)
    assert (up.account.revoked_for, down.account.revoked_for) == ("ground_gone", "parent")
    assert "revoked" in {deed.what for deed in down.deeds}
    assert all(decided.same for one in (up, down) for decided in one.decisions)
    for mark, found in (("passed_on", [child]), ("revoked", [child, parent])):
        page = use(program, auditor, auditing.disclosures, auditing.DisclosureFilters(mark=mark))
        assert sorted(line.reference for line in page.lines) == sorted(found)
    assert "Zorinka" not in str((up, down))


def test_the_log_of_whoever_passed_on_does_not_name_the_signal(sqlite_program, actor):
    program, essm = sqlite_program, actor(sqlite_program, "essm")
    signal, parent = given(program, actor)
    disclosed(program, essm, parent, SHELTER)
    names = ("signal:disclose", "disclosure:prepare", "disclosure:consult", "disclosure:accept")
    found = [one for name in names for one in log(program, name)]
    acts = [(entry.action, details) for entry, details in found if entry.agency == "essm"]
    with reading(program) as session:
        own = log_scope.own_part(session, "essm", acts)
    assert any(action == "signal:disclose" and details["signal"] == signal for action, details in acts)
    assert all(signal not in str(own.of(action, details)) for action, details in acts)


def test_a_rule_about_passing_on_that_names_nothing_stops_the_program(tmp_path):
    folder = tmp_path / "policies"
    shutil.copytree(CHECKOUT / "policies", folder)
    path = folder / "transfers.toml"
    path.write_text(
        path.read_text()
        .replace('"CONSENT", "EXPLICIT_CONSENT"]', '"CONSENT", "TOESTEMMING"]', 1)
        .replace('"POL15"', '"POL99"')
        .replace('"reception"]', '"ontvangst"]')
    )
    with pytest.raises(BrokenPolicy) as broken:
        load(folder)
    found = {finding.key for finding in broken.value.findings if finding.file == "transfers.toml"}
    assert {"told_kinds.ontvangst", "rule.consent-of-one-receiver.came_conditions.TOESTEMMING"} <= found
