"""The program's own messages: one line each, with nothing in it that cannot be seen (ASVS 16.4.1)."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.log_lines import OneLine, visible
from signaltable.program import write_to_log_file


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
