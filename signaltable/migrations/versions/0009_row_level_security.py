"""Row-level security on PostgreSQL; nothing on SQLite, which has none

Revision: 0009
Follows: 0008
"""

from alembic import op

from signaltable import row_level


revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
# What going back from here throws away for good (docs/postgresql.md).
loses = ()


def upgrade() -> None:
    row_level.put_up(op.get_bind())


def downgrade() -> None:
    row_level.take_down(op.get_bind())
