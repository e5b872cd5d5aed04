"""Roles for some time: an administrator gives one from a moment until a moment, with a reason, and it ends by itself.

That it ended is a matter of the clock alone (`held`); a job tells it afterwards, in the log and by mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, select

from signaltable.access import Permission, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import mailing
from signaltable.flow.coming_in.sessions import end_sessions
from signaltable.flow.coming_in.standing import hold
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.rights.held import running
from signaltable.flow.rights.mixing import mixes
from signaltable.models import Account, AccountRole, Agency, RoleGrant
from signaltable.queries import PageKey, newest_first
from signaltable.rights_rules import RightsFile, days_later
from signaltable.transaction import Transaction

REASON_LIMIT: Final = 500
# So many that run or are still to come can one account have; more is a role, and not one for some time.
MOST: Final = 10
JUST_NOW: Final = timedelta(minutes=5)
TIME_OVER, TAKEN_AWAY = "time_over", "taken_away"

# What was expected, for the page that puts it in words.
NO_ROLE: Final = "expected a role"
HAS_ROLE: Final = "expected a role that the account does not have already"
MIXED: Final = "expected a role that goes together with the others"
OVERLAPS: Final = "expected a time in which the same role was not given already"
BEFORE_BEGIN: Final = "expected an end after the beginning"
IN_THE_PAST: Final = "expected a moment that is still to come"
TOO_LONG: Final = "expected a shorter time"
TOO_FAR: Final = "expected a beginning less far ahead"
TOO_MANY: Final = "expected fewer roles for some time"


class Stage(StrEnum):
    """Where a grant is in its life."""

    COMING = "coming"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class GrantLine:
    """One role for some time, as the administrator and its holder see it. `ended_at` is when it really ended."""

    id: str
    account_id: str
    name: str
    agency: str
    role: str
    reason: str
    given_by: str
    begins_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    stage: Stage


@dataclass(frozen=True, slots=True)
class Whom:
    """The account that gets a role, and the roles that it can get for some time."""

    account_id: str
    name: str
    agency: str
    roles: tuple[str, ...]
    longest_days: int


# -- looking ------------------------------------------------------------------------------------------------------


def listing(
    tx: Transaction, stage: Stage, after: PageKey | None = None, account_id: str = ""
) -> tuple[list[GrantLine], PageKey | None]:
    """A page of the grants of one stage, of everybody or of one account, newest begin first; recorded."""
    require(tx.actor, Permission.GRANT_CHANGE_ALL)
    query = select(RoleGrant).where(_of_stage(stage, tx.now))
    if account_id:
        query = query.where(RoleGrant.account_id == account_id)
    rows, following = newest_first(tx, query, RoleGrant.begins_at, RoleGrant.id, after)
    lines = _lines(tx, rows)
    details = {"view": f"grants_{stage}", "count": len(lines)} | ({"account": account_id} if account_id else {})
    tx.record("grant:consult", object_type="grant", details=details)
    return lines, following


def of_myself(tx: Transaction) -> list[GrantLine]:
    """What the actor has for some time, now and still to come. Their own, so nobody else has to know that they looked."""
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    query = select(RoleGrant).where(RoleGrant.account_id == tx.actor.account_id, _still_counts(tx.now))
    return _lines(tx, tx.session.scalars(query.order_by(RoleGrant.begins_at).limit(MOST)).all())


def whom(tx: Transaction, account_id: str) -> Whom:
    """Whom a role can be given to. Raises `NotFound`, `Conflict` (own_account, closed_account); recorded."""
    require(tx.actor, Permission.GRANT_CHANGE_ALL)
    account, agency = _open_account(tx, account_id)
    own = _own_roles(tx, account_id)
    policy = tx.program.policy
    fitting = tuple(role for role in policy.roles if role not in own and not mixes(policy, {*own, role}))
    tx.record("grant:consult", object_type="grant", details={"view": "grant_form", "account": account_id})
    return Whom(account_id, account.name, agency.title, fitting, policy.rights.grants.longest_days)


def _still_counts(now: datetime) -> ColumnElement[bool]:
    return RoleGrant.ended_at.is_(None) & (RoleGrant.ends_at > now)


def _of_stage(stage: Stage, now: datetime) -> ColumnElement[bool]:
    if stage == Stage.RUNNING:
        return running(now)
    if stage == Stage.COMING:
        return _still_counts(now) & (RoleGrant.begins_at > now)
    return ~_still_counts(now)


def _stage(row: RoleGrant, now: datetime) -> Stage:
    if row.ended_at is not None or row.ends_at <= now:
        return Stage.ENDED
    return Stage.RUNNING if row.begins_at <= now else Stage.COMING


def _lines(tx: Transaction, rows: Sequence[RoleGrant]) -> list[GrantLine]:
    people = _people(tx, rows)
    return [_line(row, people, tx.now) for row in rows]


def _people(tx: Transaction, rows: Sequence[RoleGrant]) -> Mapping[str, tuple[str, str]]:
    wanted = sorted({row.account_id for row in rows} | {row.given_by for row in rows})
    query = select(Account.id, Account.name, Agency.title).join(Agency, Agency.id == Account.agency_id)
    return {row.id: (row.name, row.title) for row in tx.session.execute(query.where(Account.id.in_(wanted)))}


def _line(row: RoleGrant, people: Mapping[str, tuple[str, str]], now: datetime) -> GrantLine:
    name, agency = people.get(row.account_id, ("", ""))
    stage = _stage(row, now)
    return GrantLine(
        id=row.id,
        account_id=row.account_id,
        name=name,
        agency=agency,
        role=row.role,
        reason=row.reason,
        given_by=people.get(row.given_by, ("", ""))[0],
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        ended_at=(row.ended_at or row.ends_at) if stage == Stage.ENDED else None,
        stage=stage,
    )


# -- giving and ending --------------------------------------------------------------------------------------------


def give(
    tx: Transaction, account_id: str, role: str, *, begins_at: datetime | None, ends_at: datetime, reason: str
) -> str:
    """Give a role from a moment (None: now) until a moment. Returns the id; the person hears of it by mail.

    Raises `NotFound`, `Conflict` (own_account, closed_account) and `UnusableInput` with what was expected: role, begins,
    ends, reason.
    """
    require(tx.actor, Permission.GRANT_CHANGE_ALL)
    # Two administrators at once: the second waits here, and then sees what the first gave.
    account, agency = _open_account(tx, account_id, locked=True)
    # Whoever fills in the minute that it is does not mean the past.
    begins = begins_at if begins_at and not tx.now - JUST_NOW < begins_at < tx.now else tx.now
    problems = _role_problems(tx, account_id, role, begins, ends_at) or _time_problems(tx, begins, ends_at)
    if problems:
        raise UnusableInput(problems)
    said = for_others(tx, reason, "reason", limit=REASON_LIMIT, required=True)
    row = RoleGrant(
        id=tx.new_id(),
        account_id=account.id,
        role=role,
        reason=said,
        given_by=tx.actor.account_id,
        given_at=tx.now,
        begins_at=begins,
        ends_at=ends_at,
    )
    tx.session.add(row)
    tx.record(
        "grant:record",
        object_type="account",
        object_id=account.id,
        details={
            "account": account.id,
            "role": role,
            "grant": row.id,
            "agency": agency.id,
            "starts_at": milliseconds(begins),
            "expires_at": milliseconds(ends_at),
            "motivation_hash": text_hash(said),
        },
    )
    mailing.tell(tx, [account.id], "grant")
    return row.id


def _open_account(tx: Transaction, account_id: str, *, locked: bool = False) -> tuple[Account, Agency]:
    account = tx.session.get(Account, account_id, with_for_update=locked or None)
    if account is None:
        raise NotFound("no such account")
    if account_id == tx.actor.account_id:
        raise Conflict("own_account", "nobody gives the own account a role")
    agency = tx.session.get_one(Agency, account.agency_id)
    if not account.active or not agency.active:
        raise Conflict("closed_account", "expected an account that is open")
    return account, agency


def _own_roles(tx: Transaction, account_id: str) -> frozenset[str]:
    return frozenset(tx.session.scalars(select(AccountRole.role).where(AccountRole.account_id == account_id)))


def _role_problems(
    tx: Transaction, account_id: str, role: str, begins_at: datetime, ends_at: datetime
) -> dict[str, str]:
    policy, own = tx.program.policy, _own_roles(tx, account_id)
    if role not in policy.roles:
        return {"role": NO_ROLE}
    if role in own:
        return {"role": HAS_ROLE}
    others = tx.session.scalars(
        select(RoleGrant).where(RoleGrant.account_id == account_id, _still_counts(tx.now))
    ).all()
    if len(others) >= MOST:
        return {"role": TOO_MANY}
    beside = {one.role for one in others if one.begins_at < ends_at and begins_at < one.ends_at}
    if role in beside:
        return {"ends": OVERLAPS}
    return {"role": MIXED} if mixes(policy, {*own, *beside, role}) else {}


def _time_problems(tx: Transaction, begins_at: datetime, ends_at: datetime) -> dict[str, str]:
    rules = rules_of(tx).grants
    if begins_at < tx.now:
        return {"begins": IN_THE_PAST}
    if ends_at <= begins_at:
        return {"ends": BEFORE_BEGIN}
    if begins_at > days_later(tx.now, rules.ahead_days):
        return {"begins": TOO_FAR}
    return {"ends": TOO_LONG} if ends_at > days_later(begins_at, rules.longest_days) else {}


def end(tx: Transaction, grant_id: str) -> None:
    """Take a role away before its time; every session of the person ends, so that the right is gone at once.

    Raises `NotFound`, `Refused` (own_request: somebody else takes away what the actor has) and `Conflict` (ended).
    """
    require(tx.actor, Permission.GRANT_CHANGE_ALL)
    row = tx.session.get(RoleGrant, grant_id)
    if row is None:
        raise NotFound("no such role for some time")
    hold(tx, row.account_id)
    tx.session.refresh(row, with_for_update=True)
    if row.account_id == tx.actor.account_id:
        raise Refused("own_request", object_type="account", object_id=row.account_id, details=_PERMISSION)
    if row.ended_at is not None or row.ends_at <= tx.now:
        raise Conflict("ended", "this role ended already")
    was_running = row.begins_at <= tx.now
    row.ended_at, row.ended_by, row.told_at = tx.now, tx.actor.account_id, tx.now
    if was_running:
        end_sessions(tx, row.account_id, "account_changed")
    _record_end(tx, row, TAKEN_AWAY)
    mailing.tell(tx, [row.account_id], "grant-ended")


_PERMISSION: Final[Mapping[str, str]] = {"permission": Permission.GRANT_CHANGE_ALL.value}


def sweep(tx: Transaction) -> int:
    """Tell in the log, and the people, which roles ended by themselves. Returns how many."""
    over = select(RoleGrant).where(RoleGrant.ended_at.is_(None), RoleGrant.ends_at <= tx.now)
    rows = tx.session.scalars(over.order_by(RoleGrant.ends_at, RoleGrant.id).with_for_update()).all()
    for row in rows:
        row.ended_at, row.told_at = row.ends_at, tx.now
        _record_end(tx, row, TIME_OVER)
        mailing.tell(tx, [row.account_id, row.given_by], "grant-ended")
    return len(rows)


def _record_end(tx: Transaction, row: RoleGrant, cause: str) -> None:
    tx.record(
        "grant:end",
        object_type="account",
        object_id=row.account_id,
        details={"account": row.account_id, "role": row.role, "cause": cause, "grant": row.id},
    )


def rules_of(tx: Transaction) -> RightsFile:
    """The rules for rights beside those of a role."""
    return tx.program.policy.rights
