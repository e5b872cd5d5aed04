"""What goes wrong in policies/ is told by file, key and expectation, all findings at once, before the program starts."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from signaltable.domain import SignaltableError


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong: `file` relative to policies/, `key` as a path inside it (may be empty), `message` what was expected.

    `kind` sorts findings for a machine: "broken" stops the start, the analyser has words of its own.
    """

    file: str
    key: str
    message: str
    kind: str = "broken"

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.message}"


def found_twice(file: str, key: str, names: Iterable[str]) -> Iterator[Finding]:
    """Names that stand more than once where each may stand once. Ids of the lists of a file are compared for all files alike."""
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding(file, f"{key}.{name}", f"expected this id once, found it {count} times")


class BrokenPolicy(SignaltableError):
    """The policies cannot be used. `findings` names every file and key that is wrong and what was expected there."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


# What a jurist calls the types that pydantic names.
_TYPES = {
    "a valid tuple": "a list",
    "a valid list": "a list",
    "a valid dictionary": "a table",
    "an object": "a table",
    "a valid string": "a text",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "a valid date": "a day such as 2026-01-31",
}
_INSTANCE = re.compile(r" or (an )?instance of \w+")


def expectation(found: Mapping[str, Any]) -> str:
    """What a rejected piece of a file should have been, from pydantic's account of it; never what stood there."""
    if found["type"] == "missing":
        return "expected this key, found none"
    if found["type"] == "extra_forbidden":
        return "expected no such key"
    if found["type"] == "too_short":
        return "expected at least one entry, found none"
    message = _INSTANCE.sub("", str(found["msg"]).removeprefix("Value error, "))
    for theirs, ours in _TYPES.items():
        message = message.replace(theirs, ours)
    return message.replace("Input should be", "expected").replace("String should", "expected a text that should")


def read_toml(path: Path) -> dict[str, Any]:
    """The content of one TOML file. Raises BrokenPolicy when it is missing, is no UTF-8 or breaks the syntax (with the line)."""
    return parse_toml(read_text(path), path.name)


def read_text(path: Path) -> str:
    """The text of one file, without the mark that some editors put in front. Raises BrokenPolicy when there is none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BrokenPolicy([Finding(path.name, "", "expected this file, found none")]) from None
    except IsADirectoryError:
        raise BrokenPolicy([Finding(path.name, "", "expected a file, found a folder")]) from None
    except UnicodeDecodeError as error:
        message = f"expected UTF-8 text, found another byte at {error.start}"
        raise BrokenPolicy([Finding(path.name, "", message)]) from None
    except OSError as error:
        raise BrokenPolicy([Finding(path.name, "", f"expected a file that can be read: {error.strerror}")]) from None


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The content of a TOML text. Raises BrokenPolicy naming `name` when it is empty or breaks the syntax (with the line)."""
    try:
        content: dict[str, Any] = _fresh(_parsed(text))
    except ValueError as error:  # A number of thousands of digits is no TOMLDecodeError.
        raise BrokenPolicy([Finding(name, "", f"expected TOML, found: {error}")]) from None
    except RecursionError:
        raise BrokenPolicy([Finding(name, "", "expected TOML that is not nested this deep")]) from None
    if not content:
        raise BrokenPolicy([Finding(name, "", "expected rules, found an empty file")])
    return content


# Each file is read by two or three parts of `policy.load`, and a check of a folder with a mistake loads it several times.
@lru_cache(maxsize=1024)
def _parsed(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def _fresh(value: Any) -> Any:
    """A copy that a reader may change, as `analysis.mending` does."""
    if isinstance(value, dict):
        return {key: _fresh(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_fresh(part) for part in value]
    return value
