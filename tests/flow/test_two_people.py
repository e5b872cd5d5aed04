"""Two people must be two people, also at the same moment: of what waits for a second person one decision counts.

Who was second reads what was done; who asked is never who agrees; a role that goes between the page and the press, or between
the gate and the commit, decides nothing. On both databases, with threads (ASVS 2.3.3, 2.3.4, 2.3.5, 8.3.2, 15.4.2).
"""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from signaltable.domain import Channel, Conflict, Refused
from signaltable.flow import approvals, recusals, setup, subject_erasures
from signaltable.flow.accounts import change_account, record_account
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.coming_in.proving import confirm_password
from signaltable.flow.identity_requests import deciding
from signaltable.flow.rights import grants, looking_back, opening, reviews
from signaltable.flow.rights import reading as danger
from signaltable.flow.rights.emergencies import JUSTIFIED, NOT_JUSTIFIED
from signaltable.flow.table import tables
from signaltable.models import Account, AccountRole, LogEntry, RegionalTable, TableMember
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD
from tests.disclosure_steps import disclosed
from tests.factories import a_person, a_signal
from tests.identity_steps import AGREED, CONSENTED, asked_for, on_the_table
from tests.table_steps import log, submitted, use

BECAUSE = "Niemand heeft de gegevens nog nodig en zij is veilig."
SAFE = {"asker": "checked", "danger": "no", "needed": "no"}
CALLED = "De bewoner is meegenomen in een busje, de buurvrouw belt nu."
LOOKED = "De buurvrouw belde echt en de coordinator was niet te bereiken."
ACTS = (
    "identity:decide",
    "disclosure:approve",
    "disclosure:reject",
    "subject:decide",
    "emergency:review",
    "rights:sign",
)


class Desk:
    """Everybody by login, as they are now, and what each of them presses."""

    def __init__(self, program, waiting):
        self.program, self.waiting = program, waiting

    def who(self, login):
        return actor_of_login(self.program, login)

    def presses(self, login, what, which=0, *, against=False):
        """The last step of one who decides about what waits, as a use case in a transaction."""
        who, item = self.person(login), self.waiting[what][which] if what != "rights" else ""
        if what == "identity":
            step = deciding.refuse if against else deciding.agree
            return who, lambda tx: step(tx, item, AGREED)
        if what == "disclosure" and against:
            return who, lambda tx: approvals.reject(tx, item, BECAUSE)
        if what == "disclosure":
            confirmed = confirm_password(self.program, who, PASSWORD)
            return who, lambda tx: approvals.approve(tx, item, confirmed)
        if what == "erasure" and against:
            exception = self.program.policy.safety_check.erasure_exception[0].id
            return who, lambda tx: subject_erasures.refuse(tx, item, answers=SAFE, exception=exception, reason=BECAUSE)
        if what == "erasure":
            return who, lambda tx: subject_erasures.erase(tx, item, answers=SAFE, reason=BECAUSE)
        if what == "danger":
            verdict = NOT_JUSTIFIED if against else JUSTIFIED
            return who, lambda tx: looking_back.review(tx, item, verdict, LOOKED)
        seal = use(self.program, who, reviews.overview, who.agency_id).now.seal
        return who, lambda tx: reviews.sign(tx, seal, {})

    def person(self, login):
        # As they came in through a browser: a right that ends counts for them, and not for the command line.
        return replace(self.who(login), channel=Channel.WEB, strength="two_factors")


@pytest.fixture
def desk(program, actor, once):
    """What waits for a second person: two identity requests, disclosures, erasures and looks back."""

    def prepare():
        owner, officer, care = actor(program, "havendam"), actor(program, "fg.havendam"), actor(program, "delinde")
        case = on_the_table(program, actor)
        identity = [asked_for(program, actor(program, login), case).reference for login in ("essm", "fier")]
        minor = {"capacity": "care-wgbo", "subjects": [a_person(age="minor", age_years=16)]}
        going = []
        for _each in range(2):
            reference = submitted(program, care, a_signal(**minor))
            going.append(disclosed(program, care, reference, "veilig-thuis", ground="Z3", age="minor").reference)
        erasures, opened = [], []
        for _each in range(2):
            reference = submitted(program, owner, a_signal(consent=CONSENTED))
            erasures.append(
                use(
                    program, officer, subject_erasures.request, reference, 1, ground="consent_withdrawn", reason=BECAUSE
                )
            )
            given = {"danger": "held", "reason": CALLED, "acute": True}
            opened.append(use(program, actor(program, "avim"), opening.open_case, reference, **given).id)
        # A second focal officer and a second privacy officer at Havendam
        with transaction(program, setup.INSTALLER) as tx:
            for login, role in (("gemeente2", "focal-officer"), ("fg2", "privacy-officer")):
                record(tx, login, role)
        return {"identity": identity, "disclosure": going, "erasure": erasures, "danger": opened, "case": case}

    waiting = once(program, "two people", prepare)
    return Desk(program, waiting)


