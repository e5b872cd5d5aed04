"""No test fails by chance: what is looked for in a page is longer than what random letters spell now and then, who waits waits
long, and what is drawn is drawn by a seed.
"""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
# The token of a form is 33 random letters of 64: five given ones stand in it once in some thirty million times.
ENOUGH = 5
RANDOM = re.compile(r"[A-Za-z0-9_-]*")
# Who waits for something to come gives a machine that has much else to do a minute, in seconds. A look once a second is no such wait.
A_LOOK, A_MINUTE = 1, 60
# By the name of what is called: those that take their seconds without a name.
WAITING = {"wait", "join", "settimeout"}
# No part of the usual run.
APART = {"attack", "bench"}


def short_ones(source):
    """(line, text) of every few letters of which a test says that no page holds them, also in a loop over several."""
    for test in ast.walk(ast.parse(source)):
        if isinstance(test, ast.FunctionDef):
            yield from _in_test(test)


def _in_test(test):
    nodes = list(ast.walk(test))
    pages = {
        one.targets[0].id
        for one in nodes
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and _is_text(one.value)
    }
    looped = {
        one.target.id: one.iter.elts
        for one in nodes
        if isinstance(one, ast.For) and isinstance(one.target, ast.Name) and isinstance(one.iter, ast.Tuple)
    }
    for node in nodes:
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotIn):
            place = node.comparators[0]
            if _is_text(place) or (isinstance(place, ast.Name) and place.id in pages):
                looked_for = looped.get(node.left.id, []) if isinstance(node.left, ast.Name) else [node.left]
                told = [one.value for one in looked_for if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                yield from ((node.lineno, one) for one in told if _may_turn_up(one))


def _is_text(node):
    """Whether this is the text of an answer as it came."""
    return isinstance(node, ast.Attribute) and node.attr == "text"


def _may_turn_up(text):
    return len(text) < ENOUGH and bool(RANDOM.fullmatch(text))


def test_few_letters_are_found():
    several = "    page = got.text\n    for one in ('Zorinka', 'loon'):\n        assert one not in page"
    assert list(short_ones(f"def test():\n    assert 'S-' not in got.text\n{several}")) == [(2, "S-"), (5, "loon")]
    assert (
        list(short_ones("def test():\n    assert 'S-' not in without_tokens(page)\n    assert '<a' not in page.text"))
        == []
    )


def test_no_test_fails_over_what_a_token_happens_to_spell():
    found = {
        f"{path.relative_to(TESTS)}:{line}": text
        for folder in ("web", "api")
        for path in sorted((TESTS / folder).glob("test_*.py"))
        for line, text in short_ones(path.read_text())
    }
    assert found == {}, "look in without_tokens(page) (tests/web/people.py), or for more letters"


def left_to_chance(source):
    """(line, what) of every wait that gives up before a minute, and of every draw that nobody can do again."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            given = [one.value for one in node.keywords if one.arg == "timeout"]
            given += node.args[:1] if name in WAITING else []
            yield from ((node.lineno, ast.unparse(node)) for one in given if _is_short(one))
            if name == "Random" and not node.args:
                yield node.lineno, ast.unparse(node)


def _is_short(given):
    return isinstance(given, ast.Constant) and isinstance(given.value, int | float) and A_LOOK < given.value < A_MINUTE


def test_what_is_left_to_chance_is_found():
    source = "run(command, timeout=30)\nthread.join(20)\nwhile not told.wait(0.2):\n    dice = random.Random()\n"
    assert [line for line, _what in left_to_chance(source)] == [1, 2, 4]
    assert list(left_to_chance("run(command, timeout=60)\n', '.join(names)\nprocess.wait()\nrandom.Random(7)")) == []


def test_no_test_gives_up_soon_or_draws_without_a_seed():
    found = {
        f"{path.relative_to(TESTS)}:{line}": what
        for path in sorted(TESTS.rglob("*.py"))
        if path.relative_to(TESTS).parts[0] not in APART
        for line, what in left_to_chance(path.read_text())
    }
    assert found == {}, "wait for a minute or longer; a test that passes does not wait at all"
