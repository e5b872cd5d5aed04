"""Which requests there are and what one of them says, for who asked, who decides, and who supervises. Never an identity."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select
from sqlalchemy.orm import load_only

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Refused, day_of
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow.identity_requests import rows
from signaltable.flow.identity_requests.deciding import may_decide
from signaltable.flow.identity_requests.viewing import why_closed
from signaltable.flow.second_person import roles_of
from signaltable.flow.work import MOST, WorkItem
from signaltable.grounds import Ground
from signaltable.models import Account, IdentityRequest
from signaltable.queries import PageKey, agency_titles, newest_first, not_kept_from
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request in a list. `state` as it is now, also where no job has written it down yet."""

    reference: str
    known_as: str
    owner: str
    recipient: str
    purpose: str
    ground: str
    state: str
    asked_at: datetime
    decided_at: datetime | None
    until: datetime | None
    may_open: bool


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One request. The words are empty for who may not read them; `closed` says why it cannot be opened, as a code."""

    line: RequestLine
    signal: str
    subject: int
    kind: str
    role: str
    fields: tuple[str, ...]
    ground: Ground | None
    motivation: str
    evidence: tuple[tuple[ConditionSpec, Mapping[str, Any]], ...]
    consent: str
    requester: str
    requester_roles: tuple[str, ...]
    decider: str
    decider_roles: tuple[str, ...]
    answer: str
    cause: str
    decide_by: datetime
    opened_at: datetime | None
    ended_at: datetime | None
    obligations: tuple[Mapping[str, Any], ...]
    own: bool
    of_owner: bool
    supervised: bool
    why_not: str
    closed: str


def own(tx: Transaction, after: PageKey | None = None) -> tuple[list[RequestLine], PageKey | None]:
    """What the actor asked, in all states, newest first; recorded."""
    query = select(IdentityRequest).where(
        IdentityRequest.account_id == tx.actor.account_id, IdentityRequest.agency_id == tx.actor.agency_id
    )
    return _page(tx, query, "identity_own", after)


def waiting(tx: Transaction) -> list[RequestLine]:
    """What waits for a decision that the actor may take, newest first, as much as one page holds; recorded."""
    lines, _following = _page(tx, select(IdentityRequest).where(*_for_actor(tx)), "identity_waiting", None)
    return lines


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The requests that the actor may decide on, each with the last day of that."""
    columns = select(IdentityRequest.reference, IdentityRequest.asked_at, IdentityRequest.signal_id)
    query = columns.where(*_for_actor(tx)).order_by(IdentityRequest.asked_at, IdentityRequest.id)
    for row in tx.lists.execute(query.limit(MOST)):
        due = tx.program.policy.deadlines["identity-decision"].due(day_of(row.asked_at))
        yield WorkItem("identities", row.reference, row.reference, row.asked_at, due, about=(row.signal_id,))


def work_of_asker(tx: Transaction) -> Iterable[WorkItem]:
    """The approved requests of the actor that can still be opened, or are open now."""
    query = select(IdentityRequest).where(
        IdentityRequest.account_id == tx.actor.account_id,
        IdentityRequest.agency_id == tx.actor.agency_id,
        IdentityRequest.state == rows.APPROVED,
        IdentityRequest.until > tx.now,
    )
    for row in tx.lists.scalars(query.order_by(IdentityRequest.until, IdentityRequest.id).limit(MOST)):
        due = day_of(row.until) if row.until else None
        yield WorkItem("looks", row.reference, row.reference, row.asked_at, due, about=(row.signal_id,))


def history(tx: Transaction, after: PageKey | None = None) -> tuple[list[RequestLine], PageKey | None]:
    """All requests about own signals, or all there are for who supervises, newest first; recorded.

    Raises `Refused` for everybody else.
    """
    query = select(IdentityRequest)
    if rows.supervises(tx):
        with tx.whole("who supervises looks at all requests, without words"):
            return _page(tx, query, "identity_history", after)
    if not _decides(tx):
        raise Refused("no_permission", details={"permission": Permission.IDENTITY_DECIDE_OWN.value})
    query = query.where(IdentityRequest.owner_agency == tx.actor.agency_id)
    return _page(tx, query, "identity_history", after)


def _decides(tx: Transaction) -> bool:
    return isinstance(may(tx.actor, Permission.IDENTITY_DECIDE_OWN), Allowed)


