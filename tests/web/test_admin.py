"""Accounts and agencies: an administrator sees no case, gives no impossible roles, and chooses no password for anybody."""

import re

import pytest
from sqlalchemy import select

from signaltable.flow.coming_in.factors import factors_of
from signaltable.models import Account, AccountRole, Activation, Agency, AgencyDestination, LogEntry, TableMember
from signaltable.transaction import reading
from tests.conftest import PASSWORD
from tests.web.people import Person, without_tokens

PAGES = ["/beheer", "/beheer/accounts/nieuw", "/beheer/organisaties", "/beheer/organisaties/nieuw"]


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def administrator(program):
    return Person(program, "beheer")


def _account(program, login):
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login)).one()
        roles = session.scalars(select(AccountRole.role).where(AccountRole.account_id == account.id)).all()
        return account, set(roles)


def _new(**changes):
    return {
        "name": "Nora Nieuweling",
        "login": "nora",
        "agency": "havendam",
        "roles": ["focal-officer"],
        **changes,
    }


@pytest.mark.parametrize("login", ["havendam", "fg.havendam", "coordinator", "voorzitter", "auditor", "avim"])
def test_all_pages_are_closed_to_others(program, login):
    person = Person(program, login)
    assert {path: person.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 403)
    known, _roles = _account(program, "havendam")
    assert person.get(f"/beheer/accounts/{known.id}").status_code == 403


@pytest.mark.parametrize(
    "path", ["/signalen", "/signalen/nieuw", "/koppelingen", "/ontvangen", "/tafel", "/audit", "/audit/bewijs"]
)
def test_the_administrator_sees_no_case(administrator, path):
    assert administrator.get(path).status_code in {403, 404}


def test_the_lists_show_who_and_for_whom(administrator):
    assert "Hanneke Voorbeeld" in administrator.get("/beheer").text
    only = administrator.get("/beheer?organisatie=riec").text
    assert "Rita Zogenaamd" in only
    assert "Hanneke Voorbeeld" not in only
    agencies = administrator.get("/beheer/organisaties").text
    assert "Gemeente Havendam" in agencies
    assert "Fier" in agencies


def test_a_new_account_gets_a_code_that_is_shown_once_and_no_password(program, administrator):
    """ASVS 6.4.1, 6.4.6: the first way in is a random code that ends, and the administrator chooses no password."""
    answer = administrator.post("/beheer/accounts/nieuw", _new())
    assert answer.status_code == 200
    code = re.search(r"[2-9A-HJ-NP-TV-Z]{4}(-[2-9A-HJ-NP-TV-Z]{1,4}){5}", answer.text)[0]
    account, _roles = _account(program, "nora")
    assert account.password_hash == ""
    page = administrator.get(f"/beheer/accounts/{account.id}").text
    assert code not in page
    with reading(program) as session:
        entries = session.scalars(select(LogEntry).order_by(LogEntry.seq.desc()).limit(4)).all()
        kept = session.scalars(select(Activation.code_digest)).all()
    assert {"account:record", "account:invite"} <= {one.action for one in entries}
    assert not any(code.encode() in one.entry or b"nora" in one.entry.lower() for one in entries)
    assert kept != [code]
    # And nobody comes in with no password at all
    assert Person(program).post("/aanmelden", {"login": "nora", "password": "x", "next": ""}).status_code == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"login": "havendam"}, "login"),
        ({"login": "met spatie"}, "login"),
        ({"name": ""}, "name"),
        ({"agency": ""}, "agency"),
        ({"roles": []}, "roles"),
        ({"roles": ["focal-officer", "auditor"]}, "roles"),
        ({"roles": ["administrator", "partner-member"]}, "roles"),
    ],
)
def test_a_mistake_comes_back_filled(program, administrator, changes, field):
    answer = administrator.post("/beheer/accounts/nieuw", _new(**changes))
    assert answer.status_code == 422
    assert f'href="#{field}' in answer.text
    if field != "name":
        assert "Nora Nieuweling" in answer.text
    assert "<title>Error:" in answer.text or "<title>Fout:" in answer.text
    with reading(program) as session:
        assert not session.scalars(select(Account).where(Account.login == "nora")).all()


def test_an_offer_that_was_not_made_is_refused_and_recorded(program, administrator):
    for forged in ({"roles": ["superuser"]}, {"agency": "elsewhere"}, {"permissions": "log:consult:all"}):
        assert administrator.post("/beheer/accounts/nieuw", _new(**forged)).status_code == 403
    with reading(program) as session:
        refused = session.scalars(select(LogEntry.action).where(LogEntry.outcome == "refused")).all()
    assert refused == ["request:refuse"] * 3


def test_changed_roles_count_at_once(program, administrator):
    person = Person(program, "avim")
    account, _roles = _account(program, "avim")
    answer = administrator.post(
        f"/beheer/accounts/{account.id}", {"name": "Arjan Anders", "roles": ["table-coordinator"], "active": "y"}
    )
    assert answer.status_code == 303
    changed, roles = _account(program, "avim")
    assert (changed.name, roles) == ("Arjan Anders", {"table-coordinator"})
    assert person.get("/overzicht").status_code == 302, "the open session ended"


