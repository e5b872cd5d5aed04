"""Steady and fast: what lists and searches go along, and what several machines share

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

from signaltable.db import UtcDateTime
from signaltable import places
from signaltable.flow.searching import filling

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
# The oldest program that may go on working while the tables have this shape (docs/postgresql.md).
works_with = "0010"
# What going back from here throws away for good (docs/postgresql.md).
loses = (
    "database_marks",
    "export_parts",
    "figure_months",
    "figures",
    "hosts",
    "list_places",
    "moved_tables",
    "search_rows",
    "search_terms",
    "shared_rings",
)


def upgrade() -> None:
    op.create_table(
        "database_marks",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_database_marks")),
    )
    op.create_table(
        "export_parts",
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("request", "number", name=op.f("pk_export_parts")),
    )
    op.create_table(
        "figure_months",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("counted_until", sa.Date(), nullable=False),
        sa.Column("hidden_below", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_figure_months")),
    )
    op.create_table(
        "figures",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("dimension", sa.String(length=64), nullable=False),
        sa.Column("table_id", sa.String(length=36), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("month", "dimension", "table_id", "value", name=op.f("pk_figures")),
    )
    op.create_table(
        "hosts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("ring", sa.String(length=64), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hosts")),
    )
    op.create_table(
        "list_places",
        sa.Column("list", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=36), nullable=False),
        sa.Column("object_id", sa.String(length=36), nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("list", "scope", "object_id", name=op.f("pk_list_places")),
    )
    with op.batch_alter_table("list_places", schema=None) as batch_op:
        batch_op.create_index("ix_list_places_object", ["object_id", "list"], unique=False)
        batch_op.create_index("ix_list_places_order", ["list", "scope", "at", "object_id", "signal_id"], unique=False)
        batch_op.create_index("ix_list_places_signal", ["signal_id", "list"], unique=False)

    op.create_table(
        "moved_tables",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("last_key", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_moved_tables")),
    )
    op.create_table(
        "search_terms",
        sa.Column("term", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("term", "number", name=op.f("pk_search_terms")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "shared_rings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_rings")),
    )
    op.create_table(
        "search_rows",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("signal_id", sa.String(length=36), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.id"], name=op.f("fk_search_rows_signal_id_signals")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_search_rows")),
        sa.UniqueConstraint("signal_id", name=op.f("uq_search_rows_signal_id")),
    )
    with op.batch_alter_table("search_rows", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_search_rows_key_version"), ["key_version"], unique=False)

    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disclosures_recipient"))
        batch_op.create_index("ix_disclosures_answer_due", ["recipient_agency", "state", "due_on", "id"], unique=False)
        batch_op.create_index(
            "ix_disclosures_feedback_due", ["recipient_agency", "state", "feedback_due_on", "id"], unique=False
        )
        batch_op.create_index("ix_disclosures_received", ["recipient_agency", "disclosed_at", "id"], unique=False)

    with op.batch_alter_table("identity_requests", schema=None) as batch_op:
        batch_op.create_index("ix_identity_requests_open", ["account_id", "state", "until", "id"], unique=False)

    with op.batch_alter_table("meetings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_meetings_table_id"))
        batch_op.create_index("ix_meetings_table_held", ["table_id", "held_on", "id"], unique=False)

    with op.batch_alter_table("minutes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_minutes_state"), ["state"], unique=False)

    with op.batch_alter_table("questions", schema=None) as batch_op:
        batch_op.create_index("ix_questions_answered", ["agency_id", "answered_at", "id"], unique=False)

    with op.batch_alter_table("reflection_periods", schema=None) as batch_op:
        batch_op.create_index("ix_reflection_periods_agency", ["agency_id", "ended_on", "ends_on", "id"], unique=False)

    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signals_table_created"))
        batch_op.create_index("ix_signals_owner_state", ["owner_agency", "state", "keep_until", "id"], unique=False)
        batch_op.create_index("ix_signals_table_state", ["table_id", "state", "created_at", "id"], unique=False)
    filling.add_missing(op.get_bind())
    places.put_up(op.get_bind())


def downgrade() -> None:
    places.take_down(op.get_bind())
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.drop_index("ix_signals_table_state")
        batch_op.drop_index("ix_signals_owner_state")
        batch_op.create_index(batch_op.f("ix_signals_table_created"), ["table_id", "created_at", "id"], unique=False)

    with op.batch_alter_table("reflection_periods", schema=None) as batch_op:
        batch_op.drop_index("ix_reflection_periods_agency")

    with op.batch_alter_table("questions", schema=None) as batch_op:
        batch_op.drop_index("ix_questions_answered")

    with op.batch_alter_table("minutes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_minutes_state"))

    with op.batch_alter_table("meetings", schema=None) as batch_op:
        batch_op.drop_index("ix_meetings_table_held")
        batch_op.create_index(batch_op.f("ix_meetings_table_id"), ["table_id"], unique=False)

    with op.batch_alter_table("identity_requests", schema=None) as batch_op:
        batch_op.drop_index("ix_identity_requests_open")

    with op.batch_alter_table("disclosures", schema=None) as batch_op:
        batch_op.drop_index("ix_disclosures_received")
        batch_op.drop_index("ix_disclosures_feedback_due")
        batch_op.drop_index("ix_disclosures_answer_due")
        batch_op.create_index(
            batch_op.f("ix_disclosures_recipient"), ["recipient_agency", "state", "requested_at", "id"], unique=False
        )

    with op.batch_alter_table("search_rows", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_search_rows_key_version"))

    op.drop_table("search_rows")
    op.drop_table("shared_rings")
    op.drop_table("search_terms")
    op.drop_table("moved_tables")
    with op.batch_alter_table("list_places", schema=None) as batch_op:
        batch_op.drop_index("ix_list_places_signal")
        batch_op.drop_index("ix_list_places_order")
        batch_op.drop_index("ix_list_places_object")

    op.drop_table("list_places")
    op.drop_table("hosts")
    op.drop_table("figures")
    op.drop_table("figure_months")
    op.drop_table("export_parts")
    op.drop_table("database_marks")