def _for_actor(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    """Waiting, about an own signal, asked by somebody else who has none of the actor's roles, and not too long ago."""
    if not _decides(tx):
        return (IdentityRequest.id.is_(None),)
    # A label is roles with commas between them; with one at each end every role stands between two.
    label = "," + IdentityRequest.roles + ","
    same = or_(*(label.contains(f",{role},", autoescape=True) for role in sorted(tx.actor.roles)))
    late = and_(IdentityRequest.state == rows.WAITING, IdentityRequest.id.in_(_late(tx)))
    return (
        IdentityRequest.state == rows.WAITING,
        IdentityRequest.owner_agency == tx.actor.agency_id,
        IdentityRequest.account_id != tx.actor.account_id,
        not_(same),
        not_(late),
    )


def _late(tx: Transaction) -> Sequence[str]:
    """Waiting requests of the own agency that nobody decided in time, before the job wrote that down."""
    query = (
        select(IdentityRequest)
        .options(load_only(IdentityRequest.asked_at))
        .where(IdentityRequest.state == rows.WAITING, IdentityRequest.owner_agency == tx.actor.agency_id)
    )
    # The oldest end first, and a job writes down every hour which ended: there are few of them, and the rest is not read.
    oldest = tx.lists.scalars(query.order_by(IdentityRequest.asked_at, IdentityRequest.id).limit(MOST))
    return [row.id for row in takewhile(lambda one: tx.now > rows.decide_by(tx, one), oldest)]


def _page(
    tx: Transaction, query: Select[Any], view: str, after: PageKey | None
) -> tuple[list[RequestLine], PageKey | None]:
    query = query.where(not_kept_from(tx, IdentityRequest.signal_id))
    shown, following = newest_first(tx, query, IdentityRequest.asked_at, IdentityRequest.id, after)
    titles = agency_titles(tx)
    tx.record(
        "identity:list",
        object_type=rows.OBJECT,
        details={"view": view, "count": len(shown)},
        subjects=[row.subject_id for row in shown],
    )
    return [_line(tx, row, titles) for row in shown], following


def _line(tx: Transaction, row: IdentityRequest, titles: Mapping[str, str]) -> RequestLine:
    state = _state(tx, row)
    return RequestLine(
        reference=row.reference,
        known_as=row.known_as if rows.is_asker(tx, row) else "",
        owner=titles.get(row.owner_agency, ""),
        recipient=titles.get(row.agency_id, ""),
        purpose=row.purpose,
        ground=row.ground,
        state=state,
        asked_at=row.asked_at,
        decided_at=row.decided_at,
        until=row.until,
        may_open=state == rows.APPROVED and rows.is_asker(tx, row),
    )


def _state(tx: Transaction, row: IdentityRequest) -> str:
    if row.state == rows.WAITING and tx.now > rows.decide_by(tx, row):
        return rows.EXPIRED
    if row.state == rows.APPROVED and row.until is not None and tx.now >= row.until:
        return rows.ENDED
    return row.state


def consult(tx: Transaction, reference: str) -> RequestPage:
    """One request for who may see it; recorded. Who supervises reads no words. Raises `NotFound` for everybody else."""
    row = rows.by_reference(tx, reference)
    signal, subject = rows.about(tx, row)
    asks, of_owner = rows.is_asker(tx, row), rows.is_of_owner(tx, row)
    reads = asks or of_owner
    said = rows.words(tx, row, rows.ASKED) if reads else {}
    policy = tx.program.policy
    tx.record(
        "identity:list",
        object_type=rows.OBJECT,
        object_id=row.reference,
        details={"view": "identity_request", "count": 1, "request": row.reference},
        signals=[signal.id],
        subjects=[subject.id],
    )
    return RequestPage(
        line=_line(tx, row, agency_titles(tx)),
        # Who asked after a question or a disclosure knows the signal by no name.
        signal=signal.reference if not asks or row.way == "zaak" else "",
        subject=subject.number,
        kind=subject.kind,
        role=subject.role,
        fields=tuple(row.fields),
        ground=policy.grounds.find(row.ground, tx.today),
        motivation=said.get("motivation", ""),
        evidence=tuple((policy.conditions[code], given) for code, given in said.get("evidence", {}).items()),
        # Whoever decides checks what was filled in about consent with what the own signal says of it.
        consent=signal.consent.get("status", "") if of_owner else "",
        requester=_name(tx, row.account_id) if reads else "",
        requester_roles=tuple(sorted(roles_of(row.roles))),
        decider=_name(tx, row.decided_by) if reads and row.decided_by else "",
        decider_roles=tuple(sorted(roles_of(row.decided_roles))),
        answer=rows.words(tx, row, rows.ANSWER).get("reason", "") if reads else "",
        cause=row.cause,
        decide_by=rows.decide_by(tx, row),
        opened_at=row.opened_at,
        ended_at=row.ended_at,
        obligations=tuple(row.obligations),
        own=asks,
        of_owner=of_owner,
        supervised=not reads,
        why_not=may_decide(tx, row) if of_owner else "",
        closed=why_closed(tx, row, signal, subject) if asks and row.state == rows.APPROVED else "",
    )


def _name(tx: Transaction, account_id: str) -> str:
    return tx.session.scalar(select(Account.name).where(Account.id == account_id)) or ""
