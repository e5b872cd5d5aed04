"""Disclosing: exactly the permitted fields, to one recipient, on a ground that applies, or not at all."""

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import undefer_group

from signaltable import payload
from signaltable.domain import Conflict, NotFound, Refused
from signaltable.flow import approvals, choices, disclosing, disclosures, referrals, signals, work_list
from signaltable.flow.coming_in.proving import confirm_password
from signaltable.flow.weighing import MissingEvidence
from signaltable.keys import CannotOpen
from signaltable.models import Disclosure, Mail
from signaltable.transaction import reading
from tests.conftest import PASSWORD
from tests.disclosure_steps import GIVEN, agree, disclosed, evidence_for, key_for, look
from tests.factories import a_person, a_signal
from tests.table_steps import colleague, log, row, submitted, use


def a_perpetrator(**changes):
    identity = {"given_name": "Wolfram", "surname": "Kwaadbloed", "plate": "12ABC3"}
    return a_person(role="possible_perpetrator", gender="man", identity=identity, **changes)


def stored(program, reference):
    with reading(program) as session:
        found = session.scalars(
            select(Disclosure).where(Disclosure.reference == reference).options(undefer_group("sealed")),
        ).one()
        session.expunge(found)
        return found


def content_of(program, made, agency):
    found = stored(program, made.reference)
    opened = program.keys.open(agency, found.payload_recipient, referrals.place(found, agency))
    return payload.from_bytes(opened)


def names_in(content, number=0):
    return {field.name for field in content.subjects[number].fields}


# -- what is offered ---------------------------------------------------------------------------------------------


def test_only_advised_destinations_that_take_part_are_choices(program, actor):
    # Given an adult victim of labour exploitation in acute danger who agrees
    draft = a_signal(consent=GIVEN, safety={"acute_danger": "yes", "urgency": "now"})
    reference = submitted(program, actor(program, "havendam"), draft)
    # When the owner looks where it may go
    page = use(program, actor(program, "havendam"), choices.choose, reference)
    # Then the card's destinations are there, and 112 says how to reach it
    assert {line.choice.destination for line in page.lines} >= {"essm", "nla", "fairwork"}
    assert not {line.choice.destination for line in page.lines} & {"riec", "police-112", "regional-table"}
    assert ("police-112", "call") in {(other.destination, other.how) for other in page.elsewhere}


