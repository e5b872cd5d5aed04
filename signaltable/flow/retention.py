"""What time does to data: erasing what may no longer be kept.

Periods stand in policies/retention.toml. Erasing destroys the wrapped key
of a subject with everything that was sealed with it (GDPR art. 5(1)(e), art. 17), and what the log tells of it beside
its entries (flow/log_erasing). A backup from before still holds all of it, and the key ring opens it: so a database that
was put back is made to forget again (flow/restoring), and how long backups are kept is part of the period
(docs/operate.md).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Exists, delete, exists, select, update

from signaltable.db import empty_write_ahead_log, refresh_statistics
from signaltable.domain import ENDED, UNDISCLOSED, Actor, Channel, DisclosureState, Refused, State, day_of
from signaltable.flow import (
    attachments,
    clock_events,
    decisions,
    duty_rows,
    forgetting,
    log_erasing,
    searching,
    subject_erasures,
    subject_reports,
    text_checks,
)
from signaltable.flow.identity_requests import ending as identity_ending
from signaltable.flow.log_export import REQUESTED
from signaltable.flow.mail.forgetting import forget_old as forget_old_mails
from signaltable.flow.moves import move
from signaltable.flow.rights import forgetting as old_rights
from signaltable.flow.table import erasing as meeting_words
from signaltable.models import (
    AgendaItem,
    BudgetUse,
    Disclosure,
    Draft,
    Feedback,
    JobRun,
    LoginSession,
    MachineUse,
    MisuseQuestion,
    Note,
    Question,
    Signal,
    SignalMove,
    SignalTableMove,
    Subject,
    SubjectReport,
    TextCheck,
)
from signaltable.transaction import Program, Transaction, reading, transaction

ERASED_SEAL = b""
HANDED_OVER = (
    DisclosureState.DISCLOSED,
    DisclosureState.ACCEPTED,
    DisclosureState.RETURNED,
    DisclosureState.REVOKED,
)

# So many answers are told in one entry of the log.
AT_ONCE = 500
# Rows about the program itself that nobody needs any longer.
KEEP_RUNS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep erased, and how many signals are past their term but still in use.

    `answers` of partners lost their words; of `entries` of the log the details were destroyed because of their own term.
    """

    drafts: int
    signals: int
    overdue: int
    answers: int = 0
    entries: int = 0


# -- the sweep ----------------------------------------------------------------------------------------------------


def sweep(program: Program, actor: Actor) -> Swept:
    """Erase everything whose term is over, each signal in a commit of its own. Safe to run again at any moment."""
    with transaction(program, actor) as tx:
        drafts = erase_drafts(tx)
        old_rights.erase_old(tx)
        _forget_old_rows(tx)
    signals = 0
    for signal_id in due_signals(program):
        with transaction(program, actor) as tx:
            signals += erase_signal(tx, signal_id)
    with transaction(program, actor) as tx:
        answers = erase_answers(tx)
        erase_explanations(tx)
    with transaction(program, actor) as tx:
        overdue = note_overdue(tx)
    entries = log_erasing.empty_expired(program, actor).destroyed
    with program.write_sessions() as session:
        empty_write_ahead_log(session)
        refresh_statistics(session)
    return Swept(drafts, signals, overdue, answers, entries)


def erase_drafts(tx: Transaction) -> int:
    """Erase the drafts that expired. Returns how many."""
    _gate(tx)
    due = tx.session.scalars(select(Draft.id).where(Draft.expires_at <= tx.now).order_by(Draft.id)).all()
    if due:
        attachments.forget_drafts(tx, due)
        tx.session.execute(delete(Draft).where(Draft.id.in_(due)))
        _record_erasing(tx, "draft", "draft", due)
    return len(due)


def due_signals(program: Program) -> list[str]:
    """The ids of the signals whose term is over and of which something is left to erase."""
    today = day_of(program.clock())
    handed_over = exists().where(Disclosure.signal_id == Signal.id, Disclosure.state.in_(HANDED_OVER))
    with reading(program, whole="terms end for every agency") as session:
        return list(
            session.scalars(
                select(Signal.id)
                .where(
                    Signal.keep_until < today,
                    Signal.owner_sealed != ERASED_SEAL,
                    Signal.state.in_(ENDED) | (Signal.state.in_(UNDISCLOSED) & ~handed_over),
                    ~_answer_is_owed(program.clock()),
                )
                .order_by(Signal.keep_until, Signal.id),
            ),
        )


