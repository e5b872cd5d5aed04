"""Keeping an own signal longer: its form, and what is wrong with an answer."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length

from signaltable.flow import keeping
from signaltable.flow.clock_events import ClockEvent
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.signals import Move
from signaltable.web.clock_words import clock_title
from signaltable.web.filters import moment, state_label
from signaltable.web.forms import DateParts, whole_number
from signaltable.web.outcome_words import closed_label
from signaltable.web.validators import day_needed, no_bsn


class KeepForm(FlaskForm):
    until = DateParts(_l("Until which day?"), [day_needed(_l("Fill in the day"))])
    # Not `reason`: the form for withdrawing stands on the same page.
    keep_reason = TextAreaField(
        _l("Why do you still need it?"),
        [
            DataRequired(_l("Write down why you still need it")),
            Length(
                max=keeping.REASON_LIMIT,
                message=_l("Write this in fewer words: at most %(max)d characters", max=keeping.REASON_LIMIT),
            ),
            no_bsn,
        ],
        description=_l("Stays sealed for your own organisation. Nobody else reads it."),
    )
    version = HiddenField()

    def read_version(self) -> int:
        """The version of the page; one that no signal has, for anything else."""
        return whole_number(self.version.data)

    def put_problems(self, problems: Mapping[str, str]) -> None:
        """Show what the use case found wrong at its field."""
        words = {
            keeping.NO_DAY: _("Fill in the day"),
            keeping.TOO_EARLY: _("Choose a later day"),
            keeping.TOO_LATE: _("Choose an earlier day"),
            NO_TEXT: _("Write this down"),
            TOO_LONG: _("Write this in fewer words: at most %(max)d characters", max=keeping.REASON_LIMIT),
            HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        }
        for name, problem in problems.items():
            target = self.until if name == "until" else self.keep_reason
            target.errors = [words.get(problem, _("This cannot be used"))]


def course(moves: tuple[Move, ...], clocks: tuple[ClockEvent, ...]) -> list[dict[str, Any]]:
    """The course of an own signal for components/timeline.html: its moves, and what clocks did to it."""
    made = [(one.at, _move_title(one), one.reason) for one in moves]
    made += [(one.at, clock_title(one.kind, one.code), "") for one in clocks]
    return [{"when": moment(at), "title": title, "text": text} for at, title, text in sorted(made, key=_when)]


def _when(one: tuple[Any, ...]) -> Any:
    return one[0]


def _move_title(one: Move) -> str:
    if one.outcome:
        return closed_label(one.outcome)
    return _("Went to another table: %(table)s", table=one.table) if one.table else state_label(one.state)
