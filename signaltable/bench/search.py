"""How long a page of results takes in a large region, beside the same search in a small one.

`signaltable bench --only search`. A search is the use case with its transaction: the gate, the index, the accounts of the hits
read again, and the entry in the log. Words are chosen by how often they stand in accounts that were drawn from the region itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.bench.full import fill
from signaltable.bench.given import Given
from signaltable.bench.growth import grown
from signaltable.bench.line import Line
from signaltable.bench.submitting import settings_of
from signaltable.domain import Actor
from signaltable.flow import searching
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.searching.finding import Asked, find
from signaltable.flow.searching.terms import secret_of, word_term
from signaltable.flow.setup import INSTALLER
from signaltable.models import SearchRow, SearchTerm, Signal
from signaltable.program import open_program
from signaltable.transaction import Program, reading, transaction
from signaltable.words import words_of

TIMES: Final = 120
# So many accounts tell which words are common.
DRAWN: Final = 2_000
RARE: Final = 400
# Who searches: the coordinator of the tables, with all cases there; a partner that sits at several; one that owns signals.
PEOPLE: Final = ("coordinator", "avim", "havendam")


@dataclass(frozen=True, slots=True)
class _Region:
    """A region that is open, and the words that are looked for there."""

    program: Program
    words: dict[str, str]
    rare: int
    common: tuple[str, ...]

    def search(self, who: Actor, case: str) -> Callable[[], None]:
        """Do one search, from the beginning."""

        def do() -> None:
            with transaction(self.program, who) as tx:
                find(tx, Asked(self.words[case]))

        return do


def lines(given: Given) -> Iterator[Line]:
    """For each person and each kind of words: the middle beside that of the small region, and what 95 of 100 stay under."""
    many = _opened(given, given.many)
    # A word that as many cases have there as here, and the same common ones: pages with as many results cost as much.
    few = _opened(given, given.few, rare=many.rare, common=many.common)
    for login in PEOPLE:
        for case in many.words:
            large, small = (one.search(actor_of_login(one.program, login), case) for one in (many, few))
            names = (f"search: {case}, {login}", f"search p95: {case}, {login}")
            yield from grown(given, names, f"a page of results for {case} as {login}", (large, small), TIMES)


def _opened(given: Given, count: int, *, rare: int = 0, common: tuple[str, ...] = ()) -> _Region:
    program = open_program(settings_of(given.pages(count, fill)))
    searching.fill(program, INSTALLER, given.bar)
    return _words(program, rare, common)


def _words(program: Program, wanted: int, common: tuple[str, ...]) -> _Region:
    """A rare word (in about `wanted` cases), the most common one, the two most common ones, and a common with a rare one.

    The most common ones are `common`, where these are given.
    """
    drawn: Counter[str] = Counter()
    with reading(program, whole="a benchmark reads words of its own region") as session:
        first, last = session.execute(select(func.min(SearchRow.number), func.max(SearchRow.number))).one()
        for step in range(DRAWN):
            number = first + (last - first) * step // DRAWN
            query = select(Signal.narrative_masked).join(SearchRow, SearchRow.signal_id == Signal.id)
            account = session.scalar(query.where(SearchRow.number >= number).order_by(SearchRow.number).limit(1))
            drawn.update(word for word in words_of(account or "") if word.isalpha())
        ranked = [word for word, _times in drawn.most_common()]
        secret = secret_of(program.keys)
        held = {word: _cases(session, word_term(secret, word)) for word in ranked[-RARE:]}
        rare = min(held, key=lambda word: abs(held[word] - wanted))
    often, next_often = common or (ranked[0], ranked[1])
    words = {
        "a rare word": rare,
        "a common word": often,
        "two common words": f"{often} {next_often}",
        "a common and a rare word": f"{often} {rare}",
    }
    return _Region(program, words, held[rare], (often, next_often))


def _cases(session: Session, term: int) -> int:
    return session.scalar(select(func.count()).select_from(SearchTerm).where(SearchTerm.term == term)) or 0
