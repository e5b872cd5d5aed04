"""Moving everything from one database to another: `signaltable move` (docs/postgresql.md).

The old database is closed first, by a trigger of its own, so that nobody goes on working there. Rows arrive table by table
in the order of their keys; each commit over there says how far it got, so that a move that was killed goes on. In the end the
rows of both sides are compared, the log is checked where it arrived, and its next entry says that it was moved.
"""

from signaltable.moving.ends import file_of, settings_for, usual
from signaltable.moving.moving import Moved, Watch, give_up, move
from signaltable.moving.problems import CannotMove

__all__ = ["CannotMove", "Moved", "Watch", "file_of", "give_up", "move", "settings_for", "usual"]
