"""Whether a destination or help line can be reached now, and else from when, in words."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import format_date
from flask_babel import gettext as _

from signaltable.domain import ZONE
from signaltable.opening import OpenHours, open_at
from signaltable.web.guards import program

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)


def open_now(hours: Sequence[OpenHours]) -> str:
    """“open now”, “opens tomorrow at 08.30”; "" when the rules give the hours in words alone."""
    if not hours:
        return ""
    now = program().clock().astimezone(ZONE)
    found = open_at(hours, now, program().policy.calendar)
    if found.changes_at is None:
        return _("open now") if found.is_open else ""
    at = found.changes_at.strftime("%H.%M")
    if found.is_open:
        return _("open now, until %(time)s", time=at)
    return _opens(found.changes_at, now, at)


def _opens(opening: datetime, now: datetime, at: str) -> str:
    days = opening.date() - now.date()
    if not days:
        return _("closed now, opens today at %(time)s", time=at)
    if days == A_DAY:
        return _("closed now, opens tomorrow at %(time)s", time=at)
    if days < A_WEEK:
        return _("closed now, opens on %(day)s at %(time)s", day=format_date(opening.date(), "EEEE"), time=at)
    return _("closed now, opens on %(day)s at %(time)s", day=format_date(opening.date(), "d MMMM"), time=at)
