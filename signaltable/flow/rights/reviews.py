"""The yearly look at who can do what at an agency: seen, judged line by line, signed, and what was taken away settled.

A privacy officer signs for the own agency; the administrator does what was taken away, by changing the account; the auditor
and the administrator look. What is signed for is what was on the screen: when somebody changed a right meanwhile, nothing is
signed and the page shows it anew.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import Conflict, NotFound, Refused, Resource, UnusableInput, day_of
from signaltable.flow import mailing
from signaltable.flow.masking import for_others
from signaltable.flow.rights.lines import Line, Lines, digest, kept, lines_of, read_again
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import Account, Agency, MachineAccount, Mail, RightsReview
from signaltable.queries import PageKey, newest_first
from signaltable.rights_rules import ReviewRules, months_later
from signaltable.transaction import Transaction

KEEP, TAKE_AWAY = "keep", "take_away"
REASON_LIMIT: Final = 500
NO_REASON: Final = "expected a reason"
UNKNOWN: Final = "expected accounts of this agency"
OBJECT: Final = "agency"
TEMPLATE: Final = "rights-review"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agency stands with its reviews. `officers`: how many people can sign there."""

    agency_id: str
    title: str
    signed_at: datetime | None
    due_at: datetime
    due: bool
    officers: int
    open_lines: int


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """A review that was signed, in a list."""

    id: str
    agency: str
    signed_at: datetime
    signed_by: str
    count: int
    taken_away: int
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Who can do what at one agency today, and the reviews of before."""

    agency_id: str
    agency: str
    now: Lines
    standing: Standing
    may_sign: bool
    earlier: tuple[ReviewLine, ...]
    following: PageKey | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A line that was signed for, the verdict with its reason, and whether what was taken away is gone."""

    line: Line
    verdict: str
    reason: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What is different today from a line that was signed for. `what`: new, gone, more, less or other."""

    id: str
    name: str
    what: str
    before: Line | None
    today: Line | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A review that was signed, with what changed since. `whole`: what is stored still has the digest it was signed with."""

    id: str
    agency_id: str
    agency: str
    made_at: datetime
    signed_at: datetime
    signed_by: str
    digest: str
    whole: bool
    tables: tuple[str, ...]
    lines: tuple[Judged, ...]
    changes: tuple[Change, ...]
    settled_at: datetime | None
    newest: bool


# -- looking ------------------------------------------------------------------------------------------------------


def own_agency_only(tx: Transaction) -> bool:
    """Whether the actor looks at the own agency alone: a privacy officer, who is neither auditor nor administrator."""
    wider = (Permission.DISCLOSURE_AUDIT_ALL, Permission.ACCOUNT_CHANGE_ALL)
    return not any(isinstance(may(tx.actor, one), Allowed) for one in wider)


def standings(tx: Transaction) -> tuple[Standing, ...]:
    """How every agency stands with its reviews, or the own one; the most pressing first. Recorded."""
    require(tx.actor, Permission.RIGHTS_CONSULT_ALL)
    query = select(Agency).where(Agency.active)
    if own_agency_only(tx):
        query = query.where(Agency.id == tx.actor.agency_id)
    found = sorted((_standing(tx, one) for one in tx.session.scalars(query)), key=lambda one: (one.due_at, one.title))
    tx.record("rights:consult", object_type=OBJECT, details={"view": "rights_agencies", "count": len(found)})
    return tuple(found)


def overview(tx: Transaction, agency_id: str, after: PageKey | None = None) -> Overview:
    """Who can do what at an agency today. Raises `NotFound`, `Refused` (other_agency); recorded."""
    agency = _agency(tx, agency_id)
    now = lines_of(tx, agency_id)
    reviews = select(RightsReview).where(RightsReview.agency_id == agency_id)
    rows, following = newest_first(tx, reviews, RightsReview.signed_at, RightsReview.id, after)
    names = _names(tx, [row.signed_by for row in rows])
    details = {"view": "rights", "agency": agency_id, "count": len(now.lines)}
    tx.record("rights:consult", object_type=OBJECT, object_id=agency_id, details=details)
    return Overview(
        agency_id=agency_id,
        agency=agency.title,
        now=now,
        standing=_standing(tx, agency),
        may_sign=isinstance(may(tx.actor, Permission.RIGHTS_SIGN_OWN, _resource(agency_id)), Allowed),
        earlier=tuple(_review_line(row, agency.title, names) for row in rows),
        following=following,
    )


