"""Conflict of interest in a case: somebody who has one sees nothing of it (access.py asks, here it is declared and ended).

Whoever writes a page, a list or a mail about signals asks here: `kept_from` for whom a thing must stay closed, `mine` and
`not_kept_from` for what to leave out of the actor's lists, `told` for who gets the mail.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import ENDED, GONE, Actor, Channel, Conflict, NotFound, State, UnusableInput
from signaltable.flow import sealing
from signaltable.flow.coming_in.standing import hold
from signaltable.flow.identity_requests import ending, rows
from signaltable.flow.masking import for_others, text_hash
from signaltable.models import (
    Account,
    AccountRole,
    Agency,
    Disclosure,
    IdentityRequest,
    Question,
    Recusal,
    Signal,
    TableMember,
)
from signaltable.policy_shapes import RecusalsFile
from signaltable.queries import (
    PAGE,
    disclosure_by_reference,
    kept_from,
    kept_from_signal,
    kept_from_subject,
    mine,
    not_kept_from,
    resource_of,
    resource_of_disclosure,
    resource_of_question,
    signal_by_reference,
    tables_of,
)
from signaltable.texts import Text
from signaltable.transaction import Transaction, in_whole

__all__ = [
    "ANOTHER_NEEDED",
    "KINDS_OF_THING",
    "LAST_ONE",
    "REASON_LIMIT",
    "Declared",
    "Declaring",
    "declare",
    "declare_for",
    "declared_at_tables",
    "declared_in",
    "declaring",
    "end",
    "kept_from",
    "kept_from_signal",
    "kept_from_subject",
    "mine",
    "not_kept_from",
    "read",
]

REASON_LIMIT = 500
# From where somebody declares it: a signal by its reference, a question by its id, a disclosure by its reference. Who was
# asked a question or got a disclosure does not know the reference of the signal, and does not learn it here.
KINDS_OF_THING = ("signal", "question", "disclosure")

NO_KIND = "expected one of the kinds of interest"
NO_PERSON = "expected somebody who works with this case"
LAST_ONE = "last_one"
ANOTHER_NEEDED = "another_needed"
# Why a request to see who somebody is ends with it.
CAUSE = "conflict_of_interest"

# What lets somebody see something of a case, and so gives them an interest to declare.
_SEES = (
    Permission.SIGNAL_CONSULT_OWN,
    Permission.SIGNAL_TRIAGE_OWN_TABLE,
    Permission.DOSSIER_CONSULT_OWN_TABLE,
    Permission.DOSSIER_CONSULT_TABLED,
    Permission.TABLE_CONSULT_OWN_TABLE,
    Permission.ENRICH_ANSWER_ASKED,
    Permission.REFERRAL_RECEIVE_OWN,
    Permission.DISCLOSURE_APPROVE_OTHER,
    Permission.DUTY_FULFIL_OWN,
    Permission.LINK_DECIDE_OWN,
    Permission.IDENTITY_DECIDE_OWN,
    Permission.ERASURE_REQUEST_OWN,
    Permission.REPORT_REQUEST_OWN,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be kept from a case."""

    id: str
    name: str
    agency: str


@dataclass(frozen=True, slots=True)
class Declaring:
    """The page on which a conflict of interest is declared. `people`: for whom, besides oneself; only for who may."""

    kind: str
    thing: str
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """Somebody who is kept from a case, as coordinator and chair see it. `reason` only for the own organisation."""

    id: str
    reference: str
    person: str
    agency: str
    kind: str
    words: Text | None
    declared_at: datetime
    ended_at: datetime | None
    by_self: bool
    reason: str
    may_end: bool


# -- declaring ---------------------------------------------------------------------------------------------------


def declaring(tx: Transaction, kind: str, thing: str) -> Declaring:
    """What the page offers for this signal, question or disclosure. Raises `Refused` or `NotFound` for who sees none of it."""
    signal = _case(tx, kind, thing)
    people = _people(tx, signal) if kind == "signal" and _may_for_others(tx, signal) else ()
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "recusal"},
    )
    return Declaring(kind, thing, tuple(people))


def declare(tx: Transaction, kind: str, thing: str, *, interest: str, reason: str = "") -> None:
    """The actor has an interest in the case, and sees nothing of it from now on.

    Raises `Conflict` (last_one) when nobody else could go on with the case, `UnusableInput` for an unknown kind of
    interest or a text with a BSN. Doing it twice does nothing more.
    """
    signal = _case(tx, kind, thing)
    person = tx.session.get_one(Account, tx.actor.account_id)
    _keep_away(tx, signal, person, interest, reason)