def record(tx, login, role):
    record_account(tx, login=login, name=login, agency_id="havendam", roles=[role], password=PASSWORD)


# Who decides, a second one who may as well, and what the log calls it.
DECIDES = {
    "identity": ("fg.havendam", "gemeente2"),
    "disclosure": ("fg.delinde", "voorzitter"),
    "erasure": ("havendam", "gemeente2"),
    "danger": ("fg.havendam", "fg.delinde"),
    "rights": ("fg.havendam", "fg2"),
}


def at_once(program, *presses):
    """What came of these when all began at the same moment: "done", or the reason of what was raised."""
    ready, came = threading.Barrier(len(presses)), []

    def go(who, step):
        ready.wait()
        try:
            use(program, who, step)
            came.append("done")
        except (Conflict, Refused) as problem:
            came.append(problem.reason)
        except Exception as problem:  # noqa: BLE001 -- whatever goes wrong in a thread must reach the assert
            came.append(repr(problem))

    threads = [threading.Thread(target=go, args=one) for one in presses]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sorted(came)


def acts(program):
    """How often each act of a second person stands in the log."""
    return [one["action"] for one in entries(program) if one["action"] in ACTS]


def entries(program):
    with reading(program) as session:
        return [json.loads(raw) for raw in session.scalars(select(LogEntry.entry).order_by(LogEntry.seq))]


def change(program, login, **changes):
    """An administrator changes this account; what is not named stays."""
    with transaction(program, setup.INSTALLER) as tx:
        account = tx.session.scalars(select(Account).where(Account.login == login)).one()
        told = {"name": account.name, "roles": sorted(actor_of_login(program, login).roles), "active": True} | changes
        change_account(tx, account.id, **told)


SECOND = {
    "identity": "decided",
    "disclosure": "decided",
    "erasure": "decided",
    "danger": "reviewed",
    "rights": "changed",
}


def test_of_two_windows_or_two_people_one_decision_counts(desk, clock):
    """One person in two windows says yes and no; two people both agree."""
    program = desk.program
    clock.forward(hours=5)  # What was opened in acute danger is over
    for what, (one, other) in DECIDES.items():
        before = len(acts(program))
        against = what != "rights"
        came = at_once(program, desk.presses(one, what), desk.presses(one, what, against=against))
        assert came == sorted(["done", SECOND[what]]), what
        assert len(acts(program)) == before + 1, what
        came = at_once(program, desk.presses(one, what, 1), desk.presses(other, what, 1))
        assert came == sorted(["done", SECOND[what]]), what
        assert len(acts(program)) == before + 2, what


# Who asked, and the role that would let them agree.
ASKED = {
    "disclosure": ("delinde", "privacy-officer"),
    "erasure": ("fg.havendam", "focal-officer"),
    "danger": ("avim", "privacy-officer"),
}


def test_who_asked_agrees_in_no_other_session_and_with_no_other_role(desk):
    program = desk.program
    for what, (login, role) in ASKED.items():
        roles = sorted({*desk.who(login).roles, role})
        change(program, login, roles=roles)
        came = at_once(program, desk.presses(login, what), desk.presses(login, what))
        assert came == ["own_request", "own_request"], what
    # Who asks for an identity works elsewhere than who decides; moved there with a role that decides, it is the same person
    asker = desk.person("essm")
    moved = replace(asker, agency_id="havendam", roles=desk.who("fg.havendam").roles)
    moved = replace(moved, permissions=desk.who("fg.havendam").permissions)
    _who, press = desk.presses("fg.havendam", "identity")
    assert at_once(program, (moved, press), (moved, press)) == ["own_request", "own_request"]
    assert acts(program) == []


def taken_in_the_middle(program, who, step, take, *, waits=False):
    """`take` happens after the gate let `step` through; whether the step was stored, and whether it had to wait."""
    problems, reasons = [], set()

    def go():
        try:
            take()
        except Exception as problem:  # noqa: BLE001 -- whatever goes wrong in a thread must reach the assert
            problems.append(problem)

    taking = threading.Thread(target=go)
    sqlite = waits or program.settings.database_url.startswith("sqlite")
    try:
        with transaction(program, who) as tx:
            step(tx)
            taking.start()
            if not sqlite:
                taking.join(180)
                assert not taking.is_alive(), "who takes a right away waits for nobody that has not come to the end"
    except Refused as refusal:
        reasons.add(refusal.reason)
    taking.join(180)
    assert problems == []
    assert reasons <= {"right_withdrawn", "conflict_of_interest"}
    # On SQLite the other waits, and comes second; on PostgreSQL it is done in the middle
    assert (reasons == set()) == sqlite
    return not reasons


