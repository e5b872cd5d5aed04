"""What one entry says: its details beside its commitment, its words beside the vocabulary."""

from audit.bundle_format import DetailsLine
from audit.chunk import TELLING, Told
from audit.entry import Entry, commit
from audit.errors import NotInVocabulary
from audit.findings import Findings
from audit.vocabulary import ACTIONS, check


def check_details(found: Findings, entry: Entry, line: DetailsLine | None, told: list[Told]) -> bool:
    """Report what is wrong with the details of an entry, and add what it says of checkpoints or keys to `told`.

    Returns whether there are none (`line` is None): destroyed, as far as one can see.
    """
    at = f"entry {entry.seq}"
    if line is None:
        if entry.action not in ACTIONS:
            found.add("not-in-vocabulary", at, "expected an action of the vocabulary, found another")
        return True
    if commit(line.details_bytes, line.salt) != entry.details_commitment:
        found.add("changed-details", at, "details or salt are not the ones the entry was committed to")
        return False
    try:
        check(entry.action, line.details)
    except NotInVocabulary as error:
        found.add("not-in-vocabulary", at, str(error))
    if entry.action in TELLING:
        told.append(Told(entry.seq, entry.action, entry.outcome, line.details))
    return False
