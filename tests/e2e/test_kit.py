"""Every component in a real browser: rules of WCAG 2.2 that a program can check, narrow screens, keyboard, no script."""

import threading

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from kit_app import VIEWS, make_kit_app
from playwright.sync_api import expect
from werkzeug.serving import make_server

from tests.e2e.conftest import AXE, AXE_OPTIONS, PATIENCE

pytestmark = pytest.mark.e2e

PAGES = (*VIEWS, "error/400", "error/403", "error/404", "error/409", "error/500")


@pytest.fixture(scope="module")
def address():
    server = make_server("127.0.0.1", 0, make_kit_app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser(chromium):
    return chromium


@pytest.fixture(scope="module")
def contexts(browser):
    """(width, options) -> a window of that width; one for all pages, which keeps what it fetched and holds no cookies."""
    windows = {}
    yield windows
    for one in windows.values():
        one.close()


@pytest.fixture
def open_page(browser, contexts):
    pages, failures = [], []

    def open_at(width, **options):
        window = (width, *sorted(options.items()))
        if window not in contexts:
            contexts[window] = browser.new_context(viewport={"width": width, "height": 800}, **options)
        page = contexts[window].new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.on(
            "response",
            lambda answer: (
                failures.append(answer.url) if answer.status == 500 and "/error/" not in answer.url else None
            ),
        )
        return page

    yield open_at
    for page in pages:
        page.close()
    for context in contexts.values():
        context.clear_cookies()
    assert failures == []


def problems(page):
    page.evaluate(AXE_SCRIPT)
    return page.evaluate(AXE, AXE_OPTIONS)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("view", PAGES)
def test_axe_finds_nothing(open_page, address, view, width):
    page = open_page(width)
    messages = []
    page.on("console", lambda message: messages.append(message.text))

    page.goto(f"{address}/{view}")
    if width == 390:
        page.get_by_text("Menu", exact=True).click()

    assert problems(page) == []
    assert [text for text in messages if "Content Security Policy" in text] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_in_a_form_with_errors(open_page, address, width):
    page = open_page(width)
    page.goto(f"{address}/form")
    page.get_by_role("button", name="Volgende stap").click()

    expect(page.locator("#errors")).to_be_focused()
    assert problems(page) == []


@pytest.mark.parametrize("view", PAGES)
def test_nothing_is_wider_than_a_screen_of_320(open_page, address, view):
    page = open_page(320)
    page.goto(f"{address}/{view}")

    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")

    assert widths[0] <= widths[1]


def test_every_error_links_to_the_control_it_is_about(open_page, address):
    page = open_page(1280)
    page.goto(f"{address}/form")
    page.locator("#seen_on-day").fill("31")
    page.locator("#seen_on-month").fill("2")
    page.get_by_role("button", name="Volgende stap").click()

    expect(page.locator("#errors a")).to_have_count(5)
    targets = page.locator("#errors a").evaluate_all("links => links.map(link => link.getAttribute('href'))")

    assert targets == ["#source-0", "#seen_on-day", "#signs-0", "#facts", "#agree"]
    for target in targets:
        expect(page.locator(target)).to_be_visible()


def test_what_was_typed_and_chosen_comes_back(open_page, address):
    page = open_page(1280)
    page.goto(f"{address}/form")
    page.get_by_label("Verteld door iemand anders").check()
    page.get_by_label("Paspoort afgenomen").check()
    page.locator("#seen_on-month").fill("mrt")
    page.get_by_label("Vermoedelijke vorm").select_option("labour")
    page.get_by_role("button", name="Volgende stap").click()

    expect(page.get_by_label("Verteld door iemand anders")).to_be_checked()
    expect(page.get_by_label("Paspoort afgenomen")).to_be_checked()
    expect(page.locator("#seen_on-month")).to_have_value("mrt")
    expect(page.get_by_label("Vermoedelijke vorm")).to_have_value("labour")


def test_hint_and_error_are_read_with_the_field(open_page, address):
    page = open_page(1280)
    page.goto(f"{address}/form")
    page.get_by_role("button", name="Volgende stap").click()

    expect(page.locator("#facts")).to_have_accessible_description(
        "Feiten, geen conclusies. Geen namen en geen burgerservicenummer. Error: Schrijf op wat er is gezien of gehoord".replace(
            "Error:",
            page.locator("#facts-error .st-hidden").inner_text().strip(),
        ),
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_matrix_works_with_keys_and_says_row_and_column(open_page, address, width):
    page = open_page(width)
    page.goto(f"{address}/matrix")
    first = page.get_by_role("radio", name="Er is gedreigd met geweld 0 geen")
    third = page.get_by_role("radio", name="Er is gedreigd met geweld 2 bewijs")

    first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(third).to_be_checked()
    page.keyboard.press("Tab")

    expect(page.get_by_role("radio", name="Persoon wordt opgesloten 0 geen")).to_be_focused()


def test_the_whole_cell_of_the_matrix_can_be_touched(open_page, address):
    page = open_page(390)
    page.goto(f"{address}/matrix")

    boxes = page.locator(".st-matrix__choice").evaluate_all(
        "cells => cells.map(cell => cell.getBoundingClientRect()).map(box => [box.width, box.height])",
    )

    assert len(boxes) == 60
    assert min(width for width, _ in boxes) >= 44
    assert min(height for _, height in boxes) >= 44


def test_the_menu_opens_without_script_on_a_phone_and_is_open_on_a_desk(open_page, address):
    phone = open_page(390, java_script_enabled=False)
    phone.goto(f"{address}/home")
    link = phone.get_by_role("link", name="Verstrekkingen")
    expect(link).to_be_hidden()
    phone.get_by_text("Menu", exact=True).click()
    expect(link).to_be_visible()

    desk = open_page(1280, java_script_enabled=False)
    desk.goto(f"{address}/home")
    expect(desk.get_by_role("link", name="Verstrekkingen")).to_be_visible()
    expect(desk.get_by_text("Menu", exact=True)).to_be_hidden()


def test_the_first_tab_offers_to_skip_to_the_content(open_page, address):
    page = open_page(1280)
    page.goto(f"{address}/home")

    page.keyboard.press("Tab")
    skip = page.locator("a[href='#main']")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_a_second_click_does_not_send_a_form_again(open_page, address):
    page = open_page(1280)
    page.goto(f"{address}/kit")
    page.evaluate("""() => {
      window.sent = 0;
      const form = document.querySelector("main form.st-form");
      form.addEventListener("submit", () => window.sent++);
      document.addEventListener("submit", (event) => { window.stopped = event.defaultPrevented; event.preventDefault(); });
    }""")
    button = page.locator("main form.st-form").get_by_role("button", name="Opslaan")

    button.click()
    first = page.evaluate("window.stopped")
    button.click()

    assert (first, page.evaluate("window.stopped")) == (False, True)


def test_a_refusal_says_its_reason(open_page, address):
    page = open_page(1280)
    page.goto(f"{address}/error/403")

    expect(page.get_by_text("Alleen de coördinator van de tafel kan dit signaal openen.")).to_be_visible()
