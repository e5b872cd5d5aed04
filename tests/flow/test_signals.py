"""Submitting: everything or nothing, sealed for the owner, linked, routed, recorded."""

import json
import threading

import pytest
from sqlalchemy import func, select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import drafts, linking, signals
from signaltable.intake import EXAMPLE, parse
from signaltable.keys import CannotOpen
from signaltable.models import Draft, Link, LinkAct, LogDetail, LogEntry, Signal, SignalMove, SubjectField
from signaltable.transaction import reading, transaction
from tests.factories import a_person, a_signal


def _log(program, action):
    with reading(program) as session:
        rows = session.execute(
            select(LogEntry, LogDetail.details)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.action == action)
            .order_by(LogEntry.seq)
        ).all()
        return [(row.LogEntry, json.loads(row.details)) for row in rows]


def _submit(program, who, draft):
    with transaction(program, who) as tx:
        return signals.submit(tx, draft)


def test_the_example_of_the_command_line_is_a_complete_signal(program, actor):
    receipt = _submit(program, actor(program, "havendam"), parse(EXAMPLE))
    assert receipt.reference.startswith("S-")
    assert receipt.advice.routes


def test_a_signal_is_stored_with_its_entries_and_masked_for_the_table(program, actor):
    receipt = _submit(program, actor(program, "havendam"), a_signal())
    with reading(program) as session:
        signal = session.scalars(select(Signal)).one()
        assert signal.reference == receipt.reference
        assert "Zorinka" not in signal.narrative_masked
        assert "Proefveld" not in signal.narrative_masked
        assert "loon" in signal.narrative_masked
        for field in session.scalars(select(SubjectField)):
            assert b"Zorinka" not in field.sealed
    ((entry, details),) = _log(program, "signal:record")
    assert entry.object == receipt.reference
    assert entry.agency == "havendam"
    assert details["identifier_kinds"] == ["birth_date", "given_name", "phone", "surname"]
    ((_entry, route_details),) = _log(program, "signal:route")
    assert route_details["policy_digest"] == program.policy.digest


def test_the_owner_reads_the_original_and_opens_identity_only_with_an_entry(program, actor):
    who = actor(program, "havendam")
    receipt = _submit(program, who, a_signal())
    with transaction(program, who) as tx:
        closed = signals.consult(tx, receipt.reference)
    assert closed.narrative.startswith("Zorinka")
    assert closed.subjects[0].identity == {}
    assert _log(program, "identity:consult") == []
    with transaction(program, who) as tx:
        opened = signals.consult(tx, receipt.reference, with_identity=True)
    assert opened.subjects[0].identity["surname"] == "Proefveld"
    assert opened.subjects[0].identity["phone"] == "+31612345678"
    assert len(_log(program, "identity:consult")) == 1


@pytest.mark.parametrize("login", ["delinde", "coordinator", "auditor", "beheer", "avim"])
def test_nobody_else_opens_it_and_the_try_is_recorded(program, actor, login):
    receipt = _submit(program, actor(program, "havendam"), a_signal())
    with pytest.raises(Refused), transaction(program, actor(program, login)) as tx:
        signals.consult(tx, receipt.reference, with_identity=True)
    assert [entry.outcome for entry, _details in _log(program, "access:refuse")] == ["refused"]


def test_the_same_person_spelled_differently_gives_both_owners_a_proposed_link(program, actor):
    # Given a signal of the municipality, and one of a care organisation with another spelling and another phone
    first, second = actor(program, "havendam"), actor(program, "delinde")
    _submit(program, first, a_signal())
    other = a_person(
        identity={"given_name": "Sorinka", "surname": "Proefvelt", "birth_date": "12-04-1996", "phone": "0687654321"}
    )
    # When the second one comes in
    receipt = _submit(program, second, a_signal(capacity="care-wgbo", subjects=[other]))
    # Then both see that there is a link, and neither sees whose it is
    assert len(receipt.links) == 1
    for who in (first, second):
        with transaction(program, who) as tx:
            (line,) = linking.own_links(tx)
        assert line.state == "proposed"
        assert "havendam" not in repr(line) or who is first
        assert "Proefvel" not in repr(line)


def test_a_link_holds_when_both_owners_confirm_and_ends_when_one_refuses(program, actor):
    first, second = actor(program, "havendam"), actor(program, "delinde")
    _submit(program, first, a_signal())
    link = _submit(program, second, a_signal(capacity="care-wgbo")).links[0]
    with transaction(program, first) as tx:
        assert linking.decide(tx, link.id, confirmed=True) == "proposed"
    with pytest.raises(Conflict), transaction(program, first) as tx:
        linking.decide(tx, link.id, confirmed=False, reason="toch niet")
    with pytest.raises(UnusableInput), transaction(program, second) as tx:
        linking.decide(tx, link.id, confirmed=False)
    with transaction(program, second) as tx:
        assert linking.decide(tx, link.id, confirmed=True) == "confirmed"
    with reading(program) as session:
        assert session.scalars(select(Link)).one().state == "confirmed"


