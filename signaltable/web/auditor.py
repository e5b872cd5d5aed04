"""The auditor's pages: the log, one entry, the disclosures, and the proof that nothing was changed. No content."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import to_utc

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, NotFound
from signaltable.flow import auditing
from signaltable.flow.auditing import Filters
from signaltable.flow.disclosures import disclosure_account
from signaltable.queries import agency_titles
from signaltable.web.duty_words import DUTY_WORDS
from signaltable.web.guards import actor, begin, only, permission, program
from signaltable.web.log_words import WORDS, detail_rows
from signaltable.web.paging import read_key, write_key
from signaltable.web.wording import WORDS as SENDING_WORDS
from signaltable.web.wording import category_label, field_label

pages = Blueprint("auditor", __name__, url_prefix="/audit")

# Names in the address of the list, and the filter that each of them fills.
FILTERS = {
    "organisatie": "agency",
    "actie": "action",
    "uitkomst": "outcome",
    "ontvanger": "receiver",
    "kenmerk": "object",
}


# No log is older than time on this kind of machine.
EARLIEST = date(1970, 1, 1)
# How many digits the number of an entry has at most; more would not fit the column.
DIGITS = 9
SEQ = f"<int(max={10**DIGITS - 1}):seq>"


def _render(template: str, **values: object) -> str:
    sees_all = isinstance(may(actor(), Permission.LOG_CONSULT_ALL), Allowed)
    return render_template(template, **{**SENDING_WORDS, **DUTY_WORDS, **WORDS, "sees_all": sees_all, **values})


# -- the log ------------------------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def listing() -> ResponseReturnValue:
    """The log with its filters, newest first."""
    problems: dict[str, str] = {}
    filters = _filters(problems)
    with begin() as tx:
        page = auditing.entries(tx, filters, before=_number("voor"), after=_number("na"))
        titles = agency_titles(tx)
    kept: dict[str, Any] = {name: request.args[name] for name in ("van", "tot", *FILTERS) if request.args.get(name)}
    return _render(
        "auditor/listing.html",
        page=page,
        titles=titles,
        kept=kept,
        problems=problems,
        newer=url_for("auditor.listing", **kept, na=page.newer) if page.newer is not None else None,
        older=url_for("auditor.listing", **kept, voor=page.older) if page.older is not None else None,
    )


def _filters(problems: dict[str, str]) -> Filters:
    since, until = _day("van", problems), _day("tot", problems)
    chosen = {to: request.args.get(name, "").strip()[:64] for name, to in FILTERS.items()}
    chosen["object"] = chosen["object"].upper() if chosen["object"][:2].upper() in {"S-", "D-"} else chosen["object"]
    return Filters(
        since=_midnight(since) if since else None,
        until=_midnight(until + timedelta(days=1)) if until else None,
        **chosen,
    )


def _day(name: str, problems: dict[str, str]) -> date | None:
    typed = request.args.get(name, "").strip()
    if not typed:
        return None
    for shape in ("%Y-%m-%d", "%d-%m-%Y"):
        try:
            day = datetime.strptime(typed, shape).date()  # noqa: DTZ007 -- only the day counts
        except ValueError:
            continue
        if EARLIEST.year <= day.year < date.max.year:  # At the ends of the calendar there is no day before or after.
            return day
    problems[name] = {
        "van": _("From: fill in a day, for example 3-11-2026"),
        "tot": _("Up to and including: fill in a day, for example 3-11-2026"),
    }[name]
    return None


def _midnight(day: date) -> datetime:
    return to_utc(datetime.combine(day, time.min)).replace(tzinfo=UTC)


def _number(name: str) -> int | None:
    typed = request.args.get(name, "")
    if not typed:
        return None
    if not typed.isascii() or not typed.isdigit() or len(typed) > DIGITS:
        raise NotFound("no such page")
    return int(typed)


@pages.get(f"/{SEQ}")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def show(seq: int) -> ResponseReturnValue:
    """One entry with its details and its proof."""
    with begin() as tx:
        view = auditing.entry(tx, seq)
        titles = agency_titles(tx)
    rows = detail_rows(view.details, titles) if view.details is not None else None
    steps = [[str(number), step] for number, step in enumerate(view.proof.steps, start=1)] if view.proof else []
    return _render("auditor/show.html", view=view, rows=rows, steps=steps)


@pages.get(f"/{SEQ}/bewijs")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def proof(seq: int) -> ResponseReturnValue:
    """The proof of one entry as a file."""
    with begin() as tx:
        made = auditing.proof(tx, seq)
    return _file(made.text, f"logboek-{seq}.tlog-proof")


@pages.get("/publieke-sleutel")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def public_key() -> ResponseReturnValue:
    """The public key of the log as a file."""
    with begin() as tx:
        text = auditing.public_key(tx)
    return _file(text, "public-key.txt")


def _file(text: str, name: str) -> Response:
    return Response(
        text,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# -- disclosures --------------------------------------------------------------------------------------------------


@pages.get("/verstrekkingen")
@permission(Permission.DISCLOSURE_AUDIT_ALL)
def disclosures() -> ResponseReturnValue:
    """All disclosures, newest first."""
    after = read_key(request.args.get("na", ""))
    with begin() as tx:
        lines, following = auditing.disclosures(tx, after=after)
    older = url_for("auditor.disclosures", na=write_key(following)) if following else None
    return _render("auditor/disclosures.html", lines=lines, older=older, first=after is None)


@pages.get("/verstrekkingen/<reference>")
@permission(Permission.DISCLOSURE_AUDIT_ALL)
def disclosure(reference: str) -> ResponseReturnValue:
    """One disclosure: ground, conditions, rules, people's roles, times, obligations, and its entries."""
    with begin() as tx:
        account = disclosure_account(tx, reference)
        lines = auditing.entries_of(tx, [account.reference])
    roles = {line.actor: line.roles for line in lines}
    return _render(
        "auditor/disclosure.html",
        account=account,
        lines=lines,
        roles=roles,
        categories=", ".join(category_label(one) for one in account.categories),
        fields=", ".join(field_label(one) for one in account.fields),
    )


