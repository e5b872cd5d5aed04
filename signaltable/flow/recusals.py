"""Conflict of interest in a case: somebody who has one sees nothing of it (access.py asks, here it is declared and ended).

Whoever writes a page, a list or a mail about signals asks here: `kept_from` for whom a thing must stay closed, `mine` and
`not_kept_from` for what to leave out of the actor's lists.
"""

from signaltable.queries import kept_from, kept_from_signal, kept_from_subject, mine, not_kept_from

__all__ = ["kept_from", "kept_from_signal", "kept_from_subject", "mine", "not_kept_from"]
