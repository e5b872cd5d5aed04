"""A program that does what somebody asked for: the log says for whom, and goes on with the trace of the asking."""

from dataclasses import replace

from sqlalchemy import select

from audit.entry import parse
from signaltable.domain import Actor
from signaltable.models import LogEntry
from signaltable.trace_context import proceed
from signaltable.transaction import Program, reading


def on_behalf(program: Program, actor: Actor, object_id: str, *, asked_by: str = "log:request") -> Actor:
    """`actor` at work for whoever left the entry `asked_by` about `object_id`; unchanged when nobody did.

    Who asked and in which trace is read from the log, where nobody can change it.
    """
    with reading(program) as session:
        query = select(LogEntry.entry).where(LogEntry.object == object_id, LogEntry.action == asked_by)
        found = session.scalars(query.order_by(LogEntry.seq.desc()).limit(1)).first()
    if found is None:
        return actor
    asked = parse(bytes(found))
    if not asked.trace_id or not asked.span_id:
        return replace(actor, acting_for=asked.actor)
    work = proceed(asked.trace_id, asked.span_id, program.randomness)
    return replace(
        actor,
        acting_for=asked.actor,
        trace_id=work.trace_id,
        span_id=work.span_id,
        parent_span_id=work.parent_span_id,
    )
