"""Rules that can be replayed, duties that live on, and the categories found in an account

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

from signaltable.db import UtcDateTime


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = (
    "decisions",
    "duties",
    "policy_versions",
    "signals.found",
)


def upgrade() -> None:
    # Older signals were not looked through; an empty list says that nothing was found, as the program then worked.
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("found", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.alter_column("found", server_default=None)
    op.create_table(
        "policy_versions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("files", sa.LargeBinary(), nullable=False),
        sa.Column("first_loaded_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_policy_versions")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("disclosure_id", sa.String(length=36), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("policy_digest", sa.String(length=64), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_decisions_signal_id_signals")),
        sa.ForeignKeyConstraint(
            ["disclosure_id"], ["disclosures.id"], name=op.f("fk_decisions_disclosure_id_disclosures")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_signal", "decisions", ["signal_id", "at"])
    op.create_index("ix_decisions_at", "decisions", ["at", "id"])
    op.create_index(op.f("ix_decisions_policy_digest"), "decisions", ["policy_digest"])
    op.create_table(
        "duties",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("disclosure_id", sa.String(length=36), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("postponed", sa.Integer(), nullable=False),
        sa.Column("fulfilled_at", UtcDateTime(), nullable=True),
        sa.Column("fulfilled_by", sa.String(length=36), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["disclosure_id"], ["disclosures.id"], name=op.f("fk_duties_disclosure_id_disclosures")
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_duties_agency_id_agencies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duties")),
    )
    op.create_index(op.f("ix_duties_disclosure_id"), "duties", ["disclosure_id"])
    op.create_index("ix_duties_agency_open", "duties", ["agency_id", "fulfilled_at", "due_at", "id"])


def downgrade() -> None:
    for table in ("duties", "decisions", "policy_versions"):
        op.drop_table(table)
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.drop_column("found")
