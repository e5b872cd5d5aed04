"""A real program in its own process, and a real chromium that looks at it."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from signaltable.settings import Settings
from tests.conftest import PASSWORD, REQUIRED
from tests.ports import free_port

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Without the files that no rule of these tags looks at; and only what was found comes back, not all that was right.
AXE_OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"], "preload": False}
AXE = "options => axe.run(options).then(said => said.violations.map(one => ({id: one.id, nodes: one.nodes.map(node => node.target)})))"
# How long a page may take to come, or to be as it is expected, in milliseconds: the machine may have much else to do.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
SHOTS = Path(os.environ["SIGNALTABLE_SHOTS"]) if os.environ.get("SIGNALTABLE_SHOTS") else None
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        if "e2e" in REQUIRED:
            pytest.fail(f"no {CHROMIUM}; `apt-get install chromium`")
        pytest.skip("browser tests skipped: no chromium; `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Server:
    address: str
    home: Path
    process: subprocess.Popen[bytes]
    # Who logged in once is let in with the same cookie: a login of its own takes each time as long as a password is to cost.
    cookies: dict[str, StorageState] = field(default_factory=dict)


def start_server(home: Path, port: int = 0, **environment: str) -> Server:
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "signaltable.cli", "run", "--port", str(port)],
        cwd=ROOT,
        # The text reader takes a gigabyte and a minute; tests/text_reader starts it where it is what is tested.
        env={**os.environ, "SIGNALTABLE_HOME": str(home), "SIGNALTABLE_TEXT_READER": "off", **environment},
        stdout=subprocess.DEVNULL,
        stderr=(home / "stderr.txt").open("wb"),
    )
    address = f"http://127.0.0.1:{port}"
    for _try in range(1800):
        try:
            urllib.request.urlopen(f"{address}/gezond", timeout=60)
        except OSError:
            time.sleep(0.1)
            if process.poll() is not None:
                break
        else:
            return Server(address, home, process)
    process.kill()
    raise RuntimeError((home / "stderr.txt").read_text())


def stop_server(server: Server) -> None:
    server.process.terminate()
    server.process.wait(timeout=180)


@pytest.fixture(scope="module")
def server(region_of_today: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`signaltable run` over the demo region with accounts and no signals."""
    home = tmp_path_factory.mktemp("e2e") / "home"
    shutil.copytree(region_of_today.home, home)
    running = start_server(home)
    yield running
    stop_server(running)


@dataclass
class Visitor:
    """A person at a screen: a page of a context of its own, with the checks that every page must pass."""

    page: Page
    context: BrowserContext
    address: str
    seen: set[str]

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def log_in(self, login: str, password: str = PASSWORD, *, lands: str = "/overzicht") -> "Visitor":
        self.open("/aanmelden")
        self.page.fill("#login", login)
        self.page.fill("#password", password)
        self.page.click("main button[type=submit]")
        expect(self.page).to_have_url(f"{self.address}/aanmelden/tweede-stap")
        self.page.fill("#code", self.page.locator(".st-demo-code").first.inner_text())
        self.page.click("main button[type=submit]")
        expect(self.page).to_have_url(self.address + lands)
        return self

    def prove(self) -> "Visitor":
        """Prove once more who it is, for what asks that (step-up), and come back."""
        before = self.page.url
        self.open("/account/bevestigen")
        self.page.fill("#step_up_code", self.page.locator(".st-demo-code").first.inner_text())
        self.page.click("main button[type=submit]")
        expect(self.page).to_have_url(f"{self.address}/overzicht")
        self.page.goto(before)
        return self

    def check(self, name: str) -> None:
        """axe finds nothing at 1280 and 390 px, and nothing scrolls sideways at 320 px; keeps a picture when asked.

        What can be unfolded on the page is looked at unfolded.
        """
        problems = []
        self.page.evaluate(AXE_SCRIPT)
        unfolded = self.page.locator("main details:not([open])").element_handles()
        for details in unfolded:
            details.evaluate("one => one.open = true")
        for width in (1280, 390):
            self.page.set_viewport_size({"width": width, "height": 900})
            problems += [(width, one["id"], one["nodes"][:3]) for one in self.page.evaluate(AXE, AXE_OPTIONS)]
            if SHOTS:
                SHOTS.mkdir(parents=True, exist_ok=True)
                self.page.screenshot(path=SHOTS / f"{name}-{width}.png", full_page=True)
        self.page.set_viewport_size({"width": 320, "height": 900})
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        self.page.set_viewport_size({"width": 1280, "height": 900})
        for details in unfolded:
            details.evaluate("one => one.open = false")
        assert problems == [], name
        assert wide <= 320, f"{name} scrolls sideways at 320 px: {wide}"


@pytest.fixture
def visit(chromium: Browser, server: Server) -> Iterator[Callable[..., Visitor]]:
    """visit("havendam"): a person who is logged in; visit("havendam", javascript=False) for a browser without script."""
    contexts: list[BrowserContext] = []

    def start(login: str = "", *, javascript: bool = True) -> Visitor:
        context = chromium.new_context(
            java_script_enabled=javascript,
            locale="nl-NL",
            viewport={"width": 1280, "height": 900},
            storage_state=server.cookies.get(login),
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        visitor = Visitor(page, context, server.address, set())
        page.on("console", lambda message: visitor.seen.add(message.text) if message.type == "error" else None)
        if not login:
            return visitor
        if login in server.cookies:
            visitor.open("/overzicht")
            # Somebody may have logged out in the meantime, or lost a role.
            if page.url == f"{server.address}/overzicht":
                return visitor
        visitor.log_in(login)
        server.cookies[login] = context.storage_state()
        return visitor

    yield start
    for context in contexts:
        context.close()
