"""The shape of every file in policies/: which keys, of which type. What the values refer to is checked in policy_checks."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PlainValidator,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from signaltable.access_rules import AccessChanges
from signaltable.deadline_rules import RegionalPeriod, WarnDays, WarnOf, WorkingDays
from signaltable.escalation_rules import EscalationChanges
from signaltable.opening import Begin, OpenHours
from signaltable.shape import Line, Many, Name, Shape, Some, Words
from signaltable.texts import Text
from signaltable.working_days import Calendar

LAST_NATIONAL = 999


def _tests_value(given: Any) -> str | int | float | tuple[str, ...]:
    if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
        return tuple(given)
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        return given
    raise ValueError("expected a text, a number or a list of texts")


_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"


def _public(given: Any) -> str:
    """An https address of somebody else, without user, port or anything that a browser would read in another way."""
    if isinstance(given, str) and re.fullmatch(rf"(?:https://{_HOST}(?:/[A-Za-z0-9/._~%=&?-]{{0,500}})?)?", given):
        return given
    raise ValueError("expected an address that starts with https:// and a name of a host, or nothing")


def _contact(given: Any) -> str:
    if isinstance(given, str) and re.fullmatch(rf"mailto:[A-Za-z0-9._+-]{{1,64}}@{_HOST}", given):
        return given
    try:
        return _public(given)
    except ValueError:
        raise ValueError("expected mailto: with a mail address, an https address, or nothing") from None


PublicAddress = Annotated[str, PlainValidator(_public)]
SecurityContact = Annotated[str, PlainValidator(_contact)]

TestValue = Annotated[str | int | float | tuple[str, ...], PlainValidator(_tests_value)]


class Region(Shape):
    """Whose set of rules this is, which neutral page one leaves to quickly, and who hears of weak places ("" for none)."""

    id: Name
    name: Words
    leave_to: PublicAddress = ""
    security_contact: SecurityContact = ""


class Capacity(Shape):
    """The task in which a submitter of an agency learned something; grounds depend on it."""

    id: Name
    title: Words


class AgencyKind(Shape):
    """A kind of partner at the table, and the capacities its people act in; by default one, named as the kind."""

    id: Name
    title: Words
    side: Literal["care", "security", "both"]
    capacities: Some[Capacity]

    @model_validator(mode="before")
    @classmethod
    def _one_capacity(cls, given: Any) -> Any:
        if isinstance(given, dict) and "capacities" not in given:
            return {**given, "capacities": [{"id": given.get("id"), "title": given.get("title")}]}
        return given


class Destination(Shape):
    """Where a route can lead. Only a disclosable one, with an agency kind, can receive data of a signal."""

    id: Name
    title: Words
    does: Words
    agency_kind: Name | None = None
    disclosable: bool
    # Why no data go there at all. Without it a destination that no agency stands for is a finding of `policies check`.
    no_data: Words | None = None
    phone: Line | None = None
    hours: Words | None = None
    open: Many[OpenHours] = ()
    checked_on: date

    def is_due(self, on: date) -> bool:
        """Whether the details were checked more than a year before `on` and must be shown as "check first"."""
        return _years_later(self.checked_on, 1) < on


class Purpose(Shape):
    """For what a disclosure is made (norms.md 1.1)."""

    id: Annotated[str, StringConstraints(pattern=r"^P[0-9][a-z]?$")]
    title: Words
    explanation: Words
    # No route for this purpose may be less urgent than this (M1, M2: danger and children do not wait).
    at_latest: Name | None = None


class Role(Shape):
    """A role at an agency and what it may do; a permission reads subject:action:scope."""

    id: Name
    title: Words
    permissions: Some[Annotated[str, StringConstraints(pattern=r"^[a-z]+:[a-z]+:[a-z]+(-[a-z]+)*$")]]


class FactWords(Shape):
    """How a fact and its values read on a screen, and who can answer it."""

    id: Name
    title: Words
    ask: Words
    answered_by: Literal["reporter", "table", "program"] = "reporter"
    values: dict[str, Words] = Field(default_factory=dict)


class Element(Shape):
    """One of the three elements of trafficking."""

    id: Literal["act", "means", "purpose"]
    title: Words


class Code(Shape):
    """An answer in the first-line form. Codes have no order: 3 asks for a further look and is not more than 2."""

    code: Annotated[int, Field(ge=0, le=3)]
    id: Literal["none", "present", "evidence", "more_info"]
    title: Words


class FormRow(Shape):
    """A row of the first-line form (002, annex 1)."""

    id: Name
    element: Literal["act", "means", "purpose"]
    title: Words
    source: Line


class Form(Shape):
    """A form of exploitation; one that is not yet in force can be chosen and is marked."""

    id: Name
    title: Words
    explanation: Words
    in_force: bool
    source: Line


class IndicatorGroup(Shape):
    """A heading above indicators."""

    id: Name
    title: Words


class Indicator(Shape):
    """Something to notice. It feeds a row of the first-line form and never gives a score."""

    id: Name
    group: Name
    form_row: Name
    forms: Some[Name]
    text: Words
    source: Line


class ScaleValue(Shape):
    """One answer on a scale."""

    id: Name
    title: Words


class Scale(Shape):
    """A closed list of answers, such as how something is known. The order is for the screen only."""

    id: Name
    title: Words
    value: Some[ScaleValue]


class Flag(Shape):
    """Something that asks for special attention. Recorded as it is, never counted. `fact` and `value`: the fact it sets."""

    id: Name
    group: Literal["attention", "re-trafficking"]
    title: Words
    explanation: Words
    source: Line
    fact: Name | None = None
    value: Name | None = None


class Guidance(Shape):
    """What a reporter can do or ask when something is missing. Shown while one of `facts` is not known."""

    id: Name
    title: Words
    facts: Some[Name]
    advice: Words
    ask: Many[Words] = ()
    source: Line


class Need(Shape):
    """A need that a contact can help with."""

    id: Name
    title: Words


class Contact(Shape):
    """A help line or organisation to hand out. Numbers age: see `is_due`."""

    id: Name
    title: Words
    needs: Some[Name]
    does: Words
    phone: Line | None = None
    hours: Words | None = None
    open: Many[OpenHours] = ()
    website: Line | None = None
    checked_on: date
    source: Line

    def is_due(self, on: date) -> bool:
        """Whether the details were checked more than a year before `on` and must be shown as "check first"."""
        return _years_later(self.checked_on, 1) < on


class Urgency(Shape):
    """How soon a route has to be followed. `order` 1 comes first; no working days means the same day."""

    id: Name
    order: Annotated[int, Field(ge=1)]
    title: Words
    working_days: Annotated[int, Field(ge=0, le=365)] = 0
    region_decides: bool
    _calendar: Calendar = PrivateAttr(default=Calendar())

    def due(self, start: date) -> date:
        """The last day to follow a route advised on `start`."""
        return self._calendar.later(start, self.working_days)

    def counted_by(self, calendar: Calendar) -> "Urgency":
        """The same, with the working days of this calendar."""
        made = self.model_copy()
        made._calendar = calendar  # noqa: SLF001 -- of the same class
        return made


class Retention(Shape):
    """How long a class of data is kept, counted from an event; either days or years."""

    id: Name
    title: Words
    days: Annotated[int, Field(ge=1, le=36_525)] | None = None
    years: Annotated[int, Field(ge=1, le=100)] | None = None
    counts_from: Words
    region_decides: bool
    source: Line
    # So many days before the end its owner is told; and with how many days it can be kept longer, and how often.
    warn: Annotated[int, Field(ge=1, le=365)] | None = None
    extend_days: Annotated[int, Field(ge=1, le=730)] | None = None
    extend_times: Annotated[int, Field(ge=1, le=10)] | None = None

    @model_validator(mode="after")
    def _one_period(self) -> "Retention":
        if (self.days is None) == (self.years is None):
            raise ValueError("expected either days or years")
        if (self.extend_days is None) != (self.extend_times is None):
            raise ValueError("expected extend_days and extend_times together")
        if self.extend_days and not self.region_decides:
            raise ValueError("expected no extend_days: the law fixes this period")
        if self.extend_days and not self.warn:
            raise ValueError("expected warn beside extend_days: only who hears of the end can keep it longer")
        if self.warn and self.days and self.warn >= self.days:
            raise ValueError("expected warn to be fewer days than days")
        return self

    def ends(self, start: date) -> date:
        """The first day on which data may no longer be kept, when the period starts on `start`."""
        return _years_later(start, self.years) if self.years else start + timedelta(days=self.days or 0)


class Hours(Shape):
    """When agencies usually work, in Dutch time: from the first hour up to the second, on these days of the week.

    `holidays` are month and day, `easter` days after Easter Sunday; agencies of a kind in `day_and_night` always work.
    """

    from_hour: Annotated[int, Field(ge=0, le=23, alias="from")]
    until: Annotated[int, Field(ge=1, le=24)]
    days: Some[Annotated[int, Field(ge=1, le=7)]]
    day_and_night: Many[Name]
    holidays: Many[Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]]
    easter: Many[Annotated[int, Field(ge=-60, le=60)]]

    @model_validator(mode="after")
    def _forward(self) -> "Hours":
        if self.until <= self.from_hour:
            raise ValueError("expected until to be later than from")
        return self


class MisuseRule(Shape):
    """From when on a pattern in the log raises a question, and which; what is looked for stands in the program."""

    id: Name
    title: Words
    question: Words
    why: Words
    at_least: Annotated[int, Field(ge=1)]
    around_days: Annotated[int, Field(ge=0, le=365)] = 14
    times: Annotated[int, Field(ge=2)] = 4
    colleagues: Annotated[int, Field(ge=1)] = 2
    within_seconds: Annotated[int, Field(ge=1)] = 60
    within_hours: Annotated[int, Field(ge=1)] = 24
    source: Line


class Budget(Shape):
    """How often one account, and all accounts of one agency together, may ask something on one day."""

    id: Name
    title: Words
    person: Annotated[int, Field(ge=1)]
    agency: Annotated[int, Field(ge=1)]
    lines: Annotated[int, Field(ge=1, le=100_000)] = 5000
    source: Line

    @model_validator(mode="after")
    def _fits(self) -> "Budget":
        if self.agency < self.person:
            raise ValueError("expected agency to be as large as person or larger")
        return self


class SafetyAnswer(Shape):
    """An answer to a question of the safety check, and the decisions that can then not be taken."""

    id: Name
    title: Words
    blocks: Many[Literal["hand_over", "partly", "postpone", "refuse"]]


class SafetyQuestion(Shape):
    """What is asked before a report about a person may leave."""

    id: Name
    title: Words
    why: Words
    source: Line
    answer: Some[SafetyAnswer]

    @model_validator(mode="after")
    def _one_of_each(self) -> "SafetyQuestion":
        if len({answer.id for answer in self.answer}) != len(self.answer):
            raise ValueError("expected each answer once")
        return self


class SafetyException(Shape):
    """On what it rests that somebody does not get everything."""

    id: Name
    title: Words


class ErasureAnswer(Shape):
    """An answer to a question before a person is erased on request, and whether erasing has to wait then."""

    id: Name
    title: Words
    blocks: bool


class ErasureQuestion(Shape):
    """What is asked before a person is erased on request (GDPR art. 17)."""

    id: Name
    title: Words
    why: Words
    source: Line
    answer: Some[ErasureAnswer]


class FactTest(Shape):
    """One question about one fact, with a closed set of ways to ask it."""

    fact: Name
    op: Literal["equals", "one_of", "has", "has_any", "below", "at_least"]
    value: TestValue


Alternatives = Many[Some[FactTest]]


class DerivedFact(Shape):
    """A fact that follows from others: "yes" when one alternative of `when` holds and none of `unless`."""

    id: Name
    title: Words
    when: Some[Some[FactTest]]
    unless: Alternatives = ()


class Target(Shape):
    """One destination of a route with its purpose; `when` empty means always."""

    destination: Name
    purpose: str
    when: Alternatives = ()


class Meldroute(Shape):
    """One rule of the meldroutekaart. It is valid from the first up to and including the last day named.

    `excludes` names rules that must never hold for the same facts; `signaltable policies check` proves it.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[MR][1-9][0-9]{0,2}$")]
    title: Words
    valid_from: date
    valid_until: date | None = None
    urgency: Name
    source: Line
    summary_en: Line
    reason: Words
    when: Some[Some[FactTest]]
    unless: Alternatives = ()
    excludes: Many[Line] = ()
    to: Some[Target]
    reviewed_by: Line | None = None
    reviewed_on: date | None = None

    @field_validator("valid_until")
    @classmethod
    def _ends_after_start(cls, last: date | None, read: ValidationInfo) -> date | None:
        if last and "valid_from" in read.data and last < read.data["valid_from"]:
            raise ValueError("expected a day on or after valid_from")
        return last

    @model_validator(mode="after")
    def _reviewed_whole(self) -> "Meldroute":
        if (self.reviewed_by is None) != (self.reviewed_on is None):
            raise ValueError("expected reviewed_by and reviewed_on together or neither")
        return self

    @property
    def number(self) -> int:
        """The number by which routes of one urgency are sorted: those of the national card (M) before a region's own (R)."""
        return int(self.id[1:]) + (LAST_NATIONAL if self.id.startswith("R") else 0)

    def is_valid(self, on: date) -> bool:
        """Whether the rule counts on this day."""
        return self.valid_from <= on and (self.valid_until is None or on <= self.valid_until)


