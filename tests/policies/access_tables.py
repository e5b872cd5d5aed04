"""The tables of docs/access.md, read as people wrote them, and the answer that they give; nothing of the engine is used here."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
# Words of the page -> codes of the program.
ROLES = {
    "focal officer": "focal-officer",
    "partner member": "partner-member",
    "care coordinator": "care-coordinator",
    "table coordinator": "table-coordinator",
    "table chair": "table-chair",
    "privacy officer": "privacy-officer",
    "auditor": "auditor",
    "administrator": "administrator",
}
RELATIONS = ("none", "own", "gave", "got", "asked", "seat", "agenda", "danger")
# Strength -> what the third table says about it.
EVERYTHING = ("everything of the role", "everything of the role, unless the region asks a passkey")


def tables(text: str) -> list[list[dict[str, str]]]:
    """Every table of a Markdown page: its rows, by the words of its head."""
    found: list[list[dict[str, str]]] = []
    head: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            head = []
        elif not head:
            head = cells
            found.append([])
        elif set("".join(cells)) - set("-"):
            found[-1].append(dict(zip(head, cells, strict=True)))
    return found


def table(first: str) -> list[dict[str, str]]:
    """The table whose first column has this head."""
    return next(rows for rows in tables(PAGE.read_text(encoding="utf-8")) if rows and next(iter(rows[0])) == first)


def words(cell: str, sign: str = ",") -> frozenset[str]:
    return frozenset(word.strip().strip("`") for word in cell.split(sign) if word.strip())


@dataclass(frozen=True)
class Row:
    """One thing that can be done, as the page has it."""

    permission: str
    roles: frozenset[str]
    everybody: bool
    relations: frozenset[str]
    states: frozenset[str] | None
    purposes: frozenset[str] = field(default_factory=frozenset)
    two: bool = False
    system: bool = False
    one_factor: bool = False
    passkey: bool = False


@cache
def rows() -> dict[str, Row]:
    """Permission -> its row. A word that the page does not explain is an error."""
    groups = {one["Group of states"]: words(one["The signal is"]) for one in table("Group of states")}
    made = {}
    for one in table("Thing"):
        besides = words(one["Besides"], ";")
        purposes = frozenset().union(*(words(word.removeprefix("purpose:")) for word in besides if ":" in word))
        rest = {word for word in besides if ":" not in word}
        assert rest <= {"two", "system", "passkey", "one factor is enough"}, rest
        assert words(one["Relation"]) <= set(RELATIONS), one["Relation"]
        (permission,) = words(one["Permission"])
        assert permission not in made, permission
        everybody = one["Who"] == "everybody"
        made[permission] = Row(
            permission,
            frozenset(ROLES.values()) if everybody else frozenset(ROLES[who] for who in words(one["Who"])),
            everybody,
            words(one["Relation"]),
            None if one["States"] == "any" else groups[one["States"]],
            purposes,
            two="two" in rest,
            system="system" in rest,
            one_factor="one factor is enough" in rest,
            passkey="passkey" in rest,
        )
    return made


@cache
def logins() -> dict[str, str]:
    """Strength of login -> what it may do, in the words of the page."""
    return {one["Came in with"]: one["May do"] for one in table("Came in with")}


def strong_enough(row: Row, strength: str, *, region_asks_passkey: bool = False) -> bool:
    """Whether a login will do for a thing; that of a system where the row leaves it to systems."""
    may = logins().get(strength, "nothing")
    if may == "what a system may":
        return row.system
    if may == "what needs one factor":
        return row.one_factor
    return may == EVERYTHING[0] or (may == EVERYTHING[1] and not region_asks_passkey)
