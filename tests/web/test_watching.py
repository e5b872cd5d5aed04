"""What whoever watches the program gets: whether it can work, and numbers that tell nothing of anybody."""

import re
import socket
from contextlib import suppress
from dataclasses import replace

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, event, select, text

from audit.vocabulary import ACTIONS
from signaltable import counting, jobs
from signaltable.board import PARTS, Board
from signaltable.db import make_engine
from signaltable.flow.readiness import COUNTS_FOR, Readiness
from signaltable.job_times import minutes_of
from signaltable.keys import KeyRingError
from signaltable.metrics import listening
from signaltable.metrics.listening import registry_of
from signaltable.metrics.stored import MAILS
from signaltable.models import Account, Agency
from signaltable.program import assemble
from signaltable.settings import Settings, UnusableSettings
from signaltable.transaction import reading
from signaltable.web import create_app
from tests.factories import a_signal
from tests.letting_in import let_in
from tests.log_tools import owners_engine
from tests.ports import free_port
from tests.table_steps import submitted
from tests.web.people import Person


@pytest.fixture
def board(monkeypatch):
    monkeypatch.setattr(counting._Own, "part", None)
    monkeypatch.setattr(counting._Own, "board", None)
    made = Board.make()
    counting.join(made, 1)
    return made


def ready(program):
    answer = create_app(program.settings, program).test_client().get("/gereed")
    return answer.status_code, answer.json


def test_a_program_that_can_work_is_ready_and_says_nothing_else(program):
    assert ready(program) == (200, {"ready": True, "problems": []})


def test_what_is_in_the_way_is_named_and_nothing_more(sqlite_program, board):
    app = create_app(sqlite_program.settings, sqlite_program)
    away = make_engine("sqlite:////nowhere/at/all.db")
    elsewhere = assemble(sqlite_program.settings, away, sqlite_program.keys, sqlite_program.policy)
    assert Readiness(elsewhere).problems() == ("database",)

    class Gone:
        def version(self, _purpose):
            raise KeyRingError("expected a key ring")

    assert Readiness(replace(sqlite_program, keys=Gone())).problems() == ("keys",)
    board.stop()
    answer = app.test_client().get("/gereed")
    assert (answer.status_code, answer.json) == (503, {"ready": False, "problems": ["stopping"]})
    engine = owners_engine(sqlite_program.settings)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    assert Readiness(sqlite_program).problems() == ("tables", "stopping")


