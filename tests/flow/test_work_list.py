"""The work list: what is asked of one person, all of it and nothing else, sorted, and cheap to read."""

import random
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select

from signaltable.domain import GONE, Conflict, NotFound, Refused, State, UnusableInput
from signaltable.flow import drafts, enrich, linking, referrals, signals, work_list
from signaltable.flow.work import WorkItem
from signaltable.models import (
    Account,
    Disclosure,
    Draft,
    Link,
    LinkVerdict,
    Question,
    Recusal,
    Signal,
    Subject,
    TableMember,
)
from signaltable.queries import signal_by_reference
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_person, a_signal
from tests.table_steps import asked, submitted, triage_it, use

TODAY = date(2026, 11, 23)
PEOPLE = ("havendam", "delinde", "essm", "opvang", "coordinator", "voorzitter", "fg.havendam", "auditor", "beheer")
WHOLE = ("drafts", "links", "questions", "inbox", "triage")


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


def mine(program, who):
    return use(program, who, work_list.mine)


days = st.none() | st.integers(-3, 3).map(lambda day: TODAY + timedelta(days=day))


@given(st.lists(st.tuples(days, st.booleans(), st.integers(0, 3)), max_size=8))
def test_late_comes_first_then_by_day_then_the_urgent_then_the_oldest(things):
    items = [
        WorkItem("drafts", str(number), "", datetime(2026, 11, 1 + since, tzinfo=UTC), due, urgent)
        for number, (due, urgent, since) in enumerate(things)
    ]
    ordered = sorted(items, key=lambda one: work_list.place(one, TODAY))
    for one, other in pairwise(ordered):
        first, second = (item.due_on or (TODAY if item.urgent else date.max) for item in (one, other))
        assert first <= second
        if first == second:
            assert one.urgent >= other.urgent
            assert one.urgent != other.urgent or one.since <= other.since


def oracle(program, who):
    """What is asked of a person, by walking over all rows in Python: kinds that need one permission and no clock."""
    found = set()
    with reading(program) as session:
        account = session.get(Account, who.account_id)
        everything = {
            model: session.scalars(select(model)).all()
            for model in (Draft, Signal, Question, Disclosure, Link, LinkVerdict, Subject, TableMember)
        }
    signal_of = {one.id: one for one in everything[Signal]}
    case_of = {one.id: signal_of[one.signal_id] for one in everything[Subject]}
    seats = {one.table_id for one in everything[TableMember] if one.agency_id == account.agency_id}
    for one in everything[Draft]:
        if one.account_id == account.id:
            found.add(("drafts", one.id))
    for one in everything[Signal]:
        if "signal:triage:own-table" in who.permissions and one.table_id in seats and one.state == "submitted":
            found.add(("triage", one.reference))
    for one in everything[Question]:
        open_one = (
            not one.answer
            and not one.withdrawn_at
            and signal_of[one.signal_id].state not in ("submitted", "closed", *GONE)
        )
        if "enrich:answer:asked" in who.permissions and one.agency_id == account.agency_id and open_one:
            found.add(("questions", one.id))
    for one in everything[Disclosure]:
        if (
            "referral:receive:own-agency" in who.permissions
            and one.recipient_agency == account.agency_id
            and one.state == "disclosed"
        ):
            found.add(("inbox", one.reference))
    for one in everything[Link]:
        own = [
            case_of[side] for side in (one.subject_a, one.subject_b) if case_of[side].owner_agency == account.agency_id
        ]
        said = any(v.link_id == one.id and v.agency_id == account.agency_id for v in everything[LinkVerdict])
        if (
            "link:decide:own-agency" in who.permissions
            and one.state == "proposed"
            and not said
            and any(case.state not in GONE for case in own)
        ):
            found.add(("links", one.id))
    return found


ACTS = ("submit", "again", "draft", "triage", "ask", "answer", "disclose", "accept", "return", "withdraw", "decide")


# Enough to begin with that every kind of act can happen.
FIRST = [
    ("submit", 0),
    ("triage", 0),
    ("ask", 0),
    ("answer", 0),
    ("submit", 0),
    ("again", 0),
    ("disclose", 0),
    ("draft", 0),
]


