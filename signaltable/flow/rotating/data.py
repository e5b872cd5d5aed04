"""The data keys of subjects and signals: each gets a new one, and everything under the old one is sealed anew.

This is for millions of rows, so those of subjects go past the object layer (`driver`, `renewal`), in the order of their
keys, and are told to the log with digests that are made of what is in hand.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable import row_digests
from signaltable.flow import attachment_rows, sealing
from signaltable.flow.rotating.driver import Driver
from signaltable.flow.rotating.renewal import Renewal, packed_key
from signaltable.flow.rotating.state import Batch
from signaltable.keys import (
    KEY_BYTES,
    NONCE_BYTES,
    CannotOpen,
    DataKey,
    KeyProvider,
    KeyRingError,
    Place,
    envelope_version,
    new_data_key,
    open_field,
    resealing,
)
from signaltable.models import (
    Attachment,
    AttachmentPart,
    IdentityRequest,
    KeyRotation,
    SignalKey,
    SubjectField,
    SubjectKey,
)
from signaltable.transaction import Transaction

SUBJECTS: Final = "subjects"
SIGNALS: Final = "signals"
AT_ONCE: Final = 2000
SIGNALS_AT_ONCE: Final = 20


class Data:
    """See the head of this module."""

    def stages(self) -> Sequence[str]:
        """Subjects, then what is under the keys of signals."""
        return (SUBJECTS, SIGNALS)

    def count(self, session: Session, row: KeyRotation) -> int:  # noqa: ARG002
        """Keys and fields of subjects, keys of signals."""
        return sum(
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (SubjectKey, SubjectField, SignalKey)
        )

    def batch(self, tx: Transaction, row: KeyRotation) -> Batch:
        """The next subjects or signals, each with all that is under its key."""
        return _Subjects(tx, row.cursor).renew() if row.stage == SUBJECTS else _Signals(tx, row.cursor).renew()

    def left(self, keys: KeyProvider, session: Session, row: KeyRotation) -> int:  # noqa: ARG002
        """How many keys, fields and files do not open. Every other one was done in the commit that moved the cursor."""
        return _unopened(session, keys) + _unopened_files(session, keys)

    def may_end(self, tx: Transaction, row: KeyRotation) -> bool:  # noqa: ARG002
        """At once."""
        return True


class _Subjects:
    """The next subjects: their wrapped keys and their fields, renewed in one go.

    A subject of which something does not open keeps its key and all that is under it, and is found at the end.
    """

    def __init__(self, tx: Transaction, cursor: str) -> None:
        self._tx, self._keys, self._cursor = tx, tx.program.keys, cursor
        self._driver = Driver(tx.session)
        self._version = self._keys.version(row_digests.PURPOSE)
        self._pairs: dict[str, tuple[DataKey, DataKey]] = {}

    def renew(self) -> Batch:
        """Seal them anew. Returns how many rows were written."""
        subject, _, agency = self._cursor.partition("/")
        found = self._driver.next_keys(subject, agency, AT_ONCE)
        # One with the keys of several agencies may come again later; doing it twice does no harm.
        subjects = sorted({one[0] for one in found})
        held = self._driver.keys_of(subjects)
        self._open_keys(held)
        count = self._renew_fields(subjects) + self._renew_keys(held)
        self._renew_lent()
        return Batch(count, "/".join(found[-1]) if len(found) == AT_ONCE else "")

    def _open_keys(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """The old and the new key of each subject; the same for every agency that holds it."""
        material = self._tx.program.randomness(KEY_BYTES * len(rows))
        used: Counter[tuple[str, int]] = Counter()
        for number, (subject, agency, wrapped) in enumerate(rows):
            if subject in self._pairs:
                continue
            try:
                old = self._keys.unwrap(agency, wrapped, subject)
            except (CannotOpen, KeyRingError):
                continue
            used[agency, envelope_version(wrapped)] += 1
            self._pairs[subject] = old, new_data_key(material[KEY_BYTES * number : KEY_BYTES * (number + 1)])
        for (agency, version), count in used.items():
            self._tx.use_key(f"agency:{agency}", version, count)

    def _renew_fields(self, subjects: Sequence[str]) -> int:
        """Again without the subjects of which a field did not open, as long as there are any."""
        digest = row_digests.packed_digests(self._keys, "subject_fields", self._version)
        while True:
            self._driver.run("SAVEPOINT fields")
            fields = Renewal(self._pairs, self._tx.program.randomness, digest)
            self._driver.rewrite_fields(subjects, fields.each())
            if not fields.unopened:
                break
            self._driver.run("ROLLBACK TO SAVEPOINT fields")
            for subject in fields.unopened:
                del self._pairs[subject]
        self._driver.run("RELEASE SAVEPOINT fields")
        self._tx.written.tell("subject_fields", fields.told)
        self._tx.written.past("subject_fields", fields.unordered)
        return fields.count

    def _renew_keys(self, rows: Sequence[tuple[Any, ...]]) -> int:
        written, told = [], {}
        digest = row_digests.packed_digests(self._keys, "subject_keys", self._version)
        wrap = self._keys.wrapping()
        for subject, agency, _ in rows:
            if subject in self._pairs:
                wrapped = wrap(agency, self._pairs[subject][1], subject)
                written.append((wrapped, subject, agency))
                told[f"{subject}/{agency}"] = digest([packed_key(subject, agency, wrapped)])
        self._driver.write_keys(written)
        self._tx.written.tell("subject_keys", told)
        return len(written)

    def _renew_lent(self) -> None:
        """Requests for an identity that are open right now hold the key as well, for a quarter of an hour."""
        lent = self._tx.session.scalars(select(IdentityRequest).where(IdentityRequest.wrapped != b"").with_for_update())
        for request in lent:
            if request.subject_id in self._pairs:
                name = f"{request.subject_id}|{request.id}"
                request.wrapped = self._keys.wrap(request.agency_id, self._pairs[request.subject_id][1], name)


class _Signals:
    """The next signals that have attachments: their keys, and everything that is under these."""

    def __init__(self, tx: Transaction, cursor: str) -> None:
        self._tx, self._keys, self._cursor = tx, tx.program.keys, cursor

    def renew(self) -> Batch:
        """Seal them anew. Returns how many keys were written."""
        found = self._tx.session.scalars(
            select(SignalKey.signal_id)
            .where(SignalKey.signal_id > self._cursor)
            .distinct()
            .order_by(SignalKey.signal_id)
            .limit(SIGNALS_AT_ONCE)
        ).all()
        count = sum(self._renew(signal) for signal in found)
        return Batch(count, found[-1] if len(found) == SIGNALS_AT_ONCE else "")

    def _renew(self, signal: str) -> int:
        query = select(SignalKey).where(SignalKey.signal_id == signal).order_by(SignalKey.agency_id)
        held = self._tx.session.scalars(query.with_for_update()).all()
        new = new_data_key(self._tx.program.randomness(KEY_BYTES))
        try:
            old = self._keys.unwrap(held[0].agency_id, held[0].wrapped, signal)
            self._tx.use_key(f"agency:{held[0].agency_id}", envelope_version(held[0].wrapped))
            self._renew_files(signal, old, new)
        except (CannotOpen, KeyRingError):
            return 0
        for one in held:
            one.wrapped = self._keys.wrap(one.agency_id, new, signal)
        return len(held)

    def _renew_files(self, signal: str, old: DataKey, new: DataKey) -> None:
        tx = self._tx
        names, parts = (
            Place.of("attachments", sealing.FIELD_VERSION),
            Place.of("attachment_parts", sealing.FIELD_VERSION),
        )
        renewed: list[tuple[Attachment | AttachmentPart, str, bytes]] = []
        for file in tx.session.scalars(select(Attachment).where(Attachment.signal_id == signal)):
            renewed.append(
                (file, "name_sealed", self._resealed(old, new, names, file.id, "name_sealed", file.name_sealed))
            )
            query = select(AttachmentPart).where(AttachmentPart.attachment_id == file.id)
            count = attachment_rows.pieces_of(file.size)
            for part in tx.session.scalars(query):
                place = attachment_rows.place_of_piece(part.number, count)
                renewed.append((part, "sealed", self._resealed(old, new, parts, file.id, place, part.sealed)))
        # Only when all of them opened.
        for row, column, sealed in renewed:
            setattr(row, column, sealed)
        tx.session.flush()

    def _resealed(self, old: DataKey, new: DataKey, place: Place, row: str, column: str, sealed: bytes) -> bytes:
        return resealing(old, new, place, row)(column, sealed, self._tx.program.randomness(NONCE_BYTES))


def _unopened(session: Session, keys: KeyProvider) -> int:
    """Goes over all subjects and counts what does not open."""
    after, count = "", 0
    while True:
        subjects = session.execute(
            select(SubjectKey.subject_id, SubjectKey.agency_id, SubjectKey.wrapped)
            .where(SubjectKey.subject_id > after)
            .order_by(SubjectKey.subject_id, SubjectKey.agency_id)
            .limit(AT_ONCE)
        ).all()
        if not subjects:
            return count
        # The last subject may go on in the next page; opening it twice does no harm, leaving it out would.
        after = subjects[-1].subject_id
        opened, bad = _opened_keys(keys, subjects)
        count += bad + _unopened_fields(session, opened)


def _unopened_files(session: Session, keys: KeyProvider) -> int:
    bad = 0
    for signal, agency, wrapped in session.execute(
        select(SignalKey.signal_id, SignalKey.agency_id, SignalKey.wrapped).order_by(SignalKey.signal_id)
    ).all():
        try:
            data_key = keys.unwrap(agency, wrapped, signal)
            for file in session.scalars(select(Attachment).where(Attachment.signal_id == signal)):
                attachment_rows.check(session, file, data_key)
        except (CannotOpen, KeyRingError):
            bad += 1
    return bad


def _opened_keys(keys: KeyProvider, rows: Iterable[Any]) -> tuple[dict[str, DataKey], int]:
    opened: dict[str, DataKey] = {}
    bad = 0
    for subject, agency, wrapped in rows:
        try:
            opened[subject] = keys.unwrap(agency, wrapped, subject)
        except (CannotOpen, KeyRingError):
            bad += 1
    return opened, bad


def _unopened_fields(session: Session, opened: Mapping[str, DataKey]) -> int:
    bad = 0
    query = select(SubjectField.subject_id, SubjectField.name, SubjectField.sealed)
    for subject, name, sealed in session.execute(query.where(SubjectField.subject_id.in_(list(opened)))):
        try:
            open_field(
                opened[subject],
                table=sealing.TABLE,
                row=subject,
                column=name,
                version=sealing.FIELD_VERSION,
                sealed=sealed,
            )
        except CannotOpen:
            bad += 1
    return bad
