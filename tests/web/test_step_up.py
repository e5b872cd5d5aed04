"""What asks once more who it is (ASVS 7.5.3): which pages, in which ways, and that nothing of the form is lost."""

import re

from signaltable.flow.coming_in import app_codes
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.web import create_app
from tests.conftest import PASSWORD
from tests.disclosure_steps import GIVEN, key_for
from tests.factories import a_signal
from tests.letting_in import shown_code
from tests.table_steps import log, submitted
from tests.web.people import Person

ASKING = {
    # Disclosing and passing on, agreeing and looking back
    "disclosures.disclose",
    "transfers.disclose",
    "approvals.approve",
    "duties.review",
    # Seeing who somebody is, and erasing
    "identity_requests.agree",
    "identity_requests.open_first",
    "subject_erasures.decide",
    # Taking along
    "auditor.request_export",
    "auditor.request_processing_log",
    "auditor.download",
    "subject_reports.printed",
    # How somebody signs in
    "account.begin_app",
    "account.app",
    "account.recovery_codes",
    "account.remove_factor",
    "account.end_session",
    "admin.invite",
}


def asking(program):
    app = create_app(program.settings, program)
    return {name for name, view in app.view_functions.items() if hasattr(view, "asks_step_up")}


def test_what_weighs_asks_it(sqlite_program):
    assert ASKING - asking(sqlite_program) == set()


def test_an_export_asks_it_in_each_way_and_goes_on_with_what_was_filled_in(sqlite_program, clock):
    auditor = Person(sqlite_program, "auditor")
    period = {"van": "1-11-2026", "tot": "23-11-2026"}
    for way in ("password", "code"):
        page = auditor.post("/audit/export", period, page="/audit/export")
        assert page.status_code == 422
        assert 'type="hidden" name="van" value="1-11-2026"' in page.text
        given = {"password": PASSWORD, "code": shown_code(page.text)}
        wrong = auditor.post("/audit/export", {**period, f"step_up_{way}": "000000"}, page="/audit/export")
        assert wrong.status_code == 422
        assert 'id="errors"' in wrong.text
        right = auditor.post("/audit/export", {**period, f"step_up_{way}": given[way]}, page="/audit/export")
        assert right.status_code == 303
        clock.forward(minutes=6)
    told = [entry[1] for entry in log(sqlite_program, "login:succeed")]
    assert [one["method"] for one in told if one.get("step_up")] == ["password", "code"]


def test_looking_at_what_would_go_asks_nothing_and_disclosing_asks_it(sqlite_program, actor):
    reference = submitted(sqlite_program, actor(sqlite_program, "havendam"), a_signal(consent=GIVEN))
    key = key_for(sqlite_program, actor(sqlite_program, "havendam"), reference, "essm")
    person = Person(sqlite_program, "havendam")
    page = f"/signalen/{reference}/verstrekken/{key}"
    shown = person.get(page).text
    sent = {name: re.search(f'name="{name}" value="([^"]*)"', shown)[1] for name in ("ground", "seen")}
    look = person.post(page, {**sent, "subjects": "", "step": "look"}, page=page)
    assert "/account/bevestigen" not in look.text
    assert 'name="step_up_password"' in shown
    for forged in ({"step": "disclose"}, {"step": ["look", "disclose"]}, {}):
        asked = person.post(page, {**sent, "subjects": "", **forged}, page=page)
        assert asked.status_code == 422
        assert "Bevestig dat u het bent" in asked.text
    assert not log(sqlite_program, "signal:disclose")


def test_a_proof_is_of_one_session_and_cannot_be_guessed(sqlite_program):
    here, there = Person(sqlite_program, "auditor"), Person(sqlite_program, "auditor")
    here.prove()
    assert here.post("/audit/export", page="/audit/export").status_code == 303
    assert there.post("/audit/export", page="/audit/export").status_code == 422
    limit = sqlite_program.policy.coming_in.attempts_of("code").account
    answers = [
        there.post("/account/bevestigen", {"next": "", "step_up_code": f"{number:06d}"}) for number in range(limit + 1)
    ]
    assert {one.status_code for one in answers} == {422}
    code = app_codes.shown_code(sqlite_program, _account(sqlite_program))
    assert there.post("/account/bevestigen", {"next": "", "step_up_code": code}).status_code == 422
    # The other way is still open, with a count of its own.
    assert there.post("/account/bevestigen", {"next": "", "step_up_password": PASSWORD}).status_code == 303


def _account(program):
    return actor_of_login(program, "auditor").account_id