class Example(Shape):
    """Facts, in words and as they are given, on which a rule holds (`to`: the destinations it then names) or does not.

    `on`: the day whose rules count; without it any day on which the newest version counts.
    """

    say: Line
    facts: dict[str, Any]
    to: Many[Name] = ()
    on: date | None = None


class Examples(Shape):
    """The examples beside one meldroute."""

    hit: Many[Example] = ()
    near_miss: Many[Example] = ()


def _years_later(start: date, years: int) -> date:
    try:
        return start.replace(year=start.year + years)
    except ValueError:  # 29 February in a year that has none
        return date(start.year + years, 3, 1)


class AgendaRuleChange(Shape):
    """What a region changes about a rule of agenda.toml; weight 0 takes the rule out."""

    weight: Annotated[int, Field(ge=0, le=100_000)] | None = None
    days: Annotated[int, Field(ge=0, le=3650)] | None = None


class AgendaChanges(Shape):
    """What a region changes about agenda.toml; `rule` is by id."""

    minutes_per_case: Annotated[int, Field(ge=1, le=240)] | None = None
    meeting_minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    rule: dict[str, AgendaRuleChange] = Field(default_factory=dict)


class RegionFile(Shape):
    """region.toml: whose rules these are, and what the region says on top of the national card (signaltable.region).

    `urgency` is by id of a meldroute; `hours`, `open`, `phone` and `checked_on` are by id of a destination, `deadline` by
    id of a deadline, `daily` by name of a job.
    """

    off: Many[Line] = ()
    region: Region
    urgency: dict[str, Name] = Field(default_factory=dict)
    hours: dict[str, Words] = Field(default_factory=dict)
    phone: dict[str, Line] = Field(default_factory=dict)
    checked_on: dict[str, date] = Field(default_factory=dict)
    agenda: AgendaChanges | None = None
    open: dict[str, Some[OpenHours]] = Field(default_factory=dict)
    deadline: dict[str, RegionalPeriod] = Field(default_factory=dict)
    working_days: WorkingDays | None = None
    daily: dict[Name, Begin] = Field(default_factory=dict)
    escalation: EscalationChanges | None = None
    warn: dict[WarnOf, WarnDays] = Field(default_factory=dict)
    access: AccessChanges | None = None

    @model_validator(mode="before")
    @classmethod
    def _off_stands_first(cls, given: Any) -> Any:
        # In TOML a key belongs to the table above it, so one that is written last lands in the wrong place.
        tables = given.items() if isinstance(given, dict) else ()
        misplaced = [name for name, table in tables if isinstance(table, dict) and "off" in table]
        if misplaced:
            raise ValueError(f"expected off at the top of the file, found it under [{misplaced[0]}]")
        return given


