"""Signals and links in one open session, without a commit for each step: what is tested is who is linked, not the log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from signaltable.domain import Actor, LinkState
from signaltable.flow import linking
from signaltable.flow.coming_in import actors
from signaltable.flow.linking import storing
from signaltable.flow.linking.clusters import Clusters
from signaltable.flow.references import fresh_reference
from signaltable.identity import identity_from
from signaltable.models import Link, RegionalTable, Signal, Subject, SubjectGroup
from signaltable.transaction import Program, Transaction

ZORINKA = {"given_name": "Zorinka", "surname": "Proefveld", "birth_date": "1996-04-12", "phone": "0612345678"}


@dataclass(repr=False)
class Desk:
    """A session in which several people act in turn; the clock moves a minute with each act."""

    program: Program
    session: Session
    person: Callable[[str], Actor]
    minutes: int = 0
    events: list[Any] = field(default_factory=list)

    def by(self, login: str) -> Transaction:
        """The transaction as this person has it."""
        self.minutes += 1
        now = self.program.clock() + timedelta(minutes=self.minutes)
        return Transaction(self.program, self.person(login), self.session, now, events=self.events)

    def signal(self, login: str, *, state: str = "triaged", kind: str = "person", **identity: str) -> str:
        """A signal of this person's agency about one subject, linked as on submitting; the id of the subject."""
        tx = self.by(login)
        signal = self._signal(tx, state)
        subject = Subject(id=tx.new_id(), signal_id=signal.id, number=1, kind=kind, role="possible_victim")
        self.session.add(subject)
        self.session.flush()
        made = storing.keep(tx, subject.id, identity_from(kind, identity or ZORINKA))
        linking.propose(tx, signal, [made])
        return subject.id

    def _signal(self, tx: Transaction, state: str) -> Signal:
        made = Signal(
            id=tx.new_id(), reference=fresh_reference(tx, "S", Signal.reference), owner_agency=tx.actor.agency_id,
            submitter=tx.actor.account_id, capacity="x", table_id=self.session.scalars(select(RegionalTable.id)).first(),
            state=state, urgency="five-working-days", created_at=tx.now, facts={}, form_rows={}, indicators={}, flags=[],
            consent={}, narrative_masked="", owner_sealed=b"x", advice={}, policy_digest="x", missing=[],
            keep_until=date(2030, 1, 1),
        )  # fmt: skip
        self.session.add(made)
        self.session.flush()
        return made

    def reference(self, subject_id: str) -> str:
        """The reference of the signal that a subject stands in."""
        query = select(Signal.reference).join(Subject, Subject.signal_id == Signal.id).where(Subject.id == subject_id)
        return self.session.scalars(query).one()

    def links(self) -> list[Link]:
        """All links, the oldest first."""
        return list(self.session.scalars(select(Link).order_by(Link.proposed_at, Link.id)))

    def between(self, one: str, other: str) -> Link:
        """The link between two subjects."""
        low, high = sorted((one, other))
        return self.session.scalars(select(Link).where(Link.subject_a == low, Link.subject_b == high)).one()

    def confirmed(self, one: str, other: str, *logins: str) -> Link:
        """The link between two subjects, confirmed by these people."""
        found = self.between(one, other)
        for login in logins:
            linking.decide(self.by(login), found.id, confirmed=True)
        assert found.state == LinkState.CONFIRMED
        return found

    def groups(self) -> set[frozenset[str]]:
        """The groups as they are stored."""
        found: dict[str, set[str]] = {}
        for row in self.session.scalars(select(SubjectGroup)):
            found.setdefault(row.group_id, set()).add(row.subject_id)
        return {frozenset(group) for group in found.values()}

    def connected(self) -> set[frozenset[str]]:
        """What the confirmed links connect, worked out anew."""
        clusters = Clusters()
        pairs = [(one.subject_a, one.subject_b) for one in self.links() if one.state == LinkState.CONFIRMED]
        for first, second in pairs:
            clusters.join(first, second)
        parts: dict[str, set[str]] = {}
        for one in {side for pair in pairs for side in pair}:
            parts.setdefault(clusters.key(one), set()).add(one)
        return {frozenset(part) for part in parts.values()}

    def told(self, action: str) -> list[dict[str, Any]]:
        """The details of what was recorded under an action."""
        return [event.details for event in self.events if event.action == action]


@contextmanager
def at_desk(program: Program) -> Iterator[Desk]:
    """A desk of which nothing stays."""
    with program.write_sessions() as session:
        yield Desk(program, session, cache(lambda login: actors.actor_of_login(program, login)))
        session.rollback()
