"""Passing on what was received: the pages of disclosing, opened from the inbox."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from signaltable.access import Permission
from signaltable.domain import NotFound
from signaltable.flow import sources
from signaltable.web.disclosures import LOOK, choose_page, disclose_page, preview_page
from signaltable.web.guards import TELLING_NAMES, permission, refuse_request, step_up_unless

pages = Blueprint("transfers", __name__, url_prefix="/postvak/<reference>/doorzetten")


@pages.get("")
@permission(Permission.REFERRAL_TRANSFER_OWN)
def choose(reference: str) -> ResponseReturnValue:
    """Where it can go; whoever has several tasks first says in which one it got this."""
    surplus = set(request.args) - {"capacity"}
    if surplus or len(request.args.getlist("capacity")) > 1:
        refuse_request("not_on_the_form", sorted(surplus & TELLING_NAMES), max(1, len(surplus)))
    return choose_page(_received(reference), request.args.get("capacity", ""))


@pages.get("/<key>")
@permission(Permission.REFERRAL_TRANSFER_OWN)
def preview(reference: str, key: str) -> ResponseReturnValue:
    """What one agency would see of it on one ground, and the conditions to fill in."""
    return preview_page(_received(reference), key)


@pages.post("/<key>")
@permission(Permission.REFERRAL_TRANSFER_OWN)
@step_up_unless("step", LOOK)
def disclose(reference: str, key: str) -> ResponseReturnValue:
    """Pass on what was shown, or show what these answers let through."""
    return disclose_page(_received(reference), key)


def _received(reference: str) -> str:
    if not sources.is_received(reference):
        raise NotFound("no such disclosure")
    return reference
