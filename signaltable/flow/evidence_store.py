"""The evidence of a disclosure, sealed: whole for the provider, with names masked for a table's second person.

One column holds an envelope per agency that may read it, so that no agency's evidence opens with another's key.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.domain import NotFound
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow import mailing, masking, sealing
from signaltable.models import Account, Disclosure, Signal, TableMember
from signaltable.payload import Payload, identity_values
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """The evidence per condition, with who asked in which roles and which subjects were chosen."""

    evidence: Mapping[str, Mapping[str, Any]]
    requester_role: str
    chosen: tuple[int, ...]
    capacity: str = ""
    keep_copy: bool = True


@dataclass(frozen=True, slots=True)
class AskedIn:
    """Who asked in which roles, about which subjects, in which task; and whether whoever passes on keeps its own copy."""

    requester_role: str
    chosen: tuple[int, ...]
    capacity: str = ""
    keep_copy: bool = True


def seal(
    tx: Transaction,
    signal: Signal,
    row: Disclosure,
    content: Payload,
    evidence: Mapping[str, Mapping[str, Any]],
    asked: AskedIn,
) -> bytes:
    """The envelopes as one value for the column."""
    whole = {"evidence": evidence, **asdict(asked), "chosen": list(asked.chosen)}
    masked = {**whole, "evidence": _masked(tx, evidence, identity_values(content))}
    envelopes = {
        agency_id: sealing.seal_json(
            tx, agency_id, whole if agency_id == row.provider_agency else masked, _place(row, agency_id)
        )
        for agency_id in second_look_agencies(tx, signal, row)
    }
    return json.dumps({agency_id: base64.b64encode(made).decode() for agency_id, made in envelopes.items()}).encode()


def second_look_agencies(tx: Transaction, signal: Signal, row: Disclosure) -> list[str]:
    """The provider, and the agencies of those who chair its table: there a second person can be found.

    Whoever passes on what it received and has no seat at that table finds one at home only.
    """
    members = tx.session.scalars(select(TableMember.agency_id).where(TableMember.table_id == signal.table_id)).all()
    if row.parent_id and row.provider_agency not in members:
        return [row.provider_agency]
    approvers = set(mailing.accounts_with(tx, members, Permission.DISCLOSURE_APPROVE_OTHER))
    chairs = approvers & set(mailing.accounts_with(tx, members, Permission.TABLE_DECIDE_OWN_TABLE))
    found = tx.session.scalars(select(Account.agency_id).where(Account.id.in_(sorted(chairs))))
    return sorted({row.provider_agency, *found})


def _masked(
    tx: Transaction, evidence: Mapping[str, Mapping[str, Any]], known: Iterable[str]
) -> dict[str, dict[str, Any]]:
    values = tuple(known)
    return {
        code: {
            name: _masked_value(tx, tx.program.policy.conditions[code], name, value, values)
            for name, value in given.items()
        }
        for code, given in evidence.items()
    }


def _masked_value(tx: Transaction, spec: ConditionSpec, name: str, value: Any, known: Iterable[str]) -> Any:
    """Only what a person typed freely can hold a name; choices and days stay as they are."""
    kinds = {row.name: row.kind for row in spec.fields}
    if not isinstance(value, str) or kinds.get(name) not in {"text", "longtext"}:
        return value
    return masking.masked(tx, value, known)


def read(tx: Transaction, row: Disclosure, agency_id: str) -> StoredEvidence:
    """What was sealed for this agency. Raises `NotFound` when nothing was, or when it was erased."""
    envelopes = json.loads(row.evidence_sealed) if row.evidence_sealed else {}
    if agency_id not in envelopes:
        raise NotFound("no evidence for this agency")
    opened = sealing.open_json(tx, agency_id, base64.b64decode(envelopes[agency_id]), _place(row, agency_id))
    return StoredEvidence(
        opened["evidence"],
        opened["requester_role"],
        tuple(opened["chosen"]),
        # What was sealed before anything could be passed on does not say these.
        opened.get("capacity", ""),
        opened.get("keep_copy", True),
    )


def _place(row: Disclosure, agency_id: str) -> str:
    return f"disclosures|evidence_sealed|{row.id}|{agency_id}"
