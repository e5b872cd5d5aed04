"""The coordinator's desk: the list of signals at the table, one signal to triage, and asking partners."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Permission
from signaltable.domain import State, UnusableInput
from signaltable.flow import closing, triage
from signaltable.flow.triage import TriageView
from signaltable.web.ask_form import AskForm, ask_form
from signaltable.web.closing import CloseForm, close_form, posted_form
from signaltable.web.dossier_words import WORDS, put_problems
from signaltable.web.fact_words import fact_title
from signaltable.web.filters import state_label
from signaltable.web.forms import choices, whole_number
from signaltable.web.guards import begin, note_failure, only, only_fields, permission, program, submitted
from signaltable.web.table_words import table_choices
from signaltable.web.validators import no_bsn

pages = Blueprint("triage", __name__, url_prefix="/triage")


class TriageForm(FlaskForm):
    urgency = RadioField(_l("How urgent is it?"), [InputRequired(_l("Choose how urgent it is"))])
    result = RadioField(_l("What happens next?"), [InputRequired(_l("Choose what happens next"))])
    reason = TextAreaField(
        _l("Why?"),
        [Optional(), no_bsn],
        description=_l("Needed when you change the urgency. Write no names; names that the program sees are masked."),
    )
    version = HiddenField()


@pages.get("")
@permission(Permission.SIGNAL_TRIAGE_OWN_TABLE)
def listing() -> ResponseReturnValue:
    """The signals at the own table, newest first."""
    only("toestand", "urgentie", "tafel", "ouder", "nieuwer")
    chosen = {name: request.args.get(name, "") for name in ("toestand", "urgentie", "tafel")}
    with begin(listing=True) as tx:
        page = triage.listing(
            tx,
            state=chosen["toestand"],
            urgency=chosen["urgentie"],
            table_id=chosen["tafel"],
            older_than=request.args.get("ouder", ""),
            newer_than=request.args.get("nieuwer", ""),
        )
    kept = {name: value for name, value in chosen.items() if value}
    states = [(one.value, state_label(one)) for one in State if one is not State.DRAFT]
    return render_template(
        "triage/listing.html",
        page=page,
        chosen=chosen,
        active=len(kept),
        states=[("", _("All that ask attention")), *states],
        urgencies=[("", _("All")), *((one.value, one.label) for one in choices(program().policy.urgencies))],
        table_choices=table_choices(page.tables),
        newer=_address(kept, "nieuwer", page.newer),
        older=_address(kept, "ouder", page.older),
        **WORDS,
    )


def _address(kept: Mapping[str, str], name: str, place: str) -> str | None:
    values: dict[str, Any] = {**kept, name: place}
    return url_for("triage.listing", **values) if place else None


@pages.get("/<reference>")
@permission(Permission.SIGNAL_TRIAGE_OWN_TABLE)
def show(reference: str) -> ResponseReturnValue:
    """One signal with its dossier, the triage form and the questions."""
    return page(consulted(reference))


@pages.post("/<reference>/beoordelen")
@permission(Permission.SIGNAL_TRIAGE_OWN_TABLE)
def judge(reference: str) -> ResponseReturnValue:
    """Confirm or change the urgency and say what happens next."""
    view = consulted(reference)
    form = _triage_form(view, posted=True)
    only_fields(form)
    if whole_number(form.version.data) != view.version:
        # Said before the choices are looked at: what was offered then may no longer be offered now.
        form.form_errors.append(
            _("Somebody else changed this signal meanwhile. Look at it again and save your judgement once more."),
        )
        form.version.data = str(view.version)
        note_failure("conflict", 409)
        return page(view, judging=form), 409
    if not submitted(form):
        return page(view, judging=form), 422
    try:
        with begin() as tx:
            triage.triage(
                tx,
                reference,
                result=form.result.data,
                urgency=form.urgency.data,
                reason=form.reason.data or "",
                version=whole_number(form.version.data),
            )
    except UnusableInput as error:
        put_problems(form, error.problems)
        return page(view, judging=form), 422
    flash(_("Your judgement of %(reference)s is kept.", reference=reference), "success")
    return redirect(url_for("triage.show", reference=reference), 303)


@pages.post("/<reference>/afsluiten")
@permission(Permission.SIGNAL_TRIAGE_OWN_TABLE)
def close(reference: str) -> ResponseReturnValue:
    """Close a case at the own table, with what came of it."""
    form = posted_form()
    if not submitted(form):
        return page(consulted(reference), ending=form), 422
    try:
        with begin() as tx:
            closing.close_at_table(tx, reference, form.chosen())
    except UnusableInput as error:
        form.put_problems(error.problems)
        return page(consulted(reference), ending=form), 422
    flash(_("The case is closed. Everybody who received something hears that."), "success")
    return redirect(url_for("triage.show", reference=reference), 303)


def consulted(reference: str) -> TriageView:
    """The signal as the coordinator triages it."""
    with begin() as tx:
        return triage.consult(tx, reference)


def page(
    view: TriageView,
    *,
    judging: TriageForm | None = None,
    asking: AskForm | None = None,
    ending: CloseForm | None = None,
) -> str:
    """The page of one signal, with the forms as they were posted."""
    return render_template(
        "triage/show.html",
        view=view,
        read=view.dossier,
        judging=judging or _triage_form(view),
        asking=asking or (ask_form(view) if view.may_ask else None),
        ending=close_form(view.closable, ending),
        fact_title=fact_title,
        **WORDS,
    )


def _triage_form(view: TriageView, *, posted: bool = False) -> TriageForm:
    stored = {"urgency": view.dossier.urgency, "version": str(view.version), "result": next(iter(view.results), None)}
    form = TriageForm() if posted else TriageForm(formdata=None, data=stored)
    form.urgency.choices = choices(program().policy.urgencies)
    form.result.choices = [(one, _result_label(view.dossier.state, one)) for one in view.results]
    return form


def _result_label(now: str, result: str) -> str:
    if now == result:
        return _("Leave it as it is: %(state)s", state=state_label(result).lower())
    return {
        State.TRIAGED: _("Take it up: it is complete enough to go on"),
        State.WATCH: _("Keep an eye on it: no action now"),
    }[State(result)]
