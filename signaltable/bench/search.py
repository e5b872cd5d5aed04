"""How long a page of results takes in a large region, beside the same search in a small one.

`signaltable bench --only search`. A search is the use case with its transaction: the gate, the index, the accounts of the hits
read again, and the entry in the log. Words are chosen by how often they stand in accounts that were drawn from the region itself.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
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
# Of so many words that are as rare in the small region as one is in the large one, that with as many results is taken.
ALIKE: Final = 16
# Who searches: the coordinator of the tables, with all cases there; a partner that sits at several; one that owns signals.
PEOPLE: Final = ("coordinator", "avim", "havendam")
# What is looked for: of the words that stand in most accounts, and of one that stands in few.
CASES: Final = {
    "a rare word": "{rare}",
    "a common word": "{common}",
    "two common words": "{common} {next}",
    "a common and a rare word": "{common} {rare}",
}


@dataclass(frozen=True, slots=True)
class _Region:
    """A region that is open: the two most common words there, and rare ones, of which the first is the best choice."""

    program: Program
    common: tuple[str, str]
    rare: tuple[str, ...]
    # In how many cases the first of the rare ones stands.
    times: int

    def actor(self, login: str) -> Actor:
        return actor_of_login(self.program, login)

    def words(self, case: str, rare: str) -> str:
        """What is typed."""
        return CASES[case].format(common=self.common[0], next=self.common[1], rare=rare)

    def search(self, who: Actor, words: str) -> int:
        """Do one search, from the beginning. Returns how many results its page has."""
        with transaction(self.program, who) as tx:
            return len(find(tx, Asked(words)).hits)


def lines(given: Given) -> Iterator[Line]:
    """For each person and each kind of words: the middle beside that of the small region, and what 95 of 100 stay under.

    A page takes longer the more results it has, so the small region is asked for a rare word that finds as many.
    """
    many = _opened(given, given.many)
    few = _opened(given, given.few, like=many)
    for login in PEOPLE:
        for case in CASES:
            here, there = many.actor(login), few.actor(login)
            words = many.words(case, many.rare[0])
            alike = _alike(few, there, case, many.search(here, words))
            ways = (partial(many.search, here, words), partial(few.search, there, alike))
            names = (f"search: {case}, {login}", f"search p95: {case}, {login}")
            yield from grown(given, names, f"a page of results for {case} as {login}", ways, TIMES)


def _alike(region: _Region, who: Actor, case: str, results: int) -> str:
    """What gives this person about as many results there."""
    choices = dict.fromkeys(region.words(case, rare) for rare in region.rare[:ALIKE])
    return min(choices, key=lambda words: abs(region.search(who, words) - results))


def _opened(given: Given, count: int, *, like: _Region | None = None) -> _Region:
    program = open_program(settings_of(given.pages(count, fill)))
    searching.fill(program, INSTALLER, given.bar)
    return _words(program, like)


def _words(program: Program, like: _Region | None) -> _Region:
    """The most common words, and rare ones: those of fewest cases, or of as many as the first one has in another region.

    The common ones are those of that other region, where there is one.
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
    rare = sorted(held, key=lambda word: abs(held[word] - (like.times if like else 0)))
    return _Region(program, like.common if like else (ranked[0], ranked[1]), tuple(rare), held[rare[0]])


def _cases(session: Session, term: int) -> int:
    return session.scalar(select(func.count()).select_from(SearchTerm).where(SearchTerm.term == term)) or 0
