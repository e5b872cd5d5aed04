"""Questions about how the data are used, computed from the log: shown as questions, never as verdicts.

What raises one, and from when on, stands in policies/misuse.toml. People who work with the data are watched only as far as
that protects those whom the data are about: opaque ids, a period, and a person who answers (CJEU C-579/21).
"""

from signaltable.flow.misuse.patterns import Finding, Look, findings
from signaltable.flow.misuse.questions import (
    DAYS,
    RESULTS,
    EntryRow,
    FindingView,
    Overview,
    QuestionLine,
    ask,
    consult,
    overview,
    settle,
)

__all__ = [
    "DAYS",
    "RESULTS",
    "EntryRow",
    "Finding",
    "FindingView",
    "Look",
    "Overview",
    "QuestionLine",
    "ask",
    "consult",
    "findings",
    "overview",
    "settle",
]
