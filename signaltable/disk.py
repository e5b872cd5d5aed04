"""Files that outlive a power cut: whole or not there, and found again in their folder."""

import os
import stat
import tempfile
from pathlib import Path


def make_private_folder(path: Path) -> None:
    """Make a folder for its user alone (0700), also out of an empty one that is there; one that holds something keeps its mode."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(path.iterdir()):
        path.chmod(0o700)


def replace_file(path: Path, text: str, mode: int) -> None:
    """Write a file so that others see the old or the new one, and a crash leaves one of the two on the disk.

    It belongs to whom the old one belonged to, or else the folder. Raises OSError.
    """
    # A name of its own, because several processes, and threads of one, may write the same file.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            hand_over(descriptor, path if path.exists() else path.parent)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def hand_over(opened: int, like: Path) -> None:
    """Give an open file the owner of another: what root writes in somebody else's home has to stay theirs."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.fchown(opened, owner.st_uid, owner.st_gid)


def mode_in(folder: Path) -> int:
    """The mode of a file for whoever may enter this folder: its group too where the folder lets that read, nobody else.

    A folder that two users of the machine share says so by its own mode; the program never opens one.
    """
    return 0o640 if folder.stat().st_mode & stat.S_IRGRP else 0o600


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk: a file that was just made has to be found after a power cut, too."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
