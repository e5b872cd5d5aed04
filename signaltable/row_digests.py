"""What the log says of the rows that a transaction wrote: a keyed digest of each, so that no row changes outside it.

With every commit the log keeps, in the detail `rows`, table -> row -> digest of what the row then says ("" when it is
gone). A row that was made, changed or taken away by hand is one of which the last digest does not fit. The digest is an
HMAC under a key of the ring: whoever reads the log cannot try what a row might hold, and whoever has only the database
cannot write an entry that fits a row of their own.

Empty values (NULL, "", 0, false, an empty list) are left out of the digest, so that a migration may add a column with
an empty default without making every row a finding. One that fills rows of old adopts them anew (`flow/fsck`).
"""

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, cast

from sqlalchemy import JSON, ClauseElement, Column, Select, Table, event, inspect, select, tuple_
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from audit.canonical import TOKEN
from signaltable.db import Base, WritingSession
from signaltable.domain import SignaltableError
from signaltable.keys import KeyProvider

# How many rows are read at once by their keys; SQLite takes about 32,000 values in one statement.
AT_ONCE = 500
# 96 bits: nobody without the key can make another row with this digest, and a thousand rows fit in one entry.
DIGEST_DIGITS = 24
HIDDEN_DIGITS = 32
PURPOSE, USE = "rows", "rows of the database"
GONE = ""
# Behind the version in a digest: of what it is made (`Tracked.packed`).
PACKED = "p"

Key = tuple[Any, ...]
# Table -> row -> digest.
Rows = dict[str, dict[str, str]]
_Told = tuple[tuple[str, bool], ...]


