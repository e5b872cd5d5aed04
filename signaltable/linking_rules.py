"""linking.toml: which combinations become tags, what each likeness weighs, and from which score on something is proposed."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from signaltable.domain import SUBJECT_KINDS
from signaltable.identity import raise_findings, read_shaped, repeated
from signaltable.parts import PARTS
from signaltable.shape import Many, Name, Shape, Some, Words
from signaltable.texts import Text

LINKING_FILE: Final = "linking.toml"

Agreement = Literal["same", "near"]

# What a sketch compares, and how alike two values can be: strongest first, the last one is a contradiction.
LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "given": ("same", "form", "sound", "slip", "start", "initial", "partly", "unlike", "different"),
    "surname": ("same", "form", "sound", "slip", "partly", "different"),
    "birth_date": ("same", "swapped", "slip", "month", "year", "rough", "different", "generation"),
    "street": ("same", "slip", "different"),
    "number": ("same", "building", "different"),
    "place": ("same", "partly", "different"),
    "phone": ("same", "slip", "different"),
    "email": ("same", "different"),
    "document_number": ("same", "slip", "different"),
    "iban": ("same", "different"),
    "plate": ("same", "different"),
    "profile": ("same", "handle", "different"),
    "nationality": ("same", "different"),
}


class Compared(Shape):
    """One thing that people see compared, never with its value."""

    id: Name
    label: Words


class TagSet(Shape):
    """One combination of parts of an identity under which two subjects can meet.

    `weight` counts once per `group`, the highest first, where two subjects are compared on tags alone. `whole`: enough
    to speak of the same subject, so that a match is possible at all. `dated`: disagreement in every dated set speaks
    against. `shows`: what people see when it agrees. `same_as`: gives the digests of that other set, so that one value
    is one digest for all kinds of subject. `capped`: many unrelated people share a value of this set, so a search may
    stop after so many rows; sets without it are searched to the end.
    """

    id: Name
    kind: Name
    group: Name
    parts: Some[Name]
    weight: Annotated[int, Field(ge=0, le=1000)]
    shows: dict[str, Agreement]
    whole: bool = False
    dated: bool = False
    same_as: Name | None = None
    capped: bool = False

    @property
    def space(self) -> str:
        """The purpose string under which its digests are made."""
        return self.same_as or self.id


class Weighed(Shape):
    """What each likeness of one thing adds to the score of two sketches, in tenths of a bit (log2 of the odds)."""

    id: Name
    levels: dict[str, Annotated[int, Field(ge=-1000, le=1000)]]


class SketchRules(Shape):
    """How two sketches are judged.

    `leads`: a value that is worth a look by itself, whatever else differs. `settles`: the numbers that make two names
    for one person believable when the given names contradict each other.
    """

    match_from: Annotated[int, Field(ge=1)]
    possible_from: Annotated[int, Field(ge=1)]
    less_when_common: Annotated[int, Field(ge=0)]
    more_when_rare: Annotated[int, Field(ge=0)]
    leads: Many[Name]
    settles: Many[Name]
    weigh: Some[Weighed]

    @cached_property
    def weights(self) -> Mapping[str, Mapping[str, int]]:
        """Thing -> level -> what it adds."""
        return {weighed.id: dict(weighed.levels) for weighed in self.weigh}


class LinkingPolicy(Shape):
    """linking.toml, checked."""

    match_from: Annotated[int, Field(ge=1)]
    possible_from: Annotated[int, Field(ge=1)]
    against_when_dates_differ: Annotated[int, Field(ge=0)]
    least_bits: Annotated[int, Field(ge=1)]
    most_tags_per_set: Annotated[int, Field(ge=1, le=200)]
    registry_birth_days: Many[Annotated[str, StringConstraints(pattern=r"^\d\d-\d\d$")]]
    sketch: SketchRules
    compared: Some[Compared]
    set: Some[TagSet]

    def label(self, compared_id: str) -> Text:
        """The words for something that was compared. Raises KeyError."""
        return {compared.id: compared.label for compared in self.compared}[compared_id]

    @cached_property
    def capped_sets(self) -> frozenset[str]:
        """The sets of which one value is shared by many unrelated subjects."""
        return frozenset(tag_set.id for tag_set in self.set if tag_set.capped)

    @cached_property
    def registry_days(self) -> frozenset[str]:
        """MM-DD of the days that stand for an unknown day."""
        return frozenset(self.registry_birth_days)

    @cached_property
    def sets_of(self) -> Mapping[str, tuple[TagSet, ...]]:
        """Kind of subject -> its sets, in the order of the file."""
        return {kind: tuple(tag_set for tag_set in self.set if tag_set.kind == kind) for kind in SUBJECT_KINDS}

    @cached_property
    def lone_sets_of(self) -> Mapping[str, tuple[TagSet, ...]]:
        """Of these the sets of one part: what a single value says, such as a phone number or an address."""
        return {kind: tuple(one for one in sets if len(one.parts) == 1) for kind, sets in self.sets_of.items()}


def load_linking(folder: Path) -> LinkingPolicy:
    """linking.toml of a policies folder. Raises BrokenPolicy with every file and key that is wrong."""
    policy = read_shaped(LinkingPolicy, folder / LINKING_FILE)
    raise_findings(LINKING_FILE, _linking_problems(policy))
    return policy


def _linking_problems(policy: LinkingPolicy) -> Iterator[tuple[str, str]]:
    if policy.match_from <= policy.possible_from:
        yield "match_from", "expected more than possible_from"
    yield from repeated("set", [tag_set.id for tag_set in policy.set])
    yield from repeated("compared", [compared.id for compared in policy.compared])
    yield from _sketch_problems(policy.sketch)
    for tag_set in policy.set:
        for key, message in _set_problems(tag_set, policy):
            yield f"set.{tag_set.id}.{key}", message


def _sketch_problems(rules: SketchRules) -> Iterator[tuple[str, str]]:
    if rules.match_from <= rules.possible_from:
        yield "sketch.match_from", "expected more than possible_from"
    yield from repeated("sketch.weigh", [weighed.id for weighed in rules.weigh])
    for name in sorted(set(LEVELS) ^ {weighed.id for weighed in rules.weigh}):
        yield f"sketch.weigh.{name}", f"expected weights for {', '.join(LEVELS)}"
    for key, names in (("leads", rules.leads), ("settles", rules.settles)):
        for name in sorted(set(names) - set(LEVELS)):
            yield f"sketch.{key}", f"expected something that is weighed, found {name!r}"
    for weighed in rules.weigh:
        if weighed.id in LEVELS:
            yield from _weight_problems(weighed)


def _weight_problems(weighed: Weighed) -> Iterator[tuple[str, str]]:
    key, levels = f"sketch.weigh.{weighed.id}", LEVELS[weighed.id]
    if set(weighed.levels) != set(levels):
        yield key, f"expected exactly the levels {', '.join(levels)}"
        return
    values = [weighed.levels[level] for level in levels]
    if values != sorted(values, reverse=True):
        yield key, f"expected no level to weigh more than a stronger one; the strongest is {levels[0]}"
    if values[0] < 0 or values[-1] > 0:
        yield key, "expected the strongest level to add something and a contradiction to take something off"


def _set_problems(tag_set: TagSet, policy: LinkingPolicy) -> Iterator[tuple[str, str]]:
    if tag_set.kind not in SUBJECT_KINDS:
        yield "kind", f"expected one of {', '.join(SUBJECT_KINDS)}"
    unknown = [part for part in tag_set.parts if part not in PARTS]
    for part in unknown:
        yield "parts", f"expected parts of {', '.join(sorted(PARTS))}; found {part!r}"
    if not unknown and (bits := sum(PARTS[part].bits for part in tag_set.parts)) < policy.least_bits:
        # A tag over few values is broken by counting: the commonest digest is the commonest value, key or no key.
        yield "parts", f"expected {policy.least_bits} bits or more, found {bits}: too few different values for a tag"
    for name in sorted(set(tag_set.shows) - {compared.id for compared in policy.compared}):
        yield "shows", f"expected something of [[compared]], found {name!r}"
    twin = next((other for other in policy.set if other.id == tag_set.same_as), None)
    if tag_set.same_as and (twin is None or twin.parts != tag_set.parts or twin.same_as):
        yield "same_as", "expected another set with the same parts"
