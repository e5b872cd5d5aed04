"""How long the pages with lists take in a large region, beside the same pages in a small one.

`signaltable bench --only lists`. A page is the whole request in this process: session, gate, queries, template and the entry in
the log. The pages are those of people who own signals, who are asked about them, who lead five tables, and whose agency sits at
as many. They are as full in the small region as in the large one (`signaltable.bench.full`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from flask.testing import FlaskClient
from sqlalchemy import select

from signaltable.bench.full import fill
from signaltable.bench.given import Given
from signaltable.bench.growth import grown
from signaltable.bench.line import Line
from signaltable.bench.submitting import settings_of
from signaltable.domain import SignaltableError
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.sessions import open_session
from signaltable.models import Account, Signal
from signaltable.transaction import Program, reading
from signaltable.web import create_app

TIMES: Final = 60
CASE: Final = "case page"
# Page -> who reads it and where it is; that of a case is one of the reader's own agency.
PAGES: Final = (
    ("work list, owner", "havendam", "/overzicht"),
    ("work list, coordinator of five tables", "coordinator", "/overzicht"),
    ("work list, partner at five tables", "avim", "/overzicht"),
    ("own list", "havendam", "/signalen"),
    ("table list, five tables", "coordinator", "/triage"),
    ("questions, partner at five tables", "avim", "/vragen"),
    ("inbox, partner at five tables", "avim", "/postvak"),
    ("links that are confirmed", "delinde", "/koppelingen?toon=confirmed"),
    (CASE, "havendam", ""),
)


class NoPage(SignaltableError):
    """Something else came than the page that was asked for."""


@dataclass(frozen=True, slots=True)
class _Region:
    """A region whose pages can be asked for."""

    program: Program
    client: Callable[[], FlaskClient]

    def page(self, login: str, address: str) -> Callable[[], None]:
        """Ask for one page as somebody who is signed in; raises `NoPage` when that is not what comes."""
        client = self.client()
        with reading(self.program) as session:
            account = session.scalars(select(Account).where(Account.login == login)).one()
        token = open_session(self.program, account, ANONYMOUS, strength="two_factors")
        with client.session_transaction() as kept:
            kept["_user_id"] = token
        address = address or f"/signalen/{self._own(account.agency_id)}"

        def ask() -> None:
            answer = client.get(address)
            if answer.status_code != 200:
                raise NoPage(f"expected a page, found status {answer.status_code}")

        return ask

    def _own(self, agency_id: str) -> str:
        """The newest signal of an agency that is still at work."""
        query = select(Signal.reference).where(Signal.owner_agency == agency_id, Signal.state == "tabled")
        with reading(self.program, whole="a benchmark asks for a page of its own region") as session:
            return session.scalars(query.order_by(Signal.created_at.desc()).limit(1)).one()


def lines(given: Given) -> Iterator[Line]:
    """For each page: the middle beside that of the small region, and what 95 of 100 stay under."""
    few, many = (_opened(given, count) for count in (given.few, given.many))
    for name, login, address in PAGES:
        large, small = (one.page(login, address) for one in (many, few))
        what = f"the page {address or 'of a case'} as {login}"
        yield from grown(given, (name, f"{name}, p95"), what, (large, small), TIMES)


def _opened(given: Given, count: int) -> _Region:
    app = create_app(settings_of(given.pages(count, fill)))
    return _Region(app.extensions["signaltable"], app.test_client)
