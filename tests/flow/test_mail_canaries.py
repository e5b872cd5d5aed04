"""No mail says anything: every text of the database is a canary, every mail that can be made is made and searched."""

import itertools
import re
from email.policy import SMTP

import pytest
from sqlalchemy import String, func, select, text, update

from signaltable import jobs
from signaltable.flow import mailing, signing, witnesses
from signaltable.flow.mail import states
from signaltable.flow.mail.composing import Letter, compose
from signaltable.flow.mail.tasks import QUERIES
from signaltable.mail_rules import KINDS
from signaltable.models import Account, Base, Mail
from signaltable.transaction import reading, transaction
from tests.databases import is_file
from tests.log_tools import owners_engine
from tests.mail_server import Received, serving
from tests.mail_steps import parsed, run, with_rules, with_server
from tests.table_steps import asked, on_the_agenda, triaged

CANARY = "Kanarie"
# Where people log in, and where mails go; the log guards its own rows and is never read for a mail.
LEFT_ALONE = {"login", "mail_address", "password_hash"}
# How the program names a signal, a disclosure, a request: S-7F3K-Q2.
REFERENCE = re.compile(r"\b[A-Z]{1,2}-[0-9A-Z]{4}-[0-9A-Z]{2}\b")
# What may hold figures: when, which mail, how the bytes are written.
HEADERS_WITH_FIGURES = {"date", "message-id", "mime-version", "content-type", "content-transfer-encoding", "to", "from"}


def put_canaries(program):
    """Overwrite every text that people typed, and every name and title, in every table."""
    engine, overwritten = owners_engine(program.settings), set()
    # Another text for each row; on PostgreSQL rows have no number, but a place.
    each = "hex(randomblob(6))" if is_file(program.settings) else "md5(random()::text)"
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            for column in () if table.name.startswith("log_") else table.columns:
                typed = isinstance(column.type, String) and (column.type.length or 1000) >= 80
                if typed and not column.primary_key and not column.foreign_keys and column.name not in LEFT_ALONE:
                    told = f"UPDATE {table.name} SET {column.name} = '{CANARY} ' || {each}"
                    if connection.execute(text(told)).rowcount:
                        overwritten.add(f"{table.name}.{column.name}")
    engine.dispose()
    told = {"accounts.name", "agencies.title", "regional_tables.title", "meetings.title", "signals.municipality"}
    assert told <= overwritten


@pytest.fixture
def full(sqlite_program, actor):
    """A program with a signal, a question, a meeting and a signed log, in which every text is a canary."""
    coordinator = actor(sqlite_program, "coordinator")
    reference = triaged(sqlite_program, actor(sqlite_program, "havendam"), coordinator)
    questions = asked(sqlite_program, coordinator, reference, "avim")
    other = triaged(sqlite_program, actor(sqlite_program, "havendam"), coordinator)
    meeting = on_the_agenda(sqlite_program, coordinator, other, days=1)
    signing.sign_checkpoint(sqlite_program, jobs.JOBS)
    witnesses.send(sqlite_program, jobs.JOBS)
    put_canaries(sqlite_program)
    with transaction(sqlite_program, jobs.JOBS) as tx:
        tx.session.execute(update(Account).values(mail_address=func.lower(Account.login) + "@post.example"))
        tx.session.execute(update(Account).where(Account.login.in_(["avim", "riec"])).values(language="en"))
        tx.record("job:run", object_type="job", object_id="test", details={"job": "test", "slot": "test"})
    things = {"question": questions[0], "meeting": meeting, "signal": reference}
    return with_rules(sqlite_program, quota={"urgent_per_person": 1000, "per_hour": 10_000}), things


def tell_all(program, things):
    """Every template for everybody, urgent and not, about everything that is there; in the digest, news about what is gone."""
    with transaction(program, jobs.JOBS) as tx:
        people = tx.session.scalars(select(Account.id).where(Account.login.in_(["avim", "havendam", "auditor"]))).all()
        templates = [one.id for one in program.policy.mail.template]
        for number, template in enumerate((*templates, "a-template-of-tomorrow")):
            kind = list(things)[number % len(things)]
            mailing.tell(tx, people, template, task=(kind, things[kind]), urgent=number % 2 == 0)
            mailing.tell(tx, people, template, task=("work", ""), urgent=number % 3 == 0)


