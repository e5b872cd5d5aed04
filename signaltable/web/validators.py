"""Checks that several forms share."""

from flask_babel import gettext as _
from wtforms import Field, Form
from wtforms.validators import ValidationError

from signaltable.text import contains_bsn


def no_bsn(_form: Form, field: Field) -> None:
    """Refuse a citizen service number anywhere in a text (UAVG art. 46); the message never repeats it."""
    if field.data and contains_bsn(field.data):
        raise ValidationError(_("Take the citizen service number (BSN) out of this text"))
