"""No pattern of the program can be made to try for ever: looked up in the pattern itself, because a clock proves nothing.

A repeat without end around a repeat without end, with nothing between them that must be there, tries a text in as many ways
as it can be cut (CWE-1333). Every pattern of every module is read as Python's own parser reads it.
"""

import importlib
import pkgutil
import re
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

import pytest

import audit
import signaltable

ENDLESS = code.MAXREPEAT
REPEATS = (code.MAX_REPEAT, code.MIN_REPEAT)
LEFT_OUT = ("migrations", "__main__", "text_reader.heavy")


def endless_inside(pattern: str, flags: int = 0) -> bool:
    """Whether a repeat without end holds another, and nothing beside that one has to be there."""
    return any(_ambiguous(body) for body in _bodies(parser.parse(pattern, flags)))


def _bodies(tree):
    """What is repeated without end, wherever in a pattern."""
    for kind, told in tree:
        if kind in REPEATS and told[1] == ENDLESS:
            yield told[2]
        for inner in _inside(kind, told):
            yield from _bodies(inner)


def _inside(kind, told):
    if kind in REPEATS or kind is code.POSSESSIVE_REPEAT:
        return [told[2]]
    if kind is code.SUBPATTERN:
        return [told[3]]
    if kind is code.BRANCH:
        return told[1]
    if kind in (code.ASSERT, code.ASSERT_NOT):
        return [told[1]]
    if kind is code.ATOMIC_GROUP:
        return [told]
    return []


def _ambiguous(body) -> bool:
    for at, (kind, told) in enumerate(body):
        others = [item for place, item in enumerate(body) if place != at]
        free = all(_least(item) == 0 for item in others)
        if not free:
            continue
        if kind in REPEATS and told[1] == ENDLESS:
            return True
        if kind in (*REPEATS, code.SUBPATTERN, code.BRANCH) and any(_ambiguous(inner) for inner in _inside(kind, told)):
            return True
    return False


def _least(item) -> int:
    """How many signs an item takes at least."""
    made = parser.SubPattern(parser.State(), [item])
    return made.getwidth()[0]


def _patterns(value, depth=0):
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 3 and isinstance(value, (tuple, list, set, frozenset, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _patterns(one, depth + 1)


def all_patterns():
    for package in (signaltable, audit):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if any(part in module.name for part in LEFT_OUT):
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                for pattern in _patterns(value):
                    yield f"{module.name}.{name}", pattern


def test_no_pattern_of_the_program_can_be_made_to_try_for_ever():
    """ASVS 1.3.12"""
    found = dict(all_patterns())
    assert len(found) > 100
    # A pattern over bytes is read in the same way.
    texts = {
        name: one.pattern if isinstance(one.pattern, str) else one.pattern.decode("latin-1")
        for name, one in found.items()
    }
    assert [name for name, text in texts.items() if endless_inside(text, found[name].flags & re.VERBOSE)] == []


@pytest.mark.parametrize(
    "evil", ["(a+)+$", "(a*)*b", "(?:a|b+)*c", r"(\s*\w*)+:", "((a+)?)+", "(a+?)+b", "^(x(a?|y*)z?|(b+))*$"]
)
def test_the_guard_finds_what_tries_for_ever(evil):
    assert endless_inside(evil)


@pytest.mark.parametrize("fine", ["a+", r"[a-z]+(?:\.[a-z]+)*", r"(?:ab+c)*", r"(?:x\d{1,3})*", r"(a|b)*", r"\s*$"])
def test_the_guard_leaves_what_ends(fine):
    assert not endless_inside(fine)
