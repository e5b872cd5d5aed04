"""Closing a case with an outcome: the form on the page of its owner and on that of the coordinator."""

from collections.abc import Iterable, Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectChoice, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from signaltable.flow import closing
from signaltable.flow.closing import Chosen, Closing
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.signals import REASON_LIMIT
from signaltable.outcome_rules import Outcome
from signaltable.web.filters import in_words
from signaltable.web.guards import program
from signaltable.web.validators import no_bsn

LONGEST_VERSION = 9


class CloseForm(FlaskForm):
    outcome = RadioField(_l("How did it end?"), [InputRequired(_l("Choose how it ended"))])
    # Not `reason` and `version`: other forms stand on the same pages.
    close_reason = TextAreaField(
        _l("Say more about it"),
        [
            Optional(),
            Length(
                max=REASON_LIMIT,
                message=_l("Write this in fewer words: at most %(max)d characters", max=REASON_LIMIT),
            ),
            no_bsn,
        ],
        description=_l(
            "Needed when you choose “something else”. Write no names; names that the program sees are masked."
        ),
    )
    close_version = HiddenField()

    def chosen(self) -> Chosen:
        """What was filled in; a version that no signal has, where the form has none."""
        text = self.close_version.data or ""
        version = int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_VERSION else 0
        return Chosen(self.outcome.data or "", self.close_reason.data or "", version)

    def put_problems(self, problems: Mapping[str, str]) -> None:
        """Show what the use case found wrong at its field."""
        words = {
            closing.NO_OUTCOME: _("Choose how it ended"),
            closing.UNKNOWN_OUTCOME: _("Choose one of the possibilities"),
            NO_TEXT: _("Say in a few words how it ended"),
            TOO_LONG: _("Write this in fewer words: at most %(max)d characters", max=REASON_LIMIT),
            HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        }
        for name, problem in problems.items():
            target = self.outcome if name == "outcome" else self.close_reason
            target.errors = [words.get(problem, _("This cannot be used"))]


def close_form(found: Closing | None, typed: CloseForm | None = None) -> CloseForm:
    """The form for what can be chosen now: as it was typed, or a new one."""
    form = typed or CloseForm(None, close_version=str(found.version if found else 0))
    form.outcome.choices = _choices(found.outcomes if found else ())
    return form


def posted_form() -> CloseForm:
    """The form as posted. It takes every outcome: which of them fits may have changed since the page was made."""
    form = CloseForm()
    rules = program().policy.outcomes
    form.outcome.choices = _choices(rules.outcome if rules else ())
    return form


def _choices(outcomes: Iterable[Outcome]) -> list[SelectChoice]:
    return [SelectChoice(one.id, in_words(one.title)) for one in outcomes]
