"""Deciding again what was decided before: the same input, the rules of that day, and the same outcome, or an explanation.

Evidence is replayed as it was judged. Where a disclosure still holds it and this machine has the key of the provider, the
evidence itself is judged again as well.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_

from signaltable import recorded
from signaltable.domain import Actor, NotFound, SignaltableError
from signaltable.flow import evidence_store, policy_versions
from signaltable.keys import CannotOpen
from signaltable.models import Disclosure, RecordedDecision, Signal
from signaltable.policy import PolicySet
from signaltable.policy_errors import BrokenPolicy
from signaltable.transaction import Program, Transaction, transaction

# So many decisions in one transaction: a long replay must not keep everybody else from writing.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision decided again. `evidence`: whether the evidence itself was judged again, not only how it was judged."""

    id: str
    kind: str
    at: datetime
    signal: str
    disclosure: str
    policy_digest: str
    differences: tuple[str, ...]
    evidence: bool

    @property
    def same(self) -> bool:
        """Whether the outcome is exactly the one that was recorded."""
        return not self.differences


@dataclass(slots=True)
class Versions:
    """Rules of the past by digest, each loaded once."""

    loaded: dict[str, PolicySet] = field(default_factory=dict)

    def of(self, tx: Transaction, digest: str) -> PolicySet:
        """The rules with this digest. Raises what `policy_versions.load_version` raises."""
        if digest not in self.loaded:
            self.loaded[digest] = policy_versions.load_version(tx.session, digest)
        return self.loaded[digest]


@dataclass(frozen=True, slots=True)
class Summary:
    """How many decisions were replayed, and how many came out the same."""

    count: int
    same: int

    @property
    def different(self) -> int:
        """How many came out differently, or could not be replayed."""
        return self.count - self.same


def replay(tx: Transaction, decision: RecordedDecision, versions: Versions | None = None) -> Replayed:
    """Decide again under the rules and on the day of the decision. What cannot be replayed counts as a difference."""
    signal = tx.session.get_one(Signal, decision.signal_id)
    row = tx.session.get(Disclosure, decision.disclosure_id) if decision.disclosure_id else None
    evidence = _evidence(tx, row)
    try:
        policy = (versions or Versions()).of(tx, decision.policy_digest)
        found = _differences(decision, policy, evidence)
    except BrokenPolicy as broken:
        found = [f"rules: this program no longer reads them: {broken.findings[0]}"]
    except SignaltableError as error:  # Rules that were not kept, facts that no longer exist.
        found = [f"rules: {error}"]
    except (KeyError, TypeError, ValueError) as error:
        found = [f"input: cannot be read ({type(error).__name__})"]
    return Replayed(
        id=decision.id,
        kind=decision.kind,
        at=decision.at,
        signal=signal.reference,
        disclosure=row.reference if row else "",
        policy_digest=decision.policy_digest,
        differences=tuple(found),
        evidence=evidence is not None,
    )


def _differences(
    decision: RecordedDecision, policy: PolicySet, evidence: Mapping[str, Mapping[str, Any]] | None
) -> list[str]:
    given, day = decision.input, decision.day
    if decision.kind == recorded.ROUTE:
        return recorded.differences(decision.outcome, recorded.route_outcome(given, policy, day))
    found = recorded.differences(
        decision.outcome, recorded.ground_outcome(given, policy.grounds, day, policy.transfers)
    )
    if evidence is not None:
        found += _judged_again(decision, policy, evidence)
    return found


def _judged_again(
    decision: RecordedDecision, policy: PolicySet, evidence: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Where the evidence is judged otherwise now; a second person's agreement is no part of what is sealed."""
    given = decision.input
    requests = recorded.with_evidence(given, evidence, decision.day)
    again = recorded.ground_input(requests, given["ground"], policy.grounds)["people"]
    for before, after in zip(given["people"], again, strict=True):
        for ground, judged in before["evidence"].items():
            for code in sorted(judged.keys() & evidence.keys()):
                where = f"evidence.{before['number']}.{ground}.{code}"
                yield from recorded.differences(judged[code], after["evidence"].get(ground, {}).get(code), where)


def _evidence(tx: Transaction, row: Disclosure | None) -> Mapping[str, Mapping[str, Any]] | None:
    """The evidence of a disclosure where it is still there and opens here; else None."""
    if row is None:
        return None
    try:
        return evidence_store.read(tx, row, row.provider_agency).evidence
    except (NotFound, CannotOpen):
        return None


def replay_all(
    program: Program, actor: Actor, reference: str = "", tell: Callable[[Replayed], None] = lambda _: None
) -> Summary:
    """Replay all decisions, or those of one signal or disclosure; `tell` hears each. Recorded as decision:replay.

    Raises `NotFound` for a reference of neither.
    """
    versions, count, same = Versions(), 0, 0
    after: tuple[datetime, str] | None = None
    while True:
        with transaction(program, actor) as tx:
            page = _page(tx, reference, after)
            for decision in page:
                found = replay(tx, decision, versions)
                count, same = count + 1, same + found.same
                tell(found)
            if len(page) < BATCH:
                _record(tx, reference, Summary(count, same))
                return Summary(count, same)
            after = page[-1].at, page[-1].id


def count_of(tx: Transaction, reference: str = "") -> int:
    """How many decisions there are, of one signal or disclosure or of all. Raises `NotFound` for a reference of neither."""
    query = select(func.count()).select_from(RecordedDecision).where(*_about(tx, reference))
    return tx.session.scalar(query) or 0


def _page(tx: Transaction, reference: str, after: tuple[datetime, str] | None) -> list[RecordedDecision]:
    query = select(RecordedDecision).where(*_about(tx, reference))
    if after is not None:
        query = query.where(tuple_(RecordedDecision.at, RecordedDecision.id) > after)
    return list(tx.session.scalars(query.order_by(RecordedDecision.at, RecordedDecision.id).limit(BATCH)))


def _about(tx: Transaction, reference: str) -> list[Any]:
    if not reference:
        return []
    known = reference.strip().upper()
    signal = tx.session.scalar(select(Signal.id).where(Signal.reference == known))
    if signal is not None:
        return [RecordedDecision.signal_id == signal]
    row = tx.session.execute(select(Disclosure.id, Disclosure.signal_id).where(Disclosure.reference == known)).first()
    if row is None:
        raise NotFound("expected the reference of a signal or a disclosure")
    # By the case, along its index: decisions have none by disclosure.
    return [RecordedDecision.signal_id == row.signal_id, RecordedDecision.disclosure_id == row.id]


def _record(tx: Transaction, reference: str, summary: Summary) -> None:
    known = reference.strip().upper()
    about = {"signal" if known.startswith("S") else "disclosure": known} if known else {}
    tx.record(
        "decision:replay",
        object_type="policy",
        details={"count": summary.count, "same": summary.same, "different": summary.different, **about},
    )
