"""The pages of rights that end, acute danger and the yearly review: what people see, and what forgers and late clicks get."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from signaltable.flow import recusals, setup
from signaltable.flow.accounts import change_account
from signaltable.models import EmergencyAccess, RightsReview, RoleGrant
from signaltable.pseudonymise import new_reference
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD
from tests.rights_steps import CALLED, DANGER, LOOKED
from tests.table_steps import log, submitted, use
from tests.web.people import Person

# What a page asks who has to prove once more who they are.
PROOF = {"step_up_password": PASSWORD}


@pytest.fixture
def case(sqlite_program, actor):
    return (
        sqlite_program,
        submitted(sqlite_program, actor(sqlite_program, "havendam")),
        lambda login: Person(sqlite_program, login),
    )


def opened(person, reference, **changes):
    return person.post("/acuut", {"reference": reference, **DANGER, **PROOF, **changes})


def test_a_case_opens_only_after_a_proof_and_the_line_on_every_page_ends_with_it(case, clock):
    """ASVS 7.5.3: proving once more who one is, before a case of others opens."""
    program, reference, person = case
    caller = person("delinde")
    asked = caller.post("/acuut", {"reference": reference, **DANGER})
    assert asked.status_code == 422
    assert CALLED in asked.text  # What was filled in comes back.
    assert log(program, "emergency:open") == []
    answer = opened(caller, reference)
    assert answer.status_code == 303
    page = caller.get(answer.location).text
    assert reference in page
    assert "Zorinka" not in page
    assert answer.location in caller.get("/account").text  # The line on every page leads back.
    assert caller.post(f"{answer.location}/klaar", page=answer.location).status_code == 303
    over = caller.get(answer.location).text
    assert "slaapt op het werk" in page
    assert "slaapt op het werk" not in over
    assert answer.location not in caller.get("/account").text
    assert caller.get(f"/tafel/dossier/{reference}").status_code == 403


def test_what_is_not_there_and_what_one_is_kept_from_is_one_page(case, actor):
    program, reference, person = case
    use(
        program,
        actor(program, "coordinator"),
        recusals.declare_for,
        reference,
        actor(program, "delinde").account_id,
        interest="knows_person",
        reason="",
    )
    unknown = new_reference("S", b"\x05" * 16)
    caller = person("delinde")
    pages = []
    for one in (unknown, reference):
        answer = opened(caller, one)
        assert answer.status_code == 422
        # Apart from what was typed, the token of the form, and how often is left.
        pages.append(re.sub(r"\d", "", re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text).replace(one, "")))
    assert pages[0] == pages[1]


def test_an_address_of_somebody_else_opens_nothing(case):
    """ASVS 8.2.2: each account reads what it opened, and nobody else's."""
    _program, reference, person = case
    page = opened(person("delinde"), reference).location
    access = page.rpartition("/")[2]
    for login in ("avim", "coordinator", "havendam"):
        assert person(login).get(page).status_code == 404
    for login in ("auditor", "beheer", "fg.havendam"):
        assert person(login).get(page).status_code == 403
    assert person("delinde").get(f"/acuut/nazien/{access}").status_code == 403
    assert person("avim").get(f"/acuut/melding/{access}").status_code == 403
    assert CALLED in person("havendam").get(f"/acuut/melding/{access}").text
    assert CALLED not in person("auditor").get(f"/acuut/nazien/{access}").text


def test_forged_forms_are_refused_and_change_nothing(case):
    program, reference, person = case
    caller = person("delinde")
    assert opened(caller, reference, danger="boredom").status_code == 403
    assert opened(caller, reference, hours="2000").status_code == 403
    page = opened(caller, reference).location
    back = f"/acuut/nazien/{page.rpartition('/')[2]}"
    officer = person("fg.havendam")
    assert officer.post(back, {"verdict": "fine", "words": LOOKED, **PROOF}).status_code == 403
    assert officer.post(back, {"verdict": "justified", "words": LOOKED, "account": "x", **PROOF}).status_code == 403
    assert person("auditor").post(back, {"verdict": "justified", "words": LOOKED}).status_code == 403
    with reading(program) as session:
        assert session.scalars(select(EmergencyAccess)).one().reviewed_at is None


def test_who_looks_back_second_reads_what_the_first_did_and_keeps_the_own_words(case, clock):
    program, reference, person = case
    page = opened(person("avim"), reference).location
    clock.forward(hours=5)
    back = f"/acuut/nazien/{page.rpartition('/')[2]}"
    first, second = person("fg.havendam"), person("fg.delinde")
    token = re.search(r'name="csrf_token" value="([^"]+)"', second.get(back).text)[1]
    assert first.post(back, {"verdict": "justified", "words": LOOKED, **PROOF}).status_code == 303
    late = second.client.post(
        back,
        data={"csrf_token": token, "verdict": "not_justified", "words": "Ik vond van niet, want er was tijd.", **PROOF},
    )
    assert late.status_code == 409
    assert "Ik vond van niet" in late.text
    assert len(log(program, "emergency:review")) == 1


