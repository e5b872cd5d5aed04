"""A life once more, about other people: its rows, with what links the people in them, and its entries with their digests.

Ids, references, names and words are filled into the stencil; tags, sketches, fields and keys are made by the functions of
a submit. Nothing is read from the database, so that several processes can do it beside each other.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from signaltable import link
from signaltable.audit_trail.appending import PastEvent
from signaltable.db import Base
from signaltable.flow import masking, sealing
from signaltable.flow.linking.storing import made_with
from signaltable.flow.searching import index, terms
from signaltable.generate.capture import Row
from signaltable.generate.forms import EntryForm, SignalForm, Stencil, SubjectForm
from signaltable.generate.people import Inventor, Told, Values, identity_of
from signaltable.generate.places import Spot
from signaltable.identity import IDENTITY_FIELDS, Identity, typed_values
from signaltable.keys import DataKey, new_data_key, pseudonym_key, seal_field
from signaltable.names import as_read
from signaltable.pseudonymise import recipient_pseudonym
from signaltable.row_digests import digests
from signaltable.text import Span, find_typed, look, mask, merged
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Owner:
    """Who reports in the repeated life: an agency of the same kind, and its focal officer."""

    agency: str
    account: str
    title: str


@dataclass(slots=True)
class Repeated:
    """The rows of one or more lives, table by table, and their entries in order."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: list[PastEvent] = field(default_factory=list)
    signals: int = 0

    def put(self, table: str, rows: list[dict[str, Any]]) -> None:
        """More rows of a table."""
        self.rows.setdefault(table, []).extend(rows)


