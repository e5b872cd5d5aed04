"""People of a municipality come in through their own identity provider: `oidc-provider-mock`, in a process of its own.

It puts any claim of its command line into the token, the level (`acr`) among them; what it cannot do (forge, turn its
keys, be away) is tried against tests/oidc_provider.py.
"""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect
from sqlalchemy import create_engine, text

from tests.e2e.conftest import PATIENCE, Server, Visitor, start_server, stop_server
from tests.ports import free_port

pytestmark = pytest.mark.e2e

HIGH, LOW = "urn:example:high", "urn:example:low"
PEOPLE = {
    "aminah": {"preferred_username": "havendam", "groups": ["aandacht"], "acr": HIGH},
    "zwak": {"preferred_username": "zwak", "groups": ["aandacht"], "acr": LOW},
    "nieuw": {"preferred_username": "nieuw@havendam.test", "name": "N. Ieuw", "groups": ["aandacht"], "acr": HIGH},
}


@dataclass
class Both:
    """The program and the provider."""

    server: Server
    provider: str

    def change(self, person: str, **claims: object) -> None:
        body = json.dumps(PEOPLE[person] | claims).encode()
        request = urllib.request.Request(f"{self.provider}/users/{person}", body, method="PUT")
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request)


@pytest.fixture(scope="module")
def both(region_of_today, tmp_path_factory) -> Iterator[Both]:
    home = tmp_path_factory.mktemp("provider") / "home"
    shutil.copytree(region_of_today.home, home)
    port, own = free_port(), free_port()
    claims = [one for sub, told in PEOPLE.items() for one in ("--user-claims", json.dumps({"sub": sub, **told}))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port), "-n", "True", *claims]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    settings = home / "providers.toml"
    (home / "secret").write_text("geheim\n")
    (home / "secret").chmod(0o600)
    with create_engine(f"sqlite:///{home / 'signaltable.db'}").connect() as connection:
        agency = connection.execute(text("SELECT agency_id FROM accounts WHERE login = 'havendam'")).scalar_one()
    issuer = f"http://127.0.0.1:{port}"
    settings.write_text(
        f"""
[[provider]]
id = "havendam"
title = {{ nl = "Gemeente Havendam", en = "Municipality of Havendam" }}
agencies = ["{agency}"]
issuer = "{issuer}"
client_id = "signaltable"
client_secret_file = "{home / "secret"}"
required_acr = ["{HIGH}"]
two_factors_acr = ["{HIGH}"]
claims = {{ roles = "groups" }}
roles = {{ aandacht = ["focal-officer"] }}
create = true
required = true
"""
    )
    try:
        server = start_server(
            home,
            own,
            SIGNALTABLE_IDENTITY_PROVIDERS=str(settings),
            SIGNALTABLE_ADDRESS=f"http://127.0.0.1:{own}/",
        )
        for _try in range(1800):
            try:
                urllib.request.urlopen(issuer, timeout=60)
                break
            except OSError:
                time.sleep(0.1)
        yield Both(server, issuer)
        stop_server(server)
    finally:
        running.terminate()
        running.wait(timeout=60)


def through(visitor: Visitor, both: Both, person: str) -> None:
    """From the login page to the provider, and back as this person."""
    visitor.open("/aanmelden?next=/signalen")
    visitor.page.click('a[href^="/aanmelden/via/havendam"]')
    visitor.page.click(f'button[name=sub][value="{person}"]')


def test_the_people_of_a_municipality_come_in_through_their_own_provider(chromium, both):
    """ASVS 6.8.1 to 6.8.4, 10.2.1, 10.5.1: first login, level, roles, a proof once more, and out again."""
    context = chromium.new_context(java_script_enabled=False, locale="nl-NL", viewport={"width": 1280, "height": 900})
    visitor = Visitor(context.new_page(), context, both.server.address, set())
    visitor.page.set_default_timeout(PATIENCE)
    page, address = visitor.page, both.server.address
    # The first login binds the account that an administrator made; the second one knows it.
    for _time in range(2):
        through(visitor, both, "aminah")
        expect(page).to_have_url(f"{address}/signalen")
        context.clear_cookies()
    # A level that is not enough: a page that says so, and nobody is in.
    through(visitor, both, "zwak")
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("main")).to_contain_text("acr")
    page.goto(f"{address}/signalen")
    expect(page).to_have_url(f"{address}/aanmelden?next=/signalen")
    # Somebody new gets an account with the role of their group; without the group it does not come in any more.
    through(visitor, both, "nieuw")
    expect(page).to_have_url(f"{address}/signalen")
    context.clear_cookies()
    both.change("nieuw", groups=[])
    through(visitor, both, "nieuw")
    expect(page.locator("main")).to_contain_text("no_roles")
    # Once more who it is: to the provider and back to the page that asked.
    through(visitor, both, "aminah")
    expect(page).to_have_url(f"{address}/signalen")
    page.goto(f"{address}/account/bevestigen?next=/account")
    page.click("button[name=step_up_action]")
    page.click('button[name=sub][value="aminah"]')
    expect(page).to_have_url(f"{address}/account")
    # Out: here first, and then there.
    page.click(".st-menu__button") if page.locator(".st-menu__button").is_visible() else None
    page.click('form[action="/afmelden"] button')
    expect(page).to_have_url(f"{address}/aanmelden?afgemeld=havendam")
    page.click('a[href="/aanmelden/via/havendam/afmelden"]')
    page.click("button[type=submit]")
    expect(page).to_have_url(f"{address}/aanmelden")
    context.close()


def test_every_page_on_the_way_can_be_used_by_everybody(chromium, both):
    """axe, 320 px: the login page with organisations, what did not succeed, the way once more."""
    context = chromium.new_context(locale="nl-NL", viewport={"width": 1280, "height": 900})
    visitor = Visitor(context.new_page(), context, both.server.address, set())
    visitor.page.set_default_timeout(PATIENCE)
    visitor.open("/aanmelden?afgemeld=havendam")
    visitor.check("provider-log-in")
    through(visitor, both, "zwak")
    visitor.check("provider-nothing")
    through(visitor, both, "aminah")
    expect(visitor.page).to_have_url(f"{both.server.address}/signalen")
    visitor.open("/account/bevestigen?next=/account")
    visitor.check("provider-confirm")
    assert not {one for one in visitor.seen if "Content Security Policy" in one}
    context.close()
