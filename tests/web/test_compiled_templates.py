"""The code of templates is kept, loaded before workers are forked, and never believed when it is of something else."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from flask_babel import force_locale

from signaltable.settings import Settings
from signaltable.transaction import reading
from signaltable.web import begin_app, compiled_templates, shared

WORDS = '{{ "no_hit"|answer_label }}'


@pytest.fixture
def settings(tmp_path):
    """Settings that lead to three templates."""
    (tmp_path / "pages").mkdir()
    for name in ("one", "other", "pages/third"):
        (tmp_path / f"{name}.html").write_text(f"{name}: {WORDS}")
    return replace(Settings.from_env({}), templates=tmp_path)


def environment(settings, *, may_write=True):
    made = begin_app(settings).jinja_env
    made.bytecode_cache.may_write = may_write
    return made


def loaded(settings):
    """The names of the templates that stand in memory once those that are kept are loaded."""
    fresh = environment(settings, may_write=False)
    compiled_templates.load_kept(fresh)
    return {name for _loader, name in fresh.cache}


def rendered(settings, name="one.html", language="en"):
    app = begin_app(settings)
    app.jinja_env.bytecode_cache.may_write = True
    with app.test_request_context("/"), force_locale(language):
        return app.jinja_env.get_template(name).render()


def kept_files(settings):
    return sorted((settings.templates / "__pycache__").glob("*.jinja"))


def test_only_what_is_kept_is_loaded_and_all_once_the_installation_kept_it(settings):
    assert loaded(settings) == set()
    rendered(settings)
    assert loaded(settings) == {"one.html"}
    compiled_templates.make_all(environment(settings, may_write=False))
    assert loaded(settings) == {"one.html", "other.html", "pages/third.html"}
    assert {file.stat().st_mode & 0o777 for file in kept_files(settings)} == {0o644}  # For the user who runs it.


def test_a_word_has_the_language_of_who_reads_it_and_not_of_who_came_first(settings):
    assert [rendered(settings, language=one) for one in ("nl", "en", "nl")] == [
        "one: Geen hit",
        "one: No hit",
        "one: Geen hit",
    ]
    app = begin_app(settings)
    page = app.jinja_env.from_string(WORDS)
    with app.test_request_context("/"):
        for language, word in (("en", "No hit"), ("nl", "Geen hit")):
            with force_locale(language):
                assert page.render() == word


def test_a_template_that_changed_is_made_anew(settings):
    rendered(settings)
    (settings.templates / "one.html").write_text("new")
    assert loaded(settings) == set()
    assert rendered(settings) == "new"
    assert loaded(settings) == {"one.html"}


def test_what_is_kept_counts_for_the_same_program_only(settings):
    rendered(settings)
    other = environment(settings)
    other.filters["one_more"] = str
    compiled_templates.keep(other, settings.templates)
    compiled_templates.load_kept(other)
    assert not other.cache


@pytest.mark.parametrize("left", [0, 40, 120, 200])
def test_a_file_that_is_broken_is_made_anew(settings, left):
    rendered(settings)
    (file,) = kept_files(settings)
    file.write_bytes(file.read_bytes()[:left])
    assert loaded(settings) == set()
    assert rendered(settings) == "one: No hit"
    assert loaded(settings) == {"one.html"}


def test_where_it_may_not_write_the_page_comes_all_the_same(settings):
    (settings.templates / "__pycache__").write_text("somebody else's")
    assert rendered(settings) == "one: No hit"
    assert loaded(settings) == set()


def test_nothing_is_kept_where_python_keeps_nothing(settings, monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    fresh = begin_app(settings).jinja_env
    assert fresh.get_template("one.html")
    assert kept_files(settings) == []


def test_workers_share_the_templates_and_get_no_connection(sqlite_program, tmp_path):
    templates = tmp_path / "templates"
    shutil.copytree(sqlite_program.settings.templates, templates, ignore=shutil.ignore_patterns("__pycache__"))
    settings = replace(sqlite_program.settings, templates=templates)
    few = ("base.html", "account/log_in.html")
    first = environment(settings)
    for name in few:
        first.get_template(name)
    app = shared.make(settings)
    assert {name for _loader, name in app.jinja_env.cache} == set(few)
    with reading(app.extensions["signaltable"]) as reader:
        engine = reader.get_bind()
        reader.connection()
    assert engine.pool.checkedin() == 1
    worker = os.fork()
    if worker == 0:
        os._exit(engine.pool.checkedin())
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 0


def test_what_papers_and_calendars_need_is_loaded_before_there_are_workers():
    asked = "import signaltable.web.shared, sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert {"reportlab.pdfgen.canvas", "icalendar.cal.calendar", "signaltable.card.pdf"} <= set(found)
