"""Whether the signer of the log, where it is a process of its own, does its work: asked by the jobs, once a minute.

The nightly check finds an unsigned log too, but a day late; and a signer that refuses to sign may tell nobody itself, since
its role of the database reaches no account.
"""

from typing import Final

from audit.findings import Finding
from signaltable import audit_trail
from signaltable.flow import signing
from signaltable.flow.fsck.report import span
from signaltable.flow.fsck.unsigned import waits_too_long
from signaltable.flow.turns import ERROR
from signaltable.job_times import CHECKPOINT
from signaltable.models import JobTurn
from signaltable.transaction import Program, reading

KIND: Final = "signing-stopped"
REFUSED: Final = f"{ERROR}{signing.LogBroken.__name__}"


def stopped(program: Program) -> Finding | None:
    """What is wrong with the signing of the log, if anything: it refuses, or an entry waits for longer than three turns."""
    with reading(program) as session:
        turn = session.get(JobTurn, CHECKPOINT)
        if turn is not None and turn.problem == REFUSED:
            return Finding(KIND, "log", "the signer refuses to sign: the log does not continue what was signed before")
        newest = audit_trail.newest_checkpoint(session)
        covered = newest.size if newest else 0
        if not waits_too_long(session, covered, program.settings.checkpoint_minutes, program.clock()):
            return None
    return Finding(KIND, span(covered, covered), "this entry has waited for a signature for too long")
