"""What should come on the agenda of a meeting: candidates and rules in, an order with reasons out.

Pure and deterministic. A proposal, never a choice: the coordinator ticks (GDPR art. 22; policies/agenda.toml).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from signaltable.table_rules import AgendaFile, AgendaRule


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the rules look at of one signal.

    `dates` are (kind, day) of what has to be done by when: "task", "question" (an answer) or "keep" (erased from then
    on). `asked` and `answered` count questions to partners. `waits_since` is when something last happened to it.
    """

    reference: str
    urgency: str
    received: datetime
    waits_since: date
    several: bool = False
    stuck: bool = False
    returned: bool = False
    left_over: bool = False
    asked: int = 0
    answered: int = 0
    dates: tuple[tuple[str, date], ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A signal with the ids of the rules that hold for it, the heaviest first, and their weight together."""

    reference: str
    reasons: tuple[str, ...]
    weight: int


def propose(candidates: Iterable[Candidate], rules: Sequence[AgendaRule], today: date) -> tuple[Proposal, ...]:
    """Every candidate with its reasons, the heaviest first; then whoever came in first; then by reference."""
    weighed = [(one, weigh(one, rules, today)) for one in candidates]
    ordered = sorted(weighed, key=lambda pair: place(pair[0].received, pair[1]))
    return tuple(proposal for _one, proposal in ordered)


def place(received: datetime, proposal: Proposal) -> tuple[int, datetime, str]:
    """By what candidates stand in order: the heaviest first, then whoever came in first, then the reference."""
    return -proposal.weight, received, proposal.reference


def at_most(urgency: str, rules: Sequence[AgendaRule]) -> int:
    """What a signal of this urgency weighs when all other rules hold for it: no signal of this urgency weighs more."""
    return sum(rule.weight for rule in rules if rule.on != "urgency" or urgency in rule.urgencies)


def weigh(one: Candidate, rules: Sequence[AgendaRule], today: date) -> Proposal:
    """The reasons to discuss one signal; a signal without any has weight 0."""
    held = [rule for rule in rules if _TESTS[rule.on](one, rule, today)]
    held.sort(key=lambda rule: -rule.weight)
    return Proposal(one.reference, tuple(rule.id for rule in held), sum(rule.weight for rule in held))


def room(rules: AgendaFile, minutes: int | None, listed: int) -> int:
    """How many more cases fit in a meeting of so many minutes (None: nobody said) with so many on its agenda already."""
    return max(0, (minutes or rules.meeting_minutes) // rules.minutes_per_case - listed)


def fitting(proposals: Iterable[Proposal], places: int) -> tuple[str, ...]:
    """The references that are proposed for so many places: the first ones that have a reason at all."""
    return tuple([one.reference for one in proposals if one.reasons][:places])


# -- the tests -------------------------------------------------------------------------------------------------------


def _urgent(one: Candidate, rule: AgendaRule, _today: date) -> bool:
    return one.urgency in rule.urgencies


def _passed(one: Candidate, rule: AgendaRule, today: date) -> bool:
    return any(kind in rule.dates and day < today for kind, day in one.dates)


def _near(one: Candidate, rule: AgendaRule, today: date) -> bool:
    last = today + timedelta(days=rule.days or 0)
    return any(kind in rule.dates and today <= day <= last for kind, day in one.dates)


def _waits(one: Candidate, rule: AgendaRule, today: date) -> bool:
    return one.waits_since + timedelta(days=rule.days or 0) <= today


_TESTS: Mapping[str, Callable[[Candidate, AgendaRule, date], bool]] = {
    "urgency": _urgent,
    "several-agencies": lambda one, _rule, _today: one.several,
    "stuck": lambda one, _rule, _today: one.stuck,
    "deadline-passed": _passed,
    "deadline-near": _near,
    "returned": lambda one, _rule, _today: one.returned,
    "left-over": lambda one, _rule, _today: one.left_over,
    "answered": lambda one, _rule, _today: 0 < one.asked == one.answered,
    "waiting": _waits,
}
