"""Disclosures that leave something to do, and the rows of what is owed."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import undefer_group

from signaltable.domain import Actor
from signaltable.flow import referrals
from signaltable.flow.disclosing import Made
from signaltable.grounds import GroundSet, Obligation
from signaltable.models import Disclosure, Duty
from signaltable.transaction import Program, reading
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import submitted, use

# The ground on which a municipality refers an adult to the care coordinator with consent.
REFERRAL = "X1"


def owing(program: Program, *obligations: Obligation, retention: str = "case") -> Program:
    """The same program in a region whose ground for a referral obliges to more."""
    grounds = program.policy.grounds
    changed = [
        row.model_copy(update={"obligations": obligations, "retention": retention}) if row.id == REFERRAL else row
        for row in grounds.rows
    ]
    return replace(program, policy=replace(program.policy, grounds=GroundSet(tuple(changed), grounds.digest)))


INFORM = Obligation(kind="inform", within_days=28)
REVIEW = Obligation(kind="review", within_hours=24)
RECORD = Obligation(kind="record")
MUNICIPALITY = Obligation(kind="inform-municipality", within_days=7)


def referred(program: Program, owner: Actor, receiver: Actor | None = None) -> Made:
    """A disclosure to the care coordinator, taken up when `receiver` is given."""
    reference = submitted(program, owner, a_signal(consent=GIVEN))
    made = disclosed(program, owner, reference, "essm", ground=REFERRAL)
    if receiver:
        use(program, receiver, referrals.accept, made.reference)
    return made


def rows_of(program: Program, disclosure: str) -> dict[str, Duty]:
    """The duties of a disclosure by kind; the newest of a kind."""
    with reading(program) as session:
        found: Sequence[Duty] = session.scalars(
            select(Duty)
            .join(Disclosure, Disclosure.id == Duty.disclosure_id)
            .where(Disclosure.reference == disclosure)
            .order_by(Duty.created_at)
            .options(undefer_group("sealed")),
        ).all()
        session.expunge_all()
        return {duty.kind: duty for duty in found}
