"""Asking an agency what the reason was, and settling the question with an answer. An auditor sees all, an officer the own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import func, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import Conflict, NotFound, Refused, Resource, UnusableInput
from signaltable.flow import mailing
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.misuse.patterns import PATTERNS, Finding, Look, findings
from signaltable.models import LogEntry, MisuseQuestion
from signaltable.policy_shapes import MisuseFile, MisuseRule
from signaltable.queries import agency_titles
from signaltable.transaction import Transaction

T = TypeVar("T")

# Over how many days one can look.
DAYS: Final = (30, 7, 90, 365)
# How a question can be settled; pages have the words.
RESULTS: Final = ("explained", "mistake", "measure", "incident")
EXPLANATION_LIMIT: Final = 1000
MOST_SETTLED: Final = 25
NO_CHOICE: Final = "expected one of the choices"


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A question that was asked of an agency, or settled."""

    id: str
    rule: MisuseRule
    about: str
    agency: str
    count: int
    asked_at: datetime | None
    settled_at: datetime | None
    result: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What raises a question now, each with the question that is open about it; open ones without; and settled ones.

    `more`: rule -> how many findings of it there are besides those in `found`.
    """

    days: int
    sees_all: bool
    titles: dict[str, str]
    rules: dict[str, MisuseRule]
    found: tuple[tuple[Finding, QuestionLine | None], ...]
    asked: tuple[QuestionLine, ...]
    settled: tuple[QuestionLine, ...]
    more: dict[str, int]


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry behind a finding."""

    seq: int
    recorded_at: datetime
    action: str
    outcome: str
    object_type: str
    object: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """One question with the entries behind it. `finding` is None when the period shows it no more."""

    rule: MisuseRule
    about: str
    agency_id: str
    agency: str
    days: int
    finding: Finding | None
    entries: tuple[EntryRow, ...]
    open: QuestionLine | None
    settled: tuple[QuestionLine, ...]
    may_ask: bool
    may_settle: bool


def overview(tx: Transaction, days: int = DAYS[0]) -> Overview:
    """Everything that raises a question over so many days, and what was asked and settled; that is recorded."""
    scope = _scope(tx)
    rules = _rules(tx)
    titles = agency_titles(tx)
    asked = [_line(row, rules, titles) for row in _questions(tx, scope, settled=False)]
    settled = [_line(row, rules, titles) for row in _questions(tx, scope, settled=True)]
    open_ones = {(one.rule.id, one.about): one for one in asked}
    look = _look(tx, days, scope)
    found, more = _whole(tx, lambda: findings(look, open_ones))
    named = {(one.rule, one.about) for one in found}
    _record(tx, len(found))
    return Overview(
        days=days,
        sees_all=not scope,
        titles=titles,
        rules={rule.id: rule for rule in rules.misuse},
        found=tuple((one, open_ones.get((one.rule, one.about))) for one in found),
        asked=tuple(one for one in asked if (one.rule.id, one.about) not in named),
        settled=tuple(settled),
        more=more,
    )


def _record(tx: Transaction, count: int) -> None:
    tx.record("log:consult", object_type="log", details={"view": "misuse", "count": count})


def _scope(tx: Transaction) -> str:
    """Nothing for who may see all, else the one agency whose use the actor may ask about."""
    if isinstance(may(tx.actor, Permission.LOG_CONSULT_ALL), Allowed):
        return ""
    require(tx.actor, Permission.LOG_CONSULT_OWN, Resource("log", owner_agency=tx.actor.agency_id))
    return tx.actor.agency_id


def _rules(tx: Transaction) -> MisuseFile:
    rules = tx.program.policy.misuse
    if rules is None:
        raise NotFound("these rules hold no questions about use")
    return rules


def _look(tx: Transaction, days: int, scope: str) -> Look:
    if days not in DAYS:
        raise NotFound("no such period")
    floors = select(MisuseQuestion.rule, MisuseQuestion.about, func.max(MisuseQuestion.through_seq)).where(
        MisuseQuestion.settled_at.is_not(None),
    )
    settled = tx.session.execute(floors.group_by(MisuseQuestion.rule, MisuseQuestion.about))
    return Look(
        session=tx.session,
        since=tx.now - timedelta(days=days),
        now=tx.now,
        scope=scope,
        policy=tx.program.policy,
        rules=_rules(tx),
        floors={(rule, about): seq for rule, about, seq in settled},
    )


def _questions(tx: Transaction, scope: str, *, settled: bool) -> Sequence[MisuseQuestion]:
    query = select(MisuseQuestion)
    if scope:
        query = query.where(MisuseQuestion.agency_id == scope)
    if settled:
        query = query.where(MisuseQuestion.settled_at.is_not(None)).order_by(MisuseQuestion.settled_at.desc())
        return tx.session.scalars(query.limit(MOST_SETTLED)).all()
    return tx.session.scalars(query.where(MisuseQuestion.settled_at.is_(None)).order_by(MisuseQuestion.asked_at)).all()


def _line(row: MisuseQuestion, rules: MisuseFile, titles: dict[str, str]) -> QuestionLine:
    known = {rule.id: rule for rule in rules.misuse}
    return QuestionLine(
        id=row.id,
        rule=known[row.rule],
        about=row.about,
        agency=titles.get(row.agency_id, row.agency_id),
        count=row.count,
        asked_at=row.asked_at,
        settled_at=row.settled_at,
        result=row.result,
        explanation=row.explanation,
    )


