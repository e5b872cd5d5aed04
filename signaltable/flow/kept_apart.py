"""Mails and conflicts of interest: whoever is kept from a case is told nothing of it, and a colleague hears it instead."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Select, or_, select

from signaltable.models import (
    Account,
    AccountRole,
    Disclosure,
    Duty,
    EmergencyAccess,
    Escalation,
    IdentityRequest,
    Link,
    MeetingTask,
    Question,
    Signal,
    Subject,
    SubjectErasure,
    SubjectReport,
    TextCheck,
)
from signaltable.queries import kept_from
from signaltable.transaction import Transaction


def _of_disclosure(reference: str) -> Select[Any]:
    return select(Disclosure.signal_id).where(Disclosure.reference == reference)


def _of_duty(duty_id: str) -> Select[Any]:
    return select(Disclosure.signal_id).join(Duty, Duty.disclosure_id == Disclosure.id).where(Duty.id == duty_id)


def _of_emergency(access_id: str) -> Select[Any]:
    return select(EmergencyAccess.signal_id).where(EmergencyAccess.id == access_id)


def _of_link(link_id: str) -> Select[Any]:
    sides = or_(Link.subject_a == Subject.id, Link.subject_b == Subject.id)
    return select(Subject.signal_id).join(Link, sides).where(Link.id == link_id)


def _of_request(model: type[SubjectReport | SubjectErasure], reference: str) -> Select[Any]:
    joined = select(Subject.signal_id).join(model, model.subject_id == Subject.id)
    return joined.where(model.reference == reference)


# About which signals a mail is, by the kind of what waits (mailing.Task); the other kinds are about no single case.
_ABOUT: Mapping[str, Callable[[str], Select[Any]]] = MappingProxyType(
    {
        "question": lambda thing: select(Question.signal_id).where(Question.id == thing),
        "signal": lambda thing: select(Signal.id).where(Signal.reference == thing),
        "task": lambda thing: select(MeetingTask.signal_id).where(MeetingTask.id == thing),
        "escalation": lambda thing: select(Escalation.signal_id).where(Escalation.id == thing),
        "disclosure": _of_disclosure,
        "sent": _of_disclosure,
        "approval": _of_disclosure,
        "feedback": _of_disclosure,
        "awaited": _of_disclosure,
        "identity": lambda thing: select(IdentityRequest.signal_id).where(IdentityRequest.reference == thing),
        "text": lambda thing: select(TextCheck.signal_id).where(TextCheck.id == thing),
        "duty": _of_duty,
        "emergency": _of_emergency,
        "emergency-notice": _of_emergency,
        "emergency-own": _of_emergency,
        "report": lambda thing: _of_request(SubjectReport, thing),
        "erasure": lambda thing: _of_request(SubjectErasure, thing),
        "link": _of_link,
    }
)


def who_hears(tx: Transaction, account_ids: Iterable[str], task: tuple[str, str], about: Iterable[str]) -> set[str]:
    """Of these accounts those that nothing keeps from the case; for each other one its colleagues with a role of theirs.

    About which case follows from what waits; `about` are ids of signals besides.
    """
    kind, thing = task
    found = _ABOUT.get(kind)
    cases = {*about, *(tx.session.scalars(found(thing)) if found else ())}
    return hear_instead(tx, account_ids, frozenset[str]().union(*kept_from(tx, cases).values()))


def hear_instead(tx: Transaction, account_ids: Iterable[str], apart: Collection[str]) -> set[str]:
    """The same where it is known already who is kept `apart` from the case."""
    wanted = set(account_ids)
    kept = wanted.intersection(apart)
    return (wanted | _colleagues(tx, kept)).difference(apart) if kept else wanted


def _colleagues(tx: Transaction, account_ids: Iterable[str]) -> set[str]:
    rows = tx.session.execute(
        select(Account.agency_id, AccountRole.role)
        .join(AccountRole, AccountRole.account_id == Account.id)
        .where(Account.id.in_(sorted(account_ids)))
    ).all()
    colleagues: set[str] = set()
    for row in rows:
        same = select(Account.id).join(AccountRole, AccountRole.account_id == Account.id)
        colleagues.update(
            tx.session.scalars(same.where(Account.agency_id == row.agency_id, AccountRole.role == row.role))
        )
    return colleagues
