"""Roles for some time: the administrator gives one, sees which run, and takes one away before its time."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from signaltable.access import Permission
from signaltable.domain import Conflict, NotFound, UnusableInput
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.rights import grants
from signaltable.flow.rights.grants import Stage, Whom
from signaltable.rights_rules import beginning, end, is_on_the_clock
from signaltable.web.filters import in_words
from signaltable.web.forms import DateParts, put_errors
from signaltable.web.guards import begin, only, permission, program, submitted
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import day_needed, no_bsn

pages = Blueprint("grants", __name__, url_prefix="/beheer/tijdelijk")

# How an address names a stage.
STAGES: Final[Mapping[str, Stage]] = {
    "lopend": Stage.RUNNING,
    "komend": Stage.COMING,
    "voorbij": Stage.ENDED,
}
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])")
NO_TIME: Final = "expected a time such as 9:00"
NOT_ON_CLOCK: Final = "expected a time that the clock shows on that day"


class GiveForm(FlaskForm):
    role = RadioField(_l("Which role?"), [InputRequired(_l("Choose a role"))])
    begins = DateParts(_l("From which day?"), description=_l("Leave it empty to begin now"))
    begins_at = StringField(_l("From what time?"), [Optional(), Length(max=5)], description=_l("Such as 9:00"))
    ends = DateParts(_l("Until which day?"), [day_needed(_l("Fill in the day on which it ends"))])
    ends_at = StringField(_l("Until what time?"), [InputRequired(_l("Fill in a time, such as 17:00")), Length(max=5)])
    reason = TextAreaField(
        _l("Why?"),
        [InputRequired(_l("Write down why")), Length(max=grants.REASON_LIMIT), no_bsn],
        description=_l("For example: takes over during leave. Whoever looks at rights reads this."),
    )


@pages.get("")
@permission(Permission.GRANT_CHANGE_ALL)
def listing() -> ResponseReturnValue:
    """The roles that run now, that are still to come, or that ended."""
    name = request.args.get("stand", "lopend")
    if name not in STAGES:
        raise NotFound("no such list")
    after, account_id = read_key(request.args.get("na", "")), request.args.get("account", "")
    with begin() as tx:
        lines, following = grants.listing(tx, STAGES[name], after, account_id)
    kept: dict[str, Any] = {"stand": name} | ({"account": account_id} if account_id else {})
    return render_template(
        "grants/listing.html",
        lines=lines,
        stages=[(one, url_for("grants.listing", **(kept | {"stand": one}))) for one in STAGES],
        chosen=name,
        account_id=account_id,
        older=url_for("grants.listing", **kept, na=write_key(following)) if following else None,
        first=url_for("grants.listing", **kept) if after else None,
    )


@pages.route("/geven/<account_id>", methods=["GET", "POST"])
@permission(Permission.GRANT_CHANGE_ALL)
def give(account_id: str) -> ResponseReturnValue:
    """Give somebody a role for some time."""
    try:
        with begin() as tx:
            whom = grants.whom(tx, account_id)
    except Conflict as conflict:
        flash(_refusal(conflict.reason), "warning")
        return redirect(url_for("grants.listing"), 303)
    form = _form(whom)
    if not submitted(form):
        return _page(whom, form), 422 if form.is_submitted() else 200
    try:
        begins_at, ends_at = _moments(form)
        with begin() as tx:
            grants.give(
                tx,
                account_id,
                form.role.data or "",
                begins_at=begins_at,
                ends_at=ends_at,
                reason=form.reason.data or "",
            )
    except UnusableInput as error:
        put_errors(form, error.problems, _words)
        return _page(whom, form), 422
    flash(_("Given. %(name)s hears of it by mail. It ends by itself.", name=whom.name), "success")
    return redirect(url_for("grants.listing", stand="komend" if begins_at else "lopend"), 303)


@pages.post("/<grant_id>/einde")
@permission(Permission.GRANT_CHANGE_ALL)
def take_away(grant_id: str) -> ResponseReturnValue:
    """Take a role away before its time."""
    only()
    try:
        with begin() as tx:
            grants.end(tx, grant_id)
    except Conflict:
        flash(_("It had ended already."), "info")
        return redirect(url_for("grants.listing"), 303)
    flash(_("Taken away. Open sessions of this person have ended."), "success")
    return redirect(url_for("grants.listing"), 303)


def _form(whom: Whom) -> GiveForm:
    form = GiveForm()
    roles = program().policy.roles
    form.role.choices = [SelectChoice(one, in_words(roles[one].title)) for one in whom.roles]
    return form


def _page(whom: Whom, form: GiveForm) -> str:
    return render_template("grants/give.html", whom=whom, form=form)


def _moments(form: GiveForm) -> tuple[datetime | None, datetime]:
    """The two moments that were typed, in Dutch time. Raises `UnusableInput`."""
    problems: dict[str, str] = {}
    begins = None
    if form.begins.data or (form.begins_at.data or "").strip():
        begins = _local(form.begins.data or date.min, form.begins_at.data or "0:00", "begins_at", problems)
        if form.begins.data is None:
            problems["begins"] = grants.IN_THE_PAST
    ends = _local(form.ends.data or date.min, form.ends_at.data or "", "ends_at", problems)
    if problems or ends is None:
        raise UnusableInput(problems)
    return (beginning(begins) if begins else None), end(ends)


def _local(day: date, typed: str, name: str, problems: dict[str, str]) -> datetime | None:
    found = _TIME.fullmatch(typed.strip())
    if found is None:
        problems[name] = NO_TIME
        return None
    local = datetime.combine(day, time(int(found[1]), int(found[2])))
    # Near the first and the last year there is no moment in UTC, and nobody means one.
    if not date(2000, 1, 1) <= day <= date(2999, 12, 31) or not is_on_the_clock(local):
        problems[name] = NOT_ON_CLOCK
        return None
    return local


def _refusal(reason: str) -> str:
    return {
        "own_account": _("Nobody gives the own account a role. Ask another administrator."),
        "closed_account": _("This account, or its organisation, is closed off."),
    }.get(reason, _("This is not allowed."))


def _words(problem: str) -> str:
    rules = program().policy.rights.grants
    return {
        grants.NO_ROLE: _("Choose a role"),
        grants.HAS_ROLE: _("This person has this role already"),
        grants.MIXED: _("Whoever oversees the work does not do it: this role does not go together with the others"),
        grants.OVERLAPS: _("This person has this role in that time already. Choose a time beside it, or end the other"),
        grants.BEFORE_BEGIN: _("Choose an end after the beginning"),
        grants.IN_THE_PAST: _("Choose a day and time that are still to come"),
        grants.TOO_LONG: _(
            "At most %(count)s days. Is it for longer? Then give the role itself", count=rules.longest_days
        ),
        grants.TOO_FAR: _("At most %(count)s days ahead", count=rules.ahead_days),
        grants.TOO_MANY: _("This person has too many roles for some time. End one first"),
        NO_TIME: _("Fill in a time, such as 9:00"),
        NOT_ON_CLOCK: _("On that day the clock does not show this time. Choose another one"),
        NO_TEXT: _("Write something here"),
        HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        TOO_LONG: _("Write this in fewer words"),
    }.get(problem, problem)
