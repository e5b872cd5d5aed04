"""The meldroutekaart at a screen: read it, try it with the keyboard and without script, search the grounds, compare versions."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def lanes(page):
    return page.locator(".card-lane--lit")


def test_the_card_is_read_tried_and_searched(visit):
    visitor = visit("havendam")
    page = visitor.page
    page.get_by_role("link", name="Meldroutekaart", exact=True).first.click()
    expect(page).to_have_url(re.compile("/meldroutekaart$"))
    visitor.check("card")

    page.locator("#oefenen > summary").click()
    page.select_option("#acute_danger", "yes")
    page.select_option("#shelter_needed", "yes")
    page.select_option("#gender", "man")
    page.locator("#oefenen form[action='/meldroutekaart'] button").click()
    expect(lanes(page)).to_have_count(2)
    expect(page.locator("#route-M12")).to_have_class(re.compile("st-route--lit"))
    expect(page.locator("#gender")).to_have_value("man")
    assert page.url.endswith("/meldroutekaart")
    visitor.check("card-lit")

    visitor.open("/meldroutekaart/grondslagen")
    visitor.check("card-grounds")
    page.locator(".st-pairs__link").first.click()
    expect(page.locator("select[name=algemeen]")).to_have_value("nee")
    visitor.check("card-grounds-found")
    visitor.open("/meldroutekaart/grondslagen/POL8")
    visitor.check("card-ground")
    visitor.open("/meldroutekaart/versies")
    visitor.check("card-versions")
    assert visitor.seen == set()


def test_a_mistake_in_an_exercise_is_told_above_and_at_the_field(visit):
    visitor = visit("havendam")
    visitor.open("/meldroutekaart")
    visitor.page.locator("#oefenen > summary").click()
    visitor.page.fill("#age_years", "oud")
    visitor.page.locator("#oefenen form[action='/meldroutekaart'] button").click()

    expect(visitor.page.locator("#age_years-error")).to_be_visible()
    expect(visitor.page).to_have_title(re.compile("^Fout:"))
    visitor.check("card-error")


def test_an_exercise_with_the_keyboard_alone(visit):
    page = visit("havendam").page
    page.goto(page.url.replace("/overzicht", "/meldroutekaart"))

    # When: a link in the picture is reached and followed, then the panel is opened and sent.
    page.locator(".pic--card a").first.focus()
    assert page.evaluate("getComputedStyle(document.activeElement.querySelector('.card-frame')).strokeWidth") == "3px"
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#route-M1$"))
    page.locator("#oefenen > summary").focus()
    page.keyboard.press("Enter")
    page.locator("#stuck").focus()
    page.keyboard.press("ArrowDown")
    page.locator("#oefenen form[action='/meldroutekaart'] button").focus()
    page.keyboard.press("Enter")

    # Then: the route of a stuck case lights up.
    expect(lanes(page)).to_have_count(1)
    expect(page.locator("#route-M20")).to_have_class(re.compile("st-route--lit"))


def test_an_example_and_a_search_without_script(visit):
    page = visit("havendam", javascript=False).page
    page.goto(page.url.replace("/overzicht", "/meldroutekaart"))
    page.locator("#oefenen > summary").click()
    page.select_option("#example", "M9-1")
    page.locator("#oefenen form[action$='/voorbeeld'] button").click()
    expect(page.locator("#route-M9")).to_have_class(re.compile("st-route--lit"))
    expect(page.locator("#organised")).to_have_value("yes")

    page.goto(page.url.split("/meldroutekaart")[0] + "/meldroutekaart/grondslagen")
    page.locator(".st-filter summary").click()
    page.fill("input[name=tekst]", "POL8")
    page.locator(".st-filter button[type=submit]").click()
    expect(page.locator("#gronden tbody tr")).to_have_count(1)


def test_the_picture_scrolls_in_its_own_frame_on_a_phone(visit):
    page = visit("havendam").page
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(page.url.replace("/overzicht", "/meldroutekaart"))

    frame = page.locator(".st-picture__frame")

    assert frame.evaluate("one => one.scrollWidth > one.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(frame).to_have_attribute("role", "region")
    expect(frame).to_have_attribute("tabindex", "0")
    assert frame.get_attribute("aria-label")


def test_the_download_is_a_pdf(visit):
    page = visit("havendam").page
    page.goto(page.url.replace("/overzicht", "/meldroutekaart"))

    with page.expect_download() as found:
        page.locator("a[href$='kaart.pdf']").click()

    assert found.value.suggested_filename.startswith("meldroutekaart-")
    assert found.value.path().read_bytes().startswith(b"%PDF-")
