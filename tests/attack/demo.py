"""A demonstration in a folder of its own, served on this machine, and people who sign in to it through the pages."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from signaltable.flow.setup import demo_accounts
from signaltable.settings import Settings
from tests.letting_in import SECOND_STEP, TOKEN, shown_code

CHECKOUT = Path(__file__).resolve().parents[2]
# Starting takes some seconds; a machine that is busy takes more.
START_SECONDS = 120
# What stops a scanner from the outside. With these raised it can try everything that it knows.
_RAISED = {
    "rates.toml": ((r"^((?:person|machine|agency|stranger) = )\d+", "1000000"),),
    "sign_in.toml": (
        (r"^((?:known_browser|account|network) = )\d+", "10000"),
        (r"^(account_in_network = )\d+", "9000"),
    ),
}


@dataclass(frozen=True, slots=True)
class Demo:
    """Where a demonstration listens, and with which password people come in."""

    url: str
    passwords: dict[str, str]

    def __repr__(self) -> str:
        """Without the passwords."""
        return f"Demo({self.url})"


@contextmanager
def served(folder: Path, *, limits: bool) -> Iterator[Demo]:
    """Serve a fresh demonstration for as long as this lasts; without its rates unless `limits`."""
    env = _surroundings(folder, limits=limits)
    _run([*_PROGRAM, "init", "--demo"], env)
    port = _free_port()
    log = (folder / "served.txt").open("wb")
    running = subprocess.Popen(
        [*_PROGRAM, "run", "--port", str(port), "--no-reader"], env=env, cwd=CHECKOUT, stdout=log, stderr=log
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/gezond", running)
        accounts = demo_accounts(Settings.from_env(env))
        yield Demo(url, {str(one["login"]): str(one["password"]) for one in accounts})
    finally:
        running.terminate()
        running.wait(timeout=30)
        log.close()


def sign_in(demo: Demo, login: str) -> requests.Session:
    """A browser in which this person signed in, with the password and the code that the demonstration shows."""
    browser = requests.Session()
    answer = _give_password(demo, browser, login)
    given = {"csrf_token": _token(answer.text), "way": "code", "given": shown_code(answer.text)}
    browser.post(demo.url + SECOND_STEP, data=given, timeout=60)
    if not is_signed_in(demo, browser):
        raise SystemExit(f"attack: {login} could not sign in")
    return browser


def password_counts(demo: Demo, login: str) -> bool:
    """Whether the right password leads to the second step, in a browser that is not known."""
    return _give_password(demo, requests.Session(), login).url.endswith(SECOND_STEP)


def _give_password(demo: Demo, browser: requests.Session, login: str) -> requests.Response:
    page = f"{demo.url}/aanmelden"
    token = _token(browser.get(page, timeout=60).text)
    given = {"csrf_token": token, "login": login, "password": demo.passwords[login], "next": ""}
    return browser.post(page, data=given, timeout=60)


def is_signed_in(demo: Demo, browser: requests.Session) -> bool:
    """Whether the session of this browser still runs."""
    return browser.get(f"{demo.url}/account", allow_redirects=False, timeout=60).status_code == 200


def cookie_header(browser: requests.Session) -> str:
    """What this browser sends as its cookies."""
    return "; ".join(f"{one.name}={one.value}" for one in browser.cookies)


def cookie_file(browser: requests.Session, path: Path) -> Path:
    """The cookies of this browser as wapiti reads them."""
    kept = {
        one.name: {"value": one.value, "version": 0, "expires": None, "secure": False, "port": None}
        for one in browser.cookies
    }
    path.write_text(json.dumps({"127.0.0.1": {"/": kept}}))
    return path


_PROGRAM = (sys.executable, "-c", "from signaltable.cli import main; main(prog_name='signaltable')")


def _surroundings(folder: Path, *, limits: bool) -> dict[str, str]:
    policies = shutil.copytree(CHECKOUT / "policies", folder / "policies")
    for name, changes in () if limits else _RAISED.items():
        text = (policies / name).read_text()
        for pattern, raised in changes:
            text = re.sub(pattern, rf"\g<1>{raised}", text, flags=re.MULTILINE)
        (policies / name).write_text(text)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "SIGNALTABLE_HOME": str(folder / "home"),
        "SIGNALTABLE_POLICIES": str(policies),
        "SIGNALTABLE_TEXT_READER": "off",
    }


def _run(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"attack: the demonstration was not made: {done.stderr.strip().splitlines()[-1:]}")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait_for(url: str, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and running.poll() is None:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    raise SystemExit("attack: the demonstration did not start")


def _token(page: str) -> str:
    found = re.search(TOKEN, page)
    if not found:
        raise SystemExit("attack: expected a form with a token")
    return found[1]
