"""Where somebody is found on the internet: mail addresses, links, handles."""

import re
from collections.abc import Iterator
from typing import Final

from signaltable.names import in_small_letters
from signaltable.text.spans import Span

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
LINK: Final = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]{1,300}"
    r"|(?<![\w@.-])[\w-]{1,40}(?:\.[\w-]{1,40}){0,2}\.(?:nl|com|be|org|net|eu|info|io|me|ru|bg|ro|pl|de)/[^\s<>\"]{1,200}",
    re.IGNORECASE,
)
_SPELLED_EMAIL: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}\s?(?:[(\[]\s?(?:at|apenstaartje)\s?[)\]]|\sat\s|\sapenstaartje\s)\s?"
    r"[\w-]{1,63}(?:\.[\w-]{2,20}|\s(?:punt|dot)\s[\w-]{2,20}|\s?[(\[](?:punt|dot)[)\]]\s?[\w-]{2,20}){1,3}",
    re.IGNORECASE,
)
_NETWORKS: Final = r"insta(?:gram)?|snap(?:chat)?|tiktok|telegram|facebook|fb|tinder|badoo|onlyfans|profiel(?:naam)?|username|gebruikersnaam|skype|discord|wechat|weixin|zalo|viber|signal|imo|messenger|twitter|kik|roblox|vinted|grindr|bumble|twitch|steam"
_NAMED: Final = re.compile(
    rf"\b(?:{_NETWORKS})"
    r"(?:[ -]?(?:account|naam|profiel|id))?\s?[:=]?\s?(?:(?:is|heet|als|onder|met|van|op|naam|haar|zijn)\s){0,2}"
    r"[\"'‘“]?((?=[\w.]{0,39}[\d_.])[A-Za-z_][\w.]{2,39})(?!\w)",
    re.IGNORECASE,
)
# A name on Discord as it was written until 2023, on Battle.net still: name#1234.
_TAGGED: Final = re.compile(r"(?<![\w@.#])[\w.]{2,32}#\d{4,5}(?!\w)")
_HANDLE: Final = re.compile(r"(?<![\w@.])@[\w][\w.]{1,40}")


# Each with what stands in everything that it finds, in small letters.
_KINDS: Final = (
    (_EMAIL, "email", ("@",)),
    (_SPELLED_EMAIL, "email", ("at", "apenstaartje")),
    (LINK, "profile", ("/", "www.")),
    (_HANDLE, "profile", ("@",)),
    (_TAGGED, "profile", ("#",)),
)
_NAMES: Final = tuple(_NETWORKS.replace("(?:gram)?", "").replace("(?:chat)?", "").replace("(?:naam)?", "").split("|"))


def profiles(text: str) -> Iterator[Span]:
    """Mail addresses, addresses of pages and handles."""
    small = in_small_letters(text)
    for pattern, kind, needed in _KINDS:
        # Nearly no text holds one of these signs, and looking for them takes a tenth of the time.
        for found in pattern.finditer(text) if any(part in small for part in needed) else ():
            yield Span(found.start(), found.start() + len(found[0].rstrip(".,;:!?)'\"")), kind)
    for found in _NAMED.finditer(text) if any(name in small for name in _NAMES) else ():
        value = found[1].rstrip(".")
        if re.search(r"[\d_.]", value):
            yield Span(found.start(1), found.start(1) + len(value), "profile")
