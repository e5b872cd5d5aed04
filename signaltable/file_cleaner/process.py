"""The process: `python -m signaltable.file_cleaner.process`. Reads rules and one file, writes the cleaned file, ends.

Nothing is written down and a crash leaves no core file; what a library would print goes nowhere.
"""

import contextlib
import io
import json
import resource
import sys
from typing import Final

from signaltable.attached.cleaning import clean
from signaltable.attached.unfit import Unfit
from signaltable.attachment_rules import FileRules
from signaltable.file_cleaner import LENGTH
from signaltable.surroundings import keep_to_itself, no_network

# Twice what the largest picture that may go along takes when it is drawn; and so many seconds of work.
MEMORY: Final = 2 * 1024**3
CPU_SECONDS: Final = 45
FILES: Final = 64


def _limit() -> None:
    keep_to_itself()
    no_network()
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _answer(given: bytes) -> bytes:
    (length,) = LENGTH.unpack_from(given)
    start = LENGTH.size + length
    rules = FileRules.model_validate_json(given[LENGTH.size : start])
    try:
        cleaned = clean(given[start:], rules)
    except Unfit as unfit:
        return _packed({"cause": unfit.cause, "kind": unfit.kind})
    text = cleaned.text.encode()
    head = _packed({"kind": cleaned.kind, "text_state": cleaned.text_state})
    return head + LENGTH.pack(len(text)) + text + cleaned.data


def _packed(head: dict[str, str]) -> bytes:
    written = json.dumps(head).encode()
    return LENGTH.pack(len(written)) + written


def main() -> int:
    """Clean one file."""
    _limit()
    given = sys.stdin.buffer.read()
    # Libraries print warnings that quote the file.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        answer = _answer(given)
    sys.stdout.buffer.write(answer)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
