"""A program in this process whose clock the test moves: half a year passes between two pages, and the jobs run as they would."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from playwright.sync_api import Browser, BrowserContext
from werkzeug.serving import make_server

from signaltable.jobs import jobs
from signaltable.jobs.running import FAILED, take_turn
from signaltable.settings import Settings
from signaltable.transaction import Program
from signaltable.web import create_app
from tests.conftest import Clock, open_for_test
from tests.e2e.conftest import PATIENCE, Visitor
from tests.ports import free_port


@dataclass
class Region:
    """A running program, the people at its screens, and its clock."""

    program: Program
    clock: Clock
    address: str
    browser: Browser
    people: dict[str, Visitor]
    contexts: list[BrowserContext]

    def at(self, moment: datetime) -> None:
        """Let time pass until then; the jobs that are due meanwhile run, and sessions of before have ended."""
        assert moment >= self.clock.now
        self.clock.now = moment
        self.run_jobs()
        for context in self.contexts:
            context.close()
        self.contexts.clear()
        self.people.clear()

    def run_jobs(self) -> None:
        """Every job that is due, once."""
        for job in jobs(self.program.settings):
            found = take_turn(self.program, job)
            assert found.result != FAILED, (job.name, found.outcome)

    def __call__(self, login: str) -> Visitor:
        """Somebody at a screen, logged in; the same one until time passes."""
        if login not in self.people:
            context = self.browser.new_context(locale="nl-NL", viewport={"width": 1280, "height": 900})
            self.contexts.append(context)
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            self.people[login] = Visitor(page, context, self.address, set()).log_in(login)
        return self.people[login]


@contextmanager
def moving_region(settings: Settings, browser: Browser, start: datetime) -> Iterator[Region]:
    """Serve the program of a home from a thread, with a clock that begins at `start`."""
    clock = Clock(start)
    for program in open_for_test(settings, clock):
        port = free_port()
        server = make_server("127.0.0.1", port, create_app(settings, program), threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        region = Region(program, clock, f"http://127.0.0.1:{port}", browser, {}, [])
        try:
            yield region
        finally:
            for context in region.contexts:
                context.close()
            server.shutdown()
            thread.join()
