"""What owners do with links: confirm, refuse, end, merge, split, take back; and who is told of a wrong one."""

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, LinkState, NotFound, State, UnusableInput
from signaltable.flow import linking
from signaltable.flow.linking import Spread
from signaltable.models import Disclosure, LinkAct, LinkNotice, LinkVerdict, Mail, Signal, Subject
from tests.conftest import Clock, open_for_test
from tests.linking_steps import at_desk

WHY = "zij hadden alleen dezelfde telefoon"


@pytest.fixture(scope="module")
def program(shared_settings):
    """One program for all these tests: what they do in a session is rolled back."""
    yield from open_for_test(shared_settings, Clock())


@pytest.fixture
def desk(program):
    with at_desk(program) as made:
        yield made


@pytest.fixture
def pair(desk):
    """A confirmed link between a signal of havendam and one of delinde."""
    one, other = desk.signal("havendam"), desk.signal("delinde")
    return desk.confirmed(one, other, "havendam", "delinde")


def owners(desk, link):
    query = select(Signal.owner_agency).join(Subject, Subject.signal_id == Signal.id)
    return list(desk.session.scalars(query.where(Subject.id.in_((link.subject_a, link.subject_b)))))


def open_links(desk):
    return [one for one in desk.links() if one.state == LinkState.PROPOSED]


# -- confirming and refusing -------------------------------------------------------------------------------------------


def test_a_second_press_on_the_same_button_changes_nothing(desk):
    one, other = desk.signal("havendam"), desk.signal("delinde")
    link = desk.between(one, other)
    for _press in range(2):
        assert linking.decide(desk.by("havendam"), link.id, confirmed=True) == "proposed"
    assert len(desk.told("link:confirm")) == 1
    linking.decide(desk.by("delinde"), link.id, confirmed=True)
    for _press in range(2):
        assert linking.end(desk.by("delinde"), link.id, WHY) == "ended"
    assert len(desk.told("link:end")) == 1
    for _press in range(2):
        assert linking.undo(desk.by("delinde"), link.id, "toch wel") == "confirmed"
    assert len(desk.told("link:undo")) == 1


def test_a_third_signal_is_proposed_to_the_group_once_and_joins_it_whole(desk, pair):
    third = desk.signal("avim")
    (proposed,) = open_links(desk)
    for login in owners(desk, proposed):
        linking.decide(desk.by(login), proposed.id, confirmed=True)
    assert desk.groups() == {frozenset({pair.subject_a, pair.subject_b, third})}
    assert linking.spread(desk.by("avim"), [third]) == {third: Spread(signals=2, agencies=3)}
    signal = desk.session.get(Subject, third).signal_id
    assert linking.agencies_around(desk.by("avim"), signal) == 3
    assert linking.others_in_groups(desk.by("avim"), [signal]) == {signal: 2}


def test_n_signals_about_one_person_give_about_n_proposals(desk):
    # Nobody answers, so there is no group; still no signal is proposed to every other one
    for number in range(12):
        desk.signal(("havendam", "delinde", "avim")[number % 3])
    assert 11 <= len(desk.links()) <= 24


def test_a_refusal_counts_for_the_whole_group_and_is_not_proposed_again(desk):
    # Given two signals that nobody judged yet, and a third that is proposed to both
    one, other = desk.signal("havendam"), desk.signal("delinde")
    third = desk.signal("avim")
    first_link, second_link = desk.between(one, third), desk.between(other, third)
    desk.confirmed(one, other, "havendam", "delinde")
    # When the third is refused to one of the group
    assert linking.decide(desk.by("avim"), first_link.id, confirmed=False, reason=WHY) == "refused"
    # Then what was open to the other is over, a confirmation would contradict, and nothing is proposed anew
    assert second_link.state == LinkState.ENDED
    assert open_links(desk) == []
    with pytest.raises(Conflict) as conflict:
        linking.merge(desk.by("delinde"), second_link.id, "wel dezelfde")
    assert conflict.value.reason == "kept_apart"
    # And taking the refusal back brings both back
    assert linking.undo(desk.by("avim"), first_link.id, "te snel gelezen") == "proposed"
    assert second_link.state == LinkState.PROPOSED


