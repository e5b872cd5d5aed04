"""The screen in a meeting: ten cases with the keyboard alone, what the keys are, and that a case fits on a projector."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from signaltable.flow.coming_in import actors
from signaltable.flow.table import tasks
from signaltable.models import AgendaItem, MeetingTask
from signaltable.settings import Settings
from signaltable.transaction import Program, reading
from tests.conftest import Clock, open_for_test
from tests.e2e.conftest import Server, Visitor, start_server, stop_server
from tests.factories import a_person, a_signal
from tests.meeting_steps import kept_from, there
from tests.table_steps import asked, on_the_agenda, row, triaged, use

pytestmark = pytest.mark.e2e
CASES = 10
DUE = (datetime.now(UTC) + timedelta(days=30)).date()
# What the chair decides, case by case, as keys: a digit, and for who acts the way to another organisation.
DECISIONS = "1224143213"
# Keys per case beside what is written: the digit, four times Tab, and Ctrl with Enter.
MOST_KEYS = 6
# All together: the six of them that ask somebody to act take six keys, the others two, one case waits for somebody to leave.
ALL_KEYS = 48
# The case from which somebody in the room is kept.
HIDDEN = 5


class Meeting:
    """A meeting of today with ten cases: people, an answer, a task of before."""

    def __init__(self, settings: Settings) -> None:
        program = next(open_for_test(settings, Clock(datetime.now(UTC))))
        self.program: Program = program
        owner, coordinator = (actors.actor_of_login(program, login) for login in ("havendam", "coordinator"))
        people = [a_person(), a_person(role="possible_perpetrator", gender="man")]
        drafts = [a_signal(subjects=people), *(a_signal(subjects=[]) for _each in range(CASES - 1))]
        self.references = [triaged(program, owner, coordinator, draft) for draft in drafts]
        asked(program, coordinator, self.references[0], "avim")
        self.id = on_the_agenda(program, coordinator, *self.references)
        self.member = actors.actor_of_login(program, "avim")
        there(program, coordinator, self.id, self.member)
        hidden = self.references[HIDDEN - 1]
        kept_from(program, self.member, hidden, row(program, hidden).id)
        first = self.references[0]
        use(program, coordinator, tasks.assign, self.id, first, agency="avim", text="Rooster opvragen", due_on=DUE)

    def decisions(self) -> list[AgendaItem]:
        with reading(self.program) as session:
            query = select(AgendaItem).where(AgendaItem.meeting_id == self.id).order_by(AgendaItem.position)
            return list(session.scalars(query))

    def tasks(self) -> int:
        with reading(self.program) as session:
            return len(session.scalars(select(MeetingTask).where(MeetingTask.text == "")).all())


@pytest.fixture(scope="module")
def meeting(region_of_today: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Meeting, Server]]:
    home = tmp_path_factory.mktemp("screen") / "home"
    shutil.copytree(region_of_today.home, home)
    made = Meeting(Settings.from_env({"SIGNALTABLE_HOME": str(home)}))
    running = start_server(home)
    yield made, running
    stop_server(running)


@pytest.fixture(scope="module")
def server(meeting: tuple[Meeting, Server]) -> Server:
    return meeting[1]


class Keyboard:
    """Hands that never touch the mouse, and a count of what they press."""

    def __init__(self, page: Page) -> None:
        self.page, self.pressed = page, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def write(self, words: str) -> None:
        self.page.keyboard.type(words)


def _fits(page: Page, width: int, height: int) -> bool:
    page.set_viewport_size({"width": width, "height": height})
    return bool(page.evaluate("document.documentElement.scrollHeight <= innerHeight"))


def _decide(hands: Keyboard, digit: str) -> None:
    """One decision with its reason; the first two kinds with somebody else who acts and a day of their own."""
    hands.press(digit)
    if digit in "12":
        hands.write("Politie")  # The list of who acts goes to what is typed.
        hands.press("Tab")
        for part in (DUE.day, DUE.month, DUE.year):
            hands.write(str(part))
            hands.press("Tab")
    hands.write("De tafel vindt dit nodig.")
    hands.press("Control+Enter")


def test_the_chair_goes_through_ten_cases_without_the_mouse(
    meeting: tuple[Meeting, Server], visit, chromium: Browser
) -> None:
    made, _server = meeting
    chair: Visitor = visit("voorzitter")
    page = chair.page
    chair.open(f"/tafel/{made.id}/scherm")
    expect(page.locator("h1")).to_have_text(made.references[0])
    chair.check("screen-case")
    assert _fits(page, 1920, 1080)
    assert _fits(page, 1280, 720)
    hands = Keyboard(page)
    hands.press("Tab")
    assert page.evaluate("document.activeElement.rel") == "next"
    hands.press("?", "ArrowRight")
    expect(page.locator("h1")).to_have_text(made.references[1])
    page.wait_for_load_state()  # The keys come with a script.
    hands.press("ArrowLeft")
    expect(page.locator("h1")).to_have_text(made.references[0])
    hands = Keyboard(page)
    for number, digit in enumerate(DECISIONS, start=1):
        if number == HIDDEN:
            # Somebody in the room is kept from this one: nothing of it stands on the screen before they have left.
            expect(page.locator("main")).to_contain_text(made.member.name)
            page.wait_for_load_state()
            assert made.references[HIDDEN - 1] not in page.content()
            hands.press("Tab", "Tab", "Tab", "Enter")
        expect(page.locator("h1")).to_have_text(made.references[number - 1])
        page.wait_for_load_state()
        before = hands.pressed
        _decide(hands, digit)
        assert hands.pressed - before <= MOST_KEYS
        expect(page).to_have_url(f"{chair.address}/tafel/{made.id}/scherm/{'einde' if number == CASES else number + 1}")
    decided = made.decisions()
    kinds = {"1": "refer", "2": "enrich", "3": "watch", "4": "close"}
    assert [one.decision for one in decided] == [kinds[digit] for digit in DECISIONS]
    acting = [one for one in decided if one.decision in ("refer", "enrich")]
    assert {(one.holder_agency, one.due_on) for one in acting} == {("avim", DUE)}
    assert made.tasks() == len(acting)
    # As docs/meetings.md says; what was written is beside it.
    assert hands.pressed == ALL_KEYS
    assert not chair.seen
