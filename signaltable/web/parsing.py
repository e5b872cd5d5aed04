"""How large a form may be in parts as well as in bytes: half a million empty fields are a megabyte too."""

from typing import IO, Final
from urllib.parse import parse_qsl

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

# The largest form of ours, a signal about many people, has some hundreds of fields.
FORM_PARTS: Final = 2_000

Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]


class CountedParser(FormDataParser):
    """Counts the fields of an ordinary form before they are made, which werkzeug does for forms with files only."""

    def _parse_urlencoded(
        self,
        stream: IO[bytes],
        mimetype: str,  # noqa: ARG002 -- the signature is that of werkzeug
        content_length: int | None,  # noqa: ARG002
        options: dict[str, str],  # noqa: ARG002
    ) -> Parsed:
        body = stream.read()
        if body.count(b"&") >= FORM_PARTS:
            raise RequestEntityTooLarge
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
        return stream, self.cls(fields), self.cls()
