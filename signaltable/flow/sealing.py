"""Identity in and out of the database: sealed per subject, readable only with the key of an agency that holds it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from signaltable.db import table_of
from signaltable.domain import Refused
from signaltable.keys import DataKey, envelope_version, new_data_key, open_field, seal_field
from signaltable.models import MatchSketch, MatchTag, Signal, SignalKey, SubjectField, SubjectKey
from signaltable.pseudonymise import Tag
from signaltable.transaction import Transaction

TABLE = "subject_fields"
FIELD_VERSION = 1
SKETCHES = "match_sketches"
_KEYS, _FIELDS = table_of(SubjectKey), table_of(SubjectField)
_TAGS, _SKETCHES = table_of(MatchTag), table_of(MatchSketch)


@dataclass(frozen=True, slots=True)
class SealedIdentity:
    """The rows that keep an identity: its data key, wrapped, and its fields."""

    key: Mapping[str, Any]
    fields: tuple[Mapping[str, Any], ...]


def store_identities(tx: Transaction, sealed: Sequence[SealedIdentity]) -> None:
    """Store what `seal_identity` made, of several subjects with a statement for each table."""
    tx.insert(_KEYS, [one.key for one in sealed])
    if fields := [row for one in sealed for row in one.fields]:
        tx.insert(_FIELDS, fields)


def seal_identity(
    tx: Transaction, subject_id: str, identity: Mapping[str, str], unsure: Iterable[str]
) -> SealedIdentity:
    """The identity of a subject under a fresh data key, wrapped for the actor's agency alone. Nothing is stored."""
    data_key = new_data_key(tx.program.randomness(32))
    doubted = set(unsure)
    rows = [
        {
            "subject_id": subject_id,
            "name": name,
            "sealed": seal_field(
                data_key,
                table=TABLE,
                row=subject_id,
                column=name,
                version=FIELD_VERSION,
                plaintext=value.encode(),
                nonce=tx.program.randomness(12),
            ),
            "sure": name not in doubted,
        }
        for name, value in identity.items()
        if value
    ]
    wrapped = tx.program.keys.wrap(tx.actor.agency_id, data_key, subject_id)
    key = {"subject_id": subject_id, "agency_id": tx.actor.agency_id, "wrapped": wrapped}
    return SealedIdentity(key, tuple(rows))


def open_identity(tx: Transaction, subject_id: str) -> dict[str, str]:
    """The identity fields of a subject, with the key of the actor's agency. Raises `Refused` when it holds none.

    The caller records the consultation: opening identity without an entry is refused by review, not by this function.
    """
    held = tx.session.get(SubjectKey, (subject_id, tx.actor.agency_id))
    if held is None:
        raise Refused(
            "other_agency",
            object_type="subject",
            object_id=subject_id,
            details={"permission": "identity:consult:own-agency"},
        )
    return _opened(tx, subject_id, _unwrapped(tx, tx.actor.agency_id, held.wrapped, subject_id))


def open_as_holder(tx: Transaction, subject_id: str, agency_id: str, wrapped: bytes) -> dict[str, str]:
    """The identity of a subject with the key of the agency that holds it, for the program itself: nobody sees it.

    Raises `CannotOpen` when it does not open.
    """
    return _opened(tx, subject_id, _unwrapped(tx, agency_id, wrapped, subject_id))


def grant(tx: Transaction, subject_id: str, agency_id: str, bound_to: str) -> bytes:
    """The subject's data key for another agency, bound to what is named: with nothing else that agency opens it.

    Taken out of its wrapping with the key of the actor's agency, which must hold one. The caller records why.
    """
    held = tx.session.get_one(SubjectKey, (subject_id, tx.actor.agency_id))
    data_key = _unwrapped(tx, tx.actor.agency_id, held.wrapped, subject_id)
    return tx.program.keys.wrap(agency_id, data_key, _bound(subject_id, bound_to))


def open_granted(
    tx: Transaction, subject_id: str, agency_id: str, wrapped: bytes, bound_to: str, names: Iterable[str]
) -> dict[str, str]:
    """These identity fields of a subject, with what `grant` made for this agency. Raises `CannotOpen` for anything else."""
    return _opened(tx, subject_id, _unwrapped(tx, agency_id, wrapped, _bound(subject_id, bound_to)), names)


def _bound(subject_id: str, bound_to: str) -> str:
    return f"{subject_id}|{bound_to}"


def _unwrapped(tx: Transaction, agency_id: str, wrapped: bytes, name: str) -> DataKey:
    data_key = tx.program.keys.unwrap(agency_id, wrapped, name)
    tx.use_key(f"agency:{agency_id}", envelope_version(wrapped))
    return data_key


def _opened(tx: Transaction, subject_id: str, data_key: DataKey, names: Iterable[str] | None = None) -> dict[str, str]:
    fields = select(SubjectField).where(SubjectField.subject_id == subject_id)
    if names is not None:
        fields = fields.where(SubjectField.name.in_(sorted(names)))
    return {
        field.name: open_field(
            data_key,
            table=TABLE,
            row=subject_id,
            column=field.name,
            version=FIELD_VERSION,
            sealed=field.sealed,
        ).decode()
        for field in tx.session.scalars(fields)
    }


def unsure_fields(tx: Transaction, subject_id: str) -> frozenset[str]:
    """The fields that the reporter was not sure of."""
    rows = tx.session.scalars(
        select(SubjectField.name).where(SubjectField.subject_id == subject_id, SubjectField.sure.is_(False)),
    )
    return frozenset(rows)


