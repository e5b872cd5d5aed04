"""The program's own messages: one line each, with nothing in it that cannot be seen (ASVS 16.4.1)."""

import json
import logging
import os
import re
import subprocess
import sys

import pytest
from flask import g
from hypothesis import given
from hypothesis import strategies as st

from signaltable import messages
from signaltable.jobs.running import doing
from signaltable.log_lines import OneLine, visible
from signaltable.program import write_to_log_file
from signaltable.web import create_app


def line(message, *values, error=None):
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("signaltable", logging.ERROR, "x.py", 1, message, values, info)
    return OneLine("%(levelname)s %(message)s").format(record)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("a\r\n2026-01-01 INFO all is well", r"a\x0d\x0a2026-01-01 INFO all is well"),
        ("\x1b[2J\x1b[31m", r"\x1b[2J\x1b[31m"),
        ("Jan\u202eneP", r"Jan\u202eneP"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("Zoë 中 é", "Zoë 中 é"),
    ],
)
def test_a_value_is_told_as_what_it_is(sent, told):
    assert line("job %s ended", sent) == f"ERROR job {told} ended"


@given(st.text())
def test_every_message_is_one_line_that_can_be_seen(text):
    told = line("said: %s", text)
    assert len(told.splitlines()) == 1
    assert told.encode()
    assert visible(told) == told


def test_of_an_error_only_its_kind_is_told():
    assert line("it broke", error=ValueError("Quinzabelle\nis known here")) == "ERROR it broke (ValueError)"


def test_the_file_of_the_program_is_written_so(sqlite_settings):
    logger = logging.getLogger("signaltable")
    before = list(logger.handlers)
    logger.handlers[:] = []
    try:
        write_to_log_file(sqlite_settings)
        logger.warning("said: %s", "a\nb")
        assert sqlite_settings.log_file.read_text().endswith("WARNING said: a\\x0ab\n")
    finally:
        for handler in logger.handlers:
            handler.close()
        logger.handlers[:] = before


def written(kind, *args, error=None):
    record = logging.LogRecord("signaltable", logging.ERROR, "here.py", 1, args[0], args[1:], None)
    if error is not None:
        try:
            raise error
        except type(error):
            record.exc_info = sys.exc_info()
    record.stack_info = "Stack: Quinzabelle"
    return messages.formatter(kind).format(record)


EVIL = "x\r\n2026-01-01 INFO all is well\x1b[2J\u202e\u2028\ud800"


@pytest.mark.parametrize("kind", ["text", "json"])
def test_in_both_forms_a_message_is_one_line_and_an_error_its_kind_and_place(kind):
    told = written(kind, "it broke: %s", EVIL, error=ValueError("Quinzabelle"))
    assert visible(told) == told
    assert "Quinzabelle" not in told
    assert "ValueError" in told
    assert re.search(r"tests/flow/test_log_lines\.py:[0-9]+", told)


def test_as_json_each_line_is_one_object_with_what_is_going_on(sqlite_program):
    app = create_app(sqlite_program.settings, sqlite_program)
    with app.test_request_context("/signalen/S-1234-AB"), doing("outbox", sqlite_program):
        app.preprocess_request()
        told = json.loads(written("json", "said: %s", EVIL))
        work = g.work
    assert told["event"] == f"said: {EVIL}"
    assert told["level"] == "error"
    assert told["process"] == "web"
    assert told["route"] == "signals.show"
    assert (told["trace_id"], told["span_id"], told["job"]) == (work.trace_id, work.span_id, "outbox")
    assert "S-1234-AB" not in str(told)


def test_messages_go_to_the_journal_when_asked(sqlite_settings):
    ask = (
        "import logging; from signaltable import messages; from signaltable.settings import Settings;"
        "messages.send(Settings.from_env()); logging.getLogger('sqlalchemy.pool').error('a %s', 'b')"
    )
    env = {**os.environ, "SIGNALTABLE_HOME": str(sqlite_settings.home)}
    env |= {"SIGNALTABLE_LOG_TO": "stderr", "SIGNALTABLE_LOG_FORMAT": "json"}
    said = subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True, text=True, check=True)
    assert json.loads(said.stderr)["event"] == "a b"
    assert not sqlite_settings.log_file.exists()


def test_what_the_server_of_the_web_has_to_say_stands_in_the_file_too(sqlite_settings):
    """That a worker was killed, say: whoever reads the file would look for it elsewhere in vain."""
    code = (
        "import sys; from gunicorn.config import Config; from signaltable import messages;"
        "from signaltable.settings import Settings; from signaltable.web_server import Log;"
        "messages.send(Settings.from_env()); logs = [Log(Config()) for _ in range(2)];"
        "logs[1].warning('Worker (pid:%s) was sent SIGKILL!', 7)"
    )
    environment = {"PATH": os.environ["PATH"], "SIGNALTABLE_HOME": str(sqlite_settings.home)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    (line,) = sqlite_settings.log_file.read_text().splitlines()
    assert line.count("Worker (pid:7) was sent SIGKILL!") == 1
    assert "Worker (pid:7)" in done.stderr
