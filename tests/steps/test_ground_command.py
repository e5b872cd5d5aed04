"""`signaltable ground` keeps its contract: flags, JSON, exit codes, what goes to which stream."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.cli import main

KEYS = ["effect", "row", "fields", "missing", "obligations", "reasons", "near", "policy_digest"]
DENIED = {"provider": "care-wgbo", "recipient": "police", "purpose": "P3", "data": ["identity"]}


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run the command in an empty home, so that nothing but the rules can be read."""
    monkeypatch.setenv("SIGNALTABLE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SIGNALTABLE_MODE", raising=False)

    def run(*arguments: str, stdin: object = None) -> Result:
        text = stdin if isinstance(stdin, (str, bytes)) else json.dumps(stdin)
        return CliRunner().invoke(main, ["ground", *arguments], input=text)

    return run


def test_the_examples_come_back_as_permits(ground, tmp_path: Path) -> None:
    shown = ground("--example", "--json")
    examples = json.loads(shown.stdout)

    assert shown.exit_code == 0
    assert len(examples) > 50
    for row, request in list(examples.items())[::10]:
        file = tmp_path / "request.json"
        file.write_text(json.dumps(request), encoding="utf-8")
        answer = ground("--request", str(file), "--json")
        assert answer.exit_code == 0
        told = json.loads(answer.stdout)
        assert list(told) == KEYS
        assert told["effect"] == "permit", row
        assert told["fields"]


def test_examples_of_a_day_count_on_that_day(ground) -> None:
    examples = json.loads(ground("--example", "--on", "2027-03-28").stdout)

    for row, request in list(examples.items())[::15]:
        told = json.loads(ground("--request", "-", "--on", "2027-03-28", "--json", stdin=request).stdout)
        assert told["effect"] == "permit", row
    request = examples["X1"]
    assert (
        json.loads(ground("--request", "-", "--on", "2026-11-22", "--json", stdin=request).stdout)["effect"] == "deny"
    )


def test_a_refusal_is_an_answer_and_the_demo_says_that_it_is_one(ground, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ground("--request", "-", "--json", stdin=DENIED)

    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["effect"] == "deny"
    assert "no lawyer has reviewed" in answer.stderr
    monkeypatch.setenv("SIGNALTABLE_MODE", "production")
    answer = ground("--request", "-", "--json", stdin=DENIED)
    assert answer.stderr == ""
    assert json.loads(ground("--example").stdout) == {}


def test_people_read_it_in_their_language(ground) -> None:
    dutch, english = (ground("--request", "-", "--lang", lang, stdin=DENIED).stdout for lang in ("nl", "en"))

    assert dutch.splitlines()[0] == "mag niet  Z6"
    assert english.splitlines()[0] == "denied  Z6"
    assert "Bel 112" in dutch
    assert "Call 112" in english
    permitted = ground("--request", "-", "--lang", "en", stdin=json.loads(ground("--example").stdout)["X1"]).stdout
    assert permitted.splitlines()[0] == "permitted  X1"
    assert "subject.surname" in permitted
    assert "record" in permitted


@pytest.mark.parametrize(
    ("arguments", "stdin", "expected"),
    [
        ((), None, "--request FILE or --example"),
        (("--request", "-", "--example"), None, "--request FILE or --example"),
        (("--request", "nowhere.json"), None, "expected a readable file"),
        (("--request", "-"), "{", "expected JSON"),
        (("--request", "-"), "[]", "request: expected an object with provider, recipient, purpose, data"),
        (("--request", "-"), '{"data": ["identity"], "data": []}', "expected every key once"),
        (("--request", "-"), {**DENIED, "purpose": "P99"}, "purpose: expected one of P1"),
        (("--request", "-"), {**DENIED, "data": []}, "data: expected a list"),
        (("--request", "-"), {**DENIED, "conditions": {"Jansen": {}}}, "conditions: expected only the codes"),
        (("--request", "-"), "[" * 100_000, "nested this deep"),
        (("--request", "-", "--on", "someday"), DENIED, "--on: expected a day"),
        (("--request", "-", "--on", "0001-01-01"), DENIED, "--on: expected a day from 1900"),
        (("--request", "-", "--on", "9999-12-31"), DENIED, "--on: expected a day from 1900"),
        (("--request", "-", "--lang", "fr"), DENIED, "--lang: expected one of nl, en"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(ground, arguments: tuple, stdin: object, expected: str) -> None:
    answer = ground(*arguments, stdin=stdin)

    lines = answer.stderr.splitlines()
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert len(lines) == 1
    assert expected in lines[0]
    assert "Jansen" not in answer.output


@settings(max_examples=30, deadline=None)
@given(text=st.text(max_size=60) | st.binary(max_size=60))
def test_no_input_at_all_gives_a_traceback(text: object) -> None:
    answer = CliRunner().invoke(main, ["ground", "--request", "-", "--json"], input=text)

    assert answer.exit_code == 2
    assert answer.exception is None or isinstance(answer.exception, SystemExit)
