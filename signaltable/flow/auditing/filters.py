"""What to show of the log, and the numbers of the entries that it leaves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import product
from typing import Any, Final

from sqlalchemy import ColumnElement, LargeBinary, literal, or_, select
from sqlalchemy.orm import Session

from audit.vocabulary import ACTIONS
from signaltable import audit_trail
from signaltable.audit_trail import Wanted
from signaltable.audit_trail.terms import Term
from signaltable.db import HoldsBytes
from signaltable.flow.log_scope import SEEN_BY_REFERENCE, signal_of
from signaltable.models import Disclosure, LogEntry, Signal

# Kinds of acts as a jurist groups them: what an action's name starts with, or the action itself.
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "signals": ("signal", "draft", "identity", "attachment", "text"),
    "links": ("link", "exclusion"),
    "enriching": ("enrich",),
    "table": ("table", "escalation"),
    "disclosing": ("disclosure", "signal:disclose"),
    "duties": ("duty", "consent", "deadline", "reflection"),
    "refusals": ("access", "request"),
    "emergencies": ("emergency",),
    "logins": ("login",),
    "accounts": ("account", "agency", "factor", "session", "provider", "machine", "grant", "rights", "rate"),
    "rules": ("policy", "decision"),
    "erasing": ("retention", "subject"),
    "reports": ("report", "figures"),
    "audit": ("sample", "misuse"),
    "log": ("log", "checkpoint", "receipt"),
    "incidents": ("incident",),
    "keys": ("key",),
    "program": ("system", "job", "mail"),
}
# Counting stops here: "more than a thousand" says as much, and a page must answer at once in a log of any length.
MOST_COUNTED: Final = 1000
# How many entries are looked through in one go where no index helps, so that the page answers in any case.
MOST_READ: Final = 50_000
_CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show of the log; an empty value does not count. `until` is the first moment that is left out.

    `case` is the reference of a signal or a disclosure, `subject` a pseudonym (S-7F3K-Q2.1), `version` a digest of rules,
    `person` the opaque id of an account, `kind` one of KINDS.
    """

    since: datetime | None = None
    until: datetime | None = None
    agency: str = ""
    kind: str = ""
    action: str = ""
    outcome: str = ""
    ground: str = ""
    purpose: str = ""
    category: str = ""
    receiver: str = ""
    case: str = ""
    subject: str = ""
    object: str = ""
    version: str = ""
    person: str = ""
    channel: str = ""

    @property
    def used(self) -> list[str]:
        """The names of the filters in use; values may not stand in the log about the log."""
        return [one.name for one in fields(self) if getattr(self, one.name)]

    def without(self, name: str) -> "Filters":
        """The same without one filter."""
        empty: dict[str, Any] = {name: None if name in {"since", "until"} else ""}
        return replace(self, **empty)


def kind_of(action: str) -> str:
    """The kind of act to which an action belongs; "program" for one that is in no list."""
    exact = next((kind for kind, starts in KINDS.items() if action in starts), "")
    start = action.partition(":")[0]
    return exact or next((kind for kind, starts in KINDS.items() if start in starts), "program")


def actions_of(kind: str) -> tuple[str, ...]:
    """The actions of a kind, in the order of the vocabulary."""
    return tuple(action for action in ACTIONS if kind_of(action) == kind)


@dataclass(frozen=True, slots=True)
class Found:
    """Numbers of entries, newest first. `reached` is how far was looked when the looking stopped before the page was full."""

    seqs: tuple[int, ...]
    reached: int | None = None


