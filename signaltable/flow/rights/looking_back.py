"""Looking back on access in acute danger, within a day by the clock: what was opened, what was read, was it right?

By a privacy officer who is somebody else, also when roles changed since. "Not right" ends the access where it still runs and
opens an incident; so does it when nobody looks back in time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select

from audit.findings import Finding
from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import Conflict, NotFound, Refused, Resource, UnusableInput, day_of
from signaltable.flow import incidents, mailing
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.rights import emergencies, opening
from signaltable.flow.rights.emergencies import JUSTIFIED, NOT_JUSTIFIED, OBJECT, REASON, REVIEW, VERDICTS
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import Account, EmergencyAccess, LogEntry, LogTerm, Signal
from signaltable.queries import PageKey, agency_titles, kept_from_signal, newest_first, not_kept_from, resource_of
from signaltable.transaction import Transaction, in_whole

WORDS_LIMIT: Final = 1000
# So many lines of the log stand on the page; what comes after them is counted.
MOST_READS: Final = 100
NO_VERDICT: Final = "expected one of the verdicts"
STILL_RUNS: Final = "expected an access that is over"
TOO_SHORT: Final = opening.TOO_SHORT
# What an incident is called (web/incident_words.py); its place is PLACE and the id of the access.
UNREVIEWED, WRONG = "emergency-unreviewed", "emergency-not-justified"
PLACE: Final = incidents.OF_EMERGENCY


@dataclass(frozen=True, slots=True)
class AccessLine:
    """One access in acute danger, as privacy officers and the auditor see it in a list."""

    id: str
    reference: str
    person: str
    agency: str
    owner: str
    danger: str
    opened_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    review_due_at: datetime
    reviewed_at: datetime | None
    reviewed_by: str
    verdict: str
    late: bool
    own: bool
    own_agency: bool


@dataclass(frozen=True, slots=True)
class Read:
    """One thing that the person did with the case while it was open, as it stands in the log."""

    seq: int
    at: datetime
    action: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AccessPage:
    """One access to look back on. The words are "" for who may not read them."""

    line: AccessLine
    reason: str
    words: str
    reads: tuple[Read, ...]
    more_reads: int
    may_review: bool
    runs: bool


# -- looking ------------------------------------------------------------------------------------------------------


@in_whole("privacy officers of every agency look back, and owners hear of it")
def listing(tx: Transaction, after: PageKey | None = None) -> tuple[list[AccessLine], list[AccessLine], PageKey | None]:
    """All that still have to be looked back on, the most pressing first, and a page of the others, newest first; recorded."""
    require(tx.actor, Permission.EMERGENCY_CONSULT_ALL)
    seen = not_kept_from(tx, EmergencyAccess.signal_id)
    query = select(EmergencyAccess).where(seen)
    due = EmergencyAccess.review_due_at, EmergencyAccess.id
    waiting = tx.session.scalars(query.where(_waits()).order_by(*due).limit(MOST)).all()
    done, following = newest_first(tx, query.where(~_waits()), EmergencyAccess.opened_at, EmergencyAccess.id, after)
    lines = _lines(tx, [*waiting, *done])
    tx.record("emergency:consult", object_type=OBJECT, details={"view": "emergencies", "count": len(lines)})
    return lines[: len(waiting)], lines[len(waiting) :], following


@in_whole("privacy officers of every agency look back, and owners hear of it")
def consult(tx: Transaction, access_id: str) -> AccessPage:
    """One access with what was read by it. Raises `NotFound`, `Refused` (conflict_of_interest); recorded."""
    row, signal = _row(tx, access_id)
    require(tx.actor, Permission.EMERGENCY_CONSULT_ALL, _resource(tx, row, signal))
    reads, more = _reads(tx, row, signal)
    reviews = isinstance(may(tx.actor, Permission.EMERGENCY_REVIEW_ALL), Allowed)
    own = row.account_id == tx.actor.account_id
    tx.record(
        "emergency:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"view": "emergency_review", "signal": signal.reference, "count": len(reads)},
    )
    return AccessPage(
        line=_lines(tx, [row])[0],
        reason=emergencies.words(tx, row, REASON) if reviews or own else "",
        words=emergencies.words(tx, row, REVIEW) if reviews or own else "",
        reads=reads,
        more_reads=more,
        may_review=reviews and not own and row.reviewed_at is None,
        runs=emergencies.runs(row, tx.now),
    )


@in_whole("privacy officers of every agency look back, and owners hear of it")
def notice(tx: Transaction, access_id: str) -> AccessPage:
    """That somebody opened a case, for who owns it and who leads its table: who, when, why. Raises `NotFound`, `Refused`."""
    row, signal = _row(tx, access_id)
    resource = resource_of(tx, signal)
    if not isinstance(may(tx.actor, Permission.SIGNAL_CONSULT_OWN, resource), Allowed):
        require(tx.actor, Permission.SIGNAL_TRIAGE_OWN_TABLE, resource)
    details = {"view": "emergency_notice", "signal": signal.reference}
    tx.record("emergency:consult", object_type="signal", object_id=signal.reference, details=details)
    line, reason = _lines(tx, [row])[0], emergencies.words(tx, row, REASON)
    return AccessPage(line, reason, "", (), 0, may_review=False, runs=emergencies.runs(row, tx.now))


def _waits() -> ColumnElement[bool]:
    return EmergencyAccess.reviewed_at.is_(None)


def _row(tx: Transaction, access_id: str, *, locked: bool = False) -> tuple[EmergencyAccess, Signal]:
    row = tx.session.get(EmergencyAccess, access_id, with_for_update=locked or None)
    if row is None:
        raise NotFound("no such access")
    return row, emergencies.signal_of(tx, row)


def _resource(tx: Transaction, row: EmergencyAccess, signal: Signal) -> Resource:
    return Resource(
        OBJECT,
        row.id,
        owner_agency=signal.owner_agency,
        requester=row.account_id,
        kept_from=kept_from_signal(tx, signal.id),
    )


def _reads(tx: Transaction, row: EmergencyAccess, signal: Signal) -> tuple[tuple[Read, ...], int]:
    """What this person did with this case while it was open; the looks back at it are no part of that."""
    until = row.ended_at or row.ends_at
    began = select(func.min(LogEntry.seq)).where(
        LogEntry.action == "emergency:open",
        LogEntry.object == signal.reference,
        LogEntry.actor == row.account_id,
        LogEntry.recorded_at >= row.opened_at,
    )
    query = (
        select(LogEntry)
        .join(LogTerm, LogTerm.seq == LogEntry.seq)
        .where(
            LogTerm.name == "signal",
            LogTerm.value == signal.reference,
            LogEntry.actor == row.account_id,
            LogEntry.seq >= began.scalar_subquery(),
            # The clock of the log is read when it is written, a moment after that of the step.
            LogEntry.recorded_at <= until + timedelta(minutes=1),
        )
    )
    total = tx.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = tx.session.scalars(query.order_by(LogEntry.seq).limit(MOST_READS)).all()
    return tuple(Read(one.seq, one.recorded_at, one.action, one.outcome) for one in rows), max(0, total - MOST_READS)


def _lines(tx: Transaction, rows: Sequence[EmergencyAccess]) -> list[AccessLine]:
    people = _people(tx, rows)
    titles = agency_titles(tx)
    query = select(Signal.id, Signal.reference, Signal.owner_agency)
    query = query.where(Signal.id.in_(sorted({row.signal_id for row in rows})))
    signals = {one.id: one for one in tx.session.execute(query)}
    return [
        AccessLine(
            id=row.id,
            reference=signals[row.signal_id].reference,
            person=people.get(row.account_id, ""),
            agency=titles.get(row.agency_id, ""),
            owner=titles.get(signals[row.signal_id].owner_agency, ""),
            danger=row.danger,
            opened_at=row.opened_at,
            ends_at=row.ends_at,
            ended_at=row.ended_at or (row.ends_at if row.ends_at <= tx.now else None),
            review_due_at=row.review_due_at,
            reviewed_at=row.reviewed_at,
            reviewed_by=people.get(row.reviewed_by, ""),
            verdict=row.verdict,
            late=(row.reviewed_at or tx.now) >= row.review_due_at,
            own=row.account_id == tx.actor.account_id,
            own_agency=row.agency_id == tx.actor.agency_id,
        )
        for row in rows
        if row.signal_id in signals
    ]


def _people(tx: Transaction, rows: Sequence[EmergencyAccess]) -> Mapping[str, str]:
    wanted = sorted({one for row in rows for one in (row.account_id, row.reviewed_by) if one})
    return {
        row.id: row.name for row in tx.session.execute(select(Account.id, Account.name).where(Account.id.in_(wanted)))
    }


# -- judging ------------------------------------------------------------------------------------------------------


@in_whole("privacy officers of every agency look back, and owners hear of it")
def review(tx: Transaction, access_id: str, verdict: str, text: str) -> None:
    """Say whether it was right, and why. The caller asked who it is (step-up).

    Raises `Refused` (own_request, also when roles changed since; conflict_of_interest), `Conflict` (reviewed: somebody was
    first), `NotFound`, and `UnusableInput` (verdict: none, or that it was right while it still runs; words).
    """
    require(tx.actor, Permission.EMERGENCY_REVIEW_ALL)
    row, signal = _row(tx, access_id, locked=True)
    require(tx.actor, Permission.EMERGENCY_REVIEW_ALL, _resource(tx, row, signal))
    if row.account_id == tx.actor.account_id:
        details = {"permission": Permission.EMERGENCY_REVIEW_ALL.value}
        raise Refused("own_request", object_type=OBJECT, object_id=row.id, details=details)
    if row.reviewed_at is not None:
        raise Conflict("reviewed", "somebody looked back on this already")
    said = _checked(tx, row, verdict, text)
    if verdict == NOT_JUSTIFIED and emergencies.runs(row, tx.now):
        opening.end(tx, row, tx.now, opening.REVIEWED)
    row.reviewed_by, row.reviewed_at, row.verdict = tx.actor.account_id, tx.now, verdict
    readers = emergencies.agencies_of(row) or [row.agency_id, tx.actor.agency_id]
    row.review_sealed = emergencies.seal_words(tx, row, REVIEW, said, {*readers, tx.actor.agency_id})
    row.version += 1
    tx.record(
        "emergency:review",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "result": verdict,
            "account": row.account_id,
            "agency": row.agency_id,
            "late": tx.now >= row.review_due_at,
            "motivation_hash": text_hash(said),
        },
    )
    if verdict == NOT_JUSTIFIED:
        incidents.open_in(tx, Finding(WRONG, f"{PLACE} {row.id}", "an access in acute danger was judged not justified"))
    mailing.tell(tx, [row.account_id], "emergency-reviewed", task=("emergency-own", row.id))


def _checked(tx: Transaction, row: EmergencyAccess, verdict: str, text: str) -> str:
    if verdict not in VERDICTS:
        raise UnusableInput({"verdict": NO_VERDICT})
    if verdict == JUSTIFIED and emergencies.runs(row, tx.now):
        raise UnusableInput({"verdict": STILL_RUNS})
    if len(text.strip()) < opening.rules_of(tx).emergency.reason_least:
        raise UnusableInput({"words": TOO_SHORT})
    return for_others(tx, text, "words", limit=WORDS_LIMIT, required=True)


# -- in time ------------------------------------------------------------------------------------------------------


def sweep(tx: Transaction) -> tuple[int, int]:
    """Call to mind what nobody looked back on yet, and make an incident of what is too late. Returns how many of each.

    Hours count by the clock: acute danger knows no weekend.
    """
    rules = opening.rules_of(tx).emergency
    reminded = escalated = 0
    query = select(EmergencyAccess).where(_waits(), EmergencyAccess.escalated_at.is_(None))
    for row in tx.session.scalars(query.order_by(EmergencyAccess.review_due_at, EmergencyAccess.id).with_for_update()):
        if tx.now >= row.review_due_at:
            row.escalated_at = tx.now
            at = f"{PLACE} {row.id}"
            incidents.open_in(tx, Finding(UNREVIEWED, at, "nobody looked back on an access in acute danger in time"))
            escalated += 1
        elif row.reminded_at is None and tx.now >= row.opened_at + timedelta(hours=rules.remind_after_hours):
            reminded += 1
        else:
            continue
        row.reminded_at = tx.now
        opening.tell_reviewers(tx, row, "emergency-reminder", everybody=True)
        reference = emergencies.signal_of(tx, row).reference
        tx.record(
            "emergency:remind", object_type="signal", object_id=reference, details={"count": 1, "signal": reference}
        )
    return reminded, escalated


@in_whole("privacy officers of every agency look back, and owners hear of it")
def work(tx: Transaction) -> Sequence[WorkItem]:
    """What the actor can look back on, the most pressing first. Never the own."""
    query = (
        select(EmergencyAccess.id, EmergencyAccess.signal_id, EmergencyAccess.opened_at, EmergencyAccess.review_due_at)
        .add_columns(Signal.reference)
        .join(Signal, Signal.id == EmergencyAccess.signal_id)
        .where(_waits(), EmergencyAccess.account_id != tx.actor.account_id)
        .order_by(EmergencyAccess.review_due_at, EmergencyAccess.id)
        .limit(MOST)
    )
    return [
        WorkItem(
            "emergencies",
            row.id,
            row.reference,
            row.opened_at,
            day_of(row.review_due_at),
            urgent=True,
            about=(row.signal_id,),
        )
        for row in tx.lists.execute(query)
    ]
