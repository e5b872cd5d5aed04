"""The pages of disclosing: choose a destination, look at the preview, fill in the conditions, disclose; and what was sent.

An owner comes here with a signal; whoever passes on what it received comes by `transfers`, to the same pages.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, TextAreaField
from wtforms.validators import DataRequired, InputRequired

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, DisclosureState, NotFound, UnusableInput, day_of
from signaltable.evidence import NotMet
from signaltable.flow import choices, disclosing, disclosures, feedbacks, receipts, revoking, sources, withdrawing
from signaltable.flow.disclosing import Onwards, Preview
from signaltable.flow.refused_disclosures import NotPermitted
from signaltable.flow.weighing import MissingEvidence
from signaltable.web.conditions import asked, condition_form, evidence_in, show_problems, summary_of
from signaltable.web.duty_words import DUTY_WORDS, put_problems
from signaltable.web.files import text_file
from signaltable.web.filters import in_words
from signaltable.web.forms import DateParts
from signaltable.web.guards import (
    TELLING_NAMES,
    actor,
    begin,
    only,
    permission,
    program,
    refuse_request,
    step_up_unless,
    submitted,
)
from signaltable.web.refusal_words import advice_contacts, condition_titles, off_labels
from signaltable.web.validators import day_needed, no_bsn
from signaltable.web.wording import WORDS, field_label

pages = Blueprint("disclosures", __name__)

# What the form sends besides the conditions; the view reads and checks these itself.
CARRIED = ("ground", "seen", "step")
LOOK, DISCLOSE = "look", "disclose"
# Under which pages an owner and a receiver choose and look.
OWNER, RECEIVER = "disclosures", "transfers"
TELL, TELL_NOT = "tell", "tell_not"
KEEP, ERASE = "keep", "erase"


HERE, EVERYWHERE = "here", "everywhere"


class WithdrawForm(FlaskForm):
    on = DateParts(_l("On which day did the person say so?"), [day_needed(_l("Fill in the day"))])
    scope = RadioField(
        _l("For whom does it no longer count?"),
        [InputRequired(_l("Choose for whom the consent no longer counts"))],
    )


class RevokeForm(FlaskForm):
    cause = RadioField(_l("Why do you take it back?"), [InputRequired(_l("Choose why you take it back"))])
    motivation = TextAreaField(
        _l("Explain it"),
        [DataRequired(_l("Write down why you take it back")), no_bsn],
        description=_l("Stays sealed for your own organisation. The holders see the cause only."),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """The fields that answers keep back, and those that go in their place, in words."""

    stays: tuple[str, ...]
    instead: tuple[str, ...]


@pages.get("/signalen/<reference>/verstrekken")
@permission(Permission.SIGNAL_DISCLOSE_OWN)
def choose(reference: str) -> ResponseReturnValue:
    """The advised destinations, each with its prospects."""
    return choose_page(_signal(reference))


@pages.get("/signalen/<reference>/verstrekken/<key>")
@permission(Permission.SIGNAL_DISCLOSE_OWN)
def preview(reference: str, key: str) -> ResponseReturnValue:
    """What one agency would see on one ground, and the conditions to fill in."""
    return preview_page(_signal(reference), key)


@pages.post("/signalen/<reference>/verstrekken/<key>")
@permission(Permission.SIGNAL_DISCLOSE_OWN)
@step_up_unless("step", LOOK)
def disclose(reference: str, key: str) -> ResponseReturnValue:
    """Disclose what was shown, or show what these answers let through: nothing goes that was not on the page."""
    return disclose_page(_signal(reference), key)


def _signal(reference: str) -> str:
    if sources.is_received(reference):
        raise NotFound("no such signal")
    return reference


def choose_page(reference: str, capacity: str = "") -> str:
    """The page on which somebody chooses where it goes."""
    with begin() as tx:
        page = choices.choose(tx, reference, capacity)
    return render_template("disclosures/choose.html", page=page, way=RECEIVER if page.passed_on else OWNER, **WORDS)


def preview_page(reference: str, key: str) -> ResponseReturnValue:
    """The page on which somebody looks at what would go; that of the destinations when nothing can go any more."""
    _only_asked(request.args)
    try:
        with begin() as tx:
            page = disclosing.preview(
                tx, reference, key, ground=_one(request.args, "ground"), chosen=_numbers(request.args)
            )
    except Conflict as conflict:
        return _hindered(reference, conflict)
    return _page(page, _form(page))


def disclose_page(reference: str, key: str) -> ResponseReturnValue:
    """What happens when somebody posts that page."""
    try:
        return _disclosed(reference, key)
    except Conflict as conflict:
        return _hindered(reference, conflict)


def _hindered(reference: str, conflict: Conflict) -> ResponseReturnValue:
    """What somebody else did meanwhile, on the page of the destinations."""
    if conflict.reason not in sources.HINDRANCES:
        raise conflict
    flash(_("Meanwhile something changed, so nothing was sent."), "warning")
    return choose_page(reference), 409


def _disclosed(reference: str, key: str) -> ResponseReturnValue:
    ground, chosen = _one(request.form, "ground"), _numbers(request.form) or []
    with begin() as tx:
        page = disclosing.preview(tx, reference, key, ground=ground, chosen=chosen)
    form = _form(page)
    holds = submitted(form, *CARRIED, many=["subjects"])
    if page.option is None:  # Meanwhile no ground applies any more; the page says why.
        return _page(page, form), 422
    evidence = evidence_in(form, page.conditions, page.choice.agency_id)
    if _one(request.form, "step") == LOOK or not holds:
        with begin() as tx:
            narrowed = disclosing.preview(tx, reference, key, ground=ground, chosen=chosen, evidence=evidence)
        _show_missing(form, narrowed.missing)
        return _page(narrowed, form), 422 if form.errors else 200
    try:
        with begin() as tx:
            made = disclosing.disclose(
                tx,
                reference,
                key,
                ground=ground,
                chosen=chosen,
                evidence=evidence,
                seen=_one(request.form, "seen"),
                onwards=_onwards(form),
            )
    except MissingEvidence as found:
        _show_missing(form, found.missing)
        return _page(page, form), 422
    except NotPermitted as refused:
        with begin() as tx:
            told = disclosing.preview(
                tx, reference, key, ground=ground, chosen=chosen, evidence=evidence, refused=refused.found
            )
        return _page(told, form), 403
    except Conflict as conflict:
        if conflict.reason != "changed":
            raise
        with begin() as tx:
            now = disclosing.preview(tx, reference, key, ground=ground, chosen=chosen, evidence=evidence)
        return _page(now, form, changed=_difference(page, now)), 409
    return _onward(made)


def _onwards(form: FlaskForm) -> Onwards:
    """What whoever passes on says beside the disclosure; without these questions on the page, the strictest of it."""
    tell = "tell" in form and form["tell"].data == TELL
    return Onwards(tell=tell, keep_copy="copy" not in form or form["copy"].data == KEEP)


def _difference(whole: Preview, now: Preview) -> Difference:
    """What the answers keep back of everything that could go on this ground, and what goes in its place."""
    could = whole.content.field_names if whole.content else ()
    goes = now.content.field_names if now.content else ()
    return Difference(
        stays=tuple(field_label(name) for name in could if name not in goes),
        instead=tuple(field_label(name) for name in goes if name not in could),
    )


def _show_missing(form: FlaskForm, missing: Iterable[NotMet]) -> None:
    show_problems(form, {found.code: found.problems for found in missing})


def _onward(made: disclosing.Made) -> ResponseReturnValue:
    if made.state == DisclosureState.AWAITING_APPROVAL:
        flash(
            _("%(reference)s waits for a second person. Nothing was disclosed yet.", reference=made.reference), "info"
        )
    else:
        flash(
            _("Disclosed as %(reference)s. The receiver gets a mail without content.", reference=made.reference),
            "success",
        )
    return redirect(url_for("disclosures.show", reference=made.reference), 303)


@pages.get("/verstrekkingen/<reference>")
@permission(Permission.SIGNAL_DISCLOSE_OWN, Permission.REFERRAL_TRANSFER_OWN)
def show(reference: str) -> ResponseReturnValue:
    """What was sent, on which ground, what came back, who has it now, and what is still owed."""
    return sent_page(reference, withdraw_form(), revoke_form())


@pages.get("/verstrekkingen/<reference>/bewijs/<int:seq>")
@permission(Permission.SIGNAL_DISCLOSE_OWN, Permission.REFERRAL_TRANSFER_OWN)
def receipt(reference: str, seq: int) -> ResponseReturnValue:
    """The proof of an entry about this disclosure, as a file to keep."""
    with begin() as tx:
        made = receipts.fetch_as_sender(tx, reference, seq)
    return text_file(made.name, made.text)


@pages.post("/verstrekkingen/<reference>/toestemming-ingetrokken")
@permission(Permission.SIGNAL_DISCLOSE_OWN, Permission.REFERRAL_TRANSFER_OWN)
def withdraw_consent(reference: str) -> ResponseReturnValue:
    """The person took back consent: nothing more goes on it, and the receivers are told."""
    form = withdraw_form()
    if not submitted(form):
        return sent_page(reference, form, revoke_form(empty=True)), 422
    try:
        with begin() as tx:
            told = withdrawing.withdraw(tx, reference, on=form.on.data, everywhere=form.scope.data == EVERYWHERE)
    except UnusableInput as error:
        put_problems(form, error)
        return sent_page(reference, form, revoke_form(empty=True)), 422
    flash(
        ngettext(
            "Recorded. One receiver is told, without content.",
            "Recorded. Receivers that are told, without content: %(num)s.",
            told,
        ),
        "success",
    )
    return redirect(url_for("disclosures.show", reference=reference), 303)


@pages.post("/verstrekkingen/<reference>/terugnemen")
@permission(Permission.SIGNAL_DISCLOSE_OWN, Permission.REFERRAL_TRANSFER_OWN)
def revoke(reference: str) -> ResponseReturnValue:
    """Take it back, with a cause and a motivation; everybody who has it is asked to erase it."""
    form = revoke_form()
    if not submitted(form):
        return sent_page(reference, withdraw_form(empty=True), form), 422
    try:
        with begin() as tx:
            done = revoking.revoke(tx, reference, cause=form.cause.data, motivation=form.motivation.data or "")
    except UnusableInput as error:
        put_problems(form, error)
        return sent_page(reference, withdraw_form(empty=True), form), 422
    except Conflict as conflict:
        flash(_conflict_words(conflict.reason), "warning")
        return sent_page(reference, withdraw_form(empty=True), form), 409
    flash(_revoked_words(done), "success")
    return redirect(url_for("disclosures.show", reference=reference), 303)


def _conflict_words(reason: str) -> str:
    if reason == "revoked":
        return _("A colleague took it back a moment ago.")
    return _("There is nothing to take back any more: it was returned or refused meanwhile.")


def _revoked_words(done: revoking.Revoked) -> str:
    if done.was == DisclosureState.AWAITING_APPROVAL:
        return _("You withdrew the request. Nothing was disclosed.")
    asked = ngettext("One holder is asked to erase it.", "Holders that are asked to erase it: %(num)s.", done.asked)
    if done.was == DisclosureState.ACCEPTED:
        return _("Taken back. The receiver had accepted it.") + " " + asked
    return _("Taken back. The receiver had not answered yet.") + " " + asked


@pages.post("/verstrekkingen/<reference>/terugkoppeling-doorgeven")
@permission(Permission.REFERRAL_TRANSFER_OWN)
def pass_up(reference: str) -> ResponseReturnValue:
    """Tell the category that came back to whoever gave it, without words."""
    only()
    with begin() as tx:
        parent = feedbacks.pass_up(tx, reference)
    flash(_("The one who gave it to you sees the category. Your receiver's words did not go along."), "success")
    return redirect(url_for("inbox.show", reference=parent), 303)


def withdraw_form(*, empty: bool = False) -> WithdrawForm:
    """The form that says that a person took back consent."""
    form = WithdrawForm(None) if empty else WithdrawForm()
    form.scope.choices = [
        SelectChoice(HERE, _("For this receiver")),
        SelectChoice(EVERYWHERE, _("For everybody: nothing more may go on the consent of this person")),
    ]
    return form


def revoke_form(*, empty: bool = False) -> RevokeForm:
    """The form that takes a disclosure back."""
    form = RevokeForm(None) if empty else RevokeForm()
    rules = program().policy.transfers
    causes = rules.causes.values() if rules else ()
    form.cause.choices = [SelectChoice(one.id, in_words(one.title)) for one in causes]
    return form


def sent_page(reference: str, withdrawing_form: FlaskForm, revoking_form: FlaskForm) -> str:
    """What was sent, as its provider sees it."""
    with begin() as tx:
        sent = disclosures.read_own(tx, reference)
        proofs = receipts.for_sender(tx, reference)
    return render_template(
        "disclosures/show.html",
        disclosure=sent,
        proofs=proofs,
        asked=asked,
        withdrawing=withdrawing_form,
        revoking=revoking_form,
        problems=[form for form in (withdrawing_form, revoking_form) if form.errors],
        **WORDS,
        **DUTY_WORDS,
    )


def _form(page: Preview) -> FlaskForm:
    return condition_form(
        page.conditions,
        recipient=page.choice.agency,
        categories=page.categories,
        prefill=page.prefill,
        beside=_beside(page),
    )


def _beside(page: Preview) -> dict[str, Any]:
    """What is asked of whoever passes on, beside the conditions of the ground."""
    if not page.passed_on:
        return {}
    copy = RadioField(
        _l("What happens to your own copy?"),
        [InputRequired(_l("Choose what happens to your own copy"))],
        choices=[
            SelectChoice(KEEP, _("We keep it: we go on working on this")),
            SelectChoice(ERASE, _("We erase it: the other organisation takes over")),
        ],
    )
    if not page.may_tell:
        return {"copy": copy}
    tell = RadioField(
        _l("May the one who gave it to you know to which organisation it goes?"),
        [InputRequired(_l("Choose whether that organisation may know"))],
        choices=[
            SelectChoice(TELL, _("Yes")),
            SelectChoice(TELL_NOT, _("No: only that it goes on")),
        ],
        default=TELL,
    )
    return {"copy": copy, "tell": tell}


def _page(page: Preview, form: FlaskForm, *, changed: Difference | None = None) -> str:
    return render_template(
        "disclosures/preview.html",
        page=page,
        form=form,
        mistakes=summary_of(form),
        changed=changed,
        way=RECEIVER if page.passed_on else OWNER,
        asked=asked,
        numbers={subject.number: subject for subject in page.subjects},
        advice_contacts=advice_contacts() if page.refusal else (),
        may_consult=isinstance(may(actor(), Permission.TABLE_CONSULT_OWN_TABLE), Allowed),
        off_labels=off_labels,
        condition_titles=condition_titles,
        today=day_of(program().clock()),
        **WORDS,
    )


def _only_asked(args: Mapping[str, Any]) -> None:
    """An address may carry the chosen ground and subjects and nothing else; what is more, is refused and recorded."""
    surplus = set(args) - {"ground", "subjects"}
    if surplus:
        refuse_request("not_on_the_form", sorted(surplus & TELLING_NAMES), len(surplus))


def _one(values: Any, name: str) -> str:
    given: Sequence[str] = values.getlist(name)
    if len(given) > 1:
        refuse_request("not_offered", [name], len(given))
    return given[0] if given else ""


def _numbers(values: Any) -> list[int] | None:
    """The ticked subjects; None when the list was never there, so that the program proposes."""
    given: Sequence[str] = values.getlist("subjects")
    if any(not number.isdecimal() or len(number) > 3 for number in given if number):
        refuse_request("not_offered", ["subjects"], len(given))
    return [int(number) for number in given if number] if given else None