def test_that_the_process_lives_asks_no_database_also_of_who_is_signed_in(sqlite_program):
    person = Person(sqlite_program, "havendam")
    asked = []

    def note(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert person.get("/gezond").status_code == 200
        assert asked == []
        assert person.get("/overzicht").status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert asked


def test_the_database_is_asked_once_a_second_however_often_somebody_asks(sqlite_program):
    asked, now = [], [0.0]

    def counted():
        asked.append(1)
        return sqlite_program.write_sessions()

    readiness = Readiness(replace(sqlite_program, write_sessions=counted), lambda: now[0])
    for _turn in range(50):
        assert readiness.problems() == ()
    assert len(asked) == 1
    now[0] += COUNTS_FOR
    readiness.problems()
    assert len(asked) == 2


def test_no_number_tells_of_anybody(sqlite_program, actor, board):
    program = sqlite_program
    app = create_app(program.settings, program)
    owner, stranger = app.test_client(), app.test_client()
    let_in(owner, program, "havendam")
    reference = submitted(program, actor(program, "havendam"), a_signal())
    for path in (
        f"/signalen/{reference}",
        "/signalen",
        "/beheer",
        "/zoek/Zorinka Proefveld",
        f"/koppelingen/{reference}",
    ):
        owner.get(path)
        stranger.get(path, headers={"User-Agent": "Zorinka", "X-Forwarded-For": "203.0.113.7"})
    stranger.post("/aanmelden", data={"login": "havendam", "password": "niet"})
    stranger.open("/signalen", method="ZORINKA")
    for _turn in range(3):
        stranger.open(f"/{reference}", method="PROPFIND")
    jobs.run_requests(program)

    told = generate_latest(registry_of(board, program)).decode()

    allowed = {
        "route": {rule.endpoint for rule in app.url_map.iter_rules()} | {"none"},
        "method": {"GET", "POST", "HEAD", "other"},
        "status": {"2xx", "3xx", "4xx", "5xx"},
        "action": set(ACTIONS),
        "job": set(minutes_of(5)),
        "state": set(MAILS.values()),
        "what": {"rules", "version", "keys"},
    }
    seen = set()
    for family in text_string_to_metric_families(told):
        for sample in family.samples:
            for label, value in sample.labels.items():
                seen.add(label)
                assert value in allowed[label] if label in allowed else label in {"le", "reason", "version"}, label
                assert label != "reason" or re.fullmatch(r"[a-z_]+", value)
    assert {"route", "method", "status", "action", "job", "state"} <= seen
    with reading(program) as session:
        names = [word for row in session.execute(select(Agency.id, Agency.title)) for word in row]
        names += [word for row in session.execute(select(Account.id, Account.login, Account.name)) for word in row]
    labels = " ".join(re.findall(r'="([^"]*)"', told))
    words = ["Zorinka", "Proefveld", reference, "203.0.113.7", "PROPFIND", str(program.settings.home)]
    assert [word for word in (*words, *names) if re.search(rf"\b{re.escape(word)}\b", labels)] == []


def test_what_was_counted_comes_out(sqlite_program, board):
    client = create_app(sqlite_program.settings, sqlite_program).test_client()
    for _turn in range(3):
        client.get("/gezond")
    registry = registry_of(board, sqlite_program)
    asked = {"route": "account.healthy", "method": "GET", "status": "2xx"}
    assert registry.get_sample_value("signaltable_requests_total", asked) == 3
    assert registry.get_sample_value("signaltable_request_seconds_count", {"route": "account.healthy"}) == 3
    assert registry.get_sample_value("signaltable_database_up") == 1
    assert registry.get_sample_value("signaltable_log_entries") > 0


def test_processes_count_each_for_themselves_and_go_on_after_one_that_ended(board):
    for number in range(PARTS):
        board.part(number).count("requests|signals.show|GET|2xx")
    again = board.part(3)
    again.count("requests|signals.show|GET|2xx", 2.5)
    again.put("db_connections", 4)
    again.put("db_connections", 1)
    assert Board.opened(board.descriptor).totals() == {
        "requests|signals.show|GET|2xx": PARTS + 2.5,
        "db_connections": 1.0,
    }


def test_a_full_part_forgets_nothing_that_it_knew(board):
    part = board.part(2)
    part.count("first")
    for number in range(20_000):
        part.count(f"{number:0150d}")
    part.count("first")
    assert board.totals()["first"] == 2
    assert 3000 < len(board.totals()) < 20_000


def test_whoever_connects_and_says_nothing_holds_no_thread(board, monkeypatch):
    monkeypatch.setattr(listening, "SILENT_SECONDS", 0.1)
    place = ("127.0.0.1", free_port())
    listening.listen(place, board, None)
    with socket.create_connection(place, timeout=60) as silent:
        silent.sendall(b"GET /metr")
        assert silent.recv(1) == b""

    def answered():
        with socket.create_connection(place, timeout=60) as asking, suppress(ConnectionError):
            asking.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            return asking.recv(1)

    # On a machine that does something else for that long, somebody who asks is taken for silent.
    assert any(answered() for _try in range(100))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIGNALTABLE_METRICS", "9464"),
        ("SIGNALTABLE_METRICS", "127.0.0.1:0"),
        ("SIGNALTABLE_LOG_FORMAT", "xml"),
        ("SIGNALTABLE_LOG_TO", "syslog"),
        ("SIGNALTABLE_STOP_DELAY", "-1"),
        ("SIGNALTABLE_STOP_DELAY", "121"),
        ("SIGNALTABLE_STOP_TIMEOUT", "0"),
    ],
)
def test_what_cannot_be_set_is_told(name, value):
    with pytest.raises(UnusableSettings, match=name):
        Settings.from_env({name: value})
