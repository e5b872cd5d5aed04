"""One place commits, one place appends to the log, and the four ways in make actors (design.md, rules 1 and 2)."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "signaltable"


def _calls(name, arguments=None):
    for path in sorted(ROOT.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called == name and arguments in {None, len(node.args)}:
                    yield path.relative_to(ROOT).as_posix()


def test_one_place_commits():
    # `audit.entry.commit` takes arguments and is a commitment, not the end of a transaction.
    assert list(_calls("commit", arguments=0)) == ["transaction.py"]


def _importers(names):
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and {f"{node.module}.{alias.name}" for alias in node.names} & names:
                yield path.relative_to(ROOT).as_posix()


def test_one_place_appends_to_the_log():
    # An entry is made by `audit.entry.build`; who imports only its readers cannot make one.
    assert list(_importers({"audit.entry", "audit.entry.build"})) == ["audit_trail/appending.py"]


def test_actors_are_made_in_few_places():
    # actors.py: web login, command line and the two fixed actors; setup.py: the installer; retention and jobs: the job.
    assert set(_calls("Actor")) <= {"flow/coming_in/actors.py", "flow/setup.py", "jobs/work.py", "flow/retention.py"}
