"""A form of which the page said that nobody knows whether it was stored: sent again it counts once, however long after that.

Nobody can write down then that it was sent, for the database is away. So the browser keeps it, in a signed cookie of its own:
where the log has the act if it was stored, under the keyed digest of what was sent. Nothing of the form can be read from it.
When the same comes again, the log says what became of it. Every process of every machine can ask that; it ends with the
session of the browser.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Final

from flask import Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, Signer
from werkzeug.datastructures import FileStorage

from signaltable.flow import sent_forms
from signaltable.flow.coming_in.actors import is_known
from signaltable.storage_faults import AWAY, StorageFault
from signaltable.transaction import was_stored
from signaltable.web.guards import STEP_UP_FIELDS, actor, program
from signaltable.web.once import lead_on

# So many forms are known again, each in a cookie of some 200 bytes; the oldest goes first.
MOST: Final = 6
# A draft that became a signal leads to that signal (flow/sent_drafts.py), and its steps may be sent again.
ELSEWHERE: Final = "intake"
# What differs from one sending to the next: the proof of where a form comes from, and of who sends it.
_PASSING: Final = frozenset({"csrf_token", *STEP_UP_FIELDS.values()})
_DIGITS: Final = 32


def register(app: Flask) -> None:
    """Look at every form that is sent whether it is one of these, after the guards let it in."""
    app.before_request(_ask_log)
    app.after_request(_tell_browser)


def keep(fault: StorageFault) -> None:
    """Let the browser keep where the log has what this request asked for, if it was stored.

    Not what only looked something up: that is done again.
    """
    if not fault.unsure or fault.place is None or not sent_forms.changes(fault.tables):
        return
    seq, leaf = fault.place
    for secret, digest in _digests():
        value = Signer(secret, salt=digest, digest_method=hashlib.sha256).sign(f"{seq}.{leaf.hex()}")
        g.unsure_form = (_name(digest), value.decode())
        return  # Under the key that counts, which comes first.


def _ask_log() -> ResponseReturnValue | None:
    if request.method != "POST" or not _kept():
        return None
    for secret, digest in _digests():
        place = _opened(secret, digest)
        if place is None:
            continue
        stored = was_stored(program(), place)
        if stored is None:
            raise StorageFault(AWAY, unsure=True)
        g.settled_form = _name(digest)
        return lead_on() if stored else None
    return None


def _opened(secret: bytes, digest: str) -> tuple[int, bytes] | None:
    """The place in the log that stands in the cookie for this form; None without one of ours."""
    try:
        signer = Signer(secret, salt=digest, digest_method=hashlib.sha256)
        seq, _, leaf = signer.unsign(request.cookies.get(_name(digest), "")).decode().partition(".")
    except BadSignature:
        return None
    return int(seq), bytes.fromhex(leaf)


def _digests() -> Iterator[tuple[bytes, str]]:
    """What the cookie is signed with and named after, for each session key that still works; nothing for what is no such form.

    Passwords are in no digest: whoever sets one again sets the same or another, and either is what they want.
    """
    if not is_known(actor()) or request.blueprint == ELSEWHERE:
        return
    fields = sorted((name, values) for name, values in request.form.lists() if name not in _PASSING)
    if any("password" in name for name, _ in fields):
        return
    files = sorted([name, one.filename or "", _content(one)] for name, one in request.files.items(multi=True))
    said = json.dumps(
        [actor().account_id, request.path, request.query_string.decode("latin-1"), fields, files]
    ).encode()
    for version in program().keys.usable("session"):
        secret = program().keys.derive("session", "unsure-form", version)
        yield secret, hmac.new(secret, said, hashlib.sha256).hexdigest()


def _content(file: FileStorage) -> str:
    """A digest of a file that was sent, which the page may have read already or still has to."""
    file.stream.seek(0)
    digest = hashlib.file_digest(file.stream, "sha256").hexdigest()  # type: ignore[arg-type]
    file.stream.seek(0)
    return digest


def _tell_browser(response: Response) -> Response:
    settled, new = g.get("settled_form", ""), g.get("unsure_form")
    if settled:
        _set(response, settled, "", over=True)
    if new is not None:
        # The smallest place in the log is of the oldest.
        for name in sorted(_kept() - {new[0]}, key=_age, reverse=True)[MOST - 1 :]:
            _set(response, name, "", over=True)
        _set(response, *new)
    return response


def _age(name: str) -> int:
    seq = request.cookies[name].partition(".")[0]
    return int(seq) if seq.isascii() and seq.isdigit() and len(seq) < _DIGITS else 0


def _set(response: Response, name: str, value: str, *, over: bool = False) -> None:
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    age = 0 if over else None  # Without an age it ends with the session of the browser.
    response.set_cookie(name, value, max_age=age, path="/", secure=secure, httponly=True, samesite="Lax")


def _kept() -> set[str]:
    return {name for name in request.cookies if name.startswith(_name(""))}


def _name(digest: str) -> str:
    """`__Host-`: only this host can set it, and only over TLS (RFC 6265bis, 4.1.3.2)."""
    prefix = "__Host-" if current_app.config["SESSION_COOKIE_SECURE"] else ""
    return f"{prefix}signaltable-sent-{digest[:_DIGITS]}"
