"""fsck: the log against itself, against the rows, and against what stands outside."""

from signaltable.flow.fsck import inspect
from signaltable.transaction import Program


def test_a_fresh_home_has_no_findings(program: Program) -> None:
    report = inspect(program)

    assert report.findings == ()
    assert report.checked["accounts"] > 0
