"""Searching for cases: what somebody types may be a name, so it comes by POST and stands in no address and no title."""

from typing import Final

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SearchField, SelectChoice, SelectField, ValidationError
from wtforms.validators import InputRequired, Length

from signaltable.access import Permission
from signaltable.domain import State
from signaltable.flow.searching import finding, resuming
from signaltable.flow.searching.finding import Asked, Found, Hit
from signaltable.web.filters import day, state_label
from signaltable.web.forms import DateParts
from signaltable.web.guards import actor, begin, permission, program, refuse_request, submitted

pages = Blueprint("search", __name__, url_prefix="/zoeken")

# Who may open cases at all, on whichever side.
WHO: Final = (
    Permission.SIGNAL_CONSULT_OWN,
    Permission.DOSSIER_CONSULT_OWN_TABLE,
    Permission.DOSSIER_CONSULT_TABLED,
    Permission.REFERRAL_RECEIVE_OWN,
)
_STATES: Final = tuple(one for one in State if one is not State.DRAFT)


class SearchForm(FlaskForm):
    text = SearchField(
        _l("A reference, or words of the account"),
        [
            InputRequired(_l("Fill in a reference or a word")),
            Length(max=finding.LONGEST, message=_l("Type a few words")),
        ],
        description=_l("For example S-7F3K-Q2, or: accommodation work no wages. All words have to be in it."),
    )
    state = SelectField(_l("Status"), default="")
    since = DateParts(_l("Received from"))
    until = DateParts(_l("Received up to and including"))
    before = HiddenField()

    def validate_until(self, field: DateParts) -> None:
        """The period may not end before it begins."""
        if field.data and self.since.data and field.data < self.since.data:
            raise ValidationError(_("This day lies before the first one"))


@pages.get("")
@permission(*WHO)
def show() -> ResponseReturnValue:
    """An empty form."""
    return _page(_form())


@pages.post("")
@permission(*WHO)
def find() -> ResponseReturnValue:
    """The results: a page of them, the newest first; the next page is asked for with the same form."""
    form = _form()
    if not submitted(form):
        return _page(form), 422
    sent = form.before.data or ""
    before = resuming.unseal(program().keys, sent[: resuming.LONGEST + 1], actor().account_id)
    if before is None:
        refuse_request("not_offered", [], 1)
    asked = Asked(form.text.data.strip(), form.state.data, form.since.data, form.until.data, before)
    try:
        with begin(listing=True) as tx:
            found = finding.find(tx, asked)
    except finding.Unusable as error:
        form.text.errors = [_problem(error.reason)]
        return _page(form), 422
    return _page(form, found, further=before > 0)


def _form() -> SearchForm:
    form = SearchForm()
    form.state.choices = [
        SelectChoice("", _("Every status")),
        *(SelectChoice(one, state_label(one)) for one in _STATES),
    ]
    return form


def _problem(reason: str) -> str:
    return {
        "reference": _("There is a mistake in this reference. Look at each sign again."),
        "words": _("Type at most %(most)s words.", most=finding.MOST_WORDS),
        "small": _("These words are in nearly every text. Type a word that says more."),
    }.get(reason, _("Fill in a reference or a word"))


def _page(form: SearchForm, found: Found | None = None, *, further: bool = False) -> str:
    looked = day(found.looked_until) if found and found.looked_until else ""
    nonce = program().randomness(resuming.NONCE_BYTES)
    following = resuming.seal(program().keys, found.following, actor().account_id, nonce) if found else ""
    shown = {"found": found, "following": following, "further": further, "looked": looked, "way": _way}
    return render_template("search/show.html", form=form, **shown)


def _way(hit: Hit) -> list[tuple[str, str]]:
    """(address, what is behind it) for each page on which this person may open it."""
    pages_of = {
        finding.OWN: ("signals.show", _("Own signal")),
        finding.AT_TABLE: ("table.show_dossier", _("Dossier at the table")),
        finding.GAVE: ("disclosures.show", _("What we disclosed")),
        finding.GOT: ("inbox.show", _("What we received")),
    }
    return [
        (url_for(endpoint, reference=hit.reference), label) for endpoint, label in (pages_of[one] for one in hit.ways)
    ]