def test_who_was_left_out_because_of_a_refused_one_is_proposed_after_all(desk):
    # Given four signals, so that the fourth was proposed to two of the three that proposals connect
    subjects = [desk.signal(login) for login in ("havendam", "delinde", "avim")]
    fourth = desk.signal("essm")
    mine = [one for one in open_links(desk) if fourth in (one.subject_a, one.subject_b)]
    assert len(mine) == 2
    linking.decide(desk.by("essm"), mine[0].id, confirmed=False, reason=WHY)
    reached = {
        side
        for one in desk.links()
        for side in (one.subject_a, one.subject_b)
        if fourth in (one.subject_a, one.subject_b)
    }
    assert reached == {*subjects, fourth}


# -- ending, and who is told -------------------------------------------------------------------------------------------


def a_disclosure(desk, subject_id, receiver, at):
    signal_id = desk.session.get(Subject, subject_id).signal_id
    tx = desk.by("havendam")
    made = Disclosure(
        id=tx.new_id(), reference=f"D-{receiver}", signal_id=signal_id, provider_agency="havendam",
        recipient_agency=receiver, destination="x", purpose="P2", ground="A1", ground_digest="x", policy_digest="x",
        state="disclosed", fields=[], categories=[], evidence_hashes={}, evidence_sealed=b"x", obligations=[],
        requested_by="x", requested_at=at, disclosed_at=at,
    )  # fmt: skip
    desk.session.add(made)
    desk.session.flush()


def test_everybody_who_relied_on_a_link_is_told_when_it_ends_and_nobody_else(desk):
    # Given a link, a receiver who got its signal while it was confirmed, and one who got it before
    one, other = desk.signal("havendam"), desk.signal("delinde")
    a_disclosure(desk, one, "riec", desk.by("havendam").now)
    link = desk.confirmed(one, other, "havendam", "delinde")
    a_disclosure(desk, one, "essm", desk.by("havendam").now)
    assert linking.end(desk.by("havendam"), link.id, WHY) == "ended"
    # Then the log says which organisations were told, and each reads only its own reference
    (told,) = desk.told("link:end")
    assert told["recipients_told"] == ["delinde", "essm", "havendam", "var"]
    assert WHY not in repr(desk.events)
    lines = {login: linking.notices(desk.by(login)) for login in ("delinde", "essm", "coordinator", "riec", "avim")}
    assert [line.reference for line in lines["delinde"]] == [desk.reference(other)]
    assert [(line.relation, line.reference) for line in lines["essm"]] == [("receiver", "D-essm")]
    assert {line.reference for line in lines["coordinator"]} == {desk.reference(one), desk.reference(other)}
    assert lines["riec"] == lines["avim"] == []
    # And a mail without content waits for them, not for who did it
    mailed = {mail.account_id for mail in desk.session.scalars(select(Mail).where(Mail.template == "link-ended"))}
    assert desk.person("essm").account_id in mailed
    assert desk.person("havendam").account_id not in mailed


def test_a_line_goes_when_somebody_read_it_and_is_nobody_elses(desk, pair):
    linking.end(desk.by("havendam"), pair.id, WHY)
    (line,) = linking.notices(desk.by("delinde"))
    with pytest.raises(NotFound):
        linking.read(desk.by("avim"), line.id)
    linking.read(desk.by("delinde"), line.id)
    assert linking.notices(desk.by("delinde")) == []
    assert desk.session.get(LinkNotice, line.id).read_by == desk.person("delinde").account_id


