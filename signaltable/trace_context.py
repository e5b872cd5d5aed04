"""W3C Trace Context (Recommendation, version 00): the ids under which several systems tell of one piece of work.

Ids are random and say nothing about anybody. What a caller sends is read strictly: a header that is not exactly right
counts as absent, and a trace of our own starts. `tracestate` belongs to the systems that write it and is not read.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEADER = "traceparent"
TRACE_BYTES, SPAN_BYTES = 16, 8
# Sampled: every act is recorded, for the processing log knows no sampling.
FLAGS = "01"

_KNOWN = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_VERSION = "ff"
_VERSION = "00"
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Trace:
    """One piece of work: the whole it belongs to, its own id in it, and that of what caused it ("" for nothing)."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""

    def header(self) -> str:
        """The value of `traceparent` that tells another system to go on from here."""
        return f"{_VERSION}-{self.trace_id}-{self.span_id}-{FLAGS}"


def start(randomness: Callable[[int], bytes]) -> Trace:
    """A piece of work that nothing caused."""
    return Trace(randomness(TRACE_BYTES).hex(), randomness(SPAN_BYTES).hex())


def proceed(trace_id: str, span_id: str, randomness: Callable[[int], bytes]) -> Trace:
    """A piece of work that (trace_id, span_id) caused."""
    return Trace(trace_id, randomness(SPAN_BYTES).hex(), span_id)


def receive(headers: Sequence[str], randomness: Callable[[int], bytes]) -> Trace:
    """The work of a request with these `traceparent` headers: it goes on from the caller's, or starts anew."""
    caller = parse(headers[0]) if len(headers) == 1 else None
    return start(randomness) if caller is None else proceed(*caller, randomness)


def parse(header: str) -> tuple[str, str] | None:
    """(trace id, span id) of a caller, or None for anything that the recommendation calls invalid (section 3.2).

    A later version may carry more after a dash; of ours nothing may follow. Ids of zeros only and version ff are invalid.
    """
    found = _KNOWN.fullmatch(header.strip(" \t")) if len(header) <= _LONGEST else None
    if found is None:
        return None
    version, trace_id, span_id, _flags, more = found.groups()
    if version == _NO_VERSION or (version == _VERSION and more is not None):
        return None
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return trace_id, span_id
