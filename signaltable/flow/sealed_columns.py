"""Every column that holds something sealed for an agency, and what binds it to its place.

Declared once, for whoever opens all of them (flow/fsck/seals.py) and whoever seals all of them anew (flow/rotating): a
column that is missing here would be lost when the key of its agency is destroyed. tests/guards/test_sealed_columns.py
compares this list with the tables.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, select

from signaltable import row_digests
from signaltable.db import Base
from signaltable.keys import KeyProvider

Values = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column: for which agency, and bound to what.

    `agency` names the column with the agency; "signals.owner_agency" means that of the row's signal. `place` is filled in
    with the columns of the row, and {agency}; empty: table, column and key. `many`: the column holds a JSON object with an
    envelope for each of several agencies. `data_key`: it holds a wrapped data key, of which `place` is the name.
    """

    table: str
    column: str
    agency: str = ""
    place: str = ""
    many: bool = False
    data_key: bool = False

    @property
    def stage(self) -> str:
        """What a rotation calls this column."""
        return f"{self.table}.{self.column}"


COLUMNS: Final = (
    SealedColumn("signals", "owner_sealed", "owner_agency"),
    SealedColumn("drafts", "sealed", "agency_id", "drafts|sealed|{id}|{account_id}"),
    SealedColumn("link_verdicts", "reason_sealed", "agency_id"),
    SealedColumn("link_acts", "reason_sealed", "agency_id"),
    SealedColumn("exclusions", "value_sealed", "owner_agency"),
    SealedColumn("text_checks", "found_sealed", "signals.owner_agency"),
    SealedColumn("duties", "note_sealed", "agency_id"),
    SealedColumn("disclosures", "payload_provider", "provider_agency", "disclosures|payload|{id}|{agency}"),
    SealedColumn("disclosures", "payload_recipient", "recipient_agency", "disclosures|payload|{id}|{agency}"),
    SealedColumn("disclosures", "response_sealed", "provider_agency"),
    SealedColumn("disclosures", "feedback_sealed", "provider_agency"),
    SealedColumn("disclosures", "evidence_sealed", place="disclosures|evidence_sealed|{id}|{agency}", many=True),
    SealedColumn("disclosures", "revoked_sealed", "provider_agency"),
    SealedColumn("feedbacks", "words_sealed", "agency_id"),
    SealedColumn("recusals", "reason_sealed", "agency_id"),
    SealedColumn(
        "emergency_accesses", "reason_sealed", place="emergency_accesses|reason_sealed|{id}|{agency}", many=True
    ),
    SealedColumn(
        "emergency_accesses", "review_sealed", place="emergency_accesses|review_sealed|{id}|{agency}", many=True
    ),
    SealedColumn("second_factors", "secret_sealed", "agency_id"),
    SealedColumn("postponements", "reason_sealed", "agency_id"),
    SealedColumn("subject_reports", "reason_sealed", "agency_id"),
    SealedColumn("subject_reports", "decision_sealed", "agency_id"),
    SealedColumn("identity_requests", "asked_sealed", place="identity_requests|asked_sealed|{id}|{agency}", many=True),
    SealedColumn(
        "identity_requests", "answer_sealed", place="identity_requests|answer_sealed|{id}|{agency}", many=True
    ),
    SealedColumn("subject_erasures", "asked_sealed", "agency_id"),
    SealedColumn("subject_erasures", "answer_sealed", "agency_id"),
    SealedColumn("subject_keys", "wrapped", "agency_id", "{subject_id}", data_key=True),
    SealedColumn("signal_keys", "wrapped", "agency_id", "{signal_id}", data_key=True),
    SealedColumn("identity_requests", "wrapped", "agency_id", "{subject_id}|{id}", data_key=True),
)

