"""The owner's own signals: the list, one signal, its receipt, withdrawing."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import InputRequired

from signaltable.access import Permission
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import closing, disclosures, dossier, feedbacks, holders, keeping, linking, signals, text_checks
from signaltable.flow.clock_events import clock_events
from signaltable.queries import signal_by_reference
from signaltable.web.closing import CloseForm, close_form, posted_form
from signaltable.web.dossier_words import destinations_label, put_problems
from signaltable.web.filters import day
from signaltable.web.guards import begin, only, permission, submitted
from signaltable.web.keeping import KeepForm, course
from signaltable.web.outcome_words import outcome_label
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import no_bsn
from signaltable.web.wording import WORDS

pages = Blueprint("signals", __name__, url_prefix="/signalen")


class WithdrawForm(FlaskForm):
    reason = TextAreaField(
        _l("Why do you withdraw this signal?"),
        [InputRequired(_l("Say in a few words why you withdraw this signal")), no_bsn],
    )


@pages.get("")
@permission(Permission.SIGNAL_LIST_OWN)
def listing() -> ResponseReturnValue:
    """The signals of the own agency, newest first."""
    after = read_key(request.args.get("na", ""))
    with begin(listing=True) as tx:
        lines, following = signals.own_signals(tx, after=after)
    older = url_for("signals.listing", na=write_key(following)) if following else None
    return render_template(
        "signals/listing.html", lines=lines, older=older, newer=after is not None, outcome_label=outcome_label
    )


@pages.get("/<reference>")
@permission(Permission.SIGNAL_CONSULT_OWN)
def show(reference: str) -> ResponseReturnValue:
    """One signal, identity closed."""
    return _show(reference)


@pages.post("/<reference>/identiteit")
@permission(Permission.IDENTITY_CONSULT_OWN)
def identity(reference: str) -> ResponseReturnValue:
    """The same page with identity opened once; that is an entry in the log, so it asks a deliberate press."""
    only()
    return _show(reference, with_identity=True)


def _show(
    reference: str,
    *,
    with_identity: bool = False,
    form: WithdrawForm | None = None,
    keep: KeepForm | None = None,
    ending: CloseForm | None = None,
) -> str:
    with begin() as tx:
        signal = signals.consult(tx, reference, with_identity=with_identity)
        row = signal_by_reference(tx, reference)
        sent = disclosures.disclosures_of(tx, row)
        held = holders.of_signal(tx, row)
        heard = feedbacks.of_signal(tx, row)
        decided = dossier.decisions_of(tx, row)
        checks = text_checks.own_checks(tx, row.id)
        spread = linking.spread(tx, [one.id for one in signal.subjects])
        kept = keeping.of_signal(tx, row)
        clocks = tuple(clock_events(tx, row.id))
        may_keep = keeping.may_keep(tx)
        closable = closing.of_owner(tx, row)
    return render_template(
        "signals/show.html",
        course=course(signal.moves, clocks),
        keeping=kept,
        may_keep=may_keep,
        keep_form=keep or KeepForm(None, version=str(kept.version if kept else 0)),
        closable=closable,
        close_form=close_form(closable, ending),
        outcome_label=outcome_label,
        signal=signal,
        opened=with_identity,
        sent=sent,
        held=held,
        heard=heard,
        decided=decided,
        checks=checks,
        spread=spread,
        destinations_label=destinations_label,
        **WORDS,
        form=form or WithdrawForm(formdata=None),
    )


@pages.post("/<reference>/bewaren")
@permission(Permission.RETENTION_POSTPONE_OWN)
def keep(reference: str) -> ResponseReturnValue:
    """Keep a signal longer, with a reason."""
    form = KeepForm()
    if not submitted(form):
        return _show(reference, keep=form), 422
    try:
        with begin() as tx:
            until = keeping.keep_longer(
                tx, reference, until=form.until.data, reason=form.keep_reason.data or "", version=form.read_version()
            )
    except UnusableInput as error:
        form.put_problems(error.problems)
        return _show(reference, keep=form), 422
    except Conflict as conflict:
        if conflict.reason not in {"not_longer", "changed"}:
            raise
        changed = conflict.reason == "changed"
        flash(
            _("Somebody changed this signal meanwhile. Look again.") if changed else _("It cannot be kept longer now."),
            "info",
        )
        return redirect(url_for("signals.show", reference=reference, _anchor="bewaren"), 303)
    flash(_("Kept until %(day)s. The reason is sealed for your organisation.", day=day(until)), "success")
    return redirect(url_for("signals.show", reference=reference, _anchor="bewaren"), 303)


@pages.post("/<reference>/afsluiten")
@permission(Permission.SIGNAL_CLOSE_OWN)
def close(reference: str) -> ResponseReturnValue:
    """Close a case of the own organisation, with what came of it."""
    form = posted_form()
    if not submitted(form):
        return _show(reference, ending=form), 422
    try:
        with begin() as tx:
            closing.close_own(tx, reference, form.chosen())
    except UnusableInput as error:
        form.put_problems(error.problems)
        return _show(reference, ending=form), 422
    flash(_("The case is closed. Everybody who received something hears that."), "success")
    return redirect(url_for("signals.show", reference=reference), 303)


@pages.get("/<reference>/ontvangst")
@permission(Permission.SIGNAL_CONSULT_OWN)
def receipt(reference: str) -> ResponseReturnValue:
    """The receipt after submitting: the reference, the advice, and what happens now."""
    with begin() as tx:
        signal = signals.consult(tx, reference)
    kept = session.get("receipt", {})
    links = kept.get("links", 0) if kept.get("reference") == reference else 0
    return render_template("signals/receipt.html", signal=signal, links=links)


@pages.post("/<reference>/intrekken")
@permission(Permission.SIGNAL_WITHDRAW_OWN)
def withdraw(reference: str) -> ResponseReturnValue:
    """Take a signal back, with a reason."""
    form = WithdrawForm()
    if not submitted(form):
        return _show(reference, form=form), 422
    try:
        with begin() as tx:
            signals.withdraw(tx, reference, form.reason.data or "")
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _show(reference, form=form), 422
    flash(_("The signal is withdrawn. It is erased when its period ends."), "success")
    return redirect(url_for("signals.show", reference=reference), 303)
