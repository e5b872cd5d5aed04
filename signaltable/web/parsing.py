"""What is taken in of a form: not half a million fields, which are a megabyte too, and nothing that hides or turns words.

Marks that turn the direction of writing and other control characters make a name read as another name, and a file as of
another kind, to whoever sees it later (Unicode TR 36, CVE-2021-42574). Browsers and phones paste them along unseen, so they
are left out and not refused. A zero byte stays: no page of ours sends it, and the guards refuse it.
"""

import re
from typing import IO, Final
from urllib.parse import parse_qsl

from werkzeug.datastructures import FileStorage, ImmutableMultiDict, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

# The largest form of ours, a signal about many people, has some hundreds of fields.
FORM_PARTS: Final = 2_000

# C0 but tab, line end and the zero byte; DEL and C1; embeddings, overrides and isolates; line separators; lone surrogates.
_UNSEEN: Final = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]")
# A secret is what it is; nobody is shown it.
_SECRET: Final = re.compile("password|^current$|^again$")

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


def without_unseen(form: MultiDict[str, str]) -> ImmutableMultiDict[str, str]:
    """The fields of a form in their order, without signs that nobody sees and that change what others see."""
    return ImmutableMultiDict(
        [
            (name, value if _SECRET.search(name) else _UNSEEN.sub("", value))
            for name, values in form.lists()
            for value in values
        ]
    )
