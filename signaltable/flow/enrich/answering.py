"""Answering a question: one of four answers, a context where a ground carries it, and taking that context back."""

from typing import Any

from signaltable.domain import Answer, Conflict, UnusableInput
from signaltable.flow import contexts, mailing
from signaltable.flow.contexts import Offered
from signaltable.flow.enrich.asked import (
    is_answerable,
    is_late,
    own_question,
    record,
    signal_of,
)
from signaltable.flow.masking import for_others, text_hash
from signaltable.models import Question, Signal
from signaltable.transaction import Transaction

CONTEXT_LIMIT = 4000

NO_ANSWER = "expected one of the four answers"
NO_CONTEXT = "expected a question with a context"


def answer(
    tx: Transaction,
    question_id: str,
    *,
    answer: str,
    context: str = "",
    anonymous: bool = False,
    capacity: str = "",
    necessity: str = "",
    checked: bool = False,
    version: int | None = None,
) -> None:
    """Give one of the four answers, or correct it until the meeting. A late answer counts and is marked.

    A context goes along only on a ground of its own (flow/contexts.py); `capacity` is the task in which it was learned,
    `necessity` why the table must know, `checked` that nobody can be recognised in it. `version` is that of the question
    as the answer was written, None for whoever did not read it before.

    Raises `Conflict` once the table met about it or no longer asks ("answered"), or when a colleague answered meanwhile
    ("version"); `UnusableInput` for another answer or an unusable context; `contexts.ContextStays` when no ground carries
    the context. In all these cases nothing is stored.
    """
    question, signal = _locked(tx, question_id, version)
    if answer not in [*Answer]:
        raise UnusableInput({"answer": NO_ANSWER})
    offered = Offered(for_others(tx, context, "context", limit=CONTEXT_LIMIT), capacity, necessity, checked)
    if _is_said(tx, signal, question, answer, offered, anonymous=anonymous):
        return
    grounded = _take_context(tx, signal, question, offered)
    correction = bool(question.answer)
    question.answer, question.anonymous = answer, anonymous
    question.answered_by = tx.actor.account_id
    # A correction does not make an answer late that was given in time.
    question.answered_at = question.answered_at or tx.now
    question.version += 1
    record(
        tx,
        "enrich:answer",
        signal,
        question,
        answer=answer,
        late=is_late(question, tx.today),
        anonymous=anonymous,
        correction=correction,
        **grounded,
    )
    if not correction:
        urgent = mailing.presses(tx, "answer", urgency=signal.urgency)
        mailing.tell(tx, [question.asked_by], "answer", task=("signal", signal.reference), urgent=urgent)


def _is_said(
    tx: Transaction, signal: Signal, question: Question, answer: str, offered: Offered, *, anonymous: bool
) -> bool:
    """Whether the actor said exactly this before: somebody who never saw what came of it presses once more, and corrects nothing."""
    said = (question.answer, question.anonymous, question.answered_by, question.context or "")
    elsewhere = bool(question.context) and question.context_table != signal.table_id
    return bool(question.answer) and not elsewhere and said == (answer, anonymous, tx.actor.account_id, offered.text)


def answer_by_system(tx: Transaction, question_id: str, given: str, *, anonymous: bool, version: int) -> int:
    """The answer of a partner's system: one of the four, without words of its own, and never over that of a person.

    Returns the version of the question from now on.

    Raises as `answer_question` does, and `Conflict` ("answered_by_person") where a person answered or gave a context: that is theirs.
    """
    question, _signal = _locked(tx, question_id, version)
    if question.context or question.answered_by not in ("", tx.actor.account_id):
        raise Conflict("answered_by_person", "a person answered this question")
    answer(tx, question_id, answer=given, anonymous=anonymous, version=version)
    return question.version


def _locked(tx: Transaction, question_id: str, version: int | None) -> tuple[Question, Signal]:
    """The question to answer, which nobody else answers at this moment, with its signal."""
    question = own_question(tx, question_id)
    signal = signal_of(tx, question)
    tx.session.refresh(question, with_for_update=True)
    if not is_answerable(tx, signal, question):
        raise Conflict("answered", "the question can no longer be answered")
    if version is not None and version != question.version:
        raise Conflict("version", "a colleague answered this question meanwhile")
    return question, signal


def _take_context(tx: Transaction, signal: Signal, question: Question, offered: Offered) -> dict[str, Any]:
    """Store the context on its ground, or none. Returns what the log tells of it."""
    if not offered.text:
        contexts.drop(question)
        return {}
    if (offered.text, signal.table_id) == (question.context, question.context_table):
        # The same words for the same table were decided and checked before; only the answer is corrected.
        return {"text_hash": text_hash(offered.text), "ground": question.context_ground}
    carried = contexts.carry(tx, signal, question, offered)
    contexts.keep(tx, signal, question, offered, carried)
    told: dict[str, Any] = {
        "text_hash": text_hash(offered.text),
        "ground": carried.ground,
        "ground_digest": carried.ground_digest,
        "legal_basis": list(carried.legal_basis),
        "fields": sorted(carried.fields),
        "categories": sorted(carried.categories),
        "policy_digest": tx.program.policy.digest,
    }
    return told | ({"motivation_hash": text_hash(offered.necessity.strip())} if offered.necessity.strip() else {})


def withdraw_context(tx: Transaction, question_id: str) -> None:
    """Take the own context back: from now on nobody reads it. The answer stays.

    Possible as long as the signal is there, after the meeting too: it is the partner's. What the table said about it and
    stands in approved minutes stays there. Raises `UnusableInput` when there is none.
    """
    question = own_question(tx, question_id)
    signal = signal_of(tx, question)
    tx.session.refresh(question, with_for_update=True)
    if not question.context:
        raise UnusableInput({"context": NO_CONTEXT})
    digest = text_hash(question.context)
    contexts.drop(question)
    question.version += 1
    told = {"asked": question.agency_id, "cause": "own_context", "text_hash": digest}
    record(tx, "enrich:withdraw", signal, question, **told)
