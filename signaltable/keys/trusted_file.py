"""A file that holds secrets: read with suspicion, written as a whole, one process at a time."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from signaltable.disk import hand_over, replace_file
from signaltable.keys.errors import KeyRingError

OTHERS_CAN_READ: Final = 0o077
OTHERS_CAN_WRITE: Final = 0o022
# A ring of some thousand agencies is a megabyte; what is larger is something else.
LARGEST: Final = 64 * 1024 * 1024


def read_document(path: Path, *, require_private: bool) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The JSON of a ring and the stamp of its file. Raises KeyRingError for a file that is not to be trusted."""
    for _attempt in range(3):
        raw, stamp = _read_bytes(path, require_private=require_private)
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            # Who replaces a ring overwrites the old bytes; whoever was reading those reads the new file instead.
            if _is_replaced(path, stamp):
                continue
            # The parser's own message could repeat a part of the file.
            raise KeyRingError(f"{path}: expected JSON, found something else") from None
        if not isinstance(document, dict):
            raise KeyRingError(f"{path}: expected a JSON object, found something else")
        return document, stamp
    raise KeyRingError(f"{path}: expected a key ring that stands still for a moment")


def _is_replaced(path: Path, stamp: tuple[int, ...]) -> bool:
    try:
        return path.lstat().st_ino != stamp[0]
    except OSError:
        return False


def _read_bytes(path: Path, *, require_private: bool) -> tuple[bytes, tuple[int, ...]]:
    """What stands in the file, looked at and read through one descriptor, so that nothing changes in between."""
    try:
        # A link could lead to a file that somebody else chose.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise KeyRingError(f"{path}: expected the key ring itself, found a link to a file elsewhere") from None
        raise unreadable(path, error) from None
    try:
        status = os.fstat(descriptor)
        _check_file(path, status, require_private=require_private)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(LARGEST), (status.st_ino, status.st_mtime_ns, status.st_size)
    finally:
        os.close(descriptor)


def _check_file(path: Path, status: os.stat_result, *, require_private: bool) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
        raise KeyRingError(f"{path}: expected a file of at most {LARGEST // 1024**2} MB, found something else")
    mode = status.st_mode & 0o777
    if require_private and mode & OTHERS_CAN_READ:
        raise KeyRingError(f"{path}: others can read the key ring (mode {mode:04o}); expected 0600: chmod 600 {path}")
    folder = path.parent.stat()
    if require_private and folder.st_mode & OTHERS_CAN_WRITE and not folder.st_mode & stat.S_ISVTX:
        raise KeyRingError(f"{path}: others can replace the key ring; expected a folder of mode 0700: {path.parent}")
    # Root works in homes of others, where the ring belongs to whom the folder belongs to.
    trusted = {os.geteuid(), 0} | ({folder.st_uid} if os.geteuid() == 0 else set())
    if status.st_uid not in trusted:
        raise KeyRingError(f"{path}: expected a key ring of the user who runs this program, found one of another user")


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Replace the file as a whole, and overwrite what stood in the old one. Raises OSError.

    What a disk or a backup kept of the old bytes is out of reach.
    """
    try:
        old = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        old = -1  # There is none yet, or it is not ours to overwrite.
    try:
        replace_file(path, json.dumps(document, indent=1) + "\n", 0o600)
        # With another name beside it the old file is somebody's copy.
        if old >= 0 and os.fstat(old).st_nlink == 0:
            os.pwrite(old, bytes(os.fstat(old).st_size), 0)
            os.fsync(old)
    finally:
        if old >= 0:
            os.close(old)


def stamp_of(path: Path) -> tuple[int, ...]:
    """What changes whenever the file is written. Raises KeyRingError when it cannot be looked at."""
    try:
        status = os.lstat(path)  # Asked some twenty times in a commit; Path takes three times as long.
    except OSError as error:
        raise unreadable(path, error) from None
    return status.st_ino, status.st_mtime_ns, status.st_size


def unreadable(path: Path, error: OSError) -> KeyRingError:
    """The one line for a ring that the operating system does not give."""
    return KeyRingError(
        f"{path}: expected a key ring that this program can read ({error.strerror or 'no reason given'})"
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file beside the ring: the ring itself is replaced on every write, so it cannot carry the lock."""
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise unreadable(lock, error) from None
    try:
        hand_over(descriptor, path if path.exists() else path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
