"""The administrator's page about keys: what there is, how old, what hangs on it. It shows no key and changes none."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signaltable.access import Permission
from signaltable.flow import key_status
from signaltable.flow.agencies import agency_choices
from signaltable.flow.rotating import Progress
from signaltable.web.guards import begin, permission

pages = Blueprint("keys", __name__, url_prefix="/beheer/sleutels")


@pages.get("")
@permission(Permission.KEY_CONSULT_ALL)
def show() -> ResponseReturnValue:
    """Every key with its state and age, and how far the replacing of keys is.

    In a large region what hangs on each key is counted only for who asks for it (`?tellen=ja`).
    """
    with begin() as tx:
        counting = request.args.get("tellen") == "ja" or key_status.quick_to_count(tx)
        state = key_status.consult(tx, "keys", counting=counting)
        titles = {agency_id: title for agency_id, title, _active in agency_choices(tx)}
    return render_template(
        "admin/keys.html",
        state=state,
        titles=titles,
        purposes=_purposes(),
        states=_states(),
        owners={"operator": _("Operator"), "signer": _("Operator, apart from the web")},
        warnings=_warnings(),
        stands=_stands,
    )


def _purposes() -> dict[str, str]:
    """What each kind of key is for."""
    return {
        "agency": _("What is sealed for the organisation"),
        "data": _("Data keys of people and cases"),
        "draft": _("Forms that are not finished"),
        "log": _("Signing the log"),
        "match": _("Recognising the same person in two signals"),
        "recipient": _("Pseudonyms for receivers"),
        "rows": _("Checking rows against the log"),
        "session": _("Being signed in"),
    }


def _states() -> dict[str, tuple[str, str]]:
    """What the state of a key is called, and its tone."""
    return {
        "active": (_("In use"), "good"),
        "retired": (_("Opens old data only"), "warning"),
        "destroyed": (_("Destroyed"), "quiet"),
    }


def _warnings() -> dict[str, str]:
    return {
        "old": _("Older than a year"),
        "shared": _("Shared with other organisations"),
        "readable": _("Others on the machine can read the file with the keys. Ask the operator to close it."),
        "not_exported": _("Keys were made since the last export. Ask the operator to make one, with two keepers."),
    }


def _stands(one: Progress) -> str:
    """How far the replacing of a key is, in words."""
    return {
        "running": _("Under way"),
        "waiting": _("The new key is in use; the old one goes when nothing needs it any more"),
        "stopped": _("Stopped: something does not open with the old key"),
        "finished": _("Finished; the old key is kept") if one.kept_old else _("Finished; the old key is destroyed"),
    }.get(one.state, one.state)