def test_without_consent_help_waits_for_it(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    page = use(program, actor(program, "havendam"), choices.choose, reference)
    assert {line.choice.destination: line.outlook for line in page.lines} == {"nla": "consent", "fairwork": "consent"}


def test_another_agency_sees_no_choices_and_that_is_recorded(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    with pytest.raises(Refused) as refusal:
        use(program, actor(program, "delinde"), choices.choose, reference)
    assert refusal.value.reason == "other_agency"
    assert log(program, "access:refuse")[-1][0].outcome == "refused"


@pytest.mark.parametrize("login", ["coordinator", "auditor", "beheer", "fg.havendam", "riec"])
def test_other_roles_cannot_disclose(program, actor, login):
    reference = submitted(program, actor(program, "havendam"))
    with pytest.raises(Refused):
        use(program, actor(program, login), choices.choose, reference)


def test_a_forged_destination_is_refused_and_recorded(program, actor):
    who = actor(program, "havendam")
    first, second = submitted(program, who, a_signal(consent=GIVEN)), submitted(program, who, a_signal(consent=GIVEN))
    # A key of another signal is as good as an invented one
    for key in ("0" * 32, key_for(program, who, second, "essm")):
        with pytest.raises(Refused) as refusal:
            use(program, who, disclosing.preview, first, key)
        assert refusal.value.reason == "not_offered"
        entry, details = log(program, "request:refuse")[-1]
        assert (entry.outcome, details["cause"]) == ("refused", "not_offered")


def test_a_ground_or_subject_that_was_not_offered_is_refused(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    for forged in ({"ground": "Z1"}, {"ground": "G4"}, {"chosen": [1, 7]}):
        with pytest.raises(Refused) as refusal:
            look(program, who, reference, "essm", **forged)
        assert refusal.value.reason == "not_offered"


# -- the preview -------------------------------------------------------------------------------------------------


def test_the_preview_shows_what_goes_and_what_stays_and_is_recorded(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN, subjects=[a_person(), a_perpetrator()]))
    page = look(program, who, reference, "essm")
    # The victim goes along, the perpetrator does not
    assert [(one.number, one.chosen) for one in page.subjects] == [(1, True), (2, False)]
    assert {"subject.given_name", "subject.phone"} <= names_in(page.content)
    shown = json.dumps(payload.to_bytes(page.content, b"").decode())
    assert "Zorinka" in shown
    assert "Kwaadbloed" not in shown
    assert page.seen
    (entry, details) = log(program, "identity:consult")[-1]
    assert (entry.agency, details["subject"], details["purpose"]) == ("havendam", 1, "P2")
    assert log(program, "disclosure:prepare")[-1][1]["recipient"] == "essm"
    # Consent is taken over from the signal; a motivation never is
    assert page.prefill["EXPLICIT_CONSENT"]["given_on"] == "2026-11-20"
    assert page.prefill["EXPLICIT_CONSENT"]["asked_by"] == "T. Olk"
    assert "NEC" not in page.prefill


def test_the_fields_follow_from_the_ground(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    usable = [option.ground.id for option in look(program, who, reference, "essm").options if option.usable]
    assert {"X1", "G2"} <= set(usable)
    wide = look(program, who, reference, "essm", ground="X1").content.field_names
    narrow = look(program, who, reference, "essm", ground="G2").content.field_names
    assert "signal.narrative" in wide
    assert "signal.narrative" not in narrow
    assert set(narrow) < set(wide) | {"signal.narrative_masked"}


def test_a_perpetrator_ticked_for_help_is_left_out_with_a_reason(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN, subjects=[a_person(), a_perpetrator()]))
    page = look(program, who, reference, "essm", chosen=[1, 2])
    assert [number for number, _why in page.left_out] == [2]
    assert len(page.content.subjects) == 1
    made = disclosed(program, who, reference, "essm", chosen=[1, 2])
    assert "Kwaadbloed" not in str(content_of(program, made, "essm"))


def test_the_preview_proposes_the_ground_that_the_list_promised(program, actor):
    # Given a minor who was not asked for consent, and a list that names a ground without consent
    who = actor(program, "delinde")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=15)])
    reference = submitted(program, who, draft)
    lines = use(program, who, choices.choose, reference).lines
    promised = {line.choice.key: line.ground.id for line in lines if line.outlook == "now"}
    assert promised
    # Then the preview opens with that ground, though one with consent fits as well
    shown = {key: use(program, who, disclosing.preview, reference, key) for key in promised}
    assert {key: page.option.ground.id for key, page in shown.items()} == promised
    assert any({"EXPLICIT_CONSENT"} & set(option.conditions) for page in shown.values() for option in page.options)


def test_ticking_somebody_else_is_no_forgery_when_the_ground_does_not_fit_them(program, actor):
    # Given a preview with a ground that fits the victim and not the suspect
    who = actor(program, "delinde")
    reference = submitted(program, who, a_signal(capacity="care-wgbo", subjects=[a_person(), a_perpetrator()]))
    ground = look(program, who, reference, "avim", chosen=[1]).option.ground.id
    # When the owner ticks the suspect instead, with that ground still on the form
    page = look(program, who, reference, "avim", chosen=[2], ground=ground)
    # Then the page says why it cannot be, and a ground that was offered for nobody stays refused
    assert page.option is None
    assert page.refusal.reasons
    with pytest.raises(Refused, match="not_offered"):
        look(program, who, reference, "avim", chosen=[2], ground="G2")


def test_no_ground_is_told_with_reasons_and_what_to_do_and_recorded(program, actor):
    # Given a care provider's signal about a perpetrator, without danger and without consent
    who = actor(program, "delinde")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(), a_perpetrator()], facts={"victim": "possible"})
    reference = submitted(program, who, draft)
    # When the owner looks at the police
    page = look(program, who, reference, "avim", chosen=[2])
    # Then it is refused with what can be done instead, and nothing was opened
    assert page.option is None
    assert page.content is None
    assert "Z6" in {reason.row for reason in page.refusal.reasons}
    assert {"call_112", "ask_privacy_officer"} <= {advice.code for advice in page.refusal.instead}
    entry, details = log(program, "disclosure:refuse")[-1]
    assert (entry.outcome, details["recipient"]) == ("refused", "avim")
    assert not log(program, "identity:consult")