def search(program, raws, allowed=()):
    """Whatever could tell something, in headers and bodies as people see them and as they travel."""
    with reading(program) as session:
        logins = set(session.scalars(select(Account.login)))
        known = {
            str(one)
            for table in Base.metadata.sorted_tables
            if table.name not in {"mails", "job_runs", "job_turns"} and not table.name.startswith("log_")
            for column in table.primary_key.columns
            for one in session.scalars(select(column))
            if len(str(one)) > 12
        }
    for raw, message in zip(raws, parsed(raws), strict=True):
        seen = (
            raw.decode("ascii") + message.get_content() + " ".join(f"{name}: {told}" for name, told in message.items())
        )
        assert CANARY not in seen
        assert REFERENCE.search(seen) is None
        assert {one for one in known if one in seen} == set()
        body = message.get_content()
        for header, told in message.items():
            assert header.lower() in HEADERS_WITH_FIGURES or not re.search(r"\d", str(told)), header
            assert header.lower() == "to" or not {one for one in logins if re.search(rf"\b{one}\b", str(told))}
        if "/taak/" in body:
            before, link, after = re.split(r"(http\S+)", body)
            assert link == f"{program.settings.address.rstrip('/')}/taak/{message['Message-ID'][1:33]}"
            assert not re.search(r"\d", before + after)
            assert not {one for one in logins if re.search(rf"\b{one}\b", body)}


def test_no_mail_in_the_folder_says_anything(full):
    program, things = full
    tell_all(program, things)
    while run(program).sent:
        pass
    paths = list(program.settings.outbox.iterdir())
    assert len(paths) >= 60
    assert all(re.fullmatch(r"[0-9a-f]{32}\.eml", path.name) for path in paths)
    raws = [path.read_bytes() for path in paths]
    search(program, raws)
    subjects = {message["Subject"] for message in parsed(raws)}
    assert {
        "Er staat een taak voor u klaar",
        "There is news for you",
        "Stand van het logboek om te bewaren",
    } <= subjects


def test_no_mail_that_a_server_gets_says_anything(full):
    program, things = full
    received = Received(reports=True)
    with serving(received) as port:
        sender = with_server(program, port, bounces="bounces@signaaltafel.example")
        tell_all(sender, {name: thing for name, thing in things.items() if name != "signal"})
        with transaction(sender, jobs.JOBS) as tx:
            tx.session.execute(update(Mail).where(Mail.urgent).values(urgent=False))
        run(sender)
    assert len(received.mails) >= 3
    search(sender, received.mails)
    told = " ".join(received.commands)
    assert CANARY not in told
    assert REFERENCE.search(told) is None


def test_one_task_reads_as_a_hundred(full):
    """How much waits is nobody else's business."""
    program, _things = full
    with transaction(program, jobs.JOBS) as tx:
        one, many = tx.session.scalars(select(Account.id).where(Account.login.in_(["havendam", "delinde"]))).all()
        mailing.tell(tx, [one], "question", task=("work", ""))
        for _time in range(100):
            mailing.tell(tx, [many], "question", task=("work", ""))
    run(program)
    bodies = {}
    for path in program.settings.outbox.iterdir():
        (message,) = parsed([path.read_bytes()])
        if "/taak/" in message.get_content():
            bodies[message["To"].split("@")[0]] = (
                message["Subject"],
                re.sub("[0-9a-f]{32}", "", message.get_content()),
            )
    assert bodies["havendam"] == bodies["delinde"]


def test_a_mail_is_made_of_nothing_but_its_address_language_kind_and_link(sqlite_settings, clock):
    """Every template in every language; the same letter always gives the same bytes."""
    kinds = itertools.product(
        ("question", states.DIGEST, states.TEST, states.checkpoint_template(7)), KINDS, (True, False)
    )
    for (template, kind, urgent), language in itertools.product(kinds, ("nl", "en", "xx")):
        note = "origin\n7\nhash=\n" if template.startswith(states.CHECKPOINT) else ""
        letter = Letter("0" * 32, "a@post.example", language, template, kind, urgent, clock.now, note)
        message = compose(sqlite_settings, letter)
        assert message.as_bytes(policy=SMTP) == compose(sqlite_settings, letter).as_bytes(policy=SMTP)
        body = message.get_content()
        assert ("Good day" in body) == (language == "en" and not note)
        assert ("/taak/" in body) == (template in {"question", states.DIGEST})
        assert body.endswith(note)


def test_every_kind_of_task_is_one_that_pages_know(sqlite_program):
    from signaltable.flow.mail import following
    from signaltable.web import create_app, mails

    app = create_app(sqlite_program.settings, sqlite_program)
    shown = set(QUERIES) - {"signal"} | {following.OWN, following.AT_TRIAGE, following.AT_TABLE}
    assert shown == set(mails.PAGES)
    arguments = {rule.endpoint: rule.arguments for rule in app.url_map.iter_rules() if "GET" in rule.methods}
    assert {kind: page for kind, page in mails.PAGES.items() if {page[1]} - {""} != arguments.get(page[0])} == {}
