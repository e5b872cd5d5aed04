"""Every test with a database runs on SQLite and on PostgreSQL, except where it says why not."""

import ast
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def exceptions():
    """(file, line, reason) of each `sqlite_only`; no reason gives an empty one."""
    for path in sorted(TESTS.rglob("*.py")):
        content = path.read_text()
        for node in ast.walk(ast.parse(content)) if "sqlite_only" in content else ():
            if isinstance(node, ast.Attribute) and node.attr == "sqlite_only":
                yield path, node.lineno, ""
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sqlite_only":
                given = [one.value.value for one in node.keywords if one.arg == "reason" and _is_text(one.value)]
                yield path, node.func.lineno, "".join(given)


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_whoever_keeps_a_test_from_postgresql_says_why():
    told = {}
    for path, line, reason in exceptions():
        place = f"{path.relative_to(TESTS)}:{line}"
        told[place] = told.get(place, "") or reason
    assert told, "this finds nothing any more"
    assert {place for place, reason in told.items() if len(reason.split()) < 4} == set()
