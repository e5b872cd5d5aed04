"""Which benchmarks there are, in the order in which they run."""

from collections.abc import Mapping
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
