"""Passing on what was received: the rules of policies/transfers.toml and feedback.toml, and what they stop.

Pure. The rules here only forbid; that something may go is decided by the grounds (signaltable.disclose).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from signaltable.grounds import CONDITIONS, PURPOSES, Ground
from signaltable.policy_errors import Finding, found_twice
from signaltable.shape import Line, Many, Name, Shape, Some, Words

FILE: Final = "transfers.toml"
FEEDBACK: Final = "feedback.toml"
# The cause that the program gives itself, to what was passed on of something that was taken back.
PARENT: Final = "parent"


class OnwardRule(Shape):
    """What may not go on, by how it came in. An empty list asks nothing; `unless_conditions` of the new ground lift it."""

    id: Name
    why: Words
    source: Line
    came_conditions: Many[Line] = ()
    came_grounds: Many[Line] = ()
    came_purposes: Many[Line] = ()
    to_purposes: Many[Line] = ()
    unless_conditions: Many[Line] = ()


class RevocationCause(Shape):
    """Why something was taken back."""

    id: Name
    title: Words


class TransfersFile(Shape):
    """transfers.toml."""

    depth: Annotated[int, Field(ge=1, le=20)]
    told_kinds: Many[Name]
    rule: Some[OnwardRule]
    cause: Some[RevocationCause]

    @property
    def causes(self) -> dict[str, RevocationCause]:
        """By id, those that a person can choose."""
        return {one.id: one for one in self.cause if one.id != PARENT}


class FeedbackCategory(Shape):
    """Something that a receiver can tell; after a `final` one nothing more is expected."""

    id: Name
    final: bool
    title: Words


class AllowedFeedback(Shape):
    """What these kinds of organisations may tell; `words`: whether free text may go along."""

    kinds: Some[Name]
    categories: Some[Name]
    words: bool
    source: Line


class FeedbackFile(Shape):
    """feedback.toml."""

    remind_before_days: Annotated[int, Field(ge=0, le=60)]
    category: Some[FeedbackCategory]
    allowed: Some[AllowedFeedback]

    @property
    def categories(self) -> dict[str, FeedbackCategory]:
        """By id."""
        return {one.id: one for one in self.category}

    def of_kind(self, kind: str) -> AllowedFeedback:
        """What an organisation of this kind may tell. Raises KeyError for a kind that is not there."""
        return {name: one for one in self.allowed for name in one.kinds}[kind]


@dataclass(frozen=True, slots=True)
class Came:
    """How something came in: on which ground, because of which conditions, for what."""

    ground: str
    conditions: frozenset[str]
    purpose: str


def stopped(chain: Iterable[Came], ground: Ground, purpose: str, rules: TransfersFile) -> OnwardRule | None:
    """The first rule that forbids to pass this on, on this ground for this purpose; None when none does.

    `chain`: how it came in, and how it came to whoever gave it, up to the owner. A rule about any of these counts.
    """
    came = tuple(chain)
    for rule in rules.rule:
        lifted = set(rule.unless_conditions) & set(ground.conditions)
        aimed = not rule.to_purposes or purpose in rule.to_purposes
        if aimed and not lifted and any(_concerns(rule, one) for one in came):
            return rule
    return None


def _concerns(rule: OnwardRule, came: Came) -> bool:
    return (
        (not rule.came_conditions or bool(came.conditions & set(rule.came_conditions)))
        and (not rule.came_grounds or came.ground in rule.came_grounds)
        and (not rule.came_purposes or came.purpose in rule.came_purposes)
    )


# -- checking the files --------------------------------------------------------------------------------------------------


def check_transfers(files: Mapping[str, Any]) -> Iterator[Finding]:
    """What names something that is not there. An old set of rules has no such files."""
    transfers, feedback = files.get(FILE), files.get(FEEDBACK)
    kinds = {one.id for one in files["agency_kinds.toml"].kind}
    if transfers is not None:
        yield from _of_transfers(transfers, kinds)
    if feedback is not None:
        yield from _of_feedback(feedback, kinds)


def _of_transfers(file: TransfersFile, kinds: set[str]) -> Iterator[Finding]:
    yield from _known("told_kinds", FILE, file.told_kinds, kinds, "an agency kind")
    if PARENT not in {one.id for one in file.cause}:
        yield Finding(FILE, f"cause.{PARENT}", "expected this id, because the program looks for it by name")
    if not file.causes:
        yield Finding(FILE, "cause", "expected a cause that a person can choose")
    for rule in file.rule:
        key = f"rule.{rule.id}"
        for name, given in (("came_conditions", rule.came_conditions), ("unless_conditions", rule.unless_conditions)):
            yield from _known(f"{key}.{name}", FILE, given, set(CONDITIONS), "a condition")
        for name, given in (("came_purposes", rule.came_purposes), ("to_purposes", rule.to_purposes)):
            yield from _known(f"{key}.{name}", FILE, given, set(PURPOSES), "a purpose")
        if not (rule.came_conditions or rule.came_grounds or rule.came_purposes):
            yield Finding(FILE, key, "expected came_conditions, came_grounds or came_purposes")


def _of_feedback(file: FeedbackFile, kinds: set[str]) -> Iterator[Finding]:
    categories = [one.id for one in file.category]
    given = [kind for one in file.allowed for kind in one.kinds]
    yield from found_twice(FEEDBACK, "allowed", given)
    yield from _known("allowed.kinds", FEEDBACK, given, kinds, "an agency kind")
    for missing in sorted(kinds - set(given)):
        yield Finding(FEEDBACK, f"allowed.{missing}", "expected each agency kind in one of the lists")
    for one in file.allowed:
        yield from _known("allowed.categories", FEEDBACK, one.categories, set(categories), "a category of this file")


def check_grounds(transfers: TransfersFile | None, grounds: Iterable[str]) -> Iterator[Finding]:
    """Grounds that a rule names and that do not exist."""
    for rule in transfers.rule if transfers else ():
        yield from _known(f"rule.{rule.id}.came_grounds", FILE, rule.came_grounds, set(grounds), "a ground")


def _known(key: str, file: str, given: Iterable[str], known: set[str], what: str) -> Iterator[Finding]:
    for name in sorted(set(given) - known):
        yield Finding(file, f"{key}.{name}", f"expected {what} that exists")
