"""Every SELECT that is more than get-by-id. The first argument is the transaction, so the actor is never optional."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from signaltable.db import table_of
from signaltable.domain import Channel, NotFound, Resource
from signaltable.grounds import CONSULT
from signaltable.models import (
    Account,
    Agency,
    AgencyDestination,
    AgendaItem,
    Disclosure,
    Link,
    Meeting,
    Question,
    Recusal,
    Signal,
    Subject,
    TableMember,
)
from signaltable.prepared import Prepared, numbered, several
from signaltable.transaction import Transaction, in_whole

# The execution option of a query that must see every row, whoever asks (flow/leaving_out.py).
WHOLE = "whole"

# How much of a list stands on one page, and where a page starts: after the row of this moment with this id.
PAGE = 25
PageKey = tuple[datetime, str]
# How many signals one statement looks for.
AT_ONCE = 100


def newest_first(
    tx: Transaction,
    query: Select[Any],
    moment: InstrumentedAttribute[Any],
    row_id: InstrumentedAttribute[str],
    after: PageKey | None,
) -> tuple[list[Any], PageKey | None]:
    """One page of `query` by `moment`, newest first, with the key of the next page or None.

    A mapped row comes as itself; columns come as a row, and `moment` and `row_id` must be among them.
    """
    if after is not None:
        query = query.where(tuple_(moment, row_id) < after)
    found = tx.lists.execute(query.order_by(moment.desc(), row_id.desc()).limit(PAGE + 1))
    rows: list[Any] = list(found.scalars() if len(found.keys()) == 1 else found)
    shown = rows[:PAGE]
    following = (getattr(shown[-1], moment.key), getattr(shown[-1], row_id.key)) if len(rows) > PAGE else None
    return shown, following


@in_whole("the gate sees what it refuses")
def signal_by_reference(tx: Transaction, reference: str) -> Signal:
    """The signal with this reference, whoever owns it: ask the gate before showing it. Raises `NotFound`."""
    query = select(Signal).where(Signal.reference == reference.strip().upper())
    found = tx.session.scalars(query.execution_options(**{WHOLE: True})).first()
    if found is None:
        raise NotFound("no such signal")
    return found


def subjects_of(tx: Transaction, signal_id: str) -> Sequence[Subject]:
    """The subjects of a signal in their order."""
    return tx.session.scalars(select(Subject).where(Subject.signal_id == signal_id).order_by(Subject.number)).all()


@in_whole("the gate sees what it refuses")
def resource_of(tx: Transaction, signal: Signal) -> Resource:
    """What decides about access to a signal: owner, who was asked, its table once it is there, and how it stands."""
    asked = tx.session.scalars(select(Question.agency_id).where(Question.signal_id == signal.id))
    return Resource(
        "signal",
        signal.reference,
        owner_agency=signal.owner_agency,
        asked_agencies=frozenset(asked),
        table_agencies=seated_at(tx, signal.table_id),
        on_agenda=on_an_agenda(tx, signal.id),
        case_id=signal.id,
        state=signal.state,
        kept_from=kept_from_signal(tx, signal.id),
    )


def resource_of_question(tx: Transaction, question: Question) -> Resource:
    """What decides about access to a question: who was asked, and for what."""
    return Resource(
        "question",
        question.id,
        asked_agencies=frozenset({question.agency_id}),
        case_id=question.signal_id,
        purpose=question.purpose or CONSULT,
        kept_from=kept_from_signal(tx, question.signal_id),
    )


def resource_of_disclosure(
    tx: Transaction, row: Disclosure, *, provider: bool = False, receiver: bool = False
) -> Resource:
    """What decides about access to a disclosure, from the side of whoever gave it or of whoever got it.

    Only that side counts, so that nobody reads what the other one sees of it. The state is that of the disclosure's own
    life and not of the signal: what somebody holds outlives the case.
    """
    return Resource(
        "disclosure",
        row.reference,
        providing_agency=row.provider_agency if provider else "",
        receiving_agency=row.recipient_agency if receiver else "",
        case_id=row.signal_id,
        purpose=row.purpose,
        kept_from=kept_from_signal(tx, row.signal_id),
    )


# -- who is kept from a case (flow/recusals.py) ------------------------------------------------------------------------


@in_whole("the gate sees what it refuses")
def kept_from(tx: Transaction, signal_ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Signal id -> the accounts that see nothing of it. A signal that nobody is kept from has no key."""
    wanted = sorted(set(signal_ids))
    if not wanted:
        return {}
    found: dict[str, set[str]] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        for signal_id, account_id in tx.rows(_recusals(len(some)), numbered("signal", some)):
            found.setdefault(signal_id, set()).add(account_id)
    if tx.actor.channel is Channel.API:
        for signal_id in mine(tx) & found.keys():
            found[signal_id].add(tx.actor.account_id)
    return {signal_id: frozenset(accounts) for signal_id, accounts in found.items()}


