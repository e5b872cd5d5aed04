"""Every decision that was told can be made again from what was recorded, also when the rules have changed since."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from signaltable.domain import NotFound, Refused
from signaltable.flow import (
    choices,
    comparing,
    decisions,
    disclosing,
    policy_versions,
    replaying,
    retention,
    setup,
)
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.flow.policy_versions import DamagedVersion, load_version, versions
from signaltable.flow.sources import own_source
from signaltable.models import Disclosure, PolicyVersion, RecordedDecision
from signaltable.policy import load
from signaltable.policy_errors import BrokenPolicy
from signaltable.transaction import reading, transaction
from tests.conftest import Clock, open_for_test
from tests.disclosure_steps import GIVEN, agree, disclosed, key_for, look
from tests.factories import a_person, a_signal
from tests.flow.test_demo import NOW, _own_home, _play, _with_passwords
from tests.table_steps import asked, log, submitted, triaged, use

POLICIES = Path(__file__).resolve().parents[2] / "policies"


def all_decisions(program):
    with reading(program) as session:
        found = session.scalars(select(RecordedDecision).order_by(RecordedDecision.at, RecordedDecision.id)).all()
        session.expunge_all()
        return found


def logged(program, action):
    return [details for _entry, details in log(program, action)]


def replay_all(program, reference=""):
    found = []
    summary = replaying.replay_all(program, setup.INSTALLER, reference, found.append)
    return summary, found


@pytest.fixture
def other_rules(tmp_path):
    """The shipped rules with changes: (file, old, new)."""

    def make(*changes):
        folder = tmp_path / "rules"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(POLICIES, folder)
        for file, old, new in changes:
            path = folder / file
            assert old in path.read_text(), f"the test expects {old!r} in {file}"
            path.write_text(path.read_text().replace(old, new, 1))
        return load(folder)

    return make


# -- what is recorded ----------------------------------------------------------------------------------------------


def test_submitting_records_the_advice_with_the_facts_of_each_person_and_the_log_names_it(program, actor):
    # Given two possible victims, one of whom may be a minor
    people = [a_person(age="adult"), a_person(age="doubt", identity={"given_name": "Mila"})]

    submitted(program, actor(program, "havendam"), a_signal(subjects=people))

    (made,) = all_decisions(program)
    assert [facts["age"] for facts in made.input["people"]] == ["adult", "doubt"]
    assert {one["id"] for one in made.outcome["routes"]} >= {"M2", "M7"}
    assert (made.kind, made.policy_digest) == ("route", program.policy.digest)
    assert logged(program, "signal:route")[-1]["decisions"] == [made.id]


def test_opening_the_same_page_again_records_nothing_new(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    use(program, who, choices.choose, reference)
    before = len(all_decisions(program))

    use(program, who, choices.choose, reference)
    look(program, who, reference, "essm")
    once = len(all_decisions(program))
    look(program, who, reference, "essm")

    assert (before, once, len(all_decisions(program))) == (1, 2, 2)


def test_a_disclosure_records_what_was_judged_and_never_what_was_written(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    made = disclosed(program, who, reference, "essm")

    (told,) = [one for one in all_decisions(program) if one.disclosure_id]

    (person,) = told.input["people"]
    (row,) = person["evidence"]
    assert person["evidence"][row]["EXPLICIT_CONSENT"]["met"] is True
    assert told.outcome["people"][0]["effect"] == "permit"
    assert logged(program, "signal:disclose")[-1]["decisions"] == [told.id]
    # Nothing that somebody typed stands in it: no name, no place, no motivation.
    with reading(program) as session:
        row = session.scalars(select(Disclosure).where(Disclosure.reference == made.reference)).one()
    kept = json.dumps([told.input, told.outcome], ensure_ascii=False)
    for words in ("Havendam", "medewerker zorg", "T. Olk", row.reference, who.account_id, "Nederlands"):
        assert words not in kept


def test_a_refusal_is_recorded_although_all_else_is_rolled_back(program, actor):
    # Given a page that offers a ground
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    page = look(program, who, reference, "essm")
    key = key_for(program, who, reference, "essm")
    chosen = [subject.number for subject in page.subjects if subject.chosen]
    made_before = {one.id for one in all_decisions(program)}

    # When the decision is asked for on another one, which does not carry it
    with transaction(program, who) as tx:
        source = own_source(tx, reference)
        case = choices.case_of(tx, source, choices.find_choice(tx, source, key), chosen)

    def decide(tx):
        disclosing.decided(tx, own_source(tx, reference), page.choice, case, "POL1", {})

    with pytest.raises(Refused):
        use(program, who, decide)

    # Then the decision stands with the record of the refusal
    (fresh,) = [one for one in all_decisions(program) if one.id not in made_before]
    assert fresh.outcome["people"][0]["effect"] == "deny"
    assert logged(program, "disclosure:refuse")[-1]["decisions"] == [fresh.id]
    assert replay_all(program)[0].different == 0


def test_a_question_records_its_ground(program, actor):
    coordinator = actor(program, "coordinator")
    reference = triaged(program, actor(program, "havendam"), coordinator)

    asked(program, coordinator, reference, "essm")

    (told,) = [one for one in all_decisions(program) if one.kind == "ground"]
    assert (told.input["purpose"], told.outcome["people"][0]["effect"]) == ("P1", "permit")
    assert replay_all(program)[0].different == 0


def test_decisions_are_erased_with_their_signal(program, actor, clock):
    who = actor(program, "havendam")
    reference = submitted(program, who)
    kept = submitted(program, who)
    with transaction(program, who) as tx:
        decisions.erase_of(tx, own_source(tx, reference).signal)
        tx.record("policy:consult", object_type="policy", details={"view": "test"})
    assert len(all_decisions(program)) == 1
    assert replay_all(program, kept)[0].count == 1

    clock.forward(days=1000)
    retention.sweep(program, SYSTEM)

    assert all_decisions(program) == []


# -- the rules of before -------------------------------------------------------------------------------------------


def test_the_rules_that_count_are_kept_and_load_again_as_they_were(program):
    with reading(program) as session:
        again = load_version(session, program.policy.digest)

    assert (again.digest, again.meldroutes) == (program.policy.digest, program.policy.meldroutes)
    assert again.grounds.rows == program.policy.grounds.rows
    assert again.texts == program.policy.texts


def test_new_rules_are_kept_beside_the_old_and_the_log_says_what_changed(program, other_rules, clock):
    clock.now += timedelta(minutes=1)  # Of two sets in the same millisecond neither is the newest.
    changed = other_rules(
        ("meldroutes/M8.toml", 'urgency = "one-working-day"', 'urgency = "same-day"'),
        ("region.toml", "010-2365256", "010-0000000"),
    )
    setup.note_policy(replace(program, policy=changed))
    setup.note_policy(replace(program, policy=changed))

    told = logged(program, "policy:load")
    assert len(told) == 2
    assert told[-1]["previous_digest"] == program.policy.digest
    assert told[-1]["changed"] == ["M8", "region.toml:phone"]
    assert (told[-1]["routes"], told[-1]["demo"]) == (len({route.id for route in changed.meldroutes}), True)
    with transaction(program, setup.INSTALLER) as tx:
        newest, oldest = versions(tx)
    assert (newest.digest, oldest.digest) == (changed.digest, program.policy.digest)
    assert newest.changes.changed == ("M8", "region.toml:phone")
    assert newest.contents.grounds == len({row.id for row in changed.grounds.rows})


def test_going_back_to_rules_of_before_is_noted_and_kept_once(program, other_rules):
    changed = other_rules(("meldroutes/M8.toml", 'urgency = "one-working-day"', 'urgency = "same-day"'))
    newer = replace(program, policy=changed)
    for one in (newer, program):
        setup.note_policy(one)

    assert [entry["policy_digest"] for entry in logged(program, "policy:load")] == [
        program.policy.digest, newer.policy.digest, program.policy.digest,
    ]  # fmt: skip
    with reading(program) as session:
        assert len(session.scalars(select(PolicyVersion.digest)).all()) == 2


def test_rules_nobody_started_with_are_kept_by_the_first_decision_under_them(program, actor, other_rules):
    changed = other_rules(("meldroutes/M8.toml", 'urgency = "one-working-day"', 'urgency = "same-day"'))
    submitted(replace(program, policy=changed), actor(program, "havendam"))

    with reading(program) as session:
        assert load_version(session, changed.digest).meldroutes == changed.meldroutes


@pytest.mark.parametrize("damage", [b"", b"no zlib"])
def test_damaged_rules_are_named_and_never_used(program, damage):
    with transaction(program, setup.INSTALLER) as tx:
        tx.session.execute(update(PolicyVersion).values(files=damage))
        tx.record("policy:consult", object_type="policy", details={"view": "test"})

    with reading(program) as session, pytest.raises(DamagedVersion):
        load_version(session, program.policy.digest)


def test_a_digest_is_found_by_its_beginning_when_that_is_long_enough(program):
    digest = program.policy.digest
    with reading(program) as session:
        assert policy_versions.find_digest(session, digest[:8].upper()) == digest
        for prefix in (digest[:7], "f" * 8 if not digest.startswith("f" * 8) else "e" * 8, "", "%%%%%%%%"):
            with pytest.raises(NotFound):
                policy_versions.find_digest(session, prefix)


# -- replaying -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(request, tmp_path_factory):
    settings = _own_home(request, tmp_path_factory.mktemp("replay"), "sqlite")
    _with_passwords(settings)
    for program in open_for_test(settings, Clock(NOW)):
        _play(program)
        yield program


def test_all_of_the_demo_comes_out_the_same_also_under_other_rules(demo, other_rules):
    # Given the thirteen cases, and after them rules under which they would have gone otherwise
    changed = other_rules(
        ("meldroutes/M8.toml", 'value = "yes"', 'value = "no"'),
        ("region.toml", 'M12 = "same-day"', 'M12 = "one-working-day"'),
        ("grondslagen/G1.toml", 'purpose = ["P3", "P3b", "P9"]', 'purpose = ["P2", "P3", "P3b", "P9"]'),
    )
    later = replace(demo, policy=changed)
    setup.note_policy(later)

    # When everything is decided again
    summary, found = replay_all(later)

    # Then it comes out as it was recorded, in every kind, and evidence that is still there is judged again
    assert [one for one in found if not one.same] == []
    assert summary.count == len(found) >= 80
    assert Counter(one.kind for one in found)["ground"] >= 30
    assert any(one.evidence for one in found)
    entry = logged(demo, "decision:replay")[-1]
    assert (entry["count"], entry["same"], entry["different"]) == (summary.count, summary.count, 0)


def test_the_comparison_reads_the_signals_of_a_period(demo):
    with transaction(demo, setup.INSTALLER) as tx:
        everything = comparing.told_signals(tx, None, None)
        first = NOW.date() - timedelta(days=21)
        assert 0 < len(comparing.told_signals(tx, first, None)) < len(everything)
        assert len(comparing.told_signals(tx, None, first)) < len(everything)
        assert comparing.told_signals(tx, NOW.date().replace(year=2030), None) == []
        assert comparing.made_disclosures(tx, None, None)
        tx.record("policy:consult", object_type="policy", details={"view": "test"})


def test_one_signal_or_one_disclosure_can_be_replayed(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    submitted(program, who)
    made = disclosed(program, who, reference, "essm")

    of_signal, of_disclosure = (replay_all(program, name)[1] for name in (reference, made.reference.lower()))

    assert {one.signal for one in of_signal} == {reference}
    assert [one.disclosure for one in of_disclosure] == [made.reference]
    assert of_disclosure[0].evidence
    assert 1 == len(of_disclosure) < len(of_signal)
    with pytest.raises(NotFound):
        replay_all(program, "S-NOTHERE")


def _tampered(program, change):
    with transaction(program, setup.INSTALLER) as tx:
        for one in tx.session.scalars(select(RecordedDecision)):
            change(one)
        tx.record("policy:consult", object_type="policy", details={"view": "test"})


def _other_outcome(one):
    one.outcome = {**one.outcome, "routes": one.outcome["routes"][1:]}


def _other_facts(one):
    one.input = {"people": [{**facts, "acute_danger": "yes"} for facts in one.input["people"]]}


def _other_day(one):
    one.day = one.day.replace(year=2024)


def _unknown_rules(one):
    one.policy_digest = "0" * 64


def _unreadable(one):
    one.input = {}


def _unknown_fact(one):
    one.input = {"people": [{"shoe_size": 43}]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_other_outcome, "routes"), (_other_facts, "M1"), (_other_day, "routes"), (_unknown_rules, "no rules kept"),
        (_unreadable, "cannot be read"), (_unknown_fact, "rules: "),
    ],
)  # fmt: skip
def test_a_decision_that_does_not_come_out_says_where(program, actor, change, told):
    submitted(program, actor(program, "havendam"))
    _tampered(program, change)

    summary, (found,) = replay_all(program)

    assert summary.different == 1
    assert told in " ".join(found.differences)


def test_evidence_that_is_judged_otherwise_now_is_a_difference(program, actor):
    # Given a disclosure whose record says that its consent was not met
    who = actor(program, "havendam")
    disclosed(program, who, submitted(program, who, a_signal(consent=GIVEN)), "essm")

    def unmet(one):
        if one.disclosure_id:
            given = json.loads(json.dumps(one.input))
            (row,) = given["people"][0]["evidence"].values()
            row["EXPLICIT_CONSENT"] = {"met": False, "fields": []}
            one.input = given

    _tampered(program, unmet)

    differing = [one for one in replay_all(program)[1] if not one.same]

    # Then both the outcome and the sealed evidence speak against it
    (found,) = differing
    assert any(difference.startswith("evidence.1.") for difference in found.differences)
    assert any("permit -> deny" in difference for difference in found.differences)


def test_without_the_evidence_it_is_replayed_as_it_was_judged(program, actor):
    who = actor(program, "havendam")
    disclosed(program, who, submitted(program, who, a_signal(consent=GIVEN)), "essm")
    with transaction(program, setup.INSTALLER) as tx:
        tx.session.execute(update(Disclosure).values(evidence_sealed=b""))
        tx.record("policy:consult", object_type="policy", details={"view": "test"})

    summary, found = replay_all(program)

    assert summary.different == 0
    assert not any(one.evidence for one in found)


def test_rules_that_this_program_no_longer_reads_are_told_as_such(program, actor):
    submitted(program, actor(program, "havendam"))
    with transaction(program, setup.INSTALLER) as tx:
        texts = {**program.policy.texts, "roles.toml": "role = 5"}
        tx.session.execute(update(PolicyVersion).values(files=policy_versions.packed(texts)))
        tx.record("policy:consult", object_type="policy", details={"view": "test"})

    _, (found,) = replay_all(program)

    assert found.differences[0].startswith("rules: this program no longer reads them: roles.toml")


def test_a_second_person_changes_nothing_about_replaying(program, actor, clock):
    who, second = actor(program, "delinde"), actor(program, "fg.delinde")
    minor = a_person(age="minor")
    reference = submitted(program, who, a_signal(capacity="care-wgbo", subjects=[minor]))
    made = disclosed(program, who, reference, "veilig-thuis", age="minor")
    clock.forward(hours=1)
    agree(program, second, made.reference)

    summary, found = replay_all(program, made.reference)

    assert (summary.count, summary.different) == (2, 0)
    assert all(one.evidence for one in found)


def test_rules_from_before_a_file_or_an_id_that_the_program_uses_now_can_still_be_read(tmp_path):
    old = tmp_path / "old"
    shutil.copytree(POLICIES, old)
    (old / "misuse.toml").unlink()
    activities = (old / "processing_activities.toml").read_text()
    (old / "processing_activities.toml").write_text(activities.replace("[[basis]]", "[[base]]"))
    retention = (old / "retention.toml").read_text()
    (old / "retention.toml").write_text(retention.replace("log-login", "log-in"))
    with pytest.raises(BrokenPolicy):
        load(old)
    assert load(old, kept=True).meldroutes == load(POLICIES).meldroutes
