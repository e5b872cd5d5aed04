"""Requests that carry files: kept in memory, never in a file on disk, and larger only where a page takes files.

Werkzeug would write an upload of more than half a megabyte to a temporary file, in clear.
"""

from functools import cached_property
from io import BytesIO
from typing import IO

from babel.support import NullTranslations
from flask import Flask, Request, request, session
from flask_babel import get_locale

from signaltable.transaction import Program
from signaltable.web.forms import own_messages
from signaltable.web.parsing import FORM_PARTS, CountedParser, without_unseen

__all__ = ["ENDPOINTS", "FORM_BYTES", "FORM_PARTS", "InMemoryRequest", "register"]

# The pages that take attachments; their limit follows from policies/attachments.toml.
ENDPOINTS = frozenset({"attachments.draft", "attachments.signal"})
# What a form needs besides its files.
FORM_BYTES = 1_000_000
# So many files of the largest size fit in one request.
AT_ONCE = 2


class InMemoryRequest(Request):
    """A request whose files are in memory. Only somebody with a session of ours may send more than a form."""

    form_data_parser_class = CountedParser

    def _load_form_data(self) -> None:
        """Read the form, without what would turn the words of others round where they are shown."""
        if "form" in self.__dict__:
            return
        super()._load_form_data()
        self.__dict__["form"] = without_unseen(self.__dict__["form"])

    @cached_property
    def wtforms_translations(self) -> NullTranslations:
        """The messages of forms in the language of this request, where Flask-WTF looks: it would read the file each time."""
        return own_messages(str(get_locale()))

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002 -- the signature is that of werkzeug
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        return BytesIO()


def register(app: Flask, program: Program) -> None:
    """Use such requests, and let the pages for attachments take as much as the rules allow."""
    app.request_class = InMemoryRequest
    files = AT_ONCE * (program.policy.attachments.largest if program.policy.attachments else 0)
    limit = FORM_BYTES + files
    app.jinja_env.globals["upload_mb"] = files // (1024 * 1024)

    def widen() -> None:
        if request.endpoint in ENDPOINTS and session.get("_user_id"):
            request.max_content_length = limit

    # Before anything reads the form, the check of its token included.
    app.before_request_funcs.setdefault(None, []).insert(0, widen)
