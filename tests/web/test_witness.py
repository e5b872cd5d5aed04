"""The page of a witness, with a browser without script."""

from io import BytesIO

import pytest

from signaltable import jobs
from signaltable.flow.mail import sending
from tests.web.people import Person


@pytest.fixture
def witness(sqlite_program):
    jobs.run_witness(sqlite_program)
    sending.send_mails(sqlite_program, jobs.JOBS)
    return Person(sqlite_program, "fg.havendam")


def test_a_witness_keeps_the_newest_checkpoint_and_sees_what_was_sent(witness):
    home = witness.get("/overzicht").text
    assert 'href="/getuige"' in home
    page = witness.get("/getuige").text
    link = page.split('href="/getuige/')[1].split('"')[0]
    kept = witness.get(f"/getuige/{link}")
    assert kept.mimetype == "text/plain"
    assert kept.headers["Content-Disposition"] == f'attachment; filename="checkpoint-{link}"'
    assert kept.text.split("\n")[1] == link.removesuffix(".txt")
    assert kept.text.split("\n")[2] in page


@pytest.mark.parametrize("how", ["pasted", "uploaded", "mail"])
def test_what_was_kept_is_compared_by_pasting_or_uploading(witness, sqlite_program, how):
    mail = next(sqlite_program.settings.outbox.glob("*.eml")).read_bytes()
    page = witness.get("/getuige").text
    note = witness.get("/getuige/" + page.split('href="/getuige/')[1].split('"')[0]).data
    sent = {
        "pasted": {"note": note.decode(), "file": (BytesIO(b""), "")},
        "uploaded": {"note": "", "file": (BytesIO(note), "kept.txt")},
        "mail": {"note": "", "file": (BytesIO(mail), "kept.eml")},
    }[how]
    answer = witness.post("/getuige/vergelijken", sent, page="/getuige")
    assert answer.status_code == 200
    assert "st-alert--good" in answer.text
    changed = witness.post("/getuige/vergelijken", {"note": note.decode().replace("\n", "\n1", 1)}, page="/getuige")
    assert "st-alert--danger" in changed.text
    assert "st-alert--warning" in witness.post("/getuige/vergelijken", {"note": "<b>x"}, page="/getuige").text


def test_an_empty_form_and_foreign_fields_are_refused(witness):
    empty = witness.post("/getuige/vergelijken", {"note": "  "}, page="/getuige")
    assert empty.status_code == 422
    assert 'id="errors"' in empty.text
    assert witness.post("/getuige/vergelijken", {"note": "x", "size": "3"}, page="/getuige").status_code == 403
    assert witness.get("/getuige/999999999.txt").status_code == 404


def test_the_auditor_may_look_and_others_may_not(witness, sqlite_program):
    assert Person(sqlite_program, "auditor").get("/getuige").status_code == 200
    for login in ("havendam", "avim"):
        person = Person(sqlite_program, login)
        assert person.get("/getuige").status_code == 403
        assert 'href="/getuige"' not in person.get("/overzicht").text


def test_before_anything_was_signed_the_page_says_so(sqlite_program):
    page = Person(sqlite_program, "fg.havendam").get("/getuige").text
    assert "/getuige/vergelijken" in page
    assert '.txt"' not in page