def test_the_list_of_each_person_is_what_a_walk_over_all_rows_finds(program, actor):
    choose = random.Random(6)
    done = set()
    for turn in range(22):
        act, number = FIRST[turn] if turn < len(FIRST) else (choose.choice(ACTS), choose.randrange(6))
        with suppress(Conflict, NotFound, Refused, UnusableInput, IndexError, ZeroDivisionError, ValueError):
            _do(program, actor, act, number)
            done.add(act)
        if turn % 11 == 10:
            for login in PEOPLE:
                who = actor(program, login)
                found = {(one.kind, one.key) for one in mine(program, who) if one.kind in WHOLE}
                assert found == oracle(program, who), (login, turn)
    assert {act for act, _number in FIRST} <= done


def _do(program, actor, act, number):
    owner, other = actor(program, "havendam"), actor(program, "delinde")
    coordinator, essm = actor(program, "coordinator"), actor(program, "essm")
    with reading(program) as session:
        cases = session.scalars(select(Signal.reference).order_by(Signal.created_at, Signal.id)).all()
        # Of cases of one moment the order is chance, and nobody discloses what is another's.
        own = session.scalars(select(Signal.reference).where(Signal.owner_agency == "havendam")).all()
        questions = session.scalars(select(Question).order_by(Question.id)).all()
        sent = session.scalars(select(Disclosure.reference).order_by(Disclosure.reference)).all()
        proposed = session.scalars(select(Link.id).where(Link.state == "proposed").order_by(Link.id)).all()
    if act == "submit":
        submitted(program, owner, a_signal(consent=GIVEN))
    elif act == "again":
        submitted(program, other, a_signal(capacity="care-wgbo"))
    elif act == "draft":
        use(program, owner if number % 2 else other, drafts.start)
    elif act == "triage":
        triage_it(program, coordinator, cases[number % len(cases)], result=[State.TRIAGED, State.WATCH][number % 2])
    elif act == "ask":
        asked(program, coordinator, cases[number % len(cases)], "essm", "opvang")
    elif act == "answer":
        question = questions[number % len(questions)]
        use(program, actor(program, question.agency_id), enrich.answer, question.id, answer="no_hit")
    elif act == "disclose":
        disclosed(program, owner, own[number % len(own)], "essm", ground="X1")
    elif act == "accept":
        use(program, essm, referrals.accept, sent[number % len(sent)])
    elif act == "return":
        use(program, essm, referrals.give_back, sent[number % len(sent)], cause="no_room", text="Geen plek.")
    elif act == "withdraw":
        use(program, owner, signals.withdraw, cases[number % len(cases)], "Dubbel.")
    elif act == "decide":
        use(
            program,
            [owner, other][number % 2],
            linking.decide,
            proposed[number % len(proposed)],
            confirmed=True,
            reason="",
        )


def test_the_number_of_queries_does_not_grow_with_the_work(program, actor):
    owner, coordinator = actor(program, "havendam"), actor(program, "coordinator")

    def queries(who):
        count = 0

        def tick(*_args):
            nonlocal count
            count += 1

        with program.write_sessions() as session:
            engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", tick)
        try:
            mine(program, who)
        finally:
            event.remove(engine, "before_cursor_execute", tick)
        return count

    few = {login: queries(actor(program, login)) for login in ("havendam", "essm", "coordinator")}
    for _number in range(4):
        reference = submitted(
            program, owner, a_signal(consent=GIVEN, subjects=[a_person(identity={"given_name": "Ada"})])
        )
        triage_it(program, coordinator, reference)
        asked(program, coordinator, reference, "essm", "opvang")
        submitted(program, owner)
    many = {login: queries(actor(program, login)) for login in few}
    assert mine(program, actor(program, "essm"))
    assert all(many[login] <= few[login] + 4 for login in few), (few, many)
    assert max(many.values()) < 60


def test_a_case_from_which_somebody_is_kept_is_not_on_their_list(program, actor):
    owner, chair = actor(program, "havendam"), actor(program, "voorzitter")
    coordinator = actor(program, "coordinator")
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    triage_it(program, coordinator, reference)
    asked(program, coordinator, reference, "opvang")
    opvang = actor(program, "opvang")
    assert [one.kind for one in mine(program, opvang)] == ["questions"]
    # Nobody else there could answer, so no page would let the chair do this; the list holds all the same
    with transaction(program, chair) as tx:
        case = signal_by_reference(tx, reference).id
        kept = Recusal(
            id=tx.new_id(),
            signal_id=case,
            account_id=opvang.account_id,
            agency_id="opvang",
            kind="knows_person",
            declared_by=chair.account_id,
            declared_at=tx.now,
        )
        tx.session.add(kept)
        tx.record("table:recuse", object_type="signal", object_id=reference, details={"signal": reference})
    assert mine(program, opvang) == ()
