"""Storing what the program proposes: in as many statements for ten proposals as for one, with the same rows as ever."""

import json

import pytest
from sqlalchemy import event, select, update

from signaltable import row_digests
from signaltable.db import table_of
from signaltable.domain import LinkState
from signaltable.flow import recusals, signals
from signaltable.models import Account, Link, LogDetail, LogEntry, Mail, Signal, Subject
from signaltable.transaction import reading, transaction
from tests.conftest import Clock, open_for_test
from tests.factories import a_signal
from tests.linking_steps import at_desk
from tests.table_steps import colleague, submitted, use

MANY = 8


@pytest.fixture(scope="module")
def shared(shared_settings):
    yield from open_for_test(shared_settings, Clock())


@pytest.fixture
def desk(shared):
    with at_desk(shared) as made:
        yield made


def strangers(program, who, count):
    """So many signals about somebody, of which nobody says that they are one: each is proposed by itself."""
    made = [submitted(program, who) for _ in range(count)]
    with program.write_sessions() as session:
        session.execute(update(Link).values(state=LinkState.ENDED))
        session.commit()
    return made


def sent_by_submitting(program, who):
    """The statements of a submit without its commit, and how many proposals came of it."""
    sent = []

    def note(*told):
        sent.append(told[2])

    with transaction(program, who) as tx:
        engine = tx.connection().engine
        event.listen(engine, "before_cursor_execute", note)
        made = signals.submit(tx, a_signal())
        event.remove(engine, "before_cursor_execute", note)
    # PostgreSQL hears besides for whom each of them is.
    return [one for one in sent if "signaltable.pass" not in one], len(made.links)


def test_a_submit_sends_as_many_statements_for_many_proposals_as_for_three(sqlite_program, actor):
    who = actor(sqlite_program, "havendam")
    strangers(sqlite_program, who, 3)
    few, proposed = sent_by_submitting(sqlite_program, who)
    assert proposed == 3
    strangers(sqlite_program, who, MANY - 4)
    many, proposed = sent_by_submitting(sqlite_program, who)
    assert proposed == MANY

    assert len(many) == len(few)
    assert sum(one.startswith("INSERT INTO links") for one in many) == 1
    assert sum(one.startswith("INSERT INTO mails") for one in many) == 1


def test_the_log_says_of_new_links_what_the_rows_say(sqlite_program, actor):
    program, who = sqlite_program, actor(sqlite_program, "havendam")
    strangers(program, who, 3)
    reference = submitted(program, who)

    with reading(program) as session:
        own = select(Subject.id).join(Signal).where(Signal.reference == reference)
        links = session.scalars(
            select(Link).where(Link.subject_a.in_(own) | Link.subject_b.in_(own)).order_by(Link.id)
        ).all()
        keys = [(link.id,) for link in links]
        held = row_digests.current(session, program.keys, table_of(Link), keys)
        details = session.scalars(select(LogDetail.details)).all()
        told = [json.loads(one).get("rows", {}).get("links", {}) for one in details]
        entries = {
            entry.object: json.loads(detail)
            for entry, detail in session.execute(
                select(LogEntry, LogDetail.details).join(LogDetail, LogDetail.seq == LogEntry.seq)
            )
            if entry.action == "link:propose"
        }

    assert len(links) == 3
    # One commit, one entry that says the digests of all its rows.
    assert held in told
    for link in links:
        assert (link.state, link.origin, link.ended_at) == (LinkState.PROPOSED, "", None)
        assert link.subject_a < link.subject_b
        told_of = entries[link.id]
        assert told_of["evidence_kinds"] == sorted(link.compared)
        assert told_of["strength"] == link.outcome
        assert reference in told_of["signals"]
        assert len(told_of["signals"]) == len(told_of["subject_refs"]) == 2


def test_each_proposal_is_told_to_both_submitters_and_to_a_colleague_of_who_keeps_away(sqlite_program, actor):
    # Given two signals of somebody who keeps away from one of them
    program = sqlite_program
    colleague(program, "havendam.twee", "havendam", "focal-officer")
    one = actor(program, "havendam")
    kept = strangers(program, one, 2)
    use(program, one, recusals.declare, "signal", kept[0], interest="knows_person", reason="")
    # When a third signal of another agency is proposed to both
    submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo"))

    # Then of each link those are told that nothing keeps from it
    told = {}
    with reading(program) as session:
        rows = session.execute(
            select(Signal.reference, Account.login)
            .join(Subject, Subject.signal_id == Signal.id)
            .join(Link, (Link.subject_a == Subject.id) | (Link.subject_b == Subject.id))
            .join(Mail, Mail.task_id == Link.id)
            .join(Account, Account.id == Mail.account_id)
            .where(Signal.reference.in_(kept), Link.state == LinkState.PROPOSED, Mail.task_kind == "link")
        )
        for reference, login in rows:
            told.setdefault(reference, []).append(login)
    assert {reference: sorted(people) for reference, people in told.items()} == {
        kept[0]: ["delinde", "havendam.twee"],
        kept[1]: ["delinde", "havendam"],
    }


def test_the_mail_is_the_same_whoever_tells_it(desk):
    first, second = desk.signal("havendam"), desk.signal("delinde")
    link = desk.between(first, second)
    mails = desk.session.scalars(select(Mail).where(Mail.task_id == link.id)).all()
    assert {mail.account_id for mail in mails} == {desk.person(one).account_id for one in ("havendam", "delinde")}
    for mail in mails:
        assert (mail.template, mail.urgent, mail.task_kind, mail.state, mail.tries) == ("link", False, "link", "", 0)
        assert mail.written_at is mail.next_try_at is None


def test_no_mail_waits_for_an_account_that_is_closed(desk):
    desk.session.execute(update(Account).where(Account.id == desk.person("havendam").account_id).values(active=False))
    first, second = desk.signal("havendam"), desk.signal("delinde")
    mails = desk.session.scalars(select(Mail).where(Mail.task_id == desk.between(first, second).id)).all()
    assert [mail.account_id for mail in mails] == [desk.person("delinde").account_id]
