"""The audit log of signaltable: entries, tree, checkpoints, exports and their verification.

Needs Python 3.11 and `cryptography`, nothing else; `python -m audit verify DIR` works wherever this folder is copied.
"""

from audit.entry import Entry, Sealed, build, parse
from audit.errors import AuditError

__all__ = ["AuditError", "Entry", "Sealed", "build", "parse"]
