"""After a database was put back from a copy: forget again what was erased since, and let the log go on honestly.

A copy holds what the program has erased since it was made, with the keys that open it. The register of erasures stands
outside the database (signaltable/erasures.py), and an export of the log tells the same; from either, every erasure that
the copy undid is done again. What the log has told since is lost, and what the old key has signed over it is known to
others: so the log goes on under a new key, and says why (`system:restore`, `key:rotate` with cause restore).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from audit import bundle, key_chain
from audit.checkpoint import Checkpoint, open_signed
from audit.entry import Entry, parse
from audit.errors import AuditError
from audit.verify import verify
from audit.vocabulary import ACTIONS
from signaltable import audit_trail, erasures
from signaltable.db import empty_write_ahead_log
from signaltable.domain import ENDED, Actor, Channel, Refused, SignaltableError, State, UnusableInput, may_follow
from signaltable.erasures import BadLine, Erasure
from signaltable.flow import attachment_rows, forgetting, log_erasing, log_keys, retention, signing
from signaltable.flow.moves import move
from signaltable.models import Attachment, Disclosure, Draft, LogDetail, LogEntry, Question, Signal
from signaltable.settings import Settings
from signaltable.transaction import Program, Transaction, reading, transaction

CAUSE: Final = "restored"
LOST_FOLDER: Final = "lost"
# Into which state a signal goes of which the copy does not know that it ended.
_ENDS: Final[Mapping[str, State]] = {"withdrawn": State.WITHDRAWN, "case": State.CLOSED}


class OlderThanSigned(SignaltableError):
    """The database is older than what was signed of its log: it was put back, and holds what was erased since."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What is known outside the database: the newest state that was signed and that the database lacks, if any.

    `size` and `root` (hex) are those of the newest lost note, 0 and "" when the database holds all that was signed;
    `continued` is the size of the newest note that the database does continue.
    """

    size: int
    root: str
    continued: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restored` found and did. Sizes count entries; `fingerprint` is the key of the log that counts from now on.

    `redone` counts erasures that the copy had undone; `register` what is wrong with the registers; `untold` erasures that
    the log tells of and no register; `replaced` the fingerprints of keys that must sign no more.
    """

    size: int
    lost_size: int
    lost_root: str
    continued: int
    redone: int
    known: int
    register: tuple[BadLine, ...]
    untold: int
    replaced: tuple[str, ...]
    fingerprint: str

    @property
    def is_copy(self) -> bool:
        """Whether anything shows that the database is older than what is known outside."""
        return bool(self.lost_size or self.redone)


def restored(
    program: Program,
    actor: Actor,
    *,
    registers: Sequence[Path] = (),
    exports: Sequence[Path] = (),
    held: Sequence[str] = (),
) -> Restored:
    """Make a database that was put back forget again, and let its log go on. Harmless where nothing was put back.

    `registers` beside the one of this home (other machines have their own); `exports` are exports of this log, verified
    here; `held` are notes that agencies kept. Each erasure is a commit of its own and the keys change in one commit, so
    it can be stopped anywhere and run again. Raises `UnusableInput` for an export or register that cannot be used,
    `LogBroken` when the copy does not continue its own last checkpoint, `Refused` for whoever does not own the machine.
    """
    _gate(actor)
    found = _read_registers(program, registers)
    told = [one for path in exports for one in _read_export(program.settings, path)]
    _set_lost_notes_apart(program)
    size, outside = _compare(program, held)
    known = _in_order([*found.erasures, *told])
    for one in known:
        _redo(program, actor, one)
    redone = _redone(program)
    replaced = _go_on(program, actor, outside, redone, size)
    with program.write_sessions() as session:
        empty_write_ahead_log(session)
    return Restored(
        size=size,
        lost_size=outside.size,
        lost_root=outside.root,
        continued=outside.continued,
        redone=redone,
        known=len(known),
        register=found.bad,
        untold=_untold(program, _read_registers(program, registers).erasures),
        replaced=replaced,
        fingerprint=log_keys.signers(program.settings.log_key)[0].verifier().fingerprint,
    )