def test_when_a_group_falls_apart_all_of_it_is_told_and_the_rest_is_proposed_to_each_other(desk, pair):
    third = desk.signal("avim")
    (proposed,) = open_links(desk)
    for login in owners(desk, proposed):
        linking.decide(desk.by(login), proposed.id, confirmed=True)
    # The subject in the middle goes out of the group
    middle = ({pair.subject_a, pair.subject_b} & {proposed.subject_a, proposed.subject_b}).pop()
    owner = desk.session.get(Signal, desk.session.get(Subject, middle).signal_id).owner_agency
    assert linking.split(desk.by(owner), desk.reference(middle), 1, WHY) == 2
    assert desk.groups() == set()
    (told,) = desk.told("link:split")
    assert set(told["recipients_told"]) >= {"havendam", "delinde", "avim"}
    (fresh,) = open_links(desk)
    assert {fresh.subject_a, fresh.subject_b} == {pair.subject_a, pair.subject_b, third} - {middle}
    # And it is taken back as one: both links hold again, and who was told is told that too
    first_ended = min((pair, proposed), key=lambda one: (one.proposed_at, one.id))
    assert linking.undo(desk.by(owner), first_ended.id, "vergissing") == "confirmed"
    assert desk.groups() == {frozenset({pair.subject_a, pair.subject_b, third})}
    assert any(line.kind == "restored" for line in linking.notices(desk.by("avim")))


def test_ending_needs_a_reason_that_only_the_own_agency_reads(desk, pair):
    with pytest.raises(UnusableInput) as missing:
        linking.end(desk.by("havendam"), pair.id, "  ")
    assert set(missing.value.problems) == {"reason"}
    linking.end(desk.by("havendam"), pair.id, WHY)
    mine, theirs = (linking.one_link(desk.by(login), pair.id).history for login in ("havendam", "delinde"))
    assert [line.reason for line in mine][-1] == WHY
    assert [line.reason for line in theirs] == ["", "", ""]
    assert [(line.deed, line.own) for line in theirs] == [("confirm", False), ("confirm", True), ("end", False)]


@pytest.mark.parametrize("deed", [linking.end, linking.merge, linking.undo])
def test_somebody_elses_link_does_not_exist_for_any_act(desk, pair, deed):
    with pytest.raises(NotFound):
        deed(desk.by("avim"), pair.id, WHY)
    with pytest.raises(NotFound):
        linking.one_link(desk.by("avim"), pair.id)


# -- merging -----------------------------------------------------------------------------------------------------------


def test_two_own_subjects_are_merged_by_their_owner_alone_also_when_nothing_is_alike(desk):
    one = desk.signal("havendam")
    other = desk.signal("havendam", given_name="Bartolomea", surname="Verzinsel")
    assert desk.links() == []
    state = linking.merge_own(desk.by("havendam"), (desk.reference(one), 1), (desk.reference(other).lower(), 1), WHY)
    assert state == "confirmed"
    assert desk.groups() == {frozenset({one, other})}
    assert desk.between(one, other).origin == "person"
    # And taken back it is over, not proposed
    assert linking.undo(desk.by("havendam"), desk.between(one, other).id, "verkeerde") == "ended"
    assert desk.groups() == set()


def test_an_ended_link_is_one_again_when_the_other_owner_agrees(desk, pair):
    linking.end(desk.by("havendam"), pair.id, WHY)
    assert linking.merge(desk.by("havendam"), pair.id, "haar paspoort gezien") == "proposed"
    assert linking.decide(desk.by("delinde"), pair.id, confirmed=True) == "confirmed"
    assert {row.agency_id: row.confirmed for row in desk.session.scalars(select(LinkVerdict))} == {
        "havendam": True,
        "delinde": True,
    }


def test_what_cannot_be_merged_is_told_at_its_field(desk):
    one = desk.signal("havendam")
    second = {
        "other agency": (desk.reference(desk.signal("delinde", surname="Vreemd")), 1),
        "the same": (desk.reference(one), 1),
        "other kind": (desk.reference(desk.signal("havendam", kind="vehicle", plate="12-ABC-3")), 1),
        "no such number": (desk.reference(one), 2),
        "withdrawn": (desk.reference(desk.signal("havendam", state="withdrawn", surname="Weg")), 1),
        "unknown": ("S-0000-00", 1),
    }
    for wrong, named in second.items():
        with pytest.raises(UnusableInput) as problem:
            linking.merge_own(desk.by("havendam"), (desk.reference(one), 1), named, WHY)
        assert set(problem.value.problems) == {"other"}, wrong
    assert desk.session.scalars(select(LinkAct)).all() == []


