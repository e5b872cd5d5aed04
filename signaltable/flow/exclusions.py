"""The exclusion list: values that many people share, which therefore link nobody (peers.md 1.7: VIR had to switch address
matching off for want of one).

Each value belongs to the agency that put it there, with a day on which somebody of that agency looks at it again. It is
sealed for that agency alone; all others only notice that nobody is linked by it. A value goes on counting until a person
takes it off: a list that empties itself would link everybody in a shelter one night.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, insert, select

from signaltable.access import Permission, require
from signaltable.audit_trail import day_milliseconds
from signaltable.db import table_of
from signaltable.domain import SUBJECT_KINDS, Channel, NotFound, Refused, Resource, UnusableInput
from signaltable.flow import sealing
from signaltable.flow.linking import weighing
from signaltable.flow.masking import HAS_BSN, text_hash
from signaltable.flow.meanwhile import require_version
from signaltable.flow.work import MOST, WorkItem
from signaltable.identity import Identity, identity_from, validate_identity
from signaltable.linking_rules import LinkingPolicy
from signaltable.models import Account, ExcludedTag, Exclusion
from signaltable.prepared import Prepared, numbered, several
from signaltable.pseudonymise import Tag, lone_tags
from signaltable.text import contains_bsn
from signaltable.texts import Text
from signaltable.transaction import Transaction, in_whole

# What can be excluded: part -> the identity fields that are typed, and the parts of linking.toml that it takes out.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "address": ("street", "house_number", "postcode", "city"),
        "phone": ("phone",),
        "email": ("email",),
        "iban": ("iban",),
        "plate": ("plate",),
        "kvk": ("kvk",),
        "profile": ("profile",),
    }
)
_TAKES_OUT: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"address": frozenset({"address", "address_unit"}), "profile": frozenset({"profile", "handle"})}
)
SHELTERED: Final = frozenset({"address", "phone", "email"})
LABEL_LIMIT, REASON_LIMIT = 200, 500
# A review is due within a year; shelters move, and offices give up their numbers.
LONGEST: Final = timedelta(days=366)

NO_LABEL: Final = "expected what this value is"
NO_REASON: Final = "expected a reason"
TOO_LONG: Final = "expected a shorter text"
NO_VALUE: Final = "expected a value that can be compared"
WRONG_DAY: Final = "expected a day from tomorrow on, at most a year ahead"
THERE_ALREADY: Final = "expected a value that is not on your list yet"


@dataclass(frozen=True, slots=True)
class ExclusionLine:
    """An excluded value as its owner sees it. `values`: identity field -> what was typed, tidied."""

    id: str
    part: str
    shelter: bool
    values: Mapping[str, str]
    label: str
    reason: str
    added_by: str
    added_at: datetime
    review_on: date
    reviewed_at: datetime | None
    overdue: bool


class UnreadableValue(UnusableInput):
    """A value that cannot be read; `texts` holds the words for the page, by field."""

    def __init__(self, texts: Mapping[str, Text]) -> None:
        super().__init__({name: text.en for name, text in texts.items()})
        self.texts: Mapping[str, Text] = MappingProxyType(dict(texts))


# -- the step ------------------------------------------------------------------------------------------------------


def tags_of(
    secret: bytes, part: str, values: Mapping[str, str], *, version: int, policy: LinkingPolicy
) -> tuple[Tag, ...]:
    """The tags under which a value of this part alone would link subjects of any kind; each digest once per set."""
    alone = _TAKES_OUT.get(part, frozenset({part}))
    sets = {one.id for sets in policy.lone_sets_of.values() for one in sets if one.parts[0] in alone}
    found: dict[tuple[str, bytes], Tag] = {}
    for kind in SUBJECT_KINDS:
        for tag in lone_tags(secret, identity_from(kind, values), version=version, policy=policy):
            if tag.set_id in sets:
                found.setdefault((tag.set_id, tag.digest), tag)
    return tuple(found.values())


def is_sheltered(tx: Transaction, digests: Iterable[bytes]) -> bool:
    """Whether one of these digests is that of a place where people are kept safe; never which one."""
    wanted = list(digests)
    if not wanted:
        return False
    with tx.whole("a shelter stands on the list of whichever agency runs it"):
        return tx.first(_sheltered(len(wanted)), numbered("digest", wanted)) is not None


_tags, _lists = table_of(ExcludedTag).c, table_of(Exclusion).c


@lru_cache(maxsize=256)
def _sheltered(count: int) -> Prepared:
    return Prepared(
        select(_tags.digest)
        .join(table_of(Exclusion), _lists.id == _tags.exclusion_id)
        .where(_tags.digest.in_(several("digest", count)), _lists.shelter)
        .limit(1)
    )


# -- the list ------------------------------------------------------------------------------------------------------


def _gate(tx: Transaction) -> None:
    require(
        tx.actor,
        Permission.EXCLUSION_CHANGE_OWN,
        Resource("exclusion", owner_agency=tx.actor.agency_id),
    )


def listing(tx: Transaction) -> list[ExclusionLine]:
    """The values of the actor's agency, those first that somebody should look at again."""
    _gate(tx)
    rows = tx.session.execute(
        select(Exclusion, Account.name)
        .outerjoin(Account, Account.id == Exclusion.added_by)
        .where(Exclusion.owner_agency == tx.actor.agency_id, Exclusion.ended_at.is_(None))
        .order_by(Exclusion.review_on, Exclusion.id)
    ).all()
    lines = [_line(tx, row, name or "") for row, name in rows]
    tx.record(
        "exclusion:consult",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "exclusions", "count": len(lines)},
    )
    return lines


