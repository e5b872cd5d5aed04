"""Whatever happens in whatever order, the log of the program stays one history that holds every acknowledged event.

A state machine over a real home: people work, a process is killed between two steps of a transaction, the program starts
again, the log is signed, signals are erased, details end with their term, keys are replaced, exports are made and verified
with every checkpoint that somebody kept at any moment.
"""

import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.merkle import CompactRange, leaf_hash
from audit.note import read_text
from audit.tree_head import parse_text
from audit.verify import verify
from signaltable import erasures, jobs, transaction
from signaltable.db import make_engine
from signaltable.domain import Channel, Refused
from signaltable.flow import auditing, fsck, retention, setup, signals, signing
from signaltable.flow.coming_in import actors
from signaltable.keys import KeyRing
from signaltable.models import LogCheckpoint, LogDetail, LogEntry, LogErased, LogHead
from signaltable.program import assemble
from signaltable.transaction import reading
from tests.conftest import Clock
from tests.factories import a_person, a_signal
from tests.table_steps import use
from tests.thorough import many

DAY, TERM, YEARS = 1, 181, 11 * 366
# Between which two steps of a commit the process dies, as the thing that it no longer does or has just done.
STEPS = ("before the entry", "after the entry", "before the register", "after the register", "before the commit")


class Killed(BaseException):
    """The process is gone: nothing handles this, as nothing handles a power cut."""


@contextmanager
def killed(step, after=0):
    """Die at this step of a commit, when `after` commits got past it."""
    passed = [0]

    def dying(real, late):
        def call(*args, **options):
            passed[0] += 1
            if passed[0] <= after:
                return real(*args, **options)
            if late:
                real(*args, **options)
            raise Killed

        return call

    what = {"entry": (transaction.audit_trail, "append"), "register": (erasures, "note"), "commit": (Session, "commit")}
    when, _, name = step.partition(" the ")
    owner, attribute = what[name]
    with patch.object(owner, attribute, dying(getattr(owner, attribute), when == "after")):
        yield


