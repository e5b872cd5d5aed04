"""One look at an identity in a real browser: the mark across it on the screen and on paper, and that the page goes by itself."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from signaltable.flow.coming_in import actors
from signaltable.program import open_program
from tests.conftest import PASSWORD
from tests.factories import a_signal
from tests.identity_steps import CONSENTED, approved, on_the_table

pytestmark = pytest.mark.e2e


def test_who_looks_stands_across_the_page_and_on_paper(visit, server, region_of_today):
    program = open_program(
        replace(region_of_today, home=server.home, database_url=f"sqlite:///{server.home}/signaltable.db")
    )
    actor = actors.actor_of_login
    today = datetime.now(UTC).date().isoformat()
    case = on_the_table(program, actor, a_signal(consent={**CONSENTED, "on": today}))
    made = approved(program, actor(program, "essm"), actor(program, "fg.havendam"), case)
    care = visit("essm", javascript=False)
    care.open(f"/identiteit/{made}")
    care.page.fill("#step_up_password", PASSWORD)
    care.page.click("#openen button")
    expect(care.page.locator("main")).to_contain_text("Proefveld")
    care.page.wait_for_load_state()
    marks = care.page.locator(".st-watermark span")
    for medium in ("screen", "print"):
        care.page.emulate_media(media=medium)
        data = care.page.locator(".st-watermarked .st-card").bounding_box()
        shown = [box for box in (one.bounding_box() for one in marks.all()) if box and within(box, data)]
        assert len(shown) >= 4, medium
        assert made in marks.first.inner_text()
    care.page.emulate_media(media="screen")
    # What covers the data must not keep a finger or a mouse from anything.
    care.page.locator("main form button").click()
    expect(care.page.locator("main")).not_to_contain_text("Proefveld")


def within(box, around):
    """Whether a part of a box lies on another."""
    beside = box["x"] > around["x"] + around["width"] or box["x"] + box["width"] < around["x"]
    above = box["y"] > around["y"] + around["height"] or box["y"] + box["height"] < around["y"]
    return not beside and not above