def read(tx: Transaction, exclusion_id: str) -> ExclusionLine:
    """One value of the actor's agency. Raises `NotFound` for another agency's, or one that was taken off."""
    row = _own(tx, exclusion_id)
    account = tx.session.get(Account, row.added_by)
    tx.record(
        "exclusion:consult",
        object_type="exclusion",
        object_id=row.id,
        details={"view": "exclusion", "exclusion": row.id},
    )
    return _line(tx, row, account.name if account else "")


def _line(tx: Transaction, row: Exclusion, name: str) -> ExclusionLine:
    told = sealing.open_json(tx, row.owner_agency, row.value_sealed, _place(row.id))
    return ExclusionLine(
        id=row.id,
        part=row.part,
        shelter=row.shelter,
        values=told["values"],
        label=told["label"],
        reason=told["reason"],
        added_by=name,
        added_at=row.added_at,
        review_on=row.review_on,
        reviewed_at=row.reviewed_at,
        overdue=row.review_on < tx.today,
    )


def _own(tx: Transaction, exclusion_id: str) -> Exclusion:
    _gate(tx)
    row = tx.session.get(Exclusion, exclusion_id, with_for_update=True)
    if row is None or row.owner_agency != tx.actor.agency_id or row.ended_at is not None:
        raise NotFound("no such value on the list of this agency")
    return row


def _place(exclusion_id: str) -> str:
    return f"exclusions|value_sealed|{exclusion_id}"


# -- adding --------------------------------------------------------------------------------------------------------


def add(
    tx: Transaction,
    part: str,
    values: Mapping[str, str],
    *,
    label: str,
    reason: str,
    review_on: date | None,
    shelter: bool = False,
) -> str:
    """Put a value on the list of the actor's agency; gives its id. From now on it links nobody.

    Open proposals that rest on this value alone are closed by a job (`weigh_again`), so that whoever adds a value does not
    learn whether others know it. Raises `UnusableInput` with every problem by field, `UnreadableValue` for a value that
    cannot be read.
    """
    _gate(tx)
    typed = {name: values.get(name, "").strip() for name in FIELDS[part]} if part in FIELDS else {}
    _check(tx, part, typed, label, reason, review_on)
    policy, keys = tx.program.policy.linking, tx.program.keys
    version = keys.version("match")
    kept = {name: value for name, value in _tidied(part, typed).items() if value}
    tags = tags_of(keys.derive("match", "tags", version), part, kept, version=version, policy=policy)
    if not tags:
        raise UnusableInput({FIELDS[part][0]: NO_VALUE})
    if _has_already(tx, tags):
        raise UnusableInput({FIELDS[part][0]: THERE_ALREADY})
    told = {"values": kept, "label": label.strip(), "reason": reason.strip()}
    row = _store(tx, part, told, review_on, shelter=shelter and part in SHELTERED)
    store_tags(tx, row.id, tags, version)
    # While the match key is being replaced, others are still compared under the version before.
    for earlier in keys.usable("match")[1:]:
        retag(tx, row.id, earlier)
    tx.record(
        "exclusion:record",
        object_type="exclusion",
        object_id=row.id,
        details={
            "exclusion": row.id,
            "kind": part,
            "review_due_at": day_milliseconds(row.review_on),
            "motivation_hash": text_hash(reason.strip()),
            "key_version": version,
        },
    )
    return row.id