class AgencyKindsFile(Shape):
    """agency_kinds.toml."""

    kind: Some[AgencyKind]


class DestinationsFile(Shape):
    """destinations.toml."""

    destination: Some[Destination]


class PurposesFile(Shape):
    """purposes.toml."""

    purpose: Some[Purpose]


class RolesFile(Shape):
    """roles.toml."""

    role: Some[Role]


class FactsFile(Shape):
    """facts.toml: words for the facts, and the sentences around a question (`{routes}` stands for titles of routes)."""

    leads_to: Words
    cancels: Words
    more: Words
    labels: dict[str, Words]
    fact: Some[FactWords]


class FormRowsFile(Shape):
    """form_rows.toml."""

    element: Some[Element]
    code: Some[Code]
    row: Some[FormRow]


class FormsFile(Shape):
    """forms.toml."""

    form: Some[Form]


class IndicatorsFile(Shape):
    """indicators.toml."""

    group: Some[IndicatorGroup]
    indicator: Some[Indicator]


class ScalesFile(Shape):
    """scales.toml."""

    scale: Some[Scale]


class FlagsFile(Shape):
    """flags.toml."""

    flag: Some[Flag]


class GuidanceFile(Shape):
    """guidance.toml."""

    guidance: Some[Guidance]


class ContactsFile(Shape):
    """contacts.toml."""

    need: Some[Need]
    contact: Some[Contact]


