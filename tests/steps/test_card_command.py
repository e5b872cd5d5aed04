"""`signaltable policies card`: the card as files, and one line for whatever cannot be done."""

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

from signaltable.cli import main

POLICIES = Path(__file__).resolve().parents[2] / "policies"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(tmp_path / "home"))
    return lambda *given: CliRunner().invoke(main, ["policies", "card", *map(str, given)])


def test_both_files_are_written_and_an_earlier_one_is_replaced(run, tmp_path):
    svg, pdf = tmp_path / "kaart.svg", tmp_path / "kaart.pdf"
    svg.write_text("van vorig jaar")

    done = run("--svg", svg, "--pdf", pdf, "--on", "2026-11-22")

    assert done.exit_code == 0, done.output
    assert ET.fromstring(svg.read_text()).get("lang") == "nl"
    assert pdf.read_bytes().startswith(b"%PDF-")


def test_the_same_rules_give_the_same_file(run, tmp_path):
    for name in ("een.pdf", "twee.pdf"):
        assert run("--pdf", tmp_path / name, "--on", "2026-11-22", "--lang", "en").exit_code == 0

    assert (tmp_path / "een.pdf").read_bytes() == (tmp_path / "twee.pdf").read_bytes()


def test_a_dash_is_standard_output(run):
    assert run("--pdf", "-").stdout_bytes.startswith(b"%PDF-")
    assert ET.fromstring(run("--svg", "-", "--lang", "en").stdout).get("lang") == "en"


def test_a_region_with_many_routes_gets_a_second_sheet_and_is_told_so(run, tmp_path):
    folder = Path(shutil.copytree(POLICIES, tmp_path / "policies"))
    for number in range(1, 61):
        for part in ("", "examples/"):
            source = (folder / "meldroutes" / part / "M13.toml").read_text()
            target = folder / "region" / "meldroutes" / part / f"R{number}.toml"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.replace('"M13"', f'"R{number}"'))

    done = run("--svg", tmp_path / "kaart.svg", "--dir", folder)

    assert done.exit_code == 0, done.output
    assert "sheets of A4" in done.stderr
    assert "R60" in (tmp_path / "kaart.svg").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "expected --svg FILE or --pdf FILE"),
        (["--svg", "-", "--pdf", "-"], "expected one of"),
        (["--pdf", "-", "--on", "gisteren"], "--on"),
        (["--pdf", "-", "--lang", "fr"], "lang"),
        (["--pdf", "-", "--dir", "/nergens/te/vinden"], "expected a folder with rules"),
        (["--pdf", "/nergens/te/vinden.pdf"], "expected to read or write it"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(run, given, said):
    done = run(*given)

    assert done.exit_code == 2
    assert done.stderr.startswith("signaltable: ")
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_broken_rule_is_named(run, tmp_path):
    folder = Path(shutil.copytree(POLICIES, tmp_path / "policies"))
    rule = folder / "meldroutes" / "M9.toml"
    rule.write_text(rule.read_text().replace('"riec"', '"nergens"'))

    done = run("--pdf", "-", "--dir", folder)

    assert done.exit_code == 2
    assert "meldroutes/M9.toml" in done.stderr
