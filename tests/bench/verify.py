"""How fast `python -m audit verify` is: beside the bare hashing it cannot do without, beside pymerkle, two processes beside one.

Everything the command checks is checked, reading included. Bare hashing is: the leaf and one node for each entry, the
commitment of each line of details, the digest of each file; its input lies ready in memory. pymerkle (GPL, so never
among our requirements) appends the same entries to a tree in memory and checks nothing else; it gets an environment of
its own, outside the checkout. Memory is that of a process of its own and of its largest worker.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from time import perf_counter

import click

from audit import bundle, checkpoint
from audit.entry import COMMITMENT_PREFIX, new_event_id
from audit.merkle import CompactRange
from audit.note import Signer
from audit.verify import verify
from tests.bench.rate import Line

ENTRIES = int(os.environ.get("BENCH_ENTRIES", "1000000"))
# Bare hashing and pymerkle see so many of them at a time; both do the same to each.
SAMPLE = 100_000
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


def lines() -> Iterator[Line]:
    """Every line of the table about the verifier."""
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        directory = make_log(Path(folder) / "log", ENTRIES)
        count = f"{ENTRIES // 1000:,d} k entries"
        one, two, bare, other = _in_turn(directory)
        yield _line(f"verify {count}, one process (hashlib: the same hashes)", one, bare, 0.5)
        yield _line(f"verify {count}, two processes (hashlib, one)", two, bare, 0.5)
        yield _line("verify, two processes (one)", two, one, 1.8)
        if other:
            yield _line("verify, one process (pymerkle 7: appending)", one, other, 5)
        for jobs in (1, 2):
            peak = peak_megabytes(directory, jobs)
            yield Line(
                f"verify {count}, {jobs} processes: goal in MB (peak MB)", MEGABYTES, peak, 1, (MEGABYTES / peak,)
            )


def _line(name: str, ours: Sequence[float], theirs: Sequence[float], goal: float) -> Line:
    ratios = tuple(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Line(name, sorted(ours)[len(ours) // 2], sorted(theirs)[len(theirs) // 2], goal, ratios)


def _in_turn(directory: Path) -> tuple[list[float], list[float], list[float], list[float]]:
    """Entries per second in each round: one process, two, bare hashing, pymerkle."""
    hashed, python = _inputs(directory), pymerkle_python()
    one, two, bare, other = [], [], [], []
    for _ in range(ROUNDS):
        one.append(_verified_per_second(directory, 1))
        bare.append(_hashed_per_second(*hashed))
        two.append(_verified_per_second(directory, 2))
        if python:
            other.append(_appended_per_second(python, directory))
    return one, two, bare, other


def _verified_per_second(directory: Path, jobs: int) -> float:
    begin = perf_counter()
    report = verify(directory, public_key=SIGNER.verifier().to_text(), jobs=jobs)
    seconds = perf_counter() - begin
    assert report.ok, report.findings
    assert report.entries == ENTRIES
    return ENTRIES / seconds


def _inputs(directory: Path) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """What has to be hashed of the first entries: each alone, and the files as whole blocks."""
    with (directory / bundle.ENTRIES).open("rb") as entries, (directory / bundle.DETAILS).open("rb") as details:
        entry_lines = [entries.readline() for _ in range(SAMPLE)]
        detail_lines = [details.readline() for _ in range(SAMPLE)]
    parsed = [bundle.parse_details_line(line[:-1]) for line in detail_lines]
    committed = [COMMITMENT_PREFIX + one.salt + one.details_bytes for one in parsed]
    leaves, nodes = [b"\0" + line[:-1] for line in entry_lines], [b"\1" + bytes(64)] * SAMPLE
    return (
        [*leaves, *nodes, *committed],
        [b"".join(entry_lines), b"".join(detail_lines), bytes(32 * SAMPLE)],
        entry_lines,
    )


def _hashed_per_second(single: Sequence[bytes], blocks: Sequence[bytes], of: Sequence[bytes]) -> float:
    begin = perf_counter()
    for one in single:
        sha256(one).digest()
    for block in blocks:
        sha256(block).digest()
    return len(of) / (perf_counter() - begin)


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
from time import perf_counter
from pymerkle import InmemoryTree
with open(sys.argv[1], "rb") as file:
    entries = [line[:-1] for line in islice(file, int(sys.argv[2]))]
tree = InmemoryTree(algorithm="sha256")
begin = perf_counter()
for entry in entries:
    tree.append_entry(entry)
root = tree.get_state()
print(json.dumps([len(entries) / (perf_counter() - begin), root.hex()]))
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
            f"NOT MEASURED: pymerkle. Make it measurable: python -m venv {folder}; {python} -m pip install {PYMERKLE}"
        )
        return None
    return python if _has_pymerkle(python) else None


def _has_pymerkle(python: Path) -> bool:
    return python.exists() and not subprocess.run([python, "-c", "import pymerkle"], check=False).returncode


def _appended_per_second(python: Path, directory: Path) -> float:
    command = [python, "-c", _APPEND, str(directory / bundle.ENTRIES), str(SAMPLE)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    rate, root = json.loads(ran.stdout)
    tree = CompactRange()
    with (directory / bundle.LEAVES).open("rb") as leaves:
        for _ in range(SAMPLE):
            tree.append(leaves.read(32))
    assert tree.root().hex() == root, "the two trees differ"
    return float(rate)


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
        spread = f"{min(line.ratios):.2f}..{max(line.ratios):.2f}"
        click.echo(
            f"{line.name:<64}{line.ours:>14,.0f}{line.theirs or 0:>14,.0f}{line.ratio or 0:>8.2f}  {spread}  goal {line.goal}"
        )
    return 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