class UrgenciesFile(Shape):
    """urgencies.toml."""

    urgency: Some[Urgency]


class RetentionFile(Shape):
    """retention.toml."""

    retention: Some[Retention]


class MisuseFile(Shape):
    """misuse.toml."""

    hours: Hours
    misuse: Some[MisuseRule]


class RecusalKind(Shape):
    """What kind of interest somebody has in a case."""

    id: Name
    title: Words


class RecusalsFile(Shape):
    """recusals.toml: the kinds of interest, and the permissions of which a case needs somebody who still holds them."""

    needed: Many[Line]
    kind: Some[RecusalKind]

    def title(self, kind: str) -> Text | None:
        """The words of a kind; None when the list no longer has it."""
        return next((one.title for one in self.kind if one.id == kind), None)


class BudgetsFile(Shape):
    """budgets.toml."""

    budget: Some[Budget]


class SafetyCheckFile(Shape):
    """safety_check.toml."""

    answer_days: Annotated[int, Field(ge=1)]
    available_days: Annotated[int, Field(ge=1)]
    postpone_days: Annotated[int, Field(ge=1)]
    question: Some[SafetyQuestion]
    exception: Some[SafetyException]
    erasure_question: Some[ErasureQuestion]
    erasure_ground: Some[SafetyException]
    erasure_exception: Some[SafetyException]


class DerivedFile(Shape):
    """derived.toml: a derived fact may use those above it in the file."""

    derived: Some[DerivedFact]
