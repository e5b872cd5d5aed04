"""How long a signal is kept: the warning, keeping it longer with a reason and a maximum, and that nothing is left after."""

from datetime import timedelta

import pytest
from sqlalchemy import LargeBinary, String, Text, select, update

from signaltable.db import Base
from signaltable.domain import Conflict, Refused, State, UnusableInput
from signaltable.flow import dossier, enrich, keeping, reflection, signals, work_list
from signaltable.flow.escalations import looking, settling
from signaltable.flow.escalations.settling import Settling
from signaltable.jobs import JOBS, run_retention
from signaltable.models import Mail, Postponement, ReflectionPeriod, Signal
from signaltable.queries import signal_by_reference
from signaltable.transaction import reading
from tests.table_steps import asked, log, on_the_agenda, row, submitted, triage_it, triaged, use

WHY = "Er loopt nog een onderzoek van de woningcorporatie."


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def owner(program, actor):
    return actor(program, "havendam")


@pytest.fixture
def reference(program, owner):
    return submitted(program, owner)


def to_the_end(program, clock, reference, *, before):
    """Move the clock to so many days before the last day on which the signal is kept."""
    clock.forward(days=(row(program, reference).keep_until - clock().date()).days - before)


def view(program, who, reference):
    return use(program, who, lambda tx: keeping.of_signal(tx, signal_by_reference(tx, reference)))


def longer(program, who, reference, *, days=30, reason=WHY, version=None):
    signal = row(program, reference)
    return use(
        program,
        who,
        keeping.keep_longer,
        reference,
        until=signal.keep_until + timedelta(days=days),
        reason=reason,
        version=signal.version if version is None else version,
    )


def test_the_owner_hears_once_before_the_end_and_finds_it_on_the_work_list(program, owner, actor, reference, clock):
    warn = program.policy.retention["signal"].warn
    to_the_end(program, clock, reference, before=warn + 1)
    assert use(program, JOBS, keeping.warn) == 0
    assert not [one for one in use(program, owner, work_list.mine) if one.kind == "keeping"]
    clock.forward(days=1)
    assert (use(program, JOBS, keeping.warn), use(program, JOBS, keeping.warn)) == (1, 0)
    (item,) = [one for one in use(program, owner, work_list.mine) if one.kind == "keeping"]
    assert (item.key, item.due_on) == (reference, row(program, reference).keep_until)
    assert not [one for one in use(program, actor(program, "delinde"), work_list.mine) if one.kind == "keeping"]
    with reading(program) as session:
        (mail,) = session.scalars(select(Mail).where(Mail.template == "retention-warning"))
    assert (mail.account_id, mail.task_kind, mail.task_id) == (owner.account_id, "signal", reference)
    ((_entry, details),) = log(program, "retention:warn")
    assert (details["rule"], details["objects"]) == ("signal", [reference])


def test_it_is_kept_longer_as_often_as_the_rules_say_and_why_stays_with_the_owner(
    program, owner, actor, reference, clock
):
    rule = program.policy.retention["signal"]
    assert view(program, owner, reference).latest is None
    with pytest.raises(Conflict, match="cannot be kept longer"):
        longer(program, owner, reference)
    for _time in range(rule.extend_times):
        to_the_end(program, clock, reference, before=3)
        before = row(program, reference).keep_until
        assert longer(program, owner, reference) == before + timedelta(days=30) == row(program, reference).keep_until
        assert use(program, JOBS, keeping.warn) == 0
    to_the_end(program, clock, reference, before=3)
    # The new end was warned of again; then there is no more room, and nothing to do
    assert use(program, JOBS, keeping.warn) == 1
    with pytest.raises(Conflict, match="cannot be kept longer"):
        longer(program, owner, reference)
    assert not [one for one in use(program, owner, work_list.mine) if one.kind == "keeping"]
    seen = view(program, owner, reference)
    assert ([one.reason for one in seen.longer], seen.times_left) == ([WHY] * rule.extend_times, 0)
    on_the_agenda(program, actor(program, "coordinator"), *_triaged(program, actor, reference))
    course = use(program, actor(program, "coordinator"), dossier.consult, reference).timeline
    assert [one.kind for one in course if one.kind == "kept"] == ["kept"] * rule.extend_times
    assert WHY not in str(course)
    assert all(WHY not in str(details) for _entry, details in log(program, "retention:postpone"))


def _triaged(program, actor, reference):
    triage_it(program, actor(program, "coordinator"), reference)
    return [reference]


def test_what_cannot_be_kept_longer(program, owner, actor, reference, clock):
    to_the_end(program, clock, reference, before=3)
    for problem, changes in (
        ("until", {"days": 0}),
        ("until", {"days": program.policy.retention["signal"].extend_days + 1}),
        ("reason", {"reason": " "}),
        ("reason", {"reason": "BSN 111222333"}),
    ):
        with pytest.raises(UnusableInput) as unusable:
            longer(program, owner, reference, **changes)
        assert set(unusable.value.problems) == {problem}
    with pytest.raises(Conflict, match="meanwhile"):
        longer(program, owner, reference, version=99)
    for login in ("delinde", "coordinator", "essm", "fg.havendam", "beheer"):
        with pytest.raises(Refused):
            longer(program, actor(program, login), reference)
    # A term that runs because it was withdrawn is no term to put off
    use(program, owner, signals.withdraw, reference, "Dubbel ingediend.")
    clock.forward(days=25)
    assert view(program, owner, reference).latest is None


