"""A disaster, rehearsed. `run` does it and `Drill` says what came of it; `__main__` is for the command line."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select, text

from audit.note import read_text
from audit.tree_head import parse_text
from audit.verify import verify
from deploy.drill.machines import Machine, Server, make_keepers, run_backup, run_restore, serves
from deploy.drill.people import LOOKS, Work, blobs, make_region, sealed_of, subject_of, tags_of
from signaltable.flow import fsck, log_export, restoring, setup, signing
from signaltable.jobs import JOBS
from signaltable.migrating import migrate
from signaltable.models import Signal, SubjectField, SubjectKey
from signaltable.program import open_program
from signaltable.transaction import Program, reading

# Cases of the demo region: one is disclosed after the backup, one erased, one withdrawn, one stays, one is new.
DISCLOSED, ERASED, WITHDRAWN, STAYS, NEW = "boris", "vera", "milan", "jady", "danita"


@dataclass
class Drill:
    """What happened so far: seconds per step, and what was promised with whether it holds."""

    say: Callable[[str], None]
    took: dict[str, float] = field(default_factory=dict)
    promises: list[tuple[str, bool]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and tell of it."""
        began = time.monotonic()
        yield
        self.took[name] = time.monotonic() - began
        self.say(f"{self.took[name]:7.1f} s  {name}")

    def promise(self, what: str, holds: object) -> None:
        """Note whether something is as promised."""
        self.promises.append((what, bool(holds)))
        self.say(f"{'ok' if holds else 'NOT SO':>9}  {what}")

    @property
    def kept(self) -> bool:
        """Whether everything is as promised."""
        return all(holds for _what, holds in self.promises)


@dataclass(frozen=True)
class Before:
    """What is known of the machine that is lost: references by case, secrets of the erased, what others keep."""

    references: Mapping[str, str]
    subject_id: str
    blobs: frozenset[bytes]
    held: str
    export: Path
    signed: int


def run(scratch: Path, say: Callable[[str], None], server: Server | None = None, *, serve: bool = True) -> Drill:
    """The whole drill in an empty folder. With `serve` the program is started on the new machine and asked for a page."""
    drill = Drill(say)
    first = _machine(scratch / "first", server, "first")
    with drill.step("a region of invented people at work"):
        program = make_region(first)
        work = Work(program)
        for case in (DISCLOSED, ERASED, WITHDRAWN, STAYS):
            work.submit(case)
        signing.sign_checkpoint(program, JOBS)
    keepers = make_keepers(scratch)
    with drill.step("backup"):
        run_backup(first, keepers, server, scratch)
    with drill.step("they go on: erased, withdrawn, disclosed, new; signed, exported, kept by an agency"):
        before = _go_on(program, work, scratch)
        agency_keeps = Path(shutil.copy(first.settings.log_public_key, scratch / "key-that-an-agency-keeps"))
        run_backup(first, keepers, server, scratch, "--register-only")
    with drill.step("the machine is lost"):
        program.write_sessions().get_bind().engine.dispose()
        shutil.rmtree(first.home)
        if server:
            server.drop("first")
    lost_at = time.monotonic()
    second = _machine(scratch / "elsewhere" / "second", server, "second")
    with drill.step("restore on another machine"):
        keys = {f"{name}-key": keepers / f"{name}-key.pem" for name in ("data", "keys")} | {"log-key": agency_keeps}
        run_restore(second, max(scratch.glob("backups/20*Z")), keys, server)
    with drill.step("audit restored"):
        if second.owner:
            migrate(second.settings)
        program = open_program(second.settings)
        found = restoring.restored(program, setup.INSTALLER, exports=[before.export], held=[before.held])
    with drill.step("signaltable audit fsck"):
        findings = fsck.inspect(program).findings
    if serve:
        with drill.step("the program starts"):
            drill.promise("it serves", serves(second))
    drill.took["back at work after"] = time.monotonic() - lost_at
    _judge(drill, program, before, found, [f"{one.kind} {one.at}" for one in findings])
    _ask_others(drill, program, before, scratch)
    program.write_sessions().get_bind().engine.dispose()
    return drill


@dataclass(frozen=True)
class Own:
    """A backup of one's own, with what opens it and what others kept."""

    backup: Path
    data_key: Path | None = None
    keys_key: Path | None = None
    register: Path | None = None
    exports: Sequence[Path] = ()
    held: Sequence[str] = ()


def run_own(
    scratch: Path, say: Callable[[str], None], own: Own, server: Server | None = None, *, serve: bool = True
) -> Drill:
    """Put a backup of one's own back in an empty folder, and look whether it would do. Nothing of it is sent or served on."""
    drill = Drill(say)
    machine = _machine(scratch / "own", server, "second")
    began = time.monotonic()
    with drill.step("restore"):
        given = {"data-key": own.data_key, "keys-key": own.keys_key, "register": own.register}
        run_restore(machine, own.backup, given, server)
    rules = machine.home / "policies-of-backup"
    machine = replace(machine, policies=rules if rules.is_dir() else None)
    with drill.step("audit restored"):
        # A backup may be older than this program.
        migrate(machine.settings)
        program = open_program(machine.settings)
        found = restoring.restored(program, setup.INSTALLER, exports=own.exports, held=own.held)
    with drill.step("signaltable audit fsck"):
        report = fsck.inspect(program)
    if serve:
        with drill.step("the program starts"):
            drill.promise("it serves", serves(machine))
    drill.took["back at work after"] = time.monotonic() - began
    drill.promise(f"the register reads: {found.known} erasures, {found.redone} done again", not found.register)
    told = [f"{one.kind} {one.at}" for one in report.findings]
    drill.promise(f"the log verifies, {report.entries} entries{': ' + ', '.join(told[:3]) if told else ''}", not told)
    for one in found.lost:
        say(f"          gone: {one.action} {one.object}")
    program.write_sessions().get_bind().engine.dispose()
    return drill


