"""The least that a submit can cost: what it has to work out and to store, with nothing between that and the database.

A real submit is watched once, and every statement that it sends is kept with its values. The floor sends the same
statements to a copy of the same database through the driver alone, in one transaction, and works out before that what they
hold, by the same pure steps, each once.

It holds: taking the request apart (Flask, the form, the signed cookie); the digest of the token; opening the draft;
reading its answers (pydantic) and looking for what is missing; one look through the texts; the tags of what could be a
shelter; tags and sketch; the terms for search; the advice; sealing the account, the identity and its key (HPKE and
AES-256-GCM); the digests of the rows; the entries with their leaves and the tree; every statement that was watched, except
those that say again what the same submit asked before; the commit.

It does not hold: SQLAlchemy; the classes of forms, and their texts; the gate and what it is asked again before the commit,
beyond its statements; accounting for rows; answers with their headers.
"""

import hashlib
import hmac
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, jsonify, request, session
from sqlalchemy import Engine, event

from audit import merkle
from audit.canonical import canonical_bytes
from signaltable import link, recorded, route
from signaltable.bench.submitting import Desk, Sending, send
from signaltable.facts import parse_facts
from signaltable.flow import shelters
from signaltable.flow.searching import index as searching
from signaltable.flow.searching.terms import secret_of
from signaltable.identity import Identity, identity_from, tidy, typed_values, validate_identity
from signaltable.intake import SignalDraft, facts_of, missing_elements, parse, problems_of, victims
from signaltable.keys import DataKey, KeyProvider, new_data_key, seal_field
from signaltable.policy import PolicySet
from signaltable.pseudonymise import lone_tags, match_tags
from signaltable.shelters import names_shelter
from signaltable.text import contains_bsn, find_typed, look, mask, scan
from signaltable.text_categories import categories_in
from signaltable.web.cookies import KeyedSessions

