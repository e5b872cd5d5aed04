"""The demo: thirteen cases with the advice they must get, every screen with life, and a log that tells it in order."""

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from signaltable.demo import cases, story
from signaltable.domain import State
from signaltable.flow import (
    approvals,
    auditing,
    disclosures,
    drafts,
    duty_lists,
    enrich,
    linking,
    referrals,
    setup,
    signals,
    table,
    triage,
    work_list,
)
from signaltable.flow.coming_in import actors
from signaltable.flow.dossier import dossier_of
from signaltable.flow.escalations import listing
from signaltable.models import (
    AgendaItem,
    Attendance,
    Disclosure,
    LogEntry,
    MeetingTask,
    Minutes,
    Note,
    Question,
    Recusal,
    ReflectionPeriod,
    Signal,
    SignalMove,
)
from signaltable.queries import signal_by_reference
from signaltable.transaction import Program, reading, transaction
from tests.conftest import PASSWORD, Clock, _own_home, open_for_test

# A Monday, some months after the region of the tests was made: the log must not run back.
NOW = datetime(2027, 6, 14, 10, 15, tzinfo=UTC)
OWNERS = ("havendam", "delinde")


@dataclass(frozen=True)
class Made:
    """The demo as it was made, and its signals by the given name of the first subject, as their owners read them."""

    program: Program
    signals: dict[str, signals.OwnSignal]

    def use(self, login, use_case, *args, **options):
        with transaction(self.program, actors.actor_of_login(self.program, login)) as tx:
            return use_case(tx, *args, **options)

    def sent(self, login, name):
        """The disclosures of a signal, as its owner sees them."""
        with transaction(self.program, actors.actor_of_login(self.program, login)) as tx:
            return disclosures.disclosures_of(tx, signal_by_reference(tx, self.signals[name].reference))


def _with_passwords(settings):
    described = tomllib.loads(setup.REGION.read_text(encoding="utf-8"))["account"]
    setup.remember_demo_accounts(settings, [{"login": one["login"], "password": PASSWORD} for one in described])


def _play(program):
    for step in cases.steps(program):
        step()


def _owned(program):
    found = {}
    for login in OWNERS:
        who = actors.actor_of_login(program, login)
        with transaction(program, who) as tx:
            lines, following = signals.own_signals(tx)
            assert following is None
        for line in lines:
            with transaction(program, who) as tx:
                # Of what expired the names are destroyed, and nobody opens them any more.
                one = signals.consult(tx, line.reference, with_identity=line.state != "expired")
            found[one.subjects[0].identity.get("given_name", one.state)] = one
    return found


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def demo(request, tmp_path_factory):
    settings = _own_home(request, tmp_path_factory.mktemp("demo"), request.param)
    _with_passwords(settings)
    for program in open_for_test(settings, Clock(NOW)):
        _play(program)
        yield Made(program, _owned(program))


# -- the advice of each case (domain/cases.md) ----------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """`routes` must be there, `exactly` says that there are no others; `never` are destinations that must not be."""

    routes: set[tuple[str, str]]
    exactly: bool = False
    never: frozenset[str] = frozenset()
    facts: dict[str, object] | None = None
    asks: frozenset[str] = frozenset()


M2 = {("M2", "veilig-thuis"), ("M2", "raad")}
M4 = {("M4", "essm"), ("M4", "comensha")}
M5 = {("M5", "help-overview"), ("M5", "regional-table")}
M7 = {("M7", "nla"), ("M7", "fairwork")}

