"""Links: the program proposes, the owners confirm or refuse. A hit says that, never what or who."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from signaltable import link
from signaltable.access import Permission, require
from signaltable.domain import GONE, Conflict, LinkState, NotFound, Resource
from signaltable.flow import mailing, sealing
from signaltable.flow.masking import for_others
from signaltable.models import ExcludedTag, Link, LinkVerdict, MatchTag, Signal, Subject
from signaltable.pseudonymise import Tag
from signaltable.queries import links_of, subjects_of
from signaltable.transaction import Transaction

# More candidates than this means a shared value that belongs on the exclusion list; the strongest are kept.
MOST_CANDIDATES = 200

# What fits on one page of links; who has more open links than this starts with the newest.
MOST_LINES = 200
REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class TaggedSubject:
    """A subject with its match tags, as the linking step needs it."""

    id: str
    kind: str
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class ProposedLink:
    """That there is a link, and how strong; not with what or whom."""

    id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A link as one owner sees it: the own signal and subject, what was compared, and where the decision stands.

    `own_sides`: (reference, number) of the own subjects; two when both signals are of the same agency. `compared` leaves
    out what is not known on one side.
    """

    id: str
    own_sides: tuple[tuple[str, int], ...]
    subject_kind: str
    outcome: str
    compared: Mapping[str, str]
    state: str
    proposed_at: datetime
    own_verdict: bool | None
    waits_for_other: bool


def propose(tx: Transaction, signal: Signal, subjects: Sequence[TaggedSubject]) -> list[ProposedLink]:
    """Compare new subjects with all earlier ones by their tags and store what is worth a look."""
    proposed: list[ProposedLink] = []
    for subject in subjects:
        excluded = _excluded(tx, subject.tags)
        for other_id, other_tags in _candidates(tx, subject, signal.id, excluded).items():
            found = link.compare(link.Side(subject.tags), link.Side(other_tags), tx.program.policy.linking, excluded)
            if found.outcome != "none":
                proposed.append(_store(tx, subject.id, other_id, found))
    return proposed


def _excluded(tx: Transaction, tags: Iterable[Tag]) -> frozenset[bytes]:
    digests = [tag.digest for tag in tags]
    return frozenset(tx.session.scalars(select(ExcludedTag.digest).where(ExcludedTag.digest.in_(digests))))


def _candidates(
    tx: Transaction, subject: TaggedSubject, signal_id: str, excluded: frozenset[bytes]
) -> dict[str, tuple[Tag, ...]]:
    digests = [tag.digest for tag in subject.tags if tag.digest not in excluded]
    if not digests:
        return {}
    hits = tx.session.scalars(
        select(MatchTag.subject_id)
        .join(Subject, Subject.id == MatchTag.subject_id)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(
            MatchTag.digest.in_(digests),
            Subject.kind == subject.kind,
            Subject.erased_at.is_(None),
            Signal.id != signal_id,
            Signal.state.not_in(GONE),
        )
        .group_by(MatchTag.subject_id)
        .order_by(func.count().desc(), MatchTag.subject_id)
        .limit(MOST_CANDIDATES),
    ).all()
    found: dict[str, list[Tag]] = {}
    # The strength of a stored tag is not kept: `link.compare` takes weights from the rules of today.
    for row in tx.session.execute(
        select(MatchTag.subject_id, MatchTag.set_id, MatchTag.digest).where(MatchTag.subject_id.in_(hits)),
    ):
        found.setdefault(row.subject_id, []).append(Tag(row.set_id, 0, row.digest))
    return {subject_id: tuple(tags) for subject_id, tags in found.items()}


