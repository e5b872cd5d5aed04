"""The history of links: acts are added and never changed, and what a link is now follows from them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select

from signaltable import advisory
from signaltable.domain import LinkDeed, LinkState
from signaltable.flow import sealing
from signaltable.flow.masking import text_hash
from signaltable.link_acts import Act, state_of, verdicts
from signaltable.models import Link, LinkAct, LinkVerdict, Signal, Subject
from signaltable.queries import subject_not_kept_from
from signaltable.transaction import Transaction, in_whole


@dataclass(slots=True)
class Case:
    """A link in hand: the row, the signals of its two sides by subject, and its acts so far."""

    link: Link
    signals: Mapping[str, Signal]
    acts: list[Act]

    @property
    def owners(self) -> frozenset[str]:
        """The agencies that decide about it."""
        return frozenset(signal.owner_agency for signal in self.signals.values())

    @property
    def sides(self) -> tuple[str, str]:
        """The two subjects."""
        return self.link.subject_a, self.link.subject_b

    @property
    def references(self) -> list[str]:
        """The references of the signals, in a fixed order."""
        return sorted({signal.reference for signal in self.signals.values()})

    @property
    def state(self) -> LinkState:
        """Where the link stands by its acts."""
        return state_of(self.acts, self.owners, self.link.origin)

    def answer_of(self, agency_id: str) -> LinkDeed | None:
        """What an agency answered, as it stands now."""
        return verdicts(self.acts).get(agency_id)


@in_whole("a link has two sides, of two agencies")
def case_of(tx: Transaction, link: Link) -> Case:
    """A link with its sides and its history."""
    rows = tx.session.execute(
        select(Subject.id, Signal)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(Subject.id.in_((link.subject_a, link.subject_b))),
    ).all()
    return Case(link, dict(rows), list(acts_of(tx, [link.id]).get(link.id, ())))


def link_not_kept_from(tx: Transaction) -> ColumnElement[bool]:
    """The condition that leaves links out of which either side stands in a case that the actor is kept from."""
    return subject_not_kept_from(tx, Link.subject_a) & subject_not_kept_from(tx, Link.subject_b)


@in_whole("a link has two sides, of two agencies")
def acts_of(tx: Transaction, link_ids: Collection[str]) -> dict[str, list[Act]]:
    """Link id -> its acts in their order. An answer from before acts were kept counts as one."""
    query = select(LinkAct).where(LinkAct.link_id.in_(link_ids)).order_by(LinkAct.link_id, LinkAct.number)
    found: dict[str, list[Act]] = {}
    for row in tx.session.scalars(query):
        found.setdefault(row.link_id, []).append(_act(row))
    for link_id, act in _answers_before(tx, set(link_ids) - set(found)):
        found.setdefault(link_id, []).append(act)
    return found


def _act(row: LinkAct) -> Act:
    return Act(row.id, LinkDeed(row.act), row.agency_id, row.account_id, row.at, row.undoes, row.cause)


def _answers_before(tx: Transaction, link_ids: Collection[str]) -> Iterable[tuple[str, Act]]:
    query = select(LinkVerdict).where(LinkVerdict.link_id.in_(link_ids)).order_by(LinkVerdict.at, LinkVerdict.agency_id)
    for row in tx.session.scalars(query):
        deed = LinkDeed.CONFIRM if row.confirmed else LinkDeed.REFUSE
        yield row.link_id, Act("", deed, row.agency_id, row.account_id, row.at)


@in_whole("a link has two sides, of two agencies")
def add(tx: Transaction, case: Case, deed: LinkDeed, words: str = "", *, undoes: str = "", cause: str = "") -> Act:
    """Add an act of the actor to the history of a link, and let the link follow. The words are sealed for its agency."""
    keep_answers_before(tx, case)
    act = Act(tx.new_id(), deed, tx.actor.agency_id, tx.actor.account_id, tx.now, undoes, cause)
    _store(tx, case, act, len(case.acts) + 1, words)
    case.acts.append(act)
    _follow(tx, case)
    return act


@in_whole("a link has two sides, of two agencies")
def keep_answers_before(tx: Transaction, case: Case) -> None:
    """Acts for answers from before acts were kept, so that the history holds all."""
    if case.acts and not case.acts[0].id:
        made = [Act(tx.new_id(), act.deed, act.agency_id, act.account_id, act.at) for act in case.acts]
        for number, act in enumerate(made, start=1):
            _store(tx, case, act, number, "")
        case.acts[:] = made


def _store(tx: Transaction, case: Case, act: Act, number: int, words: str) -> None:
    sealed = sealing.seal_json(tx, act.agency_id, {"text": words}, place_of(act.id)) if words else b""
    row = LinkAct(
        id=act.id,
        link_id=case.link.id,
        number=number,
        act=act.deed,
        agency_id=act.agency_id,
        account_id=act.account_id,
        reason_sealed=sealed,
        undoes=act.undoes,
        cause=act.cause,
        at=act.at,
    )
    tx.session.add(row)
    tx.session.flush()


def place_of(act_id: str) -> str:
    """What the sealed reason of an act is bound to."""
    return f"link_acts|reason_sealed|{act_id}"


def _follow(tx: Transaction, case: Case) -> None:
    """Let the row and the answers say what the acts say."""
    link, state = case.link, case.state
    link.state = state
    link.ended_at = tx.now if state is LinkState.ENDED else None
    given = {agency: deed for agency, deed in verdicts(case.acts).items() if agency in case.owners}
    kept = {row.agency_id: row for row in tx.session.scalars(select(LinkVerdict).where(LinkVerdict.link_id == link.id))}
    for agency in kept.keys() - given.keys():
        tx.session.execute(delete(LinkVerdict).where(LinkVerdict.link_id == link.id, LinkVerdict.agency_id == agency))
    for agency in given.keys() - kept.keys():
        act = next(one for one in reversed(case.acts) if one.agency_id == agency)
        tx.session.add(
            LinkVerdict(
                link_id=link.id,
                agency_id=agency,
                account_id=act.account_id,
                confirmed=given[agency] is LinkDeed.CONFIRM,
                at=act.at,
            )
        )
    for agency in given.keys() & kept.keys():
        kept[agency].confirmed = given[agency] is LinkDeed.CONFIRM
    tx.session.flush()


def record(tx: Transaction, case: Case, action: str, words: str = "", **details: object) -> None:
    """An entry about what was done with a link; the words themselves stay out of the log."""
    told: dict[str, object] = {"link": case.link.id, "signals": case.references, "strength": case.link.outcome}
    if words:
        told["motivation_hash"] = text_hash(words)
    tx.record(
        action,
        object_type="link",
        object_id=case.link.id,
        details=told | details,
        subjects=case.sides,
    )


def one_at_a_time(tx: Transaction) -> None:
    """Wait until nobody else is deciding about links: two decisions about one group must see each other.

    On SQLite a writing transaction is alone already.
    """
    advisory.hold(tx.session, advisory.LINKS)
