"""How a refusal reads: where a ground falls short, and whom one can ask without naming anybody."""

from collections.abc import Iterable

from flask_babel import gettext as _

from signaltable.flow.near import CONDITIONS, DATA, PERSON, PROVIDER, PURPOSE, RECIPIENT
from signaltable.policy_shapes import Contact
from signaltable.web.filters import in_words
from signaltable.web.guards import program

# The need of policies/contacts.toml that stands for thinking along with professionals.
ADVICE = "advice"


def off_label(part: str) -> str:
    """What of the request does not fit a ground, in words."""
    return {
        PROVIDER: _("your organisation or the task in which you learned this"),
        RECIPIENT: _("the receiver"),
        PURPOSE: _("the purpose"),
        PERSON: _("the person: age, or part in the case"),
        DATA: _("the data"),
        CONDITIONS: _("the conditions, which are not all met"),
    }.get(part, part)


def off_labels(parts: Iterable[str]) -> str:
    """All that does not fit, in one line."""
    return "; ".join(off_label(part) for part in parts)


def condition_titles(codes: Iterable[str]) -> str:
    """What a ground asks, in one line."""
    known = program().policy.conditions
    return ", ".join(in_words(known[code].title).lower() for code in codes if code in known)


def advice_contacts() -> tuple[Contact, ...]:
    """The lines to call for advice, as the rules list them; only those with a phone number."""
    return tuple(one for one in program().policy.contacts.values() if ADVICE in one.needs and one.phone)
