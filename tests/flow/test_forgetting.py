"""One person is erased: nothing in the database, in a copy that is put back, or in the log opens what was known of them."""

import json

import pytest
from sqlalchemy import func, select

from signaltable.db import empty_write_ahead_log
from signaltable.flow import forgetting, fsck, restoring, sealing, signals
from signaltable.flow.setup import INSTALLER
from signaltable.models import (
    Link,
    LinkNotice,
    LogDetail,
    LogEntry,
    LogTerm,
    MatchSketch,
    MatchTag,
    Signal,
    Subject,
    SubjectField,
    SubjectGroup,
    SubjectKey,
)
from signaltable.transaction import reading, transaction
from tests.databases import back_up, put_back
from tests.factories import a_person, a_signal
from tests.table_steps import submitted

OTHER = {"given_name": "Quirina", "surname": "Verzinsel", "birth_date": "1988-02-03", "phone": "0687654321"}


@pytest.fixture
def reference(sqlite_program, actor):
    return two_signals(sqlite_program, actor)


def two_signals(program, actor):
    """A signal about two people, of whom the first stands in a signal of somebody else too."""
    draft = a_signal(subjects=[a_person(), a_person(identity=OTHER)])
    made = submitted(program, actor(program, "havendam"), draft)
    submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo"))
    return made


def first_of(program, reference):
    with reading(program) as session:
        query = select(Subject.id).join(Signal, Signal.id == Subject.signal_id)
        return session.scalars(query.where(Signal.reference == reference, Subject.number == 1)).one()


def forget(program, subject_id):
    with transaction(program, INSTALLER) as tx:
        forgetting.forget_subject(tx, subject_id, cause="request")


def rows_about(program, subject_id):
    with reading(program) as session:
        tables = (SubjectKey, SubjectField, MatchTag, MatchSketch, SubjectGroup)
        found = {
            one.__tablename__: len(session.scalars(select(one).where(one.subject_id == subject_id)).all())
            for one in tables
        }
        links = select(Link).where((Link.subject_a == subject_id) | (Link.subject_b == subject_id))
        return found | {"links": len(session.scalars(links).all())}


def sealed_bytes(program, subject_id):
    with reading(program) as session:
        return [
            *session.scalars(select(SubjectField.sealed).where(SubjectField.subject_id == subject_id)),
            *session.scalars(select(SubjectKey.wrapped).where(SubjectKey.subject_id == subject_id)),
            # The same person in another signal has some of the same tags.
            *session.scalars(
                select(MatchTag.digest)
                .group_by(MatchTag.digest)
                .having(func.count() == 1, func.max(MatchTag.subject_id) == subject_id)
            ),
            *session.scalars(select(MatchSketch.sealed).where(MatchSketch.subject_id == subject_id)),
        ]


def test_nothing_about_the_person_is_left_and_the_other_one_stays(sqlite_program, reference, actor):
    subject = first_of(sqlite_program, reference)
    before = rows_about(sqlite_program, subject)
    assert all(before[name] for name in ("subject_keys", "subject_fields", "match_tags", "links"))
    forget(sqlite_program, subject)
    assert set(rows_about(sqlite_program, subject).values()) == {0}
    with transaction(sqlite_program, actor(sqlite_program, "havendam")) as tx:
        page = signals.consult(tx, reference, with_identity=True)
    assert [dict(one.identity).get("surname", "") for one in page.subjects] == ["", "Verzinsel"]
    assert fsck.inspect(sqlite_program, seals="all", try_fence=False).findings == ()


@pytest.mark.sqlite_only(reason="a server keeps its files to itself; it is emptied by VACUUM (docs/backup.md)")
def test_no_sealed_byte_is_left_in_the_files_of_the_database(sqlite_program, reference):
    home = sqlite_program.settings.home
    subject = first_of(sqlite_program, reference)
    old = [one for one in sealed_bytes(sqlite_program, subject) if one]
    with sqlite_program.write_sessions() as session:
        assert empty_write_ahead_log(session)
    raw = (home / "signaltable.db").read_bytes()
    assert all(one in raw for one in old), "what is searched for has to be found before"
    forget(sqlite_program, subject)
    with sqlite_program.write_sessions() as session:
        assert empty_write_ahead_log(session)
    for file in home.glob("signaltable.db*"):
        raw = file.read_bytes()
        assert not [number for number, one in enumerate(old) if one in raw], file.name


def test_the_log_tells_that_it_was_done_and_no_longer_what_linked_the_person(sqlite_program, reference):
    subject, ref = first_of(sqlite_program, reference), f"{reference}.1"
    forget(sqlite_program, subject)
    with reading(sqlite_program) as session:
        told = session.execute(
            select(LogEntry.action, LogDetail.details)
            .join(LogTerm, LogTerm.seq == LogEntry.seq)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogTerm.name == "subject", LogTerm.value == ref)
        ).all()
        erasing = session.execute(
            select(LogDetail.details)
            .join(LogEntry, LogEntry.seq == LogDetail.seq)
            .where(LogEntry.action == "retention:erase")
        ).scalars()
        assert [json.loads(one)["objects"] for one in erasing] == [[ref]]
    assert not [action for action, _ in told if action.startswith("link:")]
    assert "subject:erase" in {action for action, _ in told}


def test_a_copy_that_is_put_back_forgets_the_person_again(sqlite_program, reference, actor):
    subject = first_of(sqlite_program, reference)
    copy = back_up(sqlite_program)
    forget(sqlite_program, subject)
    put_back(sqlite_program, copy)
    assert rows_about(sqlite_program, subject)["subject_keys"]
    found = restoring.restored(sqlite_program, INSTALLER)
    assert found.redone
    assert set(rows_about(sqlite_program, subject).values()) == {0}
    with reading(sqlite_program) as session:
        signal = session.scalars(select(Signal).where(Signal.reference == reference)).one()
    with transaction(sqlite_program, actor(sqlite_program, "havendam")) as tx:
        assert "Proefveld" not in json.dumps(sealing.owner_part(tx, signal))
    assert fsck.inspect(sqlite_program, seals="all", try_fence=False).findings == ()


def test_who_relied_on_a_link_is_told_that_it_ended_and_nothing_more(program, actor):
    # On both databases: PostgreSQL does not compare whole rows that hold JSON
    reference = two_signals(program, actor)
    subject = first_of(program, reference)
    with transaction(program, INSTALLER) as tx:
        link = tx.session.scalars(select(Link)).one()
        link.state = "confirmed"
        tx.record("link:confirm", object_type="link", object_id=link.id, details={"link": link.id, "signals": []})
    forget(program, subject)
    with reading(program) as session:
        notices = session.execute(select(LinkNotice.agency_id, LinkNotice.signal_id, LinkNotice.relation)).all()
        other = session.scalars(select(Signal.id).where(Signal.reference != reference)).one()
    assert ("delinde", other, "owner") in notices
    assert {signal for _, signal, _ in notices} == {other}


def test_an_erasure_is_done_once(sqlite_program, reference):
    subject = first_of(sqlite_program, reference)
    forget(sqlite_program, subject)
    forget(sqlite_program, subject)
    with reading(sqlite_program) as session:
        assert len(session.scalars(select(LogEntry.seq).where(LogEntry.action == "subject:erase")).all()) == 1
