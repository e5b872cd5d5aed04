"""What a person can do instead, chosen from what the request leaves open."""

from collections.abc import Iterator, Sequence

from signaltable.disclosure.case import Case, whereabouts
from signaltable.disclosure.outcome import Advice
from signaltable.disclosure.request import Request
from signaltable.disclosure.words import (
    ASK_CONSENT,
    ASK_PRIVACY_OFFICER,
    CALL_112,
    CHILD_PROTECTION,
    COMPLETE_EVIDENCE,
    CONSULT_WITHOUT_NAME,
    FIND_AGE,
    NAME_ROLE,
    NAME_TASK,
)
from signaltable.evidence import NotMet
from signaltable.ground_index import UNKNOWN_ROLE, denying, past, place
from signaltable.grounds import CAPACITIES, CONSENTS, CONSULT, KINDS, Ground


def instead(case: Case, missing: Sequence[NotMet]) -> Iterator[Advice]:
    request = case.request
    yield CALL_112
    if missing:
        yield COMPLETE_EVIDENCE
    if any(_rests_on_consent(case, row) for row in case.candidates()):
        yield ASK_CONSENT
    if _task_unknown(request):
        yield NAME_TASK
    if request.person.role == UNKNOWN_ROLE:
        yield NAME_ROLE
    if request.person.age == "unknown":
        yield FIND_AGE
    if request.person.counts_as == "minor" and request.recipient_kind not in {"veilig-thuis", "raad"}:
        yield CHILD_PROTECTION
    if request.purpose != CONSULT and _may_consult(case):
        yield CONSULT_WITHOUT_NAME
    yield ASK_PRIVACY_OFFICER


def _task_unknown(request: Request) -> bool:
    """Whether the provider has several tasks and nobody said in which of them the data were learned."""
    tasks = CAPACITIES[request.provider_kind]
    return request.provider_capacity not in tasks and len(tasks) > 1


def _rests_on_consent(case: Case, row: Ground) -> bool:
    """Whether consent would help: the permit demands it, no deny stops it, and it is not there yet."""
    demanded = CONSENTS & set(row.conditions)
    return bool(demanded) and not case.blocking(row) and not demanded & set(case.request.conditions)


def _may_consult(case: Case) -> bool:
    """Whether somebody may be consulted about this without a name."""
    capacity, kind, _recipient, _purpose, age, role = whereabouts(case.request)
    around = (place(case.index, capacity, kind, recipient, CONSULT, age, role) for recipient in KINDS)
    return any(here & past(case.index, denying(case.index, here, case.asked)) for here in around)
