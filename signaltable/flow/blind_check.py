"""A blind check: a partner's own list against the open questions to it, in memory, and only the hits come back.

The list is never stored, not even for a moment. Its lines become match tags in the memory of one process; what comes back
says which line may be the subject of which question, to the partner that keeps the list. Nobody else learns anything:
whether a hit is answered, and how, a person decides at the question. How many lists and lines is limited
(policies/budgets.toml), because a list of invented names would be a way to guess.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select, true

from signaltable import link
from signaltable.access import Permission, require
from signaltable.domain import ANSWERABLE, Refused, Resource, UnusableInput
from signaltable.flow import budget
from signaltable.flow.dossier import pseudonym
from signaltable.flow.linking.sides import ANY_VERSION, Stored, excluded_among, stored
from signaltable.flow.setup import INSTALLER
from signaltable.grounds import CONSULT
from signaltable.identity import Identity, identity_from, validate_identity
from signaltable.models import Question, Signal, Subject
from signaltable.person_list import ListLine, PersonList, UnusableList, read_list
from signaltable.pseudonymise import Tag, match_tags
from signaltable.queries import for_own_purposes, not_kept_from
from signaltable.transaction import Program, Transaction

FILE: Final = "file"
# Progress is told after so many lines.
STEP: Final = 100
_CLOSEST: Final[Mapping[str, int]] = {"match": 0, "possible": 1}

Begin = Callable[[], AbstractContextManager[Transaction]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """An open question to the agency, with what the linking step knows of its subject."""

    question: str
    agency: str
    pseudonym: str
    kind: str
    subject: str
    stored: Stored = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """A line of the list that may be the subject of a question: `match` or `possible`, and what was compared."""

    question: str
    agency: str
    pseudonym: str
    line: int
    id: str = field(repr=False)
    outcome: str
    compared: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell that could not be read and was left out, by line and field; never with what stood there."""

    line: int
    field: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check gave: how many lines were compared with how many questions, and what came of it.

    `left`: how many lists the actor may still compare today; None on the machine itself, where nothing is counted.
    """

    lines: int
    questions: int
    hits: tuple[Hit, ...]
    unreadable: tuple[Unreadable, ...]
    left: int | None


def check(program: Program, begin: Begin, content: bytes, *, progress: Progress | None = None) -> Outcome:
    """Compare a CSV file with the open questions of the actor's agency. `begin` opens a transaction of the actor.

    Nothing of the list reaches the database, the log or the disk. The comparing is done between two transactions, since
    it takes seconds: the first counts the check against the budget, the second records it, and only then the hits are
    given. Whoever runs the program on its machine, and is nobody's account, compares with the questions to all agencies.
    Raises `UnusableInput` at `file` for a file that cannot be read, `Refused` (budget_person, budget_agency).
    """
    with begin() as tx:
        # Who gives a login at the command line is that account, with its questions and its budget, and nobody more.
        on_machine = tx.actor.account_id == INSTALLER.account_id
        if not on_machine:
            require(tx.actor, Permission.ENRICH_ANSWER_ASKED, _own(tx))
        listed = _read(tx, content)
        asked = _asked(tx, everywhere=on_machine)
        excluded = excluded_among(tx, [tag.digest for one in asked for tag in one.stored.side.tags])
        left = None if on_machine else _spend(tx, len(listed.lines))
    compared = _Comparing(program, asked, excluded)
    hits = compared.with_all(listed, progress)
    with begin() as tx:
        _record(tx, listed, asked, hits)
    return Outcome(len(listed.lines), len(asked), hits, tuple(compared.unreadable), left)


def checks_left(tx: Transaction) -> int:
    """How many lists the actor may still compare today."""
    return budget.left(tx, budget.BLIND_CHECK).usable


def _own(tx: Transaction) -> Resource:
    return Resource("agency", tx.actor.agency_id, asked_agencies=frozenset({tx.actor.agency_id}), purpose=CONSULT)


def _read(tx: Transaction, content: bytes) -> PersonList:
    try:
        listed = read_list(content, most=budget.rule(tx, budget.BLIND_CHECK).lines)
    except UnusableList as error:
        raise UnusableInput({FILE: str(error)}) from None
    if not listed.lines:
        raise UnusableInput({FILE: "expected at least one line below the headings"})
    return listed


def _asked(tx: Transaction, *, everywhere: bool) -> list[Asked]:
    """The questions to the actor's agency that wait for an answer, with the stored sides of their subjects."""
    whose = true() if everywhere else Question.agency_id == tx.actor.agency_id
    rows = tx.session.execute(
        select(Question.id, Question.agency_id, Subject.id, Subject.kind)
        .join(Signal, Signal.id == Question.signal_id)
        .join(Subject, Subject.id == Question.subject_id)
        .where(
            whose,
            Question.answer == "",
            Question.withdrawn_at.is_(None),
            Signal.state.in_(ANSWERABLE),
            Subject.erased_at.is_(None),
            not_kept_from(tx, Signal.id),
            for_own_purposes(tx, Question.purpose),
        )
        .order_by(Question.due_on, Question.id)
    ).all()
    sides = stored(tx, {row[2] for row in rows})
    return [
        Asked(question, agency, pseudonym(tx, agency, subject), kind, subject, sides[subject])
        for question, agency, subject, kind in rows
    ]


