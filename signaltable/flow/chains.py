"""What was passed on of what: the disclosures of a signal as trees, each under the one that it came from."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select

from signaltable.models import Disclosure
from signaltable.transaction import Transaction

Chain = Mapping[str, Sequence[Disclosure]]
# Under which key those stand that an owner disclosed itself.
ROOTS = ""


def below(rows: Sequence[Disclosure]) -> dict[str, list[Disclosure]]:
    """Id -> what was passed on of it, in the order in which it was asked; under ROOTS what the owner disclosed."""
    found: dict[str, list[Disclosure]] = {}
    for row in rows:
        found.setdefault(row.parent_id or ROOTS, []).append(row)
    return found


def of_signal(tx: Transaction, signal_id: str, *, locked: bool = False) -> Sequence[Disclosure]:
    """All disclosures of a signal, oldest first. `locked`: nobody else changes them before this transaction ends."""
    query = select(Disclosure).where(Disclosure.signal_id == signal_id)
    query = query.order_by(Disclosure.requested_at, Disclosure.id)
    if locked:
        query = query.with_for_update().execution_options(populate_existing=True)
    return tx.session.scalars(query).all()


def under(row: Disclosure, tree: Chain) -> Iterator[Disclosure]:
    """Everything that was passed on of this one, also by who got it later; nearest first."""
    nearest = list(tree.get(row.id, ()))
    while nearest:
        yield from nearest
        nearest = [one for above in nearest for one in tree.get(above.id, ())]
