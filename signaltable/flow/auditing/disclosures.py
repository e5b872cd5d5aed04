"""All disclosures under filters, as the auditor sees them: from whom to whom, for what, on which ground; no content."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, func, select

from signaltable.access import Permission, require
from signaltable.flow import policy_versions
from signaltable.flow.auditing.filters import MOST_COUNTED
from signaltable.flow.duty_kinds import REVIEW
from signaltable.models import Disclosure, Duty, LogCheckpoint, LogEntry
from signaltable.queries import PageKey, agency_titles, newest_first
from signaltable.transaction import Transaction, in_whole

# What one may pick out beside the columns: a ground that no lawyer had signed when it was used, an emergency (a ground
# that asks for a look back afterwards), no receipt yet (no signed state of the log covers the disclosure), passed on of
# another disclosure, and taken back.
MARKS: Final = ("unreviewed", "emergency", "without_receipt", "passed_on", "revoked")


@dataclass(frozen=True, slots=True)
class DisclosureFilters:
    """Which disclosures; an empty value does not count. `until` is the first moment left out, `mark` one of MARKS."""

    since: datetime | None = None
    until: datetime | None = None
    provider: str = ""
    receiver: str = ""
    ground: str = ""
    purpose: str = ""
    state: str = ""
    mark: str = ""

    @property
    def used(self) -> list[str]:
        """The names of the filters in use."""
        return [one.name for one in fields(self) if getattr(self, one.name)]

    def without(self, name: str) -> "DisclosureFilters":
        """The same without one filter."""
        empty: dict[str, Any] = {name: None if name in {"since", "until"} else ""}
        return replace(self, **empty)


@dataclass(frozen=True, slots=True)
class DisclosureLine:
    """A disclosure as the auditor sees it in the list. `marks` are those of MARKS that hold."""

    reference: str
    provider: str
    recipient: str
    destination: str
    purpose: str
    ground: str
    state: str
    requested_at: datetime
    disclosed_at: datetime | None
    id: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DisclosurePage:
    """A page of disclosures with the key of the next page or None, and how many there are (`more`: than were counted)."""

    lines: tuple[DisclosureLine, ...]
    following: PageKey | None
    count: int
    more: bool


@in_whole("the auditor looks at every disclosure, without content")
def disclosures(
    tx: Transaction, filters: DisclosureFilters | None = None, after: PageKey | None = None
) -> DisclosurePage:
    """The disclosures that the filters leave, newest first, a page at a time. No content. Records that they were listed."""
    require(tx.actor, Permission.DISCLOSURE_AUDIT_ALL)
    wanted = filters or DisclosureFilters()
    reviewed = policy_versions.reviewed_grounds(tx.session)
    conditions = list(_conditions(tx, wanted, reviewed))
    shown, following = newest_first(
        tx, select(Disclosure).where(*conditions), Disclosure.requested_at, Disclosure.id, after
    )
    some = select(Disclosure.id).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    counted = tx.lists.scalar(select(func.count()).select_from(some)) or 0
    details: dict[str, Any] = {"view": "disclosures", "count": len(shown)}
    tx.record("log:consult", object_type="log", details=details | ({"filters": wanted.used} if wanted.used else {}))
    lines = _lines(tx, shown, reviewed)
    return DisclosurePage(lines, following, min(counted, MOST_COUNTED), counted > MOST_COUNTED)


def marked(tx: Transaction, mark: str) -> list[ColumnElement[bool]]:
    """The conditions that one of MARKS stands for."""
    return list(_conditions(tx, DisclosureFilters(mark=mark), policy_versions.reviewed_grounds(tx.session)))


def _lines(tx: Transaction, rows: list[Disclosure], reviewed: frozenset[str]) -> tuple[DisclosureLine, ...]:
    titles, ids = agency_titles(tx), [row.id for row in rows]
    emergencies = set(tx.lists.scalars(select(Disclosure.id).where(Disclosure.id.in_(ids), _is_emergency())))
    bare = set(tx.lists.scalars(select(Disclosure.id).where(Disclosure.id.in_(ids), *_without_receipt(tx))))
    return tuple(
        DisclosureLine(
            reference=row.reference,
            provider=titles.get(row.provider_agency, ""),
            recipient=titles.get(row.recipient_agency, ""),
            destination=row.destination,
            purpose=row.purpose,
            ground=row.ground,
            state=row.state,
            requested_at=row.requested_at,
            disclosed_at=row.disclosed_at,
            id=row.id,
            marks=tuple(
                mark
                for mark, holds in zip(
                    MARKS,
                    (
                        row.ground_digest not in reviewed,
                        row.id in emergencies,
                        row.id in bare,
                        row.parent_id is not None,
                        row.revoked_at is not None,
                    ),
                    strict=True,
                )
                if holds
            ),
        )
        for row in rows
    )


def _conditions(tx: Transaction, filters: DisclosureFilters, reviewed: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    if filters.since:
        yield Disclosure.requested_at >= filters.since
    if filters.until:
        yield Disclosure.requested_at < filters.until
    for column, value in (
        (Disclosure.provider_agency, filters.provider),
        (Disclosure.recipient_agency, filters.receiver),
        (Disclosure.ground, filters.ground),
        (Disclosure.purpose, filters.purpose),
        (Disclosure.state, filters.state),
    ):
        if value:
            yield column == value
    if filters.mark == "unreviewed":
        yield Disclosure.ground_digest.not_in(sorted(reviewed))
    elif filters.mark == "emergency":
        yield _is_emergency()
    elif filters.mark == "without_receipt":
        yield from _without_receipt(tx)
    elif filters.mark == "passed_on":
        yield Disclosure.parent_id.is_not(None)
    elif filters.mark == "revoked":
        yield Disclosure.revoked_at.is_not(None)


def _is_emergency() -> ColumnElement[bool]:
    return exists().where(Duty.disclosure_id == Disclosure.id, Duty.kind == REVIEW)


def _without_receipt(tx: Transaction) -> Iterator[ColumnElement[bool]]:
    covered = tx.session.scalar(select(func.max(LogCheckpoint.size))) or 0
    yield Disclosure.disclosed_at.is_not(None)
    yield ~exists().where(
        LogEntry.object == Disclosure.reference, LogEntry.action == "signal:disclose", LogEntry.seq < covered
    )
