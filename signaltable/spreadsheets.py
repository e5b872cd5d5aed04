"""Tables for a spreadsheet: every cell goes through `cell`, so that none of them is a formula where it is opened.

A spreadsheet program calculates what begins with = + - or @, also behind spaces, a tab or a line end, also in full-width
signs, and also where a separator inside a cell makes a new cell begin (OWASP, CSV Injection). Such a sign gets an
apostrophe in front, which spreadsheet programs take for "text follows" and `plain` takes away again. Numbers stay numbers.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

# What a formula begins with, and the signs of other widths that some programs read as the same.
_STARTS: Final = "=+\\-@|%\uff1d\uff0b\uff0d\uff20\u2212\ufe63\ufe62\ufe66\ufe6b"
# What another country's spreadsheet program would cut a cell at; the reader of today cuts at none of them, since all are quoted.
_SEPARATORS: Final = ";,\\t\\r\\n\\x0b\\x0c\\x85\u2028\u2029"
# What is skipped before a cell is read: spaces of all kinds, quotes, marks without width.
_SKIPPED: Final = "\\s\\x00-\\x1f\x7f\"'\u200b-\u200f\u2060\u202a-\u202e\u2066-\u2069\ufeff"
# The whole run before a sign; asked once for each run, so that a long one is read once.
_BEGINNING: Final = re.compile(f"(?<![{_SKIPPED}{_SEPARATORS}])([{_SKIPPED}{_SEPARATORS}]*)([{_STARTS}])")
_CUT: Final = re.compile(f"[{_SEPARATORS}]")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:[.,][0-9]{1,15})?")
TEXT_FOLLOWS: Final = "'"

Value = str | int | float | bool | None


def cell(value: Value) -> str:
    """A value as it may stand in a cell; "" for None."""
    if value is None:
        return ""
    text = str(value)
    if not isinstance(value, str) or _NUMBER.fullmatch(text):
        return text
    return _BEGINNING.sub(_marked, text)


def plain(text: str) -> str:
    """What stood in a cell before `cell` wrote it; a text of somebody else, such as 's-Gravenhage, stays as it is."""
    return _BEGINNING.sub(_unmarked, text)


def table(head: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """A whole file of comma-separated values (RFC 4180): every cell safe, every cell in quotes, lines that end in CRLF."""
    written = io.StringIO(newline="")
    out = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for row in (head, *rows):
        out.writerow([cell(value) for value in row])
    return written.getvalue()


def _begins_a_cell(found: re.Match[str]) -> bool:
    return found.start() == 0 or _CUT.search(found[1]) is not None


def _marked(found: re.Match[str]) -> str:
    return f"{found[1]}{TEXT_FOLLOWS}{found[2]}" if _begins_a_cell(found) else found[0]


def _unmarked(found: re.Match[str]) -> str:
    return f"{found[1].removesuffix(TEXT_FOLLOWS)}{found[2]}" if _begins_a_cell(found) else found[0]