CASES = {
    "Janusz": Expected(
        {*M7, *M4}, exactly=True, never=frozenset({"crisis-shelter"}),
        facts={"age": "adult", "gender": "man", "forms": ["labour"], "victim_consent": "given"},
    ),
    "Danita": Expected(
        {*M5, ("M8", "avim")}, exactly=True,
        facts={"forms": ["sexual"], "victim_consent": "refused", "perpetrator": "yes", "means": "present"},
        asks=frozenset({"organised"}),
    ),
    "Mascha": Expected({("M16", "essm-advice"), *M5}, exactly=True, facts={"forms": ["unknown"]}),
    "Masja": Expected({*M7, *M5}, exactly=True, facts={"means": "present", "forms": ["labour", "servitude"]}),
    "Masha": Expected({*M7, *M4}, exactly=True, facts={"victim_consent": "given"}),
    "Achmed": Expected(
        {("M1", "police-112"), ("M8", "avim"), ("M18", "essm"), ("M18", "avim"), *M5},
        facts={"acute_danger": "yes", "forms": ["criminal"], "suspect_may_be_forced": "yes"},
    ),
    "Cara": Expected({("M6", "help-overview")}, exactly=True, facts={"victim": "not_a_victim"}),
    "Ihrin": Expected({("M9", "riec"), *M7}, facts={"forms": ["criminal", "labour"], "organised": "yes"}),
    "Hassan": Expected(
        {("M16", "essm-advice")}, exactly=True, facts={"forms": ["labour"], "means": "more_info"},
        asks=frozenset({"act", "purpose", "victim"}),
    ),
    "Tanya": Expected(
        {("M8", "avim"), ("M9", "riec")}, facts={"forms": ["labour", "criminal"], "perpetrator": "yes"},
    ),
    "Jady": Expected(
        M5, exactly=True, never=frozenset({"avim", "nla", "essm", "police-112"}),
        facts={"acute_danger": "no", "victim_consent": "not_asked"},
    ),
    "Jintha": Expected(M7, facts={"forms": ["labour"], "act": "evidence", "means": "present"}),
    "Dusi": Expected(M7, facts={"means": "present"}, asks=frozenset({"smuggling_only"})),
    "Roos": Expected({*M2, ("M13", "fier")}, facts={"age": "doubt"}),
    "Milan": Expected(
        {("M12", "essm"), *M4}, never=frozenset({"crisis-shelter"}), facts={"age_years": 30, "shelter_needed": "yes"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_case_gets_the_advice_it_must_get(demo: Made, name: str) -> None:
    stored, expected = demo.signals[name], CASES[name]

    routes = {(one["id"], one["destination"]) for one in stored.routes}
    assert expected.routes <= routes
    assert not expected.exactly or routes == expected.routes
    assert not expected.never & {destination for _id, destination in routes}
    assert (expected.facts or {}).items() <= dict(stored.facts).items()
    assert expected.asks <= {one["fact"] for one in stored.questions}


def test_all_cases_are_there(demo: Made) -> None:
    # Of the one that expired nothing is left but that it was there.
    assert set(demo.signals) == {*CASES, "Nadja", "Boris", "Selma", "Iris", "Vera", State.EXPIRED}


def test_what_is_still_to_be_asked_of_janusz_stands_in_his_form(demo: Made) -> None:
    rows = demo.signals["Janusz"].form_rows
    assert {rows["wages"], rows["housing"]} == {1}
    assert {rows["threat"], rows["documents"], rows["payments"]} == {3}


def test_danger_stands_first_and_travels_with_the_flag_of_non_punishment(demo: Made) -> None:
    assert demo.signals["Achmed"].routes[0]["destination"] == "police-112"
    assert "suspect_may_be_forced" in demo.signals["Achmed"].flags


def test_a_girl_in_doubt_needs_no_means_and_child_protection_the_same_day(demo: Made) -> None:
    stored = demo.signals["Roos"]
    assert {one["urgency"] for one in stored.routes if one["id"] == "M2"} == {"same-day"}
    assert "means" not in stored.missing
    assert "means" not in {one["fact"] for one in stored.questions}


def test_jady_is_told_under_medical_secrecy_and_nothing_of_her_was_disclosed(demo: Made) -> None:
    assert demo.signals["Jady"].capacity == "care-wgbo"
    assert "pregnant" in demo.signals["Jady"].flags
    assert demo.sent("delinde", "Jady") == ()


def test_the_picture_of_mascha_changes_with_each_signal(demo: Made) -> None:
    seen = [{one["destination"] for one in demo.signals[name].routes} for name in ("Mascha", "Masja", "Masha")]
    assert seen[0] != seen[1] != seen[2] != seen[0]
    # Two agencies confirmed that it is one woman, so the card of today adds the table.
    with transaction(demo.program, actors.actor_of_login(demo.program, "coordinator")) as tx:
        advice = triage.consult(tx, demo.signals["Mascha"].reference).dossier.advice
    assert advice.linked_agencies == 2
    assert "M17" in {one.id for one in advice.added}


def test_links_are_confirmed_and_refused_and_one_to_a_whole_group_waits_for_both_owners(demo: Made) -> None:
    own = {login: demo.use(login, linking.own_links) for login in OWNERS}
    states = Counter({line.id: line.state for lines in own.values() for line in lines}.values())
    # Confirmed: Mascha, and an accountant seen twice. Her third signal is proposed to the two that are one, once.
    assert states == {"confirmed": 2, "refused": 1, "proposed": 1}
    for login in OWNERS:
        assert [line.own_verdict for line in own[login] if line.state == "proposed"] == [None]


# -- every screen has life -------------------------------------------------------------------------------------------


def test_the_states_are_spread(demo: Made) -> None:
    states = {name: one.state for name, one in demo.signals.items()}
    assert {name for name, state in states.items() if state == "submitted"} == {"Masha", "Jady", "Hassan"}
    assert states["Masja"] == "enriching"
    assert states["Danita"] == states["Mascha"] == states["Ihrin"] == "tabled"
    assert states["Dusi"] == "watch"
    assert states["Cara"] == "closed"
    assert states["Jintha"] == "returned"
    assert states["Milan"] == states["Tanya"] == "referred"
    assert states["Janusz"] == states["Achmed"] == states["Roos"] == "followed_up"
    assert states["Boris"] == "accepted"
    # With the drafts that wait, every state of the life of a signal is there.
    assert set(states.values()) == set(State) - {State.DRAFT}


@pytest.mark.parametrize(
    ("login", "kinds"),
    [
        ("havendam", {"drafts", "links", "questions"}),
        ("delinde", {"drafts", "links"}),
        ("coordinator", {"triage"}),
        ("voorzitter", {"approvals"}),
        ("fg.havendam", {"approvals"}),
        ("avim", {"questions", "inbox"}),
        ("riec", {"questions"}),
        ("essm", {"questions", "inbox"}),
        ("nla", {"questions"}),
        ("veiligthuis", {"questions"}),
        ("comensha", {"questions"}),
        ("opvang", {"questions"}),
        ("fier", {"questions"}),
        ("lvb", {"questions"}),
        ("iom", {"questions"}),
    ],
)
def test_work_waits_on_the_first_page(demo: Made, login: str, kinds: set[str]) -> None:
    assert kinds <= {one.kind for one in demo.use(login, work_list.waiting) if one.count}


def test_partners_gave_all_four_answers_some_late_and_some_not_yet(demo: Made) -> None:
    with reading(demo.program) as session:
        asked = session.scalars(select(Question)).all()
    today = NOW.date()
    assert {one.answer for one in asked} == {"", "hit", "no_hit", "cannot_search", "may_not_say"}
    assert any(one.answered_at and one.answered_at.date() > one.due_on for one in asked)
    assert any(not one.answer and one.due_on < today for one in asked)
    assert any(not one.answer and one.due_on >= today for one in asked)
    page = demo.use("comensha", enrich.open_questions)
    assert [line.overdue for line in page.open] == [True]


def test_one_answer_is_anonymous_until_the_meeting(demo: Made) -> None:
    view = demo.use("coordinator", triage.consult, demo.signals["Danita"].reference)
    by = {one.answer: one.agency for one in view.dossier.answers}
    assert by["hit"] == ""
    assert by["no_hit"] == "RIEC Rotterdam"


def test_the_table_met_twice_and_meets_again(demo: Made) -> None:
    meetings = demo.use("voorzitter", table.meetings)
    coming, of_minors = meetings.coming
    assert (of_minors.items, of_minors.undecided) == (1, 1)
    assert (coming.items, coming.undecided) == (2, 2)
    assert [(one.items, one.undecided) for one in meetings.held] == [(4, 0), (3, 0)]
    assert coming.held_on > NOW.date() > meetings.held[0].held_on
    with reading(demo.program) as session:
        assert set(session.scalars(select(AgendaItem.decision))) == {"refer", "watch", "close", ""}
        discussed = session.scalar(select(func.count()).select_from(Note))
    assert discussed == sum(one.items for one in meetings.held)
    agenda = demo.use("coordinator", table.agenda, coming.id)
    assert demo.signals["Masja"].reference in {one.reference for one in agenda.ready if one.several}


def test_minutes_are_approved_and_shared_and_tasks_open_and_done(demo: Made) -> None:
    with reading(demo.program) as session:
        states = Counter(session.scalars(select(Minutes.state)))
        settled = {one.settled_at is not None for one in session.scalars(select(MeetingTask))}
        there = Counter(one.presence for one in session.scalars(select(Attendance)))
    assert states == {"approved": 1, "shared": 1}
    assert settled == {True, False}
    assert there["present"] > 10


def test_cases_are_stuck_and_somebody_is_kept_from_one(demo: Made) -> None:
    stuck = demo.use("coordinator", listing.listing)
    assert {"all-returned", "missed-dates"} <= {one.cause for one in stuck.open}
    with reading(demo.program) as session:
        kept = session.scalars(select(Recusal)).one()
        period = session.scalars(select(ReflectionPeriod)).one()
    assert kept.agency_id == "nidos"
    assert period.agency_id == "essm"
    assert any(one.due_on for one in demo.use("essm", work_list.mine))


def test_disclosures_are_at_every_stage(demo: Made) -> None:
    with reading(demo.program) as session:
        made = {(one.recipient_agency, one.state, one.ground) for one in session.scalars(select(Disclosure))}
    assert made == {
        ("essm", "accepted", "X1"),  # Twice, to Janusz and to Boris.
        ("nla", "accepted", "X8"),
        ("essm", "accepted", "X10"),
        ("avim", "accepted", "X10"),
        ("veiligthuis", "accepted", "X2"),
        ("raad", "accepted", "X4"),
        ("nla", "returned", "G6"),
        ("avim", "disclosed", "X13"),
        ("essm", "disclosed", "G2"),
        ("riec", "awaiting_approval", "G5"),
        # Passed on by the care coordinator; and taken back because it was wrong.
        ("fairwork", "accepted", "X11"),
        ("essm", "revoked", "X1"),
    }


def test_what_was_received_has_answers_and_one_case_waits_unopened(demo: Made) -> None:
    lines, _following = demo.use("essm", referrals.inbox)
    assert [(line.state, line.feedback) for line in lines] == [
        ("disclosed", ""), ("revoked", ""), ("accepted", ""), ("accepted", ""), ("accepted", "help_offered"),
    ]  # fmt: skip
    lines, _following = demo.use("avim", referrals.inbox)
    assert lines[0].overdue
    (returned,) = demo.sent("havendam", "Jintha")
    seen = demo.use("havendam", disclosures.read_own, returned.reference)
    assert seen.cause == "too_little"
    assert "werkgever" in seen.response


def test_duties_are_open_late_and_done_and_a_consent_was_taken_back(demo: Made) -> None:
    lines, _following = demo.use("havendam", duty_lists.listing)
    assert (lines[0].kind, lines[0].recipient, lines[0].overdue) == ("inform", "Veilig Thuis", True)
    (done,) = (line for line in demo.sent("havendam", "Roos") if line.recipient.startswith("Raad"))
    told = {one.kind: one for one in demo.use("havendam", disclosures.read_own, done.reference).duties}
    assert (told["inform"].result, told["inform"].late) == ("interpreter", False)
    lines, _following = demo.use("nla", duty_lists.listing)
    assert "consent-withdrawn" in {line.kind for line in lines}


def test_the_second_person_finds_a_request_and_may_decide(demo: Made) -> None:
    for login in ("fg.havendam", "voorzitter"):
        (line,), _following = demo.use(login, approvals.waiting)
        request = demo.use(login, approvals.consult, line.reference)
        assert request.ground is not None
        assert request.ground.id == "G5"
        assert not request.same_role


def test_the_straw_man_himself_stays_out_of_what_goes_to_riec(demo: Made) -> None:
    (line,) = demo.sent("havendam", "Ihrin")
    content = demo.use("havendam", disclosures.read_own, line.reference).content
    assert content is not None
    values = {value.words.nl for one in content.subjects for field in one.fields for value in field.values}
    assert "Metaalfabriek Schijnwerk" in values
    assert not {"Ihrin", "Vanpapier"} & values


def test_two_drafts_wait_to_be_continued(demo: Made) -> None:
    (municipality,) = demo.use("havendam", drafts.mine)
    (care,) = demo.use("delinde", drafts.mine)
    assert (municipality.step, care.step) == (3, 2)
    assert "salon" in demo.use("havendam", drafts.load, municipality.id).content.narrative


def test_names_stay_with_their_owner(demo: Made) -> None:
    typed = {
        value.casefold()
        for one in demo.signals.values()
        for subject in one.subjects
        for name, value in subject.identity.items()
        if name not in {"city", "house_number", "nationality", "addition"}
    }
    with transaction(demo.program, actors.actor_of_login(demo.program, "coordinator")) as tx:
        shown = repr([dossier_of(tx, signal, "table") for signal in tx.session.scalars(select(Signal))]).casefold()
        shown += repr(tx.session.scalars(select(Note.text)).all()).casefold()
    assert typed
    assert [value for value in typed if re.search(rf"\b{re.escape(value)}\b", shown)] == []


def test_texts_of_the_table_are_written_so_that_nothing_had_to_be_masked(demo: Made) -> None:
    with reading(demo.program) as session:
        texts = [
            *session.scalars(select(Note.text)),
            *session.scalars(select(AgendaItem.reason)),
            *session.scalars(select(Question.note)),
            *session.scalars(select(Question.context)),
            *session.scalars(select(SignalMove.reason)),
            *session.scalars(select(Signal.municipality)),
        ]
    assert [text for text in texts if "[" in text] == []


# -- the log ---------------------------------------------------------------------------------------------------------


def test_the_log_never_runs_back_and_holds_what_it_promises(demo: Made) -> None:
    with reading(demo.program) as session:
        rows = session.execute(select(LogEntry.seq, LogEntry.recorded_at).order_by(LogEntry.seq)).all()
        refused = set(session.scalars(select(LogEntry.action).where(LogEntry.outcome == "refused")))
        signed = session.scalar(select(func.count()).where(LogEntry.action == "checkpoint:sign"))
        recorded = dict(
            session.execute(
                select(LogEntry.object, LogEntry.recorded_at).where(LogEntry.action == "signal:record")
            ).all(),
        )
        created = dict(session.execute(select(Signal.reference, Signal.created_at)).all())
    moments = [row.recorded_at for row in rows]
    assert moments == sorted(moments)
    # What happened weeks ago was recorded then, and not on the day that the demo was made.
    assert recorded == created
    assert max(recorded.values()) - min(recorded.values()) > timedelta(days=35)
    assert refused == {"disclosure:refuse"}
    assert signed == 8
    auditor = actors.actor_of_login(demo.program, "auditor")
    assert [line.code for line in auditing.check(demo.program, auditor) if not line.ok] == []


# -- on any day --------------------------------------------------------------------------------------------------------


ANY_DAY = (
    datetime(2027, 1, 3, 23, 5, tzinfo=UTC),  # It is Monday in the Netherlands already.
    datetime(2028, 2, 29, 12, 0, tzinfo=UTC),
    datetime(2027, 4, 4, 6, 0, tzinfo=UTC),  # A Sunday, a week after summer time began.
    datetime(2029, 11, 3, 0, 1, tzinfo=UTC),
)


@pytest.mark.parametrize("now", ANY_DAY)
def test_the_demo_is_alive_on_any_day(sqlite_settings, now):
    _with_passwords(sqlite_settings)
    for program in open_for_test(sqlite_settings, Clock(now)):
        _play(program)
        with reading(program) as session:
            states = Counter(session.scalars(select(Signal.state)))
            moments = session.scalars(select(LogEntry.recorded_at).order_by(LogEntry.seq)).all()
            moves = session.scalars(select(SignalMove.at).where(SignalMove.at < now - timedelta(hours=6))).all()
            overdue = session.scalar(
                select(func.count()).where(Question.answer == "", Question.due_on < now.date()),
            )
        assert states == {
            State.SUBMITTED: 3, State.ENRICHING: 1, State.TABLED: 4, State.WATCH: 1, State.CLOSED: 1, State.RETURNED: 2,
            State.REFERRED: 2, State.FOLLOWED_UP: 3, State.TRIAGED: 1, State.ACCEPTED: 1, State.WITHDRAWN: 1,
            State.EXPIRED: 1,
        }  # fmt: skip
        assert moments == sorted(moments)
        assert moments[-1] <= now
        assert {at.weekday() for at in moves} <= {0, 1, 2, 3, 4}
        assert overdue


def test_working_days_step_over_weekends_both_ways():
    monday = date(2026, 11, 23)
    assert cases.working_day(monday, 0) == monday
    assert cases.working_day(monday, 1) == date(2026, 11, 20)
    assert cases.working_day(monday, 6) == date(2026, 11, 13)
    assert cases.working_day(date(2026, 11, 21), -1) == monday
    assert cases.working_day(date(2026, 11, 22), 1) == date(2026, 11, 20)


def test_a_link_that_is_not_there_is_named_by_its_case(sqlite_settings):
    _with_passwords(sqlite_settings)
    for program in open_for_test(sqlite_settings, Clock(NOW)):
        step = next(one for one in cases.steps(program) if one.args[1].verb == "submit")
        step()
        played, told = step.args
        played.references["other"] = played.references[told.case]
        lost = replace(told, said={"by": "havendam", "with": "other"})
        with pytest.raises(story.BrokenDemo, match=told.case):
            cases.VERBS["link"](played, lost)
