"""The four steps as a browser without script sends them, and what happens to requests that the form did not offer."""

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from signaltable.models import Draft, LogDetail, LogEntry, Signal
from signaltable.transaction import reading
from signaltable.web import create_app
from tests.databases import is_file
from tests.letting_in import let_in


@pytest.fixture
def browser(sqlite_program):
    """A client of the whole application that keeps cookies, with the token that every form needs."""
    app = create_app(sqlite_program.settings, sqlite_program)
    return Person(app.test_client(), sqlite_program)


class Person:
    def __init__(self, client, program):
        self.client, self.program = client, program

    def get(self, path, **options):
        return self.client.get(path, **options)

    def token(self, path="/aanmelden"):
        return re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(path).text)[1]

    def post(self, path, data, page="/aanmelden"):
        return self.client.post(path, data={"csrf_token": self.token(page), **data})

    def log_in(self, login):
        let_in(self.client, self.program, login)
        return self


STEP1 = {
    "version": "",
    "acute_danger": "no",
    "safe_to_continue": "yes",
    "urgency": "five-working-days",
    "action": "next",
}


def _version(page):
    return re.search(r'name="version" value="(\d+)"', page.text)[1]


def _seen(page):
    """What a page says that was shown on it."""
    return {"version": _version(page), "seen": re.search(r'name="seen" value="(\w+)"', page.text)[1]}


def _refusals(program):
    with reading(program) as session:
        rows = session.execute(
            select(LogEntry.action, LogDetail.details)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.outcome == "refused")
        ).all()
        return [(row.action, json.loads(row.details)) for row in rows]


def test_a_stranger_is_sent_to_the_login_page(browser):
    answer = browser.get("/signalen/nieuw")
    assert answer.status_code == 302
    assert "/aanmelden" in answer.location


def test_a_step_without_an_answer_comes_back_filled(browser):
    browser.log_in("havendam")
    answer = browser.post("/signalen/nieuw", {**STEP1, "acute_danger": ""}, "/overzicht")
    assert answer.status_code == 422
    assert "checked" in answer.text
    assert 'id="errors"' in answer.text


def test_a_signal_is_logged_in_four_steps(browser, sqlite_program):
    browser.log_in("havendam")
    step2 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location
    page = browser.get(step2)
    seen = {
        "version": _version(page),
        "narrative": "Zorinka Proefveld krijgt geen loon.",
        "observed_on-day": "3",
        "observed_on-month": "nov",
        "observed_on-year": "2026",
        "municipality": "Havendam",
        "online": "no",
        "source_quality": "seen",
        "forms": "labour",
        "row-wages": "1",
        "action": "next",
    }
    step3 = browser.post(step2, seen, "/overzicht").location
    page = browser.get(step3)
    about = {
        "version": _version(page),
        "role": "possible_victim",
        "age": "adult",
        "age_years": "",
        "gender": "woman",
    }
    about |= {"id-given_name": "Zorinka", "id-surname": "Proefveld", "id-birth_date": "1996", "unsure": "birth_date"}
    about |= {"flags": "lvb", "capacity": "municipality-wmo", "status": "not_asked", "action": "next"}
    check = browser.post(step3, about, "/overzicht").location
    page = browser.get(check)
    assert "st-masked" in page.text
    receipt = browser.post(check, {**_seen(page), "action": "submit"}, "/overzicht")
    assert receipt.status_code == 303
    assert re.search(r"S-[0-9A-Z]{4}-[0-9A-Z]{2}", receipt.location)
    with reading(sqlite_program) as session:
        signal = session.scalars(select(Signal)).one()
        assert signal.facts["means"] == "present"
        assert signal.facts["lvb_signs"] == "yes"
        assert session.scalar(select(func.count()).select_from(Draft)) == 0


