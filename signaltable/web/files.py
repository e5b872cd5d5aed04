"""Files that a page hands out."""

from flask import Response


def text_file(name: str, text: str) -> Response:
    """A text to keep, under this name. The name holds references and numbers only: it lands in the history of a browser."""
    return Response(
        text,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
