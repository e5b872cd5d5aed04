"""Every act of the vocabulary as a sentence: with all details, with the least, and with none left; in both languages."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask_babel import force_locale

from audit.vocabulary import ACTIONS
from signaltable.flow.auditing import EntryLine
from signaltable.texts import Text
from signaltable.web import create_app
from signaltable.web.log_heads import CLAUSES, FLAGS, HEADS, NOT_FLAGS
from signaltable.web.log_sentences import sentence

TITLES = {"havendam": "Gemeente Havendam", "avim": "Politie, AVIM", "delinde": "Zorggroep Delinde"}
AT = 1_795_000_000_000
# A value of every detail as the program writes it; what is not here is a digest, an opaque id or a number.
VALUES = {
    "agency": "havendam", "agencies": ["havendam", "avim"], "asked": "avim", "provider": "havendam", "recipient": "avim",
    "recipients_told": ["avim"], "sealed_for": ["avim"], "sent_to": ["avim", "delinde"], "present": ["avim"],
    "signal": "S-7F3K-Q2", "signals": ["S-7F3K-Q2", "S-9C4M-T8"], "disclosure": "D-9C4M-T8", "correction_of": "S-9C4M-T8",
    "purpose": "P3", "ground": "X1", "near": ["X1", "G1"], "legal_basis": ["A6-1-a", "A9-2-a"],
    "categories": ["identity", "contact", "sex_life"], "identifier_kinds": ["given_name", "phone"],
    "evidence_kinds": ["birth_date", "surname"], "fields": ["signal.narrative_masked", "subject.given_name"],
    "conditions": [{"code": "EXPLICIT_CONSENT", "evidence_hash": "0" * 64}], "missing": ["NEC", "PROP"],
    "consent": ["EXPLICIT_CONSENT"], "obligations": ["inform", "review", "inform-municipality"],
    "permission": "log:consult:own-agency", "cause": "not_our_task", "rule": "referral-acceptance", "kind": "consent-withdrawn",
    "result": "not_enough", "answer": "may_not_say", "decision": "refer", "strength": "match", "urgency": "same_day",
    "routes": ["M9:essm"], "destinations": ["essm"], "view": "second_person", "filters": ["since", "agency"],
    "roles": ["focal-officer"], "roles_added": ["table-chair"], "roles_removed": ["care-coordinator"],
    "changed": ["roles", "active"], "method": "password", "job": "retention", "search_kinds": ["birth_date"],
    "indicators": ["I3", "I4"], "questions": ["is_minor"], "findings": 2, "rows": {"signals": {"S-1": "00"}},
    "emergency": True, "minor": True, "late": True, "expired": True, "anonymous": True, "correction": True, "undone": True,
    "demo": True, "active": False, "approver": "f" * 32, "requester": "e" * 32, "account": "d" * 32,
    "motivation_hash": "0" * 64,
}  # fmt: skip
# What no sentence may hold: codes of the program with a sign in them that words have not, and ids.
CODE = re.compile(r"\b[a-z]+_[a-z_]+\b|\b[a-z]+:[a-z]+\b|[0-9a-f]{12,}|%\(|\{|\}|None|\bTrue\b|\bFalse\b")
CODES = {
    "P3",
    "X1",
    "avim",
    "havendam",
    "essm",
    "focal-officer",
    "table-chair",
    "referral-acceptance",
    "consent-withdrawn",
}


def _line(action, details, *, outcome="ok", **other):
    made = {
        "seq": 7, "recorded_at": datetime(2026, 11, 22, tzinfo=UTC), "occurred_at": None, "action": action,
        "summary": Text("x", "x"), "outcome": outcome, "reason": "" if outcome == "ok" else "no_permission",
        "actor": "a" * 32, "acting_for": "", "roles": ("focal-officer",), "agency_id": "havendam",
        "agency": "Gemeente Havendam", "channel": "web", "strength": "password", "object_type": "", "object": "",
        "object_version": "", "event_id": "", "trace_id": "", "span_id": "", "parent_span_id": "", "source": "",
        "retention_class": "access", "commitment": "", "damaged": False, "details": details,
        "details_state": "whole" if details is not None else "erased", "erased_by": None if details is not None else 99,
        "erased_at": None if details is not None else datetime(2026, 12, 1, tzinfo=UTC),
    }  # fmt: skip
    return EntryLine(**(made | other))


def _value(key):
    return VALUES.get(key, AT if key.endswith(("_at", "_until")) else 3)


@pytest.fixture(scope="module")
def app(sqlite_region, tmp_path_factory):
    from tests.conftest import Clock, open_for_test

    opened = open_for_test(sqlite_region, Clock())
    program = next(opened)
    yield create_app(program.settings, program)
    opened.close()


@pytest.fixture(params=["nl", "en"])
def say(request, app):
    def told(line):
        with app.test_request_context(), force_locale(request.param):
            return sentence(line, TITLES)

    return told, request.param


def _all(action):
    row = ACTIONS[action]
    yield {key: _value(key) for key in row.details_required | row.details_optional}
    yield {key: _value(key) for key in row.details_required}
    yield None


def _wrong(text):
    words = set(re.findall(r"[\w-]+", text))
    return CODE.findall(text) or sorted(words & CODES)


@pytest.mark.parametrize("outcome", ["ok", "refused", "error"])
def test_every_act_is_a_sentence_without_codes_or_holes(say, outcome):
    told, _language = say
    for action in ACTIONS:
        for details in _all(action):
            text = told(_line(action, details, outcome=outcome))
            assert not _wrong(text), (action, text)
            assert text.startswith(("Gemeente Havendam (", "This was", "Dit ")), text
            assert "  " not in text, text
            assert not re.search(r"[:;“]\s*[;.”]|\(\)|, \)|: $", text), text


def test_no_sentence_is_the_same_in_both_languages(app):
    for action in ACTIONS:
        for details in _all(action):
            line = _line(action, details)
            with app.test_request_context():
                with force_locale("nl"):
                    dutch = sentence(line, TITLES)
                with force_locale("en"):
                    english = sentence(line, TITLES)
            assert dutch != english, dutch
            for word in (" the ", " of a ", " looked ", "number:", "legal ground", "purpose:", " was done", "role:"):
                assert word not in dutch, (action, dutch)


def test_every_act_and_clause_has_its_words():
    assert set(HEADS) == set(ACTIONS)
    keys = {key for row in ACTIONS.values() for key in row.details_required | row.details_optional}
    assert {*CLAUSES, *FLAGS, *NOT_FLAGS} <= keys
    assert all(re.findall(r"%\((\w+)\)s", str(heads[-1]._args[0])) == ["who"] for heads in HEADS.values())


def test_a_disclosure_reads_as_a_jurist_would_write_it(say):
    told, language = say
    row = ACTIONS["signal:disclose"]
    text = told(_line("signal:disclose", {key: _value(key) for key in row.details_required | {"approver"}}))
    expected = {
        "en": (
            "Gemeente Havendam (role: focal officer) disclosed D-9C4M-T8 about signal S-7F3K-Q2 to Politie, AVIM; "
            "purpose: detection and prosecution; legal ground: municipality refers an adult to help (GDPR 6(1)(a); "
        ),
        "nl": (
            "Gemeente Havendam (rol: aandachtsfunctionaris) verstrekte D-9C4M-T8 over signaal S-7F3K-Q2 aan Politie, AVIM; "
            "doel: opsporing en vervolging; grondslag: gemeente verwijst een volwassene naar hulp (AVG 6(1)(a); "
        ),
    }[language]
    assert text.startswith(expected), text
    assert text.endswith({"en": "approved by a second person.", "nl": "goedgekeurd door een tweede persoon."}[language])


def test_the_ground_of_a_request_to_erase_and_the_hits_of_a_list_are_said(say):
    told, language = say
    required = {key: _value(key) for key in ACTIONS["subject:request"].details_required}
    text = told(_line("subject:request", required | {"ground": "objection"}))
    assert {"en": "GDPR 17(1)(c)", "nl": "AVG 17(1)(c)"}[language] in text
    text = told(_line("enrich:search", {"count": 40, "hits": 2, "asks": 7}))
    expected = {"en": "compared with open questions: 7; hits: 2", "nl": "vergeleken met open vragen: 7; treffers: 2"}
    assert expected[language] in text


@pytest.mark.parametrize(
    ("action", "result", "words"),
    [
        ("identity:decide", "approved", {"en": "approved", "nl": "goedgekeurd"}),
        ("identity:decide", "refused", {"en": "refused by second person", "nl": "afgewezen door tweede persoon"}),
        ("identity:decide", "no_ground", {"en": "refused by the rules", "nl": "geweigerd door de regels"}),
        ("subject:decide", "erased", {"en": "erased", "nl": "gewist"}),
        ("subject:decide", "refused", {"en": "refused by second person", "nl": "afgewezen door tweede persoon"}),
    ],
)
def test_what_a_second_person_decided_is_said(say, action, result, words):
    told, language = say
    text = told(_line(action, {"request": "I-7F3K-Q2", "result": result}))
    assert text.endswith(f": {words[language]}."), text


def test_destroyed_details_leave_who_when_and_what(say):
    told, language = say
    text = told(_line("signal:disclose", None, object_type="disclosure", object="D-9C4M-T8"))
    assert "D-9C4M-T8" in text
    assert "99" in text
    assert {"en": "1 December 2026", "nl": "1 december 2026"}[language] in text


@pytest.mark.parametrize("state", ["gone", "broken", "masked"])
def test_what_is_missing_is_said(say, state):
    told, _language = say
    whole = told(_line("signal:consult", {"signal": "S-7F3K-Q2"}))
    assert told(_line("signal:consult", {"signal": "S-7F3K-Q2"}, details_state=state)).startswith(whole + " ")


def test_who_acted_is_never_an_id(say):
    told, _language = say
    line = _line("signal:consult", {"signal": "S-7F3K-Q2"})
    for other in (
        {"agency_id": "", "agency": "", "roles": ()},
        {"agency_id": "system", "agency": "", "roles": ("system",), "channel": "job"},
        {"agency_id": "system", "agency": "", "roles": ("system",), "channel": "cli"},
        {"acting_for": "b" * 32},
        {"roles": ("focal-officer", "privacy-officer")},
    ):
        text = told(replace(line, **other))
        assert not _wrong(text), text
        assert "S-7F3K-Q2" in text
