"""The auditor's pages: readable, without content, closed to others, and the tools to check."""

import json
import re
import zipfile
from html import unescape
from io import BytesIO

import jsonschema
import pytest
from sqlalchemy import select

from audit import receipt
from audit.note import Verifier
from audit.vocabulary import ACTIONS
from signaltable import jobs
from signaltable.flow import checking, processing_log, triage
from signaltable.flow.agencies import agency_title
from signaltable.models import LogCheckpoint, LogEntry
from signaltable.transaction import reading
from signaltable.web import create_app
from signaltable.web.filters import file_size
from signaltable.web.log_words import actions, check_title, detail_label, detail_rows
from tests.factories import a_person, a_signal
from tests.log_tools import tamper
from tests.table_steps import asked, submitted, triage_it, use
from tests.web.people import Person

CANARIES = {"given_name": "Kanarinda", "surname": "Vogelvrij", "phone": "0687654321", "birth_date": "1990-01-02"}
STORY = "Kanarinda Vogelvrij slaapt in een loods aan de Zwaluwkade."
PAGES = ["/audit", "/audit/3", "/audit/verstrekkingen", "/audit/bewijs", "/audit/publieke-sleutel"]


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def reference(program, actor):
    """A signal with a question and an answer asked of a partner, made by the people who do that."""
    draft = a_signal(narrative=STORY, subjects=[a_person(identity=dict(CANARIES))])
    reference = submitted(program, actor(program, "havendam"), draft)
    triage_it(program, actor(program, "coordinator"), reference)
    asked(program, actor(program, "coordinator"), reference, "avim")
    jobs.run_checkpoint(program)
    return reference


@pytest.fixture
def auditor(program):
    return Person(program, "auditor").prove()


def test_the_log_reads_in_titles_and_names_no_role_that_did_not_look(program, actor, auditor):
    # Given a coordinator who looked at the list
    use(program, actor(program, "coordinator"), triage.listing)
    page = auditor.get("/audit?actie=signal:list").text
    assert "Een overzicht is bekeken of doorzocht" in page
    organisation = agency_title(program, "var")
    assert re.search(rf"Organisatie<br><span[^>]*>{organisation}</span>", page)
    seq = re.search(r'href="/audit/(\d+)"', page)[1]
    assert "Signalen aan de tafel" in auditor.get(f"/audit/{seq}").text


def test_a_size_is_written_as_dutch_people_write_it(program):
    with create_app(program.settings, program).test_request_context(headers={"Accept-Language": "nl"}):
        assert [file_size(count) for count in (0, 93_700, 1_234_567)] == ["1 kB", "94 kB", "1,2 MB"]


@pytest.mark.parametrize("login", ["havendam", "avim", "essm", "coordinator", "voorzitter", "beheer"])
def test_all_pages_are_closed_to_others(program, login):
    person = Person(program, login)
    assert {path: person.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 403)
    assert person.post("/audit/export", page="/overzicht" if login != "beheer" else "/beheer").status_code == 403
    assert person.post("/audit/bewijs", page="/overzicht" if login != "beheer" else "/beheer").status_code == 403


def test_a_stranger_has_to_sign_in(program):
    assert {Person(program).get(path).status_code for path in PAGES} == {302}


def test_a_privacy_officer_sees_the_own_part_and_no_more(program, reference):
    officer = Person(program, "fg.havendam")
    page = officer.get("/audit")
    assert page.status_code == 200
    assert reference in page.text.split("<tbody")[1]
    assert "enrich:ask" not in page.text.split("<tbody")[1]
    assert officer.get("/audit/bewijs").status_code == officer.get("/audit/verstrekkingen").status_code == 403
    with reading(program) as session:
        foreign = session.scalars(select(LogEntry.seq).where(LogEntry.agency == "var")).first()
    assert officer.get(f"/audit/{foreign}").status_code == 403


def test_the_pages_hold_no_content_and_no_names(program, auditor, reference):
    with reading(program) as session:
        last = session.scalars(select(LogEntry.seq).order_by(LogEntry.seq.desc())).first()
    seen = [auditor.get(path).text for path in PAGES] + [auditor.get(f"/audit/{seq}").text for seq in range(last + 1)]
    for secret in (*CANARIES.values(), "Zwaluwkade", "loods", "Hanneke", "Cora Bedacht"):
        assert not [number for number, page in enumerate(seen) if secret in page], secret


def test_a_line_says_when_what_who_and_on_what(auditor, reference):
    page = auditor.get(f"/audit?kenmerk={reference.lower()}&actie=signal:record").text
    row = re.search(r"<tbody.*?</tbody>", page, re.DOTALL)[0]
    for words in ("aandachtsfunctionaris", "Gemeente Havendam", reference, "2026", "signal:record"):
        assert words in row
    assert row.count("<tr") == 1


