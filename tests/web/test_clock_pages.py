"""The pages of stuck cases, of keeping a signal longer and of the reflection period, in a browser without script."""

import re

import pytest
from sqlalchemy import select

from signaltable.flow import referrals
from signaltable.jobs.work import run_stuck
from signaltable.models import Escalation
from signaltable.transaction import reading
from tests.disclosure_steps import GIVEN, disclosed, key_for
from tests.factories import a_signal
from tests.table_steps import row, submitted, use
from tests.web.people import Person

WHY = "De opvang pakt het deze week op."


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def reference(program, actor):
    return submitted(program, actor(program, "havendam"), a_signal(consent=GIVEN))


def day_parts(name, day):
    return {f"{name}-day": str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


def test_the_coordinator_settles_a_stuck_case_and_a_mistake_comes_back_filled_in(program, actor, reference, clock):
    disclosed(program, actor(program, "havendam"), reference, "essm", ground="X1")
    clock.forward(days=3)
    run_stuck(program)
    with reading(program) as session:
        case = session.scalars(select(Escalation.id)).one()
    coordinator = Person(program, "coordinator")
    page = f"/ketenregie/{case}"
    assert f'href="{page}"' in coordinator.get("/overzicht").text
    assert f'href="{page}"' in coordinator.get("/ketenregie").text
    shown = coordinator.get(page).text
    assert "<svg" in shown
    assert "Niemand nam de zaak op tijd aan" in shown
    form = {"version": "1", "agency": "", "result": "taken-up", "reason": WHY}
    wrong = coordinator.post(f"{page}/afhandelen", form, page=page)
    assert (wrong.status_code, WHY in wrong.text) == (422, True)
    went = coordinator.post(f"{page}/afhandelen", {**form, "agency": "opvang"}, page=page)
    assert (went.status_code, went.location) == (303, "/ketenregie")
    assert WHY in coordinator.get(page).text
    assert coordinator.post(f"{page}/afhandelen", form, page=page).status_code == 303
    assert Person(program, "havendam").get(page).status_code == 403
    # The chair sees only what came to the table
    assert Person(program, "voorzitter").get(page).status_code == 404


def test_the_owner_keeps_a_signal_longer_on_its_own_page(program, actor, reference, clock):
    owner, page = Person(program, "havendam"), f"/signalen/{reference}"
    assert f'action="{page}/bewaren"' not in owner.get(page).text
    clock.forward(days=170)
    owner = Person(program, "havendam")
    signal = row(program, reference)
    until = signal.keep_until.replace(day=1).replace(month=signal.keep_until.month + 1)
    form = {"version": str(signal.version), "keep_reason": WHY} | day_parts("until", until)
    assert f'action="{page}/bewaren"' in owner.get(page).text
    wrong = owner.post(f"{page}/bewaren", {**form, **day_parts("until", signal.keep_until)}, page=page)
    assert (wrong.status_code, WHY in wrong.text) == (422, True)
    assert owner.post(f"{page}/bewaren", form, page=page).status_code == 303
    assert row(program, reference).keep_until == until
    assert WHY in owner.get(page).text
    assert Person(program, "delinde").post(f"{page}/bewaren", form, page="/overzicht").status_code == 403


def test_who_looks_after_somebody_notes_the_reflection_period_and_ends_it(program, actor, reference, clock):
    owner = Person(program, "havendam")
    note = f"/bedenktijd/nieuw/signaal/{reference}/1"
    assert f'href="{note}"' in owner.get(f"/signalen/{reference}").text
    wrong = owner.post(note, day_parts("began_on", clock().date().replace(year=2027)), page=note)
    assert (wrong.status_code, 'value="2027"' in wrong.text) == (422, True)
    noted = owner.post(note, day_parts("began_on", clock().date()), page=note)
    assert noted.status_code == 303
    period = noted.location
    assert "23 februari 2027" in owner.get(period).text
    assert f'href="{period}"' in owner.get("/overzicht").text
    assert f'href="{period}"' in owner.get("/bedenktijd").text
    key = key_for(program, actor(program, "havendam"), reference, "nla")
    warning = program.policy.reflection.warning.nl
    assert warning in owner.get(f"/signalen/{reference}/verstrekken/{key}").text
    for login, status in (("essm", 404), ("coordinator", 403)):
        assert Person(program, login).get(period).status_code == status
    ended = owner.post(f"{period}/beeindigen", {"result": "declines", "version": "1"}, page=period)
    assert (ended.status_code, ended.location) == (303, "/bedenktijd")
    assert warning not in owner.get(f"/signalen/{reference}/verstrekken/{key}").text


def test_a_receiver_that_accepted_finds_it_at_what_it_received(program, actor, reference):
    sent = disclosed(program, actor(program, "havendam"), reference, "essm", ground="X1").reference
    essm = Person(program, "essm")
    assert "/bedenktijd/nieuw" not in essm.get(f"/postvak/{sent}").text
    use(program, actor(program, "essm"), referrals.accept, sent)
    (note,) = re.findall(r'href="(/bedenktijd/nieuw/verstrekking/[^"]+)"', essm.get(f"/postvak/{sent}").text)
    noted = essm.post(note, day_parts("began_on", program.clock().date()), page=note)
    assert noted.status_code == 303
    assert f'href="/postvak/{sent}"' in essm.get(noted.location).text
