"""What every machine does for itself, whoever has the turns: keep its own files as far as those of the others.

The signed notes and the register of erasures stand outside the database on purpose, on each machine. A machine whose notes
end earlier could sign a second history after a database was put back; one whose register does could bring somebody back.
"""

import logging
from collections.abc import Callable

from signaltable.flow import own_register, signing
from signaltable.flow.mail import bounces
from signaltable.jobs.duty import Duty
from signaltable.jobs.work import JOBS
from signaltable.transaction import Program

LOG = logging.getLogger("signaltable.jobs")


def run_own(program: Program, duty: Duty) -> None:
    """Do all of it, as far as this process is for it. Never raises."""
    work: list[tuple[str, Callable[[], object]]] = []
    if duty.signs:
        work.append(("keep the newest note", lambda: signing.settle(program)))
    if duty.does_rest:
        work.append(("keep the register", lambda: own_register.catch_up(program)))
        if any(program.settings.bounces.glob("*.eml")):
            work.append(("read the bounces", lambda: bounces.read_bounces(program, JOBS)))
    for name, do in work:
        try:
            do()
        except Exception as error:  # noqa: BLE001 -- the database is away, say; the next time comes soon
            LOG.error("cannot %s: %s", name, type(error).__name__)  # noqa: TRY400 -- a traceback may quote data