def test_a_closed_account_cannot_sign_in(program, administrator):
    account, _roles = _account(program, "avim")
    administrator.post(f"/beheer/accounts/{account.id}", {"name": account.name, "roles": ["partner-member"]})
    answer = Person(program).post("/aanmelden", {"login": "avim", "password": PASSWORD, "next": ""})
    assert answer.status_code == 401


def test_nobody_changes_the_own_roles(program, administrator):
    account, roles = _account(program, "beheer")
    for data in (
        {"roles": ["auditor"], "active": "y"},
        {"roles": ["administrator", "auditor"], "active": "y"},
        {"roles": ["administrator"]},
    ):
        answer = administrator.post(f"/beheer/accounts/{account.id}", {"name": account.name, **data})
        assert answer.status_code == 422
        assert 'id="errors"' in answer.text
    assert _account(program, "beheer")[1] == roles
    answer = administrator.post(
        f"/beheer/accounts/{account.id}", {"name": "Bas Bijgewerkt", "roles": ["administrator"], "active": "y"}
    )
    assert answer.status_code == 303


def test_a_reset_ends_password_and_sessions_and_asks_a_proof_of_the_administrator(program, administrator):
    """ASVS 7.5.1 for who resets, 6.4.3: the second factor stays."""
    person, (account, _roles) = Person(program, "riec"), _account(program, "riec")
    path = f"/beheer/accounts/{account.id}"
    asked = administrator.post(f"{path}/code", {"purpose": "password"}, page=path)
    assert asked.status_code == 422
    assert "step_up_password" in asked.text
    administrator.prove()
    answer = administrator.post(f"{path}/code", {"purpose": "password"}, page=path)
    assert answer.status_code == 200
    assert person.get("/overzicht").status_code == 302
    old = Person(program).post("/aanmelden", {"login": "riec", "password": PASSWORD, "next": ""})
    assert old.status_code == 401
    with reading(program) as session:
        assert factors_of(session, account.id)


def test_the_administrator_makes_no_code_for_the_own_account(program, administrator):
    account, _roles = _account(program, "beheer")
    administrator.prove()
    answer = administrator.post(f"/beheer/accounts/{account.id}/code", {"purpose": "factors"}, page="/beheer")
    assert answer.status_code == 409


def test_the_administrator_ends_sessions_and_sees_when_an_account_was_used(program, administrator):
    """ASVS 7.4.5."""
    account, _roles = _account(program, "avim")
    assert "23 november 2026" not in administrator.get(f"/beheer/accounts/{account.id}").text.lower()
    person = Person(program, "avim")
    assert "23 november 2026" in administrator.get(f"/beheer/accounts/{account.id}").text.lower()
    page = f"/beheer/accounts/{account.id}"
    assert administrator.post(f"{page}/sessies", page=page).status_code == 303
    assert person.get("/overzicht").status_code == 302


def test_a_new_organisation_has_a_key_a_seat_and_its_destinations(program, administrator):
    with reading(program) as session:
        table = session.scalars(select(TableMember.table_id)).first()
    answer = administrator.post(
        "/beheer/organisaties/nieuw",
        {"title": "Gemeente Duinzicht", "kind": "municipality", "destinations": ["gemeente"], "table": table},
    )
    assert answer.status_code == 303
    with reading(program) as session:
        agency = session.scalars(select(Agency).where(Agency.title == "Gemeente Duinzicht")).one()
        assert session.scalars(
            select(AgencyDestination.destination).where(AgencyDestination.agency_id == agency.id)
        ).all() == ["gemeente"]
        assert session.get(TableMember, (table, agency.id))
    sealed = program.keys.seal(agency.id, b"text", b"place")
    assert program.keys.open(agency.id, sealed, b"place") == b"text"


def test_an_organisation_that_exists_comes_back_filled(administrator):
    answer = administrator.post(
        "/beheer/organisaties/nieuw", {"title": "Fier", "kind": "ngo", "destinations": ["fier"], "table": ""}
    )
    assert answer.status_code == 422
    assert 'value="Fier"' in answer.text
    assert 'href="#title"' in answer.text


def test_an_account_that_is_not_there_is_not_found(administrator):
    assert administrator.get("/beheer/accounts/nobody").status_code == 404


def test_no_login_stands_in_the_address_of_the_next_page(program, administrator):
    # Given more accounts than fit on one page
    for number in range(30):
        assert administrator.post("/beheer/accounts/nieuw", _new(login=f"zz{number:02d}")).status_code == 200
    # Then the next page is named by an opaque id and goes on where the first one ended
    first = without_tokens(administrator.get("/beheer").text)
    (following,) = set(re.findall(r'href="(/beheer\?na=[^"]+)"', first))
    assert re.fullmatch(r"/beheer\?na=[0-9a-f]{32}", following)
    second = administrator.get(following).text
    assert "zz05" in second
    assert "zz05" not in first
    assert administrator.get("/beheer?na=havendam").status_code == 404
