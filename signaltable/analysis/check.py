"""All checks together, in one order."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path

from signaltable.analysis.agency_checks import check_agencies, check_reach
from signaltable.analysis.broken import sort_broken
from signaltable.analysis.card import compile_card
from signaltable.analysis.example_checks import check_examples
from signaltable.analysis.found import KINDS, Found
from signaltable.analysis.ground_checks import check_grounds
from signaltable.analysis.mending import Mended, mend
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
        mended = mend(directory, broken, start)
        return _in_order([*sort_broken(BrokenPolicy(mended.findings), directory), *_beside(mended, on)])
    return analyse(policy, on, covered)


def _beside(mended: Mended, on: date) -> Iterator[Found]:
    """What the rules that can be understood lead to, without what a rule that was left out could change."""
    if mended.policy is None:
        return
    untold = {"gap", "dead-fact"} if mended.lacks_routes else set()
    for one in analyse(mended.policy, on, grounds=not mended.lacks_grounds):
        if one.kind not in untold and one.file not in mended.examples:
            yield one


def analyse(policy: PolicySet, on: date, covered: frozenset[str] | None = None, *, grounds: bool = True) -> list[Found]:
    """Every finding about rules that load, in the order of KINDS, then by file and key; without `grounds`, of routes."""
    card = compile_card(policy, on)
    return _in_order(
        [
            *check_routes(card),
            *check_agencies(card, covered),
            *check_examples(policy, on),
            *((*check_reach(card), *check_grounds(policy, on)) if grounds else ()),
        ]
    )


def _in_order(found: Iterable[Found]) -> list[Found]:
    once = {(one.kind, one.file, one.key, one.message): one for one in found}
    return sorted(once.values(), key=lambda one: (KINDS.index(one.kind), one.file, one.key, one.message))
