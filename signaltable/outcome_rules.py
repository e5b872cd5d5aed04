"""How a case can end (outcomes.toml): a closed list of codes, from which states each can be chosen. Shapes and checks."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, get_args

from signaltable.policy_errors import Finding
from signaltable.shape import Name, Shape, Some, Words

FILE: Final = "outcomes.toml"

# What is with a receiver, came back from one, or is only watched. What lies at the table ends by a decision of the table,
# and what was never disclosed is taken back.
ClosableState = Literal["referred", "accepted", "returned", "followed_up", "watch"]
CLOSABLE: Final = frozenset(get_args(ClosableState))
# The log says these where the table decided, and where the coordinator ended a stuck case.
RESERVED: Final = frozenset({"table", "stuck"})


class Outcome(Shape):
    """What came of a case. `states`: from which it can be chosen; `words`: an explanation is needed."""

    id: Name
    title: Words
    states: Some[ClosableState]
    words: bool = False


class OutcomesFile(Shape):
    """outcomes.toml."""

    outcome: Some[Outcome]

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """By id, in the order in which they are offered."""
        return {one.id: one for one in self.outcome}

    def fitting(self, state: str) -> tuple[Outcome, ...]:
        """Those that can be chosen for a case in this state."""
        return tuple(one for one in self.outcome if state in one.states)


def check_outcomes(file: OutcomesFile | None) -> Iterator[Finding]:
    """Codes that the log uses for something else, and states from which no case could end."""
    if file is None:  # An old set of rules has no such file.
        return
    for name in sorted(RESERVED & {one.id for one in file.outcome}):
        yield Finding(FILE, f"outcome.{name}", "expected another id: the log uses this one for a decision of the table")
    for state in sorted(CLOSABLE - {state for one in file.outcome for state in one.states}):
        yield Finding(FILE, "outcome.states", f"expected an outcome that fits a case that is {state}")
