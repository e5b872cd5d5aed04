"""Somebody new comes in: a code, a password, an app, a passkey; then every way of signing in, and an end to a lost session."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import CDPSession, Page, expect

from signaltable.flow.accounts import record_account
from signaltable.flow.coming_in import activating, actors
from signaltable.settings import Settings
from signaltable.transaction import transaction
from tests.conftest import Clock, open_for_test
from tests.e2e.conftest import Server, Visitor, start_server, stop_server

pytestmark = pytest.mark.e2e
LOGIN, PASSWORD = "nieuwe.auditor", "vier losse woorden achter elkaar"
SECURITY, ADD = "/account/beveiliging", "/account/beveiliging/passkey"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def invited(region_of_today: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home in which the administrator made an account a moment ago, and the code that was handed over."""
    home = tmp_path_factory.mktemp("signing-in") / "home"
    shutil.copytree(region_of_today.home, home)
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(home)})
    for program in open_for_test(settings, Clock(datetime.now(UTC))):
        desk = actors.actor_of_login(program, "beheer")
        with transaction(program, desk) as tx:
            agency = actors.actor_of_login(program, "auditor").agency_id
            account = record_account(tx, login=LOGIN, name="Noor Nieuw", agency_id=agency, roles=["auditor"])
            code = activating.invite(tx, account).code
    return home, code


@pytest.fixture(scope="module")
def server(invited: tuple[Path, str]) -> Iterator[Server]:
    """`signaltable run`, found under the name of the own machine: a browser makes no passkeys for a number."""
    running = start_server(invited[0])
    running.address = running.address.replace("127.0.0.1", "localhost")
    yield running
    stop_server(running)


def press(page: Page, action: str) -> None:
    page.click(f'main form[action="{action}"] button[type=submit]')


def with_passkey(page: Page) -> None:
    page.click("main [data-passkey] button")


def sign_out(visitor: Visitor) -> None:
    visitor.page.locator('header form[action="/afmelden"] button').click()
    expect(visitor.page).to_have_url(visitor.address + "/aanmelden")


def give_password(visitor: Visitor) -> None:
    visitor.open("/aanmelden")
    visitor.page.fill("#login", LOGIN)
    visitor.page.fill("#password", PASSWORD)
    press(visitor.page, "/aanmelden")
    expect(visitor.page).to_have_url(visitor.address + "/aanmelden/tweede-stap")


def a_device(visitor: Visitor) -> tuple[CDPSession, str]:
    """A device with passkeys beside this screen, which always finds that it is its owner."""
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return session, made["authenticatorId"]


def test_somebody_new_comes_in_and_then_in_every_way(
    visit: Callable[..., Visitor], invited: tuple[Path, str], server: Server
) -> None:
    """ASVS 6.3.3, 6.4.1, 6.5.1, 7.2.4, 7.5.2, 7.5.3, in a real browser with a virtual authenticator."""
    me, (_home, code) = visit(), invited
    page = me.page
    device, authenticator = a_device(me)
    # The code, once, and a password of one's own
    me.open("/activeren")
    page.fill("#login", LOGIN)
    page.fill("#code", code.lower())
    press(page, "/activeren")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    press(page, "/activeren/kiezen")
    expect(page).to_have_url(server.address + SECURITY)
    me.check("first-factor")
    # Nothing else is open before there is a second step
    me.open("/overzicht")
    expect(page).to_have_url(server.address + SECURITY)
    press(page, f"{SECURITY}/app/begin")
    app = pyotp.TOTP(page.inner_text(".st-secret").replace(" ", ""))
    used = app.now()
    page.fill("#code", used)
    page.fill("#title", "Telefoon")
    press(page, f"{SECURITY}/app")
    expect(page.locator(".st-recovery li")).to_have_count(10)
    # A passkey, after a proof
    me.open(SECURITY)
    page.click(f'main a[href="{ADD}"]')
    page.fill("#step_up_password", PASSWORD)
    press(page, "/account/bevestigen")
    expect(page).to_have_url(server.address + ADD)
    me.check("new-passkey")
    page.fill("#title", "Sleutelbos")
    with_passkey(page)
    expect(page).to_have_url(server.address + SECURITY)
    expect(page.locator("main table").first).to_contain_text("Sleutelbos")
    me.check("security")
    assert len(device.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})["credentials"]) == 1
    # The same device is no second passkey
    me.open(ADD)
    with_passkey(page)
    expect(page.locator("[data-said]")).not_to_be_empty()
    sign_out(me)
    # As a second step
    give_password(me)
    me.check("second-step")
    with_passkey(page)
    expect(page).to_have_url(server.address + "/overzicht")
    sign_out(me)
    # Alone, to the page that was asked for
    me.open(SECURITY)
    me.check("log-in")
    with_passkey(page)
    expect(page).to_have_url(server.address + SECURITY)
    # What weighs asks once more, and one touch goes on with what was filled in
    me.open("/audit/export")
    page.fill("#van", "3-11-2026")
    press(page, "/audit/export")
    expect(page).to_have_url(server.address + "/audit/export")
    me.check("confirm")
    with_passkey(page)
    expect(page).to_have_url(re.compile("/audit/export/[0-9a-f]+$"))
    expect(page.locator("main")).to_contain_text("3 november 2026")
    # Elsewhere by the app: the code of before counts no more, the next one does
    other = visit()
    give_password(other)
    other.page.fill("#code", used)
    other.page.click("main form:has(#code) button")
    expect(other.page.locator("#errors")).to_be_visible()
    other.page.fill("#code", app.at(int(time.time()), counter_offset=1))
    other.page.click("main form:has(#code) button")
    expect(other.page).to_have_url(server.address + "/overzicht")
    # That one is ended from here
    me.open(SECURITY)
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.locator(f'form[action="{SECURITY}/sessies"] button').first.click()
    other.open("/overzicht")
    expect(other.page).to_have_url(server.address + "/aanmelden?next=/overzicht")
    # A device of somebody else lets nobody in, and the page says so in words
    sign_out(me)
    device.send("WebAuthn.clearCredentials", {"authenticatorId": authenticator})
    device.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    with_passkey(page)
    expect(page.locator("[data-said]")).not_to_be_empty()
    assert not [one for one in me.seen if "Content Security" in one or "Error:" in one]
