"""Triage: the list that the coordinator works from, and what becomes of a signal."""

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import linking, referrals, signals, triage
from signaltable.models import SignalMove
from signaltable.transaction import reading
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_person, a_signal
from tests.table_steps import log, row, submitted, triage_it, triaged, use


def test_the_list_says_what_is_missing_and_how_many_links_wait(program, actor):
    # Given two signals about one person, the second without means and without a known age
    first = submitted(program, actor(program, "havendam"))
    draft = a_signal(
        capacity="care-wgbo",
        form_rows={"housing": 1},
        subjects=[a_person(age="unknown", age_years=None)],
        consent={"status": "given", "on": "2026-11-20"},
    )
    second = submitted(program, actor(program, "delinde"), draft)
    # When the coordinator opens the list
    page = use(program, actor(program, "coordinator"), triage.listing)
    # Then the newest comes first, with its gaps and its link proposals
    lines = {line.reference: line for line in page.lines}
    assert set(lines) == {first, second}
    assert lines[second].missing == ("means", "purpose", "age")
    assert lines[first].missing == ("consent",)
    assert lines[first].links == lines[second].links == 1
    ((entry, details),) = log(program, "signal:list")
    assert (entry.agency, details["view"], details["count"]) == ("var", "triage", 2)


def test_the_list_is_read_by_key_in_both_directions(program, actor, clock):
    who, coordinator = actor(program, "havendam"), actor(program, "coordinator")
    made = []
    for number in range(60):
        made.append(submitted(program, who, a_signal(subjects=[], narrative=f"Proefmelding nummer {number}")))
        clock.forward(seconds=number % 2)  # Some signals share their moment; the key still puts them in one order.
    pages, older = [], ""
    while True:
        page = use(program, coordinator, triage.listing, older_than=older)
        pages.append(page)
        if not page.older:
            break
        older = page.older
    # Every signal once, newest first, 25 a page
    assert [len(page.lines) for page in pages] == [25, 25, 10]
    seen = [line.reference for page in pages for line in page.lines]
    assert sorted(seen) == sorted(made)
    back = use(program, coordinator, triage.listing, newer_than=pages[2].newer)
    assert back == pages[1]
    assert use(program, coordinator, triage.listing, newer_than=back.newer).newer == ""


def test_filters_pick_state_and_urgency_and_an_unknown_one_is_refused(program, actor):
    coordinator = actor(program, "coordinator")
    waits = submitted(program, actor(program, "havendam"))
    looked_at = triaged(program, actor(program, "havendam"), coordinator)
    urgent = {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "same-day"}
    hurry = submitted(program, actor(program, "havendam"), a_signal(safety=urgent))

    def found(**filters):
        return {line.reference for line in use(program, coordinator, triage.listing, **filters).lines}

    assert found(state="triaged") == {looked_at}
    assert found(urgency="same-day") == {hurry}
    assert found(state="submitted") == {waits, hurry}
    with pytest.raises(UnusableInput):
        found(state="anything")
    with pytest.raises(NotFound):
        found(older_than="S-2222-22")


def test_without_a_filter_the_list_holds_what_the_coordinator_must_act_on(program, actor):
    owner, coordinator = actor(program, "havendam"), actor(program, "coordinator")
    waits = submitted(program, owner)
    gone = submitted(program, owner, a_signal(consent=GIVEN))
    sent = disclosed(program, owner, gone, "essm", ground="X1").reference

    def found(**filters):
        return {line.reference for line in use(program, coordinator, triage.listing, **filters).lines}

    assert found() == {waits}
    assert found(state="referred") == {gone}
    # What the receiver gives back asks attention again
    use(program, actor(program, "essm"), referrals.give_back, sent, cause="other", text="Hoort bij u")
    assert found() == {waits, gone}


