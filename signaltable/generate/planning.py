"""Which lives are repeated how often, by whom and when: decided beforehand, so that several processes can do it beside
each other and the log still knows which entry stands where.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from signaltable.generate.forms import Stencil
from signaltable.generate.lives import AGAIN
from signaltable.generate.repeating import Owner

# Of a hundred lives so many are like this case; most signals of a region are short stories.
SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "hassan": 10, "jady": 6, "mascha3": 6, "cara": 18, "nadja": 15, "verlopen": 13, "selma": 6, "iris": 6,
        "milan": 2, "vera": 1.2, "danita": 1, "boris": 0.6, "mascha1": 1.2, "dusi": 0.4, "achmed": 0.3,
        "janusz": 0.4, "meisje": 0.3, "ihrin": 0.2,
    }
)  # fmt: skip
# How old a life can be that ended in this state, in days: a signal does not wait for months, and what was withdrawn is erased.
OLDEST: Final[Mapping[str, int]] = MappingProxyType(
    {"submitted": 12, "triaged": 60, "enriching": 60, "withdrawn": 27, "referred": 60, "accepted": 120}
)
WEEK: Final = timedelta(days=7)
# So many signals in one transaction.
CHUNK: Final = 1_000
# Nobody does the same on the same second of each week.
_JITTER: Final = 45 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Repetition:
    """One life to repeat: which stencil, how many of its transactions, how much later, for which owner."""

    stencil: int
    takes: int
    later: timedelta
    owner: Owner


@dataclass(frozen=True, slots=True)
class Chunk:
    """What goes into one transaction: its lives, where its entries begin in the log, and how many signals it has."""

    number: int
    first: int
    lives: tuple[Repetition, ...]
    signals: int
    entries: int


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans chunks. `owners`: by agency of a stencil, who can report instead."""

    stencils: Sequence[Stencil]
    owners: Mapping[str, Sequence[Owner]]
    until: datetime
    days: int
    seed: int

    def chunks(self, signals: int, first: int) -> Iterator[Chunk]:
        """Chunks with so many signals together, the entries of which come behind place `first` of the log."""
        number, left = 0, signals
        while left > 0:
            made = self._chunk(number, first, min(CHUNK, left))
            yield made
            number, left, first = number + 1, left - made.signals, first + made.entries

    def _chunk(self, number: int, first: int, size: int) -> Chunk:
        draw = random.Random(f"{self.seed}:{number}")
        lives, signals, entries = list[Repetition](), 0, 0
        shares = [SHARES.get(one.name.removesuffix(AGAIN), 0) for one in self.stencils]
        single = [share if len(one.signals) == 1 else 0 for one, share in zip(self.stencils, shares, strict=True)]
        while signals < size:
            # The last one of a chunk is about one signal, so that the sum comes out.
            at = draw.choices(range(len(shares)), shares if size - signals > 1 else single)[0]
            made = self._life(at, draw)
            there = sum(one.take < made.takes for one in self.stencils[at].signals)
            lives.append(made)
            signals += there
            entries += self.stencils[at].entries(made.takes)
        return Chunk(number, first, tuple(lives), signals, entries)

    def _life(self, at: int, draw: random.Random) -> Repetition:
        stencil = self.stencils[at]
        oldest = min(self.days, *(OLDEST.get(state, self.days) for state in stencil.state))
        began = datetime.fromtimestamp(stencil.takes[0].at / 1000, UTC)
        wanted = self.until - timedelta(days=draw.uniform(0, oldest))
        later = round((wanted - began) / WEEK) * WEEK + timedelta(microseconds=draw.randint(-_JITTER, _JITTER))
        if began + later > self.until:
            later -= WEEK
        last = int((self.until - later).timestamp() * 1000)
        takes = sum(one.at <= last for one in stencil.takes)
        owner = draw.choice(self.owners[stencil.agency])
        return Repetition(at, max(takes, 1), later, owner)
