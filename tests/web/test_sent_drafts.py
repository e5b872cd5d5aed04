"""Submitting a draft whose answer got lost, or twice: it leads to the one signal, and to nobody else's."""

import re

from sqlalchemy import func, select

from signaltable.flow import drafts, signals
from signaltable.models import Signal
from signaltable.transaction import reading
from tests.factories import a_signal
from tests.table_steps import use
from tests.web.people import Person


def test_a_draft_that_was_submitted_leads_to_its_signal(sqlite_program, actor):
    who = actor(sqlite_program, "havendam")
    draft = use(sqlite_program, who, drafts.start, a_signal()).id
    person = Person(sqlite_program, "havendam")
    page = f"/signalen/nieuw/{draft}/controle"
    # Given the last page of a draft, in a browser that sent it and never saw the answer
    html = person.get(page).text
    token, version, seen = (
        re.search(rf'name="{name}"[^>]*value="(\w[^"]*)"', html)[1] for name in ("csrf_token", "version", "seen")
    )
    form = {"csrf_token": token, "version": version, "seen": seen, "action": "submit"}
    first = person.client.post(page, data=form)
    use(sqlite_program, who, signals.submit, a_signal())  # Somebody of the same name goes on with something else.
    # When the same button is pressed again, or the page opened
    again = person.client.post(page, data=form)
    # Then it is the same signal, once
    assert (first.status_code, again.status_code) == (303, 303)
    assert again.location == first.location
    assert person.get(page).location == first.location
    with reading(sqlite_program) as session:
        assert session.scalar(select(func.count()).select_from(Signal)) == 2


def test_of_a_draft_of_somebody_else_nothing_is_told(sqlite_program, actor):
    who = actor(sqlite_program, "delinde")
    draft = use(sqlite_program, who, drafts.start, a_signal(capacity="care-wgbo")).id
    use(sqlite_program, who, signals.submit, a_signal(capacity="care-wgbo"), draft)
    thrown = use(sqlite_program, actor(sqlite_program, "havendam"), drafts.start, a_signal()).id
    use(sqlite_program, actor(sqlite_program, "havendam"), drafts.discard, thrown)
    person = Person(sqlite_program, "havendam")
    for one in (draft, thrown, "0" * 32):
        assert person.get(f"/signalen/nieuw/{one}/controle").status_code == 404