def test_consent_narrows_what_goes_to_what_it_names(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    made = disclosed(program, who, reference, "essm", ground="X1", categories=["identity", "pseudonymous"])
    content = content_of(program, made, "essm")
    assert "subject.surname" in names_in(content)
    assert "subject.phone" not in names_in(content)
    assert "signal.narrative" not in content.field_names


@pytest.mark.parametrize("agreed", [True, False])
def test_the_sign_that_a_suspect_may_have_been_forced_travels_when_the_person_agrees(program, actor, agreed):
    # Given a suspect who may have been forced (meldroutes.md, M18: non-punishment flag on the referral)
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(forms=["criminal"], flags=["suspect_may_be_forced"], consent=GIVEN))
    categories = ["identity", "pseudonymous", *(["criminal"] if agreed else [])]
    # When the person agrees, with or without that sign (UAVG 32(a): explicit consent for criminal data)
    made = disclosed(program, who, reference, "essm", ground="X1", categories=categories)
    # Then it goes along, or stays
    fields = content_of(program, made, "essm").field_names
    assert ("signal.suspect_may_be_forced" in fields) is agreed
    assert ("signal.flags" in fields) is agreed


# -- every permitted path of the demo ----------------------------------------------------------------------------


def test_municipality_refers_an_adult_with_explicit_consent(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    shown = look(program, who, reference, "essm", ground="X1").content
    made = disclosed(program, who, reference, "essm", ground="X1")
    # The document holds exactly what was shown, under the reference of the disclosure
    content = content_of(program, made, "essm")
    assert replace(content, reference="") == shown
    assert content.reference == made.reference
    found = stored(program, made.reference)
    assert found.state == "disclosed"
    assert sorted(found.fields) == sorted(content.field_names)
    assert found.due_on.isoformat() == "2026-11-24"
    assert row(program, reference).state == "referred"
    entry, details = log(program, "signal:disclose")[-1]
    assert (entry.object, entry.agency) == (made.reference, "havendam")
    assert details["recipient"] == "essm"
    assert details["ground"] == "X1"
    assert details["ground_digest"] == program.policy.grounds.find("X1", program.clock().date()).digest
    assert details["payload_hash"] == found.payload_hash
    assert {one["code"]: one["evidence_hash"] for one in details["conditions"]} == found.evidence_hashes
    assert set(found.evidence_hashes) == {"EXPLICIT_CONSENT", "NEC"}
    with reading(program) as session:
        assert {mail.template for mail in session.scalars(select(Mail))} == {"disclosure"}


def test_own_observation_of_a_perpetrator_goes_to_the_police_after_a_second_look(program, actor):
    who = actor(program, "havendam")
    draft = a_signal(
        capacity="municipality-safety", forms=[], form_rows={"wages": 1}, subjects=[a_perpetrator()], facts={}
    )
    reference = submitted(program, who, draft)
    made = disclosed(program, who, reference, "avim")
    assert made.state == "awaiting_approval"
    agree(program, actor(program, "fg.havendam"), made.reference)
    assert "Kwaadbloed" in str(content_of(program, made, "avim"))
    assert log(program, "signal:disclose")[-1][1]["ground"] == "G7"


def test_labour_exploitation_goes_to_the_inspectorate_within_a_partnership(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(capacity="municipality-safety"))
    made = disclosed(program, who, reference, "nla", ground="G6")
    assert made.state == "disclosed"
    assert {"signal.reference", "signal.forms"} <= set(content_of(program, made, "nla").field_names)


@pytest.mark.parametrize(
    ("destination", "capacity"), [("veilig-thuis", "municipality-wmo"), ("raad", "municipality-youth")]
)
def test_a_minor_goes_to_child_protection_without_consent(program, actor, destination, capacity):
    who = actor(program, "havendam")
    draft = a_signal(capacity=capacity, subjects=[a_person(age="minor", age_years=16)])
    reference = submitted(program, who, draft)
    made = disclosed(program, who, reference, destination, age="minor")
    assert made.state == "disclosed"
    agency = stored(program, made.reference).recipient_agency
    assert "subject.surname" in names_in(content_of(program, made, agency))
    assert (
        any(duty["kind"] == "inform" for duty in stored(program, made.reference).obligations) or destination == "raad"
    )


def test_doubt_about_minority_counts_as_a_minor(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(subjects=[a_person(age="doubt", age_years=None)]))
    assert look(program, who, reference, "veilig-thuis").option is not None


def test_a_care_provider_reports_a_minor_with_the_reporting_code_and_a_colleague(program, actor):
    who = actor(program, "delinde")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=16)])
    reference = submitted(program, who, draft)
    page = look(program, who, reference, "veilig-thuis", ground="Z3")
    assert page.option.second_person
    assert "MELDCODE" in {spec.code for spec in page.conditions}
    # The second person is never asked on the form
    assert "DUAL" not in {spec.code for spec in page.conditions}
    made = disclosed(program, who, reference, "veilig-thuis", ground="Z3", age="minor")
    assert made.state == "awaiting_approval"


