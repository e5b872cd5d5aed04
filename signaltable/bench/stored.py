"""A run as JSON, the last one that was stored, and what changed since (docs/speed.md describes the form)."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from signaltable.bench.line import Goal, Line, Skipped
from signaltable.bench.running import Failed, Measured, Run, in_checkout
from signaltable.domain import SignaltableError
from signaltable.settings import CHECKOUT

FILE: Final = "speed.json"


class UnusableRun(SignaltableError):
    """A file that holds something else than a stored run."""


def usual_place(home: Path) -> Path:
    """docs/speed.json of a checkout, where a change shows in a review; the home of an installed program."""
    return CHECKOUT / "docs" / FILE if in_checkout() else home / FILE


def as_json(run: Run, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The run in plain values, each line with what changed since the stored one."""
    of = {"taken_at": run.taken_at.isoformat(timespec="seconds"), "version": run.version, "commit": run.commit}
    return {
        **of,
        "machine": asdict(run.machine),
        "few": run.few,
        "many": run.many,
        "reached": run.reached,
        "lines": [
            {**_line(one.benchmark, one.found), **of, "change": change(one, run, before)}
            for one in run.measured
            if isinstance(one.found, Line)
        ],
        "skipped": [
            {"benchmark": one.benchmark, "name": one.found.name, "why": one.found.why}
            for one in run.measured
            if isinstance(one.found, Skipped)
        ],
        "failed": [
            {"benchmark": one.benchmark, "why": one.found.why} for one in run.measured if isinstance(one.found, Failed)
        ],
    }


def _line(benchmark: str, line: Line) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "name": line.name,
        "what": line.what,
        "unit": line.unit,
        "ours": line.ours,
        "theirs": line.theirs,
        "ratio": line.ratio,
        "ratio_min": min(line.ratios, default=line.ratio),
        "ratio_max": max(line.ratios, default=line.ratio),
        "rounds": len(line.ratios),
        "goal": _goal(line.goal),
        "stretch": _goal(line.stretch),
        "reached": line.reached,
    }


def _goal(goal: Goal | None) -> dict[str, Any] | None:
    return None if goal is None else asdict(goal)


def change(measured: Measured, run: Run, before: Mapping[str, Any] | None) -> float | None:
    """Now divided by then, of the ratio or of the number itself; None when there is nothing fair to compare with.

    A ratio holds on any machine. A number without one is compared on the same machine only, and both with as many signals.
    """
    found = measured.found
    if before is None or not isinstance(found, Line):
        return None
    for then in before["lines"]:
        if (then["benchmark"], then["name"], then["unit"]) == (measured.benchmark, found.name, found.unit):
            break
    else:
        return None
    alike = found.ratio is not None or before["machine"] == asdict(run.machine)
    same_size = (before["few"], before["many"]) == (run.few, run.many)
    value = then["ours"] if found.ratio is None else then["ratio"]
    return round(found.judged / value, 4) if alike and same_size and value else None


def load(path: Path) -> dict[str, Any] | None:
    """The stored run; None when there is none. Raises UnusableRun for a file that is something else."""
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for line in found["lines"]:
            _ = line["benchmark"], line["name"], line["unit"], line["ours"], line["ratio"]
        _ = found["machine"], found["few"], found["many"], found["taken_at"]
    except (ValueError, KeyError, TypeError):
        raise UnusableRun("expected a stored run as `signaltable bench --store` writes it") from None
    return dict(found)


def store(path: Path, run: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Write a run over the stored one; lines of benchmarks that were left out this time stay, with the day they are of."""
    measured = {line["benchmark"] for line in run["lines"]}
    alike = before is not None and all(before[key] == run[key] for key in ("machine", "few", "many"))
    kept = [line for line in before["lines"] if line["benchmark"] not in measured] if before and alike else []
    lines = [{key: value for key, value in line.items() if key != "change"} for line in [*run["lines"], *kept]]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partly = path.with_suffix(".part")
    partly.write_text(json.dumps({**run, "lines": lines}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    partly.replace(path)
