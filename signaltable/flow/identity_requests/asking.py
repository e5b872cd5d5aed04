"""Asking: what the rules offer for this owner and the own agency, and one request on one of these grounds."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.disclosure.outcome import Advice, Reason
from signaltable.disclosure.outcome import Refused as NoGround
from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow import budget, decisions, mailing, weighing
from signaltable.flow.disclosing import asked, asked_only, weighed, with_stand_in
from signaltable.flow.identity_requests import rows, ways
from signaltable.flow.identity_requests.ways import Whom
from signaltable.flow.masking import for_others
from signaltable.flow.references import fresh_reference
from signaltable.flow.weighing import Case, GroundOption, Permitted
from signaltable.grounds import CONSULT
from signaltable.models import Agency, IdentityRequest
from signaltable.queries import agency_titles
from signaltable.transaction import Transaction

TOO_SHORT: Final = "expected a reason of at least so many characters"
# Between the purpose and the ground in the value of a choice.
BETWEEN: Final = "."


@dataclass(frozen=True, slots=True)
class Offered:
    """One ground for one purpose, with the fields that it would show and what it asks. `key` is what the form sends."""

    key: str
    purpose: str
    option: GroundOption
    fields: tuple[str, ...]
    conditions: tuple[ConditionSpec, ...]
    categories: frozenset[str]


@dataclass(frozen=True, slots=True)
class NotOffered:
    """A purpose for which no ground lets anything be seen, and why."""

    purpose: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Asking:
    """The page: whom it is about as far as the asker knows, what is offered, and what is not."""

    whom: Whom
    kind: str
    role: str
    owner: str
    recipient: str
    recipient_id: str
    offers: tuple[Offered, ...]
    refused: tuple[NotOffered, ...]
    instead: tuple[Advice, ...]
    under_way: str
    left_today: int

    def offer(self, key: str) -> Offered | None:
        """The choice with this key."""
        return next((one for one in self.offers if one.key == key), None)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was stored: waiting, or refused by the rules."""

    reference: str
    state: str


def prepare(tx: Transaction, way: str, thing: str, known_as: str) -> Asking:
    """What somebody may ask about this subject. Opens nothing; recorded, also that no ground offers anything.

    Raises as `ways.find` does.
    """
    whom = ways.find(tx, way, thing, known_as)
    own = tx.session.get_one(Agency, tx.actor.agency_id)
    offers, refused, instead = _offers(tx, whom, own)
    _record_look(tx, whom, offers, refused)
    return Asking(
        whom=whom,
        kind=whom.subject.kind,
        role=whom.subject.role,
        owner=agency_titles(tx).get(whom.signal.owner_agency, ""),
        recipient=own.title,
        recipient_id=own.id,
        offers=offers,
        refused=refused,
        instead=instead,
        under_way=_under_way(tx, whom),
        left_today=budget.left(tx, budget.IDENTITY_REQUEST).usable,
    )


def _offers(
    tx: Transaction, whom: Whom, own: Agency
) -> tuple[tuple[Offered, ...], tuple[NotOffered, ...], tuple[Advice, ...]]:
    offers: list[Offered] = []
    refused: list[NotOffered] = []
    instead: dict[str, Advice] = {}
    for purpose in _purposes(tx):
        case = rows.case_of(tx, whom.signal, whom.subject, own, purpose)
        usable = [one for one in weighing.options(case, tx.program.policy.grounds) if one.usable]
        offers += [_offered(tx, whom, case, purpose, option) for option in usable]
        if not usable:
            found = weighing.refusal(case, tx.program.policy.grounds)
            refused.append(NotOffered(purpose, found.reasons))
            instead |= {one.code: one for one in found.instead}
    return tuple(offers), tuple(refused), tuple(instead.values())


def _purposes(tx: Transaction) -> Iterator[str]:
    """Every purpose of the rules but the one that never carries a name."""
    yield from (one for one in tx.program.policy.purposes if one != CONSULT)


def _offered(tx: Transaction, whom: Whom, case: Case, purpose: str, option: GroundOption) -> Offered:
    return Offered(
        key=f"{purpose}{BETWEEN}{option.ground.id}",
        purpose=purpose,
        option=option,
        fields=option.selection.subjects.get(whom.subject.number, ()),
        conditions=asked(tx, option),
        categories=frozenset(weighing.categories_of(case, option.selection)),
    )


def _record_look(tx: Transaction, whom: Whom, offers: tuple[Offered, ...], refused: tuple[NotOffered, ...]) -> None:
    tx.record(
        "identity:list",
        object_type="signal",
        object_id=whom.signal.reference,
        outcome="ok" if offers else "refused",
        reason="" if offers else "no_ground",
        details={"view": "identity_asking", "count": len(offers), **({} if offers else {"reasons": _codes(refused)})},
        subjects=[whom.subject.id],
    )


def _codes(refused: tuple[NotOffered, ...]) -> list[str]:
    found = (f"{one.code}:{one.row}".rstrip(":") for each in refused for one in each.reasons)
    return list(dict.fromkeys(found))


def _under_way(tx: Transaction, whom: Whom) -> str:
    same = select(IdentityRequest.reference).where(
        IdentityRequest.account_id == tx.actor.account_id,
        IdentityRequest.subject_id == whom.subject.id,
        IdentityRequest.state.in_(rows.OPEN),
    )
    return tx.session.scalar(same.limit(1)) or ""


