"""Letting somebody in without the pages of signing in, which have tests of their own."""

import re

from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.sessions import open_session, token_digest
from signaltable.models import Account, LoginSession
from signaltable.transaction import Program, reading

TOKEN = r'name="csrf_token" value="([^"]+)"'
SECOND_STEP = "/aanmelden/tweede-stap"


def let_in(client: FlaskClient, program: Program, login: str) -> None:
    """This person has signed in with two factors, in this browser; everything after that is as it always is."""
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login)).one()
    token = open_session(program, account, ANONYMOUS, strength="two_factors")
    with client.session_transaction() as kept:
        kept["_user_id"] = token


def prove(client: FlaskClient, program: Program) -> None:
    """Whoever is in this browser has just proved once more who they are (step-up), without the page of that."""
    with client.session_transaction() as kept:
        token = kept["_user_id"]
    with program.write_sessions() as session:
        session.execute(
            update(LoginSession)
            .where(LoginSession.token_digest == token_digest(token))
            .values(proved_at=program.clock())
        )
        session.commit()


def shown_code(page: str) -> str:
    """The code that a page of the demonstration shows, as the app of this person would."""
    found = re.search(r'class="st-demo-code">([\d ]+)<', page)
    assert found, "expected a page with a code"
    return found[1]


def sign_in(client: FlaskClient, login: str, password: str, wanted: str = "") -> TestResponse:
    """Through the pages: the password, and the code that the demonstration shows. The last answer."""
    token = re.search(TOKEN, client.get("/aanmelden").text)
    assert token
    given = {"csrf_token": token[1], "login": login, "password": password, "next": wanted}
    answer = client.post("/aanmelden", data=given)
    if answer.location != SECOND_STEP:
        return answer
    page = client.get(SECOND_STEP).text
    token = re.search(TOKEN, page)
    assert token
    return client.post(SECOND_STEP, data={"csrf_token": token[1], "way": "code", "given": shown_code(page)})
