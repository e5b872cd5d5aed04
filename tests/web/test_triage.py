"""The coordinator's pages as a browser without script sees them."""

import re
from html import unescape

import pytest

from signaltable.flow import linking
from tests.factories import a_person, a_signal
from tests.flow.test_kinds_of_data import without
from tests.table_steps import asked, log, row, submitted, triaged, use, visitor

SEXUAL = {"forms": ["sexual"], "form_rows": {"sexual-exploitation": 1}}


@pytest.fixture
def desk(sqlite_program):
    return visitor(sqlite_program, "coordinator")


@pytest.fixture
def owner(sqlite_program, actor):
    return actor(sqlite_program, "havendam")


def _judgement(program, reference, **changes):
    version = str(row(program, reference).version)
    return {"urgency": "five-working-days", "result": "triaged", "reason": "", "version": version, **changes}


def _question(**changes):
    date = {"due_on-day": "1", "due_on-month": "december", "due_on-year": "2026"}
    return {"subject": "1", "agencies": ["avim", "riec"], "note": "", "checked": "y", **date, **changes}


def test_a_full_list_stays_under_a_hundred_kilobytes_and_leads_on(sqlite_program, desk, owner):
    for number in range(27):
        submitted(sqlite_program, owner, a_signal(subjects=[], narrative=f"Proefmelding {number}"))
    page = desk.get("/triage")
    assert page.status_code == 200
    assert len(page.data) < 100_000
    assert page.text.count('href="/triage/S-') == 25
    assert "/triage?ouder=S-" in page.text
    assert "Proefmelding" not in page.text


def test_a_filter_that_does_not_exist_gives_an_error_page_and_a_surplus_name_is_recorded(sqlite_program, desk):
    assert desk.get("/triage?toestand=closed").status_code == 200
    assert desk.get("/triage?toestand=alles").status_code == 400
    assert desk.get("/triage?owner=havendam").status_code == 403
    assert log(sqlite_program, "request:refuse")[-1][1]["fields"] == ["owner"]


def test_advice_that_no_ground_lets_the_table_read_says_so_and_names_no_route(sqlite_program, owner):
    program = sqlite_program
    reference = submitted(program, owner, a_signal(**SEXUAL))
    shown = visitor(program, "coordinator").get(f"/triage/{reference}").text
    routes = {one["id"] for one in row(program, reference).advice["routes"]}
    assert routes
    assert all(f"{route} · " in shown for route in routes)

    page = visitor(without(program, "X16"), "coordinator").get(f"/triage/{reference}")

    assert page.status_code == 200
    assert not [route for route in routes if f"{route} · " in page.text]
    (card,) = re.findall(r'id="advies".*?</section>', page.text, re.DOTALL)
    assert "st-muted" in card


def test_the_coordinator_judges_and_asks(sqlite_program, desk, owner):
    reference = submitted(sqlite_program, owner)
    page = f"/triage/{reference}"
    answer = desk.post(f"{page}/beoordelen", _judgement(sqlite_program, reference), page)
    assert (answer.status_code, answer.location) == (303, page)
    assert row(sqlite_program, reference).state == "triaged"
    answer = desk.post(f"{page}/vragen", _question(note="Bekend bij u?"), page)
    assert answer.status_code == 303
    assert row(sqlite_program, reference).state == "enriching"
    assert [details["asked"] for _entry, details in log(sqlite_program, "enrich:ask")] == ["avim", "riec"]
    text = desk.get(page).text
    assert "RIEC Rotterdam" in text
    # Who asked reads on which ground, in words
    ((_entry, details), _other) = log(sqlite_program, "enrich:ask")
    (ground,) = [one for one in sqlite_program.policy.grounds.rows if one.id == details["ground"]]
    assert ground.title.nl in unescape(text)


@pytest.mark.parametrize(
    ("change", "target"),
    [({"urgency": "now"}, "#reason"), ({"urgency": ""}, "#urgency-0"), ({"reason": "111222333"}, "#reason")],
)
def test_a_judgement_with_a_mistake_comes_back_filled_in(sqlite_program, desk, owner, change, target):
    reference = submitted(sqlite_program, owner)
    form = _judgement(sqlite_program, reference, result="watch", **change)
    answer = desk.post(f"/triage/{reference}/beoordelen", form, f"/triage/{reference}")
    assert answer.status_code == 422
    assert f'href="{target}"' in answer.text
    assert 'value="watch" checked' in answer.text
    assert "<title>Error:" in answer.text or "<title>Fout:" in answer.text
    assert row(sqlite_program, reference).state == "submitted"


def test_a_question_with_mistakes_points_at_each(sqlite_program, desk, owner, actor):
    reference = triaged(sqlite_program, owner, actor(sqlite_program, "coordinator"))
    form = _question(agencies=[], note="zoek 111222333", **{"due_on-month": "13"})
    del form["checked"]
    answer = desk.post(f"/triage/{reference}/vragen", form, f"/triage/{reference}")
    assert answer.status_code == 422
    for target in ("#agencies-0", "#note", "#due_on-day"):
        assert f'href="{target}"' in answer.text
    answer = desk.post(f"/triage/{reference}/vragen", _question(checked=[]), f"/triage/{reference}")
    assert 'href="#checked"' in answer.text
    assert log(sqlite_program, "enrich:ask") == []