def test_the_list_counts_proposed_and_confirmed_links_apart(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo"))

    def counts():
        lines = use(program, actor(program, "coordinator"), triage.listing).lines
        return next((line.links, line.confirmed) for line in lines if line.reference == reference)

    assert counts() == (1, 0)
    for login in ("havendam", "delinde"):
        (line,) = use(program, actor(program, login), linking.own_links)
        use(program, actor(program, login), linking.decide, line.id, confirmed=True)
    assert counts() == (0, 1)


def test_a_withdrawn_signal_leaves_the_list_and_the_desk(program, actor):
    owner, coordinator = actor(program, "havendam"), actor(program, "coordinator")
    reference = submitted(program, owner)
    use(program, owner, signals.withdraw, reference, "toch niet")
    assert use(program, coordinator, triage.listing).lines == ()
    with pytest.raises(NotFound):
        use(program, coordinator, triage.consult, reference)


@pytest.mark.parametrize("login", ["havendam", "avim", "essm", "voorzitter", "fg.havendam", "auditor", "beheer"])
def test_only_the_coordinator_triages_and_a_try_is_recorded(program, actor, login):
    reference = submitted(program, actor(program, "havendam"))
    who = actor(program, login)
    for case, args in ((triage.listing, ()), (triage.consult, (reference,))):
        with pytest.raises(Refused):
            use(program, who, case, *args)
    refused = [(entry.agency, details["permission"]) for entry, details in log(program, "access:refuse")]
    assert refused == [(who.agency_id, "signal:triage:own-table")] * 2
    assert row(program, reference).state == "submitted"


def test_triage_moves_the_signal_and_records_why_without_the_words(program, actor):
    coordinator = actor(program, "coordinator")
    reference = submitted(program, actor(program, "havendam"))
    before = row(program, reference)
    use(
        program,
        coordinator,
        triage.triage,
        reference,
        result="triaged",
        urgency="same-day",
        reason="Volgens mevrouw Proefveld is er haast",
        version=before.version,
    )
    after = row(program, reference)
    assert (after.state, after.urgency) == ("triaged", "same-day")
    ((entry, details),) = log(program, "signal:triage")
    assert entry.object == reference
    assert details["urgency"] == "same-day"
    assert "reason" not in details
    with reading(program) as session:
        kept = session.scalars(select(SignalMove).where(SignalMove.state_to == "triaged")).one()
    assert "haast" in kept.reason
    assert "Proefveld" not in kept.reason


def test_another_urgency_needs_a_reason_and_a_bsn_in_it_is_refused(program, actor):
    coordinator = actor(program, "coordinator")
    reference = submitted(program, actor(program, "havendam"))
    version = row(program, reference).version
    form = {"result": "triaged", "urgency": "now", "version": version}
    for reason, place in (("", "reason"), ("zie 111222333", "reason")):
        with pytest.raises(UnusableInput) as refused:
            use(program, coordinator, triage.triage, reference, reason=reason, **form)
        assert set(refused.value.problems) == {place}
        assert "111222333" not in str(refused.value)
    assert row(program, reference).state == "submitted"


def test_watching_starts_its_own_term_and_shows_both_steps(program, actor, clock):
    coordinator = actor(program, "coordinator")
    reference = submitted(program, actor(program, "havendam"))
    clock.forward(days=30)
    triage_it(program, coordinator, reference, "watch")
    signal = row(program, reference)
    assert signal.state == "watch"
    assert (signal.keep_until - clock.now.date()).days == program.policy.retention["watch"].days
    with reading(program) as session:
        moves = session.scalars(select(SignalMove.state_to).order_by(SignalMove.at, SignalMove.id)).all()
    assert sorted(moves) == ["submitted", "triaged", "watch"]


def test_two_coordinators_do_not_overwrite_each_other(program, actor):
    coordinator = actor(program, "coordinator")
    reference = submitted(program, actor(program, "havendam"))
    version = row(program, reference).version
    triage_it(program, coordinator, reference)
    with pytest.raises(Conflict):
        use(
            program,
            coordinator,
            triage.triage,
            reference,
            result="watch",
            urgency="five-working-days",
            reason="",
            version=version,
        )
    assert row(program, reference).state == "triaged"


def test_the_desk_shows_proposals_under_the_tables_pseudonyms(program, actor):
    # Given two linked signals that nobody judged yet
    first = submitted(program, actor(program, "havendam"))
    second = submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo"))
    coordinator = actor(program, "coordinator")
    view = use(program, coordinator, triage.consult, first)
    (proposed,) = view.proposed
    assert (proposed.reference, proposed.state) == (second, "proposed")
    assert proposed.own == view.dossier.subjects[0].pseudonym
    assert proposed.other == use(program, coordinator, triage.consult, second).dossier.subjects[0].pseudonym
    # And when both owners confirm, the proposal is a link for the whole table
    for login in ("havendam", "delinde"):
        (line,) = use(program, actor(program, login), linking.own_links)
        use(program, actor(program, login), linking.decide, line.id, confirmed=True)
    view = use(program, coordinator, triage.consult, first)
    assert view.proposed == ()
    assert [link.reference for link in view.dossier.links] == [second]
    assert any(one.new for one in view.dossier.advice.routes)
