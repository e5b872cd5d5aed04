"""The auditor's pages: the log, one entry, the disclosures, and the proof that nothing was changed. No content."""

import os
from collections.abc import Mapping
from dataclasses import replace

from flask import Blueprint, Response, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, NotFound, UnusableInput
from signaltable.flow import auditing, checking, incidents, looks
from signaltable.queries import agency_titles
from signaltable.web.auditor_filters import (
    LONGEST,
    NAME_OF,
    address,
    as_iso_day,
    chips,
    disclosure_choices,
    disclosure_labels,
    export_problem,
    log_choices,
    log_labels,
    marks,
    questions,
    read_disclosure_filters,
    read_log_filters,
)
from signaltable.web.card_grounds import ground_view
from signaltable.web.disclosure_file import WORDS as FILE_WORDS
from signaltable.web.disclosure_file import happenings, timeline
from signaltable.web.duty_words import DUTY_WORDS
from signaltable.web.filters import lang
from signaltable.web.guards import actor, begin, only, permission, program, step_up
from signaltable.web.log_sentences import sentence
from signaltable.web.log_words import WORDS, detail_label, detail_rows
from signaltable.web.open_pages import open_pages
from signaltable.web.paging import read_key, write_key
from signaltable.web.wording import WORDS as SENDING_WORDS
from signaltable.web.wording import category_label, field_label

pages = Blueprint("auditor", __name__, url_prefix="/audit")

# How many digits the number of an entry has at most; more would not fit the column.
DIGITS = 9
SEQ = f"<int(max={10**DIGITS - 1}):seq>"


def _render(template: str, **values: object) -> str:
    shown = {"sees_all": _sees_all(), "tab_pages": open_pages()}
    return render_template(template, **{**SENDING_WORDS, **DUTY_WORDS, **WORDS, **shown, **values})


def _sees_all() -> bool:
    return isinstance(may(actor(), Permission.LOG_CONSULT_ALL), Allowed)


@pages.get("/werkplek")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def workplace() -> ResponseReturnValue:
    """What waits, and where to go: the start page of an auditor and a privacy officer."""
    with begin() as tx:
        found = auditing.workplace(tx)
    asked = questions(sees_all=_sees_all())
    return _render("auditor/workplace.html", found=found, questions=asked)


# -- the log ------------------------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)
def listing() -> ResponseReturnValue:
    """The log with its filters, newest first, each entry as a sentence."""
    before, after = _number("voor"), _number("na")
    with begin(listing=True) as tx:
        titles = agency_titles(tx)
        choices = log_choices(titles, auditing.offered(tx), sees_all=_sees_all())
        filters, asked = read_log_filters(choices)
        page = auditing.entries(tx, filters, before=before, after=after)
    labels = log_labels()
    used = chips(asked, "auditor.listing", choices, labels)
    loosened = {NAME_OF[name]: count for name, count in page.loosened.items()}
    return _render(
        "auditor/listing.html",
        page=page,
        sentences={line.seq: sentence(line, titles) for line in page.lines},
        choices=choices,
        labels=labels,
        asked=asked,
        used=used,
        loosen=[(chip, loosened[chip.name]) for chip in used if chip.name in loosened],
        questions=questions(sees_all=_sees_all()),
        newer=address("auditor.listing", {**asked.kept, "na": page.newer}) if page.newer is not None else None,
        older=address("auditor.listing", {**asked.kept, "voor": page.older}) if page.older is not None else None,
    )


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
    rows = detail_rows(view.details, titles, action=view.line.action) if view.details is not None else None
    steps = [[str(number), step] for number, step in enumerate(view.proof.steps, start=1)] if view.proof else []
    said = sentence(view.line, titles)
    return _render("auditor/show.html", view=view, rows=rows, steps=steps, said=said)


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
        looks.log(tx, "public_key")
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
    """The disclosures with their filters, newest first."""
    after = read_key(request.args.get("na", ""))
    with begin(listing=True) as tx:
        choices = disclosure_choices(agency_titles(tx))
        filters, asked = read_disclosure_filters(choices)
        page = auditing.disclosures(tx, filters, after=after)
    labels = disclosure_labels()
    older = {**asked.kept, "na": write_key(page.following)}
    return _render(
        "auditor/disclosures.html",
        page=page,
        choices=choices,
        labels=labels,
        asked=asked,
        used=chips(asked, "auditor.disclosures", choices, labels),
        marks=marks(),
        older=address("auditor.disclosures", older) if page.following else None,
        newest=address("auditor.disclosures", asked.kept) if after is not None else None,
    )


