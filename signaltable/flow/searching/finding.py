"""Finding a case: by its reference, or by words of its masked account among the cases that the actor may open.

What somebody types may be a name, so it is used here and kept nowhere: the log says that was searched, with how many words
and how many results. Nothing tells a case that is not there from one that is not this person's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import load_only

from signaltable.access import Allowed, Permission, may
from signaltable.domain import GONE, ZONE, Resource, SignaltableError, State
from signaltable.flow.contents import ACCUSED, account_told
from signaltable.flow.dossier import readable_at_table
from signaltable.flow.searching import lists
from signaltable.flow.searching.filling import is_whole
from signaltable.flow.searching.lists import Either
from signaltable.flow.searching.terms import (
    OWNER,
    PURPOSE,
    TABLE,
    TABLED,
    first_number,
    moment_of,
    place_term,
    secret_of,
    word_term,
)
from signaltable.models import AgendaItem, Disclosure, Meeting, RegionalTable, SearchRow, Signal, Subject
from signaltable.pseudonymise import check_reference
from signaltable.queries import PAGE, kept_from, not_kept_from, resource_of_disclosure, seated_at, tables_of
from signaltable.transaction import Transaction
from signaltable.words import words_of

MOST_WORDS: Final = 8
LONGEST: Final = 200
# So many numbers are looked up for one page, and so many accounts read; then the page says how far it came.
MOST_LOOKED_UP: Final = 6_000
MOST_READ: Final = 100
_END: Final = 2**63 - 1
# S and seven signs behind it, of which the dash or a digit says that it is meant as a reference and not as a word.
_REFERENCE: Final = re.compile(
    r"[SD](?:[-\u2010-\u2015 ][0-9A-Z][0-9A-Z \-\u2010-\u2015]{4,8}|(?=[A-Z]*[0-9])[0-9A-Z]{6})"
)

# Where a result leads: the own signal, the dossier at the table, or a disclosure of which one has a side.
OWN, AT_TABLE, GAVE, GOT = "own", "table", "gave", "got"


class Unusable(SignaltableError):
    """What was typed cannot be searched for. `reason` is one of nothing, reference, words, small."""

    def __init__(self, reason: str) -> None:
        super().__init__("expected a reference without a mistake, or a few words")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for. `since` and `until` are days in the Netherlands, both counted in; `before` is where a page begins."""

    text: str = field(repr=False)
    state: str = ""
    since: date | None = None
    until: date | None = None
    before: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """A case or a disclosure that was found; `ways` are the pages on which this person may open it, the first the best."""

    reference: str
    created_at: datetime
    state: str
    urgency: str
    table: str
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of results. `following` is where the next one begins, 0 at the end.

    `looked_until` is set when the page is not full and not the last: so far back was looked, and further back there is more
    to look through. It is a day in the Netherlands and no moment, for it may be that of a case of others; `following` is to
    be sealed before somebody sees it (resuming.py). `whole` is false while some cases are not in the index yet.
    """

    hits: tuple[Hit, ...]
    following: int = 0
    looked_until: date | None = None
    whole: bool = True


def find(tx: Transaction, asked: Asked) -> Found:
    """Search, and record that it was done. Raises `Unusable` for what cannot be searched for."""
    reference = _as_reference(asked.text)
    if reference:
        found, words = Found(tuple(_by_reference(tx, reference))), 0
    else:
        wanted = _words(asked.text)
        found, words = _by_words(tx, wanted, asked), len(wanted)
    _record(tx, found, words, by="words" if words else "reference")
    return found


def _record(tx: Transaction, found: Found, words: int, *, by: str) -> None:
    tx.record(
        "signal:search",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": by, "words": words, "count": len(found.hits)},
        signals=sorted(one.reference for one in found.hits if one.reference.startswith("S")),
    )


# -- by reference ----------------------------------------------------------------------------------------------------


def _as_reference(text: str) -> str:
    """The reference that was typed, "" for words. Raises `Unusable` for a reference with a mistake in it."""
    typed = text.strip()
    checked = check_reference(typed)
    if checked and checked.startswith(("S-", "D-")):
        return checked
    if _REFERENCE.fullmatch(typed.upper()):
        raise Unusable("reference")
    return ""


def _by_reference(tx: Transaction, reference: str) -> Iterator[Hit]:
    if reference.startswith("S-"):
        row = tx.session.scalars(
            select(Signal).where(Signal.reference == reference, not_kept_from(tx, Signal.id))
        ).first()
        if row is not None:
            resource = _resources(tx, [row])[row.id]
            if ways := _ways(tx, row, resource):
                yield _hit(row, ways, _titles(tx))
        return
    query = select(Disclosure).where(Disclosure.reference == reference, not_kept_from(tx, Disclosure.signal_id))
    sent = tx.session.scalars(query).first()
    if sent is not None and (ways := _ways_to_disclosure(tx, sent)):
        yield Hit(sent.reference, sent.requested_at, sent.state, "", "", ways)


def _ways_to_disclosure(tx: Transaction, row: Disclosure) -> tuple[str, ...]:
    giving = Permission.REFERRAL_TRANSFER_OWN if row.parent_id else Permission.SIGNAL_DISCLOSE_OWN
    gave = may(tx.actor, giving, resource_of_disclosure(tx, row, provider=True))
    # The receiver knows of it once it was disclosed.
    received = row.disclosed_at is not None and isinstance(
        may(tx.actor, Permission.REFERRAL_RECEIVE_OWN, resource_of_disclosure(tx, row, receiver=True)), Allowed
    )
    return ((GAVE,) if isinstance(gave, Allowed) else ()) + ((GOT,) if received else ())


# -- by words --------------------------------------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    if not text.strip():
        raise Unusable("nothing")
    words = words_of(text)
    if not words:
        raise Unusable("small")
    if len(words) > MOST_WORDS or len(text) > LONGEST:
        raise Unusable("words")
    return words


def _by_words(tx: Transaction, words: frozenset[str], asked: Asked) -> Found:
    version = tx.program.keys.version(PURPOSE)
    first, before = _stretch(asked)
    scope, wanted = _scope(tx), _conditions(tx, words)
    if not scope or first >= before:
        return Found((), whole=True)
    search = _Search(tx, words, asked.state, (*wanted, scope), first)
    hits, following, full = search.page(before)
    with tx.whole("whether the index is whole says nothing of a case"):
        whole = is_whole(tx.lists, version)
    looked = moment_of(following).astimezone(ZONE).date() if following and not full else None
    return Found(tuple(hits), following, looked, whole)


def _stretch(asked: Asked) -> tuple[int, int]:
    """The numbers between which a page lies."""
    first = first_number(_midnight(asked.since)) if asked.since else 0
    # Behind the last day that there is comes no other one.
    ends = asked.until is not None and asked.until < date.max
    end = first_number(_midnight(asked.until + timedelta(days=1))) if asked.until and ends else _END
    return first, min(end, asked.before) if asked.before > 0 else end


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)


def _conditions(tx: Transaction, words: frozenset[str]) -> tuple[Either, ...]:
    """A list for each word: under every version of the key, since some accounts may still stand under the one before."""
    secrets = _secrets(tx)
    return tuple(tuple(word_term(secret, word) for secret in secrets) for word in sorted(words))


def _secrets(tx: Transaction) -> list[bytes]:
    return [secret_of(tx.program.keys, version) for version in tx.program.keys.usable(PURPOSE)]


def _scope(tx: Transaction) -> Either:
    """The places where the actor may open cases at all; the gate decides about each of them again."""
    places: list[tuple[str, str]] = []
    if _could(tx, Permission.SIGNAL_CONSULT_OWN):
        places.append((OWNER, tx.actor.agency_id))
    kind = TABLE if _could(tx, Permission.DOSSIER_CONSULT_OWN_TABLE) else TABLED
    if kind == TABLE or _could(tx, Permission.DOSSIER_CONSULT_TABLED):
        places += [(kind, table) for table in tables_of(tx, tx.actor.agency_id)]
    return tuple(place_term(secret, kind, place) for secret in _secrets(tx) for kind, place in places)


def _could(tx: Transaction, permission: Permission) -> bool:
    return isinstance(may(tx.actor, permission), Allowed)


class _Search:
    """One page of one search: pieces of the sparsest list, what they have in common with the others, and then the cases."""

    def __init__(
        self, tx: Transaction, words: frozenset[str], state: str, conditions: Sequence[Either], first: int
    ) -> None:
        self._tx, self._words, self._state = tx, words, state
        self._conditions, self._first = conditions, first
        self._titles, self._readable = _titles(tx), readable_at_table(tx)
        self._hits: list[tuple[int, Hit]] = []
        self._looked_up = self._read = 0

    def page(self, before: int) -> tuple[list[Hit], int, bool]:
        """The hits, where the next page begins (0 at the end), and whether this one is full."""
        size, found = lists.FIRST_PIECE, list[int]()
        while before > self._first:
            numbers, reached = self._next_piece(before, size)
            found += numbers
            before = reached if reached > self._first else 0
            size = min(size * 4, lists.LARGEST_PIECE)
            # Opening cases asks the database ten things, however few they are: so as many as may fill the page go together.
            enough = len(self._hits) + len(found) > PAGE or self._read + len(found) >= MOST_READ
            if before and not enough and self._looked_up < MOST_LOOKED_UP:
                continue
            before, found = self._take(found, before), []
            if len(self._hits) > PAGE:
                return [hit for _number, hit in self._hits[:PAGE]], self._hits[PAGE - 1][0], True
            if before and (self._looked_up >= MOST_LOOKED_UP or self._read >= MOST_READ):
                return [hit for _number, hit in self._hits], before, False
        return [hit for _number, hit in self._hits], 0, True

    def _next_piece(self, before: int, size: int) -> tuple[list[int], int]:
        """What the conditions have in common in the next piece, and how far down it reached (`_first` at the end)."""
        with self._tx.whole("terms are digests that belong to nobody; each hit is read as the actor"):
            session = self._tx.lists
            leading = lists.sparsest(session, self._conditions, self._first, before)
            piece = lists.newest(session, leading, self._first, before, size)
            self._looked_up += len(piece)
            found = lists.in_common(session, [one for one in self._conditions if one != leading], piece)
            return self._in_state(found), piece[-1] if len(piece) == size else self._first

    def _in_state(self, numbers: list[int]) -> list[int]:
        if not self._state or not numbers:
            return numbers
        query = select(SearchRow.number).join(Signal, Signal.id == SearchRow.signal_id)
        held = set(self._tx.lists.scalars(query.where(SearchRow.number.in_(numbers), Signal.state == self._state)))
        return [number for number in numbers if number in held]

    def _take(self, numbers: Sequence[int], reached: int) -> int:
        """Read the cases with these numbers until the page is full or enough was read. Returns below which to go on."""
        for start in range(0, len(numbers), PAGE + 1):
            some = numbers[start : start + PAGE + 1]
            self._read += len(some)
            self._hits += self._open(some)
            if len(self._hits) > PAGE or self._read >= MOST_READ:
                return some[-1]
        return reached

    def _open(self, numbers: Sequence[int]) -> Iterator[tuple[int, Hit]]:
        tx = self._tx
        with tx.whole("a number leads to the id of a case, which is then read as the actor"):
            rows = tx.lists.execute(select(SearchRow.signal_id, SearchRow.number).where(SearchRow.number.in_(numbers)))
            places = {row.signal_id: row.number for row in rows}
        signals = self._signals(list(places))
        resources, accused = _resources(tx, signals), self._accused(list(places))
        for signal in sorted(signals, key=lambda one: -places[one.id]):
            ways = _ways(tx, signal, resources[signal.id])
            if not ways:
                continue
            account, told = account_told(signal, tx.program.policy, accused=signal.id in accused)
            # A word of an account that the table may not read would tell what stands in it.
            if (OWN in ways or told <= self._readable) and self._words <= words_of(account):
                yield places[signal.id], _hit(signal, ways, self._titles)

    def _signals(self, ids: Sequence[str]) -> Sequence[Signal]:
        query = select(Signal).options(_OPEN_COLUMNS).where(Signal.id.in_(ids), not_kept_from(self._tx, Signal.id))
        return self._tx.session.scalars(query).all()

    def _accused(self, ids: Sequence[str]) -> frozenset[str]:
        """In which of these cases somebody is accused."""
        query = select(Subject.signal_id).where(Subject.signal_id.in_(ids), Subject.role.in_(ACCUSED))
        return frozenset(self._tx.session.scalars(query))


# What is needed of a case to judge and to list it; not what is sealed, which is long.
_OPEN_COLUMNS: Final = load_only(
    Signal.id,
    Signal.reference,
    Signal.owner_agency,
    Signal.table_id,
    Signal.state,
    Signal.urgency,
    Signal.created_at,
    Signal.observed_on,
    Signal.municipality,
    Signal.source_quality,
    Signal.facts,
    Signal.form_rows,
    Signal.indicators,
    Signal.flags,
    Signal.found,
    Signal.consent,
    Signal.narrative_masked,
    Signal.policy_digest,
)


# -- the gate, for many at once --------------------------------------------------------------------------------------


def _resources(tx: Transaction, signals: Sequence[Signal]) -> Mapping[str, Resource]:
    """Signal id -> what decides about access to it."""
    ids = [one.id for one in signals]
    kept, seated = kept_from(tx, ids), {table: seated_at(tx, table) for table in {one.table_id for one in signals}}
    on_agenda = frozenset(
        tx.session.scalars(
            select(AgendaItem.signal_id)
            .join(Signal, Signal.id == AgendaItem.signal_id)
            .join(Meeting, (Meeting.id == AgendaItem.meeting_id) & (Meeting.table_id == Signal.table_id))
            .where(AgendaItem.signal_id.in_(ids))
        )
    )
    return {
        one.id: Resource(
            "signal",
            one.reference,
            owner_agency=one.owner_agency,
            table_agencies=seated[one.table_id],
            on_agenda=one.id in on_agenda,
            case_id=one.id,
            state=one.state,
            kept_from=kept.get(one.id, frozenset()),
        )
        for one in signals
    }


def _ways(tx: Transaction, signal: Signal, resource: Resource) -> tuple[str, ...]:
    """The pages on which the actor may open a case."""
    own = isinstance(may(tx.actor, Permission.SIGNAL_CONSULT_OWN, resource), Allowed)
    at_table = State(signal.state) not in GONE and any(
        isinstance(may(tx.actor, one, resource), Allowed)
        for one in (Permission.DOSSIER_CONSULT_OWN_TABLE, Permission.DOSSIER_CONSULT_TABLED)
    )
    return ((OWN,) if own else ()) + ((AT_TABLE,) if at_table else ())


def _hit(signal: Signal, ways: tuple[str, ...], titles: Mapping[str, str]) -> Hit:
    return Hit(signal.reference, signal.created_at, signal.state, signal.urgency, titles.get(signal.table_id, ""), ways)


def _titles(tx: Transaction) -> Mapping[str, str]:
    return {row.id: row.title for row in tx.session.execute(select(RegionalTable.id, RegionalTable.title))}
