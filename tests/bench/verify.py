"""How fast `python -m audit verify` is, beside the bare hashing it cannot do without, and beside pymerkle.

Three things are measured, each beside what does the same work:

- the tree alone: entries.jsonl is read, each line hashed as a leaf, the leaves folded to the root, by the functions that
  the verifier does it with. Beside it bare `hashlib` over the same bytes (a leaf and one node for each entry, all ready in
  memory), and pymerkle, which appends the same entries to a tree in memory (no reading);
- the whole command with every check it makes (form, order, time, details against their commitments, digests of files,
  signatures), by one process and by two. Beside it bare `hashlib` over everything that has to be hashed for that: also
  the commitment of each line of details and the bytes of the files once more;
- memory: the largest of the process that verifies and of its workers.

pymerkle is GPL, so never among our requirements: it gets an environment of its own, outside the checkout.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import venv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import click

from audit import bundle, checkpoint
from audit.chunk import ENTRIES_BLOCK, digests, fold, grow
from audit.entry import COMMITMENT_PREFIX, MAX_ENTRY_BYTES, new_event_id
from audit.findings import Findings
from audit.merkle import CompactRange
from audit.note import Signer
from audit.reader import Reader
from audit.source import Source
from audit.verify import verify
from tests.bench.rate import Line, shown

ENTRIES = int(os.environ.get("BENCH_ENTRIES", "600000"))
# Bare hashing and pymerkle see so many of them at a time; both do the same to each.
SAMPLE = min(100_000, ENTRIES)
# So often, that a turn of bare hashing is about as long as one of ours.
TIMES = max(1, ENTRIES // SAMPLE)
ROUNDS = 5
MEGABYTES = 100
PYMERKLE = "pymerkle==7.0.0"
SIGNER = Signer("bench.example/audit/2026", bytes(range(32)))
START = 1_790_000_000_000
_TAIL = (
    b'"recorded_at":%d,"retention_class":"%b","role":"focal-officer,table-member","seq":%d,"source":"signaltable/1.0.0",'
    b'"span_id":"%b","strength":"password+totp","trace_id":"%b"}'
)
_HEAD = b'{"action":"%b","actor":"%b","agency":"agency-%d","channel":"web","details_commitment":"%b","event_id":"%b","format":2,'
# What people do most, as the program writes it: action, object, class, details.
_DONE = (
    (b"signal:consult", b'"object":"%b","object_type":"signal",', b"access",
     b'{"fields":["narrative","indicators"],"session_hash":"%b","signal":"%b","view":"card"}'),
    (b"signal:list", b"", b"access", b'{"count":17,"page":1,"session_hash":"%b","view":"worklist"}'),
    (b"login:succeed", b"", b"login", b'{"method":"password+totp","session_hash":"%b"}'),
    (b"signal:triage", b'"object":"%b","object_type":"signal",', b"case",
     b'{"result":"table","rows":{"signals":{"%b":"%b"}},"session_hash":"%b","signal":"%b","urgency":"normal"}'),
)  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """What has to be hashed for the first `SAMPLE` entries: byte strings alone, and the files as they are."""

    leaves: list[bytes]
    nodes: list[bytes]
    committed: list[bytes]
    files: list[bytes]


@dataclass(frozen=True)
class Rate:
    """Entries per second: of the processor, which what else the machine does hardly touches, and of the clock."""

    cpu: float
    wall: float


def lines() -> Iterator[Line]:
    """Every line of the table about the verifier."""
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        directory = make_log(Path(folder) / "log", ENTRIES)
        inputs, python = _inputs(directory), pymerkle_python()
        turns = [_turn(directory, inputs, python) for _ in range(ROUNDS)]
        tree, bare_tree, one, two, bare, other = zip(*turns, strict=True)
        count = f"{ENTRIES // 1000:,d} k"
        yield _by_cpu(f"log {count}, the tree: read, hash, fold (hashlib: leaf, node)", tree, bare_tree, 0.5)
        if python:
            yield _by_cpu("the same (pymerkle 7: appending, in memory)", tree, other, 5)
        yield _by_cpu(f"log {count}, every check, 1 process (hashlib: every hash)", one, bare, 0.5)
        if python:
            yield _by_cpu("the same (pymerkle 7, which checks nothing but the tree)", one, other, 5)
        yield _by_wall("the same, 2 processes, by the clock (hashlib: every hash, 1)", two, bare, 0.5)
        yield _by_wall("the same, 2 processes, by the clock (1 process)", two, one, 1.8)
        for jobs in (1, 2):
            peak = peak_megabytes(directory, jobs)
            yield Line(f"the same, {jobs} process{'' if jobs == 1 else 'es'}: MB allowed (peak MB)", MEGABYTES, peak, 1)


def _by_cpu(name: str, ours: Sequence[Rate], theirs: Sequence[Rate], goal: float) -> Line:
    return _line(name, [rate.cpu for rate in ours], [rate.cpu for rate in theirs], goal)


def _by_wall(name: str, ours: Sequence[Rate], theirs: Sequence[Rate], goal: float) -> Line:
    return _line(name, [rate.wall for rate in ours], [rate.wall for rate in theirs], goal)


def _line(name: str, ours: Sequence[float], theirs: Sequence[float], goal: float) -> Line:
    ratios = tuple(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Line(name, median(ours), median(theirs), goal, ratios)


def _turn(directory: Path, inputs: Inputs, python: Path | None) -> tuple[Rate, ...]:
    """Each way once: the tree, bare hashing of it, every check with one process and with two, bare hashing for them,
    pymerkle (0 without it)."""
    for_tree = [*inputs.leaves, *inputs.nodes]
    for_all = [*for_tree, *inputs.committed, *inputs.files]
    return (
        _rate(ENTRIES, partial(_take_root, directory)),
        _rate(TIMES * SAMPLE, partial(_hash, for_tree)),
        _rate(ENTRIES, partial(_verify, directory, 1)),
        _rate(ENTRIES, partial(_verify, directory, 2)),
        _rate(TIMES * SAMPLE, partial(_hash, for_all)),
        _appended(python, directory) if python else Rate(0, 0),
    )


def _rate(entries: int, do: Callable[[], None]) -> Rate:
    cpu, wall = process_time(), perf_counter()
    do()
    return Rate(entries / (process_time() - cpu), entries / (perf_counter() - wall))


def _take_root(directory: Path) -> None:
    """The root over entries.jsonl, read, hashed and folded by what the verifier does it with; nothing else is checked."""
    tree = CompactRange()
    source = Source(Reader(directory, Findings()), bundle.ENTRIES, MAX_ENTRY_BYTES, counted=False)
    while block := source.block(ENTRIES_BLOCK)[0]:
        leaves = digests((b"\0" + block[:-1].replace(b"\n", b"\n\0")).split(b"\n"))
        source.skip(len(block), len(leaves))
        deque(grow(tree, list(fold(tree.size, leaves, ()))), maxlen=0)
    manifest = bundle.parse_manifest((directory / bundle.MANIFEST).read_bytes())
    assert (tree.size, tree.root().hex()) == (ENTRIES, manifest.root), "the tree has another root"


def _verify(directory: Path, jobs: int) -> None:
    report = verify(directory, public_key=SIGNER.verifier().to_text(), jobs=jobs)
    assert report.ok, report.findings
    assert report.entries == ENTRIES


def _hash(blobs: Sequence[bytes]) -> None:
    for _ in range(TIMES):
        for blob in blobs:
            sha256(blob).digest()


def _inputs(directory: Path) -> Inputs:
    with (directory / bundle.ENTRIES).open("rb") as entries, (directory / bundle.DETAILS).open("rb") as details:
        entry_lines = [entries.readline() for _ in range(SAMPLE)]
        detail_lines = [details.readline() for _ in range(SAMPLE)]
    parsed = [bundle.parse_details_line(line[:-1]) for line in detail_lines]
    return Inputs(
        leaves=[b"\0" + line[:-1] for line in entry_lines],
        nodes=[b"\1" + bytes(64)] * SAMPLE,
        committed=[COMMITMENT_PREFIX + one.salt + one.details_bytes for one in parsed],
        files=[b"".join(entry_lines), b"".join(detail_lines), bytes(32 * SAMPLE)],
    )


# --- memory

# The kernel counts what a process held before it became this program among its largest; this line of /proc does not.
_MEASURED = """
import re, resource, sys
from pathlib import Path
from audit.verify import verify
report = verify(Path(sys.argv[1]), jobs=int(sys.argv[2]))
assert report.ok, report.findings
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
status = Path("/proc/self/status")
if status.exists():
    peak = max(peak, int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]))
