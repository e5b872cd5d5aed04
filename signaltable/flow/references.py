"""References that people read out to each other: S-…, D-…, K-…, R-…; random, and nobody else's."""

from functools import cache
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import InstrumentedAttribute

from signaltable.db import Base
from signaltable.domain import Conflict
from signaltable.prepared import Prepared
from signaltable.pseudonymise import new_reference
from signaltable.transaction import Transaction

# References are random; this many in a row that exist already means that something else is wrong.
TRIES: Final = 20


def fresh_reference(tx: Transaction, prefix: str, taken: "InstrumentedAttribute[str]") -> str:
    """A reference with this letter that stands in no row of the column `taken` yet. Raises `Conflict` when none is found."""
    for _try in range(TRIES):
        reference = new_reference(prefix, tx.program.randomness(16))
        if tx.first(_taken(taken), {"reference": reference}) is None:
            return reference
    raise Conflict("reference", "no free reference found")


@cache
def _taken(attribute: "InstrumentedAttribute[str]") -> Prepared:
    column = Base.metadata.tables[attribute.class_.__tablename__].c[attribute.key]
    return Prepared(select(column).where(column == bindparam("reference")))
