"""Who relied on a link is told when it turns out wrong, or when it counts again: a line on their pages and a mail.

Neither names the other side: an owner reads its own signal, the table the signal that lies there, a receiver the
disclosure that it got. The mail holds nothing at all.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, false, select

from signaltable.access import Allowed, Permission, may
from signaltable.domain import NotFound, Refused
from signaltable.flow import mailing
from signaltable.flow.linking.history import link_not_kept_from
from signaltable.models import Disclosure, Link, LinkAct, LinkNotice, Signal, Subject, TableMember
from signaltable.queries import kept_from, mine, not_kept_from, on_an_agenda
from signaltable.transaction import Transaction, in_whole

OWNER, TABLE, RECEIVER = "owner", "table", "receiver"
WRONG, RESTORED, ERASED = "wrong", "restored", "erased"
# Whose page shows which notices.
READERS: dict[str, tuple[Permission, ...]] = {
    OWNER: (Permission.LINK_DECIDE_OWN,),
    TABLE: (Permission.LINK_CONSULT_OWN_TABLE, Permission.DOSSIER_CONSULT_TABLED),
    RECEIVER: (Permission.REFERRAL_RECEIVE_OWN,),
}
NOTICE_READERS = tuple(dict.fromkeys(permission for needed in READERS.values() for permission in needed))
MOST_NOTICES = 50
MAIL = "link-ended"


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for somebody who may have relied on a link. `reference` is that of the own signal or received disclosure.

    `kind`: the link was wrong, it counts again (restored), or it is gone because the other side was erased.
    """

    id: str
    relation: str
    reference: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Told:
    agency_id: str
    relation: str
    signal_id: str
    disclosure_id: str | None = None


@in_whole("who relied on a link is told, whoever that is")
def tell(tx: Transaction, act_id: str, subject_ids: Collection[str], since: datetime, kind: str = WRONG) -> list[str]:
    """Tell everybody who saw or got something on the strength of a link of these subjects since that moment.

    Owners of the signals, the coordinators of the tables where they lie, the members once one was on an agenda, and
    receivers of disclosures of these signals. Returns the agencies that were told, without those to which a receiver
    passed something on: the log shows these to whoever ends the link, who does not know of them.
    """
    about = select(Subject.signal_id).where(Subject.id.in_(list(subject_ids)))
    signals = tx.session.scalars(select(Signal).where(Signal.id.in_(about)).order_by(Signal.id)).all()
    told: list[_Told] = [*_owners(signals), *_tables(tx, signals), *_receivers(tx, signals, since)]
    for one in dict.fromkeys(told):
        _note(tx, act_id, one, kind=kind)
    # Whoever is kept from one of them hears nothing: that a link ended says that the other side is there.
    apart = kept_from(tx, [signal.id for signal in signals]).values()
    mailing.tell(tx, _people(tx, told, signals).difference({tx.actor.account_id}, *apart), MAIL, task=("work", ""))
    return _known(tx, told)


@in_whole("who relied on a link is told, whoever that is")
def tell_again(tx: Transaction, act_id: str, undone: str) -> list[str]:
    """Tell those who were told by an act that it was taken back: the link counts again."""
    before = tx.session.scalars(select(LinkNotice).where(LinkNotice.act_id == undone)).all()
    people: set[str] = set()
    again = [_Told(one.agency_id, one.relation, one.signal_id, one.disclosure_id) for one in before]
    for told in again:
        _note(tx, act_id, told, kind=RESTORED)
        people |= _people(tx, [told], [tx.session.get_one(Signal, told.signal_id)])
    apart = kept_from(tx, {one.signal_id for one in before}).values()
    mailing.tell(tx, people.difference({tx.actor.account_id}, *apart), MAIL, task=("work", ""))
    return _known(tx, again)


def _known(tx: Transaction, told: Iterable[_Told]) -> list[str]:
    """The agencies that were told for another reason than that somebody passed something on to them."""
    passed_on = select(Disclosure.id).where(
        Disclosure.id.in_({one.disclosure_id for one in told if one.disclosure_id}), Disclosure.parent_id.is_not(None)
    )
    further = set(tx.session.scalars(passed_on))
    return sorted({one.agency_id for one in told if one.disclosure_id not in further})


def _note(tx: Transaction, act_id: str, one: _Told, *, kind: str) -> None:
    tx.session.add(
        LinkNotice(
            id=tx.new_id(),
            act_id=act_id,
            agency_id=one.agency_id,
            relation=one.relation,
            signal_id=one.signal_id,
            disclosure_id=one.disclosure_id,
            kind=kind,
            at=tx.now,
        )
    )


