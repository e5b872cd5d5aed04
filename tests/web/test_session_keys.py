"""The key of cookies is replaced while somebody is at work: nobody is logged out, and no form that is open is lost."""

import re

from signaltable.flow import rotating
from signaltable.web import create_app
from tests.conftest import PASSWORD
from tests.flow.test_rotating import rotate
from tests.letting_in import SECOND_STEP, TOKEN, shown_code


def test_a_session_and_an_open_form_outlive_the_replacing_of_their_key(sqlite_program):
    # Given somebody who is logged in, and somebody with the form open
    app = create_app(sqlite_program.settings, sqlite_program)
    inside, outside = app.test_client(), app.test_client()
    home = log_in(inside, form_of(inside))
    token = form_of(outside)
    # When the key is replaced
    assert rotate(sqlite_program, "session").state == rotating.WAITING
    # Then the one is still inside, and the other comes in with the form of before
    assert inside.get(home).status_code == 200
    assert outside.get(log_in(outside, token)).status_code == 200


def form_of(client):
    page = client.get("/aanmelden").get_data(as_text=True)
    return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]


def log_in(client, token):
    """Where the form leads to."""
    given = {"login": "havendam", "password": PASSWORD, "next": "/overzicht", "csrf_token": token}
    assert client.post("/aanmelden", data=given).location == SECOND_STEP
    page = client.get(SECOND_STEP).text
    given = {"way": "code", "given": shown_code(page), "csrf_token": re.search(TOKEN, page)[1]}
    answer = client.post(SECOND_STEP, data=given)
    assert answer.status_code == 302
    return answer.headers["Location"]