def test_a_request_ends_with_its_signal(program, actor):
    who, second = actor(program, "delinde"), actor(program, "fg.delinde")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=16)])
    reference = submitted(program, who, draft)
    made = disclosed(program, who, reference, "veilig-thuis", ground="Z3", age="minor")
    assert len(use(program, second, work_list.mine)) == 1

    use(program, who, signals.withdraw, reference, "Dubbel ingevoerd.")

    assert stored(program, made.reference).state == "rejected"
    assert use(program, second, work_list.mine) == ()
    ((_entry, details),) = log(program, "disclosure:reject")
    assert (details["disclosure"], details["expired"]) == (made.reference, True)


# -- conditions --------------------------------------------------------------------------------------------------


def test_missing_evidence_says_what_and_where_and_stores_nothing(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    given = evidence_for(program, ["EXPLICIT_CONSENT", "NEC"], "essm", ["identity"])
    given["NEC"] = {"motivation": "kort"}
    with pytest.raises(MissingEvidence) as missing:
        disclosed(program, who, reference, "essm", ground="X1", evidence=given)
    assert [(found.code, [name for name, _ in found.problems]) for found in missing.value.missing] == [
        ("NEC", ["motivation"])
    ]
    with reading(program) as session:
        assert not session.scalars(select(Disclosure)).all()
    assert row(program, reference).state == "submitted"


def test_consent_for_another_recipient_does_not_carry_over(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    given = evidence_for(program, ["EXPLICIT_CONSENT", "NEC"], "avim", ["identity"])
    with pytest.raises(MissingEvidence) as missing:
        disclosed(program, who, reference, "essm", ground="X1", evidence=given)
    assert [name for found in missing.value.missing for name, _ in found.problems] == ["recipient"]


def test_a_second_person_out_of_a_form_does_not_count(program, actor):
    who = actor(program, "delinde")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=16)])
    reference = submitted(program, who, draft)
    page = look(program, who, reference, "veilig-thuis", ground="Z3")
    codes = [*(spec.code for spec in page.conditions), "DUAL"]
    given = evidence_for(program, codes, "veiligthuis", page.categories, age="minor", ground="Z3")
    made = disclosed(program, who, reference, "veilig-thuis", ground="Z3", evidence=given, age="minor")
    assert made.state == "awaiting_approval"
    assert stored(program, made.reference).payload_recipient == b""


