"""The processing log: a line for each person, nothing about users, valid against the schema that we publish."""

import json
import stat
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import date

import pytest
from jsonschema import Draft202012Validator

from audit.entry import parse
from signaltable import audit_trail
from signaltable.domain import UnusableInput
from signaltable.flow import processing_log, referrals, setup, signals
from signaltable.models import LogEntry
from signaltable.processing_activities import FILE
from signaltable.transaction import reading, transaction
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_person, a_signal
from tests.table_steps import log as rows_of
from tests.table_steps import submitted, use

SCHEMA = Draft202012Validator(json.loads(processing_log.SCHEMA.read_text(encoding="utf-8")))


@pytest.fixture
def reference(sqlite_program, actor):
    """A signal about a possible victim and a possible perpetrator."""
    both = a_signal(subjects=[a_person(), a_person(role="possible_perpetrator")])
    return submitted(sqlite_program, actor(sqlite_program, "havendam"), both)


def log(program, action):
    """The entries of an action with their details, oldest first."""
    return [(parse(bytes(row.entry)), details) for row, details in rows_of(program, action)]


def exported(program, tmp_path, **options):
    path = tmp_path / "log.json"
    processing_log.export(program, setup.INSTALLER, path, **options)
    whole = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return whole


def pairs(line):
    return {pair["key"]: pair["value"] for pair in line["attributes"]}


def test_an_act_about_two_people_is_two_lines_that_meet_in_its_trace(sqlite_program, reference, tmp_path):
    whole = exported(sqlite_program, tmp_path)
    SCHEMA.validate(whole)
    ((entry, details),) = log(sqlite_program, "signal:record")
    lines = [line for line in whole["records"] if line["name"] == "signal:record"]
    assert [line["trace_id"] for line in lines] == [entry.trace_id] * 2
    assert [line["parent_span_id"] for line in lines] == [entry.span_id] * 2
    names = processing_log.pseudonyms(sqlite_program)
    assert [pairs(line)[processing_log.SUBJECT] for line in lines] == [names.of(f"{reference}.{one}") for one in (1, 2)]
    assert {pairs(line)[processing_log.ACTIVITY] for line in lines} == {details["activity"]}
    spans = [line["span_id"] for line in whole["records"]]
    assert len(set(spans)) == len(spans) == whole["count"]


def test_no_line_names_a_user_a_session_a_network_or_a_reference(sqlite_program, actor, reference, tmp_path):
    use(sqlite_program, actor(sqlite_program, "havendam"), signals.consult, reference)
    text = json.dumps(exported(sqlite_program, tmp_path)["records"])
    with reading(sqlite_program) as session:
        users = {row.actor for row in session.query(LogEntry)} - {""}
    for secret in {*users, reference, "focal-officer", "possible_victim", "session_hash", "network_hash", "havendam"}:
        assert secret not in text


def test_somebody_who_must_not_be_told_stands_under_the_confidential_twin(sqlite_program, actor, tmp_path):
    who = actor(sqlite_program, "havendam")
    submitted(sqlite_program, who)
    submitted(sqlite_program, who, a_signal(subjects=[a_person(role="possible_perpetrator")]))
    lines = [one for one in exported(sqlite_program, tmp_path)["records"] if one["name"] == "signal:record"]
    assert [pairs(line)[processing_log.ACTIVITY].rsplit("/", 2)[1] for line in lines] == [
        "signaal-vastleggen",
        "signaal-vastleggen-vertrouwelijk",
    ]


