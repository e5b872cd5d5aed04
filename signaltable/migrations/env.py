"""Alembic's entry: one connection, the metadata of models.py, batch mode for SQLite."""

from alembic import context

from signaltable.db import make_engine
from signaltable.models import Base

config = context.config


def run() -> None:
    engine = make_engine(config.attributes["url"])
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # SQLite changes a table by making it anew, and would refuse to drop the old one while rows point at it.
            # The engine is disposed of below, so no other work sees this setting.
            connection.connection.execute("PRAGMA foreign_keys=OFF")
        else:
            # Row-level security holds for the owner of the tables too; a migration has to change every row (row_level.py).
            connection.exec_driver_sql("SET signaltable.inside = 'yes'")
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=sqlite,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise RuntimeError("expected every row to point at one that exists, after bringing the tables up to date")
        connection.commit()
    engine.dispose()


run()
