"""Alembic's entry: one connection, the metadata of models.py, batch mode for SQLite."""

from alembic import context

from signaltable.db import make_engine
from signaltable.models import Base

config = context.config


def run() -> None:
    engine = make_engine(config.attributes["url"])
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
