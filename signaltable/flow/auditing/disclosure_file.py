"""One disclosure as an auditor judges it: the rule as it read that day, its conditions with their evidence, who did what
and how strongly logged in, the decision computed again, what came of it, its entries and its proof. No content, no names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from sqlalchemy import select

from signaltable.comparison.rules import KeyChange, ground_changes
from signaltable.domain import NotFound, SignaltableError, day_of
from signaltable.evidence import hash_of
from signaltable.flow import evidence_store, policy_versions, replaying
from signaltable.flow.auditing.lines import EntryLine
from signaltable.flow.auditing.proofs import EntryProof, proof_of
from signaltable.flow.auditing.reading import entries_of
from signaltable.flow.disclosures import DisclosureAccount, disclosure_account
from signaltable.flow.policy_versions import GroundVersion
from signaltable.flow.replaying import Replayed, Versions
from signaltable.grounds import Ground
from signaltable.keys import CannotOpen
from signaltable.models import Disclosure, LogEntry, RecordedDecision
from signaltable.policy import PolicySet
from signaltable.policy_errors import BrokenPolicy
from signaltable.queries import agency_titles, disclosure_by_reference
from signaltable.texts import Text
from signaltable.transaction import Transaction, in_whole

# Whether a hash fits the sealed evidence: yes, no, it cannot be opened here (or was erased), or nothing is sealed of it
# because a second person met the condition by deciding.
Fit = Literal["fits", "differs", "closed", "by_second_person"]
SECOND_PERSON: Final = "DUAL"
# What each deed is recorded as.
_DEEDS: Final[Mapping[str, str]] = {
    "disclosure:request": "asked",
    "signal:disclose": "disclosed",
    "disclosure:approve": "approved",
    "disclosure:reject": "rejected",
    "disclosure:accept": "accepted",
    "disclosure:return": "returned",
    "disclosure:feedback": "feedback",
    "consent:withdraw": "withdrawn",
    "disclosure:revoke": "revoked",
}


@dataclass(frozen=True, slots=True)
class RuleThen:
    """The ground as it read on the day, in the rules of that day; both None when these can no longer be read.

    `changes` is what the same ground says otherwise today; `gone` that it is no longer in the rules. `history` are its
    versions through all sets of rules that were ever loaded, oldest first.
    """

    ground: Ground | None
    policy: PolicySet | None
    day: date
    changes: tuple[KeyChange, ...]
    gone: bool
    history: tuple[GroundVersion, ...]


@dataclass(frozen=True, slots=True)
class ConditionMet:
    """A condition that was met: its title that day, the hash of the evidence, and whether it fits what is sealed."""

    code: str
    title: Text
    evidence_hash: str
    fit: Fit


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a person did about it: what, when, who by opaque id, roles, agency, and how strongly logged in."""

    what: str
    at: datetime
    person: str
    roles: tuple[str, ...]
    agency: str
    strength: str
    seq: int


# What entry and row both say of a disclosure: name of the detail -> column.
_COLUMNS = {
    "provider": "provider_agency",
    "recipient": "recipient_agency",
    "purpose": "purpose",
    "ground": "ground",
    "ground_digest": "ground_digest",
    "policy_digest": "policy_digest",
    "categories": "categories",
    "fields": "fields",
    "payload_hash": "payload_hash",
}


@dataclass(frozen=True, slots=True)
class DisclosureFile:
    """The whole file. `proof` is that of the entry of the disclosure, None while no signed state covers it."""

    account: DisclosureAccount
    rule: RuleThen
    conditions: tuple[ConditionMet, ...]
    deeds: tuple[Deed, ...]
    decisions: tuple[Replayed, ...]
    lines: tuple[EntryLine, ...]
    disclosed_seq: int | None
    proof: EntryProof | None
    unlike: tuple[str, ...] = ()


@in_whole("the auditor looks at every disclosure, without content")
def disclosure_file(tx: Transaction, reference: str, lang: str = "nl") -> DisclosureFile:
    """The file of one disclosure; that it was consulted is recorded. Raises `NotFound`, `Refused`."""
    account = disclosure_account(tx, reference)
    row = disclosure_by_reference(tx, reference)
    versions = Versions({tx.program.policy.digest: tx.program.policy})
    lines = entries_of(tx, [account.reference])
    entry = _entry_of_disclosing(tx, account.reference)
    rule = _rule_then(tx, row, versions, lang)
    return DisclosureFile(
        account=account,
        rule=rule,
        conditions=tuple(_conditions(tx, row, rule)),
        deeds=tuple(_deeds(lines, agency_titles(tx))),
        decisions=tuple(_decided_again(tx, row, versions)),
        lines=lines,
        disclosed_seq=entry.seq if entry else None,
        proof=proof_of(tx.session, tx.program.settings, entry) if entry else None,
        unlike=_unlike(row, next((line.details or {} for line in lines if entry and line.seq == entry.seq), {})),
    )


