"""How long the figures of a month take, beside counting the same month by bare SQL over the cases.

`signaltable bench --only figures`. Ours is the use case with its transaction and its entry in the log; theirs are two
statements that count two of its figures in the cases themselves, past every check.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Final

from sqlalchemy import text

from signaltable.bench.full import fill
from signaltable.bench.given import Given
from signaltable.bench.line import Line, at_most
from signaltable.bench.submitting import settings_of
from signaltable.bench.turns import each_in_turn, p95
from signaltable.flow import figures
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.flow.figures.counting import first_of_next
from signaltable.flow.setup import INSTALLER
from signaltable.program import open_program
from signaltable.transaction import reading, transaction

MOST_MS: Final = 100.0
BESIDE_SQL: Final = 1.2
TIMES: Final = 30
# One statement for each of two figures of the page; the database holds none of these sums.
_BARE: Final = (
    "SELECT table_id, urgency, count(*) FROM signals WHERE created_at >= :since AND created_at < :until GROUP BY 1, 2",
    "SELECT table_id, owner_agency, count(*) FROM signals WHERE created_at >= :since AND created_at < :until GROUP BY 1, 2",
)


def lines(given: Given) -> Iterator[Line]:
    """A month of the large region: in milliseconds, and beside bare SQL."""
    program = open_program(settings_of(given.pages(given.many, fill)))
    figures.count_days(program, INSTALLER)
    who = actor_of_login(program, "coordinator")
    with transaction(program, who) as tx:
        month = figures.consult(tx).month
    year, number = map(int, month.split("-"))
    stretch = {
        "since": datetime(year, number, 1, tzinfo=UTC),
        "until": datetime.combine(first_of_next(month), datetime.min.time(), UTC),
    }
    stretch = {name: one.replace(tzinfo=None) for name, one in stretch.items()}

    def ours() -> None:
        with transaction(program, who) as tx:
            figures.consult(tx, month)

    def theirs() -> None:
        with reading(program, whole="a benchmark counts in its own region") as session:
            for statement in _BARE:
                session.execute(text(statement), stretch).all()

    mine, bare = each_in_turn([ours, theirs], TIMES, clock=time.process_time)
    yield Line(
        "figures",
        f"the figures of a month of {given.many:,} signals, beside bare SQL over the cases for two of them",
        median(mine) * 1000,
        "ms",
        median(bare) * 1000,
        goal=at_most(BESIDE_SQL),
    )
    yield Line("figures p95", "what 95 of 100 stay under", p95(mine) * 1000, "ms", goal=at_most(MOST_MS))
