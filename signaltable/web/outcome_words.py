"""How a case ended, in words of outcomes.toml."""

from flask_babel import gettext as _

from signaltable.web.filters import in_words
from signaltable.web.guards import program


def outcome_label(code: str) -> str:
    """An outcome in words; the code itself when the rules no longer have it."""
    rules = program().policy.outcomes
    known = rules.outcomes.get(code) if rules else None
    return in_words(known.title) if known else code


def closed_label(code: str) -> str:
    """That a case was closed, and how it ended."""
    return _("Closed: %(outcome)s", outcome=outcome_label(code))