def erase_signal(tx: Transaction, signal_id: str) -> bool:
    """Erase what a signal says about people; the row, its reference and its place in the log stay.

    Looks again whether the term is over, and whether somebody waits for the answer to who saw their data. A closed
    signal of which something was disclosed is kept as a case. Returns whether it was erased.
    """
    _gate(tx)
    signal = tx.session.get_one(Signal, signal_id)
    handed_over = _disclosures(tx, signal, HANDED_OVER)
    state = State(signal.state)
    if signal.owner_sealed == ERASED_SEAL or tx.today <= last_day(tx, signal, handed_over):
        return False
    waits = tx.session.scalar(select(Signal.id).where(Signal.id == signal.id, _answer_is_owed(tx.now)))
    if waits is not None:
        return False
    if state in UNDISCLOSED:
        if handed_over:
            return False
        move(tx, signal, State.EXPIRED, reason="retention")
    rule = {State.WITHDRAWN: "withdrawn", State.WATCH: "watch"}.get(state, "case" if handed_over else "signal")
    forget(tx, signal, rule)
    return True


def forget(tx: Transaction, signal: Signal, rule: str, *, cause: str = "") -> None:
    """Destroy what a signal and the log say about people, whatever its term; the last thing of a transaction.

    The caller has decided that it has to be, and put the signal in a state that ends it.
    """
    _erase_subjects(tx, signal, tell=cause != forgetting.RESTORED)
    attachments.forget(tx, signal.id)
    _erase_words(tx, signal)
    _erase_documents(tx, signal)
    tx.session.flush()
    said = {"rule": rule, "object_type": "signal", "objects": [signal.reference]} | ({"cause": cause} if cause else {})
    log_erasing.destroy(tx, log_erasing.entries_about(tx.session, signal.reference), said, object_id=signal.reference)


def erase_answers(tx: Transaction) -> int:
    """Erase the words of partners whose answer is past its term; that they answered, and what of four, stays.

    A signal of which something was disclosed is a case, and its answers are kept as long as the case.
    """
    _gate(tx)
    handed_over = exists().where(Disclosure.signal_id == Question.signal_id, Disclosure.state.in_(HANDED_OVER))
    rows = tx.session.execute(
        select(Question.id, Question.answered_at)
        .where(
            Question.answered_at.is_not(None),
            Question.answered_at < tx.now,
            (Question.note != "") | (Question.context != ""),
            ~handed_over,
        )
        .order_by(Question.answered_at, Question.id),
    )
    term = tx.program.policy.retention["enrichment"]
    due = [row.id for row in rows if term.ends(day_of(row.answered_at)) <= tx.today]
    for start in range(0, len(due), AT_ONCE):
        some = due[start : start + AT_ONCE]
        tx.session.execute(update(Question).where(Question.id.in_(some)).values(note="", context=""))
        _record_erasing(tx, "enrichment", "question", some)
    return len(due)


def erase_explanations(tx: Transaction) -> int:
    """Erase the words with which questions about use were settled, once what they were about has gone from the log too.

    They tell of somebody's work; that a question was settled, and how, stays. Returns how many.
    """
    _gate(tx)
    rows = tx.session.execute(
        select(MisuseQuestion.id, MisuseQuestion.settled_at)
        .where(MisuseQuestion.settled_at < tx.now, MisuseQuestion.explanation != "")
        .order_by(MisuseQuestion.settled_at, MisuseQuestion.id),
    )
    term = tx.program.policy.retention["log-access"]
    due = [row.id for row in rows if term.ends(day_of(row.settled_at)) <= tx.today]
    for start in range(0, len(due), AT_ONCE):
        some = due[start : start + AT_ONCE]
        tx.session.execute(update(MisuseQuestion).where(MisuseQuestion.id.in_(some)).values(explanation=""))
        _record_erasing(tx, "log-access", "misuse", some)
    return len(due)


def note_overdue(tx: Transaction) -> int:
    """Say in the log how many signals are past their term because nobody closed them or a person waits for an answer."""
    _gate(tx)
    kept = Signal.state.not_in(ENDED) | _answer_is_owed(tx.now)
    late = tx.session.execute(
        select(Signal.reference, Signal.keep_until)
        .where(Signal.keep_until < tx.today, Signal.owner_sealed != ERASED_SEAL, kept)
        .order_by(Signal.keep_until, Signal.reference),
    ).all()
    if late:
        tx.record(
            "retention:overdue",
            object_type="signal",
            details={
                "rule": "signal",
                "count": len(late),
                "object_type": "signal",
                "objects": [row.reference for row in late],
                "policy_digest": tx.program.policy.digest,
            },
        )
    return len(late)


def is_by_program(tx: Transaction) -> bool:
    """Erasing is no right of a role: time does it. Only the program itself and whoever owns the machine come here."""
    return tx.actor.channel in {Channel.JOB, Channel.SYSTEM, Channel.CLI}


def _gate(tx: Transaction) -> None:
    if not is_by_program(tx):
        raise Refused("no_permission", details={"permission": "retention:erase:all"})


def _answer_is_owed(now: datetime) -> Exists:
    """Somebody asked who saw the data of a person in the signal, and that is not finished."""
    return exists().where(
        Subject.signal_id == Signal.id, SubjectReport.subject_id == Subject.id, subject_reports.unanswered(now)
    )


