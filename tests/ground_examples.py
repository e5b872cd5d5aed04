"""For every ground a request that it permits, so that a test can take one thing away."""

from dataclasses import replace
from datetime import datetime

from signaltable.conditions.shape import Context
from signaltable.disclosure.request import Person, Request
from signaltable.evidence_examples import examples_for
from signaltable.grounds import CAPACITIES, Ground


def permitted_request(row: Ground, now: datetime) -> Request:
    """A request that `row` permits, with invented evidence and one field per category. Raises ValueError for a deny."""
    if not row.permits:
        raise ValueError("expected a ground that permits")
    kind, capacity = _provider(row.provider[0])
    request = Request(
        provider_capacity=capacity,
        provider_kind=kind,
        recipient_kind=row.recipient[0],
        recipient_agency=f"example-{row.recipient[0]}",
        purpose=row.purpose[0],
        person=Person(
            row.person_age[0] if row.person_age else "adult", row.person_role[0] if row.person_role else "victim"
        ),
        fields={name: frozenset({name}) for name in row.data},
        on=now.date(),
        now=now,
        demo=True,
    )
    context = Context(now, request.on, request.recipient_agency, request.person.age)
    return replace(request, conditions=examples_for(row, context, row.data))


def _provider(name: str) -> tuple[str, str]:
    if name == "*":
        return "municipality", "municipality-other"
    for kind, capacities in CAPACITIES.items():
        if name == kind:
            return kind, capacities[0]
        if name in capacities:
            return kind, name
    raise ValueError("expected a kind of agency or a capacity")
