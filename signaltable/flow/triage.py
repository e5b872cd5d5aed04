"""Triage: what lies at the table, is it complete, how urgent is it, and what happens next (domain/workflow.md, step 4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, Select, select, tuple_

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import (
    ACTIVE_STATES,
    ASKABLE,
    Conflict,
    LinkState,
    NotFound,
    Resource,
    State,
    UnusableInput,
    day_of,
)
from signaltable.flow import closing, consultation, enrich, fact_questions, linking, places, seats
from signaltable.flow.dossier import (
    Dossier,
    LinkedSubject,
    forms_at_table,
    links_at_table,
    read_at_table,
    signal_at_table,
)
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.moves import keep_until, move
from signaltable.flow.seats import TableTitle
from signaltable.flow.table import overlap
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.models import Signal, Subject
from signaltable.queries import PAGE, not_kept_from, resource_of, tables_of
from signaltable.transaction import Transaction, in_whole

REASON_LIMIT = 500
# More than a page of them, because those that were referred are not shown.
OVERLAPS_LOOKED_AT = 8 * PAGE
UNKNOWN_CHOICE = "expected one of the choices on the form"
NO_REASON = "expected a reason for another urgency"

# What the coordinator can make of a signal, by the state it is in. The first keeps it where it is, where that is possible.
RESULTS: Mapping[State, tuple[State, ...]] = MappingProxyType(
    {
        State.SUBMITTED: (State.TRIAGED, State.WATCH),
        State.TRIAGED: (State.TRIAGED, State.WATCH),
        State.ENRICHING: (State.ENRICHING, State.WATCH),
        State.TABLED: (State.TABLED,),
        State.WATCH: (State.WATCH, State.TRIAGED),
    },
)


@dataclass(frozen=True, slots=True)
class TriageLine:
    """One signal in the list. `missing`: elements not shown yet, and "age" or "consent" when that is not known.

    `links` are proposals that wait for an owner, `confirmed` those that all owners confirmed; `table` is the name of the
    table where it lies, `elsewhere` those of other tables where the same subject lies.
    """

    reference: str
    received: datetime
    urgency: str
    forms: tuple[str, ...]
    missing: tuple[str, ...]
    links: int
    confirmed: int
    state: str
    table: str = ""
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TriagePage:
    """A page of the list, newest first; `newer` and `older` are the references to go on from, empty at an end.

    On the first page `overlapping` are the newest whose subject lies at another table as well: two tables work on one
    case there. `tables` are those where the actor's agency has a seat.
    """

    lines: tuple[TriageLine, ...]
    newer: str
    older: str
    overlapping: tuple[TriageLine, ...] = ()
    tables: tuple[TableTitle, ...] = ()


@dataclass(frozen=True, slots=True)
class TriageView:
    """A signal on the coordinator's desk: dossier, what can become of it, and whom can be asked what."""

    dossier: Dossier
    proposed: tuple[LinkedSubject, ...]
    version: int
    results: tuple[str, ...]
    may_ask: bool
    may_lead: bool
    needs_necessity: bool
    agencies: tuple[tuple[str, str], ...]
    questions: tuple[enrich.AskedLine, ...]
    facts: tuple[fact_questions.AskedFact, ...]
    due_on: date
    table: str
    elsewhere: tuple[str, ...]
    may_move: bool
    closable: closing.Closing | None


def listing(
    tx: Transaction,
    *,
    state: str = "",
    urgency: str = "",
    table_id: str = "",
    older_than: str = "",
    newer_than: str = "",
) -> TriagePage:
    """The signals at the actor's tables, 25 at a time. Without a state: all that still ask attention.

    Raises `UnusableInput` for a filter that does not exist, `NotFound` for a place in the list that is not at the table.
    """
    own = seats.seats_of(tx, tx.actor.agency_id)
    seat = frozenset({tx.actor.agency_id} if own else ())
    require(tx.actor, Permission.SIGNAL_TRIAGE_OWN_TABLE, Resource("table", table_agencies=seat))
    _check_filters(tx, state, urgency)
    tables = seats.chosen(tx, table_id)
    states = [State(state)] if state else list(ACTIVE_STATES)
    shown, newer, older = _page(tx, _branches(tx, tables, states, urgency), tables, older_than, newer_than)
    double = [] if older_than or newer_than else _overlapping(tx, tables)
    filters = (("state", state), ("urgency", urgency), ("table", table_id))
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={
            "view": "triage",
            "count": len(shown),
            "filters": [f"{name}:{value}" for name, value in filters if value],
        },
        signals=[row.id for row in (*shown, *double)],
    )
    return TriagePage(tuple(_lines(tx, shown)), newer, older, tuple(_lines(tx, double)), own)