def _store(tx: Transaction, subject_id: str, other_id: str, found: link.Proposal) -> ProposedLink:
    first, second = sorted((subject_id, other_id))
    made = Link(
        id=tx.new_id(),
        subject_a=first,
        subject_b=second,
        outcome=str(found.outcome),
        compared=dict(found.compared),
        state=LinkState.PROPOSED,
        proposed_at=tx.now,
    )
    tx.session.add(made)
    tx.session.flush()
    signals = _signals_of(tx, made)
    tx.record(
        "link:propose",
        object_type="link",
        object_id=made.id,
        details={
            "link": made.id,
            "signals": sorted(signal.reference for signal in signals.values()),
            "evidence_kinds": sorted(dict(found.compared)),
            "strength": str(found.outcome),
        },
        subjects=(first, second),
    )
    mailing.tell(tx, {signal.submitter for signal in signals.values()}, "link")
    return ProposedLink(made.id, str(found.outcome))


def _signals_of(tx: Transaction, made: Link) -> dict[str, Signal]:
    """Subject id -> its signal, for the two sides of a link."""
    rows = tx.session.execute(
        select(Subject.id, Signal)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(Subject.id.in_((made.subject_a, made.subject_b))),
    ).all()
    return dict(rows)


def links_per_signal(tx: Transaction, signal_ids: Sequence[str], state: LinkState) -> dict[str, int]:
    """How many links are in this state, per signal; signals without one are missing."""
    counts: dict[str, int] = {}
    for side in (Link.subject_a, Link.subject_b):
        rows = tx.session.execute(
            select(Subject.signal_id, func.count())
            .join(Link, side == Subject.id)
            .where(Subject.signal_id.in_(signal_ids), Link.state == state)
            .group_by(Subject.signal_id),
        ).all()
        for signal_id, count in rows:
            counts[signal_id] = counts.get(signal_id, 0) + count
    return counts


def linked_agencies(tx: Transaction, signal: Signal) -> int:
    """How many agencies know a subject of this signal by a confirmed link, the owner included; 0 without links."""
    mine = [subject.id for subject in subjects_of(tx, signal.id)]
    confirmed = [found for found in links_of(tx, mine) if found.state == LinkState.CONFIRMED]
    sides = {side for found in confirmed for side in (found.subject_a, found.subject_b)}
    if not sides:
        return 0
    owners = tx.session.scalars(
        select(Signal.owner_agency).join(Subject, Subject.signal_id == Signal.id).where(Subject.id.in_(sides)),
    )
    count = len(set(owners))
    return count if count > 1 else 0


def own_links(tx: Transaction) -> list[LinkLine]:
    """The links of the actor's agency: first what waits for it, then what waits for the other owner, then the rest."""
    require(tx.actor, Permission.LINK_DECIDE_OWN, Resource("link", owner_agency=tx.actor.agency_id))
    rows = tx.session.execute(
        select(Link, Subject.number, Subject.kind, Signal.reference)
        .join(Subject, (Link.subject_a == Subject.id) | (Link.subject_b == Subject.id))
        .join(Signal, Signal.id == Subject.signal_id)
        .where(Signal.owner_agency == tx.actor.agency_id, Signal.state.not_in(GONE))
        .order_by(Link.proposed_at.desc(), Link.id)
        .limit(MOST_LINES),
    )
    sides: dict[str, list[tuple[str, int]]] = {}
    found: dict[str, tuple[Link, str]] = {}
    for row in rows:
        made, number, kind, reference = row
        sides.setdefault(made.id, []).append((reference, number))
        found[made.id] = (made, kind)
    verdicts = _own_verdicts(tx, found)
    lines = [
        _line(made, kind, sorted(sides[made.id]), confirmed=verdicts.get(made.id)) for made, kind in found.values()
    ]
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "links", "count": len(lines)},
        subjects=[side for made, _kind in found.values() for side in (made.subject_a, made.subject_b)],
    )
    return sorted(lines, key=lambda line: (_turn(line), line.own_sides))


def _turn(line: LinkLine) -> int:
    if line.state != LinkState.PROPOSED:
        return 2
    return 1 if line.waits_for_other else 0