def store_linking(tx: Transaction, subject_id: str, tags: Iterable[Tag], sketch: bytes, version: int) -> None:
    """Keep what links a subject to others: its tags, and its sketch sealed under a key of this version for sketches.

    Only the linking step reads them. `version` is that of the match key with which both were made; tags of two versions
    may stand together, a sketch replaces the earlier one. An empty sketch is not kept.
    """
    if rows := _tag_rows(subject_id, tags, version):
        tx.insert(_TAGS, rows)
    if sketch:
        tx.session.merge(MatchSketch(**_sketch_row(tx, subject_id, sketch, version)))


def store_first_linking(tx: Transaction, sides: Mapping[str, tuple[Sequence[Tag], bytes]], version: int) -> None:
    """The same of new subjects (id -> tags and sketch), which have none yet: a statement for each table."""
    if tags := [row for one, (some, _sketch) in sides.items() for row in _tag_rows(one, some, version)]:
        tx.insert(_TAGS, tags)
    if made := [_sketch_row(tx, one, sketch, version) for one, (_tags, sketch) in sides.items() if sketch]:
        tx.insert(_SKETCHES, made)


def _tag_rows(subject_id: str, tags: Iterable[Tag], version: int) -> list[dict[str, Any]]:
    return [
        {"subject_id": subject_id, "set_id": tag.set_id, "digest": tag.digest, "key_version": version} for tag in tags
    ]


def _sketch_row(tx: Transaction, subject_id: str, sketch: bytes, version: int) -> dict[str, Any]:
    sealed = seal_sketch(_sketch_key(tx, version), subject_id, sketch, version, tx.program.randomness(12))
    return {"subject_id": subject_id, "key_version": version, "sealed": sealed}


def seal_sketch(key: DataKey, subject_id: str, sketch: bytes, version: int, nonce: bytes) -> bytes:
    """A sketch under the key for sketches of this version, bound to its subject (AES-256-GCM)."""
    return seal_field(
        key, table=SKETCHES, row=subject_id, column="sealed", version=version, plaintext=sketch, nonce=nonce
    )


def open_sketches(tx: Transaction, rows: Iterable[tuple[str, int, bytes]]) -> dict[str, bytes]:
    """Subject id -> sketch, of rows of (subject id, key version, sealed). Raises `CannotOpen` for one moved elsewhere."""
    keys: dict[int, DataKey] = {}
    opened: dict[str, bytes] = {}
    for subject_id, version, sealed in rows:
        if version not in keys:
            keys[version] = _sketch_key(tx, version)
        opened[subject_id] = open_field(
            keys[version], table=SKETCHES, row=subject_id, column="sealed", version=version, sealed=sealed
        )
    return opened


def _sketch_key(tx: Transaction, version: int) -> DataKey:
    return new_data_key(tx.program.keys.derive("match", "sketch", version))


def seal_json(tx: Transaction, agency_id: str, content: Mapping[str, Any], place: str) -> bytes:
    """Seal a small document for one agency; `place` names table, column and row and must be the same on opening."""
    return tx.program.keys.seal(agency_id, json.dumps(content, ensure_ascii=False).encode(), place.encode())


def open_json(tx: Transaction, agency_id: str, envelope: bytes, place: str) -> dict[str, Any]:
    """What `seal_json` sealed for this agency and place. Raises `CannotOpen` in every other case."""
    content: dict[str, Any] = json.loads(open_envelope(tx, agency_id, envelope, place.encode()))
    return content


def open_envelope(tx: Transaction, agency_id: str, envelope: bytes, place: bytes) -> bytes:
    """What was sealed for one agency and place; the log tells which key opened it. Raises `CannotOpen` otherwise.

    The one door to the keys of agencies: nothing else in the flow opens an envelope (tests/guards).
    """
    opened = tx.program.keys.open(agency_id, envelope, place)
    tx.use_key(f"agency:{agency_id}", envelope_version(envelope))
    return opened


def owner_part(tx: Transaction, signal: Signal) -> dict[str, Any]:
    """What only the owner reads: the unmasked narrative, who asked for consent, how to reach the reporter."""
    return open_json(tx, signal.owner_agency, signal.owner_sealed, f"signals|owner_sealed|{signal.id}")


def wrap_signal_key(tx: Transaction, signal_id: str, data_key: DataKey) -> None:
    """Keep the data key of a signal's attachments, wrapped for the actor's agency alone."""
    wrapped = tx.program.keys.wrap(tx.actor.agency_id, data_key, signal_id)
    tx.session.add(SignalKey(signal_id=signal_id, agency_id=tx.actor.agency_id, wrapped=wrapped))
    tx.session.flush()


def signal_key(tx: Transaction, signal_id: str) -> DataKey | None:
    """The data key of a signal's attachments with the key of the actor's agency; None when it never had an attachment.

    Raises `Refused` when another agency holds it.
    """
    held = tx.session.scalars(select(SignalKey).where(SignalKey.signal_id == signal_id)).all()
    mine = [one for one in held if one.agency_id == tx.actor.agency_id]
    if held and not mine:
        raise Refused("other_agency", object_type="signal", details={"permission": "identity:consult:own-agency"})
    return _unwrapped(tx, tx.actor.agency_id, mine[0].wrapped, signal_id) if mine else None
