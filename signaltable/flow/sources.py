"""Where what is disclosed comes from: an agency's own signal, or what it received of another's and passes on.

Both go through the same preview, gate and record (`choices`, `disclosing`, `approvals`); this says whose it is, what there
is to give, and what the values are. Of what was received nothing can go on but what stands in the frozen document.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import GONE, Conflict, DisclosureState, Resource, State, may_follow
from signaltable.flow import duty_kinds, duty_rows, naming, sealing
from signaltable.flow.contents import MASKED, NARRATIVE, SUBJECT, Contents, Holder, Readable, account_for, contents_of
from signaltable.flow.referrals import place
from signaltable.flow.weighing import Selection
from signaltable.identity import IDENTITY_FIELDS, Identity, typed_values
from signaltable.models import Disclosure, Signal
from signaltable.onward import Onward
from signaltable.payload import Payload, SentField, SentSubject, from_bytes, typed
from signaltable.queries import disclosure_by_reference, resource_of, resource_of_disclosure, signal_by_reference
from signaltable.transaction import Transaction
from signaltable.transfer_rules import Came, TransfersFile

REFERENCE: Final = "signal.reference"
# As what a disclosure is known: the letter before its reference.
RECEIVED: Final = "D-"
# Why nothing can go on of what was received (`hindrance`).
HINDRANCES: Final = frozenset({"not_accepted", "revoked", "consent_withdrawn", "erase_first", "gone", "too_deep"})
# Who holds something of a signal, or may get it in a moment.
HOLDING: Final = (DisclosureState.AWAITING_APPROVAL, DisclosureState.DISCLOSED, DisclosureState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Source:
    """What an agency can give: its own signal, or (`parent`, with the document `received`) what it got of one."""

    signal: Signal
    parent: Disclosure | None = None
    received: Payload | None = None

    @property
    def id(self) -> str:
        """The id of the row that it comes from."""
        return self.parent.id if self.parent else self.signal.id

    @property
    def provider(self) -> str:
        """The agency that gives."""
        return self.parent.recipient_agency if self.parent else self.signal.owner_agency

    @property
    def reference(self) -> str:
        """The reference under which that agency knows it."""
        return self.parent.reference if self.parent else self.signal.reference

    @property
    def object_type(self) -> str:
        """What that reference is of, for the log."""
        return "disclosure" if self.parent else "signal"

    @property
    def told(self) -> dict[str, str]:
        """What the log says about where something comes from, beside the signal."""
        return {"parent": self.parent.reference} if self.parent else {}


def own_source(tx: Transaction, reference: str) -> Source:
    """What the actor may give under this reference: a signal of the own agency, or a disclosure that it took up.

    Raises `Refused` for what belongs to another agency, recorded, and `NotFound`.
    """
    if not is_received(reference):
        signal = signal_by_reference(tx, reference)
        require(tx.actor, Permission.SIGNAL_DISCLOSE_OWN, resource_of(tx, signal))
        return Source(signal)
    parent = disclosure_by_reference(tx, reference)
    require(tx.actor, Permission.REFERRAL_TRANSFER_OWN, transfer_resource(tx, parent))
    return source_at(tx, parent)


def is_received(reference: str) -> bool:
    """Whether a reference is that of a disclosure."""
    return reference.strip().upper().startswith(RECEIVED)


def transfer_resource(tx: Transaction, parent: Disclosure) -> Resource:
    """The relations that decide who may pass this disclosure on: its receiver."""
    return resource_of_disclosure(tx, parent, receiver=True)


def sender_resource(tx: Transaction, row: Disclosure) -> tuple[Permission, Resource]:
    """What whoever sent this disclosure needs to look at it, and its relations."""
    permission = Permission.REFERRAL_TRANSFER_OWN if row.parent_id else Permission.SIGNAL_DISCLOSE_OWN
    return permission, resource_of_disclosure(tx, row, provider=True)


def source_of(tx: Transaction, row: Disclosure, signal: Signal) -> Source:
    """Where a disclosure that was made comes from."""
    parent = tx.session.get(Disclosure, row.parent_id) if row.parent_id else None
    return source_at(tx, parent) if parent else Source(signal)


def source_at(tx: Transaction, parent: Disclosure) -> Source:
    """What the receiver of a disclosure can give of it; nothing once its copy is gone. The caller asked the gate."""
    signal = tx.session.get_one(Signal, parent.signal_id)
    own = parent.recipient_agency
    sealed = parent.payload_recipient
    there = sealed and parent.state == DisclosureState.ACCEPTED
    content = from_bytes(sealing.open_envelope(tx, own, sealed, place(parent, own))) if there else None
    return Source(signal, parent, content)


def parent_of(tx: Transaction, row: Disclosure) -> Disclosure | None:
    """The disclosure that this one passes on."""
    return tx.session.get(Disclosure, row.parent_id) if row.parent_id else None


def lock(tx: Transaction, source: Source) -> None:
    """Let whoever does something with the same signal at this moment go first or wait: one order for all.

    The signal is always locked before its disclosures, so that two of these never wait for each other.
    """
    tx.session.refresh(source.signal, with_for_update=True)
    if source.parent:
        tx.session.refresh(source.parent, with_for_update=True)


# -- whether it may go on at all ------------------------------------------------------------------------------------


def hindrance(tx: Transaction, source: Source) -> str:
    """Why nothing can go from here now; empty when it can.

    state, not_accepted, revoked, consent_withdrawn, erase_first (the receiver was asked to erase it), gone (its copy was
    erased) or too_deep.
    """
    if source.parent is None:
        return "" if may_follow(State(source.signal.state), State.REFERRED) else "state"
    parent = source.parent
    if parent.state == DisclosureState.REVOKED:
        return "revoked"
    if parent.state != DisclosureState.ACCEPTED:
        return "not_accepted"
    if source.received is None or source.signal.state in GONE:
        return "gone"
    if parent.consent_withdrawn_on is not None:
        return "consent_withdrawn"
    if duty_rows.is_owed(tx, parent, *duty_kinds.ASKS_TO_ERASE):
        return "erase_first"
    return "too_deep" if len(ancestors(tx, parent)) >= transfers(tx).depth else ""


def require_open(tx: Transaction, source: Source) -> None:
    """Raises `Conflict` when nothing can go from here now."""
    found = hindrance(tx, source)
    if found:
        raise Conflict(found, "nothing can be disclosed from here now")


def transfers(tx: Transaction) -> TransfersFile:
    """The rules about passing on. Rules that were kept from before there were such lack them; nothing is decided by those."""
    found = tx.program.policy.transfers
    if found is None:
        raise Conflict("state", "expected rules about passing on")
    return found


def ancestors(tx: Transaction, row: Disclosure) -> list[Disclosure]:
    """The disclosure itself and those that it comes from, up to the one of the owner."""
    found = [row]
    while (above := parent_of(tx, found[-1])) is not None:
        found.append(above)
    return found


def bound(tx: Transaction, source: Source) -> Onward | None:
    """How what is passed on came in, and how it came to whoever gave it, with the rules; None for an own signal."""
    if source.parent is None:
        return None
    chain = (Came(row.ground, frozenset(row.evidence_hashes), row.purpose) for row in ancestors(tx, source.parent))
    return Onward(tuple(chain), transfers(tx))


def holders(tx: Transaction, source: Source) -> frozenset[str]:
    """The agencies to which it cannot go: the owner, and of what is passed on everybody who holds it already.

    What the giving agency sent them itself does not count; that one shows as made already.
    """
    if source.parent is None:
        return frozenset({source.signal.owner_agency})
    theirs = select(Disclosure.recipient_agency).where(
        Disclosure.signal_id == source.signal.id,
        Disclosure.state.in_(HOLDING),
        (Disclosure.provider_agency != source.provider) | Disclosure.parent_id.is_(None),
    )
    return frozenset({source.signal.owner_agency, source.provider, *tx.session.scalars(theirs)})


# -- what there is to give -------------------------------------------------------------------------------------------


def contents(tx: Transaction, source: Source, *, nameless: bool = False) -> Contents:
    """The fields there are, with their categories. Of what was received only the fields of the document."""
    whole = contents_of(tx, source.signal, nameless=nameless)
    if source.parent is None:
        return whole
    if source.received is None:
        return Contents({}, ())
    # A field of which the signal no longer says what it carries counts as carrying all that the disclosure did.
    everything = frozenset(source.parent.categories)
    named = {subject.pseudonym: subject for subject in source.received.subjects}
    known = {naming.subject_name(tx, source.provider, holder.id): holder for holder in whole.holders}
    return Contents(
        fields={field.name: whole.fields.get(field.name, everything) for field in source.received.fields},
        holders=tuple(
            _received_holder(number, known[pseudonym], subject, everything)
            for number, (pseudonym, subject) in enumerate(named.items(), 1)
            if pseudonym in known
        ),
    )


def _received_holder(number: int, holder: Holder, subject: SentSubject, everything: frozenset[str]) -> Holder:
    fields = {field.name: holder.fields.get(field.name, everything) for field in subject.fields}
    unsure = frozenset(field.name for field in subject.fields if field.unsure)
    return replace(holder, number=number, fields=fields, unsure=unsure)


def subject_ids(tx: Transaction, source: Source) -> dict[int, str]:
    """Number -> id of the subjects that there are."""
    return {holder.number: holder.id for holder in contents(tx, source).holders}


def owner_numbers(tx: Transaction, source: Source, numbers: Iterable[int]) -> list[int]:
    """The numbers under which the owner knows these subjects: only the log, which is about all, calls them so."""
    called = {holder.id: holder.number for holder in contents_of(tx, source.signal).holders}
    ids = subject_ids(tx, source)
    return sorted(called[ids[number]] for number in numbers if number in ids)


def passed_on(
    tx: Transaction, source: Source, selection: Selection, recipient: str
) -> tuple[tuple[SentField, ...], tuple[SentSubject, ...]]:
    """The selected values as they stand in the received document, under names that only the new receiver knows.

    In a text a name stays readable only when it goes as a field as well, as with an own signal.
    """
    received = source.received or Payload("", "", "", "", "", "", (), ())
    held = {subject.pseudonym: {field.name: field for field in subject.fields} for subject in received.subjects}
    ids = subject_ids(tx, source)
    names = {number: naming.subject_name(tx, source.provider, subject_id) for number, subject_id in ids.items()}
    readable = _readable(tx, source, held, {names[number]: set(kept) for number, kept in selection.subjects.items()})
    wanted = set(selection.fields) - ({MASKED} if NARRATIVE in selection.fields else set())
    fields = tuple(
        _renewed(tx, source, field, recipient, readable) for field in received.fields if field.name in wanted
    )
    subjects = tuple(
        SentSubject(
            naming.subject_name(tx, recipient, ids[number]),
            tuple(field for name, field in held[names[number]].items() if name in kept),
        )
        for number, kept in selection.subjects.items()
        if kept
    )
    return fields, subjects


def _readable(
    tx: Transaction, source: Source, held: Mapping[str, Mapping[str, SentField]], going: Mapping[str, set[str]]
) -> Readable:
    """Which identity values may stand in a text: those that go along as fields, and no others."""
    kinds = {holder.id: holder.kind for holder in contents_of(tx, source.signal).holders}
    called = {naming.subject_name(tx, source.provider, subject_id): kind for subject_id, kind in kinds.items()}
    goes: list[Identity] = []
    stays: list[Identity] = []
    for pseudonym, fields in held.items():
        wanted = going.get(pseudonym, set())
        for held_back, into in ((False, goes), (True, stays)):
            values = {
                name.removeprefix(SUBJECT): field.values[0].words.nl
                for name, field in fields.items()
                if (name not in wanted) is held_back and name.removeprefix(SUBJECT) in IDENTITY_FIELDS and field.values
            }
            into.append(Identity(kind=called.get(pseudonym, ""), **values))
    policy = tx.program.policy.identifiers
    return Readable(tuple(typed_values(goes, policy)), tuple(typed_values(stays, policy)))


def _renewed(tx: Transaction, source: Source, field: SentField, recipient: str, readable: Readable) -> SentField:
    if field.name == REFERENCE:
        return replace(field, values=(typed(naming.signal_name(tx, recipient, source.signal)),))
    if field.name == NARRATIVE:
        texts = (value.words.nl for value in field.values)
        return replace(field, values=tuple(typed(account_for(tx, text, readable, ())) for text in texts))
    return field


def shown_role(source: Source, number: int) -> tuple[str, str]:
    """The part a subject plays and its kind, as codes, as far as the document tells; empty when it does not."""
    if source.received is None:
        return "", ""
    subject = source.received.subjects[number - 1]
    told = {field.name.removeprefix(SUBJECT): field.values[0].code for field in subject.fields if field.values}
    return told.get("role", ""), told.get("kind", "")


def pseudonyms(source: Source) -> Iterable[str]:
    """The names under which the giving agency knows the subjects, in their order."""
    return [subject.pseudonym for subject in source.received.subjects] if source.received else []