@in_whole("a group holds subjects of several agencies")
def _overlapping(tx: Transaction, tables: Sequence[str]) -> list[Row[Any]]:
    """The newest signals at these tables whose subject lies at another table as well, as many as stand on a page."""
    newest = places.first_of(tx, ("overlaps",), tables, OVERLAPS_LOOKED_AT, newest=True)
    ids = tx.lists.scalars(select(newest.c.object_id).order_by(newest.c.at.desc(), newest.c.object_id.desc())).all()
    found: list[Row[Any]] = []
    # Nearly all of them are shown, so hardly ever more than the first are read.
    while ids and len(found) < PAGE:
        some, ids = ids[: 2 * PAGE], ids[2 * PAGE :]
        query = _columns().where(Signal.id.in_(some), places.beside(Signal.state).in_(ACTIVE_STATES))
        found += tx.lists.execute(query.order_by(Signal.created_at.desc(), Signal.id.desc()))
    return found[:PAGE]


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The new signals at the actor's tables; how soon somebody looks at one, its urgency says."""
    branches = _branches(tx, tables_of(tx, tx.actor.agency_id), [State.SUBMITTED], "")
    oldest = places.first_of_branches(branches, MOST)
    query = select(Signal.id, Signal.reference, Signal.created_at, Signal.urgency).where(Signal.id.in_(oldest))
    for row in tx.lists.execute(query.order_by(Signal.created_at, Signal.id).limit(MOST)):
        urgency = tx.program.policy.urgencies[row.urgency]
        urgent = is_pressing(tx, row.urgency)
        due = urgency.due(day_of(row.created_at))
        yield WorkItem("triage", row.reference, row.reference, row.created_at, due, urgent, (row.id,))


def _check_filters(tx: Transaction, state: str, urgency: str) -> None:
    if state and state not in [*State]:
        raise UnusableInput({"state": UNKNOWN_CHOICE})
    if urgency and urgency not in tx.program.policy.urgencies:
        raise UnusableInput({"urgency": UNKNOWN_CHOICE})


def _columns() -> Select[Any]:
    # The narrative and the sealed part are long and not needed in a list.
    return select(
        Signal.id,
        Signal.reference,
        Signal.created_at,
        Signal.urgency,
        Signal.state,
        Signal.facts,
        Signal.missing,
        Signal.consent,
        Signal.table_id,
    )


def _branches(tx: Transaction, tables: Sequence[str], states: Sequence[State], urgency: str) -> list[places.Branch]:
    """The ids of the signals of each state at each table: asked one by one the database finds the first along its index."""
    conditions = [not_kept_from(tx, Signal.id), *([Signal.urgency == urgency] if urgency else [])]
    return [
        select(Signal.id, Signal.created_at).where(Signal.table_id == table, Signal.state == state, *conditions)
        for table in tables
        for state in states
    ]


def _page(
    tx: Transaction, branches: Sequence[places.Branch], tables: Sequence[str], older_than: str, newer_than: str
) -> tuple[list[Row[Any]], str, str]:
    """The rows of one page, newest first, with the references from which the pages before and after it start."""
    place = tuple_(Signal.created_at, Signal.id)
    order: tuple[Any, ...] = (Signal.created_at.desc(), Signal.id.desc())
    if newer_than:
        start = _place(tx, tables, newer_than)
        branches, order = [one.where(place > start) for one in branches], (Signal.created_at, Signal.id)
    elif older_than:
        start = _place(tx, tables, older_than)
        branches = [one.where(place < start) for one in branches]
    first = places.first_of_branches(branches, PAGE + 1, newest=not newer_than)
    query = _columns().where(Signal.id.in_(first))
    found = list(tx.lists.execute(query.order_by(*order).limit(PAGE + 1)))
    more, shown = len(found) > PAGE, found[:PAGE]
    if newer_than:
        shown.reverse()
    newer = shown[0].reference if shown and (more if newer_than else bool(older_than)) else ""
    older = shown[-1].reference if shown and (bool(newer_than) or more) else ""
    return shown, newer, older


def _place(tx: Transaction, tables: Sequence[str], reference: str) -> tuple[datetime, str]:
    found = tx.lists.execute(
        select(Signal.created_at, Signal.id).where(
            Signal.reference == reference, Signal.table_id.in_(tables), not_kept_from(tx, Signal.id)
        ),
    ).first()
    if found is None:
        raise NotFound("no such place in the list")
    return found.created_at, found.id


