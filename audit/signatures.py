"""Who signed an export, and whether that is who should have: manifest, keys, checkpoints, those inside and those held."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from audit import bundle, key_chain
from audit.bundle_format import Manifest
from audit.checkpoint import Checkpoint, Verifier
from audit.chunk import Told
from audit.errors import AuditError
from audit.findings import Findings
from audit.key_chain import Chain
from audit.note import ED25519, open_text, read_text
from audit.reader import Reader
from audit.tree_head import parse_text


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """A well-formed manifest and its exact bytes. Whether it was signed, `check_signature` says."""

    raw: bytes
    said: Manifest


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys the auditor brought and those that came with the export.

    `source` is "given", "bundle" (the export vouches for itself) or "none"; `anchor` the key to compare by fingerprint.
    """

    given: tuple[Verifier, ...]
    listed: tuple[Verifier, ...]
    source: str

    @property
    def anchor(self) -> Verifier | None:
        """The key that trust begins with."""
        if self.source == "given":
            return self.given[-1]
        if self.source == "none":
            return None
        # An additional key of a later algorithm does not vouch for the key beside it; the one that signs exports does.
        return next((key for key in reversed(self.listed) if key.algorithm == ED25519), self.listed[-1])


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that the key vouches for, and where it was read."""

    at: str
    checkpoint: Checkpoint


def read_manifest(reader: Reader) -> ReadManifest | None:
    """The manifest, when there is a well-formed one."""
    raw = reader.read(bundle.MANIFEST, bundle.MAX_MANIFEST_BYTES)
    if raw is None:
        return None
    try:
        return ReadManifest(raw, bundle.parse_manifest(raw))
    except AuditError as error:
        reader.found.add("bad-manifest", bundle.MANIFEST, str(error))
        return None


def read_keys(reader: Reader, public_key: str | None) -> Keys:
    """The keys to trust. Those that were given always win: an export cannot vouch for itself."""
    given = (
        _parse(public_key.rstrip("\n") + "\n", "the given public key", reader.found) if public_key is not None else ()
    )
    text = reader.read_text(bundle.KEY)
    listed: tuple[Verifier, ...] = ()
    if text is not None and not text.endswith("\n"):
        reader.found.add("cut-off", bundle.KEY, "expected lines that each end in a newline")
    elif text is not None:
        listed = _parse(text, bundle.KEY, reader.found)
    if public_key is not None:
        return Keys(given, listed, "given" if given else "none")
    if not listed:
        reader.found.add("no-key", bundle.KEY, "no public key: no signature could be checked")
    return Keys((), listed, "bundle" if listed else "none")


def _parse(text: str, at: str, found: Findings) -> tuple[Verifier, ...]:
    try:
        return key_chain.parse(text)
    except AuditError as error:
        found.add("bad-key", at, str(error))
        return ()


def follow(reader: Reader, keys: Keys, notes: Iterable[str], told: Iterable[Told]) -> Chain:
    """Which keys count when, by what the log says of them; a finding for each that nothing vouches for."""
    if keys.source == "none":
        return Chain(())
    announced = [
        one for say in told if say.outcome == "ok" and (one := key_chain.announcement(say.seq, say.action, say.details))
    ]
    trusted = keys.given or ((keys.anchor,) if keys.anchor else ())
    chain = key_chain.trusted(trusted, keys.listed, notes, announced)
    if chain.unlisted and keys.listed:
        reader.found.add("replaced-key", bundle.KEY, "the export carries another key than the one given")
    for key in chain.unreached:
        place = f"{bundle.KEY} line {keys.listed.index(key) + 1}"
        reader.found.add("replaced-key", place, "nothing in the log vouches for this key")
    return chain


def check_signature(reader: Reader, manifest: ReadManifest | None, chain: Chain) -> None:
    """Compare the signature beside the manifest with it: only a key that counts now may have made it."""
    note = reader.read_text(bundle.SIGNATURE)
    if note is None or not chain.verifiers:
        return
    try:
        text, signed_by = open_text(note, chain.current)
    except AuditError as error:
        reader.found.add("bad-signature", bundle.SIGNATURE, str(error))
        return
    raw = manifest.raw if manifest else reader.read(bundle.MANIFEST, bundle.MAX_MANIFEST_BYTES)
    bundle_format = manifest.said.format if manifest else bundle.FORMAT
    if text != bundle.signature_text(signed_by[0].name, raw or b"", bundle_format):
        reader.found.add("bad-signature", bundle.SIGNATURE, "the key has signed another manifest than this one")


class Notes:
    """The checkpoints of an export, in the order of their numbers, not yet checked.

    Read anew each time they are asked for: a log may have tens of thousands, of which a second algorithm makes each
    long, and they are needed before and after the entries.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._names: list[str] = []
        self.sizes: set[int] = set()
        for number, name in enumerate(reader.checkpoint_names, start=1):
            if name != bundle.checkpoint_name(number):
                reader.found.add("missing-checkpoint", name, f"expected {bundle.checkpoint_name(number)} in this place")
            note = reader.read_text(name)
            if note is not None:
                self._names.append(name)
                self.sizes.update(claimed_sizes([note]))

    def items(self) -> Iterator[tuple[str, str]]:
        """Name and text of each that could be read."""
        for name in self._names:
            note = self._reader.read_text(name)
            if note is not None:
                yield name, note

    def texts(self) -> Iterator[str]:
        """The text of each."""
        return (note for _, note in self.items())


def claimed_sizes(notes: Iterable[str]) -> list[int]:
    """The sizes that these notes speak of, rising: at which the root of the entries is wanted. Nothing is believed."""
    sizes = set()
    for note in notes:
        try:
            sizes.add(parse_text(read_text(note)[0]).size)
        except AuditError:
            continue  # `open_kept` and `open_held` say what is wrong with it.
    return sorted(sizes)


def open_kept(reader: Reader, notes: Notes, chain: Chain) -> list[Signed]:
    """Every checkpoint of the export that a key vouches for, in order of file name."""
    signed = []
    for name, note in notes.items():
        if chain.verifiers:
            signed.extend(_open(note, name, "bad-checkpoint", chain, reader.found))
    for earlier, later in pairwise(signed):
        if later.checkpoint.size < earlier.checkpoint.size:
            reader.found.add("checkpoint-order", later.at, "this checkpoint is smaller than the one before it")
    if chain.verifiers and not signed:
        reader.found.add("no-checkpoint", bundle.CHECKPOINTS, "expected at least one checkpoint that the key signed")
    return signed


def open_held(found: Findings, notes: Sequence[str], chain: Chain) -> list[Signed]:
    """Every checkpoint that somebody kept elsewhere and that a key vouches for."""
    if not chain.verifiers:
        return []
    return [
        signed
        for number, note in enumerate(notes, start=1)
        for signed in _open(note, f"held checkpoint {number}", "bad-held-checkpoint", chain, found)
    ]


def _open(note: str, at: str, kind: str, chain: Chain, found: Findings) -> list[Signed]:
    try:
        return [Signed(at, chain.open_note(note))]
    except AuditError as error:
        found.add(kind, at, str(error))
        return []
