"""The figures of a month: right, the same for everybody, and not changed by what is erased afterwards."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select

from signaltable.domain import NotFound, Refused
from signaltable.flow import figures, retention
from signaltable.flow.figures import Dimension, count_days
from signaltable.flow.figures.dimensions import KINDS_OF
from signaltable.flow.figures.publishing import MARK, RULE
from signaltable.jobs.work import JOBS
from signaltable.models import Figure, FigureMonth, Signal
from signaltable.transaction import reading, transaction
from tests.factories import a_signal
from tests.flow.test_row_level import Session, a_pass
from tests.table_steps import log, submitted, use

OCTOBER = datetime(2026, 10, 5, 9, tzinfo=UTC)
# No amount that is drawn in a lifetime is larger (0.8 ** 90): every run draws under a key of its own.
FAR = 90
FORMS, URGENCIES = ("labour", "sexual"), ("now", "five-working-days")


def seen():
    """A signal of what was seen before October."""
    told = {"on": "2026-09-30", "municipality": "Havendam", "online": "no", "source_quality": "seen"}
    return a_signal(observed=told)


def many(program, like, count, *, since=OCTOBER, days=20, first=1, **changes):
    """So many signals like this one, spread over days, by one statement; only what figures read differs."""
    with reading(program) as session:
        row = session.scalars(select(Signal).where(Signal.reference == like)).one()
        same = {column.name: getattr(row, column.name) for column in Signal.__table__.columns}
    rows = [
        same
        | {
            "id": f"{first + number:032x}",
            "reference": f"S-{first + number:08d}",
            "created_at": since + timedelta(hours=24 * days * number // count),
            "urgency": URGENCIES[number % 2],
            "facts": same["facts"] | {"forms": [FORMS[number % 3 == 0]]},
        }
        | changes
        for number in range(count)
    ]
    with program.write_sessions() as session:
        session.execute(insert(Signal), rows)
        session.commit()


@pytest.fixture
def october(sqlite_program, actor, clock):
    """Sixty signals in October, seen from November."""
    clock.now = OCTOBER
    like = submitted(sqlite_program, actor(sqlite_program, "havendam"), seen())
    many(sqlite_program, like, 59)
    clock.now = datetime(2026, 11, 2, 4, tzinfo=UTC)
    count_days(sqlite_program, JOBS)
    return sqlite_program


def numbers(program, who, month="2026-10"):
    found = use(program, who, figures.consult, month)
    across = {(dimension, ""): cells for dimension, cells in (*found.totals.items(), *found.medians.items())}
    across |= {(section.dimension, value): cells for section in found.sections for value, cells in section.rows.items()}
    return {
        (dimension, table, value): cell.number
        for (dimension, value), cells in across.items()
        for table, cell in cells.items()
    }


def kept(program, month="2026-10"):
    """What the database holds of a month: (dimension, table, value) -> (number, whether it is hidden)."""
    with reading(program) as session:
        rows = session.scalars(select(Figure).where(Figure.month == month)).all()
        return {(row.dimension, row.table_id, row.value): (row.count, row.hidden) for row in rows}


def test_a_month_is_counted_as_a_look_at_every_case_would(sqlite_program, actor, clock):
    clock.now = OCTOBER
    like = submitted(sqlite_program, actor(sqlite_program, "havendam"), seen())
    many(sqlite_program, like, 59)
    clock.now = datetime(2026, 10, 31, 4, tzinfo=UTC)
    count_days(sqlite_program, JOBS)
    found = kept(sqlite_program)
    assert all(hidden for _count, hidden in found.values())
    with reading(sqlite_program) as session:
        rows = session.scalars(select(Signal)).all()
        (table,) = {row.table_id for row in rows}
        urgency = Counter(row.urgency for row in rows)
        forms = Counter(form for row in rows for form in row.facts["forms"])
    assert found[Dimension.SIGNALS, table, ""] == (60, True)
    assert {value: found[Dimension.URGENCY, table, value][0] for value in urgency} == urgency
    assert {value: found[Dimension.FORMS, table, value][0] for value in forms} == forms
    clock.now = datetime(2026, 11, 2, 4, tzinfo=UTC)
    count_days(sqlite_program, JOBS)
    told = numbers(sqlite_program, actor(sqlite_program, "coordinator"))
    for (dimension, place, value), (count, _hidden) in found.items():
        number = told.get((dimension, place, value))
        assert number is None if count < 10 else number is None or abs(number - count) <= FAR


def test_of_a_month_that_is_over_nothing_is_kept_but_what_is_told(october, actor):
    told = {
        key: number for key, number in numbers(october, actor(october, "coordinator")).items() if number is not None
    }
    found = kept(october)
    assert found.pop((MARK, "", RULE)) == (10, False)
    assert {key: (number, False) for key, number in told.items()} == found
    assert all(number >= 10 and number % 5 == 0 for (dimension, _, _), number in told.items() if dimension in KINDS_OF)


def test_counted_anew_after_a_backup_was_put_back_it_tells_the_same(october, actor):
    who = actor(october, "coordinator")
    before = numbers(october, who)
    with october.write_sessions() as session:
        session.execute(delete(Figure))
        session.execute(delete(FigureMonth))
        session.commit()
    assert count_days(october, JOBS).months == 1
    assert numbers(october, who) == before


def test_what_a_rule_of_before_left_out_stays_left_out_and_the_rest_is_told_as_it_is_now(october, actor):
    """A month as version 0010 first decided about it: every count is there, with whether it was shown."""
    who = actor(october, "coordinator")
    with reading(october) as session:
        table = session.scalars(select(Signal.table_id)).first()
    shown = {(Dimension.SIGNALS, table, ""): 90, (Dimension.SIGNALS, "", ""): 90, (Dimension.URGENCY, table, "now"): 80}
    hidden = {
        (Dimension.URGENCY, "", "now"): 80,
        (Dimension.FORMS, table, "labour"): 40,
        ("days-to-triage", table, "3"): 40,
    }
    rows = [
        {
            "month": "2026-10",
            "dimension": str(dimension),
            "table_id": place,
            "value": value,
            "count": count,
            "hidden": left,
        }
        for left, counts in ((False, shown), (True, hidden))
        for (dimension, place, value), count in counts.items()
    ]
    with october.write_sessions() as session:
        session.execute(delete(Figure))
        session.execute(insert(Figure), rows)
        session.commit()
    with pytest.raises(NotFound):
        numbers(october, who)
    assert count_days(october, JOBS).months == 1
    found = {key: number for key, number in numbers(october, who).items() if number is not None}
    assert found.keys() == shown.keys()
    assert all(abs(found[key] - shown[key]) <= FAR for key in shown)
    assert kept(october).keys() == {*shown, (MARK, "", RULE)}
    assert count_days(october, JOBS).months == 0


@pytest.mark.postgres
def test_no_seat_reads_what_was_counted_of_a_month_that_goes_on(postgres_program, actor, clock):
    program = postgres_program
    # So many that what is drawn never takes them below the threshold (FAR).
    many(program, submitted(program, actor(program, "havendam"), seen()), 199, since=clock.now, days=1)
    clock.forward(days=2)
    count_days(program, JOBS)
    person = Session(program, a_pass(program, actor(program, "coordinator")))
    assert person.count("figures") == 0
    assert Session(program, None).count("figures") == Session(program, None).count("figure_months") == 0
    assert Session(program, a_pass(program)).count("figures") > 0
    assert person.changed("UPDATE figures SET hidden = false") == person.changed("DELETE FROM figure_months") == 0
    clock.forward(days=31)
    assert count_days(program, JOBS).months == 1
    assert person.count("figures WHERE dimension = 'signals'") == 2
    assert person.changed("UPDATE figures SET count = 0") == person.changed("DELETE FROM figures") == 0


def test_what_is_erased_later_changes_no_figure(october, actor, clock):
    who = actor(october, "coordinator")
    before = numbers(october, who)
    with reading(october) as session:
        ids = session.scalars(select(Signal.id)).all()
    clock.now += timedelta(days=900)
    with transaction(october, JOBS) as tx:
        assert all(retention.erase_signal(tx, signal_id) for signal_id in ids[:3])
    count_days(october, JOBS)
    assert numbers(october, who) == before


def test_counting_twice_counts_once(october, actor, clock):
    who = actor(october, "coordinator")
    before = numbers(october, who)
    assert count_days(october, JOBS).days == 0
    clock.forward(days=1)
    assert count_days(october, JOBS).days == 1
    assert numbers(october, who) == before


def test_a_month_that_goes_on_is_not_shown(sqlite_program, actor, clock):
    clock.now = OCTOBER
    like = submitted(sqlite_program, actor(sqlite_program, "havendam"), seen())
    many(sqlite_program, like, 40, days=3)
    clock.now = OCTOBER + timedelta(days=10)
    count_days(sqlite_program, JOBS)
    who = actor(sqlite_program, "coordinator")
    assert use(sqlite_program, who, figures.consult).month == ""
    with pytest.raises(NotFound):
        use(sqlite_program, who, figures.consult, "2026-10")


def test_small_numbers_are_not_told_and_what_is_told_stands_in_order(sqlite_program, actor, clock):
    clock.now = OCTOBER
    like = submitted(sqlite_program, actor(sqlite_program, "havendam"), seen())
    many(sqlite_program, like, 159)
    many(sqlite_program, like, 4, urgency="one-working-day", first=200)
    clock.now = datetime(2026, 11, 2, 4, tzinfo=UTC)
    count_days(sqlite_program, JOBS)
    found = numbers(sqlite_program, actor(sqlite_program, "coordinator"))
    assert found[Dimension.SIGNALS, "", ""] % 5 == 0
    assert found[Dimension.URGENCY, "", "now"] >= 10
    assert found[Dimension.URGENCY, "", "one-working-day"] is None
    # What is urgent stands above what is less so, as on every other page.
    shown = [value for dimension, table, value in found if (dimension, table) == (Dimension.URGENCY, "")]
    assert shown == list(sqlite_program.policy.urgencies) != sorted(shown)


def test_what_stands_on_the_page_does_not_tell_what_happened_at_all(sqlite_program, actor, clock):
    """Twelve signals of which ten are of one form, one of another, and one of a form that the rules do not have any more."""
    clock.now = OCTOBER
    who = actor(sqlite_program, "coordinator")
    facts = [{"forms": [form]} for form in (*["labour"] * 9, "sexual", "of-before")]
    like = submitted(sqlite_program, actor(sqlite_program, "havendam"), seen())
    for first, one in enumerate(facts, 1):
        many(sqlite_program, like, 1, first=first, facts=one)
    clock.now = datetime(2026, 11, 2, 4, tzinfo=UTC)
    count_days(sqlite_program, JOBS)
    found = numbers(sqlite_program, who)
    forms = {value for dimension, _table, value in found if dimension == Dimension.FORMS}
    assert forms == set(sqlite_program.policy.forms)
    assert {found[Dimension.FORMS, "", value] for value in forms - {"labour"}} == {None}
    # Nothing was disclosed and nothing ended, which looks as if little had.
    assert found[Dimension.DISCLOSURES, "", ""] is None
    assert found[Dimension.OUTCOMES, "", ""] is None


def test_a_month_is_decided_about_under_one_threshold_only(october, actor):
    who = actor(october, "coordinator")
    before = numbers(october, who)

    def under(smallest):
        rules = october.policy.figures.model_copy(update={"smallest": smallest})
        return replace(october, policy=replace(october.policy, figures=rules))

    for changed in (under(5), under(50)):
        assert count_days(changed, JOBS).months == 0
    assert numbers(under(5), who) == before
    assert use(under(5), who, figures.consult, "2026-10").threshold == october.policy.figures.smallest
    with pytest.raises(NotFound):
        numbers(under(50), who)
    assert numbers(october, who) == before


def test_only_who_may_sees_figures_and_it_is_recorded(october, actor):
    with pytest.raises(Refused):
        use(october, actor(october, "havendam"), figures.consult)
    use(october, actor(october, "fg.havendam"), figures.consult, "2026-10")
    (_entry, details) = log(october, "figures:consult")[-1]
    assert (details["view"], details["month"]) == ("page", "2026-10")
