"""A program around templates/kit.html: every component with invented content, and the policy that the real one sends."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

from flask import Flask, flash, render_template, request
from flask_babel import Babel
from flask_wtf import CSRFProtect, FlaskForm
from jinja2 import StrictUndefined
from wtforms import (
    BooleanField,
    Field,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Optional, ValidationError

from signaltable import pictures
from signaltable.flow.meanwhile import Change
from signaltable.texts import Text
from signaltable.web.filters import in_words, moment

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
VIEWS = ("home", "list", "form", "matrix", "dossier", "kit")


class DatePartsField(Field):
    """Day, month and year as three inputs; the components draw any field with `parts` like this."""

    def __init__(self, label=None, validators=None, **options):
        super().__init__(label, validators, **options)
        self.parts = {"day": "", "month": "", "year": ""}

    def process(self, formdata, *args, **options):
        super().process(formdata, *args, **options)
        if formdata is not None:
            self.parts = {part: formdata.get(f"{self.name}-{part}", "") for part in self.parts}
            self.data = self.parts


class KitForm(FlaskForm):
    source = RadioField(
        "Hoe weet u dit?",
        choices=[
            SelectChoice("seen", "Zelf gezien"),
            SelectChoice("told", "Verteld door de betrokkene"),
            SelectChoice("other", "Verteld door iemand anders"),
        ],
        validators=[DataRequired("Kies hoe u dit weet")],
    )
    seen_on = DatePartsField("Wanneer is dit gezien?", description="Bijvoorbeeld 27 3 2026")
    signs = SelectMultipleField(
        "Welke signalen ziet u?",
        choices=[
            SelectChoice("debt", "Hoge schuld bij de werkgever"),
            SelectChoice("papers", "Paspoort afgenomen"),
            SelectChoice("lives", "Woont op het werk"),
        ],
        description="Kies alles wat past.",
    )
    shape = SelectField(
        "Vermoedelijke vorm",
        choices=[SelectChoice("", "Nog niet bekend"), SelectChoice("labour", "Arbeidsuitbuiting")],
        validators=[Optional()],
    )
    facts = TextAreaField(
        "Wat is gezien of gehoord?",
        description="Feiten, geen conclusies. Geen namen en geen burgerservicenummer.",
        validators=[DataRequired("Schrijf op wat er is gezien of gehoord")],
    )
    phone = StringField("Telefoonnummer voor overleg", validators=[Optional()])
    agree = BooleanField(
        "De veiligheid van de betrokkene is besproken", validators=[DataRequired("Bespreek eerst de veiligheid")]
    )

    def validate_seen_on(self, field):
        if field.parts["day"] == "31" and field.parts["month"] == "2":
            raise ValidationError("De datum 31 februari bestaat niet")

    def validate_signs(self, field):
        if not field.data:
            raise ValidationError("Kies ten minste één signaal")


def link_graph():
    node, edge = pictures.GraphNode, pictures.GraphEdge
    nodes = [
        node("s1", "S-7F3K-Q2", "signal", "/", current=True),
        node("s2", "S-9M2R-T6", "signal", "/"),
        node("s3", "S-4H8D-W3", "signal", "/"),
        node("p1", "Persoon A", "person"),
        node("p2", "Persoon B", "person"),
        node("a1", "Adres 18", "address"),
        node("t1", "Telefoon 3", "phone"),
        node("c1", "Bedrijf 7", "company"),
        node("v1", "Voertuig 2", "vehicle"),
    ]
    edges = [
        edge("s1", "p1"),
        edge("s1", "a1"),
        edge("s2", "p1", "match", "zelfde persoon"),
        edge("s2", "t1"),
        edge("s3", "a1", "match"),
        edge("s3", "p2"),
        edge("p2", "t1", "possible", "mogelijk"),
        edge("s3", "c1"),
        edge("c1", "v1", "possible"),
    ]
    return pictures.link_graph(nodes, edges, "Koppelingen", "Drie signalen delen een persoon en een adres")


def sample_pictures():
    node, edge = pictures.GraphNode, pictures.GraphEdge
    return {
        "graph": link_graph(),
        "small_graph": pictures.link_graph(
            [
                node("a", "S-7F3K-Q2", current=True),
                node("b", "S-9M2R-T6", href="/"),
                node("p", "Persoon A", "person"),
                node("q", "Adres 4", "address"),
            ],
            [edge("a", "p"), edge("b", "p", "possible"), edge("a", "q")],
            "Koppelingen",
        ),
        "line": pictures.timeline(
            [
                pictures.TimelineEvent(date(2026, 11, 14), "14 november", "Signaal ontvangen"),
                pictures.TimelineEvent(date(2026, 11, 15), "15 november", "Koppeling bevestigd"),
                pictures.TimelineEvent(date(2026, 11, 18), "18 november", "Bespreking", "current"),
                pictures.TimelineEvent(date(2026, 12, 2), "2 december", "Besluit", "future"),
            ],
            "Verloop",
        ),
        "bar_picture": pictures.bars(
            [
                pictures.Bar("juni", 14),
                pictures.Bar("juli", None),
                pictures.Bar("augustus", 22),
                pictures.Bar("september", 31),
                pictures.Bar("oktober", 27),
            ],
            "Signalen per maand",
            hidden="minder dan 10",
        ),
    }


def sample_lines():
    rows = [
        ("S-7F3K-Q2", "14-11-2026", "Gemeente Haarlem", "Arbeidsuitbuiting", "tabled", "same_day", 2),
        ("S-9M2R-T6", "12-11-2026", "Veilig Thuis", "Seksuele uitbuiting", "enriching", "one_working_day", 1),
        ("S-4H8D-W3", "9-11-2026", "Gemeente Zaanstad", "Nog niet bekend", "submitted", "now", 0),
        ("S-2C6V-X9", "8-11-2026", "Politie", "Criminele uitbuiting", "referred", "five_working_days", 3),
        ("S-8J3N-B5", "28-10-2026", "Arbeidsinspectie", "Arbeidsuitbuiting", "accepted", "next_table", 2),
        ("S-5P7Z-L4", "15-10-2026", "Gemeente Velsen", "Arbeidsuitbuiting", "closed", "next_table", 0),
    ]
    keys = ("reference", "received", "agency", "form", "state", "urgency", "links")
    return [SimpleNamespace(**dict(zip(keys, row, strict=True))) for row in rows]


def sample_changes():
    """What happened meanwhile: by another organisation, a colleague, oneself and the program."""
    at, what = datetime(2026, 11, 16, 9, 12, tzinfo=UTC), Text(nl="Signaal beoordeeld", en="Signal triaged")
    makers = (("Veilig Thuis", "", False), ("Politie", "B. Proef", False), ("Politie", "", True), ("", "", False))
    return [Change(at, agency, person, mine, what) for agency, person, mine in makers]


SIGNS = (
    "Persoon kan niet vrij bewegen of bellen",
    "Paspoort of papieren zijn afgenomen",
    "Er is gedreigd met geweld",
    "Persoon wordt opgesloten",
    "Hoge schuld bij werkgever of bemiddelaar",
    "Loon wordt ingehouden of niet betaald",
    "Zeer lange werkdagen",
    "Woont op de werkplek",
    "Kent het eigen adres niet",
    "Iemand anders voert steeds het woord",
    "Sporen van mishandeling",
    "Geen toegang tot zorg",
    "Dure spullen zonder inkomen",
    "Vaak in hotels of auto's gezien",
    "Plotseling andere vrienden en gedrag",
)


def make_kit_app(translations=ROOT / "signaltable" / "translations"):
    app = Flask("kit", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "signaltable" / "static"))
    app.config.update(SECRET_KEY="only for this test page", WTF_CSRF_TIME_LIMIT=None)
    app.jinja_env.undefined = StrictUndefined
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(translations)
    app.jinja_env.filters.update(t=in_words, moment=moment)
    Babel(app, default_locale="nl")
    CSRFProtect(app)

    @app.context_processor
    def frame():
        labels = (
            ("home", "Overzicht"),
            ("form", "Signaal melden"),
            ("list", "Signalen"),
            ("matrix", "Beoordelen"),
            ("dossier", "Tafel"),
            ("kit", "Verstrekkingen"),
            ("a", "Postvak in"),
            ("b", "Inzagelog"),
        )
        return {
            "nav": [(f"/{key}", label, request.path == f"/{key}") for key, label in labels],
            "demo": True,
            "lang": "nl",
            "user": SimpleNamespace(name="Amina de Vries", agency_title="Gemeente Haarlem"),
            "running_emergencies": list,  # Nobody here opened anything.
        }

    @app.route("/<view>", methods=["GET", "POST"])
    def page(view):
        if view not in VIEWS:
            return render_template("errors/404.html"), 404
        form = KitForm()
        failed = form.is_submitted() and not form.validate()
        if view == "home":
            flash("Signaal S-7F3K-Q2 is opgeslagen.", "success")
        rows = [{"name": f"m{i}", "label": sign} for i, sign in enumerate(SIGNS)]
        rows[3]["error"] = "Geef aan hoe het zit met opsluiting"
        rows[1]["hint"] = "Ook als iemand zegt ze te bewaren"
        answer = render_template(
            "kit.html",
            view=view,
            page_title=view,
            form=form,
            lines=sample_lines(),
            matrix_rows=rows,
            has_errors=failed,
            **sample_pictures(),
        )
        return answer, 422 if failed else 200

    @app.route("/error/<int:code>")
    def error(code):
        return render_template(
            f"errors/{code}.html",
            reason="Alleen de coördinator van de tafel kan dit signaal openen.",
            happened=sample_changes(),
            typed=("De tafel vindt dat hulp voorgaat.",),
        ), code

    @app.after_request
    def seal(response):
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app
