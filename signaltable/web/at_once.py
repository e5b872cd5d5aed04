"""What the page says when two people were at the same thing: what happened meanwhile, and what the second one typed."""

from collections.abc import Iterator
from datetime import datetime

from flask import request

from signaltable.flow import meanwhile
from signaltable.flow.coming_in.actors import is_known
from signaltable.flow.meanwhile import Attempt, Change
from signaltable.web.guards import actor, begin

# Texts of one line are choices and codes; what takes thinking is longer, or has words.
SHORT = 3
LONGEST = 16  # Digits of a version.


def happened() -> tuple[Change, ...]:
    """The last changes of what this request was about, as far as whoever sent it may know of them."""
    if not is_known(actor()):
        return ()
    about = [str(one) for one in (request.view_args or {}).values()]
    about += [one for one in (request.form.get("signal", ""),) if one]
    with begin() as tx:
        return meanwhile.changes(tx, {one.upper() if one[1:2] == "-" else one for one in about})


def taken_back() -> tuple[Change, ...]:
    """That the signal of this form was taken back or expired while somebody who worked with it filled the form in."""
    reference = str((request.view_args or {}).get("reference", ""))
    if request.method != "POST" or not is_known(actor()):
        return ()
    with begin() as tx:
        return meanwhile.changes(tx, [reference.upper()]) if meanwhile.is_gone(tx, reference) else ()


def typed() -> tuple[str, ...]:
    """The texts that were typed in the form, so that none is lost; no codes, choices or passwords."""
    return tuple(dict.fromkeys(_texts()))


def _texts() -> Iterator[str]:
    for name, values in request.form.lists():
        if name == "csrf_token" or "password" in name:
            continue
        yield from (one.strip() for one in values if len(one.split()) >= SHORT)


def version(object_id: str, *actions: str) -> int:
    """What the hidden field `version` of a form holds: where the thing stands now, or stood when the form was first shown."""
    posted = seen_version()
    if posted is not None:
        return posted
    with begin() as tx:
        return meanwhile.version_of(tx, object_id, *actions)


def seen_version() -> int | None:
    """The hidden field `version` as it was sent; None without one. What is no number never stood there."""
    sent = request.form.get("version", "") if request.method == "POST" else ""
    if not sent:
        return None
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < LONGEST else -1


def tried(reference: str, endpoint: str, since: datetime | None) -> tuple[Attempt, ...]:
    """Who tried to do this with a signal or disclosure after somebody else had done it."""
    if since is None:
        return ()
    with begin() as tx:
        return meanwhile.attempts(tx, reference, endpoint, since)