def read(tx: Transaction, review_id: str) -> Signed:
    """A review that was signed, and what changed since. Raises `NotFound`, `Refused` (other_agency); recorded."""
    row = tx.session.get(RightsReview, review_id)
    if row is None:
        raise NotFound("no such review")
    agency = _agency(tx, row.agency_id)
    today = lines_of(tx, row.agency_id)
    names = _names(tx, [row.signed_by, *(one["id"] for one in _lines(row))]) | {one.id: one.name for one in today.lines}
    lines = tuple(_judged(row, one, names, today) for one in _lines(row))
    details = {"view": "rights_review", "agency": row.agency_id, "count": len(lines)}
    tx.record("rights:consult", object_type=OBJECT, object_id=row.agency_id, details=details)
    return Signed(
        id=row.id,
        agency_id=row.agency_id,
        agency=agency.title,
        made_at=row.made_at,
        signed_at=row.signed_at,
        signed_by=names.get(row.signed_by, ""),
        digest=row.digest,
        whole=_digest_of(row) == row.digest,
        tables=tuple(_tables(row)),
        lines=lines,
        changes=tuple(_changes([one.line for one in lines], today.lines)),
        settled_at=row.settled_at,
        newest=_newest(tx, row.agency_id) is row,
    )


def note_file(tx: Transaction, signed: Signed, content: bytes) -> None:
    """That somebody took a review along as a file, with its digest."""
    details = {"view": "rights_file", "agency": signed.agency_id, "file_hash": hashlib.sha256(content).hexdigest()}
    tx.record("rights:consult", object_type=OBJECT, object_id=signed.agency_id, details=details)


def _agency(tx: Transaction, agency_id: str) -> Agency:
    require(tx.actor, Permission.RIGHTS_CONSULT_ALL)
    if own_agency_only(tx) and agency_id != tx.actor.agency_id:
        details = {"permission": Permission.RIGHTS_CONSULT_ALL.value}
        raise Refused("other_agency", object_type=OBJECT, object_id=agency_id[:40], details=details)
    agency = tx.session.get(Agency, agency_id)
    if agency is None:
        raise NotFound("no such organisation")
    return agency


def _resource(agency_id: str) -> Resource:
    return Resource(OBJECT, agency_id, owner_agency=agency_id)


def _standing(tx: Transaction, agency: Agency) -> Standing:
    newest = _newest(tx, agency.id)
    due_at = _due_at(tx, agency, newest)
    rules = rules_of(tx)
    return Standing(
        agency_id=agency.id,
        title=agency.title,
        signed_at=newest.signed_at if newest else None,
        due_at=due_at,
        due=due_at - timedelta(days=rules.remind_days) <= tx.now,
        officers=len(mailing.accounts_with(tx, [agency.id], Permission.RIGHTS_SIGN_OWN)),
        open_lines=len(_still_open(tx, newest)) if newest and newest.settled_at is None else 0,
    )


def _newest(tx: Transaction, agency_id: str) -> RightsReview | None:
    query = select(RightsReview).where(RightsReview.agency_id == agency_id)
    return tx.session.scalars(query.order_by(RightsReview.signed_at.desc(), RightsReview.id.desc()).limit(1)).first()


def _due_at(tx: Transaction, agency: Agency, newest: RightsReview | None) -> datetime:
    """So many months after the last one; without one, after the first account of the agency was made."""
    began = newest.signed_at if newest else None
    if began is None:
        began = tx.session.scalar(select(func.min(Account.created_at)).where(Account.agency_id == agency.id))
    return months_later(began or agency.created_at, rules_of(tx).every_months)


def _review_line(row: RightsReview, agency: str, names: Mapping[str, str]) -> ReviewLine:
    signer = names.get(row.signed_by, "")
    return ReviewLine(row.id, agency, row.signed_at, signer, len(_lines(row)), len(_taken(row)), row.settled_at)


def _names(tx: Transaction, ids: Iterable[str]) -> dict[str, str]:
    wanted = sorted(set(ids))
    found = {
        row.id: row.name for row in tx.session.execute(select(Account.id, Account.name).where(Account.id.in_(wanted)))
    }
    machines = select(MachineAccount.id, MachineAccount.title).where(MachineAccount.id.in_(wanted))
    return found | {row.id: row.title for row in tx.session.execute(machines)}


