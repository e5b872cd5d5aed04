"""The page of a witness: the newest checkpoint to keep, and comparing one that was kept with the log as it is now."""

from collections.abc import Mapping

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import FileField, TextAreaField

from signaltable.access import Permission
from signaltable.flow import witnesses
from signaltable.flow.witnesses import Comparison, Outcome
from signaltable.web.guards import begin, permission, submitted

pages = Blueprint("witness", __name__, url_prefix="/getuige")

KEEPS = (Permission.CHECKPOINT_KEEP_OWN, Permission.LOG_CONSULT_ALL)


class CompareForm(FlaskForm):
    note = TextAreaField(_l("Paste the text of the checkpoint or of the whole mail"))
    file = FileField(_l("Or choose the file that you kept"))

    def validate(self, extra_validators: Mapping[str, object] | None = None) -> bool:
        """One of the two is needed; a file counts when both are there."""
        holds = super().validate(extra_validators)
        if holds and not self.kept():
            self.note.errors = [_("Paste a checkpoint, or choose a file")]
            return False
        return bool(holds)

    def kept(self) -> bytes:
        """The bytes that somebody kept."""
        uploaded = request.files.get(self.file.name)
        raw = uploaded.read() if uploaded else b""
        if uploaded:
            uploaded.seek(0)
        return raw or (self.note.data or "").strip().encode()


@pages.get("")
@permission(*KEEPS)
def show() -> ResponseReturnValue:
    """What a witness is, the newest checkpoint, and those that the agency got."""
    return _page(CompareForm())


@pages.get("/<int(max=999999999):size>.txt")
@permission(*KEEPS)
def fetch(size: int) -> ResponseReturnValue:
    """A checkpoint as a file to keep."""
    with begin() as tx:
        note = witnesses.fetch(tx, size)
    headers = {"Content-Disposition": f'attachment; filename="checkpoint-{size}.txt"'}
    return Response(note, content_type="text/plain; charset=utf-8", headers=headers)


@pages.post("/vergelijken")
@permission(*KEEPS)
def compare() -> ResponseReturnValue:
    """Compare what somebody kept with the log. The answer stands on the page itself; nothing is kept."""
    form = CompareForm()
    if not submitted(form):
        return _page(form), 422
    with begin() as tx:
        comparison = witnesses.compare(tx, form.kept())
    return _page(CompareForm(formdata=None), comparison)


def _page(form: CompareForm, comparison: Comparison | None = None) -> str:
    with begin() as tx:
        kept = witnesses.kept(tx)
    told = _words(comparison) if comparison else None
    return render_template("witness/show.html", kept=kept, form=form, comparison=comparison, told=told)


def _words(comparison: Comparison) -> tuple[str, str]:
    """What came out, in one line and in the sentence that says what to do."""
    size, now = comparison.size, comparison.now
    report = _(
        "Keep your checkpoint. Tell the other organisations at the table and the auditor, by another way than this program."
    )
    return {
        Outcome.SAME: (
            _("The log is exactly what it was"),
            _("Your checkpoint covers all %(size)d entries of the log. Nothing was changed.", size=size),
        ),
        Outcome.GROWN: (
            _("The log has grown and nothing was changed"),
            _(
                "Your checkpoint covers the first %(size)d of %(now)d entries. They are still the same.",
                size=size,
                now=now,
            ),
        ),
        Outcome.FORK: (
            _("The log was changed"),
            _("The first %(size)d entries are not those that your checkpoint was signed over.", size=size)
            + " "
            + report,
        ),
        Outcome.SHORTENED: (
            _("The log was shortened"),
            _("Your checkpoint covers %(size)d entries, and the log holds %(now)d.", size=size, now=now) + " " + report,
        ),
        Outcome.RETIRED: (
            _("Signed with a key that did not count at that moment"),
            _(
                "The key of this checkpoint was replaced before it was signed. This happens after a backup was put back, or when an old key was stolen."
            )
            + " "
            + report,
        ),
        Outcome.STRANGE: (
            _("Not signed by this log"),
            _(
                "The signature belongs to no key of this log, or the text was changed. Look whether this checkpoint is of this table, and whether you copied all lines."
            )
            + " "
            + _("Is this the mail as you received it? Then report it.")
            + " "
            + report,
        ),
        Outcome.UNREADABLE: (
            _("This is not a checkpoint"),
            _(
                "A checkpoint has three lines, an empty line and one or more lines that begin with a dash. Copy them all, or choose the mail that you saved."
            ),
        ),
    }[comparison.outcome]
