"""The file that names the identity providers: what cannot be right stops the start, by file and key, and tells no secret."""

import tomllib
from dataclasses import replace

import pytest

from signaltable.domain import UnusableSettings
from signaltable.provider_settings import check_roles, check_secrets, is_fit, must_come_through, read_providers
from signaltable.settings import Settings
from signaltable.web import create_app

GOOD = """
[[provider]]
id = "havendam"
title = { nl = "Havendam", en = "Havendam" }
agencies = ["a"]
issuer = "https://login.havendam.test/x"
client_id = "signaltable"
client_secret_file = "/etc/secret"
"""


def read(tmp_path, text, *, demo=False, address="https://tafel.test/"):
    file = tmp_path / "providers.toml"
    file.write_text(text)
    return read_providers(file, demo=demo, address=address)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('private_key_file = "/k"', "client_secret_file or private_key_file"),
        ("signed_request = true", "private_key_file"),
        ('scopes = ["profile"]', "scopes"),
        ('two_factors_acr = ["x"]', "two_factors_acr"),
        ('roles = { x = ["focal-officer"] }', "claims.roles"),
        ('claims = { roles = "groups" }', "roles"),
        ("create = true", "roles"),
        ('claims = { agency = "org" }', "agency_of"),
        ('claims = { agency = "org" }\nagency_of = { x = "b" }', "agency_of"),
        ('algorithms = ["HS256"]', "provider.0.algorithms.0"),
        ('algorithms = ["none"]', "provider.0.algorithms.0"),
        ("max_age = 5", "provider.0.max_age"),
        ("secret = 'x'", "provider.0.secret: expected no such key"),
        ('proxy = "ftp://x"', "proxy of havendam"),
        ('ca_file = "ca.pem"', "ca_file of havendam"),
        (GOOD, "provider.havendam: expected this id once"),
        (GOOD.replace('"havendam"', '"ander"'), "agencies: expected a with one provider"),
    ],
)
def test_a_mistake_is_told_by_file_and_key(tmp_path, more, told):
    with pytest.raises(UnusableSettings) as found:
        read(tmp_path, f"{GOOD}\n{more}")
    assert told in str(found.value)
    assert all("providers.toml: " in line for line in str(found.value).splitlines())


@pytest.mark.parametrize("text", ["", "x = [", "[[provider]]", "\xff", "[provider]\nid = 1"])
def test_what_is_no_such_file_is_refused(tmp_path, text):
    with pytest.raises(UnusableSettings, match=r"providers\.toml"):
        read(tmp_path, text)
    with pytest.raises(UnusableSettings, match=r"none\.toml"):
        read_providers(tmp_path / "none.toml", demo=False, address="https://tafel.test/")


def test_only_https_leads_to_a_provider_and_back_but_for_a_demo_on_this_machine(tmp_path):
    """ASVS 12.2.1."""
    for issuer in ("http://login.test", "https://u:p@login.test", "https://x.test/{tenantid}/v2.0", "ftp://x", "login"):
        with pytest.raises(UnusableSettings, match="issuer of havendam"):
            read(tmp_path, GOOD.replace("https://login.havendam.test/x", issuer))
    here = GOOD.replace("https://login.havendam.test/x", "http://127.0.0.1:9400")
    assert read(tmp_path, here, demo=True)
    with pytest.raises(UnusableSettings, match="issuer"):
        read(tmp_path, here)
    with pytest.raises(UnusableSettings, match="SIGNALTABLE_ADDRESS"):
        read(tmp_path, GOOD, address="http://tafel.test/")
    assert not is_fit("https://login.test:0/", demo=False)
    assert not is_fit("https://[::1/", demo=True)
    assert not is_fit("http://127.0.0.1.elders.test/", demo=True)


def test_the_program_does_not_start_with_a_secret_that_others_can_read(tmp_path, sqlite_settings):
    """ASVS 13.3.1."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret-value\n")
    secret.chmod(0o644)
    providers = read(tmp_path, GOOD.replace("/etc/secret", str(secret)))
    with pytest.raises(UnusableSettings, match="client_secret_file of havendam: others can read it") as found:
        create_app(replace(sqlite_settings, identity_providers=providers))
    assert "s3cret" not in str(found.value)
    secret.chmod(0o600)
    create_app(replace(sqlite_settings, identity_providers=providers))
    assert providers[0].secret() == "s3cret-value"
    key = read(tmp_path, GOOD.replace("client_secret_file", "private_key_file").replace("/etc/secret", str(secret)))
    with pytest.raises(UnusableSettings, match="private key in PEM"):
        check_secrets(key)


def test_roles_of_claims_are_known_and_oversee_only_when_that_was_said(tmp_path):
    def with_roles(roles, more=""):
        return read(tmp_path, f'{GOOD}\nclaims = {{ roles = "groups" }}\nroles = {{ x = {roles} }}\n{more}')

    known, above = ["focal-officer", "administrator"], ["administrator"]
    check_roles(with_roles('["focal-officer"]'), known, above)
    check_roles(with_roles('["administrator"]', "overseeing = true"), known, above)
    for roles, more, told in (
        ('["gone"]', "", "found gone"),
        ('["administrator"]', "", "overseeing = true"),
        ('["administrator", "focal-officer"]', "overseeing = true", "either oversee"),
    ):
        with pytest.raises(UnusableSettings, match=told):
            check_roles(with_roles(roles, more), known, above)


def test_who_must_come_through_a_provider_follows_from_the_agency(tmp_path):
    providers = read(tmp_path, f"{GOOD}\nrequired = true")
    assert must_come_through(providers, "a")
    assert not must_come_through(providers, "b")
    assert not must_come_through(read(tmp_path, GOOD), "a")


def test_the_example_in_the_documentation_can_be_used(tmp_path):
    text = (Settings.from_env({}).policies.parent / "docs" / "identity-provider.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert tomllib.loads(example)
    assert read(tmp_path, example)[0].id == "havendam"