def declare_for(tx: Transaction, reference: str, account_id: str, *, interest: str, reason: str = "") -> None:
    """The coordinator or the chair keeps somebody else away from a case. Raises as `declare`, and `UnusableInput` for
    somebody who does not work with it.
    """
    signal = _case(tx, "signal", reference)
    require(tx.actor, Permission.TABLE_RECUSE_OWN_TABLE, resource_of(tx, signal))
    if account_id not in {one.id for one in _people(tx, signal)}:
        raise UnusableInput({"person": NO_PERSON})
    _keep_away(tx, signal, tx.session.get_one(Account, account_id), interest, reason)


def _keep_away(tx: Transaction, signal: Signal, person: Account, interest: str, reason: str) -> None:
    # Two who declare at once could each be the other's last one: the second waits here and then sees the first.
    tx.session.refresh(signal, ["state", "version"], with_for_update=True)
    if interest not in {one.id for one in rules(tx).kind}:
        raise UnusableInput({"kind": NO_KIND})
    words = for_others(tx, reason, "reason", limit=REASON_LIMIT)
    if person.id in kept_from_signal(tx, signal.id):
        return
    if _last_one(tx, signal, person):
        own = person.id == tx.actor.account_id
        raise Conflict(LAST_ONE if own else ANOTHER_NEEDED, "nobody else could go on with this case")
    row = Recusal(
        id=tx.new_id(),
        signal_id=signal.id,
        account_id=person.id,
        agency_id=person.agency_id,
        kind=interest,
        declared_by=tx.actor.account_id,
        declared_at=tx.now,
    )
    row.reason_sealed = sealing.seal_json(tx, person.agency_id, {"text": words}, _place(row)) if words else b""
    tx.session.add(row)
    _record(tx, signal, row, "declared", words)
    _close_looks(tx, signal, person)
    hold(tx, person.id)
    tx.kept_from = None


def _close_looks(tx: Transaction, signal: Signal, person: Account) -> None:
    """What was opened for that person, or waits to be, closes at once (flow/identity_requests)."""
    query = select(IdentityRequest).where(
        IdentityRequest.signal_id == signal.id,
        IdentityRequest.account_id == person.id,
        IdentityRequest.state.in_(rows.OPEN),
    )
    for row in tx.session.scalars(query.with_for_update()).all():
        ending.end(tx, row, rows.ENDED, CAUSE)


def _place(row: Recusal) -> str:
    return f"recusals|reason_sealed|{row.id}"


def _record(tx: Transaction, signal: Signal, row: Recusal, result: str, words: str) -> None:
    details = {"signal": signal.reference, "account": row.account_id, "kind": row.kind, "result": result}
    details |= {"motivation_hash": text_hash(words)} if words else {}
    tx.record("table:recuse", object_type="signal", object_id=signal.reference, details=details)


def rules(tx: Transaction) -> RecusalsFile:
    """The kinds of interest, and what a case cannot do without (policies/recusals.toml)."""
    found = tx.program.policy.recusals
    if found is None:  # pragma: no cover -- only rules that were kept before there was such a file have none
        raise NotFound("these rules know no conflict of interest")
    return found


# -- of which case, and whose it is ------------------------------------------------------------------------------


def _case(tx: Transaction, kind: str, thing: str) -> Signal:
    """The signal behind what the actor sees. What somebody does not see, they cannot have an interest in here."""
    if kind == "question":
        return _asked(tx, thing)
    if kind == "disclosure":
        return _received(tx, thing)
    signal = signal_by_reference(tx, thing)
    if State(signal.state) in GONE:
        raise NotFound("the signal was taken back or has expired")
    resource = resource_of(tx, signal)
    own = (Permission.SIGNAL_CONSULT_OWN, Permission.SIGNAL_TRIAGE_OWN_TABLE, Permission.DOSSIER_CONSULT_OWN_TABLE)
    if not any(isinstance(may(tx.actor, one, resource), Allowed) for one in own):
        here = signal.id in tx.actor.emergencies
        if not here and not resource.on_agenda and tx.actor.agency_id in resource.table_agencies:
            raise NotFound("the signal was never on an agenda")
        require(tx.actor, Permission.DOSSIER_CONSULT_TABLED, resource)
    return signal