def _own_verdicts(tx: Transaction, link_ids: Iterable[str]) -> dict[str, bool]:
    """Link id -> whether the actor's agency confirmed it; a link that it did not answer is missing."""
    query = select(LinkVerdict.link_id, LinkVerdict.confirmed).where(
        LinkVerdict.link_id.in_(list(link_ids)),
        LinkVerdict.agency_id == tx.actor.agency_id,
    )
    return {row.link_id: row.confirmed for row in tx.session.execute(query)}


def _line(found: Link, kind: str, own_sides: Sequence[tuple[str, int]], *, confirmed: bool | None) -> LinkLine:
    return LinkLine(
        id=found.id,
        own_sides=tuple(own_sides),
        subject_kind=kind,
        outcome=found.outcome,
        compared={what: how for what, how in found.compared.items() if how != "missing"},
        state=found.state,
        proposed_at=found.proposed_at,
        own_verdict=confirmed,
        waits_for_other=found.state == LinkState.PROPOSED and confirmed is not None,
    )


def decide(tx: Transaction, link_id: str, *, confirmed: bool, reason: str = "") -> str:
    """Confirm or refuse a proposed link for the actor's agency. Returns the state that follows.

    Confirmed when every owner confirmed; refused as soon as one refuses. Raises `NotFound` for somebody else's link
    (its existence is not told), `Conflict` when it is decided already, `UnusableInput` for a refusal without reason.
    """
    # Two owners who answer at the same moment must see each other's answer.
    found = tx.session.get(Link, link_id, with_for_update=True)
    signals = _signals_of(tx, found) if found else {}
    owners = {signal.owner_agency for signal in signals.values()}
    if found is None or tx.actor.agency_id not in owners:
        require(tx.actor, Permission.LINK_DECIDE_OWN)
        raise NotFound("no such link")
    require(tx.actor, Permission.LINK_DECIDE_OWN, Resource("link", link_id, owner_agency=tx.actor.agency_id))
    answered = tx.session.get(LinkVerdict, (link_id, tx.actor.agency_id))
    if found.state != LinkState.PROPOSED or answered is not None:
        raise Conflict("decided", "the link was decided already")
    words = for_others(tx, reason, "reason", limit=REASON_LIMIT, required=not confirmed)
    tx.session.add(
        LinkVerdict(
            link_id=link_id,
            agency_id=tx.actor.agency_id,
            account_id=tx.actor.account_id,
            confirmed=confirmed,
            reason_sealed=sealing.seal_json(
                tx, tx.actor.agency_id, {"text": words}, f"link_verdicts|reason_sealed|{link_id}|{tx.actor.agency_id}"
            ),
            at=tx.now,
        ),
    )
    tx.session.flush()
    found.state = _outcome(tx, found, owners)
    tx.record(
        "link:confirm" if confirmed else "link:refuse",
        object_type="link",
        object_id=link_id,
        details={
            "link": link_id,
            "signals": sorted(signal.reference for signal in signals.values()),
            "strength": found.outcome,
        },
        subjects=(found.subject_a, found.subject_b),
    )
    return found.state


def _outcome(tx: Transaction, found: Link, owners: set[str]) -> str:
    verdicts = tx.session.scalars(select(LinkVerdict).where(LinkVerdict.link_id == found.id)).all()
    if any(not verdict.confirmed for verdict in verdicts):
        return LinkState.REFUSED
    return LinkState.CONFIRMED if {verdict.agency_id for verdict in verdicts} >= owners else LinkState.PROPOSED


def refuse_all_of(tx: Transaction, signal: Signal) -> None:
    """End the open links of a signal that is taken back."""
    for found in links_of(tx, [subject.id for subject in subjects_of(tx, signal.id)]):
        if found.state == LinkState.PROPOSED:
            found.state = LinkState.REFUSED
            tx.record(
                "link:refuse",
                object_type="link",
                object_id=found.id,
                details={
                    "link": found.id,
                    "signals": sorted(side.reference for side in _signals_of(tx, found).values()),
                    "strength": found.outcome,
                    "undone": False,
                },
                subjects=(found.subject_a, found.subject_b),
            )