else:
    peak = max(peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peak)
"""


def peak_megabytes(directory: Path, jobs: int) -> float:
    """The largest resident memory of the process that verifies and of each of its workers."""
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(directory), str(jobs)], check=True, capture_output=True, text=True
    )
    unit = 1 if sys.platform == "darwin" else 1024
    return int(ran.stdout) * unit / 1e6


# --- pymerkle, in an environment of its own

_APPEND = """
import json, sys
from itertools import islice
from time import perf_counter, process_time
from pymerkle import InmemoryTree
with open(sys.argv[1], "rb") as file:
    entries = [line[:-1] for line in islice(file, int(sys.argv[2]))]
tree = InmemoryTree(algorithm="sha256")
cpu, wall = process_time(), perf_counter()
for entry in entries:
    tree.append_entry(entry)
root = tree.get_state()
print(json.dumps([len(entries) / (process_time() - cpu), len(entries) / (perf_counter() - wall), root.hex()]))
"""


def pymerkle_python() -> Path | None:
    """The interpreter of an environment with pymerkle, made when it is not there; None, said loudly, without one."""
    folder = Path(tempfile.gettempdir()) / f"signaltable-bench-{PYMERKLE.replace('==', '-')}-{os.getuid()}"
    python = folder / "bin" / "python"
    if _has_pymerkle(python):
        return python
    try:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", PYMERKLE], check=True, capture_output=True, timeout=180)
    except (OSError, subprocess.SubprocessError):
        click.echo(
            f"NOT MEASURED: pymerkle, so the goal of 5 times its speed is not checked. To measure it:\n"
            f"  {sys.executable} -m venv {folder} && {python} -m pip install {PYMERKLE}",
            err=True,
        )
        return None
    return python if _has_pymerkle(python) else None


def _has_pymerkle(python: Path) -> bool:
    return python.exists() and not subprocess.run([python, "-c", "import pymerkle"], check=False).returncode


def _appended(python: Path, directory: Path) -> Rate:
    command = [python, "-c", _APPEND, str(directory / bundle.ENTRIES), str(SAMPLE)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    cpu, wall, root = json.loads(ran.stdout)
    tree = CompactRange()
    with (directory / bundle.LEAVES).open("rb") as leaves:
        for _ in range(SAMPLE):
            tree.append(leaves.read(32))
    assert tree.root().hex() == root, "the two trees differ"
    return Rate(cpu, wall)


# --- a log to measure with


def make_log(directory: Path, size: int) -> Path:
    """An export with this many entries of the kinds that people cause most, and ten checkpoints."""
    tree, notes = CompactRange(), []
    every = max(1, size // 10)

    def records() -> Iterator[bundle.Record]:
        for seq in range(size):
            record = _record(seq)
            tree.append(sha256(b"\0" + record.entry_bytes).digest())
            if (seq + 1) % every == 0 or seq + 1 == size:
                notes.append(checkpoint.sign(checkpoint.Checkpoint(SIGNER.name, seq + 1, tree.root()), SIGNER))
            yield record

    def signed() -> Iterator[str]:
        yield from notes  # Asked for after the records.

    bundle.write(directory, records=records(), checkpoints=signed(), signers=[SIGNER], created_at=START + 10 * size)
    return directory


def _record(seq: int) -> bundle.Record:
    chance = sha256(b"%d" % seq).digest()
    action, about, kept, details = _DONE[(0, 0, 0, 0, 0, 1, 1, 2, 3, 3)[seq % 10]]
    digest, trace, ref = chance.hex().encode(), chance[:16].hex().encode(), b"S-%04d-Q2" % (seq % 9973)
    values = {
        b"signal:consult": (digest, ref),
        b"signal:triage": (ref, trace, digest, ref),
    }.get(action, (digest,))
    details_bytes = details % values
    commitment = sha256(COMMITMENT_PREFIX + chance + details_bytes).hexdigest().encode()
    when = START + 7 * seq
    event = new_event_id(when, chance[:10]).encode()
    head = _HEAD % (action, sha256(chance[:1]).hexdigest()[:32].encode(), chance[1] % 40, commitment, event)
    body = (about % ref if about else b"") + b'"occurred_at":%d,"outcome":"ok",' % when
    return bundle.Record(head + body + _TAIL % (when, kept, seq, trace[:16], trace), details_bytes, chance)


def main() -> int:
    """Only this part; BENCH_ENTRIES=10000000 for ten million."""
    for line in lines():
        click.echo(shown(line).rstrip())
    return 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
