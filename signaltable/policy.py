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
from signaltable.access_rules import FILE as ACCESS
from signaltable.access_rules import AccessFile, rules_of
from signaltable.attachment_rules import FILE as ATTACHMENTS
from signaltable.attachment_rules import AttachmentsFile
from signaltable.daily import FILE as JOBS
from signaltable.daily import DailyTimes, JobsFile, times_of
from signaltable.deadline_rules import Deadline, DeadlinesFile, Reflection, calendar_of, deadlines_of
from signaltable.domain import AccessRule
from signaltable.escalation_rules import FILE as ESCALATION
from signaltable.escalation_rules import EscalationFile, escalation_of
from signaltable.evidence_forms import ConditionSpec, load_conditions
from signaltable.fields import FieldSet, load_fields
from signaltable.figure_rules import FILE as FIGURES
from signaltable.figure_rules import FiguresFile
from signaltable.grounds import GroundSet, load_grounds
from signaltable.identity import IdentifierPolicy, load_identifiers
from signaltable.linking_rules import LinkingPolicy, load_linking
from signaltable.machine_rules import FILE as MACHINES
from signaltable.machine_rules import MachinesFile
from signaltable.mail_rules import FILE as MAIL
from signaltable.mail_rules import MailFile
from signaltable.outcome_rules import FILE as OUTCOMES
from signaltable.outcome_rules import OutcomesFile
from signaltable.policy_checks import Named, check, check_examples
from signaltable.policy_errors import BrokenPolicy, Finding, expectation, parse_toml, read_text
from signaltable.processing_activities import FILE as ACTIVITIES
from signaltable.processing_activities import ActivitiesFile, Register, check_activities
from signaltable.rate_rules import FILE as RATES
from signaltable.rate_rules import RatesFile
from signaltable.region import FILE as REGION_FILE
from signaltable.region import FOLDER as REGION
from signaltable.region import Overlay, destinations_of, is_regional, overlay_of, routes_of
from signaltable.rights_rules import FILE as RIGHTS
from signaltable.rights_rules import RightsFile
from signaltable.route_index import RouteTables, Sentences
from signaltable.shape import Shape
from signaltable.shelters import FILE as SHELTERS
from signaltable.shelters import SheltersFile
from signaltable.sign_in_rules import FILE as SIGN_IN
from signaltable.sign_in_rules import SignInFile
from signaltable.table_rules import AGENDA, THEMES, AgendaFile, Theme, ThemesFile, agenda_of
from signaltable.text_categories import TextPolicy, load_text_categories
from signaltable.texts import Text
from signaltable.transfer_rules import FEEDBACK, FeedbackFile, TransfersFile, check_grounds
from signaltable.transfer_rules import FILE as TRANSFERS
from signaltable.working_days import Calendar

N = TypeVar("N", bound=Named)
S = TypeVar("S", bound=Shape)

