"""Consent that was withdrawn, reminders of duties, and the duties of disclosures made before duties were kept

Revision: 0003
Follows: 0002
"""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from signaltable.db import UtcDateTime


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = (
    "disclosures.consent_withdrawn_on",
    "duties.reminded_at",
)

DISCLOSURES = sa.table(
    "disclosures",
    sa.column("id", sa.String),
    sa.column("provider_agency", sa.String),
    sa.column("recipient_agency", sa.String),
    sa.column("state", sa.String),
    sa.column("obligations", sa.JSON),
    sa.column("disclosed_at", UtcDateTime),
)
DUTIES = sa.table(
    "duties",
    sa.column("id", sa.String),
    sa.column("disclosure_id", sa.String),
    sa.column("agency_id", sa.String),
    sa.column("kind", sa.String),
    sa.column("created_at", UtcDateTime),
    sa.column("due_at", UtcDateTime),
    sa.column("postponed", sa.Integer),
    sa.column("fulfilled_at", UtcDateTime),
    sa.column("fulfilled_by", sa.String),
    sa.column("result", sa.String),
    sa.column("note_sealed", sa.LargeBinary),
)


def upgrade() -> None:
    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.add_column(sa.Column("consent_withdrawn_on", sa.Date(), nullable=True))
    with op.batch_alter_table("duties", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reminded_at", UtcDateTime(), nullable=True))
    connection = op.get_bind()
    # What was returned is owed by nobody: the receiver's copy went with it.
    # Where the tables went back to an older shape and come forward again, some have their duties already.
    owed = sa.exists().where(DUTIES.c.disclosure_id == DISCLOSURES.c.id)
    made = connection.execute(sa.select(DISCLOSURES).where(DISCLOSURES.c.state.in_(("disclosed", "accepted")), ~owed))
    rows = [duty for disclosure in made.mappings().all() for duty in _duties_of(disclosure)]
    if rows:
        connection.execute(sa.insert(DUTIES), rows)


def _duties_of(disclosure: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What the row says is owed, as the program keeps it from now on."""
    for owed in disclosure["obligations"]:
        due = owed["due_at"]
        recorded = owed["kind"] == "record"
        yield {
            "id": uuid.uuid4().hex,
            "disclosure_id": disclosure["id"],
            "agency_id": disclosure["recipient_agency" if owed["kind"] == "destroy" else "provider_agency"],
            "kind": owed["kind"],
            "created_at": disclosure["disclosed_at"],
            "due_at": datetime.fromisoformat(due) if due else None,
            "postponed": 0,
            "fulfilled_at": disclosure["disclosed_at"] if recorded else None,
            "fulfilled_by": "",
            "result": "logged" if recorded else "",
            "note_sealed": b"",
        }


def downgrade() -> None:
    with op.batch_alter_table("duties", schema=None) as batch_op:
        batch_op.drop_column("reminded_at")
    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.drop_column("consent_withdrawn_on")
