"""A region of the bench in which people submit: drafts that wait on the last page, and the requests that send them off.

What is measured is the last step of the form. The steps before it are done beforehand, and people come in without the
pages of signing in: the session is made by the use case, and the cookie by the application itself.
"""

import io
import os
import random
import re
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, session
from flask_wtf.csrf import generate_csrf
from sqlalchemy import select

from signaltable.bench.given import Given, copy_of, empty_folder, fits_in_memory
from signaltable.db import make_engine
from signaltable.domain import Actor, SignaltableError
from signaltable.flow import drafts, setup
from signaltable.flow.coming_in.actors import ANONYMOUS, actor_of_login
from signaltable.flow.coming_in.sessions import open_session
from signaltable.flow.masks import masks_of
from signaltable.intake import SignalDraft, parse
from signaltable.keys import KeyRing
from signaltable.migrating import migrate
from signaltable.models import Account
from signaltable.program import assemble
from signaltable.settings import Settings
from signaltable.transaction import Program, reading, transaction
from signaltable.web import create_app

SEED: Final = 20261122
PASSWORD: Final = "een-lang-proefwachtwoord"  # noqa: S105 -- of a region that is thrown away
# The light scan alone: the reader works apart from requests, in a process of its own.
SURROUNDINGS: Final = {"SIGNALTABLE_TEXT_READER": "off"}
# What somebody writes: about as long as the accounts of the examples, with a name, a phone and another person in it.
ACCOUNT: Final = (
    "{given} {surname} werkt sinds het voorjaar in een restaurant bij het station en krijgt haar loon niet uitbetaald. "
    "Zij slaapt met vier anderen in een kamer boven de zaak. Haar paspoort is afgenomen door de baas, die zij Marek "
    "noemt. Zij belt soms met {phone} naar huis."
)


class NotStored(SignaltableError):
    """A submit of the bench was not answered as one that was stored."""


