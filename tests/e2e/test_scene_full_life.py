"""The full life of a signal in one browser: three agencies, two meetings, one return, one revocation, stuck once, and erased.

The clock of the program is moved by the test; what time does, the jobs do.
"""

import re
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from playwright.sync_api import expect

from signaltable.models import Signal
from signaltable.transaction import reading
from tests.e2e.moving import moving_region
from tests.e2e.test_scene_1_and_2 import choose, fill_day, log_a_signal
from tests.e2e.test_scene_3_to_9 import expect_success, press, tick_only

pytestmark = pytest.mark.e2e

# The Monday on which it begins, at half past nine in the Netherlands.
DAY_0 = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)
WHO = {"given_name": "Levina", "surname": "Langemars", "birth_date": "12-04-1996", "phone": "0612345678"}
NAMES = ("Levina", "Langemars", "12345678")
MOTIVATION = "Zonder naam en nummer kan niemand haar bereiken om te helpen."


def on(day: int, hour: int = 9, minute: int = 0) -> datetime:
    return DAY_0.replace(hour=hour, minute=minute) + timedelta(days=day)


def day(number: int) -> date:
    return on(number).date()


@pytest.fixture
def region(chromium, sqlite_settings):
    with moving_region(sqlite_settings, chromium, DAY_0) as running:
        yield running


def expect_no_name(page):
    page.wait_for_load_state()
    html = page.content()
    assert [name for name in NAMES if name in html] == []


def plan_meeting(region, title, held_on, reference):
    """A meeting with the signal on its agenda; its id."""
    desk = region("coordinator")
    page = desk.page
    desk.open("/tafel")
    page.fill("#title", title)
    fill_day(page, "held_on", held_on)
    press(page, "/tafel")
    expect(page).to_have_url(re.compile("/tafel/[^/]+$"))
    meeting = page.url.rsplit("/", 1)[1]
    tick_only(page, "signals", reference)
    press(page, "/agenda")
    expect(page.get_by_role("link", name=reference, exact=True)).to_be_visible()
    return meeting


def decide(region, meeting, decision, reason, *, destinations=(), holder="", due_on=None):
    """The chair decides on the first case, on the screen in the meeting."""
    chair = region("voorzitter")
    page = chair.page
    chair.open(f"/tafel/{meeting}/scherm")
    expect_no_name(page)
    unfold(page, "/besluit")
    choose(page, "decision", decision)
    if destinations:
        tick_only(page, "destinations", *destinations)
    if holder:
        page.select_option("[name=holder]", holder)
    if due_on:
        fill_day(page, "due_on", due_on)
    page.fill("[name=reason]", reason)
    press(page, "/besluit")
    expect(page).to_have_url(re.compile("/scherm/einde"))


def close_meeting(region, meeting):
    """Who was there, close, and share the minutes."""
    desk = region("coordinator")
    page = desk.page
    desk.open(f"/tafel/{meeting}/aanwezigheid")
    for box in page.locator("input[name=present]").all()[:3]:
        box.check()
    press(page, "/aanwezigheid")
    expect_success(page)
    desk.open(f"/tafel/{meeting}/sluiten")
    press(page, "/sluiten")
    expect(page).to_have_url(re.compile("/verslag$"))
    expect_no_name(page)
    press(page, "/delen")
    expect_success(page)


def disclose(region, reference, agency, *, fill):
    """From the signal to this agency; the reference of the disclosure."""
    owner = region("havendam")
    page = owner.page
    owner.prove().open(f"/signalen/{reference}/verstrekken")
    card = page.locator("section", has=page.get_by_role("heading", name=agency, exact=True)).last
    card.locator("a[href*='/verstrekken/']").first.click()
    expect(page).to_have_url(re.compile("/verstrekken/[0-9a-f]{32}"))
    page.wait_for_load_state()
    fill(page)
    page.fill("[name='NEC-motivation']", MOTIVATION)
    page.locator("button[value=disclose]").click()
    expect(page).to_have_url(re.compile("/verstrekkingen/D-"))
    return page.url.rsplit("/", 1)[1]


