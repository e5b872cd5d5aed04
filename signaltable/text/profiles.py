"""Where somebody is found on the internet: mail addresses, links, handles."""

import re
from collections.abc import Iterator
from typing import Final

from signaltable.text.spans import Span

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
LINK: Final = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]{1,300}"
    r"|(?<![\w@.-])[\w-]{2,40}(?:\.[\w-]{2,40}){0,2}\.(?:nl|com|be|org|net|eu|info|io|me|ru|bg|ro|pl|de)/[^\s<>\"]{1,200}",
    re.IGNORECASE,
)
_HANDLE: Final = re.compile(r"(?<![\w@.])@[\w][\w.]{1,40}")


def profiles(text: str) -> Iterator[Span]:
    """Mail addresses, addresses of pages and handles."""
    for pattern, kind in ((_EMAIL, "email"), (LINK, "profile"), (_HANDLE, "profile")):
        for found in pattern.finditer(text):
            yield Span(found.start(), found.start() + len(found[0].rstrip(".,;:!?)'\"")), kind)