def test_what_was_shown_is_what_goes(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    page = look(program, who, reference, "essm", ground="G2")
    given = evidence_for(program, ["EXPLICIT_CONSENT", "NEC"], "essm", ["identity"])
    with pytest.raises(Conflict) as conflict:
        use(
            program,
            who,
            disclosing.disclose,
            reference,
            page.choice.key,
            ground="X1",
            chosen=[1],
            evidence=given,
            seen=page.seen,
        )
    assert conflict.value.reason == "changed"


def test_evidence_that_narrows_is_shown_before_anything_goes(program, actor):
    # Given a preview with the story in the reporter's own words
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    page = look(program, who, reference, "essm", ground="X1")
    assert "signal.narrative" in page.content.field_names
    # When the consent does not name that story
    filled = {
        "ground": "X1",
        "chosen": [1],
        "evidence": evidence_for(program, ["EXPLICIT_CONSENT", "NEC"], "essm", ["identity", "pseudonymous"]),
    }
    with pytest.raises(Conflict, match="not what was shown"):
        use(program, who, disclosing.disclose, reference, page.choice.key, **filled, seen=page.seen)
    # Then nothing went, and what goes is the document of the next preview and no other
    assert not log(program, "signal:disclose")
    narrowed = use(program, who, disclosing.preview, reference, page.choice.key, **filled)
    made = use(program, who, disclosing.disclose, reference, page.choice.key, **filled, seen=narrowed.seen)
    sent = replace(content_of(program, made, "essm"), reference="")
    assert payload.to_bytes(sent, b"") == payload.to_bytes(narrowed.content, b"")
    assert "signal.narrative" not in sent.field_names


def test_a_double_click_does_not_disclose_twice(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    made = disclosed(program, who, reference, "essm")
    with pytest.raises(Conflict) as conflict:
        disclosed(program, who, reference, "essm")
    assert conflict.value.reason == "under_way"
    assert look(program, who, reference, "essm").under_way == made.reference
    with reading(program) as session:
        assert len(session.scalars(select(Disclosure)).all()) == 1
    # Another agency is another disclosure
    assert disclosed(program, who, reference, "nla").state == "disclosed"


def test_two_presses_at_the_same_moment_make_one_disclosure(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    page = look(program, who, reference, "essm", ground="X1")
    given = evidence_for(program, ["EXPLICIT_CONSENT", "NEC"], "essm", page.categories)
    page = look(program, who, reference, "essm", ground="X1", evidence=given)
    both = threading.Barrier(2)
    outcomes = []

    def press():
        both.wait()
        try:
            made = use(
                program,
                who,
                disclosing.disclose,
                reference,
                page.choice.key,
                ground="X1",
                chosen=[1],
                evidence=given,
                seen=page.seen,
            )
            outcomes.append(made.state)
        except Conflict as conflict:
            outcomes.append(conflict.reason)

    presses = [threading.Thread(target=press) for _ in range(2)]
    for one in presses:
        one.start()
    for one in presses:
        one.join()
    assert sorted(outcomes) == ["disclosed", "under_way"]
    assert len(log(program, "signal:disclose")) == 1


@pytest.mark.parametrize(
    "capacity", ["municipality-wmo", "municipality-youth", "municipality-safety", "municipality-other"]
)
@pytest.mark.parametrize("form", ["labour", "sexual"])
@pytest.mark.parametrize("age", ["adult", "minor"])
def test_no_preview_holds_more_than_its_ground_names(sqlite_program, actor, capacity, form, age):
    """Whatever the signal, each previewed field carries only categories that the ground lists, and nothing hard-denied."""
    program, who = sqlite_program, actor(sqlite_program, "havendam")
    draft = a_signal(
        capacity=capacity,
        forms=[form],
        flags=["lvb", "pregnant"],
        consent=GIVEN,
        facts={"victim": "possible", "organised": "yes", "residence": "none"},
        subjects=[a_person(age=age, age_years=None), a_perpetrator()],
    )
    reference = submitted(program, who, draft)
    for line in use(program, who, choices.choose, reference).lines:
        for chosen in ([1], [2], [1, 2]):
            page = use(program, who, disclosing.preview, reference, line.choice.key, chosen=chosen)
            for option in (one for one in page.options if one.usable):
                shown = use(
                    program, who, disclosing.preview, reference, line.choice.key, ground=option.ground.id, chosen=chosen
                )
                assert set(shown.content.field_names) <= set(option.selection.names)
                assert shown.categories <= set(option.ground.data)
                assert "sex_life" not in shown.categories or "sex_life" in option.ground.names_special
                people = option.ground.person_role
                if people == ("victim",):
                    assert "Kwaadbloed" not in str(shown.content)
                if people in (("perpetrator",), ("perpetrator", "facilitator")):
                    assert "Zorinka" not in str(shown.content.subjects)


def test_a_withdrawn_signal_is_disclosed_to_nobody(program, actor):
    from signaltable.flow import signals

    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    use(program, who, signals.withdraw, reference, "vergissing")
    with pytest.raises(Conflict):
        disclosed(program, who, reference, "essm")


def test_outside_the_demo_an_unreviewed_ground_permits_nothing(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    serious = replace(program, settings=replace(program.settings, mode="production"))
    page = look(serious, who, reference, "essm")
    assert page.option is None
    assert page.options


# -- the second person -------------------------------------------------------------------------------------------


@pytest.fixture
def requested(program, actor):
    who = actor(program, "delinde")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=16)])
    reference = submitted(program, who, draft)
    return reference, disclosed(program, who, reference, "veilig-thuis", ground="Z3", age="minor").reference


def test_nothing_goes_before_a_second_person_agreed(program, actor, requested):
    reference, disclosure = requested
    found = stored(program, disclosure)
    assert (found.state, found.payload_recipient, found.disclosed_at) == ("awaiting_approval", b"", None)
    assert row(program, reference).state == "submitted"
    assert "DUAL" not in found.evidence_hashes
    assert [details["disclosure"] for _, details in log(program, "disclosure:request")] == [disclosure]
    assert not log(program, "signal:disclose")
    # For the recipient it does not exist
    with pytest.raises(NotFound):
        use(program, actor(program, "veiligthuis"), referrals.read, disclosure)


@pytest.mark.parametrize("login", ["fg.delinde", "voorzitter"])
def test_privacy_officer_or_chair_agrees_and_it_goes(program, actor, requested, login):
    reference, disclosure = requested
    before = stored(program, disclosure).payload_hash
    who = actor(program, login)
    seen = use(program, who, approvals.consult, disclosure)
    assert "subject.surname" in seen.fields
    assert "Zorinka" not in str(seen)
    agree(program, who, disclosure)
    found = stored(program, disclosure)
    assert (found.state, found.approved_by, found.payload_hash) == ("disclosed", who.account_id, before)
    assert "DUAL" in found.evidence_hashes
    assert row(program, reference).state == "referred"
    _entry, details = log(program, "signal:disclose")[-1]
    assert details["approver"] == who.account_id
    assert {"DUAL", "MELDCODE"} <= {one["code"] for one in details["conditions"]}
    assert log(program, "disclosure:approve")[-1][1]["requester"] == actor(program, "delinde").account_id


def test_a_chair_of_another_agency_reads_the_reasons_without_names(program, actor):
    who = actor(program, "delinde")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=16)])
    reference = submitted(program, who, draft)
    page = look(program, who, reference, "veilig-thuis", ground="Z3")
    codes = [spec.code for spec in page.conditions]
    given = evidence_for(program, codes, "veiligthuis", page.categories, age="minor", ground="Z3")
    given["DEPENDENCE"]["why"] = "Zorinka Proefveld mag van haar werkgever de deur niet uit."
    made = disclosed(program, who, reference, "veilig-thuis", ground="Z3", evidence=given, age="minor")
    chair = use(program, actor(program, "voorzitter"), approvals.consult, made.reference)
    assert "Zorinka" not in str(chair.evidence)
    assert "de deur niet uit" in str(chair.evidence)
    officer = use(program, actor(program, "fg.delinde"), approvals.consult, made.reference)
    assert "Zorinka" in str(officer.evidence)


