"""Scene 1 and 2: a focal officer logs a signal, with the keyboard and without script; a second one gives a proposed link."""

import re
from datetime import date

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

REFERENCE = re.compile(r"S-[0-9A-Z]{4}-[0-9A-Z]{2}")


def choose(page, name, value):
    page.locator(f"input[name='{name}'][value='{value}']").check()


def fill_day(page, name, day):
    for part, value in (("day", day.day), ("month", day.month), ("year", day.year)):
        page.fill(f"[name={name}-{part}]", str(value))


def open_details(page, name):
    """Unfold what a field is in."""
    field = page.locator(f"[name={name}]")
    if not field.is_visible():
        page.locator("details", has=field).locator("summary").click()


def go_on(page):
    page.locator("main form button[name=action][value=next]").last.click()


def describe_person(page, identity, *, role="possible_victim", gender="woman"):
    """The fields of a person, on screen 3 itself or on a page of its own."""
    choose(page, "role", role)
    choose(page, "age", "adult")
    choose(page, "gender", gender)
    for name, value in identity.items():
        page.fill(f"[name=id-{name}]", value)


def log_a_signal(
    visitor,
    *,
    narrative,
    identity,
    capacity="",
    check=None,
    forms=("labour",),
    suspect=None,
    consented_on=None,
):
    """The whole form from the menu to the receipt; `check` looks at every page on the way. Returns the reference.

    `suspect` is the identity of a possible perpetrator; `consented_on` a day on which the person agreed.
    """
    page, look = visitor.page, check or (lambda _name: None)
    visitor.open("/signalen/nieuw")
    look("intake-1")
    choose(page, "acute_danger", "no")
    choose(page, "safe_to_continue", "yes")
    choose(page, "urgency", "five-working-days")
    go_on(page)
    look("intake-2")
    page.fill("#narrative", narrative)
    page.fill("#municipality", "Havendam")
    for form in forms:
        choose(page, "forms", form)
    choose(page, "row-wages", "1")
    choose(page, "row-labour-exploitation", "1")
    go_on(page)
    look("intake-3-empty")
    describe_person(page, identity)
    if suspect:
        page.locator("button[value='add:person']").click()
        look("intake-subject")
        describe_person(page, suspect, role="possible_perpetrator", gender="man")
        go_on(page)
        expect(page).to_have_url(re.compile("/3$"))
        look("intake-3")
    choose(page, "status", "given" if consented_on else "not_asked")
    if consented_on:
        open_details(page, "asked_on-day")
        fill_day(page, "asked_on", consented_on)
        page.fill("[name=language]", "Pools")
        choose(page, "interpreter", "professional")
        page.fill("[name=asked_by]", "T. Olk")
    if capacity:
        choose(page, "capacity", capacity)
    go_on(page)
    expect(page).to_have_url(re.compile("/controle$"))
    look("intake-check")
    if identity["surname"] in narrative:
        assert identity["surname"] in page.locator("mark").first.inner_text()
    page.locator("button[value=submit]").click()
    expect(page).to_have_url(re.compile("/ontvangst$"))
    look("receipt")
    found = REFERENCE.search(page.locator("#reference").inner_text())
    assert found
    return found[0]


ZORINKA = {"given_name": "Zorinka", "surname": "Proefveld", "birth_date": "12-04-1996", "phone": "0612345678"}


def test_a_municipality_logs_a_signal_and_every_page_is_accessible(visit):
    visitor = visit()
    visitor.open("/aanmelden")
    visitor.check("login")
    visitor.log_in("havendam")
    visitor.check("overview")
    reference = log_a_signal(
        visitor,
        narrative="Mevrouw Zorinka Proefveld zegt dat zij haar loon niet krijgt. Bel 06-12345678.",
        identity=ZORINKA,
        capacity="municipality-wmo",
        check=visitor.check,
    )
    page = visitor.page
    visitor.open("/signalen")
    expect(page.get_by_text(reference)).to_be_visible()
    visitor.check("signals")
    page.get_by_text(reference).click()
    visitor.check("signal")
    expect(page.get_by_text("Proefveld").first).to_be_visible()
    page.locator("form[action$='/identiteit'] button").click()
    expect(page.get_by_text("12 april 1996")).to_be_visible()
    visitor.check("signal-opened")
    assert visitor.seen == set(), "the browser reported errors"


