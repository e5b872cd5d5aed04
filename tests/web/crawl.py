"""A visitor who follows every link and tries every form, and reads in the log what each request left there."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urlsplit
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import select
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from signaltable.models import LogDetail, LogEntry
from signaltable.transaction import Program
from tests.letting_in import SECOND_STEP, shown_code

# How many different addresses of one view somebody opens: more would show the same view again.
ADDRESSES = 1
TRIES = 4
# How far somebody looks around from where a form led: what it changed elsewhere is met on the walks of everything.
STEPS = 1
NEW_PASSWORD = "een-ander-lang-wachtwoord"


@dataclass
class Field:
    name: str
    kind: str
    value: str = ""
    options: list[str] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)


@dataclass
class Form:
    page: str
    action: str
    fields: dict[str, Field] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Left:
    """What one request left: its status and the entries of its trace, each with its details."""

    who: str
    path: str
    status: int
    location: str
    entries: tuple[dict, ...]

    @property
    def actions(self) -> set[str]:
        return {entry["action"] for entry in self.entries}

    @property
    def went_through(self) -> bool:
        sent_away = self.location.startswith(("/aanmelden", "/wachtwoord")) and not self.path.startswith("/afmelden")
        sent_away = sent_away and self.location != SECOND_STEP
        return self.status < 400 and not (sent_away and self.path != "/wachtwoord")


class Page(HTMLParser):
    """The links and the forms that post of one page."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address, self.links, self.forms = address, [], []
        self._form: Form | None = None
        self._select: Field | None = None

    def handle_starttag(self, tag, attrs):
        told = {name: value or "" for name, value in attrs}
        if tag == "a" and told.get("href", "").startswith("/"):
            self.links.append(urldefrag(told["href"])[0])
        if tag == "form":
            action = urldefrag(told.get("action", ""))[0] or self.address
            self._form = Form(self.address, action) if told.get("method", "get").lower() == "post" else None
            if self._form:
                self.forms.append(self._form)
        if self._form is None:
            return
        if tag in {"input", "textarea", "select"} and told.get("name") and "disabled" not in told:
            self._add(tag, told)
        elif tag == "option" and self._select is not None:
            self._select.options.append(told.get("value", ""))
            if "selected" in told:
                self._select.chosen.append(told.get("value", ""))
        elif tag == "button" and "formaction" in told:  # The same fields, sent to another page.
            self.forms.append(Form(self.address, urldefrag(told["formaction"])[0], self._form.fields))
        elif tag == "button":
            self._form.buttons.append((told.get("name", ""), told.get("value", "")))

    def _add(self, tag, told):
        kind = told.get("type", "text") if tag == "input" else tag
        found = self._form.fields.setdefault(told["name"], Field(told["name"], kind, told.get("value", "")))
        if kind in {"radio", "checkbox"}:
            found.options.append(told.get("value", "on"))
            if "checked" in told:
                found.chosen.append(told.get("value", "on"))
        if kind == "select":
            self._select = found

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        if tag == "select":
            self._select = None


# What a field cannot guess: a number, a name of a colleague, an answer that the others have to agree with.
HINTS: dict[str, str | list[str]] = {
    "login": "proef.gebruiker",
    "begins": "10:00",
    "ends": "11:30",
    "place": "Stadhuis",
    "van": "",
    "tot": "",
    "log_van": "",
    "log_tot": "",
    # What the demo disclosed, it did before midnight for who tries this in the first hours of a day.
    "since-day": "",
    "since-month": "",
    "since-year": "",
    "size": "1",
    "stratified": "",
    "seed": "proef-2026",
    "age_years": "17",
    "linked_agencies": "2",
    "municipality": "Havendam",
    "mask_words": "",
    "id-given_name": "Zorinka",
    "id-surname": "Proefveld",
    "id-birth_date": "1996",
    "EXPLICIT_CONSENT-interpreter": "professional",
    "EXPLICIT_CONSENT-withdrawn": [],
    "EXPLICIT_CONSENT-recipient": "this",
    "EXPLICIT_CONSENT-text_version": "2026-1",
    "mail_address": "iemand@post.example",
}


def filled(form: Form, turn: int, own: str = "") -> dict[str, list[str] | str]:
    """Something in every field: first as little as the page asks, then everything, then other choices."""
    data: dict[str, list[str] | str] = {}
    for one in form.fields.values():
        options = [option for option in one.options if option]
        if one.kind == "hidden":
            data[one.name] = one.value
        elif one.name.startswith("id-") and one.name not in HINTS:
            data[one.name] = ""  # Who it is can be said in a few of many ways.
        elif one.name in HINTS:
            data[one.name] = HINTS[one.name]
        elif one.kind in {"radio", "select"}:
            kept = [choice for choice in one.chosen if choice]
            empty = one.kind == "select" and "" in one.options and turn == 0
            data[one.name] = kept[0] if kept and turn < 2 else "" if empty else options[max(turn - 1, 0) % len(options)]
        elif one.kind == "checkbox":
            data[one.name] = (one.chosen, options)[turn] if turn < 2 else options[:1]
        elif one.kind == "password":
            data[one.name] = NEW_PASSWORD if "again" in form.fields and one.name != "current" else own
        else:
            data[one.name] = one.value or _typed(one.name, ahead=3 if form.action.endswith("/uitstellen") else 0)
    name, value = form.buttons[max(turn - 1, 0) % len(form.buttons)] if form.buttons else ("", "")
    return data | ({name: value} if name else {})


