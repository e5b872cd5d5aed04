"""What was told and disclosed in a period, as far as a comparison of rules needs it: facts and categories, no identity."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select

from signaltable import recorded
from signaltable.domain import ZONE
from signaltable.facts import Facts, UnusableFacts, parse_facts
from signaltable.models import RecordedDecision, Signal
from signaltable.transaction import Transaction


def told_signals(tx: Transaction, start: date | None, end: date | None) -> list[list[Facts]]:
    """The facts of each signal of the period (both days count), per person, as last decided on. Recorded as policy:consult."""
    decided = select(RecordedDecision.signal_id, RecordedDecision.input).join(
        Signal, Signal.id == RecordedDecision.signal_id
    )
    newest = {
        row.signal_id: row.input["people"]
        for row in tx.session.execute(
            decided.where(RecordedDecision.kind == recorded.ROUTE, *_in(start, end)).order_by(
                RecordedDecision.at, RecordedDecision.id
            )
        )
    }
    signals = tx.session.execute(select(Signal.id, Signal.facts).where(Signal.owner_sealed != b"", *_in(start, end)))
    return [people for row in signals if (people := _readable(newest.get(row.id, [row.facts])))]


def made_disclosures(tx: Transaction, start: date | None, end: date | None) -> list[dict[str, Any]]:
    """What the grounds were last asked about each disclosure of the signals of the period."""
    rows = tx.session.execute(
        select(RecordedDecision.disclosure_id, RecordedDecision.input)
        .join(Signal, Signal.id == RecordedDecision.signal_id)
        .where(RecordedDecision.disclosure_id.is_not(None), *_in(start, end))
        .order_by(RecordedDecision.at, RecordedDecision.id)
    )
    return list({row.disclosure_id: dict(row.input) for row in rows}.values())


def note(tx: Transaction, old: str, new: str, count: int) -> None:
    """Record that two sets of rules were compared over what is stored."""
    tx.record(
        "policy:consult",
        object_type="policy",
        details={"view": "compare", "policy_digest": new, "previous_digest": old, "count": count},
    )


def _in(start: date | None, end: date | None) -> Iterator[ColumnElement[bool]]:
    if start is not None:
        yield Signal.created_at >= datetime.combine(start, time.min, ZONE)
    if end is not None:
        yield Signal.created_at < datetime.combine(end + timedelta(days=1), time.min, ZONE)


def _readable(people: Sequence[Any]) -> list[Facts]:
    """The facts that this program still knows; a signal of before a fact was dropped is left out of the comparison."""
    try:
        return [parse_facts(facts) for facts in people]
    except UnusableFacts:
        return []