class UnknownRows(SignaltableError):
    """A statement does not say which rows it writes, so the log could not account for them."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """How the rows of one table are accounted for.

    `object` is the column by which entries name such a row; `parents` are columns that lead to a row of another table
    which entries name instead. `grouped`: all rows with the same first key column count as one. `hidden`: the key says
    something itself, so that its digest stands in the log. `ignored` columns change without an entry. `made_only`: only
    the making is accounted for, because housekeeping takes these rows away. `packed`: there are millions of these rows, and
    their values are hashed as they are instead of as JSON, which takes several times as long.
    """

    object: str = ""
    parents: Mapping[str, str] = field(default_factory=dict)
    grouped: bool = False
    hidden: bool = False
    ignored: frozenset[str] = frozenset()
    made_only: bool = False
    packed: bool = False


TRACKED: Mapping[str, Tracked] = {
    "agencies": Tracked("id"),
    "agency_destinations": Tracked(parents={"agency_id": "agencies"}),
    "accounts": Tracked("id"),
    "account_roles": Tracked(parents={"account_id": "accounts"}),
    "activations": Tracked(parents={"account_id": "accounts"}, ignored=frozenset({"used_at"})),
    "second_factors": Tracked(
        parents={"account_id": "accounts"},
        ignored=frozenset({"last_step", "sign_count", "used_at", "backed_up", "confirmed_at"}),
    ),
    "recovery_codes": Tracked(parents={"account_id": "accounts"}),
    "provider_logins": Tracked(parents={"account_id": "accounts"}, ignored=frozenset({"used_at"})),
    "machine_accounts": Tracked("id", ignored=frozenset({"used_at"})),
    "role_grants": Tracked("id", parents={"account_id": "accounts"}),
    "emergency_accesses": Tracked("id", parents={"signal_id": "signals"}),
    "rights_reviews": Tracked("id"),
    "sessions": Tracked(
        parents={"account_id": "accounts"},
        hidden=True,
        ignored=frozenset({"seen_at", "ended_at", "proved_at", "last_form", "last_form_at"}),
        made_only=True,
    ),
    "regional_tables": Tracked("id"),
    "table_members": Tracked(parents={"agency_id": "agencies"}),
    "drafts": Tracked("id"),
    "signals": Tracked("reference"),
    "signal_moves": Tracked(parents={"signal_id": "signals"}),
    "subjects": Tracked(parents={"signal_id": "signals"}),
    "subject_fields": Tracked(parents={"subject_id": "subjects"}, grouped=True, packed=True),
    "subject_keys": Tracked(parents={"subject_id": "subjects"}, packed=True),
    "match_tags": Tracked(parents={"subject_id": "subjects"}, grouped=True, packed=True),
    "match_sketches": Tracked(parents={"subject_id": "subjects"}, packed=True),
    "exclusions": Tracked("id"),
    "excluded_tags": Tracked(parents={"exclusion_id": "exclusions"}, hidden=True),
    "links": Tracked("id", parents={"subject_a": "subjects", "subject_b": "subjects"}),
    "link_verdicts": Tracked(parents={"link_id": "links"}),
    "link_acts": Tracked(parents={"link_id": "links"}),
    "link_notices": Tracked(parents={"signal_id": "signals"}),
    "subject_groups": Tracked(parents={"subject_id": "subjects"}),
    "text_checks": Tracked(parents={"signal_id": "signals"}),
    "signal_keys": Tracked(parents={"signal_id": "signals"}),
    "attachments": Tracked(parents={"signal_id": "signals", "draft_id": "drafts"}),
    "attachment_parts": Tracked(parents={"attachment_id": "attachments"}, grouped=True),
    "identity_requests": Tracked("reference"),
    "subject_erasures": Tracked("reference"),
    "key_rotations": Tracked("id"),
    "signal_table_moves": Tracked(parents={"signal_id": "signals"}),
    "recusals": Tracked("id", parents={"signal_id": "signals"}),
    "questions": Tracked("id", parents={"signal_id": "signals"}),
    "meetings": Tracked("id"),
    "agenda_items": Tracked(parents={"meeting_id": "meetings", "signal_id": "signals"}),
    "attendances": Tracked(parents={"meeting_id": "meetings"}),
    "meeting_tasks": Tracked("id", parents={"signal_id": "signals"}),
    "minutes": Tracked(parents={"meeting_id": "meetings"}),
    "minutes_parts": Tracked(parents={"meeting_id": "minutes", "signal_id": "signals"}),
    "missed_dates": Tracked(parents={"signal_id": "signals"}),
    "escalations": Tracked("id", parents={"signal_id": "signals"}),
    "postponements": Tracked(parents={"signal_id": "signals"}),
    "reflection_periods": Tracked("id", parents={"signal_id": "signals"}),
    "notes": Tracked(parents={"item_id": "agenda_items"}),
    "disclosures": Tracked("reference"),
    "feedbacks": Tracked("id", parents={"disclosure_id": "disclosures"}),
    "duties": Tracked("id", parents={"disclosure_id": "disclosures"}),
    "policy_versions": Tracked("digest"),
    "decisions": Tracked(parents={"disclosure_id": "disclosures", "signal_id": "signals"}),
    "checkpoint_copies": Tracked(parents={"agency_id": "agencies"}),
    "incidents": Tracked("id"),
    "samples": Tracked("reference"),
    "sample_items": Tracked(parents={"sample_id": "samples"}),
    "misuse_questions": Tracked("id", parents={"agency_id": "agencies"}),
    "subject_reports": Tracked("reference"),
}

# Tables without a digest, and what keeps them instead.
UNTRACKED: Mapping[str, str] = {
    "log_entries": "the tree",
    "log_details": "the commitment in the entry",
    "log_erased": "the entry that says what was destroyed",
    "log_terms": "made from entries and details, and compared with them",
    "log_nodes": "made from the leaves, and compared with them",
    "log_head": "made from the leaves, and compared with them",
    "log_checkpoints": "the signature",
    "login_attempts": "lives for minutes; each attempt is an entry of its own",
    "login_steps": "lives for minutes; what comes of a step is an entry of its own",
    "machine_tokens": "lives for minutes; each token is an entry of its own",
    "machine_uses": "counters of a day; each question that counts is an entry of its own",
    "request_rates": "counts for a minute; what goes over the limit is an entry of its own",
    "budget_uses": "counters of a day; each question that counts is an entry of its own",
    "job_turns": "how far jobs got; what a job does is recorded by what it does",
    "database_marks": "a program that reads a wrong one refuses to start; nobody is let in by it",
    "moved_tables": "how far a move got; the rows that it brought are compared on both sides",
    "job_runs": "claims of turns; what a job does is recorded by what it does",
    "export_parts": "a file that waits for a day; what it holds is the log, which is signed",
    "hosts": "which machines work, told by themselves; nobody is let in by it",
    "shared_rings": "the sealing: a ring that another machine takes in opens with a key of the ring alone",
    "list_places": "made from the things that wait, by triggers, and compared with them; a list reads the thing itself",
    "search_rows": "made from the masked accounts; what is found is read again in the account itself",
    "search_terms": "made from the masked accounts; what is found is read again in the account itself",
    "figure_months": "up to which day was counted; a figure of a month says nothing of one case",
    "figures": "counted from rows that have digests, and published in the month after",
    "mails": "reminders without content that may be lost without harm",
}


# -- what was written ---------------------------------------------------------------------------------------------


# Where a session keeps what it wrote; and what says that only the database knows what a column holds.
_INFO: Final = "signaltable_written"
_ELSEWHERE: Final = object()


class _Json(str):
    """A JSON value that is text already."""

    __slots__ = ()


class Written:
    """Which rows a session wrote, table by table. Watches the session from `watch` on.

    What was made here and not touched since is kept in hand (`made`): nobody else can see it yet, so it need not be read
    again. Everything else is: a row may hold what somebody else committed while this transaction waited for it.
    """

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.keys: dict[str, set[Key]] = defaultdict(set)
        self.made: dict[str, dict[Key, Mapping[str, Any]]] = defaultdict(dict)
        # Rows that were taken away here by their key: gone, without a look.
        self.taken: set[tuple[str, Key]] = set()
        self.carried: Rows = {}
        self.told: Rows = {}

    def watch(self, session: Session) -> None:
        """Note everything that this session flushes or executes."""
        session.info[_INFO] = self
        if not isinstance(session, WritingSession):
            event.listen(session, "after_flush", _note_flushed)
            event.listen(session, "do_orm_execute", _note_executed)

    def clear(self) -> None:
        """What was written until here is accounted for."""
        self.tables.clear()
        self.keys.clear()
        self.made.clear()
        self.taken.clear()
        self.carried = {}
        self.told = {}

    def added(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note rows that were just added past the session, each with all that its columns do not fill in by themselves.

        Raises `UnknownRows` for one without its key.
        """
        self.tables.add(table.name)
        if table.name in TRACKED:
            for key, values in _keyed(table, rows):
                self._make(table.name, key, values)

    def gone(self, table: Table, key: Key) -> None:
        """Note a row that was just taken away past the session, by its key."""
        self.tables.add(table.name)
        if _counts(table.name, made=False):
            self._touch(table.name, [key])
            self.taken.add((table.name, key))

    def past(self, table: str, keys: Iterable[Sequence[Any]]) -> None:
        """Note rows that were written past the session, by the driver; they are read again for their digests."""
        self.tables.add(table)
        self._touch(table, keys)

    def tell(self, table: str, digests: Mapping[str, str]) -> None:
        """Note rows that were written past the session, with the digests of what they hold now."""
        self.tables.add(table)
        self.told.setdefault(table, {}).update(digests)

    def flushed(self, session: Session, _context: UOWTransaction) -> None:
        """Note what the session is writing out."""
        for row in session.new:
            table = row.__tablename__
            self.tables.add(table)
            if table in TRACKED:
                self._make(table, tuple(inspect(row).mapper.primary_key_from_instance(row)), inspect(row).dict)
        changed = (row for row in session.dirty if session.is_modified(row))
        for row in (*changed, *session.deleted):
            self.tables.add(row.__tablename__)
            if _counts(row.__tablename__, made=False):
                self._touch(row.__tablename__, [inspect(row).mapper.primary_key_from_instance(row)])

    def executed(self, state: ORMExecuteState) -> None:
        """Note what a statement writes."""
        if state.is_select:
            return
        table = getattr(state.statement, "table", None)
        # A textual statement does not say what it does, so it counts as a write.
        name = getattr(table, "name", "textual statement")
        self.tables.add(name)
        if not _counts(name, made=state.is_insert):
            return
        assert isinstance(table, Table)  # Only a table has a name that is tracked.
        if not state.is_insert:
            self._touch(name, _concerned(state, table))
            return
        for key, values in _inserted(state, table):
            if getattr(state.statement, "_post_values_clause", None) is None:
                self._make(name, key, values)
            else:  # An insert that may change nothing, or another row.
                self._touch(name, [key])

    def _make(self, table: str, key: Key, values: Mapping[str, Any]) -> None:
        whole = _completed(Base.metadata.tables[table], values)
        if whole is None or key in self.keys[table]:
            self._touch(table, [key])
        else:
            self.keys[table].add(key)
            self.made[table][key] = whole

    def _touch(self, table: str, keys: Iterable[Sequence[Any]]) -> None:
        for key in keys:
            self.keys[table].add(tuple(key))
            self.made[table].pop(tuple(key), None)
            self.taken.discard((table, tuple(key)))


