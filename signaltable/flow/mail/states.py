"""The life of a mail, and the templates that no rule names because the program itself makes them."""

from typing import Final

# Waits to be chosen; chosen and on its way out; handed to the mail server or written; told in the digest of its person;
# no longer needed; given up; came back.
WAITING: Final = ""
READY: Final = "ready"
SENT: Final = "sent"
DIGESTED: Final = "digested"
SETTLED: Final = "settled"
FAILED: Final = "failed"
BOUNCED: Final = "bounced"

DIGEST: Final = "digest"
TEST: Final = "test"
# A mail with this template carries the checkpoint over so many entries: `checkpoint:1234`.
CHECKPOINT: Final = "checkpoint:"


def checkpoint_template(size: int) -> str:
    """The template of a mail that carries the checkpoint over `size` entries."""
    return f"{CHECKPOINT}{size}"


def is_own(template: str) -> bool:
    """Whether a mail is of no task, so that no digest, quota or working day holds it up: a checkpoint or a test."""
    return template == TEST or template.startswith(CHECKPOINT)
