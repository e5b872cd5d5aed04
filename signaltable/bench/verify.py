"""How fast `python -m audit verify` is, beside the bare hashing that it cannot do without.

Three things are measured, each beside what does the same work:

- the tree alone: entries.jsonl is read, each line hashed as a leaf, the leaves folded to the root, by the functions that
  the verifier does it with. Beside it bare `hashlib` over the same bytes (a leaf and one node for each entry, all ready in
  memory);
- the whole command with every check it makes (form, order, time, details against their commitments, digests of files,
  signatures), by one process and by two. Beside it bare `hashlib` over everything that has to be hashed for that: also
  the commitment of each line of details and the bytes of the files once more;
- memory: the largest of the process that verifies and of its workers.

tests/bench/verify.py does the same beside pymerkle. `BENCH_ENTRIES` says how many entries.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
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
from signaltable.bench.given import Given
from signaltable.bench.line import Goal, Line, at_least, at_most, in_rounds
from signaltable.bench.table import plain_row

ENTRIES = int(os.environ.get("BENCH_ENTRIES", "600000"))
# Bare hashing and pymerkle see so many of them at a time; both do the same to each.
SAMPLE = min(100_000, ENTRIES)
# So often, that a turn of bare hashing is about as long as one of ours.
TIMES = max(1, ENTRIES // SAMPLE)
ROUNDS = 5
MEGABYTES = 100
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


def lines(_given: Given) -> Iterator[Line]:
    """Every line of the table about the verifier, in entries a second."""
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        directory = make_log(Path(folder) / "log", ENTRIES)
        inputs = inputs_of(directory)
        tree, bare_tree, one, two, bare = zip(*(turn(directory, inputs) for _ in range(ROUNDS)), strict=True)
        count = f"a log of {ENTRIES:,} entries"
        what = f"the tree of {count} read, hashed and folded, beside hashlib over leaves and nodes, CPU"
        yield _line("tree", what, _cpu(tree), _cpu(bare_tree), at_least(0.5))
        what = f"every check of {count} by one process, beside hashlib over every hash of it"
        yield _line("every check", f"{what}, CPU", _cpu(one), _cpu(bare), at_least(0.5))
        yield _line("every check, 2 processes", f"{what}; by two, by the clock", _wall(two), _wall(bare), at_least(0.5))
        yield _line(
            "2 processes beside 1", f"every check of {count}, by the clock", _wall(two), _wall(one), at_least(1.8)
        )
        for jobs in (1, 2):
            name = f"memory, {jobs} process{'' if jobs == 1 else 'es'}"
            peak = peak_megabytes(directory, jobs)
            yield Line(name, f"the largest process while {count} is checked", peak, "MB", goal=at_most(MEGABYTES))


def _cpu(rates: Sequence[Rate]) -> list[float]:
    return [rate.cpu for rate in rates]


def _wall(rates: Sequence[Rate]) -> list[float]:
    return [rate.wall for rate in rates]


def _line(name: str, what: str, ours: Sequence[float], theirs: Sequence[float], goal: Goal) -> Line:
    return in_rounds(name, what, zip(ours, theirs, strict=True), "entries/s", goal)


def turn(directory: Path, inputs: Inputs) -> tuple[Rate, Rate, Rate, Rate, Rate]:
    """Each way once: the tree, bare hashing of it, every check with one process and with two, bare hashing for them."""
    for_tree = [*inputs.leaves, *inputs.nodes]
    for_all = [*for_tree, *inputs.committed, *inputs.files]
    return (
        rate_of(ENTRIES, partial(_take_root, directory)),
        rate_of(TIMES * SAMPLE, partial(_hash, for_tree)),
        rate_of(ENTRIES, partial(_verify, directory, 1)),
        rate_of(ENTRIES, partial(_verify, directory, 2)),
        rate_of(TIMES * SAMPLE, partial(_hash, for_all)),
    )


def rate_of(entries: int, do: Callable[[], None]) -> Rate:
    """Entries per second of something that goes through so many of them."""
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


def inputs_of(directory: Path) -> Inputs:
    """What has to be hashed for an export, in memory."""
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
    for found in lines(Given(Path())):
        click.echo(plain_row(found))
    return 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