def machine(region, policy, folder):
    class Log(RuleBasedStateMachine):
        homes = 0

        @initialize()
        def start(self):
            type(self).homes += 1
            self.home = folder / f"home{self.homes}"
            shutil.copytree(region.home, self.home)
            self.clock = Clock()
            self.exports = 0
            self.told, self.alive, self.kept = Counter(), {}, {}
            self.open()
            self.owner = replace(
                actors.actor_of_login(self.program, "havendam"), channel=Channel.WEB, strength="two_factors"
            )
            self.stranger = replace(
                actors.actor_of_login(self.program, "avim"), channel=Channel.WEB, strength="two_factors"
            )

        def open(self):
            config = replace(region, home=self.home, database_url=f"sqlite:///{self.home / 'signaltable.db'}")
            self.engine = make_engine(config.database_url)
            made = assemble(config, self.engine, KeyRing.load(config.key_ring, require_private=True), policy)
            self.program = replace(made, clock=self.clock)

        def keep(self):
            """Somebody keeps every checkpoint there is."""
            with reading(self.program) as session:
                self.kept |= dict(session.execute(select(LogCheckpoint.size, LogCheckpoint.note)).all())

        def entries(self):
            with reading(self.program) as session:
                return list(session.scalars(select(LogEntry).order_by(LogEntry.seq)))

        # -- people at work

        @rule(sure=st.booleans())
        def submit(self, sure):
            person = a_person(identity={"surname": "Proefveld"} if sure else {"phone": "0612345678"})
            reference = use(self.program, self.owner, signals.submit, a_signal(subjects=[person])).reference
            self.alive[reference] = self.clock.now
            self.told["signal:record", reference] += 1

        @precondition(lambda self: self.alive)
        @rule(data=st.data())
        def read(self, data):
            reference = data.draw(st.sampled_from(sorted(self.alive)))
            use(self.program, self.owner, signals.consult, reference)
            self.told["signal:consult", reference] += 1

        @precondition(lambda self: self.alive)
        @rule(data=st.data())
        def be_refused(self, data):
            reference = data.draw(st.sampled_from(sorted(self.alive)))
            try:
                use(self.program, self.stranger, signals.consult, reference)
            except Refused:
                self.told["access:refuse", reference] += 1

        @precondition(lambda self: self.alive)
        @rule(data=st.data())
        def withdraw(self, data):
            reference = data.draw(st.sampled_from(sorted(self.alive)))
            use(self.program, self.owner, signals.withdraw, reference, "Dubbel ingevoerd.")
            self.told["signal:withdraw", reference] += 1
            del self.alive[reference]

        # -- time

        @rule(days=st.sampled_from((DAY, TERM, YEARS)))
        def sweep(self, days):
            self.clock.forward(days=days)
            retention.sweep(self.program, jobs.JOBS)
            self.note_erased()

        @rule(step=st.sampled_from(STEPS), after=st.integers(0, 4))
        def sweep_and_die(self, step, after):
            self.clock.forward(days=TERM)
            try:
                with killed(step, after):
                    retention.sweep(self.program, jobs.JOBS)
            except Killed:
                self.restart()
            self.note_erased()

        def note_erased(self):
            for reference, at in list(self.alive.items()):
                if (self.clock.now - at).days >= TERM:
                    del self.alive[reference]

        # -- the process

        @rule(step=st.sampled_from(STEPS))
        def submit_and_die(self, step):
            before = len(self.entries())
            try:
                with killed(step):
                    reference = use(self.program, self.owner, signals.submit, a_signal()).reference
            except Killed:
                self.restart()
                assert len(self.entries()) == before
            else:
                self.alive[reference] = self.clock.now
                self.told["signal:record", reference] += 1

        @rule()
        def restart(self):
            self.engine.dispose()
            self.open()

        # -- the log

        @rule()
        def sign(self):
            self.clock.forward(minutes=1)
            signing.sign_checkpoint(self.program, jobs.JOBS)
            self.keep()

        @rule(step=st.sampled_from(STEPS), after=st.integers(0, 1))
        def rotate(self, step, after):
            self.clock.forward(minutes=1)
            try:
                with killed(step, after):
                    signing.rotate_keys(self.program, jobs.JOBS)
            except Killed:
                self.restart()
            self.keep()

        @rule()
        def export_and_verify(self):
            self.exports += 1
            target = self.home / f"export{self.exports}"
            auditing.export(self.program, setup.INSTALLER, target)
            keys = self.program.settings.log_public_key.read_text().strip()
            report = verify(target, public_key=keys, checkpoints=list(self.kept.values()))
            assert report.findings == ()
            self.keep()

        # -- what holds

        @invariant()
        def every_number_once_and_the_head_fits(self):
            entries = self.entries()
            assert [one.seq for one in entries] == list(range(len(entries)))
            tree = CompactRange()
            roots = {0: b""}
            for one in entries:
                assert leaf_hash(one.entry) == one.leaf
                tree.append(one.leaf)
                roots[tree.size] = tree.root()
            with reading(self.program) as session:
                head = session.get_one(LogHead, 1)
                assert (head.size, head.frontier) == (len(entries), tree.to_bytes())
            for size, note in self.kept.items():
                assert parse_text(read_text(note)[0]).root == roots[size]

        @invariant()
        def every_acknowledged_event_is_in(self):
            there = Counter((one.action, one.object) for one in self.entries())
            assert not self.told - there

        @invariant()
        def details_are_there_or_the_log_says_why_not(self):
            with reading(self.program) as session:
                details = set(session.scalars(select(LogDetail.seq)))
                erased = set(session.scalars(select(LogErased.seq)))
            assert details | erased == {one.seq for one in self.entries()}
            assert not details & erased

        def teardown(self):
            if hasattr(self, "program"):
                signing.sign_checkpoint(self.program, jobs.JOBS)
                assert fsck.inspect(self.program, seals="none").findings == ()
                self.engine.dispose()
                shutil.rmtree(self.home)

    return Log


def test_the_log_stays_one_history_whatever_happens(sqlite_region, sqlite_program, tmp_path):
    run_state_machine_as_test(
        machine(sqlite_region, sqlite_program.policy, tmp_path / "homes"),
        settings=settings(
            max_examples=many(15, 40), stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
