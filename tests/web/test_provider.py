"""Coming in through an identity provider, in the browser of a person and against a real provider on this machine."""

import base64
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import select

from audit.entry import open_details, parse
from signaltable.domain import Conflict, Refused
from signaltable.flow.accounts import change_account
from signaltable.flow.coming_in import activating, break_glass, signing_in
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.factors import factors_of
from signaltable.flow.setup import INSTALLER
from signaltable.models import (
    Account,
    AccountRole,
    Incident,
    LogDetail,
    LogEntry,
    LoginSession,
    LoginStep,
    Mail,
    ProviderLogin,
)
from signaltable.provider_settings import IdentityProvider
from signaltable.trace_context import parse as parse_trace
from signaltable.transaction import Program, reading, transaction
from tests.conftest import PASSWORD
from tests.oidc_provider import CLIENT, KEYS, SECRET, Provider, serving
from tests.web.people import Person

HIGH, LOW = "urn:high", "urn:low"
AGENCY = "havendam"


@pytest.fixture
def provider(clock) -> Iterator[Provider]:
    with serving(clock) as running:
        running.claims = {"acr": HIGH, "preferred_username": "havendam"}
        yield running


def served_by(program: Program, provider: Provider, tmp_path, **keys) -> Program:
    """The program where the people of the municipality come in by this provider."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    with reading(program) as session:
        agency = session.scalars(select(Account.agency_id).where(Account.login == AGENCY)).one()
    one = IdentityProvider.model_validate(
        {
            "id": "gemeente",
            "title": {"nl": "Gemeente Havendam", "en": "Municipality of Havendam"},
            "agencies": [agency],
            "issuer": provider.issuer,
            "client_id": CLIENT,
            "client_secret_file": str(secret),
            "required_acr": [HIGH, LOW],
            "two_factors_acr": [HIGH],
            **keys,
        }
    )
    return replace(program, settings=replace(program.settings, identity_providers=(one,)))


@pytest.fixture
def there(sqlite_program, provider, tmp_path):
    return served_by(sqlite_program, provider, tmp_path)


def go(person: Person, provider: Provider, **changed):
    """To the provider and back, with what it answers; `changed` replaces parts of the answer."""
    led = person.get("/aanmelden/via/gemeente?next=/signalen")
    assert led.status_code == 302, led.text
    answer = provider.visit(led.location) | changed
    return person.client.get("/aanmelden/via/gemeente/terug", query_string=answer)


def is_in(person: Person) -> bool:
    return person.get("/overzicht").status_code == 200


def rows(program, model, **fields):
    with reading(program) as session:
        return list(session.scalars(select(model).filter_by(**fields)))


def account(program, login=AGENCY):
    (found,) = rows(program, Account, login=login)
    return found


def roles(program, login=AGENCY):
    return {one.role for one in rows(program, AccountRole, account_id=account(program, login).id)}


def entries(program):
    """The log as values: action, reason and details of each entry."""
    with reading(program) as session:
        query = select(LogEntry.entry, LogDetail.details, LogDetail.salt).join(LogDetail, LogDetail.seq == LogEntry.seq)
        found = session.execute(query.order_by(LogEntry.seq)).all()
    return [
        {"action": row.action, "reason": row.reason, "details": open_details(row, details, salt)}
        for row, details, salt in ((parse(bytes(entry)), bytes(details), bytes(salt)) for entry, details, salt in found)
    ]


def actions(program):
    return [one["action"] for one in entries(program)]


def refused(program):
    """The last login that failed: reason and cause."""
    last = [one for one in entries(program) if one["action"] == "login:fail"][-1]
    return last["reason"], last["details"]["cause"]


def test_whom_an_administrator_made_an_account_is_matched_once_and_known_from_then_on(there, provider, clock):
    """ASVS 6.8.1, 7.2.4, 10.1.2, 10.2.1: PKCE S256, state and nonce; issuer and subject bind, the name no more."""
    person = Person(there)
    person.get("/aanmelden")
    before = person.client.get_cookie("signaltable").value
    back = go(person, provider)
    assert back.status_code == 302
    assert back.location == "/signalen"
    assert is_in(person)
    assert person.client.get_cookie("signaltable").value != before
    asked = provider.asked
    assert asked["code_challenge_method"] == "S256"
    assert asked["acr_values"] == f"{HIGH} {LOW}"
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/aanmelden/via/gemeente/terug"
    assert len(asked["state"]) == len(asked["nonce"]) == 64
    assert asked["state"] != asked["nonce"]
    (session,) = rows(there, LoginSession)
    assert session.strength == "provider"
    assert "provider:bind" in actions(there)
    # Another name at the provider is the same person; the name of before, for somebody else, is nobody's.
    clock.forward(minutes=5)
    provider.claims["preferred_username"] = "anders"
    assert go(Person(there), provider).location == "/signalen"
    provider.claims |= {"preferred_username": "havendam", "sub": "een-ander"}
    answer = go(Person(there), provider)
    assert answer.status_code == 401
    assert refused(there) == ("provider_unknown", "bound_to_other")
    (bound,) = rows(there, ProviderLogin)
    assert bound.bound_at < bound.used_at == clock.now


def test_nothing_of_a_person_stands_in_the_database_or_in_an_address(there, provider):
    """ASVS 14.2.1, 16.2.5."""
    provider.claims |= {"sub": "subject-die-nergens-staat", "preferred_username": "havendam", "name": "Naam Nergens"}
    person = Person(there)
    go(person, provider)
    assert is_in(person)
    held = repr([vars(one) for model in (ProviderLogin, LoginStep) for one in rows(there, model)])
    told = (
        repr(entries(there)) + there.settings.home.joinpath("signaltable.log").read_text()
        if (there.settings.home / "signaltable.log").exists()
        else repr(entries(there))
    )
    for secret in ("subject-die-nergens-staat", "Naam Nergens", provider.asked["nonce"], provider.asked["state"]):
        assert secret not in held
        assert secret not in told


def test_who_is_unknown_is_refused_without_an_account_and_learns_nothing_else(there, provider):
    provider.claims["preferred_username"] = "onbekend"
    answer = go(Person(there), provider)
    assert answer.status_code == 401
    assert "no account here" in answer.text or "geen account" in answer.text
    assert refused(there) == ("provider_unknown", "not_invited")
    provider.claims["preferred_username"] = "auditor"  # Of another organisation: the provider cannot vouch for them.
    other = go(Person(there), provider)
    assert refused(there) == ("provider_unknown", "other_agency")
    assert visible(other.text) == visible(answer.text)
    assert rows(there, ProviderLogin) == []


def visible(text: str) -> str:
    """A page without what differs each time, and without the code for the administrator."""
    return re.sub(r'value="[^"]+"|<p class="st-muted">.*?</p>', "", text)


NOT_OURS = (
    ({"nonce": "iets-anders"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"aud": "een-ander-programma"}, "aud"),
    ({"aud": [CLIENT, "een-ander"]}, "azp"),
    ({"azp": "een-ander"}, "azp"),
    ({"iss": "https://elders.test"}, "iss"),
    ({"exp": 1}, "expired"),
    ({"exp": None}, "exp"),
    ({"iat": 4_000_000_000}, "iat"),
    ({"iat": 1_000_000_000}, "iat"),
    ({"sub": None}, "sub"),
    ({"sub": ""}, "sub"),
    ({"acr": None}, "acr"),
    ({"acr": "urn:iets-anders"}, "acr"),
)


def test_a_token_that_is_not_ours_or_not_now_counts_for_nothing(there, provider):
    """ASVS 10.5.1, 10.5.2, 10.5.3, 10.5.4, 6.8.4, 9.2.1, 9.2.3."""
    right, person = dict(provider.claims), Person(there)
    for claims, cause in NOT_OURS:
        provider.claims = right | claims
        answer = go(person, provider)
        assert answer.status_code == 401, claims
        assert not is_in(person), claims
        assert refused(there) == ("provider_level" if cause == "acr" else "provider_answer", cause), claims
    assert rows(there, ProviderLogin) == []


def compact(head, claims, sign=lambda _text: b""):
    """A token as somebody makes it who keeps to no rule."""

    def encoded(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    text = b".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    return b".".join([text, encoded(sign(text))]).decode()


def unsigned(claims):
    return compact({"alg": "none", "kid": "one"}, claims)


def with_public_key_as_secret(claims):
    secret = KEYS[0].as_pem(private=False)
    return compact({"alg": "HS256", "kid": "one"}, claims, lambda text: hmac.digest(secret, text, "sha256"))


def by_another(claims):
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEYS[1], algorithms=["RS256"])


def bent(claims):
    head, _body, signature = by_provider(claims).split(".")
    return ".".join([head, by_provider(claims | {"sub": "x"}).split(".")[1], signature])


def by_provider(claims):
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEYS[0], algorithms=["RS256"])


def test_only_the_key_of_the_provider_signs(there, provider):
    """ASVS 9.1.1, 9.1.2, 9.1.3."""
    person = Person(there)
    for forge in (unsigned, with_public_key_as_secret, by_another, bent, lambda _claims: "x.y.z"):
        provider.forge = forge
        assert go(person, provider).status_code == 401
        assert not is_in(person)
        assert refused(there) == ("provider_answer", "signature")


def test_a_key_that_the_provider_turned_is_fetched_once_more_and_an_invented_one_not_each_time(there, provider, clock):
    go(Person(there), provider)
    provider.key, provider.told = KEYS[1], [KEYS[1]]
    person = Person(there)
    go(person, provider)
    assert is_in(person)
    assert provider.requests.count("/jwks") == 2
    provider.told = [KEYS[1]]
    provider.forge = lambda claims: provider.signed(claims, KEYS[0])
    for _ in range(3):
        assert go(Person(there), provider).status_code == 401
    assert refused(there) == ("provider_answer", "key")
    assert provider.requests.count("/jwks") == 2
    # A key that was withdrawn counts no more once the others are an hour old.
    clock.forward(hours=2)
    assert go(Person(there), provider).status_code == 401


def test_an_answer_counts_once_and_only_in_the_browser_that_asked(there, provider):
    """ASVS 10.2.1, 10.4.6 (replay, login of somebody else, a callback out of the blue)."""
    first, other = Person(there), Person(there)
    led = first.get("/aanmelden/via/gemeente")
    answer = provider.visit(led.location)
    terug = "/aanmelden/via/gemeente/terug"
    assert other.client.get(terug, query_string=answer).status_code == 401
    assert not is_in(other)
    with first.client.session_transaction() as kept:
        token = kept["at_provider"]
    assert first.client.get(terug, query_string=answer).status_code == 302
    assert is_in(first)
    # The same address again, and with the cookie of before: the step is gone.
    assert first.client.get(terug, query_string=answer).status_code == 401
    with other.client.session_transaction() as kept:
        kept["at_provider"] = token
    assert other.client.get(terug, query_string=answer).status_code == 401
    assert not is_in(other)
    # Who leads somebody to an answer of their own gets them nowhere, and does not end what is under way.
    led = other.get("/aanmelden/via/gemeente")
    wrong = provider.visit(led.location) | {"state": "0" * 64}
    assert other.client.get(terug, query_string=wrong).status_code == 401
    assert not is_in(other)
    assert refused(there) == ("provider_answer", "state")


def test_too_late_is_too_late(there, provider, clock):
    person = Person(there)
    answer = provider.visit(person.get("/aanmelden/via/gemeente").location)
    clock.forward(minutes=11)
    assert person.client.get("/aanmelden/via/gemeente/terug", query_string=answer).status_code == 401
    assert not is_in(person)


def test_an_answer_of_another_provider_is_not_taken_for_this_one(there, provider):
    """RFC 9207 and RFC 9700 4.4; ASVS 10.2.2."""
    provider.metadata["authorization_response_iss_parameter_supported"] = True
    for changed in ({}, {"iss": "https://elders.test"}):
        person = Person(there)
        assert go(person, provider, **changed).status_code == 401
        assert not is_in(person)
        assert refused(there) == ("provider_answer", "iss")
    assert provider.tokens == []  # The code went nowhere.
    person = Person(there)
    assert go(person, provider, iss=provider.issuer).status_code == 302
    assert is_in(person)


def test_an_error_of_the_provider_is_told_by_a_known_code_only(there, provider):
    answer = go(Person(there), provider, error="access_denied", error_description="j.jansen@havendam.test")
    assert answer.status_code == 401
    assert "jansen" not in answer.text
    assert refused(there) == ("provider_declined", "access_denied")
    go(Person(there), provider, error="<script>jansen</script>")
    assert refused(there) == ("provider_declined", "other")
    go(Person(there), provider, code="een-andere-code")  # What the token endpoint says of it names a person.
    assert refused(there) == ("provider_declined", "invalid_grant")
    assert "jansen" not in repr(entries(there))


UNUSABLE = (
    ({"issuer": "https://elders.test"}, None, "other_issuer"),
    ({"token_endpoint": "http://elders.test/token"}, None, "token_endpoint"),
    ({"jwks_uri": "file:///etc/passwd"}, None, "jwks_uri"),
    ({"code_challenge_methods_supported": ["plain"]}, None, "no_pkce"),
    ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, None, "algorithms"),
    ({}, (302, "https://elders.test/", b""), "redirect"),
    ({}, (200, "application/json", b"[" * 600_000), "too_large"),
    ({}, (200, "application/json", b"[" * 100_000), "recursion_error"),
    ({}, (200, "text/html", b"{}"), "not_json"),
    ({}, (500, "application/json", b"{}"), "status_500"),
)


def test_a_provider_that_cannot_be_used_is_away_and_everything_else_goes_on(there, provider, clock):
    """ASVS 13.2.5, 15.3.2: no redirects, no other hosts in other schemes, nothing large."""
    person = Person(there)
    for metadata, answer, cause in UNUSABLE:
        clock.forward(minutes=1)
        provider.metadata, provider.answer = metadata, answer
        assert person.get("/aanmelden/via/gemeente").status_code == 503
        assert refused(there) == ("provider_away", cause)
        asked = len(provider.requests)
        assert person.get("/aanmelden/via/gemeente").status_code == 503
        assert len(provider.requests) == asked  # For half a minute nobody waits for it again.
    assert person.get("/aanmelden").status_code == 200
    provider.metadata, provider.answer = {}, None
    clock.forward(minutes=1)
    assert go(person, provider).status_code == 302


def test_where_the_level_is_no_two_factors_the_second_step_is_asked_here(there, provider):
    """ASVS 6.8.4, 6.3.3."""
    provider.claims["acr"] = LOW
    person = Person(there)
    answer = go(person, provider)
    assert answer.location in {"/aanmelden/tweede-stap", "/account/beveiliging"}
    assert not is_in(person)
    assert [one.strength for one in rows(there, LoginSession)] in ([], ["password"])


def test_people_of_an_organisation_that_must_use_its_provider_have_no_other_way(sqlite_program, provider, tmp_path):
    """ASVS 6.8.1, 6.3.8: the same answer as for a wrong password; the emergency account comes in all the same."""
    there = served_by(sqlite_program, provider, tmp_path, required=True)
    with pytest.raises(Refused) as right:
        signing_in.log_in(there, AGENCY, PASSWORD, visitor=ANONYMOUS)
    with transaction(there, INSTALLER) as tx:
        code = activating.invite(tx, account(there, "fg.havendam").id).code
    with pytest.raises(
        Refused, match="wrong_activation"
    ):  # A code would lead to a password, and that to a second way in.
        activating.open_code(there, "fg.havendam", code, visitor=ANONYMOUS)
    with pytest.raises(Refused) as wrong:
        signing_in.log_in(there, AGENCY, "niet het wachtwoord", visitor=ANONYMOUS)
    assert right.value.reason == wrong.value.reason == "wrong_credentials"
    assert right.value.details == wrong.value.details
    with transaction(there, INSTALLER) as tx:
        tx.session.get_one(Account, account(there).id).break_glass = True
        tx.record("account:change", object_id=account(there).id, details={"account": "x", "changed": ["break_glass"]})
    assert signing_in.log_in(there, AGENCY, PASSWORD, visitor=ANONYMOUS).token
    person = Person(there)
    assert go(person, provider).status_code == 401
    assert refused(there) == ("provider_unknown", "break_glass")


GIVES = {"claims": {"roles": "groups"}, "roles": {"g-focal": ["focal-officer"], "g-chair": ["table-chair"]}}


def test_claims_give_and_take_the_roles_that_they_speak_of_and_no_others(sqlite_program, provider, tmp_path):
    """ASVS 8.3.2, 7.4.2: who loses a role loses the sessions that run with it."""
    there = served_by(sqlite_program, provider, tmp_path, **GIVES)
    line = account(there)
    with transaction(there, INSTALLER) as tx:
        change_account(tx, line.id, name="x", roles=["focal-officer", "partner-member"], active=True)
    provider.claims["groups"] = ["g-focal", "iets-anders"]
    first = Person(there)
    assert go(first, provider).status_code == 302
    assert roles(there) == {"focal-officer", "partner-member"}
    provider.claims["groups"] = ["g-chair"]
    assert go(Person(there), provider).status_code == 302
    assert roles(there) == {"table-chair", "partner-member"}
    assert not is_in(first)
    told = [one for one in entries(there) if one["action"] == "account:change"][-1]["details"]
    assert told["roles_added"] == ["table-chair"]
    assert told["roles_removed"] == ["focal-officer"]
    # Too many to fit in the token is not the same as none.
    provider.claims |= {"groups": None, "_claim_names": {"groups": "src1"}}
    assert go(Person(there), provider).status_code == 401
    assert roles(there) == {"table-chair", "partner-member"}
    assert refused(there) == ("provider_roles", "roles_elsewhere")


def test_who_has_no_role_left_does_not_come_in_and_keeps_none(sqlite_program, provider, tmp_path):
    there = served_by(sqlite_program, provider, tmp_path, **GIVES)
    inside = Person(there, AGENCY)
    assert is_in(inside)
    provider.claims["groups"] = []
    person = Person(there)
    assert go(person, provider).status_code == 401
    assert not is_in(person)
    assert not is_in(inside)
    assert refused(there) == ("provider_roles", "no_roles")
    assert roles(there) == set()
    provider.claims["groups"] = ["g-focal"]
    assert go(person, provider).status_code == 302
    assert roles(there) == {"focal-officer"}


def test_who_is_unknown_gets_an_account_only_where_the_operator_says_so(sqlite_program, provider, tmp_path):
    there = served_by(sqlite_program, provider, tmp_path, create=True, **GIVES)
    provider.claims |= {"preferred_username": "Nieuw@Havendam.test", "name": "N. Ieuw", "groups": ["niets"]}
    assert go(Person(there), provider).status_code == 401
    assert refused(there) == ("provider_roles", "no_roles")
    assert rows(there, Account, login="nieuw@havendam.test") == []
    provider.claims["groups"] = ["g-focal"]
    person = Person(there)
    assert go(person, provider).status_code == 302
    assert is_in(person)
    assert roles(there, "nieuw@havendam.test") == {"focal-officer"}
    assert account(there, "nieuw@havendam.test").agency_id == account(there).agency_id
    with pytest.raises(Refused):  # There is no password, and an empty one is none.
        signing_in.log_in(there, "nieuw@havendam.test", "", visitor=ANONYMOUS)


def test_who_oversees_does_not_come_in_by_the_word_of_an_organisation(sqlite_program, provider, tmp_path):
    there = served_by(sqlite_program, provider, tmp_path)
    with transaction(there, INSTALLER) as tx:
        change_account(tx, account(there).id, name="x", roles=["administrator"], active=True)
    assert go(Person(there), provider).status_code == 401
    assert refused(there) == ("provider_unknown", "overseeing")


def test_a_mail_address_that_the_provider_did_not_check_matches_nobody(sqlite_program, provider, tmp_path):
    there = served_by(sqlite_program, provider, tmp_path, claims={"login": "email"})
    provider.claims |= {"email": "havendam", "email_verified": False}
    assert go(Person(there), provider).status_code == 401
    assert refused(there) == ("provider_unknown", "email_unverified")


def test_one_who_was_closed_off_stays_out_and_a_binding_that_ended_begins_anew(there, provider):
    """ASVS 7.4.2."""
    inside = Person(there)
    go(inside, provider)
    line, admin = account(there), Person(there, "beheer")
    place = f"/beheer/accounts/{line.id}"
    assert admin.post(f"{place}/verbinding", {"step_up_password": PASSWORD}, page=place).status_code == 303
    assert not is_in(inside)
    assert admin.post(f"{place}/tweede-stap-weg", page=place).status_code == 404  # Nobody vouches for them now.
    provider.claims["sub"] = "een-nieuw-account-bij-de-gemeente"
    assert go(Person(there), provider).status_code == 302
    assert len([one for one in rows(there, ProviderLogin) if one.ended_at is None]) == 1
    assert admin.post(f"{place}/tweede-stap-weg", page=place).status_code == 303
    with reading(there) as session:
        assert not factors_of(session, line.id)
    with transaction(there, INSTALLER) as tx:
        change_account(tx, line.id, name="x", roles=["focal-officer"], active=False)
    assert go(Person(there), provider).status_code == 401
    assert refused(there) == ("provider_unknown", "closed")


def test_a_client_can_prove_itself_with_a_key_and_sign_what_it_asks(sqlite_program, provider, tmp_path):
    """The NL GOV profile: private_key_jwt (RFC 7523) and a signed request (RFC 9101); ASVS 10.4.10, 10.4.11."""
    file = tmp_path / "key.pem"
    file.write_bytes(KEYS[1].as_pem(private=True))
    file.chmod(0o600)
    own = {"client_secret_file": "", "private_key_file": str(file), "private_key_id": "ours", "signed_request": True}
    there = served_by(sqlite_program, provider, tmp_path, max_age=3600, **own)
    person = Person(there)
    led = urlsplit(person.get("/aanmelden/via/gemeente").location)
    outside = dict(parse_qsl(led.query))
    ours = RSAKey.import_key(KEYS[1].as_pem(private=False))
    request = jwt.decode(outside.pop("request"), ours, algorithms=["PS256"])
    assert outside == {"response_type": "code", "client_id": CLIENT, "scope": "openid profile"}
    assert request.header["kid"] == "ours"
    assert request.claims["aud"] == provider.issuer
    assert request.claims["max_age"] == 3600
    assert request.claims["exp"] - request.claims["iat"] <= 60
    provider.asked = request.claims
    answer = {"code": "een-code", "state": request.claims["state"]}
    assert person.client.get("/aanmelden/via/gemeente/terug", query_string=answer).status_code == 302
    assert is_in(person)
    (sent,) = provider.tokens
    proof = jwt.decode(sent["client_assertion"], ours, algorithms=["PS256"])
    assert proof.claims["iss"] == proof.claims["sub"] == CLIENT
    assert proof.claims["aud"] == f"{provider.issuer}/token"
    assert proof.claims["exp"] - proof.claims["iat"] <= 60
    assert sent["authorization"] == ""
    # The provider can go on from the trace of the request that led there (W3C Trace Context).
    assert parse_trace(sent["traceparent"])


# -- proving once more ---------------------------------------------------------------------------------------------


def test_a_form_comes_back_filled_after_a_proof_at_the_provider(there, provider, clock):
    """ASVS 7.5.3, 6.8.4: prompt=login and max_age=0; only the same person, and only just now."""
    person = Person(there)
    go(person, provider)
    clock.forward(minutes=30)
    token = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/overzicht").text)[1]
    form = {
        "csrf_token": token,
        "step_up_action": "/signalen/S-7F3K-Q2/delen",
        "reason": "Een woord dat nergens leesbaar staat",
        "many": ["a", "b"],
        "step_up_code": "123456",
    }
    away = person.client.post("/account/bevestigen/via", data=form)
    url = away.headers["Refresh"].removeprefix("0; url=")
    assert away.status_code == 200
    assert url.replace("&", "&amp;") in away.text
    assert "leesbaar" not in repr([one.state for one in rows(there, LoginStep)])
    answer = provider.visit(url)
    assert provider.asked["prompt"] == "login"
    assert provider.asked["max_age"] == "0"
    back = person.client.get("/aanmelden/via/gemeente/terug", query_string=answer)
    assert back.status_code == 200
    assert 'action="/signalen/S-7F3K-Q2/delen"' in back.text
    assert "Een woord dat nergens leesbaar staat" in back.text
    assert back.text.count('name="many"') == 2
    assert "123456" not in back.text
    assert [one.proved_at for one in rows(there, LoginSession) if one.proved_at] == [clock.now]
    # It came back once.
    assert all(one.state == {} for one in rows(there, LoginStep) if one.ended_at)


def test_a_proof_of_long_ago_or_of_somebody_else_proves_nothing(there, provider, clock):
    person = Person(there)
    go(person, provider)

    def prove(**claims):
        clock.forward(minutes=10)
        provider.claims |= {"auth_time": int(clock.now.timestamp()), **claims}
        token = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/overzicht").text)[1]
        form = {"csrf_token": token, "step_up_action": "/account/bevestigen", "next": "/account"}
        away = person.client.post("/account/bevestigen/via", data=form)
        answer = provider.visit(away.headers["Refresh"].removeprefix("0; url="))
        return person.client.get("/aanmelden/via/gemeente/terug", query_string=answer)

    assert prove().location == "/account"
    long_ago = int(clock.now.timestamp())
    for claims, told in (
        ({"auth_time": long_ago}, ("provider_answer", "auth_time")),
        ({"auth_time": None}, ("provider_answer", "auth_time")),
        ({"sub": "een-ander"}, ("provider_other", "subject")),
        ({"sub": "1f0c", "acr": LOW}, ("provider_level", "acr")),
    ):
        before = [one.proved_at for one in rows(there, LoginSession)]
        assert prove(**claims).status_code == 401
        assert refused(there) == told
        assert [one.proved_at for one in rows(there, LoginSession)] == before
        assert is_in(person)


# -- going out, administration, emergencies ------------------------------------------------------------------------


def test_the_own_session_ends_first_and_then_the_way_out_leads_to_the_provider(there, provider):
    """ASVS 7.4.1, 10.6.2 (RP-initiated logout)."""
    person = Person(there)
    go(person, provider)
    out = person.post("/afmelden", page="/account")
    assert not is_in(person)
    page = person.get(out.location).text
    assert "/aanmelden/via/gemeente/afmelden" in page
    led = person.get("/aanmelden/via/gemeente/afmelden")
    assert led.location.startswith(f"{provider.issuer}/logout?client_id={CLIENT}&post_logout_redirect_uri=")
    assert urlsplit(led.location).query.count("http") == 1


def test_who_is_signed_out_at_the_provider_is_signed_out_here(there, provider, clock):
    """ASVS 10.6.2, 7.4.1 (back-channel logout): signed, for us, now, and no ID token."""
    person = Person(there)
    go(person, provider)
    terug = "/aanmelden/via/gemeente/afgemeld"
    event = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "jti": "x"}
    right = {
        name: value for name, value in provider.right_claims().items() if name in {"iss", "aud", "sub", "iat", "exp"}
    }
    for token in (
        provider.token(),
        provider.signed(right),
        provider.signed(right | event | {"nonce": "x"}),
        provider.signed(right | event | {"aud": "een-ander"}),
        provider.signed(right | event | {"iat": right["iat"] - 300}),
        by_another(right | event),
        unsigned(right | event),
        "",
    ):
        assert person.client.post(terug, data={"logout_token": token}).status_code == 400
        assert is_in(person)
    # Of somebody whom nobody knows here: the same answer as for somebody who is.
    unknown = provider.signed(right | event | {"sub": "niemand"})
    assert Person(there).client.post(terug, data={"logout_token": unknown}).status_code == 200
    assert is_in(person)
    assert Person(there).client.post(terug, data={"logout_token": provider.signed(right | event)}).status_code == 200
    assert not is_in(person)


def test_the_page_of_the_administrator_says_who_comes_in_how_and_tests_the_connection(there, provider):
    admin = Person(there, "beheer")
    page = admin.get("/beheer/aanmelden").text
    assert provider.issuer in page
    assert "/aanmelden/via/gemeente/terug" in page
    assert provider.requests == []
    assert SECRET not in page
    assert admin.post("/beheer/aanmelden/gemeente/proef", page="/beheer/aanmelden").status_code == 303
    assert "/jwks" in provider.requests
    assert Person(there, AGENCY).get("/beheer/aanmelden").status_code == 403


def test_an_emergency_account_is_administrator_alone_and_chosen_by_another_who_proves_who_they_are(program, actor):
    """On both databases: the second steps of others are fenced in PostgreSQL."""
    chooser = actor(program, "beheer")
    for reason, login in (("own_account", "beheer"), ("not_administrator_only", "coordinator")):
        with pytest.raises(Conflict) as found, transaction(program, chooser) as tx:
            break_glass.choose(tx, account(program, login).id, on=True)
        assert found.value.reason == reason
    with transaction(program, INSTALLER) as tx:
        for login in ("havendam", "delinde", "avim"):
            change_account(tx, account(program, login).id, name=login, roles=["administrator"], active=True)
    for login in ("havendam", "delinde"):
        with transaction(program, chooser) as tx:
            break_glass.choose(tx, account(program, login).id, on=True)
    with pytest.raises(Conflict) as found, transaction(program, chooser) as tx:
        break_glass.choose(tx, account(program, "avim").id, on=True)
    assert found.value.reason == "too_many_break_glass"
    with pytest.raises(Conflict, match="nothing else"), transaction(program, chooser) as tx:
        change_account(tx, account(program, "delinde").id, name="x", roles=["auditor"], active=True)
    # On the page it asks a proof first.
    admin, line = Person(program, "beheer"), account(program, "havendam")
    place = f"/beheer/accounts/{line.id}"
    answer = admin.post(f"{place}/noodtoegang", {"on": "no"}, page=place)
    assert answer.status_code == 422
    assert account(program, "havendam").break_glass
    answer = admin.post(f"{place}/noodtoegang", {"on": "no", "step_up_password": PASSWORD}, page=place)
    assert answer.status_code == 303
    assert not account(program, "havendam").break_glass


def test_signing_in_with_an_emergency_account_is_told_to_all_who_administer(there):
    program = there
    line = account(program, "beheer")
    with transaction(program, INSTALLER) as tx:
        tx.session.get_one(Account, line.id).break_glass = True
        tx.record("account:change", object_id=line.id, details={"account": line.id, "changed": ["break_glass"]})
    person = Person(program, "beheer")
    assert "noodaccount" in person.get("/beheer").text or "emergency account" in person.get("/beheer").text
    (incident,) = rows(program, Incident)
    assert incident.kind == "break-glass"
    assert line.id in incident.place
    assert {one.account_id for one in rows(program, Mail, template="break-glass")} >= {line.id}
    told = [one for one in entries(program) if one["action"] == "login:succeed"][-1]
    assert told["details"]["break_glass"] is True
