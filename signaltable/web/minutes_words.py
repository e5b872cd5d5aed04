"""How minutes read, on a page and on paper."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from signaltable.flow.table import minutes, minutes_parts
from signaltable.flow.table.minutes import MinutesView
from signaltable.web.dossier_words import decision_label, destinations_label, problem_text
from signaltable.web.filters import day
from signaltable.web.task_words import asked, result_word

PROBLEMS: Mapping[str, Any] = {
    minutes.TOO_MANY: _l("There are many corrections already. Plan to talk about the minutes instead."),
    minutes.NO_MEETING: _l("Choose the meeting that approved them"),
}


def problem_word(problem: str) -> str:
    """What cannot be used about minutes, in words."""
    return str(PROBLEMS.get(problem) or problem_text(problem))


def state_word(state: str) -> str:
    """How far the minutes are."""
    return {
        minutes.DRAFT: _("Draft"),
        minutes.SHARED: _("Shared"),
        minutes.APPROVED: _("Approved"),
    }[state]


def presence_word(code: str) -> str:
    """Whether somebody was there, in words."""
    return {
        "present": _("present"),
        "absent": _("absent"),
        "coming": _("said to come"),
        "not_coming": _("said not to come"),
    }.get(code, _("not known"))


def written_day(text: str) -> str:
    """A day of the minutes in words; a dash when there is none."""
    return day(date.fromisoformat(text)) if text else "–"


def hours(head: Mapping[str, Any]) -> str:
    """From when to when; empty when nobody said."""
    return " – ".join(part for part in (head["begins"], head["ends"]) if part)


def person(one: Mapping[str, str]) -> str:
    """Somebody who took part, with for whom."""
    if one["replaces"]:
        return _("%(name)s, for %(other)s", name=one["name"], other=one["replaces"])
    return one["name"]


def case_outcome(content: Mapping[str, Any]) -> str:
    """What became of a case at the meeting, in a few words."""
    if content["state"] == minutes_parts.MOVED:
        return _("Went to another table before it was discussed")
    if content["state"] == minutes_parts.LEFT_OVER:
        return _("Not decided; left over for another meeting")
    whereto = destinations_label(content["destinations"])
    return f"{decision_label(content['decision'])}: {whereto}" if whereto else decision_label(content["decision"])


def task_words(one: Mapping[str, Any]) -> str:
    """A task as the minutes name it."""
    return one["text"] or asked(one.get("decision", ""), one.get("destinations", ()))


def task_state(one: Mapping[str, Any]) -> str:
    """What became of an earlier task, in words."""
    if one["result"]:
        return result_word(one["result"])
    return _("Open and late") if one["late"] else _("Open")


def left_out_words(count: int) -> str:
    """That cases are not in this reader's minutes, and nothing more about them."""
    return ngettext("One case is left out for you.", "%(num)s cases are left out for you.", count)


def absent_words(titles: Iterable[str]) -> str:
    """The organisations that nobody came for."""
    return ", ".join(titles)


def state_sentence(view: MinutesView) -> str:
    """How far the minutes are, and since when."""
    if view.state == minutes.APPROVED and view.approved_on:
        return _("Approved at %(meeting)s of %(day)s", meeting=view.approved_in, day=day(view.approved_on))
    if view.state == minutes.SHARED and view.shared_at:
        return _("Shared on %(day)s, not approved yet", day=day(view.shared_at))
    return _("Draft, not shared yet")


MINUTES_WORDS: Mapping[str, Any] = {
    "absent_words": absent_words,
    "case_outcome": case_outcome,
    "hours": hours,
    "left_out_words": left_out_words,
    "minutes_task": task_words,
    "minutes_task_state": task_state,
    "person_words": person,
    "presence_word": presence_word,
    "state_sentence": state_sentence,
    "state_word": state_word,
    "written_day": written_day,
}
