"""Forms that count once, however often somebody clicks: which these are, and where a second click leads."""

import hashlib
import hmac
import json

from flask import current_app, flash, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from signaltable.keys import KeyProvider

# Whoever sends these twice means it: they only look or compare, move one place further, or carry files.
MAY_REPEAT = frozenset(
    {
        "admin.password",
        "attachments.draft",
        "attachments.signal",
        "blind_check.check",
        "identity_requests.open_first",
        "links.read_notice",
        "questions.compare",
        "samples.judge",
        "search.find",
        "signals.identity",
        "table.reorder",
    }
)
# Drafts keep a version of each step; the account, the card and the log change nothing about a signal.
ELSEWHERE = frozenset({"account", "auditor", "card", "incidents", "intake", "misuse", "witness"})


def form_digest(keys: KeyProvider) -> str:
    """A keyed digest of what this request sends and whereto, without passwords; empty for a form that may be repeated."""
    endpoint = request.endpoint or ""
    if request.method != "POST" or endpoint in MAY_REPEAT or request.blueprint in ELSEWHERE:
        return ""
    sent = sorted((name, values) for name, values in request.form.lists() if not _passing(name))
    said = json.dumps([request.path, sent]).encode()
    return hmac.new(keys.derive("session", "sent-form"), said, hashlib.sha256).hexdigest()


def _passing(name: str) -> bool:
    return name == "csrf_token" or "password" in name


def session_digest() -> str:
    """Under which the server keeps this session."""
    return hashlib.sha256(session.get("_user_id", "").encode()).hexdigest()


def page_of_form() -> str:
    """The page on which what this form is about can be seen: its own address, or the nearest one above it."""
    adapter = current_app.create_url_adapter(request)
    path = request.path
    while adapter is not None and path.strip("/"):
        try:
            adapter.match(path, method="GET")
        except HTTPException:
            path = path.rpartition("/")[0]
        else:
            return path
    return "/"


def lead_on() -> ResponseReturnValue:
    """A second click leads to what the first one did."""
    flash(_("You sent this twice. It counts once."), "info")
    return redirect(page_of_form(), 303)
