"""The key pair of an agency: everything that is sealed for it is opened with the old one and sealed with the new one."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, LargeBinary, Select, and_, bindparam, func, not_, or_, select, tuple_, update
from sqlalchemy.orm import Session

from signaltable.flow import sealed_columns
from signaltable.flow.rotating.state import Batch
from signaltable.flow.sealed_columns import COLUMNS, Envelope, SealedColumn, Values
from signaltable.keys import CannotOpen, KeyProvider, envelope_version
from signaltable.keys.suites import VERSION_BYTES, VERSION_STANDS_AT
from signaltable.models import KeyRotation
from signaltable.transaction import Transaction

AT_ONCE: Final = 500
_BY_STAGE: Final = {one.stage: one for one in COLUMNS}


class Agencies:
    """See the head of this module."""

    def stages(self) -> Sequence[str]:
        """One for each column."""
        return tuple(_BY_STAGE)

    def count(self, session: Session, row: KeyRotation) -> int:
        """The values for this agency; of columns with several envelopes all that hold any."""
        return sum(_count(session, one, row) for one in COLUMNS)

    def batch(self, tx: Transaction, row: KeyRotation) -> Batch:
        """Seal the next values of a column anew."""
        one, agency = _BY_STAGE[row.stage], row.agency_id or ""
        rows = _next(tx.session, one, row)
        made = list(_renewed(tx, one, rows, row))
        if made:
            _write(tx, one, made)
            name = f"agency:{agency}:{row.from_version}"
            tx.keys_used[name] = tx.keys_used.get(name, 0) + len(made)
        whole = len(rows) == AT_ONCE
        return Batch(len(rows), json.dumps([rows[-1][name] for name in _key_names(one)]) if whole else "")

    def left(self, keys: KeyProvider, session: Session, row: KeyRotation) -> int:  # noqa: ARG002
        """What is not sealed with the new version: nothing may be lost with the old one."""
        return sum(_left(session, one, row) for one in COLUMNS)

    def may_end(self, tx: Transaction, row: KeyRotation) -> bool:  # noqa: ARG002
        """At once: nothing is made for a time here."""
        return True


def _count(session: Session, one: SealedColumn, row: KeyRotation) -> int:
    table = sealed_columns.table_of(one)
    asked = sealed_columns.query_of(one).where(sealed_columns.of_agency(one, row.agency_id or ""))
    return (
        session.scalar(
            select(func.count()).select_from(asked.with_only_columns(next(iter(table.primary_key.columns))).subquery())
        )
        or 0
    )


def _asked(one: SealedColumn, row: KeyRotation) -> "Select[Any]":
    """The rows of a column whose value is not of the new version, whatever else it may be.

    Also of versions before the last: a database that was put back from a copy may hold them.
    """
    query = sealed_columns.query_of(one).where(sealed_columns.of_agency(one, row.agency_id or ""))
    if one.many:
        return query
    return query.where(not_(_is_of(sealed_columns.table_of(one).c[one.column], row.to_version)))


def _is_of(column: "ColumnElement[Any]", version: int) -> "ColumnElement[bool]":
    """Whether a value is an envelope, or a wrapped key, of this version."""
    return or_(*(_says(column, front, start, version) for front, start in VERSION_STANDS_AT.items()))


def _says(column: "ColumnElement[Any]", front: bytes, start: int, version: int) -> "ColumnElement[bool]":
    """Whether a value begins with this mark, and names this version in the bytes from `start` on."""
    mark = func.substr(column, 1, len(front), type_=LargeBinary())
    named = func.substr(column, start + 1, VERSION_BYTES, type_=LargeBinary())
    return and_(mark == front, named == version.to_bytes(VERSION_BYTES, "big"))


def _next(session: Session, one: SealedColumn, row: KeyRotation) -> Sequence[Values]:
    table = sealed_columns.table_of(one)
    key = list(table.primary_key.columns)
    query = _asked(one, row).order_by(*key).limit(AT_ONCE).with_for_update(of=table)
    if row.cursor:
        query = query.where(_behind(key, json.loads(row.cursor)))
    return session.connection().execute(query).mappings().all()


def _behind(key: Sequence["ColumnElement[Any]"], last: Sequence[Any]) -> "ColumnElement[bool]":
    return tuple_(*key) > tuple(last) if len(key) > 1 else key[0] > last[0]


def _renewed(
    tx: Transaction, one: SealedColumn, rows: Sequence[Values], rotation: KeyRotation
) -> Iterator[tuple[Values, bytes]]:
    """(row, its new value); what does not open is left as it is, and found at the end."""
    keys, agency = tx.program.keys, rotation.agency_id or ""
    for row in rows:
        try:
            if not _hangs(one, row, agency, rotation.to_version):
                continue
            yield row, sealed_columns.sealed_anew(one, row, agency, lambda old: sealed_columns.renewed(keys, one, old))
        except (CannotOpen, ValueError, TypeError, AttributeError):
            continue


def _hangs(one: SealedColumn, row: Values, agency: str, to_version: int) -> bool:
    """Whether a row holds an envelope of this agency that is not of the new version. Raises what `envelopes` raises."""
    held: dict[str, Envelope] = {envelope.agency_id: envelope for envelope in sealed_columns.envelopes(one, row)}
    return agency in held and envelope_version(held[agency].sealed) != to_version


def _write(tx: Transaction, one: SealedColumn, made: Sequence[tuple[Values, bytes]]) -> None:
    table, names = sealed_columns.table_of(one), _key_names(one)
    same = [table.c[name] == bindparam(f"key_{name}") for name in names]
    statement = update(table).where(*same).values({one.column: bindparam("renewed")})
    values = [{f"key_{name}": row[name] for name in names} | {"renewed": value} for row, value in made]
    tx.session.connection().execute(statement, values)
    tx.written.past(one.table, [tuple(row[name] for name in names) for row, _ in made])


def _key_names(one: SealedColumn) -> list[str]:
    return [column.name for column in sealed_columns.table_of(one).primary_key.columns]


def _left(session: Session, one: SealedColumn, row: KeyRotation) -> int:
    query = _asked(one, row)
    if not one.many:
        key = next(iter(sealed_columns.table_of(one).primary_key.columns))
        return session.scalar(select(func.count()).select_from(query.with_only_columns(key).subquery())) or 0
    rows = session.execute(query.execution_options(yield_per=AT_ONCE)).mappings()
    return sum(_may_hang(one, found, row.agency_id or "", row.to_version) for found in rows)


def _may_hang(one: SealedColumn, row: Values, agency: str, to_version: int) -> bool:
    try:
        return _hangs(one, row, agency, to_version)
    except (CannotOpen, ValueError, TypeError, AttributeError):
        return True