# -- the proof ----------------------------------------------------------------------------------------------------


@pages.get("/bewijs")
@permission(Permission.LOG_CONSULT_ALL)
def evidence() -> ResponseReturnValue:
    """The newest checkpoint, and the exports."""
    return _evidence(checked=False)


@pages.post("/bewijs")
@permission(Permission.LOG_CONSULT_ALL)
def check() -> ResponseReturnValue:
    """Check the whole log now, and show what was found on the same page."""
    only()
    return _evidence(checked=True)


def _evidence(*, checked: bool) -> ResponseReturnValue:
    may_export = isinstance(may(actor(), Permission.LOG_EXPORT_ALL), Allowed)
    lines = auditing.check(program(), actor()) if checked else None
    with begin() as tx:
        head = auditing.head(tx)
        exports = auditing.my_exports(tx) if may_export else None
    return _render("auditor/evidence.html", head=head, lines=lines, exports=exports)


@pages.post("/export")
@permission(Permission.LOG_EXPORT_ALL)
def request_export() -> ResponseReturnValue:
    """Ask for an export; the jobs process makes it, because only that one reads the signing key."""
    only()
    try:
        with begin() as tx:
            request_id = auditing.request_export(tx)
    except Conflict:
        flash(_("An earlier export is still being made."), "info")
        return redirect(url_for("auditor.evidence", _anchor="exports"), 303)
    return redirect(url_for("auditor.export", request_id=request_id), 303)


@pages.get("/export/<request_id>")
@permission(Permission.LOG_EXPORT_ALL)
def export(request_id: str) -> ResponseReturnValue:
    """How far an export is, and the file when it is ready."""
    with begin() as tx:
        state = auditing.export_state(tx, request_id)
        head = auditing.head(tx)
    return _render("auditor/export.html", export=state, head=head)


@pages.get("/export/<request_id>/bestand")
@permission(Permission.LOG_EXPORT_ALL)
def download(request_id: str) -> ResponseReturnValue:
    """The zip of a finished export."""
    with begin() as tx:
        path = auditing.export_file(tx, request_id)
    return send_file(path, mimetype="application/zip", as_attachment=True, download_name="logboek-export.zip")
