"""What a mail is about: whether that is still there, whether it is done, and of which signal it is.

One kind of task, one query; nothing of what a task says is read here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, literal, or_, select

from signaltable.domain import ENDED, DisclosureState, LinkState
from signaltable.flow.identity_requests import rows as identity_rows
from signaltable.flow.subject_erasures import WAITING as ERASURE_WAITING
from signaltable.flow.text_checks import CONFIRM
from signaltable.models import (
    Account,
    Agency,
    Disclosure,
    Duty,
    EmergencyAccess,
    Escalation,
    Exclusion,
    IdentityRequest,
    Incident,
    Link,
    Meeting,
    MeetingTask,
    Minutes,
    MisuseQuestion,
    Question,
    RightsReview,
    Signal,
    SubjectErasure,
    SubjectReport,
    TextCheck,
)
from signaltable.queries import kept_from
from signaltable.transaction import Transaction, in_whole

ERASED_SEAL: Final = b""
# Tasks that lead to the work list, because they are of no one thing.
WORK: Final = ("", "work")


@dataclass(frozen=True, slots=True)
class Known:
    """That a task is there, which signal it is of ("" for none), and whether there is nothing left to do."""

    signal_id: str
    done: bool


Query = Select[Any, Any, Any]


def _fed_back() -> Query:
    done = or_(Disclosure.feedback_due_on.is_(None), Disclosure.state != DisclosureState.ACCEPTED)
    return select(Disclosure.reference, Disclosure.signal_id, done)


# Each gives rows of id, signal, done.
QUERIES: Final[Mapping[str, Callable[[Transaction], Query]]] = {
    "question": lambda _tx: select(
        Question.id,
        Question.signal_id,
        or_(Question.answer != "", Question.withdrawn_at.is_not(None), Signal.state.in_(ENDED)),
    ).join(Signal, Signal.id == Question.signal_id),
    "meeting": lambda tx: select(
        Meeting.id,
        literal(""),
        or_(Meeting.cancelled_at.is_not(None), Meeting.closed_at.is_not(None), Meeting.held_on < tx.today),
    ),
    "minutes": lambda _tx: select(Minutes.meeting_id, literal(""), Minutes.approved_at.is_not(None)),
    "task": lambda _tx: select(MeetingTask.id, MeetingTask.signal_id, MeetingTask.settled_at.is_not(None)),
    "signal": lambda _tx: select(Signal.reference, Signal.id, Signal.owner_sealed == ERASED_SEAL),
    "disclosure": lambda _tx: select(
        Disclosure.reference, Disclosure.signal_id, Disclosure.state != DisclosureState.DISCLOSED
    ),
    "sent": lambda _tx: select(
        Disclosure.reference, Disclosure.signal_id, Disclosure.state != DisclosureState.DISCLOSED
    ),
    # What the receiver tells of it, as the receiver owes it and as the sender waits for it.
    "feedback": lambda _tx: _fed_back(),
    "awaited": lambda _tx: _fed_back(),
    "approval": lambda _tx: select(
        Disclosure.reference, Disclosure.signal_id, Disclosure.state != DisclosureState.AWAITING_APPROVAL
    ),
    "duty": lambda _tx: select(Duty.id, Disclosure.signal_id, Duty.fulfilled_at.is_not(None)).join(
        Disclosure, Disclosure.id == Duty.disclosure_id
    ),
    "escalation": lambda _tx: select(Escalation.id, Escalation.signal_id, Escalation.settled_at.is_not(None)),
    "link": lambda _tx: select(Link.id, literal(""), Link.state != LinkState.PROPOSED),
    "identity": lambda _tx: select(
        IdentityRequest.reference, IdentityRequest.signal_id, IdentityRequest.state != identity_rows.WAITING
    ),
    "text": lambda _tx: select(TextCheck.id, TextCheck.signal_id, TextCheck.state != CONFIRM),
    "report": lambda _tx: select(SubjectReport.reference, literal(""), SubjectReport.decision != ""),
    "erasure": lambda _tx: select(SubjectErasure.reference, literal(""), SubjectErasure.state != ERASURE_WAITING),
    "incident": lambda _tx: select(Incident.id, literal(""), Incident.settled_at.is_not(None)),
    "misuse": lambda _tx: select(MisuseQuestion.id, literal(""), MisuseQuestion.settled_at.is_not(None)),
    "emergency": lambda _tx: select(
        EmergencyAccess.id, EmergencyAccess.signal_id, EmergencyAccess.reviewed_at.is_not(None)
    ),
    # News about one: there is nothing to do about it.
    "emergency-notice": lambda _tx: select(EmergencyAccess.id, EmergencyAccess.signal_id, literal(value=False)),
    "emergency-own": lambda _tx: select(EmergencyAccess.id, EmergencyAccess.signal_id, literal(value=False)),
    "rights": lambda _tx: select(RightsReview.id, literal(""), RightsReview.settled_at.is_not(None)),
    "rights-due": lambda _tx: select(Agency.id, literal(""), literal(value=False)),
    # How somebody signs in: news, which leads to the page about that.
    "account": lambda _tx: select(Account.id, literal(""), literal(value=False)),
    "exclusion": lambda tx: select(
        Exclusion.id, literal(""), or_(Exclusion.ended_at.is_not(None), Exclusion.review_on >= tx.today)
    ),
}


@in_whole("whoever got a mail may know whether its task is done")
def known(tx: Transaction, tasks: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    """What there is to know of these tasks (kind, id); one that is gone, or of no known kind, is not among them."""
    wanted: dict[str, set[str]] = {}
    for kind, thing in tasks:
        wanted.setdefault(kind, set()).add(thing)
    found: dict[tuple[str, str], Known] = {}
    for kind, things in wanted.items():
        if kind in WORK:
            found.update({(kind, thing): Known("", done=False) for thing in things})
        elif kind in QUERIES:
            query = QUERIES[kind](tx)
            for row in tx.session.execute(query.where(query.selected_columns[0].in_(sorted(things)))):
                found[kind, row[0]] = Known(row[1] or "", done=bool(row[2]))
    return found


def closed_to(tx: Transaction, tasks: Mapping[tuple[str, str], Known], account_id: str) -> set[tuple[str, str]]:
    """Those of the tasks whose case this person sees nothing of, because of a conflict of interest."""
    kept = kept_from(tx, {one.signal_id for one in tasks.values()} - {""})
    return {task for task, one in tasks.items() if account_id in kept.get(one.signal_id, frozenset())}
