"""Everything that can be done is done, by somebody who may, and the log is read: what was declared stands there."""

import io
import json
import re
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urldefrag

import pytest
from click.testing import CliRunner

from signaltable import jobs, recorded_acts
from signaltable.cli import main
from signaltable.domain import day_of
from signaltable.flow import auditing, linking, referrals, setup
from signaltable.flow.accounts import change_account
from signaltable.flow.coming_in import actors, app_codes, signing_in
from signaltable.flow.escalations import looking
from signaltable.flow.table import tables
from signaltable.program import open_program
from signaltable.queries import signal_by_reference
from signaltable.settings import Settings
from signaltable.transaction import transaction
from signaltable.web import create_app
from tests.disclosure_steps import GIVEN, disclosed, key_for
from tests.factories import a_signal
from tests.flow.test_blind_check import HEAD, STRANGER
from tests.flow.test_exclusions import DESK, put
from tests.flow.test_exclusions import somebody as somebody_of
from tests.flow.test_subject_reports import SAFE, WHY
from tests.identity_steps import name_at_table, on_the_table
from tests.meeting_steps import a_meeting, cases, task_of
from tests.rights_steps import taken_away, walk_through_danger, walk_through_rights
from tests.table_steps import row, submitted, triaged, use
from tests.web.crawl import Crawler
from tests.web.test_disclosure_pages import answers, hidden
from tests.web.test_intake import STEP1

PEOPLE = ("havendam", "delinde", "coordinator", "voorzitter", "avim", "essm", "fg.havendam", "auditor", "beheer")
# The same for everybody: one person sees all that there is.
ALIKE = ("card.show", "card.pdf", "card.svg", "card.grounds", "card.ground", "card.versions", "account.choose_password")
# What ends something comes after what is done with it.
LATE = (
    "table.decide questions.answer duties.fulfil approvals.approve samples.conclude misuse.settle incidents.settle "
    "signals.withdraw disclosures.withdraw_consent inbox.give_back intake.check intake.discard table.cancel "
    "signals.close triage.close admin.close_table asking.withdraw questions.withdraw_context"
).split()
# Whoever has an interest in a case sees nothing of it from then on.
INTEREST = ("recusals.declare", "recusals.end")
LAST = (
    "account.choose_password",
    "account.choose_language",
    "account.log_out",
    "leaving.leave",
    "admin.account",
    "admin.end_sessions",
    "admin.invite",
)


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory):
    """A demo home with the worked cases in it."""
    home = tmp_path_factory.mktemp("demo") / "home"
    made = CliRunner(env={"SIGNALTABLE_HOME": str(home)}).invoke(main, ["init", "--demo"])
    assert made.exit_code == 0, made.output
    return home