def refuse_older(program: Program) -> None:
    """Raise `OlderThanSigned` for a database that was put back, before anybody reads in it what was erased since.

    Looks at the notes that the signer keeps; whoever may not read these is not stopped. Any other difference between
    notes and log does not stop the program either: that is a finding, and people have to be able to read it.
    """
    try:
        size, outside = _compare(program, ())
    except (PermissionError, log_keys.UnusableLogKey):
        return
    if outside.size > size:
        raise OlderThanSigned(
            f"the database holds {size} log entries, of {outside.size} that were signed: it was put back from a copy; "
            "run `signaltable audit restored` first, so that what was erased since is erased again"
        )


def _gate(actor: Actor) -> None:
    # No role may do this: it is for whoever owns the machine and put the copy there.
    if actor.channel not in {Channel.CLI, Channel.SYSTEM}:
        raise Refused("no_permission", details={"permission": "system:restore:all"})


# -- what is known outside ----------------------------------------------------------------------------------------


def _read_registers(program: Program, given: Sequence[Path]) -> erasures.Register:
    """The lines of all registers together; that of this home may not be there yet."""
    own = program.settings.erasures
    paths = [*([own] if own.exists() else []), *(path for path in given if path.resolve() != own.resolve())]
    read = [erasures.read(path, program.keys) for path in paths]
    return erasures.Register(
        tuple(one for register in read for one in register.erasures),
        tuple(one for register in read for one in register.bad),
    )


def _read_export(settings: Settings, directory: Path) -> Iterator[Erasure]:
    """The erasures that an export of this log tells of, after it was verified."""
    report = verify(directory, public_key=settings.log_public_key.read_text(encoding="utf-8").strip())
    if not report.ok:
        first = report.findings[0]
        raise UnusableInput({"export": f"expected an export of this log that verifies, found {first.kind}"})
    kept: dict[int, Entry] = {}
    with (directory / bundle.ENTRIES).open("rb") as lines:
        for raw in lines:
            entry = parse(raw.removesuffix(b"\n"))
            if entry.action in erasures.ERASING:
                kept[entry.seq] = entry
    with (directory / bundle.DETAILS).open("rb") as lines:
        for raw in lines:
            told = json.loads(raw)
            by = kept.get(told["seq"])
            if by is not None:
                made = erasures.of_entry(by.action, by.outcome, by.object, told["details"], by.seq, by.recorded_at)
                if made is not None:
                    yield made


def _in_order(told: Iterable[Erasure]) -> list[Erasure]:
    """Each erasure once, as they happened; a register and an export tell the same ones."""
    return sorted(dict.fromkeys(told), key=lambda one: (one.at, one.seq))


def _untold(program: Program, known: Sequence[Erasure]) -> int:
    """Of how many erasures the log tells and the register does not, since it began: then lines were taken off its end."""
    told = {(one.seq, one.at) for one in known}
    begun = min((one.seq for one in known), default=0)
    with reading(program) as session:
        rows = session.execute(
            select(LogEntry.seq, LogEntry.recorded_at).where(
                LogEntry.action == "retention:erase", LogEntry.outcome == "ok", LogEntry.seq >= begun
            ),
        )
        return sum((row.seq, audit_trail.milliseconds(row.recorded_at)) not in told for row in rows)


def _compare(program: Program, held: Sequence[str]) -> tuple[int, Outside]:
    """The size of the log in the database, and how it fits on the notes that the signer and others kept."""
    keys = log_keys.public_keys(program.settings)
    lost: list[Checkpoint] = []
    continued = 0
    with reading(program) as session:
        size = audit_trail.size(session)
        accounted = _replaced_by_restore(session)
        for note, mine in _notes(program.settings, held):
            try:
                signed, by = open_signed(note, keys)
            except AuditError:
                if not mine:
                    raise UnusableInput({"checkpoint": "expected a checkpoint of this log"}) from None
                continue
            if _continues(session, size, signed):
                continued = max(continued, signed.size)
                if mine:
                    break  # Older ones were compared with this one when it was signed.
            elif not {key.fingerprint for key in by} <= accounted:
                lost.append(signed)
    newest = max(lost, key=lambda one: one.size, default=None)
    if newest is None:
        return size, Outside(0, "", continued)
    return size, Outside(newest.size, newest.root.hex(), continued)


