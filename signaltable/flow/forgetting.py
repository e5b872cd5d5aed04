"""Destroying what is kept of one person: the key, the fields, what links them to others, and what was granted of them.

Deleting the wrapped key is what counts: everything under it is noise from then on, also in copies of the database that
hold the fields and not the key. What links the person goes with it, and so does what the log tells of them beside its
entries. That there was one, in which signal, stays. A copy of the database from before holds all of it still: it is made
to forget again when it is put back (flow/restoring), from the register that the commit of an erasure writes.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from audit.vocabulary import ACTIONS
from signaltable.db import empty_write_ahead_log
from signaltable.domain import LinkState
from signaltable.flow import log_erasing, sealing, subject_reports, text_checks
from signaltable.flow.identity_requests import ending
from signaltable.flow.linking import telling
from signaltable.flow.linking.leaving import leave
from signaltable.identity import Identity, typed_values
from signaltable.models import (
    IdentityRequest,
    LogDetail,
    LogEntry,
    LogTerm,
    MatchSketch,
    MatchTag,
    Question,
    Signal,
    Subject,
    SubjectField,
    SubjectKey,
    SubjectReport,
)
from signaltable.queries import links_of
from signaltable.text import find_typed, mask, merged
from signaltable.transaction import Program, Transaction, in_whole

RULE: Final = "subject"
RESTORED: Final = "restored"


@in_whole("what says who a person is goes wherever it stands, at every agency")
def forget_subject(tx: Transaction, subject_id: str, cause: str) -> None:
    """Destroy all that says who a subject is, and record that; the last thing of a transaction.

    The caller has decided that it has to be, and asked the gate. Nothing happens when it was done before.
    """
    subject = tx.session.get_one(Subject, subject_id)
    if subject.erased_at is not None:
        return
    signal = tx.session.get_one(Signal, subject.signal_id)
    links = erase(tx, subject, tell=cause != RESTORED)
    _erase_words(tx, subject)
    tx.record(
        "subject:erase",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "subject": subject.number, "cause": cause, "links": links},
        subjects=[subject_id],
    )
    ref = ref_of(signal, subject)
    said = {"rule": RULE, "object_type": "subject", "objects": [ref], "cause": cause}
    log_erasing.destroy(tx, _entries_about(tx.session, ref), said, object_id=signal.reference)


def overwrite(program: Program) -> None:
    """Let what was erased go from the files of the database as well, now and not with the sweep of the night.

    SQLite keeps pages of before in a file beside the database. While somebody reads them, the sweep does it after all.
    """
    with program.write_sessions() as session:
        empty_write_ahead_log(session)


def erase(tx: Transaction, subject: Subject, *, tell: bool) -> int:
    """Destroy key, fields, tags, sketch, links and what was granted of a subject. Returns how many links it had.

    With `tell`, who relied on one of its links is told that it ended, and no more.
    """
    links = links_of(tx, [subject.id])
    ending.end_for_subject(tx, subject.id)
    if tell:
        sides = {side for one in links if one.state == LinkState.CONFIRMED for side in (one.subject_a, one.subject_b)}
        if sides - {subject.id}:
            since = min(one.proposed_at for one in links)
            telling.tell(tx, tx.new_id(), sides - {subject.id}, since, telling.ERASED)
    leave(tx, subject.id)
    for table in (SubjectKey, SubjectField, MatchTag, MatchSketch):
        tx.session.execute(delete(table).where(table.subject_id == subject.id))
    granted = update(IdentityRequest).where(IdentityRequest.subject_id == subject.id)
    tx.session.execute(granted.values(asked_sealed=b"", answer_sealed=b"", wrapped=b""))
    subject.erased_at, subject.age_band, subject.gender = tx.now, "unknown", "unknown"
    tx.session.flush()
    return len(links)


def mask_account(tx: Transaction, signal: Signal, subject: Subject, identity: Mapping[str, str]) -> None:
    """Take a person out of the words that the owner keeps sealed, with the values that only now can still be read.

    Those are its own account, the words that were masked in it, and texts that wait for the text reader.
    """
    values = tuple(typed_values([Identity(kind=subject.kind, **identity)], tx.program.policy.identifiers))
    text_checks.forget_values(tx, signal, values)
    masked = _without(sealing.owner_part(tx, signal), values)
    signal.owner_sealed = sealing.seal_json(tx, signal.owner_agency, masked, f"signals|owner_sealed|{signal.id}")
    signal.version += 1


def _without(said: Any, values: tuple[str, ...]) -> Any:
    """A document without these values: masked in texts, left out of lists of words."""
    if isinstance(said, str):
        return mask(said, merged(find_typed(said, values)))
    if isinstance(said, dict):
        return {name: _without(one, values) for name, one in said.items()}
    if isinstance(said, list):
        return [_without(one, values) for one in said if not (isinstance(one, str) and find_typed(one, values))]
    return said


def mask_account_again(tx: Transaction, subject: Subject) -> None:
    """The same where a copy was put back: the identity is opened with the key of the owner of the signal.

    The owner's copies of what was disclosed of the person are in such a copy too, and go again.
    """
    signal = tx.session.get_one(Signal, subject.signal_id)
    for sent in subject_reports.disclosed_about(tx, signal, subject):
        sent.row.payload_provider = b""
    held = tx.session.get(SubjectKey, (subject.id, signal.owner_agency))
    if held is not None and signal.owner_sealed:
        identity = sealing.open_as_holder(tx, subject.id, signal.owner_agency, held.wrapped)
        mask_account(tx, signal, subject, identity)


def ref_of(signal: Signal, subject: Subject) -> str:
    """How the log names a subject."""
    return f"{signal.reference}.{subject.number}"


def by_ref(session: Session, ref: str) -> Subject | None:
    """The subject that the log names so."""
    reference, _, number = ref.rpartition(".")
    query = select(Subject).join(Signal, Signal.id == Subject.signal_id).where(Signal.reference == reference)
    return session.scalars(query.where(Subject.number == int(number))).one_or_none() if number.isdecimal() else None


def _erase_words(tx: Transaction, subject: Subject) -> None:
    """What others wrote about this one person; about the whole signal its owner keeps what no longer names them."""
    tx.session.execute(update(Question).where(Question.subject_id == subject.id).values(note="", context=""))
    tx.session.execute(
        update(SubjectReport)
        .where(SubjectReport.subject_id == subject.id)
        .values(reason_sealed=b"", decision_sealed=b"", answers={}, available_until=None),
    )


def _entries_about(session: Session, ref: str) -> list[int]:
    """The entries with details that tell of this person alone, and of every link that this person had.

    As with a signal (`log_erasing.entries_about`), what left for others stays accounted for until its own term.
    """
    actions = [
        name
        for name, one in ACTIONS.items()
        if one.retention_class in log_erasing.OF_A_SIGNAL and name not in log_erasing.NOT_ABOUT_THE_PERSON
    ]
    named = select(LogTerm.seq).where(LogTerm.name == "subject", LogTerm.value == ref)
    others = (
        select(func.count())
        .select_from(LogTerm)
        .where(LogTerm.seq == LogEntry.seq, LogTerm.name == "subject", LogTerm.value != ref)
        .scalar_subquery()
    )
    rows = session.scalars(
        select(LogEntry.seq)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.seq.in_(named), LogEntry.action.in_(actions), LogEntry.action.like("link:%") | (others == 0))
        .order_by(LogEntry.seq)
    )
    return list(rows)
