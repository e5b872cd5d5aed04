"""Asking who somebody is: ask, decide as the second person, and see it for a quarter of an hour."""

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from signaltable.access import Allowed, Permission, may
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import Refused, UnusableInput, day_of
from signaltable.flow.identity_requests import asking, deciding, ending, lists, rows, viewing
from signaltable.flow.identity_requests.asking import Asking, Offered
from signaltable.flow.identity_requests.lists import RequestPage
from signaltable.flow.identity_requests.viewing import Seen
from signaltable.flow.masking import HAS_BSN, NO_TEXT
from signaltable.flow.weighing import MissingEvidence
from signaltable.web.conditions import asked, condition_form, evidence_in, show_problems, summary_of
from signaltable.web.filters import moment
from signaltable.web.guards import (
    actor,
    begin,
    last_proof,
    only,
    permission,
    program,
    refuse_request,
    step_up,
    submitted,
)
from signaltable.web.identity_words import IDENTITY_WORDS
from signaltable.web.paging import read_key, write_key
from signaltable.web.refusal_words import advice_contacts
from signaltable.web.validators import no_bsn
from signaltable.web.wording import WORDS

pages = Blueprint("identity_requests", __name__, url_prefix="/identiteit")

CHOICE = "keuze"
# Sent along by the form with the choice: a form without one is told apart from a page that was just opened.
STEP = "stap"
SEEN_BY = (Permission.IDENTITY_REQUEST_TABLED, Permission.IDENTITY_DECIDE_OWN, Permission.DISCLOSURE_AUDIT_ALL)
_LONGEST = Length(
    max=rows.REASON_LIMIT, message=_l("Write this in fewer words: at most %(max)d characters", max=rows.REASON_LIMIT)
)


class AskForm(FlaskForm):
    motivation = TextAreaField(
        _l("Why do you need to know who this is?"),
        [DataRequired(_l("Write down why you need to know who this is")), _LONGEST, no_bsn],
        description=_l("In your own words, about this case. The second person reads this. Names in it are masked."),
    )


class AgreeForm(FlaskForm):
    agree_reason = TextAreaField(
        _l("Why do you agree?"),
        [DataRequired(_l("Write down why you agree")), _LONGEST, no_bsn],
        description=_l("The person who asked reads this. Names in it are masked."),
    )


class RefuseForm(FlaskForm):
    refuse_reason = TextAreaField(
        _l("Why do you not agree?"),
        [DataRequired(_l("Write down why you do not agree")), _LONGEST, no_bsn],
        description=_l("The person who asked reads this. Names in it are masked."),
    )


# -- the lists ----------------------------------------------------------------------------------------------------


@pages.get("")
@permission(*SEEN_BY)
def listing() -> ResponseReturnValue:
    """The own requests, and those that wait for the own decision; who only supervises sees the history."""
    if not _may(Permission.IDENTITY_REQUEST_TABLED) and not _may(Permission.IDENTITY_DECIDE_OWN):
        return history()
    after = read_key(request.args.get("na", ""))
    with begin() as tx:
        own, following = lists.own(tx, after)
        waiting = lists.waiting(tx)
    older = url_for("identity_requests.listing", na=write_key(following)) if following else None
    return _render("identity/listing.html", own=own, waiting=waiting, older=older, first=after is None)


@pages.get("/alle")
@permission(Permission.IDENTITY_DECIDE_OWN, Permission.DISCLOSURE_AUDIT_ALL)
def history() -> ResponseReturnValue:
    """All requests about own signals, also the refused ones; for who supervises all there are."""
    after = read_key(request.args.get("na", ""))
    with begin() as tx:
        lines, following = lists.history(tx, after)
    older = url_for("identity_requests.history", na=write_key(following)) if following else None
    return _render("identity/history.html", lines=lines, older=older, first=after is None)


def _may(one: Permission) -> bool:
    return isinstance(may(actor(), one), Allowed)


def _render(template: str, **values: Any) -> str:
    return render_template(
        template,
        asks=_may(Permission.IDENTITY_REQUEST_TABLED),
        decides=_may(Permission.IDENTITY_DECIDE_OWN),
        audits=_may(Permission.DISCLOSURE_AUDIT_ALL),
        **{**WORDS, **IDENTITY_WORDS, **values},
    )