def _store(tx: Transaction, part: str, told: Mapping[str, Any], review_on: date | None, *, shelter: bool) -> Exclusion:
    row = Exclusion(
        id=tx.new_id(),
        owner_agency=tx.actor.agency_id,
        part=part,
        shelter=shelter,
        value_sealed=b"",
        added_by=tx.actor.account_id,
        added_at=tx.now,
        review_on=review_on,
        reviewed_at=None,
        ended_at=None,
    )
    row.value_sealed = sealing.seal_json(tx, tx.actor.agency_id, told, _place(row.id))
    tx.session.add(row)
    tx.session.flush()
    return row


@in_whole("only the linking step reads tags")
def store_tags(tx: Transaction, exclusion_id: str, tags: Iterable[Tag], version: int) -> None:
    """Keep the digests of an excluded value that were made with this version of the match key."""
    rows = [
        {"digest": tag.digest, "set_id": tag.set_id, "exclusion_id": exclusion_id, "key_version": version}
        for tag in tags
    ]
    if rows:
        tx.session.execute(insert(ExcludedTag), rows)


def retag(tx: Transaction, exclusion_id: str, version: int) -> None:
    """Make the digests of an excluded value with a version of the match key as well; those of other versions stay."""
    row = tx.session.get_one(Exclusion, exclusion_id)
    told = sealing.open_json(tx, row.owner_agency, row.value_sealed, _place(row.id))
    keys, policy = tx.program.keys, tx.program.policy.linking
    tags = tags_of(keys.derive("match", "tags", version), row.part, told["values"], version=version, policy=policy)
    _drop_tags(tx, exclusion_id, ExcludedTag.key_version == version)
    store_tags(tx, exclusion_id, tags, version)


@in_whole("only the linking step reads tags")
def _drop_tags(tx: Transaction, exclusion_id: str, *of_these: ColumnElement[bool]) -> None:
    tx.session.execute(delete(ExcludedTag).where(ExcludedTag.exclusion_id == exclusion_id, *of_these))


def _check(
    tx: Transaction, part: str, typed: Mapping[str, str], label: str, reason: str, review_on: date | None
) -> None:
    if part not in FIELDS:
        raise UnusableInput({"part": f"expected one of {', '.join(FIELDS)}"})
    problems = {**_words_problems(label, reason), **_day_problems(tx, review_on)}
    texts = _value_problems(tx, part, typed)
    if not any(typed.values()):
        problems[FIELDS[part][0]] = NO_VALUE
    if texts and not problems:
        raise UnreadableValue(texts)
    if problems or texts:
        raise UnusableInput(problems | {name: text.en for name, text in texts.items()})


def _words_problems(label: str, reason: str) -> dict[str, str]:
    problems: dict[str, str] = {}
    for name, text, limit, missing in (
        ("label", label.strip(), LABEL_LIMIT, NO_LABEL),
        ("reason", reason.strip(), REASON_LIMIT, NO_REASON),
    ):
        if not text:
            problems[name] = missing
        elif len(text) > limit:
            problems[name] = TOO_LONG
        elif contains_bsn(text):
            problems[name] = HAS_BSN
    return problems


def _day_problems(tx: Transaction, review_on: date | None) -> dict[str, str]:
    fits = review_on is not None and tx.today < review_on <= tx.today + LONGEST
    return {} if fits else {"review_on": WRONG_DAY}


def _kind_of(part: str) -> str:
    return "company" if part == "kvk" else "person"


def _value_problems(tx: Transaction, part: str, typed: Mapping[str, str]) -> dict[str, Text]:
    identity = Identity(kind=_kind_of(part), **typed)
    return dict(validate_identity(identity, tx.program.policy.identifiers, today=tx.today))


def _tidied(part: str, typed: Mapping[str, str]) -> dict[str, str]:
    identity = identity_from(_kind_of(part), typed)
    return {name: getattr(identity, name) for name in FIELDS[part]}


