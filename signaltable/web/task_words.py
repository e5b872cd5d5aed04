"""How a task of the table reads on a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from signaltable.flow.table import tasks
from signaltable.flow.table.task_lines import TaskLine
from signaltable.web.dossier_words import decision_label, destinations_label, problem_text

PROBLEMS: Mapping[str, Any] = {
    tasks.NO_RESULT: _l("Choose what came of it"),
    tasks.NO_DAY: _l("Fill in the day"),
    tasks.TOO_LATE: _l("This day is later than this may be put off"),
    tasks.TOO_EARLY: _l("Choose a later day than the one that counts now"),
    tasks.TOO_MANY: _l("This case has enough tasks. Settle one first."),
}


def problem_word(problem: str) -> str:
    """What cannot be used about a task, in words."""
    return str(PROBLEMS.get(problem) or problem_text(problem))


def result_word(result: str) -> str:
    """What came of a task, in words."""
    return {
        tasks.DONE: _("Done"),
        tasks.NOT_POSSIBLE: _("Was not possible"),
        tasks.NOT_NEEDED: _("No longer needed"),
        "": _("Open"),
    }[result]


def task_text(line: TaskLine) -> str:
    """What has to be done: the words of the table, or its decision."""
    return line.text or asked(line.decision, line.destinations)


def asked(decision: str, destinations: Sequence[str]) -> str:
    """A decision as something to do; what its words were when they are erased."""
    if not decision:
        return _("Its words were erased")
    return (
        f"{decision_label(decision)}: {destinations_label(destinations)}" if destinations else decision_label(decision)
    )


TASK_WORDS: Mapping[str, Any] = {"result_word": result_word, "task_text": task_text, "task_asked": asked}
