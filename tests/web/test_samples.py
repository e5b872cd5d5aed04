"""The pages of a sample: draw, judge one by one, conclude, download. Without script."""

import re
import zipfile
from io import BytesIO

import pytest

from signaltable import jobs
from tests.flow.test_sampling import _disclosed
from tests.web.people import Person

START = "/audit/steekproeven"


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def auditor(program, actor):
    for number in range(6):
        _disclosed(program, actor(program, "havendam"), number)
    return Person(program, "auditor")


def _draw(auditor, **changes):
    form = {"size": "3", "seed": "4-2-6-1-3-5", "stratified": "", **changes}
    return auditor.post(f"{START}/nieuw", form, page=f"{START}/nieuw")


@pytest.fixture
def sample(auditor):
    answer = _draw(auditor)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_a_sample_is_drawn_worked_through_and_concluded(program, auditor, sample):
    place = f"{sample}/1"
    for _item in range(3):
        assert "D-7F0" in auditor.get(place).text
        answer = auditor.post(place, {"verdict": "in_order", "looked_at": ["ground"], "finding": ""}, page=place)
        assert answer.status_code == 303
        place = answer.headers["Location"]
    assert place == sample
    conclusion = {"result": "in_order", "conclusion": "Drie bekeken, niets gevonden."}
    assert auditor.post(sample, conclusion, page=sample).status_code == 303
    assert auditor.get(f"{sample}/rapport").status_code == 404
    jobs.run_requests(program)
    zipped = auditor.get(f"{sample}/rapport")
    assert zipped.mimetype == "application/zip"
    assert {"report.pdf", "report.json", "report.sig", "LEESMIJ.txt"} <= set(
        zipfile.ZipFile(BytesIO(zipped.data)).namelist()
    )
    # And nothing can be posted any more.
    assert 'method="post" action="' + sample not in auditor.get(sample).text
    token = {"page": f"{START}/nieuw"}
    assert auditor.post(f"{sample}/1", {"verdict": "question", "finding": "x"}, **token).status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"size": "veel"}, "size"),
        ({"size": "0"}, "size"),
        ({"seed": ""}, "seed"),
        ({"seed": "bel 0612345678"}, "seed"),
        ({"since-day": "31", "since-month": "2", "since-year": "2026"}, "since"),
        ({"ground": "G2"}, "since"),
    ],
)
def test_a_mistake_comes_back_with_the_form(auditor, changes, field):
    answer = _draw(auditor, **changes)
    assert answer.status_code == 422
    assert re.search(rf'href="#{field}', answer.text)


def test_what_the_page_did_not_offer_is_refused(auditor):
    assert _draw(auditor, ground="ZZ9").status_code == 403
    assert _draw(auditor, drawn_at="2020").status_code == 403


def test_a_verdict_without_a_finding_comes_back(auditor, sample):
    answer = auditor.post(f"{sample}/1", {"verdict": "not_in_order", "finding": ""}, page=f"{sample}/1")
    assert answer.status_code == 422
    assert 'href="#finding"' in answer.text


def test_pages_that_are_not_there_and_people_who_may_not(program, auditor, sample):
    assert auditor.get(f"{sample}/4").status_code == 404
    assert auditor.get(f"{sample}/0").status_code == 404
    assert auditor.get(f"{START}/K-0000-00").status_code == 404
    for login in ("havendam", "fg.havendam", "coordinator"):
        person = Person(program, login)
        assert {person.get(path).status_code for path in (START, f"{START}/nieuw", sample, f"{sample}/rapport")} == {
            403
        }
