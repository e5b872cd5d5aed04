"""Homes to break: a region with people, open questions and signals that can be disclosed, on either database."""

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from signaltable.domain import Actor
from signaltable.flow import setup, triage
from signaltable.flow.coming_in import actors
from signaltable.intake import SignalDraft
from signaltable.keys import KeyRing
from signaltable.migrating import migrate
from signaltable.models import Signal
from signaltable.program import assemble, make_engine, open_program
from signaltable.settings import Settings
from signaltable.transaction import Program, reading, transaction
from tests.crash.postgres import OWNER_ROLE, Postgres
from tests.factories import a_person, a_signal
from tests.mail_steps import with_address
from tests.table_steps import asked, on_the_agenda, submitted

PASSWORD = "een-lang-proefwachtwoord"
TEMPLATE = "crash_region"
# Nobody shares a login: of two who come in by one, only one can use the code that the page shows.
COLLEAGUE = """
[[account]]
login = "collega"
name = "Coen Verzinsel"
agency = "havendam"
roles = ["focal-officer"]
"""


@dataclass
class Home:
    """A home with its database. `environment` is what a process of the program needs to find both.

    `agenda` holds the addresses of cases that can be decided on, `waiting` references of cases to judge.
    """

    settings: Settings
    environment: dict[str, str]
    questions: list[str]
    signals: list[str]
    postgres: Postgres | None = None
    agenda: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def open(self) -> Program:
        """The program over it, in this process: to look at what came of it."""
        return open_program(self.settings)


def settings_of(home: Path, url: str, owner: str = "") -> tuple[Settings, dict[str, str]]:
    """The settings, and the environment that says them."""
    environment = {"SIGNALTABLE_HOME": str(home), "DATABASE_URL": url, "SIGNALTABLE_TEXT_READER": "off"}
    return Settings.from_env(environment | {"DATABASE_OWNER_URL": owner}), environment


def make(folder: Path, postgres: Postgres | None, *, things: int) -> Home:
    """A new home in `folder`, with so many open questions, cases to judge and to decide on, and signals to disclose."""
    folder.mkdir(parents=True)
    url, owner = f"sqlite:///{folder / 'signaltable.db'}", ""
    if postgres:
        postgres.create(TEMPLATE)
        url, owner = postgres.address(TEMPLATE), postgres.address(TEMPLATE, OWNER_ROLE)
    settings, environment = settings_of(folder, url, owner)
    setup.make_keys(settings)
    migrate(settings)
    engine = make_engine(settings.database_url)
    program = assemble(settings, engine, KeyRing.load(settings.key_ring, require_private=True))
    setup.start_log(program)
    region = folder.with_suffix(".toml")
    region.write_text(setup.REGION.read_text() + COLLEAGUE)
    setup.seed_region(program, PASSWORD, region)
    who = {login: actors.actor_of_login(program, login) for login in ("havendam", "coordinator")}
    signals, questions, tabled = [], [], []
    given = {"status": "given", "on": (datetime.now(UTC) - timedelta(days=2)).date().isoformat()}
    given |= {"language": "Pools", "interpreter": "professional", "asked_by": "T. Olk"}
    for number in range(things):
        signals.append(submitted(program, who["havendam"], a_signal(consent=given)))
        reference = submitted(program, who["havendam"])
        _triage(program, who["coordinator"], reference)
        questions += asked(program, who["coordinator"], reference, "avim")
        tabled.append(submitted(program, who["havendam"], _about_another(2 * number)))
        _triage(program, who["coordinator"], tabled[-1])
    meeting = on_the_agenda(program, who["coordinator"], *tabled)
    waiting = [submitted(program, who["havendam"], _about_another(2 * n + 1)) for n in range(things)]
    with_address(program, "avim")
    setup.note_policy(program)
    engine.dispose()
    agenda = [f"/tafel/{meeting}/{reference}" for reference in tabled]
    return Home(settings, environment, questions, signals, postgres, agenda, waiting)


def _triage(program: Program, coordinator: Actor, reference: str) -> None:
    with reading(program, whole="a test looks at what came of it") as session:
        urgency, version = session.execute(
            select(Signal.urgency, Signal.version).where(Signal.reference == reference)
        ).one()
    with transaction(program, coordinator) as tx:
        triage.triage(tx, reference, result="triaged", urgency=urgency, reason="", version=version)


def _about_another(number: int) -> SignalDraft:
    """A signal about somebody who is in no other one, so that nothing links it."""
    given_name, surname = f"Ned{chr(97 + number % 26)}ra", f"Schijn{chr(97 + number // 26)}huis"
    born = f"{1960 + number % 40}-{1 + number % 12:02}-{1 + number % 28:02}"
    identity = {"given_name": given_name, "surname": surname, "birth_date": born}
    return a_signal(subjects=[a_person(identity=identity)])


def copy(home: Home, folder: Path, *, port: int = 0, name: str = "") -> Home:
    """The same home once more, to be broken. On PostgreSQL with a database of its own, past a proxy on `port`."""
    if folder.exists():
        for one in folder.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()
    shutil.copytree(home.settings.home, folder, dirs_exist_ok=True)
    if home.postgres is None:
        settings, environment = settings_of(folder, f"sqlite:///{folder / 'signaltable.db'}")
    else:
        home.postgres.drop(name)
        home.postgres.create(name, TEMPLATE)
        settings, _direct = settings_of(folder, home.postgres.address(name))
        _same, environment = settings_of(folder, home.postgres.address(name, port=port))
    return replace(home, settings=settings, environment=environment)