def _typed(name: str, *, ahead: int) -> str:
    # As people count days: late in the evening of a machine that keeps UTC it is tomorrow already.
    today = datetime.now(ZoneInfo("Europe/Amsterdam")).date() + timedelta(days=ahead)
    parts = {"day": today.day, "month": today.month, "year": today.year}
    return str(parts.get(name.rpartition("-")[2], "Een toelichting voor deze proef."))


class Crawler:
    """Somebody with an account of a demo home."""

    def __init__(self, app: Flask, program: Program, who: str, password: str) -> None:
        self.app, self.program, self.who, self.password = app, program, who, password
        self.client = app.test_client()
        self.left: dict[str, list[Left]] = {}
        self.forms: list[Form] = []
        self.menu: list[str] = []  # What every page offers.
        token = self._token(self.client.get("/aanmelden").text)
        self._note(
            "POST",
            "/aanmelden",
            self.client.post("/aanmelden", data={"csrf_token": token, "login": who, "password": password, "next": ""}),
        )
        page = self.get(SECOND_STEP).text
        self.post(SECOND_STEP, {"csrf_token": self._token(page), "way": "code", "given": shown_code(page)})
        token = self.token("/account/bevestigen")
        self.post("/account/bevestigen", {"csrf_token": token, "next": "", "step_up_password": password})

    def walk(self, *starts: str, enough: Collection[str] = (), steps: int | None = None) -> None:
        """Open every page that can be reached from these (in so many steps), but for the views that somebody saw `enough`."""
        waiting, seen, views = [(path, 0) for path in starts], set(), dict.fromkeys(enough, ADDRESSES)
        while waiting:
            path, step = waiting.pop(0)
            endpoint = self.endpoint(path, "GET")
            if path in seen or not endpoint or endpoint == "static" or views.get(endpoint, 0) >= ADDRESSES:
                continue
            seen.add(path)
            views[endpoint] = views.get(endpoint, 0) + 1
            answer = self.get(path)
            if "text/html" not in answer.content_type or answer.status_code != 200:
                continue
            page = Page(path)
            page.feed(answer.text)
            self.menu = self.menu or page.links
            if steps is None:
                waiting += [(link, 0) for link in page.links]
            elif step < steps:
                waiting += [(link, step + 1) for link in page.links if link not in self.menu]
            known = {(one.action, *one.fields) for one in self.forms}
            self.forms += [one for one in page.forms if (one.action, *one.fields) not in known]

    def get(self, path: str) -> TestResponse:
        answer = self.client.get(path)
        self._note("GET", path, answer)
        return answer

    def post(self, path: str, data: dict) -> TestResponse:
        answer = self.client.post(path, data=data)
        self._note("POST", path, answer)
        return answer

    def ask(self, method: str, path: str, **sent: Any) -> TestResponse:
        """A request of a system, which has no cookies; what it leaves is kept beside what this person left."""
        answer = self.app.test_client().open(path, method=method, **sent)
        self._note(method, path, answer)
        return answer

    def try_form(self, form: Form, enough: Collection[str] = ()) -> bool:
        """Whether one of some ways to fill a form in went through. Where it leads is opened, and its forms are kept; not
        the views that somebody saw `enough`."""
        for turn in range(TRIES):
            page = Page(form.page)
            page.feed(self.client.get(form.page).text)
            same = [one for one in page.forms if one.action == form.action and one.fields.keys() == form.fields.keys()]
            if not same:
                return False
            answer = self.post(form.action, filled(same[0], turn, self.password))
            if answer.status_code < 400:
                if answer.location:
                    self.walk(urldefrag(answer.location)[0], enough=enough, steps=STEPS)
                return True
        return False

    def token(self, path: str) -> str:
        """The token of the form on a page."""
        return self._token(self.client.get(path).text)

    def form(self, path: str, data: dict) -> str:
        """Send the form of a page as it stands there, with these answers laid over it. Returns where that leads."""
        page = Page(path)
        page.feed(self.get(path).text)
        (first, *_rest) = [one for one in page.forms if "version" in one.fields or one.action == path]
        answer = self.post(first.action, filled(first, 0) | data)
        assert answer.status_code in {302, 303}, (path, answer.status_code)
        return urldefrag(answer.location)[0]

    def endpoint(self, path: str, method: str) -> str:
        try:
            return self.app.url_map.bind("localhost").match(urlsplit(path).path, method)[0]
        except HTTPException:
            return ""

    def _note(self, method: str, path: str, answer: TestResponse) -> None:
        told = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", answer.headers["traceresponse"])
        entries = tuple(entries_of_trace(self.program, told[1]))
        key = f"{method} {self.endpoint(path, method)}"
        self.left.setdefault(key, []).append(Left(self.who, path, answer.status_code, answer.location or "", entries))

    @staticmethod
    def _token(page: str) -> str:
        return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]


def entries_of_trace(program: Program, trace_id: str) -> Iterator[dict]:
    """The entries of one trace among the newest, oldest first, with their details."""
    with program.read_sessions() as session:
        query = select(LogEntry.entry, LogDetail.details).outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        rows = session.execute(query.order_by(LogEntry.seq.desc()).limit(60)).all()
    for row in reversed(rows):
        entry = json.loads(row.entry)
        details = json.loads(row.details) if row.details else {}  # Destroyed with the person it told of.
        # What two parties get a proof of starts a trace of its own, and says in its details what caused it.
        if trace_id in {entry.get("trace_id"), details.get("caused_by", "").partition("-")[0]}:
            yield entry | {"details": details}
