"""Row-level security of PostgreSQL: a last fence, for the day on which the gate or a query forgets something.

Every transaction tells the database for whom it works with a pass: the sphere, the account, the agency, and a keyed digest
over them. Policies compare it with each row. The key is in the key ring and in a table that only the owner of the tables
reads, so SQL that somebody slipped into a request cannot write itself another pass. Without a pass there is nothing to see.

Spheres: `person` sees what its agency has to do with; `door` is for who is not known yet and sees no case; `whole` is the
program itself, for work that has to see all. SQLite has no such fence (docs/row-level-security.md).

`passes` is what a transaction shows, `fenced` which rows of each table who sees, `fencing` puts that up, `gaps` looks
whether it stands.
"""

from signaltable.row_level.fenced import FENCED, READ_BY_ALL, READ_IN_PART, UNFENCED, Fenced
from signaltable.row_level.fencing import arm, functions, grant_to, is_up, let_ask, policies, put_up, take_down
from signaltable.row_level.gaps import Gap, knows_pass, owns_tables, role_gaps, table_gaps
from signaltable.row_level.passes import (
    AT_THE_DOOR,
    DOOR,
    PERSON,
    PROGRAM,
    PURPOSE,
    USE,
    VALID_SECONDS,
    WHOLE,
    Bearer,
    bear,
    bearer_of,
    borne,
    is_asked,
    only_read,
    write_pass,
)

__all__ = [
    "AT_THE_DOOR",
    "DOOR",
    "FENCED",
    "PERSON",
    "PROGRAM",
    "PURPOSE",
    "READ_BY_ALL",
    "READ_IN_PART",
    "UNFENCED",
    "USE",
    "VALID_SECONDS",
    "WHOLE",
    "Bearer",
    "Fenced",
    "Gap",
    "arm",
    "bear",
    "bearer_of",
    "borne",
    "functions",
    "grant_to",
    "is_asked",
    "is_up",
    "knows_pass",
    "let_ask",
    "only_read",
    "owns_tables",
    "policies",
    "put_up",
    "role_gaps",
    "table_gaps",
    "take_down",
    "write_pass",
]
