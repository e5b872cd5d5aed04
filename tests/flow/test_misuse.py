"""Questions about use: each pattern fires on its case and not on the near one, stays settled, and shows no other agency."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from signaltable import jobs
from signaltable.domain import Conflict, NotFound, Refused, State, UnusableInput
from signaltable.flow import fsck, misuse, retention
from signaltable.models import Disclosure, Mail, MisuseQuestion, Signal
from signaltable.odd_hours import is_odd
from signaltable.policy_checks import MISUSE_PATTERNS
from signaltable.transaction import reading, transaction
from signaltable.working_days import easter_sunday
from tests.disclosure_steps import disclosed
from tests.flow.test_sampling import _disclosed
from tests.flow.test_subject_reports import _first_destination
from tests.table_steps import asked, log, on_the_agenda, submitted, triage_it, use

WORDS = "Dit hoorde bij het overleg van die week; nagevraagd bij de persoon zelf."


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


def _found(program, who, rule, days=30):
    page = use(program, who, misuse.overview, days)
    return [one for one, _question in page.found if one.rule == rule]


def _did(program, who, action, objects, *, outcome="ok", reason="", **details):
    """Entries as the use cases write them, without all that leads to them."""
    for reference in objects:
        told = details or {"signal": reference, "view": "owner"}
        with transaction(program, who) as tx:
            kind = {"S": "signal", "D": "disclosure"}.get(reference[:1], "view")
            tx.record(action, object_type=kind, object_id=reference, outcome=outcome, reason=reason, details=told)


def _read(program, who, *references):
    _did(program, who, "signal:consult", references)


@pytest.fixture
def auditor(program, actor):
    return actor(program, "auditor")


@pytest.fixture
def reference(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    triage_it(program, actor(program, "coordinator"), reference)
    return reference


def test_every_rule_of_the_file_has_a_pattern(program):
    assert {rule.id for rule in program.policy.misuse.misuse} == set(MISUSE_PATTERNS) == set(misuse.patterns.PATTERNS)


# -- read without a task ------------------------------------------------------------------------------------------


def _end(program, reference, at):
    from signaltable.models import SignalMove

    with program.write_sessions() as session:
        signal = session.scalars(select(Signal).where(Signal.reference == reference)).one()
        signal.state = State.CLOSED
        move = {"id": f"move{at.timestamp():.0f}", "signal_id": signal.id, "at": at, "state_from": "watch"}
        rest = {"state_to": State.CLOSED, "account_id": "x", "agency_id": "var", "reason": ""}
        session.execute(insert(SignalMove), [{**move, **rest}])
        session.commit()


def test_a_read_of_somebody_who_had_no_task_is_a_question(program, actor, auditor, reference):
    nla = actor(program, "nla")
    _read(program, nla, reference, reference)
    (found,) = _found(program, auditor, "read-without-task")
    assert (found.actor, found.agency, found.count, found.objects) == (nla.account_id, "nla", 2, (reference,))


def test_reads_are_judged_some_at_a_time_as_all_together(program, actor, auditor, reference, monkeypatch):
    other = submitted(program, actor(program, "havendam"))
    nla, riec = actor(program, "nla"), actor(program, "riec")
    for one in (reference, other, reference):
        _read(program, nla, one)
        _read(program, riec, one)
    together = _found(program, auditor, "read-without-task")
    assert {(one.actor, one.count) for one in together} == {(nla.account_id, 3), (riec.account_id, 3)}
    assert {one.objects for one in together} == {(reference, other)}
    monkeypatch.setattr(misuse.use, "MOST_CASES", 1)
    monkeypatch.setattr(misuse.use, "_BATCH", 1)
    assert _found(program, auditor, "read-without-task") == together


def test_a_page_shows_the_first_of_a_rule_and_what_was_asked(program, actor, auditor, reference, monkeypatch):
    people = [actor(program, login) for login in ("nla", "riec", "nidos")]
    for times, who in enumerate(people, start=1):
        _read(program, who, *([reference] * times))
    use(program, auditor, misuse.ask, "read-without-task", people[0].account_id)
    monkeypatch.setattr(misuse.patterns, "MOST_OF_RULE", 1)
    page = use(program, auditor, misuse.overview)
    # The one with the most entries, the one that was asked about, and that there is another.
    shown = [one.actor for one, _question in page.found if one.rule == "read-without-task"]
    assert shown == [people[2].account_id, people[0].account_id]
    assert page.more["read-without-task"] == 1
    assert page.asked == ()


def test_reads_with_a_task_are_none(program, actor, auditor, reference, clock):
    asked(program, actor(program, "coordinator"), reference, "avim")
    _read(program, actor(program, "havendam"), reference)  # the submitter
    _read(program, actor(program, "avim"), reference)  # was asked
    _read(program, actor(program, "coordinator"), reference)  # keeps it moving
    assert _found(program, auditor, "read-without-task") == []
    _read(program, actor(program, "riec"), reference)  # before it stood on an agenda
    assert len(_found(program, auditor, "read-without-task")) == 1
    on_the_agenda(program, actor(program, "coordinator"), reference, days=3)
    assert _found(program, auditor, "read-without-task") == []


def test_a_disclosure_is_no_reason_for_the_rest_of_the_table(program, actor, auditor, reference):
    focal = actor(program, "havendam")
    disclosed(program, focal, reference, _first_destination(program, focal, reference), chosen=[1])
    for login in ("voorzitter", "fg.havendam", "nidos"):
        _read(program, actor(program, login), reference)
    assert [one.agency for one in _found(program, auditor, "read-without-task")] == ["nidos"]


def test_a_task_of_long_ago_is_no_task(program, actor, auditor, reference, clock):
    asked(program, actor(program, "coordinator"), reference, "avim")
    clock.forward(days=20)  # five working days to answer and two weeks: still one
    _read(program, actor(program, "avim"), reference)
    assert _found(program, auditor, "read-without-task", 90) == []
    clock.forward(days=40)
    _read(program, actor(program, "avim"), reference)
    (found,) = _found(program, auditor, "read-without-task", 90)
    assert (found.agency, found.count) == ("avim", 1)


def test_a_closed_case_is_nobodys_but_of_who_submitted_it(program, actor, auditor, reference, clock):
    _end(program, reference, clock.now)
    clock.forward(days=40)
    _read(program, actor(program, "coordinator"), reference)
    _read(program, actor(program, "havendam"), reference)
    assert [one.agency for one in _found(program, auditor, "read-without-task")] == ["var"]


def test_who_did_something_with_it_had_a_reason(program, actor, auditor, reference):
    nla = actor(program, "nla")
    _did(program, nla, "signal:route", [reference], signal=reference, routes=[], policy_digest="0" * 64)
    _read(program, nla, reference)
    assert _found(program, auditor, "read-without-task") == []


# -- odd hours ----------------------------------------------------------------------------------------------------

NIGHT = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NIGHT, 1),
        (datetime(2026, 11, 28, 11, 0, tzinfo=UTC), 1),  # Saturday
        (datetime(2026, 12, 25, 11, 0, tzinfo=UTC), 1),  # Christmas
        (datetime(2026, 11, 24, 6, 30, tzinfo=UTC), 0),  # half past seven in the Netherlands
        (datetime(2026, 11, 24, 18, 59, tzinfo=UTC), 0),  # a minute before eight
        (datetime(2026, 11, 24, 19, 0, tzinfo=UTC), 1),
    ],
)
def test_reading_outside_the_usual_hours_in_dutch_time(program, actor, auditor, reference, clock, at, expected):
    clock.now = at
    _read(program, actor(program, "havendam"), reference, reference, reference)
    _read(program, actor(program, "avim"), reference, reference, reference)  # the police work day and night
    found = _found(program, auditor, "odd-hours")
    assert [one.agency for one in found] == ["havendam"] * expected
    if found:
        local = at.astimezone(misuse.patterns.ZONE).hour
        assert found[0].hours[local] == 3 == sum(found[0].hours)


def test_two_reads_at_night_are_below_the_threshold(program, actor, auditor, reference, clock):
    clock.now = NIGHT
    _read(program, actor(program, "havendam"), reference, reference)
    assert _found(program, auditor, "odd-hours") == []


def test_in_summer_the_clock_stands_an_hour_later(program):
    hours = program.policy.misuse.hours
    assert is_odd(datetime(2026, 7, 1, 4, 59, tzinfo=UTC), hours, "care")
    assert not is_odd(datetime(2026, 7, 1, 5, 0, tzinfo=UTC), hours, "care")
    assert is_odd(datetime(2026, 12, 1, 5, 59, tzinfo=UTC), hours, "care")


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, date(2024, 3, 31)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 5)), (2038, date(2038, 4, 25))],
)
def test_easter_and_what_counts_from_it(program, year, day):
    assert easter_sunday(year) == day
    hours = program.policy.misuse.hours
    noon = datetime(year, day.month, day.day, 11, tzinfo=UTC)
    whit_monday, ordinary = noon + timedelta(days=50), noon + timedelta(days=51)
    assert is_odd(whit_monday, hours, "care")
    assert not is_odd(ordinary, hours, "care")


# -- refusals, many searches, many reads, bulk, exports -----------------------------------------------------------


def _refused(program, who, count):
    _did(
        program,
        who,
        "access:refuse",
        ["x"] * count,
        outcome="refused",
        reason="other_agency",
        permission="signal:consult:own-agency",
    )


def test_ten_refusals_are_a_question_and_nine_are_none(program, actor, auditor):
    _refused(program, actor(program, "havendam"), 10)
    _refused(program, actor(program, "delinde"), 9)
    _did(program, actor(program, "delinde"), "signal:list", ["own"], view="own", count=1)
    assert [one.agency for one in _found(program, auditor, "many-refusals")] == ["havendam"]


def test_much_more_than_colleagues_and_at_least_so_many(program, actor, auditor):
    for login, count in (("havendam", 101), ("delinde", 26)):
        _did(program, actor(program, login), "signal:list", ["own"] * count, view="own", count=1)
    # Two people hold the role of focal officer: too few colleagues to compare with.
    assert _found(program, auditor, "many-searches") == []
    for login, count in (("nla", 100), ("avim", 20), ("riec", 10)):
        _did(program, actor(program, login), "signal:list", ["own"] * count, view="own", count=1)
    (found,) = _found(program, auditor, "many-searches")
    assert (found.agency, found.count, found.middle) == ("nla", 100, 0)


def test_as_much_as_colleagues_is_no_question(program, actor, auditor, reference):
    logins = [
        "avim",
        "riec",
        "opvang",
        "nla",
        "veiligthuis",
        "raad",
        "nidos",
        "comensha",
        "fairwork",
        "fier",
        "lvb",
        "iom",
    ]
    rows = 60
    for login in logins[:7]:
        _did(program, actor(program, login), "signal:consult", [reference] * rows)
    assert _found(program, auditor, "many-reads") == []


def _cases(count):
    return [f"S-7F3K-{number:02}" for number in range(count)]


def test_many_different_cases_within_an_hour(program, actor, auditor, clock):
    nla = actor(program, "nla")
    _read(program, nla, *_cases(24), *_cases(24))
    clock.forward(hours=1)
    _read(program, nla, *_cases(24))
    assert _found(program, auditor, "bulk") == []
    _read(program, nla, "S-7F3K-99")
    (found,) = _found(program, auditor, "bulk")
    assert (found.agency, found.count) == ("nla", 25)


def test_an_export_is_always_a_question(program, actor, auditor):
    assert _found(program, auditor, "exports") == []
    use(program, auditor, misuse_request)
    (found,) = _found(program, auditor, "exports")
    assert (found.actor, found.count) == (auditor.account_id, 1)


def misuse_request(tx):
    from signaltable.flow import auditing

    return auditing.request_export(tx)


# -- disclosures --------------------------------------------------------------------------------------------------


def _review(program, who, reference, kind="review"):
    _did(program, who, "duty:fulfil", [reference], disclosure=reference, kind=kind, result="right")


def test_an_emergency_that_nobody_looked_back_at_within_a_day(program, actor, auditor, clock):
    focal, chair = actor(program, "havendam"), actor(program, "voorzitter")
    due = int((clock.now + timedelta(hours=24)).timestamp() * 1000)
    references = [_disclosed(program, focal, number, review_due_at=due) for number in range(4)]
    _disclosed(program, focal, 9)  # with a second person beforehand
    clock.forward(hours=23)
    _review(program, chair, references[0])
    _review(program, chair, references[1], kind="inform")
    assert _found(program, auditor, "emergency-unreviewed") == []
    clock.forward(hours=2)
    _review(program, chair, references[2])  # an hour too late
    found = _found(program, auditor, "emergency-unreviewed")
    assert {one.about for one in found} == {references[1], references[2], references[3]}
    assert {one.agency for one in found} == {"havendam"}


def test_a_ground_that_no_lawyer_reviewed(program, actor, auditor):
    day = program.clock().date()
    rows = program.policy.grounds.rows
    unreviewed = next(row.id for row in rows if not row.reviewed_by_then(day))
    _disclosed(program, actor(program, "havendam"), 1, ground=unreviewed)
    (found,) = _found(program, auditor, "unreviewed-ground")
    assert found.about == f"havendam:{unreviewed}"
    reviewed = next((row.id for row in rows if row.reviewed_by_then(day)), None)
    if reviewed:
        _disclosed(program, actor(program, "havendam"), 2, ground=reviewed)
        assert len(_found(program, auditor, "unreviewed-ground")) == 1


def _pair(program, requester, approver, clock, count, seconds):
    for number in range(count):
        reference = f"D-7P{number:02}-Q2"
        told = {"disclosure": reference, "signal": "S-7F3K-Q2", "recipient": "avim"}
        more = {
            "purpose": "P3",
            "ground": "G1",
            "ground_digest": "0" * 64,
            "categories": [],
            "fields": [],
            "policy_digest": "0" * 64,
        }
        _did(program, requester, "disclosure:request", [reference], **told, **more)
        clock.forward(seconds=seconds)
        _did(program, approver, "disclosure:approve", [reference], **told)
        clock.forward(minutes=5)


@pytest.mark.parametrize(("count", "seconds", "expected"), [(3, 60, 1), (2, 20, 0), (3, 61, 0)])
def test_always_the_same_pair_within_seconds(program, actor, auditor, clock, count, seconds, expected):
    focal, officer = actor(program, "havendam"), actor(program, "fg.havendam")
    _pair(program, focal, officer, clock, count, seconds)
    found = _found(program, auditor, "same-pair")
    assert [one.about for one in found] == [f"{focal.account_id}:{officer.account_id}"] * expected


# -- asking and settling ------------------------------------------------------------------------------------------


@pytest.fixture
def night(program, actor, reference, clock):
    clock.now = NIGHT
    focal = actor(program, "havendam")
    _read(program, focal, reference, reference, reference)
    return focal.account_id


def test_the_words_about_somebodys_work_go_when_the_log_forgets_them_too(program, actor, night, clock):
    use(
        program, actor(program, "fg.havendam"), misuse.settle, "odd-hours", night, result="explained", explanation=WORDS
    )

    def words():
        with reading(program) as session:
            return session.execute(select(MisuseQuestion.explanation, MisuseQuestion.result)).all()

    clock.forward(days=5 * 365)
    retention.sweep(program, jobs.JOBS)
    assert words() == [(WORDS, "explained")]
    clock.forward(days=3)
    retention.sweep(program, jobs.JOBS)
    assert words() == [("", "explained")]
    # The check of the log knows of it
    assert {one.kind for one in fsck.inspect(program).findings} <= {"signing-stopped"}
    retention.sweep(program, jobs.JOBS)
    assert [
        details["count"] for entry, details in log(program, "retention:erase") if entry.object_type == "misuse"
    ] == [1]


def test_a_question_is_asked_answered_and_stays_settled_until_there_is_more(
    program, actor, auditor, night, reference, clock
):
    use(program, auditor, misuse.ask, "odd-hours", night)
    officer = actor(program, "fg.havendam")
    page = use(program, officer, misuse.overview)
    ((_finding, question),) = [one for one in page.found if one[0].rule == "odd-hours"]
    assert question.asked_at == clock.now
    with reading(program) as session:
        assert session.scalars(select(Mail.account_id).where(Mail.template == "misuse-question")).all() == [
            officer.account_id
        ]
    use(program, officer, misuse.settle, "odd-hours", night, result="explained", explanation=WORDS)
    assert _found(program, auditor, "odd-hours") == []
    (settled,) = use(program, auditor, misuse.overview).settled
    assert (settled.result, settled.explanation, settled.count) == ("explained", WORDS, 3)
    clock.forward(hours=1)
    _read(program, actor(program, "havendam"), reference, reference)
    assert _found(program, auditor, "odd-hours") == []  # two new ones: below the threshold again
    _read(program, actor(program, "havendam"), reference)
    assert [one.count for one in _found(program, auditor, "odd-hours")] == [3]
    ((_, told),) = log(program, "misuse:settle")
    assert (told["rule"], told["result"], told["count"]) == ("odd-hours", "explained", 3)
    assert night not in str(told)


def test_a_question_is_asked_once(program, auditor, night):
    use(program, auditor, misuse.ask, "odd-hours", night)
    with pytest.raises(Conflict):
        use(program, auditor, misuse.ask, "odd-hours", night)


def test_an_asked_question_stays_when_the_period_shows_it_no_more(program, actor, auditor, night, clock):
    use(program, auditor, misuse.ask, "odd-hours", night)
    clock.forward(days=40)
    officer = actor(program, "fg.havendam")
    (asked_one,) = use(program, officer, misuse.overview).asked
    assert asked_one.count == 3
    view = use(program, officer, misuse.consult, "odd-hours", night)
    assert (view.finding, view.open.count, view.may_settle) == (None, 3, True)
    use(program, officer, misuse.settle, "odd-hours", night, result="measure", explanation=WORDS)
    assert use(program, officer, misuse.overview).asked == ()


@pytest.mark.parametrize(
    ("result", "explanation", "field"),
    [("klaar", WORDS, "result"), ("explained", "", "explanation"), ("explained", "BSN 111222333", "explanation")],
)
def test_an_answer_that_cannot_be_used_settles_nothing(program, actor, night, result, explanation, field):
    officer = actor(program, "fg.havendam")
    with pytest.raises(UnusableInput) as refused:
        use(program, officer, misuse.settle, "odd-hours", night, result=result, explanation=explanation)
    assert set(refused.value.problems) == {field}
    assert len(_found(program, officer, "odd-hours")) == 1


def test_nobody_settles_a_question_about_themselves(program, auditor):
    use(program, auditor, misuse_request)
    with pytest.raises(Refused):
        use(program, auditor, misuse.settle, "exports", auditor.account_id, result="explained", explanation=WORDS)


def test_an_officer_sees_the_own_agency_only(program, actor, auditor, night, reference):
    other = actor(program, "fg.delinde")
    page = use(program, other, misuse.overview, 365)
    assert (page.found, page.asked, page.settled, page.sees_all) == ((), (), (), False)
    use(program, auditor, misuse.ask, "odd-hours", night)
    assert use(program, other, misuse.overview, 365).asked == ()
    with pytest.raises(NotFound):
        use(program, other, misuse.consult, "odd-hours", night)
    with pytest.raises(NotFound):
        use(program, other, misuse.settle, "odd-hours", night, result="explained", explanation=WORDS)
    with pytest.raises(Refused):
        use(program, other, misuse.ask, "odd-hours", night)


def test_an_officer_is_compared_with_the_own_agency_only(program, actor):
    for login, count in (("nla", 100), ("avim", 1), ("riec", 1)):
        _did(program, actor(program, login), "signal:list", ["own"] * count, view="own", count=1)
    # An officer of the inspectorate, for this test.
    from dataclasses import replace

    officer = replace(actor(program, "fg.havendam"), agency_id="nla")
    assert _found(program, officer, "many-searches") == []


@pytest.mark.parametrize("login", ["havendam", "coordinator", "avim", "beheer"])
def test_others_do_not_come_in(program, actor, login):
    with pytest.raises(Refused):
        use(program, actor(program, login), misuse.overview)


def test_a_period_or_a_rule_that_is_not_there(program, auditor, night):
    for rule, about, days in (("odd-hours", night, 31), ("no-such-rule", night, 30), ("odd-hours", "nobody", 30)):
        with pytest.raises(NotFound):
            use(program, auditor, misuse.consult, rule, about, days)


def test_no_finding_of_a_program_at_work_and_of_nobody(program, auditor, clock):
    from signaltable import jobs
    from signaltable.flow.coming_in.actors import ANONYMOUS

    clock.now = NIGHT
    _refused(program, ANONYMOUS, 12)
    jobs.run_checkpoint(program)
    assert use(program, auditor, misuse.overview).found == ()


def test_the_question_table_is_kept_apart_from_cases(program):
    assert not {key.column.table.name for key in MisuseQuestion.__table__.foreign_keys} & {
        "signals",
        Disclosure.__tablename__,
    }
