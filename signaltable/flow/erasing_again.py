"""Doing an erasure again that a copy of the database undid: what the register or an export tells of it is enough."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from audit.vocabulary import ACTIONS
from signaltable.domain import ENDED, Actor, State, may_follow
from signaltable.erasures import Erasure
from signaltable.flow import attachment_rows, forgetting, log_erasing, retention
from signaltable.flow.moves import move
from signaltable.models import Attachment, Disclosure, Draft, LogDetail, LogEntry, Question, Signal
from signaltable.transaction import Program, Transaction, reading, transaction

CAUSE: Final = "restored"
# Into which state a signal goes of which the copy does not know that it ended.
_ENDS: Final[Mapping[str, State]] = {"withdrawn": State.WITHDRAWN, "case": State.CLOSED}


def redo(program: Program, actor: Actor, erasure: Erasure) -> None:
    """Do an erasure again, as far as the database holds what it took away; each object in a commit of its own."""
    for name in erasure.objects if erasure.object_type in _AGAIN else ():
        with transaction(program, actor) as tx:
            _AGAIN[erasure.object_type](tx, name, erasure)
    left = True
    while left:
        with transaction(program, actor) as tx:
            some = _entries_back(tx.session, erasure)
            log_erasing.destroy(tx, some, {"rule": erasure.rule, "object_type": "entry", "cause": CAUSE})
            left = bool(some)


def _signal(tx: Transaction, reference: str, erasure: Erasure) -> None:
    signal = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one_or_none()
    if signal is None or signal.owner_sealed == retention.ERASED_SEAL:
        return
    if State(signal.state) not in ENDED:
        wanted = _ENDS.get(erasure.rule, State.EXPIRED)
        following = (state for state in (wanted, *ENDED) if may_follow(State(signal.state), state))
        move(tx, signal, next(following), reason=CAUSE)
    retention.forget(tx, signal, erasure.rule, cause=CAUSE)


def _subject(tx: Transaction, ref: str, erasure: Erasure) -> None:  # noqa: ARG001
    subject = forgetting.by_ref(tx.session, ref)
    if subject is not None and subject.erased_at is None:
        forgetting.mask_account_again(tx, subject)
        forgetting.forget_subject(tx, subject.id, cause=CAUSE)


def _draft(tx: Transaction, draft_id: str, erasure: Erasure) -> None:
    if tx.session.get(Draft, draft_id) is not None:
        attachment_rows.forget_drafts(tx, [draft_id])
        tx.session.execute(delete(Draft).where(Draft.id == draft_id))
        _record(tx, draft_id, erasure)


def _attachment(tx: Transaction, attachment_id: str, erasure: Erasure) -> None:
    row = tx.session.get(Attachment, attachment_id)
    if row is not None:
        attachment_rows.erase(tx, [row])
        _record(tx, attachment_id, erasure)


def _receivers_copy(tx: Transaction, reference: str, erasure: Erasure) -> None:
    rows = update(Disclosure).where(Disclosure.reference == reference)
    held = select(Disclosure.id).where(Disclosure.reference == reference, Disclosure.payload_recipient != b"")
    if tx.session.scalar(held) is not None:
        further = Disclosure.parent_id.in_(select(Disclosure.id).where(Disclosure.reference == reference))
        tx.session.execute(rows.values(payload_recipient=b""))
        tx.session.execute(update(Disclosure).where(further).values(payload_provider=b""))
        _record(tx, reference, erasure)


def _answer(tx: Transaction, question_id: str, erasure: Erasure) -> None:
    question = tx.session.get(Question, question_id)
    # What was answered after the erasure is no part of it.
    if question is None or question.answered_at is None or question.answered_at > _moment(erasure.at):
        return
    if question.note or question.context:
        question.note, question.context = "", ""
        _record(tx, question_id, erasure)


_AGAIN: Final[Mapping[str, Callable[[Transaction, str, Erasure], None]]] = MappingProxyType(
    {
        "signal": _signal,
        "subject": _subject,
        "draft": _draft,
        "attachment": _attachment,
        "disclosure": _receivers_copy,
        "question": _answer,
    },
)


def _record(tx: Transaction, name: str, erasure: Erasure) -> None:
    tx.record(
        "retention:erase",
        object_type=erasure.object_type,
        object_id=name,
        details={
            "rule": erasure.rule,
            "cause": CAUSE,
            "count": 1,
            "object_type": erasure.object_type,
            "objects": [name],
            "policy_digest": tx.program.policy.digest,
        },
    )


def _entries_back(session: Session, erasure: Erasure) -> list[int]:
    """Entries of an erasure whose details are there again, so many as fit in one commit.

    Numbers that the log gave out anew after it was put back, are of entries that were recorded after the erasure.
    """
    back: list[int] = []
    for first, last in erasure.entries:
        rows = session.execute(
            select(LogEntry.seq, LogEntry.action)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.seq >= first, LogEntry.seq <= last, LogEntry.recorded_at <= _moment(erasure.at))
            .order_by(LogEntry.seq)
            .limit(log_erasing.BATCH - len(back)),
        )
        back += [row.seq for row in rows if _has_a_term(row.action)]
        if len(back) >= log_erasing.BATCH:
            break
    return back


def _has_a_term(action: str) -> bool:
    # What the log needs to explain itself is destroyed by nothing, whatever a register says.
    return action in ACTIONS and ACTIONS[action].retention_class in log_erasing.TERMS


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def count_redone(program: Program) -> int:
    """How many erasures were done again since the log last told of a restore: also those before an interruption."""
    with reading(program) as session:
        before = select(LogEntry.seq).where(LogEntry.action == "system:restore", LogEntry.outcome == "ok")
        last = session.scalar(before.order_by(LogEntry.seq.desc()).limit(1))
        details = session.scalars(
            select(LogDetail.details)
            .join(LogEntry, LogEntry.seq == LogDetail.seq)
            .where(LogEntry.action == "retention:erase", LogEntry.seq > (-1 if last is None else last)),
        )
        return sum(json.loads(raw).get("cause") == CAUSE for raw in details)
