"""A form that was filled in, kept while its owner proves at an identity provider who they are; sealed, and for minutes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signaltable.domain import Actor
from signaltable.flow import sealing
from signaltable.flow.coming_in import steps
from signaltable.keys import CannotOpen
from signaltable.transaction import Program, transaction

KIND: Final = "kept"


@dataclass(frozen=True, slots=True)
class KeptForm:
    """Where the form goes, and all that was filled in; nothing of it stands in a repr."""

    action: str
    fields: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"KeptForm({len(self.fields)} fields)"


def keep(program: Program, actor: Actor, action: str, fields: Sequence[tuple[str, str]]) -> str:
    """Seal a form for the agency of who filled it in. Returns the token with which the same person gets it back, once."""
    content = {"action": action, "fields": [list(one) for one in fields]}
    with transaction(program, actor) as tx:
        sealed = sealing.seal_json(tx, actor.agency_id, content, _place(actor))
    state = {"sealed": base64.b64encode(sealed).decode()}
    return steps.begin(program, KIND, account_id=actor.account_id, state=state)


def take(program: Program, actor: Actor, token: str) -> KeptForm | None:
    """What was kept; None when it is gone, too old, or of somebody else. It is forgotten with this."""
    step = steps.found(program, token, KIND)
    if step is None or step.account_id != actor.account_id:
        return None
    try:
        with transaction(program, actor) as tx:
            steps.end(tx, token)
            sealed = base64.b64decode(str(step.state["sealed"]))
            content = sealing.open_json(tx, actor.agency_id, sealed, _place(actor))
    except CannotOpen:
        return None
    return KeptForm(str(content["action"]), tuple((str(name), str(value)) for name, value in content["fields"]))


def _place(actor: Actor) -> str:
    return f"login_steps|kept|{actor.account_id}"