@event.listens_for(WritingSession, "after_flush")
def _note_flushed(session: Session, context: UOWTransaction) -> None:
    written: Written | None = session.info.get(_INFO)
    if written is not None:
        written.flushed(session, context)


@event.listens_for(WritingSession, "do_orm_execute")
def _note_executed(state: ORMExecuteState) -> None:
    written: Written | None = state.session.info.get(_INFO)
    if written is not None:
        written.executed(state)


def _completed(table: Table, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The values of a new row with those that its columns fill in by themselves; None when that cannot be told."""
    whole: dict[str, Any] = {}
    for name, is_json, fills in _filling(table):
        value = values.get(name, fills) if fills is not _ELSEWHERE else values.get(name, _ELSEWHERE)
        if value is _ELSEWHERE or isinstance(value, ClauseElement):
            return None
        # As it is stored now: somebody may go on to change the object in hand.
        whole[name] = _Json(_json(value)) if is_json and value and name in values else value
    return whole


@cache
def _filling(table: Table) -> tuple[tuple[str, bool, Any], ...]:
    """Of each column that counts its name, whether it holds JSON, and what it holds when nothing is given."""
    return tuple((one.name, isinstance(one.type, JSON), _fills(one)) for one in columns_of(table))


def _fills(column: "Column[Any]") -> Any:
    if isinstance(column.default, ScalarElementColumnDefault):
        return column.default.arg
    return None if column.default is None and column.server_default is None else _ELSEWHERE


def _counts(table: str, *, made: bool) -> bool:
    declared = TRACKED.get(table)
    return declared is not None and (made or not declared.made_only)


def _restricted(state: ORMExecuteState, query: "Select[Any]") -> "Select[Any]":
    where = getattr(state.statement, "whereclause", None)
    return query if where is None else query.where(where)


def _concerned(state: ORMExecuteState, table: Table) -> Iterator[Key]:
    """The keys of the rows that an UPDATE or a DELETE is about to meet, locked until the commit."""
    query = _restricted(state, select(*table.primary_key.columns)).with_for_update()
    return (tuple(row) for row in state.session.execute(query).all())


def _inserted(state: ORMExecuteState, table: Table) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """The keys and values of the rows that an INSERT adds."""
    given: Any = state.parameters
    if given is None:
        given = cast("ClauseElement", state.statement).compile(dialect=state.session.get_bind().dialect).params
    return _keyed(table, (given,) if isinstance(given, Mapping) else given)


def _keyed(table: Table, rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    names = _key_names(table)
    for row in rows:
        key = tuple([row.get(name) for name in names])
        if any(part is None for part in key):
            raise UnknownRows(f"expected the keys of the rows that are added to {table.name}, found none")
        yield key, row


def account(session: Session, ring: KeyProvider, written: Written) -> Rows:
    """What the log has to say of the rows that were written: their digests as they are in the database now."""
    said: Rows = {}
    version = ring.version(PURPOSE) if written.keys else 0
    for name in sorted(written.keys):
        table, declared = Base.metadata.tables[name], TRACKED[name]
        in_hand = _in_hand(table, declared, written)
        said[name] = dict(digests(ring, table, in_hand.values(), version)) if in_hand else {}
        if declared.grouped:
            keys = {key[:1] for key in written.keys[name]} - {key[:1] for key in in_hand}
        else:
            keys = written.keys[name] - in_hand.keys()
            taken = {key for key in keys if (name, key) in written.taken}
            said[name] |= {token_of(ring, table, key): GONE for key in sorted(taken, key=repr)}
            keys -= taken
        if keys:
            said[name] |= current(session, ring, table, keys)
    for name, told in written.told.items():
        said[name] = told | said.get(name, {})
    for name, carried in written.carried.items():
        held = _still_held(session, ring, name, carried)
        if held:
            said[name] = held | said.get(name, {})
    return said


def _in_hand(table: Table, declared: Tracked, written: Written) -> dict[Key, Mapping[str, Any]]:
    """The rows that were made in this transaction, in the order of their keys; groups only when they were made whole."""
    made = written.made.get(table.name, {})
    if not declared.grouped:
        return dict(made)
    owners = written.made.get(declared.parents[_key_names(table)[0]], {})
    touched = {key[:1] for key in written.keys[table.name] - made.keys()}
    whole = (key for key in made if key[:1] in owners and key[:1] not in touched)
    return {key: made[key] for key in sorted(whole, key=repr)}


def _still_held(session: Session, ring: KeyProvider, name: str, carried: Mapping[str, str]) -> dict[str, str]:
    declared = TRACKED.get(name)
    if declared is None or declared.hidden:
        return {}
    table = Base.metadata.tables[name]
    keys = {key: token for token in carried if (key := key_of(table, declared, token)) is not None}
    now = current(session, ring, table, keys) if keys else {}
    return {token: digest for token, digest in carried.items() if now.get(token) == digest}


def current(session: Session, ring: KeyProvider, table: Table, keys: Iterable[Key]) -> dict[str, str]:
    """Row -> digest for these keys (of groups: their first column), "" for a row that is not there."""
    declared = TRACKED[table.name]
    by = list(table.primary_key.columns)[: 1 if declared.grouped else None]
    said: dict[str, str] = {}
    ordered = sorted(keys, key=repr)
    for start in range(0, len(ordered), AT_ONCE):
        some = ordered[start : start + AT_ONCE]
        said |= {token_of(ring, table, key): GONE for key in some}
        wanted = by[0].in_([key[0] for key in some]) if len(by) == 1 else tuple_(*by).in_(some)
        said |= dict(digests(ring, table, session.execute(reading_of(table).where(wanted)).mappings()))
    return said


# -- digests ------------------------------------------------------------------------------------------------------


@cache
def columns_of(table: Table) -> tuple["Column[Any]", ...]:
    """The columns that count."""
    return tuple(column for column in table.columns if column.name not in TRACKED[table.name].ignored)


@cache
def _key_names(table: Table) -> tuple[str, ...]:
    """The names of the columns of the key. SQLAlchemy's own collection takes as long to go through as a row to digest."""
    return tuple(column.name for column in table.primary_key.columns)


@cache
def _told(table: Table) -> _Told:
    """Of each column that counts its name, and whether it holds JSON."""
    return _names_of(columns_of(table))


def _names_of(columns: Iterable["Column[Any]"]) -> _Told:
    return tuple((one.name, isinstance(one.type, JSON)) for one in columns)


def reading_of(table: Table) -> "Select[Any]":
    """The rows of a table in the order of their keys, with the columns that count."""
    return select(*columns_of(table)).order_by(*table.primary_key.columns)


def digests(
    ring: KeyProvider, table: Table, rows: Iterable[Mapping[Any, Any]], version: int | None = None
) -> Iterator[tuple[str, str]]:
    """(row, digest) for rows that come in the order of their keys; a group becomes one.

    `version` is that of the key which counts, for whoever asked for it already.
    """
    made = _digesting(ring, table, _told(table), form_of(ring, table, version))
    names = _key_names(table)
    if not TRACKED[table.name].grouped:
        for row in rows:
            yield token_of(ring, table, tuple([row[name] for name in names])), made([row])
        return
    for owner, group in groupby(rows, itemgetter(names[0])):
        yield token_of(ring, table, (owner,)), made(list(group))


def digest_of(
    ring: KeyProvider,
    table: Table,
    columns: Sequence["Column[Any]"],
    rows: Iterable[Mapping[Any, Any]],
    form: str,
) -> str:
    """The form, a dot, and the first 96 bits of the HMAC over table, columns and values.

    Raises ValueError for what is no form, KeyRingError for one of which the key is gone.
    """
    return _digesting(ring, table, _names_of(columns), form)(rows)


def _digesting(ring: KeyProvider, table: Table, told: _Told, form: str) -> Callable[[Iterable[Mapping[Any, Any]]], str]:
    """`digest_of` for many rows: what is the same for all of them is looked up once."""
    version = int(form.removesuffix(PACKED))
    if form.endswith(PACKED):
        keys, packed = _key_names(table), packed_digests(ring, table.name, version)

        def digest_packed(rows: Iterable[Mapping[Any, Any]]) -> str:
            # Sorted here, because a database sorts text by the rules of its language.
            ordered = sorted(rows, key=lambda row: tuple([row[name] for name in keys]))
            return packed([pack([(name, row[name]) for name, _is_json in told]) for row in ordered])

        return digest_packed
    key = ring.derive(PURPOSE, USE, version)

    def digest(rows: Iterable[Mapping[Any, Any]]) -> str:
        # Sorted, because a database sorts text by the rules of its language.
        said = sorted(
            [
                json.dumps([[name, _plain(value, is_json=is_json)] for name, is_json in told if (value := row[name])])
                for row in rows
            ]
        )
        made = hmac.digest(key, json.dumps([table.name, said]).encode(), "sha256")
        return f"{version}.{made.hex()[:DIGEST_DIGITS]}"

    return digest


def form_of(ring: KeyProvider, table: Table, version: int | None = None) -> str:
    """How a digest is made today: the version of the key, with PACKED behind it where values are hashed as they are."""
    return f"{version or ring.version(PURPOSE)}{PACKED if TRACKED[table.name].packed else ''}"


def packed_digest(ring: KeyProvider, table: str, rows: Iterable[bytes], version: int) -> str:
    """The digest of packed rows that come in the order of their keys, in as many pieces as one likes."""
    return packed_digests(ring, table, version)(rows)


def packed_digests(ring: KeyProvider, table: str, version: int) -> Callable[[Iterable[bytes]], str]:
    """`packed_digest` for very many rows: what is the same for all of them is looked up once."""
    key, head, form = ring.derive(PURPOSE, USE, version), table.encode(), f"{version}{PACKED}."

    def digest(rows: Iterable[bytes]) -> str:
        return form + hmac.digest(key, b"".join((head, *rows)), "sha256").hex()[:DIGEST_DIGITS]

    return digest


def pack(values: Iterable[tuple[str, Any]]) -> bytes:
    """One row as bytes, of which no other row has the same: of each value that is not empty its name, type and length."""
    parts: list[bytes] = []
    for name, value in values:
        if value:
            kind, raw = _as_bytes(value)
            parts += (b"%b:%b:%d:" % (name.encode(), kind, len(raw)), raw)
    return b"<%b>" % b"".join(parts)


def _as_bytes(value: Any) -> tuple[bytes, bytes]:
    if isinstance(value, str):
        return b"s", value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return b"b", bytes(value)
    if isinstance(value, int):  # As JSON writes it, and a truth as 1.
        return b"j", b"%d" % value
    return b"j", json.dumps(value).encode()


def _plain(value: Any, *, is_json: bool) -> Any:
    if type(value) is str:  # Most values. JSON that holds a text alone stands as a value of its own.
        return ["json", _json(value)] if is_json else value
    if is_json:
        return ["json", str(value) if isinstance(value, _Json) else _json(value)]
    if isinstance(value, datetime):
        return ["moment", value.astimezone(UTC).isoformat(timespec="microseconds")]
    if isinstance(value, date):
        return ["day", value.isoformat()]
    if isinstance(value, bytes | bytearray | memoryview):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    return int(value) if isinstance(value, bool) else value


# Made once: making an encoder takes as long as using it.
_SORTED: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=True).encode


