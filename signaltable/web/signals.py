"""The owner's own signals: the list, one signal, its receipt, withdrawing."""

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from signaltable.access import Permission
from signaltable.domain import NotFound
from signaltable.flow import disclosures, dossier, signals
from signaltable.queries import signal_by_reference
from signaltable.web.guards import begin, only, permission, submitted

pages = Blueprint("signals", __name__, url_prefix="/signalen")


class WithdrawForm(FlaskForm):
    reason = TextAreaField(
        _l("Why do you withdraw this signal?"),
        [InputRequired(_l("Say in a few words why you withdraw this signal")), Length(max=500)],
    )


@pages.get("")
@permission(Permission.SIGNAL_LIST_OWN)
def listing() -> ResponseReturnValue:
    """The signals of the own agency, newest first."""
    with begin() as tx:
        lines, following = signals.own_signals(tx, after=_page_key(request.args.get("na", "")))
    older = url_for("signals.listing", na=f"{following[0].isoformat()}_{following[1]}") if following else None
    return render_template("signals/listing.html", lines=lines, older=older, newer=bool(request.args.get("na")))


def _page_key(text: str) -> tuple[datetime, str] | None:
    moment, _sep, key = text.partition("_")
    try:
        return (datetime.fromisoformat(moment), key) if text else None
    except ValueError:
        raise NotFound("no such page") from None


@pages.get("/<reference>")
@permission(Permission.SIGNAL_CONSULT_OWN)
def show(reference: str) -> ResponseReturnValue:
    """One signal, identity closed."""
    return _show(reference, with_identity=False)


@pages.post("/<reference>/identiteit")
@permission(Permission.IDENTITY_CONSULT_OWN)
def identity(reference: str) -> ResponseReturnValue:
    """The same page with identity opened once; that is an entry in the log, so it asks a deliberate press."""
    only()
    return _show(reference, with_identity=True)


def _show(reference: str, *, with_identity: bool) -> ResponseReturnValue:
    with begin() as tx:
        signal = signals.consult(tx, reference, with_identity=with_identity)
        row = signal_by_reference(tx, reference)
        sent = disclosures.disclosures_of(tx, row)
        decided = dossier.decisions_of(tx, row)
    return render_template(
        "signals/show.html",
        signal=signal,
        opened=with_identity,
        sent=sent,
        decided=decided,
        form=WithdrawForm(),
    )


@pages.get("/<reference>/ontvangst")
@permission(Permission.SIGNAL_CONSULT_OWN)
def receipt(reference: str) -> ResponseReturnValue:
    """The receipt after submitting: the reference, the advice, and what happens now."""
    with begin() as tx:
        signal = signals.consult(tx, reference)
    kept = session.get("receipt", {})
    links = kept.get("links", 0) if kept.get("reference") == reference else 0
    return render_template("signals/receipt.html", signal=signal, links=links)


@pages.route("/<reference>/intrekken", methods=["POST"])
@permission(Permission.SIGNAL_WITHDRAW_OWN)
def withdraw(reference: str) -> ResponseReturnValue:
    """Take a signal back, with a reason."""
    form = WithdrawForm()
    if submitted(form):
        with begin() as tx:
            signals.withdraw(tx, reference, form.reason.data)
        flash(_("The signal is withdrawn. It is erased when its period ends."), "success")
    else:
        flash(_("Say in a few words why you withdraw this signal"), "error")
    return redirect(url_for("signals.show", reference=reference), 303)
