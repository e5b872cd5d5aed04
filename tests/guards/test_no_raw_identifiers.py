"""Canaries: values typed as identity are found nowhere in clear, at no other agency, in no file that the program writes."""

import json
import random
import re
import string
from collections import deque
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select

from signaltable import jobs
from signaltable.flow import auditing, drafts, setup, signals
from signaltable.intake import parse
from signaltable.models import Account
from signaltable.transaction import reading, transaction
from signaltable.web import create_app
from tests.conftest import PASSWORD
from tests.factories import a_signal

OWNERS = {"havendam"}
# A page per ground and per filter, the same for everybody and made of rules alone: walking all of them for every account
# would leave no room for pages about people.
RULES_ALONE = re.compile(r"/meldroutekaart/(grondslagen[/?]|versies/|kaart)")


def _word(chance, length=9):
    return "".join(chance.choice(string.ascii_lowercase) for _ in range(length)).capitalize()


@pytest.fixture
def canaries():
    chance = random.Random(20261122)
    phone = "06" + "".join(chance.choice("12345678") for _ in range(8))
    person = {
        "given_name": _word(chance),
        "surname": _word(chance),
        "birth_date": f"{chance.randint(1, 28):02d}-{chance.randint(1, 12):02d}-{chance.randint(1961, 2004)}",
        "phone": phone,
        "email": f"{_word(chance).lower()}@{_word(chance).lower()}.example",
        "street": _word(chance) + "laan",
        "house_number": str(chance.randint(1000, 9999)),
        "postcode": "3011 QX",
        "city": _word(chance),
        "document_number": "N" + "".join(chance.choice("ABCDEFGHKLMNPRSTUVWX") for _ in range(8)),
        "profile": "@" + _word(chance, 12).lower(),
        "nationality": _word(chance),
    }
    company = {
        "company_name": _word(chance) + " " + _word(chance),
        "kvk": "".join(chance.choice("12345678") for _ in range(8)),
    }
    return {
        "person": person,
        "company": company,
        "vehicle": {"plate": "ZQ-91-XK"},
        "asked_by": _word(chance, 11),
        "masked": _word(chance, 10),
    }


def _needles(canaries):
    person, company = canaries["person"], canaries["company"]
    day, month, year = person["birth_date"].split("-")
    values = [
        *(
            person[name]
            for name in (
                "given_name",
                "surname",
                "phone",
                "email",
                "street",
                "city",
                "document_number",
                "profile",
                "nationality",
            )
        ),
        person["profile"][1:],
        "+316" + person["phone"][2:],
        person["birth_date"],
        f"{year}-{month}-{day}",
        company["company_name"],
        company["kvk"],
        canaries["vehicle"]["plate"],
        canaries["asked_by"],
        canaries["masked"],
    ]
    return [value.lower() for value in values]


def _draft(canaries):
    person, company = canaries["person"], canaries["company"]
    story = (
        f"{person['given_name']} {person['surname']} ({person['birth_date']}) woont {person['street']} {person['house_number']} in {person['city']}. "
        f"Bel {person['phone']} of mail {person['email']}, zie {person['profile']}. Zij werkt bij {company['company_name']} en {canaries['masked']} "
        f"haalt haar op met {canaries['vehicle']['plate']}. Paspoort {person['document_number']}. {person['surname'].upper()} is bang."
    )
    return a_signal(
        narrative=story,
        subjects=[
            {"kind": "person", "role": "possible_victim", "age": "adult", "gender": "woman", "identity": person},
            {"kind": "company", "role": "facilitator", "identity": company},
            {"kind": "vehicle", "role": "facilitator", "identity": canaries["vehicle"]},
        ],
        consent={
            "status": "given",
            "on": "2026-11-20",
            "language": "Nederlands",
            "interpreter": "none",
            "asked_by": canaries["asked_by"],
        },
        mask_words=[canaries["masked"]],
        reachable=canaries["asked_by"],
    )


def _assert_clean(where, raw, needles):
    low = raw.lower()
    found = [needle for needle in needles if _stands_in(needle, low) or needle.encode("utf-16-le") in low]
    assert found == [], f"{len(found)} canaries found in {where}"


def _stands_in(needle, low):
    # Digests are written in hexadecimal digits, and some eight of them in a row are a given number in one run of thousands.
    return needle.encode() in low and not (
        needle.isdigit() and not re.search(rb"(?<![0-9a-f])" + needle.encode() + rb"(?![0-9a-f])", low)
    )


def test_what_is_typed_as_identity_is_found_nowhere_in_clear(sqlite_program, actor, canaries, tmp_path):
    # Given a draft and two signals full of canaries, links between them, and everything the program writes by itself
    program, owner, needles = sqlite_program, actor(sqlite_program, "havendam"), _needles(canaries)
    with transaction(program, owner) as tx:
        begun = drafts.start(tx, parse(_draft(canaries).model_dump(mode="json")))
    references = []
    for who, capacity in ((owner, "municipality-wmo"), (owner, "municipality-safety")):
        with transaction(program, who) as tx:
            references.append(signals.submit(tx, _draft(canaries).model_copy(update={"capacity": capacity})).reference)
    with transaction(program, owner) as tx:
        opened = signals.consult(tx, references[0], with_identity=True)
    assert opened.subjects[0].identity["surname"] == canaries["person"]["surname"], "the owner can still read it"
    jobs.run_outbox(program)
    auditing.export(program, setup.INSTALLER, tmp_path / "export")
    # Then no file of the home and no file of the export holds one of them
    for folder in (program.settings.home, tmp_path / "export"):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                _assert_clean(path.name, path.read_bytes(), needles)
    # And no page that anybody of another agency can reach does
    app = create_app(program.settings, program)
    with reading(program) as session:
        logins = [row.login for row in session.scalars(select(Account)) if row.agency_id not in OWNERS]
    for login in logins:
        visited = _crawl(
            app,
            login,
            [
                f"/signalen/{references[0]}",
                f"/signalen/nieuw/{begun.id}/2",
                f"/triage/{references[0]}",
                f"/tafel/dossier/{references[0]}",
            ],
        )
        assert len(visited) > 3, login
        for path, body in visited.items():
            _assert_clean(f"{login}: {path}", body, needles)


def _crawl(app, login, extra):
    """Every page that the login reaches by following links from the first page, and some that it should not reach."""
    client = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/aanmelden").text)[1]
    client.post("/aanmelden", data={"csrf_token": token, "login": login, "password": PASSWORD, "next": ""})
    todo, seen = deque(["/overzicht", *extra]), {}
    while todo and len(seen) < 80:
        path = todo.popleft()
        if path in seen:
            continue
        answer = client.get(path)
        seen[path] = answer.data
        if answer.mimetype == "text/html":
            links = (unescape(link).split("#")[0] for link in re.findall(r'href="(/[^"]*)"', answer.text))
            todo.extend(link for link in links if not link.startswith("/static") and not RULES_ALONE.match(link))
    return seen


def test_the_search_would_find_a_canary(tmp_path: Path):
    (tmp_path / "planted").write_text(json.dumps({"name": "Quinzabelle"}))
    with pytest.raises(AssertionError):
        _assert_clean("planted", (tmp_path / "planted").read_bytes(), ["quinzabelle"])
