"""The coordinator's desk: the list of signals at the table, one signal to triage, and asking partners."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField, SelectMultipleField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Permission
from signaltable.domain import Conflict, Refused, State, UnusableInput
from signaltable.flow import enrich, triage
from signaltable.flow.triage import TriageView
from signaltable.web.dossier_words import WORDS, kind_label, put_problems, role_label
from signaltable.web.filters import state_label
from signaltable.web.forms import DateParts, choices
from signaltable.web.guards import begin, only, only_fields, permission, program, submitted
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


class AskForm(FlaskForm):
    subject = RadioField(_l("Whom or what is it about?"), [InputRequired(_l("Choose whom or what it is about"))])
    agencies = SelectMultipleField(
        _l("Whom do you ask?"),
        [InputRequired(_l("Choose at least one partner"))],
        description=_l("Each partner sees a pseudonym that only that partner has, and no dossier."),
    )
    due_on = DateParts(_l("Answer by"))
    note = TextAreaField(
        _l("What do you want to know?"),
        [Optional(), no_bsn],
        description=_l("Without a note the question is: do you know this person or thing? Write no names."),
    )
    necessity = TextAreaField(
        _l("Why does the partner need to know more than the bare facts?"),
        [Optional(), no_bsn],
        description=_l(
            "This signal holds facts that the law protects more, such as sexual exploitation or the part that somebody "
            "plays. Leave this open and they stay out of the question."
        ),
    )
    checked = BooleanField(_l("I read the question again. Nobody can be recognised in it."))


@pages.get("")
@permission(Permission.SIGNAL_TRIAGE_OWN_TABLE)
def listing() -> ResponseReturnValue:
    """The signals at the own table, newest first."""
    only("toestand", "urgentie", "ouder", "nieuwer")
    chosen = {"toestand": request.args.get("toestand", ""), "urgentie": request.args.get("urgentie", "")}
    with begin() as tx:
        page = triage.listing(
            tx,
            state=chosen["toestand"],
            urgency=chosen["urgentie"],
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
    return _page(_consulted(reference))


@pages.post("/<reference>/beoordelen")
@permission(Permission.SIGNAL_TRIAGE_OWN_TABLE)
def judge(reference: str) -> ResponseReturnValue:
    """Confirm or change the urgency and say what happens next."""
    view = _consulted(reference)
    form = _triage_form(view, posted=True)
    only_fields(form)
    if _number(form.version.data) != view.version:
        # Said before the choices are looked at: what was offered then may no longer be offered now.
        form.form_errors.append(
            _("Somebody else changed this signal meanwhile. Look at it again and save your judgement once more."),
        )
        form.version.data = str(view.version)
        return _page(view, judging=form), 409
    if not submitted(form):
        return _page(view, judging=form), 422
    try:
        with begin() as tx:
            triage.triage(
                tx,
                reference,
                result=form.result.data,
                urgency=form.urgency.data,
                reason=form.reason.data or "",
                version=_number(form.version.data),
            )
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _page(view, judging=form), 422
    flash(_("Your judgement of %(reference)s is kept.", reference=reference), "success")
    return redirect(url_for("triage.show", reference=reference), 303)


@pages.post("/<reference>/vragen")
@permission(Permission.ENRICH_ASK_OWN_TABLE)
def ask(reference: str) -> ResponseReturnValue:
    """Ask partners whether they know a subject of this signal."""
    view = _consulted(reference)
    form = _ask_form(view, posted=True)
    only_fields(form)
    if not view.may_ask:
        raise Conflict("state", "no question can be asked in this state")
    if not submitted(form):
        return _page(view, asking=form), 422
    asking = enrich.Asking(
        agencies=tuple(form.agencies.data or ()),
        subjects=(_number(form.subject.data),),
        due_on=form.due_on.data,
        note=form.note.data or "",
        necessity=(form.necessity.data or "") if form.necessity else "",
        checked=form.checked.data,
    )
    try:
        with begin() as tx:
            asked = enrich.ask(tx, reference, asking)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _page(view, asking=form), 422
    except Refused as refusal:
        if refusal.reason != "no_ground":
            raise
        return _page(view, asking=form, without_ground=str(refusal.details["recipient"])), 422
    flash(
        ngettext("The question is with one partner.", "The question is with %(num)s partners.", len(asked.questions)), "success"
    )
    return redirect(url_for("triage.show", reference=reference, _anchor="vragen"), 303)


def _consulted(reference: str) -> TriageView:
    with begin() as tx:
        return triage.consult(tx, reference)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _page(
    view: TriageView,
    *,
    judging: TriageForm | None = None,
    asking: AskForm | None = None,
    without_ground: str = "",
) -> str:
    titles = dict(view.agencies)
    return render_template(
        "triage/show.html",
        view=view,
        read=view.dossier,
        judging=judging or _triage_form(view),
        asking=asking or (_ask_form(view) if view.may_ask else None),
        without_ground=titles.get(without_ground, ""),
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


def _ask_form(view: TriageView, *, posted: bool = False) -> AskForm:
    form = AskForm() if posted else AskForm(formdata=None, data={"due_on": view.due_on})
    form.agencies.choices = list(view.agencies)
    form.subject.choices = [
        (str(one.number), f"{one.pseudonym} – {kind_label(one.kind)}, {role_label(one.role).lower()}")
        for one in view.dossier.subjects
    ]
    if not view.needs_necessity:
        del form.necessity
    return form
