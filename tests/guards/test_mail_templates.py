"""Every reason for which the program mails somebody stands in policies/mail.toml, and nothing else does."""

import ast
import tomllib
from pathlib import Path

from signaltable.flow import duty_kinds, mailing
from signaltable.settings import CHECKOUT

FLOW = Path(mailing.__file__).parent
# Where the template is no word but a value: the kinds of duties of a receiver, and of a checkpoint, which no rule is about.
DUTIES = {*duty_kinds.OF_RECEIVER} - {duty_kinds.DESTROY}
ELSEWHERE = {"witnesses.py": set(), "duty_rows.py": DUTIES}


def templates(path: Path) -> set[str]:
    """The templates of the mails that a module makes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    found = set(ELSEWHERE.get(path.name, ()))
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        of_mailing = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "mailing"
        place = {"tell": 2, "tell_agency": 3}.get(name) if of_mailing else None
        if place is not None:
            given = node.args[place]
            told = given.value if isinstance(given, ast.Constant) else constants.get(ast.unparse(given))
            assert told or path.name in ELSEWHERE or isinstance(given, ast.Name), f"{path}: {ast.unparse(node)}"
            found |= {told} if told else set()
    return found


def made() -> dict[str, str]:
    return {name: path.name for path in FLOW.rglob("*.py") for name in templates(path)}


def test_every_mail_has_a_rule():
    file = tomllib.loads((CHECKOUT / "policies" / "mail.toml").read_text(encoding="utf-8"))
    known = {one["id"] for one in file["template"]}
    assert {name: where for name, where in made().items() if name not in known} == {}
