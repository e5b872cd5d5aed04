"""`signaltable policies show | compare | replay`: JSON for a machine, lines for a person, exit codes of the contract."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from signaltable.cli import main
from signaltable.intake import EXAMPLE
from tests.log_tools import owners_engine

POLICIES = Path(__file__).resolve().parents[2] / "policies"


@pytest.fixture
def signaltable(sqlite_settings, monkeypatch):
    """Run a subcommand in this process over a home with the demo region."""
    monkeypatch.setenv("SIGNALTABLE_HOME", str(sqlite_settings.home))
    monkeypatch.setenv("DATABASE_URL", sqlite_settings.database_url)
    monkeypatch.setenv("SIGNALTABLE_POLICIES", str(POLICIES))
    monkeypatch.delenv("SIGNALTABLE_MODE", raising=False)
    return lambda *arguments, stdin=None: CliRunner().invoke(main, ["policies", *arguments], input=stdin)


@pytest.fixture
def submit(signaltable):
    """Submit the example, with changes."""

    def made(**changes):
        told = json.dumps({**EXAMPLE, **changes})
        answer = CliRunner().invoke(main, ["submit", "--as", "havendam", "--file", "-", "--json"], input=told)
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)["reference"]

    return made


@pytest.fixture
def other(tmp_path):
    """The shipped rules, with perpetrators no longer going to AVIM."""
    folder = Path(shutil.copytree(POLICIES, tmp_path / "other"))
    path = folder / "meldroutes/M7.toml"
    changed = path.read_text().replace('destination = "nla"', 'destination = "riec"')
    assert changed != path.read_text()
    path.write_text(changed)
    return folder


# -- show ----------------------------------------------------------------------------------------------------------


def test_a_rule_is_shown_for_a_person_and_for_a_machine(signaltable):
    shown = signaltable("show", "M12", "--lang", "en")
    told = json.loads(signaltable("show", "M12", "--json").stdout)

    assert shown.exit_code == 0
    assert shown.stdout.startswith("M12  Shelter for a man or a minor  [meldroute]")
    assert "region: urgency same-day (region.toml)" in shown.stdout
    assert told["file"] == "meldroutes/M12.toml"
    assert told["urgency"] == "Vandaag"
    assert told["when"][0] == "Opvang nodig en Gender: Man / Anders"


def test_a_rule_that_does_not_exist_is_refused_in_one_line(signaltable):
    answer = signaltable("show", "M999")

    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr == "signaltable: refused: no rule with this id\n"


# -- compare -------------------------------------------------------------------------------------------------------


def test_what_would_go_elsewhere_is_told_without_a_reference(signaltable, submit, other):
    references = [submit() for _ in range(3)]
    references.append(submit(narrative="Iets anders."))

    answer = signaltable("compare", "current", str(other), "--json")

    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert [(one["kind"], one["id"], [key["key"] for key in one["keys"]]) for one in told["rules"]] == [
        ("meldroute", "M7", ["to"])
    ]
    assert told["signals"]["source"] == "home"
    assert (told["signals"]["count"], told["signals"]["elsewhere"]) == (4, 4)
    assert told["signals"]["destinations"] == {"nla": {"gained": 0, "lost": 4}, "riec": {"gained": 4, "lost": 0}}
    assert told["signals"]["examples"][0]["facts"] == {"forms": ["labour"]}
    assert not [name for name in references if name in answer.stdout]
    lines = signaltable("compare", "current", str(other)).stdout
    assert "4 stored signals: 4 to other destinations" in lines
    assert '4 x {"forms": ["labour"]}' in lines


def test_small_numbers_of_stored_signals_are_not_told(signaltable, submit, other):
    submit()

    told = json.loads(signaltable("compare", "current", str(other), "--json").stdout)

    assert (told["signals"]["elsewhere"], told["signals"]["examples"][0]["count"]) == ("<3", "<3")
    assert told["signals"]["routes"] == {}
    assert told["signals"]["other_urgency"] == 0


def test_rules_of_before_are_named_by_the_beginning_of_their_digest(signaltable, submit, other, monkeypatch):
    submit()
    before = json.loads(signaltable("compare", "current", "current", "--json").stdout)["old"]
    monkeypatch.setenv("SIGNALTABLE_POLICIES", str(other))

    told = json.loads(signaltable("compare", before[:8], "current", "--json").stdout)

    assert told["old"] == before
    assert [one["id"] for one in told["rules"]] == ["M7"]


def test_the_period_and_the_day_can_be_named(signaltable, submit, other):
    submit()
    told = json.loads(signaltable("compare", "current", str(other), "--until", "2020-01-01", "--json").stdout)
    assert (told["signals"]["count"], told["signals"]["until"]) == (0, "2020-01-01")
    assert (
        json.loads(signaltable("compare", "current", str(other), "--on", "2027-01-01", "--json").stdout)["on"]
        == "2027-01-01"
    )


def test_without_a_home_the_cases_of_the_demo_are_compared(signaltable, other, monkeypatch, tmp_path):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(tmp_path / "nowhere"))
    monkeypatch.delenv("DATABASE_URL")

    told = json.loads(signaltable("compare", str(POLICIES), str(other), "--json").stdout)

    assert told["signals"]["source"] == "demo"
    assert told["signals"]["count"] >= 13
    assert told["signals"]["elsewhere"] >= 3
    assert signaltable("compare", "0123abcd", "current").exit_code == 2
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("old", "options", "expected"),
    [
        ("/no/such/folder", (), "expected a folder with rules, a digest"),
        ("deadbeef", (), "no rules kept under this digest"),
        ("dead", (), "expected at least 8 characters"),
        ("current", ("--from", "yesterday"), "--from: expected a day"),
        ("current", ("--on", "x"), "--on: expected a day"),
    ],
)
def test_what_cannot_be_read_ends_with_one_line(signaltable, old, options, expected):
    answer = signaltable("compare", old, "current", *options)

    assert (answer.exit_code, answer.stdout) == (2, "")
    assert expected in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_a_broken_folder_ends_with_file_and_key(signaltable, other):
    (other / "roles.toml").write_text("")

    answer = signaltable("compare", "current", str(other))

    assert answer.exit_code == 2
    assert "roles.toml: expected rules, found an empty file" in answer.stderr


# -- replay --------------------------------------------------------------------------------------------------------


def test_decisions_are_replayed_and_the_exit_code_says_whether_all_came_out(signaltable, submit, sqlite_settings):
    first, second = submit(), submit()

    told = json.loads(signaltable("replay", "--json").stdout)
    assert (told["count"], told["same"], told["different"]) == (2, 2, 0)
    assert {one["signal"] for one in told["decisions"]} == {first, second}
    one = signaltable("replay", first)
    assert (one.exit_code, one.stdout) == (0, "1 decisions, 1 with the same outcome, 0 not\n")

    engine = owners_engine(sqlite_settings)
    with engine.begin() as connection:
        connection.execute(text('UPDATE decisions SET outcome = \'{"routes": [], "questions": []}\''))
    engine.dispose()

    answer = signaltable("replay")
    assert answer.exit_code == 1
    assert "2 decisions, 0 with the same outcome, 2 not" in answer.stdout
    assert "routes: []" in answer.stdout


def test_an_unknown_reference_is_refused(signaltable):
    answer = signaltable("replay", "S-XXXX-XX")

    assert answer.exit_code == 1
    assert "expected the reference of a signal or a disclosure" in answer.stderr