@dataclass(slots=True)
class _Linked:
    """What links a subject: the rows of ANEW, and the side by which it is compared."""

    side: link.Side
    rows: dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Repeater:
    """Repeats lives. `tx` gives keys, rules and settings; its session is never used. `readable` stays readable in texts."""

    tx: Transaction
    inventor: Inventor
    readable: tuple[str, ...]
    reference: Callable[[str], str]

    def repeat(self, stencil: Stencil, takes: int, later: timedelta, owner: Owner, into: Repeated) -> None:
        """Add a life to `into`: its first so many transactions, so much later than it was lived."""
        spot = self._spot(stencil, later, owner)
        reported = [one for one in stencil.signals if one.take < takes]
        linked = dict(self._people(stencil, reported, spot))
        for one in stencil.links:
            first, second = (linked.get(spot.values[place]) for place in (one.first, one.second))
            if first is not None and second is not None:
                found = link.compare(first.side, second.side, self.tx.program.policy.linking)
                spot.values[one.outcome] = str(found.outcome)
                spot.values[one.compared] = json.dumps(dict(found.compared))
        for at, content in stencil.hashes:
            spot.values[at] = hashlib.sha256(content(spot)).hexdigest()
        self._write(stencil, takes, spot, linked, into)
        into.signals += len(reported)

    def _spot(self, stencil: Stencil, later: timedelta, owner: Owner) -> Spot:
        spot = Spot([""] * stencil.places.size, later, self.tx.program.keys, {})
        values = spot.values
        for at, size in stencil.fresh:
            values[at] = os.urandom(size).hex()
        # A link names the lower id first, so the subjects keep their order.
        order = sorted(one.id for signal in stencil.signals for one in signal.subjects)
        known = {place: text for text, place in stencil.places.of.items()}
        ranked = sorted(order, key=lambda place: known[place])
        for place, made in zip(ranked, sorted(values[place] for place in order), strict=True):
            values[place] = made
        for at, prefix in stencil.references:
            values[at] = self.reference(prefix)
        values[stencil.owner[0]], values[stencil.owner[1]], values[stencil.owner[2]] = (
            owner.agency,
            owner.account,
            owner.title,
        )
        for at, reader, subject in stencil.names:
            known_to = owner.agency if reader == stencil.agency else reader
            secret = pseudonym_key(self.tx.program.keys, known_to)
            values[at] = recipient_pseudonym(secret, known_to, values[subject])
        return spot

    # -- people

    def _people(self, stencil: Stencil, reported: list[SignalForm], spot: Spot) -> Iterator[tuple[str, _Linked]]:
        same = {one.second: one.first for one in stencil.links} | {one.first: one.second for one in stencil.links}
        invented: dict[int, Values] = {}
        for signal in reported:
            for subject in signal.subjects:
                other = invented.get(same.get(subject.id, -1))
                made = self._invent(subject, other)
                invented[subject.id] = made
                for name, place in subject.fields.items():
                    spot.values[place] = made[name]
                yield spot.values[subject.id], self._linked(spot, subject, made)
            self._tell(signal, [invented[one.id] for one in signal.subjects], spot)

    def _invent(self, subject: SubjectForm, other: Values | None) -> Values:
        if other is not None:
            return self.inventor.again(other, subject.like)
        return self.inventor.invented({**subject.told, "identity": subject.like}, self.tx.now.year)

    def _linked(self, spot: Spot, subject: SubjectForm, made: Values) -> _Linked:
        subject_id, tx = spot.values[subject.id], self.tx
        data_key = new_data_key(os.urandom(32))
        spot.keys[subject_id] = data_key
        identity, version = identity_of(subject.kind, made), tx.program.keys.version("match")
        side = made_with(tx, identity, version)
        fields = [
            _sealed_field(data_key, subject_id, name, made[name], subject.unsure)
            for name in IDENTITY_FIELDS
            if made.get(name)
        ]
        tags = [
            {"subject_id": subject_id, "set_id": tag.set_id, "digest": tag.digest, "key_version": version}
            for tag in side.tags
        ]
        rows = {
            "subject_fields": fields,
            "match_tags": tags,
            "match_sketches": self._sketch(subject_id, side.sketch, version),
        }
        return _Linked(side, rows)

    def _sketch(self, subject_id: str, sketch: bytes, version: int) -> list[dict[str, Any]]:
        if not sketch:
            return []
        key = new_data_key(self.tx.program.keys.derive("match", "sketch", version))
        sealed = sealing.seal_sketch(key, subject_id, sketch, version, os.urandom(12))
        return [{"subject_id": subject_id, "key_version": version, "sealed": sealed}]

    def _tell(self, signal: SignalForm, people: list[Values], spot: Spot) -> None:
        told = self.inventor.account(people[0] if people else {})
        identities = [identity_of(one.kind, made) for one, made in zip(signal.subjects, people, strict=True)]
        masked, words, count = self._masked(told, identities)
        spot.values[signal.narrative] = told.whole
        spot.values[signal.masked] = masked
        spot.values[signal.municipality] = self.inventor.municipality()
        spot.values[signal.words] = json.dumps(words)
        spot.values[signal.count] = str(count)

    def _masked(self, told: Told, identities: list[Identity]) -> tuple[str, list[str], int]:
        """The account as others read it, the words that are masked, and how many places: as `flow.masks` has them."""
        typed = [one for one in typed_values(identities, self.tx.program.policy.identifiers) if one.strip()]
        looked = look(told.whole)
        found = masking.read(self.tx, looked, typed, readable=self.readable).spans
        words: dict[tuple[str, str], str] = {}
        for span in found:
            word = told.whole[span.start : span.end]
            words.setdefault((span.kind, " ".join(as_read(word)[0].casefold().split())), word)
        names = [word for (kind, _plain), word in words.items() if kind == "name"]
        again = [Span(one.start, one.end, "name") for one in find_typed(looked, names)]
        spans = merged([*found, *again])
        return mask(told.whole, spans), sorted(set(words.values())), len(spans)

    # -- rows and entries

    def _write(self, stencil: Stencil, takes: int, spot: Spot, linked: Mapping[str, _Linked], into: Repeated) -> None:
        anew = {
            (table, subject_id): self._digest(table, rows)
            for subject_id, one in linked.items()
            for table, rows in one.rows.items()
            if rows
        }
        final: dict[Row, dict[str, Any] | None] = {}
        for take in stencil.takes[:takes]:
            made = {row: form.stamp(spot) if form else None for row, form in take.rows.items()}
            final |= made
            for entry in take.entries:
                into.events.append(self._event(entry, spot, made, anew))
        for (table, _key), row in final.items():
            if row is not None:
                into.put(table, [row])
        for one in linked.values():
            for table, rows in one.rows.items():
                into.put(table, rows)
        for (table, _key), row in final.items():
            if table == "signals" and row is not None:
                self._index(row, into)

    def _index(self, signal: Mapping[str, Any], into: Repeated) -> None:
        """The terms by which a case is found, as submitting writes them; nobody had it on an agenda."""
        version = self.tx.program.keys.version(terms.PURPOSE)
        secret = terms.secret_of(self.tx.program.keys, version)
        found = index.made(secret, signal["narrative_masked"], signal["owner_agency"], signal["table_id"], tabled=False)
        number = terms.number_of(signal["created_at"], signal["id"])
        row = {"number": number, "signal_id": signal["id"], "key_version": version, "terms": terms.packed(found)}
        into.put("search_rows", [row])
        into.put("search_terms", [{"term": one, "number": number} for one in found])

    def _event(
        self,
        entry: EntryForm,
        spot: Spot,
        made: Mapping[Row, dict[str, Any] | None],
        anew: Mapping[tuple[str, str], dict[str, str]],
    ) -> PastEvent:
        told: dict[str, dict[str, str]] = {}
        for row in entry.rows:
            told.setdefault(row[0], {}).update(self._row_digest(row, made[row]))
        for table, place in entry.anew:
            told.setdefault(table, {}).update(anew[table, spot.values[place]])
        details = entry.details(spot)
        texts = {**entry.same, **{name: make(spot) for name, make in entry.made}}
        occurred = entry.occurred_at + int(spot.later.total_seconds() * 1000)
        return PastEvent(texts, {**details, "rows": told} if told else details, occurred)

    def _row_digest(self, row: Row, made: dict[str, Any] | None) -> dict[str, str]:
        if made is None:
            raise ValueError(f"{row[0]}: expected a life in which no row goes away")
        return self._digest(row[0], [made])

    def _digest(self, table: str, rows: list[dict[str, Any]]) -> dict[str, str]:
        return dict(digests(self.tx.program.keys, Base.metadata.tables[table], rows))


def _sealed_field(key: DataKey, subject_id: str, name: str, value: str, unsure: frozenset[str]) -> dict[str, Any]:
    sealed = seal_field(
        key,
        table=sealing.TABLE,
        row=subject_id,
        column=name,
        version=sealing.FIELD_VERSION,
        plaintext=value.encode(),
        nonce=os.urandom(12),
    )
    return {"subject_id": subject_id, "name": name, "sealed": sealed, "sure": name not in unsure}
