"""Scene 3 to 9: one case from triage to the audit log, by the people whose work it is, in one running program.

The tests are chapters of one story and run in their order: each goes on with what the one before left behind.
"""

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyotp
import pytest
from playwright.sync_api import expect

from tests.conftest import PASSWORD
from tests.e2e.conftest import ROOT
from tests.e2e.test_scene_1_and_2 import choose, fill_day, log_a_signal
from tests.factories import a_person, a_signal

OWN_PASSWORD = "alleen-de-nieuwe-weet-dit"

pytestmark = pytest.mark.e2e

# Names that nobody would write by chance: whoever may not read them, finds them nowhere.
ANNA = {"given_name": "Quirijnda", "surname": "Zwijgveld", "birth_date": "12-04-1996", "phone": "0612345678"}
ANNA_ELSEWHERE = {"given_name": "Quirynda", "surname": "Zwijgvelt", "birth_date": "1996-04-12", "phone": "0687654321"}
SUSPECT = {"surname": "Kwaadsma"}
MINOR = {"given_name": "Ysolde", "surname": "Geheimsma", "birth_date": "2010-02-03"}
CANARIES = ("Quirijnda", "Quirynda", "Zwijgvel", "Kwaadsma", "Ysolde", "Geheimsma", "0612345678", "612345678")
TOO_SHORT = "kort"
MOTIVATION = "Zonder naam en nummer kan de zorgcoördinator haar niet bereiken."


def today() -> date:
    """The day as the people of this region have it."""
    return datetime.now(ZoneInfo("Europe/Amsterdam")).date()


@dataclass
class Story:
    """What the chapters hand on: references and ids that pages showed."""

    found: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        assert name in self.found, f"an earlier chapter did not get as far as {name!r}; look at the first failure"
        return self.found[name]

    def __setitem__(self, name: str, value: str) -> None:
        self.found[name] = value


@pytest.fixture(scope="module")
def story():
    return Story()


