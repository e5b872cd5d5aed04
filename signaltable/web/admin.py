"""The administrator's pages: accounts and agencies. No page here leads to a case."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length

from signaltable.access import Permission
from signaltable.domain import Conflict, NotFound, UnusableInput
from signaltable.flow import accounts, agencies
from signaltable.flow.accounts import AccountLine
from signaltable.flow.coming_in import activating, sessions
from signaltable.flow.coming_in.activating import Invitation
from signaltable.flow.mail import addresses
from signaltable.transaction import Transaction
from signaltable.web.at_once import seen_version
from signaltable.web.filters import in_words
from signaltable.web.guards import actor, begin, offered, only, permission, program, step_up, submitted

pages = Blueprint("admin", __name__, url_prefix="/beheer")


class AccountForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Fill in a name")), Length(max=200)])
    roles = SelectMultipleField(_l("Roles"), [InputRequired(_l("Choose at least one role"))])


class NewAccountForm(AccountForm):
    login = StringField(
        _l("Login name"),
        [InputRequired(_l("Fill in a login name")), Length(max=120)],
        description=_l("For example the work e-mail address, without spaces"),
    )
    agency = SelectField(_l("Organisation"), [InputRequired(_l("Choose an organisation"))])
    # Once more, after the organisation: mistakes are listed in the order of the fields, which is that of the page.
    roles = SelectMultipleField(_l("Roles"), [InputRequired(_l("Choose at least one role"))])


class ChangeAccountForm(AccountForm):
    active = BooleanField(_l("This person can sign in"))


class MailAddressForm(FlaskForm):
    mail_address = StringField(
        _l("Mail address"), description=_l("Leave it empty when the login name is the mail address")
    )


class AgencyForm(FlaskForm):
    title = StringField(_l("Name of the organisation"), [InputRequired(_l("Fill in a name")), Length(max=200)])
    kind = RadioField(_l("Kind of organisation"), [InputRequired(_l("Choose a kind"))])
    destinations = SelectMultipleField(
        _l("Destinations of the meldroutekaart"),
        description=_l("For which destinations does this organisation receive disclosures in this region?"),
    )
    table = RadioField(_l("Seat at a table"))


# -- accounts -----------------------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.ACCOUNT_CHANGE_ALL)
def listing() -> ResponseReturnValue:
    """The accounts by login name, of one organisation or of all."""
    chosen, after = request.args.get("organisatie", ""), request.args.get("na", "")
    with begin() as tx:
        lines, following = accounts.accounts_page(tx, agency_id=chosen, after=after)
        choices = [(agency_id, title) for agency_id, title, _active in agencies.agency_choices(tx)]
    kept: dict[str, Any] = {"organisatie": chosen} if chosen else {}
    older = url_for("admin.listing", **kept, na=following) if following else None
    first = url_for("admin.listing", **kept) if after else None
    return render_template(
        "admin/accounts.html", lines=lines, agencies=choices, chosen=chosen, older=older, first=first
    )


@pages.route("/accounts/nieuw", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CHANGE_ALL)
def add_account() -> ResponseReturnValue:
    """A new account, and the code with which its owner comes in once; it is shown here and nowhere else."""
    form, made = NewAccountForm(), []
    with begin() as tx:
        open_agencies = [(agency_id, title) for agency_id, title, active in agencies.agency_choices(tx) if active]
    form.roles.choices = _roles()
    form.agency.choices = [("", _("Choose")), *open_agencies]
    if submitted(form) and _tried(form, lambda tx: made.append(_record_account(tx, form))):
        return render_template("admin/invitation.html", made=made[0], hours=_hours(), purpose="first")
    return render_template("admin/new_account.html", form=form), _status(form)


def _record_account(tx: Transaction, form: NewAccountForm) -> Invitation:
    account_id = accounts.record_account(
        tx,
        login=form.login.data or "",
        name=form.name.data or "",
        agency_id=form.agency.data,
        roles=form.roles.data or [],
    )
    return activating.invite(tx, account_id)


def _hours() -> int:
    return program().policy.coming_in.activation.hours


@pages.route("/accounts/<account_id>", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CHANGE_ALL)
def account(account_id: str) -> ResponseReturnValue:
    """Name, roles and access of one account."""
    line = _account(account_id)
    form = ChangeAccountForm(data={"name": line.name, "roles": list(line.roles), "active": line.active})
    form.roles.choices = _roles()
    if submitted(form, "version") and _tried(form, lambda tx: _change_account(tx, account_id, form)):
        flash(_("The account is changed. Open sessions of this person have ended."), "success")
        return redirect(url_for("admin.listing"), 303)
    return _show_account(line, form, _status(form))


def _change_account(tx: Transaction, account_id: str, form: ChangeAccountForm) -> None:
    accounts.change_account(
        tx,
        account_id,
        name=form.name.data or "",
        roles=form.roles.data or [],
        active=form.active.data,
        version=seen_version(),
    )


@pages.post("/accounts/<account_id>/code")
@permission(Permission.ACCOUNT_CHANGE_ALL)
@step_up
def invite(account_id: str) -> ResponseReturnValue:
    """A code with which somebody comes in once, for another password or for a second factor; it is shown here only."""
    only("purpose")
    purpose = offered("purpose", (activating.PASSWORD, activating.FACTORS))
    with begin() as tx:
        made = activating.invite(tx, account_id, second_factor=purpose == activating.FACTORS)
    return render_template("admin/invitation.html", made=made, hours=_hours(), purpose=purpose)


@pages.post("/accounts/<account_id>/sessies")
@permission(Permission.ACCOUNT_CHANGE_ALL)
def end_sessions(account_id: str) -> ResponseReturnValue:
    """End every session of somebody."""
    only()
    with begin() as tx:
        sessions.end_all_of(tx, account_id)
    flash(_("Open sessions of this person have ended."), "success")
    return redirect(url_for("admin.account", account_id=account_id), 303)


def _change_form(line: AccountLine) -> ChangeAccountForm:
    """The form for name, roles and access as they are, beside another form of the page that was sent."""
    change = ChangeAccountForm(
        formdata=None, data={"name": line.name, "roles": list(line.roles), "active": line.active}
    )
    change.roles.choices = _roles()
    return change


@pages.post("/accounts/<account_id>/e-mail")
@permission(Permission.ACCOUNT_CHANGE_ALL)
@step_up
def mail_address(account_id: str) -> ResponseReturnValue:
    """Where the mails of this person go."""
    line, form = _account(account_id), MailAddressForm()
    if submitted(form) and _tried(form, lambda tx: addresses.put(tx, account_id, form.mail_address.data or "")):
        flash(_("The mail address is saved. Mails go there from now on."), "success")
        return redirect(url_for("admin.account", account_id=account_id), 303)
    return _show_account(line, _change_form(line), 422, form)


def _account(account_id: str) -> AccountLine:
    with begin() as tx:
        return accounts.account_of(tx, account_id)


def _show_account(
    line: AccountLine,
    form: ChangeAccountForm,
    status: int,
    mail_form: MailAddressForm | None = None,
) -> ResponseReturnValue:
    mails = mail_form or MailAddressForm(formdata=None, data={"mail_address": line.mail_address})
    page = render_template(
        "admin/account.html",
        line=line,
        form=form,
        mail_form=mails,
        own=line.id == actor().account_id,
    )
    return page, status


# -- agencies -----------------------------------------------------------------------------------------------------


@pages.get("/organisaties", endpoint="agencies")
@permission(Permission.AGENCY_CHANGE_ALL)
def list_agencies() -> ResponseReturnValue:
    """The organisations of the region, with what they receive."""
    with begin() as tx:
        lines = agencies.list_agencies(tx)
    return render_template("admin/agencies.html", lines=lines)


@pages.route("/organisaties/nieuw", methods=["GET", "POST"])
@permission(Permission.AGENCY_CHANGE_ALL)
def add_agency() -> ResponseReturnValue:
    """A new organisation, with a key pair of its own."""
    policy, form = program().policy, AgencyForm()
    with begin() as tx:
        tables = agencies.own_tables(tx)
    form.kind.choices = [(kind.id, in_words(kind.title)) for kind in policy.agency_kinds.values()]
    form.destinations.choices = [
        (one.id, in_words(one.title)) for one in policy.destinations.values() if one.disclosable
    ]
    form.table.choices = [*tables, ("", _("No seat at a table"))]
    if form.table.data is None:
        form.table.data = tables[0][0] if tables else ""
    if submitted(form) and _tried(form, lambda tx: _record_agency(tx, form)):
        flash(_("The organisation is added, with a key pair of its own."), "success")
        return redirect(url_for("admin.agencies"), 303)
    return render_template("admin/new_agency.html", form=form), _status(form)


def _record_agency(tx: Transaction, form: AgencyForm) -> None:
    agencies.record_agency(
        tx,
        title=form.title.data or "",
        kind=form.kind.data,
        destinations=form.destinations.data or [],
        table_id=form.table.data or "",
    )


# -- what both use ------------------------------------------------------------------------------------------------


def _roles() -> list[tuple[str, str]]:
    return [(role.id, in_words(role.title)) for role in program().policy.roles.values()]


def _status(form: FlaskForm) -> int:
    return 422 if request.method == "POST" and form.errors else 200


def _tried(form: FlaskForm, use_case: Any) -> bool:
    """Do it, or put what was wrong beside the fields in the words of the page."""
    try:
        with begin() as tx:
            use_case(tx)
    except UnusableInput as unusable:
        for name in unusable.problems:
            field = getattr(form, {"agency_id": "agency"}.get(name, name))
            field.errors = [*field.errors, _problem(name)]
    except Conflict as conflict:
        if conflict.reason == "break_glass":
            form.form_errors.append(
                _("This is an emergency account: administrator and nothing else. Make it an ordinary account first.")
            )
            return False
        if conflict.reason != "own_account":
            raise
        form.form_errors.append(_("You cannot close your own account or change its roles. Ask another administrator."))
    else:
        return True
    return False


def _problem(name: str) -> str:
    try:
        return {
            "login": _("Choose a login name without spaces that nobody else has"),
            "name": _("Fill in a name"),
            "mail_address": _("Fill in one mail address, such as the one of the work of this person"),
            "agency_id": _("Choose an organisation"),
            "roles": _("Choose roles that fit together: who manages or audits cannot work on cases as well"),
            "title": _("Choose a name that no other organisation has"),
            "kind": _("Choose a kind"),
            "destinations": _("Choose destinations from the list"),
        }[name]
    except KeyError:
        raise NotFound("no such field") from None
