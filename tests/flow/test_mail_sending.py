"""Sending over SMTP to a real server on this machine: what it gets, what it answers, and two processes at once."""

import os
import resource
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from signaltable import jobs
from signaltable.domain import NotFound, UnusableInput
from signaltable.flow.mail import addresses, replies, sending, status
from signaltable.flow.mail.composing import Letter
from signaltable.flow.mail.transports import Folder
from signaltable.mail_rules import KINDS
from signaltable.mail_settings import is_address, read_mail_server
from signaltable.models import Account
from signaltable.settings import UnusableSettings
from signaltable.transaction import reading, transaction
from tests.mail_server import Received, serving
from tests.mail_steps import FROM, mails, parsed, run, tell, with_address, with_rules, with_server, written
from tests.table_steps import log


def bounced_at(program, login):
    with reading(program) as session:
        return session.scalar(select(Account.mail_bounced_at).where(Account.login == login))


def told_of_failures(program):
    return [details for _entry, details in log(program, "mail:fail")]


def test_a_mail_arrives_and_names_no_way_to_answer_it(sqlite_program):
    with_address(sqlite_program, "avim")
    received = Received()
    with serving(received) as port:
        program = with_server(sqlite_program, port)
        tell(program, "avim", "question")
        assert run(program).told(written=False) == "sent:1"
        assert run(program).told(written=False) == ""
    (message,) = parsed(received.mails)
    (row,) = mails(program, template="digest")
    assert message["Message-ID"] == f"<{row.id}@signaaltafel.example>"
    assert message["From"].addresses[0].addr_spec == FROM
    assert message["To"] == "avim@post.example"
    assert (received.senders, received.receivers) == (["<>"], ["avim@post.example"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert {"Reply-To", "List-Unsubscribe", "Sender", "Return-Path", "Cc", "Bcc"} & set(message) == set()
    assert f"/taak/{row.id}" in message.get_content()
    assert row.state == "sent"
    assert row.written_at == program.clock()
    assert not program.settings.outbox.exists()


def test_reports_are_asked_for_under_the_id_of_the_mail(sqlite_program):
    with_address(sqlite_program, "avim")
    received = Received(reports=True)
    with serving(received) as port:
        program = with_server(sqlite_program, port, bounces="bounces@signaaltafel.example")
        tell(program, "avim")
        run(program)
    (row,) = mails(program, template="digest")
    assert received.senders == ["bounces@signaaltafel.example"]
    assert f"ENVID={row.id}" in received.commands[0]
    assert "RET=HDRS" in received.commands[0]
    assert received.commands[1].endswith("NOTIFY=FAILURE")


def certificate(folder):
    """A certificate for localhost that nobody else signed; the files of both halves."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


def password_file(folder, text="geheim\n", mode=0o600):
    path = folder / "password"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_connection_is_protected_and_signed_in(sqlite_program, tmp_path, monkeypatch):
    with_address(sqlite_program, "avim")
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    secret = {"tls": "starttls", "user": "tafel", "password_file": password_file(tmp_path)}
    received = Received()
    with serving(received, context, ("tafel", "geheim")) as port:
        program = with_server(sqlite_program, port, **secret)
        tell(program, "avim", urgent=True)
        assert run(program).later == 1  # Nobody known signed this certificate.
        assert [mail.problem for mail in mails(program)] == ["tls"]
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        wrong = with_server(sqlite_program, port, **{**secret, "password_file": password_file(tmp_path, "anders")})
        tell(wrong, "avim", urgent=True)
        assert run(wrong).later == 1
        assert "login" in {mail.problem for mail in mails(program)}
        password_file(tmp_path)
        tell(program, "avim", urgent=True)
        assert run(program).sent == 1
    assert (received.protected, received.signed_in) == ([True], [True])


def test_nothing_is_sent_in_the_open_to_a_server_without_tls(sqlite_program):
    with_address(sqlite_program, "avim")
    received = Received()
    with serving(received) as port:
        program = with_server(sqlite_program, port, tls="starttls")
        tell(program, "avim")
        assert run(program).later == 1
    assert (received.mails, received.commands) == ([], [])
    assert [mail.problem for mail in mails(program, state="ready")] == ["tls"]


def test_a_server_that_says_later_is_asked_again_later(sqlite_program, clock):
    with_address(sqlite_program, "avim", "riec")
    received = Received(at_recipient=["450 4.2.1 avim@post.example is busy"], at_data=["451 try again"])
    with serving(received) as port:
        program = with_server(sqlite_program, port)
        tell(program, "avim", urgent=True)
        tell(program, "riec", urgent=True)
        assert run(program).told(written=False) == "later:2"
        assert {mail.problem for mail in mails(program)} == {"4.2.1", "451"}
        assert {mail.next_try_at for mail in mails(program)} == {clock.now + timedelta(minutes=5)}
        clock.forward(minutes=4)
        assert run(program).told(written=False) == ""
        clock.forward(minutes=2)
        assert run(program).told(written=False) == "sent:2"
    assert {(mail.state, mail.tries, mail.problem) for mail in mails(program)} == {("sent", 2, "")}
    assert told_of_failures(program) == []


def test_after_enough_tries_a_mail_is_given_up_and_the_log_says_so(sqlite_program, clock):
    with_address(sqlite_program, "avim")
    received = Received(at_data=["451 4.3.0 no"] * 9)
    with serving(received) as port:
        program = with_rules(with_server(sqlite_program, port), retry={"tries": 3, "minutes": (5, 10)})
        tell(program, "avim", urgent=True)
        outcomes = []
        for _time in range(5):
            outcomes.append(run(program).told(written=False))
            clock.forward(minutes=11)
    assert outcomes == ["later:1", "later:1", "failed:1", "", ""]
    (details,) = told_of_failures(program)
    assert (details["cause"], details["result"], details["count"]) == ("4.3.0", "failed", 1)
    assert bounced_at(program, "avim") is None
    assert mails(program)[0].state == "failed"


def test_an_address_that_does_not_exist_gets_nothing_more_until_somebody_looks(sqlite_program, clock, actor):
    with_address(sqlite_program, "avim")
    received = Received(at_recipient=["550 5.1.1 <avim@post.example> unknown"])
    with serving(received) as port:
        program = with_server(sqlite_program, port)
        tell(program, "avim", urgent=True)
        assert run(program).told(written=False) == "bounced:1"
        assert bounced_at(program, "avim") == clock.now
        tell(program, "avim", urgent=True)
        tell(program, "avim")
        clock.forward(days=1)
        assert run(program).told(written=False) == ""
        with transaction(program, actor(program, "beheer")) as tx:
            state, people = status.consult(tx, "mails")
        (unreachable,) = (one for one in people if one.since)
        assert (unreachable.login, unreachable.code, state.bounced) == ("avim", "5.1.1", 1)
        with transaction(program, actor(program, "avim")) as tx:
            addresses.choose_own(tx, "nieuw@post.example", "en")
        assert bounced_at(program, "avim") is None
        assert run(program).told(written=False) == "sent:3"
    assert received.receivers == ["nieuw@post.example"] * 3
    assert any("A task is waiting" in one.decode() for one in received.mails)  # Beside the news of another address.
    (details,) = told_of_failures(program)
    assert (details["cause"], details["result"]) == ("5.1.1", "bounced")
    assert "post.example" not in str([one for _entry, one in log(program, "account:change")]) + str(details)


def test_a_server_that_refuses_us_says_nothing_about_the_address(sqlite_program):
    with_address(sqlite_program, "avim")
    received = Received(at_recipient=["554 5.7.1 relaying denied"])
    with serving(received) as port:
        program = with_server(sqlite_program, port)
        tell(program, "avim", urgent=True)
        assert run(program).told(written=False) == "later:1"
    assert bounced_at(program, "avim") is None


def test_a_server_that_is_away_costs_one_try_of_one_mail_in_each_run(sqlite_program, clock):
    with_address(sqlite_program, "avim", "riec")
    with serving(Received()) as port:
        pass  # Nobody listens there any more.
    program = with_server(sqlite_program, port)
    tell(program, "avim", urgent=True)
    tell(program, "riec", urgent=True)
    assert run(program).told(written=False) == "later:1"
    assert sorted((mail.tries, mail.problem) for mail in mails(program)) == [(0, ""), (1, "connect")]
    clock.forward(minutes=10)
    received = Received()
    with serving(received) as port:
        assert run(with_server(sqlite_program, port)).sent == 2


def test_a_server_that_closes_in_the_middle_gets_the_mail_again(sqlite_program, clock):
    with_address(sqlite_program, "avim")
    received = Received(at_recipient=["421 4.3.2 closing"])
    with serving(received) as port:
        program = with_server(sqlite_program, port)
        tell(program, "avim", urgent=True)
        assert run(program).told(written=False) == "later:1"
        clock.forward(minutes=6)
        assert run(program).told(written=False) == "sent:1"


def test_two_processes_at_once_send_every_mail_once(program):
    people = ("avim", "riec", "essm", "havendam", "delinde", "coordinator", "voorzitter")
    with_address(program, *people)
    received = Received()
    with serving(received) as port:
        sender = with_server(program, port)
        for login in people:
            tell(sender, login, urgent=True)
            tell(sender, login)
        threads = [threading.Thread(target=run, args=(sender,)) for _one in range(3)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    ids = [message["Message-ID"] for message in parsed(received.mails)]
    assert len(ids) == len(set(ids)) == 2 * len(people)
    assert {mail.state for mail in mails(program)} == {"sent", "digested"}
    assert {mail.tries for mail in mails(program, state="sent")} == {1}


class _Dies(BaseException):
    pass


def test_a_process_that_dies_in_the_middle_sends_the_same_mail_again_and_no_other(sqlite_program, clock):
    tell(sqlite_program, "avim", urgent=True)

    class Dying(Folder):
        def take(self, letter, message):
            super().take(letter, message)
            raise _Dies

    (waiting,) = mails(sqlite_program)
    sending.choose(sqlite_program, jobs.JOBS)
    with pytest.raises(_Dies):
        sending.send_one(sqlite_program, jobs.JOBS, Dying(sqlite_program.settings.outbox), waiting.id)
    assert run(sqlite_program).sent == 0  # Nobody else takes it while it may still be on its way.
    (first,) = written(sqlite_program)
    clock.forward(minutes=21)
    assert run(sqlite_program).sent == 1
    (second,) = written(sqlite_program)
    assert first.as_bytes() == second.as_bytes()


def test_a_login_that_is_an_address_gets_the_mail_there(sqlite_program, actor):
    with transaction(sqlite_program, actor(sqlite_program, "beheer")) as tx:
        tx.session.get_one(Account, actor(sqlite_program, "avim").account_id).login = "h.voorbeeld@havendam.example"
        tx.record("account:change", object_type="account", details={"account": "x", "changed": ["login"]})
    tell(sqlite_program, "h.voorbeeld@havendam.example")
    tell(sqlite_program, "riec")
    run(sqlite_program)
    to = sorted(message["To"] for message in written(sqlite_program))
    assert to == ["h.voorbeeld@havendam.example", "riec@signaltable.invalid"]
    assert addresses.placeholder("odd\r\nBcc: x@y") == "odd-Bcc-x-y@signaltable.invalid"


def test_without_an_address_nothing_is_sent_and_the_person_is_told(sqlite_program, actor):
    received = Received()
    with serving(received) as port:
        program = with_server(sqlite_program, port)
        tell(program, "avim", urgent=True)
        assert run(program).told(written=False) == ""
        assert addresses.trouble(program, actor(program, "avim")) == "missing"
        with transaction(program, actor(program, "beheer")) as tx:
            addresses.put(tx, actor(program, "avim").account_id, "avim@post.example")
        assert addresses.trouble(program, actor(program, "avim")) == ""
        assert run(program).told(written=False) == "sent:2"


def test_an_address_that_is_none_is_not_kept(sqlite_program, actor):
    for wrong in (
        "geen",
        "a@b",
        "a@post.example\r\nBcc: x@y.example",
        "A <a@post.example>",
        "a@post.example,b@c.example",
    ):
        with pytest.raises(UnusableInput), transaction(sqlite_program, actor(sqlite_program, "avim")) as tx:
            addresses.choose_own(tx, wrong, "nl")
    with pytest.raises(NotFound), transaction(sqlite_program, actor(sqlite_program, "beheer")) as tx:
        addresses.put(tx, "nobody", "a@post.example")
    assert not is_address("x" * 180 + "@post.example")


def test_old_mails_are_forgotten(sqlite_program, clock):
    tell(sqlite_program, "avim")
    run(sqlite_program)
    clock.forward(days=89)
    jobs.run_retention(sqlite_program)
    assert mails(sqlite_program) != []
    clock.forward(days=3)
    jobs.run_retention(sqlite_program)
    assert mails(sqlite_program) == []


@pytest.mark.parametrize(
    ("code", "words", "at_recipient", "problem"),
    [
        (550, b"no", True, ("550", True, False)),
        (550, b"5.7.1 no", True, ("5.7.1", False, False)),
        (550, b"5.2.2 full", False, ("5.2.2", True, False)),
        (554, b"spam", False, ("554", False, False)),
        (450, b"4.1.1 later", True, ("4.1.1", False, False)),
        (450, b"5.1.1 of another class", True, ("450", False, False)),
        (421, b"bye", False, ("421", False, True)),
        (550, b"5.1.1a.b@c.example", True, ("550", True, False)),
    ],
)
def test_what_an_answer_means(code, words, at_recipient, problem):
    found = replies.judge(code, words, at_recipient=at_recipient)
    assert (found.code, found.bounced, found.server) == problem


SERVER = {"SIGNALTABLE_SMTP": "mail.example:587", "SIGNALTABLE_SMTP_FROM": FROM}


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"SIGNALTABLE_SMTP": "mail.example"}, "SIGNALTABLE_SMTP:"),
        ({"SIGNALTABLE_SMTP": "mail.example:0"}, "SIGNALTABLE_SMTP:"),
        ({"SIGNALTABLE_SMTP": ""}, "SIGNALTABLE_SMTP:"),
        ({"SIGNALTABLE_SMTP_FROM": ""}, "SIGNALTABLE_SMTP_FROM"),
        ({"SIGNALTABLE_SMTP_FROM": "Tafel <a@b.example>"}, "SIGNALTABLE_SMTP_FROM"),
        ({"SIGNALTABLE_SMTP_TLS": "maybe"}, "SIGNALTABLE_SMTP_TLS"),
        ({"SIGNALTABLE_SMTP_TLS": "none"}, "SIGNALTABLE_SMTP_TLS"),
        ({"SIGNALTABLE_SMTP_USER": "x"}, "SIGNALTABLE_SMTP_PASSWORD_FILE"),
        ({"SIGNALTABLE_SMTP_BOUNCES": "x"}, "SIGNALTABLE_SMTP_BOUNCES"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_by_name(changes, variable):
    with pytest.raises(UnusableSettings, match=variable):
        read_mail_server({**SERVER, **changes})


def test_settings_that_are_right_are_read():
    assert read_mail_server({}) is None
    assert read_mail_server(SERVER).tls == "starttls"
    here = read_mail_server({**SERVER, "SIGNALTABLE_SMTP": "[::1]:25", "SIGNALTABLE_SMTP_TLS": "none"})
    assert (here.host, here.port, here.domain) == ("::1", 25, "signaaltafel.example")


def test_the_password_is_read_from_a_file_of_its_own(tmp_path):
    server = read_mail_server(
        {**SERVER, "SIGNALTABLE_SMTP_USER": "tafel", "SIGNALTABLE_SMTP_PASSWORD_FILE": str(tmp_path / "password")}
    )
    with pytest.raises(UnusableSettings, match="PASSWORD_FILE"):
        server.password()
    for text, mode in (("geheim\n", 0o640), ("\n", 0o600), ("a\nb\n", 0o600)):
        password_file(tmp_path, text, mode)
        with pytest.raises(UnusableSettings) as refused:
            server.password()
        assert "geheim" not in str(refused.value)
    password_file(tmp_path)
    assert server.password() == "geheim"
    assert "geheim" not in repr(replace(server, user="tafel"))
    (tmp_path / "link").symlink_to(tmp_path / "password")
    with pytest.raises(UnusableSettings):
        replace(server, password_file=tmp_path / "link").password()
    assert os.fspath(tmp_path) not in repr(server.host)


def test_a_disk_that_does_not_take_a_mail_keeps_no_half_of_it(tmp_path):
    kind = KINDS[0]
    letter = Letter("a1", "avim", "nl", "question", kind, urgent=False, created_at=datetime.now(UTC))
    message = EmailMessage()
    message.set_content("Er wacht iets. " * 40)
    _usual, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))
    try:
        with pytest.raises(OSError, match="File too large"):
            Folder(tmp_path).take(letter, message)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_usual, most))
    assert list(tmp_path.iterdir()) == []
    assert Folder(tmp_path).take(letter, message) is None
    assert [one.name for one in tmp_path.iterdir()] == ["a1.eml"]
