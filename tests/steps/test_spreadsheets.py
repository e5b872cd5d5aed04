"""Cells of a table that somebody opens in a spreadsheet program: text stays text, and comes back as it was (ASVS 1.2.10)."""

import ast
import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.invented_people import invent, write_lists
from signaltable.person_list import read_list
from signaltable.spreadsheets import cell, plain, table
from tests.guards.test_imports import MODULES

SIGNS = "=+-@"
FORMULAS = [
    *(f"{sign}cmd|' /C calc'!A0" for sign in SIGNS),
    *(
        f"{before}=1+1"
        for before in ("\t", "\r", "\n", " ", "\u00a0", '"', "'", "\u200b", "\ufeff", "\u202e", "\x00", " \t\r\n")
    ),
    "\uff1dHYPERLINK(1)",
    "\uff0b1+1",
    "\uff0dA1",
    "\uff20SUM(1)",
    "%0A-3+3+cmd|' /C calc'!D2",
    "|calc",
    "jan;=1+1",
    "jan,=1+1",
    'jan",=1+1',
    "jan\t@SUM(1)",
    "jan\r\n+1+1",
    "-2+3",
    "+31612345678",
    "-5\n=1",
    "1\n=2",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_program_would_calculate_is_text(text):
    assert len(cell(text)) > len(text)
    assert not would_run(cell(text))
    assert plain(cell(text)) == text


@pytest.mark.parametrize(
    "value", ["Jan", "'s-Gravenhage", "e=mc2", "a-b", "-5", "-5.25", "3,14", "2026-11-20", "a@b.example", "", "é"]
)
def test_what_is_no_formula_stays_as_it_is(value):
    assert cell(value) == value
    assert plain(value) == value


def test_numbers_and_nothing_are_cells():
    assert [cell(one) for one in (-5, 2.5, True, None)] == ["-5", "2.5", "True", ""]


@given(st.text())
def test_whatever_is_written_comes_back(text):
    assert plain(cell(text)) == text


def would_run(written):
    """Whether a cell, or what a cut at any separator makes of it, begins with a sign behind what programs skip."""
    pieces = re.split("[;,\\t\\r\\n]", written)
    begun = [re.sub('^[\\s"\\x00-\\x1f\u200b-\u200f\u202a-\u202e\ufeff]+', "", piece) for piece in pieces]
    signs = (*SIGNS, "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    return any(piece.startswith(signs) for piece in begun) and not re.fullmatch("-?[0-9]+([.,][0-9]+)?", written)


@given(st.text(alphabet=SIGNS + "\t\r\n \"';,\uff1d\uff20a1", max_size=12))
def test_a_cell_never_begins_as_a_formula_also_where_a_separator_cuts_it(text):
    assert not would_run(cell(text))


def test_a_table_comes_back_whole():
    rows = [["a;b", 'q"q', "=1"], ["two\r\nlines", "", "'x"]]
    raw = table(("-head", "b", "c"), rows)
    found = [[plain(one) for one in row] for row in csv.reader(io.StringIO(raw, newline=""))]
    assert found == [["-head", "b", "c"], *rows]


def test_the_kit_writes_lists_that_it_reads_back(tmp_path):
    lists = invent(30, seed=7)
    write_lists(lists, tmp_path)
    raw = (tmp_path / "left.csv").read_bytes()
    found = read_list(raw, most=1000)
    phones = {row["phone"] for row in lists.left if row["phone"]}
    assert {line.values["phone"] for line in found.lines if "phone" in line.values} == phones
    assert not any(one.startswith(tuple(SIGNS)) for row in csv.reader(io.StringIO(raw.decode())) for one in row)


def test_nothing_else_writes_tables():
    """Every export goes through one function: nothing else in the program knows how to write comma-separated values."""
    writers = set()
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in {"writer", "DictWriter"}:
                writers.add(module)
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
                writers |= {module for name in names if name.split(".")[0] in {"openpyxl", "xlsxwriter", "pandas"}}
    assert writers == {"signaltable.spreadsheets"}
