"""What a verification found: kind, place and a sentence, never the content of an entry."""

from collections import Counter
from dataclasses import dataclass, field

# A tampered log of millions of entries must not become a report of millions of lines.
MAX_PER_KIND = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. FORMAT.md lists the kinds."""

    kind: str
    at: str
    message: str


@dataclass(slots=True)
class Findings:
    """Collects findings, MAX_PER_KIND of each kind; the others are counted."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, at: str, message: str) -> None:
        """Keep a finding, or count it when there are many of its kind already."""
        self.counts[kind] += 1
        if self.counts[kind] <= MAX_PER_KIND:
            self.kept.append(Finding(kind, at, message))

    def listed(self) -> tuple[Finding, ...]:
        """All that was kept, then one line for each kind of which there were more."""
        more = [
            Finding(kind, "", f"{count - MAX_PER_KIND} more of this kind are not listed")
            for kind, count in self.counts.items()
            if count > MAX_PER_KIND
        ]
        return (*self.kept, *more)


def printable(name: str) -> str:
    """A file name or a stranger's text, safe to print: ASCII without control characters, cut at 120."""
    return ascii(name)[1:-1][:120]