@lru_cache(maxsize=AT_ONCE)
def _recusals(count: int) -> Prepared:
    """Who sees nothing of so many signals. Nearly every gate asks it, of one."""
    recusals = table_of(Recusal).c
    query = select(recusals.signal_id, recusals.account_id)
    return Prepared(query.where(recusals.signal_id.in_(several("signal", count)), recusals.ended_at.is_(None)))


def kept_from_signal(tx: Transaction, signal_id: str) -> frozenset[str]:
    """The accounts that see nothing of this signal."""
    return kept_from(tx, [signal_id]).get(signal_id, frozenset())


@in_whole("the gate sees what it refuses")
def kept_from_subject(tx: Transaction, subject_id: str) -> frozenset[str]:
    """The accounts that see nothing of the signal in which this subject stands."""
    signal_id = tx.session.scalar(select(Subject.signal_id).where(Subject.id == subject_id))
    return kept_from_signal(tx, signal_id) if signal_id else frozenset()


def mine(tx: Transaction) -> frozenset[str]:
    """The signals that the actor sees nothing of. Empty for the program itself, which tells nobody anything.

    For a system of a partner those of everybody in its agency: nobody knows who reads what it fetched.
    """
    if tx.kept_from is None:
        found: Iterable[str] = ()
        if tx.actor.account_id and tx.actor.channel not in {Channel.JOB, Channel.SYSTEM}:
            who = Recusal.account_id == tx.actor.account_id
            if tx.actor.channel is Channel.API:
                who = Recusal.account_id.in_(select(Account.id).where(Account.agency_id == tx.actor.agency_id))
            query = select(Recusal.signal_id).where(who, Recusal.ended_at.is_(None))
            found = tx.session.scalars(query)
        tx.kept_from = frozenset(found)
    return tx.kept_from


def not_kept_from(tx: Transaction, column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """The condition that leaves the cases out of which the actor sees nothing; `column` holds the id of a signal.

    A row without a signal stays.
    """
    hidden = mine(tx)
    return column.is_(None) | column.not_in(sorted(hidden)) if hidden else true()


def subject_not_kept_from(tx: Transaction, column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """The same where `column` holds the id of a subject."""
    hidden = mine(tx)
    return column.not_in(select(Subject.id).where(Subject.signal_id.in_(sorted(hidden)))) if hidden else true()


def for_own_purposes(tx: Transaction, column: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """The condition that leaves out what a system of a partner was not let in for; people say it in their forms.

    `column` holds a purpose of policies/purposes.toml, "" for the one that was the only one before it was kept.
    """
    if tx.actor.channel is not Channel.API:
        return true()
    return func.coalesce(func.nullif(column, ""), CONSULT).in_(sorted(tx.actor.purposes))


@in_whole("the gate sees what it refuses")
def disclosure_by_reference(tx: Transaction, reference: str) -> Disclosure:
    """The disclosure with this reference. Ask the gate before showing it. Raises `NotFound`."""
    query = select(Disclosure).where(Disclosure.reference == reference.strip().upper())
    found = tx.session.scalars(query.execution_options(**{WHOLE: True})).first()
    if found is None:
        raise NotFound("no such disclosure")
    return found


def agency_titles(tx: Transaction) -> dict[str, str]:
    """Agency id -> how people call it."""
    return dict(tx.session.execute(select(Agency.id, Agency.title)).all())


def agencies_for(tx: Transaction, destination: str) -> Sequence[Agency]:
    """The active agencies that stand for a destination of the meldroutekaart in this region."""
    return tx.session.scalars(
        select(Agency)
        .join(AgencyDestination, AgencyDestination.agency_id == Agency.id)
        .where(AgencyDestination.destination == destination, Agency.active)
        .order_by(Agency.title),
    ).all()


def tables_of(tx: Transaction, agency_id: str) -> list[str]:
    """The ids of the tables where an agency has a seat."""
    query = select(TableMember.table_id).where(TableMember.agency_id == agency_id)
    return list(tx.session.scalars(query.order_by(TableMember.table_id)))


def seated_at(tx: Transaction, table_id: str) -> frozenset[str]:
    """The agencies with a seat at a table, for the gate. That of the actor has to be there at the commit too (standing.py)."""
    members = frozenset(tx.session.scalars(select(TableMember.agency_id).where(TableMember.table_id == table_id)))
    if tx.actor.agency_id in members:
        tx.seats.add(table_id)
    return members


def on_an_agenda(tx: Transaction, signal_id: str) -> bool:
    """Whether the table where the signal lies ever had it on an agenda: only then all its members may open the dossier."""
    query = (
        select(AgendaItem.id)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .join(Meeting, (Meeting.id == AgendaItem.meeting_id) & (Meeting.table_id == Signal.table_id))
        .where(AgendaItem.signal_id == signal_id)
    )
    return tx.session.scalar(query.limit(1)) is not None


def links_of(tx: Transaction, subject_ids: Sequence[str]) -> Sequence[Link]:
    """All links, in any state, in which one of the subjects takes part."""
    return tx.session.scalars(
        select(Link)
        .where(Link.subject_a.in_(subject_ids) | Link.subject_b.in_(subject_ids))
        .order_by(Link.proposed_at, Link.id),
    ).all()
