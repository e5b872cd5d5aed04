"""Meetings, agenda, notes and decisions; the table advises, the owner acts."""

from datetime import date

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import dossier, linking, signals, table
from signaltable.flow.table import proposing
from signaltable.models import Mail, Meeting, Note
from signaltable.transaction import reading
from tests.factories import a_signal
from tests.table_steps import log, on_the_agenda, row, submitted, triage_it, triaged, use

REASON = "De tafel vindt dat hulp nu het eerst nodig is."


@pytest.fixture
def people(program, actor):
    return {login: actor(program, login) for login in ("havendam", "delinde", "coordinator", "voorzitter", "avim")}


def _decided(program, who, meeting, reference, decision, **changes):
    deciding = {"decision": decision, "reason": REASON, "holder": "havendam", "due_on": date(2026, 12, 1)}
    if decision == "refer":
        deciding["destinations"] = ("essm", "avim")
    return use(program, who, table.decide, meeting, reference, table.Deciding(**{**deciding, **changes}))


def test_the_coordinator_plans_a_meeting_and_everybody_at_the_table_sees_it(program, people):
    meeting = use(program, people["coordinator"], table.schedule, held_on=date(2026, 12, 1), title="Tafel van december")
    for login in ("havendam", "voorzitter", "avim"):
        (line,) = use(program, people[login], table.meetings).coming
        assert (line.id, line.title, line.items) == (meeting, "Tafel van december", 0)
    ((_entry, details),) = log(program, "table:schedule")
    assert (details["meeting"], details["changed"]) == (meeting, ["planned"])
    with reading(program) as session:
        assert len(set(session.scalars(select(Mail.account_id).where(Mail.template == "meeting")))) > 10


def test_a_meeting_needs_a_day_to_come_and_a_title_without_a_number_of_a_person(program, people):
    for options, place in (
        ({"held_on": date(2026, 11, 1), "title": "Tafel"}, "held_on"),
        ({"held_on": None, "title": "Tafel"}, "held_on"),
        ({"held_on": date(2026, 12, 1), "title": " "}, "title"),
        ({"held_on": date(2026, 12, 1), "title": "111222333"}, "title"),
    ):
        with pytest.raises(UnusableInput) as refused:
            use(program, people["coordinator"], table.schedule, **options)
        assert set(refused.value.problems) == {place}


@pytest.mark.parametrize("login", ["voorzitter", "havendam", "avim", "auditor", "beheer"])
def test_only_the_coordinator_makes_the_agenda(program, actor, people, login):
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference)
    who = actor(program, login)
    for case, args, options in (
        (table.schedule, (), {"held_on": date(2026, 12, 1), "title": "Tafel"}),
        (table.put_on_agenda, (meeting, [reference]), {}),
        (table.reorder, (meeting, reference), {"up": True}),
    ):
        with pytest.raises(Refused):
            use(program, who, case, *args, **options)
    assert len(log(program, "access:refuse")) == 3


@pytest.mark.parametrize("login", ["auditor", "beheer", "fg.havendam"])
def test_who_has_no_part_in_the_table_sees_no_meeting(program, actor, people, login):
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference)
    for case, args in (
        (table.meetings, ()),
        (table.agenda, (meeting,)),
        (table.consult_item, (meeting, reference)),
        (dossier.consult, (reference,)),
    ):
        with pytest.raises(Refused):
            use(program, actor(program, login), case, *args)


def test_what_is_ready_comes_by_urgency_and_then_by_who_else_knows_it(program, people, clock):
    urgent = {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "same-day"}
    plain = triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[]))
    clock.forward(minutes=1)
    linked = triaged(program, people["havendam"], people["coordinator"])
    clock.forward(minutes=1)
    partner = triaged(program, people["delinde"], people["coordinator"], a_signal(capacity="care-wgbo"))
    clock.forward(minutes=1)
    hurry = triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[], safety=urgent))
    submitted(program, people["havendam"], a_signal(subjects=[]))
    for login in ("havendam", "delinde"):
        (line,) = use(program, people[login], linking.own_links)
        use(program, people[login], linking.decide, line.id, confirmed=True)
    meeting = use(program, people["coordinator"], table.schedule, held_on=date(2026, 12, 1), title="Tafel")
    ready = use(program, people["coordinator"], table.agenda, meeting).ready
    assert [(line.reference, line.several) for line in ready] == [
        (hurry, False),
        (linked, True),
        (partner, True),
        (plain, False),
    ]


