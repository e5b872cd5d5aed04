"""What the analyser reports, and the promise that each report was tried on the engine itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# The kinds of findings, in the order in which they are reported (docs/rules.md, "What the analyser proves").
KINDS = (
    "broken",
    "missing-translation",
    "overlapping-dates",
    "gap",
    "contradiction",
    "never-fires",
    "changes-nothing",
    "duplicate",
    "destination-without-agency",
    "route-without-ground",
    "urgency-order",
    "dead-fact",
    "missing-example",
    "failing-example",
    "ground-never-permits",
    "ground-contradiction",
    "ground-duplicate",
    "ground-changes-nothing",
)


class FalseFinding(AssertionError):
    """The engine denies what the analyser found: a mistake in the analyser, never in the rules."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding. `facts` (routes) or `request` (grounds) is the smallest that shows it; None where neither says anything."""

    kind: str
    file: str
    key: str
    message: str
    facts: Mapping[str, Any] | None = None
    request: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The finding as `signaltable policies check --json` prints it."""
        shown: dict[str, Any] = {"kind": self.kind, "file": self.file, "key": self.key}
        if self.facts is not None:
            shown["facts"] = dict(self.facts)
        if self.request is not None:
            shown["request"] = dict(self.request)
        return {**shown, "message": self.message}


def confirm(found: Found, happens: Callable[[], bool]) -> Found:
    """The finding, once the engine agrees with its witness. Raises FalseFinding when it does not."""
    if not happens():
        raise FalseFinding(f"{found.kind} in {found.file}, {found.key}: the engine does not confirm it")
    return found