# Counts in the page itself what a person has to do: each answer that changes, each button, each screen.
COUNTING = """
const add = name => sessionStorage.setItem(name, 1 + Number(sessionStorage.getItem(name)));
addEventListener("change", () => add("inputs"), true);
addEventListener("submit", () => add("inputs"), true);
addEventListener("DOMContentLoaded", () => add("screens"));
"""


def test_a_typical_signal_takes_four_screens_and_at_most_25_inputs(visit):
    visitor = visit("havendam")
    page = visitor.page
    page.add_init_script(COUNTING)
    visitor.open("/signalen/nieuw")
    choose(page, "acute_danger", "no")
    choose(page, "safe_to_continue", "yes")
    choose(page, "urgency", "five-working-days")
    go_on(page)
    page.fill("#narrative", "Zij werkt zeven dagen in de week in de keuken en krijgt geen loon.")
    fill_day(page, "observed_on", date(2026, 3, 27))
    page.fill("#municipality", "Havendam")
    choose(page, "source_quality", "seen")
    choose(page, "forms", "labour")
    choose(page, "row-wages", "1")
    choose(page, "row-labour-exploitation", "1")
    go_on(page)
    describe_person(page, {"given_name": "Telle", "surname": "Invoer", "birth_date": "3-9-1999", "phone": "0612345670"})
    choose(page, "status", "not_asked")
    choose(page, "capacity", "municipality-wmo")
    go_on(page)
    expect(page).to_have_url(re.compile("/controle$"))
    page.wait_for_load_state()  # The last screen is counted once it is there.
    counted = page.evaluate("({...sessionStorage})")
    page.locator("button[value=submit]").click()
    expect(page).to_have_url(re.compile("/ontvangst$"))
    # The last button comes on top of what was counted before it; the receipt is no screen to fill in.
    screens, inputs = int(counted["screens"]), int(counted["inputs"]) + 1
    assert screens == 4
    assert inputs <= 25


def test_mistakes_come_back_filled_with_a_summary_that_has_the_focus(visit):
    visitor = visit("havendam")
    page = visitor.page
    visitor.open("/signalen/nieuw")
    choose(page, "safe_to_continue", "yes")
    go_on(page)
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("input[name=safe_to_continue][value=yes]")).to_be_checked()
    visitor.check("intake-1-errors")
    page.locator("#errors a").first.click()
    expect(page.locator("[name=acute_danger]").first).to_be_focused()


def test_acute_danger_stops_the_form_and_a_draft_can_be_resumed_after_logout(visit):
    visitor = visit("havendam")
    page = visitor.page
    visitor.open("/signalen/nieuw")
    choose(page, "acute_danger", "yes")
    choose(page, "safe_to_continue", "no")
    choose(page, "urgency", "now")
    go_on(page)
    expect(page.get_by_text("112").first).to_be_visible()
    visitor.check("danger")
    page.locator("main a[href$='/2']").click()
    page.fill("#narrative", "Dit blijft bewaard")
    page.locator("button[value=later]").click()
    visitor.check("drafts")
    page.locator("form[action='/afmelden'] button").click()
    expect(page).to_have_url(visitor.address + "/aanmelden")
    visitor.log_in("havendam")
    visitor.open("/signalen/nieuw")
    page.locator("#concepten a").first.click()
    expect(page).to_have_url(re.compile("/signalen/nieuw/[0-9a-f]{32}/"))
    page.goto(page.url.removesuffix("/3") + "/2")
    expect(page.locator("#narrative")).to_have_value("Dit blijft bewaard")


def _tab_to(page, selector, *, most=400):
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    for _press in range(most):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


