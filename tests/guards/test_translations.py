"""Every text on a page exists in Dutch, says the same things as its English, and is what the program really loads."""

import ast
import importlib
import io
import pkgutil
import re
from collections import Counter
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import jinja2.ext
import pytest
import wtforms
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms.fields import SelectField, SelectMultipleField
from wtforms.i18n import messages_path
from wtforms.validators import InputRequired

import signaltable.web
from signaltable.web import create_app
from tests.web.people import Person

ROOT = Path(__file__).resolve().parents[2]
DUTCH = ROOT / "signaltable" / "translations" / "nl" / "LC_MESSAGES" / "messages.po"
# kit.html shows the components to people who build pages; nobody at a table sees it.
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if path.name != "kit.html")
MODULES = sorted((ROOT / "signaltable").rglob("*.py"))
# gettext functions with the number of their arguments that are texts of the catalogue.
GETTEXT = {"_": 1, "_l": 1, "gettext": 1, "lazy_gettext": 1, "ngettext": 2, "lazy_ngettext": 2}
# A language is called by its own name, so that whoever needs it can find it.
SAME_EVERYWHERE = {"Nederlands", "English"}
PLACEHOLDER = re.compile(r"%\((\w+)\)([a-z])")


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What `make texts` finds in the program at this moment."""
    found = tmp_path_factory.mktemp("texts") / "messages.pot"
    command = ["pybabel", "-q", "extract", "-F", str(ROOT / "babel.cfg"), "-k", "_l", "-k", "lazy_gettext"]
    CommandLineInterface().run([*command, "-o", str(found), str(ROOT)])
    return read_po(io.BytesIO(found.read_bytes()))


@pytest.fixture(scope="module")
def dutch() -> Catalog:
    return read_po(io.BytesIO(DUTCH.read_bytes()), locale="nl")


def _forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


# -- the catalogue -----------------------------------------------------------------------------------------------


def test_every_text_has_a_dutch_text_that_somebody_chose(english: Catalog, dutch: Catalog):
    lacking = []
    for message in _messages(english):
        found = dutch.get(message.id)
        if found is None or found.fuzzy or not all(one.strip() for one in _forms(found.string)):
            lacking.append(f"{message.id!r} ({message.locations[0][0]})")
    assert not lacking, "no Dutch for these; run `make texts` and fill them in:\n" + "\n".join(lacking)


def test_dutch_fills_in_the_same_values_as_english(dutch: Catalog):
    for message in _messages(dutch):
        wanted = set(PLACEHOLDER.findall(_forms(message.id)[-1]))
        *singular, plural = _forms(message.string)
        assert set(PLACEHOLDER.findall(plural)) == wanted, message.id
        # A singular may say "one" instead of the number; it may not name a value that is not given.
        assert all(set(PLACEHOLDER.findall(one)) <= wanted for one in singular), message.id
        assert len(_forms(message.string)) == (2 if message.pluralizable else 1), message.id


def test_no_text_stands_twice_with_other_spaces_or_capitals_of_the_same_sentence(english: Catalog):
    shapes = Counter(" ".join(_forms(message.id)[0].split()) for message in _messages(english))
    assert [shape for shape, times in shapes.items() if times > 1] == []


def test_dutch_keeps_the_spaces_around_a_text(dutch: Catalog):
    for message in _messages(dutch):
        for before, after in zip(_forms(message.id), _forms(message.string), strict=True):
            assert before[: len(before) - len(before.lstrip())] == after[: len(after) - len(after.lstrip())], before
            assert before[len(before.rstrip()) :] == after[len(after.rstrip()) :], before
            assert "\n" not in before, f"a text is one line; use trimmed in a trans block: {before!r}"


def test_dutch_says_u_and_never_that_a_field_is_required(dutch: Catalog):
    for message in _messages(dutch):
        for text in _forms(message.string):
            assert not re.search(r"\b(je|jij|jou|jouw|jullie)\b", text, re.IGNORECASE), text
            assert not re.search(r"dit veld is (verplicht|vereist)", text, re.IGNORECASE), text


def test_the_header_says_what_the_file_is(dutch: Catalog):
    assert str(dutch.locale) == "nl"
    assert dutch.charset == "utf-8"
    assert dutch.num_plurals == 2
    assert not dutch.fuzzy


def test_the_compiled_catalogue_is_this_catalogue(dutch: Catalog):
    compiled = io.BytesIO()
    write_mo(compiled, dutch)
    assert DUTCH.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run `make texts` and commit both files"


# -- what extraction can see -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_asks_only_for_texts_that_stand_in_it(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
            for text in node.args[: GETTEXT[node.func.id]]:
                literal = isinstance(text, ast.Constant) and isinstance(text.value, str)
                assert literal, f"{path.name}:{node.lineno}: extraction cannot see this text; write it out"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_template_asks_only_for_texts_that_stand_in_it(path: Path):
    tree = jinja2.Environment(autoescape=True, extensions=[jinja2.ext.i18n]).parse(path.read_text())
    for call in tree.find_all(jinja2.nodes.Call):
        if isinstance(call.node, jinja2.nodes.Name) and call.node.name in GETTEXT:
            for text in call.args[: GETTEXT[call.node.name]]:
                literal = isinstance(text, jinja2.nodes.Const) and isinstance(text.value, str)
                assert literal, f"{path.name}:{call.lineno}: extraction cannot see this text; write it out"


class _Words(HTMLParser):
    """The words between tags, and those in attributes that a reader gets to see or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        seen = {"aria-label", "alt", "title", "placeholder", "aria-description"}
        self.words += [value for name, value in attrs if name in seen and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        # Commands are typed as they stand, in every language.
        if not {"code", "pre", "kbd"} & set(self._inside):
            self.words.append(data)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_words_stand_in_a_template_outside_gettext(path: Path):
    environment = jinja2.Environment(autoescape=True, extensions=[jinja2.ext.i18n])
    # Between two pieces of markup stands an expression: a mark that is no word takes its place.
    markup = "\N{BULLET}".join(value for _line, kind, value in environment.lex(path.read_text()) if kind == "data")
    parser = _Words()
    parser.feed(re.sub("(</?)\N{BULLET}", r"\1x", markup))
    parser.close()
    bare = [" ".join(text.replace("\N{BULLET}", " ").split()) for text in parser.words]
    words = [text for text in bare if re.search(r"[^\W\d_]{2,}", text) and text not in SAME_EVERYWHERE]
    # Some macros print a part of a tag: classes and attributes, which are no words.
    assert [text for text in words if not re.match(r"(utrecht|st)-|[a-z-]+=\"", text)] == []


# -- forms -------------------------------------------------------------------------------------------------------


def _builtin() -> Catalog:
    return read_po(io.BytesIO((Path(messages_path()) / "nl" / "LC_MESSAGES" / "wtforms.po").read_bytes()), locale="nl")


def _shapes(texts: Iterable[str]) -> list[re.Pattern[str]]:
    """The messages as they look when values were filled in."""
    return [re.compile(".+".join(map(re.escape, re.split(r"%\(\w+\)[a-z]|%s", text)))) for text in texts]


def _form_classes() -> list[type[wtforms.Form]]:
    for module in pkgutil.iter_modules(signaltable.web.__path__, "signaltable.web."):
        importlib.import_module(module.name)
    found, seen = [wtforms.Form], []
    while found:
        cls = found.pop()
        found += cls.__subclasses__()
        if cls.__module__.startswith("signaltable."):
            seen.append(cls)
    return sorted(set(seen), key=lambda cls: (cls.__module__, cls.__name__))


FORMS = _form_classes()


def test_every_form_gets_the_language_of_the_page():
    # wtforms.Form has no language of its own: its messages would be English on every page.
    assert FORMS
    assert [cls.__name__ for cls in FORMS if not issubclass(cls, FlaskForm)] == []


def test_what_wtforms_says_by_itself_is_dutch_on_a_dutch_page(sqlite_program):
    class Asking(FlaskForm):
        name = wtforms.StringField(validators=[InputRequired()])
        age = wtforms.IntegerField()

    app = create_app(sqlite_program.settings, sqlite_program)
    with app.test_request_context(method="POST", data={"age": "veel"}):
        form = Asking(meta={"csrf": False})
        assert not form.validate()
        given = {*form.name.errors, *form.age.errors}
        assert len(given) == 2
        assert not given & {text for message in _messages(_builtin()) for text in _forms(message.id)}


def _said(cls: type[FlaskForm], typed: str) -> list[str]:
    """What a form says when every box holds `typed` and nothing was chosen."""
    empty = cls(formdata=None, meta={"csrf": False})
    choosing = {field.name for field in empty if isinstance(field, SelectField | SelectMultipleField)}
    posted = MultiDict({field.name: typed for field in empty if field.name not in choosing})
    form = cls(formdata=posted, meta={"csrf": False})
    for name in choosing:
        # The view gives these fields their choices; without any, nothing can be said about them here.
        if not form[name].choices:
            del form[name]
    form.validate()
    return [str(error) for errors in form.errors.values() for error in errors]


@pytest.mark.parametrize("cls", FORMS, ids=lambda cls: f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}")
def test_a_form_says_in_its_own_words_what_is_wrong(cls: type[FlaskForm], sqlite_program):
    english = _shapes(text for message in _messages(_builtin()) for text in _forms(message.id))
    dutch = _shapes(text for message in _messages(_builtin()) for text in _forms(message.string))
    app = create_app(sqlite_program.settings, sqlite_program)
    with app.test_request_context(method="POST"):
        nothing, too_much = _said(cls, ""), _said(cls, "x" * 30_000)
    # "This field is required" helps nobody: what is missing is told by name, in any language.
    assert [text for text in nothing if any(shape.fullmatch(text) for shape in english + dutch)] == []
    assert [text for text in too_much if any(shape.fullmatch(text) for shape in english)] == []


def test_a_refused_token_is_told_in_dutch(sqlite_program):
    # Flask-WTF has English words only for a missing token; the page of our own takes their place.
    person = Person(sqlite_program)
    answer = person.client.post("/aanmelden", data={"login": "havendam", "password": "x", "next": ""})
    assert answer.status_code == 400
    assert "CSRF" not in answer.text
    assert '<html lang="nl"' in answer.text
    assert re.search(r"<title>[^<]*Deze vraag is niet te lezen", answer.text)
