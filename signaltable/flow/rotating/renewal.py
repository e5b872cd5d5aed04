"""Fields of subjects, as a database hands them over one after the other: sealed anew, and packed for their digests.

What runs for every row is one function that has all it needs in hand; what is the same for a subject is made once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import chain, count
from struct import iter_unpack
from typing import Final

from signaltable.flow import sealing
from signaltable.flow.rotating.driver import Each
from signaltable.keys import NONCE_BYTES, CannotOpen, DataKey, Place, resealing
from signaltable.keys.fields import Reseal

NONCES_AT_ONCE: Final = 4096
_FIELDS: Final = Place.of(sealing.TABLE, sealing.FIELD_VERSION)
# A row as `row_digests.pack` packs it, written out for these two tables: fsck compares.
_END: Final = (b">", b"sure:j:1:1>")
_PIECES: Final = 4
_KEY: Final = b"%b%bwrapped:b:%d:%b>"


class Renewal:
    """The fields of many subjects under their new keys.

    `told`: subject -> digest of all its fields; `unordered`: keys of which the digests have to be made by reading them
    again, because they came in another order than that of their names; `unopened`: subjects of which a field did not
    open, so that the others must not be written either.
    """

    def __init__(
        self,
        pairs: Mapping[str, tuple[DataKey, DataKey]],
        randomness: Callable[[int], bytes],
        digest: Callable[[Iterable[bytes]], str],
    ) -> None:
        self._pairs, self._randomness, self._digest = pairs, randomness, digest
        self._packed: tuple[str, list[bytes]] = "", []
        self._told: dict[str, str] = {}
        self.count = 0
        self.unopened: set[str] = set()
        self.unordered: set[tuple[str]] = set()

    @property
    def told(self) -> Mapping[str, str]:
        """Once all were handed over."""
        self._end_subject()
        return {subject: digest for subject, digest in self._told.items() if (subject,) not in self.unordered}

    def each(self) -> Each:
        """What the database asks for every row; subjects without a pair of keys stay as they are."""
        nonces, unopened, unordered = _nonces(self._randomness), self.unopened, self.unordered
        current = before = ""
        about, pieces, reseal = b"", list[bytes](), self._begin_subject("")[2]

        def renew(subject: str, name: str, sealed: bytes, sure: int) -> bytes:
            nonlocal current, before, about, pieces, reseal
            if subject != current:
                current, before = subject, ""
                about, pieces, reseal = self._begin_subject(subject)
            if reseal is None:
                return sealed
            if name < before:
                unordered.add((subject,))
            before = name
            try:
                made = reseal(name, sealed, next(nonces))
            except CannotOpen:
                unopened.add(subject)
                return sealed
            pieces += about, _head(name, len(made)), made, _END[sure]
            return made

        return renew

    def _begin_subject(self, subject: str) -> tuple[bytes, list[bytes], Reseal | None]:
        self._end_subject()
        if subject in self._told:
            self.unordered.add((subject,))
        self._packed = subject, []
        pair = self._pairs.get(subject)
        reseal = resealing(*pair, _FIELDS, subject) if pair else None
        return _text(b"<subject_id", subject), self._packed[1], reseal

    def _end_subject(self) -> None:
        subject, pieces = self._packed
        if pieces:
            self._told[subject] = self._digest(pieces)
            self.count += len(pieces) // _PIECES
        self._packed = "", []


def packed_key(subject: str, agency: str, wrapped: bytes) -> bytes:
    """A row of subject_keys as its digest takes it."""
    return _KEY % (_text(b"<subject_id", subject), _text(b"agency_id", agency), len(wrapped), wrapped)


def _nonces(randomness: Callable[[int], bytes]) -> Iterator[bytes]:
    many = (iter_unpack(f"{NONCE_BYTES}s", randomness(NONCE_BYTES * NONCES_AT_ONCE)) for _ in count())
    return chain.from_iterable(chain.from_iterable(many))


@cache
def _head(name: str, length: int) -> bytes:
    return _text(b"name", name) + b"sealed:b:%d:" % length


def _text(name: bytes, value: str) -> bytes:
    raw = value.encode()
    return b"%b:s:%d:%b" % (name, len(raw), raw)
