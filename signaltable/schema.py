"""The schema of the database that this program was written for, told without loading what changes a schema."""

from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"


def newest() -> str:
    """The mark of the newest migration: their files are numbered in the order in which they follow each other."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def problem(there: str, works_with: str) -> str:
    """Why this program cannot work with tables that bear the mark `there`, in one line; "" when it can.

    `works_with` is the oldest program that those tables say they work with (docs/postgresql.md, "Upgrade without downtime").
    """
    mine = newest()
    if there < mine:
        return f"the tables are of version {there or 'none'} and this program needs {mine}; run `signaltable migrate`"
    if there > mine and not (works_with and works_with <= mine):
        return (
            f"the tables are of version {there}, which works with programs from {works_with or there} on; "
            f"this program is of {mine}: install the newer one"
        )
    return ""
