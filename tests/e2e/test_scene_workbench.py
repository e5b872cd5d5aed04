"""The pages of the workbench in a browser: samples, questions about use, requests of data subjects; each state passes axe."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def _submit(visitor):
    visitor.page.locator("main form[method=post] button").last.click()


def test_an_auditor_draws_and_asks(visit):
    auditor = visit("auditor")
    auditor.open("/audit/steekproeven")
    auditor.check("samples-empty")
    auditor.open("/audit/steekproeven/nieuw")
    auditor.check("samples-draw")
    auditor.page.fill("#seed", "4-2-6-1-3-5")
    _submit(auditor)
    auditor.check("samples-draw-nothing-fits")
    auditor.open("/audit/vragen")
    auditor.check("misuse-empty")


def test_an_officer_asks_for_a_report_and_nothing_is_told(visit):
    officer = visit("fg.havendam", javascript=False)
    officer.open("/overzicht-inzage/nieuw")
    officer.page.fill("#signal", "S-0000-00")
    officer.page.fill("#number", "1")
    officer.page.check("input[name=asker][value=self]")
    officer.page.fill("#reason", "De persoon vroeg hier zelf om, aan de balie.")
    _submit(officer)
    expect(officer.page.locator("#errors")).to_have_count(1)
    officer.open("/audit/vragen")
    expect(officer.page.locator("h1")).to_have_count(1)


def test_the_pages_of_requests_pass(visit):
    officer = visit("fg.havendam")
    officer.open("/overzicht-inzage")
    officer.check("reports-empty")
    officer.open("/overzicht-inzage/nieuw")
    _submit(officer)
    officer.check("reports-ask-errors")
