"""Which benchmarks there are, in the order in which they run."""

from collections.abc import Mapping
from inspect import getdoc, getmodule
from types import MappingProxyType
from typing import Final

from signaltable.bench import (
    audit_row,
    figures,
    link,
    lists,
    load,
    log_postgres,
    proofs,
    rotate,
    search,
    start,
    submit,
    verify,
)
from signaltable.bench.given import Lines

# What is named on the command line -> what measures it. A module comes in with one line here.
BENCHMARKS: Final[Mapping[str, Lines]] = MappingProxyType(
    {
        "submit": submit.lines,
        "audit-row": audit_row.lines,
        "load": load.lines,
        "log": log_postgres.lines,
        "start": start.lines,
        "link": link.lines,
        "lists": lists.lines,
        "search": search.lines,
        "figures": figures.lines,
        "verify": verify.lines,
        "proofs": proofs.lines,
        "rotate": rotate.lines,
    }
)


def described() -> list[dict[str, str]]:
    """The benchmarks by name, with the first sentence about what each measures, as `signaltable bench --list --json` prints them."""
    return [{"name": name, "what": _first_sentence(lines)} for name, lines in BENCHMARKS.items()]


def _first_sentence(lines: Lines) -> str:
    # What a module says of itself is what it measures; of its function, which lines that gives.
    about = (getdoc(getmodule(lines)) or "").partition("\n\n")[0]
    return " ".join(about.split()).partition(". ")[0].rstrip(".")
