"""Error pages: each says what happened and what to do, with the reason that the log also has."""

import logging

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from signaltable.api import answer_of, is_api
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.sent_forms import SentTwice
from signaltable.storage_faults import StorageFault, fault_of
from signaltable.web import unsure_forms
from signaltable.web.at_once import happened, taken_back, typed
from signaltable.web.guards import note_failure
from signaltable.web.once import lead_on, page_of_form

LOG = logging.getLogger("signaltable")

PAGES = {400, 403, 404, 409, 413}
# What a browser of ours never asks: another method, another kind of body, too much of it.
TOLD = {400, 405, 413, 415}


def reason_text(reason: str) -> str:
    """A refusal's reason code in words."""
    return {
        "no_permission": _("Your role does not include this."),
        "right_ended": _("You had this right for some time, and that time is over."),
        "right_withdrawn": _("Your rights changed while you were at work. Sign in again to see what you can do now."),
        "second_factor_first": _("Sign in with a second factor first, or set one up."),
        "passkey_first": _("Sign in with a passkey first. Your region asks that for this."),
        "no_machine": _("Only people may do this, and no system."),
        "other_purpose": _("This is not meant for this purpose."),
        "wrong_state": _("This is not possible with a signal in this state."),
        "other_auditor": _("Another auditor drew this sample. You can read it."),
        "other_agency": _("This belongs to another organisation."),
        "other_table": _("This is not at your table."),
        "not_on_an_agenda": _("This signal is not on an agenda of your table yet."),
        "conflict_of_interest": _("This person has an interest in the case."),
        "not_asked": _("Your organisation was not asked this question."),
        "not_receiver": _("Your organisation is not the receiver."),
        "budget_person": _("You asked as often as one person may on one day. Go on tomorrow."),
        "budget_agency": _("Your organisation asked as often as it may on one day. Go on tomorrow."),
        "own_request": _("You made this request yourself. A second person has to look at it."),
        "no_such_case": _("There is no case that this person can open like this."),
        "own_case": _("This case can be opened without acute danger."),
        "same_role": _("The second person must have another role than the person who asked."),
        "not_on_the_form": _("The request held something that the form does not ask."),
        "not_offered": _("The request held a choice that was not offered."),
        "no_ground": _("There is no legal ground for this disclosure."),
        "own_signal": _("This is a signal of your own organisation. Ask your focal officer."),
        "signal_ended": _("This signal has ended."),
        "other_person": _("Only the person who asked can see this."),
        "not_open": _("This request is not open."),
        "not_proved": _("Show once more who you are before you do this."),
        "time_over": _("The time to see this is over. Ask anew when it is still needed."),
        "erased": _("The data of this person were erased."),
        "role_lost": _("You no longer have the role with which you asked this."),
        "left_case": _("Your organisation no longer works on this case."),
        "consent_gone": _("The consent does not count any more, so nobody can see this."),
        "broken_seal": _("What was sealed for this request does not open. Ask the administrator."),
        "step_over": _("That took too long, or it was sent before. Begin again."),
        "passkey_refused": _("This passkey does not let you in here. Take another one, or another way."),
        "wrong_code": _("This code is not right, or it was used before. Wait for the next one and try again."),
        "wrong_activation": _("The login name and the code do not belong together, or the code counts no more."),
        "passkey_copied": _("This passkey is on two devices: its count went back."),
        "wrong_credentials": _("The login name or the password is not right."),
        "provider_away": _(
            "The sign-in service of your organisation cannot be reached now. Try again in a few minutes."
        ),
        "provider_declined": _("Your organisation did not let you sign in, or you stopped halfway."),
        "provider_answer": _(
            "The answer of your organisation does not count here. Begin again; tell your administrator when it happens twice."
        ),
        "provider_level": _(
            "You did not sign in strongly enough at your organisation. Sign in there with your second step, and try again."
        ),
        "provider_unknown": _(
            "Your organisation knows you, but you have no account here. Ask the administrator of your region."
        ),
        "provider_roles": _(
            "Your organisation gives you no role here. Ask who manages the accounts at your organisation."
        ),
        "provider_other": _("Your organisation says that you are somebody else than who is signed in here."),
        "too_many_attempts": _("Too many attempts. Nothing is looked at for a while. Wait, and try again later."),
    }.get(reason, _("This is not allowed."))


def register(app: Flask) -> None:
    """Answer every error with a page of our own."""
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(Conflict, _conflict)
    app.register_error_handler(SentTwice, _twice)
    app.register_error_handler(UnusableInput, _unusable)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _broken)
    unsure_forms.register(app)


def _refused(error: Refused) -> ResponseReturnValue:
    if error.reason == "conflict_of_interest":  # For this person there is no such thing; the log has the reason.
        return _page(404)
    if error.reason == "signal_ended" and (taken := taken_back()):
        # It was theirs to work with until a moment ago: what happened meanwhile says more, and nothing typed is lost.
        return render_template("errors/409.html", happened=taken, typed=typed(), page=""), 409
    return render_template("errors/403.html", reason=reason_text(error.reason)), 403


def _not_found(_error: NotFound) -> ResponseReturnValue:
    taken = taken_back()
    if (
        taken
    ):  # It was theirs to work with until a moment ago: that it is gone they may know, and lose nothing they typed.
        note_failure("conflict", 409)
        return render_template("errors/409.html", happened=taken, typed=typed(), page=""), 409
    # Somebody tries references, or the thing is of another agency: which one was asked is not ours to keep.
    note_failure("not_found", 404)
    return _page(404)


def _unusable(_error: UnusableInput) -> ResponseReturnValue:
    note_failure("unusable_input", 400)
    return _page(400)


def _forged(_error: CSRFError) -> ResponseReturnValue:
    note_failure("csrf", 400)
    return _page(400)


def _conflict(_error: Conflict) -> ResponseReturnValue:
    note_failure("conflict", 409)
    return render_template("errors/409.html", happened=happened(), typed=typed(), page=page_of_form()), 409


def _twice(_error: SentTwice) -> ResponseReturnValue:
    return lead_on()


def _http(error: HTTPException) -> ResponseReturnValue:
    if is_api(request.path):  # No operation is there: nobody was let in, so nothing is recorded.
        return answer_of(error)
    if error.code in {301, 302, 303, 307, 308}:
        return error
    if error.code in TOLD:
        note_failure(f"http_{error.code}", error.code)
    return _page(error.code or 500)


def _page(code: int) -> ResponseReturnValue:
    known = code if code in PAGES else (400 if code < 500 else 500)
    if known == 403:
        return render_template("errors/403.html", reason=reason_text("")), 403
    return render_template(f"errors/{known}.html"), code


def _unavailable(fault: StorageFault) -> ResponseReturnValue:
    """Nothing can be kept or read now: what became of what was sent, what to do, and what was typed, so that none is lost."""
    unsure_forms.keep(fault)
    g.actor = g.get("visitor", ANONYMOUS)  # The frame of a page would ask the database who is at it.
    LOG.error("storage is %s%s", fault.kind, ", and one act is not known to be stored" if fault.unsure else "")
    page = render_template(
        "errors/503.html", fault=fault, sent=request.method == "POST", typed=typed(), page=page_of_form()
    )
    return page, 503, {"Retry-After": str(fault.again_after)}


def _broken(error: Exception) -> ResponseReturnValue:
    fault = fault_of(error)
    if fault is not None:
        return _unavailable(fault)
    # The exception's text may quote data, so only its type and place are written down.
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    LOG.error("unexpected %s at %s", type(error).__name__, place)
    note_failure("broken", 500)
    return render_template("errors/500.html"), 500
