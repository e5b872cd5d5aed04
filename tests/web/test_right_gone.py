"""The form is open, then the right goes: what is sent is refused, told to the log, and changes nothing (ASVS 8.3.2, 15.4.2)."""

import re
from datetime import timedelta
from urllib.parse import urldefrag

import pytest
from sqlalchemy import delete, func, select

from signaltable.flow import recusals, revoking, setup
from signaltable.flow.accounts import change_account
from signaltable.flow.identity_requests import deciding
from signaltable.flow.rights import grants, looking_back
from signaltable.flow.rights.emergencies import NOT_JUSTIFIED
from signaltable.models import Account, IdentityRequest, LogEntry, TableMember
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD
from tests.disclosure_steps import disclosed
from tests.factories import a_signal
from tests.identity_steps import AGREED, CONSENTED, WHY, asked_for, on_the_table
from tests.rights_steps import DANGER, LOOKED
from tests.table_steps import log, submitted, use
from tests.web.people import Person


class Scene:
    """A region in which much waits, and who works with it."""

    def __init__(self, program, actor, found):
        self.program, self.who, self.found = program, lambda login: actor(program, login), found

    def changed(self, login, **changes):
        with transaction(self.program, setup.INSTALLER) as tx:
            account = tx.session.scalars(select(Account).where(Account.login == login)).one()
            told = {"name": account.name, "roles": sorted(self.who(login).roles), "active": True} | changes
            change_account(tx, account.id, **told)


@pytest.fixture
def scene(sqlite_program, actor, once):
    program = sqlite_program

    def prepare():
        owner = actor(program, "havendam")
        case = on_the_table(program, actor)
        request = asked_for(program, actor(program, "essm"), case).reference
        given = submitted(program, owner, a_signal(consent=CONSENTED))
        return {
            "case": case,
            "request": request,
            "got": disclosed(program, owner, given, "essm").reference,
            "other": submitted(program, owner),
        }

    return Scene(program, actor, once(program, "a right that goes", prepare))


def sent(scene, person, page, path, form, take):
    """Open the page, let the right go, send the form as it was open: the answer, and what the log tells since."""
    shown = person.get(page)
    token = re.search(r'name="csrf_token" value="([^"]+)"', shown.text)
    assert shown.status_code == 200
    assert token, page
    take()
    with reading(scene.program) as session:
        before = session.scalar(select(func.max(LogEntry.seq)))
    answer = person.client.post(path, data={"csrf_token": token[1], **form})
    with reading(scene.program) as session:
        query = select(LogEntry.action, LogEntry.outcome).where(LogEntry.seq > before).order_by(LogEntry.seq)
        return answer, session.execute(query).all()


def grant_of(scene):
    """The focal officer of Havendam may decide for some minutes as a privacy officer."""
    until = scene.program.clock() + timedelta(minutes=5)
    given = {"begins_at": None, "ends_at": until, "reason": "Verlof van een collega"}
    helper = scene.who("havendam").account_id
    return use(scene.program, scene.who("beheer"), grants.give, helper, "privacy-officer", **given)


TAKEN = {
    "a role": 401,
    "the account": 401,
    "a role for some time, taken away": 401,
    "a role for some time, over": 403,
    "an interest": 404,
}


@pytest.mark.parametrize("what", TAKEN)
def test_who_agrees_with_a_right_that_went_meanwhile_agrees_to_nothing(scene, clock, what):
    program, request = scene.program, scene.found["request"]
    login = "havendam" if "some time" in what else "fg.havendam"
    grant = ""
    if "some time" in what:
        # Havendam's focal officer loses that role first, so that the one for some time is all that lets them decide
        scene.changed("havendam", roles=["partner-member"])
        grant = grant_of(scene)
    whom = scene.who(login).account_id
    takes = {
        "a role": lambda: scene.changed(login, roles=["partner-member"]),
        "the account": lambda: scene.changed(login, active=False),
        "a role for some time, taken away": lambda: use(program, scene.who("beheer"), grants.end, grant),
        "a role for some time, over": lambda: clock.forward(minutes=5),
        "an interest": lambda: use(
            program,
            scene.who("coordinator"),
            recusals.declare_for,
            scene.found["case"],
            whom,
            interest="knows_person",
            reason="",
        ),
    }
    page = f"/identiteit/{request}"
    form = {"agree_reason": AGREED, "step_up_password": PASSWORD}
    answer, told = sent(scene, Person(program, login), page, f"{page}/akkoord", form, takes[what])
    # Whose session ended with the right signs in first; for whom the case is no more there is no such page
    assert answer.status_code == TAKEN[what]
    assert log(program, "identity:decide") == []
    # Of strangers nothing is recorded, and whose session ended is one: the log has the right that was taken away
    assert any(outcome == "refused" for _action, outcome in told) == (answer.status_code != 401), told
    with reading(program) as session:
        state = session.scalar(select(IdentityRequest.state).where(IdentityRequest.reference == request))
    assert state == "waiting"


def test_who_lost_the_seat_does_not_see_who_it_is(scene):
    program, page = scene.program, f"/identiteit/{scene.found['request']}"
    use(program, scene.who("fg.havendam"), deciding.agree, scene.found["request"], AGREED)
    form = {"step_up_password": PASSWORD}

    def unseat():
        with transaction(program, setup.INSTALLER) as tx:
            agency = scene.who("essm").agency_id
            tx.session.execute(delete(TableMember).where(TableMember.agency_id == agency))
            tx.record("agency:record", object_type="agency", object_id=agency, details={"agency": agency})

    answer, told = sent(scene, Person(program, "essm"), page, f"{page}/inzien", form, unseat)
    assert (answer.status_code, "Proefveld" in answer.text) == (403, False)
    assert ("access:refuse", "refused") in told
    reader = scene.who("essm").account_id
    assert [entry for entry, _more in log(program, "identity:consult") if entry.actor == reader] == []


def test_what_was_taken_back_meanwhile_is_not_taken_up(scene):
    program, page = scene.program, f"/postvak/{scene.found['got']}"
    cause = next(iter(program.policy.transfers.causes))

    def take_back():
        use(program, scene.who("havendam"), revoking.revoke, scene.found["got"], cause=cause, motivation=WHY)

    answer, told = sent(scene, Person(program, "essm"), page, f"{page}/aannemen", {}, take_back)
    assert answer.status_code == 409
    assert log(program, "disclosure:accept") == []
    assert any(outcome == "refused" for _action, outcome in told), told


def test_an_access_in_acute_danger_that_was_ended_reads_nothing_more(scene):
    program, person = scene.program, Person(scene.program, "delinde")
    page = urldefrag(
        person.post("/acuut", {**DANGER, "reference": scene.found["other"], "step_up_password": PASSWORD}).location
    )[0]
    access = page.rpartition("/")[2]
    looks = {"verdict": NOT_JUSTIFIED, "text": LOOKED}
    answer, _told = sent(
        scene,
        person,
        page,
        f"{page}/klaar",
        {},
        lambda: use(program, scene.who("fg.havendam"), looking_back.review, access, **looks),
    )
    assert answer.status_code in {303, 409}
    assert [details["cause"] for _entry, details in log(program, "emergency:end")] == ["reviewed"]
    before = len(log(program, "signal:consult"))
    person.get(page)
    assert len(log(program, "signal:consult")) == before
