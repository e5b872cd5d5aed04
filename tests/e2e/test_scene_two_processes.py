"""Two hosts serve the pages over one PostgreSQL, and one of them dies while somebody is in the middle of a form."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import make_url, select

from signaltable.flow import fsck
from signaltable.models import LogCheckpoint
from signaltable.program import open_program
from signaltable.transaction import reading
from tests.conftest import OWNER_ROLE, PROGRAM_ROLE, Clock, _createdb, _prepare, coming_as
from tests.crash.round_robin import round_robin
from tests.crash.running import Instance
from tests.e2e.conftest import PATIENCE, Visitor
from tests.e2e.test_scene_1_and_2 import REFERENCE, ZORINKA, choose, describe_person, go_on

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

NARRATIVE = "Zorinka Proefveld slaapt op het werk en krijgt al drie maanden geen loon."


@pytest.fixture
def two_hosts(postgres_region, postgres_server, tmp_path):
    """Two programs with a web each over one new region, and that region. The first has the jobs as well."""
    _createdb(postgres_server, "two_hosts", "")
    address = postgres_server.format("two_hosts")
    owner = coming_as(address, OWNER_ROLE)
    home = tmp_path / "home"
    settings = _prepare(home, coming_as(address, PROGRAM_ROLE), Clock(datetime.now(UTC) - timedelta(hours=1)), owner)
    (home / "database.url").write_text(settings.database_url)
    (home / "database.url").chmod(0o600)
    environment = {"SIGNALTABLE_HOME": str(home), "SIGNALTABLE_TEXT_READER": "off"}
    environment["DATABASE_URL_FILE"] = str(home / "database.url")
    hosts = [Instance(environment, tmp_path / "stderr.txt", flags=flags) for flags in ((), ("--no-jobs",))]
    for one in hosts:
        one.start(wait=False)
    try:
        for one in hosts:
            one.wait()
        yield hosts, settings
    finally:
        for one in hosts:
            one.stop()


def signed(settings):
    """Whether somebody signed the log, as soon as somebody did."""
    program = open_program(settings)
    for _try in range(1800):
        with reading(program, whole="a test looks at what came of it") as session:
            if session.scalars(select(LogCheckpoint)).first():
                return True
        time.sleep(0.1)
    return False


def test_a_host_dies_in_the_middle_of_a_form_and_nothing_is_lost(chromium, two_hosts):
    (first, second), settings = two_hosts
    assert make_url(settings.database_url).get_backend_name() == "postgresql"
    context = chromium.new_context(locale="nl-NL", viewport={"width": 1280, "height": 900})
    with round_robin([first.port, second.port]) as before:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        visitor = Visitor(page, context, f"http://127.0.0.1:{before.port}", set()).log_in("havendam")
        # Given a focal officer who is at the third page of a new signal
        visitor.open("/signalen/nieuw")
        for name, value in (("acute_danger", "no"), ("safe_to_continue", "yes"), ("urgency", "five-working-days")):
            choose(page, name, value)
        go_on(page)
        page.fill("#narrative", NARRATIVE)
        page.fill("#municipality", "Havendam")
        choose(page, "forms", "labour")
        choose(page, "row-wages", "1")
        go_on(page)
        describe_person(page, ZORINKA)
        choose(page, "status", "not_asked")
        choose(page, "capacity", "municipality-wmo")
        assert before.answered.keys() == {first.port, second.port}
        # Nobody signs the log once the host with the jobs is gone, so that has to have been done before.
        assert signed(settings)
        page.wait_for_load_state("networkidle")  # What is still under way would be counted later.
        # When the first host dies with what was typed still in the browser
        first.kill("group", first.processes()["master"][0])
        so_far = before.answered[first.port]
        go_on(page)
        # Then the session goes on at the other one, with everything that was typed
        expect(page).to_have_url(re.compile("/controle$"))
        assert "geen loon" in page.inner_text("main")
        page.locator("button[value=submit]").click()
        expect(page).to_have_url(re.compile("/ontvangst$"))
        reference = REFERENCE.search(page.locator("#reference").inner_text())[0]
        visitor.open(f"/signalen/{reference}")
        expect(page.locator("h1")).to_contain_text(reference)
        assert before.answered[first.port] == so_far
    context.close()
    assert fsck.inspect(open_program(settings)).findings == ()