# -- asking -------------------------------------------------------------------------------------------------------


@pages.get("/vragen/<way>/<thing>/<known_as>")
@permission(Permission.IDENTITY_REQUEST_TABLED)
def ask(way: str, thing: str, known_as: str) -> ResponseReturnValue:
    """What the rules offer for this subject; with a choice, what that ground asks."""
    if set(request.args) - {CHOICE, STEP}:
        refuse_request("not_on_the_form", [], len(request.args))
    with begin() as tx:
        page = asking.prepare(tx, way, thing, known_as)
    offer = page.offer(request.args.get(CHOICE, ""))
    no_choice = str(_("Choose for what you need it")) if offer is None and STEP in request.args else ""
    return _asking(page, offer, _conditions(page, offer, empty=True), AskForm(None), no_choice)


@pages.post("/vragen/<way>/<thing>/<known_as>")
@permission(Permission.IDENTITY_REQUEST_TABLED)
def send(way: str, thing: str, known_as: str) -> ResponseReturnValue:
    """Send the request to the second person."""
    with begin() as tx:
        page = asking.prepare(tx, way, thing, known_as)
    choice = request.form.get(CHOICE, "")
    offer, words = page.offer(choice), AskForm()
    form = _conditions(page, offer)
    holds = submitted(form, CHOICE, beside=words) and offer is not None
    if not words.validate() or not holds:
        return _asking(page, offer, form, words), 422
    evidence = evidence_in(form, offer.conditions, page.recipient_id) if offer else {}
    try:
        with begin() as tx:
            made = asking.ask(
                tx, way, thing, known_as, choice=choice, evidence=evidence, motivation=words.motivation.data or ""
            )
    except MissingEvidence as found:
        show_problems(form, {unmet.code: unmet.problems for unmet in found.missing})
        return _asking(page, offer, form, words), 422
    except UnusableInput as error:
        words.motivation.errors = [_text_problem(error.problems["motivation"])]
        return _asking(page, offer, form, words), 422
    if made.state == rows.WAITING:
        flash(_("Asked. Somebody of the other organisation, with another role, decides."), "success")
    else:
        flash(_("The rules do not let you see this. The request is kept as refused."), "warning")
    return redirect(url_for("identity_requests.show", reference=made.reference), 303)


def _conditions(page: Asking, offer: Offered | None, *, empty: bool = False) -> FlaskForm:
    specs = offer.conditions if offer else ()
    categories = offer.categories if offer else frozenset()
    form = condition_form(specs, recipient=page.recipient, categories=categories, prefill={})
    return type(form)(None) if empty else form


def _asking(page: Asking, offer: Offered | None, form: FlaskForm, words: AskForm, no_choice: str = "") -> str:
    return _render(
        "identity/ask.html",
        page=page,
        offer=offer,
        form=form,
        words=words,
        no_choice=no_choice,
        mistakes=[*([(f"{CHOICE}-0", no_choice)] if no_choice else []), *summary_of(form), *summary_of(words)],
        asked=asked,
        advice_contacts=advice_contacts() if page.refused else (),
        today=day_of(program().clock()),
    )


def _text_problem(problem: str) -> str:
    return {
        NO_TEXT: _("Write this down"),
        HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        asking.TOO_SHORT: _("Write at least %(count)s characters", count=MOTIVATION_LENGTH),
    }.get(problem, _("Write this in fewer words: at most %(max)d characters", max=rows.REASON_LIMIT))


# -- one request --------------------------------------------------------------------------------------------------


@pages.get("/<reference>")
@permission(*SEEN_BY)
def show(reference: str) -> ResponseReturnValue:
    """One request: what was asked and decided, and what can be done now. Never an identity."""
    return _page(reference, AgreeForm(None), RefuseForm(None))


def _page(reference: str, agreeing: FlaskForm, refusing: FlaskForm) -> str:
    with begin() as tx:
        page: RequestPage = lists.consult(tx, reference)
    return _render(
        "identity/show.html",
        page=page,
        agreeing=agreeing,
        refusing=refusing,
        problems=[form for form in (agreeing, refusing) if form.errors],
        asked=asked,
    )


