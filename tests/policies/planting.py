"""Defects to plant in a copy of policies/, and what the analyser then says."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from signaltable.analysis import Found, check_folder

TODAY = date(2026, 11, 22)
Plant = Callable[[Path], None]


@dataclass(frozen=True)
class Defect:
    """What is planted, and the kind, file and key under which it must be found."""

    name: str
    kind: str
    file: str
    key: str
    plant: Plant


def found_in(folder: Path, on: date = TODAY) -> list[Found]:
    return check_folder(folder, on)


def swap(name: str, *changes: tuple[str, str]) -> Plant:
    """Replace texts in one file; each has to be there."""

    def plant(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        for old, new in changes:
            assert old in text, f"{name} does not hold {old!r}"
            text = text.replace(old, new, 1)
        path.write_text(text)

    return plant


def together(*plants: Plant) -> Plant:
    def plant(folder: Path) -> None:
        for one in plants:
            one(folder)

    return plant


def remove(name: str) -> Plant:
    return lambda folder: (folder / name).unlink()


def copy(name: str, other: str, *changes: tuple[str, str]) -> Plant:
    def plant(folder: Path) -> None:
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).write_text((folder / name).read_text())
        swap(other, *changes)(folder)

    return plant


def test(fact: str, op: str, value: Any) -> str:
    return f"{{ fact = {json.dumps(fact)}, op = {json.dumps(op)}, value = {json.dumps(value)} }}"


test.__test__ = False  # type: ignore[attr-defined]


def lines(*tests: Sequence[str]) -> str:
    return "[" + ", ".join(f"[{', '.join(line)}]" for line in tests) + "]"


def route(
    name: str,
    when: str,
    to: Sequence[tuple[str, str]],
    *,
    unless: str = "[]",
    urgency: str = "five-working-days",
    more: str = "",
    hit: dict[str, Any] | None = None,
    near_miss: dict[str, Any] | None = None,
    region: bool = False,
    target_when: str = "",
) -> Plant:
    """A meldroute with its examples; without them only the rule."""
    targets = "".join(f'\n[[to]]\ndestination = "{there}"\npurpose = "{purpose}"\n' for there, purpose in to)
    if target_when:
        targets += f"when = {target_when}\n"
    text = (
        f'id = "{name}"\ntitle = {{ nl = "Proef", en = "Trial" }}\nvalid_from = 2025-01-01\nurgency = "{urgency}"\n'
        f'source = "proef"\nsummary_en = "Trial."\nwhen = {when}\nunless = {unless}\n{more}\n'
        f'[reason]\nnl = "Proef."\nen = "Trial."\n{targets}'
    )

    def plant(folder: Path) -> None:
        place = folder / "region" / "meldroutes" if region else folder / "meldroutes"
        (place / "examples").mkdir(parents=True, exist_ok=True)
        (place / f"{name}.toml").write_text(text)
        if hit is not None and near_miss is not None:
            destinations = json.dumps([there for there, _ in to])
            (place / "examples" / f"{name}.toml").write_text(
                f'[[hit]]\nsay = "yes"\nfacts = {facts_of(hit)}\nto = {destinations}\n\n'
                f'[[near_miss]]\nsay = "no"\nfacts = {facts_of(near_miss)}\n'
            )

    return plant


def facts_of(facts: dict[str, Any]) -> str:
    return "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in facts.items()) + " }"


def matching(found: Sequence[Found], defect: Defect) -> list[Found]:
    return [one for one in found if (one.kind, one.file, one.key) == (defect.kind, defect.file, defect.key)]
