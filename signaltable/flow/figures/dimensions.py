"""What is counted: the codes under which it is kept."""

from enum import StrEnum
from typing import Final

from signaltable.domain import ENDED
from signaltable.policy import PolicySet

# Stands for the whole region where the id of a table stands, and for all values together where a value stands.
REGION: Final = ""
ALL: Final = ""


class Dimension(StrEnum):
    """What figures are about. The first three count things; the others say of what kind they were."""

    SIGNALS = "signals"
    DISCLOSURES = "disclosures"
    OUTCOMES = "outcomes"
    FORMS = "forms"
    URGENCY = "urgency"
    AGENCY_KIND = "agency-kind"
    DESTINATIONS = "destinations"
    RECIPIENT_KIND = "recipient-kind"
    OUTCOME = "outcome"
    # How many cases took so many days: kept, and never shown itself.
    DAYS_TO_TRIAGE = "days-to-triage"
    DAYS_TO_DECISION = "days-to-decision"
    # In the middle, of the cases of a month, where there were enough.
    MEDIAN_TO_TRIAGE = "median-to-triage"
    MEDIAN_TO_DECISION = "median-to-decision"


# What is split up -> what it says of what was counted.
KINDS_OF: Final = {
    Dimension.SIGNALS: (Dimension.FORMS, Dimension.URGENCY, Dimension.AGENCY_KIND, Dimension.DESTINATIONS),
    Dimension.DISCLOSURES: (Dimension.RECIPIENT_KIND,),
    Dimension.OUTCOMES: (Dimension.OUTCOME,),
}
# Of one signal several can hold, so that they add up to more than there were signals.
SEVERAL: Final = frozenset({Dimension.FORMS, Dimension.DESTINATIONS})
MEDIANS: Final = {
    Dimension.DAYS_TO_TRIAGE: Dimension.MEDIAN_TO_TRIAGE,
    Dimension.DAYS_TO_DECISION: Dimension.MEDIAN_TO_DECISION,
}
# Whatever took longer than this took longer than anybody waits.
MOST_DAYS: Final = 999


def values_of(policy: PolicySet, kind: Dimension) -> frozenset[str]:
    """Every value that something counted now could have, as the rules of today name them: each is named by the page, so that
    what it names does not tell that something happened.
    """
    return {
        Dimension.FORMS: frozenset(policy.forms),
        Dimension.URGENCY: frozenset(policy.urgencies),
        Dimension.AGENCY_KIND: frozenset(policy.agency_kinds),
        Dimension.RECIPIENT_KIND: frozenset(policy.agency_kinds),
        Dimension.DESTINATIONS: frozenset(policy.destinations),
        Dimension.OUTCOME: frozenset(ENDED).union(policy.outcomes.outcomes if policy.outcomes else ()),
    }[kind]
