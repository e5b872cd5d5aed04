"""The pages for files: adding several, what is refused, downloads that nothing runs, and nothing in clear on a disk."""

import io
import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from signaltable.flow import drafts, signals
from signaltable.models import Attachment
from signaltable.transaction import reading
from tests.attached_files import CANARY, a_docx, a_pdf, a_picture, noise
from tests.factories import a_signal
from tests.table_steps import log, use
from tests.web.people import Person


@pytest.fixture
def owner(sqlite_program):
    return Person(sqlite_program, "havendam")


@pytest.fixture
def draft(sqlite_program, actor):
    made = use(sqlite_program, actor(sqlite_program, "havendam"), drafts.start, a_signal())
    return f"/signalen/nieuw/{made.id}/bijlagen"


@pytest.fixture
def reference(sqlite_program, actor):
    return use(sqlite_program, actor(sqlite_program, "havendam"), signals.submit, a_signal()).reference


def send(person, page, *files, looked=True):
    token = re.search(r'name="csrf_token" value="([^"]+)"', person.get(page).text)[1]
    data = {"csrf_token": token, "files": [(io.BytesIO(data), name) for name, data in files]}
    return person.client.post(page, data=data | ({"looked": "y"} if looked else {}), content_type="multipart/form-data")


def test_several_files_are_added_and_listed_under_a_draft(owner, draft):
    answer = send(owner, draft, ("Kanarinda.jpg", a_picture()), ("verslag.docx", a_docx()))
    assert answer.status_code == 303
    page = owner.get(draft).text
    assert "Kanarinda.jpg" in page
    assert "verslag.docx" in page


def test_what_the_program_found_in_a_file_stands_beside_it(owner, draft, reference):
    for page in (draft, f"/signalen/{reference}/bijlagen"):
        send(owner, page, ("a.txt", b"Mevrouw Zorinka Proefveld belt met 06-12345678."))
        shown = owner.get(page)
        assert shown.status_code == 200
        assert len(re.findall(r'class="st-file__notes">\s*<li>[^<]*(?:namen|names), [^<]*</li>', shown.text)) == 1
        assert "Zorinka" not in shown.text


def test_what_is_refused_is_told_and_the_rest_is_kept(sqlite_program, owner, draft):
    answer = send(owner, draft, ("goed.txt", b"gewone woorden"), ("foto.jpg", b"<html><script>x</script></html>"))
    assert answer.status_code == 422
    assert re.search(r"<title>(Fout|Error):", answer.text)
    told = re.search(r'id="refused">(.*?)</ul>', answer.text, re.DOTALL)[1]
    assert "foto.jpg" in told
    assert "goed.txt" not in told
    assert "goed.txt" in answer.text
    ((entry, details),) = log(sqlite_program, "attachment:refuse")
    assert (entry.outcome, details["cause"]) == ("refused", "active")
    assert "foto" not in str(details)


def test_the_name_and_the_kind_that_a_browser_tells_do_not_count(sqlite_program, owner, draft):
    token = re.search(r'name="csrf_token" value="([^"]+)"', owner.get(draft).text)[1]
    data = {"csrf_token": token, "looked": "y", "files": (io.BytesIO(a_pdf(canary="")), "a.exe", "text/html")}
    assert owner.client.post(draft, data=data, content_type="multipart/form-data").status_code == 303
    with reading(sqlite_program) as session:
        assert session.scalars(select(Attachment.media_type)).all() == ["application/pdf"]


def test_a_picture_is_taken_only_after_a_look(owner, draft):
    assert send(owner, draft, ("a.png", a_picture("png")), looked=False).status_code == 422
    assert send(owner, draft, ("a.png", a_picture("png"))).status_code == 303


def test_a_download_is_only_a_download(sqlite_program, owner, reference):
    page = f"/signalen/{reference}/bijlagen"
    assert send(owner, page, ("Kanarinda thuis.jpg", a_picture())).status_code == 303
    answer = owner.get(f"{page}/1")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{reference}-bijlage-1.jpg"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type == "image/jpeg"
    assert answer.data.startswith(b"\xff\xd8")
    assert CANARY.encode() not in answer.data
    assert len(log(sqlite_program, "attachment:download")) == 1
    assert owner.get(page).status_code == 200
    # Its own name shows with the identity and not before
    assert "Kanarinda thuis" not in owner.get(f"/signalen/{reference}").text + owner.get(page).text
    assert "Kanarinda thuis" in owner.post(f"/signalen/{reference}/identiteit", page=f"/signalen/{reference}").text


@pytest.mark.parametrize("login", ["delinde", "coordinator", "auditor", "beheer", "fg.havendam"])
def test_nobody_else_comes_near(sqlite_program, owner, reference, login):
    page = f"/signalen/{reference}/bijlagen"
    assert send(owner, page, ("a.txt", b"tekst")).status_code == 303
    other = Person(sqlite_program, login)
    assert other.get(page).status_code in {403, 404}
    assert other.get(f"{page}/1").status_code in {403, 404}
    assert other.post(f"{page}/1/weg", {"reason": "other"}, page="/overzicht").status_code in {403, 404}


def test_a_file_is_taken_away_with_a_reason(owner, draft, reference):
    page = f"/signalen/{reference}/bijlagen"
    send(owner, page, ("a.txt", b"tekst"))
    assert owner.post(f"{page}/1/weg", {}, page=page).status_code == 422
    assert owner.post(f"{page}/1/weg", {"reason": "nonsense"}, page=page).status_code == 403
    assert owner.post(f"{page}/1/weg", {"reason": "asked"}, page=page).status_code == 303
    assert owner.get(f"{page}/1").status_code == 404
    send(owner, draft, ("b.txt", b"tekst"))
    assert owner.get(f"{draft}/1").data == b"tekst"
    assert owner.post(f"{draft}/1/weg", {}, page=draft).status_code == 303
    assert owner.get(f"{draft}/1").status_code == 404


def test_no_upload_touches_the_disk(owner, draft, monkeypatch):
    def never(*_args, **_options):
        raise AssertionError("a file was written in clear")

    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", never)
    data = noise()
    assert len(data) > 600_000
    assert send(owner, draft, ("a.png", data)).status_code == 303


def test_more_than_a_page_takes_is_refused_before_it_is_read(sqlite_program, owner, draft):
    too_much = sqlite_program.policy.attachments.largest * 2 + 2_000_000
    token = re.search(r'name="csrf_token" value="([^"]+)"', owner.get(draft).text)[1]
    told = {"CONTENT_LENGTH": str(too_much), "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    answer = owner.client.post(draft, data=b"--x", environ_overrides=told)
    assert answer.status_code == 413
    assert "MB" in answer.text
    # Every other page takes a form and no more
    other = owner.client.post("/signalen/nieuw", data={"csrf_token": token, "a": "x" * 1_200_000})
    assert other.status_code == 413


def test_more_files_than_a_signal_can_have_are_not_even_looked_at(sqlite_program, draft):
    """ASVS 5.2.4: a thousand small files fit in one request, and cleaning each is work."""
    one = sqlite_program.policy.attachments.model_copy(update={"per_signal": 1})
    program = replace(sqlite_program, policy=replace(sqlite_program.policy, attachments=one))
    # Had they been looked at, they would have been refused for what they are.
    answer = send(Person(program, "havendam"), draft, *[(f"{number}.html", b"<script>") for number in range(3)])
    assert answer.status_code == 422
    assert [details["cause"] for _entry, details in log(sqlite_program, "attachment:refuse")] == ["active"]
    told = re.search(r'id="refused">(.*?)</ul>', answer.text, re.DOTALL)[1]
    assert "2.html" in told
