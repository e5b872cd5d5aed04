"""Checkpoints as C2SP tlog-checkpoint describes them: origin, size and root of the tree, as a signed note.

Whoever keeps a checkpoint can prove later that the log was changed or shortened since. The keys of a log bear its
origin as their name; which of them counted when, is the matter of `audit.key_chain`.
"""

from collections.abc import Sequence

from audit.errors import BadCheckpoint
from audit.note import Signer, Verifier, open_text, sign_text
from audit.tree_head import Checkpoint, parse_text

__all__ = ["Checkpoint", "Signer", "Verifier", "open_note", "open_signed", "sign"]


def sign(checkpoint: Checkpoint, *signers: Signer, timestamp: int = 0) -> str:
    """The signed note for this checkpoint, with one line of each signer in their order.

    The caller first makes sure that it continues the checkpoint signed before (`merkle.verify_consistency`): a key
    that signs two histories is worth nothing. `timestamp` (seconds since 1970) stands in ML-DSA-44 lines only. Raises
    BadCheckpoint when the origin is not the name of every key or a part does not fit the format, BadNote when an
    ML-DSA-44 key is to sign extension lines, which its signature would not cover.
    """
    if any(checkpoint.origin != signer.name for signer in signers):
        raise BadCheckpoint("expected a checkpoint of the log that the key is named after, found another origin")
    text = checkpoint.to_text()
    if parse_text(text) != checkpoint:
        raise BadCheckpoint("expected parts without newlines, found one with")
    return sign_text(text, *signers, timestamp=timestamp)


def open_note(text: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """The checkpoint in a note, after checking that a known key named after its origin has signed it.

    Raises BadNote for a malformed or unsigned note, BadCheckpoint for a note that is something else.
    """
    return open_signed(text, verifiers)[0]


def open_signed(text: str, verifiers: Sequence[Verifier]) -> tuple[Checkpoint, tuple[Verifier, ...]]:
    """As `open_note`, with those of the known keys that have signed it and bear the name of its origin."""
    body, signed_by = open_text(text, verifiers)
    checkpoint = parse_text(body)
    own = tuple(verifier for verifier in signed_by if verifier.name == checkpoint.origin)
    if not own:
        raise BadCheckpoint("expected a checkpoint signed by the key of its own log, found another origin")
    return checkpoint, own
