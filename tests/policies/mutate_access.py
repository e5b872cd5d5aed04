"""Changes the gate in every small way, its rules and its code, and looks whether docs/access.md notices (`make mutate-policies`)."""

import ast
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from signaltable import access
from signaltable.access import RELATIONS, Permission
from signaltable.domain import AccessRule
from tests.policies.access_cases import file, policy
from tests.policies.access_double import differences

GIVES = {role.id: frozenset(role.permissions) for role in policy().roles.values()}
SOURCE = Path(access.__file__)
STRENGTHS = ("password", "two_factors", "provider", "passkey", "secret", "certificate", "machine")


@dataclass(frozen=True)
class Mutant:
    """One thing changed: where, what, and the program with it."""

    where: str
    change: str
    rules: dict[str, AccessRule]
    gives: dict[str, frozenset[str]]
    may: Any
    only: tuple[Permission, ...] = ()

    @property
    def survives(self) -> bool:
        """Whether no cell, forbid or reason notices. An engine that breaks is noticed."""
        try:
            return next(differences(self.may, self.rules, self.gives, self.only), None) is None
        except Exception:  # noqa: BLE001 -- a mutant can end in any way
            return False


def mutants() -> Iterator[Mutant]:
    """Every one, in a fixed order."""
    yield from rule_mutants()
    yield from role_mutants()
    yield from engine_mutants()


# -- the rules --------------------------------------------------------------------------------------------------------


def rule_mutants() -> Iterator[Mutant]:
    rules = dict(policy().access)
    for name, rule in rules.items():
        for change, changed in _changes(rule):
            yield Mutant(
                f"access.toml {name}", change, {**rules, name: changed}, GIVES, access.may, (Permission(name),)
            )


def _changes(rule: AccessRule) -> Iterator[tuple[str, AccessRule]]:
    groups = [frozenset(one.value for one in group.states) for group in file().states]
    for states in {frozenset[str](), *groups} - {rule.states}:
        yield f"states: {len(states)} of them", replace(rule, states=states)
    for state in sorted(rule.states):
        yield f"states: without {state}", replace(rule, states=rule.states - {state})
    for field, known in (("relations", tuple(RELATIONS)), ("strengths", STRENGTHS)):
        for word in known:
            changed = getattr(rule, field) ^ {word}
            # Those that say the same in more words; the check of the file refuses them.
            if field == "strengths" or not (changed > {"anyone"} or changed >= {"seated", "tabled"}):
                yield f"{field}: {word}", replace(rule, **{field: changed})  # type: ignore[arg-type]
    yield "purposes", replace(rule, purposes=frozenset() if rule.purposes else frozenset({"P1"}))
    yield "two_people", replace(rule, two_people=not rule.two_people)
    yield "machines", replace(rule, machines=not rule.machines)
    yield "proof_minutes", replace(rule, proof_minutes=5)
    assert {one.name for one in fields(rule)} == {
        "relations", "states", "purposes", "strengths", "proof_minutes", "two_people", "machines",
    }  # fmt: skip


def role_mutants() -> Iterator[Mutant]:
    for role, given in GIVES.items():
        for permission in set(Permission) - access.FOR_EVERYBODY:  # To give what everybody has changes nothing.
            changed = {**GIVES, role: given ^ {permission.value}}
            yield Mutant(
                f"roles.toml {role}", permission.value, dict(policy().access), changed, access.may, (permission,)
            )


# -- the engine -------------------------------------------------------------------------------------------------------


def engine_mutants() -> Iterator[Mutant]:
    """Every operator turned, every condition left out, every constant another one, in the code of the gate."""
    whole = ast.parse(SOURCE.read_text(encoding="utf-8"))
    judging = [node for node in whole.body if _judges(node)]
    for place, node in enumerate(whole.body):
        if node not in judging:
            continue
        count = sum(1 for _ in _turned(deepcopy(node)))
        for number in range(count):
            changed = deepcopy(whole)
            change = next(one for at, one in enumerate(_turned(changed.body[place])) if at == number)
            module = _run(changed)
            name = getattr(node, "name", "RELATIONS")
            yield Mutant(f"access.py {name}", change, dict(policy().access), GIVES, getattr(module, "may", None))


def _judges(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name != "require"
    return isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "RELATIONS"


def _run(tree: ast.Module) -> ModuleType:
    module = ModuleType("mutant")
    sys.modules["mutant"] = module  # Where its dataclasses look for the words of their fields.
    exec(compile(ast.fix_missing_locations(tree), "mutant", "exec"), module.__dict__)
    return module


TURNED: dict[type, type] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Lt: ast.LtE, ast.GtE: ast.Gt, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def _turned(tree: ast.stmt) -> Iterator[str]:
    """Change the tree in place, one thing after another; whoever stops after one has that one, on top of none before it.

    Each change is undone when the next one is asked for.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            before = node.ops[0]
            node.ops[0] = TURNED[type(before)]()
            yield f"line {node.lineno}: {type(before).__name__} turned"
            node.ops[0] = before
        elif isinstance(node, ast.BoolOp):
            before_op, values = node.op, node.values
            node.op = TURNED[type(before_op)]()
            yield f"line {node.lineno}: {type(before_op).__name__} turned"
            node.op = before_op
            for place in range(len(values)):
                # Two operands without one of them are the other one twice.
                node.values = (values[:place] + values[place + 1 :]) * 2
                yield f"line {node.lineno}: operand {place} left out"
            node.values = values
        elif isinstance(node, ast.IfExp):
            node.body, node.orelse = node.orelse, node.body
            yield f"line {node.lineno}: branches changed"
            node.body, node.orelse = node.orelse, node.body
        elif isinstance(node, ast.If):
            test = node.test
            node.test = ast.Constant(False)
            yield f"line {node.lineno}: never"
            node.test = test
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            operand = node.operand
            node.operand = ast.UnaryOp(ast.Not(), operand)
            yield f"line {node.lineno}: not left out"
            node.operand = operand
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in access.REASONS:
            word = node.value
            node.value = "no_permission" if word != "no_permission" else "other_agency"
            yield f"line {node.lineno}: {word} becomes {node.value}"
            node.value = word


def main() -> int:
    """Print the survivors; the exit code says whether there are any."""
    tried, survivors = 0, []
    for mutant in mutants():
        tried += 1
        if mutant.survives:
            survivors.append(mutant)
    for one in survivors:
        click.echo(f"survived: {one.where}: {one.change}")
    click.echo(f"{tried} changes of the gate, {len(survivors)} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
