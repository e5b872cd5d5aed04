"""What is owed after a disclosure, in a real browser: the list, each kind of page, mistakes, and refusals that help."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from signaltable.domain import day_of
from signaltable.flow import duty_kinds, duty_rows
from signaltable.flow.coming_in import actors
from signaltable.queries import disclosure_by_reference
from signaltable.settings import Settings
from signaltable.transaction import Program
from tests.conftest import PASSWORD, Clock, open_for_test
from tests.disclosure_steps import GIVEN, agree, disclosed, key_for
from tests.duty_steps import REFERRAL, referred, rows_of
from tests.e2e.conftest import Server, Visitor, start_server, stop_server
from tests.factories import a_person, a_signal
from tests.table_steps import submitted, use

pytestmark = pytest.mark.e2e
LONG_AGO = timedelta(days=31)


def _actor(program: Program, login: str):
    return actors.actor_of_login(program, login)


def _told_late(program: Program) -> str:
    """A disclosure of a month ago about a minor, of which nobody told the person yet."""
    owner = _actor(program, "havendam")
    seen = {"on": "2026-01-05", "municipality": "Havendam", "online": "no", "source_quality": "seen"}
    draft = a_signal(subjects=[a_person(age="minor", age_years=14)], observed=seen)
    signal = submitted(program, owner, draft)
    made = disclosed(program, owner, signal, "veilig-thuis", ground="X2", age="minor")
    agree(program, _actor(program, "fg.havendam"), made.reference)
    return made.reference


def _looked_at(program: Program, reference: str) -> None:
    """The duty to look back, as a ground for acute danger makes it."""

    def owe(tx):
        row = disclosure_by_reference(tx, reference)
        duty_rows.owe(tx, row, duty_kinds.REVIEW, row.provider_agency, tx.now + timedelta(hours=24))
        tx.record("job:run", object_type="job", object_id="test", details={"job": "test", "slot": "1"})

    use(program, _actor(program, "havendam"), owe)


class Region:
    """A running program with a disclosure that was told late, and one on consent that the receiver took up."""

    def __init__(self, settings: Settings) -> None:
        clock = Clock(datetime.now(UTC) - LONG_AGO)
        program = next(open_for_test(settings, clock))
        self.late = _told_late(program)
        clock.forward(days=31)
        owner = _actor(program, "havendam")
        self.referral = referred(program, owner, _actor(program, "essm")).reference
        _looked_at(program, self.referral)
        people = [a_person(), a_person(role="possible_perpetrator", gender="man")]
        self.signal = submitted(program, owner, a_signal(consent=GIVEN, subjects=people))
        self.key = key_for(program, owner, self.signal, "essm")
        self.of = {kind: one.id for kind, one in rows_of(program, self.referral).items()}
        self.inform = rows_of(program, self.late)["inform"].id


@pytest.fixture(scope="module")
def region(sqlite_region: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Region, Server]]:
    home = tmp_path_factory.mktemp("duties") / "home"
    shutil.copytree(sqlite_region.home, home)
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(home)})
    made = Region(settings)
    running = start_server(home)
    yield made, running
    stop_server(running)


@pytest.fixture(scope="module")
def server(region: tuple[Region, Server]) -> Server:
    return region[1]


def test_from_the_front_page_to_a_duty_that_is_done(region, visit: Callable[..., Visitor]) -> None:
    made, _server = region
    owner = visit("havendam", javascript=True)
    owner.check("duties-overview")
    owner.page.locator('main a[href="/plichten"]').first.click()
    owner.check("duties-list")
    owner.page.locator(f'a[href="/plichten/{made.inform}"]').click()
    owner.check("duty-inform")
    # A mistake: everything is still there
    owner.page.fill('#voldoen textarea[name="note"]', "Verteld met een tolk.")
    owner.page.locator("#voldoen button[type=submit]").click()
    owner.check("duty-inform-mistake")
    expect(owner.page.locator('#voldoen textarea[name="note"]')).to_have_value("Verteld met een tolk.")
    owner.page.locator('#uitstellen textarea[name="reason"]').fill("Kort.")
    owner.page.locator("#uitstellen button[type=submit]").click()
    owner.check("duty-postpone-mistake")
    today = day_of(datetime.now(UTC))
    owner.page.check('#voldoen input[value="interpreter"]')
    for part, value in (("day", today.day), ("month", today.month), ("year", today.year)):
        owner.page.fill(f"#on-{part}", str(value))
    owner.page.locator("#voldoen button[type=submit]").click()
    owner.check("duty-inform-done")
    expect(owner.page.locator("#voldoen")).to_have_count(0)
    # The page itself has nothing to say but that the answers with a mistake were answered as such.
    assert all("422" in message for message in owner.seen)


def test_looking_back_and_what_follows(region, visit: Callable[..., Visitor]) -> None:
    made, _server = region
    officer = visit("fg.havendam")
    officer.open(f"/plichten/{made.of['review']}")
    officer.check("duty-review")
    officer.page.check('input[value="not_right"]')
    officer.page.fill("#motivation", "Er was geen gevaar dat niet kon wachten.")
    officer.page.locator("main form button[type=submit]").click()
    officer.check("duty-review-mistake")
    officer.page.fill("#step_up_password", PASSWORD)
    officer.page.locator("main form button[type=submit]").click()
    officer.check("duties-list-officer")
    owner = visit("havendam")
    owner.open(f"/verstrekkingen/{made.referral}")
    owner.check("disclosure-not-right")
    owner.page.locator("#plichten a").last.click()
    owner.check("duty-put-right")


def test_consent_is_taken_back_and_the_receiver_erases(region, visit: Callable[..., Visitor]) -> None:
    made, _server = region
    owner = visit("havendam", javascript=False)
    owner.open(f"/verstrekkingen/{made.referral}")
    owner.page.locator("#intrekken summary").click()
    owner.page.locator("#intrekken button[type=submit]").click()
    expect(owner.page.locator("#intrekken [aria-invalid=true]").first).to_be_visible()
    today = day_of(datetime.now(UTC))
    for part, value in (("day", today.day), ("month", today.month), ("year", today.year)):
        owner.page.fill(f"#on-{part}", str(value))
    owner.page.check('input[value="here"]')
    owner.page.locator("#intrekken button[type=submit]").click()
    expect(owner.page.locator("#intrekken")).to_have_count(0)
    receiver = visit("essm")
    receiver.open(f"/postvak/{made.referral}")
    receiver.check("inbox-consent-withdrawn")
    receiver.page.locator("#plichten a").first.click()
    receiver.check("duty-consent-withdrawn")
    receiver.page.check('input[value="destroyed"]')
    for part, value in (("day", today.day), ("month", today.month), ("year", today.year)):
        receiver.page.fill(f"#on-{part}", str(value))
    receiver.page.locator("#voldoen button[type=submit]").click()
    receiver.open(f"/postvak/{made.referral}")
    receiver.check("inbox-erased")
    expect(receiver.page.get_by_text("Zorinka")).to_have_count(0)
    auditor = visit("auditor")
    auditor.open(f"/audit/verstrekkingen/{made.referral}")
    auditor.check("auditor-duties")


def test_a_refusal_that_helps(region, visit: Callable[..., Visitor]) -> None:
    made, _server = region
    owner = visit("havendam")
    owner.open(f"/signalen/{made.signal}/verstrekken")
    owner.check("choose-with-review")
    owner.open(f"/signalen/{made.signal}/verstrekken/{made.key}?subjects=&subjects=2")
    owner.check("refusal")
    expect(owner.page.locator('a[href="tel:112"]').first).to_be_visible()
    expect(owner.page.get_by_text(REFERRAL).first).to_be_visible()
