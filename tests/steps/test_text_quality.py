"""What the light scan alone finds in accounts that nobody tuned it on. The numbers are floors, not what was measured."""

import pytest

from signaltable.text import contains_bsn
from tests.texts.marked import marked
from tests.texts.quality import NUMBERS, Quality, measure, own


@pytest.fixture(scope="module", params=["tuning", "held_out"])
def quality(request: pytest.FixtureRequest) -> Quality:
    return measure(marked(request.param), own)


def test_there_are_enough_accounts_of_every_kind_of_writer():
    accounts = [*marked("tuning"), *marked("held_out")]
    assert len(accounts) >= 120
    assert {one.writer for one in accounts} == {"neat", "sloppy", "chat"}
    assert sum(not one.spans for one in marked("held_out")) >= 10
    assert {span.kind for one in accounts for span in one.spans} >= NUMBERS | {
        "name",
        "address",
        "company",
        "combination",
    }


@pytest.mark.parametrize("kind", sorted(NUMBERS))
def test_numbers_mail_and_dates_of_birth_are_found(quality, kind):
    assert quality.recall(kind) >= 0.95, [value for missed, value, _text in quality.misses if missed == kind]


@pytest.mark.parametrize("kind", ["name", "address", "company", "profile", "combination"])
def test_names_addresses_workplaces_and_profiles_are_found(quality, kind):
    assert quality.recall(kind) >= 0.9, [value for missed, value, _text in quality.misses if missed == kind]


def test_little_is_found_that_tells_nobody(quality):
    assert quality.precision() >= 0.93, [value for _kind, value, _text in quality.extra]


def test_every_bsn_is_found_and_refused():
    for account in [*marked("tuning"), *marked("held_out")]:
        assert contains_bsn(account.text) == any(span.kind == "bsn" for span in account.spans)
