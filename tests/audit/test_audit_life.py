"""The life of a log at the level of `audit`: whatever happens to it in which order, an honest one verifies."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from log_samples import ORIGIN, START, change, entry_lines, put_lines, seal

from audit import bundle, checkpoint, merkle, nodes, receipt
from audit.entry import Sealed, parse
from audit.merkle import CompactRange
from audit.note import Signer
from audit.verify import verify

NodeKey = tuple[int, int]


class Store:
    """What is on the disk: rows that a commit made, nothing of a commit that never came."""

    def __init__(self) -> None:
        self.entries: list[Sealed] = []
        self.erased: set[int] = set()
        self.nodes: dict[NodeKey, bytes] = {}
        self.head = CompactRange().to_bytes()
        self.notes: list[tuple[int, str]] = []

    def commit(self, made: list[Sealed], tree: CompactRange, closed: list[merkle.Closed]) -> None:
        self.entries.extend(made)
        self.nodes |= {(level, position): root for level, position, root in closed if nodes.is_stored(level)}
        self.head = tree.to_bytes()


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.keys = [Signer(ORIGIN, bytes([1]) * 32)]
        self.kept: list[str] = []
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(count=st.integers(1, 20), crash=st.booleans())
    def append(self, count: int, crash: bool) -> None:
        self._append([{"action": "signal:consult", "details": {"signal": "S"}}] * count, crash=crash)

    @rule()
    def sign(self) -> None:
        self._sign(self.keys[-1])

    @rule()
    def rotate(self) -> None:
        old, new = self.keys[-1], Signer(ORIGIN, bytes([len(self.keys) + 1]) * 32)
        prints = (new.verifier().fingerprint, old.verifier().fingerprint)
        details = {"purpose": "log", "key_fingerprint": prints[0], "previous_fingerprint": prints[1]}
        self._append([{"action": "key:rotate", "object_type": "log", "details": details}])
        self.keys.append(new)
        self._sign(old, new)

    @precondition(lambda self: self.store.entries)
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        telling = {"checkpoint:sign", "key:rotate", "retention:erase"}
        chosen = data.draw(st.sets(st.sampled_from(self.store.entries).map(lambda one: one.entry.seq), max_size=5))
        erased = {seq for seq in chosen if self.store.entries[seq].entry.action not in telling}
        ranges = [[seq, seq] for seq in sorted(erased)]
        details = {"rule": "log-access", "count": len(ranges), "entries": ranges}
        self._append([{"action": "retention:erase", "details": details}])
        self.store.erased |= erased
        # An export goes as far as the newest checkpoint, and has to hold what explains the gaps in it.
        self._sign(self.keys[-1])

    @precondition(lambda self: self.store.notes)
    @rule()
    def keep_a_checkpoint(self) -> None:
        self.kept.append(self.store.notes[-1][1])

    @precondition(lambda self: self.store.notes)
    @rule(first=st.integers(0, 2), jobs=st.sampled_from([1, 1, 2]))
    def export_and_verify(self, first: int, jobs: int) -> None:
        # The auditor has one of the keys the log had, or none
        given = [key.verifier().to_text() for key in self.keys][:first]
        directory = self._export()
        report = verify(
            directory, public_key=given[-1] if given else None, checkpoints=self.kept, jobs=jobs, part_bytes=4000
        )
        assert report.findings == (), report.findings
        assert (report.entries, report.destroyed) == (
            self._signed(),
            len([s for s in self.store.erased if s < self._signed()]),
        )

    @precondition(lambda self: self.store.notes)
    @rule(data=st.data())
    def tamper_and_verify(self, data: st.DataObject) -> None:
        directory = self._export()
        lines = entry_lines(directory)
        seq = data.draw(st.integers(0, len(lines) - 1))
        lines[seq] = change(lines[seq], actor="p-forged")
        put_lines(directory, bundle.ENTRIES, lines)
        found = {(one.kind, one.at) for one in verify(directory, checkpoints=self.kept).findings}
        assert ("changed-entry", f"entry {seq}") in found

    @precondition(lambda self: self.store.notes)
    @rule(data=st.data())
    def prove_one_entry(self, data: st.DataObject) -> None:
        # An old receipt stays good: against any checkpoint that covers the entry
        size, note = data.draw(st.sampled_from(self.store.notes))
        one = self.store.entries[data.draw(st.integers(0, size - 1))]
        proof = nodes.inclusion_proof(self._node, one.entry.seq, size)
        text = receipt.write(index=one.entry.seq, proof=proof, checkpoint_note=note, entry_bytes=one.entry_bytes)
        proven = receipt.verify(text, [key.verifier() for key in self.keys])
        assert proven.entry == parse(one.entry_bytes)

    @invariant()
    def the_head_is_that_of_the_rows(self) -> None:
        tree = CompactRange.from_bytes(self.store.head)
        leaves = [one.leaf_hash for one in self.store.entries]
        assert (tree.size, tree.root()) == (len(leaves), merkle.root(leaves))
        if leaves:
            assert nodes.tree_root(self._node, len(leaves)) == tree.root()

    def _append(self, acts: list[dict[str, object]], *, crash: bool = False) -> None:
        # After a restart all that is known of the tree is what the store has
        tree = CompactRange.from_bytes(self.store.head)
        made = [
            seal(tree.size + at, **{"channel": "web", "recorded_at": START + tree.size, "occurred_at": START} | act)
            for at, act in enumerate(acts)
        ]
        closed = [node for one in made for node in tree.append(one.leaf_hash)]
        if not crash:
            self.store.commit(made, tree, closed)

    def _sign(self, *signers: Signer) -> None:
        size = len(self.store.entries) + 1
        self._append([{"action": "checkpoint:sign", "channel": "job", "details": {"size": size}}])
        root = nodes.tree_root(self._node, size)
        if self.store.notes:
            last = self.store.notes[-1][0]
            merkle.verify_consistency(
                size1=last, size2=size, root1=nodes.tree_root(self._node, last), root2=root,
                proof=nodes.consistency_proof(self._node, last, size),
            )  # fmt: skip
        self.store.notes.append((size, checkpoint.sign(checkpoint.Checkpoint(ORIGIN, size, root), *signers)))

    def _node(self, level: int, position: int) -> bytes:
        return self.store.nodes[level, position]

    def _signed(self) -> int:
        return self.store.notes[-1][0]

    def _export(self) -> Path:
        shutil.rmtree(self.folder / "export", ignore_errors=True)
        bundle.write(
            self.folder / "export",
            records=[
                bundle.Record(one.entry_bytes, None, None)
                if one.entry.seq in self.store.erased
                else bundle.Record(one.entry_bytes, one.details_bytes, one.salt)
                for one in self.store.entries[: self._signed()]
            ],
            checkpoints=[note for _, note in self.store.notes],
            signers=[self.keys[-1]],
            keys=[key.verifier() for key in self.keys],
            created_at=START,
        )
        return self.folder / "export"


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