def last_day(tx: Transaction, signal: Signal, handed_over: Sequence[Disclosure]) -> date:
    """The last day on which a signal is kept: a case that was closed for as long as a case is kept after that."""
    if not handed_over or signal.state != State.CLOSED:
        return signal.keep_until
    closed = tx.session.scalar(
        select(SignalMove.at)
        .where(SignalMove.signal_id == signal.id, SignalMove.state_to == State.CLOSED)
        .order_by(SignalMove.at.desc())
        .limit(1),
    )
    case = tx.program.policy.retention["case"].ends(day_of(closed or signal.created_at))
    return max(signal.keep_until, case)


def _disclosures(tx: Transaction, signal: Signal, states: Iterable[DisclosureState]) -> Sequence[Disclosure]:
    return tx.session.scalars(
        select(Disclosure).where(Disclosure.signal_id == signal.id, Disclosure.state.in_(tuple(states))),
    ).all()


def _erase_subjects(tx: Transaction, signal: Signal, *, tell: bool) -> None:
    there = select(Subject).where(Subject.signal_id == signal.id, Subject.erased_at.is_(None))
    for subject in tx.session.scalars(there.order_by(Subject.number)).all():
        forgetting.erase(tx, subject, tell=tell)
    # What a reader found in the texts, or was still to find.
    tx.session.execute(delete(TextCheck).where(TextCheck.signal_id == signal.id))


def _erase_words(tx: Transaction, signal: Signal) -> None:
    """Everything that somebody wrote or ticked about the people of this signal, at the table too."""
    signal.owner_sealed = ERASED_SEAL
    signal.narrative_masked = ""
    searching.forget(tx, signal.id)
    text_checks.erase_of(tx, signal.id)
    signal.municipality = ""
    signal.observed_on = None
    signal.consent, signal.facts, signal.form_rows, signal.indicators = {}, {}, {}, {}
    signal.flags, signal.found = [], []
    signal.version += 1
    items = select(AgendaItem.id).where(AgendaItem.signal_id == signal.id)
    tx.session.execute(update(Question).where(Question.signal_id == signal.id).values(note="", context=""))
    tx.session.execute(update(Note).where(Note.item_id.in_(items)).values(text=""))
    tx.session.execute(update(AgendaItem).where(AgendaItem.signal_id == signal.id).values(reason=""))
    # Of the moves only the program's own word for expiring stays.
    said = SignalMove.signal_id == signal.id, SignalMove.state_to != State.EXPIRED
    tx.session.execute(update(SignalMove).where(*said).values(reason=""))
    tx.session.execute(update(SignalTableMove).where(SignalTableMove.signal_id == signal.id).values(reason=""))
    meeting_words.erase_of(tx, signal)
    clock_events.erase_of(tx, signal)
    old_rights.erase_of(tx, signal)


def _erase_documents(tx: Transaction, signal: Signal) -> None:
    """The sealed documents of disclosures; what was disclosed when, on which ground, and its hash stay."""
    duty_rows.erase_of(tx, signal)
    decisions.erase_of(tx, signal)
    subject_reports.erase_of(tx, signal)
    subject_erasures.erase_of(tx, signal)
    identity_ending.erase_of(tx, signal)
    tx.session.execute(
        update(Disclosure)
        .where(Disclosure.signal_id == signal.id)
        .values(
            payload_recipient=b"",
            payload_provider=b"",
            evidence_sealed=b"",
            response_sealed=b"",
            feedback_sealed=b"",
            revoked_sealed=b"",
        ),
    )
    of_signal = select(Disclosure.id).where(Disclosure.signal_id == signal.id)
    tx.session.execute(update(Feedback).where(Feedback.disclosure_id.in_(of_signal)).values(words_sealed=b""))


def _record_erasing(
    tx: Transaction, rule: str, object_type: str, objects: Sequence[str], *, object_id: str = ""
) -> None:
    tx.record(
        "retention:erase",
        object_type=object_type,
        object_id=object_id,
        details={
            "rule": rule,
            "count": len(objects),
            "object_type": object_type,
            "objects": list(objects),
            "policy_digest": tx.program.policy.digest,
        },
    )


def _forget_old_rows(tx: Transaction) -> None:
    """Sessions, claims, written mails and counted questions of long ago."""
    before = tx.now - KEEP_RUNS
    tx.session.execute(delete(LoginSession).where(LoginSession.seen_at < before))
    tx.session.execute(delete(JobRun).where(JobRun.claimed_at < before, JobRun.job != REQUESTED))
    forget_old_mails(tx)
    tx.session.execute(delete(BudgetUse).where(BudgetUse.day < day_of(before)))
    tx.session.execute(delete(MachineUse).where(MachineUse.day < day_of(before)))
