"""How stuck cases and clocks read: causes, results, dates that were missed, and what they did to the course of a case."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _

from signaltable.web.filters import day, in_words
from signaltable.web.guards import program


def cause_label(code: str) -> str:
    """Why a case is stuck, in words of the rules; the code when the rules no longer know it."""
    rules = program().policy.escalation
    return in_words(rules.causes[code].title) if rules and code in rules.causes else code


def settled_label(code: str) -> str:
    """How it ended."""
    rules = program().policy.escalation
    return in_words(rules.results[code].title) if rules and code in rules.results else code


def missed_label(kind: str) -> str:
    """What was to be done by a date that was missed."""
    rules = program().policy.escalation
    return in_words(rules.dates[kind].title) if rules and kind in rules.dates else kind


def level_label(level: str) -> str:
    """With whom a stuck case is."""
    return {"coordinator": _("The coordinator"), "table": _("The regional table")}.get(level, level)


def clock_title(kind: str, code: str) -> str:
    """What a clock did to a case, in one line of its course; empty for what is no matter of clocks."""
    if kind == "stuck":
        return _("Stuck: %(cause)s", cause=cause_label(code))
    if kind == "stuck_table":
        return _("Stuck, brought to the regional table")
    if kind == "unstuck":
        return _("No longer stuck: %(result)s", result=settled_label(code))
    if kind == "kept":
        return _("Kept longer, until %(day)s", day=day(date.fromisoformat(code)))
    return ""


CLOCK_WORDS: Mapping[str, Any] = {
    "stuck_cause": cause_label,
    "stuck_result": settled_label,
    "missed_what": missed_label,
    "stuck_level": level_label,
}
