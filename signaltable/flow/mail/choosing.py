"""What goes when: urgent mails at once, everything else in one mail a day for each person.

Chosen per person in a transaction of its own that holds the person's row, so that two processes that choose at the same
moment come one after the other and never make two digests of one day.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update

from signaltable.domain import Actor, day_of
from signaltable.flow.mail import states, tasks
from signaltable.flow.mail.addresses import may_be_mailed
from signaltable.mail_rules import MailFile, beginning_of
from signaltable.models import Account, Mail
from signaltable.transaction import Program, Transaction, reading, transaction

Task = tuple[str, str]
# What several different tasks together lead to.
WORK_LIST: Final[Task] = ("work", "")
OWN = or_(Mail.template == states.TEST, Mail.template.startswith(states.CHECKPOINT))


def rules_of(program: Program) -> MailFile:
    """The rules for mails; rules that are in use always have them."""
    rules = program.policy.mail
    if rules is None:
        raise LookupError("expected policies/mail.toml")
    return rules


def choose(program: Program, actor: Actor) -> None:
    """Make ready what may go now, leave out what is no longer needed, and gather the rest into digests."""
    with transaction(program, actor) as tx:
        tx.session.execute(
            update(Mail).where(Mail.state == states.WAITING, OWN).values(state=states.READY, next_try_at=tx.now)
        )
        left = select(Account.id).where(Account.active.is_(False))
        tx.session.execute(
            update(Mail).where(Mail.state == states.READY, Mail.account_id.in_(left)).values(state=states.SETTLED)
        )
    for account_id in _people(program):
        with transaction(program, actor) as tx:
            _choose_for(tx, account_id)


def _people(program: Program) -> Sequence[str]:
    """Whoever has a waiting mail that can be told now: an urgent one, or any when a digest may be due today."""
    rules, now = rules_of(program), program.clock()
    query = select(Mail.account_id).join(Account, Account.id == Mail.account_id)
    query = query.where(Mail.state == states.WAITING, or_(may_be_mailed(), Account.active.is_(False)))
    if rules.digest_is_due(now, None, program.policy.calendar):
        query = query.where(or_(Mail.urgent, Mail.account_id.not_in(_told_on(day_of(now)))))
    else:
        query = query.where(Mail.urgent)
    with reading(program, whole="mails wait for everybody") as session:
        return session.scalars(query.distinct().order_by(Mail.account_id)).all()


def _told_on(day: date) -> Select[str]:
    """Whoever got a digest, or had one made, on this day."""
    return select(Mail.account_id).where(Mail.template == states.DIGEST, Mail.state != states.SETTLED, _dates_from(day))


def _dates_from(day: date) -> ColumnElement[bool]:
    """The mails that were made or sent on this day. Those of a later one were so while the clock stood ahead of now."""
    begins, ends = beginning_of(day), beginning_of(day + timedelta(days=1))
    return or_(
        and_(Mail.created_at >= begins, Mail.created_at < ends),
        and_(Mail.written_at >= begins, Mail.written_at < ends),
    )


def _choose_for(tx: Transaction, account_id: str) -> None:
    active = tx.session.scalar(select(Account.active).where(Account.id == account_id).with_for_update(key_share=True))
    query = select(Mail).where(Mail.account_id == account_id, Mail.state == states.WAITING, ~OWN)
    waiting = tx.session.scalars(query.order_by(Mail.created_at, Mail.id)).all()
    needed = _without_done(tx, account_id, waiting) if active else []
    for one in set(waiting) - set(needed):
        one.state = states.SETTLED
    later = _let_urgent_go(tx, account_id, needed)
    if later and rules_of(tx.program).digest_is_due(tx.now, _last_digest(tx, account_id), tx.program.policy.calendar):
        _gather(tx, account_id, later)


# -- what is still needed ------------------------------------------------------------------------------------------


def still_needed(tx: Transaction, mail: Mail) -> bool:
    """Whether a mail that was chosen earlier is still worth sending; a digest as long as one thing in it is."""
    if states.is_own(mail.template):
        return True
    told = [mail]
    if mail.template == states.DIGEST:
        told = list(tx.session.scalars(select(Mail).where(Mail.digest_id == mail.id)))
    return bool(_without_done(tx, mail.account_id, told))


def _without_done(tx: Transaction, account_id: str, mails: Iterable[Mail]) -> list[Mail]:
    mails = list(mails)
    known = tasks.known(tx, {task_of(one) for one in mails})
    closed = tasks.closed_to(tx, known, account_id)
    rules = rules_of(tx.program)
    return [one for one in mails if is_needed(rules, one.template, known.get(task_of(one)), task_of(one) in closed)]


def task_of(mail: Mail) -> Task:
    """What the mail leads to."""
    return mail.task_kind, mail.task_id


def is_needed(rules: MailFile, template: str, task: tasks.Known | None, closed: bool) -> bool:
    """Whether a mail is still worth sending: news as long as the thing is there, a task until it is done."""
    if task is None or closed:
        return False
    rule = rules.find(template)
    return not (task.done and rule is not None and rule.kind != "news")


# -- urgent ones ---------------------------------------------------------------------------------------------------


def _let_urgent_go(tx: Transaction, account_id: str, mails: Sequence[Mail]) -> list[Mail]:
    """Make ready the urgent ones within the quota of the day, each task once. Returns what waits for the digest."""
    left = rules_of(tx.program).quota.urgent_per_person - _urgent_today(tx, account_id)
    chosen: dict[Task, Mail] = {}
    later = []
    for one in mails:
        task = task_of(one)
        if one.urgent and _is_one_thing(task) and task in chosen:
            _fold([one], chosen[task].id)
        elif one.urgent and left > 0:
            one.state, one.next_try_at = states.READY, tx.now
            chosen[task] = one
            left -= 1
        else:
            one.urgent = False
            later.append(one)
    # What goes at once need not be told again the same day.
    told = [one for one in later if _is_one_thing(task_of(one)) and task_of(one) in chosen]
    for one in told:
        _fold([one], chosen[task_of(one)].id)
    return [one for one in later if one not in told]


def _is_one_thing(task: Task) -> bool:
    """Whether two mails with this task are about the same; what leads to the work list is not."""
    return task[0] not in tasks.WORK


def _urgent_today(tx: Transaction, account_id: str) -> int:
    """How many urgent mails this person got, or is about to get, since the day began."""
    count = select(func.count()).where(
        Mail.account_id == account_id,
        Mail.urgent,
        Mail.state.not_in((states.WAITING, states.DIGESTED, states.SETTLED)),
        _dates_from(tx.today),
    )
    return tx.session.scalar(count) or 0


# -- the digest of the day -----------------------------------------------------------------------------------------


def _last_digest(tx: Transaction, account_id: str) -> datetime | None:
    """When this person last got a digest; one that could not be delivered yet counts when it was made.

    One of a day that is still to come was made while the clock stood ahead, and holds up none of the days before it.
    """
    ends = beginning_of(tx.today + timedelta(days=1))
    digests = Mail.account_id == account_id, Mail.template == states.DIGEST, Mail.state != states.SETTLED
    moments = (
        tx.session.scalar(select(func.max(moment)).where(*digests, moment < ends))
        for moment in (Mail.created_at, Mail.written_at)
    )
    return max((one for one in moments if one is not None), default=None)


def _gather(tx: Transaction, account_id: str, mails: Sequence[Mail]) -> None:
    """Tell these in one mail: a new one, or the one of an earlier day that could not be delivered yet."""
    query = select(Mail).where(
        Mail.account_id == account_id, Mail.template == states.DIGEST, Mail.state == states.READY
    )
    digest = tx.session.scalars(query.order_by(Mail.created_at.desc(), Mail.id).limit(1)).first()
    about = {task_of(one) for one in mails}
    if digest is None:
        digest = Mail(
            id=tx.new_id(),
            account_id=account_id,
            template=states.DIGEST,
            urgent=False,
            task_kind="",
            task_id="",
            created_at=tx.now,
            state=states.READY,
            next_try_at=tx.now,
        )
        tx.session.add(digest)
    else:
        about.add(task_of(digest))
    digest.task_kind, digest.task_id = next(iter(about)) if len(about) == 1 else WORK_LIST
    _fold(mails, digest.id)


def _fold(mails: Iterable[Mail], into: str) -> None:
    for one in mails:
        one.state, one.digest_id = states.DIGESTED, into
