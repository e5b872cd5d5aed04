"""Destroying what entries of the log tell beside themselves: at the end of their term, and when a signal is erased.

An entry says who did what, when and to which object; it stays, and so does every proof. Its details, their salt and the
terms by which one could look for them go. Each time the log says which entries are empty from then on (`retention:erase`
with `entries`), so that nobody can empty others and call it retention. How long details are kept depends on the class of
their action (audit/vocabulary.py) and stands in policies/retention.toml (`log-...`); class `program` is never destroyed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from audit.destroyed import Range
from audit.entry import parse
from audit.errors import AuditError
from audit.vocabulary import ACTIONS, RETENTION_CLASSES
from signaltable import audit_trail
from signaltable.domain import ENDED, Actor, DisclosureState, day_of
from signaltable.erasures import ranges_of
from signaltable.flow import subject_reports
from signaltable.models import (
    Disclosure,
    Duty,
    Incident,
    LogDetail,
    LogEntry,
    LogTerm,
    Sample,
    SampleItem,
    Signal,
    Subject,
    SubjectReport,
)
from signaltable.row_digests import rows_in
from signaltable.transaction import Program, Transaction, transaction

# So many entries are emptied in one commit: the head of the log is locked meanwhile.
BATCH: Final = 1000
# The classes whose details have a term, with the id of that term in policies/retention.toml.
TERMS: Final = {name: f"log-{name}" for name in RETENTION_CLASSES if name != "program"}
# What happened to a signal is told in these classes; what left for another agency is accounted for longer.
OF_A_SIGNAL: Final = frozenset({"access", "case"})
# They tell about those who tried, or about a whole agenda, and nothing about a person of the signal beyond its reference.
NOT_ABOUT_THE_PERSON: Final = frozenset({"access:refuse", "request:refuse", "table:schedule", "deadline:overdue"})

_ENTRY_PLACE = re.compile(r"\bentr(?:y|ies) (\d+)(?:\.\.(\d+))?")
_REFERENCE = re.compile(r"\b[SD]-[0-9A-Z]{4}-[0-9A-Z]{2}\b")


@dataclass(frozen=True, slots=True)
class Emptied:
    """Of how many entries the details were destroyed because their term is over, and how many wait for something."""

    destroyed: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Needed:
    """What keeps details although their term is over: references of signals and disclosures, entries, or all of them."""

    references: frozenset[str]
    entries: tuple[Range, ...]
    everything: bool


# -- the end of the term ------------------------------------------------------------------------------------------


def empty_expired(program: Program, actor: Actor) -> Emptied:
    """Destroy the details whose class is past its term, each batch in a commit of its own.

    Safe to run again at any moment: what a crash left undone is found again, and what was done is not. Details that an
    open duty, disclosure, sample, incident or report still needs wait; how many they are is recorded once per class.
    """
    done = [_empty_class(program, actor, retention_class) for retention_class in TERMS]
    return Emptied(sum(one.destroyed for one in done), sum(one.waiting for one in done))


def _empty_class(program: Program, actor: Actor, retention_class: str) -> Emptied:
    destroyed = waiting = 0
    after: int | None = -1
    while after is not None:
        with transaction(program, actor) as tx:
            due, after = _due_entries(tx, retention_class, after)
            needed = _needed_among(tx, due)
            destroyed += destroy(tx, [seq for seq in due if seq not in needed], _said_of_class(retention_class))
            waiting += len(needed)
    if waiting:
        with transaction(program, actor) as tx:
            _note_waiting(tx, retention_class, waiting)
    return Emptied(destroyed, waiting)


def _said_of_class(retention_class: str) -> dict[str, Any]:
    return {"rule": TERMS[retention_class], "object_type": "entry", "classes": [retention_class]}


def _due_entries(tx: Transaction, retention_class: str, after: int) -> tuple[list[int], int | None]:
    """The next entries behind `after` of this class that still have details and are past their term.

    BATCH at most; and behind which one to look next, None when these were the last.
    """
    term = tx.program.policy.retention[TERMS[retention_class]]
    # Days are a little short of years, so this lets a few through that are not due; the term itself is asked of each.
    newest = _newest_before(tx.session, tx.now - timedelta(days=(term.days or 365 * (term.years or 0)) - 1))
    rows = tx.session.execute(
        select(LogEntry.seq, LogEntry.recorded_at, LogEntry.entry)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(
            LogEntry.action.in_([name for name, one in ACTIONS.items() if one.retention_class == retention_class]),
            LogEntry.seq > after,
            LogEntry.seq <= newest,
        )
        .order_by(LogEntry.seq)
        .limit(BATCH),
    ).all()
    due = [
        row.seq for row in rows if term.ends(day_of(row.recorded_at)) <= tx.today and _is_of(row.entry, retention_class)
    ]
    return due, rows[-1].seq if len(rows) == BATCH else None


def _newest_before(session: Session, moment: datetime) -> int:
    """The newest entry that was recorded before this moment, -1 without one; found by index, however long the log is."""
    older = select(LogEntry.seq).where(LogEntry.recorded_at < moment)
    found = session.scalar(older.order_by(LogEntry.recorded_at.desc(), LogEntry.seq.desc()).limit(1))
    return -1 if found is None else found


def _is_of(entry: bytes, retention_class: str) -> bool:
    """Whether the entry itself says the same class; one of format 1 says none, and one that is broken is left alone."""
    try:
        return parse(bytes(entry)).retention_class in {"", retention_class}
    except AuditError:
        return False


def _note_waiting(tx: Transaction, retention_class: str, count: int) -> None:
    tx.record(
        "retention:overdue",
        object_type="log",
        details={
            "rule": TERMS[retention_class],
            "count": count,
            "object_type": "entry",
            "policy_digest": tx.program.policy.digest,
        },
    )


# -- what still needs them ----------------------------------------------------------------------------------------


def _needed_among(tx: Transaction, seqs: Sequence[int]) -> frozenset[int]:
    """Those of the entries that something open still needs."""
    if not seqs:
        return frozenset()
    session = tx.session
    needed = _needed(session, tx.now)
    if needed.everything:
        return frozenset(seqs)
    objects = session.execute(select(LogEntry.seq, LogEntry.object).where(LogEntry.seq.in_(seqs)))
    about = session.execute(
        select(LogTerm.seq, LogTerm.value).where(
            LogTerm.seq.in_(seqs), LogTerm.name.in_(("signal", "linked", "disclosure"))
        ),
    )
    evidence = frozenset(seq for seq in seqs if any(first <= seq <= last for first, last in needed.entries))
    return evidence | {seq for found in (objects, about) for seq, reference in found if reference in needed.references}


def _needed(session: Session, now: datetime) -> _Needed:
    references, entries, everything = set(_open_references(session, now)), list[Range](), False
    for place in session.scalars(select(Incident.place).where(Incident.settled_at.is_(None))):
        named = _ENTRY_PLACE.findall(place)
        told = _REFERENCE.findall(place)
        entries.extend((int(first), int(last or first)) for first, last in named)
        references.update(told)
        # A finding about the log as a whole: until somebody looked at it, all of it may be evidence.
        everything = everything or not (named or told)
    return _Needed(frozenset(references), tuple(entries), everything)


def _open_references(session: Session, now: datetime) -> Iterable[str]:
    """References of disclosures and signals about which something is not finished."""
    both = select(Disclosure.reference, Signal.reference).join(Signal, Signal.id == Disclosure.signal_id)
    handed_over = (
        DisclosureState.DISCLOSED,
        DisclosureState.ACCEPTED,
        DisclosureState.RETURNED,
        DisclosureState.REVOKED,
    )
    still_open = or_(
        Disclosure.state == DisclosureState.AWAITING_APPROVAL,
        Disclosure.state.in_(handed_over) & Signal.state.not_in(ENDED),
    )
    owed = select(Duty.disclosure_id).where(Duty.fulfilled_at.is_(None))
    drawn = select(SampleItem.disclosure).join(Sample).where(Sample.concluded_at.is_(None))
    wanted = or_(still_open, Disclosure.id.in_(owed), Disclosure.reference.in_(drawn))
    for disclosure, signal in session.execute(both.where(wanted)):
        yield disclosure
        yield signal
    asked = (
        select(Signal.id, Signal.reference)
        .join(Subject, Subject.signal_id == Signal.id)
        .join(SubjectReport, SubjectReport.subject_id == Subject.id)
        .where(subject_reports.unanswered(now))
    )
    for signal_id, reference in session.execute(asked):
        yield reference
        yield from session.scalars(select(Disclosure.reference).where(Disclosure.signal_id == signal_id))


# -- a signal that is erased --------------------------------------------------------------------------------------


def entries_about(session: Session, reference: str) -> list[int]:
    """The entries with details that tell something about the people of this signal, and are not kept as an account.

    Those of the classes access and case that name the signal, and links of its people with others, whoever owns these.
    Entries of the class disclosure stay until their own term: they account for what left (GDPR art. 5(2), 17(3)(b) and
    (e), Wpg 32), and hold codes and opaque references that lead to nobody once keys and tags are gone.
    """
    named = select(LogTerm.seq).where(LogTerm.name == "signal", LogTerm.value == reference)
    linked = select(LogTerm.seq).where(LogTerm.name == "linked", LogTerm.value == reference)
    actions = [
        name for name, one in ACTIONS.items() if one.retention_class in OF_A_SIGNAL and name not in NOT_ABOUT_THE_PERSON
    ]
    rows = session.execute(
        select(LogEntry.seq)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(
            or_(
                LogEntry.seq.in_(named),
                LogEntry.object == reference,
                LogEntry.seq.in_(linked) & LogEntry.action.like("link:%"),
            ),
            LogEntry.action.in_(actions),
        )
        .order_by(LogEntry.seq),
    )
    return [row.seq for row in rows]


def destroy(tx: Transaction, seqs: Sequence[int], said: Mapping[str, Any], *, object_id: str = "") -> int:
    """Say in the log that these entries are empty from now on, and empty them; all in the running transaction.

    `said` holds rule, object_type and what else the entry tells; `entries` and what is missing are added. Locks the head
    of the log until the commit, so call it as the last thing. With no entries that hold anything it does nothing, unless
    `said` names objects that were erased. Returns how many were emptied.
    """
    # What is still full, and what its rows hold now, is read under the lock: nobody can say anything newer of a row
    # before this says it again, nor empty the same entries.
    tx.session.flush()
    tx.hold_log()
    objects, seqs = list(said.get("objects", ())), _full_among(tx.session, seqs)
    if not seqs and not objects:
        return 0
    _carry_digests(tx, seqs)
    told = {"count": len(objects) or len(seqs), "policy_digest": tx.program.policy.digest, **said}
    told |= {"entries": ranges_of(seqs)} if seqs else {}
    tx.record("retention:erase", object_type=str(told["object_type"]), object_id=object_id, details=told)
    if not seqs:
        return 0
    tx.append_now()
    # The last erasure that got its place is the one above.
    return audit_trail.destroy(tx.session, seqs, by_seq=tx.erased[-1].seq)


def _full_among(session: Session, seqs: Sequence[int]) -> list[int]:
    found: list[int] = []
    for start in range(0, len(seqs), BATCH):
        found.extend(session.scalars(select(LogDetail.seq).where(LogDetail.seq.in_(seqs[start : start + BATCH]))))
    return sorted(found)


def _carry_digests(tx: Transaction, seqs: Sequence[int]) -> None:
    """Details say what rows looked like; what still holds is said again in the entry that tells of the erasure."""
    for start in range(0, len(seqs), BATCH):
        some = seqs[start : start + BATCH]
        details = select(LogDetail.details).where(LogDetail.seq.in_(some)).order_by(LogDetail.seq)
        for raw in tx.session.scalars(details):
            for name, rows in rows_in(raw).items():
                tx.written.carried.setdefault(name, {}).update(rows)