@in_whole("the gate sees what it refuses")
def _asked(tx: Transaction, question_id: str) -> Signal:
    found = tx.session.get(Question, question_id)
    if found is None:
        raise NotFound("no such question")
    require(tx.actor, Permission.ENRICH_ANSWER_ASKED, resource_of_question(tx, found))
    return tx.session.get_one(Signal, found.signal_id)


@in_whole("the gate sees what it refuses")
def _received(tx: Transaction, reference: str) -> Signal:
    row = disclosure_by_reference(tx, reference)
    given = resource_of_disclosure(tx, row, provider=True)
    got = resource_of_disclosure(tx, row, receiver=True)
    asked = (
        (Permission.SIGNAL_DISCLOSE_OWN, given),
        (Permission.DUTY_FULFIL_OWN, replace(given, owner_agency=row.provider_agency)),
        (Permission.DISCLOSURE_APPROVE_OTHER, replace(given, table_agencies=_seats(tx, row.signal_id))),
    )
    if not any(isinstance(may(tx.actor, one, resource), Allowed) for one, resource in asked):
        if row.disclosed_at is None and row.provider_agency != tx.actor.agency_id:
            raise NotFound("no such disclosure")
        require(tx.actor, Permission.REFERRAL_RECEIVE_OWN, got)
    return tx.session.get_one(Signal, row.signal_id)


def _seats(tx: Transaction, signal_id: str) -> frozenset[str]:
    query = select(TableMember.agency_id).join(Signal, Signal.table_id == TableMember.table_id)
    return frozenset(tx.session.scalars(query.where(Signal.id == signal_id)))


def _may_for_others(tx: Transaction, signal: Signal) -> bool:
    return isinstance(may(tx.actor, Permission.TABLE_RECUSE_OWN_TABLE, resource_of(tx, signal)), Allowed)


def _people(tx: Transaction, signal: Signal) -> Iterator[Person]:
    """Who works at an agency that has to do with the case, without the actor and those who are kept from it already.

    Not at one to which a receiver passed it on: the table does not know of that, and its people say so for themselves.
    """
    receivers = select(Disclosure.recipient_agency).where(
        Disclosure.signal_id == signal.id, Disclosure.parent_id.is_(None), Disclosure.disclosed_at.is_not(None)
    )
    resource = resource_of(tx, signal)
    agencies = {*resource.table_agencies, *resource.asked_agencies, signal.owner_agency, *tx.session.scalars(receivers)}
    rows = tx.session.execute(
        select(Account.id, Account.name, Agency.title)
        .join(Agency, Agency.id == Account.agency_id)
        .where(Account.agency_id.in_(sorted(agencies)), Account.active)
        .order_by(Agency.title, Account.name, Account.id)
    ).all()
    permitted = _permissions_of(tx, [row.id for row in rows])
    sees = {one.value for one in _SEES}
    for row in rows:
        if row.id != tx.actor.account_id and row.id not in resource.kept_from and permitted[row.id] & sees:
            yield Person(row.id, row.name, row.title)


