"""Replacing keys: what was readable stays readable, links stay, the log accounts for it, and the old key is gone."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from signaltable.domain import Channel, Conflict, Refused, UnusableInput
from signaltable.flow import drafts, fsck, linking, rotating, sealing, signals
from signaltable.flow.setup import INSTALLER
from signaltable.keys import HYBRID_SUITE, CannotOpen, KeyRing, KeyRingError, envelope_suite, envelope_version, open_field
from signaltable.models import (
    Agency,
    Draft,
    KeyRotation,
    Link,
    LogDetail,
    LogEntry,
    MatchTag,
    Signal,
    SubjectField,
    SubjectKey,
)
from signaltable.transaction import reading, transaction
from tests.factories import a_signal
from tests.table_steps import submitted


def rotate(program, purpose, **options):
    """Start and work until nothing is left to do."""
    return work(program, rotating.start(program, INSTALLER, purpose, **options).id)


def work(program, rotation):
    found = rotating.step(program, INSTALLER, rotation)
    while not found.is_over:
        found = rotating.step(program, INSTALLER, rotation)
    return found


def identities(program):
    """Subject -> its identity, opened with the key that holds it."""
    with reading(program) as session:
        keys = session.scalars(select(SubjectKey)).all()
        fields = session.scalars(select(SubjectField)).all()
    opened = {key.subject_id: {} for key in keys}
    data_keys = {key.subject_id: program.keys.unwrap(key.agency_id, key.wrapped, key.subject_id) for key in keys}
    for row in fields:
        opened[row.subject_id][row.name] = open_field(
            data_keys[row.subject_id],
            table=sealing.TABLE,
            row=row.subject_id,
            column=row.name,
            version=sealing.FIELD_VERSION,
            sealed=row.sealed,
        )
    return opened


def everything(program, *columns):
    with reading(program) as session:
        return session.execute(select(*columns)).all()


def clean(program):
    report = fsck.inspect(program, seals="all", try_fence=False)
    assert report.findings == ()
    return True


def links(program):
    return sorted(everything(program, Link.subject_a, Link.subject_b, Link.state))


@pytest.fixture
def two(sqlite_program, actor):
    """Two signals of two agencies about the same person, with a link between them."""
    submitted(sqlite_program, actor(sqlite_program, "havendam"))
    submitted(sqlite_program, actor(sqlite_program, "delinde"), a_signal(capacity="care-wgbo"))
    assert len(links(sqlite_program)) == 1
    return sqlite_program


@pytest.mark.parametrize("purpose", ["match", "data"])
def test_nothing_is_lost_and_the_log_accounts_for_every_batch(two, purpose):
    before, linked = identities(two), links(two)
    sealed = set(everything(two, SubjectField.sealed))
    tags = set(everything(two, MatchTag.digest))
    found = rotating.start(two, INSTALLER, purpose)
    while not found.is_over:
        found = rotating.step(two, INSTALLER, found.id)
        assert clean(two), found.stage
    assert found.state == rotating.FINISHED
    assert (identities(two), links(two)) == (before, linked)
    changed = set(everything(two, SubjectField.sealed)) if purpose == "data" else set(everything(two, MatchTag.digest))
    assert len(changed) == len(sealed if purpose == "data" else tags)
    assert not changed & (sealed if purpose == "data" else tags)
