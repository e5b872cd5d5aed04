"""Sending what was chosen. A mail is claimed before it is sent, so that two processes never send the same one.

A process that dies between the answer of the server and its own commit sends that one mail a second time, later, with the
same Message-ID: SMTP has no way to know (RFC 5321, 4.5.4.1 and 6.1).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from signaltable.domain import Actor
from signaltable.flow.mail import replies, states
from signaltable.flow.mail.addresses import address_of, has_address, may_be_mailed, placeholder
from signaltable.flow.mail.choosing import choose, rules_of, still_needed
from signaltable.flow.mail.composing import Letter, compose
from signaltable.flow.mail.replies import Problem
from signaltable.flow.mail.transports import Transport, transport_of
from signaltable.mail_rules import KINDS, Kind, MailFile
from signaltable.models import Account, LogCheckpoint, Mail
from signaltable.transaction import Program, Transaction, reading, transaction

# How many mails one run sends, so that a slow server does not hold the other jobs for long; the next run comes soon.
BATCH: Final = 200
# How long a claimed mail stays with who claimed it. Longer than a whole conversation with a server that hardly answers.
LEASE: Final = timedelta(minutes=20)
AN_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run did: mails sent (or written), to be tried again, given up, and come back at once."""

    sent: int = 0
    later: int = 0
    failed: int = 0
    bounced: int = 0

    def told(self, *, written: bool) -> str:
        """For the log of the jobs; "" when nothing happened."""
        counts = {"written" if written else "sent": self.sent, "later": self.later}
        counts |= {"failed": self.failed, "bounced": self.bounced}
        return ",".join(f"{name}:{count}" for name, count in counts.items() if count)


def send_mails(program: Program, actor: Actor) -> Sent:
    """Choose what goes now and send it. Stops at the first mail that finds no server."""
    choose(program, actor)
    done: Counter[str] = Counter()
    with transport_of(program.settings) as transport:
        for mail_id in _due(program):
            outcome = send_one(program, actor, transport, mail_id)
            if outcome is None:
                continue
            done[outcome.state] += 1
            if outcome.problem is not None and outcome.problem.server:
                break
    return Sent(done[states.SENT], done[states.READY], done[states.FAILED], done[states.BOUNCED])


def _due(program: Program) -> Iterable[str]:
    """The mails that may be tried now, urgent ones first, as many as the hour still allows."""
    now, rules = program.clock(), rules_of(program)
    with reading(program, whole="mails wait for everybody") as session:
        # What was sent while the clock stood ahead is not of this hour.
        sent = select(func.count()).where(
            Mail.written_at > now - AN_HOUR, Mail.written_at <= now, Mail.state.in_((states.SENT, states.BOUNCED))
        )
        left = min(BATCH, rules.quota.per_hour - (session.scalar(sent) or 0))
        query = select(Mail.id).join(Account, Account.id == Mail.account_id)
        query = query.where(Mail.state == states.READY, _may_be_tried(rules, now), may_be_mailed())
        if program.settings.mail_server:
            query = query.where(has_address())
        return session.scalars(query.order_by(Mail.urgent.desc(), Mail.next_try_at, Mail.id).limit(max(0, left))).all()


def _may_be_tried(rules: MailFile, now: datetime) -> ColumnElement[bool]:
    """Whether a mail waits no longer. A wait that is longer than any there is began before the clock came back."""
    longest = max(LEASE, *(timedelta(minutes=minutes) for minutes in rules.retry.minutes))
    return or_(Mail.next_try_at <= now, Mail.next_try_at > now + longest)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try ended: the state of the mail after it, and why it was not taken."""

    state: str
    problem: Problem | None = None


def send_one(program: Program, actor: Actor, transport: Transport, mail_id: str) -> Outcome | None:
    """Try one mail; None when it was not to be had: another process has it, it is no longer needed, nowhere to go."""
    letter = _claim(program, actor, mail_id)
    if letter is None:
        return None
    problem = transport.take(letter, compose(program.settings, letter))
    with transaction(program, actor) as tx:
        return Outcome(_note(tx, letter.id, problem), problem)


def _claim(program: Program, actor: Actor, mail_id: str) -> Letter | None:
    """Take the mail for ourselves, in a commit of its own before anything is sent."""
    with transaction(program, actor) as tx:
        claimed = tx.session.execute(
            update(Mail)
            .where(Mail.id == mail_id, Mail.state == states.READY, _may_be_tried(rules_of(program), tx.now))
            .values(next_try_at=tx.now + LEASE, tries=Mail.tries + 1)
        )
        if not claimed.rowcount:  # type: ignore[attr-defined]
            return None
        mail = tx.session.get_one(Mail, mail_id, populate_existing=True)
        account = tx.session.get_one(Account, mail.account_id)
        if not account.active or not still_needed(tx, mail):
            mail.state = states.SETTLED
            return None
        address = address_of(account.login, account.mail_address)
        if not address and program.settings.mail_server:
            mail.problem = replies.NO_ADDRESS
            return None
        note = _note_of(tx.session, mail.template)
        return Letter(
            mail.id,
            address or placeholder(account.login),
            account.language,
            mail.template,
            _kind_of(tx, mail),
            mail.urgent,
            mail.created_at,
            note,
        )


def _kind_of(tx: Transaction, mail: Mail) -> Kind:
    """How the mail reads: as its rule says; a digest as the most pressing that it tells."""
    rules = rules_of(tx.program)
    templates = {mail.template, *tx.session.scalars(select(Mail.template).where(Mail.digest_id == mail.id).distinct())}
    kinds = {rule.kind if (rule := rules.find(one)) else KINDS[0] for one in templates - {states.DIGEST}}
    return min(kinds, key=KINDS.index, default=KINDS[0])


def _note_of(session: Session, template: str) -> str:
    """The checkpoint that a mail with this template carries; "" for any other."""
    if not template.startswith(states.CHECKPOINT):
        return ""
    size = int(template.removeprefix(states.CHECKPOINT))
    return session.scalar(select(LogCheckpoint.note).where(LogCheckpoint.size == size)) or ""


# -- what came of it -----------------------------------------------------------------------------------------------


def _note(tx: Transaction, mail_id: str, problem: Problem | None) -> str:
    """Write down what came of a try. Returns the new state of the mail."""
    mail = tx.session.get_one(Mail, mail_id)
    if problem is None:
        mail.state, mail.written_at, mail.next_try_at, mail.problem = states.SENT, tx.now, None, ""
        tx.session.execute(update(Mail).where(Mail.digest_id == mail.id).values(written_at=tx.now))
    elif problem.bounced:
        bounce(tx, mail, problem.code)
    else:
        mail.problem = problem.code
        mail.next_try_at = rules_of(tx.program).retry.again_at(tx.now, mail.tries)
        if mail.next_try_at is None:
            mail.state = states.FAILED
            _record(tx, mail, states.FAILED)
    return mail.state


def bounce(tx: Transaction, mail: Mail, code: str) -> None:
    """A mail came back for good: nothing more goes to this address until somebody looks at it."""
    account = tx.session.get_one(Account, mail.account_id)
    mail.state, mail.problem, mail.next_try_at = states.BOUNCED, code, None
    mail.written_at = mail.written_at or tx.now
    if account.mail_bounced_at is None:
        account.mail_bounced_at = tx.now
    _record(tx, mail, states.BOUNCED)


def _record(tx: Transaction, mail: Mail, result: str) -> None:
    """That it did not arrive, for whom by number, and the code; no address."""
    details = {"count": 1, "cause": mail.problem, "result": result}
    tx.record("mail:fail", object_type="account", object_id=mail.account_id, details=details)
