"""Questions about use: what the log shows, what was asked, and the answer. Opaque ids only; an officer sees the own agency."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, TextAreaField
from wtforms.validators import InputRequired

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import misuse
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.misuse import DAYS, RESULTS, Finding
from signaltable.flow.misuse.use import SEARCHES
from signaltable.pictures import Bar, bars
from signaltable.web.filters import day, ground_title, in_words
from signaltable.web.guards import actor, begin, only, permission, submitted
from signaltable.web.log_words import WORDS, actions
from signaltable.web.open_pages import open_pages
from signaltable.web.validators import no_bsn

pages = Blueprint("misuse", __name__, url_prefix="/audit/vragen")

# Names of rules and of what a question is about: codes and opaque ids.
ABOUT = "<rule>/<about>"
# What a filter of the log shows of a rule, where one action says it.
ACTION = {"many-searches": SEARCHES[0], "same-pair": "disclosure:approve", "unreviewed-ground": "signal:disclose"}


class SettleForm(FlaskForm):
    result = RadioField(_l("What was it?"), [InputRequired(_l("Choose what it was"))])
    explanation = TextAreaField(
        _l("The answer"),
        [InputRequired(_l("Write down the answer")), no_bsn],
        description=_l("No names of people. The auditor and your own privacy officer read it; names are masked."),
    )


@pages.get("")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def listing() -> ResponseReturnValue:
    """What raises a question now, what was asked, and what was settled."""
    with begin() as tx:
        page = misuse.overview(tx, _days())
    counted = [(rule, [pair for pair in page.found if pair[0].rule == name]) for name, rule in page.rules.items()]
    return _render("misuse/listing.html", page=page, groups=[one for one in counted if one[1]], quiet=_quiet(counted))


def _quiet(counted: list[Any]) -> list[str]:
    return [in_words(rule.title) for rule, found in counted if not found]


def _days() -> int:
    typed = request.args.get("dagen", str(DAYS[0]))
    if typed not in {str(one) for one in DAYS}:
        raise NotFound("no such period")
    return int(typed)


@pages.get(f"/{ABOUT}")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def show(rule: str, about: str) -> ResponseReturnValue:
    """One question with the entries behind it."""
    return _show(rule, about, None)


def _show(rule: str, about: str, form: SettleForm | None) -> str:
    with begin() as tx:
        view = misuse.consult(tx, rule, about, _days() if request.method == "GET" else DAYS[-1])
    found = view.finding
    return _render(
        "misuse/show.html",
        view=view,
        form=form or _form(empty=True),
        has_errors=bool(form and form.errors),
        picture=_picture(found) if found else None,
        per_hour=[[hour_label(hour), count] for hour, count in enumerate(found.hours) if count] if found else [],
        log_url=_log_url(found) if found else None,
        sentences=dict(actions()),
        own=actor().account_id in about.split(":"),
    )


def _form(*, empty: bool = False) -> SettleForm:
    form = SettleForm(None) if empty else SettleForm()
    form.result.choices = [SelectChoice(one, result_label(one)) for one in RESULTS]
    return form


def _picture(found: Finding) -> str:
    items = [Bar(hour_label(hour), count) for hour, count in enumerate(found.hours) if count]
    return bars(items, title=_("Entries by hour of the day, in Dutch time"))


def _log_url(found: Finding) -> str:
    """The filter of the log that shows what is behind it."""
    wanted = {
        "persoon": found.actor,
        "organisatie": found.agency if not found.actor else "",
        "actie": ACTION.get(found.rule, ""),
    }
    if found.rule == "emergency-unreviewed":
        wanted = {"kenmerk": found.about}
    elif found.rule == "unreviewed-ground":
        wanted = {"grond": found.about.rpartition(":")[2], "actie": ACTION[found.rule]}
    elif found.rule == "many-refusals":
        wanted["uitkomst"] = "refused"
    period = {"van": found.first_at.strftime("%Y-%m-%d"), "tot": found.last_at.strftime("%Y-%m-%d")}
    chosen: dict[str, Any] = {name: value for name, value in (wanted | period).items() if value}
    return url_for("auditor.listing", **chosen)


@pages.post(f"/{ABOUT}/stellen")
@permission(Permission.LOG_CONSULT_ALL)
def ask(rule: str, about: str) -> ResponseReturnValue:
    """Ask the agency what the reason was."""
    only()
    try:
        with begin() as tx:
            misuse.ask(tx, rule, about, DAYS[-1])
    except Conflict:
        flash(_("This question was asked already."), "info")
    else:
        flash(_("Asked. The privacy officer of the organisation gets a mail that something waits."), "success")
    return redirect(url_for("misuse.show", rule=rule, about=about, dagen=DAYS[-1]), 303)


@pages.post(f"/{ABOUT}/beantwoorden")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def settle(rule: str, about: str) -> ResponseReturnValue:
    """Settle the question with an answer."""
    form = _form()
    if not submitted(form):
        return _show(rule, about, form), 422
    try:
        with begin() as tx:
            misuse.settle(
                tx, rule, about, result=form.result.data, explanation=form.explanation.data or "", days=DAYS[-1]
            )
    except UnusableInput as error:
        words = {
            NO_TEXT: _("Write something here"),
            TOO_LONG: _("This text is too long"),
            HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        }
        for place, problem in error.problems.items():
            form[place].errors = [*form[place].errors, words.get(problem, _("Choose one of these"))]
        return _show(rule, about, form), 422
    except Refused as refusal:
        if refusal.reason != "own_request":
            raise
        form.result.errors = [_("This is about yourself. Somebody else answers it.")]
        return _show(rule, about, form), 422
    flash(_("Settled. The question comes back when new entries raise it again."), "success")
    return redirect(url_for("misuse.listing"), 303)


# -- words --------------------------------------------------------------------------------------------------------


def result_label(result: str) -> str:
    """How a question was settled."""
    return {
        "explained": _("There was a task: it belonged to the work"),
        "mistake": _("A mistake, talked about with the person"),
        "measure": _("Something was changed: a role, a rule or the way of working"),
        "incident": _("It was not right: reported as an incident or a data breach"),
    }.get(result, result)


def about_label(found: Finding) -> str:
    """What a finding is about, in words: a person by an opaque id, a disclosure, or a ground."""
    if found.rule == "emergency-unreviewed":
        return _("Disclosure %(reference)s", reference=found.about)
    if found.rule == "unreviewed-ground":
        return ground_title(found.about.rpartition(":")[2])
    if found.rule == "same-pair":
        first, _colon, second = found.about.partition(":")
        return _("Accounts %(first)s and %(second)s", first=first[:8], second=second[:8])
    return _("Account %(id)s", id=found.actor[:8])


def hour_label(hour: int) -> str:
    """An hour of the day."""
    return f"{hour:02}:00"


def _render(template: str, **values: object) -> str:
    sees_all = isinstance(may(actor(), Permission.LOG_CONSULT_ALL), Allowed)
    return render_template(
        template,
        **{
            **WORDS,
            "sees_all": sees_all,
            "tab_pages": open_pages(),
            "periods": DAYS,
            "result_label": result_label,
            "about_label": about_label,
            "period": _period,
            **values,
        },
    )


def _period(found: Finding) -> str:
    first, last = day(found.first_at), day(found.last_at)
    return first if first == last else _("%(first)s up to %(last)s", first=first, last=last)
