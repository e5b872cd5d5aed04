"""How a link reads on a page: what was compared, what was done with it, and why something cannot be done."""

from flask_babel import gettext as _

from signaltable.flow.linking import HistoryLine, LinkLine
from signaltable.pictures import Likeness, Svg, likenesses
from signaltable.web.filters import in_words
from signaltable.web.guards import program


def compared_words(line: LinkLine) -> list[tuple[str, str, str]]:
    """(thing, how, how in words) of what was compared, the closest first."""
    words = {"same": _("the same"), "near": _("almost the same"), "different": _("different")}
    order = list(words)
    policy = program().policy.linking
    found = [(in_words(policy.label(what)), how, words[how]) for what, how in line.compared.items()]
    return sorted(found, key=lambda one: order.index(one[1]))


def likeness_picture(line: LinkLine) -> Svg:
    """The comparison as dots; the page shows the same as a list."""
    items = [Likeness(label, how, words) for label, how, words in compared_words(line)]  # type: ignore[arg-type]
    return likenesses(items, _("What was compared"))


def deed_words(line: HistoryLine) -> str:
    """What was done with a link, by the own organisation or another one."""
    own = {
        "confirm": _("Your organisation confirmed it"),
        "refuse": _("Your organisation refused it"),
        "end": _("Your organisation ended it"),
        "merge": _("Your organisation said that the two are one"),
        "undo": _("Your organisation took its decision back"),
    }
    other = {
        "confirm": _("The other owner confirmed it"),
        "refuse": _("The other owner refused it"),
        "end": _("The other owner ended it"),
        "merge": _("The other owner said that the two are one"),
        "undo": _("The other owner took its decision back"),
    }
    if line.follows and line.deed != "undo":
        return _("It ended because of a decision about another link")
    return (own if line.own else other)[line.deed]


def told(state: str) -> str:
    """What follows from a decision, for who made it."""
    return {
        "confirmed": _("The link is confirmed by all owners. The table coordinator sees it now."),
        "refused": _("The link is refused. Both signals stay apart."),
        "proposed": _("Your answer is kept. The other owner still has to answer."),
        "ended": _("The link is ended. Everybody who may have relied on it is told."),
    }[state]


def why_not(reason: str) -> str:
    """Why something cannot be done with a link now."""
    return {
        "decided": _("This link was decided already. Look at its history."),
        "kept_apart": _(
            "An owner said before that somebody in these signals is another person. So they cannot become one now. "
            "Ask the table coordinator."
        ),
        "one_already": _(
            "Other confirmed links say that these two are one. Is that wrong? Take yours out of its group on the page "
            "of your signal."
        ),
        "built_on": _("Others went on from this decision, so it cannot be taken back. You can end the link instead."),
        "gone": _("One of the signals was withdrawn or has expired, so this link takes no part any more."),
        "alone": _("This person or thing is in no group."),
    }.get(reason, _("This cannot be done now."))