def consult(tx: Transaction, rule_id: str, about: str, days: int = DAYS[0]) -> FindingView:
    """One question with the entries behind it; recorded. Raises `NotFound`, also for what another agency did."""
    scope = _scope(tx)
    rule, finding = _find(tx, rule_id, about, days, scope)
    rows = [row for row in _history(tx, rule_id, about) if scope in ("", row.agency_id)]
    if finding is None and not rows:
        raise NotFound("no such question")
    titles = agency_titles(tx)
    agency_id = finding.agency if finding else rows[0].agency_id
    lines = [_line(row, _rules(tx), titles) for row in rows]
    entries = _entries(tx, finding) if finding else ()
    _record(tx, len(entries))
    return FindingView(
        rule=rule,
        about=about,
        agency_id=agency_id,
        agency=titles.get(agency_id, agency_id),
        days=days,
        finding=finding,
        entries=entries,
        open=next((one for one in lines if one.settled_at is None), None),
        settled=tuple(one for one in lines if one.settled_at is not None),
        may_ask=not scope and finding is not None and agency_id in titles,
        may_settle=finding is not None or any(one.settled_at is None for one in lines),
    )


def _whole(tx: Transaction, look: Callable[[], T]) -> T:
    with tx.whole("whether a read had a task around it follows from the cases of every agency"):
        return look()


def _find(tx: Transaction, rule_id: str, about: str, days: int, scope: str) -> tuple[MisuseRule, Finding | None]:
    look = _look(tx, days, scope)
    rule = next((one for one in look.rules.misuse if one.id == rule_id), None)
    if rule is None:
        raise NotFound("no such question")

    def of_rule() -> Finding | None:
        found = PATTERNS[rule.id](look, look.use(rule), rule)
        return next((one for one in found if one.about == about), None)

    return rule, _whole(tx, of_rule)


def _history(tx: Transaction, rule_id: str, about: str) -> Sequence[MisuseQuestion]:
    return tx.session.scalars(
        select(MisuseQuestion)
        .where(MisuseQuestion.rule == rule_id, MisuseQuestion.about == about)
        .order_by(MisuseQuestion.through_seq.desc(), MisuseQuestion.id),
    ).all()


def _entries(tx: Transaction, finding: Finding) -> tuple[EntryRow, ...]:
    columns = select(
        LogEntry.seq, LogEntry.recorded_at, LogEntry.action, LogEntry.outcome, LogEntry.object_type, LogEntry.object
    )
    rows = tx.session.execute(columns.where(LogEntry.seq.in_(finding.seqs)).order_by(LogEntry.seq.desc()))
    return tuple(EntryRow(*row) for row in rows)


def ask(tx: Transaction, rule_id: str, about: str, days: int = DAYS[0]) -> None:
    """Ask the agency what the reason was; its privacy officers get a mail without content. For the auditor.

    Raises `Conflict` (asked) while an earlier question about the same is open, `NotFound`, `Refused`.
    """
    require(tx.actor, Permission.LOG_CONSULT_ALL)
    _rule, finding = _find(tx, rule_id, about, days, "")
    if finding is None or finding.agency not in agency_titles(tx):
        raise NotFound("no such question")
    if any(row.settled_at is None for row in _history(tx, rule_id, about)):
        raise Conflict("asked", "this question is open already")
    row = _question(tx, finding)
    row.asked_by, row.asked_at = tx.actor.account_id, tx.now
    tx.session.add(row)
    mailing.tell_agency(tx, [finding.agency], Permission.LOG_CONSULT_OWN, "misuse-question", task=("misuse", row.id))
    tx.record("misuse:ask", object_type="misuse", object_id=row.id, details=_details(row))


def _question(tx: Transaction, finding: Finding) -> MisuseQuestion:
    return MisuseQuestion(
        id=tx.new_id(),
        rule=finding.rule,
        about=finding.about,
        agency_id=finding.agency,
        through_seq=finding.last_seq,
        count=finding.count,
        asked_by="",
        settled_by="",
        result="",
        explanation="",
    )


def _details(row: MisuseQuestion) -> dict[str, Any]:
    # The entries up to `size` are those that the question is about; for a person it does not say which one.
    agency = {"agency": row.agency_id} if row.agency_id else {}
    return {"rule": row.rule, "question": row.id, "count": row.count, "size": row.through_seq + 1, **agency}


def settle(tx: Transaction, rule_id: str, about: str, *, result: str, explanation: str, days: int = DAYS[0]) -> None:
    """Settle a question with an answer; the same entries raise it no more. For the auditor and the agency's own officer.

    Nobody settles a question about themselves. Raises `UnusableInput` (result, explanation), `NotFound`, `Refused`.
    """
    scope = _scope(tx)
    _rule, finding = _find(tx, rule_id, about, days, scope)
    asked = [row for row in _history(tx, rule_id, about) if row.settled_at is None and scope in ("", row.agency_id)]
    if finding is None and not asked:
        raise NotFound("no such question")
    if tx.actor.account_id in about.split(":"):
        details = {"permission": Permission.LOG_CONSULT_OWN.value}
        raise Refused("own_request", object_type="misuse", object_id=asked[0].id if asked else "", details=details)
    if result not in RESULTS:
        raise UnusableInput({"result": NO_CHOICE})
    words = for_others(tx, explanation, "explanation", limit=EXPLANATION_LIMIT, required=True)
    row = asked[0] if asked else _question(tx, _certain(finding))
    if finding is not None and finding.last_seq > row.through_seq:
        row.through_seq, row.count = finding.last_seq, finding.count
    row.result, row.explanation = result, words
    row.settled_by, row.settled_at = tx.actor.account_id, tx.now
    tx.session.add(row)
    tx.record(
        "misuse:settle",
        object_type="misuse",
        object_id=row.id,
        details={**_details(row), "result": result, "motivation_hash": text_hash(words)},
    )


def _certain(finding: Finding | None) -> Finding:
    if finding is None:
        raise NotFound("no such question")
    return finding
