"""`make pages`: docs/asvs.md out of docs/asvs.toml, so that the table says what the tests that it names prove."""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from supply.components import ROOT

DATA: Final = ROOT / "docs" / "asvs.toml"
PAGE: Final = ROOT / "docs" / "asvs.md"
STATES: Final = ("holds", "partly", "not yet", "operator", "does not apply")
CHAPTERS: Final = (
    *(
        "Encoding and cleaning",
        "Rules of the work",
        "In the browser",
        "API and HTTP",
        "Files",
        "Signing in",
        "Sessions",
    ),
    *("Rights", "Tokens that say something themselves", "OAuth and OpenID Connect", "Cryptography", "On the wire"),
    *("Configuration", "Protection of data", "Code and components", "Logs and errors", "WebRTC"),
)
HEAD: Final = """# ASVS 5.0, requirement by requirement

Made by `make pages` out of `docs/asvs.toml`. It answers [OWASP ASVS](https://owasp.org/www-project-application-security-verification-standard/) version 5.0.0: every requirement of level 1 and 2, and those of
level 3 that this project chose, or meets anyhow. The numbers are theirs; what stands behind a number says in our own few words what it asks, and the standard itself counts. Nobody from outside has checked this yet.

| state | what it means here | how many |
|---|---|---|
| holds | the tests that are named prove it, in each run of the tests; a requirement to write something down names the page | {holds} |
| partly | the tests prove what is said; what is missing is said as well | {partly} |
| not yet | it applies and is not there | {not yet} |
| operator | the program cannot do it alone: whoever runs it has to | {operator} |
| does not apply | there is no such thing in this program | {does not apply} |

Together {all}: {level_1} of level 1, {level_2} of level 2 and {level_3} of level 3. `tests/guards/test_asvs.py` compares the numbers with the list of the standard and looks whether every test that is named here exists.
Attacks, what stops them and what stays possible: [security](security.md).
"""
_PAGE_OF_DOCS: Final = re.compile(r"(?<![\w(`/])docs/([\w-]+)\.md")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement: its number and level, what it asks, how it stands, why, and the tests (`path::name`) that prove it."""

    id: str
    level: int
    asks: str
    state: str
    how: str
    tests: tuple[str, ...]

    @property
    def chapter(self) -> int:
        """The number of its chapter, from 1 on."""
        return int(self.id.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Standard:
    """What docs/asvs.toml says: the level of every number of the standard, those chosen of level 3, and our answers."""

    levels: Mapping[str, int]
    chosen: frozenset[str]
    answers: tuple[Requirement, ...]


def read(text: str) -> Standard:
    """The data file. Raises `KeyError` and `ValueError` when it does not have its shape."""
    data = tomllib.loads(text)
    levels = {
        f"{section}.{number}": int(level)
        for section, row in data["levels"].items()
        for number, level in enumerate(row, start=1)
    }
    answers = tuple(
        Requirement(one, levels[one], said["asks"], said["state"], said.get("how", ""), tuple(said.get("tests", ())))
        for one, said in data["answers"].items()
    )
    return Standard(MappingProxyType(levels), frozenset(data["chosen"]["level_3"]), answers)


def page(standard: Standard) -> str:
    """The page, chapter by chapter."""
    answers = standard.answers
    counted = Counter(one.state for one in answers)
    levels = Counter(f"level_{one.level}" for one in answers)
    numbers = {"all": len(answers), **{state: counted[state] for state in STATES}, **levels}
    return HEAD.format(**numbers) + "".join(_chapters(answers))


def _chapters(answers: tuple[Requirement, ...]) -> Iterator[str]:
    for number, title in enumerate(CHAPTERS, start=1):
        yield f"\n## V{number} {title}\n\n| id | level | what it asks | state | how, and the tests |\n|---|---|---|---|---|\n"
        yield from (_row(one) for one in answers if one.chapter == number)


def _row(one: Requirement) -> str:
    tests = "<br>".join(f"`{test}`" for test in one.tests)
    how = _PAGE_OF_DOCS.sub(r"[\1](\1.md)", one.how)
    return f"| {one.id} | {one.level} | {one.asks} | {one.state} | {'<br>'.join(filter(None, (how, tests)))} |\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(read(DATA.read_text(encoding="utf-8"))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