def test_the_first_of_many_are_the_same_however_few_are_looked_at_in_one_go(program, people, monkeypatch):
    for urgency in ("", "same-day", "", "now", ""):
        safety = {"acute_danger": "no", "safe_to_continue": "yes", "urgency": urgency}
        changes = {"safety": safety} if urgency else {}
        triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[], **changes))
    meeting = use(program, people["coordinator"], table.schedule, held_on=date(2026, 12, 1), title="Tafel")

    def first(tx, most):
        found, count = proposing.first(tx, tx.session.get_one(Meeting, meeting), most)
        assert count == 5
        return [(row.reference, proposal) for row, proposal in found]

    whole = use(program, people["coordinator"], first, 50)
    assert len(whole) == 5
    monkeypatch.setattr(proposing, "_AT_ONCE", 1)
    for most in (1, 2, 50):
        assert use(program, people["coordinator"], first, most) == whole[:most]


def test_signals_go_on_the_agenda_in_order_and_change_places(program, people):
    references = [triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[])) for _ in range(3)]
    meeting = on_the_agenda(program, people["coordinator"], *references)

    def order():
        return [line.reference for line in use(program, people["avim"], table.agenda, meeting).lines]

    assert order() == references
    assert {row(program, one).state for one in references} == {"tabled"}
    use(program, people["coordinator"], table.reorder, meeting, references[2], up=True)
    assert order() == [references[0], references[2], references[1]]
    # At the end of the agenda there is nowhere to go
    use(program, people["coordinator"], table.reorder, meeting, references[1], up=False)
    assert order() == [references[0], references[2], references[1]]
    assert use(program, people["coordinator"], table.agenda, meeting).ready == ()
    assert log(program, "table:consult")[-1][1]["count"] == 3


def test_the_urgent_and_what_several_know_come_before_the_rest_when_they_are_added(program, people):
    urgent = {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "same-day"}
    owner, coordinator = people["havendam"], people["coordinator"]
    first, second = (triaged(program, owner, coordinator, a_signal(subjects=[])) for _ in range(2))
    meeting = on_the_agenda(program, coordinator, first, second)
    use(program, coordinator, table.reorder, meeting, second, up=True)
    linked = triaged(program, owner, coordinator)
    triaged(program, people["delinde"], coordinator, a_signal(capacity="care-wgbo"))
    for login in ("havendam", "delinde"):
        (line,) = use(program, people[login], linking.own_links)
        use(program, people[login], linking.decide, line.id, confirmed=True)
    hurry = triaged(program, owner, coordinator, a_signal(subjects=[], safety=urgent))
    plain = triaged(program, owner, coordinator, a_signal(subjects=[]))
    use(program, coordinator, table.put_on_agenda, meeting, [plain, linked, hurry])
    # What stood there keeps the order that the coordinator gave it
    assert [line.reference for line in use(program, coordinator, table.agenda, meeting).lines] == [
        hurry,
        linked,
        second,
        first,
        plain,
    ]


@pytest.mark.parametrize("state", ["triaged", "watch"])
def test_a_signal_taken_off_the_agenda_goes_back_to_where_it_was(program, people, state):
    reference = submitted(program, people["havendam"], a_signal(subjects=[]))
    triage_it(program, people["coordinator"], reference, state)
    meeting = on_the_agenda(program, people["coordinator"], reference)
    use(program, people["coordinator"], table.take_off_agenda, meeting, reference)
    seen = use(program, people["coordinator"], table.agenda, meeting)
    assert seen.lines == ()
    assert [line.reference for line in seen.ready] == [reference]
    assert row(program, reference).state == state
    _entry, details = log(program, "table:schedule")[-1]
    assert (details["changed"], details["signals"]) == (["removed"], [reference])
    with pytest.raises(Refused):
        use(program, people["avim"], dossier.consult, reference)


