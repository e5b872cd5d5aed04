"""The whole card on paper: lanes of condition, route and destination, grouped by urgency, in columns on A4.

The largest size of words that fits one sheet is taken. Below `SMALLEST` nobody reads a wall any more: a card that does
not fit at that size goes on to a second sheet. Nothing is ever drawn over something else, and nothing is left out.
"""

from collections.abc import Iterable
from datetime import date

from signaltable.card.columns import by_urgency, plan_card
from signaltable.card.content import card_routes, unreviewed
from signaltable.card.drawing import Drawing
from signaltable.card.lanes import Advised
from signaltable.card.paper import HEIGHT, WIDTH
from signaltable.card.sheets import TITLE, Head, draw_sheet
from signaltable.policy import PolicySet
from signaltable.texts import Text

DESCRIPTION = Text(
    "{count} routes, van dringend naar minder dringend: de voorwaarden, de route en de organisatie met telefoonnummer.",
    "{count} routes, from urgent to less urgent: the conditions, the route, and the organisation with its phone number.",
)


def draw_card(policy: PolicySet, *, on: date, lang: str, lit: Iterable[Advised] = ()) -> Drawing:
    """The card of a day. `lit` are the routes with destinations that hold in an exercise; those lanes are marked.

    Raises CardDoesNotFit when one route alone is longer than a sheet.
    """
    routes = card_routes(policy, on=on, lang=lang)
    plan = plan_card(routes, lang, frozenset(lit))
    count = max(1, -(-len(plan.columns) // plan.per_sheet))
    head = Head(policy, on, lang, count, len(routes), unreviewed(routes, on))
    title = f"{TITLE.in_language(lang)} – {policy.region.name.in_language(lang)}"
    return Drawing(
        width=WIDTH,
        height=HEIGHT,
        title=title,
        description=DESCRIPTION.in_language(lang).replace("{count}", str(len(routes))),
        lang=lang,
        region=policy.region.name.in_language(lang),
        size=plan.style.size,
        sheets=tuple(draw_sheet(plan, number, head, by_urgency(routes)) for number in range(count)),
    )
