"""Whom an act is about: the subjects behind the references in an event, and the activity of the register it belongs to.

Use cases name a signal or a disclosure, as they always did; the people in it are looked up here, once per transaction,
when its events are about to be appended. So no use case can forget somebody.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from signaltable.audit_trail import AuditEvent
from signaltable.db import table_of
from signaltable.models import Disclosure, LogDetail, LogEntry, Signal, Subject
from signaltable.prepared import Prepared, numbered, several
from signaltable.processing_activities import Register

_SIGNAL, _DISCLOSURE = "S-", "D-"
# The entries that say about whom a disclosure is: asked of a second person, and made.
_SAYS_WHOM = ("disclosure:request", "signal:disclose")


@dataclass(frozen=True, slots=True)
class Concerned:
    """What an event is about besides what its details say: signals, by id or reference, or exactly the subjects with these ids."""

    signals: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Person:
    id: str
    signal_id: str
    ref: str
    number: int
    role: str
    age_band: str


@dataclass(slots=True)
class _Found:
    """The people behind the references and ids of one transaction."""

    by_reference: dict[str, list[_Person]] = field(default_factory=dict)
    by_signal: dict[str, list[_Person]] = field(default_factory=dict)
    by_id: dict[str, _Person] = field(default_factory=dict)
    # Reference of a disclosure -> reference of its signal, purpose.
    disclosures: dict[str, tuple[str, str]] = field(default_factory=dict)
    # Reference of a disclosure -> the numbers of the subjects that it is about, where the log tells.
    chosen: dict[str, frozenset[int]] = field(default_factory=dict)

    def of(self, signal: str) -> list[_Person]:
        """The people in a signal, by its id or its reference."""
        return (self.by_reference if _is_signal(signal) else self.by_signal).get(signal, [])

    def add(self, reference: str, person: _Person) -> None:
        if person.id not in self.by_id:
            self.by_id[person.id] = person
            self.by_reference.setdefault(reference, []).append(person)
            self.by_signal.setdefault(person.signal_id, []).append(person)


def complete(session: Session, register: Register, events: Sequence[AuditEvent], about: Sequence[Concerned]) -> None:
    """Put subject_refs, subject_classes and activity beside the details of every event that is part of an activity.

    `about` stands in the order of the events. What a use case wrote itself under one of these keys stays.
    """
    processing = [(event, more) for event, more in zip(events, about, strict=True) if register.processes(event.action)]
    if not processing:
        return
    found = _look_up(session, processing)
    for event, more in processing:
        people = _people(event, more, found)
        purpose = str(event.details.get("purpose", "")) or found.disclosures.get(_disclosure(event), ("", ""))[1]
        told: dict[str, Any] = {"activity": register.address(event.action, purpose, {one.role for one in people})}
        if people:
            told["subject_refs"] = [one.ref for one in people]
            told["subject_classes"] = [f"{one.role}:{one.age_band}" for one in people]
        event.details.update({name: value for name, value in told.items() if name not in event.details})


def _look_up(session: Session, processing: Iterable[tuple[AuditEvent, Concerned]]) -> _Found:
    """At most five statements, for all events together; none for those that name nobody."""
    found = _Found()
    references: set[str] = set()
    disclosures: set[str] = set()
    signals: set[str] = set()
    subjects: set[str] = set()
    for event, more in processing:
        references |= _references(event.details, event.object_id) | {one for one in more.signals if _is_signal(one)}
        disclosures |= {_disclosure(event)} - {""}
        signals |= {one for one in more.signals if not _is_signal(one)}
        subjects |= set(more.subjects)
    if disclosures:
        query = select(Disclosure.reference, Signal.reference, Disclosure.purpose).join(Signal)
        for row in session.execute(query.where(Disclosure.reference.in_(sorted(disclosures)))):
            found.disclosures[row[0]] = (row[1], row[2])
        references |= {reference for reference, _purpose in found.disclosures.values()}
        found.chosen.update(_chosen(session, disclosures))
    for by, wanted in (("reference", references), ("signal", signals), ("subject", subjects)):
        if wanted:
            _read(session, by, wanted, found)
    return found


def _chosen(session: Session, disclosures: Iterable[str]) -> dict[str, frozenset[int]]:
    """About whom disclosures are, as the log told of each last; nothing for one of which the details were destroyed."""
    query = (
        select(LogEntry.object, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.object.in_(sorted(disclosures)), LogEntry.action.in_(_SAYS_WHOM), LogEntry.outcome == "ok")
        .order_by(LogEntry.seq)
    )
    told = ((row.object, _numbers(json.loads(row.details))) for row in session.execute(query))
    return {reference: numbers for reference, numbers in told if numbers}


_signals, _subjects = table_of(Signal).c, table_of(Subject).c
_BY = {"reference": _signals.reference, "signal": _signals.id, "subject": _subjects.id}


@lru_cache(maxsize=256)
def _asking(by: str, count: int) -> Prepared:
    """The question for so many of them; nearly every transaction asks it for one."""
    return Prepared(
        select(
            *(_signals.reference, _subjects.id, _subjects.signal_id),
            *(_subjects.number, _subjects.role, _subjects.age_band),
        )
        .join(table_of(Subject), _subjects.signal_id == _signals.id)
        .where(_BY[by].in_(several("wanted", count)))
        .order_by(_signals.reference, _subjects.number)
    )


def _read(session: Session, by: str, wanted: Iterable[str], found: _Found) -> None:
    session.flush()
    names = sorted(wanted)
    rows = _asking(by, len(names)).rows(session.connection(), numbered("wanted", names))
    for reference, subject_id, signal_id, number, role, age_band in rows:
        found.add(reference, _Person(subject_id, signal_id, f"{reference}.{number}", number, role, age_band))


def _people(event: AuditEvent, more: Concerned, found: _Found) -> list[_Person]:
    """The subjects of one event, each once: exactly those that it names, or else all of its signals."""
    if more.subjects:
        return [found.by_id[one] for one in more.subjects if one in found.by_id]
    people = [person for one in more.signals for person in found.of(one)]
    references = _references(event.details, event.object_id)
    if not references and (disclosure := _disclosure(event)):
        references = {found.disclosures.get(disclosure, ("", ""))[0]}
    people += [person for one in sorted(references) for person in found.of(one)]
    # Whoever stands in the signal and stayed out of the disclosure was no part of it.
    numbers = _numbers(event.details) or found.chosen.get(_disclosure(event), frozenset())
    if numbers:
        people = [person for person in people if person.number in numbers]
    return list(dict.fromkeys(people))


def _numbers(details: Mapping[str, Any]) -> frozenset[int]:
    """The subjects of a signal that details single out by number; none when they are about all of them."""
    one, several = details.get("subject"), details.get("subjects")
    # In signal:record `subjects` says how many there are.
    listed = [one] if isinstance(one, int) else several if isinstance(several, list) else []
    return frozenset(number for number in listed if isinstance(number, int))


def _references(details: Mapping[str, Any], object_id: str) -> set[str]:
    """The references of signals that an event names."""
    named = [object_id, details.get("signal", "")]
    for key in ("signals", "objects"):
        listed = details.get(key)
        named += listed if isinstance(listed, list | tuple) else []
    return {one for one in named if isinstance(one, str) and _is_signal(one)}


def _is_signal(name: str) -> bool:
    """Whether this is a reference that people read, and no id."""
    return name.startswith(_SIGNAL)


def _disclosure(event: AuditEvent) -> str:
    """The reference of the disclosure that an event names, or ""."""
    named = event.details.get("disclosure") or event.object_id
    return named if isinstance(named, str) and named.startswith(_DISCLOSURE) else ""