def _machine(home: Path, server: Server | None, name: str) -> Machine:
    return Machine(home, *server.database(name)) if server else Machine(home)


def _go_on(program: Program, work: Work, scratch: Path) -> Before:
    """What happens between the backup and the disaster."""
    subject_id = subject_of(program, work.references[ERASED])
    sealed = sealed_of(program, subject_id)
    work.erase(ERASED)
    work.withdraw(WITHDRAWN)
    work.disclose(DISCLOSED)
    work.submit(NEW)
    export = scratch / "export-of-the-auditor"
    log_export.export(program, setup.INSTALLER, export)
    signed = signing.sign_checkpoint(program, JOBS)
    with reading(program) as session:
        newest = session.execute(text("SELECT size, note FROM log_checkpoints ORDER BY size DESC LIMIT 1")).one()
    return Before(dict(work.references), subject_id, sealed, str(newest.note), export, signed or int(newest.size))


def _judge(
    drill: Drill,
    program: Program,
    before: Before,
    found: restoring.Restored,
    findings: Sequence[str],
) -> None:
    """What docs/backup.md promises, looked at in the database itself."""
    references = before.references
    with reading(program, whole=LOOKS) as session:
        there = set(session.scalars(select(Signal.reference)))
        left = session.scalar(select(SubjectKey.subject_id).where(SubjectKey.subject_id == before.subject_id).limit(1))
        fields = session.scalar(
            select(SubjectField.subject_id).where(SubjectField.subject_id == before.subject_id).limit(1)
        )
    drill.promise(
        "what was there at the backup is there again",
        {references[one] for one in (DISCLOSED, WITHDRAWN, STAYS)} <= there,
    )
    drill.promise(
        "who was erased is erased again: no key, no field, no tag",
        not left and not fields and not tags_of(program, before.subject_id),
    )
    drill.promise(
        "nothing of the erased stands anywhere in the database",
        before.blobs and not before.blobs & set(blobs(program)),
    )
    drill.promise("the erasure was known from the register, and done again", found.redone >= 1 and not found.register)
    held = parse_text(read_text(before.held)[0])
    drill.promise(
        "the log names the gap: size and root of what an agency kept",
        (found.lost_size, found.lost_root) == (held.size, held.root.hex()) and _restore_told(program, found),
    )
    told = {(one.action, one.object) for one in found.lost}
    wanted = {("signal:record", references[NEW]), ("signal:withdraw", references[WITHDRAWN])}
    disclosed = any(action == "signal:disclose" for action, _object in told)
    drill.promise(
        "what was acknowledged after the backup is told: reported, withdrawn, disclosed", wanted <= told and disclosed
    )
    drill.promise(
        "the old key of the log signs no more, a new one does",
        found.replaced and found.fingerprint not in found.replaced,
    )
    drill.promise(
        f"the check of the log finds nothing else{': ' + ', '.join(findings[:3]) if findings else ''}", not findings
    )


def _restore_told(program: Program, found: restoring.Restored) -> bool:
    """Whether the log itself says it, in an entry that the new key signed over."""
    with reading(program) as session:
        query = (
            "SELECT d.details FROM log_details d JOIN log_entries e ON e.seq = d.seq WHERE e.action = 'system:restore'"
        )
        told = [json.loads(bytes(one)) for one in session.scalars(text(query))]
    return any((one.get("lost_size"), one.get("lost_root")) == (found.lost_size, found.lost_root) for one in told)


def _ask_others(drill: Drill, program: Program, before: Before, scratch: Path) -> None:
    """What others see who kept something: an agency its checkpoint, the auditor an export and the old key."""
    fresh = scratch / "export-after"
    log_export.export(program, setup.INSTALLER, fresh)
    keys = program.settings.log_public_key.read_text().strip().splitlines()
    old_key, new_key = keys[0], keys[-1]
    alone = verify(fresh, public_key=new_key)
    drill.promise("an export verifies under the new key", alone.ok)
    kept = verify(fresh, public_key=new_key, checkpoints=[before.held])
    drill.promise(
        "a checkpoint that an agency kept shows the gap", any(one.at.startswith("held") for one in kept.findings)
    )
    trusted = verify(fresh, public_key=old_key)
    told = {one.kind for one in trusted.findings}
    drill.promise("who trusts the old key only hears that it was replaced", "replaced-key" in told)
    again = verify(before.export, public_key=old_key)
    drill.promise("the export of before still verifies, and proves what was lost", again.ok)