def _lines(tx: Transaction, rows: Sequence[Row[Any]]) -> list[TriageLine]:
    ids = [row.id for row in rows]
    links = linking.links_per_signal(tx, ids)
    confirmed = linking.others_in_groups(tx, ids)
    tables, elsewhere = seats.titles(tx, [row.table_id for row in rows]), overlap.elsewhere(tx, ids)
    ageless = set(
        tx.lists.scalars(
            select(Subject.signal_id).where(
                Subject.signal_id.in_(ids),
                Subject.kind == "person",
                Subject.role == "possible_victim",
                Subject.age_band == "unknown",
            ),
        ),
    )
    return [
        TriageLine(
            reference=row.reference,
            received=row.created_at,
            urgency=row.urgency,
            forms=forms,
            missing=_missing(row, ageless=row.id in ageless),
            links=links.get(row.id, 0),
            confirmed=confirmed.get(row.id, 0),
            state=row.state,
            table=tables.get(row.table_id, ""),
            elsewhere=elsewhere.get(row.id, ()),
        )
        for row, forms in zip(rows, forms_at_table(tx, [row.facts for row in rows]), strict=True)
    ]


def _missing(row: Row[Any], *, ageless: bool) -> tuple[str, ...]:
    unasked = row.consent.get("status", "") in {"", "not_asked"}
    return (*row.missing, *(("age",) if ageless else ()), *(("consent",) if unasked else ()))


# -- one signal --------------------------------------------------------------------------------------------------


def consult(tx: Transaction, reference: str) -> TriageView:
    """A signal of the own table as the coordinator triages it. Raises `Refused` for anybody else."""
    signal = signal_at_table(tx, reference)
    resource = resource_of(tx, signal)
    require(tx.actor, Permission.SIGNAL_TRIAGE_OWN_TABLE, resource)
    state = State(signal.state)
    asks = isinstance(may(tx.actor, Permission.ENRICH_ASK_OWN_TABLE, resource), Allowed)
    return TriageView(
        dossier=read_at_table(tx, signal, "triage"),
        proposed=_proposed(tx, signal, resource),
        version=signal.version,
        results=RESULTS.get(state, ()),
        may_lead=asks,
        may_ask=asks and state in ASKABLE,
        needs_necessity=consultation.needs_necessity(tx, signal),
        agencies=tuple(enrich.partners(tx, signal)),
        questions=tuple(enrich.asked_about(tx, signal)),
        facts=tuple(
            fact_questions.in_words(signal, tx.program.policy, code) for code in consultation.askable_facts(tx, signal)
        ),
        due_on=enrich.default_due(tx),
        table=seats.titles(tx, [signal.table_id])[signal.table_id],
        elsewhere=overlap.elsewhere(tx, [signal.id]).get(signal.id, ()),
        may_move=isinstance(may(tx.actor, Permission.SIGNAL_MOVE_OWN_TABLE, resource), Allowed)
        and state in ACTIVE_STATES,
        closable=closing.at_table(tx, signal),
    )


def _proposed(tx: Transaction, signal: Signal, resource: Resource) -> tuple[LinkedSubject, ...]:
    if not isinstance(may(tx.actor, Permission.LINK_CONSULT_OWN_TABLE, resource), Allowed):
        return ()
    return links_at_table(tx, signal, LinkState.PROPOSED)


def triage(tx: Transaction, reference: str, *, result: str, urgency: str, reason: str, version: int) -> None:
    """Confirm or change the urgency and say what happens next. Another urgency needs a reason.

    Raises `Conflict` when somebody changed the signal meanwhile, `UnusableInput` for a choice that was not offered.
    """
    signal = signal_at_table(tx, reference)
    require(tx.actor, Permission.SIGNAL_TRIAGE_OWN_TABLE, resource_of(tx, signal))
    tx.session.refresh(signal, with_for_update=True)
    if signal.version != version:
        raise Conflict("version", "the signal was changed by somebody else meanwhile")
    masked = _check_triage(tx, signal, result, urgency, reason)
    # Watching starts with a look: the life of a signal shows both.
    if State(signal.state) is State.SUBMITTED and result == State.WATCH:
        move(tx, signal, State.TRIAGED, reason=masked)
    if State(signal.state) is not State.WATCH and result == State.WATCH:
        # Keeping an eye on it has a term of its own, which starts now.
        signal.keep_until = keep_until(tx, "watch")
    move(tx, signal, State(result), reason=masked)
    if signal.urgency != urgency:
        signal.urgency = urgency
        signal.version += 1
    details = {"signal": signal.reference, "result": result, "urgency": urgency}
    details |= {"motivation_hash": text_hash(masked)} if masked else {}
    tx.record("signal:triage", object_type="signal", object_id=signal.reference, details=details)


def _check_triage(tx: Transaction, signal: Signal, result: str, urgency: str, reason: str) -> str:
    problems = {}
    if result not in RESULTS.get(State(signal.state), ()):
        problems["result"] = UNKNOWN_CHOICE
    if urgency not in tx.program.policy.urgencies:
        problems["urgency"] = UNKNOWN_CHOICE
    elif urgency != signal.urgency and not reason.strip():
        problems["reason"] = NO_REASON
    if problems:
        raise UnusableInput(problems)
    return for_others(tx, reason, "reason", limit=REASON_LIMIT)
