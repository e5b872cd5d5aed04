"""Nobody reads what is not theirs: each role goes through every page and paper, and finds only the words meant for it."""

import io
import re

import pikepdf
import pytest
from werkzeug.exceptions import HTTPException

from signaltable import jobs
from signaltable.attached.pdf import _text
from signaltable.flow import recusals
from signaltable.web import create_app
from tests import canaries
from tests.canaries import MAY_READ, ON_THE_PAGE, READERS
from tests.letting_in import let_in
from tests.mail_steps import written
from tests.policies.access_tables import table
from tests.table_steps import use
from tests.web.people import Person

WHO = ("havendam", "fg.havendam", "delinde", "coordinator", "voorzitter", "avim", "essm", "oost", "auditor", "beheer")
# The same for everybody, or no page: rules, files of the program, the log as files, ending the session.
LEFT_OUT = {"static", "auditor.proof", "account.healthy"}
LINK = re.compile(r'(?:href|action|src)="(/[^"#]*)')


def words_of(answer):
    """All that somebody can read in an answer, of a PDF with what stands beside its pages."""
    if answer.mimetype != "application/pdf":
        return answer.get_data(as_text=True) + str(answer.headers)
    with pikepdf.open(io.BytesIO(answer.data)) as made:
        text, _whole = _text(made)
        return text + str(dict(made.docinfo)) + str(made.open_metadata()) + str(answer.headers)


class Reader(Person):
    """Somebody at a browser of one application for all, who opens every address once."""

    def __init__(self, app, program, login):
        self.client = app.test_client()
        let_in(self.client, program, login)
        self.urls = app.url_map.bind("localhost")

    def view(self, path):
        try:
            return self.urls.match(path.partition("?")[0], "GET")[0]
        except HTTPException:
            return "static"

    def everything(self, *starts):
        """Address -> what it says, of every address that this person can come to; and the status of the others."""
        waiting, opened, read, closed = [*starts, "/overzicht"], set(), {}, {}
        while waiting:
            path = waiting.pop(0)
            view = self.view(path)
            if (
                view in LEFT_OUT
                or view.startswith("card.")
                or (view in opened and path not in starts)
                or path in read
                or path in closed
            ):
                continue
            answer = self.get(path)
            if answer.status_code != 200:
                closed[path] = answer.status_code
                continue
            opened.add(view)
            read[path] = words_of(answer)
            if answer.mimetype == "text/html":
                waiting += [one.replace("&amp;", "&") for one in LINK.findall(read[path])]
        return read, closed


def found_in(read, words):
    """Word -> the first address where it stands, in any spelling."""
    return {
        word: next(path for path, text in read.items() if word in text.lower())
        for word in words
        if any(word in text.lower() for text in read.values())
    }


@pytest.fixture
def app(sqlite_program):
    return create_app(sqlite_program.settings, sqlite_program)


@pytest.fixture
def region(sqlite_program, actor, once):
    return once(sqlite_program, "canaries", lambda: canaries.build(sqlite_program, actor))


def test_each_role_finds_only_the_words_that_are_meant_for_it(sqlite_program, app, region):
    met, read_by = set(), {}
    for login in WHO:
        person = Reader(app, sqlite_program, login)
        read, _closed = person.everything(*region.addresses)
        if login == canaries.OWNER:
            page = f"/signalen/{region.reference}"
            read["names"] = person.post(f"{page}/identiteit", page=page).text
        found = found_in(read, [*MAY_READ, canaries.NOBODY])
        leaked = {word: path for word, path in found.items() if login not in MAY_READ.get(word, ())}
        assert leaked == {}, (login, leaked)
        met |= found.keys()
        read_by[login] = found.keys()
    # And the words are there to be found: a page that nobody can open would prove nothing.
    assert set(MAY_READ) - met == set()
    assert_as_the_page_says(read_by)


def assert_as_the_page_says(read_by):
    """What each found is what docs/access.md says, field by field and both ways (ASVS 8.1.2, 8.2.3)."""
    page = {row.pop("What"): row for row in table("What")}
    assert set(page) == set(ON_THE_PAGE)
    assert set(ON_THE_PAGE.values()) == {*MAY_READ, canaries.NOBODY}
    said = {(what, who): cell in {"yes", "own"} for what, row in page.items() for who, cell in row.items()}
    found = {(what, who): ON_THE_PAGE[what] in read_by[READERS[who]] for what, who in said}
    assert {where: said[where] for where in said if said[where] != found[where]} == {}


def test_no_mail_and_no_calendar_holds_a_word_or_a_name_of_the_case(sqlite_program, app, region):
    jobs.run_outbox(sqlite_program)
    mails = "\n".join(str(one) + one.get_content() for one in written(sqlite_program))
    assert "/taak/" in mails
    papers = [Reader(app, sqlite_program, "avim").get(f"/tafel/{region.meeting}/overleg.ics").text, mails]
    assert "BEGIN:VEVENT" in papers[0]
    traces = [*MAY_READ, region.reference, region.disclosure, region.question, *region.names]
    assert [one for one in traces if any(one.lower() in paper.lower() for paper in papers)] == []


def test_whoever_is_kept_from_the_case_finds_no_trace_of_it_anywhere(sqlite_program, actor, app, region):
    about = ("verhaal", "veld", "vraag", "notitie", "besluit", "actie", "motief", "terug", "wie", "bestand")
    traces = [*(f"kanarie{one}" for one in about), region.reference, region.disclosure, region.question, *region.names]
    traces = [one.lower() for one in traces]
    for login in ("havendam", "coordinator", "avim", "essm"):
        person = Reader(app, sqlite_program, login)
        open_before = [path for path in region.addresses if person.get(path).status_code == 200]
        account = actor(sqlite_program, login).account_id
        leader = actor(sqlite_program, "coordinator.twee")
        use(sqlite_program, leader, recusals.declare_for, region.reference, account, interest="other")
        read, closed = person.everything(*region.addresses)
        left = {trace: path for path, text in read.items() for trace in traces if trace in text.lower()}
        assert left == {}, (login, left)
        # What was open reads as what does not exist; papers about several cases stay, without this one.
        assert len([path for path in open_before if path in closed]) > 2
        otherwise = {path: closed[path] for path in open_before if closed.get(path, 404) != 404}
        assert otherwise == {}, (login, otherwise)
