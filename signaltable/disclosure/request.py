"""The question: may these fields go to one other, for one purpose, about one person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from signaltable.evidence import Met, NotMet


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the data are about: age (minor, adult, doubt, unknown) and role in the words of a ground, or unknown."""

    age: str
    role: str

    @property
    def counts_as(self) -> str:
        """In doubt about minority somebody is treated as a minor (002:324-328)."""
        return "minor" if self.age == "doubt" else self.age


@dataclass(frozen=True, slots=True)
class Request:
    """One provider, one recipient, one purpose, about one person.

    `provider_capacity` is the task in which the data were learned; the kind itself when nobody said which. `fields` maps
    the fields that hold a value to their categories (`FieldSet.categories_of`). `conditions` holds the evidence per code.
    `on` is the day whose rules count, `now` the moment with its time zone. `demo` lets unreviewed grounds count.
    """

    provider_capacity: str
    provider_kind: str
    recipient_kind: str
    recipient_agency: str
    purpose: str
    person: Person
    fields: Mapping[str, frozenset[str]]
    on: date
    now: datetime
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    demo: bool = False
    # How evidence was judged before, per row and code; stands for `conditions` when a recorded decision is replayed.
    judged: Mapping[str, Mapping[str, Met | NotMet]] | None = None
