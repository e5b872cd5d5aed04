"""What checks of the log found: incidents that people settle. A finding opens one, and as long as it is open stays that one.

Whoever asks for a check at a screen leaves a request; the jobs process makes it, because a long log takes longer than a
page may.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update

from audit.errors import AuditError
from audit.findings import Finding
from signaltable.access import Permission, require
from signaltable.domain import Actor, Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import fsck, mailing
from signaltable.flow.claims import claim
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.on_behalf import on_behalf
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import Account, Agency, EmergencyAccess, Incident, JobRun
from signaltable.queries import PageKey, newest_first
from signaltable.transaction import Program, Transaction, in_whole, reading, transaction

# Of one kind so many become incidents of their own; one more says how many others there are.
MOST_PER_KIND = 50
MANY = "log"
# By this result somebody answers for a row as it is now.
ACCEPTING = "explained"
# Tables whose rows say what one account may do.
OF_A_PERSON = frozenset({"accounts", "account_roles"})
# The place of an incident about an access in acute danger, before its id (flow/rights/looking_back.py).
OF_EMERGENCY = "emergency"
RESULTS = ("repaired", "explained", "false-alarm", "reported")
EXPLANATION_LIMIT = 800
PLACE_LENGTH, MESSAGE_LENGTH = 200, 500

# A request is a row under the first name; whoever fulfils it claims the second (unique, so it happens once).
REQUESTED = "check-request"
CLAIMED = "check"
# A claim this old without any progress belongs to a process that died.
LOST_AFTER = timedelta(minutes=10)
TOLD_EVERY = timedelta(seconds=2)
DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident as the page shows it. `settled_by` is the name of a person, "" as long as it is open."""

    id: str
    kind: str
    place: str
    message: str
    opened_at: datetime
    seen_at: datetime
    times: int
    settled_at: datetime | None
    settled_by: str
    result: str
    explanation: str
    # Whether the row that it is about counts as it is now, once somebody explained it.
    acceptable: bool


@dataclass(frozen=True, slots=True)
class Check:
    """A check that somebody asked for. `state` is waiting, running, done or failed; `percent` how far it is."""

    id: str
    requested_at: datetime
    finished_at: datetime | None
    state: str
    percent: int
    findings: int


# -- checking -----------------------------------------------------------------------------------------------------


def check(
    program: Program,
    actor: Actor,
    *,
    seals: str = "sample",
    progress: fsck.Progress = lambda _done, _of: None,
) -> fsck.Report:
    """Check everything, record that it was done, and open an incident for what was found.

    Rows from before the log spoke of rows are taken up in it, once. For the jobs process and the command line: reads
    between short transactions, so that nobody waits. Raises `UnusableLogKey` without the public keys of the log.
    """
    report = fsck.inspect(program, seals=seals, progress=progress)
    record(program, actor, report)
    return report


def record(program: Program, actor: Actor, report: fsck.Report) -> None:
    """Put in the log that a check was done and what it found, and open incidents."""
    fsck.adopt(program, actor, report)
    with transaction(program, actor) as tx:
        for (agency_id, version), count in report.keys.items():
            for _ in range(count):
                tx.use_key(f"agency:{agency_id}", version)
        tx.record("log:check", object_type="log", details=_told(report))
        _open_incidents(tx, _worth_an_incident(report))


def open_one(program: Program, actor: Actor, finding: Finding) -> None:
    """Open an incident for what came to light outside a check; nothing happens while the same one is open."""
    with transaction(program, actor) as tx:
        same = select(Incident.id).where(_is_open(), Incident.kind == finding.kind, Incident.place == finding.at)
        if tx.session.scalar(same) is None:
            _open_incidents(tx, [finding])


def open_in(tx: Transaction, finding: Finding) -> None:
    """Open an incident with the step that found it; while the same one is open, that one counts once more."""
    _open_incidents(tx, [finding])


def _told(report: fsck.Report) -> dict[str, object]:
    return {
        "findings": sum(report.counts.values()),
        "kinds": sorted(report.counts),
        "entries": report.entries,
        "root": report.root,
        "checkpoints": report.checked.get("checkpoints", 0),
        "duration_ms": report.duration_ms,
    }


def _open_incidents(tx: Transaction, findings: Iterable[Finding]) -> None:
    known = {(row.kind, row.place): row for row in tx.session.scalars(select(Incident).where(_is_open()))}
    fresh: list[str] = []
    for one in findings:
        place, message = one.at[:PLACE_LENGTH], one.message[:MESSAGE_LENGTH]
        row = known.get((one.kind, place))
        if row is not None:
            row.seen_at, row.times, row.message = tx.now, row.times + 1, message
            continue
        row = known[one.kind, place] = Incident(
            id=tx.new_id(), kind=one.kind, place=place, message=message, opened_at=tx.now, seen_at=tx.now, times=1
        )
        tx.session.add(row)
        fresh.append(row.id)
        details = {"incident": row.id, "kind": row.kind, "at": row.place, "finding_hash": text_hash(row.message)}
        tx.record("incident:open", object_type="incident", object_id=row.id, details=details)
    if fresh:
        _tell(tx, ("incident", fresh[0]) if len(fresh) == 1 else ("work", ""))


