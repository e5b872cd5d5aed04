"""The data keys of subjects and signals: each gets a new one, and everything under the old one is sealed anew.

This is for millions of rows, so they go past the object layer: read in the order of their keys, written by one statement
that the driver repeats, and told to the log with digests that are made of what is in hand.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable import row_digests
from signaltable.flow import attachment_rows, sealing
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
    reseal_fields,
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
_FIELDS: Final = Place.of(sealing.TABLE, sealing.FIELD_VERSION)


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


@dataclass(frozen=True, slots=True)
class _Where:
    """The columns that find a row, the condition on them, and how many they are."""

    columns: str
    condition: str
    width: int


class _Driver:
    """The connection of a transaction as the driver has it: no statement is looked at by anybody else."""

    def __init__(self, session: Session) -> None:
        connection = session.connection()
        self._raw: Any = connection.connection.dbapi_connection
        self._mark = "?" if connection.dialect.name == "sqlite" else "%s"
        # The other rows of PostgreSQL may be changed by somebody else between reading and writing; on SQLite nobody can.
        self.locking = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"

    def read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query with ? for values."""
        rows: list[tuple[Any, ...]] = self._raw.execute(statement.replace("?", self._mark), values).fetchall()
        return rows

    def where_row(self, key: str, width: int) -> "_Where":
        """How to find a row again within this transaction: by its number on SQLite, else by its key."""
        if self.locking:
            return _Where(", ".join(part.split()[0] for part in key.split(" AND ")), key, width)
        return _Where("rowid", "rowid = ?", 1)

    def write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Repeat a statement with ? for the values of each row."""
        cursor = self._raw.cursor()
        cursor.executemany(statement.replace("?", self._mark), rows)
        cursor.close()


class _Subjects:
    """The next subjects: their wrapped keys and their fields, renewed in one go.

    A subject of which something does not open keeps its key and all that is under it, and is found at the end.
    """

    def __init__(self, tx: Transaction, cursor: str) -> None:
        self._tx, self._keys, self._cursor = tx, tx.program.keys, cursor
        self._driver = _Driver(tx.session)
        self._version = self._keys.version(row_digests.PURPOSE)
        self._pairs: dict[str, tuple[DataKey, DataKey]] = {}

    def renew(self) -> Batch:
        """Seal them anew. Returns how many rows were written."""
        subjects = self._driver.read(
            "SELECT DISTINCT subject_id FROM subject_keys WHERE subject_id > ? ORDER BY subject_id LIMIT ?",
            self._cursor,
            AT_ONCE,
        )
        if not subjects:
            return Batch(0)
        last = subjects[-1][0]
        held = self._behind("subject_keys", "subject_id, agency_id, wrapped", "subject_id, agency_id", last)
        self._open_keys(held)
        count = self._renew_fields(last) + self._renew_keys(held)
        self._renew_lent(last)
        return Batch(count, last if len(subjects) == AT_ONCE else "")

    def _behind(self, table: str, columns: str, order: str, last: str) -> list[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM {table} WHERE subject_id > ? AND subject_id <= ? ORDER BY {order}"  # noqa: S608
        return self._driver.read(query + self._driver.locking, self._cursor, last)

    def _open_keys(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """The old and the new key of each subject; the same for every agency that holds it."""
        material = self._tx.program.randomness(KEY_BYTES * len(rows))
        used = self._tx.keys_used
        for number, (subject, agency, wrapped) in enumerate(rows):
            if subject in self._pairs:
                continue
            try:
                old = self._keys.unwrap(agency, bytes(wrapped), subject)
            except (CannotOpen, KeyRingError):
                continue
            name = f"agency:{agency}:{envelope_version(wrapped)}"
            used[name] = used.get(name, 0) + 1
            self._pairs[subject] = old, new_data_key(material[KEY_BYTES * number : KEY_BYTES * (number + 1)])

    def _renew_fields(self, last: str) -> int:
        where = self._driver.where_row("subject_id = ? AND name = ?", 2)
        columns = f"{where.columns}, sealed, subject_id, name, sure"
        rows = self._behind("subject_fields", columns, "subject_id, name", last)
        nonces = _pieces(self._tx.program.randomness(NONCE_BYTES * len(rows)), NONCE_BYTES)
        written: list[tuple[Any, ...]] = []
        told: dict[str, str] = {}
        for subject, group in groupby(rows, itemgetter(-3)):
            if subject not in self._pairs:
                continue
            held = list(group)
            try:
                made = reseal_fields(
                    *self._pairs[subject], _FIELDS, subject, [(row[-2], row[-4]) for row in held], nonces
                )
            except CannotOpen:
                del self._pairs[subject]
                continue
            said = _text(b"<subject_id", subject)
            pieces: list[bytes] = []
            # In the order of the names as they are compared here; a database may sort by the rules of its language.
            for sealed, row in sorted(zip(made, held, strict=True), key=_name):
                written.append((sealed, *row[: where.width]))
                pieces += (said, _head(row[-2], len(sealed)), sealed, _SURE_END if row[-1] else b">")
            told[subject] = row_digests.packed_digest(self._keys, "subject_fields", pieces, self._version)
        self._driver.write(f"UPDATE subject_fields SET sealed = ? WHERE {where.condition}", written)  # noqa: S608
        self._tx.written.tell("subject_fields", told)
        return len(written)

    def _renew_keys(self, rows: Sequence[tuple[Any, ...]]) -> int:
        written, told = [], {}
        for subject, agency, _ in rows:
            if subject in self._pairs:
                wrapped = self._keys.wrap(agency, self._pairs[subject][1], subject)
                written.append((wrapped, subject, agency))
                packed = _KEY % (_text(b"<subject_id", subject), _text(b"agency_id", agency), len(wrapped), wrapped)
                told[f"{subject}/{agency}"] = row_digests.packed_digest(
                    self._keys, "subject_keys", [packed], self._version
                )
        self._driver.write("UPDATE subject_keys SET wrapped = ? WHERE subject_id = ? AND agency_id = ?", written)
        self._tx.written.tell("subject_keys", told)
        return len(written)

    def _renew_lent(self, last: str) -> None:
        """Requests for an identity that are open right now hold the key as well, for a quarter of an hour."""
        lent = self._tx.session.scalars(
            select(IdentityRequest)
            .where(
                IdentityRequest.subject_id > self._cursor,
                IdentityRequest.subject_id <= last,
                IdentityRequest.wrapped != b"",
            )
            .with_for_update()
        )
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
        nonces = iter([self._tx.program.randomness(NONCE_BYTES)])
        return reseal_fields(old, new, place, row, [(column, sealed)], nonces)[0]


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


def _pieces(whole: bytes, size: int) -> Iterator[bytes]:
    return (whole[at : at + size] for at in range(0, len(whole), size))


def _name(one: tuple[bytes, tuple[Any, ...]]) -> str:
    name: str = one[1][-2]
    return name


@cache
def _head(name: str, length: int) -> bytes:
    return _text(b"name", name) + b"sealed:b:%d:" % length


# A row as `row_digests.pack` packs it, written out for these two tables: fsck compares.
_SURE_END: Final = b"sure:j:1:1>"
_KEY: Final = b"%b%bwrapped:b:%d:%b>"


def _text(name: bytes, value: str) -> bytes:
    raw = value.encode()
    return b"%b:s:%d:%b" % (name, len(raw), raw)