def _notes(settings: Settings, held: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The notes of others, and then those of the signer, newest first; with whether they are the signer's."""
    yield from ((note, False) for note in held)
    yield from ((kept.note, True) for kept in log_keys.kept_notes(settings))


def _continues(session: Session, size: int, signed: Checkpoint) -> bool:
    if signed.size > size:
        return False
    try:
        return audit_trail.frontier(session, signed.size).root() == signed.root
    except AuditError:
        return False


def _replaced_by_restore(session: Session) -> frozenset[str]:
    """The fingerprints of keys that an earlier restore replaced: that the log lacks what they signed is known."""
    rows = session.execute(
        select(LogEntry.seq, LogEntry.action, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action == "key:rotate", LogEntry.outcome == "ok"),
    )
    told = (key_chain.announcement(row.seq, row.action, json.loads(row.details)) for row in rows)
    return frozenset(one.previous for one in told if one is not None and one.restored)


# -- erasing again ------------------------------------------------------------------------------------------------


def _redo(program: Program, actor: Actor, erasure: Erasure) -> None:
    """Do an erasure again, as far as the database holds what it took away; each object in a commit of its own."""
    for name in erasure.objects if erasure.object_type in _AGAIN else ():
        with transaction(program, actor) as tx:
            _AGAIN[erasure.object_type](tx, name, erasure)
    left = True
    while left:
        with transaction(program, actor) as tx:
            some = _entries_back(tx.session, erasure)
            log_erasing.destroy(tx, some, {"rule": erasure.rule, "object_type": "entry", "cause": CAUSE})
            left = bool(some)


def _signal(tx: Transaction, reference: str, erasure: Erasure) -> None:
    signal = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one_or_none()
    if signal is None or signal.owner_sealed == retention.ERASED_SEAL:
        return
    if State(signal.state) not in ENDED:
        wanted = _ENDS.get(erasure.rule, State.EXPIRED)
        following = (state for state in (wanted, *ENDED) if may_follow(State(signal.state), state))
        move(tx, signal, next(following), reason=CAUSE)
    retention.forget(tx, signal, erasure.rule, cause=CAUSE)


def _subject(tx: Transaction, ref: str, erasure: Erasure) -> None:  # noqa: ARG001
    subject = forgetting.by_ref(tx.session, ref)
    if subject is not None and subject.erased_at is None:
        forgetting.mask_account_again(tx, subject)
        forgetting.forget_subject(tx, subject.id, cause=CAUSE)


def _draft(tx: Transaction, draft_id: str, erasure: Erasure) -> None:
    if tx.session.get(Draft, draft_id) is not None:
        attachment_rows.forget_drafts(tx, [draft_id])
        tx.session.execute(delete(Draft).where(Draft.id == draft_id))
        _record(tx, draft_id, erasure)


def _attachment(tx: Transaction, attachment_id: str, erasure: Erasure) -> None:
    row = tx.session.get(Attachment, attachment_id)
    if row is not None:
        attachment_rows.erase(tx, [row])
        _record(tx, attachment_id, erasure)


def _receivers_copy(tx: Transaction, reference: str, erasure: Erasure) -> None:
    rows = update(Disclosure).where(Disclosure.reference == reference)
    held = select(Disclosure.id).where(Disclosure.reference == reference, Disclosure.payload_recipient != b"")
    if tx.session.scalar(held) is not None:
        further = Disclosure.parent_id.in_(select(Disclosure.id).where(Disclosure.reference == reference))
        tx.session.execute(rows.values(payload_recipient=b""))
        tx.session.execute(update(Disclosure).where(further).values(payload_provider=b""))
        _record(tx, reference, erasure)


def _answer(tx: Transaction, question_id: str, erasure: Erasure) -> None:
    question = tx.session.get(Question, question_id)
    # What was answered after the erasure is no part of it.
    if question is None or question.answered_at is None or question.answered_at > _moment(erasure.at):
        return
    if question.note or question.context:
        question.note, question.context = "", ""
        _record(tx, question_id, erasure)


_AGAIN: Final[Mapping[str, Callable[[Transaction, str, Erasure], None]]] = MappingProxyType(
    {
        "signal": _signal,
        "subject": _subject,
        "draft": _draft,
        "attachment": _attachment,
        "disclosure": _receivers_copy,
        "question": _answer,
    },
)


def _record(tx: Transaction, name: str, erasure: Erasure) -> None:
    tx.record(
        "retention:erase",
        object_type=erasure.object_type,
        object_id=name,
        details={
            "rule": erasure.rule,
            "cause": CAUSE,
            "count": 1,
            "object_type": erasure.object_type,
            "objects": [name],
            "policy_digest": tx.program.policy.digest,
        },
    )


def _entries_back(session: Session, erasure: Erasure) -> list[int]:
    """Entries of an erasure whose details are there again, so many as fit in one commit.

    Numbers that the log gave out anew after it was put back, are of entries that were recorded after the erasure.
    """
    back: list[int] = []
    for first, last in erasure.entries:
        rows = session.execute(
            select(LogEntry.seq, LogEntry.action)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.seq >= first, LogEntry.seq <= last, LogEntry.recorded_at <= _moment(erasure.at))
            .order_by(LogEntry.seq)
            .limit(log_erasing.BATCH - len(back)),
        )
        back += [row.seq for row in rows if _has_a_term(row.action)]
        if len(back) >= log_erasing.BATCH:
            break
    return back


