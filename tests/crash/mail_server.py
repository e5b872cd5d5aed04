"""A mail server that can be out of order in several ways, and knows which mails it took."""

import re
import socketserver
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

GOOD, REFUSES, HANGS, HALFWAY = "good", "refuses", "hangs", "halfway"
_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.IGNORECASE | re.MULTILINE)


@dataclass
class MailServer:
    """Listens on a port of 127.0.0.1. `told` counts, by Message-ID, the mails that it took and said so."""

    way: str = GOOD
    told: Counter[bytes] = field(default_factory=Counter)
    mails: list[bytes] = field(default_factory=list)

    def start(self) -> "MailServer":
        """Begin to listen."""
        outer = self

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer.talk(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def talk(self, who: socketserver.StreamRequestHandler) -> None:
        """One conversation (RFC 5321), as far as the present way goes."""
        if self.way == HANGS:
            time.sleep(600)
        who.wfile.write(b"421 away\r\n" if self.way == REFUSES else b"220 here\r\n")
        while line := who.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                who.wfile.write(b"354 go on\r\n")
                mail = b"".join(iter(who.rfile.readline, b".\r\n"))
                if self.way == HALFWAY:
                    return  # It has the mail, and nobody will ever know.
                self.mails.append(mail)
                found = _ID.search(mail)
                self.told[found[1] if found else mail] += 1
            if word == b"QUIT":
                who.wfile.write(b"221 bye\r\n")
                return
            who.wfile.write(b"250 fine\r\n")
