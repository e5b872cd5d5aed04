"""Makes the marked accounts out of tuning.toml and held_out.toml: the same ones every time, by a seed.

The two files have other sentences, other names and other notations. A value is drawn for every place, so one account
of the file gives several texts.
"""

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stdnum.iso7064 import mod_97_10

from signaltable.text import Span

HERE = Path(__file__).parent
HALVES = ("tuning", "held_out")
# How many texts come of one account of the file.
DRAWS = 4
SEED = 5
_PLACE = re.compile(r"<([a-z]+)(?:=([^>]+))?>")
_NO_KIND = frozenset({"city", "people", "month"})
_KINDS = {
    **dict.fromkeys(("full", "given", "small", "surname", "initials"), "name"),
    **dict.fromkeys(("street", "postcode"), "address"),
    "birth": "date",
}
_MONTHS = ("januari februari maart april mei juni juli augustus september oktober november december").split()


@dataclass(frozen=True, slots=True)
class Marked:
    """An account as one of the three kinds of writers writes it, and the spans that have to be found in it."""

    writer: str
    text: str
    spans: tuple[Span, ...]


@cache
def marked(half: str) -> tuple[Marked, ...]:
    """The accounts of "tuning" or "held_out"."""
    raw = tomllib.loads((HERE / f"{half}.toml").read_text())
    draw = random.Random(f"{SEED} {half}")
    return tuple(_filled(row, raw["values"], draw) for row in raw["text"] for _ in range(_draws(row)))


def _draws(row: dict[str, Any]) -> int:
    return DRAWS if any(not fixed for _name, fixed in _PLACE.findall(row["text"])) else 1


def _filled(row: dict[str, Any], values: dict[str, list[str]], draw: random.Random) -> Marked:
    pieces: list[str] = []
    spans: list[Span] = []
    at = 0
    for found in _PLACE.finditer(row["text"]):
        pieces.append(row["text"][at : found.start()])
        at = found.end()
        name, fixed = found[1], found[2]
        value = fixed or _drawn(name, values, draw)
        start = sum(map(len, pieces))
        if name not in _NO_KIND:
            spans.append(Span(start, start + len(value), _KINDS.get(name, name)))
        pieces.append(value)
    return Marked(row["writer"], "".join([*pieces, row["text"][at:]]), tuple(spans))


def _drawn(name: str, values: dict[str, list[str]], draw: random.Random) -> str:
    if name == "bsn":
        return _bsn(draw)
    form = draw.choice(values[name])
    if name == "iban":
        return _iban(form, draw)
    if name == "birth":
        return _birth(form, draw)
    if name in {
        "full",
        "given",
        "small",
        "surname",
        "initials",
        "address",
        "street",
        "postcode",
        "company",
        "city",
        "people",
        "month",
    }:
        return form
    return re.sub("#", lambda _: str(draw.randrange(1, 10)), form)


def _bsn(draw: random.Random) -> str:
    while True:
        digits = [draw.randrange(1, 10) for _ in range(9)]
        if (sum(digit * weight for digit, weight in zip(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True))) % 11 == 0:
            return "".join(map(str, digits))


def _iban(form: str, draw: random.Random) -> str:
    bank, account = draw.choice(("ABNA", "INGB", "RABO", "KNAB", "BUNQ")), f"{draw.randrange(10**9, 10**10)}"
    check = mod_97_10.calc_check_digits(f"{bank}{account}NL")
    number = f"NL{check}{bank}{account}"
    if form == "grouped":
        return " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return number.lower() if form == "small" else number


def _birth(form: str, draw: random.Random) -> str:
    day, month, year = draw.randrange(1, 28), draw.randrange(1, 13), draw.randrange(1961, 2010)
    named = {"month": _MONTHS[month - 1], "mon": _MONTHS[month - 1][:3], "mm": f"{month:02}", "m": str(month)}
    named |= {"dd": f"{day:02}", "d": str(day), "yy": f"{year % 100:02}", "y": str(year)}
    if form == "##-##-19":
        return f"{day:02}-{month:02}-{1961 + year % 38}"
    return re.sub("month|mon|mm|dd|yy|[mdy]", lambda found: named[found[0]], form)


def texts() -> Iterator[tuple[str, Marked]]:
    """Every account with its half."""
    for half in HALVES:
        yield from ((half, one) for one in marked(half))
