"""`make licences`: docs/licences.md anew, or one line that says what has no free licence."""

import sys
from collections.abc import Iterable
from typing import Final

from supply.components import ROOT, Component, Unfree, asked_for, components

PAGE: Final = ROOT / "docs" / "licences.md"
HEAD: Final = """# Licences

Made by `make licences` out of `requirements.txt` and the files beside what was copied into the program. All are free: everybody may use, change and pass them on
(`supply/licences.toml` lists which count). The program itself is EUPL-1.2. What only tests and checks use is not in here: it is not handed out.

| component | version | licence (SPDX) | how it comes in |
|---|---|---|---|
"""


def page(found: Iterable[Component]) -> str:
    """The page, with a row for each component."""
    direct = set(asked_for())
    ways = {True: "asked for", False: "with another"}
    rows = [
        f"| {one.name} | {one.version} | {one.licence} | "
        f"{'copied into static/vendor' if one.registry == 'npm' else ways[one.name in direct]} |"
        for one in found
    ]
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    """Write the page."""
    try:
        PAGE.write_text(page(components()), encoding="utf-8")
    except Unfree as unfree:
        print(f"licences: {unfree}", file=sys.stderr)  # noqa: T201 -- the one line that make shows
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