@dataclass(frozen=True, slots=True)
class Sending:
    """The request that submits one draft: its path, its body, and the cookie of who sends it; and what the draft says."""

    path: str
    body: bytes
    cookie: str
    content: SignalDraft = field(repr=False)

    def environ(self) -> dict[str, Any]:
        """The same as a server hands it to an application (PEP 3333)."""
        return {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_COOKIE": self.cookie,
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(self.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }


@dataclass
class Desk:
    """A program in which one person submits about somebody new each time."""

    program: Program
    login: str
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        # Each of them about others: where all told of the same people, every submit met those of the others.
        self.chance = random.Random(f"{SEED} {self.login}")

    @cached_property
    def app(self) -> Flask:
        """The whole application of this program."""
        return create_app(self.program.settings, self.program)

    @cached_property
    def who(self) -> Actor:
        """The person, as the command line knows them."""
        return actor_of_login(self.program, self.login)

    def draft(self) -> SignalDraft:
        """A signal about somebody whom nobody knows, who is told of in the account as well."""
        given, surname = (self._word() for _ in range(2))
        phone = f"06{self.chance.randint(10_000_000, 99_999_999)}"
        born = f"{self.chance.randint(1950, 2005)}-{self.chance.randint(1, 12):02d}-11"
        person = {
            "kind": "person",
            "role": "possible_victim",
            "age": "adult",
            "gender": "woman",
            "identity": {"given_name": given, "surname": surname, "birth_date": born, "phone": phone},
        }
        capacity = next(iter(self.program.policy.capacities_of(self.who.agency_kind)))
        return parse(
            {
                "capacity": capacity,
                "safety": {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "five-working-days"},
                "observed": {"on": "2026-01-15", "municipality": "Havendam", "online": "no", "source_quality": "seen"},
                "forms": ["labour"],
                "form_rows": {"wages": 1, "housing": 1, "labour-exploitation": 1},
                "narrative": ACCOUNT.format(given=given, surname=surname, phone=phone),
                "facts": {"victim": "possible"},
                "subjects": [person],
                "consent": {"status": "not_asked"},
            }
        )

    def _word(self) -> str:
        return "".join(self.chance.choices(string.ascii_lowercase, k=9)).capitalize()

    def cookie(self) -> tuple[str, str]:
        """The cookie of somebody who just came in with two factors, and the token that their forms carry."""
        with reading(self.program) as reader:
            account = reader.scalars(select(Account).where(Account.login == self.login)).one()
        token = open_session(self.program, account, ANONYMOUS, strength="two_factors")
        with self.app.test_request_context():
            session["_user_id"] = token
            form_token = generate_csrf()
            signer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
            kept = signer.dumps(dict(session))
        return f"{self.app.config['SESSION_COOKIE_NAME']}={kept}", form_token

    def sending(self, cookie: str, form_token: str) -> Sending:
        """A draft that waits on its last page, and the request that submits it with what that page showed."""
        content = self.draft()
        with transaction(self.program, self.who) as tx:
            kept = drafts.start(tx, content)
            drafts.save(tx, kept.id, {}, step=4, version=kept.version)
            masks = masks_of(tx, content)
        free = [one.key for one in masks.words if not one.locked]
        body = [
            ("csrf_token", form_token),
            ("version", "2"),
            ("action", "submit"),
            ("seen", masks.token),
            ("mask_words", ""),
        ]
        body += [(name, key) for key in free for name in ("found", "keep")] + [(f"why-{key}", "") for key in free]
        return Sending(f"/signalen/nieuw/{kept.id}/controle", urlencode(body).encode(), cookie, content)


def send(app: Flask, one: Sending) -> str:
    """Hand a request to the application as a server would. The reference of the signal; raises `NotStored` without one."""
    told: list[tuple[str, list[tuple[str, str]]]] = []
    answer = app.wsgi_app(one.environ(), lambda status, headers, *_: told.append((status, headers)))  # type: ignore[arg-type]
    for _part in answer:
        pass
    status, headers = told[0]
    return reference_in(int(status[:3]), dict(headers).get("Location", ""))


def reference_in(status: int, location: str) -> str:
    """The reference to which a stored signal leads. Raises `NotStored` for any other answer."""
    found = re.search(r"S-[0-9A-Z]{4}-[0-9A-Z]{2}", location)
    if status != 303 or found is None:
        raise NotStored(f"expected to be led to a receipt, found an answer {status}")
    return found[0]


def settings_of(home: Path, more: Mapping[str, str] | None = None) -> Settings:
    """The settings of a home of the bench."""
    return Settings.from_env({"SIGNALTABLE_HOME": str(home), **SURROUNDINGS, **(more or {})})


def program_of(home: Path, more: Mapping[str, str] | None = None) -> Program:
    """The program of a home that is there."""
    settings = settings_of(home, more)
    keys = KeyRing.load(settings.key_ring, require_private=True)
    return assemble(settings, make_engine(settings.database_url), keys)


def make_region(home: Path, more: Mapping[str, str] | None = None) -> Program:
    """A home with the region of the demo and without a signal, for when no other is given."""
    settings = settings_of(home, more)
    setup.make_keys(settings)
    migrate(settings)
    program = program_of(home, more)
    setup.start_log(program)
    setup.seed_region(program, PASSWORD)
    return program


def people_who_submit(program: Program) -> list[str]:
    """The logins of those who may submit, one of each agency first."""
    allowed: dict[str, list[str]] = {}
    with reading(program) as reader:
        accounts = reader.execute(
            select(Account.login, Account.agency_id).where(Account.active).order_by(Account.agency_id, Account.login)
        ).all()
    for login, agency_id in accounts[:400]:
        if "signal:submit:own-agency" in actor_of_login(program, login).permissions:
            allowed.setdefault(agency_id, []).append(login)
    rows = sorted(allowed.values(), key=len)
    return [row[place] for place in range(max(map(len, rows), default=0)) for row in rows if place < len(row)]


@contextmanager
def own_region(given: Given, name: str, signals: int) -> Iterator[Path]:
    """A home of one's own with so many signals, in memory where that can be."""
    source = given.region(signals) if signals else None
    with empty_folder(name, in_memory=source is None or fits_in_memory(source)) as folder:
        if source is not None and settings_of(source).key_ring.exists():
            yield copy_of(source, folder / "home")
        else:
            (folder / "home").mkdir()
            make_region(folder / "home")
            yield folder / "home"


def second_copy(home: Path, name: str) -> Path:
    """The home as it stands now, beside it."""
    return copy_of(home, home.parent / name)


def environment(home: Path) -> dict[str, str]:
    """What a process that serves this home gets to know of its surroundings."""
    # Settings of the operator lead to their own database, keys and mail server.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALTABLE_", "DATABASE_"))}
    return {**kept, "SIGNALTABLE_HOME": str(home), **SURROUNDINGS}