# -- roles for some time ------------------------------------------------------------------------------------------


def until(clock, days, **changes):
    day = clock.now + timedelta(days=days)
    return {
        "ends-day": day.day,
        "ends-month": day.month,
        "ends-year": day.year,
        "ends_at": "17:00",
        "reason": "Verlof",
        "begins-day": "",
        "begins-month": "",
        "begins-year": "",
        "begins_at": "",
        "role": "partner-member",
        **changes,
    }


def test_the_administrator_gives_a_role_and_its_holder_sees_until_when(case, actor, clock):
    program, _reference, person = case
    account, admin = actor(program, "havendam").account_id, person("beheer")
    page = f"/beheer/tijdelijk/geven/{account}"
    for wrong in (
        {"ends_at": "25:00"},
        {"ends_at": "half zes"},
        {"ends-month": 13},
        {"begins_at": "9:00"},
        {"ends-year": 9999},
        {"role": ""},
    ):
        answer = admin.post(page, until(clock, 3, **wrong), page=page)
        assert answer.status_code == 422
        assert "Verlof" in answer.text
    assert admin.post(page, until(clock, 3, role="auditor"), page=page).status_code == 403
    # The hour that the clock skips in spring
    spring = {"ends-day": 28, "ends-month": 3, "ends-year": 2027, "ends_at": "02:30"}
    assert admin.post(page, until(clock, 3, **spring), page=page).status_code == 422
    assert admin.post(page, until(clock, 3), page=page).status_code == 303
    assert "17:00" in person("havendam").get("/account").text
    with reading(program) as session:
        grant = session.scalars(select(RoleGrant)).one()
    assert grant.ends_at.hour == 16  # Winter: an hour before Dutch time
    assert "Verlof" in admin.get("/beheer/tijdelijk").text
    taken = admin.post(f"/beheer/tijdelijk/{grant.id}/einde", page="/beheer/tijdelijk")
    assert taken.status_code == 303
    assert "Verlof" in admin.get("/beheer/tijdelijk?stand=voorbij").text
    assert admin.get("/beheer/tijdelijk?stand=alles").status_code == 404
    own = f"/beheer/tijdelijk/geven/{actor(program, 'beheer').account_id}"
    assert admin.get(own).status_code == 303


# -- the yearly review --------------------------------------------------------------------------------------------

PAGE = "/rechten/organisatie/havendam"


def form_of(officer):
    shown = officer.get(PAGE).text
    seal, lines = (re.search(rf'name="{name}" value="([^"]+)"', shown)[1] for name in ("seal", "lines"))
    return {"seal": seal, "lines": lines, **{f"reden-{number}": "" for number in range(int(lines))}, **PROOF}


def test_signing_what_somebody_changed_meanwhile_shows_it_anew(case, actor):
    """ASVS 8.3.2, 2.3.1: what is signed is what was on the screen."""
    program, _reference, person = case
    officer = person("fg.havendam")
    form = form_of(officer)
    with transaction(program, setup.INSTALLER) as tx:
        change_account(
            tx,
            actor(program, "havendam").account_id,
            name="Hanneke",
            roles=["focal-officer", "care-coordinator"],
            active=True,
        )
    assert officer.post(PAGE, form).status_code == 409
    with reading(program) as session:
        assert session.scalars(select(RightsReview)).all() == []
    answer = officer.post(PAGE, form_of(officer))
    assert answer.status_code == 303
    page = officer.get(answer.location).text
    ((_entry, details),) = log(program, "rights:sign")
    assert details["digest"] in page
    paper, sheet = officer.get(f"{answer.location}/pdf"), officer.get(f"{answer.location}/csv")
    assert (paper.data[:4], sheet.mimetype) == (b"%PDF", "text/csv")
    assert "Hanneke" not in sheet.text
    for login, status in (("fg.delinde", 403), ("havendam", 403), ("auditor", 200), ("beheer", 200)):
        assert person(login).get(answer.location).status_code == status


def test_a_line_without_a_reason_comes_back_and_a_line_too_many_is_refused(case):
    program, _reference, person = case
    officer = person("fg.havendam")
    answer = officer.post(PAGE, {**form_of(officer), "weghalen-0": "ja", "reden-1": "Blijft staan"})
    assert answer.status_code == 422
    assert "Blijft staan" not in answer.text  # A reason of a line that stays is no part of it.
    assert 'id="weghalen-0" name="weghalen-0"' in answer.text
    for forged in ({"weghalen-99": "ja"}, {"weghalen-0": "nee"}, {"signed_by": "x"}):
        assert officer.post(PAGE, {**form_of(officer), **forged}).status_code == 403
    assert person("auditor").post(PAGE, {"seal": "x", "lines": "1"}, page=PAGE).status_code == 403
    assert person("fg.delinde").post(PAGE, {**form_of(officer)}, page="/rechten/organisatie/delinde").status_code == 403
    with reading(program) as session:
        assert session.scalars(select(RightsReview)).all() == []
