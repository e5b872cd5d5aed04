"""Texts that wait for the text reader: a signal is taken in without it, and the table reads the text once it was read."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow import signals, text_checks
from signaltable.jobs import JOBS
from signaltable.models import LogDetail, LogEntry, Mail, Signal, TextCheck
from signaltable.text import Span, merged
from signaltable.text_reader import client, process
from signaltable.text_reader.process import Desk, listen, serve
from signaltable.text_reader.wire import socket_path
from signaltable.transaction import Program, reading, transaction
from tests.factories import a_signal
from tests.flow.test_signals import _submit

TEXT = "Zorinka Proefveld krijgt geen loon. Haar buurvrouw spreekt van de grot van Quist."


def finds(*words: str):
    """A reader that knows these words."""
    return lambda text: merged(
        Span(text.index(word), text.index(word) + len(word), "name") for word in words if word in text
    )


@contextmanager
def reader_of(home: Path, read) -> Iterator[None]:
    """The socket, the protocol and the desk of the process, with `read` in the place of deduce."""
    desk, listener = Desk(read, seconds=0), listen(socket_path(home))
    patience = pytest.MonkeyPatch()  # Of both with each other: the machine may do something else meanwhile.
    patience.setattr(client, "_PATIENCE", 120)
    patience.setattr(process, "SECONDS", 120)
    accepting = threading.Thread(target=serve, args=(listener, desk), daemon=True)
    working = threading.Thread(target=desk.work_here, daemon=True)
    for thread in (accepting, working):
        thread.start()
    try:
        yield
    finally:
        desk.close()
        working.join()
        listener.close()
        patience.undo()


@pytest.fixture
def program(sqlite_program: Program) -> Program:
    return replace(sqlite_program, settings=replace(sqlite_program.settings, text_reader="on"))


def submitted(program: Program, actor, **more) -> str:
    return _submit(program, actor(program, "havendam"), a_signal(narrative=TEXT, **more)).reference


def stored(program: Program) -> Signal:
    with reading(program) as session:
        return session.scalars(select(Signal)).one()


def results(program: Program, action: str = "text:check") -> list[tuple[str, str]]:
    with reading(program) as session:
        rows = session.execute(
            select(LogDetail.details).join(LogEntry, LogEntry.seq == LogDetail.seq).where(LogEntry.action == action)
        )
        told = [json.loads(row.details) for row in rows]
    return sorted((one["place"], one.get("result", "")) for one in told)


def check(program: Program) -> text_checks.Checked:
    return text_checks.check_waiting(program, JOBS)


def waiting_id(program: Program, place: str = "narrative") -> str:
    with reading(program) as session:
        return session.scalars(select(TextCheck.id).where(TextCheck.place == place)).one()


def test_without_a_reader_the_signal_is_taken_in_and_its_texts_stay_with_the_owner(program, actor):
    reference = submitted(program, actor)
    signal = stored(program)
    assert (signal.narrative_masked, signal.municipality) == ("", "")
    with transaction(program, actor(program, "havendam")) as tx:
        assert signals.consult(tx, reference).narrative == TEXT
        assert {one.place for one in text_checks.own_checks(tx)} >= {"narrative", "municipality"}
        assert len(list(text_checks.work(tx))) == 0
    assert check(program).shown == 0
    assert set(dict(results(program)).values()) == {"waiting"}
    with reading(program) as session:
        assert not any(b"Zorinka" in row.found_sealed for row in session.scalars(select(TextCheck)))


def test_what_reads_nothing_new_appears_by_itself(program, actor):
    submitted(program, actor)
    with reader_of(program.settings.home, finds("Zorinka")):
        assert check(program).asked == 0
    signal = stored(program)
    assert "Zorinka" not in signal.narrative_masked
    assert "loon" in signal.narrative_masked
    assert signal.municipality
    assert ("narrative", "nothing_new") in results(program)
    with reading(program) as session:
        assert {row.found_sealed for row in session.scalars(select(TextCheck))} == {b""}
        assert (
            session.scalar(select(func.count()).select_from(Mail).where(Mail.template == text_checks.FOUND_MAIL)) == 0
        )


def test_new_words_are_for_the_submitter_who_masks_them_or_says_why_not(program, actor):
    submitted(program, actor)
    with reader_of(program.settings.home, finds("buurvrouw", "grot", "loon")):
        assert check(program).asked == 1
    assert stored(program).narrative_masked == ""
    mine = actor(program, "havendam")
    with transaction(program, mine) as tx:
        assert len(list(text_checks.work(tx))) == 1
        question = text_checks.question(tx, waiting_id(program))
    assert {one.word for one in question.words} == {"buurvrouw", "grot", "loon"}
    assert "".join(words for words, _mark in question.pieces) == TEXT
    assert ("Zorinka Proefveld", "masked") in question.pieces
    number = {one.word: one.number for one in question.words}
    with transaction(program, mine) as tx, pytest.raises(UnusableInput):
        text_checks.confirm(tx, question.check.id, {number["loon"]: " "})
    assert stored(program).narrative_masked == ""
    with transaction(program, mine) as tx:
        text_checks.confirm(tx, question.check.id, {number["loon"]: "een gewoon woord"}, ["spreekt"])
    shown = stored(program).narrative_masked
    assert "loon" in shown
    assert not any(word in shown for word in ("Zorinka", "buurvrouw", "grot", "spreekt"))
    assert results(program, "text:confirm") == [("narrative", "")]
    with transaction(program, mine) as tx, pytest.raises(Conflict):
        text_checks.confirm(tx, question.check.id, {})
    with reading(program) as session:
        assert (
            session.scalar(select(func.count()).select_from(Mail).where(Mail.template == text_checks.FOUND_MAIL)) == 1
        )


def test_a_word_that_was_freed_is_no_new_word(program, actor):
    submitted(program, actor, freed=[{"kind": "name", "word": "Quist", "reason": "een grot in een boek"}])
    with reader_of(program.settings.home, finds("Quist")):
        assert check(program).asked == 0
    assert "Quist" in stored(program).narrative_masked


def test_nobody_else_confirms(program, actor):
    submitted(program, actor)
    with reader_of(program.settings.home, finds("buurvrouw")):
        check(program)
    for login in ("delinde", "coordinator", "auditor", "beheer"):
        with pytest.raises(Refused), transaction(program, actor(program, login)) as tx:
            text_checks.question(tx, waiting_id(program))
    assert stored(program).narrative_masked == ""


def test_a_text_that_the_reader_cannot_read_goes_to_its_submitter_in_the_end(program, actor):
    submitted(program, actor)

    def breaks(text: str) -> tuple[Span, ...]:
        if "Zorinka" in text:
            raise ValueError(text)
        return ()

    with reader_of(program.settings.home, breaks):
        for _try in range(text_checks.MOST_TRIES):
            assert stored(program).narrative_masked == ""
            check(program)
    with transaction(program, actor(program, "havendam")) as tx:
        assert text_checks.question(tx, waiting_id(program)).words == ()
    assert ("narrative", "unreadable") in results(program)


def test_a_withdrawn_signal_is_not_read_and_its_text_is_forgotten(program, actor):
    reference = submitted(program, actor)
    with transaction(program, actor(program, "havendam")) as tx:
        signals.withdraw(tx, reference, "dubbel")
    with reader_of(program.settings.home, finds("buurvrouw")):
        check(program)
    with reading(program) as session:
        assert {(row.state, row.found_sealed) for row in session.scalars(select(TextCheck))} == {("done", b"")}
    assert stored(program).narrative_masked == ""


def test_with_a_reader_that_answers_nothing_waits_and_its_words_are_masked_at_once(program, actor):
    with reader_of(program.settings.home, finds("buurvrouw")):
        submitted(program, actor)
    shown = stored(program).narrative_masked
    assert "loon" in shown
    assert "buurvrouw" not in shown
    assert results(program) == []


def test_when_the_reader_is_switched_off_what_waits_appears_with_the_light_scan(program, actor):
    submitted(program, actor)
    without = replace(program, settings=replace(program.settings, text_reader="off"))
    assert check(without).shown >= 1
    assert "loon" in stored(program).narrative_masked
