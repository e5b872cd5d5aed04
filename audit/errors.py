"""The errors of the audit log, one tree: whoever catches AuditError has caught them all.

Messages say what was expected and what was found, by name, number or type. They never repeat a value from an entry.
"""


class AuditError(Exception):
    """Anything that the audit log refuses."""


class MalformedEntry(AuditError):
    """Bytes or values that are not an entry, or not details, in the form that FORMAT.md describes."""


class NotInVocabulary(MalformedEntry):
    """An action or a detail key that `audit.vocabulary` does not declare, or a required key that is not there."""


class BrokenCommitment(AuditError):
    """Details and salt that are not the ones to which the entry was committed."""


class BadKey(AuditError):
    """A public or private key text that is not a key as C2SP signed-note writes it."""


class BadNote(AuditError):
    """A text that is not a well-formed signed note, or that no known key has signed."""


class BadCheckpoint(BadNote):
    """A note that is properly signed or about to be, and is not a checkpoint of this log."""


class RetiredKey(BadCheckpoint):
    """A checkpoint that only keys have signed which did not count at its size: replaced before, or brought in after."""


class BadProof(AuditError):
    """An inclusion or consistency proof that does not prove what it says."""


class BadReceipt(BadProof):
    """A `.tlog-proof` text that cannot be read, or does not belong to the entry."""


class BadBundle(AuditError):
    """An export that cannot be written, or a part of one that cannot be read."""
