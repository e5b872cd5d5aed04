"""How duties read: what is owed, how it was done, when it is due, and what is wrong with an answer."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import SelectChoice

from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import UnusableInput
from signaltable.flow import duty_kinds
from signaltable.flow.duty_lists import DutyStatus
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.web.filters import day, moment


def kind_label(kind: str) -> str:
    """What is owed, in words."""
    return {
        duty_kinds.INFORM: _("Tell the person that data were shared"),
        duty_kinds.REVIEW: _("Look back: was it right?"),
        duty_kinds.RECORD: _("Keep the disclosure on record"),
        duty_kinds.DESTROY: _("Erase the data"),
        duty_kinds.INFORM_MUNICIPALITY: _("Tell the municipality"),
        duty_kinds.WITHDRAWN: _("Consent was withdrawn: erase the data, or name a ground of your own"),
        duty_kinds.PUT_RIGHT: _("Put right a disclosure that was not right"),
        duty_kinds.RECALL: _("The provider asks you to erase the data"),
        duty_kinds.PASSED_ON: _("You passed it on and keep no copy: erase the data"),
        duty_kinds.ERASED: _("A person was erased on request: erase the data, or name a ground of your own"),
    }.get(kind, kind)


def result_word(result: str) -> str:
    """How a duty was fulfilled, in words."""
    return {
        "in_person": _("In person"),
        "interpreter": _("In person, with an interpreter"),
        "phone": _("By phone"),
        "letter": _("By letter"),
        "through_coordinator": _("Through the care coordinator"),
        duty_kinds.OTHER: _("In another way"),
        "informed": _("The municipality knows"),
        duty_kinds.DESTROYED: _("The data were erased"),
        duty_kinds.KEPT: _("Kept on a ground of their own"),
        duty_kinds.RECALLED: _("The receiver was asked to erase the data"),
        duty_kinds.REPORTED: _("The receiver was asked to erase the data, and it was reported as a data breach"),
        duty_kinds.LEFT: _("No further step is needed"),
        duty_kinds.LOGGED: _("Done by the program: the entry in the log is the record"),
        duty_kinds.RETURNED: _("The receiver gave the case back; its copy was erased"),
        duty_kinds.ENDED: _("Ended with the term of the case, and was not done"),
        duty_kinds.BY_PROGRAM: _("Erased by the program at the end of the term"),
        duty_kinds.RIGHT: _("It was right"),
        duty_kinds.NOT_RIGHT: _("It was not right"),
    }.get(result, result)


def result_choices(kinds: tuple[str, ...]) -> list[SelectChoice]:
    """The ways in which a duty can be fulfilled, to choose from."""
    return [SelectChoice(one, result_word(one)) for one in kinds]


def due_text(duty: Any) -> str:
    """By when, in words; erasing without a date lives with the case."""
    if duty.due_at is None:
        return _("with the case") if duty.kind == duty_kinds.DESTROY else "–"
    return moment(duty.due_at) if duty.kind == duty_kinds.REVIEW else day(duty.due_at)


def status_text(duty: DutyStatus) -> str:
    """Where a duty stands, in one sentence."""
    if duty.fulfilled_at is None:
        return _("by %(day)s", day=due_text(duty)) if duty.due_at else due_text(duty)
    if duty.result == duty_kinds.LOGGED:
        return result_word(duty.result)
    return _("%(result)s, %(day)s", result=result_word(duty.result), day=day(duty.fulfilled_at))


def problem_text(problem: str) -> str:
    """What is wrong with an answer, in words."""
    return {
        duty_kinds.NO_DAY: _("Fill in the day"),
        duty_kinds.TOO_EARLY: _("Choose a later day"),
        duty_kinds.TOO_LATE: _("Choose an earlier day"),
        duty_kinds.TOO_SHORT: _("Write at least %(count)d characters, in your own words", count=MOTIVATION_LENGTH),
        NO_TEXT: _("Write this down"),
        TOO_LONG: _("Write this in fewer words: at most %(max)d characters", max=duty_kinds.NOTE_LIMIT),
        HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
    }.get(problem, _("This cannot be used"))


def put_problems(form: FlaskForm, error: UnusableInput) -> None:
    """Put what is wrong with an answer at its field."""
    for name, problem in error.problems.items():
        form[name].errors = [problem_text(problem)]


DUTY_WORDS: Mapping[str, Any] = {
    "duty_kind": kind_label,
    "duty_result": result_word,
    "duty_due": due_text,
    "duty_status": status_text,
}