def with_consent(given_on):
    def fill(page):
        code = "EXPLICIT_CONSENT" if page.locator("[name='EXPLICIT_CONSENT-explicit']").count() else "CONSENT"
        if code == "EXPLICIT_CONSENT":
            page.check(f"[name='{code}-explicit']")
        page.check(f"[name='{code}-told_withdrawal']")
        choose(page, f"{code}-recipient", "this")
        for box in page.locator(f"input[name='{code}-categories']").all():
            box.check()
        fill_day(page, f"{code}-given_on", given_on)
        choose(page, f"{code}-given_by", "person")
        choose(page, f"{code}-form", "spoken")
        page.fill(f"[name='{code}-language']", "Pools")
        choose(page, f"{code}-interpreter", "professional")
        page.fill(f"[name='{code}-asked_by']", "casemanager")
        page.fill(f"[name='{code}-text_version']", "2026-1")

    return fill


def unfold(page, action):
    page.locator(f"form[action$='{action}']").locator("xpath=ancestor::details[1]").evaluate("one => one.open = true")


def link_for(region, login):
    """The address in the newest mail to this person, which holds nothing else."""
    found = []
    for file in sorted(region.program.settings.outbox.glob("*.eml"), key=lambda one: one.stat().st_mtime):
        mail = message_from_bytes(file.read_bytes(), policy=default)
        body = mail.get_content()
        assert [name for name in (*NAMES, "S-") if name in body] == []
        if mail["To"].addresses[0].username == login:
            found += re.findall(r"/taak/[0-9a-f]+", body)
    return region.address + found[-1]


def state_of(region, reference):
    with reading(region.program, whole="a test looks at what came of it") as session:
        return session.query(Signal).filter_by(reference=reference).one().state


