"""The link in a mail, where mails go, and what the administrator sees of them."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from signaltable import jobs
from signaltable.cli import main
from signaltable.flow import enrich
from signaltable.mail_settings import MailServer
from signaltable.models import Account, Mail
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD
from tests.databases import environment
from tests.letting_in import sign_in
from tests.mail_server import Received, serving
from tests.mail_steps import FROM, mails, run, tell, with_address, with_server, written
from tests.table_steps import asked, log, triaged, use
from tests.web.people import Person

OVER = re.compile("What that mail was about is done|Waar die e-mail over ging, is klaar")
COME_BACK = re.compile("Mails come back|E-mails komen terug")


@pytest.fixture
def question(sqlite_program, actor):
    """A question to AVIM of which it was told; the id of the question and the link in the mail."""
    coordinator = actor(sqlite_program, "coordinator")
    reference = triaged(sqlite_program, actor(sqlite_program, "havendam"), coordinator)
    (asked_for,) = asked(sqlite_program, coordinator, reference, "avim")
    jobs.run_outbox(sqlite_program)
    (message,) = (one for one in written(sqlite_program) if one["To"].startswith("avim@"))
    return asked_for, re.search(r"http://[^/]+(/taak/\S+)", message.get_content())[1]


def test_from_the_mail_to_the_question_in_one_click(sqlite_program, question):
    asked_for, link = question
    answer = Person(sqlite_program, "avim").get(link)
    assert (answer.status_code, answer.location) == (303, f"/vragen/{asked_for}")


def test_the_link_survives_signing_in(sqlite_program, question):
    _asked, link = question
    person = Person(sqlite_program)
    to_login = person.get(link).location
    assert f'name="next" value="{link}"' in person.get(to_login).text
    assert sign_in(person.client, "avim", PASSWORD, link).location == link
    assert person.get(link).location.startswith("/vragen/")


def test_signing_in_leads_to_no_other_site(sqlite_program):
    person = Person(sqlite_program)
    for elsewhere in ("//evil.example/taak/1", "https://evil.example", "/\\evil.example", "/taak/..//\tevil"):
        assert sign_in(person.client, "avim", PASSWORD, elsewhere).location == "/overzicht"


def test_for_anybody_else_the_link_leads_to_the_work_list(sqlite_program, question):
    _asked, link = question
    riec = Person(sqlite_program, "riec")
    for path in (link, *(f"/taak/{made_up}" for made_up in ("0" * 32, "x", "..", "%00"))):
        answer = riec.get(path)
        assert answer.status_code == 404 or answer.location == "/overzicht"
    assert riec.get(link).location == "/overzicht"
    assert not OVER.search(riec.get("/overzicht").text)


def test_what_is_done_is_told_in_one_sentence(sqlite_program, question, actor):
    asked_for, link = question
    use(sqlite_program, actor(sqlite_program, "avim"), enrich.answer, asked_for, answer="no_hit")
    person = Person(sqlite_program, "avim")
    answer = person.get(link)
    assert (answer.status_code, answer.location) == (303, "/overzicht")
    assert len(OVER.findall(person.get("/overzicht").text)) == 1


def test_somebody_says_where_the_own_mails_go(sqlite_program):
    """ASVS 7.5.1: where warnings about an account go changes after a proof of just now, and a language without one."""
    person = Person(sqlite_program, "avim")
    stolen = {"mail_address": "dief@post.example", "language": "nl"}
    assert 'name="step_up_password"' in person.post("/account", stolen).text
    with reading(sqlite_program) as session:
        assert session.scalars(select(Account.mail_address).where(Account.login == "avim")).one() == ""
    assert person.post("/account", {"mail_address": "", "language": "en"}).status_code == 303
    person.post("/taal", {"lang": "nl", "next": "/"})
    person.prove()
    wrong = person.post("/account", {"mail_address": "geen adres", "language": "nl"})
    assert wrong.status_code == 422
    assert 'value="geen adres"' in wrong.text
    right = person.post("/account", {"mail_address": "avim@post.example", "language": "en"})
    assert (right.status_code, right.location) == (303, "/account")
    assert "avim@post.example" in person.get("/account").text
    with reading(sqlite_program) as session:
        account = session.scalars(select(Account).where(Account.login == "avim")).one()
    assert (account.mail_address, account.language) == ("avim@post.example", "en")
    assert person.post("/account", {"mail_address": "", "language": "xx"}).status_code == 403
    log_file = sqlite_program.settings.log_file
    assert not log_file.exists() or "post.example" not in log_file.read_text()


def test_mails_that_come_back_are_shown_to_both(sqlite_program, actor):
    program = replace(
        sqlite_program,
        settings=replace(sqlite_program.settings, mail_server=MailServer("mail.example", 25, "starttls", FROM)),
    )
    with_address(program, "avim", "beheer")
    received = Received(at_recipient=["550 5.1.1 no"])
    with serving(received) as port:
        tell(program, "avim", urgent=True)
        run(with_server(program, port))
    avim, beheer = Person(program, "avim"), Person(program, "beheer")
    account = f"/beheer/accounts/{actor(program, 'avim').account_id}"
    beheer.prove()
    assert 'href="/account"' in avim.get("/overzicht").text
    assert "st-alert--warning" in avim.get("/overzicht").text
    assert "st-alert--warning" not in beheer.get("/overzicht").text
    page = beheer.get("/beheer/berichten").text
    assert "5.1.1" in page
    assert f'href="{account}"' in page
    assert "post.example" not in page
    assert any(
        COME_BACK.search(beheer.get(f"/beheer{after}").text)
        for after in ("", f"?organisatie={actor(program, 'avim').agency_id}")
    )
    assert beheer.post(f"{account}/e-mail", {"mail_address": "fout"}, page=account).status_code == 422
    assert beheer.post(f"{account}/e-mail", {"mail_address": "avim@post.example"}, page=account).status_code == 303
    assert "st-alert--warning" not in avim.get("/overzicht").text
    auditor = Person(program, "auditor")
    (entry, _details) = log(program, "mail:fail")[-1]
    for page in (auditor.get("/audit"), auditor.get(f"/audit/{entry.seq}")):
        assert page.status_code == 200
        assert "post.example" not in page.text
    assert "5.1.1" in auditor.get(f"/audit/{entry.seq}").text


def test_only_the_administrator_sees_how_the_mails_are_doing(sqlite_program):
    assert Person(sqlite_program, "coordinator").get("/beheer/berichten").status_code == 403
    assert "outbox" in Person(sqlite_program, "beheer").get("/beheer/berichten").text


@pytest.fixture
def command(sqlite_program, monkeypatch):
    settings = sqlite_program.settings
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)

    def run_it(*arguments, **env):
        return CliRunner(env=env).invoke(main, ["mail", *arguments])

    return run_it


def test_a_test_mail_from_the_command_line(sqlite_program, command, tmp_path):
    with_address(sqlite_program, "avim")
    assert "outbox" in command("test", "--to", "avim").output
    received = Received(at_data=["250 OK", "550 5.7.1 avim@post.example not allowed"])
    with serving(received) as port:
        env = {
            "SIGNALTABLE_SMTP": f"127.0.0.1:{port}",
            "SIGNALTABLE_SMTP_TLS": "none",
            "SIGNALTABLE_SMTP_FROM": FROM,
        }
        assert command("test", "--to", "avim", **env).exit_code == 0
        refused = command("test", "--to", "avim", **env)
        assert command("test", "--to", "riec", **env).output.count("no-address") == 1
    assert refused.exit_code == 1
    assert "5.7.1" in refused.output
    assert "post.example" not in refused.output
    assert len(received.mails) == 1
    assert command("test", "--to", "nobody").exit_code == 1
    assert command("test", "--to", "avim", SIGNALTABLE_SMTP="mail.example").exit_code == 2
    secret = {**env, "SIGNALTABLE_SMTP_USER": "x", "SIGNALTABLE_SMTP_PASSWORD_FILE": str(tmp_path / "none")}
    assert command("test", "--to", "avim", **secret).exit_code == 2
    assert {mail.state for mail in mails(sqlite_program, template="test")} == {"sent", "failed"}


def test_the_state_of_the_mails_on_the_command_line(sqlite_program, command):
    tell(sqlite_program, "avim")
    with transaction(sqlite_program, jobs.JOBS) as tx:
        tx.session.scalars(select(Mail)).one().created_at = tx.now
    assert '"waiting": 1' in command("status", "--json").output
    assert "waiting" in command("status").output
