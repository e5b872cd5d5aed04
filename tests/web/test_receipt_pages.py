"""The proof on the pages of a disclosure: when it is ready, what it says, and who gets the file."""

import re

import pytest

from audit import receipt
from signaltable.flow import log_keys, signing
from tests.disclosure_steps import GIVEN, Browser, disclosed
from tests.factories import a_signal
from tests.table_steps import submitted


@pytest.fixture
def sent(sqlite_program, actor):
    who = actor(sqlite_program, "havendam")
    signal = submitted(sqlite_program, who, a_signal(consent=GIVEN))
    return sqlite_program, disclosed(sqlite_program, who, signal, "essm").reference


PAGES = {"havendam": "/verstrekkingen", "essm": "/postvak"}


@pytest.mark.parametrize("login", PAGES)
def test_before_it_is_signed_the_page_says_when_and_then_it_gives_the_file(sent, login):
    program, reference = sent
    browser = Browser(program).log_in(login)
    page = f"{PAGES[login]}/{reference}"
    before = browser.get(page).text
    assert "/bewijs/" not in before
    # The clock stands at 09:30 UTC; the next turn begins at 09:35 and is tried until halfway.
    assert "23-11-2026" in before or "23 november 2026" in before
    assert "10:37" in before or "10.37" in before

    signing.sign_checkpoint(program)

    (address,) = re.findall(r'href="([^"]+/bewijs/\d+)"', browser.get(page).text)
    answer = browser.get(address)
    assert answer.status_code == 200
    assert re.fullmatch(rf'attachment; filename="{reference}-\d+\.tlog-proof"', answer.headers["Content-Disposition"])
    assert receipt.verify(answer.text, log_keys.public_keys(program.settings)).entry.object == reference


def test_others_and_other_numbers_get_no_file(sent):
    program, reference = sent
    signing.sign_checkpoint(program)
    (address,) = re.findall(
        r'href="([^"]+/bewijs/\d+)"', Browser(program).log_in("essm").get(f"/postvak/{reference}").text
    )
    for login in ("fairwork", "havendam", "auditor", "coordinator", "beheer"):
        assert Browser(program).log_in(login).get(address).status_code == 403
    assert Browser(program).get(address).status_code == 302
    receiver = Browser(program).log_in("essm")
    for wrong in (
        f"/postvak/{reference}/bewijs/0",
        f"/postvak/{reference}/bewijs/{10**40}",
        "/postvak/D-0000-00/bewijs/1",
    ):
        assert receiver.get(wrong).status_code == 404