def test_acute_danger_shows_112_first(browser):
    browser.log_in("havendam")
    answer = browser.post("/signalen/nieuw", {**STEP1, "acute_danger": "yes"}, "/overzicht")
    assert answer.location.endswith("/gevaar")
    assert "112" in browser.get(answer.location).text


def test_112_does_not_wait_for_the_other_answers(browser):
    browser.log_in("havendam")
    danger = {"version": "", "acute_danger": "yes", "action": "next"}
    answer = browser.post("/signalen/nieuw", danger, "/overzicht")
    assert answer.location.endswith("/gevaar")
    again = browser.post(answer.location.removesuffix("/gevaar") + "/1", {**danger, "version": "2"}, "/overzicht")
    assert again.location.endswith("/gevaar")


def test_going_back_keeps_what_was_typed(browser):
    browser.log_in("havendam")
    step2 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location
    typed = {"version": _version(browser.get(step2)), "narrative": "Halve zin", "action": "previous"}
    assert browser.post(step2, typed, "/overzicht").location.endswith("/1")
    assert "Halve zin" in browser.get(step2).text


def test_adding_changing_and_removing_somebody_keeps_the_ticked_flags(browser):
    browser.log_in("havendam")
    step2 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location
    step3 = step2.removesuffix("/2") + "/3"
    add = {"version": _version(browser.get(step3)), "flags": "pregnant", "action": "add:phone"}
    subject = browser.post(step3, add, "/overzicht").location
    assert "betrokkene/0?soort=phone" in subject
    phone = {
        "version": _version(browser.get(subject)),
        "kind": "phone",
        "role": "facilitator",
        "id-phone": "0612345678",
    }
    assert browser.post(subject.split("?")[0], phone, "/overzicht").status_code == 303
    page = browser.get(step3)
    assert re.search(r'value="pregnant"\s+checked', page.text)
    edit = {"version": _version(page), "flags": "pregnant", "action": "edit:0"}
    assert browser.post(step3, edit, "/overzicht").location.split("?")[0].endswith("/betrokkene/0")
    remove = {"version": _version(browser.get(step3)), "flags": "pregnant", "action": "remove:0"}
    assert browser.post(step3, remove, "/overzicht").location.endswith("/3")
    assert "remove:0" not in browser.get(step3).text


def test_a_person_that_was_begun_has_to_be_whole_and_comes_back_filled(browser):
    browser.log_in("havendam")
    step3 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location.removesuffix("/2") + "/3"
    told = {
        "version": _version(browser.get(step3)),
        "id-surname": "Halfbekend",
        "status": "not_asked",
        "action": "next",
    }
    back = browser.post(step3, {**told, "capacity": "municipality-wmo"}, "/overzicht")
    assert back.status_code == 422
    assert 'value="Halfbekend"' in back.text
    assert 'href="#role' in back.text
    whole = {**told, "role": "witness", "age": "adult", "gender": "man", "action": "add:company"}
    # Going elsewhere from here needs no consent yet, and keeps the person.
    assert browser.post(step3, whole, "/overzicht").location.endswith("/betrokkene/1?soort=company")
    assert "edit:0" in browser.get(step3).text


def test_a_signal_about_nobody_needs_consent_only_to_go_on(browser):
    browser.log_in("havendam")
    step3 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location.removesuffix("/2") + "/3"
    told = {"version": _version(browser.get(step3)), "reachable": "Bel de balie"}
    assert browser.post(step3, {**told, "action": "next"}, "/overzicht").status_code == 422
    later = browser.post(step3, {**told, "action": "later"}, "/overzicht")
    assert later.location.endswith("#concepten")
    assert 'value="Bel de balie"' in browser.get(step3).text


