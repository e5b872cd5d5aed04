"""The check on the auditor's page: what `fsck` found, line by line, for people who want to see what was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.findings import Finding
from signaltable import audit_trail
from signaltable.access import Permission, require
from signaltable.domain import Actor
from signaltable.flow import fsck, incidents
from signaltable.transaction import Program, reading, transaction

# Beyond this many entries a check takes longer than a page may; then the jobs process makes it (incidents.request_check).
LONG = 20_000
# How many places a line names; the count says how many there are.
MOST_PLACES = 20

# Line -> (the counts of the report that say how many were looked at, the kinds of findings that belong to it).
LINES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "numbers": (("entries",), ("missing-entry", "misplaced-entry")),
    "leaves": (("entries",), ("changed-entry", "changed-leaf", "malformed-entry")),
    "columns": (("entries",), ("changed-column", "changed-term")),
    "tree": (("nodes",), ("changed-node", "changed-head")),
    "checkpoints": (
        ("checkpoints", "kept_checkpoints"),
        (
            "changed-tree",
            "fork",
            "bad-checkpoint",
            "bad-held-checkpoint",
            "missing-checkpoint",
            "retired-key",
            "replaced-key",
            "restored-database",
            "witness-disagrees",
        ),
    ),
    "details": (("details",), ("changed-details", "malformed-details", "orphan-details", "not-in-vocabulary")),
    "kept": (("destroyed",), ("missing-details", "restored-details", "unexplained-erasure", "changed-register")),
    "times": (("entries",), ("time-backwards", "clock-set-back")),
    "rows": ((), ("row-without-entry", "entry-without-row", "changed-row", "missing-key")),
    "fence": (("triggers",), ("missing-trigger", "unknown-trigger", "open-fence")),
    "signing": ((), ("signing-stopped", "too-few-witnesses")),
}
# What the report counts besides rows.
NO_ROWS = frozenset(
    "entries details nodes terms checkpoints kept_checkpoints destroyed erasures triggers refusals_tried seals "
    "rows_not_compared witnesses".split()
)


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was checked. `checked` how many, `wrong` how many did not hold, `places` where (the first few).

    `code` is one of numbers, leaves, columns, tree, checkpoints, details, kept,
    times, rows, fence, signing.
    """

    code: str
    checked: int
    wrong: int
    places: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return self.wrong == 0


def is_long(program: Program) -> bool:
    """Whether the log is too long to be checked while somebody waits for a page."""
    with reading(program) as session:
        return audit_trail.size(session) > LONG


def check(program: Program, actor: Actor) -> list[CheckLine]:
    """Check everything but what is sealed, record that it was done, and open incidents for what was found."""
    with transaction(program, actor):
        require(actor, Permission.LOG_CONSULT_ALL)
    report = fsck.inspect(program, seals="none")
    incidents.record(program, actor, report)
    return lines_of(report)


def lines_of(report: fsck.Report) -> list[CheckLine]:
    """The report, line by line; a kind that has no line of its own stands with the entries."""
    known = {kind: code for code, (_, kinds) in LINES.items() for kind in kinds}
    by_line: dict[str, list[Finding]] = {code: [] for code in LINES}
    wrong = dict.fromkeys(LINES, 0)
    for kind, count in report.counts.items():
        wrong[known.get(kind, "leaves")] += count
    for one in report.findings:
        if one.at:
            by_line[known.get(one.kind, "leaves")].append(one)
    return [CheckLine(code, _checked(report, code), wrong[code], _places(by_line[code])) for code in LINES]


def _checked(report: fsck.Report, code: str) -> int:
    if code == "rows":
        return sum(count for name, count in report.checked.items() if name not in NO_ROWS)
    return sum(report.checked.get(name, 0) for name in LINES[code][0]) or 1


def _places(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.at for one in findings))[:MOST_PLACES]
