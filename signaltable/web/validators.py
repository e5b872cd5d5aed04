"""Checks that several forms share."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from flask_babel import gettext as _
from wtforms import Field, Form, IntegerField
from wtforms.validators import ValidationError

from signaltable.text import contains_bsn

# Nothing that people count here is larger, and every database keeps it.
LARGEST_NUMBER: Final = 2**31 - 1


def day_needed(message: Any) -> Callable[[Form, Field], None]:
    """A check that a day was filled in; what was wrong with a day that was, keeps its own message."""

    def check(_form: Form, field: Field) -> None:
        if field.data is None and not field.errors:
            raise ValidationError(message)

    return check


def no_bsn(_form: Form, field: Field) -> None:
    """Refuse a citizen service number anywhere in a text (UAVG art. 46); the message never repeats it."""
    if field.data and contains_bsn(field.data):
        raise ValidationError(_("Take the citizen service number (BSN) out of this text"))


class NumberField(IntegerField):
    """A whole number, of so many digits that neither the checks behind it nor a database fail on it.

    Anything else is told at the field as what is no number.
    """

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        super().process_formdata(valuelist)
        number: int | None = self.data
        if number is not None and abs(number) > LARGEST_NUMBER:
            self.data: int | None = None
            raise ValueError(self.gettext("Not a valid integer value."))
