"""The meldroutekaart, the grounds and their versions, for everybody who is logged in: to read, to print, to practise.

There are no personal data in here. What is filled in for practice is not kept, not logged and not put in an address.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import SelectChoice, SelectField, SelectMultipleField, StringField
from wtforms.validators import Length

from signaltable.access import Permission
from signaltable.card.content import card_routes
from signaltable.card.layout import draw_card
from signaltable.card.practice import Exercise, Situation, situations, try_facts
from signaltable.card.svg import card_svg
from signaltable.card.words import alternatives_words
from signaltable.comparison.rules import rule_changes
from signaltable.domain import NotFound, day_of
from signaltable.facts import FACTS, Fact, Facts, UnusableFacts, parse_facts
from signaltable.flow import looks, policy_versions
from signaltable.grounds import CATEGORIES
from signaltable.later import later
from signaltable.pictures import Svg
from signaltable.policy import PolicySet
from signaltable.policy_errors import BrokenPolicy
from signaltable.policy_shapes import DerivedFact
from signaltable.transaction import Transaction, reading
from signaltable.web.card_grounds import GroundFilter, ground_view, grounds_view
from signaltable.web.filters import in_words, lang
from signaltable.web.guards import actor, begin, offered, only, permission, program, submitted
from signaltable.web.wording import WORDS, category_label

if TYPE_CHECKING:
    from signaltable.card import pdf as on_paper
else:
    on_paper = later("signaltable.card.pdf")

pages = Blueprint("card", __name__, url_prefix="/meldroutekaart")

# Nobody is older, and no number of agencies is longer than this.
LONGEST_NUMBER = 8


def today() -> date:
    """The day whose rules count."""
    return day_of(program().clock())


# -- the card -----------------------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.POLICY_CONSULT_ALL)
def show() -> ResponseReturnValue:
    """The card as a picture and as a list, with the panel to try it out."""
    _look("card")
    return _card(_practice_form())


@pages.post("")
@permission(Permission.POLICY_CONSULT_ALL)
def practise() -> ResponseReturnValue:
    """The same page with the routes lit for the facts of an exercise. Nothing is kept."""
    form = _practice_form()
    if not submitted(form):
        return _card(form, status=422)
    try:
        facts = parse_facts(_given(form))
    except UnusableFacts as problem:
        _show_problems(form, problem)
        return _card(form, status=422)
    _look("practice")
    return _card(form, facts)


@pages.post("/voorbeeld")
@permission(Permission.POLICY_CONSULT_ALL)
def situation() -> ResponseReturnValue:
    """The page with the facts of an example filled in and its routes lit."""
    only("example")
    ready = {one.key: one for one in _situations()}
    chosen = ready[offered("example", ready)]
    facts = parse_facts(dict(chosen.facts))
    _look("example")
    return _card(_practice_form(facts), facts, chosen=chosen)


def _look(view: str, object_id: str = "", *, digests: Sequence[str] = (), count: int = 0) -> None:
    """Record that the rules were consulted. What somebody tries out is not kept and not told."""
    with begin() as tx:
        looks.rules(tx, view, object_id, digests=digests, count=count)


def _card(
    form: FlaskForm, facts: Facts | None = None, *, chosen: Situation | None = None, status: int = 200
) -> ResponseReturnValue:
    policy, day = program().policy, today()
    exercise = try_facts(facts, policy, on=day, lang=lang()) if facts is not None else None
    routes = card_routes(policy, on=day, lang=lang())
    page = render_template(
        "card/show.html",
        **WORDS,
        picture=_picture(exercise),
        routes=routes,
        titles={route.id: f"{route.id} {route.title}" for route in routes},
        exercise=exercise,
        form=form,
        groups=_groups(form),
        situations=_situations(),
        chosen=chosen,
        derived=_derived_words(),
        today=day,
        has_errors=status == 422,
    )
    return page, status


def _derived_words() -> list[tuple[DerivedFact, tuple[str, ...], tuple[str, ...]]]:
    """Each derived fact with what it stands for and what takes it away."""
    policy = program().policy
    return [
        (fact, alternatives_words(fact.when, policy, lang()), alternatives_words(fact.unless, policy, lang()))
        for fact in policy.derived.values()
    ]


def _picture(exercise: Exercise | None) -> Svg:
    drawing = draw_card(program().policy, on=today(), lang=lang(), lit=exercise.lit if exercise else ())
    return card_svg(drawing, address=lambda route: f"#{anchor(route)}")


def anchor(route: str) -> str:
    """Where a route stands on the page."""
    return f"route-{route}"


def _situations() -> tuple[Situation, ...]:
    return situations(program().policy, on=today(), lang=lang())


@pages.get("/kaart.pdf")
@permission(Permission.POLICY_CONSULT_ALL)
def pdf() -> ResponseReturnValue:
    """The card of today on A4, for the wall."""
    _look("card_pdf")
    content = on_paper.card_pdf(draw_card(program().policy, on=today(), lang=lang()))
    return _download(content, "application/pdf", "pdf")


@pages.get("/kaart.svg")
@permission(Permission.POLICY_CONSULT_ALL)
def svg() -> ResponseReturnValue:
    """The card of today as a picture that stands alone."""
    _look("card_svg")
    content = card_svg(draw_card(program().policy, on=today(), lang=lang()))
    return _download(content.encode(), "image/svg+xml", "svg")


def _download(content: bytes, kind: str, ending: str) -> Response:
    name = f"meldroutekaart-{program().policy.region.id}-{today().isoformat()}.{ending}"
    return Response(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


# -- practising ---------------------------------------------------------------------------------------------------


def _practice_form(facts: Facts | None = None) -> FlaskForm:
    """A form with one question per fact, all of them optional; filled with `facts` when those are given."""
    questions = {fact.name: _question(fact) for fact in FACTS.values()}
    filled = {name: _filled(value) for name, value in facts.values.items()} if facts else {}
    return type("PracticeForm", (FlaskForm,), questions)(formdata=None if facts else _formdata(), data=filled)


def _formdata() -> Any:
    return request.form if request.method == "POST" else None


def _filled(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, int | float) else value


def _question(fact: Fact) -> Any:
    words = program().policy.facts[fact.name]
    texts: dict[str, Any] = {"label": in_words(words.title), "description": in_words(words.ask)}
    if fact.kind == "number":
        return StringField(
            **texts, validators=[Length(max=LONGEST_NUMBER, message=_l("Fill in a number, such as 17."))]
        )
    choices = [SelectChoice(value, in_words(program().policy.value_label(fact.name, value))) for value in fact.values]
    if fact.kind == "list":
        return SelectMultipleField(**texts, choices=choices, validate_choice=False)
    return SelectField(**texts, choices=[SelectChoice("", _("Not known yet")), *choices], validate_choice=False)


def _groups(form: FlaskForm) -> list[tuple[str, list[Any]]]:
    """The questions by who can answer them, the reporter first."""
    asked = program().policy.facts
    legends = {
        "reporter": _("What you can see or ask"),
        "table": _("What the table knows"),
        "program": _("What the program counts"),
    }
    return [
        (legend, [form[name] for name in FACTS if asked[name].answered_by == who]) for who, legend in legends.items()
    ]


def _given(form: FlaskForm) -> dict[str, Any]:
    """What was filled in, as `parse_facts` reads it; an empty answer is not known."""
    given = {name: form[name].data for name in FACTS}
    return {
        name: _number(value) if FACTS[name].kind == "number" else value
        for name, value in given.items()
        if value and (not isinstance(value, str) or value.strip())
    }


def _number(typed: str) -> Any:
    """A number with a comma or a point; what is none stays text, so that the facts refuse it with the reason."""
    text = typed.strip().replace(",", ".")
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return typed


def _show_problems(form: FlaskForm, problem: UnusableFacts) -> None:
    for name in problem.problems:
        if name in form:
            form[name].errors = [_expected(FACTS[name])]


def _expected(fact: Fact) -> str:
    if fact.whole:
        return _("Fill in a whole number, 0 or more.")
    return _("Fill in a number from 0 to %(most)s.", most=f"{fact.maximum:g}")


# -- the grounds --------------------------------------------------------------------------------------------------


@pages.get("/grondslagen")
@permission(Permission.POLICY_CONSULT_ALL)
def grounds() -> ResponseReturnValue:
    """Who may give what to whom and for what: a table with counts, and the rows that fit the filter."""
    view = grounds_view(program().policy, GroundFilter.from_address(request.args), on=today())
    _look("grounds", count=len(view.rows))
    return render_template(
        "card/grounds.html",
        **WORDS,
        view=view,
        purposes=[(one.id, in_words(one.title)) for one in program().policy.purposes.values()],
        categories=[(one, category_label(one)) for one in CATEGORIES],
    )


@pages.get("/grondslagen/<ground_id>")
@permission(Permission.POLICY_CONSULT_ALL)
def ground(ground_id: str) -> ResponseReturnValue:
    """One ground, whole, with its earlier and later versions."""
    versions = [row for row in program().policy.grounds.rows if row.id == ground_id]
    if not versions:
        raise NotFound("no such ground")
    view = [ground_view(row, program().policy, on=today()) for row in versions]
    _look("ground", ground_id)
    return render_template("card/ground.html", **WORDS, versions=view, ground_id=ground_id)


# -- the versions -------------------------------------------------------------------------------------------------


@pages.get("/versies")
@permission(Permission.POLICY_CONSULT_ALL)
def versions() -> ResponseReturnValue:
    """Every set of rules that was ever loaded here, the newest first."""
    with reading(program()) as session:
        found = policy_versions.versions(Transaction(program(), actor(), session, program().clock()))
    _look("versions", count=len(found))
    return render_template("card/versions.html", versions=found)


@pages.get("/versies/vergelijk")
@permission(Permission.POLICY_CONSULT_ALL)
def compare() -> ResponseReturnValue:
    """What differs between two versions, rule by rule. A version that this program no longer reads is named."""
    with reading(program()) as session:
        digests = [policy_versions.find_digest(session, request.args.get(name, "")) for name in ("oud", "nieuw")]
        try:
            old, new = (_version(session, digest) for digest in digests)
        except BrokenPolicy:
            _look("compare", digests=digests)
            return render_template("card/compare.html", digests=digests, changes=None)
    _look("compare", digests=digests)
    changes = rule_changes(old, new, lang())
    return render_template("card/compare.html", digests=digests, changes=changes, titles=_titles(old) | _titles(new))


def _titles(policy: PolicySet) -> dict[str, str]:
    """How the routes and the grounds are called, by id."""
    routes = {route.id: in_words(route.title) for route in policy.meldroutes}
    return routes | {row.id: in_words(row.title) for row in policy.grounds.rows}


def _version(session: Session, digest: str) -> PolicySet:
    current = program().policy
    return current if digest == current.digest else policy_versions.load_version(session, digest)
