"""The legal grounds as data: one TOML file per ground, checked whole before the program starts.

A ground says who may give which categories of data to whom, for what, about whom, and under which conditions. The
vocabularies are closed: a word that is not in one of them stops the start with the file and the key.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from signaltable.policy_errors import BrokenPolicy, Finding, read_toml
from signaltable.region import check_grounds, replace_versions
from signaltable.texts import Text

KINDS = (
    "municipality",
    "care",
    "youth-care",
    "veilig-thuis",
    "raad",
    "nidos",
    "police",
    "prosecution",
    "riec",
    "labour-inspectorate",
    "care-coordination",
    "shelter",
    "comensha",
    "ngo",
    "immigration",
    "return-support",
    "safety-house",
    "table",
    "youth-protection",
    "victim-support",
    "reception",
    "return-service",
    "referral-index",
    "compulsory-care",
    "medical-director",
    "national-rapporteur",
    "data-subject",
)

# The task in which the data were learned decides which law applies, so a kind of agency can have several.
CAPACITIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {kind: (kind,) for kind in KINDS}
    | {
        "municipality": ("municipality-wmo", "municipality-youth", "municipality-safety", "municipality-other"),
        "care": ("care-wgbo",),
        "labour-inspectorate": ("nla-supervision", "nla-investigation"),
        "police": ("police", "police-investigation", "police-support"),
    },
)
PURPOSES = ("P1", "P2", "P3", "P3b", "P4", "P5", "P6", "P7", "P8", "P9")
CONSULT = "P1"
CATEGORIES = (
    "identity",
    "contact",
    "health",
    "criminal",
    "ethnicity",
    "nationality",
    "residence",
    "sex_life",
    "minor",
    "bsn",
    "business",
    "narrative",
    "pseudonymous",
)
AGES = ("minor", "adult", "doubt", "unknown")
ROLES = ("victim", "perpetrator", "facilitator", "witness", "place")
CONSENTS = frozenset({"CONSENT", "EXPLICIT_CONSENT"})
CONDITIONS = (
    "CONSENT",
    "EXPLICIT_CONSENT",
    "MIN",
    "NEC",
    "PROP",
    "SUBS",
    "VITAL",
    "MELDCODE",
    "OFFICER",
    "OM_CONSENT",
    "OM_MANDATE",
    "DECISION",
    "AGREEMENT",
    "AUTHORISATION",
    "PARTNERSHIP",
    "NO9",
    "DUAL",
    "INFORM",
    "K_MIN",
    "NOPII",
    "ORGCRIME",
    "CUSTODY",
    "DEPENDENCE",
    "OWN_OBSERVATION",
    "BALANCE",
    "GUARDIANSHIP",
    "PUBLIC_INTEREST",
    "INCIDENT",
    "AUTHORITY",
    "TASK",
    "TREATMENT",
    "WVGGZ",
    "SUPERVISION_ORDER",
    "SUSPICION",
    "COMPLEX_CASE",
    "CASE_LEVEL",
    "MISSING_MINOR",
    "REFLECTION",
    "OTHERS_MASKED",
    "ACCESS",
)
# What a ground may demand of a condition beyond its code: which age regime, which partnership, consent on paper.
PARAMETERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "MIN": frozenset({"WGBO", "JW", "12", "AVG"}),
        "PARTNERSHIP": frozenset({"RIEC", "ZVH", "WGS", "SUWI-64"}),
        "AUTHORITY": frozenset({"mayor", "prosecutor"}),
        "K_MIN": frozenset({"ten"}),
        "PUBLIC_INTEREST": frozenset({"help"}),
        "EXPLICIT_CONSENT": frozenset({"written"}),
        "CONSENT": frozenset({"written"}),
        # The data are about who may exploit a child; who is dependent or unfree is that child.
        "DEPENDENCE": frozenset({"child"}),
    },
)
# Categories whose hard deny a permit can lift by naming them together with its exception; bsn and residence never.
NAMEABLE = frozenset({"sex_life", "ethnicity"})
# GDPR art. 9(2) for most of us, Wpg art. 5 for the police, are the only sources of such an exception.
_EXCEPTION = re.compile(r"A9-2-[a-j]")
_POLICE_EXCEPTION = "Wpg-5"
_RETENTION = re.compile(r"case|P(?=\d)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?")
_DAYS = ("valid_from", "valid_until", "reviewed_on")
_GDPR_CODE = re.compile(r"A\d{1,2}(-\d{1,2}(-[a-z])?)?")
_ID = re.compile(r"[A-Z]{1,4}\d{1,3}")


class Row(BaseModel):
    """A piece of a policy file: nothing extra, nothing changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _text(value: object) -> object:
    if isinstance(value, Text):
        return value
    if not isinstance(value, Mapping) or set(value) != {"nl", "en"}:
        raise ValueError("expected a text with exactly nl and en")
    if not all(isinstance(words, str) and words.strip() for words in value.values()):
        raise ValueError("expected words in both nl and en")
    return Text(nl=value["nl"].strip(), en=value["en"].strip())