def test_the_filters_stay_filled_and_go_along_to_older_pages(auditor, reference):
    page = auditor.get("/audit?organisatie=system&van=1-11-2026").text
    assert 'value="system" selected' in page
    assert 'value="1-11-2026"' in page
    older = re.search(r'rel="next" href="([^"]+)"', page)[1].replace("&amp;", "&")
    assert "organisatie=system" in older
    assert "voor=" in older
    assert auditor.get(older).status_code == 200


def test_a_day_that_is_none_comes_back_with_what_to_do(auditor):
    page = auditor.get("/audit?van=gisteren").text
    assert 'value="gisteren"' in page
    assert 'id="errors"' in page


def test_a_day_counts_in_dutch_time(program, clock, actor):
    clock.now = clock.now.replace(hour=23, minute=30)  # half past midnight on the 24th in the Netherlands
    late = submitted(program, actor(program, "havendam"))
    auditor = Person(program, "auditor")
    assert late in auditor.get("/audit?van=24-11-2026&actie=signal:record").text
    assert late not in auditor.get("/audit?tot=23-11-2026&actie=signal:record").text


def test_an_entry_shows_details_in_words_and_a_proof_to_keep(program, auditor, reference):
    with reading(program) as session:
        seq = session.scalars(select(LogEntry.seq).where(LogEntry.action == "enrich:ask")).one()
    page = auditor.get(f"/audit/{seq}").text
    assert "Politie, AVIM team TMM" in page  # the asked agency by its title, not by its id
    assert "<svg" in page

    kept = auditor.get(f"/audit/{seq}/bewijs")
    key = Verifier.from_text(auditor.get("/audit/publieke-sleutel").text.strip())
    assert kept.headers["Content-Disposition"] == f'attachment; filename="logboek-{seq}.tlog-proof"'
    assert receipt.verify(kept.text, [key]).entry.action == "enrich:ask"


def test_an_entry_that_is_not_signed_yet_says_so(program, auditor):
    with reading(program) as session:
        newest = session.scalars(select(LogEntry.seq).order_by(LogEntry.seq.desc())).first()
    assert auditor.get(f"/audit/{newest}").status_code == 200
    assert auditor.get(f"/audit/{newest}/bewijs").status_code == 404
    assert auditor.get("/audit/999999").status_code == 404
    assert auditor.get("/audit?voor=onzin").status_code == 404


def test_a_change_by_the_owner_of_the_database_is_shown(program, auditor, reference):
    honest = auditor.post("/audit/bewijs").text
    assert honest.count("st-conditions__item--met") == 11
    assert "st-conditions__item--unmet" not in honest

    with reading(program) as session:
        entry = bytes(session.scalars(select(LogEntry.entry).where(LogEntry.seq == 4)).one())
    changed = entry.replace(b"system", b"mystem")
    assert changed != entry
    tamper(program, "UPDATE log_entries SET entry = :entry WHERE seq = 4", entry=changed)

    page = auditor.post("/audit/bewijs").text
    assert "st-alert--danger" in page
    assert 'href="/audit/4"' in page
    assert "st-alert--danger" in auditor.get("/audit/4").text


def test_the_proof_page_has_the_checkpoint_and_no_way_to_sign(program, auditor, reference):
    page = auditor.get("/audit/bewijs").text
    with reading(program) as session:
        signed = session.scalars(select(LogCheckpoint.note)).first()
    assert signed.split("\n")[2] in page
    forms = re.findall(r'<form[^>]+action="([^"]+)"', page.split("<main")[1])
    assert set(forms) == {"/audit/bewijs"}


def test_the_web_pages_never_read_the_signing_key(program, auditor, reference):
    program.settings.log_key.unlink()
    for path in PAGES:
        assert auditor.get(path).status_code == 200
    assert auditor.post("/audit/bewijs").status_code == 200
    assert auditor.post("/audit/export", page="/audit/bewijs").status_code == 303


def test_an_export_is_asked_for_made_and_fetched(program, auditor, reference):
    asked_for = auditor.post("/audit/export", page="/audit/bewijs")
    assert asked_for.status_code == 303
    page = auditor.get(asked_for.location).text
    assert "/bestand" not in page
    assert auditor.get(f"{asked_for.location}/bestand").status_code == 404

    jobs.run_requests(program)

    assert "/bestand" in auditor.get(asked_for.location).text
    fetched = auditor.get(f"{asked_for.location}/bestand")
    assert fetched.mimetype == "application/zip"
    with zipfile.ZipFile(BytesIO(fetched.data)) as packed:
        assert "logboek/manifest.sig" in packed.namelist()
        everything = b"".join(packed.read(name) for name in packed.namelist())
    for secret in (*CANARIES.values(), "Zwaluwkade"):
        assert secret.encode() not in everything


