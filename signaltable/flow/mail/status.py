"""How the mails are doing, for the administrator and the operator: numbers and codes, and who cannot be reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.access import Permission, require
from signaltable.domain import day_of
from signaltable.flow.mail import states
from signaltable.flow.mail.addresses import address_of
from signaltable.mail_rules import beginning_of
from signaltable.models import Account, Agency, Mail
from signaltable.transaction import Program, Transaction

# So many people stand on the page; whoever has more of them has one cause.
SHOWN: Final = 100
SMTP, FILES = "smtp", "files"


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Somebody whose mails do not arrive: since when they come back, and the newest code; no moment: no address."""

    account_id: str
    login: str
    agency: str
    since: datetime | None
    code: str


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of mails. `problems`: how many are being tried again or were given up, by code."""

    way: str
    waiting: int
    ready: int
    retrying: int
    sent_today: int
    digests_today: int
    failed: int
    bounced: int
    oldest_ready: datetime | None
    problems: Mapping[str, int]
    unreachable: int

    def as_json(self) -> dict[str, Any]:
        """For `signaltable mail status --json`."""
        oldest = self.oldest_ready.isoformat() if self.oldest_ready else None
        return {
            "way": self.way,
            "waiting": self.waiting,
            "ready": self.ready,
            "retrying": self.retrying,
            "sent_today": self.sent_today,
            "digests_today": self.digests_today,
            "failed": self.failed,
            "bounced": self.bounced,
            "oldest_ready": oldest,
            "problems": dict(self.problems),
            "unreachable_people": self.unreachable,
        }


def consult(tx: Transaction, view: str) -> tuple[Status, list[Unreachable]]:
    """The counts and who cannot be reached, recorded as job:consult. `view` says where it is shown."""
    require(tx.actor, Permission.JOB_CONSULT_ALL)
    with tx.whole("who looks after the mails sees how many wait and who cannot be reached, and no mail"):
        people = unreachable(tx.session, tx.program)
        status = status_of(tx.session, tx.program, tx.now, len(people))
    tx.record("job:consult", object_type="job", object_id="outbox", details={"view": view, "count": len(people)})
    return status, people[:SHOWN]


def status_of(session: Session, program: Program, now: datetime, people: int) -> Status:
    """The counts at this moment; `people` cannot be reached."""
    today = beginning_of(day_of(now))
    by_state = _counts(session)
    oldest = select(func.min(Mail.created_at)).where(Mail.state == states.READY)
    retrying = select(func.count()).where(Mail.state == states.READY, Mail.problem != "")
    sent = select(func.count()).where(Mail.state == states.SENT, Mail.written_at >= today)
    return Status(
        way=SMTP if program.settings.mail_server else FILES,
        waiting=by_state.get(states.WAITING, 0),
        ready=by_state.get(states.READY, 0),
        retrying=session.scalar(retrying) or 0,
        sent_today=session.scalar(sent) or 0,
        digests_today=session.scalar(sent.where(Mail.template == states.DIGEST)) or 0,
        failed=by_state.get(states.FAILED, 0),
        bounced=by_state.get(states.BOUNCED, 0),
        oldest_ready=session.scalar(oldest),
        problems=_problems(session),
        unreachable=people,
    )


def _counts(session: Session) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(select(Mail.state, func.count()).group_by(Mail.state))}


def _problems(session: Session) -> dict[str, int]:
    query = select(Mail.problem, func.count()).where(
        Mail.problem != "", Mail.state.in_((states.READY, states.FAILED, states.BOUNCED))
    )
    return {row[0]: row[1] for row in session.execute(query.group_by(Mail.problem).order_by(Mail.problem))}


def unreachable(session: Session, program: Program) -> list[Unreachable]:
    """Everybody active whose mails came back, and, where there is a mail server, everybody without an address."""
    newest = (
        select(Mail.problem)
        .where(Mail.account_id == Account.id, Mail.state == states.BOUNCED)
        .order_by(Mail.written_at.desc(), Mail.id)
        .limit(1)
        .scalar_subquery()
    )
    columns = select(
        Account.id, Account.login, Account.mail_address, Agency.title, Account.mail_bounced_at, newest.label("code")
    )
    query = columns.join(Agency, Agency.id == Account.agency_id).where(Account.active)
    found = []
    for row in session.execute(query.order_by(Account.login)):
        nowhere = program.settings.mail_server is not None and not address_of(row.login, row.mail_address)
        if row.mail_bounced_at is not None or nowhere:
            code = row.code if row.mail_bounced_at is not None else ""
            found.append(Unreachable(row.id, row.login, row.title, row.mail_bounced_at, code or ""))
    return found
