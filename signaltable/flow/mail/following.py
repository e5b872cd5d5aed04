"""Where the link in a mail leads: to what it was about, for the person to whom it was sent and nobody else."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from signaltable.access import Allowed, Permission, may, require
from signaltable.flow.mail import states, tasks
from signaltable.flow.mail.choosing import is_needed, rules_of, task_of
from signaltable.models import Mail, Signal
from signaltable.queries import tables_of
from signaltable.transaction import Transaction

# A signal has a page for each way in which somebody has to do with it.
OWN, AT_TRIAGE, AT_TABLE = "own-signal", "triage", "dossier"


@dataclass(frozen=True, slots=True)
class Followed:
    """What a link leads to: a kind of page and what it is opened with, or the work list. `over`: nothing is left to do."""

    kind: str = "work"
    thing: str = ""
    over: bool = False


WORK_LIST: Final = Followed()


def follow(tx: Transaction, mail_id: str) -> Followed:
    """Where the actor comes with the link of a mail. A mail of somebody else reads as one that does not exist."""
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    mail = tx.session.get(Mail, mail_id)
    if mail is None or mail.account_id != tx.actor.account_id:
        return WORK_LIST
    kind, thing = task = task_of(mail)
    if kind in tasks.WORK:
        return WORK_LIST
    known = tasks.known(tx, [task])
    closed = task in tasks.closed_to(tx, known, mail.account_id)
    if not any(is_needed(rules_of(tx.program), one, known.get(task), closed) for one in _templates(tx, mail)):
        return Followed(over=True)
    return _page_of_signal(tx, thing) if kind == "signal" else Followed(kind, thing)


def _templates(tx: Transaction, mail: Mail) -> list[str]:
    """The reasons for which the mail was sent; a digest has those of all that it tells."""
    told = tx.session.scalars(select(Mail.template).where(Mail.digest_id == mail.id)).all()
    return [*told] if mail.template == states.DIGEST else [mail.template, *told]


def _page_of_signal(tx: Transaction, reference: str) -> Followed:
    """The owner's page, the one of triage, or the dossier of the table: what this person has to do with the signal."""
    signal = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one()
    if signal.owner_agency == tx.actor.agency_id and _may(tx, Permission.SIGNAL_CONSULT_OWN):
        return Followed(OWN, reference)
    if signal.table_id in tables_of(tx, tx.actor.agency_id):
        if _may(tx, Permission.SIGNAL_TRIAGE_OWN_TABLE):
            return Followed(AT_TRIAGE, reference)
        if _may(tx, Permission.DOSSIER_CONSULT_OWN_TABLE) or _may(tx, Permission.DOSSIER_CONSULT_TABLED):
            return Followed(AT_TABLE, reference)
    return WORK_LIST


def _may(tx: Transaction, permission: Permission) -> bool:
    return isinstance(may(tx.actor, permission), Allowed)