def find(
    session: Session, filters: Filters, scope: str, *, before: int | None = None, after: int | None = None, limit: int
) -> Found:
    """At most `limit` entries, newest first: those just older than `before`, or just newer than `after`.

    `scope` is the one agency whose entries the reader may see, "" for all. What a filter would tell a reader about
    another agency is left out (log_scope). A filter that no index serves looks through MOST_READ entries at a time.
    """
    wanted = tuple(_alternatives(filters, scope))
    rest = _rest(session, filters, scope)
    if not rest:
        return Found(tuple(_merged(session, wanted, before, after, limit)))
    found: list[int] = []
    for _turn in range(MOST_READ // _CHUNK):
        chunk = _merged(session, wanted, before, after, _CHUNK)
        kept = set(session.scalars(select(LogEntry.seq).where(LogEntry.seq.in_(chunk), *rest)))
        ordered = [seq for seq in chunk if seq in kept]
        found = [*ordered, *found] if after is not None else [*found, *ordered]
        if len(chunk) < _CHUNK or len(found) >= limit:
            return Found(tuple(found[-limit:] if after is not None else found[:limit]))
        before, after = (None, chunk[0]) if after is not None else (chunk[-1], None)
    return Found(tuple(found), reached=after if after is not None else before)


def count(session: Session, filters: Filters, scope: str, most: int = MOST_COUNTED) -> tuple[int, bool]:
    """How many entries these filters leave, up to `most`, and whether there are more, or were not looked through."""
    found = find(session, filters, scope, limit=most + 1)
    return min(len(found.seqs), most), len(found.seqs) > most or found.reached is not None


def loosened(session: Session, filters: Filters, scope: str) -> dict[str, int]:
    """For each filter in use: how many entries there would be without it, as far as there would be any (up to 100)."""
    counts = {name: count(session, filters.without(name), scope, 99) for name in filters.used}
    return {name: found + more for name, (found, more) in counts.items() if found}


# -- inside -------------------------------------------------------------------------------------------------------


def _merged(session: Session, wanted: Sequence[Wanted], before: int | None, after: int | None, limit: int) -> list[int]:
    """One page out of several searches: what one of them finds, each entry once, newest first."""
    found: set[int] = set()
    for one in wanted:
        found.update(audit_trail.find_seqs(session, one, before=before, after=after, limit=limit))
    ordered = sorted(found, reverse=True)
    return ordered[-limit:] if after is not None else ordered[:limit]


def _alternatives(filters: Filters, scope: str) -> Iterator[Wanted]:
    """One search for each way to fit: every action of the kind, every way in which a case is named."""
    actions = (filters.action,) if filters.action or not filters.kind else actions_of(filters.kind)
    if filters.action and filters.kind and kind_of(filters.action) != filters.kind:
        return
    for action, case in product(actions, _case_terms(filters.case)):
        yield Wanted(
            scope=scope,
            agency=filters.agency,
            action=action,
            outcome=filters.outcome,
            actor=filters.person,
            object=filters.object,
            terms=(*case, *_terms(filters)),
            since=filters.since,
            until=filters.until,
        )


def _case_terms(case: str) -> tuple[tuple[Term, ...], ...]:
    if not case:
        return ((),)
    names = ("disclosure",) if case.startswith("D-") else ("signal", "linked")
    return tuple(((name, case),) for name in names)


def _terms(filters: Filters) -> Iterator[Term]:
    for name, value in (
        ("ground", filters.ground),
        ("purpose", filters.purpose),
        ("category", filters.category),
        ("recipient", filters.receiver),
        ("subject", filters.subject),
        ("policy", filters.version),
    ):
        if value:
            yield name, value


def _rest(session: Session, filters: Filters, scope: str) -> list[ColumnElement[bool]]:
    """What an entry must fulfil besides: conditions without an index, and those that keep a filter from telling of others."""
    conditions: list[ColumnElement[bool]] = []
    if filters.channel:
        # The bytes of an entry are canonical JSON, so the pair stands there in exactly this spelling.
        pair = literal(f'"channel":"{filters.channel}"'.encode(), LargeBinary)
        conditions.append(HoldsBytes(LogEntry.entry, pair))
    if scope:
        conditions += _no_probing(session, filters, scope)
    return conditions


def _no_probing(session: Session, filters: Filters, scope: str) -> Iterator[ColumnElement[bool]]:
    """Somebody who looks for a signal of another agency finds only acts in which people saw it by that reference, and who
    looks for a ground, purpose, receiver finds no disclosure between two others: no filter tells what the details hide.
    """
    references = {filters.case if filters.case.startswith("S-") else "", signal_of(filters.subject)} - {""}
    own = select(Signal.reference).where(Signal.reference.in_(references), Signal.owner_agency == scope)
    if references - set(session.scalars(own)):
        yield LogEntry.action.in_(sorted(SEEN_BY_REFERENCE))
    if any((filters.ground, filters.purpose, filters.category, filters.receiver, filters.version)):
        ours = or_(Disclosure.provider_agency == scope, Disclosure.recipient_agency == scope)
        yield or_(LogEntry.object_type != "disclosure", LogEntry.object.in_(select(Disclosure.reference).where(ours)))
