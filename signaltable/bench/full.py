"""Makes the pages of a region as full as they get, so that a small region and a large one are compared by equal pages.

Among ten thousand signals hardly anybody has more work than a list holds; among a million everybody who is measured has. A page
with twice the lines takes twice the time, which says nothing about the size of the region. So whoever's pages are measured
gets what others have until their lists are full, and sits at five tables with signals at each, in both regions alike.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from signaltable.flow.work import MOST

# The owner, the coordinators and the partner whose pages are measured.
OWNER, LEADER, PARTNER = "havendam", "var", "avim"
TABLES: Final = 5
# A new table gets one of so many of the signals that lie at the first one.
SHARE: Final = 50
STATES: Final = ("submitted", "triaged", "enriching")

# What waits for an agency, and which of others could wait for it instead: (how many there are, whose become its own).
_QUESTIONS: Final = (
    "SELECT count(*) FROM list_places WHERE list = 'questions' AND scope = :agency",
    (
        "UPDATE questions SET agency_id = :agency WHERE id IN "
        "(SELECT object_id FROM list_places WHERE list = 'questions' AND scope <> :agency LIMIT :wanted)"
    ),
)
# What has to be destroyed stands in the work list once its day is near; so these get a day that is over.
_DUTIES: Final = (
    "SELECT count(*) FROM duties WHERE kind = 'destroy' AND fulfilled_at IS NULL AND agency_id = :agency AND due_at = created_at",
    (
        "UPDATE duties SET agency_id = :agency, due_at = created_at WHERE id IN "
        "(SELECT object_id FROM list_places WHERE list = 'duties-destroy' AND scope <> :agency LIMIT :wanted)"
    ),
)


def _received(state: str, further: str) -> tuple[str, str]:
    some = f"FROM disclosures WHERE state = '{state}' AND {further} AND recipient_agency"
    return (
        f"SELECT count(*) {some} = :agency",
        f"UPDATE disclosures SET recipient_agency = :agency WHERE id IN (SELECT id {some} <> :agency LIMIT :wanted)",
    )


_INBOX: Final = _received("disclosed", "revoked_at IS NULL")
_FEEDBACK: Final = _received("accepted", "feedback_due_on IS NOT NULL")
# Signals that came back: of each the disclosure, and then the signal itself.
_RETURNED: Final = (
    "SELECT count(*) FROM signals WHERE state = 'returned' AND owner_agency = :agency",
    (
        "UPDATE disclosures SET state = 'returned', responded_at = requested_at, provider_agency = :agency WHERE id IN "
        "(SELECT id FROM disclosures WHERE state = 'accepted' AND parent_id IS NULL ORDER BY id LIMIT :wanted)"
    ),
    (
        "UPDATE signals SET state = 'returned', owner_agency = :agency WHERE id IN "
        "(SELECT signal_id FROM disclosures WHERE provider_agency = :agency AND state = 'returned')"
    ),
)
_WAITING: Final = {OWNER: (_QUESTIONS, _RETURNED, _DUTIES), PARTNER: (_QUESTIONS, _INBOX, _FEEDBACK)}


def fill(home: Path) -> None:
    """Do so in a home that `signaltable generate` made and that is ours to write in. Its log says nothing of it."""
    with closing(sqlite3.connect(home / "signaltable.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        for agency, kinds in _WAITING.items():
            for count, *changes in kinds:
                (found,) = database.execute(count, {"agency": agency}).fetchone()
                for change in changes if found < MOST else ():
                    database.execute(change, {"agency": agency, "wanted": MOST - found})
        _spread(database)
        database.execute("COMMIT")


def _spread(database: sqlite3.Connection) -> None:
    """Let the leader and the partner sit at five tables, and signals in every state of work lie at each."""
    tables = [row[0] for row in database.execute("SELECT id FROM regional_tables ORDER BY created_at, id")]
    first, there = tables[0], len(tables)
    for number in range(there, TABLES):
        new = f"{number:032x}"
        database.execute(
            "INSERT INTO regional_tables (id, title, created_at) SELECT ?, ?, created_at FROM regional_tables WHERE id = ?",
            (new, f"bench {number}", first),
        )
        tables.append(new)
    for table in tables:
        members = [(table, agency) for agency in (LEADER, PARTNER)]
        database.executemany("INSERT OR IGNORE INTO table_members (table_id, agency_id) VALUES (?, ?)", members)
    for table in tables[there:]:
        for state in STATES:
            some = "SELECT id FROM signals WHERE table_id = :first AND state = :state"
            (at_first,) = database.execute(
                "SELECT count(*) FROM signals WHERE table_id = ? AND state = ?", (first, state)
            ).fetchone()
            database.execute(
                f"UPDATE signals SET table_id = :table WHERE id IN ({some} ORDER BY created_at DESC, id LIMIT :some)",
                {"table": table, "first": first, "state": state, "some": max(at_first // SHARE, MOST // 2)},
            )
