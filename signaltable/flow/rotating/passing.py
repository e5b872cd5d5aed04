"""Keys of which the old version only has to wait: until what was made with it has passed.

Sessions end within half a day and drafts within their term. Pseudonyms stay what they are as long as their signal is
there, because recipients keep lists of them: a new version names the subjects of new signals only (flow/naming.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.flow import naming
from signaltable.flow.rotating.state import Batch
from signaltable.keys import KeyProvider
from signaltable.models import Draft, KeyRotation
from signaltable.transaction import Transaction

NOTHING: Final = Batch(0)


class _Passing:
    """Nothing is sealed or tagged anew."""

    def stages(self) -> Sequence[str]:
        """None."""
        return ()

    def batch(self, tx: Transaction, row: KeyRotation) -> Batch:  # noqa: ARG002
        """Nothing."""
        return NOTHING

    def count(self, session: Session, row: KeyRotation) -> int:
        """What the old version is still needed for."""
        return self._needed(session, row)

    def left(self, keys: KeyProvider, session: Session, row: KeyRotation) -> int:  # noqa: ARG002
        """What the old version is still needed for."""
        return self._needed(session, row)

    def may_end(self, tx: Transaction, row: KeyRotation) -> bool:
        """Once nothing is left."""
        return self._needed(tx.session, row) == 0

    def _needed(self, session: Session, row: KeyRotation) -> int:  # noqa: ARG002
        return 0


class Sessions(_Passing):
    """Cookies and tokens of forms: two versions count until the last session of before is over."""

    def may_end(self, tx: Transaction, row: KeyRotation) -> bool:
        """When the longest session that began before has ended."""
        return tx.now - row.started_at > tx.program.policy.coming_in.session.absolute


class Drafts(_Passing):
    """What waits on the server for the rest of a form."""

    def _needed(self, session: Session, row: KeyRotation) -> int:
        """Drafts that were last written before the new version counted."""
        return _number(session, row.started_at)


class Recipients(_Passing):
    """The names by which a recipient knows subjects."""

    def _needed(self, session: Session, row: KeyRotation) -> int:
        """Signals whose names are of the old version and that are not erased."""
        return naming.signals_named_before(session, row.started_at)


def _number(session: Session, moment: datetime) -> int:
    return session.scalar(select(func.count()).select_from(Draft).where(Draft.updated_at < moment)) or 0