def test_somebody_elses_link_does_not_exist(program, actor):
    _submit(program, actor(program, "havendam"), a_signal())
    link = _submit(program, actor(program, "delinde"), a_signal(capacity="care-wgbo")).links[0]
    with pytest.raises(NotFound), transaction(program, actor(program, "avim")) as tx:
        linking.decide(tx, link.id, confirmed=True)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"capacity": "care-wgbo"}, "capacity"),
        ({"safety": {"acute_danger": "unknown", "urgency": "now"}}, "safety.acute_danger"),
        ({"narrative": "", "form_rows": {}}, "narrative"),
        ({"narrative": "Zijn BSN is 111222333."}, "narrative"),
        ({"forms": ["zomaar"]}, "forms"),
        ({"subjects": [a_person(identity={"document_number": "111222333"})]}, "subjects.0.identity.document_number"),
        ({"subjects": [a_person(identity={"bsn": "1"})]}, "subjects.0.identity.bsn"),
        ({"consent": {"status": ""}}, "consent.status"),
        ({"observed": {"on": "2027-01-01"}}, "observed.on"),
    ],
)
def test_unusable_input_is_refused_whole_and_names_the_place(program, actor, changes, place):
    with pytest.raises(UnusableInput) as refused, transaction(program, actor(program, "havendam")) as tx:
        signals.submit(tx, a_signal(**changes))
    assert place in refused.value.problems
    assert "111222333" not in str(refused.value)
    with reading(program) as session:
        assert session.scalar(select(func.count()).select_from(Signal)) == 0


def test_a_draft_is_sealed_resumed_and_erased_when_it_becomes_a_signal(program, actor):
    who = actor(program, "havendam")
    with transaction(program, who) as tx:
        begun = drafts.start(tx)
    with transaction(program, who) as tx:
        saved = drafts.save(tx, begun.id, {"narrative": "Kwetsbaar verhaal"}, step=2, version=begun.version)
    with reading(program) as session:
        assert b"Kwetsbaar" not in session.scalars(select(Draft)).one().sealed
    with pytest.raises(Conflict), transaction(program, who) as tx:
        drafts.save(tx, begun.id, {"narrative": "Uit een ander venster"}, step=2, version=begun.version)
    for login in ("delinde", "fg.havendam"):
        with pytest.raises((NotFound, Refused)), transaction(program, actor(program, login)) as tx:
            drafts.load(tx, begun.id)
    with transaction(program, who) as tx:
        assert drafts.load(tx, begun.id).content.narrative == "Kwetsbaar verhaal"
        signals.submit(tx, a_signal(), saved.id)
    with pytest.raises(NotFound), transaction(program, who) as tx:
        drafts.load(tx, begun.id)
    # And opening it was recorded each time: it holds what somebody told in confidence
    assert [entry.object for entry, _details in _log(program, "draft:consult")] == [begun.id]


def test_a_withdrawn_signal_takes_no_part_in_links_any_more(program, actor):
    first = actor(program, "havendam")
    receipt = _submit(program, first, a_signal())
    with transaction(program, first) as tx:
        signals.withdraw(tx, receipt.reference, "bleek een vergissing")
    assert _submit(program, actor(program, "delinde"), a_signal(capacity="care-wgbo")).links == ()
    with pytest.raises(Conflict), transaction(program, first) as tx:
        signals.withdraw(tx, receipt.reference, "nog eens")


@pytest.mark.parametrize("clients", [4, 16])
def test_no_signal_is_lost_with_many_clients_at_once(program, actor, clients):
    # Given 200 signals, submitted by many clients at the same time (peers.md 3.5: a peer loses half here)
    total = 48 if program.settings.database_url.startswith("postgresql") else 200
    who, problems, references = actor(program, "havendam"), [], []

    def submit_some(count):
        for _turn in range(count):
            try:
                references.append(_submit(program, who, a_signal(subjects=[])).reference)
            except Exception as error:  # noqa: BLE001 -- whatever goes wrong in a thread must reach the assert
                problems.append(type(error).__name__)

    threads = [
        threading.Thread(target=submit_some, args=(total // clients + (place < total % clients),))
        for place in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Then each is stored once, with its own reference and its own entries
    assert problems == []
    assert len(set(references)) == total
    assert len(_log(program, "signal:record")) == total
    with reading(program) as session:
        assert session.scalar(select(func.count()).select_from(Signal)) == total
        seqs = session.scalars(select(LogEntry.seq).order_by(LogEntry.seq)).all()
    assert list(seqs) == list(range(len(seqs)))


def test_what_is_sealed_does_not_come_back_with_a_language_or_a_reason_to_withdraw(program, actor):
    who = actor(program, "havendam")
    identity = {"given_name": "Qwixara", "surname": "Zvondelmeer"}
    consent = {"status": "given", "language": "Pools via qwixara"}
    reference = _submit(program, who, a_signal(subjects=[a_person(identity=identity)], consent=consent)).reference
    with transaction(program, who) as tx:
        signals.withdraw(tx, reference, "qwixara wil niet meer; zvondelmeer belde")
    with reading(program) as session:
        assert session.scalars(select(Signal.consent)).one()["language"] == "Pools via [naam]"
        reasons = list(session.scalars(select(SignalMove.reason).where(SignalMove.reason != "")))
    assert reasons == ["[naam] wil niet meer; [naam] belde"]
    assert [details["purpose"] for _entry, details in _log(program, "identity:consult")] == ["own_case"]


def test_a_reason_for_refusing_a_link_is_readable_by_the_refusing_agency_alone(program, actor):
    # Given a reason with a name that no scan knows, in lower case
    first, second = actor(program, "havendam"), actor(program, "delinde")
    _submit(program, first, a_signal())
    link = _submit(program, second, a_signal(capacity="care-wgbo")).links[0]
    with transaction(program, first) as tx:
        linking.decide(tx, link.id, confirmed=False, reason="dit is haar zus quinzabelle")
    # Then it stands nowhere in clear
    with reading(program) as session:
        kept = session.scalars(select(LinkAct)).one()
    assert b"quinzabelle" not in kept.reason_sealed
    place = f"link_acts|reason_sealed|{kept.id}".encode()
    assert b"quinzabelle" in program.keys.open("havendam", kept.reason_sealed, place)
    with pytest.raises(CannotOpen):
        program.keys.open("delinde", kept.reason_sealed, place)