def test_a_wrong_password_agrees_to_nothing(program, actor, requested):
    _reference, disclosure = requested
    with pytest.raises(Refused) as refusal:
        agree(program, actor(program, "fg.delinde"), disclosure, "een ander wachtwoord")
    assert refusal.value.reason == "wrong_credentials"
    assert stored(program, disclosure).state == "awaiting_approval"


def test_guessing_the_password_of_an_open_screen_is_stopped(program, actor, requested):
    _reference, disclosure = requested
    officer = actor(program, "fg.delinde")
    for _try in range(program.policy.coming_in.attempts_of("password").account):
        with pytest.raises(Refused):
            agree(program, officer, disclosure, "een ander wachtwoord")
    with pytest.raises(Refused) as refusal:
        agree(program, officer, disclosure)
    assert refusal.value.reason == "too_many_attempts"
    assert stored(program, disclosure).state == "awaiting_approval"


def test_who_confirmed_with_the_password_is_the_one_who_agrees(program, actor, requested):
    _reference, disclosure = requested
    confirmed = confirm_password(program, actor(program, "havendam"), PASSWORD)
    with pytest.raises(Refused) as refusal:
        use(program, actor(program, "fg.delinde"), approvals.approve, disclosure, confirmed)
    assert refusal.value.reason == "wrong_credentials"