def test_what_an_earlier_meeting_left_stays_on_the_table_when_taken_off(program, people, clock):
    reference = triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[]))
    on_the_agenda(program, people["coordinator"], reference)
    clock.forward(days=7)
    second = on_the_agenda(program, people["coordinator"], reference, days=1)
    use(program, people["coordinator"], table.take_off_agenda, second, reference)
    assert row(program, reference).state == "tabled"
    assert [line.reference for line in use(program, people["coordinator"], table.agenda, second).ready] == [reference]


@pytest.mark.parametrize("login", ["voorzitter", "avim", "havendam"])
def test_only_the_coordinator_takes_a_signal_off_the_agenda(program, actor, people, login):
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference)
    with pytest.raises(Refused):
        use(program, actor(program, login), table.take_off_agenda, meeting, reference)
    assert len(use(program, people["coordinator"], table.agenda, meeting).lines) == 1


def test_what_was_discussed_or_decided_stays_on_the_agenda(program, people):
    said, decided = (
        triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[])) for _ in range(2)
    )
    meeting = on_the_agenda(program, people["coordinator"], said, decided)
    use(program, people["voorzitter"], table.note, meeting, said, "Zij wil hulp")
    _decided(program, people["voorzitter"], meeting, decided, "refer")
    for reference in (said, decided):
        with pytest.raises(Conflict):
            use(program, people["coordinator"], table.take_off_agenda, meeting, reference)
    assert len(use(program, people["coordinator"], table.agenda, meeting).lines) == 2


def test_what_is_not_ready_cannot_be_put_on_the_agenda(program, people, clock):
    waits = submitted(program, people["havendam"])
    meeting = use(program, people["coordinator"], table.schedule, held_on=date(2026, 12, 1), title="Tafel")
    for references in ([waits], ["S-2222-22"], []):
        with pytest.raises(UnusableInput):
            use(program, people["coordinator"], table.put_on_agenda, meeting, references)
    triage_it(program, people["coordinator"], waits)
    clock.forward(days=30)
    with pytest.raises(Conflict):
        use(program, people["coordinator"], table.put_on_agenda, meeting, [waits])


def test_members_open_a_dossier_only_when_it_is_on_an_agenda(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    with pytest.raises(Refused) as refused:
        use(program, people["avim"], dossier.consult, reference)
    assert refused.value.reason == "not_on_an_agenda"
    use(program, people["voorzitter"], dossier.consult, reference)
    on_the_agenda(program, people["coordinator"], reference)
    assert use(program, people["avim"], dossier.consult, reference).reference == reference
    assert [entry.agency for entry, _details in log(program, "signal:consult")] == ["var", "avim"]


def test_a_note_is_masked_and_tells_the_organisation_not_the_person(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference)
    with pytest.raises(UnusableInput):
        use(program, people["voorzitter"], table.note, meeting, reference, "haar nummer is 111222333")
    use(program, people["voorzitter"], table.note, meeting, reference, "Bel mevrouw Zorinka Proefveld op 0612345678")
    (written,) = use(program, people["avim"], table.consult_item, meeting, reference).notes
    assert written.agency == "Regiobureau ketenregie"
    for secret in ("Proefveld", "0612345678", "Victor"):
        assert secret not in repr(written)
    ((entry, details),) = log(program, "table:note")
    assert (entry.object, details["meeting"]) == (reference, meeting)
    with pytest.raises(Refused):
        use(program, people["avim"], table.note, meeting, reference, "Ook een aantekening")
    with reading(program) as session:
        assert len(session.scalars(select(Note)).all()) == 1


@pytest.mark.parametrize(
    ("decision", "state"), [("refer", "tabled"), ("enrich", "enriching"), ("watch", "watch"), ("close", "closed")]
)
def test_a_decision_brings_the_state_that_follows(program, people, decision, state):
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference)
    _decided(program, people["voorzitter"], meeting, reference, decision)
    signal = row(program, reference)
    assert signal.state == state
    view = use(program, people["avim"], table.consult_item, meeting, reference)
    assert (view.decision.decision, view.decision.reason) == (decision, REASON)
    assert (view.decision.holder, view.decision.due_on) == ("Gemeente Havendam", date(2026, 12, 1))
    assert not view.may_decide
    ((entry, details),) = log(program, "table:decide")
    assert (entry.object, details["decision"], details["meeting"]) == (reference, decision, meeting)
    assert REASON not in str(details)
    assert [one[0].object for one in log(program, "signal:close")] == ([reference] if decision == "close" else [])


