"""Where a composed mail goes: to the mail server of the region over SMTP, or into a folder when there is none."""

import os
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from signaltable.domain import UnusableSettings
from signaltable.flow.mail import replies
from signaltable.flow.mail.composing import Letter
from signaltable.flow.mail.replies import Problem
from signaltable.mail_settings import STARTTLS, TLS, MailServer
from signaltable.settings import Settings

# How long a server may take for one answer; a mail that was claimed stays so for much longer (sending.LEASE).
SECONDS: Final = 30.0
SMTP_OK: Final = 400


class Transport(Protocol):
    """Takes one mail at a time."""

    def __enter__(self) -> Self:
        """Nothing is opened before the first mail."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened."""
        ...

    def take(self, letter: Letter, message: EmailMessage) -> Problem | None:
        """None when the mail was taken; else why not. Never raises for what a server does."""
        ...


def transport_of(settings: Settings) -> Transport:
    """The mail server when there is one, else the folder `outbox`."""
    return Server(settings.mail_server) if settings.mail_server else Folder(settings.outbox)


class Folder:
    """Writes each mail as a file of its own that appears whole; the same mail is the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def take(self, letter: Letter, message: EmailMessage) -> Problem | None:
        """Write the file. Raises OSError when the disk does not take it: then the run failed, not the mail."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole, draft = self.path / f"{letter.id}.eml", self.path / f"{letter.id}.part"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(message.as_bytes(policy=SMTP))
            draft.replace(whole)
        except OSError:
            # When the mail is no longer needed by the next try, nobody else would ever take this away.
            draft.unlink(missing_ok=True)
            raise
        return None


class Server:
    """Sends over one connection, opened with the first mail: verified TLS unless the server is on this machine."""

    def __init__(self, server: MailServer) -> None:
        self.server = server
        self.connection: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        """The connection is made with the first mail."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye; a server that is gone already is no error."""
        if self.connection is not None:
            try:
                self.connection.quit()
            except (smtplib.SMTPException, OSError):
                self.connection.close()
            self.connection = None

    def take(self, letter: Letter, message: EmailMessage) -> Problem | None:
        """Hand the mail over. What the server answers is kept as a code only."""
        try:
            if self.connection is None:
                self.connection = _connect(self.server)
        except _NotConnected as error:
            return Problem(error.code, server=True)
        try:
            return self._hand_over(self.connection, letter, message)
        except (smtplib.SMTPException, OSError, ValueError):  # Gone, silent for too long, or answering in riddles.
            self.connection.close()
            self.connection = None
            return Problem(replies.BROKEN_OFF, server=True)

    def _hand_over(self, smtp: smtplib.SMTP, letter: Letter, message: EmailMessage) -> Problem | None:
        reports = bool(self.server.bounces) and smtp.has_extn("dsn")
        # The id of the mail comes back in a report (RFC 3461, 4.4), and a report holds no copy of the mail.
        mail_options = [f"ENVID={letter.id}", "RET=HDRS"] if reports else []
        code, words = smtp.mail(self.server.bounces, mail_options)
        if code >= SMTP_OK:
            return self._refused(smtp, code, words, at_recipient=False)
        code, words = smtp.rcpt(letter.address, ["NOTIFY=FAILURE"] if reports else [])
        if code >= SMTP_OK:
            return self._refused(smtp, code, words, at_recipient=True)
        try:
            code, words = smtp.data(message.as_bytes(policy=SMTP))
        except smtplib.SMTPDataError as error:
            code, words = error.smtp_code, _bytes(error.smtp_error)
        return self._refused(smtp, code, words, at_recipient=False) if code >= SMTP_OK else None

    def _refused(self, smtp: smtplib.SMTP, code: int, words: bytes, *, at_recipient: bool) -> Problem:
        problem = replies.judge(code, words, at_recipient=at_recipient)
        if problem.server:
            smtp.close()
            self.connection = None
        else:
            smtp.rset()
        return problem


def _bytes(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode("ascii", "replace")


class _NotConnected(Exception):
    """No connection came about; `code` says at which step."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def _connect(server: MailServer) -> smtplib.SMTP:
    """A connection that is protected and signed in as the settings say. Raises `_NotConnected`."""
    smtp: smtplib.SMTP | None = None
    step = replies.TLS if server.tls == TLS else replies.CONNECT
    try:
        smtp = _opened(server)
        if server.tls == STARTTLS:
            step = replies.TLS
            # Raises when the server does not offer it: nothing is ever sent in the open instead.
            code, _words = smtp.starttls(context=ssl.create_default_context())
            if code != 220:
                raise _NotConnected(step)
        smtp.ehlo_or_helo_if_needed()
        if server.user:
            step = replies.LOGIN
            smtp.login(server.user, server.password())
    except (smtplib.SMTPException, OSError, ValueError, UnusableSettings) as error:
        if smtp is not None:
            smtp.close()
        unreachable = isinstance(error, ConnectionError | TimeoutError) or type(error) is OSError
        raise _NotConnected(replies.CONNECT if unreachable else step) from None
    return smtp


def _opened(server: MailServer) -> smtplib.SMTP:
    # Its own name: looking it up could take long, and tell others what the machine is called.
    known_as = server.domain
    if server.tls == TLS:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, local_hostname=known_as, timeout=SECONDS, context=context)
    return smtplib.SMTP(server.host, server.port, local_hostname=known_as, timeout=SECONDS)
