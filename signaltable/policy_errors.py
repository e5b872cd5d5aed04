"""What goes wrong in policies/ is told by file, key and expectation, all findings at once, before the program starts."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
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


class BrokenPolicy(SignaltableError):
    """The policies cannot be used. `findings` names every file and key that is wrong and what was expected there."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


def read_toml(path: Path) -> dict[str, Any]:
    """The content of one TOML file. Raises BrokenPolicy when it is missing, is not UTF-8, or breaks the syntax (with the line)."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BrokenPolicy([Finding(path.name, "", "expected this file, found none")]) from None
    except UnicodeDecodeError as error:
        raise BrokenPolicy(
            [Finding(path.name, "", f"expected UTF-8 text, found another byte at {error.start}")]
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise BrokenPolicy([Finding(path.name, "", f"expected TOML, found: {error}")]) from error
