"""Letting somebody in without the pages of signing in, which have tests of their own."""

from flask.testing import FlaskClient
from sqlalchemy import select

from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.sessions import open_session
from signaltable.models import Account
from signaltable.transaction import Program, reading


def let_in(client: FlaskClient, program: Program, login: str) -> None:
    """This person has signed in with two factors, in this browser; everything after that is as it always is."""
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login)).one()
    token = open_session(program, account, ANONYMOUS, strength="two_factors")
    with client.session_transaction() as kept:
        kept["_user_id"] = token
