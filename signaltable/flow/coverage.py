"""Which destinations of the meldroutekaart an active agency of the region stands for. Reads nothing about a person."""

from sqlalchemy import inspect, select
from sqlalchemy.exc import SQLAlchemyError

from signaltable.db import make_engine, make_sessions
from signaltable.models import Agency, AgencyDestination
from signaltable.settings import Settings


def covered_destinations(settings: Settings) -> frozenset[str] | None:
    """The destinations that somebody receives for; None when there is no home, no database, or no agency yet.

    Works while the rules do not load, since it is the rules that are being looked at.
    """
    if not settings.key_ring.exists():
        return None
    try:
        engine = make_engine(settings.database_url)
        if not inspect(engine).has_table(AgencyDestination.__tablename__):
            return None
        with make_sessions(engine, writes=False)() as session:
            found = session.scalars(
                select(AgencyDestination.destination)
                .join(Agency, Agency.id == AgencyDestination.agency_id)
                .where(Agency.active)
            )
            return frozenset(found) or None
    except (SQLAlchemyError, ValueError):
        return None
