"""The schema of the database that this program was written for, told without loading what changes a schema."""

from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"


def newest() -> str:
    """The mark of the newest migration: their files are numbered in the order in which they follow each other."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
