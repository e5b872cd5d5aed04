"""The page on which a submitter confirms masks: what it shows, what it takes, and who comes there."""

import json
import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from signaltable.models import LogDetail, LogEntry
from signaltable.transaction import reading
from tests.flow.test_text_checks import TEXT, check, finds, reader_of, stored, submitted, waiting_id
from tests.serving import served
from tests.web.test_intake import Person


@pytest.fixture
def waiting(sqlite_program, actor):
    """A program with a signal of which two words were found later."""
    program = replace(sqlite_program, settings=replace(sqlite_program.settings, text_reader="on"))
    submitted(program, actor)
    with reader_of(program.settings.home, finds("buurvrouw", "grot")):
        check(program)
    return program


@pytest.fixture
def browser(waiting):
    return Person(served(waiting).test_client(), waiting)


def entries(program, action: str) -> list[dict]:
    with reading(program) as session:
        rows = session.execute(
            select(LogEntry.entry, LogDetail.details)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.action == action)
            .order_by(LogEntry.seq)
        )
        return [{**json.loads(row.entry), "details": json.loads(row.details)} for row in rows]


def words_of(page: str) -> str:
    return re.sub(r"<[^>]*>", "", page)


def test_the_submitter_comes_from_the_overview_to_the_text_and_confirms(waiting, browser):
    browser.log_in("havendam")
    assert 'href="/tekstcontroles"' in browser.get("/overzicht").text
    path = f"/tekstcontroles/{waiting_id(waiting)}"
    assert path in browser.get("/tekstcontroles").text
    page = browser.get(path).text
    assert "loon" in words_of(page)
    assert page.count("st-telling") == 2
    without_reason = browser.post(
        path, {"choice-0": "free", "choice-1": "mask", "reason-1": "", "words": "spreekt"}, path
    )
    assert without_reason.status_code == 422
    assert 'href="#reason-0"' in without_reason.text
    assert re.search(r">\s*spreekt</textarea>", without_reason.text)
    assert stored(waiting).narrative_masked == ""
    done = browser.post(
        path, {"choice-0": "free", "reason-0": "geen naam", "choice-1": "mask", "words": "spreekt"}, path
    )
    assert done.status_code == 303
    shown = stored(waiting).narrative_masked
    assert "buurvrouw" in shown
    assert "grot" not in shown
    assert "spreekt" not in shown
    assert browser.get(path).status_code == 409
    assert {entry["details"]["view"] for entry in entries(waiting, "signal:consult")} == {"owner"}
    (confirmed,) = entries(waiting, "text:confirm")
    assert (confirmed["agency"], confirmed["details"]["place"]) == ("havendam", "narrative")
    assert "buurvrouw" not in str(confirmed)


def test_only_what_the_page_offers_is_taken(waiting, browser):
    browser.log_in("havendam")
    path = f"/tekstcontroles/{waiting_id(waiting)}"
    for surplus in ({"choice-9": "free"}, {"choice-0": "delete"}, {"state": "done"}):
        assert (
            browser.post(path, {"choice-0": "mask", "choice-1": "mask", "words": "", **surplus}, path).status_code
            == 403
        )
    assert stored(waiting).narrative_masked == ""


@pytest.mark.parametrize("login", ["delinde", "coordinator", "auditor"])
def test_nobody_else_sees_the_text(waiting, browser, login):
    browser.log_in(login)
    for path in ("/tekstcontroles", f"/tekstcontroles/{waiting_id(waiting)}"):
        answer = browser.get(path)
        assert "Zorinka" not in answer.text
        assert "loon" not in words_of(answer.text)
    assert browser.get(path).status_code in {403, 404}


def test_the_table_is_told_that_the_text_is_being_checked(waiting, browser):
    browser.log_in("coordinator")
    page = browser.get(f"/triage/{stored(waiting).reference}")
    assert page.status_code == 200
    assert not set(TEXT.split()) & {"Zorinka"} & set(words_of(page.text).split())
    assert "st-muted" in page.text