def _owners(signals: Iterable[Signal]) -> Iterable[_Told]:
    return (_Told(signal.owner_agency, OWNER, signal.id) for signal in signals)


def _tables(tx: Transaction, signals: Iterable[Signal]) -> Iterable[_Told]:
    """The coordinators see a confirmed link in their list; other members in the dossier of what was on an agenda."""
    for signal in signals:
        seats = tx.session.scalars(select(TableMember.agency_id).where(TableMember.table_id == signal.table_id)).all()
        coordinating, member = READERS[TABLE]
        for agency in seats:
            coordinates = mailing.accounts_with(tx, [agency], coordinating)
            reads = on_an_agenda(tx, signal.id) and mailing.accounts_with(tx, [agency], member)
            if coordinates or reads:
                yield _Told(agency, TABLE, signal.id)


def _receivers(tx: Transaction, signals: Iterable[Signal], since: datetime) -> Iterable[_Told]:
    query = select(Disclosure.recipient_agency, Disclosure.signal_id, Disclosure.id).where(
        Disclosure.signal_id.in_([signal.id for signal in signals]), Disclosure.disclosed_at >= since
    )
    for agency, signal_id, disclosure_id in tx.session.execute(query):
        yield _Told(agency, RECEIVER, signal_id, disclosure_id)


def _people(tx: Transaction, told: Sequence[_Told], signals: Iterable[Signal]) -> set[str]:
    """The accounts behind those who are told: who submitted the signals, and who reads such a line elsewhere."""
    people = {signal.submitter for signal in signals}
    for relation in (TABLE, RECEIVER):
        agencies = {one.agency_id for one in told if one.relation == relation}
        for permission in READERS[relation]:
            people.update(mailing.accounts_with(tx, agencies, permission) if agencies else ())
    return people


def notices(tx: Transaction) -> list[Notice]:
    """The lines that wait to be read by somebody with the actor's role at its agency, the newest first."""
    relations = [one for one, needed in READERS.items() if any(_holds(tx, permission) for permission in needed)]
    rows = tx.session.execute(
        select(LinkNotice, Signal.reference, Disclosure.reference)
        .join(Signal, Signal.id == LinkNotice.signal_id)
        .outerjoin(Disclosure, Disclosure.id == LinkNotice.disclosure_id)
        .where(
            LinkNotice.agency_id == tx.actor.agency_id,
            LinkNotice.read_at.is_(None),
            LinkNotice.relation.in_(relations),
            not_kept_from(tx, LinkNotice.signal_id),
            ~_is_kept_from(tx),
        )
        .order_by(LinkNotice.at.desc(), LinkNotice.id)
        .limit(MOST_NOTICES),
    ).all()
    return [Notice(one.id, one.relation, disclosure or signal, one.kind, one.at) for one, signal, disclosure in rows]


def _is_kept_from(tx: Transaction) -> ColumnElement[bool]:
    """Whether the notice tells of a link of which either side stands in a case that the actor is kept from."""
    if not mine(tx):
        return false()
    # Asked of each notice: a list of all acts grows with the region, and has to be read whole.
    return exists().where(LinkAct.id == LinkNotice.act_id, Link.id == LinkAct.link_id, ~link_not_kept_from(tx))


def _holds(tx: Transaction, permission: Permission) -> bool:
    return isinstance(may(tx.actor, permission), Allowed)


def read(tx: Transaction, notice_id: str) -> None:
    """Somebody read a line and did what it asks; it goes from the page. Nothing happens when it was read already.

    Raises `NotFound` for a line of another agency or another role.
    """
    found = tx.session.get(LinkNotice, notice_id, with_for_update=True)
    needed = READERS[found.relation] if found else ()
    if found is None or found.agency_id != tx.actor.agency_id or not any(_holds(tx, one) for one in needed):
        raise NotFound("no such notice")
    hidden = select(LinkNotice.id).where(LinkNotice.id == found.id, _is_kept_from(tx))
    if found.signal_id in mine(tx) or tx.session.scalar(hidden):
        raise Refused("conflict_of_interest", object_type="link", details={"permission": needed[0].value})
    if found.read_at is None:
        found.read_at, found.read_by = tx.now, tx.actor.account_id
    signal = tx.session.get_one(Signal, found.signal_id)
    tx.record(
        "link:acknowledge",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference},
    )
