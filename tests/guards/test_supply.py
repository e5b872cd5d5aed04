"""What the program is made of: licences, the note on each dependency, pins with digests, and rules that are tried."""

import ast
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from supply.components import ASKED_FOR, LICENCES, Unfree, asked_for, check, components, licence_of, locked, vendored
from supply.licences import PAGE, page
from tests.guards.test_imports import MODULES

ROOT = Path(__file__).resolve().parents[2]
RULES = tomllib.loads(LICENCES.read_text())
# What is needed to install from a checkout and is not imported.
NOT_IMPORTED = {"editables", "hatchling"}
# Under which name a package is imported, where that is another one.
CALLED = {
    "argon2-cffi": "argon2",
    "phonenumberslite": "phonenumbers",
    "pillow": "PIL",
    "python-pkcs11": "pkcs11",
    "python-stdnum": "stdnum",
}


def test_every_licence_is_free_and_the_page_says_which():
    """ASVS 15.1.2: `make licences` makes docs/licences.md anew."""
    assert PAGE.read_text() == page(components())


@pytest.mark.parametrize(
    "licence", ["", "Proprietary", "see LICENSE", "MIT AND Proprietary", "GPL-3.0-only", "BUSL-1.1"]
)
def test_a_licence_that_is_not_free_stops_the_list(licence):
    with pytest.raises(Unfree, match=r"^thing: expected a free licence"):
        check("thing", licence, RULES)


@pytest.mark.parametrize("licence", ["MIT", "BUSL-1.1 OR MIT", "MIT AND BSD-3-Clause", "EUPL-1.2"])
def test_one_free_way_is_enough_and_all_of_an_and_is_needed(licence):
    assert check("thing", licence, RULES) == licence


def test_a_package_that_says_two_things_says_nothing():
    said = {"License": "", "License-Expression": None}
    both = ["License :: OSI Approved :: MIT License", "License :: OSI Approved :: Apache Software License"]
    metadata = SimpleNamespace(get=said.get, get_all=lambda _name: both)
    assert licence_of("thing", metadata, RULES) == ""


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "requirements-scan.txt", "requirements-data.txt"]
)
def test_every_package_is_pinned_with_digests_and_no_address(name):
    """ASVS 15.2.4 (norms 6, row 17)"""
    found = locked(ROOT / name)
    assert found
    assert [one for one, (version, digests) in found.items() if not version or not digests] == []
    assert not re.search(r"^--(extra-)?index-url|https?://", (ROOT / name).read_text(), re.MULTILINE)


def test_a_wheel_asks_for_what_the_lock_file_was_made_of():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=]", one)[0] for one in project["dependencies"]}
    assert wanted == set(asked_for()) - {"editables", "hatchling"}


def _imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
            yield from (one.value for one in node.args if isinstance(one, ast.Constant))


def test_every_direct_dependency_is_imported():
    imported = {name.split(".")[0] for tree in MODULES.values() for name in _imported(tree)}
    used = {CALLED.get(one, one.replace("-", "_")) for one in set(asked_for()) - NOT_IMPORTED}
    assert used - imported == set()
    others = imported - sys.stdlib_module_names - {"signaltable", "audit"} - used
    # What a direct dependency is built on and hands to us.
    assert others <= {"werkzeug", "jinja2", "markupsafe", "joserfc", "itsdangerous", "babel", "_typeshed"}


def test_every_direct_dependency_has_its_note():
    rows = re.findall(r"^\| `([^`]+)` \|(.+)\|$", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE)
    assert {name for name, _rest in rows} == set(asked_for(ASKED_FOR))
    assert [name for name, rest in rows if len([cell for cell in rest.split("|") if cell.strip()]) != 4] == []


def test_everything_that_was_copied_in_says_what_it_is():
    folders = {path.name for path in (ROOT / "signaltable" / "static" / "vendor").iterdir()}
    assert {path.parent.name for path in (ROOT / "signaltable" / "static" / "vendor").glob("*/VERSION")} == folders
    found = list(vendored())
    assert len(found) >= len(folders)
    assert all(re.fullmatch("[0-9a-f]{64}", one.digests[0]) for one in found)


def test_every_rule_of_the_scan_is_tried_with_what_it_must_find_and_what_it_must_leave():
    for path in sorted((ROOT / "rules").glob("*.yml")):
        tried = path.with_suffix(".py").read_text()
        ids = re.findall(r"^  - id: (\S+)$", path.read_text(), re.MULTILINE)
        assert ids
        for one in ids:
            assert f"# ruleid: {one}\n" in tried, one
            assert f"# ok: {one}\n" in tried, one
