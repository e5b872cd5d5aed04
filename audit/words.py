"""What one entry says: its details beside its commitment, its words beside the vocabulary."""

from audit.bundle_format import DetailsLine
from audit.chunk import MAX_TOLD, TELLING, Told
from audit.destroyed import ERASING, Destroyed, ranges_in
from audit.entry import MAX_ENTRY_BYTES, Entry, commit, parse
from audit.errors import MalformedEntry, NotInVocabulary
from audit.findings import Findings
from audit.reader import Line
from audit.vocabulary import ACTIONS, check


def entry_in(line: Line) -> Entry:
    """The entry in a line of entries.jsonl. Raises MalformedEntry when there is none."""
    if line.raw is None:
        raise MalformedEntry(f"expected at most {MAX_ENTRY_BYTES} bytes, found a longer line")
    return parse(line.raw)


class Course:
    """What may not run back from one entry to the next: the time, and the version of the format."""

    def __init__(self, found: Findings) -> None:
        self.time = 0
        self.format = 1
        self._found = found

    def check(self, entry: Entry) -> None:
        """Compare an entry with the one that stands before it."""
        at = f"entry {entry.seq}"
        if entry.recorded_at < self.time:
            self._found.add("time-backwards", at, "recorded before the entry that stands before it")
        if entry.format < self.format:
            self._found.add("format-backwards", at, "of an older format than an entry before it")
        self.time = entry.recorded_at
        self.format = max(self.format, entry.format)


def check_details(
    found: Findings, entry: Entry, line: DetailsLine | None, told: list[Told], destroyed: Destroyed
) -> None:
    """Report what is wrong with the details of an entry (None when there are none).

    Adds what it says of checkpoints or keys to `told`, and what it says of destroyed details to `destroyed`.
    """
    at = f"entry {entry.seq}"
    destroyed.take(entry.seq, there=line is not None)
    if line is None:
        if entry.action not in ACTIONS:
            found.add("not-in-vocabulary", at, "expected an action of the vocabulary, found another")
        return
    if commit(line.details_bytes, line.salt) != entry.details_commitment:
        found.add("changed-details", at, "details or salt are not the ones the entry was committed to")
        return
    try:
        check(entry.action, line.details)
    except NotInVocabulary as error:
        found.add("not-in-vocabulary", at, str(error))
    if entry.action in TELLING and len(told) < MAX_TOLD:
        told.append(Told(entry.seq, entry.action, entry.outcome, line.details))
    if entry.action == ERASING and entry.outcome == "ok":
        destroyed.tell(ranges_in(line.details, entry.seq))
