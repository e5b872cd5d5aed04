"""Checks that several forms share."""

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from wtforms import Field, Form
from wtforms.validators import ValidationError

from signaltable.text import contains_bsn


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