def _pick(page, name, value):
    """Tab to a group of radios and walk to the wanted one with the arrow keys; in a group of its own, space ticks it."""
    _tab_to(page, f"input[name='{name}']")
    page.keyboard.press("Space")
    for _step in range(10):
        if page.evaluate("value => document.activeElement.value === value && document.activeElement.checked", value):
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"the arrows do not reach {name}={value}")


def test_the_whole_of_scene_1_works_with_the_keyboard_alone(visit):
    visitor = visit()
    page = visitor.page
    visitor.open("/aanmelden")
    _tab_to(page, "#login")
    page.keyboard.type("havendam")
    page.keyboard.press("Tab")
    page.keyboard.type("een-lang-proefwachtwoord")
    page.keyboard.press("Enter")
    expect(page).to_have_url(visitor.address + "/aanmelden/tweede-stap")
    _tab_to(page, "#code")
    page.keyboard.type(page.locator(".st-demo-code").inner_text())
    page.keyboard.press("Enter")
    expect(page).to_have_url(visitor.address + "/overzicht")
    _tab_to(page, "a[href='/signalen/nieuw']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signalen/nieuw")
    _pick(page, "acute_danger", "no")
    _pick(page, "safe_to_continue", "yes")
    _pick(page, "urgency", "five-working-days")
    _tab_to(page, "button[name=action][value=next]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/2")
    _tab_to(page, "#narrative")
    page.keyboard.type("Man klaagt over zijn loon.")
    _pick(page, "row-wages", "1")
    _tab_to(page, "button[name=action][value=next]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/3")
    _pick(page, "role", "possible_victim")
    _pick(page, "age", "adult")
    _pick(page, "gender", "man")
    _tab_to(page, "[name=id-surname]")
    page.keyboard.type("Toetsenbord")
    _pick(page, "status", "refused")
    _pick(page, "capacity", "municipality-wmo")
    _tab_to(page, "button[name=action][value=next]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/controle")
    _tab_to(page, "button[value=submit]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ontvangst")
    assert REFERENCE.search(page.locator("#reference").inner_text())


def test_the_whole_of_scene_1_works_without_script_and_scene_2_proposes_a_link(visit):
    # Given a signal of the municipality, logged without script
    first = visit("havendam", javascript=False)
    identity = {"given_name": "Jelizaveta", "surname": "Droomland", "birth_date": "3-9-1999", "phone": "0611112222"}
    reference = log_a_signal(first, narrative="Zij slaapt op het werk.", identity=identity, capacity="municipality-wmo")
    # When a care organisation logs one about the same person, spelled differently, with another phone
    second = visit("delinde", javascript=False)
    identity = {"given_name": "Yelizaveta", "surname": "Droomlandt", "birth_date": "1999-09-03", "phone": "0633334444"}
    other = log_a_signal(second, narrative="Cliënte is bang voor haar baas.", identity=identity)
    # Then both owners see that there is a link, and never with what or whom
    for visitor, own, foreign in ((first, reference, other), (second, other, reference)):
        visitor.open("/koppelingen")
        card = visitor.page.locator("section", has=visitor.page.get_by_text(re.compile(own))).last
        expect(card).to_be_visible()
        body = visitor.page.locator("body").inner_text()
        assert foreign not in body
        assert "Droomland" not in body
        card.locator("button[value=confirm]").click()
        expect(visitor.page.locator("[role=status]")).to_be_visible()


def test_the_pages_of_a_proposed_link_are_accessible(visit):
    # axe is a script itself, so it looks at these pages in a browser that has script.
    identity = {"given_name": "Oliwia", "surname": "Sprookjes", "birth_date": "7-7-1990"}
    log_a_signal(
        visit("havendam"), narrative="Zij werkt dag en nacht.", identity=identity, capacity="municipality-safety"
    )
    visitor = visit("delinde")
    log_a_signal(visitor, narrative="Zij vraagt om hulp.", identity=identity)
    visitor.check("receipt-with-link")
    visitor.open("/koppelingen")
    visitor.check("links")
    visitor.page.locator("button[value=refuse]").first.click()
    expect(visitor.page.locator("#errors")).to_be_focused()
    visitor.check("links-error")
