"""Who can do what, at each organisation: the page of today, signing for it, and the reviews that were signed."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.rights import papers, reviews
from signaltable.flow.rights.reviews import Overview, Signed
from signaltable.web.filters import in_words, lang
from signaltable.web.guards import actor, begin, note_failure, offered, only, permission, program, step_up
from signaltable.web.paging import read_key, write_key

pages = Blueprint("rights", __name__, url_prefix="/rechten")

# The boxes of a line, each with the number of its place on the page: an account's number stands in no name of a field.
TAKE, REASON = "weghalen", "reden"


@pages.get("")
@permission(Permission.RIGHTS_CONSULT_ALL)
def listing() -> ResponseReturnValue:
    """How each organisation stands with its reviews; a privacy officer comes to the own one at once."""
    with begin() as tx:
        found, own = reviews.standings(tx), reviews.own_agency_only(tx)
    if own:
        return redirect(url_for("rights.agency", agency_id=actor().agency_id))
    return render_template("rights/listing.html", found=found)


@pages.get("/organisatie/<agency_id>")
@permission(Permission.RIGHTS_CONSULT_ALL)
def agency(agency_id: str) -> ResponseReturnValue:
    """Who can do what at one organisation today."""
    return _page(_read(agency_id), {}, {})


@pages.post("/organisatie/<agency_id>")
@permission(Permission.RIGHTS_SIGN_OWN)
@step_up
def sign(agency_id: str) -> ResponseReturnValue:
    """Sign for it. What somebody changed meanwhile is shown anew, and nothing is signed."""
    page = _read(agency_id)
    lines = page.now.lines
    numbers = range(len(lines))
    # A line more or less than there are now was offered by the page of before.
    only("seal", "lines", *_names(request.form.get("lines", "")))
    seal = request.form.get("seal", "")
    if not page.may_sign or seal != page.now.seal:
        return _changed(page)
    taken = {}
    for number in numbers:
        if offered(f"{TAKE}-{number}", ["ja"], required=False):
            taken[lines[number].id] = request.form.get(f"{REASON}-{number}", "")
    try:
        with begin() as tx:
            review_id = reviews.sign(tx, seal, taken)
    except UnusableInput as error:
        return _page(page, taken, error.problems), 422
    except Conflict as conflict:
        if conflict.reason != "changed":
            raise
        return _changed(_read(agency_id))
    flash(_("Signed. The digest stands in the log."), "success")
    return redirect(url_for("rights.show", review_id=review_id), 303)


def _names(typed: str) -> list[str]:
    count = int(typed) if typed.isdecimal() and typed.isascii() and len(typed) < 5 else 0
    return [f"{name}-{number}" for number in range(count) for name in (TAKE, REASON)]


def _changed(page: Overview) -> ResponseReturnValue:
    note_failure("conflict", 409)
    return _page(page, {}, {}, changed=True), 409


def _read(agency_id: str) -> Overview:
    after = read_key(request.args.get("na", "")) if request.method == "GET" else None
    with begin() as tx:
        return reviews.overview(tx, agency_id, after)


def _page(page: Overview, taken: Mapping[str, str], problems: Mapping[str, str], *, changed: bool = False) -> str:
    here = url_for("rights.agency", agency_id=page.agency_id)
    following = write_key(page.following)
    return render_template(
        "rights/agency.html",
        page=page,
        taken=taken,
        problems={one: _words(problem) for one, problem in problems.items()},
        changed=changed,
        form=FlaskForm(),
        older=url_for("rights.agency", agency_id=page.agency_id, na=following) if following else None,
        first=here if request.args.get("na") else None,
        sees_all=isinstance(may(actor(), Permission.DISCLOSURE_AUDIT_ALL), Allowed)
        or isinstance(may(actor(), Permission.ACCOUNT_CHANGE_ALL), Allowed),
        TAKE=TAKE,
        REASON=REASON,
        **_WORDS,
    )


@pages.get("/<review_id>")
@permission(Permission.RIGHTS_CONSULT_ALL)
def show(review_id: str) -> ResponseReturnValue:
    """A review that was signed: each line with its verdict, and what changed since."""
    with begin() as tx:
        signed = reviews.read(tx, review_id)
    administers = isinstance(may(actor(), Permission.ACCOUNT_CHANGE_ALL), Allowed)
    return render_template("rights/show.html", signed=signed, administers=administers, **_WORDS)


@pages.get("/<review_id>/csv")
@permission(Permission.RIGHTS_CONSULT_ALL)
def as_table(review_id: str) -> ResponseReturnValue:
    """The same as a table for a spreadsheet."""
    with begin() as tx:
        signed = reviews.read(tx, review_id)
        # Spreadsheet programs know by the mark in front that it is UTF-8.
        content = b"\xef\xbb\xbf" + papers.as_table(signed, tx.program.policy, lang()).encode()
        reviews.note_file(tx, signed, content)
    return _file(content, signed, "csv", "text/csv; charset=utf-8")


@pages.get("/<review_id>/pdf")
@permission(Permission.RIGHTS_CONSULT_ALL)
def as_paper(review_id: str) -> ResponseReturnValue:
    """The same on paper."""
    with begin() as tx:
        signed = reviews.read(tx, review_id)
        content = papers.as_paper(signed, tx.program.policy, lang())
        reviews.note_file(tx, signed, content)
    return _file(content, signed, "pdf", "application/pdf")


def _file(content: bytes, signed: Signed, kind: str, media_type: str) -> Response:
    name = f"rechten-{signed.signed_at:%Y-%m-%d}-{signed.digest[:8]}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type=media_type, headers=headers)


# -- words --------------------------------------------------------------------------------------------------------


def role_title(role: str) -> str:
    """A role in words; the code when the rules no longer have it."""
    found = program().policy.roles.get(role)
    return in_words(found.title) if found else role


def factor_label(code: str) -> str:
    """A way of proving who one is, in words."""
    return in_words(papers.FACTORS[code]) if code in papers.FACTORS else code


def mark_label(code: str) -> str:
    """What is worth a second look in a line, in words."""
    return in_words(papers.MARKS[code]) if code in papers.MARKS else code


def change_label(code: str) -> str:
    """What became different since a review, in words."""
    return {
        "new": _("New"),
        "gone": _("Gone"),
        "more": _("Can do more"),
        "less": _("Can do less"),
        "other": _("Can do something else"),
    }.get(code, code)


def _words(problem: str) -> str:
    return {
        NO_TEXT: _("Write down why it has to go"),
        HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        TOO_LONG: _("Write this in fewer words"),
    }.get(problem, problem)


_WORDS: Mapping[str, Any] = {
    "role_title": role_title,
    "factor_label": factor_label,
    "mark_label": mark_label,
    "change_label": change_label,
}
