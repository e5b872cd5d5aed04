"""After a database was put back from a copy: forget again what was erased since, and let the log go on honestly.

A copy holds what the program has erased since it was made, with the keys that open it. The register of erasures stands
outside the database (signaltable/erasures.py), and an export of the log tells the same; from either, every erasure that
the copy undid is done again. What the log has told since is lost, and what the old key has signed over it is known to
others: so the log goes on under a new key, and says why (`system:restore`, `key:rotate` with cause restore).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import bundle, key_chain
from audit.checkpoint import Checkpoint, open_signed
from audit.entry import Entry, parse
from audit.errors import AuditError
from audit.merkle import leaf_hash
from audit.note import Signer
from audit.verify import verify
from audit.vocabulary import ACTIONS
from signaltable import audit_trail, erasures
from signaltable.db import empty_write_ahead_log
from signaltable.domain import Actor, Channel, Refused, SignaltableError, UnusableInput
from signaltable.erasures import BadLine, Erasure
from signaltable.flow import log_keys, signing
from signaltable.flow.erasing_again import count_redone, redo
from signaltable.models import LogDetail, LogEntry
from signaltable.settings import Settings
from signaltable.transaction import Program, reading, transaction

LOST_FOLDER: Final = "lost"


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
class Lost:
    """Something that the log told and tells no more: what, about which object, how often."""

    action: str
    object: str
    times: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restored` found and did. Sizes count entries; `fingerprint` is the key of the log that counts from now on.

    `redone` counts erasures that the copy had undone; `register` what is wrong with the registers; `untold` erasures that
    the log tells of and no register; `replaced` the fingerprints of keys that must sign no more. `lost` tells, out of the
    exports that were given, what was done after the copy was made and is gone: action, object, how many times.
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
    lost: tuple[Lost, ...] = ()

    @property
    def is_copy(self) -> bool:
        """Whether anything shows that the database is older than what is known outside."""
        return bool(self.lost_size or self.redone or self.replaced)


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
    _make_lost_key(program.settings)
    found = _read_registers(program, registers)
    told = [one for path in exports for one in _read_export(program.settings, path)]
    _set_lost_notes_apart(program)
    size, outside = _compare(program, held)
    known = _in_order([*found.erasures, *told])
    for one in known:
        redo(program, actor, one)
    redone = count_redone(program)
    lost = _lost_acts(program, exports, since=outside.continued)
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
        lost=lost,
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


# -- going on -----------------------------------------------------------------------------------------------------


def _make_lost_key(settings: Settings) -> None:
    """Put a key where the signing key stood, on a machine that has none: copies of it are not kept.

    It signs nothing and is listed nowhere: it waits for the change of keys that follows, under the name that this log has.
    """
    try:
        log_keys.signers(settings.log_key)
    except FileNotFoundError:
        name = log_keys.public_keys(settings)[-1].name
        settings.log_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_keys.write_signers(settings.log_key, [Signer.generate(name)])


def _key_was_lost(settings: Settings) -> bool:
    """Whether the key here is one that was just made in the place of a lost one, also by a run that was interrupted."""
    return log_keys.signers(settings.log_key)[0].verifier() not in log_keys.public_keys(settings)


def _lost_acts(program: Program, exports: Sequence[Path], *, since: int) -> tuple[Lost, ...]:
    """What entries of these exports, which were verified, the database does not have: acts that came after the copy.

    Only what changed something; whoever puts it right does that again, and a look at a page needs no repeating. The first
    `since` entries are known to be the same.
    """
    told: dict[int, Entry] = {}
    with reading(program) as session:
        here = select(LogEntry.leaf)
        for path in exports:
            with (path / bundle.ENTRIES).open("rb") as lines:
                for raw in lines:
                    line = raw.removesuffix(b"\n")
                    entry = parse(line)
                    if entry.seq >= since and session.scalar(here.where(LogEntry.seq == entry.seq)) != leaf_hash(line):
                        told[entry.seq] = entry
    acts = ((one.action, one.object) for one in told.values() if one.outcome == "ok" and _changes(one.action))
    return tuple(Lost(action, name, times) for (action, name), times in Counter(acts).items())


def _changes(action: str) -> bool:
    # What keeps the program itself going is done again by itself.
    known = ACTIONS.get(action)
    return known is not None and known.effect != "R" and known.retention_class in {"case", "disclosure"}


def _go_on(program: Program, actor: Actor, outside: Outside, redone: int, size: int) -> tuple[str, ...]:
    """Tell the log what happened, and change its keys when they have signed what is lost, or are lost themselves.

    Returns the replaced ones.
    """
    keyless = _key_was_lost(program.settings)
    if not outside.size and not redone and not keyless:
        return ()
    lost = {"lost_size": outside.size, "lost_root": outside.root} if outside.size else {}
    replaced: list[str] = []
    with transaction(program, actor) as tx:
        tx.record("system:restore", object_type="system", details={"size": size, "erased": redone, **lost})
        if outside.size or keyless:
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
