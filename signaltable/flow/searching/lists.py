"""Lists of numbers and what they have in common, the newest first, without ever reading more of them than a page is worth.

Each condition of a search is a list: the cases that have one of some terms. The list that is sparsest just here leads, a
piece at a time, and each piece is looked up in the others. How long the lists are over all never counts, only how
densely they lie where the page is: a page takes the same time among ten thousand cases and among a million.
"""

from collections.abc import Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from signaltable.models import SearchTerm

# How dense a list is, is seen from how far back so many of its numbers reach.
PROBE: Final = 100
# Pieces grow, so that what is found at once costs little and what is rare costs few questions.
FIRST_PIECE: Final = 64
LARGEST_PIECE: Final = 2_000

# The terms of one condition: a number fits when it has one of them.
Either = tuple[int, ...]


def newest(session: Session, terms: Either, first: int, before: int, limit: int) -> list[int]:
    """The largest numbers of a list from `first` up to but not including `before`, the largest first."""
    pieces = [_of_term(session, term, first, before, limit) for term in terms]
    merged = merge(*pieces, key=lambda number: -number) if len(pieces) > 1 else iter(pieces[0])
    # A case that has two of the terms comes once.
    return list(islice(dict.fromkeys(merged), limit))


def _of_term(session: Session, term: int, first: int, before: int, limit: int) -> list[int]:
    query = (
        select(SearchTerm.number)
        .where(SearchTerm.term == term, SearchTerm.number >= first, SearchTerm.number < before)
        .order_by(SearchTerm.number.desc())
        .limit(limit)
    )
    return list(session.scalars(query))


def among(session: Session, terms: Either, numbers: Sequence[int]) -> list[int]:
    """Those of `numbers` that stand in a list, in the same order."""
    if not numbers:
        return []
    query = select(SearchTerm.number).where(SearchTerm.term.in_(terms), SearchTerm.number.in_(numbers))
    held = set(session.scalars(query))
    return [number for number in numbers if number in held]


def sparsest(session: Session, lists: Sequence[Either], first: int, before: int) -> Either:
    """The list with the fewest numbers in a stretch just below `before`; the first of those that are equal."""
    if len(lists) == 1:
        return lists[0]
    return min(lists, key=lambda terms: sum(_density(session, term, first, before) for term in terms))


def _density(session: Session, term: int, first: int, before: int) -> float:
    """Numbers for each unit of the stretch in which the last PROBE of them lie; of a short list over all that there is."""
    query = (
        select(SearchTerm.number)
        .where(SearchTerm.term == term, SearchTerm.number >= first, SearchTerm.number < before)
        .order_by(SearchTerm.number.desc())
    )
    found = session.scalar(query.offset(PROBE - 1).limit(1))
    return PROBE / max(1, before - found) if found is not None else 0.0


def in_common(session: Session, others: Iterable[Either], numbers: Sequence[int]) -> list[int]:
    """Those of `numbers` that stand in all the other lists."""
    left = list(numbers)
    for terms in others:
        left = among(session, terms, left)
    return left
