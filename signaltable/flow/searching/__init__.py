"""Finding cases by the words of their masked account: an index of keyed digests, kept with the cases themselves.

The index holds no word and no case: a term is a digest under a key that is not in the database, and what it leads to is a
number. Whoever searches gets what the terms lead to, reads each hit again in the account as it is now, and the gate
decides about each. So an index that lags behind shows too little and never too much.
"""

from signaltable.flow.searching.filling import AT_ONCE, Filled, add_missing, fill, take_in, unread
from signaltable.flow.searching.index import add, again, forget

__all__ = ["AT_ONCE", "Filled", "add", "add_missing", "again", "fill", "forget", "take_in", "unread"]
