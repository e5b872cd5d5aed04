"""Which disclosures that were made would no longer be permitted, or would carry less, under other grounds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from signaltable import recorded
from signaltable.grounds import GroundSet
from signaltable.transfer_rules import TransfersFile


@dataclass(frozen=True, slots=True)
class DisclosureChanges:
    """Of `count` disclosures: how many may no longer be made, how many with fewer fields, and on which grounds they rested."""

    count: int
    no_longer: int
    fewer_fields: int
    rows: Mapping[str, int]


def disclosure_changes(
    made: Iterable[Mapping[str, Any]],
    old: GroundSet,
    new: GroundSet,
    *,
    on: date,
    transfers: tuple[TransfersFile | None, TransfersFile | None] = (None, None),
) -> DisclosureChanges:
    """Recorded requests of disclosures, decided on `on` under both sets, with the evidence as it was judged.

    A condition that only the new set asks for was never shown, so it counts as not met. `transfers` are the rules of both
    about what was passed on.
    """
    count = no_longer = fewer = 0
    rows: Counter[str] = Counter()
    for given in made:
        count += 1
        sets = zip((old, new), transfers, strict=True)
        before, after = (_going(recorded.ground_outcome(given, grounds, on, rules)) for grounds, rules in sets)
        if before and not after:
            no_longer += 1
            rows[given["ground"]] += 1
        elif before - after:
            fewer += 1
            rows[given["ground"]] += 1
    return DisclosureChanges(count, no_longer, fewer, dict(sorted(rows.items())))


def _going(outcome: Mapping[str, Any]) -> set[tuple[int, str]]:
    """What goes: the fields of each person who may go along."""
    return {
        (person["number"], name)
        for person in outcome["people"]
        if person.get("effect") == "permit"
        for name in person["fields"]
    }
