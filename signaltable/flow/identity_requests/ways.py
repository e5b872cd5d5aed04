"""About whom somebody may ask: a case on the table, a question to the own agency, or a disclosure that it received.

An address names what somebody saw on their screen and the pseudonym that stood there; it never names anything else.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import GONE, DisclosureState, NotFound, Refused, Resource, State
from signaltable.flow import mailing
from signaltable.flow.dossier import TABLE, pseudonym, reader_of
from signaltable.flow.rights.emergencies import is_running
from signaltable.models import Disclosure, EmergencyAccess, Question, Signal, Subject
from signaltable.queries import (
    disclosure_by_reference,
    kept_from_signal,
    on_an_agenda,
    seated_at,
    signal_by_reference,
    subjects_of,
)
from signaltable.transaction import Transaction, in_whole

CASE, QUESTION, DISCLOSURE = "zaak", "vraag", "verstrekking"
WAYS: Final = (CASE, QUESTION, DISCLOSURE)
# Of what was given back the receiver holds nothing any more.
_HELD: Final = (DisclosureState.DISCLOSED, DisclosureState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Whom:
    """The subject somebody asks about, as it stood before them."""

    signal: Signal
    subject: Subject
    way: str
    thing: str
    known_as: str


def find(tx: Transaction, way: str, thing: str, known_as: str) -> Whom:
    """The subject behind a pseudonym on a screen of the actor.

    Raises `NotFound` when nothing of that name stands there, and `Refused` (no_permission, own_signal, other_table) for
    who may not ask about it.
    """
    signal, reader = _SCREENS[way](tx, thing) if way in _SCREENS else _nothing()
    require_reach(tx, signal)
    for subject in subjects_of(tx, signal.id):
        if subject.erased_at is None and pseudonym(tx, reader, subject.id) == known_as:
            return Whom(signal, subject, way, thing, known_as)
    raise NotFound("nobody of this name stands there")


def require_reach(tx: Transaction, signal: Signal) -> None:
    """Raise `Refused`, recorded, unless the actor's agency works on this case and does not own it."""
    if signal.owner_agency == tx.actor.agency_id:
        raise _refused(signal, "own_signal")
    resource = Resource(
        "signal",
        signal.reference,
        owner_agency=signal.owner_agency,
        # Whoever works on the case counts as having it on an agenda.
        table_agencies=within_reach(tx, signal),
        on_agenda=True,
        case_id=signal.id,
        state=signal.state,
        kept_from=kept_from_signal(tx, signal.id),
    )
    require(tx.actor, Permission.IDENTITY_REQUEST_TABLED, resource)


def within_reach(tx: Transaction, signal: Signal, *, led_by: str = "", asker: str = "") -> frozenset[str]:
    """The agencies that work on the case: its table once it is there, who was asked about it, and who received it.

    Whoever leads a table works on its cases before they are on an agenda: the actor by role, or the agency `led_by`. So does
    whoever opened the case in acute danger, for as long as that lasts: the account `asker`, the actor's without one.
    """
    seated = seated_at(tx, signal.table_id)
    leads = isinstance(may(tx.actor, Permission.DOSSIER_CONSULT_OWN_TABLE), Allowed)
    leading = frozenset({tx.actor.agency_id}) if leads else _leading(tx, led_by)
    at_table = seated if on_an_agenda(tx, signal.id) else seated & leading
    asked = tx.session.scalars(
        select(Question.agency_id).where(
            Question.signal_id == signal.id, (Question.withdrawn_at.is_(None)) | (Question.answer != "")
        )
    )
    received = select(Disclosure.recipient_agency).where(Disclosure.signal_id == signal.id, Disclosure.state.in_(_HELD))
    # Who left the table is no partner of it any more, asked before or not.
    others = frozenset(tx.session.scalars(received)) | _in_danger(tx, signal, asker or tx.actor.account_id)
    return at_table | (frozenset(asked) & seated) | others


@in_whole("the owner's second person asks whether the access of who asked still runs")
def _in_danger(tx: Transaction, signal: Signal, account_id: str) -> frozenset[str]:
    of_case = EmergencyAccess.signal_id == signal.id, EmergencyAccess.account_id == account_id
    return frozenset(tx.session.scalars(select(EmergencyAccess.agency_id).where(*of_case, is_running(tx.now))))


def _leading(tx: Transaction, agency_id: str) -> frozenset[str]:
    leaders = mailing.accounts_with(tx, [agency_id], Permission.DOSSIER_CONSULT_OWN_TABLE) if agency_id else ()
    return frozenset({agency_id}) if leaders else frozenset()


def _refused(signal: Signal, reason: str) -> Refused:
    return Refused(
        reason,
        object_type="signal",
        object_id=signal.reference,
        details={"permission": Permission.IDENTITY_REQUEST_TABLED.value},
    )


def _nothing() -> tuple[Signal, str]:
    raise NotFound("no such page")


def _at_the_table(tx: Transaction, thing: str) -> tuple[Signal, str]:
    signal = signal_by_reference(tx, thing)
    if State(signal.state) in GONE:
        raise NotFound("the signal was taken back or has expired")
    return signal, reader_of(signal, TABLE)


def _asked_about(tx: Transaction, thing: str) -> tuple[Signal, str]:
    question = tx.session.get(Question, thing)
    if question is None or question.agency_id != tx.actor.agency_id or question.subject_id is None:
        raise NotFound("no such question")
    return tx.session.get_one(Signal, question.signal_id), question.agency_id


def _received(tx: Transaction, thing: str) -> tuple[Signal, str]:
    row = disclosure_by_reference(tx, thing)
    if row.recipient_agency != tx.actor.agency_id or row.state not in _HELD:
        raise NotFound("no such disclosure")
    return tx.session.get_one(Signal, row.signal_id), row.recipient_agency


_SCREENS = {CASE: _at_the_table, QUESTION: _asked_about, DISCLOSURE: _received}
