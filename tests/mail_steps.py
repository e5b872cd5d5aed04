"""Steps for tests of mails: telling people, a task that can be done, running the job, reading what went out."""

import email
from collections.abc import Iterable
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from signaltable import jobs
from signaltable.domain import Actor
from signaltable.flow import mailing
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.mail import sending
from signaltable.mail_settings import MailServer
from signaltable.models import Account, Incident, Mail
from signaltable.transaction import Program, reading, transaction

FROM = "no-reply@signaaltafel.example"


def with_server(program: Program, port: int, **changes: Any) -> Program:
    """The program with a mail server on this machine."""
    server = MailServer(**{"host": "127.0.0.1", "port": port, "tls": "none", "sender": FROM, **changes})
    return replace(program, settings=replace(program.settings, mail_server=server))


def with_rules(program: Program, **changes: Any) -> Program:
    """The program with other rules for mails, by part: with_rules(program, quota={"per_hour": 2})."""
    assert program.policy.mail is not None
    parts = {name: getattr(program.policy.mail, name).model_copy(update=values) for name, values in changes.items()}
    return replace(program, policy=replace(program.policy, mail=program.policy.mail.model_copy(update=parts)))


def with_address(program: Program, *logins: str) -> None:
    """Give these people a mail address: their login at a domain that does not exist."""
    with transaction(program, jobs.JOBS) as tx:
        for account in tx.session.scalars(select(Account).where(Account.login.in_(logins))):
            account.mail_address = f"{account.login}@post.example"
        _noted(tx)


def tell(program: Program, login: str, template: str = "link", **options: Any) -> None:
    """Something happened of which this person hears."""
    who: Actor = actor_of_login(program, login)
    with transaction(program, jobs.JOBS) as tx:
        mailing.tell(tx, [who.account_id], template, **{"task": ("work", ""), **options})


def a_task(program: Program) -> tuple[str, str]:
    """Something that waits until `do` is called."""
    with transaction(program, jobs.JOBS) as tx:
        row = Incident(
            id=tx.new_id(), kind="changed-row", place="log", message="m", opened_at=tx.now, seen_at=tx.now, times=1
        )
        tx.session.add(row)
        _noted(tx)
        return "incident", row.id


def do(program: Program, task: tuple[str, str]) -> None:
    """The task is done."""
    with transaction(program, jobs.JOBS) as tx:
        tx.session.get_one(Incident, task[1]).settled_at = tx.now
        _noted(tx)


def _noted(tx: Any) -> None:
    tx.record("job:run", object_type="job", object_id="test", details={"job": "test", "slot": "test"})


def run(program: Program) -> sending.Sent:
    """One run of the job."""
    return sending.send_mails(program, jobs.JOBS)


def mails(program: Program, **wanted: Any) -> list[Mail]:
    """The rows with these values, in order of time."""
    with reading(program) as session:
        rows = session.scalars(select(Mail).filter_by(**wanted).order_by(Mail.created_at, Mail.id)).all()
        session.expunge_all()
        return list(rows)


def written(program: Program) -> list[EmailMessage]:
    """The mails in the folder."""
    folder: Path = program.settings.outbox
    return parsed(path.read_bytes() for path in sorted(folder.glob("*.eml")))


def parsed(raws: Iterable[bytes]) -> list[EmailMessage]:
    return [cast(EmailMessage, email.message_from_bytes(raw, policy=default)) for raw in raws]