@pytest.fixture
def home(demo_home, tmp_path, monkeypatch):
    shutil.copytree(demo_home, tmp_path / "home")
    monkeypatch.setenv("SIGNALTABLE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def reached(people):
    """Way in -> what went through there, of all people."""
    found = {}
    for person in people:
        for way, left in person.left.items():
            found.setdefault(way, []).extend(one for one in left if one.went_through)
    return {way: left for way, left in found.items() if left}


def try_forms(people, endpoints):
    """Send, once for each page that takes a form, one of the forms that people found there."""
    tried = set()
    for person in people:
        for form in person.forms:  # What is found on the way is tried too.
            endpoint = person.endpoint(form.action, "POST")
            if (
                f"POST {endpoint}" in ELSEWHERE
                or not endpoints(endpoint)
                or f"POST {endpoint}" in reached(people)
                or (person.who, form.action) in tried
            ):
                continue
            tried.add((person.who, form.action))
            person.try_form(form, enough=ALIKE)


def walked(home):
    settings = Settings.from_env()
    program = replace(open_program(settings), work=None)
    app = create_app(settings, program)
    passwords = {one["login"]: one["password"] for one in setup.demo_accounts(settings)}
    people = [Crawler(app, program, who, passwords[who]) for who in PEOPLE]
    by_name = dict(zip(PEOPLE, people, strict=True))
    for person in people:
        person.walk("/overzicht", enough=() if person is people[0] else ALIKE)
    try_forms(people, lambda endpoint: endpoint not in (*LATE, *INTEREST, *LAST))
    try_forms(people, lambda endpoint: endpoint in LATE)
    somebody(by_name)
    tampered(home)
    for job in jobs.jobs(settings):
        assert not jobs.run_once(program, job).startswith("error"), job.name
    jobs.run_requests(program)
    jobs.run_check_requests(program)
    for who in ("auditor", "coordinator", "fg.havendam"):
        by_name[who].walk("/overzicht", enough=ALIKE)
    try_forms(people, lambda endpoint: endpoint not in (*INTEREST, *LAST))
    for _turn in INTEREST:
        try_forms([by_name["coordinator"]], lambda endpoint: endpoint in INTEREST)
        by_name["coordinator"].walk("/belangen", steps=1)
    for who, last in zip(("havendam", "delinde", "avim", "essm", "beheer", "beheer", "beheer"), LAST, strict=True):
        try_forms([by_name[who]], lambda endpoint, last=last: endpoint == last)
    return people


def somebody(people):
    """What no link and no form leads to without more."""
    havendam, coordinator = people["havendam"], people["coordinator"]
    rules = havendam.program.policy.digest
    for path in (
        f"/meldroutekaart/versies/vergelijk?oud={rules}&nieuw={rules}",
        "/gezond",
        "/gereed",
        "/",
        "/aanmelden",
        "/taak/0",
        "/.well-known/security.txt",
    ):
        havendam.get(path)
    for item in list(coordinator.left["GET table.item"]):
        coordinator.get(f"/tafel/dossier/{item.path.rpartition('/')[2]}")
    submit(havendam)
    link(havendam)
    disclose(havendam)
    pass_on(people["essm"])
    who_saw(people["fg.havendam"], havendam)
    who_is_it(people)
    erase(people["fg.havendam"], havendam)
    own_lists(people["avim"])
    ask_partners(coordinator)
    systems(people["beheer"])
    walk_through_danger(people)
    walk_through_rights(people)
    meet(people)
    elsewhere(people)
    clocks(people)
    close(people)


def ask_partners(desk):
    """Two partners are asked, after a look at what each of them will read."""
    owner = actors.actor_of_login(desk.program, "havendam")
    reference = triaged(desk.program, owner, actors.actor_of_login(desk.program, desk.who))
    page, day = f"/triage/{reference}", day_of(desk.program.clock()) + timedelta(days=1)
    form = {f"due_on-{part}": str(getattr(day, part)) for part in ("day", "month", "year")}
    form |= {"subject": ["1"], "fact": ["forms"], "agencies": ["essm", "fairwork"], "note": WHY}
    assert desk.post(f"{page}/vragen/voorbeeld", {**form, "csrf_token": desk.token(page)}).status_code == 200
    sent = desk.post(f"{page}/vragen", {**form, "checked": "y", "csrf_token": desk.token(page)})
    assert sent.status_code == 303
    # Which signal a walk comes to first, and whether it has questions, is chance; here is one that can be put off, and one
    # that is open for so long that its partner can be reminded.
    late = re.search(r'href="(/triage/S-[^"#]+)', desk.get("/triage/antwoorden").text)[1]
    for question in re.findall(r'href="(/triage/vragen/[0-9a-f]{32})"', desk.get(page).text + desk.get(late).text):
        desk.walk(question, steps=0)


def systems(admin):
    """A system gets an account, comes in, reads, answers, compares and keeps the log; then its account changes and ends."""
    page, day = "/beheer/systemen/nieuw", day_of(admin.program.clock()) + timedelta(days=1)
    terms = {f"expires_on-{part}": str(getattr(day, part)) for part in ("day", "month", "year")}
    terms |= {"title": "Zaaksysteem", "permissions": ["enrich:answer:asked", "checkpoint:keep:own-agency"]}
    terms |= {"purposes": ["P1"]}
    made = admin.post(page, {**terms, "agency": "essm", "secret": "y", "csrf_token": admin.token(page)}).text
    system, secret = re.search(r"/beheer/systemen/([0-9a-f]{32})", made)[1], re.search(r"stm_[\w-]{43}", made)[0]
    grant = {"grant_type": "client_credentials", "client_id": system, "client_secret": secret}
    token = admin.ask("POST", "/api/token", data=grant).json["access_token"]
    bearer = {"headers": {"Authorization": f"Bearer {token}"}}
    for path in ("/api/self", "/api/openapi.json", "/api/checkpoint"):
        admin.ask("GET", path, **bearer)
    one = admin.ask("GET", "/api/questions", **bearer).json["questions"][0]
    admin.ask("GET", f"/api/questions/{one['id']}", **bearer)
    admin.ask(
        "POST", f"/api/questions/{one['id']}/answer", json={"answer": "no_hit", "version": one["version"]}, **bearer
    )
    admin.ask("POST", "/api/lists", data=HEAD + STRANGER, content_type="text/csv", **bearer)
    page = f"/beheer/systemen/{system}"
    for step, words in (("", terms), ("/geheim", {}), ("/beeindigen", {})):
        version = re.search(r'name="version"[^>]* value="(\d+)"', admin.get(page).text)[1]
        admin.post(f"{page}{step}", {**words, "version": version, "csrf_token": admin.token(page)})


def meet(people):
    """Two cases go over the screen of a meeting, a task is put off and settled, and the next meeting approves the minutes."""
    chair, member = people["voorzitter"], people["avim"]
    program = chair.program
    owner, coordinator = (actors.actor_of_login(program, login) for login in ("havendam", "coordinator"))
    meeting, (first, second) = cases(program, owner, coordinator, 2)
    later = a_meeting(program, coordinator)
    screen, page, minutes = f"/tafel/{meeting}/scherm", f"/tafel/{meeting}/{second}", f"/tafel/{meeting}/verslag"
    decision = {"decision": "enrich", "holder": "avim", "reason": WHY}
    for path in (screen, f"{screen}/2", f"{screen}/einde"):
        chair.get(path)
    chair.post(f"{screen}/{first}/besluit", {**decision, "csrf_token": chair.token(screen)})
    day = dict(zip(("day", "month", "year"), "1 6 2099".split(), strict=True))
    added = {f"task_due_on-{part}": value for part, value in day.items()} | {"agency": "avim", "task_text": WHY}
    chair.post(f"{page}/actie", {**added, "csrf_token": chair.token(page)})
    task = task_of(program, text="", signal_id=row(program, first).id)
    own, until = f"/tafel/acties/{task.id}", task.due_on + timedelta(days=3)
    put_off = {
        "until-day": until.day,
        "until-month": until.month,
        "until-year": until.year,
        "reason": WHY,
        "version": "1",
    }
    member.get("/tafel/acties")
    member.post(f"{own}/uitstellen", {**put_off, "csrf_token": member.token(own)})
    member.get(own)
    settled = {"result": "done", "answer": WHY, "version": "2"}
    member.post(f"{own}/afhandelen", {**settled, "csrf_token": member.token(own)})
    chair.form(f"/tafel/{meeting}/sluiten", {"leave_over": "y"})
    for step, words in (
        ("opnieuw", {"version": "1"}),
        ("delen", {"version": "2"}),
        ("verbeteren", {"reference": first, "text": WHY}),
        ("vaststellen", {"approved_in": later, "version": "4"}),
    ):
        chair.post(f"{minutes}/{step}", {**words, "csrf_token": chair.token(minutes)})
    for path in (minutes, f"{minutes}.pdf"):
        member.get(path)


def soon_erased(program, reference, days):
    """Let the term of a signal end so many days from now; gives today."""
    with transaction(program, jobs.JOBS) as tx:
        signal_by_reference(tx, reference).keep_until = tx.today + timedelta(days=days)
        tx.record("retention:overdue", object_type="signal", details={"rule": "signal", "count": 0})
        return tx.today


def clocks(people):
    """A stuck case is settled, a signal that is erased soon is kept longer, a reflection period begins and ends."""
    havendam, desk = people["havendam"], people["coordinator"]
    program, owner = havendam.program, actors.actor_of_login(havendam.program, "havendam")
    reference = submitted(program, owner, a_signal())
    today = soon_erased(program, reference, days=3)
    page, until = f"/signalen/{reference}", today + timedelta(days=12)
    version = re.search(r'name="version"[^>]* value="(\d+)"', havendam.get(page).text)[1]
    form = {"keep_reason": WHY, "version": version, "csrf_token": havendam.token(page)}
    form |= {f"until-{part}": str(getattr(until, part)) for part in ("day", "month", "year")}
    assert havendam.post(f"{page}/bewaren", form).status_code == 303
    note = f"/bedenktijd/nieuw/signaal/{reference}/1"
    form = {f"began_on-{part}": str(getattr(today, part)) for part in ("day", "month", "year")}
    period = havendam.post(note, {**form, "csrf_token": havendam.token(note)}).location
    form = {"result": "left", "version": "1", "csrf_token": havendam.token(period)}
    assert havendam.post(f"{period}/beeindigen", form).status_code == 303
    for path in ("/bedenktijd", "/tekstcontroles"):
        assert havendam.get(path).status_code == 200
    looking.look(program, jobs.JOBS)
    stuck = re.search(r'href="(/ketenregie/[0-9a-f]{32})"', desk.get("/ketenregie").text)[1]
    form = {"result": "no-longer-stuck", "agency": "", "reason": WHY, "version": "1", "csrf_token": desk.token(stuck)}
    assert desk.post(f"{stuck}/afhandelen", form).status_code == 303


def close(people):
    """A case that its receiver took up is closed, once by its owner and once at its table."""
    program = people["havendam"].program
    owner, receiver = (actors.actor_of_login(program, login) for login in ("havendam", "essm"))
    for person, page in ((people["havendam"], "/signalen"), (people["coordinator"], "/triage")):
        reference = submitted(program, owner, a_signal(consent=GIVEN))
        use(program, receiver, referrals.accept, disclosed(program, owner, reference, "essm", ground="X1").reference)
        address = f"{page}/{reference}"
        version = re.search(r'name="close_version"[^>]* value="(\d+)"', person.get(address).text)[1]
        form = {"outcome": "no_trafficking", "close_version": version, "csrf_token": person.token(address)}
        assert person.post(f"{address}/afsluiten", form).status_code == 303


def elsewhere(people):
    """A table beside the first one: a signal goes there, and a table without any closes and opens again."""
    desk, admin = people["coordinator"], people["beheer"]
    reference = submitted(desk.program, actors.actor_of_login(desk.program, "havendam"), a_signal(subjects=[]))
    for title in ("Tafel hiernaast", "Lege tafel"):
        form = {"title": title, "region": "", "theme": "", "members": ["var"]}
        sent = admin.post("/beheer/tafels/nieuw", {**form, "csrf_token": admin.token("/beheer/tafels/nieuw")})
        assert sent.status_code == 303, sent.text
    with transaction(admin.program, actors.actor_of_login(admin.program, "beheer")) as tx:
        ids = {one.title: one.id for one in tables.list_tables(tx)}
    move = f"/tafel/dossier/{reference}/andere-tafel"
    version = re.search(r'name="version"[^>]* value="(\d+)"', desk.get(move).text)[1]
    form = {"table": ids["Tafel hiernaast"], "reason": WHY, "version": version}
    assert desk.post(move, {**form, "csrf_token": desk.token(move)}).status_code == 303
    address = f"/beheer/tafels/{ids['Lege tafel']}"
    for act in ("sluiten", "openen"):
        assert admin.post(f"{address}/{act}", {"csrf_token": admin.token(address)}).status_code == 303


def who_is_it(people):
    """Somebody at the table asks who a person is, is refused, asks again, sees it, and closes it."""
    care, officer = people["essm"], people["fg.havendam"]
    reference = on_the_table(care.program, actors.actor_of_login)
    name = name_at_table(care.program, actors.actor_of_login(care.program, "essm"), reference)
    ask = f"/identiteit/vragen/zaak/{reference}/{name}"
    pages = []
    for decision in ({"weigeren": {"refuse_reason": WHY}}, {"akkoord": {"agree_reason": WHY}}):
        granted = {"EXPLICIT_CONSENT-categories": ["identity", "contact"]}
        filled_in = {**answers(**granted), "keuze": "P2.X1", "motivation": WHY}
        sent = care.post(ask, {**filled_in, "csrf_token": care.token(f"{ask}?keuze=P2.X1")})
        assert sent.status_code == 303, sent.text
        pages.append(urldefrag(sent.location)[0])
        (way, words) = next(iter(decision.items()))
        proof = {"step_up_password": officer.password, "csrf_token": officer.token(pages[-1])}
        officer.post(f"{pages[-1]}/{way}", words | proof)
    officer.get(pages[0])
    proof = {"step_up_password": care.password, "csrf_token": care.token(pages[1])}
    care.post(f"{pages[1]}/inzien", proof)
    care.get(f"{pages[1]}/inzien")
    care.post(f"{pages[1]}/sluiten", {"csrf_token": care.token(pages[1])})
    care.form("/account/bevestigen", {"next": pages[1], "step_up_password": care.password})


def erase(officer, focal):
    """A person who is erased on request, asked by one and decided by another."""
    reference = submitted(officer.program, actors.actor_of_login(officer.program, focal.who), a_signal())
    asked = {"signal": reference, "number": "1", "ground": "not_needed", "reason": WHY}
    page = officer.form("/wissen/nieuw", asked)
    safe = {"check-asker": "checked", "check-danger": "no", "check-needed": "no", "step_up_password": focal.password}
    focal.form(page, {**safe, "decision": "erase", "reason": WHY})


def own_lists(partner):
    """A list of the own files against the open questions, and a shared phone that somebody looks at again."""
    page = "/vragen/lijst"
    listed = {"csrf_token": partner.token(page), "file": (io.BytesIO((HEAD + STRANGER).encode()), "lijst.csv")}
    assert partner.post(page, listed).status_code == 200
    added = {"phone": "0612345678", "label": "De balie", "reason": WHY}
    partner.walk(partner.form("/uitsluitlijst/nieuw/phone", added))


def who_saw(officer, focal):
    """A report for a person, asked by one and found safe by another."""
    (signal, *_rest) = focal.left["GET signals.show"]
    asked = {"signal": signal.path.rpartition("/")[2], "number": "1", "asker": "self", "reason": WHY}
    page = officer.form("/overzicht-inzage/nieuw", asked)
    safe = {f"check-{name}": value for name, value in SAFE.items()}
    focal.form(page, {**safe, "decision": "hand_over", "reason": WHY})
    officer.walk(page, enough=ALIKE)
    for path in (f"{page}/overzicht", f"{page}/overzicht.pdf"):
        officer.get(path)


def submit(person):
    """A signal with somebody in it, step by step."""
    step2 = person.form("/signalen/nieuw", STEP1)
    person.form(step2, {"action": "next", "narrative": "Iemand krijgt geen loon."})
    step3 = step2.removesuffix("2") + "3"
    somebody = person.form(step3, {"action": "add:person"})
    person.form(somebody, {"role": "possible_victim", "age": "adult", "gender": "woman", "id-given_name": "Zorinka"})
    person.form(step3, {"capacity": "municipality-wmo", "status": "not_asked", "action": "next"})
    files(person, step3.removesuffix("3") + "bijlagen", {})
    receipt = person.form(step3.removesuffix("3") + "controle", {"action": "submit"})
    person.get(receipt)
    files(person, receipt.removesuffix("ontvangst") + "bijlagen", {"reason": "asked"})


def files(person, page, why):
    """Two files: both are added, one is downloaded and taken away."""
    for name in ("eerste.txt", "tweede.txt"):
        sent = {"csrf_token": person.token(page), "files": (io.BytesIO(b"Gewone woorden."), name)}
        assert person.post(page, sent).status_code == 303
    person.get(page)
    # The files of a draft keep their numbers when it is submitted, so the second one is always there.
    person.get(f"{page}/2")
    assert person.post(f"{page}/2/weg", {"csrf_token": person.token(page), **why}).status_code == 303


def link(person):
    """Two own signals said to be about one, taken back, said again, and taken apart."""
    who = actors.actor_of_login(person.program, person.who)
    one, other = (submitted(person.program, who, a_signal()) for _turn in range(2))
    named = {"one_reference": one, "one_number": "1", "other_reference": other, "other_number": "1", "reason": WHY}
    person.form("/koppelingen/samenvoegen", named)
    with transaction(person.program, who) as tx:
        both = {(one, 1), (other, 1)}
        found = next(line.id for line in linking.own_links(tx) if set(line.own_sides) == both)
    page = f"/koppelingen/{found}"
    for step in ("losmaken", "toch-dezelfde"):
        person.post(f"{page}/{step}", {"reason": WHY, "csrf_token": person.token(page)})
    person.form(f"/koppelingen/splitsen/{other}/1", {"reason": WHY})
    person.post(f"{page}/terugdraaien", {"reason": WHY, "csrf_token": person.token(page)})
    person.get(page)
    person.walk("/overzicht")


def disclose(person):
    """A signal with consent, disclosed to a care coordinator after a look at what goes."""
    who = actors.actor_of_login(person.program, person.who)
    reference = submitted(person.program, who, a_signal(consent=GIVEN))
    address = f"/signalen/{reference}/verstrekken/{key_for(person.program, who, reference, 'essm')}"
    carried = hidden(person.get(address).text, "ground", "seen", "subjects")
    looked = person.post(address, {**answers(), **carried, "step": "look", "csrf_token": person.token(address)})
    carried = hidden(looked.text, "ground", "seen", "subjects")
    person.post(address, {**answers(), **carried, "step": "disclose", "csrf_token": person.token(address)})
    person.walk(f"/signalen/{reference}", enough=ALIKE)


def pass_on(person):
    """A receiver passes on what it took up; what the next one tells goes up, and then it is taken back."""
    program = person.program
    owner, giver, shelter = (actors.actor_of_login(program, login) for login in ("havendam", person.who, "opvang"))
    signal = submitted(program, owner, a_signal(consent=GIVEN))
    parent = disclosed(program, owner, signal, "essm", ground="X1").reference
    use(program, giver, referrals.accept, parent)
    address = f"/postvak/{parent}/doorzetten/{key_for(program, giver, parent, 'crisis-shelter')}"
    given = {**answers(), "copy": "keep", "tell": "tell"}
    carried = hidden(person.get(address).text, "ground", "seen", "subjects")
    looked = person.post(address, {**given, **carried, "step": "look", "csrf_token": person.token(address)})
    carried = hidden(looked.text, "ground", "seen", "subjects")
    sent = person.post(address, {**given, **carried, "step": "disclose", "csrf_token": person.token(address)})
    page = urldefrag(sent.location)[0]
    child = page.rpartition("/")[2]
    use(program, shelter, referrals.accept, child)
    use(program, shelter, referrals.feed_back, child, result="help_offered")
    person.post(f"{page}/terugkoppeling-doorgeven", {"csrf_token": person.token(page)})
    back = {"cause": "wrong_data", "motivation": WHY, "csrf_token": person.token(page)}
    assert person.post(f"{page}/terugnemen", back).status_code == 303


def tampered(home):
    """Somebody with the database in hand: the check finds it, so that there is an incident to look at."""
    with sqlite3.connect(home / "signaltable.db") as database:
        database.execute(
            "UPDATE signals SET version = version + 1 WHERE created_at = (SELECT max(created_at) FROM signals)"
        )


# Whose circumstances no walk brings about; the test that goes there reads the log itself.
ELSEWHERE = {
    # What comes before somebody is in, and what asks a code that an app shows or a second session.
    **dict.fromkeys(
        (
            "POST account.activate",
            "GET account.activate_choose",
            "POST account.activate_choose",
            "POST account.begin_app",
            "GET account.app",
            "POST account.app",
            "POST account.remove_factor",
            "POST account.end_session",
        ),
        "tests/web/test_signing_in.py",
    ),
    "GET static": "leaves nothing, and carries no trace",
    "POST duties.review": "tests/web/test_duties_pages.py",
    "POST approvals.reject": "tests/web/test_approval_pages.py",
    # Whichever meeting somebody comes upon has cases that others still decide on; `meet` closes one of its own.
    "POST minutes.close": "tests/web/test_meeting_pages.py",
    "GET text_checks.show": "tests/web/test_text_checks.py",
    "POST text_checks.confirm": "tests/web/test_text_checks.py",
    # There is a provider at the other end, which the demonstration has not.
    **dict.fromkeys(
        (
            "GET provider.start",
            "GET provider.come_back",
            "GET provider.sign_out",
            "POST provider.prove",
            "POST provider.ended_there",
            "POST provider.test",
            "POST provider.release",
            "POST provider.forget_factors",
            "POST provider.emergency_account",
        ),
        "tests/web/test_provider.py",
    ),
    # Only a script asks these, and only a device answers.
    "POST passkeys.ask_anybody": "tests/web/test_passkey_pages.py",
    "POST passkeys.ask_second": "tests/web/test_passkey_pages.py",
    "POST passkeys.ask_again": "tests/web/test_passkey_pages.py",
    "POST passkeys.ask_for_new": "tests/web/test_passkey_pages.py",
    "POST passkeys.log_in": "tests/web/test_passkey_pages.py",
    "GET passkeys.add": "tests/web/test_passkey_pages.py",
    "POST passkeys.add": "tests/web/test_passkey_pages.py",
}


def test_every_page_leaves_what_it_declares(home):
    people = walked(home)
    found = reached(people)
    statuses = {way: {left.status for one in people for left in one.left.get(way, ())} for way in recorded_acts.WEB}
    unseen = set(recorded_acts.WEB) - set(found) - set(ELSEWHERE)
    assert "; ".join(f"{way}: {statuses[way] or None}" for way in sorted(unseen)) == ""
    wrong = {}
    for way, left in found.items():
        for one in left:
            problem = differs(recorded_acts.WEB[way], one.actions)
            if problem:
                wrong.setdefault(way, set()).add(problem)
    assert wrong == {}
    for left in (one for ways in found.values() for one in ways):
        for entry in left.entries:
            assert_complete(entry)


def differs(declared, actions):
    """How what was left differs from what was declared; nothing when it does not."""
    missing, surplus = declared.acts - actions, actions - declared.all
    neither = declared.either if declared.either and not declared.either & actions else frozenset()
    return (tuple(sorted(missing | neither)), tuple(sorted(surplus))) if missing or surplus or neither else None


def assert_complete(entry):
    """Who, for which agency, at what, from where, in which trace: no entry of a page lacks any of these."""
    assert {"actor", "agency", "role", "object_type", "trace_id", "span_id", "strength"} <= entry.keys(), entry[
        "action"
    ]
    assert {"session_hash", "network_hash"} <= entry["details"].keys(), entry["action"]


def test_every_command_leaves_what_it_declares(home, tmp_path):
    rules = str(Settings.from_env().policies)
    (signal,) = one_of(home, "SELECT reference FROM signals ORDER BY created_at DESC LIMIT 1")
    (disclosure,) = one_of(home, "SELECT reference FROM disclosures ORDER BY disclosed_at DESC LIMIT 1")
    (tmp_path / "signal.json").write_text(ran("submit", "--example"))
    (tmp_path / "request.json").write_text(json.dumps(next(iter(json.loads(ran("ground", "--example")).values()))))
    (tmp_path / "facts.json").write_text('{"age": "minor"}')
    (tmp_path / "list.csv").write_text(HEAD + STRANGER)
    arguments = {
        "accounts": (),
        "invite": ("avim",),
        "mail status": (),
        "migrate": (),
        "mail test": ("--to", "havendam"),
        "submit": ("--as", "havendam", "--file", str(tmp_path / "signal.json")),
        "route": ("--facts", str(tmp_path / "facts.json")),
        "link-bench": ("--generate", str(tmp_path / "people"), "--people", "20"),
        "ground": ("--request", str(tmp_path / "request.json")),
        "bench": ("--list",),
        "audit export": (str(tmp_path / "export"),),
        "audit receipt": (disclosure, "--out", str(tmp_path / "receipt")),
        "audit fsck": (),
        "audit processing-log": (str(tmp_path / "log.json"),),
        "audit rotate-key": (),
        "scan": (),
        "blind-check": ("--file", str(tmp_path / "list.csv")),
        "jobs run-due": (),
        "jobs status": (),
        "doctor": (),
        "keys status": (),
        "keys rotate": ("--purpose", "session"),
        "keys export": (str(tmp_path / "keys.json"), *passphrases(tmp_path)),
        "keys for-signer": (str(tmp_path / "for-signer.json"),),
        "signer": ("--once",),
        "policies replay": (signal,),
        "policies card": ("--svg", str(tmp_path / "card.svg")),
        "policies compare": (rules, rules),
        "policies show": ("M1",),
        "policies check": (),
    }
    # These make a home, serve it until they are stopped, or need a database or keys that were lost.
    others = {"init", "demo", "generate", "run", "jobs", "move", "audit restored", "keys restore"}
    assert set(arguments) == set(recorded_acts.CLI) - others
    wrong = {}
    for name, given in arguments.items():
        before = one_of(home, "SELECT size FROM log_head")[0]
        ran(*name.split(), *given)
        left = actions_since(home, before)
        wrong[name] = differs(recorded_acts.CLI[name], left) or (
            ("nothing",) if len(left) > 0 and recorded_acts.CLI[name].why else None
        )
    assert {name: problem for name, problem in wrong.items() if problem} == {}


def passphrases(folder):
    """Flags with the passphrases of two keepers."""
    flags = []
    for keeper in (1, 2):
        (folder / f"keeper{keeper}").write_text(f"a passphrase of keeper {keeper}\n")
        flags += [f"--passphrase-file-{keeper}", str(folder / f"keeper{keeper}")]
    return flags


def test_a_new_home_leaves_what_it_declares(demo_home):
    assert actions_since(demo_home, 0) >= recorded_acts.CLI["init"].acts


def test_every_job_leaves_what_it_declares(home):
    """On the second day: all that can happen has happened, and there is something to do for each."""
    settings = Settings.from_env()
    program = open_program(settings)
    # Without a text reader what waited for one is read with the light scan.
    without_reader = replace(settings, text_reader="off")
    later = replace(program, clock=lambda: program_now() + timedelta(days=40), settings=without_reader)
    with_reader = replace(program, settings=replace(settings, text_reader="on"))
    soon_erased(program, submitted(with_reader, actors.actor_of_login(program, "havendam"), a_signal()), days=50)
    with transaction(program, actors.actor_of_login(program, "auditor")) as tx:
        auditing.request_export(tx)
    begun = signing_in.log_in(program, "auditor", setup.demo_accounts(settings)[0]["password"])
    shown = app_codes.shown_code(program, actors.actor_of_login(program, "auditor").account_id)
    signing_in.second_step(program, begun.token, "code", shown)
    # Two people who share the number of a desk and nothing else, before somebody says that it is one.
    for name in ("Aap", "Wim"):
        submitted(program, actors.actor_of_login(program, "havendam"), somebody_of(given_name=name, **DESK))
    put(program, actors.actor_of_login(program, "opvang"), "phone", DESK)
    (home / "bounces").mkdir()
    (home / "bounces" / "1.eml").touch()
    account = taken_away(program, "havendam")
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, account, name="Weg", roles=["privacy-officer"], active=True)
    # Cases from before there was an index of words.
    changed(home, "DELETE FROM search_terms", "DELETE FROM search_rows")
    for job in sorted(jobs.jobs(settings), key=lambda one: one.name != "sessions"):
        before = one_of(home, "SELECT size FROM log_head")[0]
        assert not jobs.run_once(later, job).startswith("error"), job.name
        problem = differs(recorded_acts.JOBS[job.name], actions_since(home, before))
        assert problem is None, (job.name, problem)
    before = one_of(home, "SELECT size FROM log_head")[0]
    jobs.run_requests(program)
    assert differs(recorded_acts.JOBS["exports"], actions_since(home, before)) is None
    asked, made = (entries_of(home, action)[-1] for action in ("log:request", "log:export"))
    assert (made["acting_for"], made["trace_id"], made["parent_span_id"]) == (
        asked["actor"],
        asked["trace_id"],
        asked["span_id"],
    )


def program_now():
    return datetime.now(UTC)


def ran(*arguments):
    answer = CliRunner().invoke(main, arguments)
    assert answer.exit_code == 0, (arguments, answer.output, answer.exception)
    return answer.stdout


def changed(home, *statements):
    with sqlite3.connect(home / "signaltable.db") as connection:
        for statement in statements:
            connection.execute(statement)


def one_of(home, query):
    with sqlite3.connect(home / "signaltable.db") as database:
        return database.execute(query).fetchone()


def actions_since(home, size):
    with sqlite3.connect(home / "signaltable.db") as database:
        return {row[0] for row in database.execute("SELECT action FROM log_entries WHERE seq >= ?", (size,))}


def entries_of(home, action):
    with sqlite3.connect(home / "signaltable.db") as database:
        rows = database.execute("SELECT entry FROM log_entries WHERE action = ? ORDER BY seq", (action,))
        return [json.loads(row[0]) for row in rows]
