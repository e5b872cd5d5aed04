"""Who is laid beside a new subject: found by shared tags with a cap, over both key versions, without what is excluded."""

from datetime import date

import pytest
from sqlalchemy import delete, insert, select, update

from signaltable.flow import linking, sealing
from signaltable.flow.linking import candidates, proposing, sides, storing
from signaltable.identity import identity_from
from signaltable.keys import CannotOpen
from signaltable.models import ExcludedTag, Exclusion, MatchSketch, MatchTag, Signal, Subject, SubjectGroup
from tests.conftest import Clock, open_for_test
from tests.linking_steps import ZORINKA, at_desk

SLIP = ZORINKA | {"surname": "Proefvelt", "phone": "0687654321"}


@pytest.fixture(scope="module")
def program(shared_settings):
    yield from open_for_test(shared_settings, Clock())


@pytest.fixture
def desk(program):
    with at_desk(program) as made:
        yield made


def found(desk, **identity):
    """The subjects that a typed person is proposed to, and with what outcome."""
    tx = desk.by("avim")
    subject = storing.sides_for(tx, identity_from("person", identity), "new")
    return {one.subject_id: one.found.outcome for one in proposing.compared(tx, subject, "")}


def crowd(desk, count, **identity):
    """So many subjects with the same tags, put straight into the tables."""
    tx = desk.by("delinde")
    first = desk.signal("delinde", **identity)
    signal = desk.session.get(Signal, desk.session.get(Subject, first).signal_id)
    made = storing.sides_for(tx, identity_from("person", identity), "")
    side = made.sides[tx.program.keys.version("match")]
    for number in range(2, count + 1):
        one = tx.new_id()
        row = {"id": one, "signal_id": signal.id, "number": number, "kind": "person", "role": "possible_victim"}
        desk.session.execute(insert(Subject), [row])
        sealing.store_linking(tx, one, side.tags, side.sketch, tx.program.keys.version("match"))
    return first


def test_a_sketch_is_kept_sealed_and_the_step_compares_it(desk):
    known = desk.signal("havendam")
    kept = desk.session.get(MatchSketch, known)
    side = sides.side_of(desk.by("avim"), known)
    assert side.sketch
    assert side.sketch not in kept.sealed
    assert found(desk, **SLIP) == {known: "match"}
    # A sketch that is moved to another subject does not open there
    other = desk.signal("havendam", given_name="Bartolomea", surname="Verzinsel", birth_date="1970-02-03")
    desk.session.execute(update(MatchSketch).where(MatchSketch.subject_id == other).values(sealed=kept.sealed))
    desk.session.expire_all()
    with pytest.raises(CannotOpen):
        sides.side_of(desk.by("avim"), other)


def test_a_tag_that_hundreds_share_proposes_nobody_and_a_rarer_one_still_does(desk):
    # Given a phone that more people share than counts: a shelter that nobody put on the list yet
    shared = {"phone": "0600000001"}
    for surname in ("Aap", "Noot"):
        crowd(desk, candidates.HELD_BY_MANY // 2 + 1, given_name="Test", surname=surname, **shared)
    known = desk.signal("havendam", **ZORINKA | shared)
    assert found(desk, **SLIP | shared) == {known: "match"}
    assert found(desk, given_name="Geheel", surname="Anders", **shared) == {}


def test_one_person_in_more_signals_than_count_is_found_all_the_same(desk):
    # Given one person whose signals all are confirmed to be one
    first = crowd(desk, candidates.HELD_BY_MANY + 20, **ZORINKA)
    members = [one.subject_id for one in desk.session.scalars(select(MatchTag).where(MatchTag.set_id == "phone"))]
    rows = [{"subject_id": one, "group_id": "g" * 32} for one in members]
    desk.session.execute(insert(SubjectGroup), rows)
    assert first in members
    before = len(desk.links())
    newcomer = desk.signal("havendam")
    # Then a new signal about her is proposed, once
    assert len(desk.links()) == before + 1
    assert newcomer in {side for one in desk.links() for side in (one.subject_a, one.subject_b)}


def test_an_excluded_value_proposes_nobody(desk):
    known = desk.signal("havendam", given_name="Test", surname="Aap", phone="0600000001")
    stranger = {"given_name": "Geheel", "surname": "Anders", "phone": "0600000001"}
    assert found(desk, **stranger) == {known: "possible"}
    tx = desk.by("delinde")
    (tag,) = [one for one in sides.side_of(tx, known).tags if one.set_id == "phone"]
    desk.session.add(
        Exclusion(
            id="e" * 32, owner_agency="delinde", part="phone", value_sealed=b"x", added_by="x",
            added_at=tx.now, review_on=date(2027, 1, 1),
        )
    )  # fmt: skip
    desk.session.flush()
    desk.session.add(ExcludedTag(digest=tag.digest, set_id="phone", exclusion_id="e" * 32, key_version=1))
    desk.session.flush()
    assert found(desk, **stranger) == {}


def test_a_sketch_of_another_format_is_compared_on_tags(desk):
    known = desk.signal("havendam")
    tx = desk.by("delinde")
    side = sides.side_of(tx, known)
    version = tx.program.keys.version("match")
    sealing.store_linking(tx, known, (), b"\xff" + side.sketch[1:], version)
    desk.session.flush()
    desk.session.expire_all()
    assert found(desk, **ZORINKA) == {known: "match"}


def test_typed_words_are_laid_beside_subjects_without_being_stored(desk):
    known = desk.signal("havendam")
    before = len(list(desk.session.scalars(select(MatchTag))))
    tx = desk.by("avim")
    assert {one: what.outcome for one, what in linking.beside(tx, identity_from("person", SLIP), [known]).items()} == {
        known: "match"
    }
    assert len(list(desk.session.scalars(select(MatchTag)))) == before


def test_subjects_of_both_key_versions_are_found_while_a_rotation_runs(desk, program):
    # Given a subject with tags of a version that is being replaced
    known = desk.signal("havendam")
    older = program.keys.version("match")
    program.keys.add_version("match", older)
    # Then a new one, which gets tags of the new version alone, is proposed to it on its sketch all the same
    newcomer = desk.signal("delinde", **SLIP)
    assert {
        row.key_version for row in desk.session.scalars(select(MatchTag).where(MatchTag.subject_id == newcomer))
    } == {older + 1}
    assert desk.between(known, newcomer).outcome == "match"
    # And one without a sketch is compared on its tags
    desk.session.execute(delete(MatchSketch).where(MatchSketch.subject_id == known))
    assert known in found(desk, **ZORINKA)
