"""What came of an act, as the log calls it (the detail `result`), in words; what a code means depends on the act."""

from flask_babel import gettext as _

from signaltable.flow.table import tasks
from signaltable.web.clock_words import settled_label
from signaltable.web.dossier_words import compare_label
from signaltable.web.duty_words import result_word
from signaltable.web.filters import in_words, state_label
from signaltable.web.guards import program
from signaltable.web.outcome_words import outcome_label
from signaltable.web.task_words import result_word as task_result
from signaltable.web.wording import lower_first
from signaltable.web.wording import result_label as feedback_label


def result_words(code: str, action: str) -> str:
    """What came of it; what the codes mean depends on the action."""
    words = {
        "duty:fulfil": result_word,
        "disclosure:feedback": feedback_label,
        "signal:triage": state_label,
        "signal:close": lambda one: (
            {
                "table": _("by a decision of the table"),
                "stuck": _("by the coordinator, because it was stuck"),
            }.get(one)
            or outcome_label(one)
        ),
        "escalation:settle": settled_label,
        "reflection:end": reflection_result,
        "enrich:compare": _compared,
        "text:check": _read,
        "identity:decide": _decided,
        "subject:decide": _decided,
        "table:recuse": _recused,
        "table:settle": _settled,
        "table:minute": _minuted,
        "mail:fail": _not_arrived,
        "emergency:review": verdict_label,
    }.get(action)
    found = words(code) if words else _of_others(code)
    return "" if found == code else lower_first(found)


def verdict_label(code: str) -> str:
    """What somebody thought who looked back on access in acute danger."""
    return {"justified": _("Justified"), "not_justified": _("Not justified")}.get(code, code)


def reflection_result(code: str) -> str:
    """How a reflection period ended, in words of the rules."""
    rule = program().policy.reflection
    known = {one.id: one.title for one in rule.result} if rule else {}
    return in_words(known[code]) if code in known else ""


def _not_arrived(code: str) -> str:
    """Why nothing more is tried with a mail."""
    return {"bounced": _("it came back"), "failed": _("given up after enough tries")}.get(code, "")


def _decided(code: str) -> str:
    """What a second person decided about a request for an identity or to erase somebody."""
    return {
        "approved": _("Approved"),
        "refused": _("Refused by second person"),
        "no_ground": _("Refused by the rules"),
        "erased": _("Erased"),
    }.get(code, "")


def _settled(code: str) -> str:
    """What came of a task of the table."""
    return task_result(code) if code in tasks.RESULTS else ""


def _minuted(code: str) -> str:
    """What was done with the minutes of a meeting."""
    return {
        "made": _("the meeting was closed and its minutes made"),
        "shared": _("they were shared with the table"),
        "corrected": _("a correction was put beside them"),
    }.get(code, "")


def _read(code: str) -> str:
    return {
        "waiting": _("it waits for the text reader"),
        "nothing_new": _("nothing new was found"),
        "new_words": _("new words were found"),
        "not_read": _("the text reader could not read it"),
        "unreadable": _("the submitter is asked to look through it"),
        "signal_gone": _("the signal was withdrawn"),
    }.get(code, "")


def _of_others(code: str) -> str:
    return {"match": _("it fits"), "fits": _("it fits"), "differs": _("it does not fit")}.get(code, "")


def _compared(code: str) -> str:
    return compare_label(code) if code in {"match", "possible", "none"} else ""


def _recused(code: str) -> str:
    return {"declared": _("kept from the case"), "ended": _("may see the case again")}.get(code, "")