def _has_a_term(action: str) -> bool:
    # What the log needs to explain itself is destroyed by nothing, whatever a register says.
    return action in ACTIONS and ACTIONS[action].retention_class in log_erasing.TERMS


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _redone(program: Program) -> int:
    """How many erasures were done again since the log last told of a restore: also those before an interruption."""
    with reading(program) as session:
        before = select(LogEntry.seq).where(LogEntry.action == "system:restore", LogEntry.outcome == "ok")
        last = session.scalar(before.order_by(LogEntry.seq.desc()).limit(1))
        details = session.scalars(
            select(LogDetail.details)
            .join(LogEntry, LogEntry.seq == LogDetail.seq)
            .where(LogEntry.action == "retention:erase", LogEntry.seq > (-1 if last is None else last)),
        )
        return sum(json.loads(raw).get("cause") == CAUSE for raw in details)


# -- going on -----------------------------------------------------------------------------------------------------


def _go_on(program: Program, actor: Actor, outside: Outside, redone: int, size: int) -> tuple[str, ...]:
    """Tell the log what happened, and change its keys when they have signed what is lost. Returns the replaced ones."""
    if not outside.size and not redone:
        return ()
    lost = {"lost_size": outside.size, "lost_root": outside.root} if outside.size else {}
    replaced: list[str] = []
    with transaction(program, actor) as tx:
        tx.record("system:restore", object_type="system", details={"size": size, "erased": redone, **lost})
        if outside.size:
            replaced = signing.sign_after_restore(tx)
    if replaced:
        signing.finish_rotation(program, actor)
        _set_lost_notes_apart(program)
        signing.settle(program)
    return tuple(replaced)


def _set_lost_notes_apart(program: Program) -> None:
    """Move the notes that a key signed over what is lost since, out of the way of those that come; nothing is deleted.

    Only those of which the log says that a restore replaced their key; done again after an interruption.
    """
    settings = program.settings
    with reading(program) as session:
        accounted = _replaced_by_restore(session)
        if not accounted:
            return
        size, keys = audit_trail.size(session), log_keys.public_keys(settings)
        for kept in list(log_keys.kept_notes(settings)):
            try:
                signed, by = open_signed(kept.note, keys)
            except AuditError:
                continue
            if not {key.fingerprint for key in by} <= accounted:
                continue
            if _continues(session, size, signed):
                break  # Older ones were signed before the copy was made.
            apart = settings.signed_notes / LOST_FOLDER
            apart.mkdir(mode=0o700, exist_ok=True)
            name = f"{kept.size:012d}.txt"
            (settings.signed_notes / name).replace(apart / name)
