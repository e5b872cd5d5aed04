"""The administrator's pages about systems of partners: who comes in by itself, what it may, and until when."""

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    FileField,
    HiddenField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length

from signaltable.access import Permission
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import machines
from signaltable.flow.machines import MOST_PEM, TITLE_LIMIT, MachineLine, MachineTerms, NewSecret
from signaltable.web.filters import in_words
from signaltable.web.forms import DateParts, put_errors, whole_number
from signaltable.web.guards import begin, only, permission, program, step_up, submitted

pages = Blueprint("machines", __name__, url_prefix="/beheer/systemen")


class TermsForm(FlaskForm):
    """In the order of the page; who changes an account chooses no other organisation, and makes a secret elsewhere."""

    agency = SelectField(_l("Organisation"), [InputRequired(_l("Choose an organisation"))])
    title = StringField(
        _l("Name of the system"),
        [InputRequired(_l("Fill in a name")), Length(max=TITLE_LIMIT)],
        description=_l("As the organisation calls it; no name of a person."),
    )
    permissions = SelectMultipleField(_l("What it may do"), [InputRequired(_l("Choose what it may do"))])
    purposes = SelectMultipleField(
        _l("For what it may do that"),
        [InputRequired(_l("Choose for what it may do that"))],
        description=_l("It sees no question that was asked for another purpose."),
    )
    expires_on = DateParts(_l("Last day"))
    secret = BooleanField(_l("Make a secret"), default=True)
    certificate = TextAreaField(
        _l("Certificate"),
        description=_l(
            "The certificate as text (PEM), or its SHA-256 thumbprint. With one, every request has to show it, "
            "and a token that was stolen is of no use."
        ),
    )
    certificate_file = FileField(_l("Or choose the file of the certificate"))
    version = HiddenField()

    def validate_expires_on(self, field: DateParts) -> None:
        """A day has to be filled in; which days are possible the use case says."""
        if field.data is None:
            raise ValidationError(_("Fill in a day"))


@pages.get("")
@permission(Permission.MACHINE_CHANGE_ALL)
def listing() -> ResponseReturnValue:
    """The accounts of systems, the newest first."""
    only("na")
    after = request.args.get("na", "")
    with begin() as tx:
        lines, following = machines.machines_page(tx, after=after)
    return render_template("machines/listing.html", lines=lines, following=following, first=not after, **_words())


@pages.route("/nieuw", methods=["GET", "POST"])
@permission(Permission.MACHINE_CHANGE_ALL)
@step_up
def add() -> ResponseReturnValue:
    """A new account. Its secret stands on the page that follows, and nowhere else."""
    form = TermsForm()
    with begin() as tx:
        agencies, last = machines.agencies_with_room(tx), machines.last_day(tx)
    form.agency.choices = [SelectChoice("", _("Choose")), *(SelectChoice(one, title) for one, title in agencies)]
    _choices(form)
    if submitted(form, "certificate_file"):
        made = _made(form)
        if made is not None:
            return _secret_page(made, _("The account is made"))
    return render_template("machines/new.html", form=form, last=last), _status(form)


@pages.get("/<machine_id>")
@permission(Permission.MACHINE_CHANGE_ALL)
def show(machine_id: str) -> ResponseReturnValue:
    """One account, to change or end it."""
    return _page(_read(machine_id))


@pages.post("/<machine_id>")
@permission(Permission.MACHINE_CHANGE_ALL)
@step_up
def change(machine_id: str) -> ResponseReturnValue:
    """Change an account; its tokens end."""
    line, form = _read(machine_id), TermsForm()
    _prepare(form)
    if submitted(form, "certificate_file") and _changed(machine_id, form):
        flash(_("The account is changed. Its tokens have ended."), "success")
        return redirect(url_for("machines.show", machine_id=machine_id), 303)
    return _page(line, form), 422


@pages.post("/<machine_id>/geheim")
@permission(Permission.MACHINE_CHANGE_ALL)
@step_up
def renew(machine_id: str) -> ResponseReturnValue:
    """A new secret, on the page that follows and nowhere else."""
    only("version", "at_once")
    _read(machine_id)
    leaked = request.form.get("at_once") == "yes"
    with begin() as tx:
        made = machines.renew_secret(tx, machine_id, version=whole_number(request.form.get("version")), at_once=leaked)
    return _secret_page(made, _("There is a new secret"))


