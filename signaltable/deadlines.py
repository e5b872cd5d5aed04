"""The last day to answer, from the rules: per kind of answer and per destination. Pure."""

from datetime import date

from signaltable.policy import PolicySet

ACCEPTANCE = "referral-acceptance"
FEEDBACK = "feedback"


def due(policy: PolicySet, deadline: str, destination: str, start: date) -> date:
    """The last day for what deadlines.toml calls `deadline`, asked of `destination` ("" for none) on `start`.

    Raises KeyError for a deadline that the rules do not have.
    """
    return policy.deadlines[deadline].due(start, destination)


def acceptance_due(policy: PolicySet, urgency: str, destination: str, start: date) -> date:
    """The last day to accept or return what was disclosed on `start`: what the route asks or the deadline, the sooner counts."""
    return min(policy.urgencies[urgency].due(start), due(policy, ACCEPTANCE, destination, start))


def feedback_due(policy: PolicySet, destination: str, start: date) -> date:
    """The last day on which whoever sent it hears what was done with it, when it was accepted on `start`."""
    return due(policy, FEEDBACK, destination, start)
