"""A line on a terminal that says how far a long verification is."""

import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 30
_EVERY_SECONDS = 0.1
_MEGABYTE = 1_000_000


class Progress:
    """Call it with bytes done and bytes in all. Shows a bar, the rate, and the time that is left at that rate."""

    def __init__(self, screen: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._begun = clock()
        self._shown = self._begun - 1

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is, not more than ten times a second; at the end go to the next line."""
        now, finished = self._clock(), done >= total
        if now - self._shown < _EVERY_SECONDS and not finished:
            return
        self._shown = now
        rate = done / max(now - self._begun, 1e-6)
        left = (total - done) / rate if rate else 0
        filled = _WIDTH * done // max(total, 1)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        told = f"{100 * done // max(total, 1):3d} % [{bar}] {rate / _MEGABYTE:6.0f} MB/s, {_clock_text(left)} left"
        print(f"\r{told:<70}", end="\n" if finished else "", file=self._screen, flush=True)


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
