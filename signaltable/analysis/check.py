"""All checks together, in one order."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from signaltable.analysis.agency_checks import check_agencies
from signaltable.analysis.broken import sort_broken
from signaltable.analysis.example_checks import check_examples
from signaltable.analysis.found import KINDS, Found
from signaltable.analysis.ground_checks import check_grounds
from signaltable.analysis.route_checks import check_routes
from signaltable.policy import PolicySet, load
from signaltable.policy_errors import BrokenPolicy


def check_folder(
    directory: Path,
    on: date,
    *,
    start: Callable[[Path], PolicySet] = load,
    covered: frozenset[str] | None = None,
) -> list[Found]:
    """Every finding about the rules in a folder on one day; what stops the start becomes a finding too.

    `start` reads them as the program does at its start, and raises BrokenPolicy when it cannot. `covered`: the
    destinations that an active agency stands for, or None when nobody knows.
    """
    try:
        policy = start(directory)
    except BrokenPolicy as broken:
        return _in_order(sort_broken(broken, directory))
    return analyse(policy, on, covered)


def analyse(policy: PolicySet, on: date, covered: frozenset[str] | None = None) -> list[Found]:
    """Every finding about rules that load, in the order of KINDS, then by file and key."""
    return _in_order(
        [
            *check_routes(policy, on),
            *check_agencies(policy, on, covered),
            *check_examples(policy, on),
            *check_grounds(policy, on),
        ]
    )


def _in_order(found: Iterable[Found]) -> list[Found]:
    once = {(one.kind, one.file, one.key, one.message): one for one in found}
    return sorted(once.values(), key=lambda one: (KINDS.index(one.kind), one.file, one.key, one.message))
