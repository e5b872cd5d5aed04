"""Two people at the same thing at the same time: what the first one did, and that the second one tried.

What happened is read from the log, which has it whole. Whoever came second learns which organisation did what and when,
and of the own organisation also who; what stands in the log beyond that stays there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from audit.vocabulary import ACTIONS
from signaltable.access import Allowed, Permission, may
from signaltable.domain import GONE, Conflict, State
from signaltable.models import Account, LogEntry, LogTerm, Signal
from signaltable.queries import agency_titles, on_an_agenda, resource_of
from signaltable.texts import Text
from signaltable.transaction import Transaction

# Changes of which everybody who works on the same thing may know that they happened. What a partner answered and what an
# owner said of a link is not among them: of those only the own organisation's are told.
TOLD: Final = frozenset(
    {
        "consent:withdraw",
        "disclosure:accept",
        "disclosure:approve",
        "disclosure:feedback",
        "disclosure:reject",
        "disclosure:return",
        "disclosure:revoke",
        "enrich:ask",
        "enrich:postpone",
        "enrich:withdraw",
        "escalation:settle",
        "signal:close",
        "signal:disclose",
        "signal:move",
        "signal:triage",
        "signal:withdraw",
        "table:approve",
        "table:assign",
        "table:decide",
        "table:minute",
        "table:note",
        "table:schedule",
        "table:settle",
    }
)
TOLD_AT_HOME: Final = TOLD | {
    "account:change",
    "agency:record",
    "attachment:erase",
    "attachment:record",
    "draft:record",
    "duty:fulfil",
    "duty:postpone",
    "enrich:answer",
    "exclusion:end",
    "exclusion:review",
    "identity:decide",
    "identity:end",
    "identity:request",
    "incident:close",
    "link:confirm",
    "link:end",
    "link:merge",
    "link:refuse",
    "link:split",
    "link:undo",
    "misuse:settle",
    "reflection:end",
    "reflection:record",
    "report:decide",
    "report:request",
    "retention:postpone",
    "subject:decide",
    "subject:request",
    "table:attend",
    "table:record",
    "table:recuse",
    "text:confirm",
}
# What somebody did before this long ago is no news for who was busy with the form meanwhile.
RECENT: Final = timedelta(days=2)
MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Change:
    """What was done with a thing: when, by which organisation ("" for the program), by whom when it is a colleague."""

    at: datetime
    agency: str
    person: str
    mine: bool
    what: Text


def changes(tx: Transaction, objects: Iterable[str]) -> tuple[Change, ...]:
    """The last changes of these things that the actor may know of, the newest first. The caller asked the gate."""
    wanted = sorted({one for one in objects if one})
    if not wanted:
        return ()
    own = LogEntry.agency == tx.actor.agency_id
    rows = tx.session.scalars(
        select(LogEntry)
        .where(
            LogEntry.object.in_(wanted),
            LogEntry.outcome == "ok",
            LogEntry.recorded_at > tx.now - RECENT,
            LogEntry.action.in_(sorted(TOLD)) | (own & LogEntry.action.in_(sorted(TOLD_AT_HOME))),
        )
        .order_by(LogEntry.seq.desc())
        .limit(MOST)
    ).all()
    return tuple(_change(tx, row, agency_titles(tx)) for row in rows)


def is_gone(tx: Transaction, reference: str) -> bool:
    """Whether a signal that the actor worked with was taken back or expired: of the own agency, or on an own agenda."""
    signal = tx.session.scalars(select(Signal).where(Signal.reference == reference.upper())).first()
    if signal is None or State(signal.state) not in GONE:
        return False
    # Whose it was to work with until a moment ago: of what is gone nobody may do anything any more.
    resource = replace(resource_of(tx, signal), state=State.TRIAGED)
    if isinstance(may(tx.actor, Permission.SIGNAL_CONSULT_OWN, resource), Allowed):
        return True
    leads = isinstance(may(tx.actor, Permission.SIGNAL_TRIAGE_OWN_TABLE, resource), Allowed)
    sits = isinstance(may(tx.actor, Permission.TABLE_CONSULT_OWN_TABLE, resource), Allowed)
    return leads or (sits and on_an_agenda(tx, signal.id))


def _change(tx: Transaction, row: LogEntry, titles: dict[str, str]) -> Change:
    own = row.agency == tx.actor.agency_id
    person = tx.session.scalar(select(Account.name).where(Account.id == row.actor)) if own else ""
    said = ACTIONS[row.action]
    return Change(
        at=row.recorded_at,
        agency=titles.get(row.agency, ""),
        person=person or "",
        mine=row.actor == tx.actor.account_id,
        what=Text(nl=said.summary_nl, en=said.summary_en),
    )


# -- that somebody else tried --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody came second: when, from which organisation, and who when it is a colleague."""

    at: datetime
    agency: str
    person: str


def attempts(tx: Transaction, reference: str, endpoint: str, since: datetime) -> tuple[Attempt, ...]:
    """Who else tried to do this (a view of the program) with this signal or disclosure since then, the newest first."""
    name = {"S-": "signal", "D-": "disclosure"}.get(reference[:2], "")
    rows = tx.session.scalars(
        select(LogEntry)
        .join(LogTerm, LogTerm.seq == LogEntry.seq)
        .where(
            LogTerm.name == name,
            LogTerm.value == reference,
            LogEntry.action == "request:refuse",
            LogEntry.object == endpoint,
            LogEntry.recorded_at >= since,
            LogEntry.actor != tx.actor.account_id,
        )
        .order_by(LogEntry.seq.desc())
        .limit(MOST)
    ).all()
    titles = agency_titles(tx)
    own = tx.actor.agency_id
    names = dict(tx.session.execute(select(Account.id, Account.name).where(Account.agency_id == own)).all())
    return tuple(Attempt(row.recorded_at, titles.get(row.agency, ""), names.get(row.actor, "")) for row in rows)


# -- versions of what has no column for one ------------------------------------------------------------------------


def version_of(tx: Transaction, object_id: str, *actions: str) -> int:
    """The place in the log of the last of these acts on a thing; 0 before the first. Changes whenever the thing does."""
    query = select(func.max(LogEntry.seq)).where(
        LogEntry.object == object_id, LogEntry.action.in_(actions), LogEntry.outcome == "ok"
    )
    newest = tx.session.scalar(query)
    return 0 if newest is None else newest + 1


def require_version(tx: Transaction, seen: int | None, object_id: str, *actions: str) -> None:
    """Raise `Conflict` (version) when one of these acts came after what the actor saw. Ask it behind the lock of the row.

    None: whoever asks saw nothing before, as at the command line.
    """
    if seen is not None and seen != version_of(tx, object_id, *actions):
        raise Conflict("version", "somebody else changed it meanwhile")
