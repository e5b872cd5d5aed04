"""A run as a table for people."""

from collections.abc import Mapping
from typing import Any

from signaltable.bench.line import Goal, Line, Skipped
from signaltable.bench.running import Failed, Measured

_SHAPE = "{:<44}{:>13}{:>13} {:<8}{:>8}{:>16}  {:<16}{:<8}{}"
HEAD = _SHAPE.format("", "ours", "beside", "unit", "ratio", "min..max", "goal", "", "since stored").rstrip()


def row(measured: Measured, change: float | None) -> str:
    """One line of the table; what could not be measured says so."""
    found = measured.found
    if isinstance(found, Skipped):
        return f"{measured.benchmark}: {found.name}: NOT MEASURED, {found.why}"
    if isinstance(found, Failed):
        return f"{measured.benchmark}: FAILED, {found.why}"
    return _row(f"{measured.benchmark}: {found.name}", found, "" if change is None else f"x{change:.3g}")


def plain_row(line: Line) -> str:
    """One line of the table without anything to compare it with."""
    return _row(line.name, line, "")


def _row(name: str, line: Line, since: str) -> str:
    spread = f"{min(line.ratios):.3g}..{max(line.ratios):.3g}" if line.ratios else ""
    return _SHAPE.format(
        name,
        _number(line.ours),
        "" if line.theirs is None else _number(line.theirs),
        line.unit,
        "" if line.ratio is None else f"{line.ratio:.3g}",
        spread,
        "" if line.goal is None else str(line.goal),
        _verdict(line.goal, line.reached),
        since,
    ).rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _verdict(goal: Goal | None, reached: bool) -> str:
    return "" if goal is None else "ok" if reached else "MISSED"


def since(before: Mapping[str, Any] | None) -> str:
    """With what the last column compares."""
    if before is None:
        return "nothing is stored yet; --store keeps a run to compare the next one with"
    return f"stored: {before['taken_at']} {before.get('version', '')} {before.get('commit', '')}".rstrip()