def test_the_owner_reads_the_decision_and_which_destinations_are_advised(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    before = row(program, reference).advice
    meeting = on_the_agenda(program, people["coordinator"], reference)
    _decided(program, people["coordinator"], meeting, reference, "refer")

    def told(tx):
        return dossier.decisions_of(tx, signals.signal_by_reference(tx, reference))

    (made,) = use(program, people["havendam"], told)
    assert made.destinations == ("essm", "avim")
    assert made.label.nl == "Doorgeleiden"
    # The advice of the card stays what it was
    assert row(program, reference).advice["routes"] == before["routes"]
    with reading(program) as session:
        templates = session.scalars(select(Mail.template)).all()
    assert "decision" in templates


@pytest.mark.parametrize(
    ("decision", "change", "place"),
    [
        ("transfer", {}, "decision"),
        ("refer", {"destinations": ()}, "destinations"),
        ("refer", {"destinations": ("police-112",)}, "destinations"),
        ("refer", {"holder": ""}, "holder"),
        ("refer", {"holder": "nowhere"}, "holder"),
        ("enrich", {"due_on": None}, "due_on"),
        ("close", {"due_on": date(2026, 1, 1)}, "due_on"),
        ("watch", {"reason": "  "}, "reason"),
        ("watch", {"reason": "zie 111222333"}, "reason"),
    ],
)
def test_a_decision_that_is_not_whole_is_refused(program, people, decision, change, place):
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference)
    with pytest.raises(UnusableInput) as refused:
        _decided(program, people["voorzitter"], meeting, reference, decision, **change)
    assert set(refused.value.problems) == {place}
    assert row(program, reference).state == "tabled"


def test_the_table_decides_once(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference)
    _decided(program, people["voorzitter"], meeting, reference, "refer")
    with pytest.raises(Conflict):
        _decided(program, people["coordinator"], meeting, reference, "close")
    with pytest.raises(Refused):
        _decided(program, people["avim"], meeting, reference, "close")
    assert row(program, reference).state == "tabled"


def test_a_signal_without_decision_can_go_to_the_next_meeting(program, people, clock):
    undecided = triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[]))
    decided = triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[]))
    first = on_the_agenda(program, people["coordinator"], undecided, decided)
    _decided(program, people["voorzitter"], first, decided, "refer")
    clock.forward(days=7)
    second = on_the_agenda(program, people["coordinator"], undecided, days=1)
    assert [line.reference for line in use(program, people["avim"], table.agenda, second).lines] == [undecided]
    assert use(program, people["coordinator"], table.agenda, second).ready == ()


def test_a_withdrawn_signal_stays_on_the_agenda_as_a_line_only(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference)
    use(program, people["havendam"], signals.withdraw, reference, "op verzoek")
    (line,) = use(program, people["avim"], table.agenda, meeting).lines
    assert (line.gone, line.forms, line.routes) == (True, (), ())
    for case, args in ((table.consult_item, (meeting, reference)), (dossier.consult, (reference,))):
        with pytest.raises(NotFound):
            use(program, people["avim"], case, *args)
