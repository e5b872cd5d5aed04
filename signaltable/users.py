"""Users of the operating system: the web runs as one who cannot read the signing key of the log, who signs as another.

Started as root with SIGNALTABLE_WEB_USER, the web workers become that user for good. The jobs work as that user too, so
that what they write is readable for the web, and are root again for the moment in which the key is read.
"""

import ctypes
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signaltable.domain import SignaltableError
from signaltable.settings import Settings, UnusableSettings

ROOT = 0
_NOBODY = -1


class KeyWithinReach(SignaltableError):
    """The web workers could read the signing key of the log."""


def web_user(settings: Settings) -> pwd.struct_passwd | None:
    """Who the web workers become; None when they stay who started them. Raises `UnusableSettings`."""
    if not settings.web_user:
        return None
    try:
        found = pwd.getpwnam(settings.web_user)
    except KeyError:
        raise UnusableSettings("SIGNALTABLE_WEB_USER: expected a user of this machine") from None
    if found.pw_uid == ROOT:
        raise UnusableSettings("SIGNALTABLE_WEB_USER: expected a user other than root")
    if os.getuid() not in {ROOT, found.pw_uid}:
        raise UnusableSettings("SIGNALTABLE_WEB_USER: only root can start the web as another user")
    return found if os.getuid() == ROOT else None


def check_key_apart(settings: Settings) -> None:
    """Refuse to serve in production when the web workers could read the signing key: `KeyWithinReach` says what to do.

    Who breaks into the web could otherwise sign another history. A demo has nothing to hide from its own machine.
    """
    if settings.demo or settings.log_key_shared:
        return
    user = web_user(settings)
    if _can_read(settings.log_key) if user is None else _other_can_read(settings.log_key, user):
        raise KeyWithinReach(
            f"the web could read the signing key of the log ({settings.log_key}); give the key another owner and name it "
            "in SIGNALTABLE_LOG_KEY, or start as root with SIGNALTABLE_WEB_USER=name "
            "(on a machine for one person: SIGNALTABLE_LOG_KEY_SHARED=yes)"
        )


def can_sign(settings: Settings) -> bool:
    """Whether this process can read the signing key of the log: one that cannot leaves signing to another."""
    with as_key_holder():
        return _can_read(settings.log_key)


def _can_read(path: Path) -> bool:
    # Asked by opening: what answers without it may look at who this process is, and not at who this thread is at files.
    try:
        path.open("rb").close()
    except OSError:
        return False
    return True


def _other_can_read(path: Path, user: pwd.struct_passwd) -> bool:
    """Asked of a process that is that user: nobody knows the rules of a file system better than the system itself."""
    child = os.fork()
    if child == 0:
        answer = 2
        try:
            become(user)
            answer = int(_can_read(path))
        finally:
            os._exit(answer)
    # A child that could not become the user gives no proof that the user cannot read.
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def become(user: pwd.struct_passwd) -> None:
    """Be this user from now on, without a way back."""
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def work_as_web_user(settings: Settings) -> None:
    """Work as the user of the web, when root started this process and the settings name one; `as_key_holder` is the way back."""
    user = web_user(settings)
    if user is not None:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setegid(user.pw_gid)
        os.seteuid(user.pw_uid)


@contextmanager
def as_key_holder() -> Iterator[None]:
    """For the length of the block root again at files, in a process that root started and that works as somebody else.

    Of this thread only: what other threads write meanwhile is still the web user's. Raises `PermissionError` when the
    system does not let it.
    """
    if os.getuid() != ROOT or os.geteuid() == ROOT:
        yield
        return
    user, group = _at_files(ROOT, ROOT)
    try:
        yield
    finally:
        _at_files(user, group)


def _at_files(user: int, group: int) -> tuple[int, int]:
    """Let this thread be somebody at files. Returns who it was there.

    `os.seteuid` changes all threads at once. These calls of Linux change one, and tell who it was and no errors: asking
    for nobody (-1) tells who it is. The group goes first, as long as it may be changed.
    """
    system = ctypes.CDLL(None)
    before = system.setfsuid(_NOBODY), system.setfsgid(group)
    system.setfsuid(user)
    if (system.setfsuid(_NOBODY), system.setfsgid(_NOBODY)) != (user, group):
        raise PermissionError("this process may not be the user of the signing key: allow setfsuid and setfsgid")
    return before


def hand_over_home(settings: Settings) -> None:
    """Give everything in the home to the user of the web, but the signing key and the notes that the signer keeps."""
    user = web_user(settings)
    if user is None:
        return
    kept = {settings.log_key, settings.log_key.with_name(settings.log_key.name + ".next"), settings.signed_notes}
    os.chown(settings.home, user.pw_uid, user.pw_gid)
    for folder, folders, files in os.walk(settings.home):
        folders[:] = [name for name in folders if Path(folder, name) not in kept]
        for name in (*folders, *files):
            if Path(folder, name) not in kept:
                os.chown(Path(folder, name), user.pw_uid, user.pw_gid, follow_symlinks=False)
