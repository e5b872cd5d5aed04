"""The key files of the log, and the folder where the signer keeps every note that it signed.

All stand outside the database: who can put back an old database cannot put back what was signed. The private file holds
one key a line, Ed25519 first; a file beside it with `.next` holds the keys of a change that is under way. The public
file lists every key that the log ever had, oldest first.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from audit import key_chain
from audit.errors import AuditError
from audit.note import ED25519, Signer, Verifier
from signaltable.disk import mode_in, replace_file, sync_folder
from signaltable.domain import SignaltableError
from signaltable.settings import Settings
from signaltable.users import as_key_holder

_NOTE_NAME = re.compile(r"[0-9]{12}\.txt")


class UnusableLogKey(SignaltableError):
    """A key file of the log is damaged or missing; the message names the file, never what stands in it."""


@dataclass(frozen=True, slots=True)
class KeptNote:
    """A signed note from the folder of the signer, and over how many entries its file name says it was signed."""

    size: int
    note: str


def signers(path: Path) -> tuple[Signer, ...]:
    """The private keys in a file, Ed25519 first. Raises `UnusableLogKey`, or OSError when it cannot be read."""
    try:
        with as_key_holder():
            text = path.read_text(encoding="utf-8")
        found = tuple(Signer.from_text(line) for line in text.splitlines())
    except (AuditError, ValueError):
        raise UnusableLogKey(f"{path}: expected the signing key of the log, found something else") from None
    if not found or found[0].algorithm != ED25519 or len({one.algorithm for one in found}) != len(found):
        raise UnusableLogKey(f"{path}: expected an Ed25519 key and at most one of each other kind")
    return found


def write_signers(path: Path, keys: Iterable[Signer]) -> None:
    """Put private keys into a file that only its owner reads: whole, or not at all."""
    with as_key_holder():
        replace_file(path, "".join(f"{key.to_text()}\n" for key in keys), 0o600)


def next_file(settings: Settings) -> Path:
    """Where the keys of a change wait until the log has told of them."""
    return settings.log_key.with_name(settings.log_key.name + ".next")


def waiting_keys(settings: Settings) -> tuple[Signer, ...]:
    """The keys of a change that is under way, none when there is none. Raises `UnusableLogKey`."""
    try:
        return signers(next_file(settings))
    except FileNotFoundError:
        return ()


def forget_waiting(settings: Settings) -> None:
    """Drop the keys of a change that will not be made."""
    with as_key_holder():
        next_file(settings).unlink(missing_ok=True)


def public_keys(settings: Settings) -> tuple[Verifier, ...]:
    """Every public key that the log ever had, oldest first. Raises `UnusableLogKey`."""
    try:
        return key_chain.parse(settings.log_public_key.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableLogKey(f"{settings.log_public_key}: expected the public keys: {error.strerror}") from None
    except (AuditError, ValueError):
        raise UnusableLogKey(f"{settings.log_public_key}: expected public keys, found something else") from None


def list_keys(settings: Settings, keys: Iterable[Verifier]) -> None:
    """Add public keys to the list; nothing happens with those that stand there."""
    listed = public_keys(settings) if settings.log_public_key.exists() else ()
    missing = [key for key in keys if key not in listed]
    if missing:
        replace_file(settings.log_public_key, key_chain.to_text((*listed, *missing)), 0o644)


def destroy_and_replace(old: Path, new: Path) -> None:
    """Let the file `new` take the place of `old`, whose bytes are overwritten. Nothing happens when `new` is gone.

    The new file stands in its place before the old bytes go, so a crash leaves a key that works. What a disk or a
    backup kept of the old bytes is out of reach; the log tells no more than that the file is gone.
    """
    with as_key_holder(), old.open("r+b") as file:
        try:
            new.replace(old)
        except FileNotFoundError:
            return  # Another process was first.
        sync_folder(old.parent)
        file.write(bytes(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())


def keep_note(settings: Settings, size: int, note: str) -> None:
    """Keep a signed note as a file of the signer. A note that is kept already stays as it is."""
    folder = settings.signed_notes
    path = folder / f"{size:012d}.txt"
    with as_key_holder():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            replace_file(path, note, mode_in(folder))


def kept_notes(settings: Settings) -> Iterable[KeptNote]:
    """The notes that the signer kept, the newest first, read one by one."""
    folder = settings.signed_notes
    with as_key_holder():
        names = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
    for name in names:
        if _NOTE_NAME.fullmatch(name):
            with as_key_holder():
                note = (folder / name).read_text(encoding="utf-8", errors="replace")
            yield KeptNote(int(name[:12]), note)