def test_the_same_person_or_role_or_another_agency_cannot_agree(program, actor, requested):
    _reference, disclosure = requested
    requester, officer = actor(program, "delinde"), actor(program, "fg.delinde")
    both = replace(
        requester, roles=requester.roles | officer.roles, permissions=requester.permissions | officer.permissions
    )
    colleague = replace(officer, roles=officer.roles | {"focal-officer"})
    tries = [
        (requester, "no_permission"),
        (both, "own_request"),
        (colleague, "same_role"),
        (actor(program, "fg.havendam"), "other_table"),
    ]
    for who, reason in tries:
        with pytest.raises(Refused) as refusal:
            agree(program, who, disclosure)
        assert refusal.value.reason == reason
    assert stored(program, disclosure).state == "awaiting_approval"
    assert use(program, actor(program, "fg.havendam"), approvals.waiting)[0] == []
    assert [line.reference for line in use(program, officer, approvals.waiting)[0]] == [disclosure]


def test_what_somebody_asked_for_takes_no_place_of_what_a_colleague_did(program, actor, clock, monkeypatch):
    """In an organisation where one person asks for most, the oldest and the newest hundred may all be of that person."""
    monkeypatch.setattr(approvals, "MOST", 1)
    monkeypatch.setattr(approvals, "PAGE", 1)
    colleague(program, "linde2", "delinde", "focal-officer")
    officer = actor(program, "fg.delinde")
    asking, other = actor(program, "delinde"), actor(program, "linde2")
    both = replace(asking, roles=asking.roles | officer.roles, permissions=asking.permissions | officer.permissions)
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=16)])
    asked = []
    for who in (asking, asking, other, asking, asking, asking):
        clock.forward(minutes=1)
        reference = submitted(program, asking, draft)
        asked.append(disclosed(program, who, reference, "veilig-thuis", ground="Z3", age="minor").reference)
    assert use(program, both, lambda tx: [item.key for item in approvals.work(tx)]) == [asked[2]]
    assert [line.reference for line in use(program, both, approvals.waiting)[0]] == [asked[2]]


def test_rejecting_needs_a_reason_and_ends_it(program, actor, requested):
    reference, disclosure = requested
    officer = actor(program, "fg.delinde")
    use(program, officer, approvals.reject, disclosure, "Het kan eerst zonder naam met het adviespunt.")
    assert stored(program, disclosure).state == "rejected"
    owner = use(program, actor(program, "delinde"), disclosures.read_own, disclosure)
    assert owner.response.startswith("Het kan eerst")
    assert log(program, "disclosure:reject")[-1][0].object == disclosure
    with pytest.raises(Conflict):
        agree(program, officer, disclosure)
    # After a rejection it may be asked again
    again = disclosed(program, actor(program, "delinde"), reference, "veilig-thuis", ground="Z3", age="minor")
    assert again.reference != disclosure


def test_approving_decides_again_with_the_signal_of_that_moment(program, actor, requested):
    from signaltable.flow import signals

    reference, disclosure = requested
    use(program, actor(program, "delinde"), signals.withdraw, reference, "vergissing")
    with pytest.raises(Conflict):
        agree(program, actor(program, "fg.delinde"), disclosure)
    assert not log(program, "signal:disclose")


def test_approving_decides_again_with_the_rules_of_that_moment(program, actor, requested):
    _reference, disclosure = requested
    serious = replace(program, settings=replace(program.settings, mode="production"))
    with pytest.raises(Refused) as refusal:
        agree(serious, actor(program, "fg.delinde"), disclosure)
    assert refusal.value.reason == "no_ground"
    assert log(program, "disclosure:refuse")[-1][0].outcome == "refused"
    assert stored(program, disclosure).state == "awaiting_approval"


# -- identity stays sealed ---------------------------------------------------------------------------------------


