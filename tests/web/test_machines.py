"""The administrator's pages about systems: made, changed, renewed, ended; a secret stands on one page, once."""

import html
import io
import re

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, update

from signaltable.flow.machines import NewSecret
from signaltable.models import LoginSession, MachineAccount
from signaltable.transaction import reading
from tests.machine_steps import ANSWERS, KEEPS, Machine, a_certificate, a_machine, thumbprint
from tests.table_steps import log
from tests.web.people import Person, without_tokens

PAGE = "/beheer/systemen"
FORM = {
    "agency": "avim",
    "title": "Zaaksysteem",
    "permissions": [ANSWERS],
    "purposes": ["P1"],
    "expires_on-day": "23",
    "expires_on-month": "12",
    "expires_on-year": "2026",
}
NO_AGENCY = {name: value for name, value in FORM.items() if name != "agency"}


def proved(program):
    """Everybody who is signed in proved just now who they are."""
    with program.write_sessions() as session:
        session.execute(update(LoginSession).values(proved_at=program.clock()))
        session.commit()


@pytest.fixture
def admin(sqlite_program):
    person = Person(sqlite_program, "beheer")
    proved(sqlite_program)
    return person


def rows(program):
    with reading(program) as session:
        return session.scalars(select(MachineAccount)).all()


def version(page):
    return re.search(r'name="version"[^>]* value="(\d+)"', page.text)[1]


def test_an_account_is_made_and_its_secret_stands_on_one_page_once(sqlite_program, admin):
    made = admin.post(f"{PAGE}/nieuw", {**FORM, "secret": "y"})
    assert made.status_code == 200
    secret = re.search(r"stm_[\w-]{43}", made.text)[0]
    (row,) = rows(sqlite_program)
    assert (row.agency_id, row.permissions, row.purposes) == ("avim", [ANSWERS], ["P1"])
    for path in (PAGE, f"{PAGE}/{row.id}"):
        page = admin.get(path)
        assert page.status_code == 200
        assert "Zaaksysteem" in page.text
        assert secret not in page.text
    assert made.headers["Cache-Control"] == "no-store"
    ((_entry, details),) = log(sqlite_program, "machine:record")
    assert details["purposes"] == ["P1"]
    assert secret not in str(details)
    assert Machine(sqlite_program, NewSecret(row.id, secret)).get_token().status_code == 200


MISTAKES = [
    {"permissions": []},
    {"purposes": []},
    {"title": " "},
    {"title": "x" * 121},
    {"expires_on-year": "2028"},
    {"expires_on-year": "2025"},
    {"expires_on-day": "", "expires_on-month": "", "expires_on-year": ""},
    {"agency": ""},
    {"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
    {"certificate": "abc"},
]


def test_a_form_with_a_mistake_comes_back_filled(sqlite_program, admin):
    for changes in MISTAKES:
        answer = admin.post(f"{PAGE}/nieuw", {**FORM, "secret": "y", **changes})
        assert answer.status_code == 422
        assert rows(sqlite_program) == []
        assert ("Zaaksysteem" in answer.text) == ("title" not in changes)


NOT_OFFERED = (
    {"permissions": ["signal:disclose:own-agency"]},
    {"permissions": [ANSWERS, "account:change:all"]},
    {"purposes": ["P99"]},
    {"agency": "nobody"},
    {"made_by": "x"},
)


def test_what_no_system_may_have_is_refused_and_recorded(sqlite_program, admin):
    """ASVS 15.3.3: only what the form offers."""
    for changes in NOT_OFFERED:
        assert admin.post(f"{PAGE}/nieuw", {**FORM, "secret": "y", **changes}).status_code == 403, changes
    assert rows(sqlite_program) == []
    assert len(log(sqlite_program, "request:refuse")) == len(NOT_OFFERED)


def test_a_system_needs_something_to_prove_itself_with(sqlite_program, admin):
    assert admin.post(f"{PAGE}/nieuw", FORM).status_code == 422
    certificate = a_certificate()
    sent = {**FORM, "certificate_file": (io.BytesIO(certificate.public_bytes(Encoding.PEM)), "avim.pem")}
    made = admin.post(f"{PAGE}/nieuw", sent)
    assert made.status_code == 200
    assert "stm_" not in without_tokens(made.text)
    (row,) = rows(sqlite_program)
    assert (row.certificate, row.secret_digest) == (thumbprint(certificate), "")
    # The same certificate stands for one account only.
    twice = admin.post(f"{PAGE}/nieuw", {**FORM, "certificate": certificate.public_bytes(Encoding.PEM).decode()})
    assert twice.status_code == 422


def test_an_account_is_changed_renewed_and_ended(sqlite_program, admin):
    made = a_machine(sqlite_program)
    page = f"{PAGE}/{made.machine_id}"
    changed = admin.post(page, {**NO_AGENCY, "permissions": [KEEPS], "version": version(admin.get(page))})
    assert (changed.status_code, rows(sqlite_program)[0].permissions) == (303, [KEEPS])
    now = version(admin.get(page))
    renewed = admin.post(f"{page}/geheim", {"version": now}, page=page)
    assert re.search(r"stm_[\w-]{43}", renewed.text)[0] != made.secret
    # A second window that still shows how it was changes nothing any more.
    assert admin.post(f"{page}/beeindigen", {"version": now}, page=page).status_code == 409
    assert admin.post(f"{page}/beeindigen", {"version": version(admin.get(page))}, page=page).status_code == 303
    (row,) = rows(sqlite_program)
    assert (row.ended_at is not None, row.secret_digest, row.previous_digest) == (True, "", "")
    assert "beeindigen" not in html.unescape(admin.get(page).text)
    assert Machine(sqlite_program, made).get_token().status_code == 401


def test_only_an_administrator_who_proves_it_once_more_makes_one(sqlite_program):
    """ASVS 7.5.3, 8.2.1."""
    admin = Person(sqlite_program, "beheer")
    asked = admin.get(f"{PAGE}/nieuw")
    assert (asked.status_code, asked.location.partition("?")[0]) == (302, "/account/bevestigen")
    for who in ("avim", "auditor", "coordinator", "fg.havendam"):
        other = Person(sqlite_program, who)
        proved(sqlite_program)
        for path in (PAGE, f"{PAGE}/nieuw", f"{PAGE}/{'0' * 32}"):
            assert other.get(path).status_code == 403, (who, path)


def test_an_agency_has_so_many_and_no_more(sqlite_program, admin):
    limit = sqlite_program.policy.machines.account.per_agency
    for turn in range(limit):
        a_machine(sqlite_program, title=f"Systeem {turn}")
    assert admin.post(f"{PAGE}/nieuw", {**FORM, "secret": "y"}).status_code == 422
    assert len(rows(sqlite_program)) == limit
    assert admin.get(f"{PAGE}?na={'0' * 32}").status_code == 404
