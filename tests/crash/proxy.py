"""A proxy before the database that can be slow, away, or cut a connection between a COMMIT and its answer."""

import contextlib
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field

COMMIT = b"COMMIT"


@dataclass
class Proxy:
    """Listens on a port of 127.0.0.1 and passes on to another, or to a socket of Unix.

    What it does to connections can be changed at any moment.
    """

    target: int | str
    port: int = 0
    delay: float = 0.0  # Seconds before anything is passed on to the database.
    away: bool = False  # Connections are cut, and new ones refused.
    cut_commits: int = 0  # So many of the next commits lose their answer.
    cut_at: bytes = COMMIT  # Or, with another word, the statements that hold it.
    hold_commits: bool = False  # Of those, the COMMIT itself is lost as well.
    away_after: bool = False  # Once one was cut, nobody gets through any more.
    cut: int = 0
    _open: set[socket.socket] = field(default_factory=set)

    def start(self) -> "Proxy":
        """Begin to listen."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        """End, with all connections."""
        self._listening.close()
        self.sever()

    def sever(self) -> None:
        """Cut every connection that is open now."""
        for one in list(self._open):
            self._close(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _from = self._listening.accept()
            except OSError:
                return
            if self.away:
                client.close()
                continue
            try:
                server = self._connected()
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _connected(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        made = socket.socket(socket.AF_UNIX)
        made.connect(self.target)
        return made

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        self._open |= {client, server}
        try:
            with selectors.DefaultSelector() as both:
                both.register(client, selectors.EVENT_READ, (server, True))
                both.register(server, selectors.EVENT_READ, (client, False))
                while not self.away and all(self._moved(key) for key, _events in both.select(0.2)):
                    pass
        except (OSError, ValueError):
            pass
        finally:
            self._close(client)
            self._close(server)

    def _moved(self, key: selectors.SelectorKey) -> bool:
        """Pass on what has come; whether the connection goes on."""
        source: socket.socket = key.fileobj  # type: ignore[assignment]
        said = source.recv(65536)
        if not said:
            return False
        other, to_server = key.data
        if to_server and self.delay:
            time.sleep(self.delay)
        if to_server and self.cut_commits > 0 and self.cut_at in said:
            self.cut_commits -= 1
            self.cut += 1
            self.away = self.away_after
            if not self.hold_commits:
                other.sendall(said)
                time.sleep(0.05)  # The database has it by now, and works on it or is done.
            return False
        other.sendall(said)
        return True

    def _close(self, one: socket.socket) -> None:
        self._open.discard(one)
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
