"""The socket of the text reader: who may ask, what comes back, and that nothing a client does stops it. Without deduce."""

import contextlib
import json
import socket
import stat
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from signaltable.serve import RESTART_AFTER, STEADY_AFTER, Pauses
from signaltable.text import Span
from signaltable.text_reader import client, process
from signaltable.text_reader.process import MOST_CLIENTS, Desk, listen, serve
from signaltable.text_reader.wire import MOST_BYTES, address_of, socket_path

CANARY = "Kanarinda"


def finds_canary(text: str) -> tuple[Span, ...]:
    if "breek" in text:
        raise ValueError(text)
    at = text.find(CANARY)
    return (Span(at, at + len(CANARY), "name"),) if at >= 0 else ()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client and a reader that wait for each other as long as the machine may do something else."""
    monkeypatch.setattr(client, "_PATIENCE", 120)
    monkeypatch.setattr(process, "SECONDS", 120)


@pytest.fixture(params=["short", "x" * 120], ids=["short path", "path longer than a socket may have"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / request.param
    folder.mkdir()
    return folder


@pytest.fixture
def reader(home: Path) -> Iterator[Path]:
    desk, listener = Desk(finds_canary, seconds=0), listen(socket_path(home))
    working = threading.Thread(target=desk.work_here, daemon=True)
    working.start()
    threading.Thread(target=serve, args=(listener, desk), daemon=True).start()
    yield home
    desk.close()
    working.join()
    listener.close()


def sent(home: Path, raw: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection, address_of(socket_path(home)) as address:
        connection.settimeout(60)
        connection.connect(address)
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # The reader hung up before it had read everything.
            return b"".join(iter(lambda: connection.recv(4096), b""))
        return b""


def test_a_text_goes_in_and_places_come_out(reader):
    assert client.read(reader, f"zei 李 {CANARY}.") == (Span(6, 15, "name"),)
    assert client.read(reader, "") == ()
    assert client.is_there(reader)


def test_the_socket_is_for_this_user_alone(reader):
    assert stat.S_IMODE(socket_path(reader).stat().st_mode) == 0o600


def test_without_a_reader_the_answer_is_none_at_once(home):
    assert client.read(home, CANARY) is None
    assert not client.is_there(home)
    listen(socket_path(home)).close()  # What a reader that was killed leaves behind.
    assert client.is_there(home)
    assert client.read(home, CANARY) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!I", 10) + b"short",
        struct.pack("!I", 4) + b"\xff\xfe\xfd\xfc",
        struct.pack("!I", MOST_BYTES + 1) + b"x" * 100,
        struct.pack("!I", 2**32 - 1),
        struct.pack("!I", 5) + b"breek",
    ],
)
def test_garbage_and_a_text_that_breaks_it_leave_it_at_work(reader, raw):
    answer = sent(reader, raw)
    assert b"[" not in answer
    assert b"breek" not in answer
    assert client.read(reader, CANARY) == (Span(0, len(CANARY), "name"),)


def test_silent_clients_keep_nobody_waiting(reader, monkeypatch):
    # The silent ones may stay for longer than the one that asks waits, so that only an answer beside them comes in time.
    monkeypatch.setattr(process, "SECONDS", 600)
    silent = []
    for _one in range(8):
        connection = socket.socket(socket.AF_UNIX)
        with address_of(socket_path(reader)) as address:
            connection.connect(address)
        silent.append(connection)
    assert client.read(reader, CANARY) == (Span(0, len(CANARY), "name"),)
    for connection in silent:
        connection.close()


def test_many_clients_at_once_each_get_their_own_answer(reader):
    texts = [f"{'.' * count}{CANARY}" for count in range(min(MOST_CLIENTS, 40))]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: client.read(reader, text), texts))
    assert answers == [(Span(count, count + len(CANARY), "name"),) for count in range(len(texts))]


def test_a_text_that_takes_too_long_is_broken_off():
    def slow(text: str) -> tuple[Span, ...]:
        while "lang" in text:
            pass
        return finds_canary(text)

    desk = Desk(slow, seconds=2)
    answers: list[bytes] = []

    def ask() -> None:
        answers.extend(desk.answer(text.encode()) for text in ("lang", CANARY))
        desk.close()

    asking = threading.Thread(target=ask)
    asking.start()
    desk.work()  # The alarm rings in the main thread, where the test runs.
    asking.join()
    assert [json.loads(one) for one in answers] == ["too_slow", [[0, len(CANARY), "name"]]]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"[1]",
        b'[[0, 99, "name"]]',
        b'[[3, 1, "name"]]',
        b'[[0, 2, "huh"]]',
        b'[[0, 3, "name"], [1, 4, "name"]]',
        b'"x"',
    ],
)
def test_an_answer_that_cannot_be_is_none(home, answer):
    listener = listen(socket_path(home))

    def lie() -> None:
        connection, _address = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(struct.pack("!I", len(answer)) + answer)

    threading.Thread(target=lie, daemon=True).start()
    assert client.read(home, "tekst") is None
    listener.close()


def test_pauses_grow_until_the_process_ran_for_a_while():
    pauses, now = Pauses(most=60), 0.0
    waited = []
    for _death in range(6):
        pauses.started(now)
        waited.append(pauses.after_death(now + 1))
        now += 100
    assert waited == [0, RESTART_AFTER, 10, 20, 40, 60]
    pauses.started(now)
    assert pauses.after_death(now + STEADY_AFTER + 1) == 0
