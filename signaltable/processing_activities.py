"""The register of processing activities (GDPR art. 30) as the program uses it: which act of the log is part of which.

Every action of the log stands in the register, either under an activity or among those that touch no personal data, so
that nothing can be processed outside it. An entry keeps the address of its activity as it was that day: id and version.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from audit.vocabulary import ACTIONS
from signaltable.domain import SUBJECT_ROLES
from signaltable.grounds import CATEGORIES
from signaltable.policy_errors import Finding
from signaltable.shape import Line, Many, Name, Shape, Some, Words

FILE = "processing_activities.toml"
# The kind of agency that stands for the person whom data are about.
SUBJECT_KIND = "data-subject"
# Short enough for an address and an id in one code of the log (128 characters).
Address = Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(/[A-Za-z0-9._~-]+)*$", max_length=60)]
Version = Annotated[int, Field(ge=1, le=9999)]


class Twin(Shape):
    """The same activity where telling the data subject needs weighing first (UAVG art. 41): an activity of its own.

    It counts for an act with one of the `purposes`, or about somebody with one of the `roles`.
    """

    id: Name
    version: Version
    title: Words
    purposes: Many[str] = ()
    roles: Many[str] = ()


class Activity(Shape):
    """One activity of the register. Whoever changes what it says gives it the next version."""

    id: Name
    version: Version
    title: Words
    purpose: Words
    legal_basis: Some[Line]
    subjects: Words
    categories: Many[str]
    recipients: Words
    retention: Name
    actions: Some[str]
    purposes: Many[str] = ()
    confidential: Twin | None = None


class Basis(Shape):
    """On what the task of these kinds of agencies rests, beside what an activity says."""

    kinds: Some[str]
    legal_basis: Some[Line]
    why: Words


class OtherActions(Shape):
    """Actions that touch no personal data of anybody a signal is about or anybody who works here, and why that is so."""

    why: Words
    actions: Some[str]


class ActivitiesFile(Shape):
    """processing_activities.toml.

    `controller`, `contact`, `transfers` and `security` hold for all activities (GDPR art. 30(1)(a), (e) and (g)).
    """

    register_at: Address
    controller: Words
    contact: Words
    transfers: Words
    security: Words
    basis: Some[Basis]
    activity: Some[Activity]
    no_personal_data: OtherActions


@dataclass(frozen=True, slots=True)
class Register:
    """The activities by action, made once; asking costs a look-up."""

    at: str = ""
    activities: tuple[Activity, ...] = ()
    _by_action: Mapping[str, tuple[Activity, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, file: ActivitiesFile | None) -> "Register":
        """The register of a file; without one (rules from before there was a register) an empty one."""
        if file is None:
            return cls()
        by_action: dict[str, tuple[Activity, ...]] = {}
        for activity in file.activity:
            for action in activity.actions:
                by_action[action] = (*by_action.get(action, ()), activity)
        return cls(file.register_at, file.activity, by_action)

    def processes(self, action: str) -> bool:
        """Whether an action is part of any activity."""
        return action in self._by_action

    def address(self, action: str, purpose: str = "", roles: Iterable[str] = ()) -> str:
        """The address (URI) of the activity to which an act belongs; "" for one that touches no personal data.

        An activity for certain purposes goes before one for all; its confidential twin before itself.
        """
        candidates = self._by_action.get(action, ())
        found = next((one for one in candidates if purpose in one.purposes), None)
        found = found or next((one for one in candidates if not one.purposes), None)
        if found is None:
            return ""
        twin = found.confidential
        if twin is not None and (purpose in twin.purposes or not set(twin.roles).isdisjoint(roles)):
            return f"{self.at}/{twin.id}/{twin.version}"
        return f"{self.at}/{found.id}/{found.version}"

    def agency(self, agency_id: str) -> str:
        """The address (URI) under which the processing log names an agency."""
        return f"{self.at}/organisaties/{agency_id}"


def check_activities(files: Mapping[str, Any]) -> Iterator[Finding]:
    """Everything in the register that does not fit the rest: unknown names, actions twice, nowhere or without a rest."""
    file: ActivitiesFile | None = files.get(FILE)
    if file is None:
        return
    retention = {one.id for one in files["retention.toml"].retention}
    purposes = {one.id for one in files["purposes.toml"].purpose}
    for activity in file.activity:
        key = f"activity.{activity.id}"
        twin = activity.confidential
        yield from _unknown(f"{key}.retention", (activity.retention,), retention, "a class of retention.toml")
        yield from _unknown(f"{key}.categories", activity.categories, CATEGORIES, "a category of data")
        yield from _unknown(f"{key}.purposes", activity.purposes, purposes, "a purpose of purposes.toml")
        yield from _unknown(f"{key}.actions", activity.actions, ACTIONS, "an action of the log")
        if twin is not None:
            yield from _unknown(f"{key}.confidential.purposes", twin.purposes, purposes, "a purpose of purposes.toml")
            yield from _unknown(f"{key}.confidential.roles", twin.roles, SUBJECT_ROLES, "a role of a subject")
            if not twin.purposes and not twin.roles:
                yield Finding(FILE, f"{key}.confidential", "expected purposes or roles, or it would never count")
    yield from _kinds_once(file, {one.id for one in files["agency_kinds.toml"].kind})
    yield from _unknown("no_personal_data.actions", file.no_personal_data.actions, ACTIONS, "an action of the log")
    yield from _shared_ids(file)
    yield from _each_action_once(file)


def _unknown(key: str, names: Iterable[str], known: Iterable[str], what: str) -> Iterator[Finding]:
    for name in sorted(set(names) - set(known)):
        yield Finding(FILE, f"{key}.{name}", f"expected {what}")


def _kinds_once(file: ActivitiesFile, known: set[str]) -> Iterator[Finding]:
    """Each kind of agency has its basis in one place. A data subject gets data and processes none."""
    named = [kind for basis in file.basis for kind in basis.kinds]
    yield from _unknown("basis.kinds", named, known - {SUBJECT_KIND}, "a kind of agency_kinds.toml")
    for kind in sorted(known - {SUBJECT_KIND}):
        if named.count(kind) != 1:
            yield Finding(FILE, f"basis.kinds.{kind}", f"expected it in one basis, found it in {named.count(kind)}")


def _shared_ids(file: ActivitiesFile) -> Iterator[Finding]:
    ids = {activity.id for activity in file.activity}
    seen: set[str] = set()
    for activity in file.activity:
        twin = activity.confidential
        if twin is not None and (twin.id in ids or twin.id in seen):
            yield Finding(FILE, f"activity.{activity.id}.confidential.id", "expected an id that no other activity has")
        seen.update({twin.id} if twin else ())


def _each_action_once(file: ActivitiesFile) -> Iterator[Finding]:
    """An action has one place: in one activity without purposes and at most one for each purpose, or among the rest."""
    rest = set(file.no_personal_data.actions)
    for action in ACTIONS:
        among = [activity for activity in file.activity if action in activity.actions]
        for_all = [activity.id for activity in among if not activity.purposes]
        named = [purpose for activity in among for purpose in activity.purposes]
        key = f"actions.{action}"
        if action in rest and among:
            yield Finding(FILE, key, "expected it in an activity or in no_personal_data, found both")
        elif action not in rest and not for_all:
            yield Finding(
                FILE, key, "expected it in an activity without purposes or in no_personal_data, found neither"
            )
        elif len(for_all) > 1 or len(set(named)) < len(named):
            yield Finding(FILE, key, "expected one activity for each purpose and one for the rest, found more")
