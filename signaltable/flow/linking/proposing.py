"""Proposing links: who may be the same as a subject, once per group, and never again what people kept apart.

The number of proposals grows with the number of signals, not with its square: a subject is proposed to the best member
of each group, and to at most `TO_ONE_CLUSTER` of the subjects that proposals connect already.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import or_, select

from signaltable import link
from signaltable.db import table_of
from signaltable.domain import LinkState
from signaltable.flow import mailing
from signaltable.flow.linking import groups
from signaltable.flow.linking.candidates import MOST_CANDIDATES, TOGETHER, Place, find, places
from signaltable.flow.linking.clusters import Clusters
from signaltable.flow.linking.sides import facing, tagged
from signaltable.flow.linking.storing import TaggedSubject, keep_new
from signaltable.link_acts import TAGS
from signaltable.models import Link, Signal, Subject, SubjectGroup
from signaltable.prepared import Prepared, numbered, several
from signaltable.transaction import Transaction, in_whole

# Two, so that one owner who does not answer does not keep the others from each other.
TO_ONE_CLUSTER = 2
_BEST_FIRST = ("match", "possible")


@dataclass(frozen=True, slots=True)
class ProposedLink:
    """That there is a link, and how strong; not with what or whom."""

    id: str
    outcome: str


@in_whole("linking compares with the cases of every agency")
def propose(tx: Transaction, signal: Signal, subjects: Sequence[TaggedSubject]) -> list[ProposedLink]:
    """Compare the subjects of a new signal with all earlier ones and store what is worth a look."""
    return [made for subject in subjects for made in _propose_new(tx, subject, signal.id)]


@in_whole("linking compares with the cases of every agency")
def keep_and_propose(tx: Transaction, signal_id: str, subjects: Sequence[TaggedSubject]) -> list[ProposedLink]:
    """What links the subjects of a new signal is kept, and what is worth a look is proposed."""
    keep_new(tx, subjects)
    return [proposed for subject in subjects for proposed in _propose_new(tx, subject, signal_id)]


@in_whole("linking compares with the cases of every agency")
def again(tx: Transaction, subject_ids: Iterable[str], *, without: str = "") -> list[ProposedLink]:
    """Look anew for subjects whose links changed: what stood in the way of a proposal may be gone.

    `without` is a subject that is about to go, to which nothing is proposed any more.
    """
    rows = tx.session.execute(
        select(Subject.id, Subject.signal_id).where(Subject.id.in_(list(subject_ids)), Subject.erased_at.is_(None)),
    ).all()
    return [made for row in sorted(rows) for made in _propose_again(tx, tagged(tx, row.id), row.signal_id, without)]


@dataclass(frozen=True, slots=True)
class Likely:
    """A subject that may be the same as another one: where it stands, and what was compared."""

    subject_id: str
    place: Place
    found: link.Proposal

    @property
    def name(self) -> str:
        """What it counts as: its group, or itself."""
        return self.place.group_id or self.subject_id


@in_whole("linking compares with the cases of every agency")
def compared(tx: Transaction, subject: TaggedSubject, beside: str) -> list[Likely]:
    """The subjects of other signals than `beside` that may be the same as this one, the most likely first."""
    candidates, excluded = find(tx, subject)
    policy = tx.program.policy.linking
    alike = {}
    for one in candidates:
        found = link.compare(facing(subject, one.version), one.side, policy, excluded)
        if found.outcome in _BEST_FIRST:
            alike[one.subject_id] = found
    standing = places(tx, list(alike), beside)
    likely = [Likely(one, standing[one], found) for one, found in alike.items() if one in standing]
    return sorted(
        likely,
        key=lambda one: (_BEST_FIRST.index(one.found.outcome), -one.found.score, one.place.since, one.subject_id),
    )


def _propose_new(tx: Transaction, subject: TaggedSubject, signal_id: str) -> list[ProposedLink]:
    """Nothing links a new subject yet, so that nothing of it has to be looked up."""
    likely = compared(tx, subject, signal_id)
    return _store(tx, subject.id, _chosen(tx, {}, likely)) if likely else []


def _propose_again(tx: Transaction, subject: TaggedSubject, signal_id: str, without: str) -> list[ProposedLink]:
    likely = [one for one in compared(tx, subject, signal_id) if one.subject_id != without]
    if not likely:
        return []
    own = groups.members(tx, [subject.id])
    others = [one for one in likely if one.subject_id not in own]
    chosen = _chosen(tx, _linked(tx, own, {one.subject_id: one.place.group_id for one in others}), others)
    return _store(tx, subject.id, chosen) if chosen else []


def _chosen(tx: Transaction, linked: Mapping[str, str], likely: Sequence[Likely]) -> list[Likely]:
    """Those to propose: once per group, and not what people have in hand or decided.

    `linked`: group or lone subject -> the state of its link with the subject.
    """
    clusters = _clusters(tx, likely)
    together = [clusters.key(name) for name, state in linked.items() if state in TOGETHER]
    full = {key: together.count(key) for key in together}
    taken = set(linked)
    chosen: list[Likely] = []
    for one in likely:
        key = clusters.key(one.name)
        if one.name not in taken and full.get(key, 0) < TO_ONE_CLUSTER:
            taken.add(one.name)
            full[key] = full.get(key, 0) + 1
            chosen.append(one)
    return chosen


def _linked(tx: Transaction, own: Collection[str], groups_of: Mapping[str, str]) -> dict[str, str]:
    """Group or lone subject -> the state of its link with the subject, of any member with any member."""
    touching = or_(Link.subject_a.in_(own), Link.subject_b.in_(own))
    query = select(Link.subject_a, Link.subject_b, Link.state).where(touching)
    states: dict[str, str] = {}
    for row in tx.session.execute(query):
        other = row.subject_b if row.subject_a in own else row.subject_a
        states[other] = row.state
    if not states:
        return {}
    far = select(SubjectGroup.subject_id, SubjectGroup.group_id).where(SubjectGroup.subject_id.in_(list(states)))
    named = dict(tx.session.execute(far).all()) | {one: group for one, group in groups_of.items() if group}
    return {named.get(other, other): state for other, state in states.items()}


def _clusters(tx: Transaction, likely: Sequence[Likely]) -> Clusters:
    """Which of the candidates are one already as far as the open and confirmed links among them say."""
    clusters = Clusters()
    for one in likely:
        clusters.join(one.subject_id, one.name)
    ids = [one.subject_id for one in likely]
    if len({one.name for one in likely}) > TO_ONE_CLUSTER:
        for first, second in tx.rows(_among(len(ids)), numbered("id", ids)):
            clusters.join(first, second)
    return clusters


# -- storing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Side:
    """The signal in which a subject stands, and who submitted that."""

    signal_id: str
    reference: str
    submitter: str


def _store(tx: Transaction, subject_id: str, chosen: Sequence[Likely]) -> list[ProposedLink]:
    """Keep what the program proposes for a subject, and tell the people who have to judge it that something waits.

    With a statement for each table, however many there are: somebody who submits a signal waits for it.
    """
    sides = _sides(tx, [subject_id, *(one.subject_id for one in chosen)])
    pairs = [(sides[subject_id], sides[one.subject_id]) for one in chosen]
    hearing = mailing.hearers(
        tx, [({one.submitter, other.submitter}, {one.signal_id, other.signal_id}) for one, other in pairs]
    )
    links: list[dict[str, Any]] = []
    mails: list[dict[str, Any]] = []
    for one, pair, people in zip(chosen, pairs, hearing, strict=True):
        made = _row(tx, subject_id, one.subject_id, one.found, TAGS)
        links.append(made)
        mails += [mailing.row(tx, person, "link", task=("link", made["id"])) for person in people]
        _record(tx, made, sorted({side.reference for side in pair}))
    tx.insert(_LINKS, links)
    if mails:
        tx.insert(mailing.MAILS, mails)
    return [ProposedLink(made["id"], made["outcome"]) for made in links]


def _sides(tx: Transaction, subject_ids: Sequence[str]) -> dict[str, _Side]:
    rows = tx.rows(_signals_of(len(subject_ids)), numbered("id", subject_ids))
    return {subject_id: _Side(*signal) for subject_id, *signal in rows}


def _record(tx: Transaction, made: Mapping[str, Any], references: Sequence[str]) -> None:
    tx.record(
        "link:propose",
        object_type="link",
        object_id=made["id"],
        details={
            "link": made["id"],
            "signals": references,
            "evidence_kinds": sorted(made["compared"]),
            "strength": made["outcome"],
        },
        subjects=(made["subject_a"], made["subject_b"]),
    )


@in_whole("linking compares with the cases of every agency")
def new_link(tx: Transaction, subject_id: str, other_id: str, found: link.Proposal, origin: str) -> Link:
    """The row of a link between two subjects; it is proposed until its acts say otherwise."""
    made = Link(**_row(tx, subject_id, other_id, found, origin))
    tx.session.add(made)
    tx.session.flush()
    return made


def _row(tx: Transaction, subject_id: str, other_id: str, found: link.Proposal, origin: str) -> dict[str, Any]:
    first, second = sorted((subject_id, other_id))
    return {
        "id": tx.new_id(),
        "subject_a": first,
        "subject_b": second,
        "outcome": str(found.outcome),
        "compared": dict(found.compared),
        "state": LinkState.PROPOSED,
        "origin": origin,
        "proposed_at": tx.now,
    }


_LINKS = table_of(Link)
_links, _signals, _subjects = (table_of(one).c for one in (Link, Signal, Subject))


@lru_cache(maxsize=MOST_CANDIDATES + 1)
def _signals_of(count: int) -> Prepared:
    """The signals of so many subjects."""
    query = select(_subjects.id, _signals.id, _signals.reference, _signals.submitter)
    joined = query.join(table_of(Signal), _signals.id == _subjects.signal_id)
    return Prepared(joined.where(_subjects.id.in_(several("id", count))))


@lru_cache(maxsize=MOST_CANDIDATES)
def _among(count: int) -> Prepared:
    """The open and confirmed links among so many subjects."""
    ids = several("id", count)
    return Prepared(
        select(_links.subject_a, _links.subject_b).where(
            _links.subject_a.in_(ids), _links.subject_b.in_(ids), or_(*(_links.state == one for one in TOGETHER))
        )
    )
