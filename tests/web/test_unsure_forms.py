"""A form of which the page said that nobody knows whether it was stored, and that is sent again after somebody read that."""

import io
import re
import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from signaltable import transaction as storage
from signaltable.flow import signals
from signaltable.web import create_app
from tests.factories import a_signal
from tests.letting_in import TOKEN
from tests.table_steps import log, use
from tests.web.people import Person

DAY = {"held_on-day": "1", "held_on-month": "12", "held_on-year": "2026"}
AGENDA = {"title": "Decembertafel", **DAY}


class Breakable:
    """The database of a program, which goes away at the commit of what the log tells, after it was stored or before that."""

    def __init__(self, program):
        with program.write_sessions() as session:
            self._engine = session.get_bind().engine
        # `commits`: so many that the log tells of are stored before the one that loses its answer.
        self.next, self.commits, self.away, self._size = "", 0, False, 0
        event.listen(self._engine, "commit", self._at_commit)
        event.listen(self._engine, "begin", self._at_begin)

    def _at_commit(self, connection):
        driver = connection.connection.driver_connection
        before, self._size = self._size, driver.execute("SELECT size FROM log_head").fetchone()[0]
        if not self.next or self._size == before:
            return
        if self.commits:
            self.commits -= 1
            return
        stored, self.next, self.away = self.next == "stored", "", True
        driver.execute("COMMIT" if stored else "ROLLBACK")
        self._fail()

    def _at_begin(self, _connection):
        if self.away:
            self._fail()

    def _fail(self):
        error = sqlite3.OperationalError("told")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise OperationalError("COMMIT", {}, error)


@pytest.fixture
def breakable(program, monkeypatch):
    monkeypatch.setattr(storage, "LOOKS", (0.0,))
    return Breakable(program)


def told_unsure(person, breakable, page, data, stored):
    """Send a form whose commit loses its answer; gives all that was sent, as the browser would send it again."""
    token = re.search(TOKEN, person.get(page).text)[1]
    sent = {"csrf_token": token, **data}
    breakable.next = "stored" if stored else "lost"
    answer = person.client.post(page, data=sent)
    assert (answer.status_code, 'data-stored="unsure"' in answer.text) == (503, True)
    breakable.away = False
    return sent


@pytest.mark.parametrize("stored", [True, False])
def test_a_form_that_is_sent_again_long_after_such_a_page_counts_once(program, clock, breakable, stored):
    person = Person(program, "coordinator")
    sent = told_unsure(person, breakable, "/tafel", AGENDA, stored)
    assert len(log(program, "table:schedule")) == stored
    # Somebody reads the page, does something else, and sends it again to another process
    clock.forward(minutes=20)
    assert person.post("/tafel", AGENDA | {"title": "Januaritafel"}).status_code == 303
    other = create_app(program.settings, replace(program)).test_client()
    other._cookies = person.client._cookies
    assert other.post("/tafel", data=sent).status_code == 303
    assert len(log(program, "table:schedule")) == 2
    assert ("U stuurde dit twee keer" in other.get("/tafel").text) is stored
    # Whoever asks the same after all of that means it
    clock.forward(minutes=1)
    assert person.client.post("/tafel", data=sent).status_code == 303
    assert len(log(program, "table:schedule")) == 3


def test_what_the_browser_keeps_says_nothing_and_counts_for_one_person_and_one_form(program, clock, breakable):
    person = Person(program, "coordinator")
    sent = told_unsure(person, breakable, "/tafel", AGENDA, True)
    (kept,) = (one for one in person.client._cookies.values() if one.key.startswith("signaltable-sent-"))
    assert re.fullmatch(r"\d+\.[0-9a-f]{64}\.[\w-]+", kept.value)
    assert (kept.http_only, kept.same_site, kept.max_age) == (True, "Lax", None)
    clock.forward(minutes=1)
    # Another form that claims to be this one
    forged = re.sub("^[0-9]+", "1", kept.value)
    person.client.set_cookie(kept.key, forged)
    assert person.client.post("/tafel", data=sent).status_code == 303
    assert len(log(program, "table:schedule")) == 2


def test_a_file_counts_once_and_another_file_besides(sqlite_program, actor, monkeypatch):
    monkeypatch.setattr(storage, "LOOKS", (0.0,))
    reference = use(sqlite_program, actor(sqlite_program, "havendam"), signals.submit, a_signal()).reference
    breakable, person = Breakable(sqlite_program), Person(sqlite_program, "havendam")
    page = f"/signalen/{reference}/bijlagen"

    def a_file(words):
        return {"files": [(io.BytesIO(words), "a.txt")], "looked": "y"}

    sent = told_unsure(person, breakable, page, a_file(b"gewone woorden"), True)
    again = sent | a_file(b"gewone woorden")
    assert person.client.post(page, data=again, content_type="multipart/form-data").status_code == 303
    assert len(log(sqlite_program, "attachment:record")) == 1
    other = sent | a_file(b"andere woorden")
    assert person.client.post(page, data=other, content_type="multipart/form-data").status_code == 303
    assert len(log(sqlite_program, "attachment:record")) == 2


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("before", [0, 1])
def test_each_of_several_files_counts_once_whichever_commit_lost_its_answer(
    sqlite_program, actor, monkeypatch, before, stored
):
    monkeypatch.setattr(storage, "LOOKS", (0.0,))
    reference = use(sqlite_program, actor(sqlite_program, "havendam"), signals.submit, a_signal()).reference
    breakable, person = Breakable(sqlite_program), Person(sqlite_program, "havendam")
    page = f"/signalen/{reference}/bijlagen"
    token = re.search(TOKEN, person.get(page).text)[1]

    def sent():
        files = [(io.BytesIO(words), f"{len(words)}.txt") for words in (b"gewone woorden", b"andere gewone woorden")]
        whole = {"csrf_token": token, "files": files, "looked": "y"}
        return person.client.post(page, data=whole, content_type="multipart/form-data")

    breakable.next, breakable.commits = "stored" if stored else "lost", before
    answer = sent()
    if answer.status_code == 503:
        assert 'data-stored="unsure"' in answer.text
        # What nobody knows of is stored whole or not at all.
        breakable.away = False
        assert len(log(sqlite_program, "attachment:record")) == (2 if stored else 0)
        assert sent().status_code == 303
    else:
        assert before
    sizes = sorted(details["bytes"] for _entry, details in log(sqlite_program, "attachment:record"))
    assert sizes == [14, 21]


def test_what_only_looks_is_done_again(sqlite_program, monkeypatch):
    monkeypatch.setattr(storage, "LOOKS", (0.0,))
    breakable, person = Breakable(sqlite_program), Person(sqlite_program, "havendam")
    sent = told_unsure(person, breakable, "/zoeken", {"text": "zorinka"}, True)
    assert person.client.post("/zoeken", data=sent).status_code == 200


def test_no_more_are_kept_than_fit_beside_the_rest(sqlite_program, monkeypatch):
    monkeypatch.setattr(storage, "LOOKS", (0.0,))
    breakable, person = Breakable(sqlite_program), Person(sqlite_program, "coordinator")
    for number in range(8):
        last = told_unsure(person, breakable, "/tafel", AGENDA | {"title": f"Tafel {number}"}, True)
    kept = [one for one in person.client._cookies.values() if one.key.startswith("signaltable-sent-")]
    assert len(kept) == 6
    assert person.client.post("/tafel", data=last).status_code == 303
    assert len(log(sqlite_program, "table:schedule")) == 8
