"""Files that go along with a draft or a signal: adding several, downloading, taking away. Only the owner comes here.

Names on pages are those of their makers only where the draft's author or an opened identity is; in addresses and
downloads there are numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, MultipleFileField, RadioField, SelectChoice
from wtforms.validators import InputRequired

from signaltable.access import Permission
from signaltable.attached.unfit import Unfit
from signaltable.flow import attachments, drafts
from signaltable.flow.attachments import Download, Kept, Prepared
from signaltable.transaction import Transaction
from signaltable.web.filters import in_words
from signaltable.web.guards import actor, begin, only, permission, program, submitted

pages = Blueprint("attachments", __name__, url_prefix="/signalen")


class AddForm(FlaskForm):
    files = MultipleFileField(_l("Files"))
    looked = BooleanField(_l("I looked at these files: no citizen service number (BSN) and no more than is needed"))


class RemoveForm(FlaskForm):
    reason = RadioField(_l("Why does this file go?"), [InputRequired(_l("Choose why this file goes"))])


def cause_words(unfit: Unfit) -> str:
    """What is wrong with a file, and what can be done."""
    said = attachments.rules(program())
    limit = said.kind_of(unfit.kind)
    largest = (limit.largest_kib * 1024 if limit else said.largest) // (1024 * 1024)
    return {
        "empty": _("This file is empty."),
        "too_large": _("This file is too large: at most %(size)s MB.", size=largest),
        "kind": _("This kind of file cannot go along. Below stands which kinds can."),
        "polyglot": _("This file is two kinds of file in one, and is not taken for that reason."),
        "executable": _("This is a program, and programs cannot go along."),
        "active": _("This file can do something when it is opened. Save it as PDF or as plain text."),
        "macros": _("This document holds macros. Save it without macros, or as PDF."),
        "encrypted": _("This file has a password. Save it without one: here it is sealed for your organisation."),
        "archive": _("This is an archive (zip). Unpack it and add the files one by one."),
        "old_office": _("This is a document of an old version of Office. Save it as docx, xlsx or PDF."),
        "mail": _("This is a mail with everybody's addresses. Save what matters as PDF or as plain text."),
        "bomb": _("This file is far larger inside than it seems, and is not taken for that reason."),
        "picture_size": _("This picture is too large. Make it smaller, or make a screenshot."),
        "broken": _("This file is damaged, or not what it seems. Open it and save it again."),
        "inside": _("This document holds a part that cannot be cleaned, such as another file. Save it as PDF."),
        "external": _("This document fetches something from elsewhere. Save it as PDF."),
        "bsn": _("A citizen service number (BSN) stands in this file. Take it out first: it is never stored here."),
        "virus": _("The virus scanner found something in this file. It was not kept; tell your own IT department."),
        "too_many": _("No more than %(count)s files go along with one signal.", count=said.per_signal),
        "total": _("All files of one signal together are at most %(size)s MB.", size=said.total_kib // 1024),
        "not_looked": _(
            "Not all words in this file can be read by the program. Look at it, tick that you did, and add it again."
        ),
    }[unfit.cause]


def reason_choices() -> list[SelectChoice]:
    """Why an attachment can be taken away."""
    words = {
        "wrong_file": _("It is the wrong file"),
        "too_much": _("It says more than is needed"),
        "asked": _("The person asked for it"),
        "other": _("Another reason"),
    }
    return [SelectChoice(value, words[value]) for value in attachments.REASONS]


# -- with a draft --------------------------------------------------------------------------------------------------


@pages.route("/nieuw/<draft_id>/bijlagen", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def draft(draft_id: str) -> ResponseReturnValue:
    """The files of a draft: add and take away."""
    form = AddForm()
    refused: list[tuple[str, str]] = []
    if submitted(form):

        def keep(tx: Transaction, prepared: Prepared, *, looked: bool) -> Kept:
            return attachments.add_to_draft(tx, draft_id, prepared, looked=looked)

        with begin() as tx:
            drafts.own(tx, draft_id)
        added, refused = _take(form, keep, draft_id=draft_id)
        if not refused:
            return _added(added, url_for("attachments.draft", draft_id=draft_id))
    with begin() as tx:
        view = drafts.load(tx, draft_id)
        kept = attachments.of_draft(tx, draft_id)
    return _page("attachments/draft.html", form, kept, refused, draft=view)


@pages.get("/nieuw/<draft_id>/bijlagen/<int:number>")
@permission(Permission.SIGNAL_SUBMIT_OWN)
def draft_file(draft_id: str, number: int) -> ResponseReturnValue:
    """Download a file of a draft."""
    with begin() as tx:
        found = attachments.download_of_draft(tx, draft_id, number)
    return _handed_out(found)


@pages.post("/nieuw/<draft_id>/bijlagen/<int:number>/weg")
@permission(Permission.SIGNAL_SUBMIT_OWN)
def remove_from_draft(draft_id: str, number: int) -> ResponseReturnValue:
    """Take a file away from a draft."""
    only()
    with begin() as tx:
        attachments.remove_from_draft(tx, draft_id, number)
    flash(_("The file is gone."), "success")
    return redirect(url_for("attachments.draft", draft_id=draft_id), 303)


# -- with a signal -------------------------------------------------------------------------------------------------


@pages.route("/<reference>/bijlagen", methods=["GET", "POST"])
@permission(Permission.IDENTITY_CONSULT_OWN)
def signal(reference: str) -> ResponseReturnValue:
    """The files of an own signal: add, download, take away."""
    form = AddForm()
    refused: list[tuple[str, str]] = []
    if submitted(form):

        def keep(tx: Transaction, prepared: Prepared, *, looked: bool) -> Kept:
            return attachments.add_to_signal(tx, reference, prepared, looked=looked)

        with begin() as tx:
            attachments.check_may_add(tx, reference)
        added, refused = _take(form, keep, reference=reference)
        if not refused:
            return _added(added, url_for("attachments.signal", reference=reference))
    return _signal_page(reference, form, refused)


@pages.get("/<reference>/bijlagen/<int:number>")
@permission(Permission.IDENTITY_CONSULT_OWN)
def file(reference: str, number: int) -> ResponseReturnValue:
    """Download a file of an own signal; that is an entry in the log, because files hold identity."""
    with begin() as tx:
        found = attachments.download(tx, reference, number)
    return _handed_out(found)


@pages.post("/<reference>/bijlagen/<int:number>/weg")
@permission(Permission.IDENTITY_CONSULT_OWN)
def remove(reference: str, number: int) -> ResponseReturnValue:
    """Take a file away from an own signal, with a reason."""
    form = _remove_form()
    if not submitted(form):
        return _signal_page(reference, AddForm(formdata=None), [], removing=(number, form))
    with begin() as tx:
        attachments.remove(tx, reference, number, form.reason.data)
    flash(_("The file is gone."), "success")
    return redirect(url_for("attachments.signal", reference=reference), 303)


# -- what they share -----------------------------------------------------------------------------------------------


def _remove_form(*, empty: bool = False) -> RemoveForm:
    form = RemoveForm(formdata=None) if empty else RemoveForm()
    form.reason.choices = reason_choices()
    return form


def _signal_page(
    reference: str,
    form: AddForm,
    refused: Sequence[tuple[str, str]],
    removing: tuple[int, RemoveForm] | None = None,
) -> ResponseReturnValue:
    with begin() as tx:
        found = attachments.listing(tx, reference)
    return _page(
        "attachments/signal.html",
        form,
        found.files,
        refused,
        reference=found.reference,
        may_change=found.may_change,
        removing=removing,
        remove_form=_remove_form(empty=True),
    )


def _take(
    form: AddForm, keep: Callable[..., Kept], *, draft_id: str = "", reference: str = ""
) -> tuple[int, list[tuple[str, str]]]:
    """Take in what was sent, each file by itself: how many were kept, and what is wrong with the others.

    All of it in one transaction: who sends the same again after a fault must not find a part of it stored already.
    """
    sent = [one for one in form.files.data or [] if isinstance(one, FileStorage) and one.filename]
    if not sent:
        return 0, [("", _("Choose at least one file"))]
    # More than a signal can have are not even looked at: cleaning a file is work, and a thousand small ones fit in a request.
    most = attachments.rules(program()).per_signal
    looked_at = [(one.filename or "", *_prepared(one)) for one in sent[:most]]
    refused = [(one.filename or "", cause_words(Unfit("too_many"))) for one in sent[most:]]
    with begin() as tx:
        for name, size, prepared in looked_at:
            try:
                if isinstance(prepared, Unfit):
                    raise prepared
                keep(tx, prepared, looked=bool(form.looked.data))
            except Unfit as unfit:
                attachments.note_refusal(tx, unfit, draft_id=draft_id, reference=reference, size=size)
                refused.append((name, cause_words(unfit)))
    return len(sent) - len(refused), refused


def _prepared(sent: FileStorage) -> tuple[int, Prepared | Unfit]:
    """How many bytes a file has, and what is kept of it or why it is not."""
    data = sent.stream.read()
    try:
        return len(data), attachments.prepare(program(), actor(), data, sent.filename or "")
    except Unfit as unfit:
        return len(data), unfit


def _added(count: int, address: str) -> ResponseReturnValue:
    flash(ngettext("One file was added.", "%(num)d files were added.", count), "success")
    return redirect(address, 303)


def _page(
    template: str, form: AddForm, kept: Sequence[Kept], refused: Sequence[tuple[str, str]], **values: Any
) -> ResponseReturnValue:
    said = attachments.rules(program())
    page = render_template(
        template,
        form=form,
        kept=kept,
        refused=refused,
        rules=said,
        kinds=[(in_words(kind.title), kind.largest_kib // 1024 or 1) for kind in said.kind],
        full=len(kept) >= said.per_signal,
        **values,
    )
    return page, 422 if request.method == "POST" else 200


def _handed_out(found: Download) -> Response:
    """The file as a download and nothing else: a browser neither shows it nor guesses what it is."""
    response = Response(attachments.pieces(program(), found), content_type=found.kept.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    response.headers["Content-Length"] = str(found.kept.size)
    return response
