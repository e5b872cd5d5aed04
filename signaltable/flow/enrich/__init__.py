"""Asking partners "do you know this?", comparing in memory, and the four answers (domain/workflow.md, step 5).

A question is a consultation without a name: it needs a legal ground like every disclosure, and it shows only the fields
that the ground lets through. An answer says that a partner knows a subject, never what it knows; what a partner adds to
it is the partner's own, and goes on a ground of its own (flow/contexts.py).
"""

from signaltable.flow.enrich.answering import (
    CONTEXT_LIMIT,
    NO_ANSWER,
    NO_CONTEXT,
    answer,
    answer_by_system,
    withdraw_context,
)
from signaltable.flow.enrich.asking import (
    ASKED_ALREADY,
    EARLY,
    NO_PARTNER,
    NO_SUBJECT,
    NOTE_LIMIT,
    TELLS_MORE,
    TOO_MANY,
    UNCHECKED,
    UNSEEN,
    Asking,
    Going,
    Plan,
    Sent,
    Staying,
    ask,
    default_due,
    partners,
    plan,
)
from signaltable.flow.enrich.clocks import (
    NO_REASON,
    NOT_LATER,
    TOO_LATE,
    may_remind,
    postpone,
    remind_before,
    remind_now,
    withdraw,
)
from signaltable.flow.enrich.comparing import NO_FIELD, NOTHING_TO_COMPARE, AskedField, UnreadableIdentity, compare
from signaltable.flow.enrich.own_answers import GivenLine, GivenPage, own_answers
from signaltable.flow.enrich.progress import (
    STATES,
    AskedLine,
    LedView,
    PartnerLine,
    Progress,
    SignalRow,
    asked_about,
    see,
    who_has_to_answer,
)
from signaltable.flow.enrich.reading import QuestionLine, QuestionPage, QuestionView, open_questions, read_question
from signaltable.flow.enrich.shown import Shown
from signaltable.flow.enrich.waiting import work, work_of_coordinator
from signaltable.queries import PAGE

__all__ = [
    "ASKED_ALREADY",
    "CONTEXT_LIMIT",
    "EARLY",
    "NOTE_LIMIT",
    "NOTHING_TO_COMPARE",
    "NOT_LATER",
    "NO_ANSWER",
    "NO_CONTEXT",
    "NO_FIELD",
    "NO_PARTNER",
    "NO_REASON",
    "NO_SUBJECT",
    "PAGE",
    "STATES",
    "TELLS_MORE",
    "TOO_LATE",
    "TOO_MANY",
    "UNCHECKED",
    "UNSEEN",
    "AskedField",
    "AskedLine",
    "Asking",
    "GivenLine",
    "GivenPage",
    "Going",
    "LedView",
    "PartnerLine",
    "Plan",
    "Progress",
    "QuestionLine",
    "QuestionPage",
    "QuestionView",
    "Sent",
    "Shown",
    "SignalRow",
    "Staying",
    "UnreadableIdentity",
    "answer",
    "answer_by_system",
    "ask",
    "asked_about",
    "compare",
    "default_due",
    "may_remind",
    "open_questions",
    "own_answers",
    "partners",
    "plan",
    "postpone",
    "read_question",
    "remind_before",
    "remind_now",
    "see",
    "who_has_to_answer",
    "withdraw",
    "withdraw_context",
    "work",
    "work_of_coordinator",
]
