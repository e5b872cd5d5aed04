"""Verbs of the demo: reporting a signal, taking it back, and judging links."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from signaltable.demo.story import BrokenDemo, Demo, Step
from signaltable.flow import (
    drafts,
    linking,
    signals,
)
from signaltable.intake import SignalDraft, parse
from signaltable.models import Link, Signal, Subject
from signaltable.transaction import reading


def _draft(demo: Demo, step: Step) -> SignalDraft:
    """The signal of a case as its reporter fills it in, with days counted back from the day of the step."""
    return told_draft(demo.signals[step.case], step)


def told_draft(signal: Mapping[str, Any], step: Step) -> SignalDraft:
    told = dict(signal)
    for part in ("observed", "consent"):
        if "days_before" in told.get(part, {}):
            words = {name: value for name, value in told[part].items() if name != "days_before"}
            told[part] = {**words, "on": (step.at.date() - timedelta(days=told[part]["days_before"])).isoformat()}
    return parse(told)


def submit(demo: Demo, step: Step) -> None:
    """Somebody reports the signal of the case."""
    receipt = demo.use(step, step.said["by"], signals.submit, _draft(demo, step))
    demo.references[step.case] = receipt.reference


def withdraw(demo: Demo, step: Step) -> None:
    """Its owner takes it back."""
    demo.use(step, step.said["by"], signals.withdraw, demo.references[step.case], step.said["reason"])


def start_draft(demo: Demo, step: Step) -> None:
    """Somebody begins a signal and leaves it."""
    login = step.said["by"]
    begun = demo.use(step, login, drafts.start)
    answers = _draft(demo, step).model_dump(mode="json", exclude_unset=True)
    demo.use(step, login, drafts.save, begun.id, answers, step=step.said["reached"], version=begun.version)


def link(demo: Demo, step: Step) -> None:
    """An owner judges a proposed link."""
    found = _link_between(demo, step)
    said = step.said
    demo.use(
        step, said["by"], linking.decide, found, confirmed=said.get("confirmed", True), reason=said.get("reason", "")
    )


def _link_between(demo: Demo, step: Step) -> str:
    """The proposed link between two cases. Its owners know it by their own side only; the demo knows both."""
    ids = []
    with reading(demo.program, whole="the demo looks for what it made") as session:
        for case in (step.case, step.said["with"]):
            query = (
                select(Link.id)
                .join(Subject, (Link.subject_a == Subject.id) | (Link.subject_b == Subject.id))
                .join(Signal, Signal.id == Subject.signal_id)
                .where(Signal.reference == demo.references[case])
            )
            ids.append(set(session.scalars(query)))
    both = sorted(ids[0] & ids[1])
    if not both:
        raise BrokenDemo(f"{step.case}: expected a proposed link with {step.said['with']}, found none")
    return both[0]