@pytest.mark.parametrize("what", DECIDES)
def test_a_role_that_goes_before_the_press_or_before_the_commit_decides_nothing(desk, clock, what):
    program, (login, other) = desk.program, DECIDES[what]
    clock.forward(hours=5)
    # The page was read with the role; whoever presses holds it no more
    pressed = desk.presses(other, what)
    change(program, other, roles=["partner-member"])
    assert at_once(program, pressed) == ["changed" if what == "rights" else "right_withdrawn"]
    assert acts(program) == []
    who, step = desk.presses(login, what)

    def take():
        change(program, login, roles=["partner-member"])

    # What is erased is told to the log at once, and the right is asked before that: whoever takes it away waits.
    stored = taken_in_the_middle(program, who, step, take, waits=what == "erasure")
    assert len(acts(program)) == stored
    # No act of theirs stands in the log after the role went
    order = [one["action"] for one in entries(program) if one["action"] in {*ACTS, "account:change"}]
    assert order[-1] == "account:change"


# -- what else can be lost in the middle -------------------------------------------------------------------------------


def test_a_seat_an_interest_a_role_for_some_time_and_danger_that_ends_count_at_the_commit(desk):
    """What the gate saw of the agency, the case and the person has to be there at the end too (ASVS 8.2.2, 8.3.2)."""
    program = desk.program
    admin = desk.who("beheer")

    # Somebody looks back and ends an access in acute danger, while its person reads the case by it
    who, step = desk.presses("fg.havendam", "danger", against=True)
    reader = desk.person("avim")
    read = taken_in_the_middle(
        program, reader, lambda tx: danger.consult(tx, desk.waiting["danger"][0]), lambda: use(program, who, step)
    )
    assert len(log(program, "emergency:end")) == 1
    assert [entry.actor for entry, _more in log(program, "signal:consult")].count(reader.account_id) == read
    # A role for some time is taken away from who looks back with it
    helper = desk.who("gemeente2")
    until = program.clock() + timedelta(days=2)
    given = {"begins_at": None, "ends_at": until, "reason": "Verlof van een collega"}
    grant = use(program, admin, grants.give, helper.account_id, "privacy-officer", **given)
    who, step = desk.presses("gemeente2", "danger", 1, against=True)
    reviewed = taken_in_the_middle(program, who, step, lambda: use(program, admin, grants.end, grant))
    assert len(log(program, "emergency:review")) == 1 + reviewed
    # The seat of who chairs the table, while the chair agrees to a disclosure of another agency
    change(program, "avim", roles=["table-coordinator"])

    def leave():
        with transaction(program, admin) as tx:
            chair = desk.who("voorzitter").agency_id
            seat = tx.session.scalars(select(TableMember).where(TableMember.agency_id == chair)).one()
            table = tx.session.get_one(RegionalTable, seat.table_id)
            members = tx.session.scalars(select(TableMember.agency_id).where(TableMember.table_id == table.id)).all()
            left = tuple(one for one in members if one != chair)
            tables.change_table(tx, table.id, tables.Described(table.title, table.region, table.theme, left))

    who, step = desk.presses("voorzitter", "disclosure")
    agreed = taken_in_the_middle(program, who, step, leave)
    # Somebody notes that the one who decides has an interest in the case
    who, step = desk.presses("fg.havendam", "identity")
    about = {"interest": "knows_person", "reason": ""}

    def note():
        use(program, desk.who("avim"), recusals.declare_for, desk.waiting["case"], who.account_id, **about)

    # Whoever keeps somebody away takes the case for it, and waits for what was begun
    decided = taken_in_the_middle(program, who, step, note, waits=True)
    assert [acts(program).count(one) for one in ("disclosure:approve", "identity:decide")] == [agreed, decided]


def test_of_two_administrators_who_take_each_other_away_one_is_first(desk):
    program = desk.program
    with transaction(program, setup.INSTALLER) as tx:
        record(tx, "beheer2", "administrator")
    one, other = desk.person("beheer"), desk.person("beheer2")

    def away(whom):
        return lambda tx: change_account(tx, whom.account_id, name="Beheer", roles=["auditor"], active=True)

    assert at_once(program, (one, away(other)), (other, away(one))) == ["done", "right_withdrawn"]
    with reading(program) as session:
        held = session.execute(
            select(AccountRole.role).where(AccountRole.account_id.in_([one.account_id, other.account_id]))
        )
        assert sorted(held.scalars()) == ["administrator", "auditor"]