def _worth_an_incident(report: fsck.Report) -> Iterator[Finding]:
    """What was found, of each kind the first ones; then one line for each kind of which there were more."""
    met: Counter[str] = Counter()
    for one in report.findings:
        met[one.kind] += 1
        if one.at and met[one.kind] <= MOST_PER_KIND:
            yield one
    for kind, count in report.counts.items():
        if count > MOST_PER_KIND:
            yield Finding(kind, MANY, f"{count} of this kind were found; {MOST_PER_KIND} of them are listed")


def _is_open() -> ColumnElement[bool]:
    return Incident.settled_at.is_(None)


def _tell(tx: Transaction, task: mailing.Task) -> None:
    """A mail to everybody who may settle, wherever they work; it does not wait for tomorrow."""
    agencies = tx.session.scalars(select(Agency.id).where(Agency.active)).all()
    urgent = mailing.presses(tx, "incident", due_on=tx.today)
    mailing.tell_agency(tx, agencies, Permission.INCIDENT_SETTLE_ALL, "incident", task=task, urgent=urgent)


# -- looking at them, settling them -------------------------------------------------------------------------------


def listing(
    tx: Transaction, after: PageKey | None = None
) -> tuple[list[IncidentLine], list[IncidentLine], PageKey | None]:
    """All incidents that are open, a page of those that were settled, both newest first, and the key of the next page.

    Records once that they were consulted.
    """
    require(tx.actor, Permission.INCIDENT_CONSULT_ALL)
    rows = tx.session.scalars(select(Incident).where(_is_open()).order_by(Incident.opened_at.desc(), Incident.id))
    waiting = [_line(row, {}) for row in rows]
    query = select(Incident).where(~_is_open())
    shown, following = newest_first(tx, query, Incident.opened_at, Incident.id, after)
    names = _names(tx, {row.settled_by for row in shown})
    details = {"view": "incidents", "count": len(waiting) + len(shown)}
    tx.record("incident:consult", object_type="incident", details=details)
    return waiting, [_line(row, names) for row in shown], following


def consult(tx: Transaction, incident_id: str) -> IncidentLine:
    """One incident. Raises `NotFound`."""
    require(tx.actor, Permission.INCIDENT_CONSULT_ALL)
    row = _row(tx, incident_id)
    details = {"view": "incident", "incident": row.id}
    tx.record("incident:consult", object_type="incident", object_id=row.id, details=details)
    return _line(row, _names(tx, {row.settled_by}))


def settle(tx: Transaction, incident_id: str, result: str, explanation: str) -> None:
    """Say what was done about an incident. Found again after this, it opens anew.

    A row of the business that somebody explained counts from now on as it is in the database, and the log says who let it
    (`fsck.accept`). Nobody lets a change of the own account or roles count: a second person looks at that. Raises
    `UnusableInput` without a result of RESULTS or a usable explanation, for the own account ("person"), or when nobody can
    read the row that would count; `Conflict` when it is settled already.
    """
    require(tx.actor, Permission.INCIDENT_SETTLE_ALL)
    row = _row(tx, incident_id, locked=True)
    _refuse_own(tx, row)
    if row.settled_at is not None:
        raise Conflict("settled", "this incident was settled already")
    if result not in RESULTS:
        raise UnusableInput({"result": "expected one of the results"})
    accepts = result == ACCEPTING and fsck.may_be_accepted(row.kind, row.place)
    if accepts and _is_own(tx, row.place):
        raise UnusableInput({"person": "expected somebody else than the person whose account it is"})
    row.explanation = for_others(tx, explanation, "explanation", limit=EXPLANATION_LIMIT, required=True)
    row.settled_at, row.settled_by, row.result = tx.now, tx.actor.account_id, result
    details = {"incident": row.id, "result": result, "motivation_hash": text_hash(row.explanation)}
    tx.record("incident:close", object_type="incident", object_id=row.id, details=details)
    if accepts:
        fsck.accept(tx, row.id, row.place)


@in_whole("nobody settles what was found about the own access, wherever they work")
def _refuse_own(tx: Transaction, row: Incident) -> None:
    """Nobody settles what was found about the own access in acute danger."""
    what, _space, access = row.place.partition(" ")
    of = select(EmergencyAccess.account_id).where(EmergencyAccess.id == access) if what == OF_EMERGENCY else None
    if of is not None and tx.session.scalar(of) == tx.actor.account_id:
        details = {"permission": Permission.INCIDENT_SETTLE_ALL.value}
        raise Refused("own_request", object_type="incident", object_id=row.id, details=details)


def _is_own(tx: Transaction, place: str) -> bool:
    table, _space, called = place.partition(" ")
    return table in OF_A_PERSON and tx.actor.account_id in called