@in_whole("only the linking step reads tags")
def _has_already(tx: Transaction, tags: Sequence[Tag]) -> bool:
    query = (
        select(ExcludedTag.exclusion_id)
        .join(Exclusion, Exclusion.id == ExcludedTag.exclusion_id)
        .where(Exclusion.owner_agency == tx.actor.agency_id, ExcludedTag.digest.in_([tag.digest for tag in tags]))
        .limit(1)
    )
    return tx.session.scalar(query) is not None


# -- looking again -------------------------------------------------------------------------------------------------


def review(
    tx: Transaction, exclusion_id: str, *, review_on: date | None, reason: str, version: int | None = None
) -> None:
    """Say that a value still belongs on the list, why, and when to look again.

    `version` is what `meanwhile.version_of` gave when the form was shown. Raises `UnusableInput` by field, `Conflict`
    (version) when a colleague looked meanwhile.
    """
    row = _own(tx, exclusion_id)
    require_version(tx, version, row.id, "exclusion:review")
    problems = {**_words_problems("-", reason), **_day_problems(tx, review_on)}
    if problems or review_on is None:
        raise UnusableInput(problems)
    row.review_on, row.reviewed_at = review_on, tx.now
    told = sealing.open_json(tx, row.owner_agency, row.value_sealed, _place(row.id))
    told["reason"] = reason.strip()
    row.value_sealed = sealing.seal_json(tx, row.owner_agency, told, _place(row.id))
    tx.record(
        "exclusion:review",
        object_type="exclusion",
        object_id=row.id,
        details={
            "exclusion": row.id,
            "kind": row.part,
            "review_due_at": day_milliseconds(review_on),
            "motivation_hash": text_hash(reason.strip()),
        },
    )


def end(tx: Transaction, exclusion_id: str, *, reason: str, version: int | None = None) -> None:
    """Take a value off the list: it links again. What was typed is erased, and what the log says of it stays.

    Raises `UnusableInput` without a reason, `NotFound` for who comes second, `Conflict` (version) when a colleague said
    meanwhile that it stays.
    """
    row = _own(tx, exclusion_id)
    require_version(tx, version, row.id, "exclusion:review")
    problems = _words_problems("-", reason)
    if problems:
        raise UnusableInput(problems)
    _drop_tags(tx, row.id)
    row.ended_at, row.value_sealed = tx.now, b""
    tx.record(
        "exclusion:end",
        object_type="exclusion",
        object_id=row.id,
        details={"exclusion": row.id, "kind": row.part, "motivation_hash": text_hash(reason.strip())},
    )


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The values of the actor's agency at which somebody should look again, from when people hear of that on."""
    near = tx.program.policy.calendar.later(tx.today, tx.program.policy.warn.get("exclusion", 0))
    query = select(Exclusion.id, Exclusion.added_at, Exclusion.review_on).where(
        Exclusion.owner_agency == tx.actor.agency_id, Exclusion.ended_at.is_(None), Exclusion.review_on <= near
    )
    for row in tx.lists.execute(query.order_by(Exclusion.review_on, Exclusion.id).limit(MOST)):
        yield WorkItem("exclusions", row.id, "", row.added_at, row.review_on)


def weigh_again(tx: Transaction) -> int:
    """Close the open proposals that rest on a value of the list alone; what an owner answered stays. Gives how many.

    For the program itself: the entries are its own, and tell the agency of the value nothing about signals of others.
    """
    if tx.actor.channel not in {Channel.JOB, Channel.SYSTEM}:
        raise Refused("no_permission", details={"permission": Permission.EXCLUSION_CHANGE_OWN.value})
    rows = tx.session.execute(
        select(ExcludedTag.exclusion_id, ExcludedTag.digest)
        .join(Exclusion, Exclusion.id == ExcludedTag.exclusion_id)
        .where(Exclusion.ended_at.is_(None))
        .order_by(ExcludedTag.exclusion_id)
    ).all()
    digests: dict[str, list[bytes]] = {}
    for exclusion_id, digest in rows:
        digests.setdefault(exclusion_id, []).append(digest)
    return sum(weighing.weigh_again(tx, some, exclusion_id) for exclusion_id, some in digests.items())


def late(tx: Transaction) -> Sequence[Exclusion]:
    """The values of all agencies of which the day to look again is over; they go on counting."""
    query = select(Exclusion).where(Exclusion.ended_at.is_(None), Exclusion.review_on < tx.today)
    return tx.session.scalars(query.order_by(Exclusion.review_on, Exclusion.id)).all()