def test_keeping_an_eye_on_it_has_a_term_and_times_of_its_own(program, owner, actor, reference, clock):
    to_the_end(program, clock, reference, before=3)
    longer(program, owner, reference)
    triage_it(program, actor(program, "coordinator"), reference, result=State.WATCH)
    to_the_end(program, clock, reference, before=3)
    assert view(program, owner, reference).times_left == program.policy.retention["watch"].extend_times
    longer(program, owner, reference)
    assert run_retention(program).startswith("drafts:0,signals:0")
    clock.forward(days=40)
    assert run_retention(program).startswith("drafts:0,signals:1")


# Codes, counts, moments and references stay; these are texts that people wrote, or envelopes with what they wrote.
KEPT_WORDS = {"signals": {"reference", "capacity", "state", "urgency", "source_quality", "policy_digest"}}


def test_one_that_cannot_be_kept_longer_hides_none_that_can(program, owner, reference, clock, monkeypatch):
    monkeypatch.setattr(keeping, "MOST", 1)
    for _time in range(program.policy.retention["signal"].extend_times):
        to_the_end(program, clock, reference, before=3)
        longer(program, owner, reference)
    to_the_end(program, clock, reference, before=3)
    other = submitted(program, owner)
    with program.write_sessions() as session:
        ends = row(program, reference).keep_until + timedelta(days=1)
        session.execute(update(Signal).where(Signal.reference == other).values(keep_until=ends))
        session.commit()
    assert [one.key for one in use(program, owner, work_list.mine) if one.kind == "keeping"] == [other]


def test_one_of_which_nobody_hears_yet_takes_no_other_ones_place(program, owner, reference, clock, monkeypatch):
    monkeypatch.setattr(keeping, "AT_ONCE", 1)
    rules = program.policy.retention
    to_the_end(program, clock, reference, before=rules["withdrawn"].days + 1)
    other = submitted(program, owner)
    use(program, owner, signals.withdraw, other, "Dubbel ingediend.")
    clock.forward(days=rules["withdrawn"].days + 1 - rules["signal"].warn)
    assert row(program, other).keep_until < row(program, reference).keep_until
    assert use(program, JOBS, keeping.warn) == 1
    assert row(program, reference).keep_warned_at
    assert row(program, other).keep_warned_at is None


def test_after_the_end_no_column_of_any_table_about_the_signal_holds_a_word(program, owner, actor, clock):
    coordinator = actor(program, "coordinator")
    reference = triaged(program, owner, coordinator)
    (question,) = asked(program, coordinator, reference, "essm", note="Kent u haar?")
    due = clock().date() + timedelta(days=9)
    use(program, coordinator, enrich.postpone, question, until=due, reason="Meer tijd voor het antwoord.")
    use(program, owner, _reflect, reference)
    asked(program, coordinator, reference, "opvang", note="Weet u meer?")
    clock.forward(days=30)
    looking.look(program, JOBS)
    with reading(program) as session:
        escalation = _only(session, "escalations")["id"]
    use(
        program,
        coordinator,
        settling.settle,
        escalation,
        Settling("no-longer-stuck", "De opvang pakt het op.", version=1),
    )
    to_the_end(program, clock, reference, before=3)
    longer(program, owner, reference)
    signal_id = row(program, reference).id
    assert _words(program, signal_id)
    clock.forward(days=40)
    run_retention(program)
    assert row(program, reference).state == "expired"
    assert _words(program, signal_id) == []
    with reading(program) as session:
        assert session.scalars(select(ReflectionPeriod)).one().ended_on == clock().date()
        assert len(session.scalars(select(Postponement)).all()) == 2


def _reflect(tx, reference):

    return reflection.record(tx, reflection.SIGNAL, reference, "1", began_on=tx.today)


def _only(session, table):
    (found,) = session.execute(select(Base.metadata.tables[table])).mappings()
    return found


def _words(program, signal_id):
    """Table and column of everything that people wrote or that is sealed, of every table that belongs to a signal."""
    found = []
    with reading(program) as session:
        for table in Base.metadata.sorted_tables:
            belongs = table.c.id if table.name == "signals" else table.c.get("signal_id")
            if belongs is None:
                continue
            for column in table.c:
                long = isinstance(column.type, LargeBinary | Text) or (
                    isinstance(column.type, String) and (column.type.length or 0) >= 200
                )
                if not long or column.name in KEPT_WORDS.get(table.name, set()):
                    continue
                kept = session.execute(select(column).where(belongs == signal_id)).scalars()
                found += [(table.name, column.name) for one in kept if one and one != "retention"]
    return found
