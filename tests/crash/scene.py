"""A scene: a home with the program running on it, people at work, and what happens to them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.crash import checks, journal
from tests.crash.homes import PASSWORD, Home
from tests.crash.people import CANARY
from tests.crash.running import ROOT, Instance, surroundings, within

# Who is at work. Those who log signals share what can be disclosed, and nobody shares anything else.
OWNERS = ("havendam", "collega")
LOGINS = ("havendam", "avim", "coordinator", "collega", "voorzitter")
COMMANDS = (
    ("audit", "fsck", "--read-only", "--json"),
    ("jobs", "run-due", "--json"),
    ("audit", "export", "{folder}/export-{number}"),
    ("submit", "--as", "havendam", "--file", "{folder}/signal.json", "--json"),
    ("doctor", "--json"),
    ("keys", "rotate", "--purpose", "match", "--json"),
    ("keys", "rotate", "--purpose", "draft", "--json"),
    ("keys", "rotate", "--resume", "--json"),
)
A_SIGNAL = {
    "capacity": "municipality-wmo",
    "safety": {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "five-working-days"},
    "observed": {"on": None, "municipality": "Havendam", "online": "no", "source_quality": "seen"},
    "forms": ["labour"],
    "form_rows": {"wages": 1},
    "narrative": f"{CANARY} Proefveld krijgt haar loon niet.",
    "facts": {"victim": "possible"},
    "subjects": [
        {
            "kind": "person",
            "role": "possible_victim",
            "age": "adult",
            "identity": {"given_name": CANARY, "surname": "Proefveld", "birth_date": "1996"},
        }
    ],
    "consent": {"status": "not_asked"},
}


@dataclass
class Scene:
    """What goes on over one home. `instances` are the hosts on which the program runs."""

    home: Home
    folder: Path
    chance: random.Random
    instances: list[Instance] = field(default_factory=list)
    people: list[subprocess.Popen[bytes]] = field(default_factory=list)
    command: subprocess.Popen[bytes] | None = None
    commands: int = 0
    # The environment of every host but the first, where they have a home of their own.
    other: dict[str, str] = field(default_factory=dict)

    @property
    def journals(self) -> Path:
        """Where people keep their journals."""
        return self.folder / "journals"

    @property
    def errors(self) -> Path:
        """What the program wrote to stderr."""
        return self.folder / "stderr.txt"

    def begin(self, hosts: int = 1, *, flags: tuple[str, ...] = (), people: int = len(LOGINS)) -> "Scene":
        """Start the program, on so many hosts, and let people begin."""
        self.journals.mkdir(parents=True, exist_ok=True)
        (self.folder / "signal.json").write_text(json.dumps(A_SIGNAL))
        for host in range(hosts):
            environment = self.other if host and self.other else self.home.environment
            # It is ours to end from now on, also when it does not come up.
            self.instances.append(Instance(environment, self.errors, flags=flags))
            self.instances[-1].start()
        for number in range(people):
            self._invite(number)
        return self

    def _invite(self, number: int) -> None:
        """One more person at work."""
        login = LOGINS[number % len(LOGINS)]
        ports = [one.port for one in self.instances]
        plan = {
            "ports": ports[number % len(ports) :] + ports[: number % len(ports)],
            "login": login,
            "password": PASSWORD,
            "journal": str(self.journals / f"{number}.journal"),
            "seed": self.chance.random(),
            "questions": self.home.questions if login == "avim" else [],
            "signals": self.home.signals[OWNERS.index(login) :: len(OWNERS)] if login in OWNERS else [],
            "agenda": self.home.agenda if login == "voorzitter" else [],
            "waiting": self.home.waiting if login == "coordinator" else [],
        }
        self.people.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.crash.client", json.dumps(plan)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stderr=(self.folder / "people.txt").open("ab"),
            )
        )

    def run_command(self) -> None:
        """Somebody types a command beside it all, when the one of before has ended."""
        if self.command is not None and self.command.poll() is None:
            return
        self.commands += 1
        words = [one.format(folder=self.folder, number=self.commands) for one in self.chance.choice(COMMANDS)]
        self.command = subprocess.Popen(
            [sys.executable, "-m", "signaltable.cli", *words],
            cwd=ROOT,
            env=surroundings(self.home.environment),
            stdout=subprocess.DEVNULL,
            stderr=self.errors.open("ab"),
        )

    def kill_something(self, kinds: tuple[str, ...], weights: tuple[int, ...]) -> str:
        """Kill a process of a kind chosen by chance, and see to it that the program runs again.

        What was killed; "" when there was none of that kind, or it had ended by itself.
        """
        (kind,) = self.chance.choices(kinds, weights)
        if kind == "command":
            self.run_command()
            time.sleep(self.chance.uniform(0.3, 2.0))
            if self.command is None or self.command.poll() is not None:
                return ""
            self.command.send_signal(signal.SIGKILL)
            self.command.wait()
            return kind
        instance = self.chance.choice(self.instances)
        running = instance.processes()
        victims = running.get("master" if kind == "group" else kind, [])
        if not victims:
            return ""
        instance.kill(kind, self.chance.choice(victims))
        if kind in {"master", "group"}:
            instance.start()
        return kind

    def acts(self) -> int:
        """How many acts were acknowledged until now."""
        return sum(line.came_to == journal.DONE for line in journal.read(self.journals))

    def wait_for_work(self, seconds: float = 3.0) -> None:
        """Until somebody notes something, which they do when they send something and when an answer comes."""
        before, until = self._noted(), time.monotonic() + seconds
        while self._noted() == before and time.monotonic() < until:
            time.sleep(0.005)

    def _noted(self) -> int:
        return sum(one.stat().st_size for one in self.journals.glob("*.journal"))

    def wait_for_acts(self, more: int) -> None:
        """Until so many more acts were acknowledged. Raises `RuntimeError` when people cannot go on."""
        wanted, until = self.acts() + more, time.monotonic() + within(60)
        while self.acts() < wanted:
            if time.monotonic() > until:
                raise RuntimeError("nothing was acknowledged any more, for a minute or longer")
            time.sleep(0.05)

    def end(self) -> None:
        """Everybody goes home, and the program is stopped."""
        for person in self.people:
            assert person.stdin
            person.stdin.close()
        for person in self.people:
            try:
                person.wait(timeout=within(90))
            except subprocess.TimeoutExpired:
                person.kill()
        self.people.clear()
        if self.command is not None:
            try:
                self.command.wait(timeout=within(60))
            except subprocess.TimeoutExpired:
                self.command.kill()
        for instance in self.instances:
            instance.stop()

    def abandon(self) -> None:
        """Whatever still runs, ends now."""
        for one in [*self.people, *filter(None, [self.command])]:
            if one.poll() is None:
                one.kill()
        for instance in self.instances:
            if instance.process and instance.process.poll() is None:
                os.killpg(instance.process.pid, signal.SIGKILL)

    def findings(self, *, export: bool = False, ahead: timedelta = timedelta(0)) -> list[str]:
        """What is wrong with the home, and whether anybody's own program broke."""
        broken = self.folder / "people.txt"
        told = broken.read_text() if broken.exists() else ""
        found = [f"harness: {told[-400:]}"] if told else []
        return found + checks.findings(self.home, self.journals, self.errors, export=export, ahead=ahead)


@contextmanager
def scene(home: Home, folder: Path, chance: random.Random) -> Iterator[Scene]:
    """A scene that leaves nobody behind, whatever happens in it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Scene(home, folder, chance)
    try:
        yield made
    finally:
        made.abandon()