def count_open(tx: Transaction) -> int:
    """How many incidents are open, for the overview of those who settle them."""
    return tx.session.scalar(select(func.count()).select_from(Incident).where(_is_open())) or 0


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The open incidents, for those who settle them. What broke in the log does not wait for a day."""
    query = select(Incident.id, Incident.opened_at).where(_is_open()).order_by(Incident.opened_at, Incident.id)
    for row in tx.lists.execute(query.limit(MOST)):
        yield WorkItem("incidents", row.id, "", row.opened_at, urgent=True)


def _row(tx: Transaction, incident_id: str, *, locked: bool = False) -> Incident:
    row = tx.session.get(Incident, incident_id, with_for_update=locked or None)
    if row is None:
        raise NotFound("no such incident")
    return row


def _names(tx: Transaction, account_ids: set[str]) -> Mapping[str, str]:
    rows = tx.session.execute(select(Account.id, Account.name).where(Account.id.in_(sorted(account_ids))))
    return {row.id: row.name for row in rows}


def _line(row: Incident, names: Mapping[str, str]) -> IncidentLine:
    return IncidentLine(
        id=row.id,
        kind=row.kind,
        place=row.place,
        message=row.message,
        opened_at=row.opened_at,
        seen_at=row.seen_at,
        times=row.times,
        settled_at=row.settled_at,
        settled_by=names.get(row.settled_by, ""),
        result=row.result,
        explanation=row.explanation,
        acceptable=fsck.may_be_accepted(row.kind, row.place),
    )


# -- a check that somebody asks for -------------------------------------------------------------------------------


def request_check(tx: Transaction) -> str:
    """Ask for a check. Returns its id; that of the one that still runs, when there is one: one answer serves everybody."""
    require(tx.actor, Permission.INCIDENT_CONSULT_ALL)
    running = tx.session.scalar(
        select(JobRun.slot).where(JobRun.job == REQUESTED, JobRun.finished_at.is_(None)).limit(1)
    )
    request = running or tx.new_id()
    if running is None:
        tx.session.add(JobRun(job=REQUESTED, slot=request, claimed_at=tx.now))
    tx.record("log:request", object_type="check", object_id=request, details={"request": request, "kind": "check"})
    return request


def newest_check(tx: Transaction) -> Check | None:
    """The last check that somebody asked for, and how far it is; None when nobody ever did."""
    require(tx.actor, Permission.INCIDENT_CONSULT_ALL)
    query = select(JobRun).where(JobRun.job == REQUESTED).order_by(JobRun.claimed_at.desc(), JobRun.slot).limit(1)
    row = tx.session.scalars(query).first()
    if row is None:
        return None
    state, _, number = row.outcome.partition(":")
    told = int(number) if number.isdigit() else 0
    running = state == "running"
    return Check(
        row.slot, row.claimed_at, row.finished_at, state or "waiting", told if running else 0, 0 if running else told
    )


def fulfil_checks(program: Program, actor: Actor, *, progress: fsck.Progress = lambda _done, _of: None) -> int:
    """Make every check that was asked for. Returns how many were made. `progress` may raise to break it off."""
    with reading(program) as session:
        waiting = session.scalars(
            select(JobRun.slot).where(JobRun.job == REQUESTED, JobRun.finished_at.is_(None)).order_by(JobRun.claimed_at)
        ).all()
    return sum(_fulfil(program, actor, request, progress) for request in waiting)


def _fulfil(program: Program, actor: Actor, request: str, progress: fsck.Progress) -> int:
    if not claim(program, actor, CLAIMED, request, lost_after=LOST_AFTER):
        return 0
    with suppress(
        AuditError
    ):  # Who asked cannot be read in a broken log; that it is broken is what the check will say.
        actor = on_behalf(program, actor, request)
    try:
        report = check(program, actor, progress=_Teller(program, actor, request, progress))
    except Exception:
        _note(program, actor, request, FAILED, finished=True)
        raise
    _note(program, actor, request, f"{DONE}:{sum(report.counts.values())}", finished=True)
    return 1


class _Teller:
    """Writes how far a check is, so that the page can say it; also shows that the process is alive."""

    def __init__(self, program: Program, actor: Actor, request: str, progress: fsck.Progress) -> None:
        self._program, self._actor, self._request, self._progress = program, actor, request, progress
        self._told_at = program.clock()

    def __call__(self, done: int, of: int) -> None:
        """Told at most every two seconds."""
        self._progress(done, of)
        now = self._program.clock()
        if now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            _note(self._program, self._actor, self._request, f"running:{100 * done // max(1, of)}", finished=False)


def _note(program: Program, actor: Actor, request: str, outcome: str, *, finished: bool) -> None:
    with transaction(program, actor) as tx:
        values = {"outcome": outcome} | ({"finished_at": tx.now} if finished else {})
        tx.session.execute(update(JobRun).where(JobRun.job == REQUESTED, JobRun.slot == request).values(**values))
        # A claim that moves on is not lost, however long the log is.
        mine = update(JobRun).where(JobRun.job == CLAIMED, JobRun.slot == request)
        tx.session.execute(mine.values(claimed_at=tx.now, **values))
        if outcome == FAILED:
            details = {"job": CLAIMED, "slot": request}
            tx.record(
                "job:run",
                object_type="check",
                object_id=request,
                outcome="error",
                reason="check_failed",
                details=details,
            )