@pytest.mark.parametrize(
    "forged",
    [
        {"agencies": ["havendam"]},
        {"agencies": ["nla", "nowhere"]},
        {"subject": "9"},
        {"ground": "D1"},
        {"recipient": "avim"},
        {"score": "100"},
    ],
)
def test_what_the_form_did_not_offer_is_refused_and_recorded(sqlite_program, desk, owner, actor, forged):
    reference = triaged(sqlite_program, owner, actor(sqlite_program, "coordinator"))
    answer = desk.post(f"/triage/{reference}/vragen", _question(**forged), f"/triage/{reference}")
    assert answer.status_code == 403
    assert log(sqlite_program, "request:refuse")[-1][0].outcome == "refused"
    assert log(sqlite_program, "enrich:ask") == []


def test_an_old_page_gives_a_conflict_and_no_forged_request(sqlite_program, desk, owner):
    reference = submitted(sqlite_program, owner)
    old = _judgement(sqlite_program, reference)
    desk.post(f"/triage/{reference}/beoordelen", old, f"/triage/{reference}")
    old = {**old, "reason": "Dit had ik al getypt"}
    answer = desk.post(f"/triage/{reference}/beoordelen", old, f"/triage/{reference}")
    assert answer.status_code == 409
    assert "Dit had ik al getypt" in answer.text
    assert 'id="errors"' in answer.text
    # Whoever was first can learn that another tried; nobody is reproached of forging
    told = [(details["cause"], details["signal"]) for _entry, details in log(sqlite_program, "request:refuse")]
    assert told == [("conflict", reference)]


def test_the_reason_for_protected_facts_is_asked_only_where_there_are_some(sqlite_program, desk, owner, actor):
    coordinator = actor(sqlite_program, "coordinator")
    plain = triaged(sqlite_program, owner, coordinator)
    sexual = triaged(sqlite_program, owner, coordinator, a_signal(**SEXUAL))
    assert 'name="necessity"' not in desk.get(f"/triage/{plain}").text
    page = f"/triage/{sexual}"
    assert 'name="necessity"' in desk.get(page).text
    answer = desk.post(f"{page}/vragen", _question(necessity="te kort"), page)
    assert (answer.status_code, 'href="#necessity"' in answer.text) == (422, True)
    why = "De partner zoekt alleen gericht met deze vorm erbij."
    assert desk.post(f"{page}/vragen", _question(necessity=why), page).status_code == 303
    assert {details["ground"] for _entry, details in log(sqlite_program, "enrich:ask")} == {"X16"}


def test_links_are_drawn_and_stand_in_a_table(sqlite_program, desk, owner, actor):
    first = submitted(sqlite_program, owner)
    second = submitted(sqlite_program, actor(sqlite_program, "delinde"), a_signal(capacity="care-wgbo"))
    text = desk.get(f"/triage/{first}").text
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="pic pic--graph' in text
    assert text.count(second) >= 2
    for login in ("havendam", "delinde"):
        (line,) = use(sqlite_program, actor(sqlite_program, login), linking.own_links)
        use(sqlite_program, actor(sqlite_program, login), linking.decide, line.id, confirmed=True)
    assert "M17" in desk.get(f"/triage/{first}").text
    assert "1 bevestigd" in desk.get("/triage").text


def test_of_a_signal_that_names_nobody_partners_are_asked_about_a_fact(sqlite_program, desk, owner, actor):
    reference = triaged(sqlite_program, owner, actor(sqlite_program, "coordinator"), a_signal(subjects=[]))
    page = f"/triage/{reference}"
    text = desk.get(page).text
    assert f"{page}/beoordelen" in text
    assert 'name="subject"' not in text
    answer = desk.post(f"{page}/vragen", _question(subject=[], fact=["forms"]), page)
    assert answer.status_code == 303
    assert [details["fact"] for _entry, details in log(sqlite_program, "enrich:ask")] == ["forms", "forms"]


@pytest.mark.parametrize("login", ["havendam", "avim", "voorzitter", "auditor", "beheer"])
def test_other_roles_get_no_desk(sqlite_program, owner, login):
    reference = submitted(sqlite_program, owner)
    person = visitor(sqlite_program, login)
    for path in ("/triage", f"/triage/{reference}"):
        assert person.get(path).status_code == 403
    assert "/triage" not in person.get("/").text


def test_no_identity_reaches_the_page_source(sqlite_program, desk, owner, actor):
    reference = triaged(sqlite_program, owner, actor(sqlite_program, "coordinator"), a_signal(subjects=[a_person()]))
    asked(
        sqlite_program,
        actor(sqlite_program, "coordinator"),
        reference,
        "avim",
        note="Kent u mevrouw Zorinka Proefveld?",
    )
    for path in ("/triage", f"/triage/{reference}"):
        text = desk.get(path).text
        for canary in ("Zorinka", "Proefveld", "612345678", "1996-04-12", "Hanneke"):
            assert canary not in text
