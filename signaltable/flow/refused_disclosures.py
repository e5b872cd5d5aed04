"""What is said when no ground carries a disclosure: why, what came near, what is missing, and what can be done instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from signaltable.disclosure.outcome import Advice, Reason
from signaltable.disclosure.outcome import Refused as NoGround
from signaltable.domain import Refused
from signaltable.evidence import NotMet
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow import decisions, mailing, near, second_person, weighing
from signaltable.flow.choices import Choice
from signaltable.flow.near import NearRow
from signaltable.flow.sources import Source
from signaltable.flow.weighing import Case
from signaltable.models import Account, RecordedDecision
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Refusal:
    """It may not: why, which rows came near and where each falls short, what is missing, and what can be done instead.

    `officers` are the people of the own organisation who can be asked.
    """

    reasons: tuple[Reason, ...]
    near: tuple[NearRow, ...]
    missing: tuple[tuple[ConditionSpec, NotMet], ...]
    instead: tuple[Advice, ...]
    officers: tuple[str, ...]


class NotPermitted(Refused):
    """No ground carries the disclosure with this evidence. Recorded as disclosure:refuse; `found` says why."""

    def __init__(self, found: NoGround, source: Source, details: Mapping[str, Any], decision: RecordedDecision) -> None:
        super().__init__(
            "no_ground",
            action="disclosure:refuse",
            object_type=source.object_type,
            object_id=source.reference,
            details={**details, "decisions": [decision.id]},
            rows=[decision],
        )
        self.found = found


def record_refusal(tx: Transaction, source: Source, choice: Choice, case: Case) -> NoGround:
    """Record that no ground carries what was looked at, with the decision; returns why."""
    found = weighing.refusal(case, tx.program.policy.grounds)
    requests = weighing.requests_of(case)
    tx.record(
        "disclosure:refuse",
        object_type=source.object_type,
        object_id=source.reference,
        outcome="refused",
        reason="no_ground",
        details={
            **refused_details(tx, source, choice, found),
            "decisions": decisions.note_ground(tx, source.signal, requests, None, bound=case.bound),
        },
    )
    return found


def explained(tx: Transaction, case: Case, found: NoGround) -> Refusal:
    """The refusal as a page tells it, with the people of the own agency who can be asked."""
    conditions, actor = tx.program.policy.conditions, tx.actor
    asked_for = mailing.accounts_with(tx, [actor.agency_id], second_person.PERMISSION)
    names = tx.session.scalars(select(Account.name).where(Account.id.in_(asked_for)).order_by(Account.name))
    return Refusal(
        reasons=found.reasons,
        near=near.rows(case, found.near, tx.program.policy.grounds),
        missing=tuple((conditions[unmet.code], unmet) for unmet in found.missing if unmet.code in conditions),
        instead=found.instead,
        officers=tuple(names),
    )


def refused_details(tx: Transaction, source: Source, choice: Choice, found: NoGround) -> dict[str, Any]:
    """What the log says of a refused disclosure."""
    return {
        "signal": source.signal.reference,
        **source.told,
        "recipient": choice.agency_id,
        "purpose": choice.purpose,
        "reasons": list(dict.fromkeys(f"{reason.code}:{reason.row}".rstrip(":") for reason in found.reasons)),
        "policy_digest": tx.program.policy.digest,
        "near": list(found.near),
        "missing": [unmet.code for unmet in found.missing],
    }
