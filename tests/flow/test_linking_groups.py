"""Whatever owners do in whatever order: groups are what confirmed links connect, and history replays to what is stored."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from signaltable.domain import Conflict, LinkState, NotFound, UnusableInput
from signaltable.flow import linking, setup
from signaltable.flow.linking.history import acts_of, case_of
from signaltable.flow.linking.proposing import new_link
from signaltable.link import Proposal
from signaltable.link_acts import TAGS, state_of, verdicts
from signaltable.models import LinkAct, LinkVerdict, SubjectGroup
from signaltable.transaction import reading, transaction
from tests.conftest import Clock, open_for_test
from tests.flow.test_fsck import intrude
from tests.linking_steps import at_desk
from tests.table_steps import log, submitted

OWNERS = ("havendam", "delinde", "avim")
WHY = "een reden"
ACTS = ("confirm", "confirm", "confirm", "refuse", "end", "merge", "undo", "split")


@pytest.fixture(scope="module")
def desk(shared_settings):
    """Five signals of three organisations about one person, each linked with each other."""
    for program in open_for_test(shared_settings, Clock()):
        with at_desk(program) as made:
            subjects = [made.signal(OWNERS[number % 3]) for number in range(5)]
            for number, one in enumerate(subjects):
                for other in subjects[number + 1 :]:
                    if not any({link.subject_a, link.subject_b} == {one, other} for link in made.links()):
                        new_link(made.by("havendam"), one, other, Proposal("possible", 60, ()), TAGS)
            yield made


def act(desk, who, deed, link):
    """One act; what is not possible now changes nothing."""
    tx = desk.by(who)
    deeds = {
        "confirm": lambda: linking.decide(tx, link.id, confirmed=True),
        "refuse": lambda: linking.decide(tx, link.id, confirmed=False, reason=WHY),
        "end": lambda: linking.end(tx, link.id, WHY),
        "merge": lambda: linking.merge(tx, link.id, WHY),
        "undo": lambda: linking.undo(tx, link.id, WHY),
        "split": lambda: linking.split(tx, desk.reference(link.subject_a), 1, WHY),
    }
    part = desk.session.begin_nested()
    try:
        deeds[deed]()
    except (Conflict, NotFound, UnusableInput):
        part.rollback()
    else:
        part.commit()


def stored(desk):
    return {(row.id, row.act, row.link_id, row.number) for row in desk.session.scalars(select(LinkAct))}


def check(desk):
    assert desk.groups() == desk.connected()
    links = desk.links()
    apart = {frozenset((one.subject_a, one.subject_b)) for one in links if one.state == LinkState.REFUSED}
    assert not [pair for pair in apart for group in desk.groups() if pair <= group]
    tx = desk.by("havendam")
    for link in links:
        case = case_of(tx, link)
        acts = acts_of(tx, [link.id]).get(link.id, [])
        assert link.state == state_of(acts, case.owners, link.origin)
        assert (link.ended_at is not None) == (link.state == LinkState.ENDED)
        answers = desk.session.scalars(select(LinkVerdict).where(LinkVerdict.link_id == link.id))
        assert {row.agency_id: row.confirmed for row in answers} == {
            agency: deed == "confirm" for agency, deed in verdicts(acts).items()
        }


steps = st.lists(st.tuples(st.sampled_from(OWNERS), st.sampled_from(ACTS), st.integers(0, 9)), min_size=4, max_size=16)


# Shrinking takes minutes at a database; the steps of a failure are few enough to read.
@settings(max_examples=10, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(steps=steps)
def test_groups_are_what_confirmed_links_connect_after_any_acts_of_anybody(desk, steps):
    example = desk.session.begin_nested()
    try:
        links = desk.links()
        for who, deed, place in steps:
            before = stored(desk)
            act(desk, who, deed, links[place % len(links)])
            assert before <= stored(desk)  # History only grows.
        check(desk)
    finally:
        example.rollback()
        desk.session.expire_all()


def test_links_that_were_confirmed_before_there_were_groups_get_theirs_once(sqlite_program, actor):
    owner = actor(sqlite_program, "havendam")
    for _signal in range(2):
        submitted(sqlite_program, owner)
    with transaction(sqlite_program, owner) as tx:
        (line,) = linking.own_links(tx)
        linking.decide(tx, line.id, confirmed=True)
    intrude(sqlite_program, "DELETE FROM subject_groups")
    for _start in range(2):
        setup.finish_upgrade(sqlite_program)
    with reading(sqlite_program) as session:
        names = session.scalars(select(SubjectGroup.group_id)).all()
    assert (len(names), len(set(names))) == (2, 1)
    ((_entry, details),) = log(sqlite_program, "log:rows")
    assert (details["cause"], details["count"]) == ("migrated", 2)
