"""Where a page of a list starts, as it stands in an address: a moment and an id, nothing of a case."""

from datetime import UTC, datetime

from signaltable.domain import NotFound
from signaltable.queries import PageKey


def write_key(key: PageKey | None) -> str:
    """The key as text; empty when there is no further page."""
    return f"{key[0].isoformat()}_{key[1]}" if key else ""


def read_key(text: str) -> PageKey | None:
    """The key that `write_key` wrote; None for the first page. Raises `NotFound` for anything else."""
    if not text:
        return None
    moment, _separator, row_id = text.partition("_")
    try:
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None or not row_id:
            raise NotFound("no such page")
        return at.astimezone(UTC), row_id
    except (ValueError, OverflowError):  # A moment near the first or last year may have none in UTC.
        raise NotFound("no such page") from None
