"""What a check of the log looked at and found."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.findings import Finding, Findings


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one check. `checked` says how many of what were looked at, `counts` how often each kind was found.

    `findings` holds at most a hundred of each kind; `root` is the root over the entries as they are stored (hex).
    """

    entries: int
    size: int
    root: str
    checked: Mapping[str, int]
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    duration_ms: int
    # (table, key) of rows of which only entries speak from before the log spoke of rows.
    early: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    # (agency, version) of the keys with which something sealed was opened -> how often.
    keys: Mapping[tuple[str, int], int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.counts

    def as_json(self) -> dict[str, Any]:
        """As `signaltable audit fsck --json` prints it."""
        return {
            "ok": self.ok,
            "entries": self.entries,
            "size": self.size,
            "root": self.root,
            "checked": dict(sorted(self.checked.items())),
            "findings": [{"kind": one.kind, "at": one.at, "message": one.message} for one in self.findings],
        }


@dataclass(slots=True)
class Found:
    """Collects while the check runs."""

    findings: Findings = field(default_factory=Findings)
    checked: Counter[str] = field(default_factory=Counter)
    keys: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, kind: str, at: str, message: str) -> None:
        """One thing that is not as it should be."""
        self.findings.add(kind, at, message)

    def count(self, what: str, number: int = 1) -> None:
        """How many of something were looked at."""
        self.checked[what] += number


def span(first: int, last: int) -> str:
    """The place of the entries from `first` to `last`, as audit/FORMAT.md writes it."""
    return f"entry {first}" if first == last else f"entries {first}..{last}"