def command(server, *arguments, given=""):
    """A command line over the home of the running server; its answer."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "SIGNALTABLE_HOME": str(server.home)},
        input=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def submit(server, login, **changes):
    """A signal through `signaltable submit`, which is quicker than the form; its reference."""
    given = a_signal(**changes).model_dump_json()
    return json.loads(
        command(server, "signaltable.cli", "submit", "--as", login, "--file", "-", "--json", given=given)
    )["reference"]


def tick_only(page, name, *values):
    """Of these checkboxes exactly those with these values."""
    page.wait_for_load_state()
    for box in page.locator(f"input[type=checkbox][name='{name}']").all():
        box.set_checked(box.get_attribute("value") in values)


def press(page, action):
    """The button that posts to an address ending like this, itself or through its form."""
    own = f"main button[formaction$='{action}']:not([aria-hidden])"
    page.locator(f"{own}, main form[action$='{action}'] button:not([formaction])").first.click()


def expect_mistakes(page, *targets):
    """The page came back with a summary that has the focus and leads to exactly these fields, in the order of the page."""
    expect(page.locator("#errors")).to_be_focused()
    page.wait_for_load_state()
    assert [link.get_attribute("href") for link in page.locator("#errors a").all()] == [f"#{one}" for one in targets]
    for target in targets:
        expect(page.locator(f"#{target}")).to_have_count(1)


def expect_success(page):
    expect(page.locator("main [role=status], main .st-alert--good").first).to_be_visible()


def expect_no_name(page):
    page.wait_for_load_state()
    html = page.content()
    assert [name for name in CANARIES if name in html] == []


def expect_quiet(visitor):
    """The browser reported nothing, such as a blocked style; forms that came back with mistakes (422) do count as news."""
    assert [text for text in visitor.seen if "422" not in text] == []


def status_of(page, address):
    """The status with which a page answers this person."""
    return page.request.get(address, max_redirects=0).status


# -- scene 3 ----------------------------------------------------------------------------------------------------------


def test_scene_3_the_coordinator_triages_and_asks_partners(visit, server, story):
    # Given a signal of the municipality with consent, and one of a care organisation about the same person
    owner = visit("havendam")
    story["signal"] = log_a_signal(
        owner,
        narrative="Quirijnda Zwijgveld krijgt haar loon niet en mag het terrein niet af van meneer Kwaadsma.",
        identity=ANNA,
        suspect=SUSPECT,
        capacity="municipality-wmo",
        consented_on=today() - timedelta(days=2),
    )
    story["linked"] = submit(
        server,
        "delinde",
        capacity="care-wgbo",
        narrative="Mevrouw Zwijgvelt slaapt op het werk.",
        subjects=[a_person(identity=ANNA_ELSEWHERE), a_person(role="possible_perpetrator", gender="man", identity={})],
        consent={"status": "refused"},
    )
    # When the coordinator opens triage
    visitor = visit("coordinator")
    page = visitor.page
    visitor.check("coordinator-overview")
    visitor.open("/triage")
    expect(page.locator("tbody tr")).to_have_count(2)
    visitor.check("triage")
    page.get_by_role("link", name=story["signal"], exact=True).click()
    # Then there is the proposed link, drawn and as a table, and no name
    expect(page.locator("#koppelingen svg.pic")).to_be_visible()
    expect(page.locator("#koppelingen table")).to_contain_text(story["linked"])
    expect_no_name(page)
    visitor.check("triage-signal")
    # And another urgency asks for a reason
    choose(page, "urgency", "same-day")
    press(page, "/beoordelen")
    expect_mistakes(page, "reason")
    visitor.check("triage-error")
    page.fill("#reason", "Zij mag het terrein niet af.")
    press(page, "/beoordelen")
    expect_success(page)
    # And partners are asked, once somebody read the question again
    page.fill("#note", "Kent u deze vrouw of de plek waar zij werkt?")
    for agency in ("avim", "riec", "essm"):
        choose(page, "agencies", agency)
    choose(page, "subject", "1")
    press(page, "/vragen/voorbeeld")
    # What each of them will read stands on one page, and only then it goes
    expect(page.locator("main")).to_contain_text("Kent u deze vrouw of de plek waar zij werkt?")
    expect_no_name(page)
    visitor.check("triage-ask-preview")
    press(page, "/vragen")
    expect_mistakes(page, "checked")
    visitor.check("triage-ask-error")
    page.check("#checked")
    press(page, "/vragen")
    expect(page.locator("#vragen tbody tr")).to_have_count(3)
    visitor.check("triage-asked")
    expect_quiet(visitor)


# -- scene 4 ----------------------------------------------------------------------------------------------------------


def _answer(visitor, answer, *, context="", anonymous=False):
    page = visitor.page
    page.wait_for_load_state()
    if context:
        page.locator("details:has(#context) > summary").click()
        page.fill("#context", context)
        if page.locator("#capacity").count():
            page.select_option("#capacity", index=1)
        page.check("#context_checked")
    page.set_checked("#anonymous", anonymous)
    page.click(f"button[name=answer][value={answer}]")
    expect(page).to_have_url(re.compile("/vragen$"))


def _only_question(visitor):
    visitor.open("/vragen")
    visitor.page.locator("tbody a").first.click()
    expect(visitor.page.locator("#antwoord")).to_be_visible()


def _compare(page, identity):
    for name, value in identity.items():
        page.fill(f"#id-{name}", value)
    press(page, "/vergelijken")


def test_scene_4_three_partners_answer_each_in_their_way(visit, story):
    story["signal"]
    # The police know her: a comparison with the own records says so, and the context is masked
    police = visit("avim")
    page = police.page
    police.open("/vragen")
    expect_no_name(page)
    police.check("questions")
    page.locator("tbody a").first.click()
    police.check("question")
    expect_no_name(page)
    _compare(page, {"birth_date": "32-13-1996"})
    expect_mistakes(page, "id-birth_date")
    police.check("question-compare-error")
    _compare(page, {"given_name": "Quirynda", "surname": "Zwijgveldt", "birth_date": "12-4-1996"})
    expect(page.locator("main .st-alert--good")).to_be_visible()
    police.check("question-match")
    _compare(page, {"given_name": "Bartholomeus", "surname": "Anders", "birth_date": "1-1-1950"})
    expect(page.locator("main .st-alert--info")).to_be_visible()
    expect(page.locator("main .st-alert--good")).to_have_count(0)
    _answer(police, "hit", context="Wij waren vorig jaar op die plek. Bel 06-99887766.")
    police.check("questions-answered")
    # RIEC does not know her, and stays unnamed until the meeting
    riec = visit("riec")
    _only_question(riec)
    _answer(riec, "no_hit", anonymous=True)
    # Care may not say
    care = visit("essm")
    _only_question(care)
    _answer(care, "may_not_say")
    # And the coordinator reads three answers, one of a partner without a name, and no telephone number
    desk = visit("coordinator")
    desk.open(f"/triage/{story['signal']}")
    answers = desk.page.locator("#antwoorden tbody tr")
    expect(answers).to_have_count(3)
    read = desk.page.locator("#antwoorden").inner_text()
    assert "RIEC" not in read
    assert "99887766" not in read
    assert "Wij waren vorig jaar op die plek" in read


# -- scene 5 ----------------------------------------------------------------------------------------------------------


def _confirm_the_link(visit, story):
    for login in ("havendam", "delinde"):
        visitor = visit(login)
        visitor.open("/koppelingen")
        visitor.page.locator("button[value=confirm]").first.click()
        expect_success(visitor.page)


def test_scene_5_the_table_reads_the_dossier_and_decides(visit, story):
    # Given a link that both owners confirmed
    story["signal"]
    _confirm_the_link(visit, story)
    # When the coordinator plans a meeting and makes its agenda
    desk = visit("coordinator")
    page = desk.page
    desk.open("/tafel")
    press(page, "/tafel")
    expect_mistakes(page, "title", "held_on-day")
    desk.check("table-empty-and-errors")
    page.fill("#title", "Tafel van deze week")
    fill_day(page, "held_on", today())
    press(page, "/tafel")
    expect(page).to_have_url(re.compile("/tafel/[^/]+$"))
    story["meeting"] = page.url.rsplit("/", 1)[1]
    # The rules propose what fits; without any of it there is nothing to add
    page.wait_for_load_state()
    for box in page.locator('[name="signals"]:checked').all():
        box.uncheck()
    press(page, "/agenda")
    expect_mistakes(page, "signals-0")
    desk.check("agenda-error")
    choose(page, "signals", story["signal"])
    press(page, "/agenda")
    expect(page.get_by_role("link", name=story["signal"], exact=True)).to_be_visible()
    desk.check("agenda")
    # And the chair opens the signal
    chair = visit("voorzitter")
    page = chair.page
    chair.open("/tafel")
    chair.check("table")
    page.get_by_role("link", name="Tafel van deze week").click()
    page.get_by_role("link", name=story["signal"], exact=True).click()
    # Then the dossier holds a picture of the linked signals and the same as a table, and no name
    expect(page.locator("#koppelingen svg.pic")).to_be_visible()
    expect(page.locator("#koppelingen table")).to_contain_text(story["linked"])
    expect(page.locator("#antwoorden tbody tr")).to_have_count(3)
    expect_no_name(page)
    chair.check("item")
    # A note is kept without the telephone number
    press(page, "/aantekening")
    expect_mistakes(page, "text")
    chair.check("item-note-error")
    page.fill("#text", "Hulp gaat voor. Het nummer 06-55443322 staat bij de receptie.")
    press(page, "/aantekening")
    expect(page.locator("#aantekeningen")).to_contain_text("Hulp gaat voor.")
    assert "55443322" not in page.content()
    # A decision without a reason comes back as it was
    choose(page, "decision", "refer")
    tick_only(page, "destinations", "essm")
    fill_day(page, "due_on", today() + timedelta(days=7))
    press(page, "/besluit")
    expect_mistakes(page, "reason")
    expect(page.locator("input[name=decision][value=refer]")).to_be_checked()
    chair.check("item-decision-error")
    page.fill("#reason", "De zorgcoördinator kan vandaag nog bellen.")
    press(page, "/besluit")
    expect(page).to_have_url(re.compile(f"/tafel/{story['meeting']}$"))
    page.get_by_role("link", name=story["signal"], exact=True).click()
    expect(page.locator("#besluit")).to_contain_text("De zorgcoördinator kan vandaag nog bellen.")
    chair.check("item-decided")
    # And a partner at the table reads the dossier, with nothing to decide
    member = visit("riec")
    member.open(f"/tafel/dossier/{story['signal']}")
    expect_no_name(member.page)
    member.check("dossier")
    member.open(f"/tafel/{story['meeting']}/{story['signal']}")
    assert member.page.locator("main form").count() == 0
    expect_quiet(chair)


# -- scene 6 ----------------------------------------------------------------------------------------------------------


def _to_preview(visitor, signal, agency):
    """From the signal through the list of destinations to the preview for this agency."""
    page = visitor.page
    visitor.open(f"/signalen/{signal}")
    page.locator(f"main a[href='/signalen/{signal}/verstrekken']").click()
    card = page.locator("section", has=page.get_by_role("heading", name=agency, exact=True)).last
    card.locator("a[href*='/verstrekken/']").first.click()
    expect(page).to_have_url(re.compile("/verstrekken/[0-9a-f]{32}"))
    page.wait_for_load_state()


def _give_consent(page, code):
    """Explicit consent as the person gave it, in the words of the form, for every category that may go along."""
    page.check(f"[name='{code}-explicit']")
    page.check(f"[name='{code}-told_withdrawal']")
    choose(page, f"{code}-recipient", "this")
    for box in page.locator(f"input[name='{code}-categories']").all():
        box.check()
    fill_day(page, f"{code}-given_on", today() - timedelta(days=2))
    choose(page, f"{code}-given_by", "person")
    choose(page, f"{code}-form", "spoken")
    page.fill(f"[name='{code}-language']", "Pools")
    choose(page, f"{code}-interpreter", "professional")
    page.fill(f"[name='{code}-asked_by']", "casemanager")
    page.fill(f"[name='{code}-text_version']", "2026-1")


def test_scene_6_the_owner_looks_fills_in_and_discloses(visit, story):
    visitor = visit("havendam")
    page = visitor.page
    visitor.open(f"/signalen/{story['signal']}")
    expect(page.get_by_text("De zorgcoördinator kan vandaag nog bellen.")).to_be_visible()
    visitor.check("signal-decided")
    visitor.prove().open(f"/signalen/{story['signal']}/verstrekken")
    visitor.check("destinations")
    _to_preview(visitor, story["signal"], "ESSM, zorgcoördinatie")
    # Only the possible victim goes: care needs nothing about the suspect
    tick_only(page, "subjects", "1")
    page.locator("main form[method=get] button").first.click()
    expect(page).to_have_url(re.compile(r"[?&]subjects="))
    page.wait_for_load_state()
    preview = page.locator("#preview").inner_text()
    assert "Zwijgveld" in preview
    assert "Kwaadsma" not in preview.replace("meneer Kwaadsma", "")
    visitor.check("preview")
    # Without a motivation it comes back, filled in as it was
    _give_consent(page, "EXPLICIT_CONSENT")
    page.fill("[name='NEC-motivation']", TOO_SHORT)
    page.locator("button[value=disclose]").click()
    expect_mistakes(page, "NEC-motivation")
    expect(page.locator("[name='EXPLICIT_CONSENT-asked_by']")).to_have_value("casemanager")
    expect(page.locator("[name='NEC-motivation']")).to_have_value(TOO_SHORT)
    visitor.check("preview-errors")
    # Looking again with fewer data in the consent narrows the preview and sends nothing
    page.fill("[name='NEC-motivation']", MOTIVATION)
    contact = page.locator("input[name='EXPLICIT_CONSENT-categories'][value=contact]")
    contact.uncheck()
    page.locator("button[value=look]").click()
    expect(page.locator("#preview")).not_to_contain_text("12345678")
    contact.check()
    page.locator("button[value=look]").click()
    expect(page.locator("#preview")).to_contain_text("12345678")
    shown = _fields(page.locator("#preview"))
    assert len(shown) > 5
    # Complete: it goes in one step, and what went is exactly what was shown
    page.locator("button[value=disclose]").click()
    expect(page).to_have_url(re.compile("/verstrekkingen/D-"))
    story["disclosure"] = page.url.rsplit("/", 1)[1]
    page.wait_for_load_state()
    assert _fields(page.locator("#inhoud")) == shown
    visitor.check("disclosed")
    expect_quiet(visitor)


def _fields(place):
    """The document of a disclosure as a page shows it: labels and values in their order."""
    rows = place.locator("dl > div").all()
    return [(row.locator("dt").inner_text(), row.locator("dd").inner_text()) for row in rows]


def test_scene_6_what_no_ground_carries_is_refused_with_reasons(visit, story):
    # Care cannot tell the police about a patient who refuses and is not in danger
    visitor = visit("delinde")
    page = visitor.page
    _to_preview(visitor, story["linked"], "Politie, AVIM team TMM")
    tick_only(page, "subjects", "2")
    page.locator("main form[method=get] button").first.click()
    expect(page.locator("main .st-alert--danger")).to_contain_text("medisch geheim")
    expect(page.locator("main")).to_contain_text("112")
    expect(page.locator("button[value=disclose]")).to_have_count(0)
    visitor.check("preview-refused")


def test_scene_6_a_second_person_agrees_with_the_password(visit, server, story):
    # Given a signal about a minor, for which the ground asks for a second person
    story["minor"] = submit(
        server,
        "delinde",
        capacity="care-wgbo",
        narrative="Ysolde Geheimsma is vijftien en slaapt bij een man die zij amper kent.",
        forms=["sexual"],
        subjects=[a_person(age="minor", age_years=15, identity=MINOR)],
    )
    owner = visit("delinde").prove()
    page = owner.page
    _to_preview(owner, story["minor"], "Raad voor de Kinderbescherming")
    page.fill("[name='NEC-motivation']", "De raad kan zonder naam niet onderzoeken of zij veilig is.")
    page.fill("[name='PROP-motivation']", "Haar veiligheid weegt zwaarder dan wat de man hiervan merkt.")
    page.fill("[name='SUBS-motivation']", "Met haar ouders is gesproken. Zij willen geen hulp en zij loopt weer weg.")
    owner.check("preview-second-person")
    page.locator("button[value=disclose]").click()
    expect(page).to_have_url(re.compile("/verstrekkingen/D-"))
    story["second"] = page.url.rsplit("/", 1)[1]
    owner.check("disclosure-waiting")
    # When the privacy officer looks, there is why and on which ground, and no name
    officer = visit("fg.delinde")
    page = officer.page
    officer.open("/tweede-blik")
    officer.check("second-look-list")
    page.get_by_role("link", name=story["second"]).click()
    officer.check("second-look")
    page.fill("#step_up_password", "niet het goede wachtwoord")
    press(page, "/goedkeuren")
    expect_mistakes(page, "step_up_password")
    officer.check("second-look-error")
    page.fill("#step_up_password", PASSWORD)
    press(page, "/goedkeuren")
    expect(page).to_have_url(re.compile("/tweede-blik$"))
    expect_success(page)


# -- scene 7 ----------------------------------------------------------------------------------------------------------


def test_scene_7_the_receiver_accepts_and_reports_back(visit, story):
    receiver = visit("essm")
    page = receiver.page
    receiver.open("/postvak")
    expect_no_name(page)
    receiver.check("inbox")
    page.get_by_role("link", name=story["disclosure"]).click()
    expect(page.get_by_text("Zwijgveld").first).to_be_visible()
    receiver.check("received")
    press(page, "/aannemen")
    expect_success(page)
    press(page, "/terugkoppelen")
    expect_mistakes(page, "result-0")
    receiver.check("received-feedback-error")
    choose(page, "result", "help_offered")
    page.fill("#note", "Zij heeft vandaag een gesprek. Bel mij op 06-11992288.")
    press(page, "/terugkoppelen")
    expect_success(page)
    receiver.check("received-done")
    # The owner reads the feedback, without the number
    owner = visit("havendam")
    owner.open(f"/verstrekkingen/{story['disclosure']}")
    expect(owner.page.get_by_text("Zij heeft vandaag een gesprek.")).to_be_visible()
    assert "11992288" not in owner.page.content()
    owner.check("disclosure-feedback")


def test_scene_7_another_receiver_returns_it_with_a_reason(visit, story):
    receiver = visit("raad")
    page = receiver.page
    receiver.open(f"/postvak/{story['second']}")
    expect(page.get_by_text("Geheimsma").first).to_be_visible()
    page.locator("summary", has=page.locator("xpath=..//form")).last.click()
    page.locator("form[action$='/teruggeven']").locator("xpath=ancestor::details[1]").evaluate("one => one.open = true")
    press(page, "/teruggeven")
    expect_mistakes(page, "cause-0", "reason")
    receiver.check("received-return-error")
    choose(page, "cause", "not_our_region")
    page.fill("#reason", "Zij staat ingeschreven in een andere regio.")
    press(page, "/teruggeven")
    expect_success(page)
    expect_no_name(page)
    receiver.check("received-returned")
    owner = visit("delinde")
    owner.open(f"/verstrekkingen/{story['second']}")
    expect(owner.page.get_by_text("Zij staat ingeschreven in een andere regio.")).to_be_visible()
    owner.check("disclosure-returned")


def test_scene_7_and_8_in_english(visit, story):
    receiver = visit("essm")
    page = receiver.page
    receiver.open(f"/postvak/{story['disclosure']}")
    page.locator("button[name=lang][value=en]").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_url(receiver.address + f"/postvak/{story['disclosure']}")
    expect(page.get_by_text("What you received")).to_be_visible()
    receiver.check("received-english")
    receiver.open("/postvak")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    auditor = visit("auditor")
    page = auditor.page
    page.locator("button[name=lang][value=en]").click()
    auditor.open(f"/audit/verstrekkingen/{story['disclosure']}")
    expect(page.get_by_text("Version of the rules (digest)")).to_be_visible()
    auditor.check("audit-disclosure-english")
    auditor.open("/audit/bewijs")
    auditor.check("audit-evidence-english")


# -- scene 8 ----------------------------------------------------------------------------------------------------------


class Reader:
    """An auditor who makes sure on every page that no name of a case stands on it."""

    def __init__(self, visitor):
        self.visitor, self.page = visitor, visitor.page

    def look(self, name):
        expect_no_name(self.page)
        self.visitor.check(name)

    def open(self, path):
        self.visitor.open(path)
        expect_no_name(self.page)


def test_scene_8_the_auditor_reads_the_log_and_a_disclosure_without_content(visit, story):
    reader = Reader(visit("auditor"))
    page = reader.page
    reader.open("/audit/werkplek")
    reader.look("audit-workplace")
    reader.open("/audit")
    reader.look("audit-log")
    page.locator("details.st-filter").evaluate("one => one.open = true")
    page.fill("[name=van]", "de dag van gisteren")
    page.locator("form[role=search] button").first.click()
    expect_mistakes(page, "van")
    reader.look("audit-log-error")
    page.locator("details.st-filter").evaluate("one => one.open = true")
    page.fill("[name=van]", f"{today():%d-%m-%Y}")
    page.locator("[name=actie]").select_option("signal:disclose")
    page.locator("[name=ontvanger]").select_option("essm")
    page.locator("form[role=search] button").first.click()
    expect(page.locator("main tbody tr")).to_have_count(1)
    expect(page.locator("main tbody")).to_contain_text(story["disclosure"])
    reader.look("audit-log-filtered")
    # Each filter in use is a link that takes it away, and an empty list says what to loosen
    expect(page.locator(".st-chip")).to_have_count(3)
    kept = page.url
    page.locator("details.st-filter").evaluate("one => one.open = true")
    page.locator("[name=ontvanger]").select_option("riec")
    page.locator("form[role=search] button").first.click()
    expect(page.locator("main tbody")).to_have_count(0)
    expect(page.locator("#loosen")).to_be_visible()
    reader.look("audit-log-empty")
    reader.open(kept.removeprefix(reader.visitor.address))
    page.locator("main tbody th a").click()
    expect(page).to_have_url(re.compile(r"/audit/\d+$"))
    story["entry"] = page.url.rsplit("/", 1)[1]
    reader.look("audit-entry")
    page.locator("main a", has_text=story["disclosure"]).first.click()
    expect(page).to_have_url(re.compile(f"/audit/verstrekkingen/{story['disclosure']}$"))
    read = page.locator("main").inner_text()
    for wanted in ("Gemeente Havendam", "ESSM, zorgcoördinatie", "X1", "Uitdrukkelijke toestemming", "Noodzaak"):
        assert wanted in read
    assert re.search(r"\b[0-9a-f]{64}\b", read), "the version of the rules"
    assert MOTIVATION not in page.content()
    reader.look("audit-disclosure")
    reader.open("/audit/verstrekkingen")
    expect(page.locator("main tbody tr")).to_have_count(2)
    reader.look("audit-disclosures")
    reader.open("/audit?uitkomst=refused")
    expect(page.locator("main tbody tr").first).to_be_visible()
    assert status_of(page, f"{reader.visitor.address}/signalen") == 403
    # A privacy officer reads the part of the own organisation
    officer = visit("fg.havendam")
    officer.open("/audit")
    officer.check("audit-own-part")
    officer.open("/audit/werkplek")
    officer.check("audit-own-workplace")
    officer.open("/audit/export")
    officer.check("audit-own-exports")


def test_scene_8_the_proof_and_an_export_that_is_checked_elsewhere(visit, server, story, tmp_path):
    reader = Reader(visit("auditor").prove())
    page = reader.page
    reader.open("/audit/bewijs")
    reader.look("audit-evidence")
    press(page, "/bewijs")
    expect(page.locator(".st-conditions__item--met").first).to_be_visible()
    expect(page.locator(".st-conditions__item--unmet")).to_have_count(0)
    reader.look("audit-checked")
    # When the auditor asks for an export, the jobs process makes it
    reader.open("/audit/export")
    page.fill("[name=van]", "30-2-2026")
    press(page, "/export")
    expect_mistakes(page, "van")
    page.fill("[name=van]", "")
    reader.look("audit-exports")
    press(page, "/export")
    expect(page).to_have_url(re.compile("/audit/export/"))
    for _try in range(1800):
        if page.locator("main a[href$='/bestand']").count():
            break
        page.wait_for_timeout(100)
        page.reload()
    reader.look("audit-export")
    with page.expect_download() as got:
        page.locator("main a[href$='/bestand']").click()
    got.value.save_as(tmp_path / "logboek.zip")
    with page.expect_download() as got:
        page.locator("main a[href$='/publieke-sleutel']").click()
    got.value.save_as(tmp_path / "public-key.txt")
    with zipfile.ZipFile(tmp_path / "logboek.zip") as archive:
        archive.extractall(tmp_path / "export")
    # Then it verifies with the public key alone, and holds no name
    (folder,) = {found.parent for found in (tmp_path / "export").rglob("entries.jsonl")}
    _verified(server, folder, tmp_path / "public-key.txt")
    # And so does the one from the command line
    command(server, "signaltable.cli", "audit", "export", str(tmp_path / "again"))
    _verified(server, tmp_path / "again", tmp_path / "public-key.txt")
    # And the entry of the disclosure has its proof on the page now
    reader.open(f"/audit/{story['entry']}")
    expect(page.locator("#bewijs svg.pic")).to_be_visible()
    reader.look("audit-entry-proof")


def _verified(server, folder: Path, key: Path):
    answer = json.loads(command(server, "audit", "verify", str(folder), "--public-key", str(key), "--json"))
    assert answer["findings"] == []
    for file in folder.rglob("*"):
        if file.is_file():
            text = file.read_bytes().decode("utf-8", errors="replace")
            assert [name for name in CANARIES if name in text] == []


@dataclass
class Newcomer:
    """Somebody who gets a code, chooses a password and sets up an app of their own."""

    login: str
    secret: str = ""

    def come_in(self, visitor, code):
        """With the code, once: the password, the app, the codes on paper."""
        page = visitor.page
        visitor.open("/activeren")
        visitor.check("activate")
        page.fill("#login", self.login)
        page.fill("#code", code.lower().replace("-", " "))
        press(page, "/activeren")
        visitor.check("activate-password")
        page.fill("#password", OWN_PASSWORD)
        page.fill("#again", OWN_PASSWORD)
        press(page, "/activeren/kiezen")
        visitor.check("first-factor")
        press(page, "/account/beveiliging/app/begin")
        visitor.check("set-up-an-app")
        self.secret = page.locator(".st-secret").inner_text().replace(" ", "")
        page.fill("#code", pyotp.TOTP(self.secret).now())
        press(page, "/account/beveiliging/app")
        expect(page.locator(".st-recovery li")).to_have_count(10)
        visitor.check("recovery-codes")
        visitor.open("/account/beveiliging")
        visitor.check("security")

    def sign_in(self, visitor):
        """With password and app; a code counts once, so the next one is typed as soon as it counts."""
        page = visitor.page
        visitor.open("/aanmelden")
        page.fill("#login", self.login)
        page.fill("#password", OWN_PASSWORD)
        press(page, "/aanmelden")
        visitor.check("second-step")
        page.fill("#code", pyotp.TOTP(self.secret).at(time.time() + 30))
        press(page, "/aanmelden/tweede-stap")
        expect(page).to_have_url(re.compile("/overzicht$"))


# -- scene 9 ----------------------------------------------------------------------------------------------------------


def test_scene_9_the_administrator_manages_accounts_and_sees_no_case(visit, story):
    visitor = visit("beheer")
    page = visitor.page
    visitor.check("admin-overview")
    visitor.open("/beheer")
    visitor.check("accounts")
    page.locator("main a[href$='/accounts/nieuw']").click()
    page.fill("#name", "Nieuwe Voorbeeldman")
    press(page, "/accounts/nieuw")
    expect_mistakes(page, "login", "agency", "roles-0")
    visitor.check("new-account-errors")
    page.fill("#login", "nieuw.riec")
    page.select_option("#agency", "riec")
    choose(page, "roles", "partner-member")
    press(page, "/accounts/nieuw")
    visitor.check("a-code-to-hand-over")
    code = re.search(r"[2-9A-HJ-NP-TV-Z]{4}(-[2-9A-HJ-NP-TV-Z]{1,4}){5}", page.locator("main").inner_text())[0]
    # The newcomer comes in with it, and loses a role at once when it is taken away
    newcomer, app = visit(), Newcomer("nieuw.riec")
    app.come_in(newcomer, code)
    newcomer.open("/vragen")
    newcomer.check("newcomer-questions")
    visitor.open("/beheer")
    page.get_by_role("link", name="nieuw.riec").click()
    choose(page, "roles", "auditor")
    page.locator("main form").first.locator("button[type=submit]").click()
    expect_mistakes(page, "roles-0")
    visitor.check("account-error")
    page.locator("input[name=roles][value=partner-member]").uncheck()
    page.locator("main form").first.locator("button[type=submit]").click()
    expect_success(page)
    newcomer.open("/vragen")
    expect(newcomer.page).to_have_url(re.compile("/aanmelden"))
    app.sign_in(newcomer)
    assert status_of(newcomer.page, f"{visitor.address}/vragen") == 403
    assert status_of(newcomer.page, f"{visitor.address}/audit") == 200
    # Organisations
    page.locator("main a[href='/beheer/organisaties']").click()
    visitor.check("agencies")
    page.locator("main a[href$='/organisaties/nieuw']").click()
    press(page, "/organisaties/nieuw")
    expect_mistakes(page, "title", "kind-0")
    visitor.check("new-agency-errors")
    # And no way leads from here to a case
    for path in (
        "/signalen",
        "/signalen/nieuw",
        f"/signalen/{story['signal']}",
        "/koppelingen",
        "/triage",
        f"/triage/{story['signal']}",
        "/vragen",
        "/tafel",
        f"/tafel/dossier/{story['signal']}",
        "/postvak",
        "/tweede-blik",
        f"/verstrekkingen/{story['disclosure']}",
        "/audit",
    ):
        assert status_of(page, visitor.address + path) == 403, path
    visitor.open("/signalen")
    visitor.check("refused-page")


# -- what it weighs ---------------------------------------------------------------------------------------------------


def _memory(pid: int) -> int:
    """Proportional set size of a process, in bytes."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_it_is_small(visit, server, story):
    lists = {"havendam": "/signalen", "coordinator": "/triage", "auditor": "/audit", "beheer": "/beheer"}
    weights = {path: len(visit(login).page.request.get(server.address + path).body()) for login, path in lists.items()}
    master = server.process.pid
    web = [pid for pid in _children(master) if b"signaltable.jobs" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(web) == 2
    total = _memory(master) + sum(map(_memory, web))
    sys.stdout.write(f"{weights}; {total / 1e6:.0f} MB in two workers and their master\n")
    assert all(5_000 < size < 100_000 for size in weights.values()), weights
    assert total < 300_000_000
