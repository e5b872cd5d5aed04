"""Facts on which the card says nothing, and facts on which it says two things that exclude each other."""

from collections.abc import Iterator

from signaltable.analysis.card import Card, advises
from signaltable.analysis.found import Found


def check_gaps(card: Card) -> Iterator[Found]:
    """Facts on which nothing is advised and nothing is asked; the smallest, for mending one gap often closes others."""
    compiled = card.compiled
    silent = {compiled.where_settled_no(aim.state) for aim in compiled.aims}
    # Joined from the last facts to the first, so that what is there already stays below what comes.
    left = compiled.both(sorted(silent, key=lambda one: sorted(compiled.space.diagrams.variables(one)), reverse=True))
    if compiled.is_empty(left):
        return
    facts = card.smallest(left)
    message = "expected a route or a question, found neither: on these facts the card says nothing"
    yield card.found(
        "gap", "meldroutes", ",".join(facts), message, facts, lambda said: not said.routes and not said.questions
    )


def check_contradictions(card: Card) -> Iterator[Found]:
    """Two rules of which one excludes the other, on the same facts."""
    by_id = {rule.id: rule for rule in card.compiled.routes}
    seen: set[frozenset[str]] = set()
    for rule in card.compiled.routes:
        for name in rule.excludes:
            pair = frozenset({rule.id, name})
            other = by_id.get(name)
            if other is None or pair in seen:
                continue
            seen.add(pair)
            together = card.compiled.both([card.held(rule), card.held(other)])
            if not card.compiled.is_empty(together):
                message = f"expected {rule.id} and {name} never on the same facts, found both here ({card.file(other)})"
                yield card.found(
                    "contradiction", card.file(rule), "excludes", message, card.smallest(together), advises(*pair)
                )
