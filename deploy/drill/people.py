"""The people of the drill: those of the demo region, by the use cases of the pages."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from deploy.drill.machines import Machine
from signaltable.db import Base
from signaltable.demo import cases, disclosures, reporting
from signaltable.demo.story import Demo, Step
from signaltable.flow import setup, subject_erasures
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.migrating import migrate
from signaltable.models import Signal, Subject, SubjectField, SubjectKey
from signaltable.program import open_program
from signaltable.transaction import Program, reading, transaction

WHY = "Dit is een oefening met verzonnen mensen."
SAFE = {"asker": "checked", "danger": "no", "needed": "no"}
LOOKS = "the drill looks for what has to be gone"


def make_region(machine: Machine) -> Program:
    """Keys, tables and the demo region without its cases, as `signaltable init` makes them."""
    settings = machine.settings
    settings.home.mkdir(mode=0o700, parents=True)
    setup.make_keys(settings)
    migrate(settings)
    program = open_program(settings)
    then = replace(program, clock=lambda: datetime.now(UTC) - timedelta(hours=2))
    setup.start_log(then)
    setup.seed_region(then, setup.new_demo_password())
    return program


class Work:
    """People of the demo region at work, by the use cases of the pages."""

    def __init__(self, program: Program) -> None:
        told = cases.read()
        self._told = told
        self._demo = Demo(
            program, datetime.now(UTC).date(), {case: one.get("signal", {}) for case, one in told.items()}
        )

    @property
    def references(self) -> dict[str, str]:
        """The references of the signals, by case."""
        return self._demo.references

    def submit(self, case: str) -> None:
        """Its reporter reports it."""
        reporting.submit(self._demo, self._step(case, self._first(case, "submit")))

    def disclose(self, case: str) -> None:
        """Its owner discloses it, on the ground and with the evidence of the demo."""
        disclosures.disclose(self._demo, self._step(case, self._first(case, "disclose")))

    def withdraw(self, case: str) -> None:
        """Its owner takes it back."""
        reporting.withdraw(self._demo, self._step(case, {"by": self._first(case, "submit")["by"], "reason": "mistake"}))

    def erase(self, case: str) -> str:
        """One person of it is erased on request, by two people. The id of that subject."""
        by, reference = str(self._first(case, "submit")["by"]), self._demo.references[case]
        officer, focal = (actor_of_login(self._demo.program, login) for login in (f"fg.{by}", by))
        with transaction(self._demo.program, officer) as tx:
            asked = subject_erasures.request(tx, reference, 1, ground="consent_withdrawn", reason=WHY)
        with transaction(self._demo.program, focal) as tx:
            subject_erasures.erase(tx, asked, answers=SAFE, reason=WHY)
        return subject_of(self._demo.program, reference)

    def _first(self, case: str, verb: str) -> Mapping[str, Any]:
        return next(said for said in self._told[case]["step"] if said["do"] == verb)

    def _step(self, case: str, said: Mapping[str, Any]) -> Step:
        return Step(self._demo.program.clock(), case, str(said.get("do", "")), said)


def subject_of(program: Program, reference: str) -> str:
    with reading(program, whole=LOOKS) as session:
        query = select(Subject.id).join(Signal).where(Signal.reference == reference, Subject.number == 1)
        return session.scalars(query).one()


def sealed_of(program: Program, subject_id: str) -> frozenset[bytes]:
    """Every key and every sealed field of a person, as they stand in the database."""
    with reading(program, whole=LOOKS) as session:
        keys = session.scalars(select(SubjectKey.wrapped).where(SubjectKey.subject_id == subject_id))
        fields = session.scalars(select(SubjectField.sealed).where(SubjectField.subject_id == subject_id))
        return frozenset(map(bytes, (*keys, *fields)))


def blobs(program: Program) -> Iterator[bytes]:
    with reading(program, whole=LOOKS) as session:
        for table in Base.metadata.sorted_tables:
            for values in session.execute(select(table)):
                yield from (bytes(one) for one in values if isinstance(one, bytes | memoryview))


def tags_of(program: Program, subject_id: str) -> int:
    with reading(program, whole=LOOKS) as session:
        query = "SELECT (SELECT count(*) FROM match_tags WHERE subject_id = :id) + (SELECT count(*) FROM match_sketches WHERE subject_id = :id)"
        return int(session.execute(text(query), {"id": subject_id}).scalar_one())