@pages.post("/<reference>/akkoord")
@permission(Permission.IDENTITY_DECIDE_OWN)
@step_up
def agree(reference: str) -> ResponseReturnValue:
    """The second person agrees, after a proof of who it is."""
    form = AgreeForm()
    if not submitted(form):
        return _page(reference, form, RefuseForm(None)), 422
    try:
        with begin() as tx:
            state = deciding.agree(tx, reference, form.agree_reason.data or "")
    except UnusableInput as error:
        form.agree_reason.errors = [_text_problem(error.problems["agree_reason"])]
        return _page(reference, form, RefuseForm(None)), 422
    if state == rows.APPROVED:
        flash(_("You agreed. Only the person who asked can open it, for a quarter of an hour."), "success")
    else:
        flash(_("The rules of now do not allow it any more. Nothing can be opened."), "warning")
    return redirect(url_for("identity_requests.show", reference=reference), 303)


@pages.post("/<reference>/weigeren")
@permission(Permission.IDENTITY_DECIDE_OWN)
@step_up
def refuse(reference: str) -> ResponseReturnValue:
    """The second person does not agree, after a proof of who it is."""
    form = RefuseForm()
    if not submitted(form):
        return _page(reference, AgreeForm(None), form), 422
    try:
        with begin() as tx:
            deciding.refuse(tx, reference, form.refuse_reason.data or "")
    except UnusableInput as error:
        form.refuse_reason.errors = [_text_problem(error.problems["refuse_reason"])]
        return _page(reference, AgreeForm(None), form), 422
    flash(_("You did not agree. The person who asked gets a mail without content."), "success")
    return redirect(url_for("identity_requests.show", reference=reference), 303)


@pages.post("/<reference>/sluiten")
@permission(Permission.IDENTITY_REQUEST_TABLED)
def give_up(reference: str) -> ResponseReturnValue:
    """Take the own request back, or close what was opened before its time."""
    only()
    with begin() as tx:
        ending.give_up(tx, reference)
    flash(_("Closed. The request stays in the history."), "success")
    return redirect(url_for("identity_requests.show", reference=reference), 303)


@pages.post("/<reference>/intrekken")
@permission(Permission.IDENTITY_DECIDE_OWN)
def take_back(reference: str) -> ResponseReturnValue:
    """Take an approval back."""
    only()
    with begin() as tx:
        ending.take_back(tx, reference)
    flash(_("Taken back. From now on nobody can open it."), "success")
    return redirect(url_for("identity_requests.show", reference=reference), 303)


# -- the quarter of an hour ---------------------------------------------------------------------------------------


@pages.post("/<reference>/inzien")
@permission(Permission.IDENTITY_REQUEST_TABLED)
@step_up
def open_first(reference: str) -> ResponseReturnValue:
    """Open what was granted: from now on a quarter of an hour."""
    only()
    with begin() as tx:
        seen = viewing.open_first(tx, reference, last_proof())
    return _watermarked(seen)


@pages.get("/<reference>/inzien")
@permission(Permission.IDENTITY_REQUEST_TABLED)
def look(reference: str) -> ResponseReturnValue:
    """The same page loaded again, within that time. Another session has to prove first who it is."""
    try:
        with begin() as tx:
            seen = viewing.look(tx, reference, last_proof())
    except Refused as refusal:
        if refusal.reason != viewing.NOT_PROVED:
            raise
        return redirect(url_for("identity_requests.show", reference=reference))
    return _watermarked(seen)


def _watermarked(seen: Seen) -> Response:
    left = max(0, round((seen.until - seen.now).total_seconds()))
    watermark = f"{seen.viewer} – {seen.agency} – {moment(seen.now)} – {seen.reference}"
    answer = make_response(_render("identity/view.html", seen=seen, watermark=watermark, minutes=-(-left // 60)))
    # The page leaves the screen when the time is over, without a script; the server refuses from then on.
    address = url_for("identity_requests.show", reference=seen.reference)
    answer.headers["Refresh"] = f"{left}; url={address}"
    return answer
