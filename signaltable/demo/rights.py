"""Verbs of the demo: roles for some time, and a case opened in acute danger with the look back on it."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from signaltable.demo.story import BrokenDemo, Demo, Step
from signaltable.flow.coming_in.actors import SYSTEM, actor_of_login
from signaltable.flow.rights import grants, looking_back, opening, reading
from signaltable.flow.rights.opening import Opened
from signaltable.models import Account
from signaltable.transaction import Program, transaction
from signaltable.transaction import reading as look_at


def give_role(demo: Demo, step: Step) -> None:
    """The administrator gives somebody a role for some days."""
    said = step.said
    ends_at = step.at + timedelta(days=said["days"])
    options = {"begins_at": None, "ends_at": ends_at, "reason": said["reason"]}
    demo.use(step, said.get("by", "beheer"), grants.give, _account(demo, said["to"]), said["role"], **options)


def open_in_danger(demo: Demo, step: Step) -> None:
    """Somebody opens a case that is not theirs, reads it, and says that they are done where the file says so."""
    said, then = step.said, _then(demo, step)
    given = {"danger": said["danger"], "reason": said["reason"], "acute": True}
    with transaction(then, actor_of_login(then, said["by"])) as tx:
        opened = opening.open_case(tx, demo.references[step.case], **given)
    if not isinstance(opened, Opened):
        raise BrokenDemo(f"{step.case}: expected a case that {said['by']} can open in acute danger")
    demo.requests[step.case, said["by"]] = opened.id
    # Whoever reads comes in with what was opened, so it is somebody who came in after that.
    with transaction(then, actor_of_login(then, said["by"])) as tx:
        reading.consult(tx, opened.id)
        if said.get("done"):
            opening.close(tx, opened.id)


def look_back(demo: Demo, step: Step) -> None:
    """A privacy officer looks back on it."""
    said = step.said
    access = demo.requests[step.case, said["of"]]
    demo.use(step, said["by"], looking_back.consult, access)
    demo.use(step, said["by"], looking_back.review, access, said["verdict"], said["words"])


def tell_of_rights(demo: Demo, step: Step) -> None:
    """The program tells which rights ended, as its job does every minute."""
    with transaction(_then(demo, step), SYSTEM) as tx:
        grants.sweep(tx)
        opening.sweep(tx)


def _account(demo: Demo, login: str) -> str:
    with look_at(demo.program) as session:
        return session.scalars(select(Account.id).where(Account.login == login)).one()


def _then(demo: Demo, step: Step) -> Program:
    return replace(demo.program, clock=lambda: step.at)
