"""What a benchmark gets: where it may write, the regions it measures in, and which server there is."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from signaltable.bench.line import Line, Skipped

MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- a file system in memory, in which a folder of our own is made
FEW, MANY = 10_000, 1_000_000
SEED: Final = 1


def memory_or_disk() -> Path | None:
    """Where a folder that counts no disk can be made; None for the usual place."""
    return MEMORY if MEMORY.is_dir() else None


def fits_in_memory(home: Path) -> bool:
    """Whether three copies of this home leave memory enough for whoever works on them; a million signals do not."""
    size = sum(one.stat().st_size for one in home.rglob("*") if one.is_file())
    return MEMORY.is_dir() and 3 * size < shutil.disk_usage(MEMORY).free // 2


@contextmanager
def empty_folder(name: str, *, in_memory: bool = True) -> Iterator[Path]:
    """A folder of its own, in memory where that can be, and gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"signaltable-bench-{name}-", dir=memory_or_disk() if in_memory else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_of(home: Path, to: Path) -> Path:
    """A home of one's own to write in; shares blocks with the first where the file system can."""
    subprocess.run(["cp", "-r", "--reflink=auto", str(home), str(to)], check=True)  # noqa: S607 -- of coreutils
    return to


Make = Callable[[Path, int], None]
Say = Callable[[str], None]
Bar = Callable[[int, int], None]


@dataclass(frozen=True)
class Given:
    """What a run was told. The operator's own data are no part of it: whatever is measured stands in `folder`.

    `few` and `many` are how many signals the small and the large region have. `postgres` is the address of a server on
    which databases may be made ("" when there is none). `region(n)` gives a home with n generated signals that is only
    read: made once for all benchmarks, or taken from `kept`. `say` is one line for who waits, `bar` done and of how many.
    """

    folder: Path
    few: int = FEW
    many: int = MANY
    postgres: str = ""
    kept: Mapping[int, Path] = field(default_factory=dict)
    make: Make = lambda _home, _signals: None
    say: Say = lambda _text: None
    bar: Bar = lambda _done, _of: None
    made: dict[int, Path] = field(default_factory=dict)
    own: dict[int, Path] = field(default_factory=dict)

    def pages(self, signals: int, prepare: Callable[[Path], None]) -> Path:
        """A home with so many signals in which pages are asked for, as `prepare` left it: one for the whole run.

        A million signals take 26 GB, and a page adds no more to them than an entry in the log.
        """
        if signals not in self.own:
            self.own[signals] = copy_of(self.region(signals), self.folder / f"pages-{signals}")
            prepare(self.own[signals])
        return self.own[signals]

    def region(self, signals: int) -> Path:
        """A SIGNALTABLE_HOME with so many signals, for reading; copy it with `copy_of` to write."""
        if signals in self.kept:
            return self.kept[signals]
        if signals not in self.made:
            home = self.folder / f"region-{signals}"
            self.say(f"making a region of {signals:,} signals")
            self.make(home, signals)
            self.made[signals] = home
        return self.made[signals]


Lines = Callable[[Given], Iterator[Line | Skipped]]