def _all_or_list(value: object) -> object:
    return ("*",) if value == "*" else value


Translated = Annotated[Text, BeforeValidator(_text)]
Words = Annotated[tuple[StrictStr, ...], BeforeValidator(_all_or_list)]
Sentence = Annotated[StrictStr, Field(min_length=1)]


class LegalReference(Row):
    """An article: scheme "eu-gdpr" (code as in A6-1-e) or "NL" (code as in Wmo-5.2.6)."""

    scheme: Literal["eu-gdpr", "NL"]
    code: Sentence


class Obligation(Row):
    """What the provider still owes after a disclosure, and within which time."""

    kind: Literal["inform", "review", "record", "inform-municipality"]
    within_hours: Annotated[int, Field(strict=True, gt=0)] | None = None
    within_days: Annotated[int, Field(strict=True, gt=0)] | None = None


class Ground(Row):
    """One row of the matrix in one version. `digest` covers everything the file says, `file` says where it stands."""

    id: Sentence
    title: Translated
    provider: Words
    recipient: Words
    person_age: tuple[Literal["minor", "adult"], ...] = ()
    person_role: tuple[Literal["victim", "perpetrator", "facilitator", "witness", "place"], ...] = ()
    purpose: Words
    data: Words
    names_special: tuple[StrictStr, ...] = ()
    effect: Literal["deny", "permit_if", "mandatory_if"]
    priority: Literal["hard", "specific", "default"]
    legal_basis: tuple[LegalReference, ...] = ()
    special_law: StrictStr = ""
    conditions: tuple[StrictStr, ...] = ()
    parameters: dict[str, StrictStr] = Field(default_factory=dict)
    except_conditions: tuple[StrictStr, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    retention: Sentence = "case"
    explanation: Translated
    summary_en: Sentence
    choice: StrictStr = ""
    source: Sentence
    lawyer: StrictBool
    valid_from: date
    valid_until: date | None = None
    reviewed_by: Sentence | None = None
    reviewed_on: date | None = None
    digest: str = ""
    file: str = ""

    @property
    def permits(self) -> bool:
        """Whether this row can let data through at all."""
        return self.effect != "deny"

    @property
    def adults_only(self) -> bool:
        return self.person_age == ("adult",)

    def valid_on(self, day: date) -> bool:
        """Whether the row is in force on `day`; both ends count."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    def reviewed_by_then(self, day: date) -> bool:
        """Whether a lawyer had signed for this row on `day`."""
        return self.reviewed_by is not None and self.reviewed_on is not None and self.reviewed_on <= day

    def covers(self, category: str) -> bool:
        return "*" in self.data or category in self.data


@dataclass(frozen=True, slots=True, eq=False)
class GroundSet:
    """All grounds, in the order of their ids, and one digest over the whole. Two sets are equal when they are the same
    object: the index of a set is kept by it.
    """

    rows: tuple[Ground, ...]
    digest: str

    def on(self, day: date) -> tuple[Ground, ...]:
        """The rows in force on `day`."""
        return tuple(row for row in self.rows if row.valid_on(day))

    def find(self, ground_id: str, day: date) -> Ground | None:
        """The version of a ground in force on `day`, or None."""
        return next((row for row in self.rows if row.id == ground_id and row.valid_on(day)), None)


def canonical_digest(content: object) -> str:
    """SHA-256 (hex) over `content` as JSON with sorted keys; dates as ISO. Same content, same digest, on any machine."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def load_grounds(directory: Path, regional: Path | None = None) -> GroundSet:
    """All grounds in `directory` (*.toml) with those of a region on top (signaltable.region), checked as a whole.

    Raises BrokenPolicy with every finding: syntax, unknown key or word, a permit without basis or condition, ids twice
    at the same time, a missing default deny, a region that lifts a deny.
    """
    findings: list[Finding] = []
    national = _read_folder(directory, directory.name, findings)
    own = _read_folder(regional, f"{regional.parent.name}/{regional.name}", findings) if regional else []
    findings.extend(check_grounds(national, own))
    for versions in (national, own):
        findings.extend(_overlaps(row for _, row in versions))
    rows = [row for _, row in replace_versions(national, own)]
    # A file that could not be read may be the default deny itself; then its own finding says enough.
    if not findings and not any(row.priority == "default" and not row.permits for row in rows):
        findings.append(
            Finding(directory.name, "", "expected a ground with priority default and effect deny, found none")
        )
    defaults = [row for row in rows if row.priority == "default"]
    others = [row for row in defaults if row.id != defaults[0].id]
    findings.extend(Finding(row.file, "priority", "expected one default only, found another") for row in others)
    if findings:
        raise BrokenPolicy(sorted(findings))
    ordered = tuple(sorted(rows, key=lambda row: (_sort_key(row.id), row.valid_from)))
    return GroundSet(ordered, canonical_digest([row.digest for row in ordered]))


def _read_folder(directory: Path, folder: str, findings: list[Finding]) -> list[tuple[str, Ground]]:
    """The rows of one folder, each with its file; what is wrong is added to `findings`."""
    rows = []
    for path in sorted(directory.glob("*.toml")):
        name = f"{folder}/{path.name}"
        try:
            row = _read_ground(path, name)
        except BrokenPolicy as broken:
            findings.extend(Finding(name, found.key, found.message) for found in broken.findings)
            continue
        findings.extend(Finding(name, key, message) for key, message in _row_problems(row, path))
        rows.append((name, row))
    return rows


def _sort_key(ground_id: str) -> tuple[str, int]:
    letters = ground_id.rstrip("0123456789")
    return letters, int(ground_id[len(letters) :])


def _read_ground(path: Path, name: str) -> Ground:
    raw = read_toml(path)
    reserved = sorted({"digest", "file"} & set(raw))
    # A day in quotes is a text: it would read the same and be counted in another digest.
    quoted = [key for key in _DAYS if key in raw and type(raw[key]) is not date]
    if reserved or quoted:
        wrong = [Finding(name, key, "unknown key") for key in reserved]
        raise BrokenPolicy(
            wrong + [Finding(name, key, "expected a day such as 2026-01-31, without quotes") for key in quoted]
        )
    try:
        return Ground.model_validate(raw | {"digest": canonical_digest(raw), "file": name})
    except ValidationError as error:
        raise BrokenPolicy(
            Finding(name, ".".join(str(part) for part in found["loc"]), expectation(found)) for found in error.errors()
        ) from None


def expectation(found: Mapping[str, Any]) -> str:
    """What a rejected piece of a file should have been, from pydantic's account of it; never what stood there."""
    if found["type"] == "extra_forbidden":
        return "unknown key"
    if found["type"] == "missing":
        return "expected this key, found none"
    return str(found["msg"]).removeprefix("Value error, ").replace("Input should be", "expected")


Problem = tuple[str, str]


def _row_problems(row: Ground, path: Path) -> Iterator[Problem]:
    yield from _name_problems(row, path)
    yield from _vocabulary_problems(row)
    yield from _date_problems(row)
    yield from _permit_problems(row) if row.permits else _deny_problems(row)


def _name_problems(row: Ground, path: Path) -> Iterator[Problem]:
    if not _ID.fullmatch(row.id):
        yield "id", "expected capital letters and a number, such as G1 or POL10"
    # A later version of a ground gets a file of its own: G1.toml, then G1.2027.toml.
    if path.stem != row.id and not path.stem.startswith(f"{row.id}."):
        yield "id", f"expected the id that the file name carries, {path.stem.split('.')[0]}"


def _vocabulary_problems(row: Ground) -> Iterator[Problem]:
    capacities = {capacity for names in CAPACITIES.values() for capacity in names}
    lists: tuple[tuple[str, Iterable[str], Iterable[str]], ...] = (
        ("provider", row.provider, {*KINDS, *capacities, "*"}),
        ("recipient", row.recipient, {*KINDS, "*"}),
        ("purpose", row.purpose, {*PURPOSES, "*"}),
        ("data", row.data, {*CATEGORIES, "*"}),
        ("names_special", row.names_special, NAMEABLE),
        ("conditions", row.conditions, CONDITIONS),
        ("except_conditions", row.except_conditions, CONDITIONS),
        ("person_age", row.person_age, AGES),
        ("person_role", row.person_role, ROLES),
        ("parameters", row.parameters, set(row.conditions) & set(PARAMETERS)),
    )
    for key, given, known in lists:
        for word in sorted(set(given) - set(known)):
            yield key, f"expected one of {', '.join(sorted(known)) or 'nothing'}, found {word}"
        if len(set(given)) != len(list(given)):
            yield key, "expected each word once"
    for key in ("provider", "recipient", "purpose", "data"):
        words = getattr(row, key)
        if not words:
            yield key, "expected at least one word"
        if "*" in words and len(words) > 1:
            yield key, "expected either * or a list, found both"
    yield from _task_problems(row)
    for code, value in row.parameters.items():
        if code in PARAMETERS and value not in PARAMETERS[code]:
            yield f"parameters.{code}", f"expected one of {', '.join(sorted(PARAMETERS[code]))}, found {value}"


def _task_problems(row: Ground) -> Iterator[Problem]:
    """A kind of agency stands for all its tasks, so naming one of them beside it says two things at once."""
    for kind in sorted(set(row.provider) & set(KINDS)):
        beside = sorted(set(row.provider) & set(CAPACITIES[kind]))
        if beside and kind not in CAPACITIES[kind]:
            yield "provider", f"expected either {kind} or {', '.join(beside)}, found both"


def _date_problems(row: Ground) -> Iterator[Problem]:
    if row.valid_until is not None and row.valid_until < row.valid_from:
        yield "valid_until", "expected a day on or after valid_from"
    if (row.reviewed_by is None) != (row.reviewed_on is None):
        yield "reviewed_by", "expected reviewed_by and reviewed_on together or neither"
    for owed in row.obligations:
        if owed.within_hours is not None and owed.within_days is not None:
            yield "obligations", f"expected within_hours or within_days for {owed.kind}, found both"
    if len({owed.kind for owed in row.obligations}) != len(row.obligations):
        yield "obligations", "expected each kind once"
    if not _RETENTION.fullmatch(row.retention):
        yield "retention", "expected an ISO 8601 duration such as P180D, or case"


def _permit_problems(row: Ground) -> Iterator[Problem]:
    if row.priority != "specific":
        yield "priority", "expected specific for a ground that permits"
    if row.except_conditions:
        yield "except_conditions", "expected only on a specific deny"
    if not row.legal_basis:
        yield "legal_basis", "expected at least one article"
    for reference in row.legal_basis:
        if reference.scheme == "eu-gdpr" and not _GDPR_CODE.fullmatch(reference.code):
            yield "legal_basis", "expected an article such as A6-1-e or A9-2-a for eu-gdpr"
    if row.conditions == ("MIN",):
        yield "conditions", "expected a condition beside MIN, which an adult need not meet"
    if not row.conditions:
        yield "conditions", "expected at least one condition; nothing flows on a match alone"
    if "*" in row.data or "bsn" in row.data:
        yield "data", "expected a list of categories without bsn"
    if CONSULT in row.purpose and not set(row.data) <= {"pseudonymous", "sex_life"}:
        yield "data", f"expected only pseudonymous data for {CONSULT}"
    if CONSULT in row.purpose and len(row.purpose) > 1:
        yield "purpose", f"expected {CONSULT} in a row of its own"
    if set(row.names_special) - set(row.data):
        yield "names_special", "expected only categories that data covers"
    if row.names_special and not any(_is_exception(reference) for reference in row.legal_basis):
        yield "legal_basis", "expected the exception (A9-2-… or Wpg-5) that names_special rests on"
    # Who may consent for a child differs per law, so a ground that reaches children says which regime holds.
    if CONSENTS & set(row.conditions) and not row.adults_only and "MIN" not in row.conditions:
        yield "conditions", "expected MIN beside consent, since the person can be a minor"
    for code in ("MIN", "PARTNERSHIP", "AUTHORITY"):
        if code in row.conditions and code not in row.parameters:
            yield f"parameters.{code}", f"expected one of {', '.join(sorted(PARAMETERS[code]))}"


def _is_for_everything(row: Ground) -> bool:
    everything = all(words == ("*",) for words in (row.provider, row.recipient, row.purpose, row.data))
    return everything and not (row.person_age or row.person_role)


def _is_exception(reference: LegalReference) -> bool:
    if reference.scheme == "eu-gdpr":
        return _EXCEPTION.fullmatch(reference.code) is not None
    return reference.code == _POLICE_EXCEPTION


def _deny_problems(row: Ground) -> Iterator[Problem]:
    for key in ("conditions", "parameters", "names_special", "obligations"):
        if getattr(row, key):
            yield key, "expected nothing: a deny has no conditions and owes nothing"
    if row.except_conditions and row.priority != "specific":
        yield "except_conditions", "expected only on a specific deny"
    if "MIN" in row.except_conditions:
        yield "except_conditions", "expected no MIN, which an adult need not meet"
    if row.priority == "default" and not _is_for_everything(row):
        yield "priority", "expected a default for everybody, everything and every purpose"
    if row.priority == "hard" and "*" in row.data:
        yield "data", "expected the categories that a hard deny removes"


def _overlaps(rows: Iterable[Ground]) -> Iterator[Finding]:
    versions: dict[str, list[Ground]] = defaultdict(list)
    for row in rows:
        versions[row.id].append(row)
    for found in versions.values():
        for earlier, later in pairwise(sorted(found, key=lambda row: row.valid_from)):
            if earlier.valid_until is None or earlier.valid_until >= later.valid_from:
                message = f"expected a day before {later.valid_from}, when {later.file} begins with the same id"
                yield Finding(earlier.file, "valid_until", message)
