"""Requests of one process take turns, and nobody is kept waiting by one that takes long."""

import threading

from signaltable import turns
from signaltable.web.in_turn import InTurn

LONG = 60.0


def _asked(app, path, into):
    thread = threading.Thread(target=lambda: into.append(b"".join(app({"PATH_INFO": path}, lambda *_: None))))
    thread.start()
    return thread


def test_one_request_runs_to_its_end_before_the_next_begins(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", LONG)
    first_runs, may_end, seen, told = threading.Event(), threading.Event(), [], []

    def inner(environ, _start):
        seen.append(f"begin {environ['PATH_INFO']}")
        if environ["PATH_INFO"] == "/first":
            first_runs.set()
            may_end.wait(LONG)
        seen.append(f"end {environ['PATH_INFO']}")
        return [environ["PATH_INFO"].encode()]

    app = InTurn(inner)
    first = _asked(app, "/first", told)
    assert first_runs.wait(LONG)
    others = [_asked(app, f"/{number}", told) for number in range(3)]
    assert seen == ["begin /first"]
    may_end.set()
    for thread in (first, *others):
        thread.join(LONG)
    assert [one.partition(" ")[0] for one in seen] == ["begin", "end"] * 4
    assert [one.partition(" ")[2] for one in seen[::2]] == [one.partition(" ")[2] for one in seen[1::2]]
    assert sorted(told) == [b"/0", b"/1", b"/2", b"/first"]


def test_who_takes_long_keeps_nobody(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    first_runs, other_ran, ended = threading.Event(), threading.Event(), []

    def inner(environ, _start):
        if environ["PATH_INFO"] == "/long":
            first_runs.set()
            other_ran.wait(LONG)
            ended.append(other_ran.is_set())
        else:
            other_ran.set()
        return []

    app = InTurn(inner)
    long = _asked(app, "/long", [])
    assert first_runs.wait(LONG)
    _asked(app, "/short", []).join(LONG)
    long.join(LONG)
    assert ended == [True]
    assert not turns._TURN.locked()


def test_who_waits_for_something_else_lets_others_go_first(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", LONG)
    waits, other_ran, came_back = threading.Event(), threading.Event(), []

    def inner(environ, _start):
        if environ["PATH_INFO"] == "/waits":
            with turns.elsewhere():
                waits.set()
                other_ran.wait(LONG)
            came_back.append(turns._TURN.locked())
        else:
            other_ran.set()
        return []

    app = InTurn(inner)
    first = _asked(app, "/waits", [])
    assert waits.wait(LONG)
    _asked(app, "/other", []).join(LONG)
    first.join(LONG)
    assert came_back == [True]
    assert not turns._TURN.locked()


def test_a_turn_ends_with_a_mistake_and_before_what_is_sent_bit_by_bit():
    def broken(_environ, _start):
        raise LookupError

    try:
        InTurn(broken)({}, lambda *_: None)
    except LookupError:
        assert not turns._TURN.locked()

    def parts():
        yield b"locked" if turns._TURN.locked() else b"free"

    assert b"".join(InTurn(lambda _environ, _start: parts())({}, lambda *_: None)) == b"free"


def test_outside_of_a_request_there_is_no_turn_to_give_away():
    with turns.elsewhere():
        assert not turns._TURN.locked()
    assert not turns._TURN.locked()
