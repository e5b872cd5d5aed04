"""How a fact that a partner is asked about reads: what kind of fact, and what the signal says of it."""

from signaltable.flow import fact_questions
from signaltable.flow.enrich import Shown
from signaltable.flow.fact_questions import AskedFact
from signaltable.web.filters import in_words
from signaltable.web.guards import program


def fact_title(code: str) -> str:
    """What kind of fact a code names, without its value."""
    return in_words(fact_questions.title_of(program().policy, code)) if code else ""


def fact_label(fact: AskedFact) -> str:
    """A fact with its value in one line."""
    values = ", ".join(in_words(one) for one in fact.values)
    return f"{in_words(fact.title)}: {values}" if values else in_words(fact.title)


def asked_title(shown: Shown) -> str:
    """What a question is about, as a heading: a pseudonym or a kind of fact."""
    return in_words(shown.fact.title) if shown.fact else shown.subject
