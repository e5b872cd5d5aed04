"""A mail server for tests: aiosmtpd on this machine, on a port of its own, that answers what a test tells it to."""

import asyncio
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

OK = "250 OK"


@dataclass
class Received:
    """What the server got, and what it answers: to the next names of receivers, and to the next messages."""

    at_recipient: list[str] = field(default_factory=list)
    at_data: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    signed_in: list[bool] = field(default_factory=list)
    protected: list[bool] = field(default_factory=list)
    reports: bool = False

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-DSN", responses[-1]] if self.reports else responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.at_recipient.pop(0) if self.at_recipient else OK
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.at_data.pop(0) if self.at_data else OK
        if answer == OK:
            self.mails.append(envelope.original_content or b"")
            self.senders.append(envelope.mail_from or "")
            self.receivers += envelope.rcpt_tos
            self.signed_in.append(bool(session.authenticated))
            self.protected.append(session.ssl is not None)
        return answer


class _Server(SMTP):
    """Keeps the commands as they came; aiosmtpd knows nothing of reports (RFC 3461) and would refuse what asks for them."""

    async def smtp_MAIL(self, arg: str) -> None:
        self.event_handler.commands.append(f"MAIL {arg}")
        await super().smtp_MAIL(re.sub(r" (ENVID|RET)=\S+", "", arg))

    async def smtp_RCPT(self, arg: str) -> None:
        self.event_handler.commands.append(f"RCPT {arg}")
        await super().smtp_RCPT(re.sub(r" NOTIFY=\S+", "", arg))


@contextmanager
def serving(
    received: Received, tls: ssl.SSLContext | None = None, account: tuple[str, str] | None = None
) -> Iterator[int]:
    """Serve in a thread of its own; gives the port."""

    def who(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login.decode(), data.password.decode()) == account, handled=False)

    def make() -> SMTP:
        options: dict[str, Any] = {"tls_context": tls, "require_starttls": True} if tls else {}
        if account:
            options |= {"authenticator": who, "auth_required": True}
        return _Server(received, hostname="test", loop=loop, **options)

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(make, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
