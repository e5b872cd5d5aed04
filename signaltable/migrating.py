"""Bringing a database to the newest schema (Alembic): for the command line, never within reach of the web."""

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

from signaltable import row_level
from signaltable.db import make_engine
from signaltable.keys.chosen import load_keys
from signaltable.program import make_own_file, reachable
from signaltable.schema import MIGRATIONS
from signaltable.settings import Settings


def migrate(settings: Settings) -> None:
    """Bring the database to the newest schema (Alembic). Raises `NotInitialised` when it does not answer."""
    make_own_file(settings)
    reachable(settings).dispose()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = settings.owner_url or settings.database_url
    command.upgrade(config, "head")
    _finish_fence(settings)


def _finish_fence(settings: Settings) -> None:
    """Put up what is missing of row-level security, and let the database know the passes of this key ring.

    Only the owner of the tables can; whoever is not leaves it as it is, and `program.open_program` says what that means.
    """
    engine = make_engine(settings.owner_url or settings.database_url)
    with engine.begin() as connection:
        if row_level.owns_tables(connection):
            if row_level.table_gaps(connection):
                row_level.put_up(connection)
            row_level.arm(connection, load_keys(settings))
            if settings.owner_url:
                row_level.grant_to(connection, make_url(settings.database_url).username or "")
    engine.dispose()
