"""A browser without script, made of the standard library: cookies, forms with their token, files."""

import http.client
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

Fields = list[tuple[str, str]]
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf_token"')


class Cut(Exception):
    """The connection broke before an answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    location: str
    retry_after: str
    text: str


@dataclass
class Browser:
    """Somebody at a browser; `ports` are tried in turn when one does not listen."""

    ports: list[int]
    cookies: dict[str, str] = field(default_factory=dict)
    timeout: float = 30.0

    def get(self, path: str) -> Answer:
        """A page."""
        return self._ask("GET", path)

    def post(self, path: str, fields: Fields, page: str = "") -> Answer:
        """A form as it stands on `page` (by default the page with the same address), filled in with `fields`."""
        return self.send(path, [("csrf_token", self.token(page or path)), *fields])

    def send(self, path: str, fields: Fields) -> Answer:
        """A form with the token that it has already: pressing the same button again."""
        body = urlencode(fields).encode()
        return self._ask("POST", path, body, "application/x-www-form-urlencoded")

    def upload(self, path: str, name: str, data: bytes) -> Answer:
        """A file, on a form for files."""
        mark = secrets.token_hex(12)
        parts = [("csrf_token", "", self.token(path).encode()), ("looked", "", b"y"), ("files", name, data)]
        body = b""
        for field_name, filename, content in parts:
            told = f'; filename="{filename}"' if filename else ""
            body += f'--{mark}\r\nContent-Disposition: form-data; name="{field_name}"{told}\r\n\r\n'.encode()
            body += content + b"\r\n"
        return self._ask("POST", path, body + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}")

    def token(self, page: str) -> str:
        """The token of the forms on a page."""
        found = _TOKEN.search(self.get(page).text)
        return (found[1] or found[2]) if found else ""

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Answer:
        headers = (
            {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        )
        headers |= {"Content-Type": kind} if kind else {}
        for number, port in enumerate(list(self.ports)):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self.timeout)
            try:
                connection.connect()
            except OSError:
                connection.close()
                if number + 1 < len(self.ports):
                    continue
                raise Cut("nobody listens") from None
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                text = answer.read().decode("utf-8", "replace")
            except (OSError, http.client.HTTPException):
                raise Cut("no answer") from None
            finally:
                connection.close()
            self._keep(answer)
            location = answer.getheader("Location") or ""
            return Answer(answer.status, location, answer.getheader("Retry-After") or "", text)
        raise Cut("no port")

    def _keep(self, answer: http.client.HTTPResponse) -> None:
        for one in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = one.partition(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)


def hidden(html: str, name: str) -> list[str]:
    """What the hidden fields with this name hold, in the last form of a page that posts."""
    form = html[html.rindex('method="post"') :]
    return re.findall(rf'type="hidden" name="{name}" value="([^"]*)"', form)


def value_of(html: str, name: str) -> str:
    """What a field with this name holds somewhere on a page."""
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', html)
    return found[1] if found else ""
