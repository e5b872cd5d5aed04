"""No column that is sealed for an agency is forgotten when its key is replaced."""

from sqlalchemy import LargeBinary

from signaltable.db import Base
from signaltable.flow import sealed_columns
from signaltable.flow.sealed_columns import COLUMNS, NOT_FOR_AN_AGENCY


def columns_of_bytes():
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, LargeBinary):
                yield f"{table.name}.{column.name}"


def test_every_column_of_bytes_is_declared_once():
    declared = [one.stage for one in COLUMNS]
    assert sorted([*declared, *NOT_FOR_AN_AGENCY]) == sorted(columns_of_bytes())


def test_what_is_declared_can_be_asked_for():
    for one in COLUMNS:
        asked = sealed_columns.query_of(one).selected_columns.keys()
        row = dict.fromkeys(asked, "x") | {"value": b"{}"}
        assert all(envelope.place for envelope in sealed_columns.envelopes(one, row)), one.stage
