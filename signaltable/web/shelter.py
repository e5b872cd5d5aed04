"""A reminder before a text goes to others that seems to tell where somebody is sheltered: leave it out, or confirm.

It never says which shelter or which word it was: whoever tries texts learns no place from it.
"""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField

from signaltable.flow import shelters
from signaltable.transaction import Transaction, reading
from signaltable.web.guards import actor, program


class PlaceForm(FlaskForm):
    """A form of which a text goes to others."""

    place_confirmed = BooleanField(_l("I looked at this. What the text says may stay."))
    tells_place = False


def must_look(form: PlaceForm, *texts: str | None) -> bool:
    """Whether the page has to come back with the reminder, because nobody confirmed it yet."""
    with reading(program(), actor=actor()) as session:
        # Only looks things up: a transaction that writes would make everybody wait.
        tx = Transaction(program(), actor(), session, program().clock())
        form.tells_place = shelters.tells_place(tx, [text for text in texts if text])
    if not form.tells_place or form.place_confirmed.data:
        return False
    form.place_confirmed.errors = [_("Leave the place out, or tick that you looked at it")]
    return True


def note_look(
    tx: Transaction, form: PlaceForm, place: str, *, signal: str = "", question_id: str = "", disclosure: str = ""
) -> None:
    """Record with the text that its writer confirmed the reminder, when there was one."""
    if form.tells_place:
        shelters.note_confirmed(tx, place, signal=signal, question_id=question_id, disclosure=disclosure)
