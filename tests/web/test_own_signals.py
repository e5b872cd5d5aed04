"""The owner's pages of signals, and what all lists share: the key of a page."""

import re
from datetime import date

import pytest

from signaltable import jobs
from signaltable.flow import linking, retention, table
from signaltable.models import Agency
from signaltable.transaction import reading
from signaltable.web.entering import is_inside
from tests.factories import a_person, a_signal
from tests.table_steps import on_the_agenda, row, submitted, triaged, use
from tests.web.people import Person

BSN = "123456782"


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def signal(program, actor):
    """(reference, address of its page) of a fresh signal of the municipality."""
    reference = submitted(program, actor(program, "havendam"))
    return reference, f"/signalen/{reference}"


@pytest.mark.parametrize(
    ("login", "address"),
    [
        ("havendam", "/signalen"),
        ("essm", "/postvak"),
        ("voorzitter", "/tweede-blik"),
        ("auditor", "/audit/verstrekkingen"),
    ],
)
def test_a_broken_key_of_a_page_is_not_found(program, login, address):
    browser = Person(program, login)
    assert browser.get(address).status_code == 200
    # No moment at all, a moment without a time zone, and one without an id
    for key in ("gisteren_x", "2026-11-03T10:00:00_x", "2026-11-03T10:00:00+00:00_"):
        assert browser.client.get(address, query_string={"na": key}).status_code == 404


@pytest.mark.parametrize(
    ("reason", "problem"),
    [("", "Zeg in een paar woorden"), (f"Het ging om {BSN}", "burgerservicenummer"), ("lang " * 200, "minder woorden")],
)
def test_a_mistake_in_withdrawing_keeps_what_was_typed_and_the_signal(program, signal, reason, problem):
    reference, page = signal
    answer = Person(program, "havendam").post(f"{page}/intrekken", {"reason": reason}, page=page)
    assert answer.status_code == 422
    assert problem in answer.text
    assert reason.strip() in answer.text
    assert 'href="#reason"' in answer.text
    assert row(program, reference).state == "submitted"


def test_a_withdrawn_signal_keeps_a_masked_reason(program, signal):
    reference, page = signal
    browser = Person(program, "havendam")
    answer = browser.post(f"{page}/intrekken", {"reason": "Fatima Elamrani woont bij Zorggroep De Linde"}, page=page)
    assert answer.status_code == 303
    text = browser.get(page).text
    assert row(program, reference).state == "withdrawn"
    # The name of a person is masked, that of an organisation is not
    assert "[naam] woont bij Zorggroep De Linde" in text


def test_what_is_erased_leaves_a_page_that_still_opens(program, signal, clock):
    reference, page = signal
    clock.forward(days=200)
    assert retention.sweep(program, jobs.JOBS).signals == 1
    browser = Person(program, "havendam")
    shown = browser.get(page)
    assert shown.status_code == 200
    for address in ("/signalen", f"{page}/ontvangst", "/koppelingen", "/overzicht"):
        assert browser.get(address).status_code == 200, address
    # There is nothing left to disclose: the page offers it no more, and who goes there all the same reads why it cannot.
    assert f"{page}/verstrekken" not in shown.text
    refused = browser.get(f"{page}/verstrekken")
    assert (refused.status_code, "Dit signaal is beëindigd" in refused.text) == (403, True)
    assert row(program, reference).state == "expired"


@pytest.mark.parametrize("address", ["/", "/signalen?na=x", "/audit/verstrekkingen"])
def test_a_page_of_ours_is_inside(address):
    assert is_inside(address)


@pytest.mark.parametrize(
    "address", ["", "signalen", "//kwaad.example", "/\\kwaad.example", "/\t/kwaad.example", "https://x.y"]
)
def test_another_site_is_not_inside(address):
    assert not is_inside(address)


# -- what waits, what the table decided, and links ---------------------------------------------------------------------


def test_the_owner_reads_whereto_by_whom_and_by_when_and_finds_it_waiting(program, actor):
    owner, coordinator = actor(program, "havendam"), actor(program, "coordinator")
    reference = triaged(program, owner, coordinator, a_signal(subjects=[]))
    meeting = on_the_agenda(program, coordinator, reference)
    browser = Person(program, "havendam")
    assert "van u waarvan de tafel" not in _words(browser.get("/overzicht").text)
    deciding = table.Deciding("refer", "Hulp gaat voor", "avim", date(2026, 12, 1), ("essm",))
    use(program, actor(program, "voorzitter"), table.decide, meeting, reference, deciding)
    text = _words(browser.get(f"/signalen/{reference}").text)
    titles = program.policy.destinations["essm"].title.nl, "Hulp gaat voor", "1 december 2026"
    decided = text[text.index("Besluiten van de tafel") :]
    for told in (*titles, "Doorgeleiden", _title(program, "avim")):
        assert told in decided
    assert "1 signaal van u waarvan de tafel" in _words(browser.get("/overzicht").text)
    assert "van u waarvan de tafel" not in _words(Person(program, "delinde").get("/overzicht").text)


def test_links_come_in_the_order_of_who_has_to_act_and_lead_to_the_own_signal(program, actor):
    for login, capacity in (("havendam", {}), ("delinde", {"capacity": "care-wgbo"})):
        # Three persons whom nothing but a number of their own connects
        for number, surname in enumerate(("Proefveld", "Verzinsel", "Bedacht")):
            identity = {"surname": surname, "phone": f"061234567{number}"}
            submitted(program, actor(program, login), a_signal(subjects=[a_person(identity=identity)], **capacity))
    lines = use(program, actor(program, "havendam"), linking.own_links)
    assert len(lines) == 3
    settled, mine, theirs = lines
    use(program, actor(program, "havendam"), linking.decide, settled.id, confirmed=True)
    use(program, actor(program, "delinde"), linking.decide, settled.id, confirmed=True)
    use(program, actor(program, "havendam"), linking.decide, theirs.id, confirmed=True)
    found = [line.id for line in use(program, actor(program, "havendam"), linking.own_links)]
    assert found == [mine.id, theirs.id, settled.id]
    page = Person(program, "havendam").get("/koppelingen").text
    ((reference, number),) = mine.own_sides
    assert f'href="/signalen/{reference}#betrokkenen"' in page
    assert f"Persoon {number} in uw signaal {reference}" in _words(page)


def _words(page):
    """The text of a page without its tags, spaces as one."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def _title(program, agency):
    with reading(program) as session:
        return session.get_one(Agency, agency).title
