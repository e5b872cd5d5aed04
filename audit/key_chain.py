"""Which key of a log counted when: a log keeps its origin and may change its key.

A change is an entry `key:rotate` that names the old and the new key by fingerprint, and a checkpoint over that entry that
carries a line of both. An additional key (a second algorithm) is an entry `key:make` and a checkpoint over it with a
line of that key and of one that counts already. So one key vouches for the next. Nothing here believes a list of keys
that merely comes with an export, nor a line that somebody wrote under a note for a key that the log never announced.

How a verifier uses it, with notes it cannot check before it knows the keys, and entries that it reads afterwards:

    listed = parse(text of public-key.txt)              # oldest first
    announced = [one for entry, details in the log if (one := announcement(entry.seq, entry.action, details))]
    chain = trusted(given, listed, notes, announced)
    chain.open_note(note)                               # instead of checkpoint.open_note(note, [key])
    chain.unreached                                     # listed keys that nothing vouches for: `replaced-key`
    chain.unlisted                                      # given keys that the export does not list: `replaced-key`
    chain.current                                       # the keys that may have signed the manifest

When there is no entry to read (a receipt), `given` alone counts: `trusted(given, given, (), ())`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from audit.checkpoint import Checkpoint, Verifier, open_signed
from audit.errors import AuditError, BadKey, RetiredKey

MAX_KEYS = 1000
PURPOSE = "log"
ACTIONS = ("key:make", "key:rotate", "key:destroy")
# Why a key was replaced without the old one: a restored copy of the database lacks what the old key has signed.
RESTORED = "restore"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A key of the log that entry `seq` announces, by fingerprint.

    `previous` is the key that it replaces ("" for an additional one); `restored` that it does so without a line of it.
    """

    seq: int
    new: str
    previous: str = ""
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A key and the sizes of the checkpoints it may sign, `first` to `last` (None: until now)."""

    verifier: Verifier
    first: int = 0
    last: int | None = None

    def covers(self, size: int) -> bool:
        """Whether this key counted when the log had this size."""
        return self.first <= size and (self.last is None or size <= self.last)


@dataclass(frozen=True, slots=True)
class Chain:
    """The keys that count, each with its time, in the order of the list; given keys outside the list come first."""

    spans: tuple[Span, ...]
    unreached: tuple[Verifier, ...] = ()
    unlisted: tuple[Verifier, ...] = ()

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """Every key that counts now or did once."""
        return tuple(span.verifier for span in self.spans)

    @property
    def current(self) -> tuple[Verifier, ...]:
        """The keys that were not replaced."""
        return tuple(span.verifier for span in self.spans if span.last is None)

    def open_note(self, note: str) -> Checkpoint:
        """The checkpoint in a note that a key has signed while it counted.

        Raises BadNote or BadCheckpoint as `checkpoint.open_note` does, RetiredKey when only keys have signed it that did
        not count yet or any more at this size: a key that was replaced and stolen later can sign nothing newer.
        """
        checkpoint, signed_by = open_signed(note, self.verifiers)
        if not any(span.covers(checkpoint.size) for span in self.spans if span.verifier in signed_by):
            raise RetiredKey(f"signed over {checkpoint.size} entries with a key that did not count at that size")
        return checkpoint


@dataclass(frozen=True, slots=True)
class _Handover:
    """That `new` counts for every checkpoint over its announcement, and `old` up to `last` (None: as long as it lasts).

    `down` says whether trust goes from old to new, `up` whether it goes from new to old.
    """

    old: Verifier
    new: Verifier
    first: int
    last: int | None
    down: bool = True
    up: bool = True


def tells_of_key(action: str, object_type: str) -> bool:
    """Whether an entry tells of a key of the log; every part of a log holds these, because its signatures rest on them."""
    return object_type == PURPOSE and action in ACTIONS


def parse(text: str) -> tuple[Verifier, ...]:
    """The keys in a key file: one vkey a line, oldest first, each line ended with a newline, no key twice.

    Raises BadKey for anything else, for keys of different names, for none and for more than MAX_KEYS.
    """
    lines = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or len(lines) > MAX_KEYS:
        raise BadKey(f"expected 1 to {MAX_KEYS} lines with a key, each ended with a newline, found another text")
    keys = tuple(Verifier.from_text(line) for line in lines)
    if len({key.name for key in keys}) != 1:
        raise BadKey("expected keys of one log, found different names")
    if len({key.key_id for key in keys}) != len(keys):
        raise BadKey("expected each key once, found two with the same id")
    return keys


def to_text(keys: Iterable[Verifier]) -> str:
    """The text of a key file, as `parse` reads it."""
    return "".join(f"{key.to_text()}\n" for key in keys)


def announcement(seq: int, action: str, details: Mapping[str, object]) -> Announcement | None:
    """The key of the log that an entry announces; None for an entry that announces none."""
    new, previous = details.get("key_fingerprint"), details.get("previous_fingerprint", "")
    if action not in {"key:make", "key:rotate"} or details.get("purpose") != PURPOSE:
        return None
    if not isinstance(new, str) or not isinstance(previous, str):
        return None
    if action == "key:make":
        return Announcement(seq, new)
    return Announcement(seq, new, previous, restored=details.get("cause") == RESTORED) if previous else None


def trusted(
    given: Sequence[Verifier],
    listed: Sequence[Verifier],
    notes: Iterable[str],
    announced: Iterable[Announcement],
) -> Chain:
    """Follow trust from the keys that the auditor brought over the handovers that the log shows.

    `given` are the keys from elsewhere; when there are none, trust begins at the newest key of `listed` (then the
    export vouches for itself). `notes` are the checkpoints of the export, also those that may turn out to be bad;
    `announced` is what its entries say. A handover counts when a note over the announcement verifies with the old and
    the new key; trust follows a replacement in both directions, an additional key only towards it, and after a restore
    only from the new key to the old, and between keys that begin anew side by side. Each key is brought in and replaced
    once, by the earliest announcement.
    Of several given keys each must take part in a handover: else whoever stole a key that was replaced since could sign
    another history with it, and who brought both would see nothing.
    Raises nothing on account of what it reads: a handover that does not hold leaves a key `unreached`.
    """
    keys = tuple(dict.fromkeys((*(key for key in given if key not in listed), *listed)))
    handovers = _handovers(keys, notes, announced)
    start = tuple(given) or tuple(listed[-1:])
    reached = _spread(set(start), handovers)
    spans = tuple(_span(key, handovers) for key in keys if key in reached)
    tied = {key for one in handovers for key in (one.old, one.new)}
    alone = set(given) - tied if len(given) > 1 else set[Verifier]()
    return Chain(
        spans,
        unreached=tuple(key for key in listed if key not in reached or key in alone),
        unlisted=tuple(key for key in given if key not in listed),
    )


_Signed = tuple[Checkpoint, tuple[Verifier, ...]]
# Sizes over which a new key has signed, with all keys that did.
_Covering = Sequence[tuple[int, tuple[Verifier, ...]]]


def _handovers(keys: Sequence[Verifier], notes: Iterable[str], announced: Iterable[Announcement]) -> list[_Handover]:
    signed = [opened for note in notes if (opened := _open(note, keys))]
    signed.sort(key=lambda opened: opened[0].size)
    announced = sorted(announced, key=lambda one: one.seq)
    by_fingerprint = {key.fingerprint: key for key in keys}
    made: list[_Handover] = []
    additions: list[tuple[Announcement, Verifier, _Covering]] = []
    restored: dict[Verifier, bool] = {}
    for one in announced:
        new = by_fingerprint.get(one.new)
        covering = [(checkpoint.size, by) for checkpoint, by in signed if checkpoint.size > one.seq and new in by]
        # A key is brought in once: a later announcement of the same key would give it a second beginning. Only after a
        # restore one new key may stand for several, because the log no longer knows of the later ones.
        if new is None or not covering or (new in restored and not (one.restored and restored[new])):
            continue
        if one.previous:
            replacement = _replacement(one, new, by_fingerprint.get(one.previous), covering, made)
            if replacement is None:
                continue
            made.append(replacement)
        restored[new] = one.restored
        if one.restored or not one.previous:
            additions.append((one, new, [(size, _vouching(size, by, announced)) for size, by in covering]))
    # Last, when it is known of every key whether it was replaced: then it vouches for nothing that was signed since.
    return made + [handover for addition in additions for handover in _addition(*addition, made)]


def _addition(one: Announcement, new: Verifier, covering: _Covering, made: Sequence[_Handover]) -> Iterator[_Handover]:
    """Whoever signs beside the new key vouches for it, not the other way: anybody can write a line under a note.

    After a restore too: two algorithms then begin anew side by side, and whoever trusts one of them trusts both.
    """
    for size, by in covering:
        for old in by:
            last = _last(old, made)
            if old != new and (last is None or size <= last):
                yield _Handover(old, new, one.seq + 1, None, up=False)


def _vouching(size: int, by: tuple[Verifier, ...], announced: Iterable[Announcement]) -> tuple[Verifier, ...]:
    """Those of the keys under a note over `size` entries that may vouch for an additional one.

    Two of one algorithm sign a handover. There a key that no entry before announced proves that an entry is kept back:
    the one by which it replaced the other. Without it the old key would seem to count still.
    """
    algorithms = [key.algorithm for key in by]
    if len(set(algorithms)) == len(algorithms):
        return by
    known = {one.new for one in announced if one.seq < size}
    return tuple(key for key in by if key.fingerprint in known)


def _replacement(
    one: Announcement, new: Verifier, previous: Verifier | None, covering: _Covering, made: Sequence[_Handover]
) -> _Handover | None:
    if previous is None or previous == new or _last(previous, made) is not None:
        return None
    if one.restored:
        return _Handover(previous, new, one.seq + 1, one.seq, down=False)
    both = next((size for size, by in covering if previous in by), None)
    return None if both is None else _Handover(previous, new, one.seq + 1, both)


def _open(note: str, keys: Sequence[Verifier]) -> _Signed | None:
    try:
        return open_signed(note, keys)
    except AuditError:
        return None


def _spread(reached: set[Verifier], handovers: Sequence[_Handover]) -> set[Verifier]:
    grown = True
    while grown:
        more = {one.new for one in handovers if one.down and one.old in reached}
        more |= {one.old for one in handovers if one.up and one.new in reached}
        grown = not more <= reached
        reached = reached | more
    return reached


def _last(key: Verifier, handovers: Iterable[_Handover]) -> int | None:
    return min((one.last for one in handovers if one.old == key and one.last is not None), default=None)


def _span(key: Verifier, handovers: Sequence[_Handover]) -> Span:
    first = min((one.first for one in handovers if one.new == key), default=0)
    return Span(key, first, _last(key, handovers))
