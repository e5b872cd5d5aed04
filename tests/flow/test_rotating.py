"""Replacing keys: what was readable stays readable, links stay, the log accounts for it, and the old key is gone."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from signaltable.attached.cleaning import clean as clean_file
from signaltable.domain import Channel, Conflict, Refused, UnusableInput
from signaltable.flow import attachments, drafts, exclusions, fsck, naming, rotating, sealing
from signaltable.flow.setup import INSTALLER
from signaltable.keys import (
    HYBRID_SUITE,
    CannotOpen,
    KeyRing,
    KeyRingError,
    envelope_suite,
    envelope_version,
    open_field,
    pseudonym_key,
)
from signaltable.models import (
    Draft,
    Link,
    LogDetail,
    LogEntry,
    MatchTag,
    Signal,
    Subject,
    SubjectField,
    SubjectKey,
)
from signaltable.pseudonymise import recipient_pseudonym
from signaltable.transaction import reading, transaction
from tests.attached_files import RULES, noise
from tests.factories import a_person, a_signal
from tests.table_steps import submitted, use


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
    about_one_person(sqlite_program, actor)
    return sqlite_program


def about_one_person(program, actor):
    """Two signals of two agencies about the same person, with a link between them."""
    submitted(program, actor(program, "havendam"))
    submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo"))
    assert len(links(program)) == 1


def test_nothing_is_lost_and_the_log_accounts_for_every_batch(program, actor):
    about_one_person(program, actor)
    before, linked = identities(program), links(program)
    for purpose, agency, column in (
        ("match", "", MatchTag.digest),
        ("data", "", SubjectField.sealed),
        ("agency", "havendam", SubjectKey.wrapped),
        ("agency", "delinde", SubjectKey.wrapped),
    ):
        old = set(everything(program, column))
        found = rotating.start(program, INSTALLER, purpose, agency_id=agency)
        while not found.is_over:
            found = rotating.step(program, INSTALLER, found.id)
            # Most columns are empty here, and each is a stage.
            assert purpose == "agency" or clean(program), found.stage
        assert found.state == rotating.FINISHED, purpose
        assert (identities(program), links(program)) == (before, linked)
        new = set(everything(program, column))
        assert len(new) == len(old)
        assert len(new & old) == (0 if purpose != "agency" else len(old) - 1)
    assert clean(program)


def test_the_key_of_an_agency_is_replaced_in_every_column_also_by_another_suite(two, actor):
    with transaction(two, actor(two, "havendam")) as tx:
        kept = drafts.start(tx, a_signal())
    before = identities(two)
    old = everything(two, SubjectKey.wrapped)
    found = rotate(two, "agency", agency_id="havendam", suite=HYBRID_SUITE)
    assert (found.state, found.from_version, found.to_version) == (rotating.FINISHED, 1, 2)
    signals = [
        sealed for sealed, owner in everything(two, Signal.owner_sealed, Signal.owner_agency) if owner == "havendam"
    ]
    sealed = [*signals, *(row.sealed for row in everything(two, Draft.sealed))]
    assert len(sealed) == 2
    assert {(envelope_version(one), envelope_suite(one)) for one in sealed} == {(2, HYBRID_SUITE)}
    assert identities(two) == before
    with transaction(two, actor(two, "havendam")) as tx:
        assert drafts.load(tx, kept.id).content == kept.content
    # The old key opens nothing any more, not even what somebody kept.
    mine = next(one[0] for one in old if one not in everything(two, SubjectKey.wrapped))
    with pytest.raises(CannotOpen):
        two.keys.unwrap("havendam", mine, next(iter(before)))
    assert clean(two)


def test_the_key_that_is_gone_is_told_in_the_log(two):
    print_of_old = two.keys.versions("match")[0].fingerprint
    rotate(two, "match")
    actions = dict(everything(two, LogEntry.seq, LogEntry.action))
    told = {seq: json.loads(details) for seq, details in everything(two, LogDetail.seq, LogDetail.details)}
    gone = [told[seq] for seq, action in actions.items() if action == "key:destroy"]
    assert [(one["purpose"], one["key_version"], one["key_fingerprint"]) for one in gone] == [
        ("match", 1, print_of_old)
    ]
    with pytest.raises(KeyRingError):
        two.keys.derive("match", "tags", 1)
    again = KeyRing.load(two.settings.key_ring, require_private=True)
    assert [(one.version, one.state) for one in again.versions("match")] == [(1, "destroyed"), (2, "active")]


def test_the_old_key_stays_readable_when_somebody_asks_for_it(two):
    found = rotate(two, "match", keep_old=True)
    assert found.state == rotating.FINISHED
    assert two.keys.usable("match") == (2, 1)


def test_who_comes_in_meanwhile_meets_those_of_before_and_of_after(sqlite_program, actor):
    program, who = sqlite_program, actor(sqlite_program, "delinde")
    submitted(program, actor(program, "havendam"))
    started = rotating.start(program, INSTALLER, "match")
    met = []
    found = started
    while not found.is_over:
        met.append(len(links(program)))
        submitted(program, who, a_signal(capacity="care-wgbo"))
        assert len(links(program)) > met[-1], found.stage
        found = rotating.step(program, INSTALLER, started.id)
    assert found.state == rotating.FINISHED
    assert clean(program)


def test_the_same_key_is_not_replaced_twice_at_once(two):
    rotating.start(two, INSTALLER, "match")
    with pytest.raises(Conflict, match="resume"):
        rotating.start(two, INSTALLER, "match")
    rotating.start(two, INSTALLER, "session")


def test_a_value_that_does_not_open_keeps_the_old_key_and_is_counted(two):
    [sealed] = [one for one, owner in everything(two, Signal.owner_sealed, Signal.owner_agency) if owner == "havendam"]
    with two.write_sessions() as session:
        changed = update(Signal).where(Signal.owner_agency == "havendam")
        session.execute(changed.values(owner_sealed=sealed[:-1] + bytes([sealed[-1] ^ 1])))
        session.commit()
    found = rotate(two, "agency", agency_id="havendam")
    assert found.state == rotating.STOPPED
    assert two.keys.usable("agency", "havendam") == (2, 1)


def test_a_subject_of_whom_one_field_does_not_open_keeps_all_of_it_and_the_others_go_on(program, actor):
    about_one_person(program, actor)
    before = {(one.subject_id, one.name): one.sealed for one in everything(program, *SubjectField.__table__.columns)}
    spoilt, last = max(before)
    with program.write_sessions() as session:
        changed = update(SubjectField).where(SubjectField.subject_id == spoilt, SubjectField.name == last)
        session.execute(changed.values(sealed=before[spoilt, last][:-1] + bytes([before[spoilt, last][-1] ^ 1])))
        session.commit()
    assert rotate(program, "data").state == rotating.STOPPED
    after = {(one.subject_id, one.name): one.sealed for one in everything(program, *SubjectField.__table__.columns)}
    kept = {key for key, sealed in after.items() if sealed == before[key]}
    assert kept == {key for key in before if key[0] == spoilt} - {(spoilt, last)}


@pytest.mark.parametrize(
    ("purpose", "options"),
    [
        ("agency", {}),
        ("agency", {"agency_id": "nobody"}),
        ("match", {"agency_id": "havendam"}),
        ("match", {"suite": HYBRID_SUITE}),
        ("log", {}),
    ],
)
def test_what_cannot_be_replaced_is_said(sqlite_program, purpose, options):
    with pytest.raises(UnusableInput):
        rotating.start(sqlite_program, INSTALLER, purpose, **options)


def test_nobody_replaces_keys_over_the_web(sqlite_program):
    with pytest.raises(Refused):
        rotating.start(sqlite_program, replace(INSTALLER, channel=Channel.WEB), "match")


def test_a_recipient_keeps_its_names_and_new_signals_get_other_ones(two, actor, clock):
    subject = next(iter(identities(two)))
    with transaction(two, INSTALLER) as tx:
        before = naming.subject_name(tx, "opvang", subject)
    clock.forward(hours=1)
    found = rotate(two, "recipient", agency_id="opvang")
    assert (found.state, found.of) == (rotating.WAITING, 2)
    clock.forward(hours=1)
    reference = submitted(two, actor(two, "havendam"))
    with transaction(two, INSTALLER) as tx:
        fresh = tx.session.scalars(
            select(Subject.id).join(Signal, Signal.id == Subject.signal_id).where(Signal.reference == reference)
        ).one()
        assert naming.subject_name(tx, "opvang", subject) == before
        assert naming.subject_name(tx, "opvang", fresh) == recipient_pseudonym(
            pseudonym_key(two.keys, "opvang", 2), "opvang", fresh
        )
        # When the last signal of before is erased, the old key goes.
        tx.session.execute(update(Signal).where(Signal.reference != reference).values(owner_sealed=b""))
        tx.record("signal:withdraw", object_type="signal", details={"signal": "x", "cause": "x"})
    assert work(two, found.id).state == rotating.FINISHED
    assert two.keys.usable("recipient", "opvang") == (2,)


def test_a_session_key_waits_until_the_last_session_is_over(sqlite_program, clock):
    found = rotate(sqlite_program, "session")
    assert found.state == rotating.WAITING
    entries = len(everything(sqlite_program, LogEntry.seq))
    assert work(sqlite_program, found.id).state == rotating.WAITING
    assert len(everything(sqlite_program, LogEntry.seq)) == entries, "waiting leaves nothing in the log"
    clock.forward(hours=13)
    assert work(sqlite_program, found.id).state == rotating.FINISHED
    assert sqlite_program.keys.usable("session") == (2,)


def test_files_and_shared_values_stay_what_they_were(sqlite_program, actor, clock):
    program, owner = sqlite_program, actor(sqlite_program, "havendam")
    reference = submitted(program, owner)
    prepared = attachments.prepare(program, owner, clean_file(noise(), RULES).data, "Zorinka.jpg")
    use(program, owner, attachments.add_to_signal, reference, prepared, looked=True)
    words = {"label": "Opvang", "reason": "Veel mensen", "review_on": clock().date() + timedelta(days=90)}
    use(program, owner, exclusions.add, "phone", {"phone": "0612345678"}, **words)
    before = content(program, owner, reference)
    for purpose, agency in (("data", ""), ("agency", "havendam"), ("match", "")):
        assert rotate(program, purpose, agency_id=agency).state == rotating.FINISHED, purpose
        assert content(program, owner, reference) == before
        assert [one.values for one in use(program, owner, exclusions.listing)] == [{"phone": "+31612345678"}]
    # The shared value still links nobody.
    alone = a_person(identity={"given_name": "Quirina", "surname": "Anders", "phone": "0612345678"})
    submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo", subjects=[alone]))
    assert links(program) == []
    assert clean(program)


def content(program, who, reference):
    found = use(program, who, attachments.download, reference, 1)
    return b"".join(attachments.pieces(program, found))