def ask(
    tx: Transaction,
    way: str,
    thing: str,
    known_as: str,
    *,
    choice: str,
    evidence: Mapping[str, Mapping[str, Any]],
    motivation: str,
) -> Asked:
    """Ask who one subject is, on one ground for one purpose. Whoever may decide hears that work waits.

    Raises `MissingEvidence` and `UnusableInput` (motivation) with what is still to fill in, `Conflict` (under_way) for a
    second request about the same subject, and `Refused` for who may not ask (again today). When the rules say no, the
    request is kept as refused by them.
    """
    whom = ways.find(tx, way, thing, known_as)
    tx.session.refresh(whom.subject, with_for_update=True)  # A double click waits here, and finds the first one made.
    if _under_way(tx, whom):
        raise Conflict("under_way", "the same person asks this already")
    purpose, ground = _chosen(tx, whom, choice)
    said = for_others(tx, motivation, "motivation", limit=rows.REASON_LIMIT, required=True)
    if len(said) < MOTIVATION_LENGTH:
        raise UnusableInput({"motivation": TOO_SHORT})
    own = tx.session.get_one(Agency, tx.actor.agency_id)
    case = rows.case_of(tx, whom.signal, whom.subject, own, purpose)
    option = _usable(tx, case, ground)
    given = asked_only(tx, option, evidence) if option else {}
    shown = with_stand_in(tx, option, given) if option else {}
    outcome = weighed(tx, whom.signal, case, ground, shown)
    budget.spend(tx, budget.IDENTITY_REQUEST, lambda reason: _over_budget(whom, reason))
    row = _stored(tx, whom, purpose, ground, {"evidence": given, "motivation": said})
    noted = decisions.note_ground(tx, whom.signal, weighing.requests_of(case, shown), ground)
    if isinstance(outcome, Permitted):
        _wait(tx, whom, row, outcome, noted)
    else:
        _refuse(tx, whom, row, outcome, noted)
    return Asked(row.reference, row.state)


def _chosen(tx: Transaction, whom: Whom, choice: str) -> tuple[str, str]:
    """Purpose and ground of a choice; one that no form of ours ever offers is refused and recorded."""
    purpose, _between, ground = choice.partition(BETWEEN)
    if purpose not in set(_purposes(tx)) or ground not in {one.id for one in tx.program.policy.grounds.rows}:
        raise Refused(
            "not_offered",
            action="request:refuse",
            object_type="signal",
            object_id=whom.signal.reference,
            details={"cause": "not_offered", "fields": ["ground"], "count": 1},
        )
    return purpose, ground


def _usable(tx: Transaction, case: Case, ground: str) -> GroundOption | None:
    found = weighing.options(case, tx.program.policy.grounds)
    return next((one for one in found if one.usable and one.ground.id == ground), None)


def _over_budget(whom: Whom, reason: str) -> Refused:
    return Refused(
        reason,
        object_type="signal",
        object_id=whom.signal.reference,
        details={"permission": Permission.IDENTITY_REQUEST_TABLED.value},
    )


def _stored(tx: Transaction, whom: Whom, purpose: str, ground: str, said: Mapping[str, Any]) -> IdentityRequest:
    row = IdentityRequest(
        id=tx.new_id(),
        reference=fresh_reference(tx, "I", IdentityRequest.reference),
        subject_id=whom.subject.id,
        signal_id=whom.signal.id,
        owner_agency=whom.signal.owner_agency,
        agency_id=tx.actor.agency_id,
        account_id=tx.actor.account_id,
        roles=tx.actor.role_label,
        way=whom.way,
        thing=whom.thing,
        known_as=whom.known_as,
        ground=ground,
        ground_digest="",
        policy_digest=tx.program.policy.digest,
        purpose=purpose,
        fields=[],
        obligations=[],
        state=rows.WAITING,
        cause="",
        asked_at=tx.now,
        decided_by="",
        decided_roles="",
        answer_sealed=b"",
        wrapped=b"",
    )
    row.asked_sealed = rows.seal_words(tx, row, rows.ASKED, said)
    tx.session.add(row)
    return row


def _wait(tx: Transaction, whom: Whom, row: IdentityRequest, permitted: Permitted, noted: list[str]) -> None:
    row.fields = list(permitted.selection.subjects.get(whom.subject.number, ()))
    row.ground_digest = permitted.ground.digest
    tx.session.flush()
    in_danger = whom.signal.id in tx.actor.emergencies
    urgent = in_danger or mailing.presses(tx, "identity-request", urgency=whom.signal.urgency)
    mailing.tell_agency(
        tx,
        [row.owner_agency],
        Permission.IDENTITY_DECIDE_OWN,
        "identity-request",
        task=("identity", row.reference),
        urgent=urgent,
    )
    tx.record(
        "identity:request",
        object_type=rows.OBJECT,
        object_id=row.reference,
        details={
            **rows.log_details(row, whom.signal, whom.subject),
            "categories": list(permitted.categories),
            "obligations": [duty.kind for duty in permitted.obligations],
            "motivation_hash": _digest(row),
            "decisions": noted,
        },
    )


def _refuse(tx: Transaction, whom: Whom, row: IdentityRequest, found: NoGround, noted: list[str]) -> None:
    """The rules say no: the request is kept, with their reasons in the log."""
    row.state, row.ended_at = rows.NO_GROUND, tx.now
    row.cause = found.reasons[0].code if found.reasons else "no_ground"
    tx.session.flush()
    tx.record(
        "identity:request",
        object_type=rows.OBJECT,
        object_id=row.reference,
        outcome="refused",
        reason="no_ground",
        details={
            **rows.log_details(row, whom.signal, whom.subject),
            "reasons": list(dict.fromkeys(f"{one.code}:{one.row}".rstrip(":") for one in found.reasons)),
            "near": list(found.near),
            "missing": [unmet.code for unmet in found.missing],
            "motivation_hash": _digest(row),
            "decisions": noted,
        },
    )


def _digest(row: IdentityRequest) -> str:
    return hashlib.sha256(row.asked_sealed).hexdigest()
