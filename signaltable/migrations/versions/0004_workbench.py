"""Details that can be destroyed, terms to look for, tree nodes, kept checkpoints, incidents, samples and reports

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

from signaltable.audit_trail import backfill
from signaltable.db import UtcDateTime


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = (
    "checkpoint_copies",
    "incidents",
    "log_erased",
    "log_nodes",
    "log_terms",
    "misuse_questions",
    "sample_items",
    "samples",
    "subject_reports",
)


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("settled_by", sa.String(length=36), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("explanation", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.create_index("ix_incidents_open", ["settled_at", "opened_at", "id"], unique=False)

    op.create_table(
        "log_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_log_nodes")),
    )
    op.create_table(
        "log_terms",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name", "value", "seq", name=op.f("pk_log_terms")),
    )
    with op.batch_alter_table("log_terms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_log_terms_seq"), ["seq"], unique=False)

    op.create_table(
        "checkpoint_copies",
        sa.Column("size", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("fetched_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_checkpoint_copies_agency_id_agencies")),
        sa.PrimaryKeyConstraint("size", "agency_id", name=op.f("pk_checkpoint_copies")),
    )
    op.create_table(
        "log_erased",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("by_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["by_seq"], ["log_entries.seq"], name=op.f("fk_log_erased_by_seq_log_entries")),
        sa.ForeignKeyConstraint(["seq"], ["log_entries.seq"], name=op.f("fk_log_erased_seq_log_entries")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_log_erased")),
    )
    with op.batch_alter_table("log_erased", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_log_erased_by_seq"), ["by_seq"], unique=False)

    op.create_table(
        "samples",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("auditor", sa.String(length=36), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("log_size", sa.Integer(), nullable=False),
        sa.Column("log_root", sa.String(length=64), nullable=False),
        sa.Column("population_hash", sa.String(length=64), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("stratified", sa.String(length=64), nullable=False),
        sa.Column("drawn_at", UtcDateTime(), nullable=False),
        sa.Column("concluded_at", UtcDateTime(), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("conclusion", sa.Text(), nullable=False),
        sa.Column("report_hash", sa.String(length=64), nullable=False),
        sa.Column("report_data", sa.LargeBinary(), nullable=False),
        sa.Column("report_pdf", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["auditor"], ["accounts.id"], name=op.f("fk_samples_auditor_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_samples")),
        sa.UniqueConstraint("reference", name=op.f("uq_samples_reference")),
    )
    with op.batch_alter_table("samples", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_samples_auditor"), ["auditor"], unique=False)

    op.create_table(
        "sample_items",
        sa.Column("sample_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("disclosure", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=64), nullable=False),
        sa.Column("looked_at", sa.JSON(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("judged_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["sample_id"], ["samples.id"], name=op.f("fk_sample_items_sample_id_samples")),
        sa.PrimaryKeyConstraint("sample_id", "position", name=op.f("pk_sample_items")),
    )
    op.create_table(
        "misuse_questions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("about", sa.String(length=200), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("through_seq", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(length=36), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.Column("settled_by", sa.String(length=36), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("explanation", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_misuse_questions")),
    )
    with op.batch_alter_table("misuse_questions", schema=None) as batch_op:
        batch_op.create_index("ix_misuse_questions_about", ["rule", "about", "through_seq"], unique=False)
        batch_op.create_index(batch_op.f("ix_misuse_questions_agency_id"), ["agency_id"], unique=False)

    op.create_table(
        "subject_reports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("agency_id", sa.String(length=36), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("requested_by", sa.String(length=36), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("decided_by", sa.String(length=36), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decision_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("postponed_until", sa.Date(), nullable=True),
        sa.Column("available_until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_subject_reports_agency_id_agencies")),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_subject_reports_subject_id_subjects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject_reports")),
        sa.UniqueConstraint("reference", name=op.f("uq_subject_reports_reference")),
    )
    with op.batch_alter_table("subject_reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subject_reports_agency_id"), ["agency_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_subject_reports_subject_id"), ["subject_id"], unique=False)

    with op.batch_alter_table("log_entries", schema=None) as batch_op:
        batch_op.create_index("ix_log_entries_actor", ["actor", "seq"], unique=False)

    backfill.fill_erased(op.get_bind())


def downgrade() -> None:
    with op.batch_alter_table("log_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_log_entries_actor")

    with op.batch_alter_table("subject_reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subject_reports_subject_id"))
        batch_op.drop_index(batch_op.f("ix_subject_reports_agency_id"))

    op.drop_table("subject_reports")
    with op.batch_alter_table("misuse_questions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_misuse_questions_agency_id"))
        batch_op.drop_index("ix_misuse_questions_about")

    op.drop_table("misuse_questions")
    op.drop_table("sample_items")
    with op.batch_alter_table("samples", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_samples_auditor"))

    op.drop_table("samples")
    with op.batch_alter_table("log_erased", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_log_erased_by_seq"))

    op.drop_table("log_erased")
    op.drop_table("checkpoint_copies")
    with op.batch_alter_table("log_terms", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_log_terms_seq"))

    op.drop_table("log_terms")
    op.drop_table("log_nodes")
    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.drop_index("ix_incidents_open")

    op.drop_table("incidents")
