"""References that people read out to each other: S-…, D-…, K-…, R-…; random, and nobody else's."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from signaltable.domain import Conflict
from signaltable.pseudonymise import new_reference
from signaltable.transaction import Transaction

# References are random; this many in a row that exist already means that something else is wrong.
TRIES: Final = 20


def fresh_reference(tx: Transaction, prefix: str, taken: "InstrumentedAttribute[str]") -> str:
    """A reference with this letter that stands in no row of the column `taken` yet. Raises `Conflict` when none is found."""
    for _try in range(TRIES):
        reference = new_reference(prefix, tx.program.randomness(16))
        if tx.session.scalar(select(taken).where(taken == reference)) is None:
            return reference
    raise Conflict("reference", "no free reference found")
