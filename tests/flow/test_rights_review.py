"""The yearly look at who can do what: signed as it was shown, settled by what the administrator did, read back later."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow import fsck, retention, setup, work_list
from signaltable.flow.accounts import change_account, record_account
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.sessions import open_session
from signaltable.flow.rights import grants, papers, reviews
from signaltable.flow.rights.lines import BREAK_GLASS, NO_FACTOR, NO_ROLE, UNUSED
from signaltable.jobs.work import JOBS, run_rights, run_rights_review
from signaltable.models import Account, Mail, RightsReview, RoleGrant, SecondFactor
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD
from tests.table_steps import log, use


@pytest.fixture
def people(sqlite_program, actor):
    """The privacy officer of havendam, the administrator, and somebody whose work there ended."""
    with transaction(sqlite_program, setup.INSTALLER) as tx:
        made = {
            "login": "weg@havendam.example",
            "name": "=Weg Collega",
            "agency_id": "havendam",
            "roles": ["partner-member"],
        }
        gone = record_account(tx, password=PASSWORD, **made)
    return sqlite_program, gone, lambda login: actor(sqlite_program, login)


def signed(program, officer, **taken):
    seal = use(program, officer, reviews.overview, officer.agency_id).now.seal
    return use(program, officer, reviews.sign, seal, taken)


def lines(program, who, agency="havendam"):
    return {one.id: one for one in use(program, who, reviews.overview, agency).now.lines}


def test_one_line_for_everybody_with_all_that_they_can_do(people, clock):
    program, gone, who = people
    holder = who("havendam").account_id
    use(
        program,
        who("beheer"),
        grants.give,
        holder,
        "partner-member",
        begins_at=None,
        ends_at=clock.now + timedelta(days=3),
        reason="Verlof",
    )
    with program.write_sessions() as session:
        session.execute(update(Account).where(Account.id == gone).values(break_glass=True))
        session.execute(
            SecondFactor.__table__.insert().values(
                id="f1",
                account_id=holder,
                agency_id="havendam",
                kind="totp",
                title="",
                secret_sealed=b"",
                last_step=0,
                public_key=b"",
                sign_count=0,
                transports=[],
                aaguid="",
                backed_up=False,
                shown=False,
                made_at=clock.now,
                confirmed_at=clock.now,
            )
        )
        account = session.get(Account, holder)
        session.commit()
    open_session(program, account, ANONYMOUS, strength="two_factors")
    found = lines(program, who("fg.havendam"))
    assert set(found) == {holder, gone, who("fg.havendam").account_id}
    one = found[holder]
    assert (one.roles, [each.role for each in one.for_a_time], "totp" in one.factors) == (
        ("focal-officer",),
        ["partner-member"],
        True,
    )
    assert one.used_at == clock.now
    assert {BREAK_GLASS, NO_FACTOR} <= set(found[gone].marks)
    # Not used for three months, and no role any more
    clock.forward(days=93)
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, gone, name="Nog", roles=["partner-member"], active=True)
    with program.write_sessions() as session:
        session.execute(
            Account.__table__.metadata.tables["account_roles"]
            .delete()
            .where(Account.__table__.metadata.tables["account_roles"].c.account_id == gone)
        )
        session.commit()
    assert {UNUSED, NO_ROLE} <= set(lines(program, who("fg.havendam"))[gone].marks)


def test_each_looks_at_what_is_theirs(people):
    program, _gone, who = people
    for login in ("auditor", "beheer"):
        assert lines(program, who(login), "delinde")
        assert not use(program, who(login), reviews.overview, "delinde").may_sign
        with pytest.raises(Refused):
            use(program, who(login), reviews.sign, "", {})
    with pytest.raises(Refused) as other:
        use(program, who("fg.havendam"), reviews.overview, "delinde")
    assert other.value.reason == "other_agency"
    with pytest.raises(Refused):
        use(program, who("havendam"), reviews.overview, "havendam")
    assert [one.agency_id for one in use(program, who("fg.havendam"), reviews.standings)] == ["havendam"]
    assert len(use(program, who("auditor"), reviews.standings)) > 5


def test_what_is_signed_is_what_was_shown_and_the_log_has_its_digest(people):
    program, gone, who = people
    officer = who("fg.havendam")
    seal = use(program, officer, reviews.overview, "havendam").now.seal
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, gone, name="Weg", roles=["partner-member", "care-coordinator"], active=True)
    with pytest.raises(Conflict) as changed:
        use(program, officer, reviews.sign, seal, {})
    assert changed.value.reason == "changed"
    # That somebody signs in meanwhile is no change of rights
    seal = use(program, officer, reviews.overview, "havendam").now.seal
    with reading(program) as session:
        account = session.get(Account, who("havendam").account_id)
    open_session(program, account, ANONYMOUS, strength="two_factors")
    review = use(program, officer, reviews.sign, seal, {})
    read = use(program, officer, reviews.read, review)
    ((entry, details),) = log(program, "rights:sign")
    assert (entry.actor, details["digest"], details["count"]) == (officer.account_id, read.digest, 3)
    assert read.whole
    with program.write_sessions() as session:
        row = session.get(RightsReview, review)
        row.verdicts = {**row.verdicts, gone: {"verdict": "take_away", "reason": "later erbij gezet"}}
        session.commit()
    assert not use(program, officer, reviews.read, review).whole


def test_what_is_taken_away_is_work_until_the_account_is_changed(people, clock):
    program, gone, who = people
    officer = who("fg.havendam")
    with pytest.raises(UnusableInput) as no_reason:
        signed(program, officer, **{gone: "  "})
    assert list(no_reason.value.problems) == [gone]
    with pytest.raises(UnusableInput):
        signed(program, officer, **{who("avim").account_id: "niet van ons"})
    review = signed(program, officer, **{gone: "Werkt hier niet meer sinds de zomer."})
    assert [one.key for one in use(program, who("beheer"), work_list.mine) if one.kind == "rights-settling"] == [review]
    with reading(program) as session:
        assert session.scalars(select(Mail.account_id).where(Mail.template == "rights-taken-away")).all() == [
            who("beheer").account_id
        ]
    # Another change of the account settles nothing
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, gone, name="Andere naam", roles=["partner-member", "care-coordinator"], active=True)
    run_rights_review(program)
    assert [one.settled for one in use(program, officer, reviews.read, review).lines if one.verdict == "take_away"] == [
        False
    ]
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, gone, name="Andere naam", roles=["partner-member"], active=False)
    assert [one for one in use(program, who("beheer"), work_list.mine) if one.kind == "rights-settling"] == []
    assert run_rights_review(program) == "settled:1"
    assert run_rights_review(program) == ""
    ((_entry, details),) = log(program, "rights:settle")
    assert (details["review"], details["count"]) == (review, 1)
    later = use(program, officer, reviews.read, review)
    assert later.settled_at == clock.now
    assert [(one.id, one.what) for one in later.changes] == [(gone, "gone")]


def test_a_newer_review_judges_anew(people, clock):
    program, gone, who = people
    officer = who("fg.havendam")
    signed(program, officer, **{gone: "Werkt hier niet meer sinds de zomer."})
    clock.forward(days=1)
    signed(program, officer)
    assert [one for one in use(program, who("beheer"), work_list.mine) if one.kind == "rights-settling"] == []
    assert run_rights_review(program) == "settled:1"


def test_after_a_year_it_is_due_and_a_month_before_somebody_hears_of_it(people, clock):
    program, _gone, who = people
    officer = who("fg.havendam")

    def due():
        return [one.kind for one in use(program, who("fg.havendam"), work_list.mine)].count("rights-review")

    signed(program, officer)
    run_rights_review(program)
    assert due() == 0
    clock.forward(days=334)  # a year but a month and a day
    run_rights_review(program)
    assert due() == 0
    clock.forward(days=2)
    run_rights_review(program)
    run_rights_review(program)
    assert due() == 1
    with reading(program) as session:
        told = select(Mail).where(Mail.template == "rights-review", Mail.account_id == officer.account_id)
        assert len(session.scalars(told).all()) == 1
    signed(program, officer)
    assert due() == 0


def test_changes_since_are_told_by_what_somebody_can_do(people, clock):
    program, gone, who = people
    review = signed(program, who("fg.havendam"))
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, gone, name="Weg", roles=["partner-member", "care-coordinator"], active=True)
        change_account(tx, who("havendam").account_id, name="Hannah", roles=["care-coordinator"], active=True)
        new = record_account(
            tx, login="nieuw", name="Nieuw", agency_id="havendam", roles=["partner-member"], password=PASSWORD
        )
    changes = {one.id: one.what for one in use(program, who("fg.havendam"), reviews.read, review).changes}
    assert changes == {gone: "more", who("havendam").account_id: "other", new: "new"}


def test_a_file_has_no_names_and_no_formulas(people):
    program, gone, who = people
    officer = who("fg.havendam")
    review = signed(program, officer, **{gone: '=HYPERLINK("http://x")'})
    read = use(program, officer, reviews.read, review)
    for lang in ("nl", "en"):
        rows = list(csv.reader(io.StringIO(papers.as_table(read, program.policy, lang))))
        assert len(rows) == 4
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
        assert "Collega" not in str(rows)
        assert papers.as_paper(read, program.policy, lang).startswith(b"%PDF")
    assert [row[0] for row in rows[1:]] == [one.line.id for one in read.lines]


def test_after_their_term_old_ones_go_and_the_newest_review_stays(people, clock):
    program, gone, who = people
    ends_at = clock.now + timedelta(days=2)
    use(program, who("beheer"), grants.give, gone, "care-coordinator", begins_at=None, ends_at=ends_at, reason="Verlof")
    first = signed(program, who("fg.havendam"))
    clock.forward(days=3)
    last = signed(program, who("fg.havendam"))
    run_rights(program)
    for days, left in ((365 * 5 - 5, 2), (10, 1)):
        clock.forward(days=days)
        retention.sweep(program, JOBS)
        with reading(program) as session:
            assert len(session.scalars(select(RightsReview.id)).all()) == left
            assert len(session.scalars(select(RoleGrant.id)).all()) == left - 1
    with reading(program) as session:
        assert session.scalars(select(RightsReview.id)).all() == [last]
    told = [details["objects"] for _entry, details in log(program, "retention:erase") if details["rule"] == "rights"]
    assert [first] in told
    # What was erased is missing for nobody: the log says so
    assert {one.kind for one in fsck.inspect(program).findings} <= {"signing-stopped"}
