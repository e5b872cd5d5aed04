"""One message, one line: what somebody typed or sent cannot begin a line of its own in the log, nor colour a terminal.

Escaped are control characters, line and paragraph separators, what turns the direction of writing, and lone surrogates.
"""

import logging
import unicodedata
from typing import Final

# Unicode categories that print nothing by themselves: control, format (bidi, zero width), surrogate, private use,
# line and paragraph separator.
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class OneLine(logging.Formatter):
    """A formatter whose every record is one line of characters that can be seen.

    Of an exception only its type is told: its text and its frames may quote personal data.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        kind = record.exc_info[0] if record.exc_info else None
        plain = logging.makeLogRecord({**record.__dict__, "exc_info": None, "exc_text": None, "stack_info": None})
        line = super().format(plain)
        return visible(f"{line} ({kind.__name__})" if kind else line)


def visible(text: str) -> str:
    r"""The text with every character that cannot be seen written as \x.., \u.... or \U........"""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(sign) if unicodedata.category(sign) in UNSEEN else sign for sign in text)


def _escaped(sign: str) -> str:
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
