"""Alembic's entry: one connection, the metadata of models.py, batch mode for SQLite, all steps in one transaction."""

from alembic import context
from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from signaltable import database_marks
from signaltable.db import WRITES, make_engine
from signaltable.models import Base

config = context.config


def run() -> None:
    engine = make_engine(config.attributes["url"])
    # On SQLite the write lock first: two that bring the same file up to date must not both begin.
    with engine.execution_options(**{WRITES: True}).connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # SQLite changes a table by making it anew, and would refuse to drop the old one while rows point at it.
            # The engine is disposed of below, so no other work sees this setting.
            connection.connection.execute("PRAGMA foreign_keys=OFF")
        else:
            # Row-level security holds for the owner of the tables too; a migration has to change every row (signaltable/row_level).
            connection.exec_driver_sql("SET signaltable.inside = 'yes'")
            connection.exec_driver_sql(f"SET lock_timeout = {int(1000 * config.attributes.get('lock_timeout', 0))}")
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=sqlite,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
            _mark(connection)
        if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise RuntimeError("expected every row to point at one that exists, after bringing the tables up to date")
        connection.commit()
    engine.dispose()


def _mark(connection: Connection) -> None:
    """Say in the database which programs may work with the tables as they are now; older tables had no place for it."""
    there = database_marks.revision(connection)
    if there and inspect(connection).has_table("database_marks"):
        step = context.script.get_revision(there)
        database_marks.write(connection, database_marks.WORKS_WITH, getattr(step.module, "works_with", there))


run()