def test_somebody_who_stayed_out_of_a_disclosure_stands_in_no_line_of_it(sqlite_program, actor, tmp_path):
    """The possible perpetrator of the signal did not go along: neither as data subject nor by the confidential twin."""
    owner = actor(sqlite_program, "havendam")
    both = a_signal(consent=GIVEN, subjects=[a_person(), a_person(role="possible_perpetrator")])
    reference = submitted(sqlite_program, owner, both)
    made = disclosed(sqlite_program, owner, reference, "essm", ground="X1", chosen=[1])
    receiver = actor(sqlite_program, "essm")
    use(sqlite_program, receiver, referrals.read, made.reference)
    use(sqlite_program, receiver, referrals.accept, made.reference)
    told = {"signal:disclose": 1, "disclosure:consult": 1, "disclosure:accept": 1}
    for action in told:
        _entry, details = log(sqlite_program, action)[-1]
        assert details["subject_refs"] == [f"{reference}.1"]
        assert details["subject_classes"][0].startswith("possible_victim:")
        assert details["activity"].rsplit("/", 2)[1] == "gegevens-verstrekken"
    lines = [line["name"] for line in exported(sqlite_program, tmp_path)["records"] if line["name"] in told]
    assert Counter(lines) == told


def test_destroyed_details_give_a_line_without_a_subject(sqlite_program, reference, tmp_path):
    with sqlite_program.write_sessions() as session:
        wanted = session.query(LogEntry.seq).where(LogEntry.action == "signal:record").scalar()
        audit_trail.destroy(session, [wanted], wanted)
        session.commit()
    whole = exported(sqlite_program, tmp_path)
    SCHEMA.validate(whole)
    (line,) = [one for one in whole["records"] if one["name"] == "signal:record"]
    assert pairs(line)[processing_log.DESTROYED] == "true"
    assert processing_log.SUBJECT not in pairs(line)


def test_days_are_days_in_the_netherlands_with_both_ends(sqlite_program, actor, clock, tmp_path):
    who = actor(sqlite_program, "havendam")
    submitted(sqlite_program, who)
    clock.forward(days=1)
    submitted(sqlite_program, who)
    count = {
        days: len(
            [
                one
                for one in exported(sqlite_program, tmp_path, start=start, end=end)["records"]
                if one["name"] == "signal:record"
            ]
        )
        for days, start, end in (
            ("first", None, date(2026, 11, 23)),
            ("second", date(2026, 11, 24), None),
            ("both", date(2026, 11, 23), date(2026, 11, 24)),
            ("none", date(2026, 11, 25), None),
        )
    }
    assert count == {"first": 1, "second": 1, "both": 2, "none": 0}
    with pytest.raises(UnusableInput):
        exported(sqlite_program, tmp_path, start=date(2026, 11, 25), end=date(2026, 11, 24))


def test_the_file_is_new_private_and_told_in_the_log(sqlite_program, reference, tmp_path):
    path = tmp_path / "log.json"
    made = processing_log.export(sqlite_program, setup.INSTALLER, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ((_entry, details),) = log(sqlite_program, "log:export")
    assert (details["kind"], details["count"], details["manifest_hash"]) == (
        "processing-log",
        made.lines,
        made.file_hash,
    )
    before = path.read_bytes()
    with pytest.raises(UnusableInput):
        processing_log.export(sqlite_program, setup.INSTALLER, path)
    assert path.read_bytes() == before
    assert len(log(sqlite_program, "log:export")) == 1
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("log.json")] == ["log.json"]


