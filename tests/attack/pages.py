"""What somebody can reach: the pages with something in their address, and the forms, each kind once."""

import re
from collections import deque
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from tests.attack.demo import Demo

# What ends the session of the tool itself, and what shows nothing of ours.
LEAVING = ("/afmelden", "/verlaten", "/account/beveiliging/sessies", "/wachtwoord", "/static")
# An identifier in an address: a hundred cases are one page.
_ID = re.compile(r"/(?:[SDI]-[0-9A-Z]{4}-[0-9A-Z]{2}|[0-9a-f-]{12,}|\d+)(?=[/*]|$)", re.IGNORECASE)
_TOKEN = "csrf_token"


@dataclass(frozen=True, slots=True)
class Target:
    """An address to try, with the form that goes there ("" for none), and the boxes in which something is tried."""

    page: str
    url: str
    body: str
    boxes: tuple[str, ...]

    @property
    def kind(self) -> tuple[str, ...]:
        """What it has in common with the same page or form about something else."""
        return (_kind(urlsplit(self.url).path), *self.boxes)


class _Reader(HTMLParser):
    """Links and forms of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self._open = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect one link, form or box."""
        has = {name: value or "" for name, value in attrs}
        if tag == "a" and has.get("href", "").startswith("/"):
            self.links.append(has["href"].partition("#")[0])
        elif tag == "form":
            self.forms.append((has.get("method", "get").lower(), has.get("action", ""), {}))
            self._open = True
        elif self._open and tag in {"input", "textarea", "button"} and has.get("name"):
            # Of radios and buttons with one name the first: a browser sends one, and what comes twice is refused.
            self.forms[-1][2].setdefault(has["name"], has.get("value") or ("" if has.get("type") == "hidden" else "1"))
        elif self._open and tag == "select":
            self._select = has.get("name", "")
        elif self._open and tag == "option" and self._select:
            boxes = self.forms[-1][2]
            boxes[self._select] = boxes.get(self._select) or has.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """A form is over."""
        if tag == "form":
            self._open = False


def found(demo: Demo, browser: requests.Session, most: int) -> tuple[int, list[Target]]:
    """How many pages were read, `most` at the most, and everything to try on them."""
    waiting, seen, targets = deque(["/"]), set[str](), dict[tuple[str, ...], Target]()
    while waiting and len(seen) < most:
        page = waiting.popleft()
        kind = _kind(page)
        if kind in seen or page.startswith(LEAVING):
            continue
        seen.add(kind)
        answer = browser.get(demo.url + page, timeout=60)
        if "html" not in answer.headers.get("Content-Type", ""):
            continue
        reader = _Reader()
        reader.feed(answer.text)
        waiting.extend(reader.links)
        for target in _targets(demo, urlsplit(answer.url).path, page, reader):
            targets.setdefault(target.kind, target)
    return len(seen), list(targets.values())


def _targets(demo: Demo, path: str, page: str, reader: _Reader) -> list[Target]:
    asked = urlsplit(page)
    given = parse_qsl(asked.query, keep_blank_values=True)
    targets = [Target(page, demo.url + page, "", tuple(name for name, _value in given))] if given else []
    if _ID.search(asked.path):
        # The star says where: the identifier in the address itself.
        targets.append(Target(page, demo.url + _ID.sub(lambda one: f"{one[0]}*", asked.path, count=1), "", ("#1*",)))
    for method, action, boxes in reader.forms:
        goal = urlsplit(action or path).path
        names = tuple(sorted(boxes.keys() - {_TOKEN}))
        if goal.startswith(LEAVING) or not names:
            continue
        body = urlencode(boxes)
        url = f"{demo.url}{goal}?{body}" if method == "get" else demo.url + goal
        targets.append(Target(page, url, "" if method == "get" else body, names))
    return targets


def _kind(address: str) -> str:
    """An address without its identifiers and without what stands behind the names in its question."""
    parts = urlsplit(address)
    names = sorted({name for name, _value in parse_qsl(parts.query, keep_blank_values=True)})
    return "?".join([_ID.sub("/:id", parts.path), *([",".join(names)] if names else [])])