def _changes(before: Sequence[Line], today: Sequence[Line]) -> Iterable[Change]:
    then, now = {one.id: one for one in before}, {one.id: one for one in today}
    for one in today:
        if one.id not in then:
            yield Change(one.id, one.name, "new", None, one)
        elif what := _difference(then[one.id], one):
            yield Change(one.id, one.name, what, then[one.id], one)
    for one in before:
        if one.id not in now:
            yield Change(one.id, one.name, "gone", one, None)


def _difference(before: Line, today: Line) -> str:
    then, now = _holds(before), _holds(today)
    if then != now:
        return "more" if now > then else "less" if now < then else "other"
    return "other" if (before.factors, before.purposes) != (today.factors, today.purposes) else ""


def _holds(line: Line) -> frozenset[tuple[str, str]]:
    """Everything that a line lets somebody do."""
    return frozenset(
        [
            *(("role", role) for role in line.roles),
            *((f"until {one.ends_at.isoformat()}", one.role) for one in line.for_a_time),
            *(("permission", one) for one in line.permissions),
        ]
    )


# -- signing ------------------------------------------------------------------------------------------------------


def sign(tx: Transaction, seal: str, taken: Mapping[str, str]) -> str:
    """Sign for who can do what at the own agency; `taken`: account or system -> why its rights have to go. Returns the id.

    `seal` is that of the lines which the page showed. The caller asked who it is (step-up). Raises `Conflict` (changed)
    when they are others by now or somebody signed for them, and `UnusableInput`: a reason by the id that lacks one.
    """
    agency_id = tx.actor.agency_id
    require(tx.actor, Permission.RIGHTS_SIGN_OWN, _resource(agency_id))
    # Two officers at once, or one in two windows: the second waits here, and then reads that the first signed.
    tx.session.get(Agency, agency_id, with_for_update=True)
    now = lines_of(tx, agency_id)
    if now.seal != seal:
        raise Conflict("changed", "somebody changed rights or signed for them meanwhile")
    if set(taken) - {one.id for one in now.lines}:
        raise UnusableInput({"lines": UNKNOWN})
    verdicts = _verdicts(tx, now, taken)
    row = RightsReview(
        id=tx.new_id(),
        agency_id=agency_id,
        made_at=tx.now,
        lines=[{"tables": list(now.tables)}, *(kept(one) for one in now.lines)],
        digest="",
        signed_by=tx.actor.account_id,
        signed_at=tx.now,
        verdicts=verdicts,
    )
    row.digest = _digest_of(row)
    if not taken:
        row.settled_at = tx.now
    tx.session.add(row)
    details = {"count": len(now.lines), "digest": row.digest, "agency": agency_id, "taken_away": len(taken)}
    tx.record("rights:sign", object_type=OBJECT, object_id=agency_id, details=details)
    if taken:
        everywhere = tx.session.scalars(select(Agency.id).where(Agency.active)).all()
        task = ("rights", row.id)
        mailing.tell_agency(tx, everywhere, Permission.ACCOUNT_CHANGE_ALL, "rights-taken-away", task=task)
    return row.id


def _verdicts(tx: Transaction, now: Lines, taken: Mapping[str, str]) -> dict[str, Any]:
    problems: dict[str, str] = {}
    verdicts: dict[str, Any] = {}
    for one in now.lines:
        if one.id not in taken:
            verdicts[one.id] = {"verdict": KEEP, "reason": ""}
            continue
        try:
            said = for_others(tx, taken[one.id], one.id, limit=REASON_LIMIT, required=True)
        except UnusableInput as error:
            problems |= error.problems
            continue
        verdicts[one.id] = {"verdict": TAKE_AWAY, "reason": said}
    if problems:
        raise UnusableInput(problems)
    return verdicts


def _digest_of(row: RightsReview) -> str:
    signed = {"agency": row.agency_id, "made_at": row.made_at.isoformat(timespec="seconds"), "by": row.signed_by}
    return digest({**signed, "lines": row.lines, "verdicts": row.verdicts})


def _lines(row: RightsReview) -> list[dict[str, Any]]:
    return row.lines[1:]