BUDGETS, MISUSE, SAFETY_CHECK = "budgets.toml", "misuse.toml", "safety_check.toml"
RECUSALS = "recusals.toml"
SHAPES: Mapping[str, type[Shape]] = {
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
    "deadlines.toml": DeadlinesFile,
    "derived.toml": shapes.DerivedFile,
    ACTIVITIES: ActivitiesFile,
    ATTACHMENTS: AttachmentsFile,
    SHELTERS: SheltersFile,
    BUDGETS: shapes.BudgetsFile,
    MISUSE: shapes.MisuseFile,
    JOBS: JobsFile,
    SAFETY_CHECK: shapes.SafetyCheckFile,
    MAIL: MailFile,
    RECUSALS: shapes.RecusalsFile,
    THEMES: ThemesFile,
    AGENDA: AgendaFile,
    TRANSFERS: TransfersFile,
    FEEDBACK: FeedbackFile,
    ESCALATION: EscalationFile,
    OUTCOMES: OutcomesFile,
    ACCESS: AccessFile,
    MACHINES: MachinesFile,
    RATES: RatesFile,
    FIGURES: FiguresFile,
    RIGHTS: RightsFile,
    SIGN_IN: SignInFile,
}
# A set of rules that was kept before this file existed is whole without it.
LATER = frozenset(
    {
        ACTIVITIES,
        ATTACHMENTS,
        SHELTERS,
        BUDGETS,
        MISUSE,
        JOBS,
        SAFETY_CHECK,
        MAIL,
        RECUSALS,
        TRANSFERS,
        FEEDBACK,
        THEMES,
        AGENDA,
        ESCALATION,
        OUTCOMES,
        ACCESS,
        MACHINES,
        RATES,
        FIGURES,
        RIGHTS,
        SIGN_IN,
    }
)
# Read and checked by the modules that use them.
OTHERS = ("fields.toml", "conditions.toml", "identifiers.toml", "linking.toml", "text_categories.toml")
READERS: Mapping[str, Callable[[Path], Any]] = {
    "grounds": lambda directory: load_grounds(directory / GROUNDS, directory / REGION / GROUNDS),
    "fields": lambda directory: load_fields(directory / "fields.toml"),
    "conditions": lambda directory: load_conditions(directory / "conditions.toml"),
    "identifiers": load_identifiers,
    "linking": load_linking,
    "text_categories": lambda directory: load_text_categories(directory / "text_categories.toml"),
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
FOLDERS = frozenset(f"{above}{name}" for above in ("", f"{REGION}/") for name in (MELDROUTES, EXAMPLES, GROUNDS))


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Every rule that counts, by id, in the order of the files. `digest` names exactly this content.

    `meldroutes`, `grounds` and `destinations` are those of the national card with the region on top; `overlay` says
    what the region did. `examples` are by id of a meldroute. `texts` are the files as they were read, by path.
    """

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
    deadlines: Mapping[str, Deadline]
    derived: Mapping[str, shapes.DerivedFact]
    meldroutes: tuple[shapes.Meldroute, ...]
    grounds: GroundSet
    fields: FieldSet
    conditions: Mapping[str, ConditionSpec]
    identifiers: IdentifierPolicy
    linking: LinkingPolicy
    text_categories: TextPolicy
    activities: Register = field(default_factory=Register)
    calendar: Calendar = field(default_factory=Calendar)
    daily: DailyTimes = field(default_factory=DailyTimes)
    # How many days before its last day somebody hears of a thing, by what it is.
    warn: Mapping[str, int] = field(default_factory=dict)
    reflection: Reflection | None = None
    # None in a set of rules that was kept before there were such files; nothing is decided about a signal with them.
    budgets: Mapping[str, shapes.Budget] = field(default_factory=dict)
    attachments: AttachmentsFile | None = None
    shelters: SheltersFile | None = None
    misuse: shapes.MisuseFile | None = None
    safety_check: shapes.SafetyCheckFile | None = None
    mail: MailFile | None = None
    recusals: shapes.RecusalsFile | None = None
    table_themes: Mapping[str, Theme] = field(default_factory=dict)
    agenda: AgendaFile | None = None
    transfers: TransfersFile | None = None
    feedback: FeedbackFile | None = None
    escalation: EscalationFile | None = None
    outcomes: OutcomesFile | None = None
    # What the gate asks, by permission; without any it allows nothing.
    access: Mapping[str, AccessRule] = field(default_factory=dict)
    machines: MachinesFile | None = None
    rates: RatesFile | None = None
    figures: FiguresFile | None = None
    rights_file: RightsFile | None = None
    sign_in: SignInFile | None = None
    route_files: Mapping[tuple[str, date], str] = field(default_factory=dict)
    examples: Mapping[str, shapes.Examples] = field(default_factory=dict)
    overlay: Overlay = field(default_factory=Overlay)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    # The meldroutes compiled, made of the parts above and nothing else; each interval when it is first asked for.
    route_tables: RouteTables = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tables = RouteTables(self.meldroutes, self.derived, self.urgencies, self.sentences)
        object.__setattr__(self, "route_tables", tables)

    @property
    def rights(self) -> RightsFile:
        """Rights beside those of a role. Raises BrokenPolicy for rules from before there was such a file."""
        if self.rights_file is None:
            raise BrokenPolicy([Finding(RIGHTS, "", "expected this file, found none")])
        return self.rights_file

    @property
    def coming_in(self) -> SignInFile:
        """How people come in. Raises BrokenPolicy for rules from before there was such a file; nobody comes in with those."""
        if self.sign_in is None:
            raise BrokenPolicy([Finding(SIGN_IN, "", "expected this file, found none")])
        return self.sign_in

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


def load(directory: Path, permissions: Iterable[str] | None = None, *, kept: bool = False) -> PolicySet:
    """All rules in `directory`, with those of its region on top, checked as a whole. Roles may give only `permissions`.

    With `kept` they may be from before a file of `LATER` existed.

    Raises BrokenPolicy with every finding: a file missing or one too many, broken syntax, an unknown key, a wrong type, a
    text without one of the languages, a reference to something that is not there, an id twice, overlapping dates, a
    region that speaks about what is not there or changes nothing.
    """
    if not directory.is_dir():
        raise BrokenPolicy([Finding(directory.name, "", "expected a folder with rules, found none")])
    if not any((directory / name).exists() for name in (*SHAPES, *OTHERS, *FOLDERS)):
        # Some other folder, which may be a whole disk: nobody waits until all of it was looked at.
        raise BrokenPolicy(
            [Finding(directory.name, "", "expected a folder with rules, found none of their files in it")]
        )
    read = _read_all(directory, kept=kept)
    findings = list(read.findings)
    shaped = _Shaped(
        # A kept file of LATER may have an earlier shape: then it counts as not there, for nothing is decided with it.
        files={
            name: _shaped(name, read.contents.get(name), shape, [] if kept and name in LATER else findings)
            for name, shape in SHAPES.items()
        },
        routes=_all_in(MELDROUTES, read.contents, shapes.Meldroute, findings),
        examples=_all_in(EXAMPLES, read.contents, shapes.Examples, findings),
    )
    elsewhere = {name: _collected(reader, directory, findings) for name, reader in READERS.items()}
    if not findings:
        there = {name: file for name, file in shaped.files.items() if file is not None}
        findings += check(there, shaped.routes, None if permissions is None else frozenset(permissions), kept=kept)
        findings += check_examples(shaped.examples, shaped.routes, shaped.files)
        findings += [] if kept else check_activities(shaped.files)
        findings += _unknown_flags(elsewhere["fields"], shaped.files["flags.toml"])
        findings += _unknown_indicators(elsewhere["fields"], shaped.files["indicators.toml"])
        findings += check_grounds(shaped.files[TRANSFERS], {row.id for row in elsewhere["grounds"].rows})
    if findings:
        raise BrokenPolicy(sorted(set(_one_per_mistake(findings, read))))
    return _assembled(read, shaped, elsewhere)


def load_texts(texts: Mapping[str, str], directory: Path) -> PolicySet:
    """The rules in `texts` (path -> content), by way of the empty `directory`. Raises BrokenPolicy as `load` does."""
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load(directory, kept=True)


def digest_of(contents: Mapping[str, Any]) -> str:
    """SHA-256 over the names and contents of all files. Comments and layout do not count, every value does."""
    canonical = json.dumps(
        contents, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=lambda value: value.isoformat()
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Read:
    """The files as texts and as values, what is wrong with them as files, and which could not be read at all."""

    texts: Mapping[str, str]
    contents: Mapping[str, dict[str, Any]]
    findings: tuple[Finding, ...]
    unreadable: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Shaped:
    """The files in their shapes, by path: those with a name of their own, the meldroutes, the examples beside them."""

    files: Mapping[str, Any]
    routes: Mapping[str, shapes.Meldroute]
    examples: Mapping[str, shapes.Examples]


def _read_all(directory: Path, *, kept: bool) -> _Read:
    texts, contents, findings = {}, {}, list(_strangers(directory))
    unreadable = {found.file for found in findings}
    for path in sorted(directory.rglob("*.toml")):
        name = path.relative_to(directory).as_posix()
        try:
            texts[name] = read_text(path)
            contents[name] = parse_toml(texts[name], name)
        except BrokenPolicy as broken:
            unreadable.add(name)
            findings.extend(Finding(name, found.key, found.message) for found in broken.findings)
    needed = [name for name in (*SHAPES, *OTHERS) if not (kept and name in LATER)]
    missing = [name for name in needed if not (directory / name).exists()]
    findings.extend(Finding(name, "", "expected this file, found none") for name in missing)
    return _Read(texts, contents, tuple(findings), frozenset({*unreadable, *missing}))


def _strangers(directory: Path) -> Iterable[Finding]:
    """Files that nobody reads: a misspelled name would otherwise switch a rule off without a word."""
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        parent = path.relative_to(directory).parent.as_posix()
        known = name in SHAPES or name in OTHERS or (parent in FOLDERS and path.suffix == ".toml")
        # Notes and the copies that editors keep hold no rules.
        aside = path.suffix == ".md" or name.endswith("~") or path.name.startswith(".")
        if not known and not aside and (path.is_file() or path.suffix == ".toml"):
            yield Finding(name, "", "expected no such file; see policies/README.md for the names")


def _one_per_mistake(findings: Iterable[Finding], read: _Read) -> list[Finding]:
    """Without what follows from a file that could not be read at all: that it cannot is all there is to say."""
    return [found for found in findings if found.file not in read.unreadable or found in read.findings]


def _all_in(
    folder: str, contents: Mapping[str, dict[str, Any]], shape: type[S], findings: list[Finding]
) -> dict[str, S]:
    """What stands in one folder and in the same folder of the region, by path."""
    parents = {folder, f"{REGION}/{folder}"}
    found = {
        path: _shaped(path, content, shape, findings)
        for path, content in sorted(contents.items())
        if path.rpartition("/")[0] in parents
    }
    return {path: made for path, made in found.items() if made is not None}


def _assembled(read: _Read, shaped: _Shaped, elsewhere: Mapping[str, Any]) -> PolicySet:
    """One set out of the national card and what the region says on top."""
    says: shapes.RegionFile = shaped.files[REGION_FILE]
    counting = routes_of(says, shaped.routes)
    ordered = sorted(counting, key=lambda found: (found[1].number, found[1].valid_from))
    made = _by_name(shaped.files)
    return PolicySet(
        digest=digest_of(read.contents),
        meldroutes=tuple(route for _, route in ordered),
        route_files=MappingProxyType({(route.id, route.valid_from): path for path, route in ordered}),
        examples=MappingProxyType(_examples_that_count(shaped, {route.id: path for path, route in ordered})),
        overlay=overlay_of(says, shaped.routes, _ground_ids(read.contents)),
        texts=MappingProxyType(dict(read.texts)),
        **made | {"destinations": _by_id(destinations_of(says, made["destinations"].values()))},
        **elsewhere,
    )


def _examples_that_count(shaped: _Shaped, files: Mapping[str, str]) -> dict[str, shapes.Examples]:
    """By id of a meldroute; beside a rule of the region its own examples only, for those of the national one may not hold."""
    found = {}
    for rule, path in files.items():
        folder = EXAMPLES if not is_regional(path) else f"{REGION}/{EXAMPLES}"
        if f"{folder}/{rule}.toml" in shaped.examples:
            found[rule] = shaped.examples[f"{folder}/{rule}.toml"]
    return found


def _ground_ids(contents: Mapping[str, dict[str, Any]]) -> tuple[set[str], set[str]]:
    """The ids of the national grounds and of those of the region."""
    national, regional = set(), set()
    for path, content in contents.items():
        if path.startswith(f"{GROUNDS}/"):
            national.add(str(content["id"]))
        elif path.startswith(f"{REGION}/{GROUNDS}/"):
            regional.add(str(content["id"]))
    return national, regional


def _shaped(name: str, content: dict[str, Any] | None, shape: type[Any], findings: list[Finding]) -> Any:
    if content is None:
        return None
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        findings.extend(Finding(name, _key(found["loc"], content), expectation(found)) for found in error.errors())
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


def _unknown_indicators(fields: FieldSet, indicators: shapes.IndicatorsFile) -> Iterable[Finding]:
    """Indicators that fields.toml gives a data category, but that nobody can tick."""
    for name in sorted(set(fields.indicators) - {indicator.id for indicator in indicators.indicator}):
        yield Finding("fields.toml", f"indicators.{name}", "expected an indicator of indicators.toml")


def _by_id(items: Iterable[N]) -> Mapping[str, N]:
    return MappingProxyType({item.id: item for item in items})


def _by_name(files: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a PolicySet that come from one list in one file each, and the words of facts.toml."""
    words = files["facts.toml"]
    urgencies = sorted(files["urgencies.toml"].urgency, key=lambda urgency: urgency.order)
    lists = {part: _by_id(getattr(files[name], key)) for part, (name, key) in LISTS.items()}
    region: shapes.RegionFile = files[REGION_FILE]
    deadlines: DeadlinesFile = files["deadlines.toml"]
    calendar = calendar_of(deadlines.working_days, region.working_days)
    return {
        **lists,
        "calendar": calendar,
        "daily": times_of(files[JOBS], region.daily),
        "deadlines": _by_id(deadlines_of(region.deadline, deadlines.deadline, calendar)),
        "warn": MappingProxyType({**deadlines.warn, **region.warn}),
        "reflection": deadlines.reflection,
        "region": region.region,
        "labels": MappingProxyType(dict(words.labels)),
        "sentences": Sentences(words.leads_to, words.cancels, words.more),
        "urgencies": _by_id(one.counted_by(calendar) for one in urgencies),
        "activities": Register.of(files[ACTIVITIES]),
        "budgets": _by_id(files[BUDGETS].budget if files[BUDGETS] else ()),
        "attachments": files[ATTACHMENTS],
        "shelters": files[SHELTERS],
        "misuse": files[MISUSE],
        "safety_check": files[SAFETY_CHECK],
        "mail": files[MAIL],
        "recusals": files[RECUSALS],
        "table_themes": _by_id(files[THEMES].theme if files[THEMES] else ()),
        "agenda": agenda_of(files[AGENDA], files[REGION_FILE]) if files[AGENDA] else None,
        "transfers": files[TRANSFERS],
        "feedback": files[FEEDBACK],
        "escalation": escalation_of(files[ESCALATION], region.escalation) if files[ESCALATION] else None,
        "outcomes": files[OUTCOMES],
        "access": rules_of(files[ACCESS], region.access) if files[ACCESS] else MappingProxyType({}),
        "machines": files[MACHINES],
        "rates": files[RATES],
        "figures": files[FIGURES],
        "rights_file": files[RIGHTS],
        "sign_in": files[SIGN_IN],
    }
