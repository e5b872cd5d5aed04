"""Two ways in turn on the same machine, so that what else it does meets both alike."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import quantiles

Do = Callable[[], object]
Clock = Callable[[], float]

# A turn is long enough for the clock, and so short that what else the machine does meets all sides alike.
ROUNDS = 21
TURN_SECONDS = 0.04


@contextmanager
def no_collector() -> Iterator[None]:
    """The collector of garbage waits, and has nothing left of before."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def in_turn(
    ways: Sequence[Do],
    *,
    times: int = 1,
    rounds: int = ROUNDS,
    turn_seconds: float = TURN_SECONDS,
    clock: Clock = time.perf_counter,
) -> Iterator[tuple[float, ...]]:
    """How often a second each way does it, once for every round; a call does it `times` times.

    Each way goes first without being measured. `clock=time.process_time` counts the CPU of this process alone.
    """
    for do in ways:
        do()
    for _ in range(rounds):
        yield tuple(times / seconds_of_call(do, turn_seconds, clock) for do in ways)


def seconds_of_call(do: Do, turn_seconds: float = TURN_SECONDS, clock: Clock = time.perf_counter) -> float:
    """Seconds of one call, the mean of as many as fit in a turn and at least of one."""
    calls = 0
    with no_collector():
        start = clock()
        while (passed := clock() - start) < turn_seconds or not calls:
            do()
            calls += 1
    return passed / calls


def each_in_turn(
    ways: Sequence[Do], times: int, *, warm: int = 5, clock: Clock = time.perf_counter
) -> tuple[list[float], ...]:
    """Seconds of every single call: all ways once, then all once more, `times` times. For medians and high percentiles."""
    for _ in range(warm):
        for do in ways:
            do()
    took: tuple[list[float], ...] = tuple([] for _ in ways)
    with no_collector():
        for _ in range(times):
            for do, seconds in zip(ways, took, strict=True):
                start = clock()
                do()
                seconds.append(clock() - start)
    return took


def p95(seconds: Sequence[float]) -> float:
    """What nineteen of twenty stay under. Needs at least two."""
    return quantiles(seconds, n=20)[-1]