def _tables(row: RightsReview) -> list[str]:
    return list(row.lines[0]["tables"]) if row.lines else []


def _taken(row: RightsReview) -> Mapping[str, str]:
    found = row.verdicts.items()
    return {one: said["reason"] for one, said in found if said["verdict"] == TAKE_AWAY}


# -- what was taken away ------------------------------------------------------------------------------------------


def _judged(row: RightsReview, stored: Mapping[str, Any], names: Mapping[str, str], today: Lines) -> Judged:
    line = read_again(stored, names.get(stored["id"], ""))
    said = row.verdicts.get(line.id, {"verdict": KEEP, "reason": ""})
    settled = said["verdict"] == TAKE_AWAY and not _stands(line, today)
    return Judged(line, said["verdict"], said["reason"], settled)


def _stands(line: Line, today: Lines) -> bool:
    """Whether this account still holds all that it held when its rights were taken away; a closed one holds nothing."""
    now = next((one for one in today.lines if one.id == line.id), None)
    if now is None:
        return False
    held = {*now.roles, *now.permissions, *(one.role for one in now.for_a_time)}
    return {*line.roles, *line.permissions, *(one.role for one in line.for_a_time)} <= held


def _still_open(tx: Transaction, row: RightsReview) -> list[str]:
    taken = _taken(row)
    if not taken:
        return []
    today = lines_of(tx, row.agency_id)
    return [one["id"] for one in _lines(row) if one["id"] in taken and _stands(read_again(one, ""), today)]


def _unsettled(tx: Transaction) -> Iterable[tuple[RightsReview, bool]]:
    """The reviews of which something was taken away and that nobody settled; and whether each is its agency's newest."""
    query = select(RightsReview).where(RightsReview.settled_at.is_(None))
    for row in tx.session.scalars(query.order_by(RightsReview.signed_at, RightsReview.id)).all():
        yield row, _newest(tx, row.agency_id) is row


def sweep(tx: Transaction) -> tuple[int, int]:
    """Settle what the administrator did, or what a newer review judges anew, and remind of reviews that are due.

    Returns how many were settled, and how many agencies were reminded.
    """
    settled = 0
    for row, newest in _unsettled(tx):
        if newest and _still_open(tx, row):
            continue
        row.settled_at = tx.now
        details = {"review": row.id, "agency": row.agency_id, "count": len(_taken(row))}
        tx.record("rights:settle", object_type=OBJECT, object_id=row.agency_id, details=details)
        settled += 1
    return settled, _remind(tx)


def _remind(tx: Transaction) -> int:
    """One mail for each privacy officer of an agency whose review is due, and one more each time the same time went by."""
    since = tx.now - timedelta(days=rules_of(tx).remind_days)
    reminded = 0
    for agency in tx.session.scalars(select(Agency).where(Agency.active).order_by(Agency.id)).all():
        if _due_at(tx, agency, _newest(tx, agency.id)) - timedelta(days=rules_of(tx).remind_days) > tx.now:
            continue
        officers = set(mailing.accounts_with(tx, [agency.id], Permission.RIGHTS_SIGN_OWN))
        told = select(Mail.account_id).where(Mail.template == TEMPLATE, Mail.created_at > since)
        officers -= set(tx.session.scalars(told))
        mailing.tell(tx, officers, TEMPLATE, task=("rights-due", agency.id))
        reminded += bool(officers)
    return reminded


def work_of_officer(tx: Transaction) -> Iterable[WorkItem]:
    """The review of the own agency, from some time before it is due."""
    agency = tx.session.get(Agency, tx.actor.agency_id)
    standing = _standing(tx, agency) if agency is not None and agency.active else None
    if standing is not None and standing.due:
        since = standing.due_at - timedelta(days=rules_of(tx).remind_days)
        yield WorkItem("rights-review", standing.agency_id, "", since, day_of(standing.due_at))


def work_of_administrator(tx: Transaction) -> Iterable[WorkItem]:
    """What reviews took away and nobody did yet, one line for each review."""
    for row, newest in list(_unsettled(tx))[:MOST]:
        if newest and _still_open(tx, row):
            yield WorkItem("rights-settling", row.id, "", row.signed_at)


def rules_of(tx: Transaction) -> ReviewRules:
    """How often rights are looked at."""
    return tx.program.policy.rights.review