@pages.post("/<machine_id>/beeindigen")
@permission(Permission.MACHINE_CHANGE_ALL)
@step_up
def end(machine_id: str) -> ResponseReturnValue:
    """End an account for good."""
    only("version")
    with begin() as tx:
        machines.end_machine(tx, machine_id, version=whole_number(request.form.get("version")))
    flash(_("The account has ended. The system cannot come in any more."), "success")
    return redirect(url_for("machines.listing"), 303)


# -- forms -------------------------------------------------------------------------------------------------------------


def _made(form: TermsForm) -> NewSecret | None:
    try:
        terms = _terms(form)
        with begin() as tx:
            return machines.record_machine(tx, form.agency.data, terms, secret=bool(form.secret.data))
    except UnusableInput as unusable:
        put_errors(form, unusable.problems, _problem)
    except Conflict as conflict:
        if conflict.reason != "too_many":
            raise
        form.agency.errors = [*form.agency.errors, _("This organisation has as many systems as it may have")]
    return None


def _changed(machine_id: str, form: TermsForm) -> bool:
    try:
        terms = _terms(form)
        with begin() as tx:
            machines.change_machine(tx, machine_id, terms, version=whole_number(form.version.data))
    except UnusableInput as unusable:
        put_errors(form, unusable.problems, _problem)
        return False
    return True


def _terms(form: TermsForm) -> MachineTerms:
    """What the form says. Raises `UnusableInput` at `certificate`."""
    uploaded = request.files.get(form.certificate_file.name)
    content = uploaded.read(MOST_PEM + 1) if uploaded else b""
    typed = (form.certificate.data or "").strip()
    return MachineTerms(
        title=form.title.data or "",
        permissions=form.permissions.data or [],
        purposes=form.purposes.data or [],
        expires_on=form.expires_on.data,
        certificate=machines.thumbprint(content or typed) if content or typed else "",
    )


def _prepare(form: TermsForm) -> None:
    """The form of an account that is there."""
    del form.agency, form.secret
    _choices(form)


def _choices(form: TermsForm) -> None:
    with begin() as tx:
        rules = machines.rules(tx)
    form.permissions.choices = [SelectChoice(one.id, in_words(one.title)) for one in rules.permission]
    form.purposes.choices = [SelectChoice(one.id, in_words(one.title)) for one in program().policy.purposes.values()]


def _problem(text: str) -> str:
    for start, words in (
        ("expected one certificate", _("Expected one certificate as text (PEM), or its SHA-256 thumbprint")),
        ("expected a certificate that no", _("Another system has this certificate already")),
        ("expected a secret", _("A system needs a secret, a certificate or both")),
        ("expected a day", _("Choose a day that is not over, and not further ahead than is allowed")),
        ("expected a name", _("Fill in a name")),
        ("expected an active agency", _("Choose an organisation that takes part")),
    ):
        if text.startswith(start):
            return words
    return _("Choose from the list")


def _read(machine_id: str) -> MachineLine:
    with begin() as tx:
        return machines.machine_of(tx, machine_id)


def _page(line: MachineLine, form: TermsForm | None = None) -> str:
    if form is None:
        given = {
            "title": line.title,
            "permissions": list(line.permissions),
            "purposes": list(line.purposes),
            "expires_on": line.expires_on,
            "certificate": line.certificate,
            "version": str(line.version),
        }
        form = TermsForm(formdata=None, data=given)
        _prepare(form)
    with begin() as tx:
        last, days = machines.last_day(tx), machines.rules(tx).secret.previous_days
    return render_template("machines/show.html", line=line, form=form, last=last, days=days, **_words())


def _secret_page(made: NewSecret, title: str) -> str:
    return render_template("machines/secret.html", made=made, title=title)


def _words() -> Mapping[str, object]:
    rules = program().policy.machines
    titles = {one.id: one.title for one in rules.permission} if rules else {}
    states = {"open": (_("Open"), "good"), "over": (_("Last day is gone"), "warning"), "ended": (_("Ended"), "quiet")}
    return {"permission_titles": titles, "states": states}


def _status(form: FlaskForm) -> int:
    return 422 if request.method == "POST" and form.errors else 200
