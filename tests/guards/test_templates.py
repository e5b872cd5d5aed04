"""What a template may never do: print unescaped, hold inline script or style, post without the token, use jargon ids."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
ALL = sorted(TEMPLATES.rglob("*.html"))


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_a_template_prints_nothing_unescaped_and_holds_nothing_inline(path):
    source = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"\|\s*safe\b", source)
    assert not re.search(r"autoescape\s+false", source)
    assert not re.search(r"\sstyle\s*=", source)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)
    assert not re.search(r"(src|href)\s*=\s*[\"']https?:", source)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_every_posted_form_carries_the_token(path):
    source = path.read_text()
    for form in re.findall(r"<form\b[^>]*method=[\"']post[\"'].*?</form>", source, flags=re.DOTALL | re.IGNORECASE):
        assert "csrf_field()" in form or "csrf_token" in form or "form.csrf" in form