def _spend(tx: Transaction, lines: int) -> int:
    return budget.spend(tx, budget.BLIND_CHECK, lambda reason: _too_many(tx, reason, lines)).usable


def _too_many(tx: Transaction, reason: str, lines: int) -> Refused:
    return Refused(
        reason,
        action="enrich:search",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"count": lines, "hits": 0},
    )


def _record(tx: Transaction, listed: PersonList, asked: Sequence[Asked], hits: Sequence[Hit]) -> None:
    """One entry for each agency whose questions were compared; for the actor's own also when there were none."""
    hit = {one.question for one in hits}
    for agency in sorted({one.agency for one in asked}) or [tx.actor.agency_id]:
        own = [one for one in asked if one.agency == agency]
        found = [one for one in own if one.question in hit]
        tx.record(
            "enrich:search",
            object_type="agency",
            object_id=agency,
            details={"count": len(listed.lines), "hits": len(found), "asks": len(own)},
            subjects=sorted({one.subject for one in found}),
        )


# -- comparing -----------------------------------------------------------------------------------------------------


class _Comparing:
    """One list against the open questions; lives as long as the check and keeps nothing."""

    def __init__(self, program: Program, asked: Sequence[Asked], excluded: frozenset[bytes]) -> None:
        self._program = program
        self._excluded = excluded
        self._policy = program.policy.linking
        self._kinds = sorted({one.kind for one in asked})
        self._secrets = {
            version: program.keys.derive("match", "tags", version) for version in program.keys.usable("match")
        }
        self._holders: dict[tuple[str, bytes], list[Asked]] = defaultdict(list)
        for one in asked:
            for tag in one.stored.side.tags:
                if tag.digest not in excluded:
                    self._holders[tag.set_id, tag.digest].append(one)
        self.unreadable: list[Unreadable] = []

    def with_all(self, listed: PersonList, progress: Progress | None) -> tuple[Hit, ...]:
        """The hits of every line, in the order of the list; each line with a question once, by its closest outcome."""
        found: list[Hit] = []
        for done, line in enumerate(listed.lines, start=1):
            found.extend(self._with(line))
            if progress and (done % STEP == 0 or done == len(listed.lines)):
                progress(done, len(listed.lines))
        return tuple(found)

    def _with(self, line: ListLine) -> list[Hit]:
        hits: dict[str, Hit] = {}
        for kind in self._kinds:
            identity = self._identity(kind, line)
            for version, secret in self._secrets.items():
                tags = match_tags(secret, identity, version=version, policy=self._policy)
                for one in self._sharing(tags):
                    hit = self._compared(identity, version, tags, one, line)
                    if hit and (one.question not in hits or _closer(hit, hits[one.question])):
                        hits[one.question] = hit
        return list(hits.values())

    def _sharing(self, tags: Sequence[Tag]) -> list[Asked]:
        met = {one.question: one for tag in tags for one in self._holders.get((tag.set_id, tag.digest), ())}
        return list(met.values())

    def _compared(
        self, identity: Identity, version: int, tags: tuple[Tag, ...], one: Asked, line: ListLine
    ) -> Hit | None:
        sketch = b""
        if one.stored.version not in {ANY_VERSION, version}:
            return None
        if one.stored.version == version:
            sketch = link.sketch(self._program.keys.derive("match", "pieces", version), identity, self._policy)
        proposal = link.compare(link.Side(tags, sketch), one.stored.side, self._policy, self._excluded)
        if proposal.outcome == "none":
            return None
        compared = {name: likeness for name, likeness in proposal.compared if likeness != "missing"}
        return Hit(one.question, one.agency, one.pseudonym, line.number, line.id, str(proposal.outcome), compared)

    def _identity(self, kind: str, line: ListLine) -> Identity:
        """What can be read of a line, as a subject of this kind; what cannot is left out and counted."""
        policy = self._program.policy.identifiers
        values = {name: value for name, value in line.values.items() if name in policy.kind_of(kind).fields}
        today = self._program.clock().date()
        for name, _text in validate_identity(Identity(kind=kind, **values), policy, today=today):
            values.pop(name, None)
            if (bad := Unreadable(line.number, name)) not in self.unreadable[-len(policy.kind_of(kind).fields) :]:
                self.unreadable.append(bad)
        return identity_from(kind, values)


def _closer(one: Hit, other: Hit) -> bool:
    return _CLOSEST[one.outcome] < _CLOSEST[other.outcome]
