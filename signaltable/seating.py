"""Which table a new signal comes to: the theme that fits it, else the table for everything. A proposal, with its reason.

Pure; the same seats, facts and themes always give the same order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from signaltable.policy_shapes import FactTest
from signaltable.table_rules import Theme


class Why(StrEnum):
    """Why a table is offered: its theme fits, it takes everything, it is the only one, or nothing fits better."""

    THEME = "theme"
    GENERAL = "general"
    ONLY = "only"
    NONE_FITS = "none_fits"


@dataclass(frozen=True, slots=True)
class Seat:
    """An open table where the agency has a seat; `theme` is empty when it takes signals of every kind."""

    id: str
    title: str
    theme: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A table that fits, and why."""

    seat: Seat
    why: Why


def offer(
    seats: Iterable[Seat], people: Sequence[Mapping[str, Any]], themes: Mapping[str, Theme]
) -> tuple[Offered, ...]:
    """The tables that fit, the proposed one first: by theme in the order of the rules, then those for everything.

    `people` are the facts as seen from each possible victim; what fits one of them fits the signal. Where nothing fits every seat is offered, for a signal has to lie somewhere. Empty without a seat.
    """
    known = sorted(seats, key=lambda seat: (seat.title, seat.id))
    if len(known) == 1:
        return (Offered(known[0], Why.ONLY),)
    order = {name: place for place, name in enumerate(themes)}
    wanted = {name for name, theme in themes.items() if any(fits(theme, facts) for facts in people)}
    fitting = [seat for seat in known if seat.theme in wanted]
    fitting.sort(key=lambda seat: order[seat.theme])
    general = [seat for seat in known if not seat.theme]
    found = [Offered(seat, Why.THEME) for seat in fitting] + [Offered(seat, Why.GENERAL) for seat in general]
    return tuple(found) or tuple(Offered(seat, Why.NONE_FITS) for seat in known)


def fits(theme: Theme, facts: Mapping[str, Any]) -> bool:
    """Whether a signal with these facts belongs to a theme. A fact that is not known fits nothing."""
    named = set(facts.get("forms", ())) & set(theme.forms)
    return bool(named) or any(all(_holds(test, facts) for test in line) for line in theme.when)


def _holds(test: FactTest, facts: Mapping[str, Any]) -> bool:
    known = facts.get(test.fact)
    if known is None:
        return False
    if test.op in ("has", "has_any"):
        wanted: Sequence[Any] = test.value if isinstance(test.value, tuple) else (test.value,)
        return bool(set(wanted) & set(known))
    if test.op == "one_of":
        return isinstance(test.value, tuple) and known in test.value
    if test.op == "below":
        return bool(known < test.value)
    return bool(known >= test.value) if test.op == "at_least" else bool(known == test.value)
