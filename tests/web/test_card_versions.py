"""The versions of the rules on a page: who signed, what changed, and any two compared rule by rule."""

import shutil
from dataclasses import replace

import pytest

from signaltable.flow import policy_versions
from signaltable.policy import load
from signaltable.transaction import transaction
from tests.web.people import Person, without_tokens

PAGE = "/meldroutekaart/versies"


@pytest.fixture
def changed(sqlite_program, tmp_path, actor, clock):
    """The program after a start with other rules: a route signed for, and one more urgent."""
    folder = shutil.copytree(sqlite_program.settings.policies, tmp_path / "policies")
    route = folder / "meldroutes" / "M21.toml"
    signed = 'reviewed_by = "mr. Proef & Zoon"\nreviewed_on = 2026-11-20\n'
    route.write_text(signed + route.read_text().replace('"five-working-days"', '"same-day"'))
    program = replace(sqlite_program, policy=load(folder))
    clock.forward(days=1)
    with transaction(program, actor(program, "beheer")) as tx:
        policy_versions.keep(tx)
    return program


def test_every_version_says_who_signed_and_what_changed(changed, sqlite_program):
    text = Person(changed, "havendam").get(PAGE).text

    assert changed.policy.digest in text
    assert sqlite_program.policy.digest in text
    assert text.index(changed.policy.digest) < text.index(sqlite_program.policy.digest)
    assert "mr. Proef &amp; Zoon" in text
    assert '<span class="st-code">M21</span>' in text


def test_two_versions_are_compared_rule_by_rule(changed, sqlite_program):
    digests = f"oud={sqlite_program.policy.digest[:12]}&nieuw={changed.policy.digest[:12]}"

    text = without_tokens(Person(changed, "havendam").get(f"{PAGE}/vergelijk?{digests}").text)

    assert text.count('<span class="st-code">M21</span>') == 1
    assert "same-day" in text
    assert next(rule for rule in changed.policy.meldroutes if rule.id == "M21").title.nl in text
    assert "mr. Proef &amp; Zoon" in text
    assert "M20" not in text


def test_a_version_compared_with_itself_differs_in_nothing(changed):
    digest = changed.policy.digest

    text = Person(changed, "havendam").get(f"{PAGE}/vergelijk?oud={digest}&nieuw={digest}").text

    assert "st-empty" in text


@pytest.mark.parametrize("asked", ["", "?oud=abc&nieuw=abc", "?oud=0000000000&nieuw=0000000000", "?oud=%25&nieuw=%25"])
def test_a_version_that_was_never_kept_is_not_found(changed, asked):
    assert Person(changed, "havendam").get(f"{PAGE}/vergelijk{asked}").status_code == 404
