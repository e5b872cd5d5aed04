"""The access index of lists: for each agency and each table what waits for it, in the order in which its list shows it.

What a list shows often depends on two rows: a question waits for its agency while its signal takes part, a task belongs to
the table where its signal lies now. To find the first of them among a million, each stands once in `list_places`, by list,
scope (an agency or a table) and moment. Triggers of the database keep it, so every way in keeps it alike: pages, jobs, bulk
loads and somebody's own SQL. What makes the rows stands here once, as queries; the triggers, a rebuild and the comparison
are made of the same text. Whoever reads a list joins the thing itself, so a wrong place shows nothing that is not so.
"""

from signaltable.places.keeping import TABLE, Difference, differences, gaps, put_up, rebuild, take_down, triggers
from signaltable.places.queries import LISTS, PLACES, watched

__all__ = [
    "LISTS",
    "PLACES",
    "TABLE",
    "Difference",
    "differences",
    "gaps",
    "put_up",
    "rebuild",
    "take_down",
    "triggers",
    "watched",
]
