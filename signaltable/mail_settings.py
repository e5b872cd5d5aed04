"""Which mail server sends the mails, as the environment names it, and the file that holds its password."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signaltable.domain import UnusableSettings
from signaltable.private_file import read_private_line

PREFIX: Final = "SIGNALTABLE_SMTP"
STARTTLS, TLS, NONE = "starttls", "tls", "none"
WAYS: Final = (STARTTLS, TLS, NONE)
# A password is a line, not a file.
LONGEST_PASSWORD: Final = 1024

# What mail servers everywhere take: a dot-atom of ASCII at a domain with at least two labels (RFC 5321, 4.1.2).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]{{0,61}}[A-Za-z0-9]")
LONGEST_ADDRESS: Final = 190


def is_address(text: str) -> bool:
    """Whether a text is a mail address and nothing else: ASCII, one line, no name, no quotes, no comments."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server: where it listens, how the connection is protected, who signs in, from whom mails are.

    `bounces` is the address to which other servers report what did not arrive; "" asks for no such reports.
    """

    host: str
    port: int
    tls: str
    sender: str
    user: str = ""
    password_file: Path | None = None
    bounces: str = ""

    @property
    def domain(self) -> str:
        """The domain of the sender: what the program calls itself to the server, and where its Message-IDs are from."""
        return self.sender.rpartition("@")[2]

    def password(self) -> str:
        """The password, read anew each time; "" when nobody signs in. Raises `UnusableSettings`."""
        if self.password_file is None:
            return ""
        return read_private_line(self.password_file, f"{PREFIX}_PASSWORD_FILE", LONGEST_PASSWORD, "the password")


def check_password(server: MailServer | None) -> None:
    """Refuse to start with a password file that cannot be used. Raises `UnusableSettings`.

    For who sends only: the web need not be able to read the password.
    """
    if server is not None:
        server.password()


def read_mail_server(env: Mapping[str, str]) -> MailServer | None:
    """The mail server that the environment names; None without one. Raises `UnusableSettings` with the variable."""
    place, sender = env.get("SIGNALTABLE_SMTP", ""), env.get("SIGNALTABLE_SMTP_FROM", "")
    user, password_file = env.get("SIGNALTABLE_SMTP_USER", ""), env.get("SIGNALTABLE_SMTP_PASSWORD_FILE", "")
    tls, bounces = env.get("SIGNALTABLE_SMTP_TLS", ""), env.get("SIGNALTABLE_SMTP_BOUNCES", "")
    if not place:
        if sender or user or password_file or tls or bounces:
            raise UnusableSettings(f"{PREFIX}: expected host:port of a mail server, because other settings name one")
        return None
    host, port = _place(place)
    if not is_address(sender):
        raise UnusableSettings(f"{PREFIX}_FROM: expected the mail address that mails are from")
    if bounces and not is_address(bounces):
        raise UnusableSettings(f"{PREFIX}_BOUNCES: expected a mail address")
    if bool(user) != bool(password_file):
        raise UnusableSettings(f"{PREFIX}_USER and {PREFIX}_PASSWORD_FILE: expected both or neither")
    return MailServer(
        host=host,
        port=port,
        tls=_way(tls or STARTTLS, host),
        sender=sender,
        user=user,
        password_file=Path(password_file).expanduser().absolute() if password_file else None,
        bounces=bounces,
    )


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UnusableSettings(f"{PREFIX}: expected host:port")
    return host, int(port)


def _way(tls: str, host: str) -> str:
    if tls not in WAYS:
        raise UnusableSettings(f"{PREFIX}_TLS: expected one of {', '.join(WAYS)}")
    if tls == NONE and not is_here(host):
        raise UnusableSettings(
            f"{PREFIX}_TLS: expected starttls or tls; none is for a mail server on this machine only"
        )
    return tls


def is_here(host: str) -> bool:
    """Whether a host is this machine itself, which no network lies before."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