# -- taking back -------------------------------------------------------------------------------------------------------


def test_only_the_last_decision_is_taken_back_and_only_by_who_made_it(desk, pair):
    with pytest.raises(Conflict):
        linking.undo(desk.by("havendam"), pair.id, "ik was eerst")
    assert linking.undo(desk.by("delinde"), pair.id, "te snel") == "proposed"
    assert desk.groups() == set()
    assert len(desk.session.scalars(select(LinkAct)).all()) == 3  # History stays.
    # And what both had seen as confirmed is told
    assert desk.told("link:undo")[0]["recipients_told"]


def test_a_confirmation_that_others_went_on_from_is_ended_not_taken_back(desk):
    one, other = desk.signal("havendam"), desk.signal("delinde")
    link = desk.confirmed(one, other, "havendam", "delinde")
    a_disclosure(desk, one, "essm", desk.by("havendam").now)
    with pytest.raises(Conflict) as conflict:
        linking.undo(desk.by("delinde"), link.id, "te snel")
    assert conflict.value.reason == "built_on"
    assert "undo" not in linking.one_link(desk.by("delinde"), link.id).line.deeds
    assert linking.end(desk.by("delinde"), link.id, WHY) == "ended"


# -- leaving -----------------------------------------------------------------------------------------------------------


def test_an_erased_subject_leaves_group_and_links_and_the_rest_is_proposed_to_each_other(desk, pair):
    third = desk.signal("avim")
    (proposed,) = open_links(desk)
    for login in owners(desk, proposed):
        linking.decide(desk.by(login), proposed.id, confirmed=True)
    middle = ({pair.subject_a, pair.subject_b} & {proposed.subject_a, proposed.subject_b}).pop()
    linking.leave(desk.by("havendam"), middle)
    rest = {pair.subject_a, pair.subject_b, third} - {middle}
    assert [{one.subject_a, one.subject_b} for one in desk.links()] == [rest]
    assert desk.groups() == set()


def test_a_withdrawn_signal_ends_its_links_and_keeps_nobody_apart(desk, pair):
    third = desk.signal("avim")
    (proposed,) = open_links(desk)
    gone = desk.session.get(Subject, third).signal_id
    signal = desk.session.get(Signal, gone)
    signal.state = State.WITHDRAWN
    linking.leave_all(desk.by("avim"), signal)
    assert proposed.state == LinkState.ENDED
    assert desk.groups() == {frozenset({pair.subject_a, pair.subject_b})}
    with pytest.raises(Conflict):
        linking.merge(desk.by("avim"), proposed.id, WHY)
    # A later signal joins the two as if the withdrawn one had never been there
    fourth = desk.signal("essm")
    assert [one for one in open_links(desk) if fourth in (one.subject_a, one.subject_b)]


# -- pages -------------------------------------------------------------------------------------------------------------


def test_the_views_part_the_links_and_pages_follow_each_other_without_loss(desk, monkeypatch):
    for number in range(27):
        identity = {"kind": "vehicle", "plate": f"{number + 10}-ABC-3"}
        desk.signal("havendam", **identity)
        desk.signal("delinde", **identity)
    first = linking.page_of_links(desk.by("delinde"), "mine")
    second = linking.page_of_links(desk.by("delinde"), "mine", first.following)
    ids = [line.id for line in (*first.lines, *second.lines)]
    assert (len(first.lines), second.following, first.waiting, first.more) == (25, None, 27, False)
    for most, said in ((27, (27, False)), (26, (26, True))):
        monkeypatch.setattr(linking.pages, "MOST_COUNTED", most)
        counted = linking.page_of_links(desk.by("delinde"), "mine")
        assert (counted.waiting, counted.more) == said
    assert sorted(ids) == sorted(one.id for one in desk.links())
    linking.decide(desk.by("delinde"), ids[0], confirmed=True)
    linking.decide(desk.by("delinde"), ids[1], confirmed=False, reason=WHY)
    views = {
        view: [one.id for one in linking.page_of_links(desk.by("delinde"), view).lines] for view in ("others", "over")
    }
    assert views == {"others": [ids[0]], "over": [ids[1]]}
