"""A test mail, for the operator who sets the mail server up."""

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import Actor, NotFound
from signaltable.flow.mail import replies, states
from signaltable.flow.mail.sending import send_one
from signaltable.flow.mail.transports import transport_of
from signaltable.models import Account, Mail
from signaltable.transaction import Program, transaction


def send_test(program: Program, actor: Actor, login: str) -> str:
    """Send one mail without a task to this person, at once and once. Returns "" or the code of why it was not taken.

    Leaves a job:run. Raises `NotFound` when there is no such active account.
    """
    with transaction(program, actor) as tx:
        require(tx.actor, Permission.JOB_CONSULT_ALL)
        query = select(Account.id).where(Account.login == login.strip().lower(), Account.active)
        account_id = tx.session.scalar(query)
        if account_id is None:
            raise NotFound("no active account with this login")
        made = Mail(
            id=tx.new_id(),
            account_id=account_id,
            template=states.TEST,
            created_at=tx.now,
            state=states.READY,
            next_try_at=tx.now,
        )
        tx.session.add(made)
        mail_id, slot = made.id, tx.now.strftime("%Y-%m-%dT%H:%M:%S")
    with transport_of(program.settings) as transport:
        outcome = send_one(program, actor, transport, mail_id)
    code = replies.NO_ADDRESS if outcome is None else outcome.problem.code if outcome.problem else ""
    with transaction(program, actor) as tx:
        mail = tx.session.get_one(Mail, mail_id)
        if mail.state == states.READY:
            mail.state = states.FAILED  # A test that comes hours later tests nothing.
        details = {"job": "mail-test", "slot": slot, "result": code or states.SENT}
        outcome_code = "error" if code else "ok"
        tx.record(
            "job:run", object_type="job", object_id="mail-test", outcome=outcome_code, reason=code, details=details
        )
    return code
