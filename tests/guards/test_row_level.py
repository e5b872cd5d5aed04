"""Row-level security: every table is decided on, and every place that sees more than its actor stands in the docs."""

import ast
from collections import Counter
from pathlib import Path

from signaltable import row_level
from signaltable.models import Base

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs" / "row-level-security.md"
# Whole use cases of the program itself bear its pass from the start; nothing of a page does.
NEVER_IN = ("signaltable/web/", "signaltable/api/")


def rises():
    """(file, why) of each place in the program that asks to see all."""
    for path in sorted((ROOT / "signaltable").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                given = node.args if called in {"whole", "in_whole"} else []
                if called == "reading":
                    given = [one.value for one in node.keywords if one.arg == "whole"]
                for one in given:
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        yield path.relative_to(ROOT).as_posix(), one.value


def told():
    """The same, as the page tells it."""
    for line in DOC.read_text().splitlines():
        if line.startswith("| `signaltable/"):
            _, file, why, times, _ = (part.strip() for part in line.split("|"))
            yield (file.strip("`"), why), int(times)


def test_every_table_is_fenced_or_says_why_not():
    decided = [*row_level.FENCED, *row_level.READ_BY_ALL, *row_level.READ_IN_PART, *row_level.UNFENCED]
    assert sorted(decided) == sorted(Base.metadata.tables), "a table is decided on twice or not at all (row_level.py)"
    assert all(len(why) > 10 for why in row_level.UNFENCED.values())


def test_every_place_that_sees_all_stands_in_the_docs():
    assert dict(told()) == dict(Counter(rises()))


def test_no_page_and_no_interface_sees_all():
    assert [file for file, _why in rises() if file.startswith(NEVER_IN)] == []
