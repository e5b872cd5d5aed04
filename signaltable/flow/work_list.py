"""The work list of one person: what is asked of them, by when, and nothing that is not theirs.

Each part of the program offers `work(tx)` and stands in `SOURCES` with the permission that its work needs. A person
who is kept from a case by a conflict of interest does not see here that there is anything to do in it.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from signaltable.access import Allowed, Permission, may
from signaltable.flow import (
    advised,
    approvals,
    drafts,
    duty_lists,
    enrich,
    exclusions,
    incidents,
    keeping,
    referral_work,
    referrals,
    reflection,
    subject_erasures,
    subject_reports,
    text_checks,
    triage,
)
from signaltable.flow.escalations import listing as stuck
from signaltable.flow.identity_requests import lists as identity_lists
from signaltable.flow.linking import pages as links
from signaltable.flow.naming import subject_name
from signaltable.flow.rights import looking_back, reviews
from signaltable.flow.table import attending, minutes_work, task_lists
from signaltable.flow.work import MOST, WorkItem
from signaltable.queries import PAGE
from signaltable.queries import mine as kept_from_me
from signaltable.transaction import Transaction

Work = Callable[[Transaction], Iterable[WorkItem]]


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of work: who can have it (any one of the permissions), and what gives it."""

    kind: str
    work: Work
    permissions: tuple[Permission, ...]


def _source(kind: str, work: Work, *permissions: Permission) -> Source:
    return Source(kind, work, permissions)


SOURCES: Final[tuple[Source, ...]] = (
    _source("incidents", incidents.work, Permission.INCIDENT_SETTLE_ALL),
    _source("emergencies", looking_back.work, Permission.EMERGENCY_REVIEW_ALL),
    _source("rights-review", reviews.work_of_officer, Permission.RIGHTS_SIGN_OWN),
    _source("rights-settling", reviews.work_of_administrator, Permission.ACCOUNT_CHANGE_ALL),
    _source("drafts", drafts.work, Permission.SIGNAL_SUBMIT_OWN),
    _source("texts", text_checks.work, Permission.SIGNAL_SUBMIT_OWN),
    _source("links", links.work, Permission.LINK_DECIDE_OWN),
    _source("referrals", advised.work, Permission.SIGNAL_DISCLOSE_OWN),
    _source("questions", enrich.work, Permission.ENRICH_ANSWER_ASKED),
    _source("answers", enrich.work_of_coordinator, Permission.ENRICH_ASK_OWN_TABLE),
    _source("inbox", referrals.work, Permission.REFERRAL_RECEIVE_OWN),
    _source("feedback", referral_work.feedback, Permission.REFERRAL_RECEIVE_OWN),
    _source("returned", referral_work.returned, Permission.SIGNAL_DISCLOSE_OWN),
    _source("recalls", referral_work.recalls, Permission.SIGNAL_DISCLOSE_OWN),
    _source("further-returned", referral_work.further_returned, Permission.REFERRAL_TRANSFER_OWN),
    _source("further-recalls", referral_work.further_recalls, Permission.REFERRAL_TRANSFER_OWN),
    _source("approvals", approvals.work, Permission.DISCLOSURE_APPROVE_OTHER),
    _source("duties", duty_lists.work, Permission.DUTY_FULFIL_OWN, Permission.DISCLOSURE_APPROVE_OTHER),
    _source("reports", subject_reports.work, Permission.REPORT_DECIDE_OWN),
    _source("identities", identity_lists.work, Permission.IDENTITY_DECIDE_OWN),
    _source("looks", identity_lists.work_of_asker, Permission.IDENTITY_REQUEST_TABLED),
    _source("erasures", subject_erasures.work, Permission.ERASURE_DECIDE_OWN),
    _source("exclusions", exclusions.work, Permission.EXCLUSION_CHANGE_OWN),
    _source("reflection", reflection.work, Permission.REFLECTION_RECORD_OWN),
    _source("keeping", keeping.work, Permission.RETENTION_POSTPONE_OWN),
    _source("stuck", stuck.work, Permission.ESCALATION_SETTLE_OWN_TABLE),
    _source("meetings", attending.work, Permission.TABLE_CONSULT_OWN_TABLE),
    _source("tasks", task_lists.work, Permission.TASK_SETTLE_OWN),
    _source("closing", minutes_work.to_close, Permission.TABLE_MINUTE_OWN_TABLE),
    _source("minutes", minutes_work.to_share, Permission.TABLE_MINUTE_OWN_TABLE),
    _source("approving", minutes_work.to_approve, Permission.TABLE_MINUTE_OWN_TABLE),
    _source("triage", triage.work, Permission.SIGNAL_TRIAGE_OWN_TABLE),
)


@dataclass(frozen=True, slots=True)
class WorkLine:
    """One thing on the list, and whether its day is over or is today."""

    item: WorkItem
    overdue: bool
    today: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """One kind of work with how much of it waits; `more` when there is more than the list holds."""

    kind: str
    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class WorkPage:
    """A page of the list, the numbers of all kinds that this person can have, and where this page lies among how many."""

    lines: tuple[WorkLine, ...]
    kinds: tuple[Waiting, ...]
    number: int
    pages: int


def mine(tx: Transaction) -> tuple[WorkItem, ...]:
    """All that is asked of the actor: what is late first, then by day, the urgent before the rest, then the oldest.

    What is urgent and has no day counts as due today; what has no day and is not urgent comes last.
    """
    hidden = kept_from_me(tx)
    found = [one for source in SOURCES if _has(tx, source) for one in source.work(tx) if not hidden & set(one.about)]
    return tuple(sorted(found, key=lambda one: place(one, tx.today)))


def page(tx: Transaction, number: int = 1) -> WorkPage:
    """One page of the list; that it was looked at is recorded. A number beyond the last gives the last page."""
    found = mine(tx)
    pages = max(1, -(-len(found) // PAGE))
    number = min(max(number, 1), pages)
    shown = [_named(tx, one) for one in found[(number - 1) * PAGE : number * PAGE]]
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "overview", "count": len(shown)},
        signals=sorted({signal for one in shown for signal in one.about}),
    )
    return WorkPage(tuple(_line(one, tx.today) for one in shown), _counts(tx, found), number, pages)


def _named(tx: Transaction, one: WorkItem) -> WorkItem:
    return replace(one, thing=subject_name(tx, tx.actor.agency_id, one.subject)) if one.subject else one


def waiting(tx: Transaction) -> tuple[Waiting, ...]:
    """How much of each kind waits for the actor, also of those of which nothing does; not recorded."""
    return _counts(tx, mine(tx))


def _counts(tx: Transaction, found: Iterable[WorkItem]) -> tuple[Waiting, ...]:
    numbers = Counter(one.kind for one in found)
    return tuple(
        Waiting(source.kind, numbers[source.kind], numbers[source.kind] >= MOST)
        for source in SOURCES
        if _has(tx, source)
    )


def _has(tx: Transaction, source: Source) -> bool:
    return any(isinstance(may(tx.actor, one), Allowed) for one in source.permissions)


def place(one: WorkItem, today: date) -> tuple[date, bool, float, str, str]:
    """By what the list is sorted."""
    day = one.due_on or (today if one.urgent else date.max)
    return day, not one.urgent, one.since.timestamp(), one.kind, one.key


def _line(one: WorkItem, today: date) -> WorkLine:
    return WorkLine(one, one.due_on is not None and one.due_on < today, one.due_on == today)