def _unlike(row: Disclosure, told: Mapping[str, Any]) -> tuple[str, ...]:
    """The details that the entry of the disclosure tells otherwise than the row does: somebody changed the row."""
    held = {name: getattr(row, column) for name, column in _COLUMNS.items()}
    return tuple(name for name, value in held.items() if name in told and _comparable(value) != _comparable(told[name]))


def _comparable(value: Any) -> Any:
    """A list of codes counts as a set: the log holds it in another order."""
    return sorted(map(str, value)) if isinstance(value, list | tuple) else value


# -- the rule -----------------------------------------------------------------------------------------------------


def _rule_then(tx: Transaction, row: Disclosure, versions: Versions, lang: str) -> RuleThen:
    day = day_of(row.disclosed_at or row.requested_at)
    then = _policy_then(tx, row, versions)
    ground = next((one for one in then.grounds.rows if one.digest == row.ground_digest), None) if then else None
    now = tx.program.policy.grounds.find(row.ground, tx.today)
    changes: tuple[KeyChange, ...] = ()
    if then and ground and now and now.digest != ground.digest:
        changes = ground_changes(ground, now, then, tx.program.policy, lang)
    history = policy_versions.versions_of_ground(tx.session, row.ground)
    return RuleThen(ground, then, day, changes, now is None, history)


def _policy_then(tx: Transaction, row: Disclosure, versions: Versions) -> PolicySet | None:
    try:
        return versions.of(tx, row.policy_digest)
    except (BrokenPolicy, SignaltableError):  # Not kept, damaged, or no longer understood: the page says so.
        return None


# -- conditions and their evidence --------------------------------------------------------------------------------


def _conditions(tx: Transaction, row: Disclosure, rule: RuleThen) -> Iterator[ConditionMet]:
    sealed = _sealed_hashes(tx, row)
    policy = rule.policy or tx.program.policy
    for code, digest in row.evidence_hashes.items():
        spec = policy.conditions.get(code) or tx.program.policy.conditions.get(code)
        yield ConditionMet(code, spec.title if spec else Text(code, code), digest, _fit(code, digest, sealed))


def _sealed_hashes(tx: Transaction, row: Disclosure) -> Mapping[str, str] | None:
    """Condition -> hash of the evidence that is sealed now; None where it does not open here or was erased."""
    try:
        kept = evidence_store.read(tx, row, row.provider_agency)
    except (NotFound, CannotOpen):
        return None
    return {code: hash_of(code, given) for code, given in kept.evidence.items()}


def _fit(code: str, digest: str, sealed: Mapping[str, str] | None) -> Fit:
    if sealed is None:
        return "closed"
    if code not in sealed:
        return "by_second_person" if code == SECOND_PERSON else "closed"
    return "fits" if sealed[code] == digest else "differs"


# -- people, decisions, proof -------------------------------------------------------------------------------------


def _deeds(lines: Sequence[EntryLine], titles: Mapping[str, str]) -> Iterator[Deed]:
    for line in lines:
        if line.action in _DEEDS and line.outcome == "ok":
            yield Deed(
                what=_DEEDS[line.action],
                at=line.recorded_at,
                person=line.actor,
                roles=line.roles,
                agency=titles.get(line.agency_id, line.agency),
                strength=line.strength,
                seq=line.seq,
            )


def _decided_again(tx: Transaction, row: Disclosure, versions: Versions) -> Iterator[Replayed]:
    # By the case, along its index: decisions have none by disclosure.
    recorded = select(RecordedDecision).where(
        RecordedDecision.signal_id == row.signal_id, RecordedDecision.disclosure_id == row.id
    )
    for decision in tx.session.scalars(recorded.order_by(RecordedDecision.at, RecordedDecision.id)):
        yield replaying.replay(tx, decision, versions)


def _entry_of_disclosing(tx: Transaction, reference: str) -> LogEntry | None:
    return tx.session.scalars(
        select(LogEntry)
        .where(LogEntry.object == reference, LogEntry.action == "signal:disclose", LogEntry.outcome == "ok")
        .order_by(LogEntry.seq)
        .limit(1)
    ).first()
