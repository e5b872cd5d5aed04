"""What a region says on top of the national card: a rule off, another rule in its place, one more, how soon, how to be reached.

Pure. The national rules stay as they are in their files; what counts in the region is made from both and checked as a
whole. On a day on which a version of the region counts, the national version with the same id does not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Protocol, TypeVar

from signaltable.policy_errors import Finding
from signaltable.policy_shapes import Destination, Meldroute, RegionFile

FOLDER = "region"
FILE = "region.toml"
NATIONAL, REGIONAL, REPLACED = "national", "region", "replaced"
_A_DAY = timedelta(days=1)
_DATES = {"valid_from", "valid_until"}

Period = tuple[date, date | None]
Routes = Mapping[str, Meldroute]


class Version(Protocol):
    """A rule with an id and its days, such as a meldroute or a ground."""

    @property
    def id(self) -> str:
        """The id that all versions share."""
        ...

    @property
    def valid_from(self) -> date:
        """The first day."""
        ...

    @property
    def valid_until(self) -> date | None:
        """The last day, or None."""
        ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Any:
        """The same with other values."""
        ...


V = TypeVar("V", bound=Version)


@dataclass(frozen=True, slots=True)
class Overlay:
    """What the region does to the national rules: ids off, ids in whose place it has its own, ids it adds, urgencies set.

    `rules_off` holds the national rules that are off, as they would count.
    """

    off: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    urgency: Mapping[str, str] = field(default_factory=dict)
    reached: tuple[str, ...] = ()
    rules_off: tuple[Meldroute, ...] = ()

    def origin(self, rule: str) -> str:
        """Where a rule comes from: "national", "region" (added) or "replaced" (the region's in place of the national)."""
        return REPLACED if rule in self.replaced else REGIONAL if rule in self.added else NATIONAL


def is_regional(path: str) -> bool:
    """Whether a file, named relative to policies/, belongs to the folder of the region."""
    return path.startswith(f"{FOLDER}/")


def remaining(period: Period, taken: Iterable[Period]) -> list[Period]:
    """What is left of `period` without the days in `taken`, in order of time. Both ends of a period count."""
    left = [period]
    for other in taken:
        left = [piece for one in left for piece in _without(one, other)]
    return left


def _without(period: Period, taken: Period) -> Iterator[Period]:
    (start, end), (first, last) = period, taken
    if (end is not None and end < first) or (last is not None and last < start):
        yield period
        return
    if start < first:
        yield start, first - _A_DAY
    if last is not None and (end is None or last < end):
        yield last + _A_DAY, end


def replace_versions(national: Iterable[tuple[str, V]], regional: Sequence[tuple[str, V]]) -> list[tuple[str, V]]:
    """The versions that count, each with its file: those of the region, and the national ones on the days they leave."""
    counting = list(regional)
    for path, version in national:
        taken = [(one.valid_from, one.valid_until) for _, one in regional if one.id == version.id]
        whole = (version.valid_from, version.valid_until)
        for start, end in remaining(whole, taken):
            same = (start, end) == whole
            days = {"valid_from": start, "valid_until": end}
            counting.append((path, version if same else version.model_copy(update=days)))
    return counting


def overlay_of(file: RegionFile, routes: Routes, *others: tuple[set[str], set[str]]) -> Overlay:
    """What the region does. `routes`: file of a meldroute -> the rule; `others`: per kind of rule the national and regional ids."""
    national = {route.id for path, route in routes.items() if not is_regional(path)}
    regional = {route.id for path, route in routes.items() if is_regional(path)}
    for theirs, own in others:
        national |= theirs
        regional |= own
    return Overlay(
        off=tuple(sorted(file.off)),
        replaced=tuple(sorted(regional & national)),
        added=tuple(sorted(regional - national)),
        urgency=dict(file.urgency),
        reached=tuple(sorted({*file.hours, *file.phone, *file.checked_on, *file.open})),
        rules_off=tuple(route for path, route in routes.items() if not is_regional(path) and route.id in file.off),
    )


def routes_of(file: RegionFile, routes: Routes) -> list[tuple[str, Meldroute]]:
    """The meldroutes that count in the region, each with its file: without those off, with the urgencies of the region."""
    national = [
        (path, route.model_copy(update={"urgency": file.urgency[route.id]}) if route.id in file.urgency else route)
        for path, route in routes.items()
        if not is_regional(path) and route.id not in file.off
    ]
    return replace_versions(national, [(path, route) for path, route in routes.items() if is_regional(path)])


def destinations_of(file: RegionFile, destinations: Iterable[Destination]) -> tuple[Destination, ...]:
    """The destinations with the hours, phone numbers and days of checking that the region gives.

    Hours that a region gives in words alone are not known to the program: those of the national file do not count then.
    """
    given = _given(file)
    words_alone = dict.fromkeys(file.hours, ())
    given["open"] = words_alone | dict(given["open"])
    return tuple(
        one.model_copy(update={name: values[one.id] for name, values in given.items() if one.id in values})
        for one in destinations
    )


def _given(file: RegionFile) -> dict[str, Mapping[str, Any]]:
    return {"hours": file.hours, "phone": file.phone, "checked_on": file.checked_on, "open": file.open}


# -- what is wrong with it -----------------------------------------------------------------------------------------


def check_region(
    file: RegionFile, routes: Routes, destinations: Sequence[Destination], urgencies: Iterable[str]
) -> Iterator[Finding]:
    """Everything in the overlay that speaks about what is not there, contradicts itself, or changes nothing."""
    national = {path: route for path, route in routes.items() if not is_regional(path)}
    regional = {path: route for path, route in routes.items() if is_regional(path)}
    yield from _off(file, national, regional)
    yield from _urgencies(file, national, regional, urgencies)
    yield from _reached(file, destinations)
    yield from _places(national, regional)
    yield from _same(national.items(), regional.items())


def _off(file: RegionFile, national: Routes, regional: Routes) -> Iterator[Finding]:
    known, own = {route.id for route in national.values()}, {route.id for route in regional.values()}
    for name in sorted(set(file.off)):
        if name in own:
            yield Finding(FILE, "off", f"expected {name} either off or in a file of the region, found both")
        elif name not in known:
            yield Finding(FILE, "off", f"expected the id of a national meldroute, found {name}")
        if file.off.count(name) > 1:
            yield Finding(FILE, "off", f"expected each id once, found {name} {file.off.count(name)} times")


def _urgencies(file: RegionFile, national: Routes, regional: Routes, urgencies: Iterable[str]) -> Iterator[Finding]:
    known = sorted(urgencies)
    own = {route.id: path for path, route in regional.items()}
    for name, urgency in file.urgency.items():
        key, versions = f"urgency.{name}", [route for route in national.values() if route.id == name]
        if urgency not in known:
            yield Finding(FILE, key, f"expected a known urgency ({', '.join(known)}), found {urgency}")
        if name in own:
            yield Finding(FILE, key, f"expected the urgency in {own[name]}, where the region has its own {name}")
        elif not versions:
            yield Finding(FILE, key, f"expected the id of a national meldroute, found {name}")
        elif name in file.off:
            yield Finding(FILE, key, f"expected no urgency for {name}, which is off")
        elif all(route.urgency == urgency for route in versions):
            yield Finding(FILE, key, f"expected another urgency than the national one, found {urgency} again")


def _reached(file: RegionFile, destinations: Sequence[Destination]) -> Iterator[Finding]:
    known = {one.id: one for one in destinations}
    for name, values in _given(file).items():
        for destination, value in values.items():
            if destination not in known:
                yield Finding(FILE, f"{name}.{destination}", f"expected a known destination, found {destination}")
            elif getattr(known[destination], name) == value:
                message = "expected something else than destinations.toml says: this changes nothing"
                yield Finding(FILE, f"{name}.{destination}", message)


def _places(national: Routes, regional: Routes) -> Iterator[Finding]:
    """The national card is M, what a region adds is R; so a later national rule never meets a region's own."""
    known = {route.id for route in national.values()}
    for path, route in national.items():
        if route.id.startswith("R"):
            yield Finding(path, "id", f"expected M and a number; a rule of a region stands in {FOLDER}/meldroutes")
    for path, route in regional.items():
        if not route.id.startswith("R") and route.id not in known:
            yield Finding(path, "id", f"expected R1 to R999 for a rule that the region adds, found {route.id}")


def _same(national: Iterable[tuple[str, V]], regional: Iterable[tuple[str, V]]) -> Iterator[Finding]:
    """A file of the region that says what the national one says, for days on which that one counts already."""
    versions = list(national)
    for path, own in regional:
        for other, theirs in versions:
            if own.id == theirs.id and _says(own) == _says(theirs) and _covers(theirs, own):
                yield Finding(path, "", f"expected something else than {other} says: this file changes nothing")


def _says(version: Version) -> Mapping[str, Any]:
    said: Mapping[str, Any] = vars(version)
    return {name: value for name, value in said.items() if name not in _DATES | {"digest", "file"}}


def _covers(outer: Version, inner: Version) -> bool:
    return not remaining((inner.valid_from, inner.valid_until), [(outer.valid_from, outer.valid_until)])


def check_grounds(national: Sequence[tuple[str, Any]], regional: Sequence[tuple[str, Any]]) -> Iterator[Finding]:
    """What a region may not do to grounds: weaken a deny, or repeat what is there. `Any` is a Ground with its file."""
    for path, own in regional:
        for other, theirs in national:
            if own.id != theirs.id or theirs.permits:
                continue
            for key in ("effect", "priority"):
                kept, found = getattr(theirs, key), getattr(own, key)
                if kept != found:
                    yield Finding(
                        path, key, f"expected {kept}, as in {other}: a region cannot lift a deny, found {found}"
                    )
    yield from _same(national, regional)