def _permissions_of(tx: Transaction, account_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    wanted = sorted(set(account_ids))
    roles: dict[str, list[str]] = {one: [] for one in wanted}
    for row in tx.session.execute(
        select(AccountRole.account_id, AccountRole.role).where(AccountRole.account_id.in_(wanted))
    ):
        roles[row.account_id].append(row.role)
    return {one: tx.program.policy.permissions_of(of) for one, of in roles.items()}


def _last_one(tx: Transaction, signal: Signal, person: Account) -> bool:
    """Whether nobody else could do for a running case what it cannot do without (policies/recusals.toml)."""
    if State(signal.state) in ENDED:
        return False
    resource = resource_of(tx, signal)
    seats = {*resource.table_agencies, signal.owner_agency}
    accounts = tx.session.scalars(select(Account).where(Account.agency_id.in_(sorted(seats)), Account.active)).all()
    permitted = _permissions_of(tx, [one.id for one in accounts])
    holders = [_as_actor(tx, one, permitted[one.id]) for one in accounts]
    for needed in rules(tx).needed:
        able = {one.account_id for one in holders if isinstance(may(one, Permission(needed), resource), Allowed)}
        if able == {person.id}:
            return True
    return False


def _as_actor(tx: Transaction, account: Account, permissions: frozenset[str]) -> Actor:
    """Somebody as the gate would see them: what could they do? Nothing is done with it."""
    return replace(
        tx.actor,
        account_id=account.id,
        agency_id=account.agency_id,
        permissions=permissions,
        channel=Channel.WEB,
    )


# -- what coordinator and chair see, and ending it ---------------------------------------------------------------


def declared_in(tx: Transaction, signal: Signal) -> tuple[Declared, ...]:
    """Who is kept from this case now, for coordinator and chair; empty for everybody else."""
    if not _may_for_others(tx, signal):
        return ()
    query = select(Recusal).where(Recusal.signal_id == signal.id, Recusal.ended_at.is_(None))
    rows = tx.session.scalars(query.order_by(Recusal.declared_at, Recusal.id)).all()
    return tuple(_told(tx, row, signal) for row in rows)


def declared_at_tables(tx: Transaction) -> tuple[Declared, ...]:
    """Who is kept from which cases of the own tables, the newest first; not of cases that the actor is kept from."""
    require(tx.actor, Permission.TABLE_RECUSE_OWN_TABLE)
    rows = tx.session.execute(
        select(Recusal, Signal)
        .join(Signal, Signal.id == Recusal.signal_id)
        .where(
            Signal.table_id.in_(tables_of(tx, tx.actor.agency_id)),
            Signal.state.not_in(GONE),
            Recusal.ended_at.is_(None),
            not_kept_from(tx, Signal.id),
        )
        .order_by(Recusal.declared_at.desc(), Recusal.id)
        .limit(PAGE * 4)
    ).all()
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "recusals", "count": len(rows)},
        signals=[signal.id for _, signal in rows],
    )
    return tuple(_told(tx, row, signal) for row, signal in rows)


def read(tx: Transaction, recusal_id: str) -> Declared:
    """One of them. Raises `Refused` for who may not end it, `NotFound` when there is none."""
    row, signal = _row(tx, recusal_id)
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "recusal"},
    )
    return _told(tx, row, signal)


@in_whole("the gate sees what it refuses")
def _row(tx: Transaction, recusal_id: str) -> tuple[Recusal, Signal]:
    row = tx.session.get(Recusal, recusal_id)
    if row is None:
        require(tx.actor, Permission.TABLE_RECUSE_OWN_TABLE)
        raise NotFound("no such conflict of interest")
    signal = tx.session.get_one(Signal, row.signal_id)
    require(tx.actor, Permission.TABLE_RECUSE_OWN_TABLE, resource_of(tx, signal))
    return row, signal


def _told(tx: Transaction, row: Recusal, signal: Signal) -> Declared:
    person = tx.session.get_one(Account, row.account_id)
    own = row.agency_id == tx.actor.agency_id
    return Declared(
        id=row.id,
        reference=signal.reference,
        person=person.name,
        agency=tx.session.scalar(select(Agency.title).where(Agency.id == row.agency_id)) or "",
        kind=row.kind,
        words=rules(tx).title(row.kind),
        declared_at=row.declared_at,
        ended_at=row.ended_at,
        by_self=row.declared_by == row.account_id,
        reason=_reason(tx, row) if own else "",
        may_end=row.ended_at is None and row.account_id != tx.actor.account_id,
    )


def _reason(tx: Transaction, row: Recusal) -> str:
    if not row.reason_sealed:
        return ""
    return str(sealing.open_json(tx, row.agency_id, row.reason_sealed, _place(row)).get("text", ""))


def end(tx: Transaction, recusal_id: str, reason: str) -> None:
    """That person may see the case again; why is said in words of which the log keeps the digest.

    Raises `Refused` (conflict_of_interest) for the person itself, `Conflict` when somebody ended it already,
    `UnusableInput` without a reason.
    """
    row, signal = _row(tx, recusal_id)
    tx.session.refresh(row, with_for_update=True)
    if row.ended_at is not None:
        raise Conflict("ended", "this was ended already")
    words = for_others(tx, reason, "reason", limit=REASON_LIMIT, required=True)
    row.ended_by, row.ended_at = tx.actor.account_id, tx.now
    before = _reason_kept(tx, row)
    row.reason_sealed = sealing.seal_json(tx, row.agency_id, {**before, "ended": words}, _place(row))
    _record(tx, signal, row, "ended", words)


def _reason_kept(tx: Transaction, row: Recusal) -> dict[str, str]:
    if not row.reason_sealed:
        return {}
    # The program opens it for a moment to add why it ended; whoever ends it sees nothing of it.
    kept = sealing.open_json(tx, row.agency_id, row.reason_sealed, _place(row))
    return {name: str(value) for name, value in kept.items()}
