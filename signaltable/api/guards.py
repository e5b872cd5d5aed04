"""What stands between a request and an operation: which system is it, may its token do this, and did it ask too often?

Only a token counts here: a cookie never does, so that no page of somebody else can send a browser (ASVS 3.5.1), and a token
counts nowhere else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from flask import Response, current_app, g, request
from sqlalchemy.exc import NoResultFound

from signaltable.access import Denied, may
from signaltable.api import problems
from signaltable.api.certificates import is_from_proxy, read_header
from signaltable.api.operations import Operation, declared, pages
from signaltable.api.problems import Unusable
from signaltable.domain import Actor, NotFound, Refused
from signaltable.flow.coming_in.actors import is_known
from signaltable.flow.coming_in.machines import NO_TOKEN, NoToken, actor_of_token
from signaltable.flow.leaving_out import leave_out
from signaltable.flow.rates import Rates
from signaltable.recorded_acts import left_by
from signaltable.transaction import Program, Transaction, refuse, transaction

RATES: Final = "signaltable.rates"
# No address of ours holds this sign, and PostgreSQL holds no text with it.
NOTHING: Final = "\0"
# A token of ours is far shorter; what is longer is none and is not looked for.
MOST_TOKEN: Final = 200


def program() -> Program:
    """The program behind this request."""
    return cast(Program, current_app.extensions["signaltable"])


def actor() -> Actor:
    """Which system asks; before its token was looked at, a visitor."""
    return cast(Actor, g.actor)


@contextmanager
def begin() -> Iterator[Transaction]:
    """Open the one transaction for the system that asks. What it reads holds no case that its agency is kept from."""
    try:
        with transaction(program(), actor()) as tx:
            if request.method in {"GET", "HEAD"}:
                leave_out(tx)
            yield tx
    except NoResultFound:
        raise NotFound("no such thing for this system") from None


def shown_certificate() -> str:
    """The thumbprint of the certificate for which our proxies vouch; "" for none."""
    settings = program().settings
    name = settings.client_certificate_header
    if not name or not is_from_proxy(settings, request.remote_addr or "", request.headers.getlist("X-Forwarded-For")):
        return ""
    return read_header(request.headers.getlist(name))


@pages.before_request
def _open_the_door() -> None:
    operation = declared(request.endpoint)
    if operation is None:
        return
    try:
        g.actor = actor() if operation.needed is None else _system()
    except NoToken:
        rates().ask(actor())  # Whoever tries tokens is a stranger, and asks too often like one.
        raise
    rates().ask(actor(), left_by(request.method, request.endpoint))
    _address_only(operation)
    if operation.needed is not None and isinstance(denied := may(actor(), operation.needed), Denied):
        asked = {"permission": operation.needed.value, "endpoint": request.endpoint or "", "method": request.method}
        refuse(program(), actor(), Refused(denied.reason, details=asked))


@pages.after_request
def _note_what_went_through(response: Response) -> Response:
    if response.status_code < 400 and is_known(actor()):
        rates().note(actor(), left_by(request.method, request.endpoint))
    return response


def rates() -> Rates:
    """The counts of this process."""
    return cast(Rates, current_app.extensions[RATES])


def _system() -> Actor:
    given = request.headers.getlist("Authorization")
    scheme, _space, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.isascii() or len(token) > MOST_TOKEN:
        raise NoToken(NO_TOKEN)
    return actor_of_token(program(), token.strip(), shown_certificate(), actor())


def _address_only(operation: Operation) -> None:
    """Nothing in the address that the operation does not name, and nothing twice."""
    if any(NOTHING in part for part in (request.path, *request.args, *request.args.values())):
        raise NotFound("no such thing")
    if set(request.args) - operation.query.keys() or any(len(values) > 1 for _name, values in request.args.lists()):
        raise Unusable("not_on_the_form")


def _note(error: Exception, answer: Response) -> None:
    """Record what a system asked and did not get; what was refused has an entry already, and of strangers there is none."""
    if isinstance(error, Refused | NoToken) or answer.status_code in {429, 503} or not is_known(actor()):
        return
    found: dict[str, Any] = answer.get_json()
    cause, endpoint = str(found["reason"]), request.endpoint or ""
    try:
        with transaction(program(), actor()) as tx:
            tx.record(
                "request:refuse",
                object_type="view",
                object_id=endpoint,
                outcome="error" if answer.status_code >= 500 else "refused",
                reason=cause,
                details={
                    "cause": cause,
                    "status": answer.status_code,
                    "endpoint": endpoint,
                    "method": request.method,
                },
            )
    except Exception as broken:  # noqa: BLE001 -- the database is away, say; the answer says that something went wrong
        problems.LOG.error("a request that came to nothing was not recorded: %s", type(broken).__name__)


problems.register(pages, _note)