def test_values_stand_nowhere_in_clear_and_open_for_the_recipient_alone(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    made = disclosed(program, who, reference, "essm")
    found = stored(program, made.reference)
    for agency in ("avim", "havendam", "opvang"):
        with pytest.raises(CannotOpen):
            program.keys.open(agency, found.payload_recipient, referrals.place(found, agency))
    with pytest.raises(CannotOpen):
        program.keys.open("essm", found.payload_recipient, referrals.place(replace_id(found), "essm"))
    dump = everything(program)
    for canary in (b"Zorinka", b"Proefveld", b"0612345678", b"+31612345678", b"1996-04-12", b"T. Olk"):
        assert canary not in dump


def replace_id(found):
    return Disclosure(id="f" * 32)


def everything(program) -> bytes:
    """Every value of every table, as bytes."""
    with reading(program) as session:
        tables = inspect(session.get_bind()).get_table_names()
        pieces = []
        for table in tables:
            for line in session.execute(text(f'SELECT * FROM "{table}"')):
                pieces += [value if isinstance(value, bytes) else str(value).encode() for value in line]
        return b"\n".join(pieces)


def test_two_recipients_know_the_same_person_by_different_names(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    help_, inspectorate = disclosed(program, who, reference, "essm"), disclosed(program, who, reference, "nla")
    one, other = content_of(program, help_, "essm"), content_of(program, inspectorate, "nla")
    assert one.subjects[0].pseudonym != other.subjects[0].pseudonym
    assert reference not in str(one)
    assert [field for field in one.fields if field.name == "signal.reference"] != [
        field for field in other.fields if field.name == "signal.reference"
    ]


# -- looking back ------------------------------------------------------------------------------------------------


def test_the_owner_and_the_auditor_see_each_their_part(program, actor):
    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    made = disclosed(program, who, reference, "essm", ground="X1")
    own = use(program, who, disclosures.read_own, made.reference)
    assert "Zorinka" in str(own.content)
    assert own.recipient == "ESSM, zorgcoördinatie"
    account = use(program, actor(program, "auditor"), disclosures.disclosure_account, made.reference)
    assert "Zorinka" not in str(account)
    assert account.ground.id == "X1"
    assert account.ground_unchanged
    assert account.policy_unchanged
    assert {spec.code for spec, _digest in account.conditions} == {"EXPLICIT_CONSENT", "NEC"}
    assert account.requested_by == who.account_id
    for other in ("delinde", "avim"):
        with pytest.raises(Refused):
            use(program, actor(program, other), disclosures.read_own, made.reference)
    with pytest.raises(Refused):
        use(program, actor(program, "essm"), disclosures.read_own, made.reference)
    with pytest.raises(Refused):
        use(program, who, disclosures.disclosure_account, made.reference)


def test_the_owner_lists_the_disclosures_of_a_signal(program, actor):
    from signaltable.queries import signal_by_reference

    who = actor(program, "havendam")
    reference = submitted(program, who, a_signal(consent=GIVEN))
    made = disclosed(program, who, reference, "essm")
    (line,) = use(program, who, lambda tx: disclosures.disclosures_of(tx, signal_by_reference(tx, reference)))
    assert (line.reference, line.state, line.overdue) == (made.reference, "disclosed", False)


def test_an_answer_is_never_due_before_the_day_of_disclosing(program, actor):
    # Given a signal where there is no time to lose, and a disclosure just after midnight in the Netherlands
    night = replace(program, clock=lambda: datetime(2026, 11, 23, 23, 35, tzinfo=UTC))
    who = actor(night, "havendam")
    reference = submitted(night, who, a_signal(consent=GIVEN, safety={"acute_danger": "yes", "urgency": "now"}))
    made = disclosed(night, who, reference, "essm", ground="X1")
    # Then its first day is the 24th, and it is not overdue on arrival
    assert stored(night, made.reference).due_on >= date(2026, 11, 24)
    (line,) = use(night, actor(night, "essm"), referrals.inbox)[0]
    assert not line.overdue


def test_whoever_stays_behind_is_masked_in_the_account_too(program, actor):
    # Given an account that names the victim, a suspect and his car, in more than one spelling
    who = actor(program, "havendam")
    story = "Zorinka Proefveld is bang voor Wolfram Kwaadbloed. KWAADBLOED rijdt in 12-ABC-3. Bel haar op 06 12345678."
    signal = a_signal(narrative=story, subjects=[a_person(), a_perpetrator()], consent=GIVEN)
    reference = submitted(program, who, signal)
    # When only the victim goes along
    made = disclosed(program, who, reference, "essm", ground="X1", chosen=[1])
    # Then the receiver reads her name and not his
    content = content_of(program, made, "essm")
    (text,) = [field.values[0].words.nl for field in content.fields if field.name == "signal.narrative"]
    assert "Zorinka Proefveld" in text
    assert "12345678" in text
    for hidden in ("Wolfram", "Kwaadbloed", "KWAADBLOED", "12-ABC-3"):
        assert hidden not in text