@pages.get("/verstrekkingen/<reference>")
@permission(Permission.DISCLOSURE_AUDIT_ALL)
def disclosure(reference: str) -> ResponseReturnValue:
    """One disclosure: ground, conditions, rules, people's roles, times, obligations, and its entries."""
    with begin() as tx:
        read = auditing.disclosure_file(tx, reference, lang())
        titles = agency_titles(tx)
    sentences = {line.seq: sentence(line, titles) for line in read.lines}
    rule = read.rule
    return _render(
        "auditor/disclosure.html",
        **FILE_WORDS,
        read=read,
        said=sentences.get(read.disclosed_seq, "") if read.disclosed_seq is not None else "",
        view=ground_view(rule.ground, rule.policy, on=rule.day) if rule.ground and rule.policy else None,
        svg=timeline(read),
        rows=[[one.when, one.what] for one in happenings(read)],
        sentences=sentences,
        categories="; ".join(category_label(one) for one in read.account.categories),
        fields="; ".join(field_label(one) for one in read.account.fields),
        unlike=", ".join(detail_label(name) for name in read.unlike),
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
    """Check everything now, and show what was found on the same page; of a long log the jobs process does it."""
    only()
    if checking.is_long(program()):
        with begin() as tx:
            incidents.request_check(tx)
        return redirect(url_for("incidents.listing", _anchor="controle"), 303)
    return _evidence(checked=True)


def _evidence(*, checked: bool) -> ResponseReturnValue:
    lines = auditing.check(program(), actor()) if checked else None
    with begin() as tx:
        head = auditing.head(tx)
        if not checked:
            looks.log(tx, "evidence")
    return _render("auditor/evidence.html", head=head, lines=lines)


# -- exports ------------------------------------------------------------------------------------------------------


@pages.get("/export")
@permission(Permission.LOG_EXPORT_ALL, Permission.LOG_EXPORT_OWN)
def exports() -> ResponseReturnValue:
    """Ask for an export of a period or an agency, and the exports of the past day."""
    return _exports({}, {})


@pages.post("/export")
@permission(Permission.LOG_EXPORT_ALL, Permission.LOG_EXPORT_OWN)
@step_up
def request_export() -> ResponseReturnValue:
    """Ask for an export; the jobs process makes it, because only that one reads the signing key."""
    only("van", "tot", "organisatie")
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("van", "tot", "organisatie")}
    try:
        days = {name: as_iso_day(typed[name]) for name in ("van", "tot")}
        with begin() as tx:
            part = auditing.read_part(tx.session, days["van"], days["tot"], typed["organisatie"])
            request_id = auditing.request_export(tx, part)
    except UnusableInput as error:
        names = {"from": "van", "to": "tot", "agency": "organisatie"}
        return _exports(typed, {names[name]: export_problem(name) for name in error.problems}), 422
    except Conflict:
        flash(_("An earlier export is still being made."), "info")
        return redirect(url_for("auditor.exports"), 303)
    return redirect(url_for("auditor.export", request_id=request_id), 303)


@pages.post("/export/verwerkingenlog")
@permission(Permission.LOG_EXPORT_ALL)
@step_up
def request_processing_log() -> ResponseReturnValue:
    """Ask for the processing log of a period; made like an export."""
    names = {"from": "log_van", "to": "log_tot"}
    only(*names.values())
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in names.values()}
    try:
        first, last = (as_iso_day(one) for one in typed.values())
        with begin() as tx:
            part = auditing.read_part(tx.session, first, last, "")
            request_id = auditing.request_export(tx, replace(part, processing=True))
    except UnusableInput as error:
        return _exports(typed, {names[name]: export_problem(name) for name in error.problems}), 422
    except Conflict:
        flash(_("An earlier export is still being made."), "info")
        return redirect(url_for("auditor.exports"), 303)
    return redirect(url_for("auditor.export", request_id=request_id), 303)


def _exports(typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    with begin() as tx:
        made = auditing.my_exports(tx)
        titles = agency_titles(tx)
        looks.log(tx, "exports")
    agencies = sorted(titles.items(), key=lambda pair: pair[1].casefold())
    may_choose = isinstance(may(actor(), Permission.LOG_EXPORT_ALL), Allowed)
    return _render(
        "auditor/exports.html",
        exports=made,
        titles=titles,
        agencies=[("", _("All")), *agencies] if may_choose else [],
        typed=typed,
        problems=problems,
    )


@pages.get("/export/<request_id>")
@permission(Permission.LOG_EXPORT_ALL, Permission.LOG_EXPORT_OWN)
def export(request_id: str) -> ResponseReturnValue:
    """How far an export is, and the file when it is ready."""
    with begin() as tx:
        state = auditing.export_state(tx, request_id)
        looks.log(tx, "export_state")
        titles = agency_titles(tx)
    return _render("auditor/export.html", export=state, titles=titles)


@pages.get("/export/<request_id>/bestand")
@permission(Permission.LOG_EXPORT_ALL, Permission.LOG_EXPORT_OWN)
@step_up
def download(request_id: str) -> ResponseReturnValue:
    """The zip of a finished export."""
    with begin() as tx:
        file = auditing.export_file(tx, request_id)
    answer = send_file(file, mimetype="application/zip", as_attachment=True, download_name="logboek-export.zip")
    answer.content_length = os.fstat(file.fileno()).st_size
    return answer