# What breaks which rule of the schema: each of these has to be refused.
BREAKS = {
    "no trace": lambda line: line.pop("trace_id"),
    "a trace of zeros": lambda line: line.update(trace_id="0" * 32),
    "a short span": lambda line: line.update(span_id="ab"),
    "no status": lambda line: line.pop("status_code"),
    "another status": lambda line: line.update(status_code=3),
    "a status in words": lambda line: line.update(status_code="OK"),
    "no name": lambda line: line.pop("name"),
    "a time as text": lambda line: line.update(start_time="2026-11-22"),
    "no end": lambda line: line.pop("end_time"),
    "a user": lambda line: line.update(actor="somebody"),
    "a user among the attributes": lambda line: line["attributes"].append({"key": "dpl.core.user", "value": "x"}),
    "no activity": lambda line: line["attributes"].pop(0),
    "an activity that is no address": lambda line: line["attributes"][0].update(value="intake"),
    "two activities": lambda line: line["attributes"].append(line["attributes"][0]),
    "two data subjects": lambda line: line["attributes"].append(line["attributes"][1]),
    "a reference for a pseudonym": lambda line: line["attributes"][1].update(value="S-7F3K-Q2.1"),
    "a data subject without a type": lambda line: line["attributes"].pop(2),
    "a type without a data subject": lambda line: line["attributes"].pop(1),
    "a data subject of what was destroyed": lambda line: line["attributes"].append(
        {"key": processing_log.DESTROYED, "value": "true"}
    ),
    "a foreign operation without entity": lambda line: line.update(
        foreign_operation={"trace_id": line["trace_id"], "span_id": line["span_id"]}
    ),
    "another resource": lambda line: line.update(resource={"attributes": [{"key": "host", "value": "x"}]}),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_the_schema_refuses_a_line_that_breaks_a_rule(sqlite_program, reference, tmp_path, broken):
    whole = exported(sqlite_program, tmp_path)
    line = deepcopy(next(one for one in whole["records"] if processing_log.SUBJECT in pairs(one)))
    assert SCHEMA.is_valid(whole | {"records": [line]})
    BREAKS[broken](line)
    assert not SCHEMA.is_valid(whole | {"records": [line]})


def test_a_disclosure_names_the_agency_that_data_went_to(sqlite_program):
    with transaction(sqlite_program, setup.INSTALLER) as tx:
        tx.record(
            "signal:disclose",
            object_type="disclosure",
            object_id="D-7F3K-Q2",
            details={
                **dict.fromkeys(("ground_digest", "policy_digest", "payload_hash"), "a" * 64),
                **dict.fromkeys(("categories", "fields", "conditions", "legal_basis"), ()),
                "disclosure": "D-7F3K-Q2",
                "signal": "S-7F3K-Q2",
                "recipient": "essm",
                "purpose": "P2",
                "ground": "X1",
            },
        )
    ((entry, details),) = log(sqlite_program, "signal:disclose")
    raw = entry.to_bytes()
    register = sqlite_program.policy.activities
    (line,) = processing_log.lines_of(raw, details, register, processing_log.pseudonyms(sqlite_program))
    assert line["foreign_operation"] == {
        "trace_id": entry.trace_id,
        "span_id": entry.span_id,
        "entity": f"{register.at}/organisaties/essm",
    }


def test_the_caller_of_a_request_is_a_foreign_operation_and_an_error_is_an_error(sqlite_program, actor):
    who = actor(sqlite_program, "havendam")
    caller = {"trace_id": "a" * 32, "span_id": "b" * 16, "parent_span_id": "c" * 16}

    with transaction(sqlite_program, replace(who, **caller)) as tx:
        for outcome in ("ok", "refused", "error"):
            tx.record("signal:list", outcome=outcome, reason="test", details={"view": "own", "count": 0})
    register, names = sqlite_program.policy.activities, processing_log.pseudonyms(sqlite_program)
    lines = [
        line
        for entry, details in log(sqlite_program, "signal:list")
        for line in processing_log.lines_of(entry.to_bytes(), details, register, names)
    ]
    assert [line["status_code"] for line in lines] == [1, 0, 2]
    assert lines[0]["foreign_operation"]["span_id"] == "c" * 16
    assert lines[0]["parent_span_id"] == "b" * 16


def test_entries_from_before_there_were_activities_get_the_one_of_their_action(sqlite_program, reference):
    ((entry, details),) = log(sqlite_program, "signal:record")
    old = {
        name: value for name, value in details.items() if name not in {"activity", "subject_refs", "subject_classes"}
    }
    register = sqlite_program.policy.activities
    (line,) = processing_log.lines_of(entry.to_bytes(), old, register, processing_log.pseudonyms(sqlite_program))
    assert pairs(line)[processing_log.ACTIVITY] == register.address("signal:record")


def test_what_touches_nobody_leaves_no_line(sqlite_program):
    ((entry, details), *_rest) = log(sqlite_program, "policy:load")
    register, names = sqlite_program.policy.activities, processing_log.pseudonyms(sqlite_program)
    assert list(processing_log.lines_of(entry.to_bytes(), details, register, names)) == []
    assert FILE in sqlite_program.policy.texts