# Columns of bytes that are no envelope of an agency, and why.
NOT_FOR_AN_AGENCY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "subject_fields.sealed": "under the data key of the subject",
        "attachments.name_sealed": "under the data key of the signal",
        "attachment_parts.sealed": "under the data key of the signal",
        "match_sketches.sealed": "under a key derived from the match key",
        "match_tags.digest": "a digest under the match key",
        "excluded_tags.digest": "a digest under the match key",
        "search_rows.terms": "digests under the match key",
        "second_factors.public_key": "the public half of a passkey",
        "policy_versions.files": "the rules, which everybody may read",
        "samples.report_data": "a report without personal data, signed",
        "samples.report_pdf": "a report without personal data, signed",
        "log_entries.entry": "the log",
        "log_entries.leaf": "the log",
        "export_parts.data": "a copy of the log, for a day",
        "shared_rings.sealed": "the ring itself, for the other machines, under a secret of the ring that nothing replaces",
        "log_details.salt": "the log",
        "log_details.details": "the log",
        "log_nodes.hash": "the log",
        "log_head.frontier": "the log",
    }
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One sealed value of a row: for whom, and what binds it."""

    agency_id: str
    sealed: bytes
    place: str


def query_of(one: SealedColumn) -> "Select[Any]":
    """The rows of a column that hold something: the columns of the key, the value, and what its agency and place need."""
    table = table_of(one)
    wanted: dict[str, ColumnElement[Any]] = {
        column.name: column for column in table.columns if _needed(one, column.name)
    }
    query = select(*wanted.values(), table.c[one.column].label("value"), _agency(one, table).label("agency"))
    if one.agency.startswith("signals."):
        signals = Base.metadata.tables["signals"]
        query = query.join(signals, signals.c.id == table.c.signal_id)
    return query.where(table.c[one.column] != b"")


def of_agency(one: SealedColumn, agency_id: str) -> "ColumnElement[bool]":
    """Which rows of `query_of` may hold an envelope for this agency."""
    table = table_of(one)
    # A column with several envelopes names its agencies in the bytes themselves.
    return table.c[one.column].is_not(None) if one.many else _agency(one, table) == agency_id


def envelopes(one: SealedColumn, row: Values) -> Iterator[Envelope]:
    """The envelopes in a row of `query_of`. Raises ValueError, TypeError or AttributeError for what holds none."""
    held = {str(row["agency"]): bytes(row["value"])} if not one.many else _parts(row["value"])
    for agency_id, sealed in held.items():
        yield Envelope(agency_id, sealed, _place(one, row, agency_id))


def sealed_anew(one: SealedColumn, row: Values, agency_id: str, renewed: Callable[[Envelope], bytes]) -> bytes:
    """The value of a row with the envelope of this agency renewed and all others as they were."""
    held = {envelope.agency_id: envelope for envelope in envelopes(one, row)}
    made = renewed(held[agency_id])
    if not one.many:
        return made
    parts = {agency: envelope.sealed for agency, envelope in held.items()} | {agency_id: made}
    return json.dumps({agency: base64.b64encode(part).decode() for agency, part in parts.items()}).encode()


def renewed(ring: KeyProvider, one: SealedColumn, envelope: Envelope) -> bytes:
    """The same content under the key of the agency that is active now. Raises `CannotOpen`."""
    if one.data_key:
        key = ring.unwrap(envelope.agency_id, envelope.sealed, envelope.place)
        return ring.wrap(envelope.agency_id, key, envelope.place)
    place = envelope.place.encode()
    return ring.seal(envelope.agency_id, ring.open(envelope.agency_id, envelope.sealed, place), place)


def opens(ring: KeyProvider, one: SealedColumn, envelope: Envelope) -> None:
    """Open an envelope and keep nothing. Raises `CannotOpen`."""
    if one.data_key:
        ring.unwrap(envelope.agency_id, envelope.sealed, envelope.place)
    else:
        ring.open(envelope.agency_id, envelope.sealed, envelope.place.encode())


def table_of(one: SealedColumn) -> Table:
    """The table of a column."""
    return Base.metadata.tables[one.table]


def called(one: SealedColumn, row: Values) -> str:
    """How findings name the row: its reference, or else its key."""
    declared = row_digests.TRACKED[one.table]
    keys = "/".join(str(row[column.name]) for column in table_of(one).primary_key.columns)
    return str(row[declared.object]) if declared.object == "reference" else keys


def _needed(one: SealedColumn, name: str) -> bool:
    table = table_of(one)
    return table.c[name].primary_key or name == "reference" or f"{{{name}}}" in one.place


def _agency(one: SealedColumn, table: Table) -> "ColumnElement[Any]":
    if one.many:
        return next(iter(table.primary_key.columns))  # Not asked for.
    owner, _, name = one.agency.rpartition(".")
    return (Base.metadata.tables[owner] if owner else table).c[name]


def _parts(raw: bytes) -> dict[str, bytes]:
    return {str(agency): base64.b64decode(one) for agency, one in json.loads(raw).items()}


def _place(one: SealedColumn, row: Values, agency_id: str) -> str:
    if one.place:
        return one.place.format_map({**row, "agency": agency_id})
    keys = (str(row[column.name]) for column in table_of(one).primary_key.columns)
    return "|".join((one.table, one.column, *keys))