def test_the_processing_log_is_asked_for_on_the_same_page(program, auditor, reference):
    wrong = auditor.post("/audit/export/verwerkingenlog", {"log_van": "30-2-2026"}, page="/audit/export")
    assert wrong.status_code == 422
    assert 'value="30-2-2026"' in wrong.text
    asked_for = auditor.post("/audit/export/verwerkingenlog", {"log_van": "1-1-2026"}, page="/audit/export")
    jobs.run_requests(program)
    assert "verwerkingenlog" in auditor.get(asked_for.location).text
    with zipfile.ZipFile(BytesIO(auditor.get(f"{asked_for.location}/bestand").data)) as packed:
        assert sorted(packed.namelist()) == ["LEESMIJ.txt", "verwerkingenlog.json"]
        raw = packed.read("verwerkingenlog.json")
    told = json.loads(raw)
    jsonschema.validate(told, json.loads(processing_log.SCHEMA.read_text()))
    assert told["period_from"] == "2026-01-01"
    assert any(line["name"] == "signal:record" for line in told["records"])
    for secret in (*CANARIES.values(), reference):
        assert secret.encode() not in raw
    officer = Person(program, "fg.havendam")
    assert officer.post("/audit/export/verwerkingenlog", page="/audit/export").status_code == 403


def test_what_the_form_did_not_offer_is_refused(program, auditor):
    assert auditor.post("/audit/export", {"owner": "riec"}, page="/audit/bewijs").status_code == 403
    with reading(program) as session:
        last = session.scalars(select(LogEntry.action).order_by(LogEntry.seq.desc()).limit(1)).one()
    assert last == "request:refuse"


def test_every_word_of_the_log_has_words_on_the_screen(program):
    app = create_app(program.settings, program)
    keys = {key for action in ACTIONS.values() for key in action.details_required | action.details_optional}
    with app.test_request_context():
        assert [key for key in sorted(keys) if detail_label(key) == key] == []


def test_a_code_reads_as_what_it_means_for_its_action(program):
    def words(action, **details):
        return [value for _label, value in detail_rows(details, {}, action=action)]

    with create_app(program.settings, program).test_request_context():
        # A file that was too large is no answer of an identity provider that was.
        assert words("attachment:refuse", cause="too_large") == ["too_large"]
        assert words("login:fail", cause="too_large") != ["too_large"]
        ends = ("ended_by_owner", "ended_by_administrator", "ended_there", "factor_removed", "strength", "case_erased")
        assert [one for one in ends if words("login:end", cause=one) == [one]] == []
        ways = ("step", "enrol", "system", "code", "recovery", "activation", "provider", "secret", "certificate")
        assert [one for one in ways if words("login:fail", method=one) == [one]] == []
        kinds = ("first", "password", "factors", "totp", "passkey", "recovery", "minute", "day-cases")
        assert [one for one in kinds if words("factor:record", kind=one) == [one]] == []
        assert {name for name, _text in actions()} == set(ACTIONS)
        codes = re.search(r"`code` is one of (.*?)\.\n", checking.CheckLine.__doc__, re.DOTALL)[1]
        assert all(check_title(code.strip()) for code in codes.split(","))


def test_details_read_as_words_with_the_code_beside_them(program, auditor, reference):
    with reading(program) as session:
        seqs = {one.action: one.seq for one in session.scalars(select(LogEntry))}
    auditor.post("/taal", {"lang": "en"}, page="/audit")
    shown = {
        action: unescape(auditor.get(f"/audit/{seqs[action]}").text)
        for action in ("signal:record", "key:make", "agency:record")
    }
    for words in ("date of birth (birth_date)", "adult (possible_victim:adult)"):
        assert words in shown["signal:record"]
    assert "to seal the data of an organisation (agency)" in shown["key:make"]
    assert "Somebody at the command line of the server" in shown["key:make"]
    assert "installer" not in shown["key:make"].split("<h2")[1]
    assert not re.search(r"<dd[^>]*>\s*(ngo|police|municipality)\s*</dd>", shown["agency:record"])


def test_looking_at_own_data_needs_no_ground_and_the_log_says_so(program, actor, auditor):
    mine = submitted(program, actor(program, "havendam"))
    shown = Person(program, "havendam").post(f"/signalen/{mine}/identiteit", page=f"/signalen/{mine}")
    assert shown.status_code == 200
    auditor.post("/taal", {"lang": "en"}, page="/audit")
    page = auditor.get("/audit?actie=identity:consult").text
    assert "data that the organisation recorded itself" in page
    assert "no longer in the rules" not in page


def test_all_that_is_wrong_with_an_export_is_told_at_once(auditor):
    wrong = {"van": "32-1-2026", "tot": "morgen", "organisatie": "nergens"}
    answer = auditor.post("/audit/export", wrong)
    assert answer.status_code == 422
    summary = re.search(r'id="errors".*?</ul>', answer.text, re.DOTALL)[0]
    assert summary.count("<li") == 3