def test_a_signal_lives_from_its_first_word_to_its_erasure(region):
    # Day 0: a municipality logs it, and the coordinator asks two partners
    reference = log_a_signal(
        region("havendam"),
        narrative="Mevrouw Langemars werkt elke dag in de keuken en krijgt haar loon niet.",
        identity=WHO,
        capacity="municipality-wmo",
        consented_on=day(-1),
    )
    desk = region("coordinator")
    desk.open(f"/triage/{reference}")
    expect_no_name(desk.page)
    choose(desk.page, "result", "triaged")
    press(desk.page, "/beoordelen")
    expect_success(desk.page)
    tick_only(desk.page, "subject", "1")
    tick_only(desk.page, "agencies", "nla", "essm")
    press(desk.page, "/voorbeeld")
    desk.page.check("[name=checked]")
    press(desk.page, "/vragen")
    expect_success(desk.page)

    # Day 1: the inspectorate answers with two clicks from its mail; the care coordinator does not
    region.at(on(1))
    partner = region("nla")
    partner.page.goto(link_for(region, "nla"))
    expect_no_name(partner.page)
    partner.page.click("button[name=answer][value=hit]")
    expect_success(partner.page)

    # Day 7: the first meeting advises to refer, and its minutes are shared
    region.at(on(2))
    first = plan_meeting(region, "Eerste tafel", day(7), reference)
    region.at(on(7))
    decide(
        region,
        first,
        "refer",
        "Er is toestemming voor hulp.",
        destinations=["essm"],
        holder="havendam",
        due_on=day(10),
    )
    close_meeting(region, first)

    # Day 8: the owner discloses; day 9: the receiver returns it, and the case is stuck
    region.at(on(8))
    sent = disclose(region, reference, "ESSM, zorgcoördinatie", fill=with_consent(day(7)))
    region.at(on(9))
    care = region("essm")
    care.open(f"/postvak/{sent}")
    expect(care.page.get_by_text("Langemars").first).to_be_visible()
    unfold(care.page, "/teruggeven")
    choose(care.page, "cause", "no_room")
    care.page.fill("#reason", "Deze week is er geen plek.")
    press(care.page, "/teruggeven")
    expect_success(care.page)
    assert state_of(region, reference) == "returned"
    region.at(on(10))
    desk = region("coordinator")
    desk.open("/ketenregie")
    desk.page.get_by_role("link", name=reference).first.click()
    expect_no_name(desk.page)
    choose(desk.page, "result", "referred-anew")
    desk.page.fill("[name=reason]", "De gemeente probeert het vandaag opnieuw, met een tolk.")
    press(desk.page, "/afhandelen")
    expect_success(desk.page)

    # Day 11: the second meeting approves the minutes of the first, and advises two receivers; both accept
    second = plan_meeting(region, "Tweede tafel", day(11), reference)
    region.at(on(11))
    chair = region("voorzitter")
    chair.open(f"/tafel/{first}/verslag")
    chair.page.select_option("[name=approved_in]", second)
    press(chair.page, "/vaststellen")
    expect_success(chair.page)
    decide(
        region,
        second,
        "refer",
        "De zorg heeft weer plek, en de inspectie kent het bedrijf.",
        destinations=["essm", "nla"],
        holder="havendam",
        due_on=day(14),
    )
    close_meeting(region, second)
    again = disclose(region, reference, "ESSM, zorgcoördinatie", fill=with_consent(day(9)))
    wrong = disclose(region, reference, "Nederlandse Arbeidsinspectie, opsporing", fill=with_consent(day(9)))
    for login, known in (("essm", again), ("nla", wrong)):
        receiver = region(login)
        receiver.open(f"/postvak/{known}")
        press(receiver.page, "/aannemen")
        expect_success(receiver.page)
    assert state_of(region, reference) == "accepted"

    # Day 14: what went to the inspectorate was wrong; it is taken back, and the inspectorate confirms that it erased it
    region.at(on(14))
    owner = region("havendam")
    owner.open(f"/verstrekkingen/{wrong}")
    unfold(owner.page, "/terugnemen")
    choose(owner.page, "cause", "wrong_data")
    owner.page.fill(
        "[name=motivation]", "Zij werkt bij een ander bedrijf dan wij dachten; de inspectie heeft hier geen taak."
    )
    press(owner.page, "/terugnemen")
    expect_success(owner.page)
    receiver = region("nla")
    receiver.open(f"/postvak/{wrong}")
    expect_no_name(receiver.page)
    receiver.open("/overzicht")
    receiver.page.locator("main a[href*='/plichten/']").first.click()
    choose(receiver.page, "result", "destroyed")
    fill_day(receiver.page, "on", day(14))
    press(receiver.page, "/voldoen")
    expect_success(receiver.page)
    owner.open(f"/verstrekkingen/{wrong}")
    expect(owner.page.locator("main")).to_contain_text("Heeft het gewist")

    # Day 15: the care coordinator tells that help was offered, and the owner closes the case
    region.at(on(15))
    care = region("essm")
    care.open(f"/postvak/{again}")
    choose(care.page, "result", "help_offered")
    press(care.page, "/terugkoppelen")
    expect_success(care.page)
    assert state_of(region, reference) == "followed_up"
    owner = region("havendam")
    owner.open(f"/signalen/{reference}")
    unfold(owner.page, "/afsluiten")
    choose(owner.page, "outcome", "help_given")
    press(owner.page, "/afsluiten")
    expect_success(owner.page)
    assert state_of(region, reference) == "closed"

    # Two years later the owner is warned in time, and then nothing is left but that it was there
    ends = on(15).replace(year=2028)
    region.at(ends - timedelta(days=10))
    owner = region("havendam")
    owner.page.goto(link_for(region, "havendam"))
    expect(owner.page).to_have_url(f"{region.address}/signalen/{reference}")
    expect(owner.page.get_by_text("keuken").first).to_be_visible()
    region.at(ends + timedelta(days=3))
    owner = region("havendam")
    owner.open(f"/signalen/{reference}")
    expect_no_name(owner.page)
    assert "keuken" not in owner.page.content()
    chair = region("voorzitter")
    for meeting, said in ((first, "Er is toestemming voor hulp."), (second, "De zorg heeft weer plek")):
        chair.open(f"/tafel/{meeting}/verslag")
        assert said not in chair.page.content()
    auditor = region("auditor")
    auditor.open(f"/audit?kenmerk={reference}")
    expect_no_name(auditor.page)
    expect(auditor.page.locator("main")).to_contain_text(reference)