# What begins and ends a transaction is no statement of the submit.
_BEGIN: Final = ("BEGIN", "COMMIT", "ROLLBACK")
_TABLE_DIGESTS: Final = "rows of the database"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its values; several rows of values where it was sent once for all of them."""

    sql: str
    values: Sequence[Any]
    many: bool


@dataclass(frozen=True)
class Watched:
    """One submit as it was: the request, what the draft said, and what went to the database."""

    sending: Sending
    statements: tuple[Statement, ...]
    # The entries of the log and their details, as they were before they became bytes.
    entries: tuple[Mapping[str, Any], ...] = ()
    details: tuple[Mapping[str, Any], ...] = ()

    def rows_into(self, table: str) -> Iterator[Sequence[Any]]:
        """The values of the rows that were added to this table."""
        for one in self.statements:
            if one.sql.startswith(f"INSERT INTO {table} "):
                yield from one.values if one.many else [one.values]


def watch(desk: Desk, engines: Sequence[Engine], sendings: Sequence[Sending]) -> list[Watched]:
    """Submit these, one after the other, and keep what each sent to the database."""
    sent: list[Statement] = []
    told: list[Any] = [None]

    def keep(_connection: Any, cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> None:
        # An engine with options of its own tells what the one behind it tells, too.
        if not sql.startswith(_BEGIN) and cursor is not told[0]:
            told[0] = cursor
            rows = [_plain(row) for row in values] if many else _plain(values)
            sent.append(Statement(sql, rows, many))

    seen: list[Watched] = []
    with _listening(engines, keep):
        for one in sendings:
            sent.clear()
            send(desk.app, one)
            seen.append(_watched(one, tuple(_each_once(sent))))
    return seen


def _watched(sending: Sending, statements: tuple[Statement, ...]) -> Watched:
    bare = Watched(sending, statements)
    entries = tuple(json.loads(row[1]) for row in bare.rows_into("log_entries"))
    return replace(bare, entries=entries, details=tuple(json.loads(row[2]) for row in bare.rows_into("log_details")))


@contextmanager
def _listening(engines: Sequence[Engine], keep: Callable[..., None]) -> Iterator[None]:
    for engine in engines:
        event.listen(engine, "before_cursor_execute", keep)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", keep)


def _plain(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in values)


def _each_once(sent: Sequence[Statement]) -> Iterator[Statement]:
    """The same question with the same values is asked once."""
    asked: set[tuple[str, tuple[Any, ...]]] = set()
    for one in sent:
        if one.sql.startswith("SELECT"):
            key = one.sql, tuple(one.values)
            if key in asked:
                continue
            asked.add(key)
        yield one


class Floor:
    """Does the least for watched submits, one after the other, on a copy of the database in which they were watched."""

    def __init__(self, desk: Desk, database: Path) -> None:
        self._keys: KeyProvider = desk.program.keys
        self._policy: PolicySet = desk.program.policy
        self._agency = desk.who.agency_id
        self._kind = desk.who.agency_kind
        self._connection = _raw(database)
        self._today = desk.program.clock().date()
        self._search = secret_of(self._keys)
        self._drafts: dict[str, bytes] = {}
        self.app = _empty_app(self)
        self.next: Watched | None = None

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def bare(self, one: Watched) -> None:
        """The statements alone, in one transaction."""
        run, many = self._connection.execute, self._connection.executemany
        run("BEGIN IMMEDIATE")
        for statement in one.statements:
            if statement.many:
                many(statement.sql, statement.values)
            else:
                run(statement.sql, statement.values).fetchall()
        run("COMMIT")

    def whole(self, one: Watched) -> None:
        """Everything, with an empty request around it."""
        self.next = one
        answer = self.app.wsgi_app(one.sending.environ(), lambda *_: None)  # type: ignore[arg-type]
        for _part in answer:
            pass

    def serve(self) -> None:
        """What the view of the empty request does."""
        one = self.next
        assert one is not None
        self.work_out(one)
        self.bare(one)

    # -- what the rows hold -------------------------------------------------------------------------------------------

    def work_out(self, one: Watched) -> None:
        """The pure steps and the keys, each once."""
        draft = self._opened(one)
        self._checked(draft)
        masked = self._masked(draft)
        searching.made(self._search, masked, self._agency, one.sending.path, tabled=False)
        self._advised(draft)
        sides = [self._linked(person.kind, person.identity) for person in draft.subjects]
        self._sealed(one, draft, masked, sides)
        self._accounted(one)

    def _opened(self, one: Watched) -> SignalDraft:
        path = one.sending.path
        return parse(json.loads(self._keys.open(self._agency, self._drafts[path], path.encode())))

    def prepare(self, many: Sequence[Watched]) -> None:
        """Seal the drafts beforehand: a submit only opens them."""
        for one in many:
            path, content = one.sending.path, one.sending.content.model_dump_json()
            self._drafts[path] = self._keys.seal(self._agency, content.encode(), path.encode())

    def _checked(self, draft: SignalDraft) -> None:
        problems_of(draft, self._policy, self._kind)
        missing_elements(draft, self._policy)
        any(map(contains_bsn, (draft.narrative, draft.observed.municipality, draft.reachable, draft.consent.asked_by)))
        for person in draft.subjects:
            validate_identity(identity_from(person.kind, person.identity), self._policy.identifiers, today=self._today)

    def _masked(self, draft: SignalDraft) -> str:
        identities = [identity_from(person.kind, person.identity) for person in draft.subjects]
        typed = typed_values(identities, self._policy.identifiers)
        organisations = self._policy.identifiers.text.organisations
        masked, places = (
            "",
            [one for one in identities if one.kind == "address" or one.postcode or one.phone or one.email],
        )
        for text in (draft.observed.municipality, draft.narrative):
            looked = look(text)
            spans = scan(looked, typed, organisations=organisations)
            find_typed(looked, typed)
            masked = mask(text, spans)
            places += shelters.values_in(text, spans)
        categories_in(draft.narrative, self._policy.text_categories)
        self._looked_for_shelter(draft.narrative, places)
        return masked

    def _looked_for_shelter(self, text: str, places: Sequence[Identity]) -> None:
        policy, version = self._policy, self._keys.version("match")
        if policy.shelters is not None:
            names_shelter(text, policy.shelters)
        secret = self._keys.derive("match", "tags", version)
        for one in places:
            lone_tags(secret, tidy(one), version=version, policy=policy.linking)

    def _advised(self, draft: SignalDraft) -> None:
        people = [
            parse_facts(facts_of(draft, self._policy, one, 0, self._today))
            for one in victims(draft) or [None]  # type: ignore[list-item]
        ]
        advice = route.merge([route.decide(facts, self._policy, on=self._today) for facts in people], self._policy)
        recorded.advised(advice)
        recorded.route_input(people)

    def _linked(self, kind: str, typed: Mapping[str, str]) -> bytes:
        identity, policy = identity_from(kind, typed), self._policy.linking
        version = self._keys.version("match")
        match_tags(self._keys.derive("match", "tags", version), identity, version=version, policy=policy)
        return link.sketch(self._keys.derive("match", "pieces", version), identity, policy)

    def _sealed(self, one: Watched, draft: SignalDraft, masked: str, sketches: Sequence[bytes]) -> None:
        self._keys.seal(self._agency, json.dumps([draft.narrative, masked]).encode(), b"place")
        for person, sketch in zip(draft.subjects, sketches, strict=True):
            key = new_data_key(os.urandom(32))
            self._keys.wrap(self._agency, key, one.sending.path)
            for name, value in person.identity.items():
                _seal(key, name, value.encode())
            _seal(key, "sketch", sketch)

    def _accounted(self, one: Watched) -> None:
        """The digests of the rows, the entries and their leaves, the tree."""
        secret = self._keys.derive("rows", _TABLE_DIGESTS, self._keys.version("rows"))
        for statement in one.statements:
            if statement.sql.startswith("INSERT INTO ") and not statement.sql.startswith("INSERT INTO log_"):
                for row in statement.values if statement.many else [statement.values]:
                    hmac.digest(secret, repr(row).encode(), "sha256")
        head = next(value for value in reversed(one.statements) if value.sql.startswith("UPDATE log_head")).values
        tree = merkle.CompactRange.from_bytes(next(value for value in head if isinstance(value, bytes)))
        for entry, details in zip(one.entries, one.details, strict=True):
            hashlib.sha256(canonical_bytes(details)).digest()
            tree.append(merkle.leaf_hash(canonical_bytes(entry)))
        tree.to_bytes()


def _seal(key: DataKey, name: str, value: bytes) -> None:
    seal_field(key, table="t", row="r", column=name, version=1, plaintext=value, nonce=os.urandom(12))


def _raw(database: Path) -> sqlite3.Connection:
    """The driver alone, with what the program asks of a database (signaltable/db.py)."""
    connection = sqlite3.connect(database, isolation_level=None, cached_statements=256)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "cache_size=-2000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _empty_app(floor: Floor) -> Flask:
    """An application that takes a form and a signed cookie apart, and answers with a line of JSON."""
    app = Flask("floor")
    app.config["SESSION_COOKIE_NAME"] = "signaltable"
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.session_interface = KeyedSessions(floor._keys)  # noqa: SLF001 -- of this module

    @app.post("/signalen/nieuw/<draft>/controle")
    def check(draft: str) -> Response:
        token = hashlib.sha256(session["_user_id"].encode()).hexdigest()
        assert request.form["csrf_token"]
        floor.serve()
        session["receipt"] = {"reference": draft[:9]}
        return jsonify(reference=draft[:9], by=token[:4])

    return app