def _json(value: Any) -> str:
    return _SORTED(value)


def token_of(ring: KeyProvider, table: Table, key: Key) -> str:
    """How the log names a row: its key, or a digest of it where the key says something itself."""
    plain = "/".join(part.hex() if isinstance(part, bytes) else str(part) for part in key)
    if not TRACKED[table.name].hidden and TOKEN.fullmatch(plain):
        return plain
    made = hmac.digest(ring.derive(PURPOSE, USE, 1), json.dumps([table.name, plain]).encode(), "sha256")
    return made.hex()[:HIDDEN_DIGITS]


def key_of(table: Table, declared: Tracked, token: str) -> Key | None:
    """The key behind a name in the log; None when the name does not say it."""
    columns = list(table.primary_key.columns)[: 1 if declared.grouped else None]
    parts = token.split("/") if len(columns) > 1 else [token]
    if declared.hidden or len(parts) != len(columns):
        return None
    try:
        return tuple(column.type.python_type(part) for column, part in zip(columns, parts, strict=True))
    except (ValueError, TypeError, NotImplementedError):
        return None


def rows_in(details: bytes | str | None) -> Rows:
    """What details say of rows; nothing when they are not details."""
    if not details:
        return {}
    try:
        read = json.loads(details)
    except ValueError:
        return {}
    rows = read.get("rows") if isinstance(read, dict) else None
    if not isinstance(rows, dict):
        return {}
    return {
        name: {str(row): str(digest) for row, digest in of.items()} for name, of in rows.items() if isinstance(of, dict)
    }