def test_a_person_typed_while_another_window_added_one_is_not_lost(browser):
    browser.log_in("havendam")
    step3 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location.removesuffix("/2") + "/3"
    old = _version(browser.get(step3))
    person = {"role": "witness", "age": "adult", "gender": "man", "status": "not_asked", "capacity": "municipality-wmo"}
    assert browser.post(step3, {**person, "version": old, "action": "next"}, "/overzicht").status_code == 303
    other = {**person, "version": old, "id-surname": "Tweedevenster", "action": "next"}
    page = browser.post(step3, other, "/overzicht")
    assert page.status_code == 422
    assert 'value="Tweedevenster"' in page.text
    again = {**other, "version": re.search(r'name="version" value="(\d+)"', page.text)[1]}
    assert browser.post(step3, again, "/overzicht").status_code == 303
    assert "edit:1" in browser.get(step3).text


@pytest.mark.parametrize("extra", [{"owner": "delinde"}, {"destination": "avim"}, {"score": "9"}, {"role": "auditor"}])
def test_a_field_that_the_form_does_not_have_is_refused_and_recorded(browser, sqlite_program, extra):
    browser.log_in("havendam")
    assert browser.post("/signalen/nieuw", {**STEP1, **extra}, "/overzicht").status_code == 403
    action, details = _refusals(sqlite_program)[-1]
    assert action == "request:refuse"
    assert details["cause"] == "not_on_the_form"
    assert details["fields"] == list(extra)
    with reading(sqlite_program) as session:
        assert session.scalar(select(func.count()).select_from(Draft)) == 0


def test_a_choice_that_was_not_offered_is_refused_and_recorded(browser, sqlite_program):
    browser.log_in("havendam")
    assert browser.post("/signalen/nieuw", {**STEP1, "urgency": "yesterday"}, "/overzicht").status_code == 403
    assert _refusals(sqlite_program)[-1][1]["cause"] == "not_offered"


def test_a_parameter_in_the_address_of_a_post_is_refused(browser, sqlite_program):
    browser.log_in("havendam")
    assert browser.post("/signalen/nieuw?owner=delinde", STEP1, "/overzicht").status_code == 403


def test_a_post_without_the_token_is_refused(browser):
    browser.log_in("havendam")
    assert browser.client.post("/signalen/nieuw", data=STEP1).status_code == 400


def test_two_windows_on_one_draft_do_not_lose_what_was_typed(browser):
    browser.log_in("havendam")
    step2 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location
    old = _version(browser.get(step2))
    browser.post(step2, {"version": old, "narrative": "Eerste venster", "action": "next"}, "/overzicht")
    again = browser.post(step2, {"version": old, "narrative": "Tweede venster", "action": "next"}, "/overzicht")
    assert again.status_code == 422
    assert "Tweede venster" in again.text
    saved = browser.post(
        step2, {"version": _version(again), "narrative": "Tweede venster", "action": "next"}, "/overzicht"
    )
    assert saved.status_code == 303


def test_a_bsn_in_the_text_is_refused_and_nothing_is_lost(browser):
    browser.log_in("havendam")
    step2 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location
    page = browser.get(step2)
    answer = browser.post(
        step2, {"version": _version(page), "narrative": "Nummer 111 222 333 gezien", "action": "next"}, "/overzicht"
    )
    assert answer.status_code == 422
    assert "Nummer 111 222 333 gezien" in answer.text


def test_somebody_elses_draft_does_not_exist(browser):
    browser.log_in("havendam")
    step2 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location
    browser.post("/afmelden", {}, "/overzicht")
    browser.log_in("delinde")
    assert browser.get(step2).status_code == 404


