"""A life as a stencil: every row and entry of it taken apart once, so that it can be repeated for others.

Ids and references of the life, pseudonyms made of them, the agency and the account of who reported, and what was typed
about people are places; days and moments move along with the life. What is sealed is opened, taken apart in the same way,
and sealed anew at its new place. What links people (fields, tags, sketches) is made by the functions that make it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from signaltable.flow.sealed_columns import COLUMNS, SealedColumn, envelopes
from signaltable.generate.capture import Recorder, Row, Take, Told
from signaltable.generate.forms import EntryForm, LinkForm, RowForm, SignalForm, Stencil, SubjectForm, TakeForm
from signaltable.generate.places import Maker, Places, Spot, always
from signaltable.identity import IDENTITY_FIELDS, identity_from
from signaltable.keys import KeyProvider, pseudonym_key
from signaltable.pseudonymise import recipient_pseudonym
from signaltable.row_digests import rows_in

_ID: Final = re.compile(r"(?<!\w)[0-9a-f]{32}(?!\w)")
_PSEUDONYM: Final = re.compile(r"(?<!\w)P(?:-[0-9A-Z]{2,4}){3}(?!\w)")
# Made anew for everybody, one row or group for each subject.
ANEW: Final = frozenset({"subject_fields", "match_tags", "match_sketches"})
_SEALED: Final[Mapping[tuple[str, str], SealedColumn]] = {(one.table, one.column): one for one in COLUMNS}
_ENTRY_TEXTS: Final = ("actor", "agency", "acting_for", "object", "trace_id", "span_id", "parent_span_id")
_ENTRY_SAME: Final = ("action", "outcome", "reason", "role", "channel", "strength", "object_type", "object_version")


def cut(
    recorder: Recorder, life: str, told: Sequence[Mapping[str, Any]], outside: Iterable[str], titles: Mapping[str, str]
) -> Stencil:
    """The stencil of a life that is over. `outside`: ids of what is not part of it; `titles`: those of the agencies.

    Raises ValueError for a life that tells what cannot be repeated.
    """
    return _Cutter(recorder, life, told, frozenset(outside), titles).cut()


class _Cutter:
    def __init__(
        self,
        recorder: Recorder,
        life: str,
        told: Sequence[Mapping[str, Any]],
        outside: frozenset[str],
        titles: Mapping[str, str],
    ) -> None:
        self.ring: KeyProvider = recorder.program.keys
        self.takes: list[Take] = recorder.takes[life]
        self.owned = {row for take in self.takes for row in take.rows if recorder.owner[row] == life}
        self.reported = told
        self.outside = outside
        self.titles = titles
        signal = self._rows("signals")[0]
        self.made = Stencil(life, signal["owner_agency"], signal["submitter"], Places())
        self.places = self.made.places

    def cut(self) -> Stencil:
        self._name_ids()
        self._name_owner()
        signals = list(self._signals())
        links = list(self._links())
        self._name_pseudonyms()
        self._name_payloads()
        self.places.close()
        self.made.signals, self.made.links = tuple(signals), tuple(links)
        self.made.takes = tuple(self._take(take) for take in self.takes)
        self.made.hashes = [(at, self._content(opened)) for at, opened in self._payloads()]
        self.made.state = tuple(one["state"] for one in self._rows("signals"))
        return self.made

    # -- what the places are

    def _rows(self, table: str) -> list[Mapping[str, Any]]:
        """The rows of a table as they were at last, in the order in which they came to be."""
        last: dict[Row, Mapping[str, Any] | None] = {}
        for take in self.takes:
            last.update({row: image for row, image in take.rows.items() if row in self.owned and row[0] == table})
        return [image for image in last.values() if image is not None]

    def _texts(self) -> Iterator[str]:
        for take in self.takes:
            for row, image in take.rows.items():
                if row in self.owned and image is not None:
                    yield from _strings(dict(image))
                    yield from (text for opened in self._opened(row[0], image) for text in _strings(opened))
            for one in take.told:
                yield from _strings({name: value for name, value in one.details.items() if name != "rows"})

    def _opened(self, table: str, image: Mapping[str, Any]) -> Iterator[Any]:
        for name in image:
            one = _SEALED.get((table, name))
            if one is not None and not one.data_key and image[name]:
                for envelope in envelopes(one, {**image, "value": image[name], "agency": _agency(one, image)}):
                    yield _read(self.ring.open(envelope.agency_id, envelope.sealed, envelope.place.encode()))

    def _name_ids(self) -> None:
        found = dict.fromkeys(
            one for row in self.owned for part in row[1] if isinstance(part, str) for one in _ID.findall(part)
        )
        # Names that are no key: that of a group of subjects, of several questions that were asked together, of a salt.
        for text in self._texts():
            found |= dict.fromkeys(_ID.findall(text))
        for take in self.takes:
            for one in take.told:
                found |= dict.fromkeys((one.entry.trace_id,))
                if one.entry.span_id:
                    self.made.fresh.append((self.places.add(one.entry.span_id), 8))
        for one in found:
            if one and one not in self.outside:
                self.made.fresh.append((self.places.add(one), 16))
        self.made.fresh = list(dict.fromkeys(self.made.fresh))
        for table, prefix in (("signals", "S"), ("disclosures", "D")):
            self.made.references += [(self.places.add(one["reference"]), prefix) for one in self._rows(table)]

    def _name_owner(self) -> None:
        self.made.owner = (
            self.places.add_word(self.made.agency),
            self.places.add(self.made.account),
            self.places.add_word(self.titles[self.made.agency]),
        )

    def _signals(self) -> Iterator[SignalForm]:
        subjects = self._rows("subjects")
        for signal, told in zip(self._rows("signals"), self.reported, strict=True):
            of = sorted((one for one in subjects if one["signal_id"] == signal["id"]), key=lambda one: one["number"])
            take = next(at for at, one in enumerate(self.takes) if ("signals", (signal["id"],)) in one.rows)
            yield SignalForm(
                subjects=tuple(self._subject(row, one) for row, one in zip(of, told.get("subjects", ()), strict=True)),
                take=take,
                narrative=self.places.add_whole(told["narrative"].strip()),
                masked=self.places.add_whole(signal["narrative_masked"]),
                municipality=self.places.add_whole(told["observed"]["municipality"]),
                words=self.places.nowhere(),
                count=self.places.nowhere(),
            )

    def _subject(self, row: Mapping[str, Any], told: Mapping[str, Any]) -> SubjectForm:
        identity = identity_from(row["kind"], told.get("identity", {}))
        like = {name: getattr(identity, name) for name in IDENTITY_FIELDS if getattr(identity, name)}
        return SubjectForm(
            id=self.places.add(row["id"]),
            kind=row["kind"],
            told=told,
            fields={name: self.places.add_whole(value) for name, value in like.items()},
            like=like,
            unsure=frozenset(told.get("unsure", ())),
        )

    def _links(self) -> Iterator[LinkForm]:
        for one in self._rows("links"):
            yield LinkForm(
                self.places.add(one["subject_a"]),
                self.places.add(one["subject_b"]),
                self.places.nowhere(),
                self.places.nowhere(),
            )

    def _name_pseudonyms(self) -> None:
        found = {one for text in self._texts() for one in _PSEUDONYM.findall(text)}
        if not found:
            return
        tables = {one["table_id"] for one in self._rows("signals")}
        ids = [one["id"] for table in ("subjects", "signals") for one in self._rows(table)]
        for reader in (*sorted(self.ring.agency_ids), *(f"table:{one}" for one in sorted(tables))):
            secret = pseudonym_key(self.ring, reader)
            for one in ids:
                name = recipient_pseudonym(secret, reader, one)
                if name in found:
                    self.made.names.append((self.places.add(name), reader, self.places.add(one)))

    def _name_payloads(self) -> None:
        for digest, _opened in self._frozen():
            self.places.add(digest)

    def _payloads(self) -> Iterator[tuple[int, bytes]]:
        for digest, opened in self._frozen():
            yield self.places.of[digest], opened

    def _frozen(self) -> Iterator[tuple[str, bytes]]:
        one = _SEALED["disclosures", "payload_provider"]
        for row in self._rows("disclosures"):
            for envelope in envelopes(one, {**row, "value": row[one.column], "agency": _agency(one, row)}):
                opened = self.ring.open(envelope.agency_id, envelope.sealed, envelope.place.encode())
                if hashlib.sha256(opened).hexdigest() != row["payload_hash"]:
                    raise ValueError("expected the digest of the document beside it")
                yield row["payload_hash"], opened

    # -- the forms

    def _take(self, take: Take) -> TakeForm:
        rows = {
            row: None if image is None else self._row(row[0], image)
            for row, image in take.rows.items()
            if row in self.owned and row[0] not in ANEW
        }
        return TakeForm(take.told[0].entry.occurred_at, tuple(self._entry(one) for one in take.told), rows)

    def _row(self, table: str, image: Mapping[str, Any]) -> RowForm:
        same, made = dict[str, Any](), list[tuple[str, Maker]]()
        for name, value in image.items():
            maker = self._column(table, name, image)
            if maker is None:
                same[name] = value
            else:
                made.append((name, maker))
        return RowForm(table, same, tuple(made))

    def _column(self, table: str, name: str, image: Mapping[str, Any]) -> Maker | None:
        value, one = image[name], _SEALED.get((table, name))
        if table == "links" and name in {"outcome", "compared"}:
            link = self._link(image["subject_a"], image["subject_b"])
            return _text_at(link.outcome) if name == "outcome" else _json_at(link.compared)
        if (table, name) == ("signals", "municipality"):
            return _text_at(self._signal(image["id"]).municipality)
        if (table, name) == ("signals", "narrative_masked"):
            return _text_at(self._signal(image["id"]).masked)
        if one is None:
            return self.places.value(value)
        return self._sealed(one, image) if value else None

    def _signal(self, signal_id: str) -> SignalForm:
        return next(
            form for row, form in zip(self._rows("signals"), self.made.signals, strict=True) if row["id"] == signal_id
        )

    def _link(self, first: str, second: str) -> LinkForm:
        places = (self.places.of[first], self.places.of[second])
        return next(one for one in self.made.links if (one.first, one.second) == places)

    def _sealed(self, one: SealedColumn, image: Mapping[str, Any]) -> Maker:
        if one.data_key:
            if one.table != "subject_keys":
                raise ValueError(f"{one.table}: expected no data key but that of a subject")
            agency, subject = always(self.places, image["agency_id"]), always(self.places, image["subject_id"])
            return lambda spot: spot.ring.wrap(agency(spot), spot.keys[subject(spot)], subject(spot))
        parts = [
            (always(self.places, envelope.agency_id), always(self.places, envelope.place), self._inside(one, image, envelope.agency_id, envelope.sealed, envelope.place))
            for envelope in envelopes(one, {**image, "value": image[one.column], "agency": _agency(one, image)})
        ]  # fmt: skip
        return _sealing(parts, many=one.many)

    def _inside(self, one: SealedColumn, image: Mapping[str, Any], agency: str, sealed: bytes, place: str) -> Maker:
        opened = self.ring.open(agency, sealed, place.encode())
        if one.stage != "signals.owner_sealed" or not opened:
            return self._content(opened)
        form, kept = self._signal(image["id"]), json.loads(opened)

        def owners(spot: Spot) -> bytes:
            told = {
                "narrative": spot.values[form.narrative],
                "municipality": spot.values[form.municipality],
                "masked_words": json.loads(spot.values[form.words]),
            }
            return json.dumps({**kept, **told}, ensure_ascii=False).encode()

        return owners

    def _content(self, opened: bytes) -> Maker:
        content = _read(opened)
        if isinstance(content, str) and content.encode() == opened:
            text = always(self.places, content)
            return lambda spot: str(text(spot)).encode()
        made, write = self.places.value(content), _as_written(opened, content)
        return (lambda spot: write(made(spot))) if made else (lambda _spot: opened)

    def _entry(self, one: Told) -> EntryForm:
        texts = {name: getattr(one.entry, name) for name in _ENTRY_TEXTS}
        makers = {name: self.places.text(text) for name, text in texts.items()}
        same = {name: text for name, text in texts.items() if makers[name] is None}
        rows = [(table, row) for table, of in rows_in(json.dumps(one.details)).items() for row in of]
        known = {(row[0], "/".join(map(str, row[1]))): row for row in self.owned}
        return EntryForm(
            same={**same, **{name: getattr(one.entry, name) for name in _ENTRY_SAME}},
            made=tuple((name, maker) for name, maker in makers.items() if maker is not None),
            details=self._details(one),
            occurred_at=one.entry.occurred_at,
            rows=tuple(known[table, row] for table, row in rows if table not in ANEW and (table, row) in known),
            anew=tuple((table, self.places.of[row]) for table, row in rows if table in ANEW and row in self.places.of),
        )

    def _details(self, one: Told) -> Maker:
        plain = {name: value for name, value in one.details.items() if name != "rows"}
        made = always(self.places, plain)
        if one.entry.action == "signal:record":
            at = next(at for at, row in enumerate(self._rows("signals")) if row["reference"] == one.entry.object)
            count = self.made.signals[at].count
            return lambda spot: {**made(spot), "masked": int(spot.values[count])}
        rows = {row["id"]: row for row in self._rows("links")}
        if plain.get("link") in rows:
            row = rows[plain["link"]]
            return _told_of_link(made, self._link(row["subject_a"], row["subject_b"]), plain)
        return made


def _told_of_link(made: Maker, link: LinkForm, plain: Mapping[str, Any]) -> Maker:
    def details(spot: Spot) -> dict[str, Any]:
        told: dict[str, Any] = made(spot)
        if "strength" in plain:
            told = {**told, "strength": spot.values[link.outcome]}
        if "evidence_kinds" in plain:
            told = {**told, "evidence_kinds": sorted(json.loads(spot.values[link.compared]))}
        return told

    return details


def _text_at(place: int) -> Maker:
    return lambda spot: spot.values[place]


def _json_at(place: int) -> Maker:
    return lambda spot: json.loads(spot.values[place])


def _sealing(parts: Sequence[tuple[Maker, Maker, Maker]], *, many: bool) -> Maker:
    def seal(spot: Spot) -> bytes:
        made = {
            agency(spot): spot.ring.seal(agency(spot), content(spot), place(spot).encode())
            for agency, place, content in parts
        }
        if not many:
            return next(iter(made.values()))
        return json.dumps({name: base64.b64encode(part).decode() for name, part in made.items()}).encode()

    return seal


def _agency(one: SealedColumn, image: Mapping[str, Any]) -> str:
    if one.many:
        return ""
    if "." in one.agency:
        raise ValueError(f"{one.stage}: expected a column that names its agency itself")
    return str(image[one.agency])


def _read(opened: bytes) -> Any:
    try:
        return json.loads(opened)
    except ValueError:
        return opened.decode()


_SPELLINGS: Final[tuple[Callable[[Any], str], ...]] = (
    lambda value: json.dumps(value, ensure_ascii=False),
    json.dumps,
    lambda value: json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
)


def _as_written(opened: bytes, content: Any) -> Callable[[Any], bytes]:
    """The same spelling of JSON as the use case has: a digest may be made of it."""
    for spelling in _SPELLINGS:
        if spelling(content).encode() == opened:
            return lambda value: spelling(value).encode()
    raise ValueError("expected JSON as one of the use cases writes it")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield str(name)
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
