"""The rules of the program: policies/ read whole at start, checked, frozen, and named by one digest.

After `load` no rule can be missing, misspelled or half there, so deciding cannot fail on a rule. A broken file stops the
program with `BrokenPolicy`, which names every file and key.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from signaltable import policy_shapes as shapes
from signaltable.evidence_forms import ConditionSpec, load_conditions
from signaltable.fields import FieldSet, load_fields
from signaltable.grounds import GroundSet, load_grounds
from signaltable.identity import IdentifierPolicy, load_identifiers
from signaltable.policy_checks import Named, check
from signaltable.policy_errors import BrokenPolicy, Finding, read_toml
from signaltable.pseudonymise import LinkingPolicy, load_linking
from signaltable.texts import Text

N = TypeVar("N", bound=Named)

SHAPES: Mapping[str, type[shapes.Shape]] = {
    "region.toml": shapes.RegionFile,
    "agency_kinds.toml": shapes.AgencyKindsFile,
    "destinations.toml": shapes.DestinationsFile,
    "purposes.toml": shapes.PurposesFile,
    "roles.toml": shapes.RolesFile,
    "facts.toml": shapes.FactsFile,
    "form_rows.toml": shapes.FormRowsFile,
    "forms.toml": shapes.FormsFile,
    "indicators.toml": shapes.IndicatorsFile,
    "scales.toml": shapes.ScalesFile,
    "flags.toml": shapes.FlagsFile,
    "guidance.toml": shapes.GuidanceFile,
    "contacts.toml": shapes.ContactsFile,
    "urgencies.toml": shapes.UrgenciesFile,
    "retention.toml": shapes.RetentionFile,
    "deadlines.toml": shapes.DeadlinesFile,
    "derived.toml": shapes.DerivedFile,
}
# Read and checked by the modules that use them.
OTHERS = ("fields.toml", "conditions.toml", "identifiers.toml", "linking.toml")
READERS: Mapping[str, Callable[[Path], Any]] = {
    "grounds": lambda directory: load_grounds(directory / GROUNDS),
    "fields": lambda directory: load_fields(directory / "fields.toml"),
    "conditions": lambda directory: load_conditions(directory / "conditions.toml"),
    "identifiers": load_identifiers,
    "linking": load_linking,
}
# Which list of which file becomes which part of the PolicySet.
LISTS: Mapping[str, tuple[str, str]] = {
    "agency_kinds": ("agency_kinds.toml", "kind"),
    "destinations": ("destinations.toml", "destination"),
    "purposes": ("purposes.toml", "purpose"),
    "roles": ("roles.toml", "role"),
    "facts": ("facts.toml", "fact"),
    "elements": ("form_rows.toml", "element"),
    "codes": ("form_rows.toml", "code"),
    "form_rows": ("form_rows.toml", "row"),
    "forms": ("forms.toml", "form"),
    "indicator_groups": ("indicators.toml", "group"),
    "indicators": ("indicators.toml", "indicator"),
    "scales": ("scales.toml", "scale"),
    "flags": ("flags.toml", "flag"),
    "guidance": ("guidance.toml", "guidance"),
    "needs": ("contacts.toml", "need"),
    "contacts": ("contacts.toml", "contact"),
    "retention": ("retention.toml", "retention"),
    "deadlines": ("deadlines.toml", "deadline"),
    "derived": ("derived.toml", "derived"),
}
MELDROUTES = "meldroutes"
EXAMPLES = "meldroutes/examples"
GROUNDS = "grondslagen"


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences around a question; `{routes}` and `{count}` are filled in."""

    leads_to: Text
    cancels: Text
    more: Text


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Every rule, by id, in the order of the files. `digest` names exactly this content."""

    digest: str
    region: shapes.Region
    agency_kinds: Mapping[str, shapes.AgencyKind]
    destinations: Mapping[str, shapes.Destination]
    purposes: Mapping[str, shapes.Purpose]
    roles: Mapping[str, shapes.Role]
    facts: Mapping[str, shapes.FactWords]
    labels: Mapping[str, Text]
    sentences: Sentences
    elements: Mapping[str, shapes.Element]
    codes: Mapping[str, shapes.Code]
    form_rows: Mapping[str, shapes.FormRow]
    forms: Mapping[str, shapes.Form]
    indicator_groups: Mapping[str, shapes.IndicatorGroup]
    indicators: Mapping[str, shapes.Indicator]
    scales: Mapping[str, shapes.Scale]
    flags: Mapping[str, shapes.Flag]
    guidance: Mapping[str, shapes.Guidance]
    needs: Mapping[str, shapes.Need]
    contacts: Mapping[str, shapes.Contact]
    urgencies: Mapping[str, shapes.Urgency]
    retention: Mapping[str, shapes.Retention]
    deadlines: Mapping[str, shapes.Deadline]
    derived: Mapping[str, shapes.DerivedFact]
    meldroutes: tuple[shapes.Meldroute, ...]
    grounds: GroundSet
    fields: FieldSet
    conditions: Mapping[str, ConditionSpec]
    identifiers: IdentifierPolicy
    linking: LinkingPolicy
    route_files: Mapping[tuple[str, date], str] = field(default_factory=dict)

    @property
    def how_known(self) -> Mapping[str, shapes.ScaleValue]:
        """The ways in which something can be known."""
        return _by_id(self.scales["how-known"].value)

    @property
    def source_quality(self) -> Mapping[str, shapes.ScaleValue]:
        """Where a signal comes from."""
        return _by_id(self.scales["source-quality"].value)

    def capacities_of(self, agency_kind: str) -> Mapping[str, shapes.Capacity]:
        """The capacities in which people of this kind of agency can submit; none for an unknown kind."""
        kind = self.agency_kinds.get(agency_kind)
        return _by_id(kind.capacities) if kind else {}

    def permissions_of(self, roles: Iterable[str]) -> frozenset[str]:
        """Every permission that these roles give together; an unknown role gives none."""
        known = (self.roles[role] for role in roles if role in self.roles)
        return frozenset(permission for role in known for permission in role.permissions)

    def value_label(self, fact: str, value: str) -> Text:
        """How a value of a fact reads. Raises KeyError for a value that the fact does not have."""
        return self.facts[fact].values.get(value) or self.labels[value]

    def meldroutes_on(self, day: date) -> tuple[shapes.Meldroute, ...]:
        """The rules that count on this day, in order of their numbers."""
        return tuple(route for route in self.meldroutes if route.is_valid(day))

    def file_of(self, route: shapes.Meldroute) -> str:
        """Where this version of a rule stands, relative to policies/; its usual place when it was read from no file."""
        return self.route_files.get((route.id, route.valid_from), f"{MELDROUTES}/{route.id}.toml")


def load(directory: Path, permissions: Iterable[str] | None = None) -> PolicySet:
    """All rules in `directory`, checked as a whole. With `permissions`, roles may give only these.

    Raises BrokenPolicy with every finding: a file missing or one too many, broken syntax, an unknown key, a wrong type, a
    text without one of the languages, a reference to something that is not there, an id twice, overlapping dates.
    """
    findings: list[Finding] = list(_strangers(directory))
    contents = _read_all(directory, findings)
    files = {name: _shaped(name, contents.get(name), shape, findings) for name, shape in SHAPES.items()}
    routes = {
        path: _shaped(path, contents[path], shapes.Meldroute, findings)
        for path in sorted(contents)
        if path.startswith(f"{MELDROUTES}/") and not path.startswith(f"{EXAMPLES}/")
    }
    elsewhere = {name: _collected(read, directory, findings) for name, read in READERS.items()}
    if not findings:
        findings += check(files, routes, None if permissions is None else frozenset(permissions))
        findings += _unknown_flags(elsewhere["fields"], files["flags.toml"])
    if findings:
        raise BrokenPolicy(sorted(set(findings)))
    ordered = tuple(sorted(routes.values(), key=lambda route: (route.number, route.valid_from)))
    where = MappingProxyType({(route.id, route.valid_from): path for path, route in routes.items()})
    return PolicySet(digest=digest_of(contents), meldroutes=ordered, route_files=where, **_by_name(files), **elsewhere)


def digest_of(contents: Mapping[str, Any]) -> str:
    """SHA-256 over the names and contents of all files. Comments and layout do not count, every value does."""
    canonical = json.dumps(
        contents, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=lambda value: value.isoformat()
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _strangers(directory: Path) -> Iterable[Finding]:
    """Files that nobody reads: a misspelled name would otherwise switch a rule off without a word."""
    folders = {MELDROUTES, EXAMPLES, GROUNDS}
    for path in sorted(directory.rglob("*.toml")):
        name = path.relative_to(directory).as_posix()
        parent = path.relative_to(directory).parent.as_posix()
        if name not in SHAPES and name not in OTHERS and parent not in folders:
            yield Finding(name, "", "expected no such file; see policies/README.md for the names")


def _read_all(directory: Path, findings: list[Finding]) -> dict[str, dict[str, Any]]:
    contents = {}
    for path in sorted(directory.rglob("*.toml")):
        name = path.relative_to(directory).as_posix()
        try:
            contents[name] = read_toml(path)
        except BrokenPolicy as broken:
            findings.extend(Finding(name, found.key, found.message) for found in broken.findings)
    missing = [name for name in SHAPES if not (directory / name).exists()]
    findings.extend(Finding(name, "", "expected this file, found none") for name in missing)
    return contents


def _shaped(name: str, content: dict[str, Any] | None, shape: type[Any], findings: list[Finding]) -> Any:
    if content is None:
        return None
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        findings.extend(Finding(name, _key(found["loc"], content), _expected(found)) for found in error.errors())
        return None


def _key(path: tuple[int | str, ...], content: Any) -> str:
    """The place of an error as a person looks for it: the id of an entry where it has one, else its number."""
    names = []
    here: Any = content
    for part in path:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            here = None
        names.append(
            str(here["id"]) if isinstance(part, int) and isinstance(here, dict) and "id" in here else str(part)
        )
    return ".".join(names)


def _expected(found: Any) -> str:
    if found["type"] == "missing":
        return "expected this key, found none"
    if found["type"] == "extra_forbidden":
        return "expected no such key"
    if found["type"] == "too_short":
        return "expected at least one entry, found none"
    message = str(found["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be", "expected").replace("String should", "expected a text that should")


def _collected(read: Callable[[Path], Any], directory: Path, findings: list[Finding]) -> Any:
    """What `read` gives, or None with its findings added to ours."""
    try:
        return read(directory)
    except BrokenPolicy as broken:
        findings.extend(broken.findings)
        return None


def _unknown_flags(fields: FieldSet, flags: shapes.FlagsFile) -> Iterable[Finding]:
    """Flags that fields.toml gives a data category, but that nobody can tick."""
    for name in sorted(set(fields.flags) - {flag.id for flag in flags.flag}):
        yield Finding("fields.toml", f"flags.{name}", "expected a flag of flags.toml")


def _by_id(items: Iterable[N]) -> Mapping[str, N]:
    return MappingProxyType({item.id: item for item in items})


def _by_name(files: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a PolicySet that come from one list in one file each, and the words of facts.toml."""
    words = files["facts.toml"]
    urgencies = sorted(files["urgencies.toml"].urgency, key=lambda urgency: urgency.order)
    lists = {part: _by_id(getattr(files[name], key)) for part, (name, key) in LISTS.items()}
    return {
        **lists,
        "region": files["region.toml"].region,
        "labels": MappingProxyType(dict(words.labels)),
        "sentences": Sentences(words.leads_to, words.cancels, words.more),
        "urgencies": _by_id(urgencies),
    }
