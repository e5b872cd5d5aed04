"""The whole fence around the log, tree nodes and terms of what was logged before, and indexes to find entries by

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

from signaltable.audit_trail import backfill, fence


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = ()


def upgrade() -> None:
    # Both tables are read by their key alone, so on SQLite the key is the table; whatever stands there is made anew.
    _drop_derived()
    _make_derived(with_rowid=False)
    op.create_index("ix_log_entries_agency_action", "log_entries", ["agency", "action", "seq"])
    unusual = sa.text("outcome <> 'ok'")
    op.create_index(
        "ix_log_entries_outcome",
        "log_entries",
        ["outcome", "seq"],
        sqlite_where=unusual,
        postgresql_where=unusual,
    )
    connection = op.get_bind()
    backfill.fill(connection)
    if connection.dialect.name != "sqlite":
        for table in ("log_entries", "log_checkpoints"):
            op.execute(f"DROP TRIGGER IF EXISTS {table}_only_grows ON {table}")
    fence.put_up(connection)


def _drop_derived() -> None:
    op.drop_table("log_terms")
    op.drop_table("log_nodes")


def _make_derived(*, with_rowid: bool) -> None:
    op.create_table(
        "log_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_log_nodes")),
        sqlite_with_rowid=with_rowid,
    )
    op.create_table(
        "log_terms",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name", "value", "seq", name=op.f("pk_log_terms")),
        sqlite_with_rowid=with_rowid,
    )
    op.create_index(op.f("ix_log_terms_seq"), "log_terms", ["seq"])


def downgrade() -> None:
    connection = op.get_bind()
    fence.take_away(connection)
    for name in fence.functions(connection.dialect.name):
        if name != "log_only_grows":
            op.execute(f"DROP FUNCTION IF EXISTS {name}()")
    op.drop_index("ix_log_entries_outcome", "log_entries")
    op.drop_index("ix_log_entries_agency_action", "log_entries")
    _drop_derived()
    _make_derived(with_rowid=True)
    if connection.dialect.name == "sqlite":
        for table in ("log_entries", "log_checkpoints"):
            for verb in ("update", "delete"):
                op.execute(fence.triggers("sqlite")[f"{table}_no_{verb}"])
        return
    for table in ("log_entries", "log_checkpoints"):
        op.execute(
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION log_only_grows()"
        )
