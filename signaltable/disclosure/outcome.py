"""The answers: an offer before any evidence, a permit with what is owed after it, a refusal with what to do instead."""

from dataclasses import dataclass
from datetime import datetime

from signaltable.evidence import Met, NotMet
from signaltable.grounds import Ground, LegalReference
from signaltable.texts import Text

Withheld = tuple[tuple[str, Text], ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A ground that could carry the request once its conditions are met, and what it would let through."""

    ground: Ground
    fields: tuple[str, ...]
    withheld: Withheld
    conditions: tuple[str, ...]
    usable: bool
    why_not: Text | None


@dataclass(frozen=True, slots=True)
class Duty:
    """What is still owed after a disclosure. `due_at` is None when it has to be done at once or lives with the case."""

    kind: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Permit:
    """Exactly these fields may go, on this ground, because of this evidence."""

    ground: Ground
    ground_digest: str
    fields: tuple[str, ...]
    withheld: Withheld
    conditions_met: tuple[Met, ...]
    obligations: tuple[Duty, ...]
    legal_basis: tuple[LegalReference, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not: a code that page, log and test share, words, and the row it comes from (may be empty)."""

    code: str
    text: Text
    row: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What the person can do instead."""

    code: str
    text: Text


@dataclass(frozen=True, slots=True)
class Refused:
    """No. `missing` belongs to the row that came nearest, `near` names the rows that nearly fit.

    `row` is the deny that decides: the first in the order of the law that speaks about what was asked, else the default.
    """

    reasons: tuple[Reason, ...]
    missing: tuple[NotMet, ...] = ()
    near: tuple[str, ...] = ()
    instead: tuple[Advice, ...] = ()
    row: str = ""
