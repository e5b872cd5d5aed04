"""Reports of mails that did not arrive: what they say of ours counts, what anybody else sends does nothing."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from signaltable import jobs
from signaltable.flow.mail import addresses
from signaltable.flow.mail.bounces import LARGEST, read_report
from signaltable.mail_settings import MailServer
from signaltable.models import Account
from signaltable.transaction import reading, transaction
from tests.mail_steps import FROM, mails, run, tell
from tests.table_steps import log

OURS = "signaaltafel.example"
ID = "0123456789abcdef0123456789abcdef"


def a_report(*, envelope="", message_id="", action="failed", status="5.1.1", part="message/rfc822"):
    """A report as Postfix writes them (RFC 3464)."""
    envelope = f"Original-Envelope-Id: {envelope}\n" if envelope else ""
    return f"""From: MAILER-DAEMON@post.example
To: bounces@{OURS}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

Zorinka Proefveld does not work here any more.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; post.example
{envelope}
Final-Recipient: rfc822; avim@post.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 <avim@post.example>: unknown

--B
Content-Type: {part}

Message-ID: {message_id or "<x@elsewhere.example>"}
From: {FROM}
Subject: Er staat een taak voor u klaar

--B--
""".encode()


@pytest.fixture
def sent(sqlite_program, actor):
    """A mail that was sent, by its id, and the program with the folder of reports."""
    tell(sqlite_program, "avim")
    run(sqlite_program)
    program = replace(
        sqlite_program,
        settings=replace(sqlite_program.settings, mail_server=MailServer("mail.example", 587, "starttls", FROM)),
    )
    program.settings.bounces.mkdir()
    (row,) = mails(program, template="digest")
    return program, row.id


def put(program, raw, name="1.eml"):
    (program.settings.bounces / name).write_bytes(raw)


def state(program, mail_id):
    with reading(program) as session:
        bounced = session.scalar(select(Account.mail_bounced_at).where(Account.login == "avim"))
    (row,) = mails(program, id=mail_id)
    return row.state, row.problem, bounced


@pytest.mark.parametrize("part", ["message/rfc822", "text/rfc822-headers"])
@pytest.mark.parametrize("by_envelope", [True, False])
def test_a_report_about_a_mail_of_ours_marks_it_and_goes(sent, clock, part, by_envelope):
    program, mail_id = sent
    known = {"envelope": mail_id} if by_envelope else {"message_id": f"<{mail_id}@{OURS}>"}
    put(program, a_report(**known, part=part, status="5.2.1 (mailbox of Zorinka)"))
    assert jobs.run_bounces(program) == "read:1,bounced:1"
    assert state(program, mail_id) == ("bounced", "5.2.1", clock.now)
    assert list(program.settings.bounces.iterdir()) == []
    ((_entry, details),) = log(program, "mail:fail")
    assert (details["cause"], details["result"]) == ("5.2.1", "bounced")
    put(program, a_report(**known))
    assert jobs.run_bounces(program) == "read:1,bounced:0"


@pytest.mark.parametrize(
    "raw",
    [
        a_report(envelope="f" * 32),
        a_report(message_id=f"<{ID}@{OURS}>"),
        a_report(message_id="<{id}@elsewhere.example>"),
        a_report(envelope="{id}", action="delayed", status="4.4.1"),
        a_report(envelope="{id}", action="delivered", status="2.0.0"),
        a_report(envelope="{id}' OR 1=1 --"),
        a_report(envelope="{id}").replace(b"multipart/report", b"multipart/mixed"),
        b"Original-Envelope-Id: {id}\nAction: failed\nStatus: 5.1.1\n",
        b"",
        b"\x00\xff" * 5000,
        b"Content-Type: multipart/report; boundary=B\n\n"
        + b"--B\nContent-Type: multipart/report; boundary=B\n\n" * 5000,
        b"X: " + b"a" * (LARGEST + 10),
        a_report(envelope="{id}") + b" " * LARGEST,
    ],
)
def test_anything_else_does_nothing_and_goes(sent, raw):
    program, mail_id = sent
    put(program, raw.replace(b"{id}", mail_id.encode()))
    assert jobs.run_bounces(program) == "read:1,bounced:0"
    assert state(program, mail_id) == ("sent", "", None)
    assert list(program.settings.bounces.iterdir()) == []


def test_what_is_no_file_is_not_followed(sent, tmp_path):
    program, mail_id = sent
    (tmp_path / "elsewhere").write_bytes(a_report(envelope=mail_id))
    (program.settings.bounces / "link.eml").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(program.settings.bounces / "pipe.eml")
    put(program, a_report(envelope=mail_id), "being-written.part")
    assert jobs.run_bounces(program) == "read:2,bounced:0"
    assert [path.name for path in program.settings.bounces.iterdir()] == ["being-written.part"]
    assert (tmp_path / "elsewhere").exists()
    assert state(program, mail_id)[0] == "sent"


def test_a_report_about_an_address_that_was_changed_since_says_nothing_of_the_new_one(sent, actor):
    program, mail_id = sent
    with transaction(program, actor(program, "avim")) as tx:
        addresses.choose_own(tx, "nieuw@post.example", "nl")
    put(program, a_report(envelope=mail_id))
    assert jobs.run_bounces(program) == "read:1,bounced:0"
    assert state(program, mail_id)[2] is None


def test_without_a_folder_there_is_nothing_to_read(sqlite_program):
    assert jobs.run_bounces(sqlite_program) == ""


@given(st.binary(max_size=400), st.integers(0, 900))
def test_a_report_with_anything_in_it_never_breaks_the_reader(noise, at):
    raw = a_report(envelope=ID)
    found = read_report(raw[:at] + noise + raw[at:], OURS)
    assert found is None or (found.mail_id == ID and found.status.startswith("5."))