def test_headers_stand_on_every_page(browser):
    for path in ("/aanmelden", "/bestaat-niet", "/static/app.css"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert browser.get("/aanmelden").headers["Cache-Control"] == "no-store"


# -- what the text is about ------------------------------------------------------------------------------------------


def _at_check(browser, narrative):
    """A draft filled in up to the last page: its address and that page."""
    browser.log_in("havendam")
    step2 = browser.post("/signalen/nieuw", STEP1, "/overzicht").location
    seen = {"version": _version(browser.get(step2)), "narrative": narrative, "row-wages": "1", "action": "next"}
    step3 = browser.post(step2, seen, "/overzicht").location
    consent = {"capacity": "municipality-wmo", "status": "not_asked", "action": "next"}
    check = browser.post(step3, {**consent, "version": _version(browser.get(step3))}, "/overzicht").location
    return check, browser.get(check)


def _shown_kinds(page):
    return set(re.findall(r'name="categories"[^>]*value="([a-z_]+)"', page.text))


def test_the_reporter_sees_which_kinds_of_data_the_text_holds_and_by_which_words(browser):
    _check, page = _at_check(browser, "Zorinka Proefveld is zwanger en doet sekswerk.")
    assert '<mark class="st-telling">zwanger</mark>' in page.text
    assert '<mark class="st-telling">sekswerk</mark>' in page.text
    assert re.search(r"<strong>gezondheid</strong>: zwanger", page.text)
    # What was found is no box to untick; what was not found can be ticked
    assert _shown_kinds(page) == {"criminal", "ethnicity", "nationality", "residence", "minor"}


def test_what_was_found_and_what_was_ticked_go_with_the_signal(browser, sqlite_program):
    check, page = _at_check(browser, "Zorinka Proefveld is zwanger.")
    told = {**_seen(page), "categories": ["criminal"], "action": "submit"}
    assert browser.post(check, told, "/overzicht").status_code == 303
    with reading(sqlite_program) as session:
        assert session.scalars(select(Signal)).one().found == ["criminal", "health"]


@pytest.mark.parametrize(("button", "step"), [("previous", "/3"), ("shorten", "/2")])
def test_a_tick_is_not_lost_on_going_back(browser, button, step):
    check, page = _at_check(browser, "Zorinka Proefveld is ziek en krijgt geen loon.")
    assert f'value="{button}"' in page.text
    told = {**_seen(page), "categories": ["criminal", "minor"], "action": button}
    back = browser.post(check, told, "/overzicht")
    assert back.location.endswith(step)
    again = browser.get(check)
    assert len(re.findall(r'name="categories"[^>]*checked', again.text)) == 2


def test_a_kind_that_does_not_exist_is_no_tick(browser, sqlite_program):
    check, page = _at_check(browser, "Zorinka Proefveld krijgt geen loon.")
    told = {**_seen(page), "categories": ["hobbies"], "action": "submit"}
    assert browser.post(check, told, "/overzicht").status_code in {400, 403, 422}
    with reading(sqlite_program) as session:
        assert session.scalars(select(Signal)).all() == []


# -- which words others read -----------------------------------------------------------------------------------------


STORY = "Zorinka Proefveld werkt bij kapsalon De Krul. Bel 06-12345678. Zij is zwanger; meneer Hoog Laag kent zorinka's moeder."


def _keys(page):
    """Each word that may be freed, with its key."""
    found = re.findall(
        r'name="found" value="(\w+)".*?class="utrecht-form-label[^>]*>([^<]*)</label>', page.text, re.DOTALL
    )
    return {re.search("“(.*)”", word)[1]: key for key, word in found}


def _table_reads(page):
    return re.findall(r'<p class="st-beside__head">Wat de tafel leest</p>\s*<p[^>]*>(.*?)</p>', page.text, re.DOTALL)[0]


def _everything(page):
    return {**_seen(page), "found": list(_keys(page).values()), "keep": list(_keys(page).values())}


def _only(program):
    with reading(program) as session:
        return session.scalars(select(Signal)).one_or_none()


def _told(program, action):
    with reading(program) as session:
        query = select(LogDetail.details).join(LogEntry, LogEntry.seq == LogDetail.seq).where(LogEntry.action == action)
        return [json.loads(one) for one in session.scalars(query)]


def test_numbers_and_protected_words_cannot_be_freed_and_names_can(browser):
    _check, page = _at_check(browser, STORY)
    assert {"Hoog Laag"} <= set(_keys(page))
    assert not {"06-12345678", "zwanger"} & set(_keys(page))
    assert "12345678" not in _table_reads(page)


def test_a_freed_word_goes_along_after_it_was_shown_and_the_others_do_not(browser, sqlite_program):
    check, page = _at_check(browser, STORY)
    choices = _everything(page)
    key = _keys(page)["Hoog Laag"]
    freed = choices | {"keep": [one for one in choices["keep"] if one != key], f"why-{key}": "Dat is een straatnaam"}
    # What was shown is not what would go: the page comes back with how it reads now
    again = browser.post(check, {**freed, "action": "submit"}, "/overzicht")
    assert again.status_code == 422
    assert _only(sqlite_program) is None
    assert "Hoog Laag" in _table_reads(again)
    assert "Dat is een straatnaam" in again.text
    answer = browser.post(check, {**freed, **_seen(again), "action": "submit"}, "/overzicht")
    assert answer.status_code == 303
    stored = _only(sqlite_program)
    assert "Hoog Laag" in stored.narrative_masked
    assert "orinka" not in stored.narrative_masked
    (told,) = _told(sqlite_program, "text:confirm")
    assert (told["freed"], told["freed_kinds"], told["added"]) == (1, ["name"], 0)
    with reading(sqlite_program) as session:
        assert not any(b"straatnaam" in one or b"Hoog" in one for one in session.scalars(select(LogDetail.details)))
    assert "Dat is een straatnaam" in browser.get(answer.location.removesuffix("/ontvangst")).text


@pytest.mark.parametrize("reason", ["", "x", "BSN 111222333"])
def test_freeing_a_word_needs_a_reason(browser, sqlite_program, reason):
    check, page = _at_check(browser, STORY)
    choices = _everything(page)
    key = _keys(page)["Hoog Laag"]
    freed = choices | {"keep": [one for one in choices["keep"] if one != key], f"why-{key}": reason}
    again = browser.post(check, {**freed, "action": "masks"}, "/overzicht")
    assert again.status_code == 422
    assert f'id="why-{key}-error"' in again.text
    assert again.text.count('id="errors"') == 1
    assert not re.search(rf'id="keep-{key}"[^>]*checked', again.text)
    assert "Hoog Laag" not in _table_reads(again)


def test_a_word_that_was_never_offered_cannot_be_freed(browser, sqlite_program):
    check, page = _at_check(browser, STORY)
    key = _keys(page)["Hoog Laag"]
    forged = key[::-1]
    told = {**_everything(page), "found": [key, forged], "keep": [key], f"why-{forged}": "zomaar", "action": "submit"}
    assert browser.post(check, told, "/overzicht").status_code == 303
    assert _only(sqlite_program).narrative_masked == re.sub(r"<[^>]*>", "", _table_reads(page))


def test_an_own_word_is_masked_everywhere_and_one_that_is_not_there_is_told(browser, sqlite_program):
    check, page = _at_check(browser, "Zij woont boven de bibliotheek. In de Bibliotheek is het warm.")
    wrong = browser.post(check, {**_seen(page), "mask_words": "biblioteek", "action": "submit"}, "/overzicht")
    assert wrong.status_code == 422
    assert "biblioteek" in wrong.text
    again = browser.post(check, {**_seen(wrong), "mask_words": "bibliotheek", "action": "submit"}, "/overzicht")
    assert again.status_code == 422
    done = browser.post(check, {**_seen(again), "mask_words": "bibliotheek", "action": "submit"}, "/overzicht")
    assert done.status_code == 303
    assert "bibliotheek" not in _only(sqlite_program).narrative_masked.lower()


def test_a_text_that_changed_in_another_window_is_shown_before_it_goes(browser, sqlite_program):
    check, page = _at_check(browser, STORY)
    old = _everything(page)
    step2 = check.removesuffix("controle") + "2"
    other = {"version": _version(browser.get(step2)), "narrative": "Piet Jansen was er ook bij.", "row-wages": "1"}
    assert browser.post(step2, {**other, "action": "next"}, "/overzicht").status_code == 303
    again = browser.post(check, {**old, "categories": ["minor"], "action": "submit"}, "/overzicht")
    assert again.status_code == 422
    assert "was er ook bij" in again.text
    assert re.search(r'name="categories"[^>]*value="minor"[^>]*checked', again.text)
    assert _only(sqlite_program) is None
    assert browser.post(check, {**_everything(again), "action": "submit"}, "/overzicht").status_code == 303


def test_without_what_was_shown_nothing_is_submitted(browser, sqlite_program):
    check, page = _at_check(browser, STORY)
    for seen in ({}, {"seen": ""}, {"seen": "0" * 32}):
        told = {"version": _version(page), **seen, "action": "submit"}
        assert browser.post(check, told, "/overzicht").status_code == 422
    assert _only(sqlite_program) is None


def test_what_the_last_page_never_offered_is_refused_where_all_else_is_as_it_was_drawn(browser, sqlite_program):
    check, page = _at_check(browser, STORY)
    never = [{"owner": "delinde"}, {"table": "nowhere"}, {"categories": ["nothing"]}, {"version": ["2", "2"]}]
    for more in never:
        assert browser.post(check, {**_everything(page), "action": "submit", **more}, "/overzicht").status_code == 403
    assert [action for action, _details in _refusals(sqlite_program)] == ["request:refuse"] * len(never)
    for more in ({"version": "1"}, {"seen": "0" * 32}):
        assert browser.post(check, {**_everything(page), "action": "submit", **more}, "/overzicht").status_code == 422
    assert _only(sqlite_program) is None


def test_the_last_step_takes_a_connection_to_read_and_one_to_write_and_gives_both_back(browser, sqlite_program):
    check, page = _at_check(browser, STORY)
    with sqlite_program.read_sessions() as session:
        pool = session.get_bind().engine.pool
    token, taken = browser.token("/overzicht"), []
    event.listen(pool, "checkout", lambda *told: taken.append(told[0]))

    def send(path):
        taken.clear()
        return browser.client.post(
            path, data={"csrf_token": token, **_everything(page), "action": "submit"}
        ).status_code

    assert send(check + "?owner=delinde") == 403  # Asked who it is, and stopped before it came to reading.
    assert pool.checkedout() == 0
    assert send(check) == 303
    # Where another connection may lead to a copy of the database that lags behind, it asks anew for what it decides by.
    assert len(taken) == (2 if is_file(sqlite_program.settings) else 3)
    assert pool.checkedout() == 0


def test_a_session_that_is_over_is_ended_also_where_the_page_would_go_on_reading(browser, sqlite_program, clock):
    check, page = _at_check(browser, STORY)
    sent = {"csrf_token": browser.token("/overzicht"), **_everything(page), "action": "submit"}
    clock.now += sqlite_program.policy.coming_in.session.absolute + timedelta(seconds=1)
    assert browser.client.post(check, data=sent).status_code == 401
    assert _only(sqlite_program) is None
    assert [details["cause"] for details in _told(sqlite_program, "login:end")] == ["expired"]


def test_a_text_that_tells_a_shelter_goes_only_after_a_look(browser, sqlite_program):
    check, page = _at_check(browser, "Zij verblijft nu in de noodopvang achter het station.")
    assert 'name="shelter_confirmed"' in page.text
    refused = browser.post(check, {**_seen(page), "action": "submit"}, "/overzicht")
    assert refused.status_code == 422
    assert 'id="shelter_confirmed-error"' in refused.text
    told = {**_seen(refused), "shelter_confirmed": "y", "action": "submit"}
    assert browser.post(check, told, "/overzicht").status_code == 303
    assert _told(sqlite_program, "text:confirm")[0]["shelter"] == "confirmed"
