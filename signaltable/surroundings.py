"""What the program takes from its surroundings, and what it gives on to the processes that it starts.

A process that is started gets a list of variables by name and nothing else: whatever secret stands in the environment of
the program (a password, a token of the cloud that it runs in) stays there. What it keeps in memory stays out of core files.
"""

import ctypes
import os
import re
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from signaltable.domain import UnusableSettings
from signaltable.private_file import read_private_line

# What any process needs: where programs are, how texts are written, where temporary files go.
ANY: Final = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "TMPDIR")
# How the libraries of key tokens call their configuration, such as SOFTHSM2_CONF.
TOKEN_LIBRARIES: Final = re.compile(r"[A-Z0-9_]*(?:HSM|PKCS11)[A-Z0-9_]*")
# What reaches PostgreSQL without being a secret (libpq-envars); PGPASSWORD is one and is not here.
DATABASE: Final = ("PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY")
OWN: Final = re.compile(r"SIGNALTABLE_[A-Z0-9_]+")
# Names under which somebody keeps a secret in the environment: none of ours is called so, since ours stand in files.
SECRET: Final = re.compile(r"(PASSWORD|PASSPHRASE|PASSWD|SECRET|TOKEN|CREDENTIALS?|PIN|API_?KEY)$")
# The label of a token is on its outside.
LABELS: Final = frozenset({"SIGNALTABLE_PKCS11_TOKEN"})

DATABASE_URL, DATABASE_REPLICA_URL = "DATABASE_URL", "DATABASE_REPLICA_URL"
# Who owns the tables needs no process but the one that brings them to the newest shape.
DATABASE_OWNER_URL: Final = "DATABASE_OWNER_URL"
LONGEST_URL: Final = 4096
_DESCRIPTOR: Final = re.compile(r"/dev/fd/([0-9]{1,4})")

# prctl(2): whether core files may be made of a process and other processes of its user may look into it.
PR_SET_DUMPABLE: Final = 4
# unshare(2): a network namespace, which holds nothing but a loopback interface that is down.
CLONE_NEWNET: Final = 0x40000000


def refuse_secrets(env: Mapping[str, str]) -> None:
    """Raises `UnusableSettings` for a secret of this program in its environment, which every process of its user can read.

    Each secret stands in a file of mode 0600 instead, which a setting names.
    """
    for name in sorted(env):
        if OWN.fullmatch(name) and SECRET.search(name) and name not in LABELS and env[name]:
            raise UnusableSettings(
                f"{name}: expected no secret in the environment; name a file of mode 0600 that holds it"
            )


def secret_address(env: Mapping[str, str], name: str) -> str:
    """An address that may hold a password: what `name` says, or what stands in the file of `name`_FILE; "" for neither.

    Raises `UnusableSettings`, never with what stands there.
    """
    given, file = env.get(name, ""), env.get(f"{name}_FILE", "")
    if given and file:
        raise UnusableSettings(f"{name} and {name}_FILE: expected one of them")
    if not file:
        return given
    handed = _DESCRIPTOR.fullmatch(file)
    if handed is None:
        path = Path(file).expanduser().absolute()
        return read_private_line(path, f"{name}_FILE", LONGEST_URL, "the address of a database")
    try:
        return os.pread(int(handed[1]), LONGEST_URL, 0).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise UnusableSettings(f"{name}_FILE: expected a file that was handed over") from None


def host_of(given: str) -> str:
    """The name in a Host header, in small letters and without its port; "" for what is none (RFC 9110, 7.2)."""
    name, colon, port = given.lower().rpartition(":")
    if not colon or given.endswith("]"):
        name, port = given.lower(), "80"
    return name if port.isascii() and port.isdigit() else ""


def for_child(env: Mapping[str, str], *, database: bool = False) -> dict[str, str]:
    """The environment of a process that this one starts; with `database` also what reaches the database and our settings.

    The address of a database that holds a password is left out: `hand_over` gives it in another way.
    """
    kept = {name: env[name] for name in (*ANY, *(DATABASE if database else ())) if name in env}
    if not database:
        return kept
    names = (name for name in env if OWN.fullmatch(name) or TOKEN_LIBRARIES.fullmatch(name))
    kept |= {name: env[name] for name in names if name in LABELS or not SECRET.search(name)}
    for name in (DATABASE_URL, DATABASE_REPLICA_URL):
        if env.get(f"{name}_FILE"):
            kept[f"{name}_FILE"] = env[f"{name}_FILE"]
        elif env.get(name) and not holds_password(env[name]):
            kept[name] = env[name]
    return kept


def holds_password(url: str) -> bool:
    """Whether the address of a database has a password in it, before the @ or behind the question mark."""
    try:
        parts = urlsplit(url)
        return parts.password is not None or "password=" in parts.query.lower()
    except ValueError:
        return True  # Nobody knows what it is, so it goes nowhere.


def hand_over(url: str) -> int:
    """A file in memory that holds the address of the database; its number, for a process that inherits it.

    Such a file has no name and is gone with the last process that has it open.
    """
    descriptor = os.memfd_create("database", 0)
    os.write(descriptor, url.encode())
    return descriptor


def keep_to_itself() -> None:
    """Let no core file be made of this process, let others of its user not look into it, and make files for it alone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Only Linux has it.
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def no_network() -> None:
    """Leave the network for good: this process keeps sockets in the file system and has no others (unshare(2)).

    Root goes straight into a network of its own. Others need a user namespace for that, and some systems give none: then
    nothing changes, and the service file is the fence (docs/operate.md).
    """
    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is not None and os.geteuid() == 0:
        unshare(CLONE_NEWNET)
